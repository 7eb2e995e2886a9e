//! The calls of one control session.

use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::hash::DefaultHasher;

use session::Direction;

use crate::media::Media;
use crate::sdp::Description;
use crate::{Notes, Remark};

/// Calls that one control session can have at once. Of more, the one that has been silent for longest is
/// forgotten: what it has announced stands, and its next description is read as if it were the first.
const CALLS: usize = 32;

/// What a message is to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It begins a call, or changes one.
    Invitation,
    /// It changes one without a new round of ringing (RFC 3311).
    Update,
    /// It may answer an offer that an answer made, or make an offer (RFC 3262 §5).
    Acknowledgement,
    /// It answers an INVITE, an UPDATE or a PRACK.
    Answer,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The one heard of last is last.
    calls: Vec<Call>,
}

#[derive(Debug, Default)]
struct Call {
    id: u64,
    media: Media,
    /// Who has made the last offer.
    offered: Option<Direction>,
}

impl Calls {
    /// Hears a message of a call, with the media that it describes.
    ///
    /// An offer announces at once, as media may come before any answer does (RFC 3264 §5.1); under
    /// `strict`, only once it is answered. Whatever is announced renews what the other side has
    /// announced, since it may change where that comes from.
    pub(super) fn hear(
        &mut self,
        from: Direction,
        id: &[u8],
        said: Said,
        description: Option<Description>,
        lifetime: Option<Duration>,
        notes: &mut Notes<'_>,
    ) {
        let id = hashed(id);
        let strict = notes.options.strict;
        let known = self.find(id);
        if known.is_none() && strict && said == Said::Answer {
            return notes.remark(Remark::Unasked);
        }
        let is_offer = match said {
            Said::Invitation | Said::Update => true,
            Said::Acknowledgement | Said::Answer => {
                known.and_then(|call| call.offered) != Some(from.reversed())
            }
        };
        let Some(description) = description else {
            // An INVITE without an offer leaves it to its answer (RFC 3261 §13.2.1).
            if said == Said::Invitation {
                self.last(id).offered = None;
            }
            return;
        };
        let call = self.last(id);
        if is_offer {
            call.offered = Some(from);
        }
        call.media.describe(from, description, notes);
        if is_offer && strict {
            return;
        }
        call.media.announce(from, lifetime, notes);
        if call.media.is_described(from.reversed()) {
            call.media.announce(from.reversed(), lifetime, notes);
        }
    }

    /// The side that speaks has refused an INVITE. A call that it has never described media for is none.
    pub(super) fn refused(&mut self, from: Direction, id: &[u8]) {
        let id = hashed(id);
        self.calls.retain(|call| call.id != id || call.media.is_described(from));
    }

    /// The call has ended.
    pub(super) fn forget(&mut self, id: &[u8]) {
        let id = hashed(id);
        self.calls.retain(|call| call.id != id);
    }

    fn find(&self, id: u64) -> Option<&Call> {
        self.calls.iter().find(|call| call.id == id)
    }

    /// The call of this identity, moved to the end; a new one if there is none.
    fn last(&mut self, id: u64) -> &mut Call {
        let call = match self.calls.iter().position(|call| call.id == id) {
            Some(at) => self.calls.remove(at),
            None => {
                if self.calls.len() == CALLS {
                    self.calls.remove(0);
                }
                Call { id, ..Call::default() }
            }
        };
        self.calls.push(call);
        self.calls.last_mut().expect("a call has just been pushed")
    }
}

/// Call-IDs are compared octet by octet (RFC 3261 §8.1.1.4).
fn hashed(id: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
