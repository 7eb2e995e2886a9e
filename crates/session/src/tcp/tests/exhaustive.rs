//! All sequences of up to five segments, and all control bits in all states.

use super::*;
use crate::tcp::{SegmentKind, segment_kind};

/// How long the sequences are.
const SEGMENTS: u32 = 5;

/// One segment of each legal kind, direction and class of window and acknowledgement.
fn alphabet() -> Vec<(Direction, TcpSegment)> {
    let mut all = Vec::new();
    for direction in [O, R] {
        let (initial, other) = if direction == O { (1000_u32, 5000_u32) } else { (5000, 1000) };
        let (right, above, below) = (initial + 1, initial + 70_000, initial.wrapping_sub(70_000));
        let (good, unsent, old) = (other + 1, other + 500, other.wrapping_sub(66_100));
        for seq in [initial, initial + 300_000] {
            all.push((direction, segment("S", seq, 0)));
            all.push((direction, TcpSegment { payload: 50, ..segment("S", seq, 0) }));
            for ack in [good, good + 300_000, other, unsent] {
                all.push((direction, segment("SA", seq, ack)));
            }
        }
        for seq in [right, above, below] {
            for ack in [good, other, unsent, old] {
                all.push((direction, segment("A", seq, ack)));
                all.push((direction, data(seq, ack, 100)));
                all.push((direction, segment("FA", seq, ack)));
            }
            all.push((direction, segment("R", seq, 0)));
        }
        all.push((direction, segment("R", right + 10, 0)));
        all.push((direction, segment("RA", 0, good)));
    }
    all
}

fn kind(segment: &TcpSegment) -> SegmentKind {
    segment_kind(segment.flags).unwrap()
}

/// Whether the segments that passed contain a handshake: a slow reading of RFC 9293 §3.5 that knows no state.
fn has_handshake(passed: &[(Direction, TcpSegment)]) -> bool {
    let acks = |from: usize, direction: Direction, syn: &TcpSegment| {
        passed[from..].iter().any(|(sender, segment)| {
            *sender == direction
                && segment.flags.ack()
                && !segment.flags.rst()
                && segment.ack == syn.seq + 1
                && segment.seq.0.abs_diff(if direction == O { 1000 } else { 5000 }) % 300_000 < 2000
        })
    };
    passed.iter().enumerate().any(|(first, (sender, syn))| {
        *sender == O
            && kind(syn) == SegmentKind::Syn
            && passed[first..].iter().enumerate().any(|(later, (sender, answer))| {
                let at = first + later;
                *sender == R
                    && match kind(answer) {
                        // The answer acknowledges the SYN, and is acknowledged.
                        SegmentKind::SynAck => answer.ack == syn.seq + 1 && acks(at, O, answer),
                        // Simultaneous open: each acknowledges the other's.
                        SegmentKind::Syn => acks(at, O, answer) && acks(at, R, syn),
                        SegmentKind::Ack | SegmentKind::Fin | SegmentKind::Rst => false,
                    }
            })
    })
}

fn is_past_handshake(state: TcpState) -> bool {
    match state {
        TcpState::SynSent
        | TcpState::SimultaneousOpen
        | TcpState::SynReceived
        | TcpState::Closed => false,
        TcpState::Established
        | TcpState::FinWait
        | TcpState::HalfClosed
        | TcpState::Closing
        | TcpState::LastAck
        | TcpState::TimeWait => true,
    }
}

/// What must hold of every segment that passes, given those that passed before it.
fn assert_may_pass(passed: &[(Direction, TcpSegment)], direction: Direction, now: &TcpSegment) {
    let responder_spoke =
        passed.iter().any(|(sender, segment)| *sender == R && segment.flags.syn());
    let acks_a_syn = passed.iter().any(|(sender, syn)| {
        *sender == O && syn.flags.syn() && now.flags.ack() && now.ack.since(syn.seq) <= 51
    });
    match (direction, kind(now)) {
        (O, SegmentKind::Ack | SegmentKind::Fin | SegmentKind::SynAck) => {
            assert!(responder_spoke, "{now:?} before the responder's SYN in {passed:?}");
        }
        (R, SegmentKind::Fin) => assert!(responder_spoke, "{now:?} in {passed:?}"),
        (R, SegmentKind::Ack) => {
            assert!(now.payload == 0 || responder_spoke, "{now:?} in {passed:?}");
        }
        (R, SegmentKind::Rst) => {
            assert!(responder_spoke || acks_a_syn, "{now:?} in {passed:?}");
        }
        (R, SegmentKind::SynAck) => assert!(acks_a_syn, "{now:?} in {passed:?}"),
        (O, SegmentKind::Syn | SegmentKind::Rst) | (R, SegmentKind::Syn) => {}
    }
}

struct Explorer {
    alphabet: Vec<(Direction, TcpSegment)>,
    judged: usize,
    established: usize,
}

impl Explorer {
    /// A refused segment changes nothing (which is asserted), so what follows one is explored without it.
    fn explore(&mut self, track: TcpTrack, passed: &mut Vec<(Direction, TcpSegment)>, depth: u32) {
        if is_past_handshake(track.state()) {
            self.established += 1;
            assert!(has_handshake(passed), "{:?} without a handshake: {passed:?}", track.state());
        }
        if depth == 0 {
            return;
        }
        for (direction, segment) in self.alphabet.clone() {
            let mut next = track;
            self.judged += 1;
            match next.judge(direction, &segment, Time::from_secs(u64::from(depth))) {
                Judgement::Pass => {
                    assert_may_pass(passed, direction, &segment);
                    passed.push((direction, segment));
                    self.explore(next, passed, depth - 1);
                    passed.pop();
                }
                Judgement::Refuse(_) => assert_eq!(next, track),
                Judgement::Reopen => {
                    assert_eq!(next, track);
                    assert_eq!(kind(&segment), SegmentKind::Syn);
                    if let (O, Ok(opened)) = (direction, TcpTrack::open(&segment)) {
                        self.explore(opened, &mut vec![(direction, segment)], depth - 1);
                    }
                }
                Judgement::Ended => panic!("TCP sessions end by their timeouts"),
            }
        }
    }
}

#[test]
fn nothing_is_established_without_a_handshake() {
    let mut explorer = Explorer { alphabet: alphabet(), judged: 0, established: 0 };
    for (direction, segment) in explorer.alphabet.clone() {
        match TcpTrack::open(&segment) {
            Ok(track) => {
                assert_eq!(kind(&segment), SegmentKind::Syn);
                if direction == O {
                    explorer.explore(track, &mut vec![(O, segment)], SEGMENTS - 1);
                }
            }
            Err(_) => assert_ne!(kind(&segment), SegmentKind::Syn),
        }
    }
    println!("{} judged, {} past the handshake", explorer.judged, explorer.established);
    assert!(explorer.judged > 10_000 && explorer.established > 100);
}

#[test]
fn illegal_flags_are_refused_in_every_state_and_by_every_opening() {
    let mut states = vec![];
    let mut it = Conversation::strict();
    for (direction, step) in [
        (O, segment("S", 1000, 0)),
        (R, segment("SA", 5000, 1001)),
        (O, segment("A", 1001, 5001)),
        (O, segment("FA", 1001, 5001)),
        (R, segment("A", 5001, 1002)),
        (R, segment("FA", 5001, 1002)),
        (O, segment("A", 1002, 5002)),
    ] {
        assert_eq!(it.send(direction, step), Judgement::Pass);
        states.push(it);
    }
    it.send(O, segment("R", 1002, 0));
    assert_eq!(it.state(), Some(TcpState::Closed));
    states.push(it);
    let mut illegal = 0;
    for bits in 0..=u8::MAX {
        let packet = TcpSegment { flags: TcpFlags(bits), ..segment("-", 1002, 5002) };
        let Err(refusal) = segment_kind(packet.flags) else { continue };
        illegal += 1;
        assert_eq!(TcpTrack::open(&packet), Err(refusal));
        assert_eq!(TcpTrack::pick_up(&packet), Err(refusal));
        for it in &states {
            for direction in [O, R] {
                it.clone().refuses(direction, packet, refusal);
            }
        }
    }
    // Legal: SYN; SYN-ACK, ACK and FIN-ACK with or without URG; RST; RST-ACK with or without URG. Each with PSH, ECE, CWR.
    assert_eq!(illegal, 256 - 10 * 8);
}
