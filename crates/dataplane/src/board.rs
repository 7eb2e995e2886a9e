//! The figures that a worker shows and anybody reads, without a lock: each worker copies its plain numbers here
//! from time to time, by relaxed stores.
//!
//! A sequence number around each copy lets readers see the numbers of one copy together, so that they add up. A
//! reader that meets a worker again and again in the middle of one takes what it finds.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::thread;
use std::time::Duration;

use engine::{Counters, RuleHits, Time};

/// Attempts to read the numbers of one copy.
const ATTEMPTS: usize = 1000;

/// Two cache lines: what one worker writes shares none with what another writes, prefetching included.
const LINE: usize = 16;

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([AtomicU64; LINE]);

/// What a worker counts beside its shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Received frames that transmit took.
    pub(crate) forwarded: u64,
    /// Received frames that transmit did not take.
    pub(crate) tx_full: u64,
    /// Received frames that found the ring to another worker full.
    pub(crate) handover_full: u64,
    /// Frames that the engine made and that met one of these two fates.
    pub(crate) made_lost: u64,
    /// Frames given to the worker that has a transmit queue.
    pub(crate) tx_queue: u64,
    /// Log events that found their queue full.
    pub(crate) events_lost: u64,
    /// Nanoseconds spent in rounds that found something to do.
    pub(crate) busy: u64,
    /// Nanoseconds spent in other rounds, asleep or not.
    pub(crate) idle: u64,
    /// Nanosecond of the last copy.
    pub(crate) heartbeat: u64,
    /// Generation of the policy.
    pub(crate) generation: u64,
    /// Frames in the rings to this worker.
    pub(crate) in_rings: u64,
    /// Rounds of the loop.
    pub(crate) rounds: u64,
}

impl Tally {
    const LEN: usize = 12;

    const fn values(self) -> [u64; Self::LEN] {
        let Self {
            forwarded,
            tx_full,
            handover_full,
            made_lost,
            tx_queue,
            events_lost,
            busy,
            idle,
            heartbeat,
            generation,
            in_rings,
            rounds,
        } = self;
        [
            forwarded,
            tx_full,
            handover_full,
            made_lost,
            tx_queue,
            events_lost,
            busy,
            idle,
            heartbeat,
            generation,
            in_rings,
            rounds,
        ]
    }

    const fn from_values(values: [u64; Self::LEN]) -> Self {
        let [
            forwarded,
            tx_full,
            handover_full,
            made_lost,
            tx_queue,
            events_lost,
            busy,
            idle,
            heartbeat,
            generation,
            in_rings,
            rounds,
        ] = values;
        Self {
            forwarded,
            tx_full,
            handover_full,
            made_lost,
            tx_queue,
            events_lost,
            busy,
            idle,
            heartbeat,
            generation,
            in_rings,
            rounds,
        }
    }
}

/// One worker's figures.
#[derive(Debug)]
pub(crate) struct Board {
    /// Odd while a copy is made.
    sequence: AtomicU64,
    lines: Box<[Line]>,
}

impl Board {
    pub(crate) fn new() -> Self {
        let lines = (Tally::LEN + Counters::LEN).div_ceil(LINE);
        let lines = (0..lines).map(|_| Line::default()).collect();
        Self { sequence: AtomicU64::new(0), lines }
    }

    /// Copies the figures. The worker alone calls this.
    pub(crate) fn write(&self, tally: Tally, counters: &Counters) {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // No number is stored before the sequence is odd, and all are before it is even again.
        fence(Ordering::Release);
        let values = tally.values().into_iter().chain(counters.as_slice().iter().copied());
        for (cell, value) in self.cells().zip(values) {
            cell.store(value, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// The figures of one copy.
    pub(crate) fn read(&self) -> (Tally, Counters) {
        for _ in 0..ATTEMPTS {
            if let Some(figures) = self.read_at_once() {
                return figures;
            }
            thread::yield_now();
        }
        self.figures()
    }

    /// The figures of one copy, unless the worker is copying just then.
    fn read_at_once(&self) -> Option<(Tally, Counters)> {
        let before = self.sequence.load(Ordering::Acquire);
        let figures = self.figures();
        // No number is loaded after the sequence is looked at again.
        fence(Ordering::Acquire);
        let after = self.sequence.load(Ordering::Relaxed);
        (before.is_multiple_of(2) && after == before).then_some(figures)
    }

    /// The worker's own tally, of which a part may be older.
    pub(crate) fn tally(&self) -> Tally {
        let mut values = [0; Tally::LEN];
        for (value, cell) in values.iter_mut().zip(self.cells()) {
            *value = cell.load(Ordering::Relaxed);
        }
        Tally::from_values(values)
    }

    fn figures(&self) -> (Tally, Counters) {
        let counters = self.cells().skip(Tally::LEN).map(|cell| cell.load(Ordering::Relaxed));
        (self.tally(), Counters::from_values(counters))
    }

    fn cells(&self) -> impl Iterator<Item = &AtomicU64> {
        self.lines.iter().flat_map(|line| &line.0)
    }
}

/// One worker's rule hits, for as many rules as one version of the policy knows. A new version brings a new
/// one, which the control core allocates.
#[derive(Debug)]
pub(crate) struct HitBoard {
    cells: Box<[HitCell]>,
}

#[derive(Debug, Default)]
struct HitCell {
    hits: AtomicU64,
    /// Nanosecond of the last hit, and 1; 0: never.
    last: AtomicU64,
    /// Sessions, and in the upper half those whose handshake is not complete.
    sessions: AtomicU64,
}

impl HitBoard {
    pub(crate) fn new(rules: usize) -> Self {
        Self { cells: (0..rules).map(|_| HitCell::default()).collect() }
    }

    /// Copies the hits of up to `count` rules from `start` on. Returns where to go on.
    pub(crate) fn write(&self, hits: &[RuleHits], start: usize, count: usize) -> usize {
        let end = self.cells.len().min(hits.len()).min(start.saturating_add(count));
        let rules = self.cells.iter().zip(hits).take(end).skip(start);
        for (cell, &RuleHits { hits, last, sessions, embryonic }) in rules {
            cell.hits.store(hits, Ordering::Relaxed);
            let last = last.map_or(0, |last| last.as_nanos().saturating_add(1));
            cell.last.store(last, Ordering::Relaxed);
            let sessions = u64::from(embryonic) << 32 | u64::from(sessions);
            cell.sessions.store(sessions, Ordering::Relaxed);
        }
        if end < self.cells.len().min(hits.len()) { end } else { 0 }
    }

    /// Takes each rule's later figures into `hits`, which were read from an older board. Hits only grow, so of two
    /// boards of one worker the one with more is right; and one that the worker has not come to has none.
    pub(crate) fn read(&self, hits: &mut Vec<RuleHits>) {
        if hits.len() < self.cells.len() {
            hits.resize(self.cells.len(), RuleHits::default());
        }
        for (cell, into) in self.cells.iter().zip(hits) {
            let hits = cell.hits.load(Ordering::Relaxed);
            if hits < into.hits {
                continue;
            }
            into.hits = hits;
            let [sessions, embryonic] = halves(cell.sessions.load(Ordering::Relaxed));
            (into.sessions, into.embryonic) = (sessions, embryonic);
            let last = cell.last.load(Ordering::Relaxed).checked_sub(1).map(Time::from_nanos);
            into.last = into.last.max(last);
        }
    }
}

/// The lower and the upper half.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
const fn halves(whole: u64) -> [u32; 2] {
    [whole as u32, (whole >> 32) as u32]
}

/// A number of nanoseconds as a span.
pub(crate) const fn nanos(count: u64) -> Duration {
    Duration::from_nanos(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let board = Board::new();
        let tally = Tally::from_values(core::array::from_fn(|place| place as u64 + 1));
        let counters = Counters::from_values((0..).map(|number| number * 3));
        board.write(tally, &counters);
        assert_eq!(board.read(), (tally, counters));
        assert_eq!((tally.forwarded, tally.rounds), (1, 12));
    }

    #[test]
    fn the_numbers_of_one_copy_are_read_together() {
        let board = Board::new();
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for number in 1..=20_000_u64 {
                    let tally = Tally::from_values([number; Tally::LEN]);
                    board.write(tally, &Counters::from_values(core::iter::repeat(number)));
                    if number.is_multiple_of(16) {
                        thread::yield_now();
                    }
                }
            });
            while !writer.is_finished() {
                let Some((tally, counters)) = board.read_at_once() else { continue };
                let number = tally.forwarded;
                assert_eq!(tally, Tally::from_values([number; Tally::LEN]));
                assert!(counters.as_slice().iter().all(|&other| other == number));
            }
        });
    }

    #[test]
    fn boards_are_on_lines_of_their_own() {
        let board = Board::new();
        assert_eq!(board.lines.as_ptr().addr() % 128, 0);
        assert_eq!(size_of::<Line>(), 128);
    }

    #[test]
    fn hits_are_copied_in_parts_and_the_greater_counts() {
        let hits = |more: u64| -> Vec<RuleHits> {
            (0..10)
                .map(|rule| RuleHits {
                    hits: rule + more,
                    last: Some(Time::from_nanos(rule)),
                    sessions: 9,
                    embryonic: u32::try_from(more).expect("small"),
                })
                .collect()
        };
        let old = HitBoard::new(10);
        assert_eq!(old.write(&hits(0), 0, 4), 4);
        assert_eq!(old.write(&hits(0), 4, 4), 8);
        assert_eq!(old.write(&hits(0), 8, 4), 0);
        let mut read = Vec::new();
        old.read(&mut read);
        assert_eq!(read, hits(0));

        let new = HitBoard::new(12);
        new.write(&hits(5), 0, 2);
        new.read(&mut read);
        assert_eq!((read[0].hits, read[1].hits, read[2].hits, read[11].hits), (5, 6, 2, 0));
        assert_eq!([0, 2, 11].map(|rule| read[rule].embryonic), [5, 0, 0]);
        assert_eq!([0, 2, 11].map(|rule| read[rule].sessions), [9, 9, 0]);
        assert_eq!((read[2].last, read[11].last), (Some(Time::from_nanos(2)), None));
    }
}
