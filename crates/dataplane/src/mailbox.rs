//! What the control core and one worker give each other. Neither ever waits for the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use engine::skew::Skew;
use engine::{Arrivals, Event, Snapshot, Time};

use crate::board::{Board, HitBoard};
use crate::command::Job;

/// Commands that may wait for a worker.
const JOBS: usize = 64;
/// Versions of the policy that may wait to be freed. A worker takes no new one while there are so many.
const RETIRED: usize = 16;

/// A version of the policy on its way to a worker.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where the worker is to show its rule hits from then on.
    pub(crate) hits: Arc<HitBoard>,
    /// When it was published.
    pub(crate) published: Time,
}

/// A version of the policy on its way back, to be freed on the control core.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) hits: Arc<HitBoard>,
    /// How long the version that took its place was on its way.
    pub(crate) swap: Duration,
}

/// Between the control core and one worker.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// The newest version that the worker has not taken.
    pub(crate) delivery: ArrayQueue<Delivery>,
    pub(crate) jobs: ArrayQueue<Job>,
    pub(crate) retired: ArrayQueue<Retired>,
    pub(crate) events: ArrayQueue<Event>,
    pub(crate) board: Board,
    /// What the worker shows beside its numbers. It never waits for it: while somebody reads, it shows it
    /// later.
    pub(crate) spread: Mutex<Spread>,
}

/// How a worker's load is spread, and whose floods it bears.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    /// By port, how well its packets found their owners.
    pub(crate) arrivals: Vec<Arrivals>,
    /// Of the last window.
    pub(crate) skew: Skew,
    /// By zone, half-open sessions opened from there.
    pub(crate) half_open: Vec<u32>,
}

impl Spread {
    /// Takes over newer figures.
    pub(crate) fn show(&mut self, arrivals: &[Arrivals], skew: &Skew, half_open: &[u32]) {
        // As many as there are ports and zones, so that only the first copy allocates, and one after a reload that
        // brings more zones.
        self.arrivals.clear();
        self.arrivals.extend_from_slice(arrivals);
        self.half_open.clear();
        self.half_open.extend_from_slice(half_open);
        if self.skew.windows != skew.windows {
            self.skew.clone_from(skew);
        }
    }
}

impl Mailbox {
    /// For one of so many workers, which together may have so many log events waiting.
    pub(crate) fn new(workers: u16, events: usize) -> Self {
        Self {
            delivery: ArrayQueue::new(1),
            jobs: ArrayQueue::new(JOBS),
            retired: ArrayQueue::new(RETIRED),
            events: ArrayQueue::new(events_of_one(workers, events)),
            board: Board::new(),
            spread: Mutex::default(),
        }
    }

    /// What the queue of events takes, in octets, over all workers.
    pub(crate) fn events_memory(workers: u16, events: usize) -> usize {
        events_of_one(workers, events)
            * usize::from(workers)
            * (size_of::<Event>() + size_of::<usize>())
    }
}

fn events_of_one(workers: u16, events: usize) -> usize {
    events.div_ceil(usize::from(workers.max(1))).max(1)
}
