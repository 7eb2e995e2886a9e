//! What one end of a connection has sent and offered, and the inequalities that bound its next segment.

use core::cmp::max;

use wire::{SeqNum, TcpSegment};

use crate::track::Refusal;

/// One end of a connection, as far as the segments that passed here tell.
///
/// A segment of a connection is valid if four inequalities hold (G. van Rooij, "Real Stateful TCP Packet
/// Filtering in IP Filter", 2001). With *s* its sequence number, *n* the sequence space it takes, *a* its
/// acknowledgement, and *a′* the later of *a* and the right edge of its SACK blocks (RFC 2018):
///
/// ```text
/// I    s     ≤ max(receiver.edge, sender.end)         without data, else s < receiver.edge
/// II   s + n ≥ sender.end − receiver.max_window − 1460
/// III  a     ≤ receiver.end
/// IV   a′    ≥ receiver.end − max(66000, sender.max_window)
/// ```
///
/// - I asks only that the segment begins inside: senders do overshoot, and receivers trim (RFC 9293 §3.10.7.4).
///   What lies beyond the edge is not counted as sent. A FIN may stand right at the edge: stacks send
///   it into a full window, and receivers take it there; the sender's acknowledgements then follow beyond it.
/// - II lets through whatever may still be a retransmission: nobody has more than a window in flight, and the
///   segment by which a sender overshoots (the paper has no such allowance). A connection whose acknowledgements are
///   lost behind this point would stall, did its oldest segment not come through to be acknowledged once more.
/// - III is strict, as in the paper and Linux; pf and NPF let an acknowledgement run 66000 ahead. Inline, data
///   passes before its acknowledgement can exist, so one that runs ahead is forged or belongs to another path.
///   SACK blocks are not held against it: boxes that rewrite sequence numbers and forget them there exist, the
///   receiver ignores such blocks, and nothing here is learned from them.
/// - IV: an acknowledgement lags behind by no more than what was in flight, a window of its own sender's. The
///   paper's 66000 (MAXACKWINDOW) is a little more than the largest unscaled window and remains as the floor
///   for small windows; to scale it, as some trackers do, would only let a forger guess more easily.
/// - A peer that was not heard yet (only after a pick-up) sets no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// The end of the furthest segment it sent: SND.NXT.
    pub(super) end: SeqNum,
    /// The highest acknowledgement it sent: RCV.NXT. Before its first one, the other side's initial number.
    pub(super) acked: SeqNum,
    /// The highest right edge that it ever offered: acknowledgement plus window.
    pub(super) edge: SeqNum,
    /// The largest window that it ever offered, in octets; 0 if it was not heard.
    pub(super) max_window: u32,
    /// The shift count of its windows: 0 until both SYNs were seen to offer scaling (RFC 7323 §2.2).
    pub(super) scale: u8,
}

/// MAXACKWINDOW of the paper, octets.
pub(super) const MAX_ACK_WINDOW: u32 = 66_000;

/// By how much a sender overshoots the window at most: a full segment on Ethernet, octets (RFC 6691 §2).
const OVERSHOOT: u32 = 1_460;

/// The scale assumed of a peer whose SYN was not seen: the largest there is (RFC 7323 §2.3), since too small
/// a window would cut the connection.
pub(super) const UNKNOWN_SCALE: u8 = 14;

/// A peer in twelve octets: windows in units of its scale, rounded up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PackedPeer {
    end: SeqNum,
    acked: SeqNum,
    /// From `acked` to the right edge.
    offered: u16,
    max_window: u16,
}

impl PackedPeer {
    /// What is learned of a peer that has not sent here: how far the other's acknowledgements go.
    #[inline]
    pub(super) fn set_end(&mut self, end: SeqNum) {
        self.end = end;
    }

    #[inline]
    pub(super) fn unpack(self, scale: u8) -> Peer {
        let Self { end, acked, offered, max_window } = self;
        Peer {
            end,
            acked,
            edge: acked + (u32::from(offered) << scale),
            max_window: u32::from(max_window) << scale,
            scale,
        }
    }
}

/// The numbers that a segment is held against: `sallyctl explain` shows them, the fast path compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// I: receiver.edge, and II: its lower bound. None if the receiver was not heard.
    pub(super) data: Option<(SeqNum, SeqNum)>,
    /// III and IV, upper and lower bound. None if the receiver was not heard.
    pub(super) ack: Option<(SeqNum, SeqNum)>,
    /// I: sender.end.
    sent: SeqNum,
}

impl Bounds {
    #[inline(always)]
    pub(super) fn between(sender: &Peer, receiver: &Peer) -> Self {
        if !receiver.heard() {
            return Self { data: None, ack: None, sent: sender.end };
        }
        let floor = max(MAX_ACK_WINDOW, sender.max_window);
        Self {
            data: Some((receiver.edge, sender.end - receiver.max_window - OVERSHOOT)),
            ack: Some((receiver.end, receiver.end - floor)),
            sent: sender.end,
        }
    }

    /// Whether I to IV hold.
    #[inline(always)]
    pub(super) fn check(&self, segment: &TcpSegment) -> Result<(), Refusal> {
        if let Some((edge, lower)) = self.data {
            // I
            let above = if segment.payload == 0 {
                segment.seq.after(edge.latest(self.sent))
            } else {
                !segment.seq.before(edge)
            };
            if above {
                return Err(Refusal::TcpSeqAboveWindow);
            }
            // II
            if segment.end().before(lower) {
                return Err(Refusal::TcpSeqBelowWindow);
            }
        }
        if let Some((upper, lower)) = self.ack {
            // III
            if segment.ack.after(upper) {
                return Err(Refusal::TcpAckAboveSent);
            }
            // IV
            if furthest_ack(segment).before(lower) {
                return Err(Refusal::TcpAckTooOld);
            }
        }
        Ok(())
    }
}

/// *a′*.
#[inline]
pub(super) fn furthest_ack(segment: &TcpSegment) -> SeqNum {
    segment.sack_right.map_or(segment.ack, |right| segment.ack.latest(right))
}

impl Peer {
    /// Whether it has sent anything here.
    #[inline]
    pub(super) fn heard(&self) -> bool {
        self.max_window != 0
    }

    /// The window that a segment of this peer offers, in octets. That of a SYN is never scaled (RFC 7323
    /// §2.2), and a closed one still lets in a probe of one octet (RFC 9293 §3.8.6.1).
    #[inline]
    pub(super) fn window_of(&self, segment: &TcpSegment) -> u32 {
        let scale = if segment.flags.syn() { 0 } else { self.scale };
        max(u32::from(segment.window) << scale, 1)
    }

    /// Counts a segment with ACK that it sent to `receiver` and that passed the inequalities.
    #[inline(always)]
    pub(super) fn sends(&mut self, receiver: &mut Self, segment: &TcpSegment) {
        let window = self.window_of(segment);
        let mut end = segment.end();
        if receiver.heard() {
            if end.after(receiver.edge + u32::from(segment.flags.fin())) {
                end = receiver.edge;
            }
        } else {
            // What the silent side has sent is known by what is acknowledged.
            receiver.end = receiver.end.latest(furthest_ack(segment));
        }
        self.end = self.end.latest(end);
        self.acked = self.acked.latest(segment.ack);
        self.edge = self.edge.latest(segment.ack + window);
        self.max_window = max(self.max_window, window);
    }

    #[inline(always)]
    pub(super) fn pack(&self) -> PackedPeer {
        let Self { end, acked, edge, max_window, scale } = *self;
        let units = |octets: u32| {
            let unit = 1_u32 << scale;
            u16::try_from((octets + (unit - 1)) >> scale).unwrap_or(u16::MAX)
        };
        PackedPeer {
            end,
            acked,
            offered: if edge.before(acked) { 0 } else { units(edge.since(acked)) },
            max_window: units(max_window),
        }
    }
}
