//! Timers: one wheel of a quarter of a second a place, re-armed lazily; and who goes first if room is needed.
//!
//! A packet only writes `last_seen`. An entry stands in the list of some place at or before its
//! deadline's; when the wheel gets there it is examined, and if it has been seen since, put at the place
//! of its new deadline. A deadline beyond the wheel's horizon is put at the last place and examined there.
//! Lists are doubly linked through the entries' cold parts, so a session that ends leaves its list at once.
//!
//! Every place has a list for each [`EvictionClass`], and every class a bit for each place that says whether its
//! list there has anything. So the entry of a class whose place comes first is found in at most 65 words, and an entry
//! needs no further links to be evicted by.

use crate::memory::Memory;
use crate::table::{NONE, Slot, Table};
use crate::track::EvictionClass;

/// Milliseconds a place stands for: the most that an entry is examined late, beside the budget.
pub(crate) const PLACE_MILLIS: u64 = 256;
/// Places: a horizon of 17 minutes.
const PLACES: u64 = 4096;
/// As many, as a number of lists.
const ROUND: usize = 4096;
/// Words of a bit for each place.
const WORDS: usize = ROUND / 64;
/// Set in `previous` of the first entry of a list, whose number is in the bits below.
const FIRST: u32 = 1 << 31;

pub(crate) struct Wheel<M: Memory> {
    /// By class, then by place.
    heads: M::Slab<Head>,
    /// By class: a bit for each place whose list is not empty.
    occupied: [[u64; WORDS]; EvictionClass::COUNT],
    /// The place that is being examined, counted from time zero.
    cursor: u64,
}

impl<M: Memory> core::fmt::Debug for Wheel<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Wheel").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

/// First entry of a list.
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

fn list(class: EvictionClass, place: usize) -> usize {
    class.index() * ROUND + place
}

/// The place, counted from time zero, at which a deadline (a millisecond) is over.
fn wanted(deadline: u64) -> u64 {
    deadline / PLACE_MILLIS + 1
}

impl<M: Memory> Wheel<M> {
    pub(crate) fn new(memory: &mut M) -> Result<Self, M::Error> {
        let heads = memory.take(EvictionClass::COUNT * ROUND)?;
        Ok(Self { heads, occupied: [[0; WORDS]; EvictionClass::COUNT], cursor: 0 })
    }

    /// Puts an entry, that is in no list, where it is examined once `deadline` (a millisecond) is over.
    pub(crate) fn link(
        &mut self,
        table: &mut Table<M>,
        slot: Slot,
        class: EvictionClass,
        deadline: u64,
    ) {
        let last = self.cursor + PLACES - 1;
        let place = place(wanted(deadline).clamp(self.cursor + 1, last));
        let list = list(class, place);
        let next = self.heads[list].0;
        if next != NONE {
            table.cold_mut(Slot(next)).previous = slot.0;
        }
        let cold = table.cold_mut(slot);
        cold.next = next;
        cold.previous = FIRST | u32::try_from(list).unwrap_or(0);
        self.heads[list] = Head(slot.0);
        self.occupied[class.index()][place / 64] |= 1 << (place % 64);
    }

    /// Takes an entry out of its list.
    pub(crate) fn unlink(&mut self, table: &mut Table<M>, slot: Slot) {
        let cold = *table.cold(slot);
        if cold.next != NONE {
            table.cold_mut(Slot(cold.next)).previous = cold.previous;
        }
        if cold.previous & FIRST == 0 {
            table.cold_mut(Slot(cold.previous)).next = cold.next;
            return;
        }
        let list = (cold.previous & !FIRST) as usize;
        self.heads[list] = Head(cold.next);
        if cold.next == NONE {
            let (class, place) = (list / ROUND, list % ROUND);
            self.occupied[class][place / 64] &= !(1 << (place % 64));
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
            if self.cursor <= last {
                let place = place(self.cursor);
                let heads =
                    EvictionClass::ALL.iter().map(|&class| self.heads[list(class, place)].0);
                if let Some(head) = heads.into_iter().find(|&head| head != NONE) {
                    self.unlink(table, Slot(head));
                    return Some(Slot(head));
                }
            }
            if self.cursor >= last {
                return None;
            }
            self.cursor += 1;
        }
    }

    /// The entry of a class whose place comes first, left where it stands; and whether a deadline (a millisecond) has
    /// a later place than that.
    pub(crate) fn first(
        &self,
        class: EvictionClass,
    ) -> Option<(Slot, impl Fn(u64) -> bool + use<M>)> {
        let start = place(self.cursor);
        let words = &self.occupied[class.index()];
        let ahead = words[start / 64] >> (start % 64) << (start % 64);
        let (word, bits) = if ahead != 0 {
            (start / 64, ahead)
        } else {
            // Round to the places behind the cursor in its own word.
            let mut others = (1..=WORDS).map(|step| (start / 64 + step) % WORDS);
            let word = others.find(|&word| words[word] != 0)?;
            (word, words[word])
        };
        let found = word * 64 + bits.trailing_zeros() as usize;
        let number = self.cursor + ((found + ROUND - start) % ROUND) as u64;
        Some((Slot(self.heads[list(class, found)].0), move |deadline| wanted(deadline) > number))
    }
}
