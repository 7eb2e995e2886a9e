//! Tables and transcripts of TCP conversations. The initiator's initial number is 1000, the responder's 5000.

mod exhaustive;
mod flowing;
mod matrix;
mod transcripts;
mod window_edge;

use wire::{SeqNum, TcpFlags, TcpSegment};

use super::{TcpState, TcpTrack};
use crate::track::{Judgement, Refusal};
use crate::{Direction, Time};

use Direction::{Original as O, Reply as R};

/// A segment of the given flags (letters of S A F R P U, `-` for none), sequence and acknowledgement number.
fn segment(flags: &str, seq: u32, ack: u32) -> TcpSegment {
    let flags = flags.chars().fold(TcpFlags::default(), |set, letter| {
        set | match letter {
            'S' => TcpFlags::SYN,
            'A' => TcpFlags::ACK,
            'F' => TcpFlags::FIN,
            'R' => TcpFlags::RST,
            'P' => TcpFlags::PSH,
            'U' => TcpFlags::URG,
            'E' => TcpFlags::ECE,
            'C' => TcpFlags::CWR,
            '-' => TcpFlags::default(),
            other => panic!("no flag {other}"),
        }
    });
    TcpSegment {
        source_port: 40_000,
        destination_port: 80,
        seq: SeqNum(seq),
        ack: SeqNum(ack),
        flags,
        window: 1000,
        payload: 0,
        window_scale: None,
        sack_permitted: false,
        sack_right: None,
    }
}

fn data(seq: u32, ack: u32, payload: u16) -> TcpSegment {
    TcpSegment { payload, ..segment("PA", seq, ack) }
}

/// One connection at a time, on a clock of its own.
#[derive(Clone, Copy, Debug)]
struct Conversation {
    track: Option<TcpTrack>,
    now: Time,
    loose: bool,
}

impl Conversation {
    fn strict() -> Self {
        Self { track: None, now: Time::from_secs(100), loose: false }
    }

    fn loose() -> Self {
        Self { loose: true, ..Self::strict() }
    }

    /// The handshake and `steps` after it.
    fn established() -> Self {
        let mut it = Self::strict();
        it.passes(O, segment("S", 1000, 0), TcpState::SynSent);
        it.passes(R, segment("SA", 5000, 1001), TcpState::SynReceived);
        it.passes(O, segment("A", 1001, 5001), TcpState::Established);
        it
    }

    /// What becomes of a segment, as an engine does it whose policy lets only the original direction open.
    fn send(&mut self, direction: Direction, segment: TcpSegment) -> Judgement {
        let judgement = match &mut self.track {
            Some(track) => {
                let before = *track;
                let judgement = track.judge(direction, &segment, self.now);
                if matches!(judgement, Judgement::Refuse(_) | Judgement::Reopen) {
                    assert_eq!(
                        before, *track,
                        "a refused segment must change nothing: {segment:?}"
                    );
                }
                judgement
            }
            None => Judgement::Reopen,
        };
        if judgement != Judgement::Reopen {
            return judgement;
        }
        assert_eq!(direction, O, "the responder opens nothing");
        let opened =
            if self.loose { TcpTrack::pick_up(&segment) } else { TcpTrack::open(&segment) };
        match opened {
            Ok(track) => {
                let reopened = self.track.replace(track).is_some();
                if reopened { Judgement::Reopen } else { Judgement::Pass }
            }
            Err(refusal) => Judgement::Refuse(refusal),
        }
    }

    #[track_caller]
    fn passes(&mut self, direction: Direction, segment: TcpSegment, state: TcpState) {
        let before = self.track;
        let judgement = self.send(direction, segment);
        let (passed, after) = (judgement == Judgement::Pass, self.state());
        assert!(passed, "{direction:?} {segment:?}: {judgement:?} in {before:#?}");
        assert_eq!(after, Some(state), "{direction:?} {segment:?} in {before:#?}");
    }

    #[track_caller]
    fn reopens(&mut self, segment: TcpSegment) {
        assert_eq!(self.send(O, segment), Judgement::Reopen);
        assert_eq!(self.state(), Some(TcpState::SynSent));
    }

    #[track_caller]
    fn refuses(&mut self, direction: Direction, segment: TcpSegment, refusal: Refusal) {
        let judgement = self.send(direction, segment);
        assert_eq!(
            judgement,
            Judgement::Refuse(refusal),
            "{direction:?} {segment:?} in {:#?}",
            self.track
        );
    }

    fn state(&self) -> Option<TcpState> {
        self.track.map(|track| track.state())
    }
}
