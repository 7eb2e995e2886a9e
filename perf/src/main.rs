//! Drives one shard with prebuilt frames, without I/O, so that instructions or time a packet can be counted.
//!
//! `perf SCENARIO[:WAY] SESSIONS PACKETS`: opens the sessions, then judges that many packets of them in bursts of 32, both
//! directions, sessions in a shuffled order. Two runs that differ in PACKETS alone give the cost of a packet as a
//! difference; `instructions.sh` does that under callgrind.
//!
//! WAY: with two workers, a packet `stays` with the one that receives it, is `handed` over to its owner and judged
//! there, or is only `passed` on, which is the receiver's part of that.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use engine::{
    BURST, Burst, Event, Frame, HandedBurst, Handover, Judgement, Limits, Outbox, PortIndex,
    ReceiveFlags, Settings, Shard, ShardConfig, Snapshot, Time, WorkerId, owner,
};
use policy::{
    Action, EthPort, LinkMode, Policy, Rule, RuleNames, Screens, ServiceItem, Topology, Wire,
    ZoneId, ZoneSet,
};
use session::Timeouts;
use session::memory::Heap;
use testkit::packet::{self, TCP, Tcp, flags};

/// A frame that is used again and again: a pointer and its port, as that of the data plane is.
struct Reused {
    buffer: Box<Buffer>,
    port: PortIndex,
}

struct Buffer {
    octets: Vec<u8>,
    place: usize,
}

impl AsRef<[u8]> for Reused {
    fn as_ref(&self) -> &[u8] {
        &self.buffer.octets
    }
}

impl Frame for Reused {
    fn port(&self) -> PortIndex {
        self.port
    }

    fn receive_flags(&self) -> ReceiveFlags {
        // As from a NIC that verifies IPv4 header checksums.
        ReceiveFlags { ip_checksum_good: true, ..ReceiveFlags::default() }
    }
}

/// Takes frames back.
#[derive(Default)]
struct Returns {
    frames: Vec<Reused>,
    forwarded: u64,
    handed: HandedBurst<Reused>,
}

impl Outbox<Reused> for Returns {
    fn transmit(&mut self, _: PortIndex, frame: Reused, _: &Judgement) {
        self.forwarded += 1;
        self.frames.push(frame);
    }

    fn transmit_made(&mut self, _: PortIndex, frame: Reused) {
        self.frames.push(frame);
    }

    fn hand_over(&mut self, _: WorkerId, tag: Handover, frame: Reused) {
        self.handed.push((frame, tag));
    }

    fn discard(&mut self, frame: Reused, _: &Judgement) {
        self.frames.push(frame);
    }

    fn make(&mut self, _: &[u8]) -> Option<Reused> {
        None
    }

    fn event(&mut self, _: &Event) {}
}

const INSIDE: PortIndex = PortIndex(0);
const OUTSIDE: PortIndex = PortIndex(1);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [scenario, sessions, packets] => {
            let (scenario, way) = scenario.split_once(':').unwrap_or((scenario, "alone"));
            let scenario = Scenario::named(scenario).zip(Way::named(way));
            scenario.zip(sessions.parse().ok()).zip(packets.parse().ok())
        }
        _ => None,
    };
    let Some((((scenario, way), sessions), packets)) = parsed else {
        report("usage: perf udp4|tcp4|udp6|new4|read4|ftp4[:stays|handed|passed] SESSIONS PACKETS");
        return ExitCode::from(2);
    };
    run(scenario, way, sessions, packets);
    ExitCode::SUCCESS
}

/// How packets come to their owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// There is one worker.
    Alone,
    /// The owner of two receives them.
    Stays,
    /// The other receives them and hands them over.
    Handed,
    /// The same, but nobody takes them.
    Passed,
}

impl Way {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "alone" => Self::Alone,
            "stays" => Self::Stays,
            "handed" => Self::Handed,
            "passed" => Self::Passed,
            _ => return None,
        })
    }

    const fn workers(self) -> u16 {
        if matches!(self, Self::Alone) { 1 } else { 2 }
    }

    /// The worker that owns every session; the other has none.
    const fn owner(self) -> WorkerId {
        WorkerId(self.workers() - 1)
    }
}

#[expect(clippy::print_stdout, reason = "a command's result")]
fn report(line: &str) {
    println!("{line}");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// Established UDP over IPv4.
    Udp4,
    /// Established TCP over IPv4: acknowledgements both ways.
    Tcp4,
    /// Established UDP over IPv6.
    Udp6,
    /// Each packet opens a session.
    New4,
    /// As `Tcp4`, in sessions that the FTP gateway reads.
    Read4,
    /// Commands and answers in sessions that the FTP gateway reads, a line a packet.
    Ftp4,
}

/// How often each side of an FTP session speaks: all is built before, so that building is in every run alike.
const ROUNDS: u32 = 300;

impl Scenario {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "udp4" => Self::Udp4,
            "tcp4" => Self::Tcp4,
            "udp6" => Self::Udp6,
            "new4" => Self::New4,
            "read4" => Self::Read4,
            "ftp4" => Self::Ftp4,
            _ => return None,
        })
    }

    /// Frames that open session `number`, in order.
    fn opening(self, number: u32) -> Vec<(PortIndex, Vec<u8>)> {
        let (client, server) = self.ends(number);
        match self {
            Self::New4 => Vec::new(),
            Self::Udp4 | Self::Udp6 => self.steady(number),
            Self::Tcp4 | Self::Read4 | Self::Ftp4 => {
                let syn = Tcp { flags: flags::SYN, sequence: 99, acknowledgement: 0, ..TCP };
                let answer = Tcp {
                    flags: flags::SYN | flags::ACK,
                    sequence: 499,
                    acknowledgement: 100,
                    ..TCP
                };
                let mut frames = vec![
                    (INSIDE, packet::Frame::tcp(&*client, &*server, syn).bytes()),
                    (OUTSIDE, packet::Frame::tcp(&*server, &*client, answer).bytes()),
                ];
                frames.extend(Self::acknowledgements(&client, &server));
                frames
            }
        }
    }

    /// The frames that session `number` then sends, by turns in both directions, and repeats.
    fn steady(self, number: u32) -> Vec<(PortIndex, Vec<u8>)> {
        let (client, server) = self.ends(number);
        match self {
            Self::Udp4 | Self::Udp6 | Self::New4 => vec![
                (INSIDE, packet::Frame::udp(&*client, &*server, *b"0123456789abcdef01").bytes()),
                (OUTSIDE, packet::Frame::udp(&*server, &*client, *b"0123456789abcdef01").bytes()),
            ],
            Self::Tcp4 | Self::Read4 => Self::acknowledgements(&client, &server),
            Self::Ftp4 => {
                let (command, answer) = ("NOOP\r\n", "200 Done.\r\n");
                let length = |line: &str| u32::try_from(line.len()).unwrap_or(0);
                let round = |round: u32| {
                    let (said, heard) =
                        (100 + round * length(command), 500 + round * length(answer));
                    let there = segment(said, heard, command);
                    let back = segment(heard, said + length(command), answer);
                    [
                        (INSIDE, packet::Frame::tcp(&*client, &*server, there).bytes()),
                        (OUTSIDE, packet::Frame::tcp(&*server, &*client, back).bytes()),
                    ]
                };
                (0..ROUNDS).flat_map(round).collect()
            }
        }
    }

    /// One bare acknowledgement a direction.
    fn acknowledgements(client: &str, server: &str) -> Vec<(PortIndex, Vec<u8>)> {
        let (there, back) = (segment(100, 500, ""), segment(500, 100, ""));
        vec![
            (INSIDE, packet::Frame::tcp(client, server, there).bytes()),
            (OUTSIDE, packet::Frame::tcp(server, client, back).bytes()),
        ]
    }

    /// Whether what its sessions send has an order.
    const fn is_ordered(self) -> bool {
        matches!(self, Self::Ftp4)
    }

    /// What its rule allows: every service, or the one that a gateway reads.
    fn services(self) -> Vec<ServiceItem> {
        match self {
            Self::Udp4 | Self::Tcp4 | Self::Udp6 | Self::New4 => Vec::new(),
            Self::Read4 | Self::Ftp4 => {
                let ftp = policy::builtin_services().iter().find(|service| service.name == "ftp");
                ftp.expect("FTP is a built-in service").items().collect()
            }
        }
    }

    fn ends(self, number: u32) -> (String, String) {
        // 63 sessions a host, as CSIT's grid has them.
        let (host, port) = (number / 63, 1024 + number % 63);
        let [_, a, b, c] = host.to_be_bytes();
        match self {
            Self::Udp6 => {
                (format!("[2001:db8::{a:x}:{b:x}:{c:x}]:{port}"), "[2001:db8:1::1]:4000".to_owned())
            }
            Self::Udp4 | Self::Tcp4 | Self::New4 => {
                (format!("10.{a}.{b}.{c}:{port}"), "192.0.2.1:4000".to_owned())
            }
            Self::Read4 | Self::Ftp4 => {
                (format!("10.{a}.{b}.{c}:{port}"), "192.0.2.1:21".to_owned())
            }
        }
    }
}

/// A segment of an established connection.
fn segment(sequence: u32, acknowledgement: u32, data: &str) -> Tcp {
    Tcp { flags: flags::ACK, sequence, acknowledgement, payload: data.into(), ..TCP }
}

fn snapshot(scenario: Scenario, sessions: u32) -> Arc<Snapshot> {
    let port = |name: &str, zone| EthPort {
        name: name.to_owned(),
        zone: ZoneId(zone),
        vlans: Vec::new(),
        networks: None,
        mtu: 1500,
    };
    let zones = vec!["inside".to_owned(), "outside".to_owned()];
    let wire = Wire {
        ports: [INSIDE, OUTSIDE],
        domain: 0,
        link: LinkMode::Independent,
        ethertypes: vec![],
    };
    let topology = Topology::new(zones.clone(), vec![port("lan", 0), port("wan", 1)], vec![wire])
        .expect("two ports joined by one wire are a topology");
    let mut rule = Rule { from: ZoneSet::only([ZoneId(0)]), ..Rule::any("out", Action::Allow) };
    if let services @ [_, ..] = scenario.services().as_slice() {
        rule.services = services.to_vec();
    }
    let policy = Policy { zones, zone_pairs: vec![], rules: vec![rule] };
    let settings = Settings {
        timeouts: Timeouts::default(),
        limits: Limits::new(sessions.max(1), u32::MAX),
        screens: Screens::default(),
    };
    Snapshot::compile(1, &policy, &topology, &settings, &mut RuleNames::new())
}

/// The frames that open a session, and those that it repeats then.
type Talk = (Vec<(PortIndex, Vec<u8>)>, Vec<(PortIndex, Vec<u8>)>);

/// So many sessions of the owner's.
fn talks(scenario: Scenario, way: Way, count: u32) -> Vec<Talk> {
    let is_owned = |(_, steady): &Talk| {
        steady.first().is_some_and(|(_, octets)| {
            let packet = wire::parse(octets).expect("the scenario's frames are whole");
            owner::owner(&packet, way.workers()) == way.owner()
        })
    };
    let all = (0..).map(|number| (scenario.opening(number), scenario.steady(number)));
    all.filter(is_owned).take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
}

fn run(scenario: Scenario, way: Way, sessions: u32, packets: u64) {
    let room = if scenario == Scenario::New4 {
        u32::try_from(packets).unwrap_or(u32::MAX)
    } else {
        sessions
    };
    let expectations = Arc::new(engine::Expectations::new(way.workers(), 64, 1));
    let snapshot = snapshot(scenario, room);
    let shard = |worker| {
        let config = ShardConfig {
            worker: WorkerId(worker),
            workers: way.workers(),
            share: 1,
            seed: 1,
            own_macs: Vec::new(),
            fragments: session::fragment::Limits::default(),
            tombstones: 1024,
            expectations: Arc::clone(&expectations),
            pickup_until: Time::ZERO,
        };
        let Ok(shard) = Shard::<Reused, Heap>::new(config, Arc::clone(&snapshot), &mut Heap);
        shard
    };
    let (mut owner, mut other) = (shard(way.owner().0), shard(0));
    let mut out = Returns::default();
    let now = Time::from_secs(1);
    let as_frame = |(port, octets)| Reused { buffer: Box::new(Buffer { octets, place: 0 }), port };
    let talks = talks(scenario, way, room);
    let mut said = Vec::new();
    for (opening, mut steady) in talks {
        for frame in opening {
            owner.process(now, &mut Burst::from_iter([as_frame(frame)]), &mut out);
        }
        if scenario == Scenario::New4 {
            steady.truncate(1);
        }
        said.extend(steady.into_iter().enumerate());
    }
    if scenario.is_ordered() {
        said.sort_by_key(|(turn, _)| *turn);
    } else {
        shuffle(&mut said);
    }
    let mut frames: Vec<Option<Reused>> =
        said.into_iter().map(|(_, frame)| Some(as_frame(frame))).collect();
    for (place, frame) in frames.iter_mut().enumerate() {
        if let Some(frame) = frame {
            frame.buffer.place = place;
        }
    }
    out.frames.clear();
    out.forwarded = 0;
    let start = thread_time();
    let mut next = 0;
    let mut burst = Burst::new();
    for _ in 0..packets / BURST as u64 {
        while !burst.is_full() {
            burst.extend(frames[next].take());
            next = (next + 1) % frames.len();
        }
        if matches!(way, Way::Alone | Way::Stays) {
            owner.process(now, &mut burst, &mut out);
        } else {
            other.process(now, &mut burst, &mut out);
        }
        let mut handed = core::mem::take(&mut out.handed);
        if way == Way::Passed {
            out.frames.extend(handed.drain(..).map(|(frame, _)| frame));
        } else {
            owner.accept(now, &mut handed, &mut out);
        }
        for frame in out.frames.drain(..) {
            let place = frame.buffer.place;
            frames[place] = Some(frame);
        }
    }
    let spent = start.elapsed();
    let judged = packets / BURST as u64 * BURST as u64;
    let expected = if way == Way::Passed { 0 } else { judged };
    assert_eq!(out.forwarded, expected, "every packet of the scenario passes");
    let handed = other.counters().handed_over();
    let nanos = spent.as_secs_f64() * 1e9 / judged.max(1) as f64;
    report(&format!(
        "{judged} packets, {} forwarded, {handed} handed over, {} sessions, {nanos:.1} ns a packet",
        out.forwarded,
        owner.counters().sessions()
    ));
}

/// An order that no prefetcher knows, the same in every run (Fisher-Yates with a linear congruence).
fn shuffle<T>(items: &mut [T]) {
    let mut state: u64 = 1;
    for last in (1..items.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = usize::try_from(state >> 33).unwrap_or(0) % (last + 1);
        items.swap(last, chosen);
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn thread_time() -> Instant {
    Instant::now()
}
