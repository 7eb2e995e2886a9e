//! Resets, and what passes after one.

use wire::TcpSegment;

use super::peer::Bounds;
use super::{SegmentKind, TcpState, TcpTrack};
use crate::Direction;
use crate::track::{Judgement, Refusal};

/// How well a RST's sequence number fits (RFC 5961 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// The receiver's last acknowledgement, which is RCV.NXT if nothing was lost behind this point; or the
    /// end of what the sender sent, which is RCV.NXT once all has arrived.
    Exact,
    /// In the receiver's window: the receiver answers with a challenge. So is the number of the sender's own FIN as
    /// long as that is all that it has in flight: a host that has closed resets what still comes in by the
    /// acknowledgement that this bears (RFC 9293 §3.10.7.1), and a receiver that has the FIN already either takes
    /// that (Linux) or ignores it (RFC 5961 §3.2).
    InWindow,
    /// Neither, but an acknowledgement that the receiver may have sent before its last one.
    Late,
    /// None of these.
    Outside,
}

impl TcpTrack {
    /// A RST once both SYNs, or a segment in the middle, were seen.
    pub(super) fn reset(
        &mut self,
        direction: Direction,
        rst: &TcpSegment,
    ) -> Result<Judgement, Refusal> {
        // (6) The responder refuses the new SYN, so it knows no old connection either.
        if self.answers_aside(direction, rst) {
            self.state = TcpState::Closed;
            return Ok(Judgement::Pass);
        }
        match self.fit(direction, rst) {
            Fit::Exact => self.state = TcpState::Closed,
            Fit::InWindow => self.marks.set_unverified_rst(direction),
            // Whose FIN is acknowledged has forgotten all, and resets copies of what it took long ago.
            Fit::Late if self.state == TcpState::TimeWait => {}
            Fit::Late | Fit::Outside => return Err(Refusal::TcpRstInvalid),
        }
        Ok(Judgement::Pass)
    }

    /// After a RST: if its receiver did not take it for exact, it challenges, and the other side answers
    /// with another RST. What was on its way is reset one by one, each by its own acknowledgement (RFC 9293
    /// §3.10.7.1), so those RSTs may be late. Whatever else comes has nobody to go to.
    pub(super) fn in_closed(
        &self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment,
    ) -> Result<Judgement, Refusal> {
        let (sender, receiver) = self.unpack(direction);
        match kind {
            SegmentKind::Syn => Ok(Judgement::Reopen),
            SegmentKind::Rst => match self.fit(direction, segment) {
                Fit::Exact | Fit::InWindow | Fit::Late => Ok(Judgement::Pass),
                Fit::Outside => Err(Refusal::TcpRstInvalid),
            },
            SegmentKind::Ack if segment.payload == 0 && sender.heard() && receiver.heard() => {
                Bounds::between(&sender, &receiver).check(segment)?;
                Ok(Judgement::Pass)
            }
            SegmentKind::Ack | SegmentKind::Fin | SegmentKind::SynAck => Err(Refusal::TcpClosed),
        }
    }

    fn fit(&self, direction: Direction, rst: &TcpSegment) -> Fit {
        let (sender, receiver) = self.unpack(direction);
        let only_fin_in_flight = self.marks.fin(direction) && sender.end == receiver.acked + 1;
        if rst.seq == sender.end || rst.seq == receiver.acked && !only_fin_in_flight {
            Fit::Exact
        } else if rst.seq == receiver.acked
            || !rst.seq.before(receiver.acked) && rst.seq.before(receiver.edge)
        {
            Fit::InWindow
        } else if rst.seq.before(receiver.acked)
            && !rst.seq.before(receiver.acked - receiver.max_window)
        {
            Fit::Late
        } else {
            Fit::Outside
        }
    }
}
