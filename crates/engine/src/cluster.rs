//! N shards joined by queues in memory and driven in a fixed order: for replay and tests.
//!
//! Frames enter as a NIC with symmetric receive-side scaling would steer them, and what shards hand over is
//! worked off before the next frame. So the same frames at the same times give the same verdicts on each run,
//! and for any number of shards, as long as no limit is met.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashMap;
use session::expectation::Expectations;
use session::memory::Heap;
use session::tcp::WindowNumbers;
use session::{LONGEST, Time};

use crate::counters::Counters;
use crate::frame::{Event, Frame, Handover, Judgement, Outbox, ReceiveFlags, Verdict, WorkerId};
use crate::owner::{steering_hash, worker_of};
use crate::{Burst, EXPECTATIONS, HandedBurst, PortIndex, Shard, ShardConfig, Snapshot};

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tape {
    number: Option<u64>,
    port: PortIndex,
    octets: Vec<u8>,
    /// Captured on one of the hosts, whose NIC fills in checksums and divides or joins segments.
    from_host: bool,
    /// What the NIC says to have hashed it to.
    rss_hash: Option<u32>,
}

impl AsRef<[u8]> for Tape {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Frame for Tape {
    fn port(&self) -> PortIndex {
        self.port
    }

    fn receive_flags(&self) -> ReceiveFlags {
        ReceiveFlags {
            ip_checksum_good: self.from_host,
            l4_checksum_good: self.from_host,
            joined: self.from_host,
            ..ReceiveFlags::default()
        }
    }

    fn rss_hash(&self) -> Option<u32> {
        self.rss_hash
    }
}

/// What became of one frame.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The number that it was given; none for a frame that the engine made.
    pub number: Option<u64>,
    /// The frame that was being judged: for a made one, that which it answers.
    pub during: u64,
    /// The verdict and what led to it.
    pub judgement: Judgement,
    /// The session's number, counted from 0 by creation over all shards.
    pub session: Option<u64>,
    /// Of a TCP segment that its session refused for its numbers: those, beside the session's.
    pub numbers: Option<WindowNumbers>,
    /// The port that it left by.
    pub out: Option<PortIndex>,
    /// Its octets.
    pub octets: Vec<u8>,
    /// The worker that decided.
    pub worker: WorkerId,
    /// When.
    pub time: Time,
}

/// Shards in one thread.
#[derive(Debug)]
pub struct Cluster {
    shards: Vec<Shard<Tape, Heap>>,
    desk: Desk,
    on_the_wire: bool,
}

/// Where all shards put what they decide.
#[derive(Debug, Default)]
struct Desk {
    queues: Vec<VecDeque<(Tape, Handover)>>,
    fates: Vec<Fate>,
    /// How many of them have been looked at for their numbers.
    noted: usize,
    events: Vec<Event>,
    /// Numbers of living sessions, by worker and slot.
    numbers: HashMap<(WorkerId, u32), u64, RandomState>,
    created: u64,
    during: u64,
    worker: WorkerId,
    now: Time,
}

/// The secret of the hashes in replay, where nobody attacks and every run must be the same.
const SEED: u64 = 0x5a11_7b0f;
const TOMBSTONES: usize = 65_536;

impl Cluster {
    /// `workers` shards, each with room for the whole box's sessions, that judge by `snapshot`.
    pub fn new(workers: u16, snapshot: &Arc<Snapshot>) -> Self {
        let fragments = session::fragment::Limits::default();
        Self::with_room(workers, snapshot, fragments, TOMBSTONES, EXPECTATIONS)
    }

    /// As [`Self::new`], with other bounds for the fragments that each shard holds, for the ended sessions that
    /// it remembers, and for the connections that all expect together.
    pub fn with_room(
        workers: u16,
        snapshot: &Arc<Snapshot>,
        fragments: session::fragment::Limits,
        tombstones: usize,
        expectations: usize,
    ) -> Self {
        let workers = workers.max(1);
        let expectations = Arc::new(Expectations::new(workers, expectations, SEED));
        let shards = (0..workers).map(|worker| {
            let config = ShardConfig {
                worker: WorkerId(worker),
                workers,
                share: 1,
                seed: SEED,
                own_macs: Vec::new(),
                fragments,
                tombstones,
                expectations: Arc::clone(&expectations),
                pickup_until: Time::ZERO,
            };
            match Shard::new(config, Arc::clone(snapshot), &mut Heap) {
                Ok(shard) => shard,
            }
        });
        let shards: Vec<_> = shards.collect();
        let queues = shards.iter().map(|_| VecDeque::new()).collect();
        Self { shards, desk: Desk { queues, ..Desk::default() }, on_the_wire: false }
    }

    /// Takes frames as a running box sees them: IPv4 header checksums are verified, and no TCP segment may be
    /// longer than the MTU. By default they are taken as a capture on one of the hosts shows them, before its
    /// NIC filled in checksums and divided segments, or after it joined them.
    pub fn on_the_wire(&mut self, on_the_wire: bool) {
        self.on_the_wire = on_the_wire;
    }

    /// Whether plain packets of known sessions go the short way ([`Shard::go_short`]).
    pub fn go_short(&mut self, short: bool) {
        for shard in &mut self.shards {
            shard.go_short(short);
        }
    }

    /// Judges the frame with this number, that came in by `port` at `now`, which is not before any earlier call's.
    pub fn receive(&mut self, now: Time, number: u64, port: PortIndex, octets: Vec<u8>) {
        let workers = u16::try_from(self.shards.len()).unwrap_or(u16::MAX);
        let parsed = wire::parse_with(&octets, wire::HeaderChecksum::Trust);
        let hash = parsed.map_or(0, |descriptor| steering_hash(&descriptor));
        self.receive_at(worker_of(hash, workers), now, number, port, octets);
    }

    /// As [`Self::receive`], at a worker that a NIC has chosen, by whatever hash.
    pub fn receive_at(
        &mut self,
        worker: WorkerId,
        now: Time,
        number: u64,
        port: PortIndex,
        octets: Vec<u8>,
    ) {
        self.receive_hashed(worker, None, now, number, port, octets);
    }

    /// As [`Self::receive_at`], from a NIC that says by which hash it chose.
    pub fn receive_hashed(
        &mut self,
        worker: WorkerId,
        rss_hash: Option<u32>,
        now: Time,
        number: u64,
        port: PortIndex,
        octets: Vec<u8>,
    ) {
        self.advance(now);
        self.desk.during = number;
        let worker = WorkerId(worker.0 % u16::try_from(self.shards.len()).unwrap_or(u16::MAX));
        let mut burst = Burst::new();
        let from_host = !self.on_the_wire;
        burst.push(Tape { number: Some(number), port, octets, from_host, rss_hash });
        self.desk.worker = worker;
        self.shards[worker.index()].process(now, &mut burst, &mut self.desk);
        self.note_numbers(worker);
        self.work_off(now);
    }

    /// Asks the shard that has just refused segments for their numbers: a refused segment changes nothing, so they are
    /// what they were.
    fn note_numbers(&mut self, worker: WorkerId) {
        let (shard, noted) = (&self.shards[worker.index()], self.desk.noted);
        for fate in self.desk.fates.iter_mut().skip(noted) {
            fate.numbers = shard.window_numbers(&fate.judgement, &fate.octets);
        }
        self.desk.noted = self.desk.fates.len();
    }

    /// Lets time pass: what is due ends.
    pub fn advance(&mut self, now: Time) {
        // No session outlives the longest timeout. A capture may leap further than entries can count.
        while now.since(self.desk.now) > LONGEST {
            self.step_to(self.desk.now + LONGEST);
        }
        self.step_to(now);
    }

    fn step_to(&mut self, now: Time) {
        self.desk.now = now;
        for (index, shard) in self.shards.iter_mut().enumerate() {
            self.desk.worker = WorkerId(u16::try_from(index).unwrap_or(0));
            while shard.tick(now, &mut self.desk) {}
        }
    }

    /// Gives all shards a new version of the policy.
    pub fn install(&mut self, snapshot: &Arc<Snapshot>) {
        for shard in &mut self.shards {
            shard.install(Arc::clone(snapshot));
        }
    }

    /// What has become of frames since the last call, in the order of decisions.
    pub fn fates(&mut self) -> impl Iterator<Item = Fate> {
        self.desk.noted = 0;
        self.desk.fates.drain(..)
    }

    /// The log events since the last call.
    pub fn events(&mut self) -> impl Iterator<Item = Event> {
        self.desk.events.drain(..)
    }

    /// The numbers of all shards together.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for shard in &self.shards {
            sum.add(shard.counters());
        }
        sum
    }

    /// The shards.
    pub fn shards(&self) -> &[Shard<Tape, Heap>] {
        &self.shards
    }

    /// Judges what shards handed over, until there is no more. As no frame is handed over more than
    /// twice, there is an end.
    fn work_off(&mut self, now: Time) {
        while let Some(index) = self.desk.queues.iter().position(|queue| !queue.is_empty()) {
            let mut burst = HandedBurst::new();
            while !burst.is_full()
                && let Some(frame) = self.desk.queues[index].pop_front()
            {
                burst.push(frame);
            }
            self.desk.worker = WorkerId(u16::try_from(index).unwrap_or(0));
            self.shards[index].accept(now, &mut burst, &mut self.desk);
            self.note_numbers(self.desk.worker);
        }
    }
}

impl Desk {
    fn note(&mut self, frame: Tape, judgement: &Judgement, out: Option<PortIndex>) {
        let session = judgement.session.map(|slot| {
            let place = (self.worker, slot.index());
            if judgement.created {
                self.numbers.insert(place, self.created);
                self.created += 1;
            }
            self.numbers.get(&place).copied().unwrap_or(0)
        });
        self.fates.push(Fate {
            number: frame.number,
            during: self.during,
            judgement: *judgement,
            session,
            numbers: None,
            out,
            octets: frame.octets,
            worker: self.worker,
            time: self.now,
        });
    }
}

impl Outbox<Tape> for Desk {
    fn transmit(&mut self, port: PortIndex, frame: Tape, judgement: &Judgement) {
        self.note(frame, judgement, Some(port));
    }

    fn transmit_made(&mut self, port: PortIndex, frame: Tape) {
        self.note(frame, &Judgement::of(Verdict::Forward), Some(port));
    }

    fn hand_over(&mut self, to: WorkerId, tag: Handover, frame: Tape) {
        self.queues[to.index()].push_back((frame, tag));
    }

    fn discard(&mut self, frame: Tape, judgement: &Judgement) {
        self.note(frame, judgement, None);
    }

    fn make(&mut self, octets: &[u8]) -> Option<Tape> {
        let (port, octets) = (PortIndex(0), octets.to_vec());
        Some(Tape { number: None, port, octets, from_host: false, rss_hash: None })
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }
}
