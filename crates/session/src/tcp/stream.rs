//! From the end of the handshake to TIME_WAIT.

use wire::TcpSegment;

use super::peer::Bounds;
use super::{Peer, SegmentKind, TcpState, TcpTrack};
use crate::track::{Judgement, Refusal};
use crate::{Direction, Time};

impl TcpTrack {
    pub(super) fn in_stream(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment,
        now: Time,
    ) -> Result<Judgement, Refusal> {
        let (mut sender, mut receiver) = self.unpack(direction);
        match kind {
            SegmentKind::Ack | SegmentKind::Fin => {
                Bounds::between(&sender, &receiver).check(segment)?;
                self.advance(direction, &mut sender, &mut receiver, segment)?;
                self.enter_stream();
                Ok(Judgement::Pass)
            }
            SegmentKind::Rst => self.reset(direction, segment),
            SegmentKind::Syn => {
                // RFC 9293 §3.10.7.4, RFC 6191: a connection may follow at once if its numbers are newer, so that
                // no old segment can be taken for one of its own.
                if self.state == TcpState::TimeWait && segment.seq.after(sender.end) {
                    return Ok(Judgement::Reopen);
                }
                match direction {
                    Direction::Original => self.syn_aside(segment, now),
                    Direction::Reply => Err(Refusal::TcpSynFromResponder),
                }
            }
            SegmentKind::SynAck => {
                // The answer to a duplicate of this connection's own SYN looks like one to a new SYN, but for
                // saying what was said before.
                let again = segment.end() == sender.end && segment.ack == sender.acked;
                if !again && self.answers_aside(direction, segment) {
                    self.restart(segment);
                    return Ok(Judgement::Pass);
                }
                Bounds::between(&sender, &receiver).check(segment)?;
                if segment.end().after(sender.end) {
                    return Err(Refusal::TcpSynAckUnexpected);
                }
                Ok(Judgement::Pass)
            }
        }
    }

    /// Counts a segment with ACK that passed the inequalities, FIN included; the state is the caller's.
    #[inline]
    pub(super) fn advance(
        &mut self,
        direction: Direction,
        sender: &mut Peer,
        receiver: &mut Peer,
        segment: &TcpSegment,
    ) -> Result<(), Refusal> {
        if self.marks.fin(direction) && segment.end().after(sender.end) {
            if is_acked(sender, receiver) {
                return Err(Refusal::TcpDataAfterFin);
            }
            self.marks.set_fin(direction, false);
        }
        sender.sends(receiver, segment);
        // A FIN before data already seen, or beyond the window, ends no stream.
        if segment.flags.fin() && segment.end() == sender.end {
            self.marks.set_fin(direction, true);
        }
        self.marks.clear_unverified_rst_to(direction);
        self.keep(direction, sender, receiver);
        Ok(())
    }

    /// Sets the state that the FINs, and what is acknowledged, make.
    #[inline]
    pub(super) fn enter_stream(&mut self) {
        let fins = [self.marks.fin(Direction::Original), self.marks.fin(Direction::Reply)];
        if fins == [false, false] {
            self.state = TcpState::Established;
            return;
        }
        let [original, reply] = self.unpack_both();
        let acked =
            [fins[0] && is_acked(&original, &reply), fins[1] && is_acked(&reply, &original)];
        self.state = match (fins, acked) {
            ([true, true], [true, true]) => TcpState::TimeWait,
            ([true, true], [false, false]) => TcpState::Closing,
            ([true, true], [_, _]) => TcpState::LastAck,
            (_, [false, false]) => TcpState::FinWait,
            (_, [_, _]) => TcpState::HalfClosed,
        };
    }
}

/// Whether all that `sender` sent, its FIN last, is acknowledged by `receiver`.
fn is_acked(sender: &Peer, receiver: &Peer) -> bool {
    receiver.heard() && !receiver.acked.before(sender.end)
}
