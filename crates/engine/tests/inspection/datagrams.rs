//! Datagrams in fragments: judged once they are whole, and sent on as they came.

use policy::TcpMode;
use testkit::packet::flags::{ACK, SYN};
use testkit::packet::{Extension, Frame, Ipv4, Ipv6, fragment_v4, fragment_v6};

use crate::harness::{OUTSIDE, Plan, wire};
use crate::transcript::{
    CLIENT, CLIENT6, SERVER, SERVER6, Step, change, inside, outside, play, segment, swapped,
};

const HELD_AS_LAST: &str = "held";

fn identified(frame: Frame, identification: u16) -> Frame {
    frame.map_ipv4(|ip| Ipv4 { identification, ..ip })
}

/// A UDP datagram from the client, over both families, in three fragments.
fn both_families() -> [Vec<Frame>; 2] {
    let payload = vec![b'f'; 2000];
    [
        fragment_v4(&Frame::udp(CLIENT, SERVER, payload.clone()), &[800, 1600]),
        fragment_v6(&Frame::udp(CLIENT6, SERVER6, payload), 9, &[800, 1600]),
    ]
}

#[test]
fn a_datagram_is_one_packet_of_its_session() {
    const ORDERS: [[usize; 3]; 4] = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]];
    for pieces in both_families() {
        for order in ORDERS {
            let piece = |index: usize| &pieces[order[index]];
            let played = play(
                &Plan::new(),
                &[
                    inside(0.0, piece(0), "forward original first s0 new"),
                    Step::Held(0.05, 1),
                    inside(0.1, piece(1), "forward original first s0"),
                    Step::Held(0.15, 2),
                    Step::Sessions(0.15, 0),
                    inside(0.2, piece(2), "forward original first s0"),
                    Step::Held(0.2, 0),
                    Step::Sessions(0.2, 1),
                ],
            );
            for (number, index) in order.into_iter().enumerate() {
                let left = played.left(number);
                assert_eq!(left, (OUTSIDE, &pieces[index].bytes()[..]), "original boundaries");
            }
            assert_eq!(played.plan.rule_hits(&played.rig.cluster, "inside-out"), 1);
        }
    }
}

/// Fragments of one session's datagrams reach it, wherever it lives.
#[test]
fn fragments_join_the_session_of_whole_packets() {
    let whole = Frame::udp(CLIENT, SERVER, "small");
    let answer = swapped(Frame::udp(SERVER, CLIENT, vec![b'a'; 1000]));
    let answers = fragment_v4(&answer, &[504]);
    play(
        &Plan::new(),
        &[
            outside(0.0, &answers[0], "drop no_rule"),
            outside(0.0, &answers[1], "drop no_rule"),
            inside(0.1, &whole, "forward original first s0 new"),
            outside(0.2, &answers[1], "forward reply stream s0"),
            outside(0.3, &answers[0], "forward reply stream s0"),
            inside(0.4, &whole, "forward original stream s0"),
        ],
    );
}

/// Every port number, so that addresses and ports have all pairs of owners.
#[test]
fn owners_of_addresses_and_of_ports_differ() {
    let mut steps = Vec::new();
    for port in 1000..1032_u16 {
        let client = format!("10.0.0.1:{port}");
        let frame = identified(Frame::udp(client.as_str(), SERVER, vec![0; 100]), port);
        let pieces = fragment_v4(&frame, &[48]);
        let expected: [&'static str; 2] = [
            format!("forward original first s{} new", port - 1000).leak(),
            format!("forward original first s{}", port - 1000).leak(),
        ];
        steps.push(inside(f64::from(port) / 1e4, &pieces[0], expected[0]));
        steps.push(inside(f64::from(port) / 1e4, &pieces[1], expected[1]));
    }
    play(&Plan::new(), &steps);
}

#[test]
fn what_is_missing_is_not_waited_for_for_ever() {
    for pieces in both_families() {
        play(
            &Plan::new(),
            &[
                inside(0.0, &pieces[0], "drop fragment_timeout"),
                inside(9.0, &pieces[2], "drop fragment_timeout"),
                Step::Held(9.9, 2),
                Step::Held(10.0, 0),
                // Too late: a datagram of its own, never whole.
                inside(10.5, &pieces[1], HELD_AS_LAST),
                Step::Held(20.0, 1),
            ],
        );
    }
}

#[test]
fn overlap_and_duplicates() {
    let [v4, v6] = both_families();
    let other_v4 = fragment_v4(&Frame::udp(CLIENT, SERVER, vec![b'g'; 2000]), &[792, 1600]);
    let whole = Frame::udp(CLIENT6, SERVER6, vec![b'g'; 2000]);
    let other_v6 = fragment_v6(&whole, 9, &[792, 1600]);
    for (pieces, other) in [(v4, other_v4), (v6, other_v6)] {
        play(
            &Plan::new(),
            &[
                // The second of the other begins eight octets before the first of these ends.
                inside(0.0, &pieces[0], "drop fragment_overlap"),
                inside(0.1, &other[1], "drop fragment_overlap"),
                // What comes later of it is refused too, until the timeout of the first.
                inside(0.2, &pieces[1], "drop fragment_overlap"),
                inside(0.3, &pieces[2], "drop fragment_overlap"),
                inside(10.1, &pieces[0], "forward original first s0 new"),
                inside(10.2, &pieces[0], "drop fragment_duplicate"),
                inside(10.3, &pieces[1], "forward original first s0"),
                inside(10.4, &pieces[2], "forward original first s0"),
            ],
        );
    }
}

/// TCP is judged by the whole segment's header and length.
#[test]
fn tcp_in_fragments() {
    let syn = fragment_v4(&segment(CLIENT, SERVER, SYN, 1000, 0, 500), &[24, 256]);
    let stray = fragment_v4(&identified(segment(CLIENT, SERVER, ACK, 1, 1, 500), 2), &[256]);
    play(
        &Plan::new(),
        &[
            inside(0.0, &stray[0], "drop tcp_not_syn"),
            inside(0.1, &stray[1], "drop tcp_not_syn"),
            inside(0.2, &syn[0], "forward original syn_sent s0 new"),
            inside(0.3, &syn[1], "forward original syn_sent s0"),
            inside(0.4, &syn[2], "forward original syn_sent s0"),
        ],
    );
    let mut loose = Plan::new();
    loose.policy.rules[0].tcp = Some(TcpMode::Loose);
    play(
        &loose,
        &[
            inside(0.0, &stray[1], "forward original established s0 new"),
            inside(0.1, &stray[0], "forward original established s0"),
        ],
    );
}

/// RFC 1858: a first fragment too short for the ports gives nothing away.
#[test]
fn tiny_first_fragments() {
    let pieces = fragment_v4(&segment(CLIENT, SERVER, SYN, 1000, 0, 0), &[8]);
    play(
        &Plan::new(),
        &[
            inside(0.0, &pieces[0], "drop fragment_tiny"),
            // TCP that begins in its ninth octet hides its flags (RFC 3128).
            inside(0.1, &pieces[1], "drop fragment_tiny"),
        ],
    );
}

/// One identification on two VLANs, two families or from two sides is of different datagrams.
#[test]
fn datagrams_do_not_mix() {
    let from_client = fragment_v4(&Frame::udp(CLIENT, SERVER, vec![1; 100]), &[48]);
    let tagged: Vec<_> = from_client.iter().map(|piece| piece.clone().tag(5)).collect();
    play(
        &Plan::new(),
        &[
            inside(0.0, &from_client[0], HELD_AS_LAST),
            inside(0.1, &tagged[1], HELD_AS_LAST),
            outside(0.2, &from_client[1], HELD_AS_LAST),
            Step::Held(0.3, 3),
        ],
    );
}

/// Two wires whose ends are crosswise in order: what comes by one never completes a datagram of the other.
#[test]
fn datagrams_of_two_wires_do_not_mix() {
    let mut plan = Plan::new();
    let more = plan.ports.clone();
    plan.ports.extend(more);
    plan.wires = vec![wire(0, 2, 0), wire(1, 3, 1)];
    plan.policy.rules = vec![policy::Rule::any("all", policy::Action::Allow)];
    let pieces = fragment_v4(&Frame::udp(CLIENT, SERVER, vec![1; 100]), &[48]);
    let by = |time, port, frame: &Frame| {
        Step::Frame(time, engine::PortIndex(port), frame.bytes(), HELD_AS_LAST)
    };
    play(&plan, &[by(0.0, 0, &pieces[0]), by(0.1, 1, &pieces[1]), by(0.2, 2, &pieces[1])]);
}

/// Headers in front of the fragment header, and behind it.
#[test]
fn extension_headers_around_fragments() {
    let hop = Extension::HopByHop(vec![1, 4, 0, 0, 0, 0]);
    let whole = Frame::udp(CLIENT6, SERVER6, vec![3; 200])
        .map_ipv6(|ip| Ipv6 { extensions: vec![hop], ..ip });
    let pieces = fragment_v6(&whole, 77, &[64]);
    play(
        &Plan::new(),
        &[
            inside(0.0, &pieces[1], "forward original first s0 new"),
            inside(0.1, &pieces[0], "forward original first s0"),
        ],
    );
}

/// Fragments that are held do not outlive a change of policy unjudged.
#[test]
fn the_policy_that_counts_is_that_of_the_whole_datagram() {
    let pieces = fragment_v4(&Frame::udp(CLIENT, SERVER, vec![1; 100]), &[48]);
    play(
        &Plan::new(),
        &[
            inside(0.0, &pieces[0], "drop no_rule"),
            change(0.1, |plan| plan.policy.rules.clear()),
            inside(0.2, &pieces[1], "drop no_rule"),
        ],
    );
}

/// One source cannot fill the store: its own oldest go.
#[test]
fn a_source_has_its_share() {
    // A sixteenth of 4096 datagrams.
    let steps: Vec<Step> = (0..258_u16)
        .map(|id| {
            let frame = identified(Frame::udp(CLIENT, SERVER, vec![1; 100]), id);
            let expected = if id < 2 { "drop fragment_source_limit" } else { HELD_AS_LAST };
            inside(0.0, &fragment_v4(&frame, &[48])[0], expected)
        })
        .collect();
    let played = play(&Plan::new(), &steps);
    assert_eq!(played.rig.held(), 256);
}
