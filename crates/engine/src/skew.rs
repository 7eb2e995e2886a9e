//! How unevenly a shard's work is spread: over its sessions, and over the entries of the redirection table.
//!
//! Of every 32 to 95 packets, by chance, one is looked at, so that a packet costs next to nothing, and no rhythm of
//! the traffic stays unseen. What is looked at is counted by the Space-Saving algorithm (Metwally, Agrawal, El Abbadi:
//! Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005) in a fixed number of places, anew in
//! each window of time.
//!
//! The error: of n packets looked at, a session with more than n/32 of them has a place for certain, and its count
//! is over by at most what it says itself, never more than n/32; that a share p of the packets is seen as p by
//! chance is off by 2·√(p(1−p)/n), one point in a hundred at n = 10,000.
//!
//! Not here: datagrams in fragments, ICMP errors, what is dropped by its form. (A segment whose ports are sound and the rest of
//! whose header is not is here, if it goes the short way: that has not read it yet.)

use core::time::Duration;

use arrayvec::ArrayVec;
use session::{Key, Time};

use crate::listing::SessionView;
use crate::owner::TABLE_SIZE;

/// How long packets are counted together.
pub const WINDOW: Duration = Duration::from_secs(5);
/// How many of the heaviest sessions are named.
pub const HEAVIEST: usize = 8;
/// Sessions that are counted at once.
const PLACES: usize = 32;
/// The smallest gap between two packets that are looked at: a burst has at most one of them.
const SHORTEST_GAP: u32 = 32;

/// What one window has seen.
#[derive(Clone, Debug, Default)]
pub struct Skew {
    /// How many windows have ended.
    pub windows: u64,
    /// Packets looked at.
    pub samples: u32,
    /// Those of the redirection entry that has most.
    pub heaviest_entry: u32,
    /// Those of the heaviest session, for certain.
    pub heaviest_session: u32,
    /// Living sessions that have most, the heaviest first.
    pub sessions: ArrayVec<HeavySession, HEAVIEST>,
}

/// A session to which many packets belong.
#[derive(Clone, Copy, Debug)]
pub struct HeavySession {
    /// The session.
    pub view: SessionView,
    /// Packets of it that were looked at, for certain.
    pub samples: u32,
}

/// A session that is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) key: Key,
    /// In the session table: secret, so that nobody can aim for one place.
    pub(crate) hash: u64,
    count: u32,
    /// How much of the count may be others'.
    error: u32,
}

impl Place {
    /// Packets that are its own for certain.
    pub(crate) const fn certain(&self) -> u32 {
        self.count - self.error
    }
}

/// Counts the packets of one window.
#[derive(Debug)]
pub(crate) struct Sketch {
    places: ArrayVec<Place, PLACES>,
    entries: [u32; TABLE_SIZE as usize],
    samples: u32,
    /// Packets until the next that is looked at.
    left: u32,
    random: u32,
    since: Time,
}

impl Sketch {
    pub(crate) fn new(seed: u64) -> Self {
        let [a, b, c, d, ..] = seed.to_le_bytes();
        Self {
            places: ArrayVec::new(),
            entries: [0; TABLE_SIZE as usize],
            samples: 0,
            left: SHORTEST_GAP,
            // Zero would stay zero.
            random: u32::from_le_bytes([a, b, c, d]) | 1,
            since: Time::ZERO,
        }
    }

    /// Which frame of a burst of at most [`crate::BURST`] is to be looked at.
    #[inline]
    pub(crate) fn pick(&mut self, burst: usize) -> Option<usize> {
        let burst = u32::try_from(burst).unwrap_or(u32::MAX);
        if self.left >= burst {
            self.left -= burst;
            return None;
        }
        let picked = self.left;
        let behind = burst - picked - 1;
        self.left = self.gap().saturating_sub(behind);
        usize::try_from(picked).ok()
    }

    /// By xorshift (Marsaglia, 2003).
    fn gap(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        SHORTEST_GAP + self.random % (2 * SHORTEST_GAP)
    }

    /// Counts a packet that is looked at. `steering`: the hash by which its owner was found.
    pub(crate) fn note(&mut self, steering: u32, key: &Key, hash: u64) {
        self.samples = self.samples.saturating_add(1);
        let entry = usize::try_from(steering % TABLE_SIZE).ok();
        if let Some(entry) = entry.and_then(|entry| self.entries.get_mut(entry)) {
            *entry = entry.saturating_add(1);
        }
        if let Some(place) = self.places.iter_mut().find(|place| place.hash == hash) {
            place.count = place.count.saturating_add(1);
            return;
        }
        let place = |error: u32| Place { key: *key, hash, count: error.saturating_add(1), error };
        if !self.places.is_full() {
            self.places.push(place(0));
        } else if let Some(lightest) = self.places.iter_mut().min_by_key(|place| place.count) {
            // Whoever comes takes over the count of whom it displaces, as it may have been here before.
            *lightest = place(lightest.count);
        }
    }

    pub(crate) fn is_over(&self, now: Time) -> bool {
        now.since(self.since) >= WINDOW
    }

    /// Ends the window and begins the next. Gives what it has seen, but for the sessions, and the places, the
    /// heaviest first.
    pub(crate) fn turn_over(&mut self, now: Time, windows: u64) -> (Skew, ArrayVec<Place, PLACES>) {
        let mut places = core::mem::take(&mut self.places);
        places.sort_unstable_by_key(|place| core::cmp::Reverse(place.certain()));
        let skew = Skew {
            windows,
            samples: self.samples,
            heaviest_entry: self.entries.iter().copied().max().unwrap_or(0),
            heaviest_session: places.first().map_or(0, Place::certain),
            sessions: ArrayVec::new(),
        };
        self.entries = [0; TABLE_SIZE as usize];
        self.samples = 0;
        self.since = now;
        (skew, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::IpAddr;
    use session::Context;

    fn key(number: u32) -> Key {
        let [_, a, b, c] = number.to_be_bytes();
        let source = IpAddr::from([10, a, b, c]);
        let context = Context::new(0, wire::VlanTags::default());
        Key::new(context, 17, (source, 4000), (IpAddr::from([192, 0, 2, 80]), 53)).0
    }

    /// A packet of this flow, looked at.
    fn note(sketch: &mut Sketch, number: u32) {
        sketch.note(number, &key(number), u64::from(number));
    }

    #[test]
    fn about_one_packet_in_64_is_looked_at_and_one_of_a_burst_at_most() {
        for burst in [1, 3, 32] {
            let mut sketch = Sketch::new(7);
            let mut seen = Vec::new();
            for number in 0..640_000 / burst {
                if let Some(place) = sketch.pick(burst) {
                    assert!(place < burst);
                    seen.push(number * burst + place);
                }
            }
            let gaps: Vec<usize> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| (32..=96).contains(gap)), "{gaps:?}");
            assert!((9_500..10_500).contains(&seen.len()), "{} of 640,000", seen.len());
            assert!(gaps.iter().any(|gap| *gap < 40) && gaps.iter().any(|gap| *gap > 88));
        }
    }

    #[test]
    fn an_elephant_among_many_is_found_and_not_overrated() {
        let mut sketch = Sketch::new(1);
        // A fifth of all packets is the elephant's, which begins when all places are long taken.
        for number in 0..10_000_u32 {
            let elephant = number > 1000 && number % 5 == 0;
            note(&mut sketch, if elephant { 1_000_000 } else { number });
        }
        let (skew, places) = sketch.turn_over(Time::from_secs(5), 1);
        assert_eq!(places[0].key, key(1_000_000));
        let truth = 1_800;
        let bound = skew.samples / 32;
        assert!(skew.heaviest_session <= truth, "{skew:?}");
        assert!(skew.heaviest_session + bound >= truth, "{skew:?}");
        assert!(places[1].certain() < 10, "nobody else is heavy: {:?}", places[1]);
    }

    #[test]
    fn few_sessions_are_counted_exactly() {
        let mut sketch = Sketch::new(1);
        for number in 0..600_u32 {
            note(&mut sketch, number % 6 / 3);
        }
        for _ in 0..30 {
            note(&mut sketch, 128);
        }
        let (skew, places) = sketch.turn_over(Time::from_secs(5), 1);
        let counts: Vec<u32> = places.iter().map(Place::certain).collect();
        assert_eq!(counts, [300, 300, 30]);
        // 0 and 128 share an entry.
        assert_eq!((skew.samples, skew.heaviest_entry), (630, 330));
        let (skew, places) = sketch.turn_over(Time::from_secs(10), 2);
        assert_eq!((skew.samples, skew.heaviest_entry, places.len()), (0, 0, 0));
    }
}
