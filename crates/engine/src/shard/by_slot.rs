//! What is kept by the slot of a session, in chains from a keyed hash.
//!
//! A map that is cleaned or grows moves all that it holds, which would hold up the packets for milliseconds. Here all memory
//! is taken, and touched, at the start, and what leaves is unlinked: no step is longer than a chain, and there is a chain
//! for each that there may be.

use core::num::NonZeroU32;

use ahash::RandomState;

/// Values by slot ([`session::Slot::index`]), at most as many as there is room for.
#[derive(Debug)]
pub(super) struct BySlot<T> {
    /// By hash, a power of two of them: the first node of each.
    chains: Box<[Link]>,
    nodes: Box<[Node<T>]>,
    /// The first node that is nobody's; the others follow as in a chain.
    free: Link,
    len: usize,
    hasher: RandomState,
}

/// A node, by one more than its number.
type Link = Option<NonZeroU32>;

/// The slot of a node that is nobody's: no table is that large.
const NOBODY: u32 = u32::MAX;

#[derive(Debug)]
struct Node<T> {
    slot: u32,
    next: Link,
    value: T,
}

impl<T: Default> BySlot<T> {
    /// Nothing, and room for so many.
    pub(super) fn new(most: usize, hasher: RandomState) -> Self {
        let nodes = (1..=most).map(|number| Node {
            slot: NOBODY,
            next: if number < most { link(number) } else { None },
            value: T::default(),
        });
        Self {
            chains: vec![None; most.next_power_of_two()].into_boxed_slice(),
            nodes: nodes.collect(),
            free: if most == 0 { None } else { link(0) },
            len: 0,
            hasher,
        }
    }

    /// Octets that room for so many takes.
    pub(super) const fn memory(most: usize) -> usize {
        most * size_of::<Node<T>>() + most.next_power_of_two() * size_of::<Link>()
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) const fn is_full(&self) -> bool {
        self.free.is_none()
    }

    pub(super) fn get(&self, slot: u32) -> Option<&T> {
        let (_, at) = self.find(slot)?;
        Some(&self.nodes[at].value)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (_, at) = self.find(slot)?;
        Some(&mut self.nodes[at].value)
    }

    /// Keeps a value for a slot that has none, if there is room.
    pub(super) fn insert(&mut self, slot: u32, value: T) {
        let Some(at) = self.free.map(index) else { return };
        let chain = self.chain(slot);
        let node = &mut self.nodes[at];
        self.free = core::mem::replace(&mut node.next, self.chains[chain]);
        (node.slot, node.value) = (slot, value);
        self.chains[chain] = link(at);
        self.len += 1;
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<T> {
        let (before, at) = self.find(slot)?;
        let node = &mut self.nodes[at];
        node.slot = NOBODY;
        let value = core::mem::take(&mut node.value);
        let next = core::mem::replace(&mut node.next, self.free);
        self.free = link(at);
        self.len -= 1;
        match before {
            Some(before) => self.nodes[before].next = next,
            None => {
                let chain = self.chain(slot);
                self.chains[chain] = next;
            }
        }
        Some(value)
    }

    /// The node of a slot, and the one before it in its chain, if it is not the first.
    fn find(&self, slot: u32) -> Option<(Option<usize>, usize)> {
        if self.is_empty() {
            return None;
        }
        let mut before = None;
        let mut at = self.chains[self.chain(slot)].map(index);
        while let Some(number) = at {
            let node = &self.nodes[number];
            if node.slot == slot {
                return Some((before, number));
            }
            (before, at) = (at, node.next.map(index));
        }
        None
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower bits choose")]
    fn chain(&self, slot: u32) -> usize {
        self.hasher.hash_one(slot) as usize & (self.chains.len() - 1)
    }
}

/// There are less than 2^32 nodes.
fn link(at: usize) -> Link {
    NonZeroU32::new(u32::try_from(at + 1).unwrap_or(0))
}

const fn index(link: NonZeroU32) -> usize {
    link.get() as usize - 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The same as a plain map, whatever comes and goes.
        #[test]
        fn it_is_a_map(deeds in proptest::collection::vec((0..24_u32, 0..3_u8), 1..400)) {
            const MOST: usize = 12;
            let hasher = RandomState::with_seeds(1, 2, 3, 4);
            let (mut by_slot, mut map) = (BySlot::<u64>::new(MOST, hasher), HashMap::new());
            for (number, (slot, deed)) in (0..).zip(deeds) {
                match deed {
                    0 if !map.contains_key(&slot) && !by_slot.is_full() => {
                        by_slot.insert(slot, number);
                        map.insert(slot, number);
                    }
                    1 => prop_assert_eq!(by_slot.remove(slot), map.remove(&slot)),
                    _ => prop_assert_eq!(by_slot.get_mut(slot), map.get_mut(&slot)),
                }
                prop_assert_eq!(by_slot.get(slot), map.get(&slot));
                prop_assert_eq!((by_slot.is_empty(), by_slot.is_full()), (map.is_empty(), map.len() == MOST));
            }
            for (slot, value) in &map {
                prop_assert_eq!(by_slot.get(*slot), Some(value));
            }
        }
    }
}
