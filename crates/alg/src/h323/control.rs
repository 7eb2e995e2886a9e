//! H.245 on a connection of its own, and in call signalling.

use rasn::aper;
use session::Direction;

use super::channels::{Channel, Channels};
use super::syntax::h245::{Control, Request, Response};
use super::tpkt;
use crate::dialogue::{Dialogue, Progress};
use crate::{Notes, Remark};

/// An H.245 control channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct H245 {
    channels: Channels,
}

impl H245 {
    /// Octets of its channels at most.
    pub(super) const MOST: usize = Channels::MOST;
}

impl Dialogue for H245 {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        tpkt::read(octets, notes, |message, notes| {
            hear(&mut self.channels, from, message, notes);
        })
    }
}

/// Reads a message of H.245.
pub(super) fn hear(
    channels: &mut Channels,
    from: Direction,
    message: &[u8],
    notes: &mut Notes<'_>,
) {
    let Ok((control, _)) = aper::decode_with_remainder::<Control>(message) else {
        return notes.remark(Remark::Malformed);
    };
    match control {
        Control::Request(Request::OpenLogicalChannel(opening)) => {
            channels.open(from, Channel::Numbered(opening.number), &opening, notes);
        }
        Control::Response(Response::OpenLogicalChannelAck(acknowledgement)) => {
            channels.acknowledge(from, &acknowledgement, notes);
        }
        Control::Request(_)
        | Control::Response(_)
        | Control::Command(_)
        | Control::Indication(_) => {}
    }
}
