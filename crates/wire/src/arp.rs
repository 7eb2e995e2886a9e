//! ARP for IPv4 over Ethernet (RFC 826).

use core::net::Ipv4Addr;

use crate::descriptor::{Class, Descriptor};
use crate::ethernet::MacAddr;
use crate::fault::Fault;
use crate::read::array_at;

/// Octets of an ARP packet for IPv4 over Ethernet.
pub(crate) const LENGTH: usize = 28;

/// Hardware type Ethernet, protocol type IPv4, and the lengths of their addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpMessage {
    /// Request or reply.
    pub operation: ArpOperation,
    /// The sender's hardware address.
    pub sender_mac: MacAddr,
    /// The sender's protocol address.
    pub sender: Ipv4Addr,
    /// The target's hardware address; meaningless in a request.
    pub target_mac: MacAddr,
    /// The target's protocol address.
    pub target: Ipv4Addr,
}

/// The ARP operations that Ethernet hosts use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOperation {
    /// Who has the target's address?
    Request,
    /// The sender has it.
    Reply,
}

/// The ARP packet of a frame that [`crate::parse()`] has classed as [`Class::Arp`]; `None` for any other frame.
pub fn parse_arp(frame: &[u8], descriptor: &Descriptor) -> Option<ArpMessage> {
    if descriptor.class != Class::Arp {
        return None;
    }
    read(frame.get(usize::from(descriptor.l3)..)?).ok()
}

/// Reads an ARP packet; `data` starts behind the link header and may end in padding.
pub(crate) fn read(data: &[u8]) -> Result<ArpMessage, Fault> {
    let packet: &[u8; LENGTH] = array_at(data, 0).ok_or(Fault::Truncated)?;
    let [h0, h1, p0, p1, hardware_length, protocol_length, o0, o1, addresses @ ..] = *packet;
    if [h0, h1, p0, p1, hardware_length, protocol_length] != ETHERNET_IPV4 {
        return Err(Fault::ArpHeader);
    }
    let operation = match u16::from_be_bytes([o0, o1]) {
        1 => ArpOperation::Request,
        2 => ArpOperation::Reply,
        _ => return Err(Fault::ArpOperation),
    };
    let [a, b, c, d, e, f, s0, s1, s2, s3, g, h, i, j, k, l, t0, t1, t2, t3] = addresses;
    Ok(ArpMessage {
        operation,
        sender_mac: MacAddr([a, b, c, d, e, f]),
        sender: Ipv4Addr::new(s0, s1, s2, s3),
        target_mac: MacAddr([g, h, i, j, k, l]),
        target: Ipv4Addr::new(t0, t1, t2, t3),
    })
}
