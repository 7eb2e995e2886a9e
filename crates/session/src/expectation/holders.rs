//! Who holds the places of a region: sources, each for itself at each gateway, and which of them gives way.
//!
//! When a gateway has all the places that it may have, a source gives way that holds most, or more than half of what that
//! one does: who announces little loses nothing to who announces much (longest queue drop: Suter, Lakshman, Stiliadis and
//! Choudhury, Buffer Management Schemes for Supporting TCP in Gigabit Routers with Per-flow Queueing, 1999). Sources are
//! found by chains from a keyed hash, and stand in lists by the power of two that their number is of: every step is of
//! bounded length, and all memory is taken at the start.

use core::net::{IpAddr, Ipv4Addr};

use super::publisher::NONE;

/// One for each power of two.
const CLASSES: usize = 32;

/// The sources of a region.
#[derive(Debug)]
pub(super) struct Holders {
    /// By hash, a power of two of them: the first of each chain.
    chains: Box<[u32]>,
    holders: Box<[Holder]>,
    /// The first that is nobody's; the others follow as in a chain.
    free: u32,
    /// By gateway and class: those that have been in it for longest, and for shortest.
    classes: Box<[[[u32; 2]; CLASSES]]>,
}

/// A source at a gateway.
#[derive(Clone, Copy, Debug)]
struct Holder {
    source: IpAddr,
    gateway: u8,
    chain: u32,
    /// The next of the chain.
    next: u32,
    count: u32,
    /// Neighbours in the class, from earlier to later.
    earlier: u32,
    later: u32,
    order: Order,
}

/// The places of one, in the order of publication.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) oldest: u32,
    pub(super) newest: u32,
}

impl Holders {
    /// Octets for each place.
    pub(super) const EACH: usize = size_of::<Holder>() + 2 * size_of::<u32>();

    /// Nobody holds any of so many places.
    pub(super) fn new(places: usize, gateways: usize) -> Self {
        let numbers = 1..=u32::try_from(places).unwrap_or(NONE);
        let holder = |next: u32| Holder {
            source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            gateway: 0,
            chain: 0,
            next: if next as usize == places { NONE } else { next },
            count: 0,
            earlier: NONE,
            later: NONE,
            order: Order { oldest: NONE, newest: NONE },
        };
        Self {
            chains: vec![NONE; places.next_power_of_two()].into_boxed_slice(),
            holders: numbers.map(holder).collect(),
            free: if places == 0 { NONE } else { 0 },
            classes: vec![[[NONE; 2]; CLASSES]; gateways].into_boxed_slice(),
        }
    }

    /// The source of this hash, if it holds any.
    pub(super) fn find(&self, hash: u64, gateway: u8, source: IpAddr) -> Option<u32> {
        let mut at = self.chains[self.chain(hash) as usize];
        while let Some(holder) = self.holders.get(at as usize) {
            if (holder.gateway, holder.source) == (gateway, source) {
                return Some(at);
            }
            at = holder.next;
        }
        None
    }

    /// A source holds one more. There must be a place that nobody holds.
    pub(super) fn take(&mut self, hash: u64, gateway: u8, source: IpAddr) -> u32 {
        let at = self.find(hash, gateway, source);
        let at = at.unwrap_or_else(|| self.begin(self.chain(hash), gateway, source));
        self.change(at, self.count(at) + 1);
        at
    }

    /// It holds one less.
    pub(super) fn give(&mut self, at: u32) {
        self.change(at, self.count(at) - 1);
        if self.count(at) == 0 {
            self.end(at);
        }
    }

    /// How many it holds.
    pub(super) fn count(&self, at: u32) -> u32 {
        self.holders[at as usize].count
    }

    /// Its places, in their order.
    pub(super) fn order(&mut self, at: u32) -> &mut Order {
        &mut self.holders[at as usize].order
    }

    /// Who gives way to `newcomer` at a gateway: itself, if it is among those who hold most.
    pub(super) fn gives_way(&self, gateway: u8, newcomer: Option<u32>) -> Option<u32> {
        let classes = &self.classes[usize::from(gateway) % self.classes.len()];
        let (class, [first, _]) =
            classes.iter().enumerate().rev().find(|(_, [first, _])| *first != NONE)?;
        let own = newcomer.filter(|at| class_of(self.count(*at)) == class);
        Some(own.unwrap_or(*first))
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are no more chains than that")]
    fn chain(&self, hash: u64) -> u32 {
        hash as u32 & (self.chains.len() - 1) as u32
    }

    fn begin(&mut self, chain: u32, gateway: u8, source: IpAddr) -> u32 {
        let at = self.free;
        let first = core::mem::replace(&mut self.chains[chain as usize], at);
        let holder = &mut self.holders[at as usize];
        self.free = core::mem::replace(&mut holder.next, first);
        (holder.source, holder.gateway, holder.chain) = (source, gateway, chain);
        at
    }

    fn end(&mut self, at: u32) {
        let Holder { chain, next, .. } = self.holders[at as usize];
        let mut before = self.chains[chain as usize];
        if before == at {
            self.chains[chain as usize] = next;
        } else {
            while self.holders[before as usize].next != at {
                before = self.holders[before as usize].next;
            }
            self.holders[before as usize].next = next;
        }
        self.holders[at as usize].next = self.free;
        self.free = at;
    }

    /// It holds so many now.
    fn change(&mut self, at: u32, count: u32) {
        let before = core::mem::replace(&mut self.holders[at as usize].count, count);
        let [from, to] = [before, count].map(|count| (count > 0).then(|| class_of(count)));
        if from == to {
            return;
        }
        let gateway = usize::from(self.holders[at as usize].gateway) % self.classes.len();
        if let Some(class) = from {
            let Holder { earlier, later, .. } = self.holders[at as usize];
            match self.holders.get_mut(earlier as usize) {
                Some(holder) => holder.later = later,
                None => self.classes[gateway][class][0] = later,
            }
            match self.holders.get_mut(later as usize) {
                Some(holder) => holder.earlier = earlier,
                None => self.classes[gateway][class][1] = earlier,
            }
        }
        if let Some(class) = to {
            let last = core::mem::replace(&mut self.classes[gateway][class][1], at);
            match self.holders.get_mut(last as usize) {
                Some(holder) => holder.later = at,
                None => self.classes[gateway][class][0] = at,
            }
            let holder = &mut self.holders[at as usize];
            (holder.earlier, holder.later) = (last, NONE);
        }
    }
}

const fn class_of(count: u32) -> usize {
    count.ilog2() as usize
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    impl Holders {
        pub(in super::super) fn source(&self, at: u32) -> IpAddr {
            self.holders[at as usize].source
        }

        /// Walks the classes of a gateway and the places of each source, of which `next` tells the number and the neighbour:
        /// they are what `counts` says, in the order of publication.
        pub(in super::super) fn check(
            &self,
            gateway: u8,
            counts: &HashMap<IpAddr, u32>,
            next: impl Fn(u32) -> (u64, u32),
        ) {
            let mut seen = 0;
            for (class, [first, _]) in self.classes[usize::from(gateway)].iter().enumerate() {
                let mut at = *first;
                while let Some(holder) = self.holders.get(at as usize) {
                    assert_eq!(counts.get(&holder.source), Some(&holder.count));
                    assert_eq!((class, gateway), (class_of(holder.count), holder.gateway));
                    let (mut place, mut last, mut places) = (holder.order.oldest, 0, 0);
                    while place != NONE {
                        let (sequence, newer) = next(place);
                        assert!(sequence > last, "from older to newer");
                        (last, places) = (sequence, places + 1);
                        if newer == NONE {
                            assert_eq!(place, holder.order.newest);
                        }
                        place = newer;
                    }
                    assert_eq!(places, holder.count);
                    (at, seen) = (holder.later, seen + 1);
                }
            }
            assert_eq!(seen, counts.len());
        }
    }

    proptest! {
        /// The same as a plain map, and who gives way holds more than half of what anybody does.
        #[test]
        fn they_are_a_map_of_numbers(
            steps in prop::collection::vec((0..12_u8, 0..2_u8, prop::bool::weighted(0.7)), 1..300),
        ) {
            const PLACES: usize = 64;
            let source = |number: u8| IpAddr::V4(Ipv4Addr::new(10, 0, 0, number));
            // Chains are shared by four.
            let hash = |number: u8| u64::from(number % 3);
            let mut holders = Holders::new(PLACES, 2);
            let mut map = HashMap::<(u8, u8), u32>::new();
            for (number, gateway, takes) in steps {
                let of = (number, gateway);
                let found = holders.find(hash(number), gateway, source(number));
                prop_assert_eq!(found.is_some(), map.contains_key(&of));
                if takes && map.values().sum::<u32>() < 64 {
                    holders.take(hash(number), gateway, source(number));
                    *map.entry(of).or_default() += 1;
                } else if let Some(at) = found {
                    holders.give(at);
                    *map.get_mut(&of).unwrap() -= 1;
                    map.retain(|_, count| *count > 0);
                }
                for gateway in 0..2 {
                    let counts = map.iter().filter(|((_, of), _)| *of == gateway);
                    let most = counts.map(|(_, count)| *count).max();
                    let gives = holders.gives_way(gateway, None).map(|at| holders.count(at));
                    prop_assert_eq!(gives.is_some(), most.is_some());
                    prop_assert!(gives.zip(most).is_none_or(|(gives, most)| 2 * gives > most));
                }
            }
            for ((number, gateway), count) in map {
                let at = holders.find(hash(number), gateway, source(number)).unwrap();
                prop_assert_eq!(holders.count(at), count);
            }
        }
    }
}
