//! Link layers other than Ethernet: their headers are taken off and an Ethernet header put in front.
//!
//! Where the capture knows no hardware address, the locally administered ones below stand in. Frames
//! of 802.11 and of anything that carries more than one kind of payload are not translated.

use pcap_file::DataLink;

use super::Damage;

/// Stands in for the sender's hardware address.
const SENDER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
/// Stands in for the receiver's hardware address.
const RECEIVER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];
const BROADCAST: [u8; 6] = [0xff; 6];
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Local experimental ethertype 1 (IEEE 802): for payloads that are none of the above.
const ETHERTYPE_LOCAL: u16 = 0x88b5;
/// Below this value the field is a length (IEEE 802.3 §3.2.6).
const FIRST_ETHERTYPE: u16 = 0x0600;

/// A link layer that can be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkType {
    /// Ethernet, with its header.
    Ethernet,
    /// An IPv4 or IPv6 packet, by its version field.
    RawIp,
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
    /// BSD loopback: an address family in the byte order of the capturing machine.
    Null,
    /// OpenBSD loopback: an address family in network byte order.
    Loop,
    /// Linux cooked capture: what the `any` device gives.
    LinuxSll,
    /// Linux cooked capture, version 2.
    LinuxSll2,
}

impl LinkType {
    /// The link layer of a number in the registry of link types. The upper bits hold the length of
    /// the frame check sequence and are no part of the number.
    pub(super) fn from_number(number: u32) -> Result<Self, Damage> {
        let number = number & 0x03ff_ffff;
        match number {
            1 => Ok(Self::Ethernet),
            12 | 14 | 101 => Ok(Self::RawIp),
            228 => Ok(Self::Ipv4),
            229 => Ok(Self::Ipv6),
            0 => Ok(Self::Null),
            108 => Ok(Self::Loop),
            113 => Ok(Self::LinuxSll),
            276 => Ok(Self::LinuxSll2),
            _ => Err(Damage::LinkType { number, name: format!("{:?}", DataLink::from(number)) }),
        }
    }

    /// The Ethernet frame that carries what `bytes` carries.
    pub(super) fn ethernet(self, bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Ethernet => bytes,
            Self::RawIp => framed(RECEIVER, SENDER, by_version(&bytes), &bytes),
            Self::Ipv4 => framed(RECEIVER, SENDER, ETHERTYPE_IPV4, &bytes),
            Self::Ipv6 => framed(RECEIVER, SENDER, ETHERTYPE_IPV6, &bytes),
            Self::Null => loopback(&bytes, |family| {
                // Families are small numbers: a large one was written in the other byte order.
                let family = u32::from_le_bytes(family);
                if family > 0xffff { family.swap_bytes() } else { family }
            }),
            Self::Loop => loopback(&bytes, u32::from_be_bytes),
            Self::LinuxSll => match bytes.split_first_chunk() {
                Some((&[_, kind, _, _, _, length, a, b, c, d, e, f, _, _, p, q], payload)) => {
                    cooked(kind, length, [a, b, c, d, e, f], [p, q], payload)
                }
                None => cut(),
            },
            Self::LinuxSll2 => match bytes.split_first_chunk() {
                Some((
                    &[p, q, _, _, _, _, _, _, _, _, kind, length, a, b, c, d, e, f, _, _],
                    payload,
                )) => cooked(kind, length, [a, b, c, d, e, f], [p, q], payload),
                None => cut(),
            },
        }
    }
}

fn by_version(packet: &[u8]) -> u16 {
    match packet.first().map(|first| first >> 4) {
        Some(6) => ETHERTYPE_IPV6,
        // A version that is none is for the engine to find.
        Some(_) | None => ETHERTYPE_IPV4,
    }
}

fn loopback(bytes: &[u8], family: impl FnOnce([u8; 4]) -> u32) -> Vec<u8> {
    let Some((head, payload)) = bytes.split_first_chunk() else { return cut() };
    let ethertype = match family(*head) {
        2 => ETHERTYPE_IPV4,
        // IPv6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
        10 | 24 | 28 | 30 => ETHERTYPE_IPV6,
        _ => ETHERTYPE_LOCAL,
    };
    framed(RECEIVER, SENDER, ethertype, payload)
}

/// `kind` is the packet type (1: broadcast), `length` that of the link-layer address.
fn cooked(kind: u8, length: u8, address: [u8; 6], protocol: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let source = if length == 6 { address } else { SENDER };
    let destination = if kind == 1 { BROADCAST } else { RECEIVER };
    let protocol = match u16::from_be_bytes(protocol) {
        // LLC without an ethertype of its own: the field becomes the length that 802.3 has there.
        0x0001 | 0x0004 => {
            u16::try_from(payload.len()).unwrap_or(u16::MAX).min(FIRST_ETHERTYPE - 1)
        }
        below if below < FIRST_ETHERTYPE => ETHERTYPE_LOCAL,
        ethertype => ethertype,
    };
    framed(destination, source, protocol, payload)
}

/// A frame that was cut within the header of its link layer: nothing of the packet is there.
fn cut() -> Vec<u8> {
    framed(RECEIVER, SENDER, ETHERTYPE_IPV4, &[])
}

fn framed(destination: [u8; 6], source: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&destination[..], &source, &ethertype.to_be_bytes(), payload].concat()
}
