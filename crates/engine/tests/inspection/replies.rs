//! What the box says to the sender of what a rule rejects.

use engine::PortIndex;
use policy::{Action, LogWhen, Rule};
use testkit::packet::flags::{ACK, RST_ACK, SYN};
use testkit::packet::seen::{Above, Seen};
use testkit::packet::{Frame, fragment_v4, fragment_v6, internet_checksum};

use crate::harness::{INSIDE, OUTSIDE, Plan};
use crate::transcript::{
    CLIENT, CLIENT6, Played, SERVER, SERVER6, Step, inside, outside, play, segment, swapped,
};

fn rejecting() -> Plan {
    let mut plan = Plan::new();
    plan.policy.rules = vec![Rule { log: LogWhen::Start, ..Rule::any("no", Action::Reject) }];
    plan
}

/// The only frame that was made: the port it left by, its octets, what is in it.
fn made(played: &Played) -> (PortIndex, Vec<u8>, Seen) {
    let [fate] = &played.made[..] else { panic!("one frame made: {:?}", played.made) };
    let seen = Seen::parse(&fate.octets).expect("well formed");
    (fate.out.expect("sent"), fate.octets.clone(), seen)
}

#[test]
fn a_syn_is_answered_by_a_reset() {
    for (client, server) in [(CLIENT, SERVER), (CLIENT6, SERVER6)] {
        let syn = segment(client, server, SYN, 1000, 0, 3).tag(7).tag(8);
        let played = play(&rejecting(), &[inside(0.0, &syn, "reject rule_reject")]);
        assert_eq!(played.rule(0), "no");
        let (out, octets, seen) = made(&played);
        assert_eq!(out, INSIDE, "out of the port by which the SYN came");
        assert_eq!(octets[..6], syn.source);
        assert_eq!(octets[6..12], syn.destination);
        assert_eq!(seen.vids, [7, 8]);
        let (from, to): (std::net::SocketAddr, std::net::SocketAddr) =
            (server.parse().unwrap(), client.parse().unwrap());
        assert_eq!((seen.source, seen.source_port), (from.ip(), from.port()));
        assert_eq!((seen.destination, seen.destination_port), (to.ip(), to.port()));
        let expected = Above::Tcp { sequence: 0, acknowledgement: 1004, flags: RST_ACK, window: 0 };
        assert_eq!(seen.above, expected, "SYN and three octets are acknowledged");
    }
}

#[test]
fn udp_is_answered_by_prohibited() {
    let query = Frame::udp(CLIENT, SERVER, "question").tag(9);
    let played = play(&rejecting(), &[outside(0.0, &query, "reject rule_reject")]);
    let (out, octets, seen) = made(&played);
    assert_eq!((out, &seen.vids[..]), (OUTSIDE, &[9][..]));
    assert_eq!(seen.above, Above::Icmp { kind: 3, code: 13, rest: [0; 4] });
    assert_eq!(internet_checksum(&[&octets[18..38]]), 0, "IPv4 header");
    let quoted = seen.quoted().expect("a quoted datagram");
    assert_eq!(
        (quoted.source, quoted.source_port),
        (CLIENT.parse::<std::net::SocketAddr>().unwrap().ip(), 40_000)
    );
    assert_eq!(quoted.payload, b"question");

    let query = Frame::udp(CLIENT6, SERVER6, vec![1; 1400]);
    let played = play(&rejecting(), &[inside(0.0, &query, "reject rule_reject")]);
    let (out, octets, seen) = made(&played);
    assert_eq!(out, INSIDE);
    assert_eq!(seen.above, Above::Icmp { kind: 1, code: 1, rest: [0; 4] });
    assert!(octets.len() <= 14 + 1280, "RFC 4443 §2.4 (c)");
}

#[test]
fn who_gets_no_answer() {
    let mut plan = rejecting();
    plan.policy.rules[0].tcp = Some(policy::TcpMode::Loose);
    let broadcast = Frame::udp("10.0.0.1:9", "255.255.255.255:9", "x");
    let group = Frame::udp("10.0.0.1:9", "224.0.0.5:9", "x");
    let group_mac = Frame::udp(CLIENT, SERVER, "x").macs([2, 0, 0, 0, 0, 1], [0xff; 6]);
    let played = play(
        &plan,
        &[
            inside(0.0, &broadcast, "reject rule_reject"),
            inside(0.0, &group, "reject rule_reject"),
            inside(0.0, &group_mac, "reject rule_reject"),
            inside(
                0.0,
                &segment(CLIENT, SERVER, testkit::packet::flags::RST, 1, 0, 0),
                "drop tcp_rst_without_session",
            ),
            // No SYN, no session, no answer: the policy is not asked.
            outside(0.0, &swapped(segment(SERVER, CLIENT, ACK, 1, 1, 0)), "drop tcp_not_syn"),
        ],
    );
    assert!(played.made.is_empty(), "{:?}", played.made);
}

/// All fragments of a rejected datagram are rejected, and answered once, by the first.
#[test]
fn a_datagram_in_fragments_is_answered_once() {
    let v4 = fragment_v4(&Frame::udp(CLIENT, SERVER, vec![1; 3000]), &[1480, 2960]);
    let v6 = fragment_v6(&Frame::udp(CLIENT6, SERVER6, vec![1; 3000]), 5, &[1400, 2800]);
    for pieces in [v4, v6] {
        let steps: Vec<Step> =
            [2, 0, 1].map(|index: usize| inside(0.0, &pieces[index], "reject rule_reject")).into();
        let played = play(&rejecting(), &steps);
        let (out, _, seen) = made(&played);
        assert_eq!(out, INSIDE);
        assert!(matches!(seen.above, Above::Icmp { .. }), "{seen:?}");
    }
}

/// Nobody can make the box flood a third party.
#[test]
fn answers_are_limited_in_rate() {
    let steps: Vec<Step> = (1..=1500_u16)
        .map(|port| {
            let source = format!("10.0.0.1:{port}");
            inside(0.0, &segment(&source, SERVER, SYN, 1, 0, 0), "reject rule_reject")
        })
        .collect();
    let played = crate::transcript::play_with(1, &rejecting(), &steps);
    assert_eq!(played.made.len(), 1000);
    assert_eq!(played.events.len(), 1500, "every denial is logged");
}
