//! A table that is nearly full, and one that is full.

use std::collections::HashMap;

use engine::{Counter, Counters, EndReason, EventKind, Limits, Protocol, SessionFilter, Time};
use policy::LogWhen;
use proptest::prelude::*;
use testkit::packet::Frame;
use testkit::packet::flags::{ACK, FIN_ACK, PSH_ACK, RST_ACK, SYN, SYN_ACK};

use crate::deeds::deeds;
use crate::harness::{Arrival, INSIDE, OUTSIDE, Plan, Rig, crowded_plan};
use crate::traffic::arrivals;
use crate::transcript::{Step, down, inside, outcome, outside, play_with, segment, swapped, up};

const DNS: &str = "192.0.2.53:53";
const WEB: &str = "192.0.2.80:80";

fn room_for(max: u32) -> Plan {
    let mut plan = Plan::new();
    plan.limits = Limits::new(max, max);
    plan.policy.rules[0].log = LogWhen::End;
    plan
}

/// A host inside.
fn host(number: u32) -> String {
    format!("10.0.{}.{}:40000", number / 200, number % 200 + 1)
}

fn ask(source: &str) -> Frame {
    Frame::udp(source, DNS, "x")
}

fn answer(to: &str) -> Frame {
    swapped(Frame::udp(DNS, to, "y"))
}

fn to_web(source: &str, flags: u8, sequence: u32, acknowledgement: u32) -> Frame {
    segment(source, WEB, flags, sequence, acknowledgement, 0)
}

fn from_web(to: &str, flags: u8, sequence: u32, acknowledgement: u32) -> Frame {
    swapped(segment(WEB, to, flags, sequence, acknowledgement, 0))
}

fn ended(counters: &Counters, reason: EndReason) -> u64 {
    Protocol::ALL.iter().map(|&protocol| counters.get(Counter::Ended(protocol, reason))).sum()
}

#[test]
fn a_full_table_evicts_in_order_and_then_refuses() {
    let [established, half_open, closed, closing, one_way] =
        ["10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3", "10.0.0.4:4", "10.0.0.5:5"];
    let [first, second, third, fourth, fifth] =
        ["10.0.1.1:1", "10.0.1.2:2", "10.0.1.3:3", "10.0.1.4:4", "10.0.1.5:5"];
    let steps = [
        // The oldest is the one that goes last.
        inside(0.00, &ask(one_way), "forward original first s0 new"),
        inside(0.01, &to_web(closing, SYN, 1000, 0), "forward original syn_sent s1 new"),
        outside(0.02, &from_web(closing, SYN_ACK, 5000, 1001), "forward reply syn_received s1"),
        inside(0.03, &to_web(closing, ACK, 1001, 5001), "forward original established s1"),
        inside(0.04, &to_web(closing, FIN_ACK, 1001, 5001), "forward original fin_wait s1"),
        outside(0.05, &from_web(closing, FIN_ACK, 5001, 1001), "forward reply closing s1"),
        inside(0.06, &to_web(closed, SYN, 1000, 0), "forward original syn_sent s2 new"),
        outside(0.07, &from_web(closed, RST_ACK, 0, 1001), "forward reply closed s2"),
        inside(0.08, &to_web(established, SYN, 1000, 0), "forward original syn_sent s3 new"),
        outside(0.09, &from_web(established, SYN_ACK, 5000, 1001), "forward reply syn_received s3"),
        inside(0.10, &to_web(established, ACK, 1001, 5001), "forward original established s3"),
        inside(0.11, &to_web(half_open, SYN, 1000, 0), "forward original syn_sent s4 new"),
        // Each newcomer becomes a conversation in both directions.
        inside(0.20, &ask(first), "forward original first s5 new"),
        outside(0.21, &answer(first), "forward reply stream s5"),
        outside(0.22, &from_web(half_open, SYN_ACK, 5000, 1001), "drop session_evicted"),
        inside(0.30, &ask(second), "forward original first s6 new"),
        outside(0.31, &answer(second), "forward reply stream s6"),
        outside(0.32, &from_web(closed, RST_ACK, 0, 1001), "drop session_evicted"),
        inside(0.40, &ask(third), "forward original first s7 new"),
        outside(0.41, &answer(third), "forward reply stream s7"),
        inside(0.42, &to_web(closing, ACK, 1002, 5002), "drop session_evicted"),
        inside(0.50, &ask(fourth), "forward original first s8 new"),
        outside(0.51, &answer(fourth), "forward reply stream s8"),
        outside(0.52, &answer(one_way), "drop session_evicted"),
        inside(0.60, &ask(fifth), "drop table_full"),
        Step::Sessions(0.61, 5),
        inside(0.70, &to_web(established, PSH_ACK, 1001, 5001), "forward original established s3"),
        inside(0.71, &ask(first), "forward original stream s5"),
    ];
    let played = play_with(1, &room_for(5), &steps);
    assert_eq!(ended(&played.rig.cluster.counters(), EndReason::Evicted), 4);
    let told = played.events.iter().map(|event| match event.kind {
        EventKind::SessionEnd { reason, .. } => (event.source_port, reason),
        other => panic!("{other:?}"),
    });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [2, 3, 4, 5].map(|port| (port, EndReason::Evicted)));
}

/// The one that would end first makes room, and one that was seen lately would not.
#[test]
fn of_one_class_the_idle_go_first() {
    let [early, later, latest] = ["10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3"];
    let steps = [
        inside(0.0, &ask(early), "forward original first s0 new"),
        inside(0.5, &ask(later), "forward original first s1 new"),
        inside(1.5, &ask(early), "forward original one_way s0"),
        inside(2.0, &ask(latest), "forward original first s2 new"),
        outside(2.1, &answer(later), "drop session_evicted"),
        outside(2.1, &answer(early), "forward reply stream s0"),
    ];
    play_with(1, &room_for(2), &steps);
}

/// A connection that was picked up has proved nothing until its other side is heard; its state is the same then.
#[test]
fn what_was_picked_up_counts_once_it_is_answered() {
    let mut plan = room_for(1);
    plan.policy.rules[0].tcp = Some(policy::TcpMode::Loose);
    let [one, other] = ["10.0.0.1:1", "10.0.0.2:2"];
    let steps = [
        inside(0.0, &to_web(one, ACK, 1001, 5001), "forward original established s0 new"),
        inside(0.1, &to_web(other, ACK, 1001, 5001), "forward original established s1 new"),
        // So soon that its timer is where it belongs.
        outside(0.1, &from_web(other, ACK, 5001, 1001), "forward reply established s1"),
        inside(0.3, &ask(one), "drop table_full"),
        inside(0.4, &to_web(other, ACK, 1001, 5001), "forward original established s1"),
    ];
    play_with(1, &plan, &steps);
}

/// A query whose place was taken may come again, and takes one itself.
#[test]
fn who_was_evicted_may_come_again() {
    let [one, other] = ["10.0.0.1:1", "10.0.0.2:2"];
    let steps = [
        inside(0.0, &ask(one), "forward original first s0 new"),
        inside(0.1, &ask(other), "forward original first s1 new"),
        inside(0.2, &ask(one), "forward original first s2 new"),
        outside(0.3, &answer(one), "forward reply stream s2"),
        inside(0.4, &ask(other), "drop table_full"),
    ];
    play_with(1, &room_for(1), &steps);
}

/// Eight of ten places were taken while timeouts had their full length of 30 s; at ten it is 3 s for all.
#[test]
fn timeouts_shrink_for_those_who_are_there() {
    let mut steps: Vec<_> = (0..10)
        .map(|number| {
            let time = f64::from(number) / 1000.0;
            Step::Frame(time, INSIDE, ask(&host(number)).bytes(), NEW[number as usize])
        })
        .collect();
    steps.extend([
        Step::Sessions(2.9, 10),
        Step::Sessions(3.4, 0),
        outside(4.0, &answer(&host(0)), "drop session_aged_early"),
        outside(4.1, &answer(&host(9)), "drop session_aged_early"),
        // An empty table has full timeouts again.
        inside(5.0, &ask(&host(0)), "forward original first s10 new"),
        outside(34.9, &answer(&host(0)), "forward reply stream s10"),
    ]);
    let played = play_with(1, &room_for(10), &steps);
    assert_eq!(ended(&played.rig.cluster.counters(), EndReason::AgedEarly), 10);
    assert_eq!(played.events.len(), 10);
}

const NEW: [&str; 10] = [
    "forward original first s0 new",
    "forward original first s1 new",
    "forward original first s2 new",
    "forward original first s3 new",
    "forward original first s4 new",
    "forward original first s5 new",
    "forward original first s6 new",
    "forward original first s7 new",
    "forward original first s8 new",
    "forward original first s9 new",
];

/// What is established has six minutes of its hour left in a full table, and not less than five.
#[test]
fn established_connections_keep_minutes() {
    let mut plan = room_for(1);
    let connection = || {
        vec![
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(0.1, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
            inside(0.2, &up(ACK, 1001, 5001, 0), "forward original established s0"),
        ]
    };
    let mut steps = connection();
    steps.extend([
        Step::Sessions(360.1, 1),
        Step::Sessions(360.8, 0),
        inside(361.0, &up(PSH_ACK, 1001, 5001, 10), "drop session_aged_early"),
    ]);
    play_with(1, &plan, &steps);
    plan.timeouts.set(session::TimeoutClass::TcpEstablished, std::time::Duration::from_secs(600));
    let mut steps = connection();
    steps.extend([Step::Sessions(300.1, 1), Step::Sessions(300.8, 0)]);
    play_with(1, &plan, &steps);
}

/// Full timeouts return at 70 %, not before.
#[test]
fn pressure_ends_at_its_low_mark() {
    let mut plan = room_for(100);
    let mut rig = Rig::new(1, &plan.snapshot());
    let degree = |rig: &Rig| rig.cluster.shards()[0].pressure().index();
    let millis = |number| Time::from_millis(u64::from(number));
    for number in 0..71 {
        let source = host(number);
        rig.receive(millis(number), INSIDE, to_web(&source, SYN, 1000, 0).bytes());
        rig.receive(millis(number), OUTSIDE, from_web(&source, SYN_ACK, 5000, 1001).bytes());
        rig.receive(millis(number), INSIDE, to_web(&source, ACK, 1001, 5001).bytes());
    }
    for number in 71..95 {
        rig.receive(millis(number), INSIDE, ask(&host(number)).bytes());
    }
    rig.advance(millis(200));
    assert_eq!(degree(&rig), 13);
    // The queries are gone, one connection more than the low mark is there.
    rig.advance(Time::from_secs(40));
    // Pressure is felt anew at the next step.
    rig.advance(Time::from_secs(40));
    assert_eq!((rig.sessions(), degree(&rig)), (71, 0));
    for number in 71..82 {
        rig.receive(Time::from_secs(41), INSIDE, ask(&host(number)).bytes());
    }
    rig.advance(Time::from_secs(42));
    assert_eq!((rig.sessions(), degree(&rig)), (82, 1));
    rig.check();
}

/// A flood of SYNs turns only over itself, and the same flood does the same again.
#[test]
fn a_flood_harms_no_conversation() {
    let run = || {
        let mut plan = room_for(1000);
        let mut rig = Rig::new(1, &plan.snapshot());
        let mut outcomes = Vec::new();
        let mut give = |rig: &mut Rig, port, frame: &Frame| {
            let now = rig.now() + std::time::Duration::from_micros(50);
            outcomes.extend(rig.receive(now, port, frame.bytes()).iter().map(outcome));
        };
        for number in 0..600 {
            let source = host(number);
            give(&mut rig, INSIDE, &to_web(&source, SYN, 1000, 0));
            give(&mut rig, OUTSIDE, &from_web(&source, SYN_ACK, 5000, 1001));
            give(&mut rig, INSIDE, &to_web(&source, ACK, 1001, 5001));
        }
        for number in 0..3000 {
            let source = format!("10.9.{}.{}:9", number / 200, number % 200 + 1);
            give(&mut rig, INSIDE, &to_web(&source, SYN, 1, 0));
        }
        rig.check();
        assert_eq!(rig.sessions(), 1000);
        assert_eq!(ended(&rig.cluster.counters(), EndReason::Evicted), 2600);
        for number in 0..600 {
            give(&mut rig, INSIDE, &to_web(&host(number), PSH_ACK, 1001, 5001));
        }
        assert!(
            outcomes[4800..].iter().all(|text| text.starts_with("forward original established"))
        );
        (outcomes, rig.cluster.counters())
    };
    assert_eq!(run(), run());
}

/// The fates of all arrivals in a crowded box. No session that was a conversation in both directions when its last
/// packet had been seen is ever evicted.
fn run_crowded(workers: u16, arrivals: &[Arrival]) -> (Vec<String>, Rig) {
    let mut plan = crowded_plan();
    plan.limits = Limits::new(4, 4);
    for rule in &mut plan.policy.rules {
        rule.log = LogWhen::End;
    }
    let mut rig = Rig::new(workers, &plan.snapshot());
    rig.cluster.on_the_wire(false);
    let mut outcomes = Vec::new();
    for Arrival { wait, port, octets } in arrivals {
        let mut known = HashMap::new();
        for (worker, shard) in rig.cluster.shards().iter().enumerate() {
            shard.list(rig.now(), 0, 1024, &SessionFilter::default(), &mut |view| {
                known.insert((worker, view.slot, view.created), (view.state, view.packets));
            });
        }
        // Denser than elsewhere, or the table would seldom be full.
        let now = rig.now() + *wait / 50;
        outcomes.extend(rig.receive(now, *port, octets.clone()).iter().map(outcome));
        rig.check();
        for event in rig.cluster.events() {
            let EventKind::SessionEnd { reason: EndReason::Evicted, created, .. } = event.kind
            else {
                continue;
            };
            let session = (event.worker.index(), event.slot.expect("a session's end"), created);
            let (state, packets) = known[&session];
            let both = packets[0] > 0 && packets[1] > 0;
            let protected = match state {
                "established" | "fin_wait" | "half_closed" => both,
                "stream" => true,
                _ => false,
            };
            assert!(!protected, "evicted in {state} after {packets:?} packets");
        }
    }
    (outcomes, rig)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the crowd does; and all is balanced, ends, and comes out the same again.
    #[test]
    fn conversations_are_never_evicted(deeds in deeds(160)) {
        let arrivals = arrivals(&deeds);
        for workers in [1, 3] {
            let (outcomes, mut rig) = run_crowded(workers, &arrivals);
            let (again, repeated) = run_crowded(workers, &arrivals);
            prop_assert_eq!(outcomes, again);
            prop_assert_eq!(rig.cluster.counters(), repeated.cluster.counters());
            rig.check_all_ends();
        }
    }
}

/// The crowd is one.
#[test]
fn the_crowd_is_worth_its_name() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut sum = Counters::default();
    for _ in 0..60 {
        let deeds = deeds(160).new_tree(&mut runner).unwrap().current();
        sum.add(&run_crowded(1, &arrivals(&deeds)).1.cluster.counters());
    }
    println!(
        "{} evicted, {} aged early",
        ended(&sum, EndReason::Evicted),
        ended(&sum, EndReason::AgedEarly)
    );
    for reason in [EndReason::Evicted, EndReason::AgedEarly] {
        assert!(ended(&sum, reason) > 20, "hardly ever {reason}");
    }
    let refused = engine::DropReason::all().find(|known| known.name() == "table_full").unwrap();
    assert!(sum.get(Counter::Dropped(refused)) > 20, "hardly ever full of conversations");
}
