//! A worker: one thread, its queues, and its shard.
//!
//! A round of the loop takes a burst from every port queue and every ring, lets the shard judge, sends what
//! is to be sent, looks into the mailbox once, and makes one bounded step of whatever else is due. It reads the
//! clock once a round and waits for nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use dpdk::{BURST, Consumer, MbufBurst, RxQueue};
use engine::{Burst, HandedBurst, PortIndex, Shard, Time};

use crate::board::HitBoard;
use crate::clock::Clock;
use crate::command::{Job, Progress};
use crate::frame::{MbufFrame, Passage};
use crate::mailbox::{Delivery, Mailbox, Retired};
use crate::memory::SocketMemory;
use crate::outlet::Outlet;
use crate::polling::Pace;

/// How old the figures on the board may be while there is work.
const BOARD_INTERVAL: Duration = Duration::from_millis(1);
/// How soon they are shown after the last work.
const BOARD_REST: Duration = Duration::from_micros(100);
/// Rules whose hits one copy shows.
const HITS_STEP: usize = 256;

/// What all workers are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Everything.
    Run = 0,
    /// What is on its way is finished; nothing is received.
    Drain = 1,
    /// The thread ends.
    Leave = 2,
}

/// What all workers see, and look at once a round.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    phase: AtomicU8,
    /// Bit n: port n was pulled. DPDK numbers 32 ports.
    gone: AtomicU64,
    /// Bit n: nothing is to be sent by port n.
    shut: AtomicU64,
}

impl Signal {
    pub(crate) fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Which ports were pulled, and by which nothing is to be sent: a bit for each.
    pub(crate) fn set_ports(&self, gone: u64, shut: u64) {
        self.gone.store(gone, Ordering::Relaxed);
        self.shut.store(shut, Ordering::Relaxed);
    }

    #[inline]
    fn get(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Run,
            1 => Phase::Drain,
            _ => Phase::Leave,
        }
    }
}

/// All that a worker's thread owns.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shard: Shard<MbufFrame, SocketMemory>,
    pub(crate) outlet: Outlet,
    pub(crate) queues: Vec<(PortIndex, RxQueue)>,
    /// From the other workers.
    pub(crate) rings: Vec<Consumer>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) hits: Arc<HitBoard>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) clock: Clock,
    pub(crate) pace: Pace,
    /// The command that is being worked off.
    pub(crate) job: Option<Job>,
    pub(crate) shown: Shown,
    /// Ports that were pulled and whose queues are given back: a bit for each.
    pub(crate) gone: u64,
}

/// What has been shown on the boards.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    at: Time,
    /// Work was done since.
    stale: bool,
    /// The rule with which the next copy of hits begins.
    next_rule: usize,
}

/// Whether a set of ports, a bit for each, has this one.
#[inline]
pub(crate) const fn has_port(set: u64, port: PortIndex) -> bool {
    port.0 < 64 && set & (1 << port.0) != 0
}

impl Worker {
    /// Works until it is told to leave.
    pub(crate) fn run(mut self) {
        let mut before = self.clock.now();
        let mut worked = false;
        loop {
            let phase = self.signal.get();
            if phase == Phase::Leave {
                break;
            }
            self.heed_ports();
            let now = self.clock.now().max(before);
            self.account(now.since(before), worked);
            before = now;
            worked = self.round(now, phase);
            self.shown.stale |= worked;
            self.show(now, worked);
            if let Some(sleep) = self.pace.after(worked) {
                if self.shown.stale {
                    self.copy(now);
                }
                std::thread::sleep(sleep);
            }
        }
        self.outlet.flush();
        self.copy(before);
    }

    /// Lets go of ports that were pulled: nothing is asked of their devices any more.
    #[inline]
    fn heed_ports(&mut self) {
        self.outlet.shut = self.signal.shut.load(Ordering::Relaxed);
        let gone = self.signal.gone.load(Ordering::Relaxed);
        if gone != self.gone {
            self.gone = gone;
            self.queues.retain(|(port, _)| !has_port(gone, *port));
            self.outlet.retire(gone);
        }
    }

    /// Returns whether there was anything to do.
    fn round(&mut self, now: Time, phase: Phase) -> bool {
        let received = if phase == Phase::Run { self.receive(now) } else { 0 };
        let taken = self.take_over(now);
        let due = self.shard.tick(now, &mut self.outlet);
        let mail = self.read_mail(now);
        self.outlet.flush();
        received + taken > 0 || due || mail
    }

    #[inline]
    fn receive(&mut self, now: Time) -> usize {
        let Self { queues, shard, outlet, .. } = self;
        let mut count = 0;
        for (port, queue) in queues {
            let mut mbufs = MbufBurst::<BURST>::new();
            let received = queue.burst(&mut mbufs);
            if received == 0 {
                continue;
            }
            count += received;
            let mut burst: Burst<MbufFrame> =
                mbufs.drain().map(|mbuf| MbufFrame { mbuf, port: *port }).collect();
            shard.process(now, &mut burst, outlet);
        }
        count
    }

    /// Takes what other workers handed over.
    fn take_over(&mut self, now: Time) -> usize {
        let Self { rings, shard, outlet, .. } = self;
        let mut count = 0;
        for ring in rings {
            let mut mbufs = MbufBurst::<BURST>::new();
            let taken = ring.dequeue(&mut mbufs);
            if taken == 0 {
                continue;
            }
            count += taken;
            let mut burst = HandedBurst::new();
            for mbuf in mbufs.drain() {
                match Passage::from_tag(mbuf.tag()) {
                    Passage::Judge { tag, ingress } => {
                        burst.push((MbufFrame { mbuf, port: ingress }, tag));
                    }
                    Passage::Send { egress, made } => outlet.send(egress, mbuf, made),
                }
            }
            shard.accept(now, &mut burst, outlet);
        }
        count
    }

    /// Takes a new policy, and makes a step of a command. Returns whether there was any such thing.
    #[inline]
    fn read_mail(&mut self, now: Time) -> bool {
        let mut something = false;
        if !self.mailbox.delivery.is_empty() {
            something |= self.install(now);
        }
        if self.job.is_none() && !self.mailbox.jobs.is_empty() {
            self.job = self.mailbox.jobs.pop();
        }
        if let Some(job) = &mut self.job {
            match job.step(&mut self.shard, now, &mut self.outlet) {
                Progress::Stepped => something = true,
                Progress::Waits => {}
                Progress::Over => self.job = None,
            }
        }
        something
    }

    fn install(&mut self, now: Time) -> bool {
        let Self { mailbox, shard, hits, .. } = self;
        // What cannot be sent back would have to be freed here.
        if mailbox.retired.is_full() {
            return false;
        }
        let Some(Delivery { snapshot, hits: board, published }) = mailbox.delivery.pop() else {
            return false;
        };
        board.write(shard.rule_hits(), 0, usize::MAX);
        let old = core::mem::replace(hits, board);
        let snapshot = shard.install(snapshot);
        let retired = Retired { snapshot, hits: old, swap: now.since(published) };
        // There was room, and nobody else puts anything there.
        drop(mailbox.retired.push(retired));
        self.copy(now);
        true
    }

    #[inline]
    fn account(&mut self, spent: Duration, worked: bool) {
        let tally = &mut self.outlet.tally;
        let nanos = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        *(if worked { &mut tally.busy } else { &mut tally.idle }) += nanos;
        tally.rounds += 1;
    }

    #[inline]
    fn show(&mut self, now: Time, worked: bool) {
        let age = now.since(self.shown.at);
        let rested = !worked && self.shown.stale && age >= BOARD_REST;
        if rested || age >= BOARD_INTERVAL {
            self.copy(now);
        }
    }

    /// Copies all figures to the boards.
    fn copy(&mut self, now: Time) {
        let tally = &mut self.outlet.tally;
        tally.heartbeat = now.as_nanos();
        tally.generation = self.shard.snapshot().generation.into();
        tally.in_rings = self.rings.iter().map(|ring| ring.len() as u64).sum();
        self.mailbox.board.write(*tally, self.shard.counters());
        if let Ok(mut spread) = self.mailbox.spread.try_lock() {
            spread.show(self.shard.arrivals(), self.shard.skew(), self.shard.half_open());
        }
        let next = self.hits.write(self.shard.rule_hits(), self.shown.next_rule, HITS_STEP);
        // While rules remain, the idle worker goes on showing them.
        self.shown = Shown { at: now, stale: next != 0, next_rule: next };
    }
}
