//! The Internet checksum (RFC 1071), written the slow and plain way, and how a test breaks it.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What stands in a checksum field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksum {
    /// The right value.
    #[default]
    Right,
    /// A wrong value: the right one with some bits turned.
    Broken,
    /// This value, right or wrong. For UDP over IPv4, 0 says "none" (RFC 768).
    Value(u16),
}

impl Checksum {
    /// The field's value, `right` being the correct one.
    pub(crate) fn field(self, right: u16) -> u16 {
        match self {
            Self::Right => right,
            Self::Broken => right ^ 0x0a50,
            Self::Value(value) => value,
        }
    }
}

/// The one's complement sum of all parts laid end to end, complemented (RFC 1071). Every part but
/// the last has an even length.
#[must_use]
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to sixteen bits")
}

/// What a transport checksum covers beside the segment itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pseudo {
    /// RFC 9293 §3.1: addresses, protocol and length of IPv4.
    V4(Ipv4Addr, Ipv4Addr),
    /// RFC 8200 §8.1: the same of IPv6.
    V6(Ipv6Addr, Ipv6Addr),
}

impl Pseudo {
    /// The checksum of `segment`, whose own checksum field is zero.
    pub(crate) fn checksum(self, protocol: u8, segment: &[u8]) -> u16 {
        let length = u32::try_from(segment.len()).expect("a segment is short").to_be_bytes();
        match self {
            Self::V4(source, destination) => internet_checksum(&[
                &source.octets(),
                &destination.octets(),
                &[0, protocol],
                &length,
                segment,
            ]),
            Self::V6(source, destination) => internet_checksum(&[
                &source.octets(),
                &destination.octets(),
                &length,
                &[0, 0, 0, protocol],
                segment,
            ]),
        }
    }
}
