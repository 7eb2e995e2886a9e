//! A plane without ports and threads, for tests: real shards in memory, frames put in by hand, time set
//! by hand. What it says of ports and rings is made up.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use engine::{
    Burst, Counter, Counters, Event, Frame, HandedBurst, Handover, Judgement, Outbox, PortIndex,
    ReceiveFlags, Shard, ShardConfig, Snapshot, Time, WorkerId,
};
use session::memory::Heap;

use crate::commit::{Committed, FirstPolicy};
use crate::plane::{
    BufferReading, Heartbeat, Part, Plane, PortNews, PortReading, Question, Reading, ResetWanted,
    WorkerReading,
};

/// Two ports, two zones, two workers, a rule that allows and one that rejects.
pub(crate) const CONFIG: &str = r#"
[system]
worker_cores = [1, 2]

[metrics]
listen = "127.0.0.1:0"

[sessions]
max = 1000

[[port]]
name = "lan0"
device = "net_tap,iface=lan0"
zone = "inside"

[[port]]
name = "wan0"
device = "net_tap,iface=wan0"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]

[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
action = "allow"
log = "both"
description = "whatever they want"

[[rule]]
name = "no-telnet"
from = ["outside"]
service = ["tcp/23"]
action = "reject"
log = "start"
"#;

/// The policy of [`CONFIG`], or of a variation of it.
pub(crate) fn first_policy(file: &Path, text: &str) -> FirstPolicy {
    let name = file.display().to_string();
    let loaded = config::parse(text, &name).unwrap_or_else(|errors| panic!("{errors}"));
    FirstPolicy::compile(file, loaded.config)
}

pub(crate) fn committed() -> Arc<Committed> {
    let first = first_policy(Path::new("/etc/sallyport.toml"), CONFIG);
    let plane = Arc::new(FakePlane::new(&first));
    crate::commit::Commit::new(first, plane).current()
}

/// Counters with these numbers.
pub(crate) fn counters(numbers: &[(Counter, u64)]) -> Counters {
    let mut values = vec![0; Counters::LEN];
    for (counter, value) in numbers {
        values[counter.index()] = *value;
    }
    Counters::from_values(values)
}

/// Two workers and two ports with numbers that add up.
pub(crate) fn reading() -> Reading {
    use engine::{Cause, Cut, EndReason, Protocol, RuleHits};
    let worker = |worker: u16, received: u64, dropped: u64| WorkerReading {
        worker: WorkerId(worker),
        core: u32::from(worker) + 1,
        counters: counters(&[
            (Counter::Received, received),
            (Counter::Dropped(Cut::NoRule.into()), dropped),
            (Counter::Rejected(Cut::RuleReject.into()), 2),
            (Counter::Consumed, 1),
            (Counter::Made, 2),
            (Counter::Held, 3),
            (Counter::HandedOver(Cause::NicHash), 7),
            (Counter::Accepted, 7),
            (Counter::Created(Protocol::Udp), 40),
            (Counter::Ended(Protocol::Udp, EndReason::Timeout), 30),
            (Counter::Sessions(Protocol::Udp, 0), 10),
        ]),
        forwarded: received - dropped - 2 - 1 - 3 - 5 - 4,
        tx_full: 5,
        handover_full: 4,
        made_lost: 1,
        generation: 1,
        heartbeat_age: Duration::from_micros(30),
        busy: Duration::from_millis(2500),
        idle: Duration::from_millis(7500),
        events_lost: 0,
        rule_hits: vec![
            RuleHits {
                hits: 40,
                last: Some(Time::from_secs(8 + u64::from(worker))),
                sessions: 7,
                embryonic: 1,
            },
            RuleHits { hits: 2, ..RuleHits::default() },
        ],
        arrivals: vec![engine::Arrivals::default(); 2],
        skew: engine::skew::Skew::default(),
        half_open: vec![0, 3 + u32::from(worker)],
    };
    Reading {
        workers: vec![worker(0, 1000, 20), worker(1, 500, 0)],
        ports: ports(),
        buffers: vec![BufferReading { socket: 0, in_use: 300, total: 8192 }],
        in_rings: 0,
    }
}

fn ports() -> Vec<PortReading> {
    let port = |index: u8, name: &str| PortReading {
        port: PortIndex(index),
        name: name.to_owned(),
        device: format!("net_tap,iface={name}"),
        driver: "net_tap".to_owned(),
        mac: [2, 0, 0, 0, 0, index + 1],
        link_up: true,
        speed_bits_per_second: Some(10_000_000_000),
        mtu: 1500,
        rx_queues: 2,
        tx_queues: 2,
        socket: Some(0),
        rss: "none: steered in software".to_owned(),
        steering: api::PortSteering { by: "software".to_owned(), ..Default::default() },
        kernel_path_allowed: false,
        gone: false,
        held_down: false,
        stats: api::PortStats {
            rx_packets: 750,
            rx_bytes: 75_000,
            tx_packets: 730,
            tx_bytes: 73_000,
            rx_missed: 1,
            rx_no_mbuf: 2,
            rx_errors: 3,
            tx_errors: 4,
        },
    };
    vec![port(0, "lan0"), port(1, "wan0")]
}

/// A frame in memory.
struct Octets {
    port: PortIndex,
    octets: Vec<u8>,
}

impl AsRef<[u8]> for Octets {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Frame for Octets {
    fn port(&self) -> PortIndex {
        self.port
    }
    fn receive_flags(&self) -> ReceiveFlags {
        ReceiveFlags::default()
    }
}

/// Shards in memory.
pub(crate) struct FakePlane {
    state: Mutex<State>,
    /// Set by [`Plane::cut`].
    pub(crate) was_cut: AtomicBool,
    /// Answers nothing, as a worker that hangs.
    pub(crate) mute: AtomicBool,
    /// Its device asks to be reset.
    pub(crate) wants_reset: AtomicBool,
    /// Its devices say that they lead packets to their owners. They lead them all to worker 0.
    pub(crate) lies: AtomicBool,
}

struct State {
    shards: Vec<Shard<Octets, Heap>>,
    out: Out,
    now: Time,
    heartbeat_age: Duration,
    swaps: Vec<Duration>,
}

#[derive(Default)]
struct Out {
    forwarded: u64,
    handed: VecDeque<(WorkerId, Handover, Octets)>,
    events: VecDeque<Event>,
}

impl Outbox<Octets> for Out {
    fn transmit(&mut self, _: PortIndex, _: Octets, _: &Judgement) {
        self.forwarded += 1;
    }
    fn transmit_made(&mut self, _: PortIndex, _: Octets) {}
    fn hand_over(&mut self, to: WorkerId, tag: Handover, frame: Octets) {
        self.handed.push_back((to, tag, frame));
    }
    fn discard(&mut self, _: Octets, _: &Judgement) {}
    fn make(&mut self, octets: &[u8]) -> Option<Octets> {
        Some(Octets { port: PortIndex(0), octets: octets.to_vec() })
    }
    fn event(&mut self, event: &Event) {
        self.events.push_back(*event);
    }
}

impl FakePlane {
    pub(crate) fn new(first: &FirstPolicy) -> Self {
        let expectations = Arc::new(engine::Expectations::new(2, 64, 1));
        let shard = |worker| {
            let config = ShardConfig {
                worker: WorkerId(worker),
                workers: 2,
                share: 2,
                seed: 1,
                own_macs: Vec::new(),
                fragments: session::fragment::Limits::default(),
                tombstones: 64,
                expectations: Arc::clone(&expectations),
                pickup_until: Time::ZERO,
            };
            Shard::new(config, first.snapshot(), &mut Heap).unwrap()
        };
        let state = State {
            shards: vec![shard(0), shard(1)],
            out: Out::default(),
            now: Time::from_secs(10),
            heartbeat_age: Duration::ZERO,
            swaps: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            was_cut: AtomicBool::new(false),
            mute: AtomicBool::new(false),
            wants_reset: AtomicBool::new(false),
            lies: AtomicBool::new(false),
        }
    }

    /// A frame comes in by a port; worker 0 receives it.
    pub(crate) fn receive(&self, port: u8, frame: &testkit::packet::Frame) {
        let mut state = self.state();
        let State { shards, out, now, .. } = &mut *state;
        let mut burst = Burst::new();
        burst.push(Octets { port: PortIndex(port), octets: frame.bytes() });
        shards[0].process(*now, &mut burst, out);
        while let Some((to, tag, frame)) = out.handed.pop_front() {
            let mut burst = HandedBurst::new();
            burst.push((frame, tag));
            shards[to.index()].accept(*now, &mut burst, out);
        }
    }

    /// Lets every worker make a round.
    pub(crate) fn end_window(&self) {
        let mut state = self.state();
        let State { shards, out, now, .. } = &mut *state;
        for shard in shards {
            shard.tick(*now, out);
        }
    }

    pub(crate) fn set_heartbeat_age(&self, age: Duration) {
        self.state().heartbeat_age = age;
    }

    /// Does something while the state is taken.
    pub(crate) fn held(&self, work: impl FnOnce()) {
        let _taken = self.state();
        work();
    }

    pub(crate) fn set_now(&self, now: Time) {
        self.state().now = now;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl FakePlane {
    fn ports(&self) -> Vec<PortReading> {
        let mut ports = ports();
        if self.lies.load(Ordering::Relaxed) {
            ports.iter_mut().for_each(|port| port.steering.by = "hardware".to_owned());
        }
        ports
    }
}

impl Plane for FakePlane {
    fn read(&self) -> Reading {
        let state = self.state();
        let worker = |(index, shard): (u16, &Shard<Octets, Heap>)| WorkerReading {
            worker: WorkerId(index),
            core: u32::from(index) + 1,
            counters: shard.counters().clone(),
            forwarded: if index == 0 { state.out.forwarded } else { 0 },
            tx_full: 0,
            handover_full: 0,
            made_lost: 0,
            generation: shard.snapshot().generation,
            heartbeat_age: state.heartbeat_age,
            busy: Duration::from_secs(1),
            idle: Duration::from_secs(9),
            events_lost: 0,
            rule_hits: shard.rule_hits().to_vec(),
            arrivals: shard.arrivals().to_vec(),
            skew: shard.skew().clone(),
            half_open: shard.half_open().to_vec(),
        };
        Reading {
            workers: (0..).zip(&state.shards).map(worker).collect(),
            ports: self.ports(),
            buffers: vec![BufferReading { socket: 0, in_use: 300, total: 8192 }],
            in_rings: state.out.handed.len() as u64,
        }
    }

    fn heartbeats(&self) -> Vec<Heartbeat> {
        let age = self.state().heartbeat_age;
        let heartbeat =
            |worker: u16| Heartbeat { worker: WorkerId(worker), core: u32::from(worker) + 1, age };
        (0..2).map(heartbeat).collect()
    }

    fn tend(&self) -> Result<Vec<PortNews>, ResetWanted> {
        if self.wants_reset.load(Ordering::Relaxed) {
            return Err(ResetWanted("wan0".to_owned()));
        }
        Ok(Vec::new())
    }

    fn now(&self) -> Time {
        self.state().now
    }

    fn publish(&self, snapshot: Arc<Snapshot>) {
        let mut state = self.state();
        for shard in &mut state.shards {
            drop(shard.install(Arc::clone(&snapshot)));
        }
        state.swaps.push(Duration::from_micros(700));
    }

    fn reap(&self) -> Vec<Duration> {
        std::mem::take(&mut self.state().swaps)
    }

    fn ask(&self, worker: WorkerId, question: Question) -> Receiver<Part> {
        let (answer, receiver) = channel();
        if self.mute.load(Ordering::Relaxed) {
            // Kept open for ever, as by a worker that hangs.
            std::mem::forget(answer);
            return receiver;
        }
        let mut state = self.state();
        let State { shards, out, now, .. } = &mut *state;
        let shard = &mut shards[worker.index()];
        let say = |part| answer.send(part).unwrap();
        let mut cursor = Some(0);
        match question {
            Question::Sessions { filter, limit } => {
                let mut left = limit;
                while let Some(start) = cursor {
                    let mut views = Vec::new();
                    cursor = shard.list(*now, start, 4, &filter, &mut |view| {
                        if left > 0 {
                            left -= 1;
                            views.push(view);
                        }
                    });
                    say(Part::Sessions(views));
                }
            }
            Question::Count { filter } => {
                let mut count = 0;
                while let Some(start) = cursor {
                    cursor = shard.list(*now, start, 4, &filter, &mut |_| count += 1);
                }
                say(Part::Count(count));
            }
            Question::Clear { filter } => {
                while let Some(start) = cursor {
                    let (ended, next) = shard.clear(*now, start, 4, &filter, out);
                    say(Part::Count(u64::from(ended)));
                    cursor = next;
                }
            }
            Question::Explain { probe } => {
                say(Part::Explanation(Box::new(shard.explain(*now, &probe))));
            }
        }
        say(Part::Done);
        receiver
    }

    fn events(&self, most: usize, take: &mut dyn FnMut(&Event)) {
        let mut state = self.state();
        let count = most.min(state.out.events.len());
        for event in state.out.events.drain(..count) {
            take(&event);
        }
    }

    fn cut(&self) {
        self.was_cut.store(true, Ordering::Relaxed);
    }

    fn cut_in_panic(&self) -> Option<usize> {
        // Whoever panics may hold the state.
        let _free = self.state.try_lock().ok()?;
        self.was_cut.store(true, Ordering::Relaxed);
        Some(2)
    }
}
