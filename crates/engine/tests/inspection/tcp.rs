//! TCP conversations through the whole path.

use engine::{Direction, EndReason, EventKind};
use policy::{Action, LogWhen, Rule, TcpMode, ZoneSet};
use testkit::packet::flags::{ACK, FIN_ACK, PSH_ACK, RST, SYN, SYN_ACK};

use crate::harness::Plan;
use crate::transcript::{
    CLIENT, CLIENT6, SERVER, SERVER6, Step, down, inside, outside, play, segment, swapped, up,
};

/// The handshake of session `s0` from time 0 on.
fn handshake() -> Vec<Step> {
    vec![
        inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
        outside(0.1, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
        inside(0.2, &up(ACK, 1001, 5001, 0), "forward original established s0"),
    ]
}

/// Data both ways and both FINs, after the handshake.
fn exchange_and_close() -> Vec<Step> {
    let mut steps = handshake();
    steps.extend([
        inside(0.3, &up(PSH_ACK, 1001, 5001, 100), "forward original established s0"),
        outside(0.4, &down(PSH_ACK, 5001, 1101, 1000), "forward reply established s0"),
        inside(0.5, &up(ACK, 1101, 6001, 0), "forward original established s0"),
        inside(0.6, &up(FIN_ACK, 1101, 6001, 0), "forward original fin_wait s0"),
        outside(0.7, &down(ACK, 6001, 1102, 0), "forward reply half_closed s0"),
        outside(0.8, &down(PSH_ACK, 6001, 1102, 10), "forward reply half_closed s0"),
        inside(0.9, &up(ACK, 1102, 6011, 0), "forward original half_closed s0"),
        outside(1.0, &down(FIN_ACK, 6011, 1102, 0), "forward reply last_ack s0"),
        inside(1.1, &up(ACK, 1102, 6012, 0), "forward original time_wait s0"),
    ]);
    steps
}

#[test]
fn a_connection_lives_and_ends() {
    let mut plan = Plan::new();
    plan.policy.rules[0].log = LogWhen::Both;
    let mut steps = exchange_and_close();
    steps.extend([
        // A last FIN again is answered in TIME_WAIT, which lasts 15 s from the last segment.
        outside(2.0, &down(FIN_ACK, 6011, 1102, 0), "forward reply time_wait s0"),
        Step::Sessions(16.9, 1),
        Step::Sessions(17.6, 0),
        inside(18.0, &up(ACK, 1102, 6012, 0), "drop session_closed"),
        outside(18.0, &down(ACK, 6012, 1102, 0), "drop session_closed"),
    ]);
    let played = play(&plan, &steps);
    let kinds: Vec<_> = played.events.iter().map(|event| event.kind).collect();
    let [EventKind::SessionStart, EventKind::SessionEnd { reason, packets, bytes, .. }] = kinds[..]
    else {
        panic!("one start, one end: {kinds:?}");
    };
    assert_eq!((reason, packets), (EndReason::TcpFin, [7, 6]));
    // Headers of 40 octets a segment, and the data.
    assert_eq!(bytes, [7 * 40 + 100, 6 * 40 + 1010]);
    assert_eq!(played.plan.rule_hits(&played.rig.cluster, "inside-out"), 1);
}

#[test]
fn a_connection_over_ipv6() {
    let up6 = |flags, seq, ack, data| segment(CLIENT6, SERVER6, flags, seq, ack, data);
    let down6 = |flags, seq, ack, data| swapped(segment(SERVER6, CLIENT6, flags, seq, ack, data));
    play(
        &Plan::new(),
        &[
            inside(0.0, &up6(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(0.1, &down6(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
            inside(0.2, &up6(ACK, 1001, 5001, 0), "forward original established s0"),
            outside(0.3, &down6(PSH_ACK, 5001, 1001, 500), "forward reply established s0"),
            inside(0.4, &up6(RST, 1001, 0, 0), "forward original closed s0"),
        ],
    );
}

/// The classic: from a well-known source port, as if it were an answer.
#[test]
fn forged_answers_get_nowhere() {
    let forged = |flags| swapped(segment("198.51.100.66:80", CLIENT, flags, 1, 1, 0));
    play(
        &Plan::new(),
        &[
            outside(0.0, &forged(SYN_ACK), "drop tcp_syn_ack_unexpected"),
            outside(0.1, &forged(ACK), "drop tcp_not_syn"),
            outside(0.2, &forged(PSH_ACK), "drop tcp_not_syn"),
            outside(0.3, &forged(FIN_ACK), "drop tcp_not_syn"),
            outside(0.4, &forged(RST), "drop tcp_rst_without_session"),
            outside(0.5, &forged(SYN), "drop no_rule"),
            outside(0.6, &forged(0), "drop tcp_flags_none"),
            outside(0.7, &forged(0x29), "drop tcp_flags_fin_without_ack"),
            inside(0.8, &up(ACK, 1, 1, 0), "drop tcp_not_syn"),
            Step::Sessions(1.0, 0),
        ],
    );
}

#[test]
fn nothing_outside_the_window_passes() {
    let mut steps = handshake();
    steps.extend([
        outside(
            1.0,
            &down(PSH_ACK, 500_000, 1001, 10),
            "drop tcp_seq_above_window reply established s0",
        ),
        outside(
            1.1,
            &down(PSH_ACK, 5001, 900_000, 10),
            "drop tcp_ack_above_sent reply established s0",
        ),
        outside(1.2, &down(RST, 3_000_000_000, 0, 0), "drop tcp_rst_invalid reply established s0"),
        outside(1.3, &down(SYN, 7000, 0, 0), "drop tcp_syn_from_responder reply established s0"),
        outside(1.4, &down(PSH_ACK, 5001, 1001, 10), "forward reply established s0"),
    ]);
    play(&Plan::new(), &steps);
}

#[test]
fn each_state_has_its_timeout() {
    // An answer before SYN_SENT's 10 s are over, and none after.
    play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(9.9, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
        ],
    );
    play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            // Expired, whether or not a timer came to it.
            outside(10.0, &down(SYN_ACK, 5000, 1001, 0), "drop session_expired"),
        ],
    );
    let mut steps = handshake();
    steps.extend([
        inside(3599.0, &up(PSH_ACK, 1001, 5001, 1), "forward original established s0"),
        Step::Sessions(3599.0 + 3599.0, 1),
        outside(7199.1, &down(ACK, 5001, 1002, 0), "drop session_expired"),
        inside(7199.2, &up(PSH_ACK, 1002, 5001, 1), "drop session_expired"),
        // The host tries anew.
        inside(7200.0, &up(SYN, 90_000, 0, 0), "forward original syn_sent s1 new"),
    ]);
    play(&Plan::new(), &steps);
}

#[test]
fn a_tuple_is_used_again_after_time_wait_and_after_a_reset() {
    let mut steps = exchange_and_close();
    steps.extend([
        inside(2.0, &up(SYN, 70_000, 0, 0), "forward original syn_sent s1 new"),
        outside(2.1, &down(SYN_ACK, 9000, 70_001, 0), "forward reply syn_received s1"),
        inside(2.2, &up(ACK, 70_001, 9001, 0), "forward original established s1"),
        inside(2.3, &up(RST, 70_001, 0, 0), "forward original closed s1"),
        inside(2.4, &up(SYN, 90_000, 0, 0), "forward original syn_sent s2 new"),
        Step::Sessions(2.5, 1),
    ]);
    let played = play(&Plan::new(), &steps);
    assert_eq!(played.plan.rule_hits(&played.rig.cluster, "inside-out"), 3);
    let ended = |reason| engine::Counter::Ended(engine::Protocol::Tcp, reason);
    assert_eq!(played.rig.cluster.counters().get(ended(EndReason::Reopened)), 2);
}

/// The responder of an old connection opens a new one: that is a new session in its own direction, and the
/// policy decides on it.
#[test]
fn reopening_from_the_other_side_asks_the_policy() {
    let mut steps = exchange_and_close();
    steps.push(outside(2.0, &down(SYN, 70_000, 0, 0), "drop no_rule"));
    steps.push(inside(2.1, &up(ACK, 1102, 6012, 0), "forward original time_wait s0"));
    play(&Plan::new(), &steps);

    let mut plan = Plan::new();
    plan.policy.rules.push(Rule::any("all", Action::Allow));
    let mut steps = exchange_and_close();
    steps.push(outside(2.0, &down(SYN, 70_000, 0, 0), "forward original syn_sent s1 new"));
    let played = play(&plan, &steps);
    let last = played.fates.last().and_then(Option::as_ref).expect("decided");
    assert_eq!(last.judgement.direction, Some(Direction::Original));
    assert_eq!(played.plan.rule_name(last), "all");
}

#[test]
fn half_of_an_asymmetric_path_is_not_enough() {
    play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            inside(0.1, &up(ACK, 1001, 5001, 0), "drop tcp_syn_ack_missing original syn_sent s0"),
            inside(
                0.2,
                &up(PSH_ACK, 1001, 5001, 9),
                "drop tcp_syn_ack_missing original syn_sent s0",
            ),
            outside(
                0.3,
                &down(PSH_ACK, 5001, 1001, 9),
                "drop tcp_before_syn_ack reply syn_sent s0",
            ),
        ],
    );
}

#[test]
fn loose_picks_up_what_the_rule_allows() {
    let mut plan = Plan::new();
    plan.policy.rules[0].tcp = Some(TcpMode::Loose);
    let steps = [
        outside(0.0, &down(PSH_ACK, 5001, 1001, 9), "drop tcp_not_syn"),
        inside(0.1, &up(PSH_ACK, 1001, 5001, 9), "forward original established s0 new"),
        outside(0.2, &down(PSH_ACK, 5001, 1010, 9), "forward reply established s0"),
        inside(0.3, &segment("10.0.0.2:1", SERVER, RST, 1, 0, 0), "drop tcp_rst_without_session"),
    ];
    play(&plan, &steps);
    // The zone pair's word counts where the rule has none, and a rule's own is stronger.
    let mut pair = Plan::new();
    let (from, to) = (engine::ZoneId(0), engine::ZoneId(1));
    pair.policy.zone_pairs.push(policy::ZonePair { from, to, tcp: TcpMode::Loose });
    play(&pair, &steps);
    pair.policy.rules[0].tcp = Some(TcpMode::Strict);
    play(&pair, &[inside(0.1, &up(PSH_ACK, 1001, 5001, 9), "drop tcp_not_syn")]);
    // A loose rule that refuses lets nothing in.
    let refusing =
        Rule { tcp: Some(TcpMode::Loose), from: ZoneSet::Any, ..Rule::any("no", Action::Drop) };
    pair.policy.rules = vec![refusing];
    play(&pair, &[inside(0.1, &up(PSH_ACK, 1001, 5001, 9), "drop tcp_not_syn")]);
}

/// Server and client are one machine's two addresses at most; a packet to itself is an attack.
#[test]
fn land() {
    let land = segment(SERVER, SERVER, SYN, 1, 0, 0);
    play(&Plan::new(), &[inside(0.0, &land, "drop land"), outside(0.1, &land, "drop land")]);
}
