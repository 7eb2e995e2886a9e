//! The one walk over a frame. The common shapes (IP untagged or with one tag) go straight to their network
//! header; everything else takes the general reading of the link header.

use core::net::{IpAddr, Ipv4Addr};

use crate::descriptor::{Class, Descriptor, IpOptions, Transport, VlanTags};
use crate::ethernet::{self, ethertype};
use crate::fault::Fault;
use crate::read::{array_at, narrow};
use crate::{arp, ipv4, ipv6};

/// The longest frame that is read, in octets: offsets have 16 bits.
pub const FRAME_MAX: usize = 0xffff;

/// Who answers for the IPv4 header checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderChecksum {
    /// The parser: a wrong one is [`Fault::Ipv4Checksum`].
    Verify,
    /// Someone else: the NIC that received the frame, or whoever replays a capture taken on a sending host, where
    /// the NIC was yet to fill it in.
    Trust,
}

/// Reads the headers of a frame, from the destination MAC address on and without frame check sequence.
///
/// # Errors
///
/// The first [`Fault`] that the walk meets.
#[inline]
pub fn parse(frame: &[u8]) -> Result<Descriptor, Fault> {
    parse_with(frame, HeaderChecksum::Verify)
}

/// As [`parse()`], with a choice of who answers for the IPv4 header checksum.
///
/// # Errors
///
/// The first [`Fault`] that the walk meets.
#[inline]
pub fn parse_with(frame: &[u8], checksum: HeaderChecksum) -> Result<Descriptor, Fault> {
    if frame.len() > FRAME_MAX {
        return Err(Fault::Oversized);
    }
    let Some(start) = array_at::<18>(frame, 0) else {
        return uncommon(frame, checksum);
    };
    match u16::from_be_bytes([start[12], start[13]]) {
        ethertype::IPV4 => ipv4::read(frame, ethernet::HEADER, VlanTags::default(), checksum),
        ethertype::IPV6 => ipv6::read(frame, ethernet::HEADER, VlanTags::default()),
        ethertype::VLAN => {
            let id = u16::from_be_bytes([start[14], start[15]]) & 0x0fff;
            let vlans = VlanTags { count: 1, ids: [id, 0] };
            match u16::from_be_bytes([start[16], start[17]]) {
                ethertype::IPV4 => {
                    ipv4::read(frame, ethernet::HEADER + ethernet::TAG, vlans, checksum)
                }
                ethertype::IPV6 => ipv6::read(frame, ethernet::HEADER + ethernet::TAG, vlans),
                _ => uncommon(frame, checksum),
            }
        }
        _ => uncommon(frame, checksum),
    }
}

/// Frames that are short, not IP, or have other tags than one C-TAG.
#[inline(never)]
fn uncommon(frame: &[u8], checksum: HeaderChecksum) -> Result<Descriptor, Fault> {
    let link = ethernet::read(frame)?;
    let mut descriptor = Descriptor {
        vlans: link.vlans,
        class: link.class,
        l3: narrow(link.payload),
        l4: narrow(link.payload),
        end: narrow(frame.len()),
        source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        protocol: 0,
        ttl: 0,
        fragment: None,
        options: IpOptions::default(),
        transport: Transport::None,
    };
    match link.class {
        Class::Ipv4 => return ipv4::read(frame, link.payload, link.vlans, checksum),
        Class::Ipv6 => return ipv6::read(frame, link.payload, link.vlans),
        Class::Arp => {
            let message = arp::read(frame.get(link.payload..).unwrap_or_default())?;
            descriptor.source = IpAddr::V4(message.sender);
            descriptor.destination = IpAddr::V4(message.target);
        }
        Class::LinkLocal | Class::SlowProtocols | Class::Ethertype(_) | Class::Llc => {}
    }
    Ok(descriptor)
}
