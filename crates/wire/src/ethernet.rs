//! Ethernet II, IEEE 802.3 and VLAN tags. What stands behind the ethertype is read elsewhere.

use core::fmt;

use crate::descriptor::{Class, VlanTags};
use crate::fault::Fault;
use crate::read::{array_at, u16_at};

/// Octets of an Ethernet header without tags.
pub(crate) const HEADER: usize = 14;
/// Octets of one VLAN tag.
pub(crate) const TAG: usize = 4;
/// The shortest frame without its frame check sequence.
pub(crate) const FRAME_MIN: usize = 60;

/// Ethertypes that are told apart.
pub(crate) mod ethertype {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const IPV6: u16 = 0x86dd;
    /// C-TAG (IEEE 802.1Q).
    pub(crate) const VLAN: u16 = 0x8100;
    /// S-TAG (IEEE 802.1ad).
    pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
    /// The outer tag of older stacking switches.
    pub(crate) const STACKED_VLAN: u16 = 0x9100;
    pub(crate) const SLOW_PROTOCOLS: u16 = 0x8809;
    /// Below this the field is a length (IEEE 802.3 §3.2.6).
    pub(crate) const FIRST: u16 = 0x0600;
}

/// A MAC address.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it names a group: multicast or broadcast.
    #[inline]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether it is the broadcast address.
    #[inline]
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }

    /// Whether bridges keep it to one link: 01-80-C2-00-00-00 to -0F (IEEE 802.1Q §8.6.3).
    #[inline]
    pub const fn is_link_local(self) -> bool {
        matches!(self.0, [0x01, 0x80, 0xc2, 0, 0, 0..=0x0f])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The destination of a frame; all zero if the frame is too short to have one, which [`crate::parse()`] refuses.
#[inline]
pub fn destination_mac(frame: &[u8]) -> MacAddr {
    MacAddr(array_at(frame, 0).copied().unwrap_or_default())
}

/// The source of a frame; all zero if the frame is too short to have one, which [`crate::parse()`] refuses.
#[inline]
pub fn source_mac(frame: &[u8]) -> MacAddr {
    MacAddr(array_at(frame, 6).copied().unwrap_or_default())
}

/// Whether the frame is sent to a group: multicast or broadcast.
#[inline]
pub fn is_group_mac(frame: &[u8]) -> bool {
    frame.first().is_some_and(|octet| octet & 1 != 0)
}

/// What stands behind the MAC addresses.
pub(crate) struct Link {
    pub(crate) vlans: VlanTags,
    pub(crate) class: Class,
    /// Where the payload starts.
    pub(crate) payload: usize,
}

/// Reads any link header: with up to two tags, with a length in place of a type, of a reserved address.
///
/// IP and ARP are classed by their ethertype alone. A frame to a reserved address that carries IP is IP, so that
/// no packet passes as a bridge protocol.
#[inline(never)]
pub(crate) fn read(frame: &[u8]) -> Result<Link, Fault> {
    let mut vlans = VlanTags::default();
    let mut at = HEADER - 2;
    let kind = loop {
        let kind = u16_at(frame, at).ok_or(Fault::Truncated)?;
        at += 2;
        if !matches!(kind, ethertype::VLAN | ethertype::SERVICE_VLAN | ethertype::STACKED_VLAN) {
            break kind;
        }
        let control = u16_at(frame, at).ok_or(Fault::Truncated)?;
        let id = vlans.ids.get_mut(usize::from(vlans.count)).ok_or(Fault::VlanDepth)?;
        *id = control & 0x0fff;
        vlans.count += 1;
        at += 2;
    };
    let link_local = destination_mac(frame).is_link_local();
    let class = match kind {
        ethertype::IPV4 => Class::Ipv4,
        ethertype::IPV6 => Class::Ipv6,
        ethertype::ARP => Class::Arp,
        ethertype::SLOW_PROTOCOLS => Class::SlowProtocols,
        length if length < ethertype::FIRST => {
            if usize::from(length) > frame.len() - at {
                return Err(Fault::Truncated);
            }
            if link_local { Class::LinkLocal } else { Class::Llc }
        }
        _ if link_local => Class::LinkLocal,
        other => Class::Ethertype(other),
    };
    Ok(Link { vlans, class, payload: at })
}
