//! The short reading of the plainest packets, which are nearly all there are: TCP or UDP, whole, over IPv4
//! without options or IPv6 without extension headers, untagged or with one tag.
//!
//! It finds what names the session and where the transport stands, and no more. Whatever is not plainly
//! in order is left to [`crate::parse()`], which knows its fault: the short reading accepts a subset of
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

/// Octets of a transport header that are read: all of UDP's.
const PORTS: usize = 8;

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
    match PlainLink::read(frame)? {
        PlainLink::Ipv4(link) => link.ipv4(checksum),
        PlainLink::Ipv6(link) => link.ipv6(),
    }
}

/// A frame that may be plain, by what it carries: the first half of [`plain`], for a caller that goes on by family.
#[derive(Clone, Copy, Debug)]
pub enum PlainLink<'a> {
    /// IPv4.
    Ipv4(Untagged<'a>),
    /// IPv6.
    Ipv6(Untagged<'a>),
}

/// A frame without its tag: the network header stands where it does in one that never had any.
#[derive(Clone, Copy, Debug)]
pub struct Untagged<'a> {
    /// All but the first octets, as many as the tag has; the MAC addresses are not right then.
    frame: &'a [u8],
    /// How many those are.
    shift: usize,
    vlans: VlanTags,
}

impl<'a> PlainLink<'a> {
    /// Reads what stands in front of the network header.
    #[inline(always)]
    pub fn read(frame: &'a [u8]) -> Option<Self> {
        let start = frame.first_chunk::<{ ethernet::HEADER + ethernet::TAG }>()?;
        if frame.len() > FRAME_MAX {
            return None;
        }
        let (kind, link) = match field(start, 12) {
            ethertype::VLAN => {
                let vlans = VlanTags { count: 1, ids: [field(start, 14) & 0x0fff, 0] };
                let frame = &frame[ethernet::TAG..];
                (field(start, 16), Untagged { frame, shift: ethernet::TAG, vlans })
            }
            kind => (kind, Untagged { frame, shift: 0, vlans: VlanTags::default() }),
        };
        match kind {
            ethertype::IPV4 => Some(Self::Ipv4(link)),
            ethertype::IPV6 => Some(Self::Ipv6(link)),
            _ => None,
        }
    }
}

impl Untagged<'_> {
    /// Reads the rest of a frame that carries IPv4.
    #[inline(always)]
    pub fn ipv4(self, checksum: HeaderChecksum) -> Option<Plain> {
        const TRANSPORT: usize = ethernet::HEADER + ipv4::HEADER;
        let start = self.frame.first_chunk::<{ TRANSPORT + PORTS }>()?;
        let header: &[u8; ipv4::HEADER] = array_at(start, ethernet::HEADER)?;
        if header[0] != PLAIN_IPV4 || field(header, 6) & FRAGMENT != 0 {
            return None;
        }
        if checksum == HeaderChecksum::Verify && !checksum::is_sound(header) {
            return None;
        }
        let length = usize::from(field(header, 2));
        let transport = length.checked_sub(ipv4::HEADER)?;
        let end = self.end(length)?;
        let ports = ports(array_at(start, TRANSPORT)?, header[9], transport, false)?;
        let source = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
        let destination = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
        Some(Plain {
            vlans: self.vlans,
            addresses: PlainAddresses::V4([source, destination]),
            ports,
            protocol: header[9],
            length: narrow(length),
            l4: narrow(self.shift + TRANSPORT),
            end,
        })
    }

    /// Reads the rest of a frame that carries IPv6.
    #[inline(always)]
    pub fn ipv6(self) -> Option<Plain> {
        const TRANSPORT: usize = ethernet::HEADER + ipv6::HEADER;
        let start = self.frame.first_chunk::<{ TRANSPORT + PORTS }>()?;
        let header: &[u8; ipv6::HEADER] = array_at(start, ethernet::HEADER)?;
        if header[0] >> 4 != 6 {
            return None;
        }
        let transport = usize::from(field(header, 4));
        let length = ipv6::HEADER + transport;
        let address = |at: usize| array_at::<16>(header, at).copied().map(u128::from_be_bytes);
        Some(Plain {
            vlans: self.vlans,
            addresses: PlainAddresses::V6([address(8)?, address(24)?]),
            ports: ports(array_at(start, TRANSPORT)?, header[6], transport, true)?,
            protocol: header[6],
            end: self.end(length)?,
            length: narrow(length),
            l4: narrow(self.shift + TRANSPORT),
        })
    }

    /// Where a packet of this length ends in the whole frame, if all of it is there.
    #[inline(always)]
    fn end(&self, length: usize) -> Option<u16> {
        let end = ethernet::HEADER + length;
        (end <= self.frame.len()).then(|| narrow(self.shift + end))
    }
}

/// The 16-bit number in network order at a place.
#[inline(always)]
fn field<const N: usize>(octets: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

/// The ports, of TCP or of UDP that is as long as it says. `length`: octets of the transport.
#[inline(always)]
fn ports(start: &[u8; PORTS], protocol: u8, length: usize, is_ipv6: bool) -> Option<[u16; 2]> {
    match protocol {
        protocol::TCP => {}
        protocol::UDP => {
            let announced = field(start, 4);
            if announced < udp::HEADER || usize::from(announced) > length {
                return None;
            }
            // Without a checksum it is no fault of form, but not plainly in order (RFC 8200 §8.1).
            if is_ipv6 && field(start, 6) == 0 {
                return None;
            }
        }
        _ => return None,
    }
    let ports = [field(start, 0), field(start, 2)];
    (length >= PORTS && ports[0] != 0 && ports[1] != 0).then_some(ports)
}

/// The TCP header of a plain packet, from where [`plain`] says that it stands; `None` if it is at fault.
#[inline(always)]
pub fn plain_segment(frame: &[u8], l4: u16, end: u16) -> Option<TcpSegment> {
    let data = frame.get(usize::from(l4)..usize::from(end))?;
    tcp::read(data, data.len()).ok()
}
