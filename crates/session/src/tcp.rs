//! TCP connections: states, sequence numbers and windows, resets.
//!
//! The tracker stands between the two ends and sees what they send, not what arrives. It follows both and
//! refuses what neither would send. Below, *O* is the original direction (from the initiator), *R* the reply
//! direction; *syn*, *syn_ack*, *ack* (with or without data), *fin* and *rst* are the kinds of segments
//! ([`SegmentKind`]).
//!
//! | state | O syn | O syn_ack | O ack, fin | O rst | R syn | R syn_ack | R ack, fin | R rst |
//! | --- | --- | --- | --- | --- | --- | --- | --- | --- |
//! | none | syn_sent | – | –; loose: picked up | – | | | | |
//! | syn_sent | again (1) | – | –; loose: picked up | closed (2) | simultaneous_open | syn_received (3) | passes if a bare ack (4), else –; loose: picked up | closed (3) |
//! | simultaneous_open | again or aside (6) | own SYN again (5) | window; (5) | rst | its SYN again | own SYN again (5) | window; (5) | rst |
//! | syn_received | again or aside (6) | – | window, and acks the SYN: established | rst | – | syn_received (3) | window | rst |
//! | established … last_ack | aside (6) | nothing new, in window | window | rst | – | nothing new, in window; answers (6): syn_received | window | rst; answers (6): closed |
//! | time_wait | newer: reopen, else aside (6) | as established | window | rst | newer: reopen | as established | window | rst |
//! | closed | reopen | – | bare, in window: passes | passes if exact, in window or late | reopen | – | bare, in window: passes | passes if exact, in window or late |
//!
//! – is refused. A refused segment changes nothing.
//!
//! 1. The same SYN again, or one with a new initial number, which replaces it: the connection is not yet any.
//! 2. At the end of the SYN (an abort); at the number of the challenge that (4) let pass, it passes and nothing changes.
//! 3. If it acknowledges the SYN; in part, if the SYN carried data (RFC 7413). A SYN-ACK with another initial
//!    number replaces the one before: a server that answers by SYN cookies may change its mind, and which of
//!    the two reached the initiator is seen in its ACK.
//! 4. The responder still knows an earlier connection and challenges (RFC 9293 §3.10.7.4, RFC 5961 §4.2).
//! 5. Established when each side has acknowledged all of the other's SYN. The split handshake (SYN, SYN,
//!    SYN-ACK, ACK) is this too.
//! 6. A SYN on a living connection is forwarded *aside*, without effect, at most once in a second: the other end
//!    decides (RFC 5961 §4.2). Its SYN-ACK, its RST or the initiator's RST tell what it decided. From the
//!    responder's side it is refused: its answer would open the way in to a host that may have lost its end.
//!
//! *window*: the inequalities I to IV of `Peer` (in `tcp/peer.rs`) hold. Then FINs and their acknowledgements move the state:
//! fin_wait (one FIN), half_closed (it is acknowledged), closing (both FINs), last_ack (one of the two is acknowledged),
//! time_wait (both are). New data takes back a FIN that was not acknowledged: a FIN ends its sender's stream, so
//! that one was forged.
//!
//! *rst* (RFC 5961 §3.2): exact, closed; in the receiver's window, or at the number of the sender's FIN that is all that
//! it has in flight, it passes and shortens the timeout until its receiver sends again; late (by an acknowledgement that
//! its receiver sent before), it passes in time_wait without effect; else refused.
//!
//! Not here: reassembly, checksums, what a SYN flood needs (limits, cookies), and the timeouts' lengths.

mod explain;
mod handshake;
mod marks;
mod peer;
mod reset;
mod segment;
mod stream;
#[cfg(test)]
mod tests;

use wire::{Quoted, SeqNum, TcpFlags, TcpSegment};

pub use explain::{Inequality, WindowNumbers};
pub use segment::{SegmentKind, segment_kind};

use crate::track::{EvictionClass, Judgement, Refusal};
use crate::{Direction, Time, TimeoutClass};
use marks::Marks;
use peer::{Bounds, MAX_ACK_WINDOW, PackedPeer, Peer};

wire::named! {
    /// The states of a TCP connection, both ends taken together.
    pub enum TcpState {
        /// The initiator's SYN was seen.
        SynSent = "syn_sent",
        /// Both sides have sent a SYN, neither as an answer to the other's.
        SimultaneousOpen = "simultaneous_open",
        /// The responder's SYN-ACK was seen.
        SynReceived = "syn_received",
        /// The handshake is complete.
        Established = "established",
        /// One side has sent its FIN.
        FinWait = "fin_wait",
        /// One side has sent its FIN, and it is acknowledged; the other may send on.
        HalfClosed = "half_closed",
        /// Both sides have sent their FIN, neither is acknowledged.
        Closing = "closing",
        /// Both sides have sent their FIN, one is acknowledged.
        LastAck = "last_ack",
        /// Both FINs are acknowledged.
        TimeWait = "time_wait",
        /// A valid RST ended the connection.
        Closed = "closed",
    }
}

/// A TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpTrack {
    /// By direction of sending.
    peers: [PackedPeer; 2],
    /// If [`Marks::aside`]: in SYN_SENT the number that a challenge asks a RST for; later, the initial
    /// number of a SYN that passed without effect.
    aside: SeqNum,
    /// The peers' scales, the original's in the low half.
    scales: u8,
    state: TcpState,
    marks: Marks,
}

impl TcpTrack {
    /// Starts with a SYN.
    ///
    /// # Errors
    ///
    /// Why the segment may not start a connection.
    #[inline]
    pub fn open(segment: &TcpSegment) -> Result<Self, Refusal> {
        match segment_kind(segment.flags)? {
            SegmentKind::Syn => Ok(Self::from_syn(segment)),
            SegmentKind::SynAck => Err(Refusal::TcpSynAckUnexpected),
            SegmentKind::Rst => Err(Refusal::TcpRstWithoutSession),
            SegmentKind::Ack | SegmentKind::Fin => Err(Refusal::TcpNotSyn),
        }
    }

    /// Starts with any legal segment but a RST.
    ///
    /// # Errors
    ///
    /// Why the segment may not start a connection even so.
    pub fn pick_up(segment: &TcpSegment) -> Result<Self, Refusal> {
        match segment_kind(segment.flags)? {
            SegmentKind::Syn => {
                let mut track = Self::from_syn(segment);
                track.marks.set_loose(true);
                Ok(track)
            }
            SegmentKind::SynAck | SegmentKind::Ack | SegmentKind::Fin => {
                Ok(Self::from_middle(Direction::Original, segment))
            }
            SegmentKind::Rst => Err(Refusal::TcpRstWithoutSession),
        }
    }

    /// Judges a later segment, and follows it if it passes.
    #[inline]
    pub fn judge(&mut self, direction: Direction, segment: &TcpSegment, now: Time) -> Judgement {
        if self.flows(segment.flags) {
            return match self.flow(direction, segment) {
                Ok(()) => Judgement::Pass,
                Err(refusal) => Judgement::Refuse(refusal),
            };
        }
        let outcome = segment_kind(segment.flags).and_then(|kind| match self.state {
            TcpState::SynSent => self.in_syn_sent(direction, kind, segment),
            TcpState::SimultaneousOpen => self.in_simultaneous_open(direction, kind, segment, now),
            TcpState::SynReceived => self.in_syn_received(direction, kind, segment, now),
            TcpState::Established
            | TcpState::FinWait
            | TcpState::HalfClosed
            | TcpState::Closing
            | TcpState::LastAck
            | TcpState::TimeWait => self.in_stream(direction, kind, segment, now),
            TcpState::Closed => self.in_closed(direction, kind, segment),
        });
        match outcome {
            Ok(judgement) => judgement,
            Err(refusal) => Judgement::Refuse(refusal),
        }
    }

    /// Whether a segment with these flags moves the windows, if anything, and neither state nor timeout: nearly all do.
    #[inline(always)]
    pub fn flows(&self, flags: TcpFlags) -> bool {
        self.state == TcpState::Established && segment::is_ack(flags) && self.marks.are_quiet()
    }

    /// Judges a segment that [`Self::flows`], and follows it if it passes.
    ///
    /// # Errors
    ///
    /// Why it does not.
    #[inline(always)]
    pub fn flow(&mut self, direction: Direction, segment: &TcpSegment) -> Result<(), Refusal> {
        let (mut sender, mut receiver) = self.unpack(direction);
        Bounds::between(&sender, &receiver).check(segment)?;
        sender.sends(&mut receiver, segment);
        self.keep(direction, &sender, &receiver);
        Ok(())
    }

    /// The state, both ends taken together.
    #[inline]
    pub fn state(&self) -> TcpState {
        self.state
    }

    /// Whether it was picked up in the middle.
    pub fn is_picked_up(&self) -> bool {
        self.marks.loose() && self.state != TcpState::SynSent
    }

    /// Whether an inexact RST was let through whose receiver has not been heard since.
    pub fn has_unverified_rst(&self) -> bool {
        self.marks.unverified_rst()
    }

    /// State, and whether a RST is unverified: what decides which timeout holds.
    #[inline(always)]
    pub(crate) fn phase(&self) -> u16 {
        self.state as u16 | u16::from(self.marks.unverified_rst()) << 8
    }

    /// Which timeout holds. An unverified RST shortens those that would be longer.
    #[inline]
    pub fn timeout_class(&self) -> TimeoutClass {
        let unverified = self.marks.unverified_rst();
        match self.state {
            TcpState::Established | TcpState::FinWait | TcpState::HalfClosed if unverified => {
                TimeoutClass::TcpRstUnverified
            }
            TcpState::SynSent => TimeoutClass::TcpSynSent,
            TcpState::SimultaneousOpen | TcpState::SynReceived => TimeoutClass::TcpSynReceived,
            TcpState::Established => TimeoutClass::TcpEstablished,
            TcpState::FinWait | TcpState::HalfClosed => TimeoutClass::TcpHalfClosed,
            TcpState::Closing | TcpState::LastAck => TimeoutClass::TcpClosing,
            TcpState::TimeWait => TimeoutClass::TcpTimeWait,
            TcpState::Closed => TimeoutClass::TcpClosed,
        }
    }

    /// How readily it makes room. A connection that was picked up and only heard from one side has proved
    /// nothing, or every stray ACK would take a place for good.
    pub fn eviction_class(&self) -> EvictionClass {
        let [original, reply] = self.unpack_both();
        match self.state {
            TcpState::SynSent | TcpState::SimultaneousOpen | TcpState::SynReceived => {
                EvictionClass::HalfOpen
            }
            TcpState::Established | TcpState::FinWait | TcpState::HalfClosed => {
                if original.heard() && reply.heard() {
                    EvictionClass::Never
                } else {
                    EvictionClass::OneWay
                }
            }
            TcpState::Closing | TcpState::LastAck => EvictionClass::Closing,
            TcpState::TimeWait | TcpState::Closed => EvictionClass::Closed,
        }
    }

    /// Whether an ICMP error quotes a segment that its sender can have in flight, or had a window ago
    /// (RFC 5927 §4.1, less strictly: acknowledgements overtake errors).
    ///
    /// # Errors
    ///
    /// What is wrong with the quotation.
    pub fn relate(&self, direction: Direction, quoted: &Quoted) -> Result<(), Refusal> {
        let Some(seq) = quoted.seq else { return Err(Refusal::IcmpQuoteTruncated) };
        let (sender, receiver) = self.unpack(direction);
        // Only an unanswered SYN, and a pick-up, have a receiver that was not heard.
        let lower = match (receiver.heard(), self.state) {
            (true, _) => sender.end - receiver.max_window,
            (false, TcpState::SynSent) => receiver.acked,
            (false, _) => sender.end - MAX_ACK_WINDOW,
        };
        let speaker_known = sender.heard() || self.is_picked_up();
        if !speaker_known || seq.before(lower) || seq.after(sender.end) {
            return Err(Refusal::IcmpQuoteSeq);
        }
        Ok(())
    }

    /// The peers as {sender, receiver} of a segment.
    #[inline]
    fn unpack(&self, direction: Direction) -> (Peer, Peer) {
        (self.peer(direction), self.peer(direction.reversed()))
    }

    #[inline]
    fn unpack_both(&self) -> [Peer; 2] {
        [self.peer(Direction::Original), self.peer(Direction::Reply)]
    }

    /// The peer that sends in a direction.
    #[inline]
    fn peer(&self, sender: Direction) -> Peer {
        let scale = self.scales >> (4 * sender.index()) & 0xf;
        self.peers[sender.index()].unpack(scale)
    }

    /// Keeps what [`Peer::sends`] has changed: all of the sender, and what the receiver has sent.
    #[inline(always)]
    fn keep(&mut self, direction: Direction, sender: &Peer, receiver: &Peer) {
        self.peers[direction.index()] = sender.pack();
        self.peers[direction.reversed().index()].set_end(receiver.end);
    }

    #[inline]
    fn pack(&mut self, direction: Direction, sender: &Peer, receiver: &Peer) {
        let [original, reply] = match direction {
            Direction::Original => [sender, receiver],
            Direction::Reply => [receiver, sender],
        };
        self.peers = [original.pack(), reply.pack()];
        self.scales = original.scale | reply.scale << 4;
    }
}
