//! Calls as they are set up, cleared and stopped.

use session::Direction::{Original, Reply};
use test_case::test_case;

use super::*;
use crate::Options;
use crate::transcript::Talk;

fn talk() -> Talk<Pptp> {
    Talk::new(Pptp::default(), [50_000, 1723], Options::default())
}

/// A message with so many octets of zeros behind what is given.
fn message(kind: u16, body: &[u8], padding: usize) -> Vec<u8> {
    let length = u16::try_from(HEADER + body.len() + padding).unwrap();
    let mut message = Vec::new();
    message.extend(length.to_be_bytes());
    message.extend(CONTROL.to_be_bytes());
    message.extend(MAGIC.to_be_bytes());
    message.extend(kind.to_be_bytes());
    message.extend([0; 2]);
    message.extend(body);
    message.resize(usize::from(length), 0);
    message
}

fn request(kind: u16, call: u16) -> Vec<u8> {
    message(kind, &call.to_be_bytes(), 154)
}

fn reply(kind: u16, call: u16, asked: u16, result: u8) -> Vec<u8> {
    let body = [&call.to_be_bytes()[..], &asked.to_be_bytes(), &[result]].concat();
    message(kind, &body, 15)
}

const TUNNEL: &[&str] = &["gre 10.0.0.1 > 192.0.2.1:9", "gre 192.0.2.1 > 10.0.0.1:7"];
const TUNNEL_OF_8: &[&str] = &["gre 10.0.0.1 > 192.0.2.1:9", "gre 192.0.2.1 > 10.0.0.1:8"];
const TUNNEL_BACK: &[&str] = &["gre 192.0.2.1 > 10.0.0.1:1", "gre 10.0.0.1 > 192.0.2.1:7"];

#[test]
fn a_connected_call_announces_its_tunnel_both_ways() {
    let steps: [(Direction, Vec<u8>, &[&str]); 9] = [
        (Original, message(1, &[1, 0], 142), &[]),
        (Reply, message(2, &[1, 0, 1, 0], 140), &[]),
        (Original, request(OUTGOING_REQUEST, 7), &[]),
        (Reply, reply(OUTGOING_REPLY, 9, 8, CONNECTED), &["! unasked"]),
        (Original, reply(OUTGOING_REPLY, 9, 7, CONNECTED), &["! unasked"]),
        (Reply, reply(INCOMING_REPLY, 9, 7, CONNECTED), &["! unasked"]),
        (Reply, reply(OUTGOING_REPLY, 9, 7, CONNECTED), TUNNEL),
        (Reply, reply(OUTGOING_REPLY, 9, 7, CONNECTED), &["! unasked"]),
        (Original, message(CLEAR_REQUEST, &[0, 7], 2), &["- group 0"]),
    ];
    let mut talk = talk();
    for (place, (from, run, noted)) in steps.iter().enumerate() {
        let (progress, told) = talk.stream(*from, run);
        assert_eq!(progress, Progress::Read(run.len()), "step {place}");
        assert_eq!(told, *noted, "step {place}");
    }
}

#[test]
fn the_other_end_may_call() {
    let mut talk = talk();
    talk.stream(Reply, &request(INCOMING_REQUEST, 7));
    let (_, told) = talk.stream(Original, &reply(INCOMING_REPLY, 1, 7, CONNECTED));
    assert_eq!(told, TUNNEL_BACK);
}

#[test]
fn a_call_that_is_refused_announces_nothing() {
    let mut talk = talk();
    talk.stream(Original, &request(OUTGOING_REQUEST, 7));
    assert_eq!(talk.stream(Reply, &reply(OUTGOING_REPLY, 0, 7, 2)).1, [""; 0]);
}

#[test]
fn messages_end_by_their_length_wherever_segments_do() {
    let asked = request(OUTGOING_REQUEST, 7);
    let mut talk = talk();
    for end in 0..asked.len() {
        assert_eq!(talk.stream(Original, &asked[..end]), (Progress::Read(0), vec![]));
    }
    let two = [asked.clone(), asked].concat();
    assert_eq!(talk.stream(Original, &two), (Progress::Read(two.len()), vec![]));
    let run = [reply(OUTGOING_REPLY, 9, 7, CONNECTED), message(2, &[1, 0], 140)].concat();
    assert_eq!(
        talk.stream(Reply, &run),
        (Progress::Read(run.len()), TUNNEL.iter().map(|it| (*it).to_owned()).collect())
    );
}

/// Two calls of the client, 7 with 9 and 8 with 10, and one to it, 1 with 7: the client is the PNS of all. Then the end of
/// one is said, and what is taken back of it: the group of the first call is 0.
#[test_case(Original, CLEAR_REQUEST, 7, &["- group 0"]; "the PNS clears the first")]
#[test_case(Original, CLEAR_REQUEST, 8, &["- group 1"]; "the PNS clears the second")]
#[test_case(Original, CLEAR_REQUEST, 1, &["- group 2"]; "the PNS clears the one to it")]
#[test_case(Original, CLEAR_REQUEST, 9, &[]; "by the other's number")]
#[test_case(Reply, CLEAR_REQUEST, 9, &["! wrong_side"]; "the PAC clears")]
#[test_case(Reply, DISCONNECT_NOTIFY, 9, &["- group 0"]; "the PAC notifies of the first")]
#[test_case(Reply, DISCONNECT_NOTIFY, 10, &["- group 1"]; "the PAC notifies of the second")]
#[test_case(Reply, DISCONNECT_NOTIFY, 7, &["- group 2"]; "the PAC notifies of the one that it began")]
#[test_case(Reply, DISCONNECT_NOTIFY, 8, &[]; "the PAC notifies by the other's number")]
#[test_case(Original, DISCONNECT_NOTIFY, 7, &["! wrong_side"]; "the PNS notifies")]
#[test_case(Original, STOP_REQUEST, 0x100, &["- group 0", "- group 1", "- group 2"]; "the client stops")]
#[test_case(Reply, STOP_REQUEST, 0x300, &["- group 0", "- group 1", "- group 2"]; "the server stops")]
fn what_a_call_has_announced_ends_with_it(from: Direction, kind: u16, number: u16, noted: &[&str]) {
    let mut talk = talk();
    for (asked, own) in [(7, 9), (8, 10)] {
        talk.stream(Original, &request(OUTGOING_REQUEST, asked));
        let told = talk.stream(Reply, &reply(OUTGOING_REPLY, own, asked, CONNECTED)).1;
        assert_eq!(told.len(), 2);
    }
    talk.stream(Reply, &request(INCOMING_REQUEST, 7));
    assert_eq!(talk.stream(Original, &reply(INCOMING_REPLY, 1, 7, CONNECTED)).1, TUNNEL_BACK);
    let end = message(kind, &number.to_be_bytes(), 2);
    assert_eq!(talk.stream(from, &end).1, noted);
    // Once.
    let again = if noted == ["! wrong_side"] { noted } else { &[] };
    assert_eq!(talk.stream(from, &end).1, again);
}

#[test]
fn a_call_that_is_cleared_before_its_reply_is_none() {
    let mut talk = talk();
    talk.stream(Original, &request(OUTGOING_REQUEST, 7));
    talk.stream(Original, &request(OUTGOING_REQUEST, 8));
    assert_eq!(talk.stream(Original, &message(CLEAR_REQUEST, &[0, 7], 2)).1, [""; 0]);
    let connected = |asked| reply(OUTGOING_REPLY, 9, asked, CONNECTED);
    assert_eq!(talk.stream(Reply, &connected(7)).1, ["! unasked"]);
    assert_eq!(talk.stream(Reply, &connected(8)).1, TUNNEL_OF_8);
}

/// The numbers of a call that is over may be given again; the end of the second leaves no trace of the first.
#[test]
fn a_number_may_be_given_again() {
    let mut talk = talk();
    for group in ["- group 0", "- group 1"] {
        talk.stream(Original, &request(OUTGOING_REQUEST, 7));
        assert_eq!(talk.stream(Reply, &reply(OUTGOING_REPLY, 9, 7, CONNECTED)).1, TUNNEL);
        if group == "- group 1" {
            let end = message(CLEAR_REQUEST, &[0, 7], 2);
            assert_eq!(talk.stream(Original, &end).1, [group]);
        }
    }
    assert_eq!(talk.stream(Reply, &message(DISCONNECT_NOTIFY, &[0, 9], 2)).1, [""; 0]);
}

/// The conversation ends by an agreement, of the side that was asked.
#[test_case(&[(Reply, STOP_REPLY, 1)], &["! unasked"]; "nobody has asked")]
#[test_case(&[(Original, STOP_REQUEST, 1), (Original, STOP_REPLY, 1)], &["! unasked"]; "the side that asks")]
#[test_case(&[(Original, STOP_REQUEST, 1), (Reply, STOP_REPLY, 2)], &[]; "refused")]
#[test_case(&[(Original, STOP_REQUEST, 1), (Reply, STOP_REPLY, 1)], &["stop"]; "agreed")]
#[test_case(&[(Reply, STOP_REQUEST, 1), (Original, STOP_REPLY, 1)], &["stop"]; "agreed by the client")]
fn a_conversation_ends(said: &[(Direction, u16, u8)], noted: &[&str]) {
    let mut talk = talk();
    let mut told = Vec::new();
    for (from, kind, code) in said {
        let (progress, more) = talk.stream(*from, &message(*kind, &[*code, 0], 2));
        told.extend(more);
        told.extend((progress == Progress::Stop).then(|| "stop".to_owned()));
    }
    assert_eq!(told, noted);
}

#[test_case(b"\0\x0c\0\x01\x1a\x2b\x3c\x4e\0\x01\0\0"; "another magic")]
#[test_case(b"\0\x0b\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0"; "shorter than a header")]
#[test_case(b"\xff\xff\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0"; "longer than any message")]
#[test_case(b"GET / HTTP/1.1\r\n\r\n"; "text")]
fn what_is_no_pptp_is_read_no_further(run: &[u8]) {
    let (progress, told) = talk().stream(Original, run);
    assert_eq!(progress, Progress::Stop);
    assert_eq!(told, ["! malformed"]);
}

#[test_case(OUTGOING_REQUEST, 1; "a request")]
#[test_case(OUTGOING_REPLY, 4; "a reply")]
#[test_case(CLEAR_REQUEST, 1; "a call's end")]
fn a_message_that_is_cut_short_is_remarked_on(kind: u16, octets: usize) {
    let (_, told) = talk().stream(Original, &message(kind, &[], octets));
    assert_eq!(told, ["! malformed"]);
}
