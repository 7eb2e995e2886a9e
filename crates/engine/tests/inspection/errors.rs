//! ICMP errors: they belong to the packet that they quote.

use std::time::Duration;

use engine::{EndReason, EventKind};
use session::TimeoutClass;
use testkit::packet::flags::{ACK, PSH_ACK, SYN, SYN_ACK};
use testkit::packet::{Frame, ICMP, Icmp, IcmpError, Transport, fragment_v4};

use crate::harness::Plan;
use crate::transcript::{
    CLIENT, CLIENT_IP, CLIENT6, SERVER, SERVER_IP, SERVER6, Step, change, down, inside, outside,
    play, segment, swapped, up,
};

const ROUTER: &str = "198.51.100.1";

fn error(kind: IcmpError, quoted: &Frame) -> Frame {
    Frame::icmp_error(ROUTER, kind, quoted, 8)
}

#[test]
fn an_error_about_a_living_udp_session_passes() {
    for (client, server, router) in
        [(CLIENT, SERVER, ROUTER), (CLIENT6, SERVER6, "2001:db8:ffff::1")]
    {
        let query = Frame::udp(client, server, "question");
        let answer = swapped(Frame::udp(server, client, "answer"));
        let from_router = |kind, quoted| Frame::icmp_error(router, kind, quoted, 8);
        play(
            &Plan::new(),
            &[
                outside(
                    0.0,
                    &from_router(IcmpError::PortUnreachable, &query),
                    "drop icmp_error_unrelated",
                ),
                inside(0.1, &query, "forward original first s0 new"),
                outside(
                    0.2,
                    &from_router(IcmpError::PortUnreachable, &query),
                    "forward reply first s0",
                ),
                outside(
                    0.3,
                    &from_router(IcmpError::TimeExceeded, &query),
                    "forward reply first s0",
                ),
                outside(
                    0.4,
                    &from_router(IcmpError::TooBig(1280), &query),
                    "forward reply first s0",
                ),
                outside(
                    0.5,
                    &from_router(IcmpError::ParameterProblem(6), &query),
                    "forward reply first s0",
                ),
                outside(0.6, &answer, "forward reply stream s0"),
                // The client's complaint about the answer.
                inside(
                    0.7,
                    &from_router(IcmpError::PortUnreachable, &answer),
                    "forward original stream s0",
                ),
                // Errors come against the direction of what they quote, by the side that it went to.
                outside(
                    0.8,
                    &from_router(IcmpError::PortUnreachable, &answer),
                    "drop wrong_side original stream s0",
                ),
                inside(
                    0.9,
                    &from_router(IcmpError::PortUnreachable, &query),
                    "drop wrong_side reply stream s0",
                ),
                // Errors keep nothing alive.
                outside(
                    120.5,
                    &from_router(IcmpError::PortUnreachable, &query),
                    "forward reply stream s0",
                ),
                outside(
                    120.6,
                    &from_router(IcmpError::PortUnreachable, &query),
                    "drop icmp_error_unrelated",
                ),
            ],
        );
    }
}

/// Where the configuration says so, a conversation one side of which cannot be had ends sooner, unless that side is heard
/// again. Errors of routers on the way, and of size, say nothing of the kind.
#[test]
fn an_unreachable_side_shortens_a_udp_session() {
    let mut plan = Plan::new();
    plan.policy.rules[0].log = policy::LogWhen::End;
    plan.timeouts.set(TimeoutClass::UdpUnreachable, Duration::from_secs(3));
    let (query, answer) =
        (Frame::udp(CLIENT, SERVER, "question"), swapped(Frame::udp(SERVER, CLIENT, "answer")));
    let unreachable = error(IcmpError::PortUnreachable, &query);
    let played = play(
        &plan,
        &[
            inside(0.0, &query, "forward original first s0 new"),
            outside(0.1, &error(IcmpError::TimeExceeded, &query), "forward reply first s0"),
            outside(0.1, &error(IcmpError::TooBig(1300), &query), "forward reply first s0"),
            Step::Sessions(10.0, 1),
            inside(20.0, &query, "forward original one_way s0"),
            outside(20.1, &unreachable, "forward reply one_way s0"),
            Step::Sessions(22.9, 1),
            // The initiator's own packets prove nothing.
            inside(22.9, &query, "forward original one_way s0"),
            Step::Sessions(25.8, 1),
            outside(25.8, &answer, "forward reply stream s0"),
            Step::Sessions(100.0, 1),
            inside(100.0, &query, "forward original stream s0"),
            // The client's port is closed.
            inside(
                100.1,
                &error(IcmpError::PortUnreachable, &answer),
                "forward original stream s0",
            ),
            outside(102.0, &answer, "forward reply stream s0"),
            outside(105.1, &answer, "drop session_expired"),
            Step::Sessions(105.4, 0),
        ],
    );
    let ends: Vec<_> = played.events.iter().map(|event| event.kind).collect();
    assert!(
        matches!(ends[..], [EventKind::SessionEnd { reason: EndReason::Unreachable, .. }]),
        "{ends:?}"
    );
    // By default it changes nothing.
    play(
        &Plan::new(),
        &[
            inside(0.0, &query, "forward original first s0 new"),
            outside(0.1, &unreachable, "forward reply first s0"),
            Step::Sessions(29.9, 1),
        ],
    );
}

#[test]
fn an_error_goes_to_who_sent_the_packet() {
    let query = Frame::udp(CLIENT, SERVER, "question");
    let misled = error(IcmpError::PortUnreachable, &query)
        .map_ipv4(|ip| testkit::packet::Ipv4 { destination: "10.0.0.99".parse().unwrap(), ..ip });
    play(
        &Plan::new(),
        &[
            inside(0.0, &query, "forward original first s0 new"),
            outside(0.1, &misled, "drop icmp_error_address"),
        ],
    );
}

#[test]
fn an_error_about_tcp_quotes_what_is_in_flight() {
    let data = up(PSH_ACK, 1001, 5001, 500);
    let stray = up(PSH_ACK, 900_000_000, 5001, 500);
    let short = Frame::icmp_error(ROUTER, IcmpError::TooBig(1400), &data, 4);
    play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            outside(
                0.1,
                &error(IcmpError::HostUnreachable, &up(SYN, 1000, 0, 0)),
                "forward reply syn_sent s0",
            ),
            outside(
                0.1,
                &error(IcmpError::HostUnreachable, &up(SYN, 77, 0, 0)),
                "drop icmp_quote_seq reply syn_sent s0",
            ),
            outside(0.2, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
            inside(0.3, &up(ACK, 1001, 5001, 0), "forward original established s0"),
            inside(0.4, &data, "forward original established s0"),
            outside(0.5, &error(IcmpError::TooBig(1400), &data), "forward reply established s0"),
            outside(
                0.6,
                &error(IcmpError::TooBig(1400), &stray),
                "drop icmp_quote_seq reply established s0",
            ),
            outside(0.7, &short, "drop quoted_truncated"),
            Step::Sessions(1.0, 1),
        ],
    );
}

#[test]
fn errors_about_pings() {
    let ping = Frame::echo_request(CLIENT_IP, SERVER_IP, 5, 1);
    let other = Frame::echo_request(CLIENT_IP, SERVER_IP, 6, 1);
    let forged = swapped(Frame::echo_reply(SERVER_IP, CLIENT_IP, 5, 1));
    play(
        &Plan::new(),
        &[
            inside(0.0, &ping, "forward original query s0 new"),
            outside(0.1, &error(IcmpError::TimeExceeded, &ping), "forward reply query s0"),
            outside(0.2, &error(IcmpError::TimeExceeded, &other), "drop icmp_error_unrelated"),
            outside(
                0.3,
                &error(IcmpError::TimeExceeded, &forged),
                "drop wrong_side original query s0",
            ),
        ],
    );
}

#[test]
fn what_an_error_must_not_quote() {
    let query = Frame::udp(CLIENT, SERVER, vec![0; 100]);
    let later = &fragment_v4(&query, &[48])[1];
    let nested =
        error(IcmpError::TimeExceeded, &error(IcmpError::TimeExceeded, &swapped(query.clone())));
    let empty = swapped(Frame::ip(
        ROUTER,
        CLIENT_IP,
        Transport::Icmp(Icmp { kind: 3, code: 3, payload: Vec::new(), ..ICMP }),
    ));
    play(
        &Plan::new(),
        &[
            inside(0.0, &query, "forward original first s0 new"),
            outside(0.1, &error(IcmpError::TimeExceeded, later), "drop quoted_fragment"),
            outside(0.2, &nested, "drop nested_error"),
            outside(0.3, &empty, "drop quoted_truncated"),
        ],
    );
}

/// An error that is itself in fragments is judged once it is whole.
#[test]
fn an_error_in_fragments() {
    let data = segment(CLIENT, SERVER, SYN, 1000, 0, 600);
    let whole = Frame::icmp_error(ROUTER, IcmpError::TooBig(600), &data, 520);
    let pieces = fragment_v4(&whole, &[24, 256]);
    play(
        &Plan::new(),
        &[
            inside(0.0, &data, "forward original syn_sent s0 new"),
            outside(0.1, &pieces[1], "forward reply syn_sent s0"),
            outside(0.2, &pieces[2], "forward reply syn_sent s0"),
            outside(0.3, &pieces[0], "forward reply syn_sent s0"),
            Step::Held(0.4, 0),
        ],
    );
}

/// A hundred in a second, of one session; those that do not belong to it are not counted.
#[test]
fn errors_are_limited_in_rate() {
    let [query, other] = [CLIENT, "10.0.0.2:40000"].map(|client| Frame::udp(client, SERVER, "q"));
    let mut steps = vec![
        inside(0.0, &query, "forward original first s0 new"),
        inside(0.0, &other, "forward original first s1 new"),
        outside(
            1.0,
            &error(IcmpError::HostUnreachable, &Frame::udp(CLIENT, "192.0.2.80:81", "q")),
            "drop icmp_error_unrelated",
        ),
    ];
    for _ in 0..100 {
        steps.push(outside(1.0, &error(IcmpError::TimeExceeded, &query), "forward reply first s0"));
    }
    steps.extend([
        outside(
            1.9,
            &error(IcmpError::TimeExceeded, &query),
            "drop icmp_error_rate reply first s0",
        ),
        outside(1.9, &error(IcmpError::TimeExceeded, &other), "forward reply first s1"),
        outside(2.0, &error(IcmpError::TimeExceeded, &query), "forward reply first s0"),
    ]);
    let played = play(&Plan::new(), &steps);
    assert_eq!(played.rig.cluster.counters().get(engine::Counter::Related), 102);
}

#[test]
fn an_error_about_a_session_that_is_not_allowed_any_more() {
    let query = Frame::udp(CLIENT, SERVER, "question");
    play(
        &Plan::new(),
        &[
            inside(0.0, &query, "forward original first s0 new"),
            change(0.1, |plan| plan.policy.rules.clear()),
            outside(0.1, &error(IcmpError::PortUnreachable, &query), "drop icmp_error_unrelated"),
            Step::Sessions(0.1, 0),
        ],
    );
}
