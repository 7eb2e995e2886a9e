//! UDP and ping.

use engine::EndReason;
use policy::{ItemTraits, L4PortRange, ServiceItem, ServiceMatch};
use testkit::packet::{Extension, Frame};

use crate::harness::Plan;
use crate::transcript::{
    CLIENT_IP, CLIENT6_IP, SERVER_IP, SERVER6_IP, Step, inside, outside, play, swapped,
};

const ASKER: &str = "10.0.0.1:5353";
const ANSWERER: &str = "192.0.2.53:53";

fn there() -> Frame {
    Frame::udp(ASKER, ANSWERER, "question")
}

fn back() -> Frame {
    swapped(Frame::udp(ANSWERER, ASKER, "answer"))
}

#[test]
fn a_conversation_has_timeouts_by_how_far_it_came() {
    play(
        &Plan::new(),
        &[
            outside(0.0, &back(), "drop no_rule"),
            inside(1.0, &there(), "forward original first s0 new"),
            inside(2.0, &there(), "forward original one_way s0"),
            outside(31.9, &back(), "forward reply stream s0"),
            Step::Sessions(31.9 + 119.9, 1),
            Step::Sessions(31.9 + 120.6, 0),
            outside(160.0, &back(), "drop session_expired"),
            // Who asks again is heard again.
            inside(161.0, &there(), "forward original first s1 new"),
            outside(191.0, &back(), "drop session_expired"),
        ],
    );
}

#[test]
fn a_lookup_is_over_with_its_answer() {
    let mut plan = Plan::new();
    plan.policy.rules[0].services = vec![ServiceItem {
        service: "dns".to_owned(),
        matches: ServiceMatch::Ports {
            protocol: 17,
            destination: L4PortRange::one(53),
            source: L4PortRange::ANY,
        },
        traits: ItemTraits { answered: true, ..ItemTraits::NONE },
    }];
    let played = play(
        &plan,
        &[
            inside(0.0, &there(), "forward original first s0 new"),
            inside(0.1, &there(), "forward original one_way s0"),
            outside(0.2, &back(), "forward reply stream s0"),
            outside(0.3, &back(), "forward reply answered s0"),
            Step::Sessions(5.2, 1),
            Step::Sessions(5.9, 0),
            outside(6.0, &back(), "drop session_expired"),
        ],
    );
    let answered = engine::Counter::Ended(engine::Protocol::Udp, EndReason::Answered);
    assert_eq!(played.rig.cluster.counters().get(answered), 1);
}

#[test]
fn ping_is_a_session_by_its_identifier() {
    let cases = [(CLIENT_IP, SERVER_IP), (CLIENT6_IP, SERVER6_IP)];
    for (here, far) in cases {
        let request = |id, seq| Frame::echo_request(here, far, id, seq);
        let reply = |id, seq| swapped(Frame::echo_reply(far, here, id, seq));
        let intruder = swapped(Frame::echo_request(far, here, 7, 1));
        play(
            &Plan::new(),
            &[
                outside(0.0, &reply(7, 1), "drop icmp_reply_without_query"),
                inside(0.1, &request(7, 1), "forward original query s0 new"),
                outside(0.2, &reply(7, 1), "forward reply answered s0"),
                outside(0.3, &reply(8, 1), "drop icmp_reply_without_query"),
                inside(0.4, &request(8, 1), "forward original query s1 new"),
                outside(0.5, &reply(8, 1), "forward reply answered s1"),
                // Another conversation, whatever its identifier.
                outside(0.6, &intruder, "drop no_rule"),
                inside(1.0, &request(7, 2), "forward original answered s0"),
                inside(1.1, &reply(7, 2), "drop wrong_side reply answered s0"),
                Step::Sessions(11.4, 0),
                outside(12.0, &reply(7, 2), "drop session_expired"),
            ],
        );
    }
}

/// Some systems ping by one identifier only, and two of them may ping each other.
#[test]
fn two_hosts_ping_each_other_by_one_identifier() {
    let mut plan = Plan::new();
    plan.policy.rules = vec![policy::Rule::any("all", policy::Action::Allow)];
    let ask = |from, to| Frame::echo_request(from, to, 1, 1);
    let answer = |from, to| Frame::echo_reply(from, to, 1, 1);
    play(
        &plan,
        &[
            inside(0.0, &ask(CLIENT_IP, SERVER_IP), "forward original query s0 new"),
            outside(0.1, &swapped(ask(SERVER_IP, CLIENT_IP)), "forward original query s1 new"),
            inside(0.2, &answer(CLIENT_IP, SERVER_IP), "forward reply answered s1"),
            outside(0.3, &swapped(answer(SERVER_IP, CLIENT_IP)), "forward reply answered s0"),
        ],
    );
}

/// What is no TCP, UDP, SCTP or ICMP is known by addresses and protocol number.
#[test]
fn other_protocols_are_sessions_by_addresses() {
    use testkit::packet::Transport;
    let esp = |spi: u8| Transport::Raw(50, vec![0, 0, 0, spi, 0, 0, 0, 1, 9, 9, 9, 9]);
    let up = Frame::ip(CLIENT_IP, SERVER_IP, esp(1));
    let down = swapped(Frame::ip(SERVER_IP, CLIENT_IP, esp(2)));
    let stranger = swapped(Frame::ip("192.0.2.99", CLIENT_IP, esp(2)));
    play(
        &Plan::new(),
        &[
            outside(0.0, &down, "drop no_rule"),
            inside(0.1, &up, "forward original one_way s0 new"),
            outside(0.2, &down, "forward reply stream s0"),
            outside(0.3, &stranger, "drop no_rule"),
            Step::Sessions(601.0, 0),
        ],
    );
}

/// GRE, AH and a protocol without a name, over both families: whose header is cut short is refused by its name.
#[test]
fn tunnels_and_strangers_are_sessions_by_addresses() {
    use testkit::packet::Transport;
    let ah = [&[17, 4, 0, 0], &[0, 0, 0, 1, 0, 0, 0, 1][..], &[7; 12]].concat();
    let payload = |protocol: u8| if protocol == 51 { ah.clone() } else { vec![0; 24] };
    for (client, server) in [(CLIENT_IP, SERVER_IP), ("2001:db8:1::1", "2001:db8:2::80")] {
        for (protocol, seconds) in [(47, 600.0), (51, 600.0), (253, 30.0)] {
            let raw = |protocol| Transport::Raw(protocol, payload(protocol));
            let up = Frame::ip(client, server, raw(protocol));
            let down = swapped(Frame::ip(server, client, raw(protocol)));
            play(
                &Plan::new(),
                &[
                    outside(0.0, &down, "drop no_rule"),
                    inside(1.0, &up, "forward original one_way s0 new"),
                    outside(2.0, &down, "forward reply stream s0"),
                    Step::Sessions(2.0 + seconds - 0.1, 1),
                    Step::Sessions(2.0 + seconds + 0.6, 0),
                ],
            );
        }
    }
    let cut = |protocol, octets: &[u8]| {
        Frame::ip(CLIENT_IP, SERVER_IP, Transport::Raw(protocol, octets.to_vec()))
    };
    play(
        &Plan::new(),
        &[
            inside(0.0, &cut(47, &[0; 3]), "drop gre_truncated"),
            inside(0.0, &cut(50, &[0; 7]), "drop esp_truncated"),
            inside(0.0, &cut(51, &[17, 9, 0, 0, 0, 0, 0, 1]), "drop ah_length"),
        ],
    );
}

/// As QUIC sends: for hours, now and then from either side, with less than two minutes of silence.
#[test]
fn a_long_stream_is_not_cut() {
    let mut steps = vec![
        inside(0.0, &there(), "forward original first s0 new"),
        outside(0.1, &back(), "forward reply stream s0"),
    ];
    for round in 1..60_u8 {
        let time = f64::from(round) * 119.0;
        steps.push(match round % 2 {
            0 => inside(time, &there(), "forward original stream s0"),
            _ => outside(time, &back(), "forward reply stream s0"),
        });
    }
    play(&Plan::new(), &steps);
}

#[test]
fn an_association_is_set_up_and_shut_down() {
    use testkit::packet::{Chunk, SCTP, Sctp, chunk_type};
    const CLIENT_TAG: u32 = 0xa;
    const SERVER_TAG: u32 = 0xb;
    let packet = |verification_tag, kind, tag: u32| {
        // Initiate tag, window, streams both ways, first sequence number (RFC 9260 §3.3.2).
        let rest = [0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
        let value = [&tag.to_be_bytes()[..], &rest].concat();
        Sctp { verification_tag, chunks: vec![Chunk { kind, flags: 0, value }], ..SCTP }
    };
    let up = |tag, kind, own| Frame::sctp("10.0.0.1:9", "192.0.2.9:9", packet(tag, kind, own));
    let down =
        |tag, kind, own| swapped(Frame::sctp("192.0.2.9:9", "10.0.0.1:9", packet(tag, kind, own)));
    let played = play(
        &Plan::new(),
        &[
            inside(0.0, &up(SERVER_TAG, chunk_type::DATA, 0), "drop sctp_not_init"),
            inside(0.1, &up(0, chunk_type::INIT, CLIENT_TAG), "forward original init s0 new"),
            outside(
                0.2,
                &down(CLIENT_TAG, chunk_type::INIT_ACK, SERVER_TAG),
                "forward reply init_ack s0",
            ),
            inside(
                0.3,
                &up(SERVER_TAG, chunk_type::COOKIE_ECHO, 0),
                "forward original cookie_echoed s0",
            ),
            outside(
                0.4,
                &down(CLIENT_TAG, chunk_type::COOKIE_ACK, 0),
                "forward reply established s0",
            ),
            outside(0.5, &down(77, chunk_type::ABORT, 0), "drop sctp_tag reply established s0"),
            outside(0.6, &down(CLIENT_TAG, chunk_type::ABORT, 0), "forward reply established s0"),
            Step::Sessions(0.6, 0),
            inside(0.7, &up(SERVER_TAG, chunk_type::DATA, 0), "drop session_closed"),
        ],
    );
    let closed = engine::Counter::Ended(engine::Protocol::Sctp, EndReason::SctpClosed);
    assert_eq!(played.rig.cluster.counters().get(closed), 1);
}

/// Extension headers are walked to the transport; a type 0 routing header is refused (RFC 5095).
#[test]
fn extension_headers() {
    let with = |extensions: Vec<Extension>| {
        Frame::udp("[2001:db8:1::1]:9", "[2001:db8:2::80]:9", "x")
            .map_ipv6(|ip| testkit::packet::Ipv6 { extensions, ..ip })
    };
    let hop = Extension::HopByHop(vec![1, 4, 0, 0, 0, 0]);
    let destination = Extension::Destination(vec![1, 4, 0, 0, 0, 0]);
    let routing = |kind| Extension::Routing(kind, 1, vec![0; 20]);
    let atomic = Extension::Fragment { offset: 0, more: false, identification: 3 };
    play(
        &Plan::new(),
        &[
            inside(0.0, &with(vec![hop.clone(), destination]), "forward original first s0 new"),
            inside(0.1, &with(vec![atomic]), "forward original one_way s0"),
            inside(0.2, &with(vec![routing(0)]), "drop routing_header_0"),
            inside(0.3, &with(vec![hop.clone(), hop]), "drop extension_order"),
        ],
    );
}
