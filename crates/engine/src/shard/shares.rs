//! How what readers take is divided among the sources of the sessions that they read: places, and memory beyond what each
//! reader may have.
//!
//! Of either a source may have as much as is left for all others, and always a small part: one alone gets half, the next a
//! quarter, and however many take what they can, there is something left for the next. (Choudhury and Hahne, Dynamic
//! Queue Length Thresholds, 1998, with the factor 1.)
//! A source is an address, or of IPv6 a /64 ([`counted_as`]).

use core::net::IpAddr;
use core::num::NonZeroU32;

use session::key::counted_as;

use super::tally::Tally;

/// What a source may always have: one of so many parts.
const PARTS: usize = 64;

/// What is taken, in all and by source.
#[derive(Debug)]
pub(super) struct Shares {
    places: Tally<IpAddr>,
    octets: Tally<IpAddr>,
    taken: Taken,
    most: Taken,
}

/// Places and octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) places: usize,
    pub(super) octets: usize,
}

impl Shares {
    /// Nothing is taken of `most`. `seed`: the secret of the maps' hash.
    pub(super) fn new(seed: u64, most: Taken) -> Self {
        let sources = in_32_bits(most.places);
        Self {
            places: Tally::new(sources, seed),
            octets: Tally::new(sources, !seed),
            taken: Taken::default(),
            most,
        }
    }

    /// Octets that the maps take at most, of so many places.
    pub(super) fn memory(places: usize) -> usize {
        2 * Tally::<IpAddr>::memory(in_32_bits(places))
    }

    /// Octets that are taken.
    pub(super) fn octets(&self) -> usize {
        self.taken.octets
    }

    /// Whether a place is left.
    pub(super) fn has_place(&self) -> bool {
        self.taken.places < self.most.places
    }

    /// Whether more than half of the places are taken.
    pub(super) fn is_filling(&self) -> bool {
        self.taken.places > self.most.places / 2
    }

    /// Whether a source may have one more place, if there is one.
    pub(super) fn may_enter(&self, source: IpAddr) -> bool {
        let own = self.places.count(&counted_as(source)) as usize;
        own < share(self.most.places, self.taken.places)
    }

    /// Octets that a reader of a session of this source may take beyond what it has.
    pub(super) fn room(&self, source: IpAddr) -> usize {
        let Taken { octets, .. } = self.taken;
        let left = self.most.octets.saturating_sub(octets);
        // While a quarter is not reached no source can have more than its share after one packet either.
        if octets <= self.most.octets / 4 {
            return left / 2;
        }
        let own = self.octets.count(&counted_as(source)) as usize;
        left.min(share(self.most.octets, octets).saturating_sub(own))
    }

    /// A session of the source is read.
    pub(super) fn enter(&mut self, source: IpAddr) {
        self.taken.places += 1;
        self.places.enter(counted_as(source));
    }

    /// One of its sessions is read no more, whose reader held so many octets.
    pub(super) fn leave(&mut self, source: IpAddr, octets: usize) {
        self.hold(source, octets, 0);
        self.taken.places -= 1;
        self.places.leave(&counted_as(source));
    }

    /// What one of its readers holds is another number.
    pub(super) fn hold(&mut self, source: IpAddr, before: usize, after: usize) {
        self.taken.octets = self.taken.octets + after - before;
        if let Some(more) = NonZeroU32::new(in_32_bits(after.saturating_sub(before))) {
            self.octets.add(counted_as(source), more);
        } else if before > after {
            self.octets.subtract(&counted_as(source), in_32_bits(before - after));
        }
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        let left = |number| {
            let source = tests::source(number);
            self.places.count(&source) + self.octets.count(&source)
        };
        (0..8).all(|number| left(number) == 0) && self.taken == Taken::default()
    }
}

/// There are less than 2^32 places, and octets.
fn in_32_bits(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What one may have of so much, of which so much is taken.
fn share(most: usize, taken: usize) -> usize {
    most.saturating_sub(taken).max(most.div_ceil(PARTS))
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    pub(super) fn source(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
    }

    /// Each takes what it can, one after the other.
    #[test]
    fn who_comes_next_finds_a_share() {
        let most = Taken { places: 1024, octets: 1 << 20 };
        let mut shares = Shares::new(7, most);
        let mut taken = Vec::new();
        for number in 0..4 {
            let source = source(number);
            let mut own = Taken::default();
            while shares.may_enter(source) {
                shares.enter(source);
                own.places += 1;
            }
            while shares.room(source) >= 1024 {
                shares.hold(source, own.octets, own.octets + 1024);
                own.octets += 1024;
            }
            taken.push(own);
        }
        assert_eq!(taken.iter().map(|own| own.places).collect::<Vec<_>>(), [512, 256, 128, 64]);
        let octets = taken.iter().map(|own| own.octets >> 10).collect::<Vec<_>>();
        assert_eq!(octets, [512, 256, 128, 64]);
        for (number, own) in (0..).zip(taken) {
            for place in 0..own.places {
                shares.leave(source(number), if place == 0 { own.octets } else { 0 });
            }
        }
        assert!(shares.is_empty());
    }

    /// However many there are, all together have no more than there is.
    #[test]
    fn nobody_takes_what_is_not_there() {
        let mut shares = Shares::new(7, Taken { places: 64, octets: 64 << 10 });
        let mut octets = 0;
        for number in 0..200 {
            let source = source(number);
            if shares.has_place() && shares.may_enter(source) {
                shares.enter(source);
                let room = shares.room(source);
                shares.hold(source, 0, room);
                octets += room;
            }
        }
        assert!(!shares.has_place() && shares.is_filling());
        assert!(octets <= 64 << 10, "{octets}");
        assert_eq!(shares.taken, Taken { places: 64, octets });
    }

    proptest! {
        /// The same as plain lists of who has what; and whoever asks first, no more than there is is ever taken.
        #[test]
        fn they_are_lists_of_who_has_what(
            deeds in proptest::collection::vec((0..6_u32, 0..4_u8, 0..5000_usize), 1..200),
        ) {
            let most = Taken { places: 16, octets: 16 << 10 };
            let mut shares = Shares::new(7, most);
            // Readers: of which source, and how much each holds.
            let mut readers = Vec::<(u32, usize)>::new();
            for (number, deed, octets) in deeds {
                let source = source(number);
                let of = |readers: &[(u32, usize)]| {
                    let own = readers.iter().filter(|(of, _)| *of == number);
                    (own.clone().count(), own.map(|(_, octets)| octets).sum::<usize>())
                };
                let (places, held) = of(&readers);
                let taken: usize = readers.iter().map(|(_, octets)| octets).sum();
                let left = most.places.saturating_sub(readers.len());
                prop_assert_eq!(shares.may_enter(source), places < left.max(1));
                prop_assert_eq!(shares.has_place(), readers.len() < most.places);
                let room = shares.room(source);
                prop_assert!(room <= most.octets - taken);
                if taken > most.octets / 4 {
                    let share = (most.octets - taken).max(most.octets / PARTS);
                    prop_assert!(room <= share.saturating_sub(held), "{} of {}", room, share);
                }
                let at = readers.iter().position(|(of, _)| *of == number);
                match (deed, at) {
                    (0, _) if shares.has_place() && shares.may_enter(source) => {
                        shares.enter(source);
                        readers.push((number, 0));
                    }
                    (1, Some(at)) => {
                        let (_, held) = readers.swap_remove(at);
                        shares.leave(source, held);
                    }
                    (_, Some(at)) => {
                        let before = readers[at].1;
                        let after = if deed == 2 { before + octets.min(room) } else { before / 2 };
                        shares.hold(source, before, after);
                        readers[at].1 = after;
                    }
                    (_, None) => {}
                }
                let octets: usize = readers.iter().map(|(_, octets)| octets).sum();
                prop_assert_eq!(shares.taken, Taken { places: readers.len(), octets });
                prop_assert!(octets <= most.octets && readers.len() <= most.places);
            }
            for (number, octets) in readers {
                shares.leave(source(number), octets);
            }
            prop_assert!(shares.is_empty());
        }
    }

    /// One host has as many addresses of its /64 as it likes, and no more of the shares for that.
    #[test]
    fn a_subnet_of_ipv6_is_one_source() {
        let mut shares = Shares::new(7, Taken { places: 64, octets: 64 << 10 });
        let host = |number: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | number).into());
        let taken = (0..64).take_while(|number| {
            let may = shares.may_enter(host(*number));
            if may {
                shares.enter(host(*number));
            }
            may
        });
        assert_eq!(taken.count(), 32);
        assert!(shares.may_enter(host(1 << 64)), "another subnet");
    }
}
