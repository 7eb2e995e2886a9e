//! What explanations say of living sessions, of limits, of the time after a start; and the numbers behind a refusal.

use core::num::NonZeroU32;

use engine::{
    Explanation, PortIndex, Probe, ProbeNumbers, Shard, ShardConfig, Time, flags_from_letters,
};
use session::memory::Heap;
use testkit::packet::flags::{ACK, PSH_ACK, SYN, SYN_ACK};

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::reload::alone;
use crate::transcript::{down, inside, outside, play, up};

/// A segment between client and server, as an operator describes it.
fn probe(in_port: PortIndex, flags: &str, numbers: ProbeNumbers) -> Probe {
    let client = ("10.0.0.1".parse().unwrap(), 40_000);
    let server = ("192.0.2.80".parse().unwrap(), 80);
    let (source, destination) = if in_port == INSIDE { (client, server) } else { (server, client) };
    let flags = flags_from_letters(flags).unwrap();
    let vlans = wire::VlanTags::default();
    Probe { in_port, protocol: 6, source, destination, flags, icmp: None, vlans, numbers }
}

fn said(explanation: &Explanation, step: &str) -> Vec<String> {
    let steps = explanation.steps.iter().filter(|found| found.name == step);
    steps.map(|found| found.detail.clone()).collect()
}

fn verdict(explanation: &Explanation) -> String {
    let reason = explanation.verdict.reason().map_or("", |reason| reason.name());
    format!("{} {reason}", explanation.verdict.name()).trim_end().to_owned()
}

/// What is left out is what the sender would send next; what is given is held against the window.
#[test]
fn a_living_connection_is_explained_by_its_numbers() {
    let played = play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(0.1, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
            inside(0.2, &up(ACK, 1001, 5001, 0), "forward original established s0"),
            inside(0.3, &up(PSH_ACK, 1001, 5001, 100), "forward original established s0"),
        ],
    );
    let shard = &played.rig.cluster.shards()[0];
    let explain =
        |in_port, flags, numbers| shard.explain(played.rig.now(), &probe(in_port, flags, numbers));
    let none = ProbeNumbers::default();
    let next = explain(INSIDE, "A", none);
    assert_eq!(verdict(&next), "forward");
    assert!(said(&next, "window")[0].starts_with("seq 1101 to 1101, ack 5001; "), "{next:?}");
    assert_eq!(verdict(&explain(OUTSIDE, "FA", none)), "forward");
    for (in_port, numbers, reason, fails) in [
        (INSIDE, (Some(900_000), None, 1), "tcp_seq_above_window", "i_seq_upper"),
        (INSIDE, (Some(4_000_000_000), None, 0), "tcp_seq_below_window", "ii_seq_lower"),
        (OUTSIDE, (None, Some(1102), 0), "tcp_ack_above_sent", "iii_ack_upper"),
        (OUTSIDE, (None, Some(4_000_000_000), 0), "tcp_ack_too_old", "iv_ack_lower"),
    ] {
        let (seq, ack, length) = numbers;
        let found = explain(in_port, "A", ProbeNumbers { seq, ack, length });
        assert_eq!(verdict(&found), format!("drop {reason}"), "{found:?}");
        assert!(said(&found, "window")[0].ends_with(&format!("fails {fails}")), "{found:?}");
    }
}

/// A fate bears the numbers of what was refused for them, with any number of workers, and of nothing else.
#[test]
fn a_refused_segment_bears_its_numbers() {
    for workers in [1, 4] {
        let mut rig = Rig::new(workers, &Plan::new().snapshot());
        let mut fate = |port, frame: testkit::packet::Frame| {
            let fates = rig.receive(rig.now(), port, frame.bytes());
            fates[0].numbers.map(|numbers| numbers.to_string())
        };
        assert_eq!(fate(INSIDE, up(SYN, 1000, 0, 0)), None);
        assert_eq!(fate(OUTSIDE, down(SYN_ACK, 5000, 1001, 0)), None);
        assert_eq!(fate(INSIDE, up(ACK, 1001, 5001, 0)), None);
        let far = fate(INSIDE, up(PSH_ACK, 900_000, 5001, 10)).expect("refused for its numbers");
        assert!(far.starts_with("seq 900000 to 900010, ack 5001; sent up to 1001, "), "{far}");
        assert!(far.ends_with("fails i_seq_upper"), "{far}");
        assert_eq!(fate(OUTSIDE, down(SYN, 9, 0, 0)), None, "refused, but not for its numbers");
    }
}

#[test]
fn limits_are_explained() {
    let mut plan = Plan::new();
    plan.policy.rules[0].limits.sessions = NonZeroU32::new(1);
    let mut rig = Rig::new(1, &plan.snapshot());
    let explain = |rig: &Rig| {
        rig.cluster.shards()[0].explain(rig.now(), &probe(INSIDE, "S", ProbeNumbers::default()))
    };
    assert_eq!(verdict(&explain(&rig)), "forward");
    let other = testkit::packet::Frame::udp("10.0.0.9:1", "192.0.2.9:9", "x");
    rig.receive(rig.now(), INSIDE, other.bytes());
    let full = explain(&rig);
    assert_eq!(verdict(&full), "drop rule_session_limit");
    assert_eq!(said(&full, "limits").len(), 1);
    assert_eq!(full.rule.map(|rule| rule.0), Some(0), "the rule's own limit");
}

#[test]
fn the_time_after_a_start_is_explained() {
    let config = ShardConfig { pickup_until: Time::from_secs(60), ..alone() };
    let shard = Shard::<crate::reload::Bare, _>::new(config, Plan::new().snapshot(), &mut Heap);
    let shard = shard.unwrap_or_else(|never| match never {});
    let at = |seconds, flags| {
        shard.explain(Time::from_secs(seconds), &probe(INSIDE, flags, ProbeNumbers::default()))
    };
    let picked_up = at(59, "A");
    assert_eq!(verdict(&picked_up), "forward");
    assert!(said(&picked_up, "state")[1].contains("pickup_after_start"), "{picked_up:?}");
    assert_eq!(verdict(&at(60, "A")), "drop tcp_not_syn");
    assert_eq!(verdict(&at(59, "R")), "drop tcp_rst_without_session");
    assert_eq!(verdict(&at(60, "S")), "forward");
}

/// Of a session that is over it is said why, how long ago, and how long nothing had come; of one that never was, that none
/// is remembered. A packet of either is dropped by another name.
#[test]
fn the_expired_and_the_never_seen_are_told_apart() {
    use crate::transcript::Step;
    let played = play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(0.1, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
            inside(0.2, &up(ACK, 1001, 5001, 0), "forward original established s0"),
            Step::Sessions(3601.0, 0),
            outside(3700.0, &down(ACK, 5001, 1001, 0), "drop session_expired"),
        ],
    );
    let shard = &played.rig.cluster.shards()[0];
    let explain = |probe: &Probe| shard.explain(played.rig.now(), probe);
    let late = explain(&probe(OUTSIDE, "A", ProbeNumbers::default()));
    let words = said(&late, "session").join("");
    assert!(
        words.starts_with("none; one ended ")
            && words.contains(" by timeout, idle for 3600 s then"),
        "{words}"
    );
    let ago: u32 = words["none; one ended ".len()..].split(' ').next().unwrap().parse().unwrap();
    assert!((98..=99).contains(&ago), "{words}");
    assert_eq!(verdict(&late), "drop session_expired");
    // No timer has come to it yet.
    let open = [inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new")];
    let unseen = play(&Plan::new(), &open);
    let later = unseen.rig.now() + std::time::Duration::from_secs(11);
    let asked = probe(OUTSIDE, "A", ProbeNumbers::default());
    let stale = unseen.rig.cluster.shards()[0].explain(later, &asked);
    assert_eq!(said(&stale, "session"), ["one is there, but its timeout is over"]);
    assert_eq!(verdict(&stale), "drop session_expired");
    let stranger = Probe {
        source: ("10.0.0.2".parse().unwrap(), 40_000),
        ..probe(INSIDE, "A", ProbeNumbers::default())
    };
    let never = explain(&stranger);
    assert_eq!(said(&never, "session"), ["none, and none is remembered"]);
    assert_eq!(verdict(&never), "drop tcp_not_syn");
}

/// What is announced is explained by who announced it and the rule that it comes under; nothing is used up by asking.
#[test]
fn an_announced_connection_is_explained_by_its_parent() {
    let played = play(
        &crate::gateways::plan(),
        &[inside(0.25, &crate::gateways::request(), "forward original first s0 new")],
    );
    let shard = &played.rig.cluster.shards()[0];
    let now = played.rig.now();
    let comes = |source: &str, port| Probe {
        in_port: OUTSIDE,
        protocol: 17,
        source: (source.parse().unwrap(), 3000),
        destination: ("10.0.0.1".parse().unwrap(), port),
        flags: flags_from_letters("").unwrap(),
        icmp: None,
        vlans: wire::VlanTags::default(),
        numbers: ProbeNumbers::default(),
    };
    for _ in 0..2 {
        let expected = shard.explain(now, &comes("192.0.2.69", 5001));
        assert_eq!(verdict(&expected), "forward");
        assert_eq!(
            said(&expected, "expectation"),
            [
                "announced to the gateway tftp by session 0-0-250: it comes under that one's rule, inside-out"
            ]
        );
        assert_eq!(expected.rule.map(|rule| rule.0), Some(0));
    }
    let late = now + core::time::Duration::from_secs(30);
    let inside_out = Probe { in_port: INSIDE, ..comes("192.0.2.69", 5001) };
    let others = [
        ("another port", now, comes("192.0.2.69", 5002)),
        ("another host", now, comes("192.0.2.70", 5001)),
        ("too late", late, comes("192.0.2.69", 5001)),
    ];
    for (what, at, probe) in others {
        let explanation = shard.explain(at, &probe);
        assert_eq!(verdict(&explanation), "drop no_rule", "{what}");
        assert_eq!(said(&explanation, "expectation"), [""; 0], "{what}");
    }
    // From inside, in the server's name, it comes by the rule and not by what was announced.
    assert_eq!(said(&shard.explain(now, &inside_out), "expectation"), [""; 0]);
}
