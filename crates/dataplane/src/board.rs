//! The figures that a worker shows and anybody reads, without a lock: each worker copies its plain numbers here
//! from time to time, by relaxed stores.
//!
//! A reader may see some numbers of one copy and some of the next. Once the worker is idle they agree.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::{Counters, RuleHits, Time};

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
    lines: Box<[Line]>,
}

impl Board {
    pub(crate) fn new() -> Self {
        let lines = (Tally::LEN + Counters::LEN).div_ceil(LINE);
        Self { lines: (0..lines).map(|_| Line::default()).collect() }
    }

    /// Copies the figures. The worker alone calls this.
    pub(crate) fn write(&self, tally: Tally, counters: &Counters) {
        let values = tally.values().into_iter().chain(counters.as_slice().iter().copied());
        for (cell, value) in self.cells().zip(values) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        let mut values = [0; Tally::LEN];
        for (value, cell) in values.iter_mut().zip(self.cells()) {
            *value = cell.load(Ordering::Relaxed);
        }
        Tally::from_values(values)
    }

    pub(crate) fn counters(&self) -> Counters {
        let cells = self.cells().skip(Tally::LEN);
        Counters::from_values(cells.map(|cell| cell.load(Ordering::Relaxed)))
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
}

impl HitBoard {
    pub(crate) fn new(rules: usize) -> Self {
        Self { cells: (0..rules).map(|_| HitCell::default()).collect() }
    }

    /// Copies the hits of up to `count` rules from `start` on. Returns where to go on.
    pub(crate) fn write(&self, hits: &[RuleHits], start: usize, count: usize) -> usize {
        let end = self.cells.len().min(hits.len()).min(start.saturating_add(count));
        let rules = self.cells.iter().zip(hits).take(end).skip(start);
        for (cell, &RuleHits { hits, last }) in rules {
            cell.hits.store(hits, Ordering::Relaxed);
            let last = last.map_or(0, |last| last.as_nanos().saturating_add(1));
            cell.last.store(last, Ordering::Relaxed);
        }
        if end < self.cells.len().min(hits.len()) { end } else { 0 }
    }

    /// Takes each rule's greater figures into `hits`. Hits only grow, so of two boards of one worker the one with
    /// more is right.
    pub(crate) fn read(&self, hits: &mut Vec<RuleHits>) {
        if hits.len() < self.cells.len() {
            hits.resize(self.cells.len(), RuleHits::default());
        }
        for (cell, into) in self.cells.iter().zip(hits) {
            into.hits = into.hits.max(cell.hits.load(Ordering::Relaxed));
            let last = cell.last.load(Ordering::Relaxed).checked_sub(1).map(Time::from_nanos);
            into.last = into.last.max(last);
        }
    }
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
        assert_eq!(board.tally(), tally);
        assert_eq!((tally.forwarded, tally.rounds), (1, 12));
        assert_eq!(board.counters(), counters);
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
                .map(|rule| RuleHits { hits: rule + more, last: Some(Time::from_nanos(rule)) })
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
        assert_eq!((read[2].last, read[11].last), (Some(Time::from_nanos(2)), None));
    }
}
