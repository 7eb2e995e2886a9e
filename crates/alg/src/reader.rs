//! One control conversation as it is read.

use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::sip::Sip;
use crate::tftp::Tftp;
use crate::{Notes, Protocol, Remark};

/// Whether a packet of a control conversation may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It may.
    Pass,
    /// It may not, for this.
    Refuse(Remark),
}

/// Reads one control conversation.
#[derive(Debug)]
pub struct Reader {
    dialogue: Speaking,
    stopped: bool,
}

#[derive(Debug)]
enum Speaking {
    Tftp(Tftp),
    Sip(Sip),
}

impl Reader {
    /// A conversation of which nothing has been read.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        let dialogue = match protocol {
            Protocol::Tftp => Speaking::Tftp(Tftp),
            Protocol::Sip => Speaking::Sip(Sip::default()),
        };
        Self { dialogue, stopped: false }
    }

    /// Reads a datagram's payload.
    pub fn datagram(&mut self, from: Direction, payload: &[u8], notes: &mut Notes<'_>) -> Reading {
        if self.stopped {
            return Reading::Pass;
        }
        let dialogue: &mut dyn Dialogue = match &mut self.dialogue {
            Speaking::Tftp(dialogue) => dialogue,
            Speaking::Sip(dialogue) => dialogue,
        };
        match dialogue.datagram(from, payload, notes) {
            Progress::Read(_) | Progress::Skip(_) => Reading::Pass,
            Progress::Refuse(remark) => Reading::Refuse(remark),
            Progress::Stop => {
                self.stopped = true;
                Reading::Pass
            }
        }
    }
}
