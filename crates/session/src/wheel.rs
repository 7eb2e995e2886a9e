//! Timers: one wheel of a quarter of a second a place, re-armed lazily; and who goes first if room is needed.
//!
//! A packet only writes `last_seen`. An entry stands in the list of some place at or before its
//! deadline's; when the wheel gets there it is examined, and if it has been seen since, put at the place
//! of its new deadline. A deadline beyond the wheel's horizon is put at the last place and examined there.
//! Lists are doubly linked through the entries' cold parts, so a session that ends leaves its list at once.
//!
//! Every place has a list for each [`EvictionClass`] and IP version, and each of these *lanes* a bit for each place that
//! says whether its list there has anything. So the entry of a lane whose place comes first is found in at most 65 words,
//! and an entry needs no further links to be evicted by.

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
    /// By lane, then by place.
    heads: M::Slab<Head>,
    /// By lane: a bit for each place whose list is not empty.
    occupied: [[u64; WORDS]; LANES],
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

/// The entries of one eviction class and IP version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) class: EvictionClass,
    /// IPv6.
    pub(crate) wide: bool,
}

/// How many there are.
const LANES: usize = 2 * EvictionClass::COUNT;

impl Lane {
    fn index(self) -> usize {
        2 * self.class.index() + usize::from(self.wide)
    }
}

/// The head of the list of a lane in a place.
fn list(lane: usize, place: usize) -> usize {
    lane * ROUND + place
}

/// The place, counted from time zero, at which a deadline (a millisecond) is over.
fn wanted(deadline: u64) -> u64 {
    deadline / PLACE_MILLIS + 1
}

/// An entry that comes first, and the place where it stands, counted from time zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    pub(crate) slot: Slot,
    pub(crate) place: u64,
}

impl First {
    /// Whether a deadline (a millisecond) has a later place than this.
    pub(crate) fn is_before(self, deadline: u64) -> bool {
        wanted(deadline) > self.place
    }
}

impl<M: Memory> Wheel<M> {
    pub(crate) fn new(memory: &mut M) -> Result<Self, M::Error> {
        let heads = memory.take(LANES * ROUND)?;
        Ok(Self { heads, occupied: [[0; WORDS]; LANES], cursor: 0 })
    }

    /// Puts an entry, that is in no list, where it is examined once `deadline` (a millisecond) is over.
    pub(crate) fn link(&mut self, table: &mut Table<M>, slot: Slot, lane: Lane, deadline: u64) {
        let last = self.cursor + PLACES - 1;
        let place = place(wanted(deadline).clamp(self.cursor + 1, last));
        let list = list(lane.index(), place);
        let next = self.heads[list].0;
        if next != NONE {
            table.cold_mut(Slot(next)).previous = slot.0;
        }
        let cold = table.cold_mut(slot);
        cold.next = next;
        cold.previous = FIRST | u32::try_from(list).unwrap_or(0);
        self.heads[list] = Head(slot.0);
        self.occupied[lane.index()][place / 64] |= 1 << (place % 64);
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
            let (lane, place) = (list / ROUND, list % ROUND);
            self.occupied[lane][place / 64] &= !(1 << (place % 64));
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
                let mut heads = (0..LANES).map(|lane| self.heads[list(lane, place)].0);
                if let Some(head) = heads.find(|&head| head != NONE) {
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

    /// How many entries stand in lists. One that stands there and is no session, or is one and stands nowhere, shows
    /// in that number. For tests: it walks all of them.
    pub(crate) fn linked(&self, table: &Table<M>) -> u32 {
        let mut count = 0;
        for (lane, words) in self.occupied.iter().enumerate() {
            for (word, &bits) in words.iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    let place = word * 64 + bits.trailing_zeros() as usize;
                    let mut at = self.heads[list(lane, place)].0;
                    while at != NONE {
                        count += 1;
                        at = table.cold(Slot(at)).next;
                    }
                    bits &= bits - 1;
                }
            }
        }
        count
    }

    /// The entry of a lane whose place comes first, left where it stands.
    pub(crate) fn first(&self, lane: Lane) -> Option<First> {
        let start = place(self.cursor);
        let words = &self.occupied[lane.index()];
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
        Some(First { slot: Slot(self.heads[list(lane.index(), found)].0), place: number })
    }
}
