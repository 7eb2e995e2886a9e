//! Timers: one wheel of a quarter of a second a place, re-armed lazily.
//!
//! A packet only writes `last_seen`. An entry stands in the list of some place at or before its
//! deadline's; when the wheel gets there it is examined, and if it has been seen since, put at the place
//! of its new deadline. A deadline beyond the wheel's horizon is put at the last place and examined there.
//! Lists are doubly linked through the entries' cold parts, so a session that ends leaves its list at once.

use crate::memory::Memory;
use crate::table::{NONE, Slot, Table};

/// Milliseconds a place stands for: the most that an entry is examined late, beside the budget.
pub(crate) const PLACE_MILLIS: u64 = 256;
/// Places: a horizon of 17 minutes.
const PLACES: u64 = 4096;
/// Set in `previous` of the first entry of a list, whose place is in the bits below.
const FIRST: u32 = 1 << 31;

pub(crate) struct Wheel<M: Memory> {
    heads: M::Slab<Head>,
    /// The place that is being examined, counted from time zero.
    cursor: u64,
}

impl<M: Memory> core::fmt::Debug for Wheel<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Wheel").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

/// First entry of a place's list.
#[derive(Clone, Copy, Debug)]
struct Head(u32);

impl Default for Head {
    fn default() -> Self {
        Self(NONE)
    }
}

fn place(number: u64) -> usize {
    (number % PLACES) as usize
}

impl<M: Memory> Wheel<M> {
    pub(crate) fn new(memory: &mut M) -> Result<Self, M::Error> {
        let heads = memory.take(place(PLACES - 1) + 1)?;
        Ok(Self { heads, cursor: 0 })
    }

    /// Puts an entry, that is in no list, where it is examined once `deadline` (a millisecond) is over.
    pub(crate) fn link(&mut self, table: &mut Table<M>, slot: Slot, deadline: u64) {
        let wanted = deadline / PLACE_MILLIS + 1;
        let number = wanted.clamp(self.cursor + 1, self.cursor + PLACES - 1);
        let place = place(number);
        let next = self.heads[place].0;
        if next != NONE {
            table.cold_mut(Slot(next)).previous = slot.0;
        }
        let cold = table.cold_mut(slot);
        cold.next = next;
        cold.previous = FIRST | u32::try_from(place).unwrap_or(0);
        self.heads[place] = Head(slot.0);
    }

    /// Takes an entry out of its list.
    pub(crate) fn unlink(&mut self, table: &mut Table<M>, slot: Slot) {
        let cold = *table.cold(slot);
        if cold.next != NONE {
            table.cold_mut(Slot(cold.next)).previous = cold.previous;
        }
        if cold.previous & FIRST == 0 {
            table.cold_mut(Slot(cold.previous)).next = cold.next;
        } else {
            self.heads[(cold.previous & !FIRST) as usize] = Head(cold.next);
        }
    }

    /// The next entry to examine by `now` (a millisecond), taken out of its list. None: nothing is due.
    pub(crate) fn due(&mut self, table: &mut Table<M>, now: u64) -> Option<Slot> {
        let last = now / PLACE_MILLIS;
        if self.cursor + PLACES < last {
            // A leap of more than a turn: every place is passed once.
            self.cursor = last - PLACES;
        }
        loop {
            let head = self.heads[place(self.cursor)].0;
            if head != NONE && self.cursor <= last {
                self.unlink(table, Slot(head));
                return Some(Slot(head));
            }
            if self.cursor >= last {
                return None;
            }
            self.cursor += 1;
        }
    }
}
