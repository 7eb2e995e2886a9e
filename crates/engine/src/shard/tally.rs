//! How many there are of each key.
//!
//! A map that grows moves all that it holds, which for a million keys would hold up the packets for tens of milliseconds.
//! So there are many small maps, by the key's hash: each grows by itself, and what it moves at once is bounded.
//! Memory is taken as keys come, at most what [`Tally::memory`] says.

use core::hash::Hash;
use core::num::NonZeroU32;

use ahash::RandomState;
use hashbrown::HashTable;

/// Keys of a part, when there are as many as there may be: so many are moved in some ten microseconds. With a sixth
/// more, which chance does not bring together, they still fit into [`PLACES`].
const KEYS_OF_PART: u32 = 640;
/// Places of a part that has that many: a power of two, of which seven eighths may be taken.
const PLACES: usize = 1024;

/// Counts by key; keys of which there is none are not remembered.
#[derive(Debug)]
pub(super) struct Tally<K> {
    parts: Box<[HashTable<(K, NonZeroU32)>]>,
    hasher: RandomState,
}

impl<K: Hash + Eq> Tally<K> {
    /// For about as many keys as `most`. `seed`: the secret of the hash.
    pub(super) fn new(most: u32, seed: u64) -> Self {
        let hasher =
            RandomState::with_seeds(seed, !seed, seed.rotate_left(21), seed.rotate_left(42));
        Self { parts: (0..parts(most)).map(|_| HashTable::new()).collect(), hasher }
    }

    /// Octets that so many keys take at most.
    pub(super) fn memory(most: u32) -> usize {
        // Each place has an octet of its own beside it, and 16 stand at the end.
        let part = (size_of::<(K, NonZeroU32)>() + 1) * PLACES + 16;
        parts(most) * (size_of::<HashTable<(K, NonZeroU32)>>() + part)
    }

    pub(super) fn count(&self, key: &K) -> u32 {
        let hash = self.hasher.hash_one(key);
        let found = self.part(hash).and_then(|part| part.find(hash, |(other, _)| other == key));
        found.map_or(0, |(_, count)| count.get())
    }

    pub(super) fn enter(&mut self, key: K) {
        self.add(key, NonZeroU32::MIN);
    }

    /// As many more of a key.
    pub(super) fn add(&mut self, key: K, more: NonZeroU32) {
        let Self { parts, hasher } = self;
        let hash = hasher.hash_one(&key);
        let Some(part) = parts.get_mut(place(hash, parts.len())) else { return };
        if let Some((_, count)) = part.find_mut(hash, |(other, _)| *other == key) {
            *count = count.saturating_add(more.get());
            return;
        }
        let rehash = |(key, _): &(K, NonZeroU32)| hasher.hash_one(key);
        if part.len() == part.capacity() {
            // Left to itself a table doubles also for the sake of places that were left and are not clean. Rebuilt, it is
            // as large as its keys ask for, with a sixteenth to spare so that the next time is far.
            let old = core::mem::take(part);
            part.reserve(old.len() + old.len() / 16 + 1, rehash);
            for kept in old {
                part.insert_unique(rehash(&kept), kept, rehash);
            }
        }
        part.insert_unique(hash, (key, more), rehash);
    }

    pub(super) fn leave(&mut self, key: &K) {
        self.subtract(key, 1);
    }

    /// As many less of a key.
    pub(super) fn subtract(&mut self, key: &K, less: u32) {
        let hash = self.hasher.hash_one(key);
        let place = place(hash, self.parts.len());
        let Some(part) = self.parts.get_mut(place).filter(|part| !part.is_empty()) else { return };
        if let Ok(mut entry) = part.find_entry(hash, |(other, _)| other == key) {
            match NonZeroU32::new(entry.get().1.get().saturating_sub(less)) {
                Some(left) => entry.get_mut().1 = left,
                None => drop(entry.remove()),
            }
        }
    }

    fn part(&self, hash: u64) -> Option<&HashTable<(K, NonZeroU32)>> {
        self.parts.get(place(hash, self.parts.len()))
    }
}

fn parts(most: u32) -> usize {
    most.div_ceil(KEYS_OF_PART).max(1) as usize
}

/// Which part a hash belongs to, by 32 of its bits that a part of this size does not look at: it takes the lowest, and the
/// highest seven.
const fn place(hash: u64, parts: usize) -> usize {
    ((((hash >> 24) & 0xffff_ffff) * parts as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The same as a plain map, whatever comes and goes.
        #[test]
        fn counts_like_a_map(deeds in proptest::collection::vec((0..40_u32, proptest::bool::ANY), 1..400)) {
            let (mut tally, mut map) = (Tally::new(4096, 5), HashMap::<u32, u32>::new());
            for (key, comes) in deeds {
                if comes {
                    tally.enter(key);
                    *map.entry(key).or_default() += 1;
                } else {
                    tally.leave(&key);
                    map.entry(key).and_modify(|count| *count = count.saturating_sub(1));
                }
                prop_assert_eq!(tally.count(&key), map.get(&key).copied().unwrap_or(0));
            }
            let left: usize = tally.parts.iter().map(HashTable::len).sum();
            prop_assert_eq!(left, map.values().filter(|count| **count > 0).count());
        }
    }

    /// What it is said to take at most is more than it takes, however keys come and go; and no part has many more keys than
    /// its share, so that none is moved for long.
    #[test]
    fn memory_and_work_are_bounded() {
        const MOST: u32 = 100_000;
        let mut tally = Tally::<u128>::new(MOST, 11);
        let taken = |tally: &Tally<u128>| {
            let parts = tally.parts.iter().map(HashTable::allocation_size).sum::<usize>();
            parts + tally.parts.len() * size_of::<HashTable<(u128, NonZeroU32)>>()
        };
        let bound = Tally::<u128>::memory(MOST);
        // Each round all keys are others, as many as there may be, those before them leaving one by one.
        for key in 0..10 * u128::from(MOST) {
            tally.enter(key);
            if let Some(before) = key.checked_sub(MOST.into()) {
                tally.leave(&before);
            }
            if key % 10_007 == 0 {
                assert!(taken(&tally) <= bound, "{} of {bound}", taken(&tally));
            }
        }
        assert!(taken(&tally) <= bound, "{} of {bound}", taken(&tally));
        let fullest = tally.parts.iter().map(HashTable::len).max().unwrap();
        assert!(fullest < PLACES * 7 / 8, "{fullest} keys in a part");
    }
}
