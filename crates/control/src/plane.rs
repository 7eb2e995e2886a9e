//! What the control side needs of the plane that moves frames.
//!
//! The daemon's is made of DPDK ports and worker threads; that of the tests is a table of numbers. All
//! that control says about the box comes through here, so that every command, metric and alarm can be
//! tested without a NIC.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// What a worker can be asked, and a part of what it answers: the data plane's own, as nothing less would do for
/// the tests' plane. In this crate an answer is the API's.
pub use dataplane::{Answer as Part, Command as Question};
/// What becomes of ports, in the data plane's own words.
pub use dataplane::{PortChange, PortNews, ResetWanted};
use engine::skew::Skew;
use engine::{
    Arrivals, Counter, Counters, Cut, DropReason, Event, PortIndex, RuleHits, Snapshot, Time,
    WorkerId,
};
use policy::ZoneId;

/// The plane that moves frames.
pub trait Plane: Send + Sync + 'static {
    /// Everything that is counted, as it stands. Reading stops nobody.
    fn read(&self) -> Reading;

    /// When each worker last gave a sign of life. Cheaper than [`Self::read`], which asks devices too.
    fn heartbeats(&self) -> Vec<Heartbeat>;

    /// Looks after the ports and their links, and says what has changed of them.
    ///
    /// # Errors
    /// If a port cannot go on without an end of the process.
    fn tend(&self) -> Result<Vec<PortNews>, ResetWanted>;

    /// The present on the clock of the workers: of sessions, events and rule hits.
    fn now(&self) -> Time;

    /// Puts a version of the policy into every worker's mailbox.
    fn publish(&self, snapshot: Arc<Snapshot>);

    /// Frees the versions that no worker uses any more, on the calling thread. Returns, of each swap
    /// since the last call, how long it took from its publication to its use.
    fn reap(&self) -> Vec<Duration>;

    /// Gives a worker something to do between its bursts. It answers in parts, the last of which is
    /// [`Part::Done`]; it never waits for the receiver, and stops when that is gone.
    fn ask(&self, worker: WorkerId, question: Question) -> Receiver<Part>;

    /// Takes events from the workers, as many as are there and at most `most`.
    fn events(&self, most: usize, take: &mut dyn FnMut(&Event));

    /// Sets all links down where the drivers can, waiting for no worker.
    fn cut(&self);

    /// The same for a thread that panics, whatever it holds: it neither panics nor waits for ever, and logs nothing.
    /// Returns how many links went down; none: the ports could not be had.
    fn cut_in_panic(&self) -> Option<usize>;
}

/// A worker's last sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The worker.
    pub worker: WorkerId,
    /// The CPU that it runs on.
    pub core: u32,
    /// How long ago it was.
    pub age: Duration,
}

/// All counters at about one instant.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// By worker.
    pub workers: Vec<WorkerReading>,
    /// In the order of the configuration.
    pub ports: Vec<PortReading>,
    /// By NUMA socket.
    pub buffers: Vec<BufferReading>,
    /// Frames on their way from one worker to another.
    pub in_rings: u64,
}

/// What one worker counted.
#[derive(Clone, Debug)]
pub struct WorkerReading {
    /// Which.
    pub worker: WorkerId,
    /// The CPU that it runs on.
    pub core: u32,
    /// The counters of its shard; among them finished frames that it gave to the worker that has a
    /// transmit queue.
    pub counters: Counters,
    /// Frames that transmit has taken, those that were made not counted.
    pub forwarded: u64,
    /// Frames that transmit has not taken. They are dropped.
    pub tx_full: u64,
    /// Frames that found the ring to another worker full. They are dropped.
    pub handover_full: u64,
    /// Frames that the shard made and that met one of these two fates.
    pub made_lost: u64,
    /// The generation that it works by.
    pub generation: u32,
    /// How long ago it last gave a sign of life.
    pub heartbeat_age: Duration,
    /// How long it had frames to work on.
    pub busy: Duration,
    /// How long it had none.
    pub idle: Duration,
    /// Log events that found the queue full.
    pub events_lost: u64,
    /// By rule identity.
    pub rule_hits: Vec<RuleHits>,
    /// By port, how well its packets found their owners.
    pub arrivals: Vec<Arrivals>,
    /// How the load of the last window was spread.
    pub skew: Skew,
    /// By zone of the policy that it works by, sessions opened from there whose handshake is not complete.
    pub half_open: Vec<u32>,
}

impl WorkerReading {
    /// Frames dropped for a reason, by the shard or on their way from it.
    #[must_use]
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        let outside = if reason == DropReason::from(Cut::TxFull) {
            self.tx_full
        } else if reason == DropReason::from(Cut::HandoverFull) {
            self.handover_full
        } else {
            0
        };
        self.counters.get(Counter::Dropped(reason)) + outside
    }

    /// Frames made and sent.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.counters.get(Counter::Made).saturating_sub(self.made_lost)
    }

    /// All frames dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counters.dropped() + self.tx_full + self.handover_full
    }
}

/// What is known of a port.
#[derive(Clone, Debug)]
pub struct PortReading {
    /// Which.
    pub port: PortIndex,
    /// Its name.
    pub name: String,
    /// The device as the configuration names it.
    pub device: String,
    /// The DPDK driver.
    pub driver: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Whether its link is up.
    pub link_up: bool,
    /// The link's speed in bits per second, where it is known.
    pub speed_bits_per_second: Option<u64>,
    /// The longest IP packet.
    pub mtu: u16,
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// The NUMA socket of the device.
    pub socket: Option<u32>,
    /// Receive-side scaling as asked for and as granted.
    pub rss: String,
    /// The same in parts.
    pub steering: api::PortSteering,
    /// Whether a kernel interface stays beside it, by the operator's word.
    pub kernel_path_allowed: bool,
    /// Whether its device was pulled.
    pub gone: bool,
    /// Whether its link is held down because its partner's is, or its partner is gone.
    pub held_down: bool,
    /// What it counted.
    pub stats: api::PortStats,
}

/// Frame buffers of a NUMA socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferReading {
    /// The socket.
    pub socket: u32,
    /// Buffers in use.
    pub in_use: u64,
    /// Buffers there are.
    pub total: u64,
}

impl Reading {
    /// The shards' counters, added up.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for worker in &self.workers {
            sum.add(&worker.counters);
        }
        sum
    }

    /// How well a port's packets found their owners, over all workers.
    #[must_use]
    pub fn arrivals(&self, port: PortIndex) -> Arrivals {
        let mut sum = Arrivals::default();
        for worker in &self.workers {
            if let Some(arrivals) = worker.arrivals.get(port.index()) {
                sum.add(arrivals);
            }
        }
        sum
    }

    /// Where the received frames are.
    #[must_use]
    pub fn balance(&self) -> api::FrameBalance {
        let counters = self.counters();
        let of_workers = |count: fn(&WorkerReading) -> u64| self.workers.iter().map(count).sum();
        let mut balance = api::FrameBalance {
            received: counters.get(Counter::Received),
            forwarded: of_workers(|worker| worker.forwarded),
            dropped: of_workers(WorkerReading::dropped),
            rejected: counters.rejected(),
            consumed: counters.get(Counter::Consumed),
            held: counters.get(Counter::Held),
            in_rings: self.in_rings,
            made: of_workers(WorkerReading::made),
            difference: 0,
        };
        let api::FrameBalance { received, forwarded, dropped, rejected, consumed, held, .. } =
            balance;
        let found = forwarded + dropped + rejected + consumed + held + balance.in_rings;
        balance.difference = received.wrapping_sub(found).cast_signed();
        balance
    }

    /// Sessions opened from a zone whose handshake is not complete, over the workers that work by the policy of this
    /// generation, as zones have other numbers in others.
    #[must_use]
    pub fn half_open(&self, zone: ZoneId, generation: u32) -> u64 {
        let present = self.workers.iter().filter(|worker| worker.generation == generation);
        present
            .filter_map(|worker| worker.half_open.get(zone.index()))
            .map(|&few| u64::from(few))
            .sum()
    }

    /// The hits of a rule over all workers: how many, and when the last.
    #[must_use]
    pub fn rule_hits(&self, rule: policy::RuleId) -> RuleHits {
        let of_rule = self.workers.iter().filter_map(|worker| worker.rule_hits.get(rule.index()));
        of_rule.fold(RuleHits::default(), |sum, hits| RuleHits {
            hits: sum.hits + hits.hits,
            last: sum.last.max(hits.last),
            sessions: sum.sessions + hits.sessions,
            embryonic: sum.embryonic + hits.embryonic,
        })
    }
}
