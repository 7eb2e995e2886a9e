//! A new policy meets living sessions.

use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use engine::{
    Burst, DropReason, EndReason, Event, EventKind, Frame, Handover, Judgement, Outbox, PortIndex,
    ReceiveFlags, Shard, ShardConfig, Time, Verdict, WorkerId,
};
use policy::{Action, LogWhen, Rule, TimeoutOverrides};
use session::TimeoutClass;
use session::memory::Heap;
use testkit::packet::Frame as Packet;
use testkit::packet::flags::{ACK, PSH_ACK, SYN, SYN_ACK};

use crate::harness::{INSIDE, OUTSIDE, Plan};
use crate::transcript::{CLIENT, SERVER, Step, change, down, inside, outside, play, up};

fn handshake() -> Vec<Step> {
    vec![
        inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
        outside(0.1, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
        inside(0.2, &up(ACK, 1001, 5001, 0), "forward original established s0"),
    ]
}

/// Without a packet the sweep finds what is not allowed any more.
#[test]
fn the_sweep_ends_what_is_not_allowed_any_more() {
    let mut plan = Plan::new();
    plan.policy.rules[0].log = LogWhen::End;
    let mut steps = handshake();
    steps.extend([
        change(1.0, |plan| plan.policy.rules.clear()),
        Step::Sessions(1.0, 0),
        inside(1.1, &up(PSH_ACK, 1001, 5001, 1), "drop policy_changed"),
        outside(1.2, &down(PSH_ACK, 5001, 1001, 1), "drop policy_changed"),
        inside(1.3, &up(SYN, 1, 0, 0), "drop no_rule"),
    ]);
    let played = play(&plan, &steps);
    let [Event { kind: EventKind::SessionEnd { reason, .. }, .. }] = played.events[..] else {
        panic!("one end: {:?}", played.events);
    };
    assert_eq!(reason, EndReason::PolicyChanged);
}

#[test]
fn what_another_rule_allows_is_that_rules_from_then_on() {
    let mut steps = handshake();
    steps.extend([
        change(1.0, |plan| {
            let first = Rule::any("newer", Action::Allow);
            plan.policy.rules.insert(0, first);
        }),
        outside(1.1, &down(PSH_ACK, 5001, 1001, 1), "forward reply established s0"),
        change(2.0, |plan| {
            plan.policy.rules.remove(0);
        }),
        outside(2.1, &down(PSH_ACK, 5002, 1001, 1), "forward reply established s0"),
    ]);
    let played = play(&Plan::new(), &steps);
    assert_eq!(
        (played.rule(2), played.rule(3), played.rule(4)),
        ("inside-out", "newer", "inside-out")
    );
    assert_eq!(played.plan.rule_hits(&played.rig.cluster, "inside-out"), 1, "hits survive");
    assert_eq!(played.plan.rule_hits(&played.rig.cluster, "newer"), 0, "and are of first packets");
}

#[test]
fn a_rejecting_rule_ends_sessions_too() {
    let mut steps = handshake();
    steps.extend([
        change(1.0, |plan| plan.policy.rules[0].action = Action::Reject),
        Step::Sessions(1.0, 0),
        inside(1.1, &up(PSH_ACK, 1001, 5001, 1), "drop policy_changed"),
        inside(1.2, &up(SYN, 1, 0, 0), "reject rule_reject"),
    ]);
    play(&Plan::new(), &steps);
}

/// A shorter timeout holds for living sessions at once; a rule's own is stronger than the general one.
#[test]
fn timeouts_of_the_new_policy_hold() {
    let query = Packet::udp(CLIENT, SERVER, "x");
    play(
        &Plan::new(),
        &[
            inside(0.0, &query, "forward original first s0 new"),
            change(1.0, |plan| plan.timeouts.set(TimeoutClass::UdpFirst, Duration::from_secs(5))),
            Step::Sessions(4.9, 1),
            Step::Sessions(5.6, 0),
            inside(6.0, &query, "forward original first s1 new"),
            change(7.0, |plan| {
                let longer = (TimeoutClass::UdpFirst.index(), Duration::from_secs(300));
                plan.policy.rules[0].timeouts = TimeoutOverrides::new([longer]);
            }),
            Step::Sessions(305.9, 1),
            Step::Sessions(306.6, 0),
        ],
    );
}

/// A frame of a test that drives a shard by itself.
#[derive(Debug)]
pub(crate) struct Bare(pub(crate) PortIndex, pub(crate) Vec<u8>);

impl AsRef<[u8]> for Bare {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Frame for Bare {
    fn port(&self) -> PortIndex {
        self.0
    }

    fn receive_flags(&self) -> ReceiveFlags {
        ReceiveFlags::default()
    }
}

/// A shard that is the only worker's.
pub(crate) fn alone() -> ShardConfig {
    ShardConfig {
        worker: WorkerId(0),
        workers: 1,
        share: 1,
        seed: 1,
        own_macs: Vec::new(),
        fragments: session::fragment::Limits::default(),
        tombstones: 16,
        expectations: Arc::new(engine::Expectations::new(1, 64, 1)),
        pickup_until: Time::ZERO,
    }
}

/// What a shard decided.
#[derive(Default)]
pub(crate) struct Tray(pub(crate) Vec<Verdict>);

impl Outbox<Bare> for Tray {
    fn transmit(&mut self, _: PortIndex, _: Bare, judgement: &Judgement) {
        self.0.push(judgement.verdict);
    }

    fn transmit_made(&mut self, _: PortIndex, _: Bare) {}

    fn hand_over(&mut self, to: WorkerId, tag: Handover, _: Bare) {
        panic!("one worker hands nothing over: {to:?} {tag:?}");
    }

    fn discard(&mut self, _: Bare, judgement: &Judgement) {
        self.0.push(judgement.verdict);
    }

    fn make(&mut self, _: &[u8]) -> Option<Bare> {
        None
    }

    fn event(&mut self, _: &Event) {}
}

/// Before any sweep, the next packet of a session meets the new policy, in whichever direction it goes; and a
/// source of frames that is empty costs an answer and nothing else.
#[test]
fn the_next_packet_is_judged_by_the_new_policy() {
    let mut plan = Plan::new();
    let config = ShardConfig { own_macs: vec![Some([2, 0, 0, 0, 0, 0x77])], ..alone() };
    let Ok(mut shard) = Shard::new(config, plan.snapshot(), &mut Heap);
    let mut tray = Tray::default();
    let mut give = |shard: &mut Shard<Bare, Heap>, frames: &[(PortIndex, Packet)]| {
        let mut burst: Burst<Bare> = frames
            .iter()
            .map(|(port, frame)| Bare(*port, frame.bytes()))
            .collect::<ArrayVec<_, 32>>();
        shard.process(Time::from_secs(1), &mut burst, &mut tray);
        assert!(burst.is_empty());
        std::mem::take(&mut tray.0)
    };
    let open = [
        (INSIDE, up(SYN, 1000, 0, 0)),
        (OUTSIDE, down(SYN_ACK, 5000, 1001, 0)),
        (INSIDE, up(ACK, 1001, 5001, 0)),
        (INSIDE, Packet::udp(CLIENT, SERVER, "x")),
        (INSIDE, Packet::udp(CLIENT, SERVER, "x")),
    ];
    assert_eq!(give(&mut shard, &open), [Verdict::Forward; 5], "one burst, in order");
    // The host's own frame, heard on a device whose kernel interface stays.
    let own = Packet::udp(CLIENT, SERVER, "x").macs([2, 0, 0, 0, 0, 0x77], [2, 0, 0, 0, 0, 2]);
    let drop = |name: &str| {
        let known = DropReason::all().find(|reason| reason.name() == name);
        Verdict::Drop(known.expect("a reason"))
    };
    let heard = [(INSIDE, own.clone()), (OUTSIDE, own)];
    assert_eq!(give(&mut shard, &heard), [drop("own_mac"), drop("wrong_side")]);

    plan.policy.rules[0].action = Action::Reject;
    shard.install(plan.snapshot());
    let late = [
        (OUTSIDE, down(PSH_ACK, 5001, 1001, 1)),
        (INSIDE, Packet::udp(CLIENT, SERVER, "x")),
        (INSIDE, up(SYN, 9000, 0, 0)),
    ];
    let rejected = Verdict::Reject(DropReason::all().find(|r| r.name() == "rule_reject").unwrap());
    let verdicts = give(&mut shard, &late);
    assert_eq!(verdicts, [drop("policy_changed"), drop("policy_changed"), rejected]);
    assert_eq!(shard.session_count(), 0);
    assert_eq!(shard.counters().get(engine::Counter::Made), 0, "there was no frame to be had");
}
