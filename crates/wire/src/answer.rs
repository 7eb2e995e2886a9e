//! The frames that the firewall sends on its own behalf to whoever asked for what it refuses: a TCP reset, an ICMP or
//! ICMPv6 "administratively prohibited".
//!
//! Both go back the way the offending frame came: MAC addresses swapped, VLAN tags as they were, from the
//! address that was asked for. How often they may be sent is decided elsewhere.

use core::net::IpAddr;

use crate::checksum;
use crate::descriptor::{Class, Descriptor, IcmpKind, TcpFlags, Transport};
use crate::ethernet::{FRAME_MIN, HEADER as LINK, TAG, destination_mac, source_mac};
use crate::read::narrow;
use crate::transport::protocol;
use crate::{icmp, ipv4, ipv6, tcp};

/// The longest reset, in octets: two tags, IPv6.
pub const RESET_MAX: usize = LINK + 2 * TAG + ipv6::HEADER + tcp::HEADER;
/// The longest unreachable message, in octets: two tags, IPv6.
pub const UNREACHABLE_MAX: usize = LINK + 2 * TAG + IPV6_DATAGRAM_MAX;

/// The longest datagram of an ICMP error (RFC 1812 §4.3.2.3).
const IPV4_DATAGRAM_MAX: usize = 576;
/// The longest datagram of an ICMPv6 error (RFC 4443 §2.4 (c)): the least MTU.
const IPV6_DATAGRAM_MAX: usize = 1280;

/// Time to live and hop limit of what is sent.
const TTL: u8 = 64;
/// Precedence "internetwork control", which an ICMP error has (RFC 1812 §4.3.2.5).
const INTERNETWORK_CONTROL: u8 = 0xc0;
/// Destination unreachable, communication administratively prohibited (RFC 1812 §5.2.7.1).
const PROHIBITED_V4: [u8; 2] = [3, 13];
/// Destination unreachable, communication with destination administratively prohibited (RFC 4443 §3.1).
const PROHIBITED_V6: [u8; 2] = [1, 1];

crate::named! {
    /// Why a frame gets no answer.
    pub enum Unanswerable {
        /// The frame is not IP, or for a reset not TCP.
        Protocol = "protocol",
        /// A reset is never answered by a reset.
        Reset = "reset",
        /// The frame goes to a group, or comes from an address that names no single host.
        Address = "address",
        /// The frame is a later fragment, or a first one whose protocol forbids to answer unseen.
        Fragment = "fragment",
        /// The frame is an ICMP message that is neither a query nor a reply.
        IcmpMessage = "icmp_message",
        /// The buffer is too short for the answer.
        Buffer = "buffer",
    }
}

/// Writes the reset that RFC 9293 §3.10.7.1 prescribes for a segment to a closed port, and returns its length in
/// octets. A frame below the shortest of Ethernet is padded with zeros.
///
/// `descriptor` is what [`crate::parse()`] found in `frame`, or for a first fragment that, with the transport of the
/// reassembled datagram. `buffer` needs at most [`RESET_MAX`] octets.
///
/// # Errors
///
/// An [`Unanswerable`] if there must be no reset, or the buffer is too short.
pub fn write_tcp_reset(
    frame: &[u8],
    descriptor: &Descriptor,
    buffer: &mut [u8],
) -> Result<usize, Unanswerable> {
    let Transport::Tcp(segment) = descriptor.transport else {
        return Err(Unanswerable::Protocol);
    };
    if segment.flags.rst() {
        return Err(Unanswerable::Reset);
    }
    check_addresses(frame, descriptor)?;
    let (seq, ack, flags) = if segment.flags.ack() {
        (segment.ack.0, 0, TcpFlags::RST)
    } else {
        (0, segment.end().0, TcpFlags::RST | TcpFlags::ACK)
    };
    let transport = [
        &segment.destination_port.to_be_bytes()[..],
        &segment.source_port.to_be_bytes(),
        &seq.to_be_bytes(),
        &ack.to_be_bytes(),
        // Data offset 5, no window, no urgent pointer.
        &[0x50, flags.0, 0, 0, 0, 0, 0, 0],
    ];
    let back = Back { protocol: protocol::TCP, service: 0, checksum: 16 };
    write(frame, descriptor, &back, &transport, buffer)
}

/// Writes the ICMP 3/13 or ICMPv6 1/1 that tells the sender of a frame that policy forbids it, and
/// returns its length in octets. It quotes as much of the datagram as RFC 1812 §4.3.2.3 and RFC 4443
/// §2.4 (c) let fit.
///
/// `descriptor` is what [`crate::parse()`] found in `frame`. `buffer` needs at most [`UNREACHABLE_MAX`]
/// octets.
///
/// # Errors
///
/// An [`Unanswerable`] if there must be no message (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)), or the buffer
/// is too short.
pub fn write_unreachable(
    frame: &[u8],
    descriptor: &Descriptor,
    buffer: &mut [u8],
) -> Result<usize, Unanswerable> {
    let v6 = descriptor.class == Class::Ipv6;
    let (back, kind, most) = if v6 {
        let back = Back { protocol: protocol::ICMPV6, service: 0, checksum: 2 };
        (back, PROHIBITED_V6, IPV6_DATAGRAM_MAX - ipv6::HEADER - icmp::HEADER)
    } else {
        let back = Back { protocol: protocol::ICMP, service: INTERNETWORK_CONTROL, checksum: 2 };
        (back, PROHIBITED_V4, IPV4_DATAGRAM_MAX - ipv4::HEADER - icmp::HEADER)
    };
    check_addresses(frame, descriptor)?;
    check_message(descriptor)?;
    let datagram = frame
        .get(usize::from(descriptor.l3)..usize::from(descriptor.end))
        .ok_or(Unanswerable::Protocol)?;
    let quote = datagram.get(..most).unwrap_or(datagram);
    write(frame, descriptor, &back, &[&kind, &[0; 6], quote], buffer)
}

/// Refuses what must not be answered for its protocol or its place in a datagram.
fn check_message(descriptor: &Descriptor) -> Result<(), Unanswerable> {
    match descriptor.transport {
        Transport::Icmp(message) | Transport::Icmpv6(message) => match message.class {
            IcmpKind::Query | IcmpKind::Reply => Ok(()),
            IcmpKind::Error
            | IcmpKind::NeighborDiscovery
            | IcmpKind::ListenerDiscovery
            | IcmpKind::Other => Err(Unanswerable::IcmpMessage),
        },
        Transport::Tcp(segment) if segment.flags.rst() => Err(Unanswerable::Reset),
        // A first fragment may hide an ICMP error behind a protocol number that does not tell.
        Transport::None => match descriptor.protocol {
            protocol::TCP | protocol::UDP | protocol::SCTP => Ok(()),
            _ => Err(Unanswerable::Fragment),
        },
        Transport::Tcp(_) | Transport::Udp(_) | Transport::Sctp(_) | Transport::Other => Ok(()),
    }
}

/// Refuses what does not come from one host and go to one host, and later fragments.
fn check_addresses(frame: &[u8], descriptor: &Descriptor) -> Result<(), Unanswerable> {
    if !matches!(descriptor.class, Class::Ipv4 | Class::Ipv6) {
        return Err(Unanswerable::Protocol);
    }
    if destination_mac(frame).is_group()
        || source_mac(frame).is_group()
        || !names_one_host(descriptor.source)
        || !names_one_host(descriptor.destination)
        || descriptor.source == descriptor.destination
    {
        return Err(Unanswerable::Address);
    }
    if descriptor.fragment.is_some_and(|fragment| fragment.offset != 0) {
        return Err(Unanswerable::Fragment);
    }
    Ok(())
}

/// Whether an address is that of one host on a network: no multicast, no broadcast, none of 0/8, 127/8 and
/// 240/4 (RFC 1812 §5.3.7).
fn names_one_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !matches!(address.octets()[0], 0 | 127 | 224..),
        IpAddr::V6(address) => {
            !address.is_multicast() && !address.is_unspecified() && !address.is_loopback()
        }
    }
}

/// What tells an answer's IP header apart.
struct Back {
    protocol: u8,
    /// Type of service, or traffic class.
    service: u8,
    /// Where the transport's checksum stands in its header.
    checksum: usize,
}

/// Writes a frame back to where `frame` came from, whose transport is `parts`, one after the other.
fn write(
    frame: &[u8],
    descriptor: &Descriptor,
    back: &Back,
    parts: &[&[u8]],
    buffer: &mut [u8],
) -> Result<usize, Unanswerable> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let l3 = usize::from(descriptor.l3);
    let header = if descriptor.class == Class::Ipv6 { ipv6::HEADER } else { ipv4::HEADER };
    let l4 = l3 + header;
    let end = l4 + length;
    let frame_length = end.max(FRAME_MIN);
    let out = buffer.get_mut(..frame_length).ok_or(Unanswerable::Buffer)?;

    put(out, 0, &source_mac(frame).0)?;
    put(out, 6, &destination_mac(frame).0)?;
    put(out, 12, frame.get(12..l3).ok_or(Unanswerable::Protocol)?)?;
    write_ip(out, descriptor, back, length)?;
    let mut at = l4;
    for part in parts {
        put(out, at, part)?;
        at += part.len();
    }
    out.get_mut(end..).unwrap_or_default().fill(0);

    let transport = out.get(l4..end).ok_or(Unanswerable::Buffer)?;
    let mut sum = checksum::sum(transport);
    if back.protocol != protocol::ICMP {
        let (source, destination) = (descriptor.destination, descriptor.source);
        sum += checksum::pseudo(source, destination, back.protocol, u32::from(narrow(length)));
    }
    put(out, l4 + back.checksum, &checksum::finish(sum).to_be_bytes())?;
    Ok(frame_length)
}

/// Writes the IP header of an answer with `length` octets of transport.
fn write_ip(
    out: &mut [u8],
    descriptor: &Descriptor,
    back: &Back,
    length: usize,
) -> Result<(), Unanswerable> {
    let l3 = usize::from(descriptor.l3);
    match (descriptor.destination, descriptor.source) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let [high, low] = narrow(ipv4::HEADER + length).to_be_bytes();
            // Identification 0 with "don't fragment" set: an atomic datagram (RFC 6864 §4.1).
            put(
                out,
                l3,
                &[0x45, back.service, high, low, 0, 0, 0x40, 0, TTL, back.protocol, 0, 0],
            )?;
            put(out, l3 + 12, &from.octets())?;
            put(out, l3 + 16, &to.octets())?;
            let header = out.get(l3..l3 + ipv4::HEADER).ok_or(Unanswerable::Buffer)?;
            let checksum = checksum::finish(checksum::sum(header));
            put(out, l3 + 10, &checksum.to_be_bytes())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let [high, low] = narrow(length).to_be_bytes();
            put(out, l3, &[0x60, 0, 0, 0, high, low, back.protocol, TTL])?;
            put(out, l3 + 8, &from.octets())?;
            put(out, l3 + 24, &to.octets())
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            Err(Unanswerable::Protocol)
        }
    }
}

/// Copies a field to its place.
fn put(out: &mut [u8], at: usize, field: &[u8]) -> Result<(), Unanswerable> {
    out.get_mut(at..at + field.len()).ok_or(Unanswerable::Buffer)?.copy_from_slice(field);
    Ok(())
}
