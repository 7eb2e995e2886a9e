//! The numbers behind a verdict, computed anew for whoever asks: nothing of this runs on the packet path.

use core::fmt;

use wire::{SeqNum, TcpSegment};

use super::TcpTrack;
use super::peer::{Bounds, furthest_ack};
use crate::Direction;
use crate::track::Refusal;

wire::named! {
    /// Van Rooij's inequalities.
    pub enum Inequality {
        /// The segment begins inside the window that its receiver offered.
        I = "i_seq_upper",
        /// The segment ends no more than a window before what its sender already sent.
        II = "ii_seq_lower",
        /// It acknowledges nothing that was not sent.
        III = "iii_ack_upper",
        /// Its acknowledgement is no older than a window.
        IV = "iv_ack_lower",
    }
}

impl Inequality {
    /// The one that a refusal is about.
    pub const fn of(refusal: Refusal) -> Option<Self> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all other refusals are about no number"
        )]
        match refusal {
            Refusal::TcpSeqAboveWindow => Some(Self::I),
            Refusal::TcpSeqBelowWindow => Some(Self::II),
            Refusal::TcpAckAboveSent => Some(Self::III),
            Refusal::TcpAckTooOld => Some(Self::IV),
            _ => None,
        }
    }
}

/// A segment's numbers beside those of its connection, as `explain` and a capture's comment show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowNumbers {
    /// The segment's sequence number.
    pub seq: SeqNum,
    /// The end of the segment.
    pub end: SeqNum,
    /// The later of its acknowledgement and its SACK blocks' right edge.
    pub ack: SeqNum,
    /// The end of what its sender sent before.
    pub sender_end: SeqNum,
    /// The receiver's highest acknowledgement.
    pub receiver_acked: SeqNum,
    /// The bounds of I and II, upper and lower; None if the receiver was not heard.
    pub data: Option<(SeqNum, SeqNum)>,
    /// The bounds of III and IV, upper and lower; None if the receiver was not heard.
    pub acks: Option<(SeqNum, SeqNum)>,
    /// The first inequality that does not hold.
    pub failed: Option<Inequality>,
}

impl TcpTrack {
    /// How the segment's numbers stand to the connection's, whatever its state. To be asked before
    /// [`Self::judge`], or after it refused.
    pub fn window_numbers(&self, direction: Direction, segment: &TcpSegment) -> WindowNumbers {
        let (sender, receiver) = self.unpack(direction);
        let bounds = Bounds::between(&sender, &receiver);
        WindowNumbers {
            seq: segment.seq,
            end: segment.end(),
            ack: furthest_ack(segment),
            sender_end: sender.end,
            receiver_acked: receiver.acked,
            data: bounds.data,
            acks: bounds.ack,
            failed: bounds.check(segment).err().and_then(Inequality::of),
        }
    }
}

impl TcpTrack {
    /// The sequence and acknowledgement numbers that the sender of a direction would send next, if it has everything.
    pub fn next_numbers(&self, direction: Direction) -> (SeqNum, SeqNum) {
        let (sender, receiver) = self.unpack(direction);
        (sender.end, receiver.end)
    }
}

impl fmt::Display for WindowNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, end, ack, sender_end, receiver_acked, data, acks, failed } = self;
        write!(f, "seq {} to {}, ack {}; ", seq.0, end.0, ack.0)?;
        write!(f, "sent up to {}, acknowledged up to {}; ", sender_end.0, receiver_acked.0)?;
        for (what, bounds) in [("seq", data), ("ack", acks)] {
            match bounds {
                Some((upper, lower)) => write!(f, "{what} {} to {} allowed; ", lower.0, upper.0)?,
                None => write!(f, "{what} not bounded; ")?,
            }
        }
        match failed {
            Some(inequality) => write!(f, "fails {inequality}"),
            None => f.write_str("in window"),
        }
    }
}
