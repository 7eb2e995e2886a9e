//! What an explanation foretells comes true: whatever has happened before, the packet that was asked about then gets the
//! verdict and the reason that were named.

use core::num::NonZeroU32;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{
    Burst, Explanation, Limits, Probe, ProbeNumbers, Shard, ShardConfig, Snapshot, Time, Verdict,
    owner_of,
};
use policy::Action;
use proptest::prelude::*;
use session::memory::Heap;
use wire::{TcpFlags, Transport};

use crate::deeds::deeds;
use crate::harness::{Arrival, Plan, Rig, crowded_plan};
use crate::invariants::roomy_plan;
use crate::reload::{Bare, Tray, alone};
use crate::traffic::{CONVERSATIONS, Deed, arrivals};

/// The packet of a frame as an operator describes it: its tuple, flags and numbers, not what it carries, of which there may
/// be more (`is_long`). None: there is no describing it.
fn described(arrival: &Arrival, is_long: bool) -> Option<Probe> {
    let descriptor = wire::parse(&arrival.octets).ok()?;
    let mut flags = TcpFlags::default();
    let mut numbers = ProbeNumbers::default();
    let mut icmp = None;
    let ports = match &descriptor.transport {
        Transport::None => return None,
        Transport::Tcp(segment) => {
            flags = segment.flags;
            let (seq, ack) = (Some(segment.seq.0), Some(segment.ack.0));
            let length = if is_long { 1_400 } else { segment.payload };
            numbers = ProbeNumbers { seq, ack, length };
            (segment.source_port, segment.destination_port)
        }
        Transport::Udp(datagram) => (datagram.source_port, datagram.destination_port),
        Transport::Sctp(packet) => (packet.source_port, packet.destination_port),
        Transport::Icmp(message) | Transport::Icmpv6(message) => {
            icmp = Some((message.kind, message.code));
            (message.id, 0)
        }
        Transport::Other => (0, 0),
    };
    Some(Probe {
        in_port: arrival.port,
        protocol: descriptor.protocol,
        source: (descriptor.source, ports.0),
        destination: (descriptor.destination, ports.1),
        flags,
        icmp,
        vlans: descriptor.vlans,
        numbers,
    })
}

/// A shard by itself, whose timers and sweeps are the test's to drive.
struct Alone {
    shard: Shard<Bare, Heap>,
    now: Time,
    tray: Tray,
}

impl Alone {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let expectations = Arc::new(engine::Expectations::new(1, 256, 1));
        let config = ShardConfig { tombstones: 64, expectations, ..alone() };
        let Ok(shard) = Shard::new(config, snapshot, &mut Heap);
        Self { shard, now: Time::ZERO, tray: Tray::default() }
    }

    fn receive(&mut self, arrival: &Arrival) -> Vec<Verdict> {
        let mut burst = Burst::new();
        burst.push(Bare(arrival.port, arrival.octets.clone()));
        self.shard.process(self.now, &mut burst, &mut self.tray);
        std::mem::take(&mut self.tray.0)
    }
}

/// Policies that follow one another: all rules; without the one that names gateways; without leave to go out; and one by
/// which the same conversations are read by other gateways.
fn change(plan: &mut Plan, whole: &Plan, which: u8) {
    plan.policy.clone_from(&whole.policy);
    let rules = &mut plan.policy.rules;
    match which % 4 {
        0 => {}
        1 => rules.retain(|rule| rule.name != "control"),
        2 => rules.last_mut().expect("several rules").action = Action::Drop,
        _ => {
            let control = rules.iter_mut().find(|rule| rule.name == "control").expect("there");
            let gateways = control.services.iter().map(|item| item.traits.gateway);
            let mut gateways: Vec<_> = gateways.collect();
            gateways.rotate_left(1);
            for (item, gateway) in control.services.iter_mut().zip(gateways) {
                item.traits.gateway = gateway;
            }
        }
    }
}

/// Has all arrive, and asks about some before they do. `whims` say, for each in turn, whether it is asked about, and then
/// comes as it was described, or about the one before it, which comes again; whether timers run first; and whether another
/// policy is installed. What was foretold, and what came true.
fn run(
    whole: &Plan,
    arrivals: &[Arrival],
    whims: &[u8],
) -> Vec<(Probe, Explanation, Vec<Verdict>)> {
    let mut plan = whole.clone();
    let mut alone = Alone::new(plan.snapshot());
    let mut asked = Vec::new();
    let mut last = None;
    for (arrival, whim) in arrivals.iter().zip(whims.iter().cycle()) {
        alone.now = alone.now + arrival.wait;
        if whim >> 4 == 0xf {
            change(&mut plan, whole, whim >> 2);
            alone.shard.install(plan.snapshot());
        }
        if whim & 0x18 == 0 {
            while alone.shard.tick(alone.now, &mut alone.tray) {}
            alone.tray.0.clear();
        }
        let (is_asked, again) = (whim & 3 == 0, whim & 3 == 1);
        let about = if again { last } else { is_asked.then_some(arrival) };
        if let Some(probe) = about.and_then(|arrival| described(arrival, whim & 4 == 0)) {
            let foretold = alone.shard.explain(alone.now, &probe);
            let octets = probe.octets();
            let found =
                alone.receive(&Arrival { port: probe.in_port, octets, wait: Duration::ZERO });
            asked.push((probe, foretold, found));
        }
        if !is_asked {
            alone.receive(arrival);
        }
        last = Some(arrival);
    }
    asked
}

/// A plan with a table that is full soon.
fn small_plan() -> Plan {
    let mut plan = crowded_plan();
    plan.limits = Limits { ipv6: 1, ..Limits::new(3, 3) };
    plan
}

/// A plan of whose rules' limits all are soon met.
fn tight_plan() -> Plan {
    let mut plan = roomy_plan();
    for rule in &mut plan.policy.rules {
        match rule.name.as_str() {
            "inside-any" => rule.limits.sessions = NonZeroU32::new(4),
            "control" => rule.limits.per_source = NonZeroU32::new(1),
            _ => {}
        }
    }
    plan
}

/// What hosts do, for most of the time in conversations that gateways read, and in haste, if `is_read` says so.
fn deeds_of(is_read: bool) -> impl Strategy<Value = Vec<Deed>> {
    deeds(120).prop_map(move |mut deeds| {
        for deed in deeds.iter_mut().filter(|deed| is_read && deed.variant % 8 != 0) {
            deed.conversation = 8 + deed.conversation % (CONVERSATIONS - 8);
            deed.wait = deed.wait.min(Duration::from_millis(300));
        }
        deeds
    })
}

/// Room for all, for some, for few.
fn plans() -> [Plan; 4] {
    [roomy_plan(), crowded_plan(), tight_plan(), small_plan()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_foretold_comes_true(
        deeds in any::<bool>().prop_flat_map(deeds_of), whims in prop::collection::vec(any::<u8>(), 1..97), room in 0..4_usize,
    ) {
        let plan = &plans()[room];
        for (number, (probe, foretold, found)) in run(plan, &arrivals(&deeds), &whims).into_iter().enumerate() {
            prop_assert_eq!(vec![foretold.verdict], found, "{} of those asked about: {:?}", number, probe);
        }
    }

    #[test]
    fn owners_foretell_what_comes_true(
        deeds in any::<bool>().prop_flat_map(deeds_of), whims in prop::collection::vec(any::<u8>(), 1..97),
    ) {
        foretold_by_owners(&roomy_plan(), &arrivals(&deeds), &whims)?;
    }
}

/// The same where four workers share what is announced, asked at the owner of each packet.
fn foretold_by_owners(
    whole: &Plan,
    arrivals: &[Arrival],
    whims: &[u8],
) -> Result<(), TestCaseError> {
    let mut rig = Rig::new(4, &whole.clone().snapshot());
    for (arrival, whim) in arrivals.iter().zip(whims.iter().cycle()) {
        let now = rig.now() + arrival.wait;
        rig.advance(now);
        let Some(probe) = described(arrival, false).filter(|_| whim & 3 == 0) else {
            rig.receive(now, arrival.port, arrival.octets.clone());
            continue;
        };
        let owner = &rig.cluster.shards()[owner_of(&probe, 4).index()];
        let foretold = owner.explain(now, &probe).verdict;
        let fates = rig.receive(now, probe.in_port, probe.octets());
        let found = fates.iter().find(|fate| fate.number.is_some()).map(|it| it.judgement.verdict);
        prop_assert_eq!(Some(foretold), found, "{:?}", probe);
    }
    Ok(())
}

/// The property is about what it means to be about.
#[test]
fn all_kinds_of_fates_are_foretold() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let input = (any::<bool>().prop_flat_map(deeds_of), prop::collection::vec(any::<u8>(), 1..97));
    let mut reasons = BTreeSet::new();
    for round in 0..400 {
        let (deeds, whims) = input.new_tree(&mut runner).unwrap().current();
        for (_, foretold, _) in run(&plans()[round % 4], &arrivals(&deeds), &whims) {
            let verdict = foretold.verdict;
            reasons.insert(verdict.reason().map_or(verdict.name(), |reason| reason.name()));
            reasons.extend(foretold.steps.iter().map(|step| step.name));
        }
    }
    for reason in [
        "forward",
        "expectation",
        "no_rule",
        "rule_drop",
        "rule_reject",
        "session_expired",
        "session_closed",
        "policy_changed",
        "wrong_side",
        "table_full",
        "ipv6_table_full",
        "rule_session_limit",
        "rule_source_limit",
        "gateway_inconsistent_retransmission",
        "tcp_not_syn",
        "tcp_seq_above_window",
        "tcp_seq_below_window",
        "quoted_truncated",
    ] {
        assert!(reasons.contains(reason), "never {reason}: {reasons:?}");
    }
}
