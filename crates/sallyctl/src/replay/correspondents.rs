//! Who sends a frame to whom, read leniently: a frame that the engine will call malformed has to enter
//! at some port, too. Nothing here judges a frame.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address by which a frame's sender or receiver counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Address {
    /// An IP address, from an IP header or from ARP.
    Ip(IpAddr),
    /// A hardware address: the frame carries no IP.
    Mac([u8; 6]),
}

impl Address {
    /// Whether it is a group's address (multicast or broadcast) or the unspecified one.
    pub(crate) fn is_nobodys(self) -> bool {
        match self {
            Self::Ip(IpAddr::V4(ip)) => {
                ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified()
            }
            Self::Ip(IpAddr::V6(ip)) => ip.is_multicast() || ip.is_unspecified(),
            Self::Mac(mac) => mac[0] & 1 != 0 || mac == [0; 6],
        }
    }
}

/// The two ends of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Correspondents {
    /// The sender.
    pub(crate) source: Address,
    /// The receiver.
    pub(crate) destination: Address,
    /// For an ICMP or ICMPv6 error the sender and the receiver of the packet that it quotes.
    pub(crate) quoted: Option<(Address, Address)>,
}

impl Correspondents {
    /// Reads them from an Ethernet frame. `None` for a frame without a whole Ethernet header.
    ///
    /// The addresses are those of the IP header if it is there at least up to them; of ARP for IPv4 the
    /// sender's and the target's protocol address; the hardware addresses otherwise.
    pub(crate) fn read(frame: &[u8]) -> Option<Self> {
        let (head, mut payload) = frame.split_first_chunk::<14>()?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, e0, e1] = *head;
        let mut ethertype = u16::from_be_bytes([e0, e1]);
        while let (0x8100 | 0x88a8 | 0x9100, Some((&[_, _, e0, e1], rest))) =
            (ethertype, payload.split_first_chunk())
        {
            ethertype = u16::from_be_bytes([e0, e1]);
            payload = rest;
        }
        let read = match ethertype {
            0x0800 => ipv4(payload),
            0x86dd => ipv6(payload),
            0x0806 => arp(payload),
            _ => None,
        };
        Some(read.unwrap_or(Self {
            source: Address::Mac([s0, s1, s2, s3, s4, s5]),
            destination: Address::Mac([d0, d1, d2, d3, d4, d5]),
            quoted: None,
        }))
    }
}

fn ipv4(packet: &[u8]) -> Option<Correspondents> {
    let (source, destination) = ipv4_addresses(packet)?;
    let header = usize::from(packet[0] & 0x0f) * 4;
    let fragment = u16::from_be_bytes([packet[6], packet[7]]) & 0x3fff != 0;
    let message = if packet[9] == 1 && !fragment { packet.get(header..) } else { None };
    let quoted = match message {
        // Unreachable, time exceeded, parameter problem: eight octets of header before the quoted packet.
        Some([3 | 11 | 12, _, _, _, _, _, _, _, quoted @ ..]) => ipv4_addresses(quoted),
        Some(_) | None => None,
    };
    Some(Correspondents { source, destination, quoted })
}

fn ipv4_addresses(packet: &[u8]) -> Option<(Address, Address)> {
    let [_, _, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        *packet.first_chunk::<20>()?;
    let address = |octets: [u8; 4]| Address::Ip(IpAddr::V4(Ipv4Addr::from(octets)));
    Some((address([s0, s1, s2, s3]), address([d0, d1, d2, d3])))
}

fn ipv6(packet: &[u8]) -> Option<Correspondents> {
    let (source, destination) = ipv6_addresses(packet)?;
    let quoted = icmpv6_message(packet).and_then(|message| match message {
        // Unreachable, packet too big, time exceeded, parameter problem.
        [1..=4, _, _, _, _, _, _, _, quoted @ ..] => ipv6_addresses(quoted),
        _ => None,
    });
    Some(Correspondents { source, destination, quoted })
}

fn ipv6_addresses(packet: &[u8]) -> Option<(Address, Address)> {
    let header = packet.first_chunk::<40>()?;
    let (_, addresses) = header.split_first_chunk::<8>()?;
    let (source, destination) = addresses.split_first_chunk::<16>()?;
    let address = |octets: [u8; 16]| Address::Ip(IpAddr::V6(Ipv6Addr::from(octets)));
    Some((address(*source), address(*destination.first_chunk()?)))
}

/// The ICMPv6 message of a packet, after its extension headers.
fn icmpv6_message(packet: &[u8]) -> Option<&[u8]> {
    let mut next = *packet.get(6)?;
    let mut rest = packet.get(40..)?;
    loop {
        let length = match (next, rest) {
            (58, message) => return Some(message),
            // Hop-by-hop options, routing, destination options (RFC 8200 §4).
            (0 | 43 | 60, [_, units, ..]) => (usize::from(*units) + 1) * 8,
            // Authentication (RFC 4302 §2.2) counts in units of four.
            (51, [_, units, ..]) => (usize::from(*units) + 2) * 4,
            // An atomic fragment (RFC 6946) is whole.
            (44, [_, _, high, low, ..]) if u16::from_be_bytes([*high, *low]) & 0xfff9 == 0 => 8,
            _ => return None,
        };
        next = rest[0];
        rest = rest.get(length..)?;
    }
}

fn arp(packet: &[u8]) -> Option<Correspondents> {
    // Ethernet and IPv4 (RFC 826): hardware type 1, protocol 0x0800, lengths 6 and 4.
    let [
        0,
        1,
        8,
        0,
        6,
        4,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        _,
        _,
        _,
        _,
        _,
        _,
        t0,
        t1,
        t2,
        t3,
    ] = *packet.first_chunk::<28>()?
    else {
        return None;
    };
    let address = |octets: [u8; 4]| Address::Ip(IpAddr::V4(Ipv4Addr::from(octets)));
    Some(Correspondents {
        source: address([s0, s1, s2, s3]),
        destination: address([t0, t1, t2, t3]),
        quoted: None,
    })
}
