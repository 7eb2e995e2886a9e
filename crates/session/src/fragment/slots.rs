//! Storage of a fixed size: a pool of slots, and a hash table over such a pool.
//!
//! Both take their memory when they are made and none after: no growth, no rehash, so one operation
//! never costs more because of those before it. The standard maps promise neither.

use core::hash::Hash;
use core::ops::{Index, IndexMut};

use ahash::RandomState;

/// Names a taken slot of the one [`Pool`] or [`Table`] that gave it out, until it is removed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle(u32);

impl Handle {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A fixed number of slots for values of one type.
#[derive(Debug)]
pub(super) struct Pool<T> {
    slots: Box<[Slot<T>]>,
    free: Option<Handle>,
    taken: usize,
}

#[derive(Debug)]
enum Slot<T> {
    Free { next: Option<Handle> },
    Taken(T),
}

impl<T> Pool<T> {
    /// The memory that one slot takes, in octets.
    pub(super) const SLOT: usize = size_of::<Slot<T>>();

    /// A pool of `capacity` free slots; at most 2^32 - 1.
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        let slots = (1..=capacity)
            .map(|next| Slot::Free { next: (next < capacity).then_some(Handle(next)) })
            .collect();
        Self { slots, free: (capacity > 0).then_some(Handle(0)), taken: 0 }
    }

    /// How many slots are taken.
    pub(super) const fn len(&self) -> usize {
        self.taken
    }

    /// Puts `value` into a free slot.
    ///
    /// # Panics
    /// If none is free: the caller makes room first.
    pub(super) fn insert(&mut self, value: T) -> Handle {
        let handle = self.free.expect("the caller made room");
        let slot = &mut self.slots[handle.index()];
        match core::mem::replace(slot, Slot::Taken(value)) {
            Slot::Free { next } => self.free = next,
            Slot::Taken(_) => unreachable!("a taken slot is on no free list"),
        }
        self.taken += 1;
        handle
    }

    /// Takes the value out of its slot, which is free from then on.
    ///
    /// # Panics
    /// If the slot is free already.
    pub(super) fn remove(&mut self, handle: Handle) -> T {
        let slot = &mut self.slots[handle.index()];
        match core::mem::replace(slot, Slot::Free { next: self.free }) {
            Slot::Taken(value) => {
                self.free = Some(handle);
                self.taken -= 1;
                value
            }
            Slot::Free { .. } => unreachable!("a handle is not used after its removal"),
        }
    }
}

impl<T> Index<Handle> for Pool<T> {
    type Output = T;

    fn index(&self, handle: Handle) -> &T {
        match &self.slots[handle.index()] {
            Slot::Taken(value) => value,
            Slot::Free { .. } => unreachable!("a handle is not used after its removal"),
        }
    }
}

impl<T> IndexMut<Handle> for Pool<T> {
    fn index_mut(&mut self, handle: Handle) -> &mut T {
        match &mut self.slots[handle.index()] {
            Slot::Taken(value) => value,
            Slot::Free { .. } => unreachable!("a handle is not used after its removal"),
        }
    }
}

/// A hash table of a fixed capacity: a [`Pool`] of entries, chained by bucket, two buckets an entry.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    hasher: RandomState,
    buckets: Box<[Option<Handle>]>,
    entries: Pool<Entry<K, V>>,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    next: Option<Handle>,
}

impl<K: Eq + Hash, V> Table<K, V> {
    /// A table for `capacity` entries, hashed under `seed`.
    pub(super) fn new(capacity: usize, seed: u64) -> Self {
        Self {
            hasher: RandomState::with_seeds(seed, 0, 0, 0),
            buckets: vec![None; Self::buckets_for(capacity)].into_boxed_slice(),
            entries: Pool::new(capacity),
        }
    }

    /// The memory that a table for `capacity` entries takes, in octets.
    pub(super) const fn memory(capacity: usize) -> usize {
        let buckets = Self::buckets_for(capacity).saturating_mul(size_of::<Option<Handle>>());
        buckets.saturating_add(capacity.saturating_mul(Pool::<Entry<K, V>>::SLOT))
    }

    const fn buckets_for(capacity: usize) -> usize {
        let wanted = if capacity == 0 { 1 } else { capacity };
        wanted.saturating_mul(2).next_power_of_two()
    }

    /// How many entries there are.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of `key`.
    pub(super) fn find(&self, key: &K) -> Option<Handle> {
        let mut cursor = self.buckets[self.bucket(key)];
        while let Some(handle) = cursor {
            let entry = &self.entries[handle];
            if entry.key == *key {
                return Some(handle);
            }
            cursor = entry.next;
        }
        None
    }

    /// Adds an entry for `key`, which has none.
    ///
    /// # Panics
    /// If the table is full: the caller makes room first.
    pub(super) fn insert(&mut self, key: K, value: V) -> Handle {
        let bucket = self.bucket(&key);
        let handle = self.entries.insert(Entry { key, value, next: self.buckets[bucket] });
        self.buckets[bucket] = Some(handle);
        handle
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, handle: Handle) -> V {
        let Entry { key, value, next } = self.entries.remove(handle);
        let bucket = self.bucket(&key);
        if self.buckets[bucket] == Some(handle) {
            self.buckets[bucket] = next;
            return value;
        }
        let mut cursor = self.buckets[bucket];
        while let Some(before) = cursor {
            let entry = &mut self.entries[before];
            if entry.next == Some(handle) {
                entry.next = next;
                break;
            }
            cursor = entry.next;
        }
        value
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask leaves only the low bits")]
    fn bucket(&self, key: &K) -> usize {
        // The number of buckets is a power of two.
        self.hasher.hash_one(key) as usize & (self.buckets.len() - 1)
    }
}

impl<K, V> Index<Handle> for Table<K, V> {
    type Output = V;

    fn index(&self, handle: Handle) -> &V {
        &self.entries[handle].value
    }
}

impl<K, V> IndexMut<Handle> for Table<K, V> {
    fn index_mut(&mut self, handle: Handle) -> &mut V {
        &mut self.entries[handle].value
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pool_gives_out_each_slot_once_and_again_after_its_removal() {
        let mut pool = Pool::new(3);
        let handles = [pool.insert('a'), pool.insert('b'), pool.insert('c')];
        assert_eq!((pool.len(), pool.free), (3, None));
        assert_eq!(pool.remove(handles[1]), 'b');
        assert_eq!(pool.insert('d'), handles[1]);
        assert_eq!([pool[handles[0]], pool[handles[1]], pool[handles[2]]], ['a', 'd', 'c']);
    }

    #[test]
    #[should_panic(expected = "the caller made room")]
    fn a_full_pool_takes_no_more() {
        Pool::new(0).insert(());
    }

    proptest! {
        /// Beside the standard map, in a table so small that buckets hold chains.
        #[test]
        fn a_table_is_a_map(steps in prop::collection::vec((0u8..24, any::<bool>()), 0..200), seed: u64) {
            let mut table = Table::new(8, seed);
            let mut map = HashMap::new();
            for (value, (key, remove)) in steps.into_iter().enumerate() {
                match (table.find(&key), remove) {
                    (Some(handle), true) => prop_assert_eq!(Some(table.remove(handle)), map.remove(&key)),
                    (Some(handle), false) => {
                        table[handle] = value;
                        map.insert(key, value);
                    }
                    (None, false) if map.len() < 8 => {
                        table.insert(key, value);
                        map.insert(key, value);
                    }
                    (None, _) => prop_assert!(!map.contains_key(&key)),
                }
                prop_assert_eq!(table.len(), map.len());
                for key in 0..24 {
                    prop_assert_eq!(table.find(&key).map(|handle| table[handle]), map.get(&key).copied());
                }
            }
        }
    }
}
