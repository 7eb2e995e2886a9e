//! Connections as they are made, changed and deleted.

use std::time::Instant;

use session::Direction::{Original, Reply};
use test_case::test_case;

use super::*;
use crate::Options;
use crate::transcript::{INSIDE, OUTSIDE, Step, Talk, wire};

const OPEN: Options = Options { strict: false, third_party: false };
const STRICT: Options = Options { strict: true, third_party: false };
const THIRD_PARTY: Options = Options { strict: false, third_party: true };

/// The gateway is inside, its call agent outside.
fn talk(options: Options) -> Talk<Mgcp> {
    Talk::new(Mgcp::default(), [2427, 2727], options)
}

fn audio(host: &str, port: u16) -> String {
    format!("\nv=0\no=- 1 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio {port} RTP/AVP 0\n")
}

fn command(verb: &str, transaction: u32, body: &str) -> Vec<u8> {
    wire(&format!("{verb} {transaction} aaln/1@gw.example MGCP 1.0\nC: A3\nM: sendrecv\n{body}"))
}

fn answer(code: u16, transaction: u32, body: &str) -> Vec<u8> {
    wire(&format!("{code} {transaction} OK\nI: FDE234C8\n{body}"))
}

fn run(options: Options, steps: &[Step<'_>]) {
    talk(options).goes(steps);
}

#[test]
fn a_connection_announces_what_each_side_wants_to_receive() {
    run(
        OPEN,
        &[
            (Original, wire("RSIP 1 *@gw.example MGCP 1.0\nRM: restart\n"), &[]),
            (Reply, wire("200 1 OK\n"), &[]),
            (Reply, command("CRCX", 2, ""), &[]),
            (
                Original,
                answer(200, 2, &audio(INSIDE, 3456)),
                &["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"],
            ),
            (
                Reply,
                command("mdcx", 3, &audio(OUTSIDE, 1296)),
                &[
                    "udp 10.0.0.1 > 192.0.2.1:1296 200s",
                    "udp 10.0.0.1 > 192.0.2.1:1297 200s",
                    "udp 192.0.2.1 > 10.0.0.1:3456 200s",
                    "udp 192.0.2.1 > 10.0.0.1:3457 200s",
                ],
            ),
            (Original, answer(200, 3, ""), &[]),
            (Reply, command("DLCX", 4, ""), &["- group 0"]),
            (Original, wire("250 4 Connection Deleted\nP: PS=1\n"), &[]),
        ],
    );
}

/// Three connections: F and G of one call, H of another, all at one endpoint. Which a DLCX ends: the groups are 0, 1, 2.
#[test_case("aaln/1@gw.example", "C: A3\nI: f\n", &["- group 0"]; "one, in another case")]
#[test_case("AALN/1@gw.example", "C: A3\nI: G\n", &["- group 1"]; "the other of its call")]
#[test_case("aaln/1@gw.example", "C: A3\n", &["- group 0", "- group 1"]; "a call")]
#[test_case("aaln/1@gw.example", "", &["- group 0", "- group 1", "- group 2"]; "all of the endpoint")]
#[test_case("aaln/1@gw.example", "C: A3\nI: H\n", &[]; "one of another call")]
#[test_case("aaln/1@gw.example", "C: a3\n", &[]; "another call")]
#[test_case("aaln/2@gw.example", "C: A3\nI: F\n", &[]; "another endpoint")]
fn a_deletion_ends_what_it_names(endpoint: &str, which: &str, taken: &[&str]) {
    for by in [Original, Reply] {
        let mut talk = talk(OPEN);
        for (number, call, id) in [(1, "A3", "F"), (2, "A3", "G"), (3, "B3", "H")] {
            let asks = command("CRCX", number, "");
            let asks =
                String::from_utf8(asks).expect("text").replace("C: A3", &format!("C: {call}"));
            assert_eq!(talk.datagram(Reply, asks.as_bytes()), [""; 0]);
            let port = 3454 + 2 * u16::try_from(number).expect("small");
            let answered = answer(200, number, &audio(INSIDE, port));
            let answered = String::from_utf8(answered).expect("text").replace("FDE234C8", id);
            // What is sent again is the same connection.
            talk.datagram(Reply, asks.as_bytes());
            assert_eq!(talk.datagram(Original, answered.as_bytes()).len(), 2);
        }
        let deletes = wire(&format!("DLCX 9 {endpoint} MGCP 1.0\n{which}"));
        assert_eq!(talk.datagram(by, &deletes), taken);
        assert_eq!(talk.datagram(by, &deletes), [""; 0], "once");
    }
}

/// Its answer was lost; meanwhile another connection has been made at the endpoint.
#[test]
fn a_deletion_that_is_sent_again_ends_nothing_new() {
    let deletes = wire("DLCX 9 aaln/1@gw.example MGCP 1.0\n");
    let pair = ["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"];
    run(
        OPEN,
        &[
            (Reply, deletes.clone(), &[]),
            (Reply, command("CRCX", 10, ""), &[]),
            (Reply, deletes.clone(), &[]),
            (Original, answer(200, 10, &audio(INSIDE, 3456)), &pair),
            (Reply, deletes, &[]),
            (Reply, wire("DLCX 11 aaln/1@gw.example MGCP 1.0\n"), &["- group 0"]),
        ],
    );
}

/// Its answer may be under way.
#[test]
fn a_deletion_ends_what_is_not_answered_yet() {
    run(
        OPEN,
        &[
            (Reply, command("CRCX", 2, ""), &[]),
            (Reply, command("DLCX", 3, ""), &[]),
            (Original, answer(200, 2, &audio(INSIDE, 3456)), &["! unasked"]),
        ],
    );
}

/// The gateway chooses the endpoint, and says which.
#[test]
fn a_connection_at_any_endpoint_is_known_by_the_one_it_has() {
    let asks = wire("CRCX 2 aaln/$@gw.example MGCP 1.0\nC: A3\n");
    let pair = ["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"];
    let far = [
        "udp 10.0.0.1 > 192.0.2.1:1296 200s",
        "udp 10.0.0.1 > 192.0.2.1:1297 200s",
        pair[0],
        pair[1],
    ];
    let answered = format!("200 2 OK\nI: F\nZ: aaln/1@gw.example\n{}", audio(INSIDE, 3456));
    let changes =
        wire(&format!("MDCX 3 aaln/1@gw.example MGCP 1.0\nC: A3\nI: F\n{}", audio(OUTSIDE, 1296)));
    run(
        OPEN,
        &[
            (Reply, asks, &[]),
            (Original, wire(&answered), &pair),
            (Reply, changes, &far),
            (Reply, wire("DLCX 4 aaln/1@gw.example MGCP 1.0\n"), &["- group 0"]),
        ],
    );
}

#[test]
fn a_far_side_elsewhere_takes_leave() {
    let far = audio("198.51.100.7", 1296);
    run(OPEN, &[(Reply, command("CRCX", 2, &far), &["! third_party"])]);
    run(
        THIRD_PARTY,
        &[
            (
                Reply,
                command("CRCX", 2, &far),
                &["udp 10.0.0.1 > 198.51.100.7:1296 200s", "udp 10.0.0.1 > 198.51.100.7:1297 200s"],
            ),
            (
                Original,
                answer(200, 2, &audio(INSIDE, 3456)),
                &[
                    "udp 198.51.100.7 > 10.0.0.1:3456 200s",
                    "udp 198.51.100.7 > 10.0.0.1:3457 200s",
                    "udp 10.0.0.1 > 198.51.100.7:1296 200s",
                    "udp 10.0.0.1 > 198.51.100.7:1297 200s",
                ],
            ),
        ],
    );
}

#[test]
fn a_strict_reading_waits_for_the_other_side() {
    run(
        STRICT,
        &[
            (Reply, command("CRCX", 2, ""), &[]),
            (Original, answer(200, 2, &audio(INSIDE, 3456)), &[]),
        ],
    );
}

#[test]
fn messages_may_share_a_datagram() {
    let mut shared = answer(200, 2, &audio(INSIDE, 3456));
    shared.extend(wire(".\nNTFY 9 aaln/1@gw.example MGCP 1.0\nX: 1\nO: hd\n"));
    run(
        OPEN,
        &[
            (Reply, command("CRCX", 2, ""), &[]),
            (
                Original,
                shared,
                &["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"],
            ),
        ],
    );
}

#[test]
fn of_many_messages_the_first_are_read() {
    let command = b"CRCX 2 aaln/1@gw.example MGCP 1.0\n.\n";
    let answered = answer(200, 2, &audio(INSIDE, 3456));
    let pair =
        ["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"].as_slice();
    for (before, told) in [(MESSAGES - 1, pair), (MESSAGES, &["! overlong"])] {
        let datagram = [&b"NTFY 9 aaln/1 MGCP 1.0\n.\n".repeat(before)[..], &answered].concat();
        run(OPEN, &[(Reply, command.to_vec(), &[]), (Original, datagram, told)]);
    }
}

/// Each octet is looked at a fixed number of times, whatever the datagram's messages.
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures the reader, which knows no time")]
fn no_datagram_takes_long() {
    let longest = 65_507;
    let time = |datagram: &[u8]| {
        let once = || {
            let mut talk = talk(OPEN);
            let begun = Instant::now();
            talk.datagram(Original, datagram);
            begun.elapsed()
        };
        (0..5).map(|_| once()).min().expect("five times")
    };
    let plain = time(&vec![b'x'; longest]);
    for message in [&b".\n"[..], b"x\n.\n", b" \n.\n"] {
        let mut datagram = message.repeat(longest / 2 / message.len());
        datagram.resize(longest, b' ');
        let taken = time(&datagram);
        assert!(taken < 50 * plain, "{taken:?} for {message:?}, {plain:?} for one line");
    }
}

#[test_case(&answer(200, 7, &audio(INSIDE, 3456)), &["! unasked"]; "an answer that nobody asked for")]
#[test_case(&answer(502, 7, &audio(INSIDE, 3456)), &[]; "a refusal")]
#[test_case(&wire("RQNT 1 *@gw.example MGCP 0.1R: l/hd(n)X: 1"), &[]; "one line")]
#[test_case(b"\x00\x01\x02", &["! malformed"]; "no text")]
#[test_case(b"CRCX x aaln/1 MGCP 1.0\n", &["! malformed"]; "no transaction")]
#[test_case(b"CRCXY 1 aaln/1 MGCP 1.0\n", &["! malformed"]; "no verb")]
#[test_case(b"\n.\n.\n", &["! malformed", "! malformed"]; "nothing but dots")]
fn other_messages_announce_nothing(payload: &[u8], noted: &[&str]) {
    assert_eq!(talk(OPEN).datagram(Original, payload), noted);
}
