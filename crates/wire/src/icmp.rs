//! ICMP (RFC 792) and ICMPv6 (RFC 4443): the header, and what class a type belongs to.

use crate::descriptor::{IcmpKind, IcmpMessage};
use crate::fault::Fault;
use crate::read::array_at;

/// Octets of the header that all types share.
pub(crate) const HEADER: usize = 8;

/// Reads an ICMP header.
pub(crate) fn read_v4(data: &[u8]) -> Result<IcmpMessage, Fault> {
    array_at(data, 0).map(|header| message(header, class_v4(header[0]))).ok_or(Fault::IcmpTruncated)
}

/// Reads an ICMPv6 header.
pub(crate) fn read_v6(data: &[u8]) -> Result<IcmpMessage, Fault> {
    array_at(data, 0)
        .map(|header| message(header, class_v6(header[0])))
        .ok_or(Fault::Icmpv6Truncated)
}

fn message(header: &[u8; HEADER], class: IcmpKind) -> IcmpMessage {
    let id = match class {
        IcmpKind::Query | IcmpKind::Reply => u16::from_be_bytes([header[4], header[5]]),
        IcmpKind::Error
        | IcmpKind::NeighborDiscovery
        | IcmpKind::ListenerDiscovery
        | IcmpKind::Other => 0,
    };
    IcmpMessage { kind: header[0], code: header[1], id, class }
}

/// The class of an ICMP type.
pub(crate) const fn class_v4(kind: u8) -> IcmpKind {
    match kind {
        // Echo, timestamp, information, address mask (RFC 792, RFC 950), extended echo (RFC 8335).
        8 | 13 | 15 | 17 | 42 => IcmpKind::Query,
        0 | 14 | 16 | 18 | 43 => IcmpKind::Reply,
        // Destination unreachable, time exceeded, parameter problem.
        3 | 11 | 12 => IcmpKind::Error,
        _ => IcmpKind::Other,
    }
}

/// The class of an ICMPv6 type.
pub(crate) const fn class_v6(kind: u8) -> IcmpKind {
    match kind {
        // Echo, extended echo (RFC 8335).
        128 | 160 => IcmpKind::Query,
        129 | 161 => IcmpKind::Reply,
        // Destination unreachable, packet too big, time exceeded, parameter problem.
        1..=4 => IcmpKind::Error,
        133..=137 => IcmpKind::NeighborDiscovery,
        130..=132 | 143 => IcmpKind::ListenerDiscovery,
        _ => IcmpKind::Other,
    }
}
