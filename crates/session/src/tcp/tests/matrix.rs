//! The whole transition table, printed.

use std::fmt::Write as _;

use super::*;
use TcpState::*;

/// A conversation in each state. From `established` on, both sides have sent 100 octets, all acknowledged, so
/// that the next numbers are 1101 and 5101, and each window reaches 1000 further.
fn conversations() -> Vec<(&'static str, Conversation)> {
    let syn_sent = {
        let mut it = Conversation::strict();
        it.passes(O, segment("S", 1000, 0), SynSent);
        it
    };
    let simultaneous_open = {
        let mut it = syn_sent;
        it.passes(R, segment("S", 5000, 0), SimultaneousOpen);
        it
    };
    let syn_received = {
        let mut it = syn_sent;
        it.passes(R, segment("SA", 5000, 1001), SynReceived);
        it
    };
    let established = {
        let mut it = Conversation::established();
        it.passes(O, data(1001, 5001, 100), Established);
        it.passes(R, data(5001, 1101, 100), Established);
        it.passes(O, segment("A", 1101, 5101), Established);
        it
    };
    let fin_wait = |direction| {
        let mut it = established;
        let fin =
            if direction == O { segment("FA", 1101, 5101) } else { segment("FA", 5101, 1101) };
        it.passes(direction, fin, FinWait);
        it
    };
    let half_closed = |direction| {
        let mut it = fin_wait(direction);
        let ack = if direction == O { segment("A", 5101, 1102) } else { segment("A", 1101, 5102) };
        it.passes(direction.reversed(), ack, HalfClosed);
        it
    };
    let closing = {
        let mut it = fin_wait(O);
        it.passes(R, segment("FA", 5101, 1101), Closing);
        it
    };
    let last_ack = {
        let mut it = half_closed(O);
        it.passes(R, segment("FA", 5101, 1102), LastAck);
        it
    };
    let time_wait = {
        let mut it = last_ack;
        it.passes(O, segment("A", 1102, 5102), TimeWait);
        it
    };
    let closed = {
        let mut it = established;
        it.passes(R, segment("R", 5101, 0), Closed);
        it
    };
    vec![
        ("none", Conversation::strict()),
        ("none, loose", Conversation::loose()),
        ("syn_sent", syn_sent),
        ("simultaneous_open", simultaneous_open),
        ("syn_received", syn_received),
        ("established", established),
        ("fin_wait, by O", fin_wait(O)),
        ("fin_wait, by R", fin_wait(R)),
        ("half_closed, by O", half_closed(O)),
        ("half_closed, by R", half_closed(R)),
        ("closing", closing),
        ("last_ack, O first", last_ack),
        ("time_wait", time_wait),
        ("closed, by R", closed),
    ]
}

/// What may come next, given where both sides are.
fn segments(track: Option<TcpTrack>, direction: Direction) -> Vec<(&'static str, TcpSegment)> {
    let initial = if direction == O { 1000 } else { 5000 };
    let other_initial = if direction == O { 5000 } else { 1000 };
    let (seq, ack) = track.map_or((initial + 1, other_initial + 1), |track| {
        let (sender, receiver) = track.unpack(direction);
        let known = |peer: &super::super::Peer, initial| {
            if peer.heard() { peer.end.0 } else { initial + 1 }
        };
        (known(&sender, initial), known(&receiver, other_initial))
    });
    vec![
        ("syn, the same", segment("S", initial, 0)),
        ("syn, newer", segment("S", seq + 70_000, 0)),
        ("syn, older", segment("S", seq.wrapping_sub(70_000), 0)),
        ("syn_ack", segment("SA", initial, other_initial + 1)),
        ("syn_ack, other seq", segment("SA", initial + 70_000, other_initial + 1)),
        ("syn_ack, wrong ack", segment("SA", initial, other_initial + 9)),
        ("ack", segment("A", seq, ack)),
        ("data", data(seq, ack, 10)),
        ("keepalive", segment("A", seq - 1, ack)),
        ("data above", data(seq + 1000, ack, 10)),
        ("data below", data(seq.wrapping_sub(2560), ack, 10)),
        ("ack of unsent", segment("A", seq, ack + 1)),
        ("ack too old", segment("A", seq, ack.wrapping_sub(66_001))),
        ("fin", segment("FA", seq, ack)),
        ("rst exact", segment("R", seq, 0)),
        ("rst_ack of the syn", segment("RA", 0, other_initial + 1)),
        ("rst in window", segment("R", seq + 10, 0)),
        ("rst outside", segment("R", seq + 70_000, 0)),
    ]
}

#[test]
fn transition_table() {
    let mut table = String::new();
    for (name, conversation) in conversations() {
        for direction in [O, R] {
            if conversation.track.is_none() && direction == R {
                continue;
            }
            writeln!(table, "{name}, {}", direction.name()).unwrap();
            for (kind, segment) in segments(conversation.track, direction) {
                let mut after = conversation;
                let judgement = match &mut after.track {
                    Some(track) => track.judge(direction, &segment, after.now),
                    None => after.send(direction, segment),
                };
                let outcome = match judgement {
                    Judgement::Pass => {
                        let track = after.track.unwrap();
                        let mark = if track.has_unverified_rst() { ", rst unverified" } else { "" };
                        format!("{}{mark}", track.state())
                    }
                    Judgement::Ended => "ended".to_owned(),
                    Judgement::Reopen => "reopen".to_owned(),
                    Judgement::Refuse(refusal) => format!("- {refusal}"),
                };
                writeln!(table, "    {kind:<20} {outcome}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}
