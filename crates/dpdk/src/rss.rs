//! Receive-side scaling: its key, what it hashes, and its redirection table.
//!
//! Not here: which key is symmetric, and which worker owns a packet; the engine decides both.

use core::fmt;
use core::ops::{BitAnd, BitOr};

use crate::errno::Errno;

/// Entries in a group of the redirection table, as DPDK reads and writes it.
pub(crate) const RETA_GROUP: usize = 64;
const _: () = assert!(RETA_GROUP == dpdk_sys::RTE_ETH_RETA_GROUP_SIZE as usize);

/// A Toeplitz key covers its input and 32 bits more: 40 octets do for two IPv6 addresses and two ports.
const SHORTEST_KEY: usize = 40;
/// Longer than any driver's of DPDK 22.11, of which the longest are 52.
const LONGEST_KEY: usize = 64;

/// A set of packet types that are hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RssTypes(u64);

impl RssTypes {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// IPv4 that nothing finer names, over addresses.
    pub const IPV4: Self = Self(dpdk_sys::SHIM_RSS_IPV4);
    /// Fragments of IPv4, over addresses.
    pub const FRAGMENT_IPV4: Self = Self(dpdk_sys::SHIM_RSS_FRAG_IPV4);
    /// TCP over IPv4, over addresses and ports.
    pub const IPV4_TCP: Self = Self(dpdk_sys::SHIM_RSS_IPV4_TCP);
    /// UDP over IPv4, over addresses and ports.
    pub const IPV4_UDP: Self = Self(dpdk_sys::SHIM_RSS_IPV4_UDP);
    /// SCTP over IPv4, over addresses and ports.
    pub const IPV4_SCTP: Self = Self(dpdk_sys::SHIM_RSS_IPV4_SCTP);
    /// Other protocols over IPv4, over addresses.
    pub const IPV4_OTHER: Self = Self(dpdk_sys::SHIM_RSS_IPV4_OTHER);
    /// IPv6 that nothing finer names, over addresses.
    pub const IPV6: Self = Self(dpdk_sys::SHIM_RSS_IPV6);
    /// Fragments of IPv6, over addresses.
    pub const FRAGMENT_IPV6: Self = Self(dpdk_sys::SHIM_RSS_FRAG_IPV6);
    /// TCP over IPv6, over addresses and ports.
    pub const IPV6_TCP: Self = Self(dpdk_sys::SHIM_RSS_IPV6_TCP);
    /// UDP over IPv6, over addresses and ports.
    pub const IPV6_UDP: Self = Self(dpdk_sys::SHIM_RSS_IPV6_UDP);
    /// SCTP over IPv6, over addresses and ports.
    pub const IPV6_SCTP: Self = Self(dpdk_sys::SHIM_RSS_IPV6_SCTP);
    /// Other protocols over IPv6, over addresses.
    pub const IPV6_OTHER: Self = Self(dpdk_sys::SHIM_RSS_IPV6_OTHER);

    /// IPv6 with extension headers, over addresses; so the two below, over addresses and ports.
    pub const IPV6_EX: Self = Self(dpdk_sys::SHIM_RSS_IPV6_EX);
    /// TCP over IPv6 with extension headers.
    pub const IPV6_TCP_EX: Self = Self(dpdk_sys::SHIM_RSS_IPV6_TCP_EX);
    /// UDP over IPv6 with extension headers.
    pub const IPV6_UDP_EX: Self = Self(dpdk_sys::SHIM_RSS_IPV6_UDP_EX);

    /// The types of IPv6 that look into extension headers: a home address option or a routing header gives the
    /// address that is hashed. A packet without them is hashed as by the plain type, and some devices hash the
    /// ports of TCP over IPv6 for no other (the 82576 of QEMU).
    pub const IPV6_EXTENDED: Self =
        Self(Self::IPV6_EX.0 | Self::IPV6_TCP_EX.0 | Self::IPV6_UDP_EX.0);

    /// Every plain type named here, which is what the owner of a session depends on.
    pub const ALL_IP: Self = Self(
        Self::IPV4.0
            | Self::FRAGMENT_IPV4.0
            | Self::IPV4_TCP.0
            | Self::IPV4_UDP.0
            | Self::IPV4_SCTP.0
            | Self::IPV4_OTHER.0
            | Self::IPV6.0
            | Self::FRAGMENT_IPV6.0
            | Self::IPV6_TCP.0
            | Self::IPV6_UDP.0
            | Self::IPV6_SCTP.0
            | Self::IPV6_OTHER.0,
    );

    const NAMES: [(Self, &'static str); 15] = [
        (Self::IPV4, "ipv4"),
        (Self::FRAGMENT_IPV4, "fragment_ipv4"),
        (Self::IPV4_TCP, "ipv4_tcp"),
        (Self::IPV4_UDP, "ipv4_udp"),
        (Self::IPV4_SCTP, "ipv4_sctp"),
        (Self::IPV4_OTHER, "ipv4_other"),
        (Self::IPV6, "ipv6"),
        (Self::FRAGMENT_IPV6, "fragment_ipv6"),
        (Self::IPV6_TCP, "ipv6_tcp"),
        (Self::IPV6_UDP, "ipv6_udp"),
        (Self::IPV6_SCTP, "ipv6_sctp"),
        (Self::IPV6_OTHER, "ipv6_other"),
        (Self::IPV6_EX, "ipv6_ex"),
        (Self::IPV6_TCP_EX, "ipv6_tcp_ex"),
        (Self::IPV6_UDP_EX, "ipv6_udp_ex"),
    ];

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Whether nothing is hashed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every type of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the types that are in this set; those that have no constant here have no name either.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named = Self::NAMES.into_iter().filter(move |(types, _)| self.contains(*types));
        named.map(|(_, name)| name)
    }
}

impl BitOr for RssTypes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitAnd for RssTypes {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for RssTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in self.names() {
            write!(f, "{separator}{name}")?;
            separator = " ";
        }
        let others = self.without(Self(Self::ALL_IP.0 | Self::IPV6_EXTENDED.0));
        if !others.is_empty() {
            write!(f, "{separator}{:#x}", others.0)?;
        }
        Ok(())
    }
}

/// A key has a length that no driver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an RSS key has 40 to 64 octets, not {0}")]
pub struct RssKeyLength(pub usize);

/// A Toeplitz key of 40 to 64 octets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RssKey {
    octets: [u8; LONGEST_KEY],
    length: u8,
}

impl RssKey {
    /// From 40 to 64 octets.
    pub fn new(octets: &[u8]) -> Result<Self, RssKeyLength> {
        let wrong = RssKeyLength(octets.len());
        if octets.len() < SHORTEST_KEY || octets.len() > LONGEST_KEY {
            return Err(wrong);
        }
        let length = u8::try_from(octets.len()).map_err(|_| wrong)?;
        let mut key = Self { octets: [0; LONGEST_KEY], length };
        key.octets[..octets.len()].copy_from_slice(octets);
        Ok(key)
    }

    /// Two octets repeated over the length that a device wants ([`crate::DeviceInfo::rss_key_len`]): a hash that
    /// is the same in both directions.
    pub fn repeated(pair: [u8; 2], length: usize) -> Result<Self, RssKeyLength> {
        let octets: Vec<u8> = pair.into_iter().cycle().take(length).collect();
        Self::new(&octets)
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }

    pub(crate) const fn len(&self) -> u8 {
        self.length
    }
}

impl fmt::Debug for RssKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RssKey({:02x?})", self.as_bytes())
    }
}

/// How a port hashes what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RssConfig {
    /// The key.
    pub key: RssKey,
    /// Packet types asked for; those that the device offers are granted.
    pub types: RssTypes,
}

/// What a device hashes by, as its driver reads it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RssInForce {
    /// The octets of its key; a driver that does not tell leaves zeros.
    pub key: Vec<u8>,
    /// Packet types that it hashes.
    pub types: RssTypes,
}

/// The redirection table could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RetaError {
    /// The device has no such table, or a fixed one: packets are steered in software.
    #[error("the device's redirection table cannot be changed or read")]
    Unsupported,
    /// The table of another length was given.
    #[error("the device's redirection table has {wanted} entries, not {got}")]
    Size {
        /// Entries of the device's table.
        wanted: u16,
        /// Entries given.
        got: usize,
    },
    /// The device refused.
    #[error("the device refused its redirection table")]
    Device(#[source] Errno),
}

impl From<Errno> for RetaError {
    fn from(error: Errno) -> Self {
        if error.is_unsupported() { Self::Unsupported } else { Self::Device(error) }
    }
}

/// The table in DPDK's groups of 64, every entry marked to be written.
pub(crate) fn groups(table: &[u16]) -> Vec<dpdk_sys::rte_eth_rss_reta_entry64> {
    table
        .chunks(RETA_GROUP)
        .map(|entries| {
            let mut reta = [0; RETA_GROUP];
            reta[..entries.len()].copy_from_slice(entries);
            let mask = u64::MAX >> (RETA_GROUP - entries.len());
            dpdk_sys::rte_eth_rss_reta_entry64 { mask, reta }
        })
        .collect()
}

/// The first `length` entries of DPDK's groups.
pub(crate) fn entries(groups: &[dpdk_sys::rte_eth_rss_reta_entry64], length: u16) -> Vec<u16> {
    groups.iter().flat_map(|group| group.reta).take(usize::from(length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_lengths_that_devices_take() {
        let key = RssKey::repeated([0x6d, 0x5a], 40).unwrap();
        assert_eq!(key.as_bytes().len(), 40);
        assert_eq!(key.as_bytes()[38..], [0x6d, 0x5a]);
        assert_eq!(RssKey::repeated([1, 2], 52).unwrap().as_bytes().len(), 52);
        assert_eq!(RssKey::new(&[0; 16]), Err(RssKeyLength(16)));
        assert_eq!(RssKey::new(&[0; 65]), Err(RssKeyLength(65)));
    }

    #[test]
    fn types_read_as_words() {
        let types = RssTypes::IPV4_TCP
            | RssTypes::IPV6_OTHER
            | RssTypes::IPV6_TCP_EX
            | RssTypes::from_bits(1 << 40);
        assert_eq!(types.to_string(), "ipv4_tcp ipv6_other ipv6_tcp_ex 0x10000000000");
        assert!(RssTypes::ALL_IP.contains(RssTypes::IPV4_UDP | RssTypes::IPV6));
        assert_eq!(RssTypes::NONE.to_string(), "");
    }

    #[test]
    fn a_table_that_is_no_multiple_of_64_survives_the_groups() {
        let table: Vec<u16> = (0..100).collect();
        let groups = groups(&table);
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].mask, groups[1].mask), (u64::MAX, (1 << 36) - 1));
        assert_eq!(entries(&groups, 100), table);
    }
}
