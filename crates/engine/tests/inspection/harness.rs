//! A box of two ports in front of which frames are put, and a ledger that every frame must balance in.
//!
//! Shared by the tests and, by its path, by the fuzz target: it uses nothing but the crates that the engine itself
//! stands on.
#![allow(dead_code, reason = "each of the two users needs a part of it")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Cluster, Counter, Fate, Limits, PortIndex, SessionFilter, Settings, Snapshot, Time, Verdict,
    WorkerId, ZoneId,
};
use policy::{
    Action, EthPort, Gateway, LinkMode, Policy, Rule, RuleNames, Screens, TcpMode, Topology, Wire,
    ZoneSet,
};
use session::Timeouts;
use session::fragment::Limits as Fragments;

/// The port of the zone `inside`.
pub(crate) const INSIDE: PortIndex = PortIndex(0);
/// The port of the zone `outside`, at the other end of the wire.
pub(crate) const OUTSIDE: PortIndex = PortIndex(1);

/// States of a handshake that is not complete.
const HANDSHAKES: [(engine::Protocol, [&str; 3]); 2] = [
    (engine::Protocol::Tcp, ["syn_sent", "simultaneous_open", "syn_received"]),
    (engine::Protocol::Sctp, ["init", "init_ack", "cookie_echoed"]),
];

fn is_half_open(protocol: engine::Protocol, state: &str) -> bool {
    HANDSHAKES.iter().any(|(of, states)| *of == protocol && states.contains(&state))
}

/// What a box is configured with.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Rules.
    pub(crate) policy: Policy,
    /// Ports.
    pub(crate) ports: Vec<EthPort>,
    /// Wires.
    pub(crate) wires: Vec<Wire>,
    /// Timeouts.
    pub(crate) timeouts: Timeouts,
    /// Bounds.
    pub(crate) limits: Limits,
    /// Checks that need no state.
    pub(crate) screens: Screens,
    names: RuleNames,
    generation: u32,
}

impl Plan {
    /// Two ports, one wire, and one rule: whatever comes from inside goes out.
    pub(crate) fn new() -> Self {
        let outward = Rule {
            from: ZoneSet::only([ZoneId(0)]),
            to: ZoneSet::only([ZoneId(1)]),
            ..Rule::any("inside-out", Action::Allow)
        };
        let zones = vec!["inside".to_owned(), "outside".to_owned()];
        let port = |name: &str, zone| EthPort {
            name: name.to_owned(),
            zone: ZoneId(zone),
            vlans: Vec::new(),
            networks: None,
            mtu: 1500,
        };
        Self {
            policy: Policy { zones, zone_pairs: Vec::new(), rules: vec![outward] },
            ports: vec![port("lan0", 0), port("wan0", 1)],
            wires: vec![wire(0, 1, 0)],
            timeouts: Timeouts::default(),
            limits: Limits::new(10_000, 5_000),
            screens: Screens::default(),
            names: RuleNames::new(),
            generation: 0,
        }
    }

    /// The next version.
    pub(crate) fn snapshot(&mut self) -> Arc<Snapshot> {
        self.generation += 1;
        let (ports, wires) = (self.ports.clone(), self.wires.clone());
        let topology = Topology::new(self.policy.zones.clone(), ports, wires);
        let topology = topology.expect("each port is in one wire");
        let settings = Settings {
            timeouts: self.timeouts.clone(),
            limits: self.limits.clone(),
            screens: self.screens,
        };
        Snapshot::compile(self.generation, &self.policy, &topology, &settings, &mut self.names)
    }

    /// The name of a rule of any version so far.
    pub(crate) fn rule_name(&self, fate: &Fate) -> &str {
        fate.judgement.rule.map_or("", |rule| self.names.name(rule))
    }

    /// The number of a rule's name.
    pub(crate) fn rule_hits(&self, cluster: &Cluster, rule: &str) -> u64 {
        let Some(rule) = self.names.get(rule) else { return 0 };
        let of = |shard: &engine::Shard<_, _>| shard.rule_hits().get(rule.index()).map(|r| r.hits);
        cluster.shards().iter().filter_map(of).sum()
    }
}

/// A wire between two ports.
pub(crate) fn wire(one: u8, two: u8, domain: u16) -> Wire {
    Wire {
        ports: [PortIndex(one), PortIndex(two)],
        domain,
        link: LinkMode::Independent,
        ethertypes: Vec::new(),
    }
}

/// One frame that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// How long after the one before.
    pub(crate) wait: Duration,
    /// By which port.
    pub(crate) port: PortIndex,
    /// Its octets.
    pub(crate) octets: Vec<u8>,
}

/// A box with its ledger.
#[derive(Debug)]
pub(crate) struct Rig {
    /// The shards.
    pub(crate) cluster: Cluster,
    nic_lies: bool,
    now: Time,
    received: u64,
    /// By number: how often the frame's fate was told.
    told: Vec<u8>,
    forwarded: u64,
    dropped: u64,
    rejected: u64,
    made: u64,
}

impl Rig {
    /// A box with this configuration.
    pub(crate) fn new(workers: u16, snapshot: &Arc<Snapshot>) -> Self {
        // A table of the real size takes too long to make for thousands of boxes.
        let fragments = Fragments::default();
        Self::around(Cluster::with_room(workers, snapshot, fragments, 65_536, 1024))
    }

    /// A ledger for shards without sessions.
    pub(crate) fn around(mut cluster: Cluster) -> Self {
        cluster.on_the_wire(true);
        Self {
            cluster,
            nic_lies: false,
            now: Time::ZERO,
            received: 0,
            told: Vec::new(),
            forwarded: 0,
            dropped: 0,
            rejected: 0,
            made: 0,
        }
    }

    /// The time of the last call.
    pub(crate) fn now(&self) -> Time {
        self.now
    }

    /// Has frames come to workers by no hash at all.
    pub(crate) fn with_a_nic_that_lies(self) -> Self {
        Self { nic_lies: true, ..self }
    }

    /// Judges a frame, whose number is how many came before it. Returns what was decided since the last call.
    pub(crate) fn receive(&mut self, now: Time, port: PortIndex, octets: Vec<u8>) -> Vec<Fate> {
        self.now = self.now.max(now);
        self.told.push(0);
        if self.nic_lies {
            let some = WorkerId(u16::try_from(self.received * 7 / 3 % 64).expect("below 64"));
            self.cluster.receive_at(some, self.now, self.received, port, octets);
        } else {
            self.cluster.receive(self.now, self.received, port, octets);
        }
        self.received += 1;
        self.settle()
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: Time) -> Vec<Fate> {
        self.now = self.now.max(now);
        self.cluster.advance(self.now);
        self.settle()
    }

    /// Enters all new fates into the ledger.
    fn settle(&mut self) -> Vec<Fate> {
        let fates: Vec<_> = self.cluster.fates().collect();
        for fate in &fates {
            match fate.number {
                None => {
                    self.made += 1;
                    assert!(fate.out.is_some(), "a made frame is sent: {fate:?}");
                    continue;
                }
                Some(number) => {
                    let told = &mut self.told[usize::try_from(number).expect("a small number")];
                    *told += 1;
                    assert_eq!(*told, 1, "frame {number} has two fates");
                }
            }
            let sent = fate.judgement.verdict == Verdict::Forward;
            assert_eq!(fate.out.is_some(), sent, "only what is forwarded leaves: {fate:?}");
            match fate.judgement.verdict {
                Verdict::Forward => self.forwarded += 1,
                Verdict::Drop(_) => self.dropped += 1,
                Verdict::Reject(_) => self.rejected += 1,
                Verdict::Consume => {}
            }
        }
        fates
    }

    /// Frames that wait for the rest of their datagrams.
    pub(crate) fn held(&self) -> u64 {
        self.cluster.counters().get(Counter::Held)
    }

    /// Sessions in all tables.
    pub(crate) fn sessions(&self) -> u64 {
        self.cluster.shards().iter().map(|shard| u64::from(shard.session_count())).sum()
    }

    /// Every frame is in exactly one place, and every number says what it counts.
    pub(crate) fn check(&self) {
        let counters = self.cluster.counters();
        let get = |counter| counters.get(counter);
        assert_eq!(get(Counter::Received), self.received, "received");
        assert_eq!(get(Counter::Accepted), counters.handed_over(), "nothing is between workers");
        assert_eq!(counters.dropped(), self.dropped, "dropped");
        assert_eq!(counters.rejected(), self.rejected, "rejected");
        assert_eq!(get(Counter::Made), self.made, "made");
        let settled = self.forwarded + self.dropped + self.rejected + get(Counter::Consumed);
        assert_eq!(self.received, settled + self.held(), "conservation");
        assert_eq!(counters.sessions(), self.sessions(), "the gauges by state are the table");
        let mut born_less_dead = 0;
        for &protocol in engine::Protocol::ALL {
            born_less_dead += get(Counter::Created(protocol));
            for &reason in engine::EndReason::ALL {
                born_less_dead -= get(Counter::Ended(protocol, reason));
            }
        }
        assert_eq!(born_less_dead, self.sessions(), "created less ended");
        self.check_rules(&counters);
        self.check_listing(&counters);
    }

    /// Every session is some rule's, and half-open where its state says so.
    fn check_rules(&self, counters: &engine::Counters) {
        let hits = || self.cluster.shards().iter().flat_map(engine::Shard::rule_hits);
        let sessions: u64 = hits().map(|hits| u64::from(hits.sessions)).sum();
        assert_eq!(sessions, self.sessions(), "sessions by rule");
        let embryonic: u64 = hits().map(|hits| u64::from(hits.embryonic)).sum();
        let half_open = HANDSHAKES.iter().flat_map(|(protocol, names)| {
            let states = protocol.states().into_iter().enumerate();
            let half = states.filter(|(_, state)| names.contains(state));
            half.map(|(state, _)| counters.get(Counter::Sessions(*protocol, state)))
        });
        assert_eq!(embryonic, half_open.sum::<u64>(), "half-open sessions by rule");
        assert!(self.half_open() <= embryonic, "half-open sessions by zone");
    }

    /// Half-open sessions of all zones, of those that the present policy has judged.
    fn half_open(&self) -> u64 {
        let zones = self.cluster.shards().iter().flat_map(engine::Shard::half_open);
        zones.map(|&count| u64::from(count)).sum()
    }

    /// What a listing shows is counted in the gauge of its state; no two sessions have one key, and each has one timer.
    fn check_listing(&self, counters: &engine::Counters) {
        let mut listed = vec![0_u64; engine::Counters::LEN];
        let mut keys = HashSet::new();
        for shard in self.cluster.shards() {
            assert_eq!(shard.timer_count(), shard.session_count(), "one timer a session");
            let filter = SessionFilter::default();
            let mut half_open = vec![0; shard.half_open().len()];
            let mut cursor = Some(0);
            while let Some(at) = cursor {
                cursor = shard.list(self.now, at, 1024, &filter, &mut |view| {
                    let states = view.protocol.states();
                    let state = states.iter().position(|state| *state == view.state);
                    let state = state.expect("a state of its protocol");
                    listed[Counter::Sessions(view.protocol, state).index()] += 1;
                    let (one, other) = (view.source, view.destination);
                    let judged = u32::from(view.generation) == shard.snapshot().generation & 0xffff;
                    if judged && is_half_open(view.protocol, view.state) {
                        half_open[view.from.index()] += 1;
                    }
                    let ends = (one.min(other), one.max(other));
                    let new = keys.insert((view.protocol_number, ends, view.context));
                    assert!(new, "two sessions of one key: {view:?}");
                });
            }
            let zones = half_open.iter().zip(shard.half_open());
            for (listed, counted) in zones {
                assert!(listed <= counted, "{listed} half-open listed, {counted} counted");
            }
        }
        for (listed, counted) in listed.iter().zip(counters.as_slice()) {
            assert!(
                *listed == 0 || listed <= counted,
                "{listed} sessions listed, {counted} counted"
            );
        }
    }

    /// After longer than any timeout nothing is left: no session lives without a timer, no fragment is held.
    pub(crate) fn check_all_ends(&mut self) {
        let end = self.now + Duration::from_secs(8 * 86_400);
        self.advance(end);
        self.check();
        assert_eq!(self.sessions(), 0, "a session without a timer");
        assert_eq!(self.half_open(), 0, "a half-open session in the count of its zone alone");
        assert_eq!(self.held(), 0, "a fragment without a timer");
        assert_eq!(self.cluster.counters().expectations(), 0, "an expectation without an end");
        let kept = self.cluster.shards().iter().map(engine::Shard::kept_count);
        assert_eq!(kept.sum::<usize>(), 0, "something of sessions that are read or were announced");
        for gauge in Gateway::ALL.iter().map(|&gateway| Counter::Read(gateway)) {
            assert_eq!(self.cluster.counters().get(gauge), 0, "{gauge:?}");
        }
    }
}

/// The plan that fuzzing and property tests run under: every kind of rule, a table that fills up.
pub(crate) fn crowded_plan() -> Plan {
    let mut plan = Plan::new();
    let service = |protocol, port| policy::ServiceItem {
        service: String::new(),
        matches: policy::ServiceMatch::Ports {
            protocol,
            destination: policy::L4PortRange::one(port),
            source: policy::L4PortRange::ANY,
        },
        traits: policy::ItemTraits { answered: protocol == 17, ..policy::ItemTraits::NONE },
    };
    let inward = |name, service, action, tcp| Rule {
        from: ZoneSet::only([ZoneId(1)]),
        to: ZoneSet::only([ZoneId(0)]),
        services: vec![service],
        tcp,
        ..Rule::any(name, action)
    };
    let control = |protocol, port, gateway| {
        let mut item = service(protocol, port);
        item.traits.gateway = Some(gateway);
        item.traits.answered = false;
        item
    };
    let controls = vec![
        control(6, 21, Gateway::Ftp),
        control(17, 69, Gateway::Tftp),
        control(17, 5060, Gateway::Sip),
    ];
    let rules = [
        Rule { services: vec![service(17, 53)], ..plan.policy.rules[0].clone() },
        Rule { services: controls, ..Rule::any("control", Action::Allow) },
        inward("in-web", service(6, 8080), Action::Allow, Some(TcpMode::Loose)),
        inward("in-reject-tcp", service(6, 443), Action::Reject, None),
        inward("in-reject-udp", service(17, 443), Action::Reject, None),
        inward("in-drop", service(17, 137), Action::Drop, None),
    ];
    plan.policy.rules[0].name = "inside-any".to_owned();
    plan.policy.rules.splice(0..0, rules);
    plan.limits = Limits::new(24, 12);
    plan
}

/// Reads fuzz input: arrivals of the form (port and workers, wait, length, frame).
///
/// The head of each is four octets: bit 0 of the first is the port, the second is the wait (0-127: milliseconds,
/// above: powers of two of seconds), the last two the length, little-endian. What is missing at the end is left out.
pub(crate) fn read_arrivals(mut input: &[u8]) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    while let Some((&[port, wait, low, high], rest)) = input.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        let wait = match wait {
            0..=127 => Duration::from_millis(u64::from(wait)),
            128..=255 => Duration::from_secs(1 << (wait % 20)),
        };
        let port = PortIndex(port & 1);
        arrivals.push(Arrival { wait, port, octets: frame.to_vec() });
        input = rest;
    }
    arrivals
}

/// The inverse of [`read_arrivals`], for waits that it can read.
pub(crate) fn write_arrivals(arrivals: &[Arrival]) -> Vec<u8> {
    let mut out = Vec::new();
    for Arrival { wait, port, octets } in arrivals {
        let millis = u8::try_from(wait.as_millis()).ok().filter(|millis| *millis < 128);
        let seconds = wait.as_secs().max(1).ilog2();
        let wait = millis.unwrap_or_else(|| {
            // The least octet from 128 on that leaves this remainder of 20.
            (128..=255).find(|octet| u32::from(octet % 20) == seconds).unwrap_or(128)
        });
        let length = u16::try_from(octets.len()).expect("a frame is short");
        out.extend([port.0, wait]);
        out.extend(length.to_le_bytes());
        out.extend(octets);
    }
    out
}

/// What fuzzers and the replay of their corpora do with what comes in.
pub(crate) fn run(arrivals: &[Arrival]) {
    let mut plan = crowded_plan();
    let snapshot = plan.snapshot();
    for workers in [1, 3] {
        let fragments = Fragments { datagrams: 16, frames: 64, octets: 32 << 10, fragments: 8 };
        let mut rig = Rig::around(Cluster::with_room(workers, &snapshot, fragments, 64, 64));
        rig.nic_lies = true;
        // No mutation would get past a checksum.
        rig.cluster.on_the_wire(false);
        for (index, Arrival { wait, port, octets }) in arrivals.iter().enumerate() {
            let now = rig.now() + *wait;
            rig.receive(now, *port, octets.clone());
            if index % 16 == 7 {
                // A policy that allows less, and on the next turn the first again.
                plan.policy.rules.rotate_left(1);
                rig.cluster.install(&plan.snapshot());
            }
        }
        rig.check();
        rig.check_all_ends();
    }
}
