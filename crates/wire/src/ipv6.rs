//! IPv6 (RFC 8200): the header and its fragments. The chain of extension headers is walked in `extension`.

use core::net::{IpAddr, Ipv6Addr};

use crate::descriptor::{Class, Descriptor, Fragment, IpOptions, Transport, VlanTags};
use crate::extension::{self, Chain, FragmentHeader, header};
use crate::fault::Fault;
use crate::ipv4::check_fragment;
use crate::read::{array_at, narrow};
use crate::transport::{self, protocol};

/// Octets of the header.
pub(crate) const HEADER: usize = 40;
/// The longest payload, extension headers included.
const PAYLOAD_MAX: usize = 0xffff;

/// Reads the datagram at `l3`, and its transport unless it is a fragment.
#[inline(always)]
pub(crate) fn read(frame: &[u8], l3: usize, vlans: VlanTags) -> Result<Descriptor, Fault> {
    let octets: &[u8; HEADER] = array_at(frame, l3).ok_or(Fault::Truncated)?;
    if octets[0] >> 4 != 6 {
        return Err(Fault::Ipv6Version);
    }
    let payload = usize::from(u16::from_be_bytes([octets[4], octets[5]]));
    let start = l3 + HEADER;
    let end = start + payload;
    let data = frame.get(start..end).ok_or(Fault::Truncated)?;
    let first = octets[6];
    let (l4, protocol, options, fragment, transport) = match first {
        protocol::TCP | protocol::UDP | protocol::ICMPV6 if payload != 0 => {
            let transport = transport::read(first, true, data, payload)?;
            (start, first, IpOptions::default(), None, transport)
        }
        _ => {
            let Walked { chain, fragment, transport } = uncommon(first, data)?;
            (start + chain.end, chain.protocol, chain.options, fragment, transport)
        }
    };
    Ok(Descriptor {
        vlans,
        class: Class::Ipv6,
        l3: narrow(l3),
        l4: narrow(l4),
        end: narrow(end),
        source: address(octets, 8),
        destination: address(octets, 24),
        protocol,
        ttl: octets[7],
        fragment,
        options,
        transport,
    })
}

/// The address at `at` in an IPv6 header.
#[inline(always)]
fn address(octets: &[u8; HEADER], at: usize) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(array_at::<16>(octets, at).copied().unwrap_or_default()))
}

/// What stands behind a header that does not name a common transport.
struct Walked {
    chain: Chain,
    fragment: Option<Fragment>,
    transport: Transport,
}

/// Walks the extension headers.
#[inline(never)]
fn uncommon(first: u8, data: &[u8]) -> Result<Walked, Fault> {
    if data.is_empty() {
        match first {
            header::NO_NEXT_HEADER => {}
            header::HOP_BY_HOP => return Err(Fault::Ipv6Jumbogram),
            _ => return Err(Fault::Ipv6PayloadLength),
        }
    }
    let chain = extension::walk(first, true, data)?;
    let rest = data.get(chain.end..).unwrap_or_default();
    match chain.fragment {
        None => {
            let transport = transport::read(chain.protocol, true, rest, rest.len())?;
            Ok(Walked { chain, fragment: None, transport })
        }
        Some(head) => {
            let fragment = fragment(head, &chain, rest)?;
            Ok(Walked { chain, fragment: Some(fragment), transport: Transport::None })
        }
    }
}

/// Checks a fragment whose part of the datagram is `data`.
fn fragment(head: FragmentHeader, chain: &Chain, data: &[u8]) -> Result<Fragment, Fault> {
    let fragment = Fragment {
        id: head.id,
        offset: head.offset,
        length: narrow(data.len()),
        more: head.more,
        next_header: chain.protocol,
    };
    // The fragment header is gone from the reassembled datagram (RFC 8200 §4.5).
    check_fragment(&fragment, chain.end - 8, PAYLOAD_MAX)?;
    if fragment.offset == 0 {
        // The first fragment holds the whole chain of headers (RFC 7112 §5).
        let cut = |fault| match fault == Fault::ExtensionTruncated {
            true => Fault::FragmentTiny,
            false => fault,
        };
        let rest = extension::walk(chain.protocol, false, data).map_err(cut)?;
        if rest.protocol == protocol::TCP
            && data.len() - rest.end < transport::TCP_FIRST_FRAGMENT_MIN
        {
            return Err(Fault::FragmentTiny);
        }
    }
    Ok(fragment)
}
