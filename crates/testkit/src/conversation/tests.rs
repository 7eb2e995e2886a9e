//! The endpoints against a good network, a bad one, and none.

use std::time::Duration;

use super::*;
use crate::packet::seen::{Above, Seen};
use crate::packet::{TCP, Tcp, flags};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "192.0.2.80:80";

fn dialogue() -> (Vec<u8>, Vec<u8>) {
    (b"GET / HTTP/1.0\r\n\r\n".to_vec(), (0..20_000_u32).map(|n| n.to_be_bytes()[3]).collect())
}

/// Runs a dialogue over a network that loses every frame that `lost` names by its number.
fn run(lost: impl Fn(usize) -> bool) -> (Exchange, Vec<Sent>) {
    let (request, answer) = dialogue();
    let turns = [
        Turn { side: Side::Initiator, bytes: &request },
        Turn { side: Side::Responder, bytes: &answer },
        Turn { side: Side::Initiator, bytes: b"thanks" },
    ];
    let mut exchange = Exchange::new(CLIENT, SERVER, &turns);
    let mut transcript = Vec::new();
    while let Some(sent) = exchange.next() {
        if !lost(transcript.len()) {
            exchange.deliver(sent.at, sent.side.other(), &sent.frame);
        }
        transcript.push(sent);
        assert!(transcript.len() < 5_000, "it does not end");
    }
    (exchange, transcript)
}

fn flags_of(sent: &Sent) -> u8 {
    Seen::parse(&sent.frame).unwrap().tcp_flags().unwrap()
}

#[test]
fn a_dialogue_over_a_good_network() {
    let (request, answer) = dialogue();
    let (exchange, transcript) = run(|_| false);
    assert_eq!(exchange.received(Side::Responder), [&request[..], b"thanks"].concat());
    assert!(exchange.received(Side::Initiator) == answer);
    for side in Side::BOTH {
        assert_eq!(exchange.outcome(side), Outcome::Closed);
    }
    let opening: Vec<_> = transcript[..3].iter().map(|sent| (sent.side, flags_of(sent))).collect();
    assert_eq!(opening[0], (Side::Initiator, flags::SYN));
    assert_eq!(opening[1], (Side::Responder, flags::SYN_ACK));
    assert_eq!(opening[2].0, Side::Initiator);
    let fins = transcript.iter().filter(|sent| flags_of(sent) & flags::FIN != 0).count();
    assert_eq!(fins, 2, "nothing is repeated");
    assert!(exchange.now() < Duration::from_secs(1), "{:?}", exchange.now());
    assert!(transcript.is_sorted_by_key(|sent| sent.at));
}

#[test]
fn a_dialogue_over_a_bad_network_comes_through() {
    let (_, answer) = dialogue();
    for seed in 1..=5_u64 {
        // A fifth of all frames, in no rhythm that retransmissions could fall into.
        let lost = |n: usize| {
            let mixed = (n as u64 + 1).wrapping_mul(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 29)) >> 32 & 0xff < 51
        };
        let (exchange, _) = run(lost);
        assert!(exchange.received(Side::Initiator) == answer, "seed {seed}");
        assert_eq!(exchange.outcome(Side::Initiator), Outcome::Closed, "seed {seed}");
    }
}

#[test]
fn without_a_network_the_initiator_gives_up_in_time() {
    let (exchange, transcript) = run(|_| true);
    let times: Vec<u64> = transcript.iter().map(|sent| sent.at.as_secs()).collect();
    assert_eq!(times, [0, 1, 3, 7, 15, 31]);
    assert!(transcript.iter().all(|sent| flags_of(sent) == flags::SYN));
    assert_eq!(exchange.outcome(Side::Initiator), Outcome::TimedOut);
    assert_eq!(exchange.outcome(Side::Responder), Outcome::Open);
}

#[test]
fn only_an_exact_reset_ends_it() {
    let turns = [Turn { side: Side::Initiator, bytes: b"hello" }];
    for (off_by, outcome) in [(0, Outcome::Reset), (1, Outcome::TimedOut)] {
        let mut exchange = Exchange::new(CLIENT, SERVER, &turns);
        let syn = exchange.next().unwrap();
        let Above::Tcp { sequence, .. } = Seen::parse(&syn.frame).unwrap().above else {
            unreachable!("a SYN is TCP")
        };
        let talk = TcpTalk::new(CLIENT, SERVER);
        let refusal = Tcp {
            flags: flags::RST_ACK,
            sequence: 0,
            acknowledgement: sequence.wrapping_add(1 + off_by),
            ..TCP
        };
        let refusal = talk.frame(Side::Responder, refusal).bytes();
        exchange.deliver(syn.at, Side::Initiator, &refusal);
        while exchange.next().is_some() {}
        assert_eq!(exchange.outcome(Side::Initiator), outcome);
    }
}

#[test]
fn a_transcript_keeps_its_numbers() {
    let mut talk = TcpTalk::new(CLIENT, SERVER).starting_at(u32::MAX - 2, 100);
    let numbers = |frame: &crate::packet::Frame| {
        let Above::Tcp { sequence, acknowledgement, .. } =
            Seen::parse(&frame.bytes()).unwrap().above
        else {
            unreachable!("a talk is TCP")
        };
        (sequence, acknowledgement)
    };
    let shown: Vec<_> = talk.handshake().iter().map(|(_, frame)| numbers(frame)).collect();
    assert_eq!(shown, [(u32::MAX - 2, 0), (100, u32::MAX - 1), (u32::MAX - 1, 101)]);
    let data = talk.data(Side::Initiator, b"12345".to_vec());
    assert_eq!(numbers(&data), (u32::MAX - 1, 101));
    assert_eq!(talk.next(Side::Initiator), 3, "over the wrap");
    let retransmission = Tcp { payload: b"12345".to_vec(), ..talk.draft(Side::Initiator, 0) };
    drop(talk.frame(Side::Initiator, retransmission));
    assert_eq!(talk.next(Side::Initiator), 3, "a draft is not said");
    let close: Vec<_> =
        talk.close(Side::Responder).iter().map(|(_, frame)| numbers(frame)).collect();
    assert_eq!(close, [(101, 3), (3, 102), (3, 102), (102, 4)]);
    let answer = UdpTalk::new(CLIENT, SERVER).say(Side::Responder, "x");
    assert_eq!(Seen::parse(&answer.bytes()).unwrap().source_port, 80);
}
