//! The session table: a fixed number of entries, found by a keyed hash in one or two cache lines.
//!
//! ```text
//!   hash ──► bucket (64 octets)              entry (64 octets)             cold part
//!            10 tags of 16 bits ── tag hit ─► key, track, last seen         counters, creation, timer links
//!            10 indices of 32 bits            IPv6: index of the addresses ─► wide part (32 octets)
//! ```
//!
//! An IPv6 session takes a wide part beside its entry. How many of those there are is chosen apart from how many entries
//! there are, so that a box of mostly IPv4 does not pay for addresses that it never sees.
//!
//! Each key has two buckets to choose from and goes to the one with more room; what finds both full
//! goes to a small stash. Nothing is ever moved and nothing grows: an entry keeps its index for life.
//! Timers are in [`crate::wheel`], what sessions mean is in [`crate::sessions`].

use crate::Time;
use crate::key::{Addresses, Context, Endpoints, Key, Side};
use crate::memory::Memory;
use crate::track::Track;

/// The index of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub(crate) u32);

impl Slot {
    /// The index as a number, below the table's capacity.
    #[inline]
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// No entry: the end of a list.
pub(crate) const NONE: u32 = u32::MAX;
const WAYS: usize = 10;
/// Share of the buckets' places that are used when the table holds its capacity. At 0.6 with two choices of
/// ten places, none of 10 million keys finds both buckets full, nor of 60 million that come in the place of others. (With
/// eight places it is 20 of 4 million in the long run.)
const LOAD: f64 = 0.6;
const STASH: usize = 64;

/// Ten places of one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Bucket {
    /// 0: the place is empty.
    tags: [u16; WAYS],
    slots: [u32; WAYS],
}

/// What every packet of a session touches.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Entry {
    /// IPv4; for IPv6 the first is the index of the wide part.
    addresses: [u32; 2],
    ports: [u16; 2],
    context: Context,
    /// Low 32 bits of the millisecond of the last packet.
    pub(crate) last_seen: u32,
    /// What the caller remembers of its decision: the rule.
    pub rule: u32,
    /// The policy generation that last judged the session, modulo 2¹⁶.
    pub generation: u16,
    /// Which set of timeouts applies.
    pub timeouts: u16,
    protocol: u8,
    flags: u8,
    /// The port that the initiator's packets come in by.
    pub in_port: u8,
    /// ICMP errors in the second that `flags` keeps, and above them [`WATCHED`].
    errors: u8,
    /// How far the conversation has come.
    pub track: Track,
}

const USED: u8 = 1;
const WIDE: u8 = 2;
const UPPER_INITIATES: u8 = 4;
const MARK: u8 = 8;
/// The bits above: the second of the last ICMP error, modulo 16.
const SECOND_SHIFT: u32 = 4;

/// ICMP errors that a session may have in a second. A trace of a route by pings of one identifier has three errors of
/// each of 30 routers, all within a second; nothing that is of use has more.
const ERRORS_A_SECOND: u8 = 100;

/// The bit of `errors` that its count does not reach: whether the caller reads what the session carries.
const WATCHED: u8 = 0x80;

impl Entry {
    /// The side of the key that opened the session.
    #[inline]
    pub const fn initiator(&self) -> Side {
        Side(if self.flags & UPPER_INITIATES == 0 { 0 } else { 1 })
    }

    /// The wire domain and VLANs.
    #[inline]
    pub const fn context(&self) -> Context {
        self.context
    }

    /// A bit that only the caller gives a meaning.
    #[inline]
    pub const fn mark(&self) -> bool {
        self.flags & MARK != 0
    }

    /// Sets the caller's bit.
    pub fn set_mark(&mut self, mark: bool) {
        self.flags = self.flags & !MARK | if mark { MARK } else { 0 };
    }

    /// Counts an ICMP error on the session: whether it is within the 100 of one second.
    ///
    /// Seconds are told apart modulo 16. So after a second with too many, one 16 s later may have none; what is lost
    /// then comes again, as the packet that causes it does.
    pub fn admit_error(&mut self, now: Time) -> bool {
        let second = u8::try_from(now.as_millis() / 1000 % 16).unwrap_or(0);
        if self.flags >> SECOND_SHIFT != second {
            self.flags = self.flags & ((1 << SECOND_SHIFT) - 1) | second << SECOND_SHIFT;
            self.errors &= WATCHED;
        }
        let admitted = self.errors & !WATCHED < ERRORS_A_SECOND;
        self.errors += u8::from(admitted);
        admitted
    }

    /// Whether a tracker's word is not the last on the session's packets: the caller reads what they carry, or looks up
    /// whether they may pass.
    #[inline]
    pub const fn is_watched(&self) -> bool {
        self.errors & WATCHED != 0
    }

    /// Says whether it does.
    pub fn set_watched(&mut self, watched: bool) {
        self.errors = self.errors & !WATCHED | if watched { WATCHED } else { 0 };
    }

    /// The IP protocol number.
    #[inline]
    pub const fn protocol(&self) -> u8 {
        self.protocol
    }
}

/// What is read only when a session is listed, logged, re-armed or ended, and counted once a packet.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Cold {
    /// Neighbours in the timer wheel's list; the first of a list holds the list's number in `previous`.
    pub(crate) previous: u32,
    /// Next in the timer wheel's list, or in the list of free entries.
    pub(crate) next: u32,
    /// Low 32 of 40 bits: a trillion packets.
    packets: [u32; 2],
    /// Low 32 of 48 bits: 281 TB.
    bytes: [u32; 2],
    bytes_high: [u16; 2],
    packets_high: [u8; 2],
    /// 48 bits, lowest first.
    created: [u16; 3],
}

impl Cold {
    /// The millisecond of creation.
    pub(crate) fn created(&self) -> u64 {
        let [low, middle, high] = self.created.map(u64::from);
        low | middle << 16 | high << 32
    }

    #[expect(clippy::cast_possible_truncation, reason = "each part is what its shift leaves")]
    pub(crate) fn set_created(&mut self, millis: u64) {
        self.created = [millis as u16, (millis >> 16) as u16, (millis >> 32) as u16];
    }

    /// Frames and octets in a direction.
    #[inline]
    pub(crate) fn count(&mut self, direction: usize, frames: u32, octets: u32) {
        let (packets, carry) = self.packets[direction].overflowing_add(frames);
        self.packets[direction] = packets;
        let (bytes, carry_bytes) = self.bytes[direction].overflowing_add(octets);
        self.bytes[direction] = bytes;
        if carry | carry_bytes {
            self.carry(direction, carry, carry_bytes);
        }
    }

    /// Counts that would not fit stay at the greatest.
    #[cold]
    fn carry(&mut self, direction: usize, packets: bool, bytes: bool) {
        if packets {
            match self.packets_high[direction].checked_add(1) {
                Some(high) => self.packets_high[direction] = high,
                None => self.packets[direction] = u32::MAX,
            }
        }
        if bytes {
            match self.bytes_high[direction].checked_add(1) {
                Some(high) => self.bytes_high[direction] = high,
                None => self.bytes[direction] = u32::MAX,
            }
        }
    }

    /// Packets by direction.
    pub(crate) fn packets(&self) -> [u64; 2] {
        let of = |direction: usize| {
            u64::from(self.packets_high[direction]) << 32 | u64::from(self.packets[direction])
        };
        [of(0), of(1)]
    }

    /// Octets by direction.
    pub(crate) fn bytes(&self) -> [u64; 2] {
        let of = |direction: usize| {
            u64::from(self.bytes_high[direction]) << 32 | u64::from(self.bytes[direction])
        };
        [of(0), of(1)]
    }
}

impl Default for Cold {
    fn default() -> Self {
        Self {
            previous: NONE,
            next: NONE,
            packets: [0; 2],
            bytes: [0; 2],
            bytes_high: [0; 2],
            packets_high: [0; 2],
            created: [0; 3],
        }
    }
}

/// Octets of memory that one session of rated capacity takes: entry, cold part, its share of the
/// buckets, and for IPv6 the wide part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EntryCost {
    /// An IPv4 session.
    pub ipv4: f64,
    /// An IPv6 session.
    pub ipv6: f64,
}

impl EntryCost {
    /// The cost by the sizes of this build.
    pub fn new() -> Self {
        let places = f64::from(u32::try_from(size_of::<Bucket>()).unwrap_or(0))
            / (LOAD * f64::from(u32::try_from(WAYS).unwrap_or(1)));
        let ipv4 =
            f64::from(u32::try_from(size_of::<Entry>() + size_of::<Cold>()).unwrap_or(0)) + places;
        Self { ipv4, ipv6: ipv4 + f64::from(u32::try_from(size_of::<[u128; 2]>()).unwrap_or(0)) }
    }
}

impl Default for EntryCost {
    fn default() -> Self {
        Self::new()
    }
}

/// No place is left for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The table.
pub(crate) struct Table<M: Memory> {
    buckets: M::Slab<Bucket>,
    entries: M::Slab<Entry>,
    cold: M::Slab<Cold>,
    /// A free one holds the index of the next free one.
    wide: M::Slab<[u128; 2]>,
    wide_free: u32,
    /// Wide parts from here on have never been used.
    wide_fresh: u32,
    wide_used: u32,
    stash: Vec<(u64, u32)>,
    free: u32,
    /// Entries from here on have never been used.
    fresh: u32,
    used: u32,
}

impl<M: Memory> core::fmt::Debug for Table<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Table")
            .field("capacity", &self.capacity())
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

fn is_wide(addresses: &Addresses) -> bool {
    matches!(addresses, Addresses::V6(_))
}

fn index(number: u32) -> usize {
    number as usize
}

/// The two buckets of a hash, by multiplication instead of division (Lemire 2019).
#[inline]
fn choices(hash: u64, buckets: usize) -> [usize; 2] {
    let scale = |half: u64| usize::try_from((half * buckets as u64) >> 32).unwrap_or(0);
    [scale(hash & 0xffff_ffff), scale(hash >> 32)]
}

/// Whether an entry is a key's.
#[inline(always)]
fn is_of(entry: &Entry, wide: &[[u128; 2]], key: &Key) -> bool {
    let Endpoints { addresses, ports } = key.endpoints;
    let is_same = match addresses {
        Addresses::V4(pair) => entry.flags & (USED | WIDE) == USED && entry.addresses == pair,
        Addresses::V6(pair) => {
            entry.flags & (USED | WIDE) == USED | WIDE && wide[index(entry.addresses[0])] == pair
        }
    };
    is_same
        && entry.ports == ports
        && entry.context == key.context
        && entry.protocol == key.protocol
}

#[inline]
fn tag(hash: u64) -> u16 {
    let [a, b, ..] = hash.to_le_bytes();
    let [.., c, d, _, _] = hash.to_le_bytes();
    (u16::from_le_bytes([a, b]) ^ u16::from_le_bytes([c, d])).max(1)
}

/// The places of a bucket that bear a tag. All tags are compared at once.
#[inline]
fn ways(bucket: &Bucket, tag: u16) -> impl Iterator<Item = usize> {
    let mut mask = 0_u32;
    for (way, &other) in bucket.tags.iter().enumerate() {
        mask |= u32::from(other == tag) << way;
    }
    core::iter::from_fn(move || {
        let way = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (way < WAYS).then_some(way)
    })
}

/// The first place of a bucket that bears a tag: eight are compared at once, then the rest.
#[inline(always)]
fn first_way(bucket: &Bucket, tag: u16) -> Option<usize> {
    let (eight, rest) = bucket.tags.split_first_chunk::<8>()?;
    // An octet for each.
    let same = eight.map(|other| if other == tag { u8::MAX } else { 0 });
    match u64::from_le_bytes(same) {
        0 => rest.iter().position(|&other| other == tag).map(|way| 8 + way),
        mask => Some(mask.trailing_zeros() as usize / 8),
    }
}

impl<M: Memory> Table<M> {
    /// Room for `capacity` sessions, of which `wide` may be IPv6.
    pub(crate) fn new(capacity: u32, wide: u32, memory: &mut M) -> Result<Self, M::Error> {
        let capacity = index(capacity.clamp(1, (1 << 31) - 1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a positive number of buckets; exactness does not matter"
        )]
        let buckets = (capacity as f64 / (WAYS as f64 * LOAD)).ceil() as usize;
        Ok(Self {
            buckets: memory.take(buckets.max(2))?,
            entries: memory.take(capacity)?,
            cold: memory.take(capacity)?,
            wide: memory.take(index(wide).min(capacity))?,
            wide_free: NONE,
            wide_fresh: 0,
            wide_used: 0,
            stash: Vec::with_capacity(STASH),
            free: NONE,
            fresh: 0,
            used: 0,
        })
    }

    pub(crate) fn capacity(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(NONE)
    }

    /// Whether there is an entry for one more of this family.
    #[inline]
    pub(crate) fn has_entry(&self, addresses: &Addresses) -> bool {
        self.used < self.capacity() && !(is_wide(addresses) && self.is_wide_full())
    }

    /// Whether no IPv6 session can be added for want of a wide part.
    #[inline]
    pub(crate) fn is_wide_full(&self) -> bool {
        index(self.wide_used) >= self.wide.len()
    }

    /// Whether the session is an IPv6 one.
    #[inline]
    pub(crate) fn is_wide(&self, slot: Slot) -> bool {
        self.entries[index(slot.0)].flags & WIDE != 0
    }

    #[inline]
    pub(crate) fn used(&self) -> u32 {
        self.used
    }

    /// One past the highest entry that was ever used: where a walk over all sessions ends.
    pub(crate) fn end(&self) -> u32 {
        self.fresh
    }

    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        let [first, second] = choices(hash, self.buckets.len());
        crate::prefetch::read(&self.buckets[first]);
        crate::prefetch::read(&self.buckets[second]);
    }

    /// The first entry whose tag fits, fetched ahead; whether it is the one is not known yet.
    #[inline(always)]
    pub(crate) fn prefetch_entry(&self, hash: u64) -> Option<Slot> {
        let tag = tag(hash);
        for choice in choices(hash, self.buckets.len()) {
            let bucket = &self.buckets[choice];
            if let Some(way) = first_way(bucket, tag) {
                let slot = bucket.slots[way];
                crate::prefetch::read(self.entries.get(index(slot))?);
                return Some(Slot(slot));
            }
        }
        None
    }

    /// Looks a key up. `guess` is what [`Self::prefetch_entry`] gave for its hash, however long ago.
    #[inline]
    pub(crate) fn find(&self, key: &Key, hash: u64, guess: Option<Slot>) -> Option<Slot> {
        guess.filter(|&slot| self.holds(slot, key)).or_else(|| self.search(key, hash))
    }

    fn search(&self, key: &Key, hash: u64) -> Option<Slot> {
        let tag = tag(hash);
        for choice in choices(hash, self.buckets.len()) {
            let bucket = &self.buckets[choice];
            for way in ways(bucket, tag) {
                let slot = Slot(bucket.slots[way]);
                if self.holds(slot, key) {
                    return Some(slot);
                }
            }
        }
        if self.stash.is_empty() {
            return None;
        }
        let mut stash = self.stash.iter();
        let stashed = stash.find(|&&(other, slot)| other == hash && self.holds(Slot(slot), key));
        stashed.map(|&(_, slot)| Slot(slot))
    }

    #[inline]
    fn holds(&self, slot: Slot, key: &Key) -> bool {
        is_of(&self.entries[index(slot.0)], &self.wide, key)
    }

    /// The entry in a slot with its cold part, if it is this key's.
    #[inline(always)]
    pub(crate) fn guessed(&mut self, slot: Slot, key: &Key) -> Option<(&mut Entry, &mut Cold)> {
        let entry = self.entries.get_mut(index(slot.0))?;
        let cold = self.cold.get_mut(index(slot.0))?;
        is_of(entry, &self.wide, key).then_some((entry, cold))
    }

    /// Whether a key of this hash would find a place in a bucket or in the stash.
    pub(crate) fn has_place(&self, hash: u64) -> bool {
        let buckets = choices(hash, self.buckets.len());
        self.stash.len() < STASH
            || buckets.iter().any(|&choice| self.buckets[choice].tags.contains(&0))
    }

    /// Takes an entry for a key that is not in the table.
    pub(crate) fn insert(&mut self, key: &Key, hash: u64, initiator: Side) -> Result<Slot, Full> {
        let room = |bucket: &Bucket| bucket.tags.iter().filter(|&&tag| tag == 0).count();
        let [first, second] = choices(hash, self.buckets.len());
        let choice =
            if room(&self.buckets[second]) > room(&self.buckets[first]) { second } else { first };
        let way = self.buckets[choice].tags.iter().position(|&tag| tag == 0);
        let Endpoints { addresses, ports } = key.endpoints;
        if (way.is_none() && self.stash.len() == STASH) || !self.has_entry(&addresses) {
            return Err(Full);
        }
        let slot = self.take_free().ok_or(Full)?;
        match way {
            Some(way) => {
                let bucket = &mut self.buckets[choice];
                bucket.tags[way] = tag(hash);
                bucket.slots[way] = slot.0;
            }
            None => self.stash.push((hash, slot.0)),
        }
        let mut entry = Entry {
            ports,
            context: key.context,
            protocol: key.protocol,
            flags: USED | if initiator.0 == 0 { 0 } else { UPPER_INITIATES },
            ..Entry::default()
        };
        match addresses {
            Addresses::V4(pair) => entry.addresses = pair,
            Addresses::V6(pair) => {
                let part = self.take_wide();
                self.wide[index(part)] = pair;
                entry.flags |= WIDE;
                entry.addresses = [part, 0];
            }
        }
        self.entries[index(slot.0)] = entry;
        self.cold[index(slot.0)] = Cold::default();
        self.used += 1;
        Ok(slot)
    }

    /// A wide part of which [`Self::has_entry`] has said that there is one.
    fn take_wide(&mut self) -> u32 {
        self.wide_used += 1;
        if self.wide_free == NONE {
            self.wide_fresh += 1;
            return self.wide_fresh - 1;
        }
        let part = self.wide_free;
        let [next, _] = self.wide[index(part)];
        self.wide_free = u32::try_from(next).unwrap_or(NONE);
        part
    }

    fn take_free(&mut self) -> Option<Slot> {
        if self.free != NONE {
            let slot = self.free;
            self.free = self.cold[index(slot)].next;
            return Some(Slot(slot));
        }
        if self.fresh == self.capacity() {
            return None;
        }
        self.fresh += 1;
        Some(Slot(self.fresh - 1))
    }

    /// Gives an entry back. It must be in no timer list.
    pub(crate) fn remove(&mut self, slot: Slot, hash: u64) {
        let tag = tag(hash);
        let place = choices(hash, self.buckets.len()).into_iter().find_map(|choice| {
            let bucket = &self.buckets[choice];
            (0..WAYS)
                .find(|&way| bucket.tags[way] == tag && bucket.slots[way] == slot.0)
                .map(|way| (choice, way))
        });
        match place {
            Some((choice, way)) => self.buckets[choice].tags[way] = 0,
            None => self.stash.retain(|&(_, stashed)| stashed != slot.0),
        }
        let entry = &mut self.entries[index(slot.0)];
        if entry.flags & WIDE != 0 {
            let part = entry.addresses[0];
            self.wide[index(part)] = [u128::from(self.wide_free), 0];
            self.wide_free = part;
            self.wide_used -= 1;
        }
        entry.flags = 0;
        self.cold[index(slot.0)].next = self.free;
        self.free = slot.0;
        self.used -= 1;
    }

    pub(crate) fn key(&self, slot: Slot) -> Key {
        let entry = &self.entries[index(slot.0)];
        let addresses = if entry.flags & WIDE == 0 {
            Addresses::V4(entry.addresses)
        } else {
            Addresses::V6(self.wide[index(entry.addresses[0])])
        };
        Key {
            context: entry.context,
            protocol: entry.protocol,
            endpoints: Endpoints { addresses, ports: entry.ports },
        }
    }

    /// The slot of an index, if there is a session in it.
    pub(crate) fn slot(&self, number: u32) -> Option<Slot> {
        (number < self.fresh && self.entries[index(number)].flags & USED != 0)
            .then_some(Slot(number))
    }

    #[inline]
    pub(crate) fn entry(&self, slot: Slot) -> &Entry {
        &self.entries[index(slot.0)]
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[index(slot.0)]
    }

    #[inline]
    pub(crate) fn cold(&self, slot: Slot) -> &Cold {
        &self.cold[index(slot.0)]
    }

    #[inline]
    pub(crate) fn cold_mut(&mut self, slot: Slot) -> &mut Cold {
        &mut self.cold[index(slot.0)]
    }
}

#[cfg(test)]
mod tests;
