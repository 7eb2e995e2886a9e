//! The sessions of one shard: the table with its timers.
//!
//! A session is found by its key while it lives. One whose timeout is over is not found any more, even
//! if the timers have not come to it yet: [`Sessions::find`] says that it is stale, and the caller ends
//! it. What may open a session, and what is told to whom at its end, is decided above.

use crate::key::{HashSeed, Key, Side};
use crate::lifetimes::Lifetimes;
use crate::memory::Memory;
use crate::table::{Cold, Entry, Full, Slot, Table};
use crate::track::{EvictionClass, Track};
use crate::wheel::{First, Lane, Wheel};
use crate::{Direction, Time};

/// Sessions, their timers and their hash.
#[derive(Debug)]
pub struct Sessions<M: Memory> {
    table: Table<M>,
    wheel: Wheel<M>,
    seed: HashSeed,
    /// Changes whenever a session is opened or closed: what was found before may not be there any more.
    epoch: u64,
}

/// What a look-up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A living session.
    Live(Slot),
    /// A session whose timeout is over. It is to be ended.
    Stale(Slot),
    /// None.
    Nothing,
}

/// A living session that was found: what a packet of it looks at and changes.
#[derive(Debug)]
pub struct Living<'a> {
    /// Where it is.
    pub slot: Slot,
    /// The session.
    pub entry: &'a mut Entry,
    cold: &'a mut Cold,
}

impl Living<'_> {
    /// Notes a packet, in one frame, with its octets.
    #[inline(always)]
    pub fn count(&mut self, direction: Direction, octets: u32, now: Time) {
        self.entry.last_seen = stamp(now);
        self.cold.count(direction.index(), 1, octets);
    }
}

/// What a new session starts with.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The side of the key that the first packet came from.
    pub initiator: Side,
    /// The state after the first packet.
    pub track: Track,
    /// Opaque: the rule that allowed it.
    pub rule: u32,
    /// The policy generation that allowed it.
    pub generation: u16,
    /// The row of timeouts that applies.
    pub timeouts: u16,
    /// The port by which the initiator's packets come.
    pub in_port: u8,
    /// A bit that only the caller gives a meaning.
    pub mark: bool,
}

/// All that is known of a session, copied out: for listings, logs and tombstones.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Its entry's index.
    pub slot: Slot,
    /// Its key.
    pub key: Key,
    /// The side that opened it.
    pub initiator: Side,
    /// Its state.
    pub track: Track,
    /// When it was opened.
    pub created: Time,
    /// When its last packet was seen.
    pub last_seen: Time,
    /// Its timeout now, in milliseconds.
    pub timeout_millis: u32,
    /// Packets in original and reply direction.
    pub packets: [u64; 2],
    /// Octets of network-layer datagrams in original and reply direction.
    pub bytes: [u64; 2],
    /// The rule.
    pub rule: u32,
    /// The policy generation that last judged it.
    pub generation: u16,
    /// The port by which the initiator's packets come.
    pub in_port: u8,
    /// The caller's bit.
    pub mark: bool,
}

/// Sessions that the choice of one to evict puts elsewhere before it takes the next as it is.
const LOOKS: u32 = 16;

/// Low 32 bits of a time's milliseconds: what an entry keeps.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "differences are taken modulo 2^32")]
const fn stamp(now: Time) -> u32 {
    now.as_millis() as u32
}

/// Milliseconds since the session's last packet.
#[inline(always)]
fn idle_millis(entry: &Entry, now: Time) -> u32 {
    stamp(now).wrapping_sub(entry.last_seen)
}

#[inline(never)]
fn timeout_millis(entry: &Entry, lifetimes: &Lifetimes) -> u32 {
    lifetimes.millis(entry.timeouts, entry.track.timeout_class())
}

/// Whether the session's timeout is over. Of one that spoke a moment ago its timeout is not asked.
#[inline(always)]
fn is_stale(entry: &Entry, now: Time, lifetimes: &Lifetimes) -> bool {
    let idle = idle_millis(entry, now);
    idle >= lifetimes.shortest_millis() && idle >= timeout_millis(entry, lifetimes)
}

impl<M: Memory> Sessions<M> {
    /// Room for `capacity` sessions, of which `ipv6` may be IPv6 ones, taken from `memory` once and for all. `seed` is the
    /// secret of the table's hash.
    ///
    /// # Errors
    /// If `memory` has not enough.
    pub fn new(capacity: u32, ipv6: u32, seed: u64, memory: &mut M) -> Result<Self, M::Error> {
        Ok(Self {
            table: Table::new(capacity, ipv6, memory)?,
            wheel: Wheel::new(memory)?,
            seed: HashSeed::new(seed),
            epoch: 0,
        })
    }

    /// How many sessions there can be.
    pub fn capacity(&self) -> u32 {
        self.table.capacity()
    }

    /// How many there are, stale ones that no timer has come to yet included.
    #[inline]
    pub fn len(&self) -> u32 {
        self.table.used()
    }

    /// How many timers are set: one a session, always. For tests: it walks all of them.
    pub fn timers(&self) -> u32 {
        self.wheel.linked(&self.table)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the highest slot that was ever used.
    pub fn end(&self) -> u32 {
        self.table.end()
    }

    /// Changes whenever a session is opened or closed.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The table's hash of a key.
    #[inline]
    pub fn hash(&self, key: &Key) -> u64 {
        key.hash(&self.seed)
    }

    /// Fetches the cache lines of a hash's buckets ahead.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.table.prefetch(hash);
    }

    /// Fetches the entry that a hash probably has ahead. The buckets should be there by now.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) -> Option<Slot> {
        self.table.prefetch_entry(hash)
    }

    /// Looks a session up. `guess` is what [`Self::prefetch_entry`] gave for the hash, if it was asked; it may
    /// be out of date.
    #[inline]
    pub fn find(
        &self,
        key: &Key,
        hash: u64,
        guess: Option<Slot>,
        now: Time,
        lifetimes: &Lifetimes,
    ) -> Found {
        match self.table.find(key, hash, guess) {
            None => Found::Nothing,
            Some(slot) if self.is_stale(slot, now, lifetimes) => Found::Stale(slot),
            Some(slot) => Found::Live(slot),
        }
    }

    /// As [`Self::find`] for the common case, a session that lives and is where it was guessed to be. `None` says
    /// nothing: it may be elsewhere.
    #[inline(always)]
    pub fn find_guessed(
        &mut self,
        key: &Key,
        guess: Option<Slot>,
        now: Time,
        lifetimes: &Lifetimes,
    ) -> Option<Living<'_>> {
        let slot = guess?;
        let (entry, cold) = self.table.guessed(slot, key)?;
        (!is_stale(entry, now, lifetimes)).then_some(Living { slot, entry, cold })
    }

    /// The session's timeout, in milliseconds.
    pub fn timeout_millis(&self, slot: Slot, lifetimes: &Lifetimes) -> u32 {
        timeout_millis(self.table.entry(slot), lifetimes)
    }

    /// Whether the session's timeout is over.
    #[inline]
    pub fn is_stale(&self, slot: Slot, now: Time, lifetimes: &Lifetimes) -> bool {
        is_stale(self.table.entry(slot), now, lifetimes)
    }

    /// The session in a slot.
    #[inline]
    pub fn entry(&self, slot: Slot) -> &Entry {
        self.table.entry(slot)
    }

    /// The session in a slot, to be changed. After a change of its track, call [`Self::rearm`].
    #[inline]
    pub fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        self.table.entry_mut(slot)
    }

    /// The slot of an index, if a session is in it.
    pub fn slot(&self, index: u32) -> Option<Slot> {
        self.table.slot(index)
    }

    /// Opens a session under a key that has none.
    ///
    /// # Errors
    /// [`Full`] if there is no room.
    pub fn open(
        &mut self,
        key: &Key,
        hash: u64,
        opening: Opening,
        now: Time,
        lifetimes: &Lifetimes,
    ) -> Result<Slot, Full> {
        let slot = self.table.insert(key, hash, opening.initiator)?;
        let Opening { initiator: _, track, rule, generation, timeouts, in_port, mark } = opening;
        let entry = self.table.entry_mut(slot);
        entry.track = track;
        entry.rule = rule;
        entry.generation = generation;
        entry.timeouts = timeouts;
        entry.in_port = in_port;
        entry.set_mark(mark);
        entry.last_seen = stamp(now);
        self.table.cold_mut(slot).set_created(now.as_millis());
        self.arm(slot, now, lifetimes);
        self.epoch += 1;
        Ok(slot)
    }

    /// Notes a packet in a session: how many frames it came in, and their octets.
    #[inline]
    pub fn count(&mut self, slot: Slot, direction: Direction, frames: u32, octets: u32, now: Time) {
        self.table.entry_mut(slot).last_seen = stamp(now);
        self.table.cold_mut(slot).count(direction.index(), frames, octets);
    }

    /// Counts a session as seen at that time, without a packet.
    pub fn touch(&mut self, slot: Slot, at: Time) {
        self.table.entry_mut(slot).last_seen = stamp(at);
    }

    /// Has the timers come to a session at that time, though its timeout is over.
    pub fn look_again(&mut self, slot: Slot, at: Time) {
        self.wheel.unlink(&mut self.table, slot);
        self.link(slot, at.as_millis());
    }

    /// Puts the session's timer where its state wants it. Needed only when its timeout became shorter or its
    /// [`EvictionClass`] another: a longer timeout is found out when the timer comes.
    pub fn rearm(&mut self, slot: Slot, now: Time, lifetimes: &Lifetimes) {
        self.wheel.unlink(&mut self.table, slot);
        self.arm(slot, now, lifetimes);
    }

    /// The millisecond at which the session's timeout is over, or now.
    fn deadline(&self, slot: Slot, now: Time, lifetimes: &Lifetimes) -> u64 {
        let entry = self.table.entry(slot);
        let left = timeout_millis(entry, lifetimes).saturating_sub(idle_millis(entry, now));
        now.as_millis() + u64::from(left)
    }

    fn arm(&mut self, slot: Slot, now: Time, lifetimes: &Lifetimes) {
        let deadline = self.deadline(slot, now, lifetimes);
        self.link(slot, deadline);
    }

    fn link(&mut self, slot: Slot, deadline: u64) {
        let class = self.table.entry(slot).track.eviction_class();
        let lane = Lane { class, wide: self.table.is_wide(slot) };
        self.wheel.link(&mut self.table, slot, lane, deadline);
    }

    /// Whether there is an entry for a session of this key without another's making room for it.
    #[inline]
    pub fn has_entry(&self, key: &Key) -> bool {
        self.table.has_entry(&key.endpoints.addresses)
    }

    /// Whether the addresses of IPv6 sessions have no more room.
    #[inline]
    pub fn is_ipv6_full(&self) -> bool {
        self.table.is_wide_full()
    }

    /// Whether [`Self::open`] would find a place for a key of this hash once there is an entry for it.
    pub fn has_place(&self, hash: u64) -> bool {
        self.table.has_place(hash)
    }

    /// The session that makes room for another, which is to be an IPv6 one if `ipv6` says so: of the first
    /// [`EvictionClass`] that has any, the one whose timer comes first. Those that were seen since their timer was set, or that have come further, are put where they
    /// belong; after 16 of them the next of the class is taken as it is. None: all that were
    /// looked at are conversations in both directions.
    pub fn victim(&mut self, now: Time, lifetimes: &Lifetimes, ipv6: bool) -> Option<Slot> {
        let mut looks = 0;
        for &class in EvictionClass::ALL.iter().filter(|&&class| class != EvictionClass::Never) {
            while let Some(first) = self.first_of(class, ipv6) {
                let slot = first.slot;
                let stays = self.table.entry(slot).track.eviction_class() == class;
                let deadline = self.deadline(slot, now, lifetimes);
                let seen_since = deadline > now.as_millis() && first.is_before(deadline);
                if stays && (!seen_since || looks >= LOOKS) {
                    return Some(slot);
                }
                if looks >= 2 * LOOKS {
                    return None;
                }
                looks += 1;
                self.rearm(slot, now, lifetimes);
            }
        }
        None
    }

    /// Whether [`Self::victim`] would find one, as far as the first of each class tells: changes of class move an entry, so
    /// it is what its list says, but for what was seen since and has come further.
    pub fn has_victim(&self, ipv6: bool) -> bool {
        let evictable = EvictionClass::ALL.iter().filter(|&&class| class != EvictionClass::Never);
        evictable.filter_map(|&class| self.first_of(class, ipv6)).any(|first| {
            self.table.entry(first.slot).track.eviction_class() != EvictionClass::Never
        })
    }

    /// The entry of a class whose timer comes first: of either IP version, or of IPv6 alone.
    fn first_of(&self, class: EvictionClass, ipv6: bool) -> Option<First> {
        let wide = self.wheel.first(Lane { class, wide: true });
        if ipv6 {
            return wide;
        }
        let narrow = self.wheel.first(Lane { class, wide: false });
        narrow.into_iter().chain(wide).min_by_key(|first| first.place)
    }

    /// Ends a session.
    pub fn close(&mut self, slot: Slot) {
        self.wheel.unlink(&mut self.table, slot);
        let hash = self.hash(&self.table.key(slot));
        self.table.remove(slot, hash);
        self.epoch += 1;
    }

    /// The next session whose timeout is over, if the timers come to one while they examine at most
    /// `budget` entries, which is lessened by those examined. The caller ends it with [`Self::close`].
    pub fn next_expired(
        &mut self,
        now: Time,
        lifetimes: &Lifetimes,
        budget: &mut u32,
    ) -> Option<Slot> {
        while *budget > 0 {
            let slot = self.wheel.due(&mut self.table, now.as_millis())?;
            *budget -= 1;
            self.arm(slot, now, lifetimes);
            if self.is_stale(slot, now, lifetimes) {
                return Some(slot);
            }
        }
        None
    }

    /// All that is known of a session.
    pub fn summary(&self, slot: Slot, now: Time, lifetimes: &Lifetimes) -> Summary {
        let entry = self.table.entry(slot);
        let cold = self.table.cold(slot);
        let idle = u64::from(idle_millis(entry, now));
        Summary {
            slot,
            key: self.table.key(slot),
            initiator: entry.initiator(),
            track: entry.track,
            created: Time::from_millis(cold.created()),
            last_seen: Time::from_millis(now.as_millis().saturating_sub(idle)),
            timeout_millis: timeout_millis(entry, lifetimes),
            packets: cold.packets(),
            bytes: cold.bytes(),
            rule: entry.rule,
            generation: entry.generation,
            in_port: entry.in_port,
            mark: entry.mark(),
        }
    }
}

#[cfg(test)]
mod tests;
