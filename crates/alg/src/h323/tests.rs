//! Messages that another encoder has written (`testkit::h323`), as one conversation or another has them.

use session::Direction::{self, Original, Reply};
use test_case::test_case;
use testkit::h323::{in_tpkt, message, with_places};

use super::*;
use crate::Options;
use crate::transcript::Talk;

const OPEN: Options = Options { strict: false, third_party: false };
const STRICT: Options = Options { strict: true, third_party: false };
const THIRD_PARTY: Options = Options { strict: false, third_party: true };

mod ends;
mod hostile;
mod registration;

/// Who says which message, and what is noted of it.
type Steps<'a> = [(Direction, &'a str, &'a [&'a str])];

/// Has a conversation heard in which each message comes whole, and then the same octet by octet.
fn run(options: Options, steps: &Steps<'_>) {
    match steps[0].1.split_once('_') {
        Some(("ras", _)) => {
            let mut talk = Talk::new(H323::default(), [40_000, 1719], options);
            for (place, (from, name, noted)) in steps.iter().enumerate() {
                assert_eq!(talk.datagram(*from, &message(name)), *noted, "step {place}, {name}");
            }
        }
        Some(("call", _)) => streams(H323::default, 1720, options, steps),
        _ => streams(H245::default, 3230, options, steps),
    }
}

fn streams<D: Dialogue>(new: impl Fn() -> D, port: u16, options: Options, steps: &Steps<'_>) {
    let mut talk = Talk::new(new(), [40_000, port], options);
    let mut slow = Talk::new(new(), [40_000, port], options);
    for (place, (from, name, noted)) in steps.iter().enumerate() {
        let message = message(name);
        let message = if port == 1720 { message } else { in_tpkt(&message) };
        let (progress, told) = talk.stream(*from, &message);
        assert_eq!(told, *noted, "step {place}, {name}");
        assert_eq!(progress, Progress::Read(message.len()), "step {place}, {name}");
        for end in 0..message.len() {
            assert_eq!(slow.stream(*from, &message[..end]), (Progress::Read(0), vec![]));
        }
        assert_eq!(slow.stream(*from, &message).1, *noted, "step {place}, {name}, by octets");
    }
}

const TO_CALLER: &[&str] = &["udp 192.0.2.1 > 10.0.0.1:5005 200s"];
const TO_CALLED: &[&str] =
    &["udp 10.0.0.1 > 192.0.2.1:6000 200s", "udp 10.0.0.1 > 192.0.2.1:6001 200s"];
const PROPOSED: &[&str] =
    &["udp 192.0.2.1 > 10.0.0.1:5005 200s", "udp 192.0.2.1 > 10.0.0.1:5004 200s"];

#[test]
fn a_call_by_fast_start() {
    for answer in ["call_alerting_fast", "call_progress_fast", "call_connect_fast"] {
        run(
            OPEN,
            &[
                (Original, "call_setup_fast", PROPOSED),
                (Reply, "call_proceeding", &[]),
                (Reply, answer, TO_CALLED),
                (Reply, "call_connect", &[]),
                (Original, "call_release", &["- group 0"]),
                (Reply, answer, &["! unasked"]),
            ],
        );
    }
}

#[test]
fn a_call_with_h245_on_a_connection_of_its_own() {
    run(
        OPEN,
        &[
            (
                Original,
                "call_setup_all",
                &["tcp 192.0.2.1 > 10.0.0.1:3230 200s h245", PROPOSED[0], PROPOSED[1]],
            ),
            (Reply, "call_proceeding_h245", &["tcp 10.0.0.1 > 192.0.2.1:3230 200s h245"]),
            (Reply, "call_alerting", &[]),
            // The fast start is refused, since nothing of it has been accepted.
            (Reply, "call_connect_h245", &["- group 1", "tcp 10.0.0.1 > 192.0.2.1:3230 h245"]),
            (Original, "call_facility_h245", &["tcp 192.0.2.1 > 10.0.0.1:3230 200s h245"]),
        ],
    );
    run(
        OPEN,
        &[
            (Original, "h245_tcs", &[]),
            (Reply, "h245_tcs_ack", &[]),
            (Reply, "h245_msd", &[]),
            (Original, "h245_olc", TO_CALLER),
            (Reply, "h245_olc_ack", TO_CALLED),
            (Reply, "h245_olc_back", &["udp 10.0.0.1 > 192.0.2.1:6001 200s"]),
            (
                Original,
                "h245_olc_back_ack",
                &["udp 192.0.2.1 > 10.0.0.1:5004 200s", "udp 192.0.2.1 > 10.0.0.1:5005 200s"],
            ),
            (Original, "h245_user_input", &[]),
            (Original, "h245_generic", &[]),
            (Original, "h245_flow", &[]),
        ],
    );
}

#[test]
fn a_call_with_h245_in_a_tunnel() {
    run(
        OPEN,
        &[
            (Original, "call_setup", &[]),
            (Reply, "call_connect", &[]),
            (Original, "call_facility_olc", TO_CALLER),
            (Reply, "call_facility_olc_ack", TO_CALLED),
            (Original, "call_empty_olc", TO_CALLER),
        ],
    );
    run(OPEN, &[(Original, "call_setup_tunnel", TO_CALLER)]);
}

#[test]
fn strictly_a_channel_must_be_accepted() {
    run(
        STRICT,
        &[
            (Original, "h245_olc", &[]),
            (Original, "h245_olc_ack", &["! unasked"]),
            (Reply, "h245_olc_ack", &[TO_CALLER[0], TO_CALLED[0], TO_CALLED[1]]),
            (Reply, "h245_olc_ack", &["! unasked"]),
        ],
    );
    run(
        STRICT,
        &[
            (Original, "call_setup_fast", &[]),
            (Reply, "call_alerting_fast", &[PROPOSED[0], PROPOSED[1], TO_CALLED[0], TO_CALLED[1]]),
            (Reply, "call_connect_fast", TO_CALLED),
        ],
    );
}

#[test]
fn every_kind_of_channel() {
    run(
        OPEN,
        &[
            (Original, "h245_olc_g729ab", &["udp 192.0.2.1 > 10.0.0.1:5007 200s"]),
            (Original, "h245_olc_gsm", &["udp 192.0.2.1 > 10.0.0.1:5009 200s"]),
            (Original, "h245_olc_h261", &["udp 192.0.2.1 > 10.0.0.1:5011 200s"]),
            (Original, "h245_olc_h263", &["udp 192.0.2.1 > 10.0.0.1:5013 200s"]),
            (Original, "h245_olc_h264", &["udp 192.0.2.1 > 10.0.0.1:5015 200s"]),
            (Original, "h245_olc_t38", &["udp 192.0.2.1 > 10.0.0.1:5017 200s"]),
            (Original, "h245_olc_slides", &["udp 192.0.2.1 > 10.0.0.1:5019 200s"]),
            (
                Original,
                "h245_olc_all",
                &["udp 192.0.2.1 > 10.0.0.1:5040 200s", "udp 192.0.2.1 > 10.0.0.1:5041 200s"],
            ),
            (
                Original,
                "h245_olc_both",
                &["udp 192.0.2.1 > 10.0.0.1:5050 200s", "udp 192.0.2.1 > 10.0.0.1:5051 200s"],
            ),
            (
                Reply,
                "h245_olc_both_ack",
                &["udp 10.0.0.1 > 192.0.2.1:6050 200s", "udp 10.0.0.1 > 192.0.2.1:6051 200s"],
            ),
            (Original, "h245_olc_t120", &[]),
            (Reply, "h245_olc_t120_ack", &["tcp 10.0.0.1 > 192.0.2.1:1503 200s"]),
            // A channel of H.324 has no address, and is no channel of H.323.
            (Original, "h245_olc_h324", &["! malformed"]),
        ],
    );
}

#[test]
fn places_of_others_are_refused() {
    run(
        OPEN,
        &[
            (Original, "h245_olc_third", &["! third_party"]),
            (Original, "h245_olc_low", &["! privileged_port"]),
            // What comes to the peer is the peer's to say.
            (Original, "h245_olc_of_the_other", &[]),
            (Original, "h245_olc", TO_CALLER),
            (Reply, "h245_olc_third_ack", &["! third_party", "! third_party"]),
        ],
    );
    run(
        OPEN,
        &[
            (Original, "call_setup", &[]),
            (Reply, "call_connect_h245_third", &["! bounce"]),
            (Reply, "call_connect_h245_low", &["! privileged_port"]),
            (Reply, "call_connect_h245_6", &["! bounce"]),
            (Original, "call_connect_wrong_side", &["! wrong_side"]),
            (Reply, "call_setup", &[]),
            (Reply, "call_facility_forward", &[]),
        ],
    );
}

#[test]
fn media_of_a_third_host_come_from_where_it_receives() {
    run(
        THIRD_PARTY,
        &[
            (Original, "h245_olc", TO_CALLER),
            (
                Reply,
                "h245_olc_third_ack",
                &[
                    "udp 10.0.0.1 > 198.51.100.7:6000 200s",
                    "udp 198.51.100.7 > 10.0.0.1:5005 200s",
                    "udp 10.0.0.1 > 198.51.100.7:6001 200s",
                ],
            ),
        ],
    );
    run(
        THIRD_PARTY,
        &[
            (Original, "call_setup", &[]),
            (Reply, "call_connect_h245_third", &["tcp 10.0.0.1 > 198.51.100.7:3230 h245"]),
            // Behind a gatekeeper that passes signalling on somebody else is the other party.
            (Original, "call_facility_h245", &["tcp 0.0.0.0 > 10.0.0.1:3230 200s h245"]),
        ],
    );
}

/// As text, what is noted of messages between two hosts of IPv6.
#[test]
fn in_ipv6() {
    let hosts = ["2001:db8::1", "2001:db8:1::1"].map(|host| host.parse().unwrap());
    let peers = crate::Peers { ends: [(hosts[0], 40_000), (hosts[1], 1719)] };
    let mut ras = Talk::new(H323::default(), [0; 2], OPEN);
    ras.peers = peers;
    assert_eq!(ras.datagram(Original, &message("ras_rrq_6")), [""; 0]);
    let told = ras.datagram(Reply, &message("ras_rcf_6"));
    let confirmed = [
        "tcp 2001:db8:1::1 > [2001:db8::1]:1720 3600s h323 standing",
        "udp 2001:db8:1::1 > [2001:db8::1]:1719 3600s h323 standing",
        "tcp 2001:db8::1 > [2001:db8:1::1]:1720 3600s h323 standing",
    ];
    assert_eq!(told, confirmed);

    let mut call = Talk::new(H323::default(), [0; 2], OPEN);
    call.peers = peers;
    call.stream(Original, &message("call_setup"));
    let told = call.stream(Reply, &message("call_connect_h245_6")).1;
    assert_eq!(told, ["tcp 2001:db8::1 > [2001:db8:1::1]:3230 h245"]);

    let mut control = Talk::new(H245::default(), [0; 2], OPEN);
    control.peers = peers;
    let told = control.stream(Original, &in_tpkt(&message("h245_olc_6"))).1;
    assert_eq!(told, ["udp 2001:db8:1::1 > [2001:db8::1]:5005 200s"]);
    let told = control.stream(Reply, &in_tpkt(&message("h245_olc_6_ack"))).1;
    let both = ["2001:db8::1 > [2001:db8:1::1]:6000", "2001:db8::1 > [2001:db8:1::1]:6001"];
    assert_eq!(told, both.map(|it| format!("udp {it} 200s")));
}

/// Two calls on one connection do not accept each other's channels.
#[test]
fn calls_are_told_apart() {
    let mut talk = Talk::new(H323::default(), [40_000, 1720], OPEN);
    let other = |name| {
        let mut message = message(name);
        // The call reference (4711), behind TPKT, discriminator and length.
        assert_eq!(message[7], 0x67);
        message[7] = 0x68;
        message
    };
    talk.stream(Original, &message("call_setup_fast"));
    assert_eq!(talk.stream(Reply, &other("call_connect_fast")).1, ["! unasked"]);
    talk.stream(Original, &other("call_setup"));
    let none_proposed = talk.stream(Reply, &other("call_connect_fast")).1;
    assert_eq!(none_proposed, ["! unasked", "! unasked"]);
    assert_eq!(talk.stream(Reply, &message("call_connect_fast")).1, TO_CALLED);
}

#[test_case(b"\x02\0\0\x08abcd", &["! malformed"]; "another version")]
#[test_case(b"\x03\0\0\x03", &["! malformed"]; "shorter than its header")]
#[test_case(b"GET / HTTP/1.1\r\n", &["! malformed"]; "text")]
fn what_is_no_tpkt_is_read_no_further(octets: &[u8], noted: &[&str]) {
    let mut talk = Talk::new(H245::default(), [40_000, 3230], OPEN);
    let (progress, told) = talk.stream(Original, octets);
    assert_eq!(progress, Progress::Stop);
    assert_eq!(told, noted);
}

#[test]
fn an_overlong_message_is_passed_over() {
    let mut talk = Talk::new(H245::default(), [40_000, 3230], OPEN);
    let mut run = vec![0; 9_000];
    run[..4].copy_from_slice(&[3, 0, 9_000_u16.to_be_bytes()[0], 9_000_u16.to_be_bytes()[1]]);
    assert_eq!(
        talk.stream(Original, &run[..100]),
        (Progress::Skip(9_000), vec!["! overlong".into()])
    );
    run.extend(in_tpkt(&message("h245_olc")));
    run.extend(in_tpkt(&[]));
    let (progress, told) = talk.stream(Original, &run);
    assert_eq!(progress, Progress::Read(run.len()));
    assert_eq!(told, ["udp 192.0.2.1 > 10.0.0.1:5005 200s", "! overlong"]);
}

/// A list that claims to be long costs no more than the message that holds it.
#[test]
fn every_message_cut_short_or_changed_by_a_bit_ends() {
    for (name, octets) in testkit::h323::messages() {
        for at in 0..octets.len() {
            for bit in 0..8 {
                let mut changed = octets.clone();
                changed[at] ^= 1 << bit;
                for message in [&changed[..], &changed[..at]] {
                    let mut ras = Talk::new(H323::default(), [40_000, 1719], THIRD_PARTY);
                    ras.datagram(Original, message);
                    let mut call = Talk::new(H323::default(), [40_000, 1720], THIRD_PARTY);
                    call.stream(Original, message);
                    let mut control = Talk::new(H245::default(), [40_000, 3230], THIRD_PARTY);
                    let noted = control.stream(Original, &in_tpkt(message)).1;
                    assert!(noted.len() < 30, "{name}");
                }
            }
        }
    }
}

/// Some endpoints say all that they have to say at a time in one TPKT.
#[test]
fn several_messages_in_a_row() {
    let mut talk = Talk::new(H245::default(), [40_000, 3230], OPEN);
    let run =
        |names: &[&str]| in_tpkt(&names.iter().flat_map(|name| message(name)).collect::<Vec<_>>());
    let told = talk.stream(Original, &run(&["h245_olc", "h245_olc_t38", "h245_user_input"])).1;
    assert_eq!(told, [TO_CALLER[0], "udp 192.0.2.1 > 10.0.0.1:5017 200s"]);
    let told = talk.stream(Reply, &run(&["h245_olc_ack", "h245_olc_back"])).1;
    assert_eq!(told, [TO_CALLED[0], TO_CALLED[1], "udp 10.0.0.1 > 192.0.2.1:6001 200s"]);
    let told = talk.stream(Original, &in_tpkt(&[message("h245_olc"), vec![0xff]].concat())).1;
    assert_eq!(told, [TO_CALLER[0], "! malformed"]);
}

#[test]
fn a_port_of_zero_is_none() {
    let place = |port| format!("10.0.0.1:{port}").parse().unwrap();
    let message = with_places(message("h245_olc"), &[(place(5005), place(0))]);
    let mut talk = Talk::new(H245::default(), [40_000, 3230], OPEN);
    assert_eq!(talk.stream(Original, &in_tpkt(&message)).1, [""; 0]);
}
