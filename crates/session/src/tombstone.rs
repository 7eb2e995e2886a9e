//! What is remembered of ended sessions, so that a drop can say "expired idle 3600 s, 37 s ago" apart from "never seen".
//!
//! A ring of fixed size: a new tombstone takes the place of the oldest. All memory is taken when it is made, and nothing
//! is ever rehashed. Not here: the session's key, of which only a fingerprint is kept; so an answer is good for telling
//! people why, and never for deciding about a packet.

use core::time::Duration;

use crate::Time;

/// What is remembered of one ended session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone<W> {
    /// When it ended.
    pub ended_at: Time,
    /// How long it had been idle by then.
    pub idle_for: Duration,
    /// Why it ended.
    pub why: W,
}

/// The last sessions that ended, by fingerprint of their key.
///
/// A fingerprint is a hash of the session's key under a secret seed: its low bits choose the bucket.
#[derive(Debug)]
pub struct Tombstones<W> {
    capacity: usize,
    /// Grows to `capacity`, within memory taken at the start; from then on `next` runs around it.
    ring: Vec<Slot<W>>,
    next: usize,
    /// The newest slot of each bucket's chain, which goes from newer to older.
    buckets: Box<[Option<u32>]>,
}

#[derive(Debug)]
struct Slot<W> {
    fingerprint: u64,
    tombstone: Tombstone<W>,
    older: Option<u32>,
}

impl<W: Copy> Tombstones<W> {
    /// Room for `capacity` tombstones; at most 2^32 - 1. With 0 nothing is remembered.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.min(u32::MAX as usize);
        Self {
            capacity,
            ring: Vec::with_capacity(capacity),
            next: 0,
            buckets: vec![None; capacity.max(1).next_power_of_two()].into_boxed_slice(),
        }
    }

    /// The memory that room for `capacity` tombstones takes, in octets.
    pub const fn memory(capacity: usize) -> usize {
        let buckets = if capacity == 0 { 1 } else { capacity.next_power_of_two() };
        let buckets = buckets.saturating_mul(size_of::<Option<u32>>());
        capacity.saturating_mul(size_of::<Slot<W>>()).saturating_add(buckets)
    }

    /// How many are remembered: once the capacity is reached it stays there.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether nothing has ended yet")]
    pub const fn len(&self) -> usize {
        self.ring.len()
    }

    /// Remembers a session that ended, in the place of the oldest if there is no other.
    pub fn bury(&mut self, fingerprint: u64, tombstone: Tombstone<W>) {
        let Ok(at) = u32::try_from(self.next) else { return };
        if self.next >= self.capacity {
            return;
        }
        if self.next < self.ring.len() {
            self.unlink(at);
        }
        let bucket = self.bucket(fingerprint);
        let slot = Slot { fingerprint, tombstone, older: self.buckets[bucket] };
        match self.ring.get_mut(self.next) {
            Some(oldest) => *oldest = slot,
            None => self.ring.push(slot),
        }
        self.buckets[bucket] = Some(at);
        self.next = (self.next + 1) % self.capacity;
    }

    /// The last session of that fingerprint, if it is still remembered.
    pub fn lookup(&self, fingerprint: u64) -> Option<&Tombstone<W>> {
        let mut cursor = self.buckets[self.bucket(fingerprint)];
        while let Some(at) = cursor {
            let slot = &self.ring[at as usize];
            if slot.fingerprint == fingerprint {
                return Some(&slot.tombstone);
            }
            cursor = slot.older;
        }
        None
    }

    /// Takes the oldest slot off its chain, of which it is the end.
    fn unlink(&mut self, oldest: u32) {
        let bucket = self.bucket(self.ring[oldest as usize].fingerprint);
        if self.buckets[bucket] == Some(oldest) {
            self.buckets[bucket] = None;
            return;
        }
        let mut cursor = self.buckets[bucket];
        while let Some(at) = cursor {
            let slot = &mut self.ring[at as usize];
            if slot.older == Some(oldest) {
                slot.older = None;
                return;
            }
            cursor = slot.older;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask leaves only the low bits")]
    const fn bucket(&self, fingerprint: u64) -> usize {
        // The number of buckets is a power of two.
        fingerprint as usize & (self.buckets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stone(second: u64) -> Tombstone<u64> {
        let (ended_at, idle_for) = (Time::from_secs(second), Duration::from_secs(3600));
        Tombstone { ended_at, idle_for, why: second }
    }

    #[test]
    fn it_tells_the_ended_from_the_never_seen() {
        let mut stones = Tombstones::new(4);
        stones.bury(7, stone(1));
        assert_eq!(stones.lookup(7), Some(&stone(1)));
        assert_eq!(stones.lookup(8), None);
        assert_eq!(stones.lookup(7 + 4), None, "same bucket, another fingerprint");
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut stones = Tombstones::new(3);
        for n in 0..5 {
            stones.bury(n, stone(n));
        }
        assert_eq!(stones.len(), 3);
        let known: Vec<_> = (0..5).filter(|n| stones.lookup(*n).is_some()).collect();
        assert_eq!(known, [2, 3, 4]);
    }

    #[test]
    fn of_one_key_the_last_end_counts_and_outlives_the_first() {
        let mut stones = Tombstones::new(2);
        stones.bury(7, stone(1));
        stones.bury(7, stone(2));
        assert_eq!(stones.lookup(7), Some(&stone(2)));
        stones.bury(8, stone(3));
        assert_eq!(stones.lookup(7), Some(&stone(2)), "only the first is overwritten");
        stones.bury(9, stone(4));
        assert_eq!(stones.lookup(7), None);
    }

    #[test]
    fn without_room_nothing_is_remembered() {
        let mut stones = Tombstones::new(0);
        stones.bury(7, stone(1));
        assert_eq!((stones.lookup(7), stones.len()), (None, 0));
    }

    #[test]
    fn its_memory_does_not_grow() {
        let mut stones = Tombstones::new(100);
        let (ring, buckets) = (stones.ring.capacity(), stones.buckets.len());
        for n in 0..100_000 {
            stones.bury(n, stone(n));
        }
        assert_eq!((stones.ring.capacity(), stones.buckets.len()), (ring, buckets));
        assert_eq!(stones.len(), 100);
        assert_eq!(Tombstones::<u64>::memory(100), 100 * size_of::<Slot<u64>>() + 128 * 8);
    }

    proptest! {
        /// Beside a list of the last ends, searched from its end; few fingerprints, so that chains are long.
        #[test]
        fn it_is_the_end_of_a_list(capacity in 0usize..9, ends in prop::collection::vec(0u64..40, 0..80)) {
            let mut stones = Tombstones::new(capacity);
            let mut list = vec![];
            for (second, fingerprint) in (0..).zip(ends) {
                stones.bury(fingerprint, stone(second));
                list.push((fingerprint, stone(second)));
                let last = &list[list.len().saturating_sub(capacity)..];
                for fingerprint in 0..40 {
                    let expected = last.iter().rfind(|(known, _)| *known == fingerprint);
                    prop_assert_eq!(stones.lookup(fingerprint), expected.map(|(_, stone)| stone));
                }
            }
        }
    }
}
