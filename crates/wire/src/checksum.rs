//! The internet checksum (RFC 1071), its pseudo headers, and the verification of transport checksums.
//!
//! SCTP's CRC32c is left to the endpoints: a packet that fails it does not change an association there.

use core::net::IpAddr;

use crate::descriptor::{Class, Descriptor, Transport};
use crate::extension;
use crate::ipv6;
use crate::read::{array_at, narrow};
use crate::transport::protocol;

/// The sum of 16-bit words in network order, not yet folded. Octets past the end count as 0.
#[inline]
pub fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut last = [0; 4];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    sum += u64::from(u32::from_be_bytes(last));
    sum
}

/// Whether the checksum of an IPv4 header is right: its words add up to a multiple of 0xffff. The order of octets
/// is the machine's own, which makes no difference to that.
#[inline(always)]
pub(crate) fn is_sound(header: &[u8]) -> bool {
    let (words, _) = header.as_chunks::<4>();
    let sum: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    sum.is_multiple_of(0xffff)
}

/// Folds a sum to 16 bits with end-around carry. The sum over data with a right checksum folds to 0xffff.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the last fold leaves 16 bits")]
pub const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

/// The checksum to write for a sum that was made with the field at 0.
#[inline]
pub const fn finish(sum: u64) -> u16 {
    !fold(sum)
}

/// The sum of the pseudo header (RFC 9293 §3.1, RFC 8200 §8.1) for `length` octets of transport.
pub fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, length: u32) -> u64 {
    let address = |address| match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    };
    address(source) + address(destination) + u64::from(protocol) + u64::from(length)
}

/// Whether the checksum of a parsed frame's TCP, UDP, ICMP or ICMPv6 is right.
///
/// UDP without a checksum is right over IPv4 and wrong over IPv6 (RFC 8200 §8.1). What has none that can be checked
/// here counts as right: fragments, other protocols, and a routing header whose last address is not in the clear.
pub fn verify_transport(frame: &[u8], descriptor: &Descriptor) -> bool {
    let segment = frame.get(usize::from(descriptor.l4)..usize::from(descriptor.end));
    segment.is_some_and(|segment| {
        let destination = || final_destination(frame, descriptor);
        verify(descriptor, segment, destination)
    })
}

/// As [`verify_transport`], for a datagram that was gathered from fragments. `first` is the frame at offset 0, and
/// `descriptor` its headers with the transport of the whole, which starts at `start` of the fragmentable part.
pub fn verify_reassembled(
    first: &[u8],
    descriptor: &Descriptor,
    fragmentable: &[u8],
    start: u16,
) -> bool {
    let Some((chain, segment)) = fragmentable.split_at_checked(usize::from(start)) else {
        return false;
    };
    let next_header = descriptor.fragment.map_or(descriptor.protocol, |piece| piece.next_header);
    let destination = || match extension::final_destination(next_header, chain)? {
        Some(last) if !chain.is_empty() => Ok(IpAddr::V6(last.into())),
        Some(_) | None => final_destination(first, descriptor),
    };
    verify(descriptor, segment, destination)
}

fn verify(
    descriptor: &Descriptor,
    segment: &[u8],
    destination: impl Fn() -> Result<IpAddr, ()>,
) -> bool {
    let with_pseudo = |protocol: u8, segment: &[u8]| {
        let Ok(destination) = destination() else { return true };
        let length = u32::from(narrow(segment.len()));
        fold(pseudo(descriptor.source, destination, protocol, length) + sum(segment)) == 0xffff
    };
    match descriptor.transport {
        Transport::None | Transport::Sctp(_) | Transport::Other => true,
        Transport::Icmp(_) => fold(sum(segment)) == 0xffff,
        Transport::Icmpv6(_) => with_pseudo(protocol::ICMPV6, segment),
        Transport::Tcp(_) => with_pseudo(protocol::TCP, segment),
        Transport::Udp(datagram) if !datagram.has_checksum => descriptor.class == Class::Ipv4,
        Transport::Udp(datagram) => {
            let length = usize::from(datagram.payload) + 8;
            segment.get(..length).is_some_and(|datagram| with_pseudo(protocol::UDP, datagram))
        }
    }
}

/// The destination that the pseudo header is made with: the last one, where a routing header stands in between.
fn final_destination(frame: &[u8], descriptor: &Descriptor) -> Result<IpAddr, ()> {
    let start = usize::from(descriptor.l3) + ipv6::HEADER;
    let end = usize::from(descriptor.l4);
    if descriptor.class != Class::Ipv6 || start == end {
        return Ok(descriptor.destination);
    }
    let chain = frame.get(start..end).ok_or(())?;
    let [first] = *array_at::<1>(frame, usize::from(descriptor.l3) + 6).ok_or(())?;
    let last = extension::final_destination(first, chain)?;
    Ok(last.map_or(descriptor.destination, |octets| IpAddr::V6(octets.into())))
}
