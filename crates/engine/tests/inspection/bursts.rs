//! Frames that come in one burst are judged as if each had come alone: what is read and looked up ahead of those before it
//! may be out of date by then, and nobody may see that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    BURST, Burst, Counters, Event, Expectations, Frame, HandedBurst, Handover, Judgement, Limits,
    Outbox, PortIndex, ReceiveFlags, SessionFilter, Shard, ShardConfig, Time, WorkerId,
};
use policy::{AddressRange, Checksums};
use proptest::prelude::*;
use session::memory::Heap;

use crate::deeds::{deeds, talks};
use crate::harness::{Arrival, Plan, crowded_plan};
use crate::invariants::roomy_plan;
use crate::traffic::{Deed, arrivals};

/// How frames come to shards, and which way they go there.
#[derive(Clone, Copy, Debug)]
struct Mode {
    workers: u16,
    /// In bursts, or each alone at the same times.
    in_bursts: bool,
    short: bool,
}

/// Shards, and all that they have said.
struct Bench {
    mode: Mode,
    shards: Vec<Shard<Taken, Heap>>,
    desk: Desk,
    now: Time,
}

/// A frame of which its receiver says more or less, as chance has it: the same of the same octets.
#[derive(Debug)]
struct Taken {
    port: PortIndex,
    octets: Vec<u8>,
}

impl AsRef<[u8]> for Taken {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Frame for Taken {
    fn port(&self) -> PortIndex {
        self.port
    }

    fn receive_flags(&self) -> ReceiveFlags {
        let none = ReceiveFlags::default();
        match self.octets.iter().copied().map(u32::from).sum::<u32>() % 23 {
            0 => ReceiveFlags { l4_checksum_bad: true, ..none },
            1 => ReceiveFlags { scattered: true, ..none },
            2 => ReceiveFlags { joined: true, ..none },
            3..7 => ReceiveFlags { l4_checksum_good: true, ..none },
            7..10 => ReceiveFlags { ip_checksum_good: true, ..none },
            _ => none,
        }
    }
}

#[derive(Default)]
struct Desk {
    log: Vec<String>,
    queues: Vec<VecDeque<(Taken, Handover)>>,
}

impl Outbox<Taken> for Desk {
    fn transmit(&mut self, port: PortIndex, frame: Taken, judgement: &Judgement) {
        self.log.push(format!("out of {port:?}: {judgement:?} {:?}", frame.octets));
    }

    fn transmit_made(&mut self, port: PortIndex, frame: Taken) {
        self.log.push(format!("made, out of {port:?}: {:?}", frame.octets));
    }

    fn hand_over(&mut self, to: WorkerId, tag: Handover, frame: Taken) {
        self.log.push(format!("to {to:?}: {tag:?} {:?}", frame.octets));
        self.queues[to.index()].push_back((frame, tag));
    }

    fn discard(&mut self, frame: Taken, judgement: &Judgement) {
        self.log.push(format!("discarded: {judgement:?} {:?}", frame.octets));
    }

    fn make(&mut self, octets: &[u8]) -> Option<Taken> {
        Some(Taken { port: PortIndex(0), octets: octets.to_vec() })
    }

    fn event(&mut self, event: &Event) {
        self.log.push(format!("{event:?}"));
    }
}

impl Bench {
    fn new(mode: Mode, plan: &mut Plan) -> Self {
        let Mode { workers, in_bursts: _, short } = mode;
        let snapshot = plan.snapshot();
        let expectations = Arc::new(Expectations::new(workers, 64, 1));
        let shards = (0..workers).map(|worker| {
            let config = ShardConfig {
                worker: WorkerId(worker),
                workers,
                share: 1,
                seed: 1,
                // What is astray bears it.
                own_macs: vec![None, Some([2, 0, 0, 0, 0, 1])],
                fragments: session::fragment::Limits::default(),
                tombstones: 64,
                expectations: Arc::clone(&expectations),
                pickup_until: Time::ZERO,
            };
            let Ok(mut shard) = Shard::new(config, Arc::clone(&snapshot), &mut Heap);
            shard.go_short(short);
            shard
        });
        let shards: Vec<_> = shards.collect();
        let queues = shards.iter().map(|_| VecDeque::new()).collect();
        Self { mode, shards, desk: Desk { queues, ..Desk::default() }, now: Time::ZERO }
    }

    /// Frames that come together, by turns to each worker: a NIC that lies.
    fn receive(&mut self, frames: &[Arrival]) {
        self.now = self.now + frames.iter().map(|frame| frame.wait).sum::<Duration>();
        let mut bursts: Vec<_> = self.shards.iter().map(|_| Burst::new()).collect();
        for (index, Arrival { port, octets, .. }) in frames.iter().enumerate() {
            let worker = index % self.shards.len();
            bursts[worker].push(Taken { port: *port, octets: octets.clone() });
            if !self.mode.in_bursts {
                self.process(worker, &mut bursts[worker]);
            }
        }
        for (worker, burst) in bursts.iter_mut().enumerate() {
            self.process(worker, burst);
        }
        while let Some(worker) = self.desk.queues.iter().position(|queue| !queue.is_empty()) {
            let queue = &mut self.desk.queues[worker];
            let most = if self.mode.in_bursts { BURST } else { 1 };
            let mut burst: HandedBurst<_> = queue.drain(..queue.len().min(most)).collect();
            self.shards[worker].accept(self.now, &mut burst, &mut self.desk);
        }
    }

    fn process(&mut self, worker: usize, burst: &mut Burst<Taken>) {
        self.shards[worker].process(self.now, burst, &mut self.desk);
    }

    /// One step, so that sweeps and timers are under way while packets come.
    fn tick(&mut self) {
        for shard in &mut self.shards {
            shard.tick(self.now, &mut self.desk);
        }
    }

    /// What a shard has counted, and all that it says of its sessions.
    fn state(&self) -> (Vec<Counters>, Vec<String>) {
        let mut told = Vec::new();
        for shard in &self.shards {
            let filter = SessionFilter::default();
            let next = shard.list(self.now, 0, u32::MAX, &filter, &mut |view| {
                told.push(format!("{view:?}"));
            });
            assert_eq!(next, None);
            told.push(format!("{:?} {:?}", shard.half_open(), shard.rule_hits()));
            told.push(format!("{:?} {}", shard.arrivals(), shard.timer_count()));
        }
        (self.shards.iter().map(|shard| shard.counters().clone()).collect(), told)
    }
}

/// What has been said, what has been counted and what sessions there are, and which packets were looked at for the skew.
type Outcome = (Vec<String>, (Vec<Counters>, Vec<String>), Vec<[u32; 3]>);

/// Bursts of so many frames, by turns. Before some of them another version of the rules comes.
fn run(
    mode: Mode,
    mut plan: Plan,
    arrivals: &[Arrival],
    sizes: &[usize],
    changes: &[usize],
) -> Outcome {
    let mut it = Bench::new(mode, &mut plan);
    let (mut rest, mut number) = (arrivals, 0);
    while !rest.is_empty() {
        if changes.contains(&number) {
            let last = plan.policy.rules.len() - 1;
            plan.policy.rules[last].enabled = number % 3 != 0;
            let snapshot = plan.snapshot();
            for shard in &mut it.shards {
                shard.install(Arc::clone(&snapshot));
            }
        }
        let (frames, others) = rest.split_at(sizes[number % sizes.len()].min(rest.len()));
        it.receive(frames);
        if number % 2 == 0 {
            it.tick();
        }
        (rest, number) = (others, number + 1);
    }
    let state = it.state();
    let skew = it.shards.iter().map(|shard| {
        let skew = shard.skew();
        [skew.samples, skew.heaviest_entry, skew.heaviest_session]
    });
    (it.desk.log, state, skew.collect())
}

/// The same in few conversations and without the waits by which most sessions are over: a burst brings much of each.
fn densely(mut deeds: Vec<Deed>) -> Vec<Deed> {
    for deed in &mut deeds {
        deed.wait = deed.wait.min(Duration::from_millis(20));
        deed.conversation %= 5;
    }
    deeds
}

/// A table in which nearly every new session takes the place of another.
fn full_plan() -> Plan {
    let mut plan = crowded_plan();
    plan.limits = Limits::new(5, 5);
    plan
}

/// What screens hold against a plain packet, too: the short way has to leave those to the whole one.
fn guarded_plan(checksums: Checksums) -> Plan {
    let mut plan = roomy_plan();
    let own =
        [("10.0.0.1", "10.0.0.2"), ("2001:db8:1::1", "2001:db8:1::2")].map(|(first, last)| {
            AddressRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
        });
    plan.ports[0].networks = Some(own.into_iter().collect());
    plan.ports[0].mtu = 600;
    plan.screens.checksums = checksums;
    plan
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same verdicts, answers, events, counts and sessions, whether frames come in bursts or alone, and whether plain
    /// packets go the short way or not.
    #[test]
    fn a_burst_is_as_its_frames_alone(
        deeds in prop_oneof![deeds(150), talks(150)],
        sizes in prop::collection::vec(1..=BURST, 1..5),
        changes in prop::collection::vec(0..20_usize, 0..3),
        is_dense in any::<bool>(),
    ) {
        let arrivals = arrivals(&if is_dense { densely(deeds) } else { deeds });
        let guarded = [Checksums::Verify, Checksums::Trust].map(guarded_plan);
        for plan in [roomy_plan(), crowded_plan(), full_plan()].into_iter().chain(guarded) {
            let by = |workers: u16, in_bursts: bool, short: bool| {
                let mode = Mode { workers, in_bursts, short };
                run(mode, plan.clone(), &arrivals, &sizes, &changes)
            };
            let (log, state, _) = by(1, false, false);
            for short in [false, true] {
                let [alone, burst] = [false, true].map(|in_bursts| by(1, in_bursts, short));
                prop_assert_eq!((&log, &state), (&alone.0, &alone.1), "alone, short {}", short);
                prop_assert_eq!(alone, burst, "in bursts, short {}", short);
            }
            let [whole, short] = [false, true].map(|short| by(3, true, short));
            prop_assert_eq!((whole.0, whole.1), (short.0, short.1), "handed over in bursts");
        }
    }
}

/// The generator brings what may make a look-up out of date before its packet is judged.
#[test]
fn the_bursts_are_worth_their_name() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut sum = Counters::default();
    for is_dense in [false, true].repeat(20) {
        let deeds = deeds(150).new_tree(&mut runner).unwrap().current();
        let arrivals = arrivals(&if is_dense { densely(deeds) } else { deeds });
        let mode = Mode { workers: 1, in_bursts: true, short: true };
        for plan in [roomy_plan(), full_plan(), guarded_plan(Checksums::Verify)] {
            let (_, (counters, _), _) = run(mode, plan, &arrivals, &[BURST], &[3]);
            sum.add(&counters[0]);
        }
    }
    let reached = |reason: engine::EndReason| {
        let of = |protocol: &engine::Protocol| sum.get(engine::Counter::Ended(*protocol, reason));
        assert!(engine::Protocol::ALL.iter().map(of).sum::<u64>() > 0, "never {reason:?}");
    };
    for reason in [
        engine::EndReason::Evicted,
        engine::EndReason::Reopened,
        engine::EndReason::Timeout,
        engine::EndReason::PolicyChanged,
    ] {
        reached(reason);
    }
    let screens = [
        "spoofed",
        "own_mac",
        "exceeds_mtu",
        "tcp_checksum",
        "udp_checksum",
        "l4_checksum",
        "scattered",
    ];
    for name in screens {
        let reason = engine::DropReason::all().find(|known| known.name() == name).unwrap();
        assert!(sum.get(engine::Counter::Dropped(reason)) > 0, "never {name}");
    }
}
