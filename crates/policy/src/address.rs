//! Sets of addresses: ranges of both families, sorted and disjoint, searched by halving.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

/// The two ends of a range are of different families, or in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MixedRange;

impl fmt::Display for MixedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ends of the range are of different families, or in the wrong order")
    }
}

impl core::error::Error for MixedRange {}

/// An inclusive range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

impl AddressRange {
    /// The addresses from `first` to `last`.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, MixedRange> {
        let ordered = first.is_ipv4() == last.is_ipv4() && first <= last;
        if ordered { Ok(Self { first, last }) } else { Err(MixedRange) }
    }

    /// The lowest address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address.
    #[must_use]
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether the address is in it; never for one of the other family.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && self.first <= address && address <= self.last
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self { first: address, last: address }
    }
}

impl From<IpNet> for AddressRange {
    fn from(prefix: IpNet) -> Self {
        Self { first: prefix.network(), last: prefix.broadcast() }
    }
}

/// A set of addresses. Equal sets are equal however they were written.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct AddressSet {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
}

impl AddressSet {
    /// No address.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every address of both families.
    #[must_use]
    pub fn any() -> Self {
        Self { v4: Ranges([(0, u32::MAX)].into()), v6: Ranges([(0, u128::MAX)].into()) }
    }

    /// Whether no address is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.0.is_empty() && self.v6.0.is_empty()
    }

    /// Whether every address of both families is in it.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self.v4.0 == [(0, u32::MAX)] && *self.v6.0 == [(0, u128::MAX)]
    }

    /// Whether the address is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.to_bits()),
            IpAddr::V6(address) => self.v6.contains(address.to_bits()),
        }
    }

    /// The addresses in any of the sets; one pass, however many there are.
    #[must_use]
    pub fn union_of(sets: impl IntoIterator<Item = Self>) -> Self {
        let mut sets = sets.into_iter();
        let first = sets.next().unwrap_or_default();
        let Some(second) = sets.next() else { return first };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for set in [first, second].into_iter().chain(sets) {
            v4.extend_from_slice(&set.v4.0);
            v6.extend_from_slice(&set.v6.0);
        }
        Self { v4: Ranges::normalised(v4), v6: Ranges::normalised(v6) }
    }

    /// The addresses of this set that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self { v4: self.v4.minus(&other.v4), v6: self.v6.minus(&other.v6) }
    }

    /// The ranges, IPv4 first, ascending, with gaps between them.
    pub fn ranges(&self) -> impl Iterator<Item = AddressRange> + '_ {
        let v4 = self.v4.0.iter().map(|(first, last)| AddressRange {
            first: Ipv4Addr::from_bits(*first).into(),
            last: Ipv4Addr::from_bits(*last).into(),
        });
        let v6 = self.v6.0.iter().map(|(first, last)| AddressRange {
            first: Ipv6Addr::from_bits(*first).into(),
            last: Ipv6Addr::from_bits(*last).into(),
        });
        v4.chain(v6)
    }

    /// Whether an address of IPv4 (`false`: of IPv6) is in it.
    pub(crate) fn has_family(&self, v4: bool) -> bool {
        if v4 { !self.v4.0.is_empty() } else { !self.v6.0.is_empty() }
    }

    /// Whether all addresses of one family of `other` are in this set.
    pub(crate) fn covers(&self, other: &Self, v4: bool) -> bool {
        if v4 { self.v4.covers(&other.v4) } else { self.v6.covers(&other.v6) }
    }
}

impl FromIterator<AddressRange> for AddressSet {
    fn from_iter<I: IntoIterator<Item = AddressRange>>(ranges: I) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for range in ranges {
            match (range.first, range.last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => v4.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.to_bits(), last.to_bits())),
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                    unreachable!("AddressRange::new refuses ranges of two families")
                }
            }
        }
        Self { v4: Ranges::normalised(v4), v6: Ranges::normalised(v6) }
    }
}

impl fmt::Debug for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any");
        }
        let ranges = self.ranges().map(|range| format!("{}-{}", range.first, range.last));
        f.debug_list().entries(ranges).finish()
    }
}

/// An address as a number, with its neighbours.
trait Bits: Copy + Ord {
    /// The next one; `None` after the last.
    fn next(self) -> Option<Self>;
    /// The one before; `None` before the first.
    fn previous(self) -> Option<Self>;
}

impl Bits for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

impl Bits for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
    fn previous(self) -> Option<Self> {
        self.checked_sub(1)
    }
}

/// Inclusive ranges of one family: ascending, and no two overlap or touch. Shared, since many rules name
/// the same object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Ranges<T>(Arc<[(T, T)]>);

impl<T: Bits> Ranges<T> {
    fn normalised(mut ranges: Vec<(T, T)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if before.1.next().is_none_or(|next| first <= next) => {
                    before.1 = before.1.max(last);
                }
                Some(_) | None => merged.push((first, last)),
            }
        }
        Self(merged.into())
    }

    #[inline]
    fn contains(&self, address: T) -> bool {
        let at = self.0.partition_point(|(first, _)| *first <= address);
        at.checked_sub(1).is_some_and(|at| address <= self.0[at].1)
    }

    fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(first, last)| {
            let at = self.0.partition_point(|(start, _)| start <= first);
            at.checked_sub(1).is_some_and(|at| *last <= self.0[at].1)
        })
    }

    fn minus(&self, other: &Self) -> Self {
        if other.0.is_empty() {
            return self.clone();
        }
        let mut left = Vec::with_capacity(self.0.len());
        let mut holes = other.0.iter().peekable();
        for (first, last) in self.0.iter() {
            let mut rest = Some(*first);
            while let (Some(start), Some((hole_first, hole_last))) = (rest, holes.peek()) {
                if hole_first > last {
                    break;
                }
                if *hole_last >= start {
                    if let Some(before) = hole_first.previous().filter(|before| *before >= start) {
                        left.push((start, before));
                    }
                    rest = hole_last.next().filter(|next| next <= last);
                }
                // A hole that reaches past this range may also cut the next one.
                if hole_last > last {
                    break;
                }
                holes.next();
            }
            if let Some(start) = rest {
                left.push((start, *last));
            }
        }
        Self(left.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(first: u8, last: u8) -> (u32, u32) {
        (u32::from(first.min(last)), u32::from(first.max(last)))
    }

    /// Ranges among the first and the last few addresses, so that both ends of the space are met.
    fn some_ranges() -> impl Strategy<Value = Vec<(u32, u32)>> {
        let low = (any::<u8>(), any::<u8>()).prop_map(|(a, b)| range(a, b));
        let high = low.clone().prop_map(|(a, b)| (u32::MAX - b, u32::MAX - a));
        prop::collection::vec(prop_oneof![3 => low, 1 => high], 0..8)
    }

    fn addresses() -> impl Iterator<Item = u32> {
        (0..=300).chain(u32::MAX - 300..=u32::MAX)
    }

    fn within(ranges: &[(u32, u32)], address: u32) -> bool {
        ranges.iter().any(|(first, last)| (*first..=*last).contains(&address))
    }

    proptest! {
        #[test]
        fn sets_agree_with_their_ranges(one in some_ranges(), two in some_ranges()) {
            let first = Ranges::normalised(one.clone());
            let second = Ranges::normalised(two.clone());
            let union = Ranges::normalised([&*first.0, &*second.0].concat());
            let minus = first.minus(&second);
            let mut covered = true;
            for address in addresses() {
                let (in_one, in_two) = (within(&one, address), within(&two, address));
                prop_assert_eq!(first.contains(address), in_one);
                prop_assert_eq!(union.contains(address), in_one || in_two);
                prop_assert_eq!(minus.contains(address), in_one && !in_two, "{} {:?}", address, minus);
                covered &= in_one || !in_two;
            }
            prop_assert_eq!(first.covers(&second), covered);
            prop_assert_eq!(&Ranges::normalised(minus.0.to_vec()), &minus);
        }
    }

    #[test]
    fn families_are_apart() {
        let v4: AddressSet =
            [AddressRange::from("0.0.0.0/0".parse::<IpNet>().unwrap())].into_iter().collect();
        assert!(v4.contains("10.0.0.1".parse().unwrap()));
        assert!(!v4.contains("::a00:1".parse().unwrap()));
        assert!(!v4.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!v4.is_any());
        assert!(AddressSet::union_of([v4.clone(), AddressSet::any()]).is_any());
        assert!(AddressSet::any().minus(&AddressSet::any()).is_empty());
        assert!(AddressSet::any().minus(&v4).has_family(false));
        assert!(!AddressSet::any().minus(&v4).has_family(true));
    }

    #[test]
    fn ranges_of_two_families_or_reversed_are_refused() {
        let new = |first: &str, last: &str| {
            AddressRange::new(first.parse().unwrap(), last.parse().unwrap())
        };
        assert_eq!(new("10.0.0.1", "::1"), Err(MixedRange));
        assert_eq!(new("10.0.0.2", "10.0.0.1"), Err(MixedRange));
        assert!(new("10.0.0.1", "10.0.0.1").is_ok());
    }

    #[test]
    fn equal_sets_are_equal_however_written() {
        let set = |items: &[&str]| -> AddressSet {
            items.iter().map(|item| AddressRange::from(item.parse::<IpNet>().unwrap())).collect()
        };
        assert_eq!(set(&["10.0.0.0/25", "10.0.0.128/25"]), set(&["10.0.0.0/24", "10.0.0.7/32"]));
    }
}
