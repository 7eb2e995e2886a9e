//! H.245 on a connection of its own, and in call signalling.

use rasn::aper;
use session::Direction;

use super::channels::{Channel, Channels};
use super::syntax::h245::{Command, Control, Request, Response};
use super::tpkt;
use crate::dialogue::{Dialogue, Progress};
use crate::{Notes, Remark};

/// An H.245 control channel.
#[derive(Clone, Debug)]
pub(crate) struct H245 {
    channels: Channels,
}

impl Default for H245 {
    fn default() -> Self {
        Self { channels: Channels::of(GROUP) }
    }
}

/// One connection is for one call.
const GROUP: u32 = 1 << 15;

impl H245 {
    /// Octets of it at most, its channels among them.
    pub(super) const MOST: usize = size_of::<Self>() - size_of::<Channels>() + Channels::MOST;
}

impl Dialogue for H245 {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        tpkt::read(octets, notes, |message, notes| {
            hear(&mut self.channels, from, message, notes);
        })
    }
}

/// Reads a message of H.245, and what stands behind it: an endpoint may say several in a row. Where one ends of which
/// not all is decoded is not known here, so that what follows such a one is not read.
pub(super) fn hear(
    channels: &mut Channels,
    from: Direction,
    mut messages: &[u8],
    notes: &mut Notes<'_>,
) {
    loop {
        let Ok((control, rest)) = aper::decode_with_remainder::<Control>(messages) else {
            return notes.remark(Remark::Malformed);
        };
        match control {
            Control::Request(Request::OpenLogicalChannel(opening)) => {
                channels.open(from, Channel::Numbered(opening.number), &opening, notes);
            }
            Control::Response(Response::OpenLogicalChannelAck(acknowledgement)) => {
                channels.acknowledge(from, &acknowledgement, notes);
            }
            Control::Request(Request::CloseLogicalChannel(closed)) => {
                return channels.close(from, closed.0, notes);
            }
            Control::Response(Response::OpenLogicalChannelReject(rejected)) => {
                return channels.close(from.reversed(), rejected.0, notes);
            }
            Control::Command(Command::EndSession(_)) => return channels.end(notes),
            Control::Request(_)
            | Control::Response(_)
            | Control::Command(_)
            | Control::Indication(_) => return,
        }
        if rest.is_empty() {
            return;
        }
        messages = rest;
    }
}
