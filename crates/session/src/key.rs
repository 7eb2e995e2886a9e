//! The key of a session: the same for both directions, and its keyed hash.
//!
//! The hash here chooses a bucket of the table and nothing else. It is not the hash that chooses the
//! worker: that one is public and weak, this one is keyed with a secret, so that nobody can aim
//! collisions at the table.

use core::net::{IpAddr, Ipv6Addr};

use wire::{Plain, PlainAddresses};

use crate::Direction;

/// What tells conversations apart: addresses, protocol, ports or identifiers, and the context (which
/// wire or domain of wires, which VLANs). Both directions of a conversation have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Domain and VLAN tags, packed by [`Context`].
    pub context: Context,
    /// IP protocol number.
    pub protocol: u8,
    /// The two endpoints, the lower one first.
    pub endpoints: Endpoints,
}

/// What a source is counted as where hosts have shares: its address, or of IPv6 the /64 of that, of which one host may use
/// as many addresses as it likes (RFC 4291 §2.5.1, RFC 7934 §4).
#[must_use]
pub fn counted_as(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Two endpoints in a canonical order. Ports are 0 where the protocol has none. An ICMP query has its
/// identifier as the asker's port: two hosts may ask each other by the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// The addresses.
    pub addresses: Addresses,
    /// The ports, in the order of the addresses.
    pub ports: [u16; 2],
}

/// A pair of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// IPv4, as numbers in host order.
    V4([u32; 2]),
    /// IPv6, as numbers in host order.
    V6([u128; 2]),
}

impl Addresses {
    /// One of the two.
    #[inline]
    pub fn get(&self, side: usize) -> IpAddr {
        match self {
            Self::V4(pair) => IpAddr::V4(pair[side & 1].into()),
            Self::V6(pair) => IpAddr::V6(pair[side & 1].into()),
        }
    }
}

/// What separates equal tuples: the domain of wires and up to two VLAN identifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context(u32);

impl Context {
    /// Packs 8 bits of domain and twice 12 bits of VLAN. A frame without a tag has identifier 0, which
    /// the standard reserves for that (IEEE 802.1Q §9.6): a priority tag is in the same conversation.
    #[inline(always)]
    pub fn new(domain: u8, vlans: wire::VlanTags) -> Self {
        Self(
            u32::from(domain) << 24
                | u32::from(vlans.ids[0] & 0xfff) << 12
                | u32::from(vlans.ids[1] & 0xfff),
        )
    }

    /// The packed number.
    #[inline]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The packed VLAN identifiers without the domain: 24 bits.
    #[inline]
    pub const fn vlan_bits(self) -> u32 {
        self.0 & 0x00ff_ffff
    }

    /// The context of a packed number.
    #[inline]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The domain.
    #[inline]
    pub const fn domain(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// The outermost VLAN identifier, if there is one.
    #[inline]
    pub fn vlan(self) -> Option<u16> {
        let id = u16::try_from(self.0 >> 12 & 0xfff).unwrap_or(0);
        (id != 0).then_some(id)
    }
}

/// Which endpoint of a canonical pair a packet comes from: 0 the lower, 1 the upper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side(pub u8);

impl Side {
    /// The direction of a packet from this side in a session whose initiator is `initiator`.
    #[inline]
    pub fn direction(self, initiator: Self) -> Direction {
        if self == initiator { Direction::Original } else { Direction::Reply }
    }

    /// The other endpoint.
    #[inline]
    #[must_use]
    pub const fn other(self) -> Self {
        Self(self.0 ^ 1)
    }
}

impl Key {
    /// The key of a packet, and the side that it comes from.
    ///
    /// Addresses of different families, which no packet has, are taken as unequal IPv6 ones.
    #[inline]
    pub fn new(
        context: Context,
        protocol: u8,
        source: (IpAddr, u16),
        destination: (IpAddr, u16),
    ) -> (Self, Side) {
        let (addresses, swap) = match (source.0, destination.0) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let (from, to) = (u32::from(from), u32::from(to));
                let swap = (from, source.1) > (to, destination.1);
                (Addresses::V4(if swap { [to, from] } else { [from, to] }), swap)
            }
            (from, to) => {
                let (from, to) = (u128::from(to_v6(from)), u128::from(to_v6(to)));
                let swap = (from, source.1) > (to, destination.1);
                (Addresses::V6(if swap { [to, from] } else { [from, to] }), swap)
            }
        };
        let ports = if swap { [destination.1, source.1] } else { [source.1, destination.1] };
        let endpoints = Endpoints { addresses, ports };
        (Self { context, protocol, endpoints }, Side(u8::from(swap)))
    }

    /// What will be the key of a plain packet by [`Self::order`]: the sender's endpoint stands first.
    #[inline(always)]
    pub fn of_sender(context: Context, packet: &Plain) -> Self {
        let addresses = match packet.addresses {
            PlainAddresses::V4(pair) => Addresses::V4(pair),
            PlainAddresses::V6(pair) => Addresses::V6(pair),
        };
        let endpoints = Endpoints { addresses, ports: packet.ports };
        Self { context, protocol: packet.protocol, endpoints }
    }

    /// Makes it the key that [`Self::new`] gives, whatever the order of its endpoints. Gives the side of the first.
    ///
    /// Which of the two is the lower is as good as chance: no branch depends on it.
    #[inline(always)]
    pub fn order(&mut self) -> Side {
        let Endpoints { addresses, ports } = &mut self.endpoints;
        let swap = match addresses {
            Addresses::V4(pair) => {
                let ends = [whole(pair[0], ports[0]), whole(pair[1], ports[1])];
                let (lower, upper) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                ((pair[0], ports[0]), (pair[1], ports[1])) = (parts(lower), parts(upper));
                ends[0] > ends[1]
            }
            Addresses::V6(pair) => {
                let swap = (pair[0], ports[0]) > (pair[1], ports[1]);
                let [lower, upper] = [usize::from(swap), usize::from(!swap)];
                *pair = [pair[lower], pair[upper]];
                *ports = [ports[lower], ports[upper]];
                swap
            }
        };
        Side(u8::from(swap))
    }

    /// The address and port of one side.
    #[inline]
    pub fn endpoint(&self, side: Side) -> (IpAddr, u16) {
        let index = usize::from(side.0 & 1);
        (self.endpoints.addresses.get(index), self.endpoints.ports[index])
    }

    /// The keyed hash that the table and the tombstones use.
    #[inline(always)]
    pub fn hash(&self, seed: &HashSeed) -> u64 {
        let Endpoints { addresses, ports } = self.endpoints;
        let rest = u64::from(self.context.bits()) << 32
            ^ u64::from(ports[0]) << 16
            ^ u64::from(ports[1])
            ^ u64::from(self.protocol) << 56;
        let state = match addresses {
            Addresses::V4([lower, upper]) => {
                fold(u64::from(lower) << 32 | u64::from(upper), seed.0[0])
            }
            Addresses::V6([lower, upper]) => {
                let [a, b] = halves(lower);
                let [c, d] = halves(upper);
                fold(a ^ seed.0[2], b ^ seed.0[0])
                    ^ fold(c ^ seed.0[3], d ^ seed.0[1]).rotate_left(23)
            }
        };
        // After one product a scan of ports lies on a lattice, dense or sparse as the secret has it; after two it
        // is spread as by chance.
        fold(fold(state ^ rest, seed.0[1]) ^ seed.0[2], seed.0[3])
    }
}

/// An IPv4 address and a port as one number.
#[inline(always)]
fn whole(address: u32, port: u16) -> u64 {
    u64::from(address) << 16 | u64::from(port)
}

/// The two parts of [`whole`].
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "each part is what its shift leaves")]
fn parts(whole: u64) -> (u32, u16) {
    ((whole >> 16) as u32, whole as u16)
}

#[inline]
fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
const fn halves(wide: u128) -> [u64; 2] {
    [(wide >> 64) as u64, wide as u64]
}

/// The full product of two words, its halves folded together: each input bit reaches every output bit.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let [high, low] = halves((a as u128) * (b as u128));
    high ^ low
}

/// The secret of the table's hash: new at each start, constant in replay.
#[derive(Clone, Copy)]
pub struct HashSeed([u64; 4]);

impl core::fmt::Debug for HashSeed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("HashSeed(secret)")
    }
}

impl HashSeed {
    /// Four odd words from one number, by SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
    /// Number Generators, 2014).
    pub const fn new(seed: u64) -> Self {
        let mut words = [0; 4];
        let mut state = seed;
        let mut index = 0;
        while index < words.len() {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            words[index] = (z ^ (z >> 31)) | 1;
            index += 1;
        }
        Self(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn both_directions_share_key_and_hash() {
        let seed = HashSeed::new(7);
        let (there, from_a) = Key::new(Context::default(), 6, (A, 1025), (B, 80));
        let (back, from_b) = Key::new(Context::default(), 6, (B, 80), (A, 1025));
        assert_eq!(there, back);
        assert_eq!(from_a.other(), from_b);
        assert_eq!(there.hash(&seed), back.hash(&seed));
        assert_eq!(there.endpoint(from_a), (A, 1025));
        assert_eq!(there.endpoint(from_b), (B, 80));
    }

    #[test]
    fn one_address_is_told_apart_by_its_ports() {
        let (there, client) = Key::new(Context::default(), 6, (A, 1025), (A, 21));
        let (back, server) = Key::new(Context::default(), 6, (A, 21), (A, 1025));
        assert_eq!(there, back);
        assert_ne!(client, server);
    }

    /// Put in order, what stands with its sender first is the key that any packet has, of either family, whatever of
    /// address and port decides the order.
    #[test]
    fn a_plain_packet_has_the_same_key() {
        let families = [[1, 2], [0x2001 << 112, 0x2001 << 112 | 1]];
        for (addresses, is_v6) in families.into_iter().zip([false, true]) {
            for [from, to] in [addresses, [addresses[1], addresses[0]], [addresses[0]; 2]] {
                for ports in [[1, 2], [2, 1], [0xffff, 1], [7, 7]] {
                    let narrow = |address: u128| u32::try_from(address).unwrap_or(0);
                    let (pair, whole) = if is_v6 {
                        let whole = [from, to].map(|it| IpAddr::V6(it.into()));
                        (PlainAddresses::V6([from, to]), whole)
                    } else {
                        let pair = [from, to].map(narrow);
                        (PlainAddresses::V4(pair), pair.map(|it| IpAddr::V4(it.into())))
                    };
                    let vlans = wire::VlanTags { count: 1, ids: [9, 0] };
                    let packet = Plain {
                        vlans,
                        addresses: pair,
                        ports,
                        protocol: 17,
                        length: 60,
                        l4: 34,
                        end: 74,
                    };
                    let context = Context::new(3, vlans);
                    let mut key = Key::of_sender(context, &packet);
                    let side = key.order();
                    let (source, destination) = ((whole[0], ports[0]), (whole[1], ports[1]));
                    assert_eq!((key, side), Key::new(context, 17, source, destination));
                }
            }
        }
    }

    #[test]
    fn context_and_protocol_separate() {
        let tag = wire::VlanTags { count: 1, ids: [5, 0] };
        let key = |context, protocol| Key::new(context, protocol, (A, 1), (B, 2)).0;
        let plain = key(Context::default(), 17);
        assert_ne!(plain, key(Context::new(0, tag), 17));
        assert_ne!(plain, key(Context::new(1, wire::VlanTags::default()), 17));
        assert_ne!(plain, key(Context::default(), 6));
        assert_eq!(Context::new(3, tag).vlan(), Some(5));
        assert_eq!(Context::new(3, tag).domain(), 3);
    }

    /// A scan in one dimension must not fill few buckets, whatever the secret: of 65,536 ports, both with IPv4
    /// and IPv6, any 16 bits of the hash reach as many values as by chance: 1 - 1/e of all.
    #[test]
    fn scans_spread_over_the_table() {
        let pairs = [(A, B), ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap())];
        for (secret, (source, destination)) in (1..=6).flat_map(|n| pairs.map(|pair| (n, pair))) {
            let seed = HashSeed::new(secret);
            let hash = |port| {
                Key::new(Context::default(), 17, (source, 9), (destination, port)).0.hash(&seed)
            };
            let hashes: Vec<u64> = (0..=u16::MAX).map(hash).collect();
            for shift in [0, 16, 32, 48] {
                let mut seen = vec![false; 65536];
                for hash in &hashes {
                    seen[usize::try_from(hash >> shift & 0xffff).unwrap()] = true;
                }
                let reached = seen.iter().filter(|&&hit| hit).count();
                assert!(
                    (40_700..42_200).contains(&reached),
                    "secret {secret}, {destination}: {reached} of 65536, shift {shift}"
                );
            }
        }
    }
}
