//! The packet that an ICMP or ICMPv6 error quotes.
//!
//! A quote is cut short by whoever sends the error, so only its IP header and the first 8 octets of its transport are
//! asked for. Its checksums are not checked: routers send back what they have already altered.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::SeqNum;
use crate::descriptor::{Descriptor, IcmpKind, Quoted, Transport};
use crate::extension;
use crate::fault::Fault;
use crate::icmp;
use crate::ipv4;
use crate::ipv6;
use crate::read::{array_at, u16_at};
use crate::transport::protocol;

/// Octets of transport that every quote holds (RFC 792).
const TRANSPORT: usize = 8;

/// Reads the packet that the ICMP or ICMPv6 error in `frame` quotes. `descriptor` is what [`crate::parse()`] found
/// in that frame.
///
/// # Errors
///
/// [`Fault::QuotedHeader`], [`Fault::QuotedTruncated`], [`Fault::QuotedFragment`] or [`Fault::NestedError`].
/// A descriptor of anything but an ICMP error is [`Fault::QuotedHeader`].
pub fn parse_quoted(frame: &[u8], descriptor: &Descriptor) -> Result<Quoted, Fault> {
    let v6 = match descriptor.transport {
        Transport::Icmp(message) if message.class == IcmpKind::Error => false,
        Transport::Icmpv6(message) if message.class == IcmpKind::Error => true,
        Transport::Icmp(_)
        | Transport::Icmpv6(_)
        | Transport::None
        | Transport::Tcp(_)
        | Transport::Udp(_)
        | Transport::Sctp(_)
        | Transport::Other => return Err(Fault::QuotedHeader),
    };
    let start = usize::from(descriptor.l4) + icmp::HEADER;
    let quote = frame.get(start..usize::from(descriptor.end)).ok_or(Fault::QuotedTruncated)?;
    parse_quote(v6, quote)
}

/// Reads a quote that starts with its IP header: what stands behind the 8 octets of an ICMP header (`v6` false) or
/// an ICMPv6 header.
///
/// # Errors
///
/// As [`parse_quoted`].
pub fn parse_quote(v6: bool, quote: &[u8]) -> Result<Quoted, Fault> {
    let header = if v6 { read_v6(quote)? } else { read_v4(quote)? };
    read_transport(v6, &header)
}

/// A quoted IP header, and what stands behind it.
struct Header<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    length: u32,
    transport: &'a [u8],
}

fn read_v4(quote: &[u8]) -> Result<Header<'_>, Fault> {
    let octets: &[u8; ipv4::HEADER] = array_at(quote, 0).ok_or(Fault::QuotedTruncated)?;
    let length = usize::from(octets[0] & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
    if octets[0] >> 4 != 4 || length < ipv4::HEADER || total < length {
        return Err(Fault::QuotedHeader);
    }
    // The bit for more fragments, and the offset.
    if u16::from_be_bytes([octets[6], octets[7]]) & 0x3fff != 0 {
        return Err(Fault::QuotedFragment);
    }
    Ok(Header {
        source: IpAddr::V4(Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15])),
        destination: IpAddr::V4(Ipv4Addr::new(octets[16], octets[17], octets[18], octets[19])),
        protocol: octets[9],
        length: u32::from(u16::from_be_bytes([octets[2], octets[3]])),
        transport: quote.get(length..total.min(quote.len())).ok_or(Fault::QuotedTruncated)?,
    })
}

fn read_v6(quote: &[u8]) -> Result<Header<'_>, Fault> {
    let octets: &[u8; ipv6::HEADER] = array_at(quote, 0).ok_or(Fault::QuotedTruncated)?;
    if octets[0] >> 4 != 6 {
        return Err(Fault::QuotedHeader);
    }
    let total = ipv6::HEADER + usize::from(u16::from_be_bytes([octets[4], octets[5]]));
    let rest = quote.get(ipv6::HEADER..total.min(quote.len())).ok_or(Fault::QuotedTruncated)?;
    let unsound = |fault| match fault == Fault::ExtensionTruncated {
        true => Fault::QuotedTruncated,
        false => Fault::QuotedHeader,
    };
    let chain = extension::walk(octets[6], true, rest).map_err(unsound)?;
    if chain.fragment.is_some() {
        return Err(Fault::QuotedFragment);
    }
    let [source, destination] =
        [8, 24].map(|at| array_at::<16>(octets, at).copied().unwrap_or_default());
    Ok(Header {
        source: IpAddr::V6(Ipv6Addr::from(source)),
        destination: IpAddr::V6(Ipv6Addr::from(destination)),
        protocol: chain.protocol,
        length: 40 + u32::from(u16::from_be_bytes([octets[4], octets[5]])),
        transport: rest.get(chain.end..).ok_or(Fault::QuotedTruncated)?,
    })
}

fn read_transport(v6: bool, header: &Header<'_>) -> Result<Quoted, Fault> {
    let mut quoted = Quoted {
        source: header.source,
        destination: header.destination,
        protocol: header.protocol,
        source_port: 0,
        destination_port: 0,
        seq: None,
        icmp_type: None,
        verification_tag: None,
        length: header.length,
    };
    let first = || array_at::<TRANSPORT>(header.transport, 0).ok_or(Fault::QuotedTruncated);
    let class = match header.protocol {
        protocol::TCP | protocol::UDP | protocol::SCTP => {
            let octets = first()?;
            quoted.source_port = u16_at(octets, 0).ok_or(Fault::QuotedTruncated)?;
            quoted.destination_port = u16_at(octets, 2).ok_or(Fault::QuotedTruncated)?;
            let word = u32::from_be_bytes([octets[4], octets[5], octets[6], octets[7]]);
            match header.protocol {
                protocol::TCP => quoted.seq = Some(SeqNum(word)),
                protocol::SCTP => quoted.verification_tag = Some(word),
                _ => {}
            }
            return Ok(quoted);
        }
        protocol::ICMP if !v6 => icmp::class_v4(first()?[0]),
        protocol::ICMPV6 if v6 => icmp::class_v6(first()?[0]),
        _ => return Ok(quoted),
    };
    let octets = first()?;
    quoted.icmp_type = Some(octets[0]);
    match class {
        IcmpKind::Error => return Err(Fault::NestedError),
        IcmpKind::Query => quoted.source_port = u16::from_be_bytes([octets[4], octets[5]]),
        IcmpKind::Reply => quoted.destination_port = u16::from_be_bytes([octets[4], octets[5]]),
        IcmpKind::NeighborDiscovery | IcmpKind::ListenerDiscovery | IcmpKind::Other => {}
    }
    Ok(quoted)
}
