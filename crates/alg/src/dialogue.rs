//! What every gateway is: a reader of one protocol.

use core::fmt::Debug;

use session::Direction;

use crate::{Notes, Remark};

/// How far a gateway has come with the octets that it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It has read so many of them; it wants to see the rest again, with more behind. All of a datagram
    /// counts as read, whatever the number.
    Read(usize),
    /// It has no use for so many octets from here on, be they here already or yet to come.
    Skip(usize),
    /// The packet that completes these octets must not pass.
    Refuse(Remark),
    /// It will read no more of this conversation, in either direction.
    Stop,
}

/// One protocol's gateway, with what it remembers of one conversation.
///
/// A stream is shown as one contiguous run of octets in a direction, each octet until it has been read.
/// A dialogue reads whole lines or messages and leaves the rest; it never sees an octet twice once it is
/// read, nor one out of order. One that leaves a whole window unread reads no more.
pub(crate) trait Dialogue: Debug {
    /// Reads what the side that speaks in direction `from` has said.
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress;

    /// Reads a datagram, for a protocol whose messages end where it does.
    fn datagram(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        self.read(from, octets, notes)
    }

    /// What comes next in direction `from` of a stream follows on something that was not seen; it may begin
    /// within a line or message. Says whether it can go on all the same.
    fn resume(&mut self, from: Direction) -> bool {
        let _ = from;
        false
    }

    /// Octets that it holds beyond what each conversation may ([`crate::Reader::FREE`]).
    fn held(&self) -> usize {
        0
    }
}
