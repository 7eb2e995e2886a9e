//! What holds for any traffic whatever.

use engine::{Cause, Counter, EndReason};
use proptest::prelude::*;

use crate::deeds::{deeds, talks};
use crate::harness::{Arrival, Plan, Rig, crowded_plan};
use crate::traffic::arrivals;
use crate::transcript::outcome;

/// Runs arrivals. The outcome of each frame, and the frames that the box made.
fn run(workers: u16, mut plan: Plan, arrivals: &[Arrival]) -> (Vec<String>, Vec<Vec<u8>>, Rig) {
    run_in(Rig::new(workers, &plan.snapshot()), arrivals)
}

fn run_in(rig: Rig, arrivals: &[Arrival]) -> (Vec<String>, Vec<Vec<u8>>, Rig) {
    run_as(rig, false, arrivals)
}

fn run_as(
    mut rig: Rig,
    on_the_wire: bool,
    arrivals: &[Arrival],
) -> (Vec<String>, Vec<Vec<u8>>, Rig) {
    rig.cluster.on_the_wire(on_the_wire);
    let mut outcomes = vec!["held".to_owned(); arrivals.len()];
    let mut made = Vec::new();
    for Arrival { wait, port, octets } in arrivals {
        let now = rig.now() + *wait;
        for fate in rig.receive(now, *port, octets.clone()) {
            match fate.number {
                Some(number) => outcomes[usize::try_from(number).unwrap()] = outcome(&fate),
                None => made.push(fate.octets),
            }
        }
        rig.check();
    }
    (outcomes, made, rig)
}

/// A roomy plan under which a gateway reads two of the conversations of [`crate::traffic`].
fn read_plan() -> Plan {
    let mut plan = roomy_plan();
    let ftp = policy::builtin_services().iter().find(|service| service.name == "ftp").unwrap();
    let mut services: Vec<_> = ftp.items().collect();
    for item in &mut services {
        item.matches = policy::ServiceMatch::Ports {
            protocol: 6,
            destination: policy::L4PortRange::one(443),
            source: policy::L4PortRange::ANY,
        };
    }
    let outward = plan.policy.rules.last().unwrap().clone();
    plan.policy.rules.insert(0, policy::Rule { name: "read".to_owned(), services, ..outward });
    plan
}

/// The rules of the crowded plan with room for everybody.
pub(crate) fn roomy_plan() -> Plan {
    let mut plan = crowded_plan();
    plan.limits = Plan::new().limits;
    plan
}

/// Another version of rules: how their control conversations are read, if they are, and by which rule.
fn changed(mut rules: Vec<policy::Rule>, version: u8) -> Vec<policy::Rule> {
    let rule = rules.iter_mut().find(|rule| rule.name == "control").unwrap();
    let items = rule.services.iter_mut();
    match version {
        0 => {}
        1 => items.for_each(|item| item.traits.gateway = None),
        2 => "renamed".clone_into(&mut rule.name),
        3 => rule.services.truncate(1),
        4 => items.for_each(|item| item.traits.reading.strict = true),
        _ => rule.enabled = false,
    }
    rules
}

/// Runs arrivals, and has other versions of the plan come before some of them. To an odd number of workers they come by no
/// hash at all, and are handed over.
fn run_with_changes(
    workers: u16,
    mut plan: Plan,
    arrivals: &[Arrival],
    changes: &[(usize, u8)],
) -> (Vec<String>, Rig) {
    let mut rig = Rig::new(workers, &plan.snapshot());
    if workers % 2 == 1 {
        rig = rig.with_a_nic_that_lies();
    }
    let rules = plan.policy.rules.clone();
    let mut outcomes = vec!["held".to_owned(); arrivals.len()];
    for (index, Arrival { wait, port, octets }) in arrivals.iter().enumerate() {
        let now = rig.now() + *wait;
        for (_, version) in changes.iter().filter(|(at, _)| at % arrivals.len() == index) {
            plan.policy.rules = changed(rules.clone(), *version);
            rig.cluster.install(&plan.snapshot());
        }
        for fate in rig.receive(now, *port, octets.clone()) {
            if let Some(number) = fate.number {
                outcomes[usize::try_from(number).unwrap()] = outcome(&fate);
            }
        }
        rig.check();
    }
    (outcomes, rig)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Equal verdicts, reasons, sessions and answers for any number of workers; and again on another run.
    #[test]
    fn workers_make_no_difference(deeds in deeds(80)) {
        let arrivals = arrivals(&deeds);
        let (outcomes, made, one) = run(1, roomy_plan(), &arrivals);
        let (again, made_again, mut repeated) = run(1, roomy_plan(), &arrivals);
        prop_assert_eq!(&outcomes, &again);
        prop_assert_eq!(&made, &made_again);
        prop_assert_eq!(one.cluster.counters(), repeated.cluster.counters());
        for workers in [2, 4, 7] {
            let (others, made_by_others, mut rig) = run(workers, roomy_plan(), &arrivals);
            prop_assert_eq!(&outcomes, &others, "{} workers", workers);
            prop_assert_eq!(&made, &made_by_others);
            rig.check_all_ends();
        }
        repeated.check_all_ends();
    }

    /// Control conversations and what they announce, while the rules begin, change and end their being read: equal verdicts
    /// for any number of workers, and nothing of it all is left when it has ended.
    #[test]
    fn what_is_announced_ends_whatever_changes(
        talks in talks(120), changes in prop::collection::vec((any::<usize>(), 0..6_u8), 0..6),
    ) {
        let arrivals = arrivals(&talks);
        let (outcomes, mut one) = run_with_changes(1, roomy_plan(), &arrivals, &changes);
        for workers in [2, 5] {
            let (others, mut rig) = run_with_changes(workers, roomy_plan(), &arrivals, &changes);
            prop_assert_eq!(&outcomes, &others, "{} workers", workers);
            rig.check_all_ends();
        }
        one.check_all_ends();
        let (_, mut crowded) = run_with_changes(3, crowded_plan(), &arrivals, &changes);
        crowded.check_all_ends();
    }

    /// A NIC that spreads frames over workers by no hash costs hand-overs, and changes no verdict.
    #[test]
    fn a_nic_that_lies_makes_no_difference(deeds in deeds(80)) {
        let arrivals = arrivals(&deeds);
        let (outcomes, made, _) = run(1, roomy_plan(), &arrivals);
        let rig = Rig::new(5, &roomy_plan().snapshot()).with_a_nic_that_lies();
        let (others, made_by_others, mut rig) = run_in(rig, &arrivals);
        prop_assert_eq!(&outcomes, &others);
        prop_assert_eq!(&made, &made_by_others);
        rig.check_all_ends();
    }

    /// The short way of plain packets is the whole way, but shorter: as on a host's capture, and as on the wire; where
    /// packets arrive, and at their owners where a NIC that lies leads them astray.
    #[test]
    fn the_short_way_makes_no_difference(
        deeds in deeds(120), on_the_wire in any::<bool>(), is_alone in any::<bool>(),
    ) {
        let arrivals = arrivals(&deeds);
        let by = |short: bool, mut plan: Plan| {
            let snapshot = plan.snapshot();
            let mut rig =
                if is_alone { Rig::new(1, &snapshot) } else { Rig::new(5, &snapshot).with_a_nic_that_lies() };
            rig.cluster.go_short(short);
            run_as(rig, on_the_wire, &arrivals)
        };
        for plan in [roomy_plan(), crowded_plan(), read_plan()] {
            let (outcomes, made, short) = by(true, plan.clone());
            let (others, made_by_others, whole) = by(false, plan);
            prop_assert_eq!(&outcomes, &others);
            prop_assert_eq!(&made, &made_by_others);
            for (one, other) in short.cluster.shards().iter().zip(whole.cluster.shards()) {
                prop_assert_eq!(one.counters(), other.counters());
                prop_assert_eq!(one.arrivals(), other.arrivals());
            }
        }
    }

    /// With a table and limits that are soon reached nothing is lost, and all ends.
    #[test]
    fn a_crowded_box_balances(deeds in deeds(120)) {
        let arrivals = arrivals(&deeds);
        for workers in [1, 4] {
            let (_, _, mut rig) = run(workers, crowded_plan(), &arrivals);
            for shard in rig.cluster.shards() {
                prop_assert!(shard.session_count() <= shard.capacity());
            }
            rig.check_all_ends();
            let reopened = Counter::Ended(engine::Protocol::Tcp, EndReason::PolicyChanged);
            prop_assert_eq!(rig.cluster.counters().get(reopened), 0);
        }
    }
}

/// Talks come to announcements of every protocol, and to what comes by them.
#[test]
fn the_talks_are_worth_their_name() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut sum = engine::Counters::default();
    for _ in 0..40 {
        let talks = talks(120).new_tree(&mut runner).unwrap().current();
        let changes = [(20, 1), (40, 0), (60, 3), (80, 2)];
        let (_, rig) = run_with_changes(3, roomy_plan(), &arrivals(&talks), &changes);
        sum.add(&rig.cluster.counters());
    }
    let reached = |counter: Counter| assert!(sum.get(counter) > 0, "never {counter:?}");
    for gateway in [engine::Gateway::Ftp, engine::Gateway::Tftp, engine::Gateway::Sip] {
        reached(Counter::Published(gateway));
        reached(Counter::Claimed(gateway));
    }
    for why in ["expired", "replaced", "policy_changed", "parent_ended"] {
        let why = engine::Ended::ALL.iter().find(|known| known.name() == why).unwrap();
        let of = |gateway: &engine::Gateway| sum.get(Counter::Unclaimed(*gateway, *why));
        assert!(engine::Gateway::ALL.iter().map(of).sum::<u64>() > 0, "never {why:?}");
    }
}

/// The generator reaches what the properties are about.
#[test]
fn the_traffic_is_worth_its_name() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut sum = engine::Counters::default();
    for _ in 0..60 {
        let deeds = deeds(120).new_tree(&mut runner).unwrap().current();
        let rig = Rig::new(4, &roomy_plan().snapshot()).with_a_nic_that_lies();
        let (_, _, rig) = run_in(rig, &arrivals(&deeds));
        sum.add(&rig.cluster.counters());
    }
    let reached = |counter: Counter| assert!(sum.get(counter) > 0, "never {counter:?}");
    for protocol in ["tcp", "udp", "icmp", "icmpv6", "sctp", "gre", "esp"] {
        let protocol = engine::Protocol::ALL.iter().find(|p| p.name() == protocol).unwrap();
        reached(Counter::Created(*protocol));
    }
    for cause in [Cause::NicHash, Cause::IcmpError, Cause::Fragment, Cause::Reassembled] {
        reached(Counter::HandedOver(cause));
    }
    reached(Counter::Made);
    for reason in [
        "no_rule",
        "rule_reject",
        "session_expired",
        "session_closed",
        "wrong_side",
        "tcp_not_syn",
        "tcp_seq_above_window",
        "icmp_error_unrelated",
        "fragment_overlap",
        "fragment_timeout",
        "fragment_duplicate",
        "ethertype",
        "truncated",
        "icmp_quote_seq",
    ] {
        let reason = engine::DropReason::all().find(|known| known.name() == reason).unwrap();
        let counted = sum.get(Counter::Dropped(reason)) + sum.get(Counter::Rejected(reason));
        assert!(counted > 0, "never {reason}");
    }
    assert!(sum.get(Counter::Ended(engine::Protocol::Tcp, EndReason::TcpFin)) + sum.sessions() > 0);
}
