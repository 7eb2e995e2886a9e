//! From the first SYN to the third segment of the handshake. The numbers are those of the table in [`super`].

use core::cmp::max;

use wire::{SeqNum, TcpSegment};

use super::peer::{Bounds, UNKNOWN_SCALE};
use super::{Marks, Peer, SegmentKind, TcpState, TcpTrack};
use crate::track::{Judgement, Refusal};
use crate::{Direction, Time};

/// A peer of which nothing is known yet.
const SILENT: Peer =
    Peer { end: SeqNum(0), acked: SeqNum(0), edge: SeqNum(0), max_window: 0, scale: 0 };

impl TcpTrack {
    pub(super) fn from_syn(syn: &TcpSegment) -> Self {
        let original = Peer { end: syn.end(), max_window: SILENT.window_of(syn), ..SILENT };
        // "Acknowledged" is the SYN's own number: all that follows it is not.
        let reply = Peer { acked: syn.seq, edge: syn.seq, ..SILENT };
        let mut track = Self {
            peers: [original.pack(), reply.pack()],
            aside: SeqNum(0),
            scales: 0,
            state: TcpState::SynSent,
            marks: Marks::default(),
        };
        track.marks.set_offered_scale(syn.window_scale);
        track
    }

    /// Picks up in the middle, liberally: what was not seen is guessed so that nothing legal is cut.
    pub(super) fn from_middle(direction: Direction, segment: &TcpSegment) -> Self {
        let syn_ack = segment.flags.syn();
        let (scale, other_scale) = match (syn_ack, segment.window_scale) {
            (true, None) => (0, 0),
            (true, Some(scale)) => (scale, UNKNOWN_SCALE),
            (false, _) => (UNKNOWN_SCALE, UNKNOWN_SCALE),
        };
        let mut sender = Peer { end: segment.seq, acked: segment.ack, scale, ..SILENT };
        sender.edge = segment.ack;
        let mut receiver = Peer { end: segment.ack, acked: segment.seq, ..SILENT };
        receiver.edge = segment.seq;
        receiver.scale = other_scale;
        sender.sends(&mut receiver, segment);
        let mut marks = Marks::default();
        marks.set_loose(true);
        marks.set_fin(direction, segment.flags.fin());
        let mut track = Self {
            peers: Default::default(),
            aside: SeqNum(0),
            scales: 0,
            state: TcpState::SynReceived,
            marks,
        };
        track.pack(direction, &sender, &receiver);
        // A SYN-ACK alone may be reflected off anybody: its connection proves itself by one more segment.
        if !syn_ack {
            track.enter_stream();
        }
        track
    }

    pub(super) fn in_syn_sent(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment,
    ) -> Result<Judgement, Refusal> {
        let [mut original, reply] = self.unpack_both();
        let loose = self.marks.loose();
        let acks_syn = segment.flags.ack()
            && segment.ack.after(reply.acked)
            && !segment.ack.after(original.end);
        match (direction, kind) {
            (Direction::Original, SegmentKind::Syn) if segment.seq == reply.acked => {
                // A retransmission may leave out data and options: the responder may answer either.
                original.end = original.end.latest(segment.end());
                original.max_window = max(original.max_window, original.window_of(segment));
                let scale = self.marks.offered_scale().or(segment.window_scale);
                self.marks.set_offered_scale(scale);
                self.pack(direction, &original, &reply);
            }
            // (1)
            (Direction::Original, SegmentKind::Syn) => {
                *self = Self::from_syn(segment);
                self.marks.set_loose(loose);
            }
            (Direction::Original, SegmentKind::SynAck) => return Err(Refusal::TcpSynAckUnexpected),
            (Direction::Original, SegmentKind::Ack | SegmentKind::Fin) => {
                if !loose {
                    return Err(Refusal::TcpSynAckMissing);
                }
                *self = Self::from_middle(direction, segment);
            }
            // (2)
            (Direction::Original, SegmentKind::Rst) => {
                if segment.seq == original.end || segment.seq == reply.acked + 1 {
                    self.state = TcpState::Closed;
                } else if !(self.marks.aside() && segment.seq == self.aside) {
                    return Err(Refusal::TcpRstInvalid);
                }
            }
            (Direction::Reply, SegmentKind::Syn) => self.cross(original, reply, segment),
            // (3)
            (Direction::Reply, SegmentKind::SynAck) if acks_syn => self.answer(original, segment),
            (Direction::Reply, SegmentKind::SynAck) => return Err(Refusal::TcpSynAckInvalid),
            (Direction::Reply, SegmentKind::Ack | SegmentKind::Fin) => {
                let bare = kind == SegmentKind::Ack && segment.payload == 0;
                if loose && acks_syn {
                    *self = Self::from_middle(direction, segment);
                } else if bare {
                    // (4)
                    self.aside = segment.ack;
                    self.marks.set_aside(true);
                } else {
                    return Err(Refusal::TcpBeforeSynAck);
                }
            }
            // (3)
            (Direction::Reply, SegmentKind::Rst) if acks_syn => self.state = TcpState::Closed,
            (Direction::Reply, SegmentKind::Rst) => return Err(Refusal::TcpRstInvalid),
        }
        Ok(Judgement::Pass)
    }

    /// The responder's SYN crosses the initiator's: a simultaneous open, or a split handshake.
    fn cross(&mut self, mut original: Peer, mut reply: Peer, syn: &TcpSegment) {
        (original.scale, reply.scale) = scales(self.marks.offered_scale(), syn.window_scale);
        original.acked = syn.seq;
        original.edge = syn.seq + 1 + original.max_window;
        reply.end = syn.end();
        reply.max_window = reply.window_of(syn);
        reply.edge = reply.acked + 1 + reply.max_window;
        self.marks.set_aside(false);
        self.marks.set_loose(false);
        self.state = TcpState::SimultaneousOpen;
        self.pack(Direction::Original, &original, &reply);
    }

    /// The responder's SYN-ACK: it settles the scales, and where both sides start.
    pub(super) fn answer(&mut self, mut original: Peer, syn_ack: &TcpSegment) {
        let offered = self.marks.offered_scale();
        let mut reply = SILENT;
        (original.scale, reply.scale) = scales(offered, syn_ack.window_scale);
        original.acked = syn_ack.seq;
        original.edge = syn_ack.seq + 1 + original.max_window;
        reply.end = syn_ack.end();
        reply.acked = syn_ack.ack;
        reply.max_window = reply.window_of(syn_ack);
        reply.edge = syn_ack.ack + reply.max_window;
        self.marks = Marks::default();
        self.marks.set_offered_scale(offered);
        self.state = TcpState::SynReceived;
        self.pack(Direction::Original, &original, &reply);
    }

    /// (6): the responder answers a SYN that passed aside. All that was known of the connection is void.
    pub(super) fn restart(&mut self, syn_ack: &TcpSegment) {
        // Of that SYN only its number and scale were kept; its window is taken for the largest.
        let max_window = u32::from(u16::MAX);
        self.answer(Peer { end: self.aside + 1, max_window, ..SILENT }, syn_ack);
    }

    /// (6): whether the segment acknowledges a SYN that passed aside.
    pub(super) fn answers_aside(&self, direction: Direction, segment: &TcpSegment) -> bool {
        self.marks.aside()
            && direction == Direction::Reply
            && segment.flags.ack()
            && segment.ack == self.aside + 1
    }

    /// (6): a SYN on a living connection.
    pub(super) fn syn_aside(&mut self, syn: &TcpSegment, now: Time) -> Result<Judgement, Refusal> {
        if self.marks.aside() && self.marks.is_second(now) {
            return Err(Refusal::TcpSynRepeated);
        }
        self.aside = syn.seq;
        self.marks.set_aside(true);
        self.marks.set_second(now);
        self.marks.set_offered_scale(syn.window_scale);
        Ok(Judgement::Pass)
    }

    pub(super) fn in_simultaneous_open(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment,
        now: Time,
    ) -> Result<Judgement, Refusal> {
        let (mut sender, mut receiver) = self.unpack(direction);
        // (5)
        let acknowledges = segment.ack == receiver.end || segment.ack.after(sender.acked);
        match (direction, kind) {
            (_, SegmentKind::Rst) => return self.reset(direction, segment),
            (_, SegmentKind::Syn) if segment.end() == sender.end => return Ok(Judgement::Pass),
            (Direction::Original, SegmentKind::Syn) => return self.syn_aside(segment, now),
            (Direction::Reply, SegmentKind::Syn) => return Err(Refusal::TcpSynFromResponder),
            (_, SegmentKind::SynAck) if self.answers_aside(direction, segment) => {
                self.restart(segment);
                return Ok(Judgement::Pass);
            }
            (_, SegmentKind::SynAck) => {
                let own = segment.end() == sender.end;
                if !own || !acknowledges || segment.ack.after(receiver.end) {
                    return Err(Refusal::TcpSynAckInvalid);
                }
            }
            (_, SegmentKind::Ack | SegmentKind::Fin) => {
                if !acknowledges {
                    return Err(Refusal::TcpHandshakeAck);
                }
                Bounds::between(&sender, &receiver).check(segment)?;
            }
        }
        self.advance(direction, &mut sender, &mut receiver, segment)?;
        let complete = !sender.acked.before(receiver.end) && !receiver.acked.before(sender.end);
        if complete {
            self.enter_stream();
        }
        Ok(Judgement::Pass)
    }

    pub(super) fn in_syn_received(
        &mut self,
        direction: Direction,
        kind: SegmentKind,
        segment: &TcpSegment,
        now: Time,
    ) -> Result<Judgement, Refusal> {
        if self.marks.loose() {
            return self.in_stream(direction, kind, segment, now);
        }
        let (mut sender, mut receiver) = self.unpack(direction);
        match (direction, kind) {
            (_, SegmentKind::Rst) => return self.reset(direction, segment),
            (Direction::Original, SegmentKind::Syn) => {
                let again = segment.end() == sender.end || segment.seq + 1 == receiver.acked;
                return if again { Ok(Judgement::Pass) } else { self.syn_aside(segment, now) };
            }
            (Direction::Reply, SegmentKind::Syn) => return Err(Refusal::TcpSynFromResponder),
            (Direction::Original, SegmentKind::SynAck) => return Err(Refusal::TcpSynAckUnexpected),
            (Direction::Reply, SegmentKind::SynAck) => {
                // Sender is the responder.
                if self.answers_aside(direction, segment) {
                    self.restart(segment);
                } else if segment.ack != sender.acked && segment.ack != receiver.end {
                    return Err(Refusal::TcpSynAckInvalid);
                } else if segment.seq != receiver.acked {
                    // (3)
                    self.answer(receiver, segment);
                }
            }
            (Direction::Original, SegmentKind::Ack | SegmentKind::Fin) => {
                Bounds::between(&sender, &receiver).check(segment)?;
                if !segment.ack.after(sender.acked) {
                    return Err(Refusal::TcpHandshakeAck);
                }
                self.advance(direction, &mut sender, &mut receiver, segment)?;
                self.enter_stream();
            }
            // A fast open lets the responder speak before the third segment (RFC 7413 §4.2).
            (Direction::Reply, SegmentKind::Ack | SegmentKind::Fin) => {
                Bounds::between(&sender, &receiver).check(segment)?;
                self.advance(direction, &mut sender, &mut receiver, segment)?;
            }
        }
        Ok(Judgement::Pass)
    }
}

/// The scales in force: both, or neither (RFC 7323 §1.3).
fn scales(original: Option<u8>, reply: Option<u8>) -> (u8, u8) {
    match (original, reply) {
        (Some(original), Some(reply)) => (original, reply),
        (Some(_) | None, _) => (0, 0),
    }
}
