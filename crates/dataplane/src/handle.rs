//! The control core's end of a worker.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::skew::Skew;
use engine::{Arrivals, Cause, Counter, Counters, Event, RuleHits, Snapshot, Time, WorkerId};

use crate::board::{HitBoard, Tally, nanos};
use crate::command::{Answer, Command, Job};
use crate::mailbox::{Delivery, Mailbox, Retired};

/// What a worker has counted, at about one instant.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// Which.
    pub worker: WorkerId,
    /// Its CPU.
    pub core: u32,
    /// Of its shard. Frames given to another worker for want of a transmit queue are added to them; frames that
    /// no port or ring took are not, and stand below.
    pub counters: Counters,
    /// Received frames that transmit took.
    pub forwarded: u64,
    /// Received frames that transmit did not take. They are dropped.
    pub tx_full: u64,
    /// Received frames that found the ring to another worker full. They are dropped.
    pub handover_full: u64,
    /// Frames that the engine made and that met one of these two fates.
    pub made_lost: u64,
    /// Frames in the rings to this worker.
    pub in_rings: u64,
    /// Log events that found their queue full.
    pub events_lost: u64,
    /// The generation that it works by.
    pub generation: u32,
    /// How long ago it last gave a sign of life.
    pub heartbeat_age: Duration,
    /// How long its rounds found something to do.
    pub busy: Duration,
    /// How long they found nothing.
    pub idle: Duration,
    /// By rule identity.
    pub rule_hits: Vec<RuleHits>,
    /// By port, how well its packets found their owners; empty before the worker has shown it.
    pub arrivals: Vec<Arrivals>,
    /// How the load of the last window was spread.
    pub skew: Skew,
    /// By zone of the policy that it works by, sessions opened from there whose handshake is not complete.
    pub half_open: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct Handle {
    worker: WorkerId,
    core: u32,
    mailbox: Arc<Mailbox>,
    /// Every board of hits that the worker may be writing to, oldest first.
    hits: Mutex<Vec<Arc<HitBoard>>>,
}

impl Handle {
    pub(crate) fn new(
        worker: WorkerId,
        core: u32,
        mailbox: Arc<Mailbox>,
        hits: Arc<HitBoard>,
    ) -> Self {
        Self { worker, core, mailbox, hits: Mutex::new(vec![hits]) }
    }

    pub(crate) fn status(&self, now: Time) -> WorkerStatus {
        let (tally, counters) = self.mailbox.board.read();
        let Tally {
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
            rounds: _,
        } = tally;
        let passed = Counter::HandedOver(Cause::TxQueue).index();
        let values = counters.as_slice().iter().enumerate();
        let counters = Counters::from_values(
            values.map(|(index, value)| if index == passed { value + tx_queue } else { *value }),
        );
        let mut rule_hits = Vec::new();
        for board in self.hits().iter() {
            board.read(&mut rule_hits);
        }
        let spread = self.mailbox.spread.lock().unwrap_or_else(PoisonError::into_inner).clone();
        WorkerStatus {
            worker: self.worker,
            core: self.core,
            counters,
            forwarded,
            tx_full,
            handover_full,
            made_lost,
            in_rings,
            events_lost,
            generation: u32::try_from(generation).unwrap_or(u32::MAX),
            heartbeat_age: now.since(Time::from_nanos(heartbeat)),
            busy: nanos(busy),
            idle: nanos(idle),
            rule_hits,
            arrivals: spread.arrivals,
            skew: spread.skew,
            half_open: spread.half_open,
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        self.mailbox.board.tally()
    }

    /// A version that the worker has not taken yet is freed here, in favour of this one.
    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>, now: Time) {
        let mut boards = self.hits();
        let hits = Arc::new(HitBoard::new(snapshot.rule_count));
        boards.push(Arc::clone(&hits));
        let overtaken =
            self.mailbox.delivery.force_push(Delivery { snapshot, hits, published: now });
        if let Some(overtaken) = overtaken {
            boards.retain(|board| !Arc::ptr_eq(board, &overtaken.hits));
        }
    }

    /// Frees what the worker sent back. Notes how long each swap took.
    pub(crate) fn reap(&self, swaps: &mut Vec<Duration>) {
        while let Some(Retired { snapshot, hits, swap }) = self.mailbox.retired.pop() {
            self.hits().retain(|board| !Arc::ptr_eq(board, &hits));
            swaps.push(swap);
            drop(snapshot);
        }
    }

    /// The receiver is disconnected at once if too many commands wait already.
    pub(crate) fn ask(&self, command: Command) -> Receiver<Answer> {
        let (job, receiver) = Job::new(command);
        drop(self.mailbox.jobs.push(job));
        receiver
    }

    /// Forgets commands that no worker will ever take.
    pub(crate) fn refuse_jobs(&self) {
        while self.mailbox.jobs.pop().is_some() {}
    }

    pub(crate) fn event(&self) -> Option<Event> {
        self.mailbox.events.pop()
    }

    fn hits(&self) -> MutexGuard<'_, Vec<Arc<HitBoard>>> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod stress;
