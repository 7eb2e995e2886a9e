//! The short reading of the plainest packets, which are nearly all there are: TCP or UDP, whole, over IPv4
//! without options or IPv6 without extension headers, untagged or with one tag.
//!
//! It finds what names the session and where the transport stands, and no more. Whatever is not plainly
//! in order is left to [`crate::parse`], which knows its fault: the short reading accepts a subset of
//! what that accepts, and reads the same from it.

use crate::checksum;
use crate::descriptor::{TcpSegment, VlanTags};
use crate::ethernet::{self, ethertype};
use crate::parse::{FRAME_MAX, HeaderChecksum};
use crate::read::{array_at, narrow};
use crate::transport::protocol;
use crate::{ipv4, ipv6, tcp, udp};

/// Version and header length of IPv4 without options.
const PLAIN_IPV4: u8 = 0x45;
/// All of the fragment field but "don't fragment" and the reserved bit.
const FRAGMENT: u16 = 0x3fff;

/// What names the session of a plain packet, and where its transport stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The VLAN tag, if there is one.
    pub vlans: VlanTags,
    /// Source and destination.
    pub addresses: PlainAddresses,
    /// Source and destination port; neither is 0.
    pub ports: [u16; 2],
    /// [`protocol::TCP`] or [`protocol::UDP`].
    pub protocol: u8,
    /// Octets of the IP packet.
    pub length: u16,
    /// Where the transport header starts, in octets from the start of the frame.
    pub l4: u16,
    /// Where the IP packet ends.
    pub end: u16,
}

/// Source and destination of one family, as numbers in host order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainAddresses {
    /// IPv4.
    V4([u32; 2]),
    /// IPv6.
    V6([u128; 2]),
}

/// Reads a frame if it is plain.
#[inline(always)]
pub fn plain(frame: &[u8], checksum: HeaderChecksum) -> Option<Plain> {
    let start = array_at::<18>(frame, 0)?;
    let field = |at: usize| u16::from_be_bytes([start[at], start[at + 1]]);
    let (l3, vlans, kind) = match field(12) {
        ethertype::VLAN => {
            let vlans = VlanTags { count: 1, ids: [field(14) & 0x0fff, 0] };
            (ethernet::HEADER + ethernet::TAG, vlans, field(16))
        }
        kind => (ethernet::HEADER, VlanTags::default(), kind),
    };
    if frame.len() > FRAME_MAX {
        return None;
    }
    match kind {
        ethertype::IPV4 => plain_ipv4(frame, l3, vlans, checksum),
        ethertype::IPV6 => plain_ipv6(frame, l3, vlans),
        _ => None,
    }
}

#[inline(always)]
fn plain_ipv4(frame: &[u8], l3: usize, vlans: VlanTags, checksum: HeaderChecksum) -> Option<Plain> {
    let header: &[u8; ipv4::HEADER] = array_at(frame, l3)?;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT;
    if header[0] != PLAIN_IPV4 || fragment != 0 {
        return None;
    }
    if checksum == HeaderChecksum::Verify && !checksum::is_sound(header) {
        return None;
    }
    let length = u16::from_be_bytes([header[2], header[3]]);
    let source = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
    let destination = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
    let addresses = PlainAddresses::V4([source, destination]);
    transport(frame, l3, ipv4::HEADER, length.into(), header[9], vlans, addresses)
}

#[inline(always)]
fn plain_ipv6(frame: &[u8], l3: usize, vlans: VlanTags) -> Option<Plain> {
    let header: &[u8; ipv6::HEADER] = array_at(frame, l3)?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let payload = u16::from_be_bytes([header[4], header[5]]);
    let address = |at: usize| array_at::<16>(header, at).copied().map(u128::from_be_bytes);
    let addresses = PlainAddresses::V6([address(8)?, address(24)?]);
    let length = ipv6::HEADER + usize::from(payload);
    transport(frame, l3, ipv6::HEADER, length, header[6], vlans, addresses)
}

/// The ports, and that all of the packet is there.
#[inline(always)]
fn transport(
    frame: &[u8],
    l3: usize,
    header: usize,
    length: usize,
    protocol: u8,
    vlans: VlanTags,
    addresses: PlainAddresses,
) -> Option<Plain> {
    let (l4, end) = (l3 + header, l3 + length);
    let data = frame.get(l4..end)?;
    let start: &[u8; 8] = array_at(data, 0)?;
    match protocol {
        protocol::TCP => {}
        protocol::UDP => {
            let announced = u16::from_be_bytes([start[4], start[5]]);
            if announced < udp::HEADER || usize::from(announced) > data.len() {
                return None;
            }
            // Without a checksum it is no fault of form, but not plainly in order (RFC 8200 §8.1).
            if matches!(addresses, PlainAddresses::V6(_)) && start[6..8] == [0, 0] {
                return None;
            }
        }
        _ => return None,
    }
    let ports =
        [u16::from_be_bytes([start[0], start[1]]), u16::from_be_bytes([start[2], start[3]])];
    if ports[0] == 0 || ports[1] == 0 {
        return None;
    }
    let (length, l4, end) = (narrow(length.min(FRAME_MAX)), narrow(l4), narrow(end));
    Some(Plain { vlans, addresses, ports, protocol, length, l4, end })
}

/// The TCP header of a plain packet, from where [`plain`] says that it stands; `None` if it is at fault.
#[inline(always)]
pub fn plain_segment(frame: &[u8], l4: u16, end: u16) -> Option<TcpSegment> {
    let data = frame.get(usize::from(l4)..usize::from(end))?;
    tcp::read(data, data.len()).ok()
}
