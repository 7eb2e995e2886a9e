//! The calls of one control session. Their Call-IDs and tags are compared octet by octet (RFC 3261 §8.1.1.4).

use core::time::Duration;

use arrayvec::ArrayVec;
use session::Direction;

use crate::media::{Media, RINGING, group, hashed, held, make_room};
use crate::sdp::Description;
use crate::{Notes, Remark};

use super::places::{CALL, Place};

/// Dialogs of one call, and INVITEs of it that wait: one, but where it was forked (RFC 3261 §13.2.2.4).
const DIALOGS: usize = 4;

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

#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// The one heard of last is last.
    calls: Vec<Call>,
    /// There were more than are remembered.
    forgotten: bool,
}

#[derive(Clone, Debug, Default)]
struct Call {
    id: u64,
    media: Media,
    /// Who has said the last INVITE.
    inviter: Option<Direction>,
    /// The INVITEs that have not been refused.
    invitations: ArrayVec<[u64; 2], DIALOGS>,
    /// Who has made the last offer.
    offered: Option<Direction>,
    /// Where each side wants later requests to go.
    contacts: [Option<Place>; 2],
    /// The tags of those who have taken it.
    dialogs: ArrayVec<u64, DIALOGS>,
}

impl Calls {
    /// Octets that they hold beyond what every conversation may.
    pub(super) fn held(&self) -> usize {
        held(self.calls.len())
    }

    /// A side says an INVITE of this transaction.
    pub(super) fn invited(
        &mut self,
        from: Direction,
        id: &[u8],
        transaction: [u64; 2],
        room: usize,
    ) {
        let call = self.last(hashed(id), room);
        call.inviter = Some(from);
        if !call.invitations.contains(&transaction) {
            call.invitations.try_push(transaction).ok();
        }
    }

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
                self.last(id, notes.room).offered = None;
            }
            return;
        };
        let call = self.last(id, notes.room);
        if is_offer {
            call.offered = Some(from);
        }
        call.media.describe(from, description, notes);
        if is_offer && strict {
            return;
        }
        call.media.announce(from, lifetime, group(id), notes);
        if call.media.is_described(from.reversed()) {
            call.media.announce(from.reversed(), lifetime, group(id), notes);
        }
    }

    /// A side says in an INVITE, or in an answer to one, where it wants later requests of the call to go. For now it is
    /// ringing; with strictness, once it is answered.
    pub(super) fn contact(
        &mut self,
        from: Direction,
        id: &[u8],
        said: Said,
        place: Place,
        notes: &mut Notes<'_>,
    ) {
        self.last(hashed(id), notes.room).contacts[from.index()] = Some(place);
        if said == Said::Answer || !notes.options.strict {
            place.expect(from, RINGING, notes);
        }
    }

    /// Whether the side that speaks may answer an INVITE: with strictness only one that the other side has said.
    pub(super) fn may_answer(&self, from: Direction, id: &[u8], notes: &Notes<'_>) -> bool {
        let inviter = self.find(hashed(id)).and_then(|call| call.inviter);
        !notes.options.strict || inviter == Some(from.reversed())
    }

    /// The side that speaks rings: now the other side's later requests are agreed to.
    pub(super) fn rings(&self, from: Direction, id: &[u8], notes: &mut Notes<'_>) {
        let call = self.find(hashed(id)).filter(|_| notes.options.strict);
        if let Some(place) = call.and_then(|call| call.contacts[from.reversed().index()]) {
            place.expect(from.reversed(), RINGING, notes);
        }
    }

    /// The side that speaks has taken the call, as the one of this tag: it lasts until it is ended.
    pub(super) fn taken(&mut self, from: Direction, id: &[u8], tag: &[u8], notes: &mut Notes<'_>) {
        let (id, tag) = (hashed(id), hashed(tag));
        let Some(call) = self.calls.iter_mut().find(|call| call.id == id) else { return };
        if !call.dialogs.contains(&tag) {
            call.dialogs.try_push(tag).ok();
        }
        for side in [from, from.reversed()] {
            if let Some(place) = call.contacts[side.index()] {
                place.expect(side, CALL, notes);
            }
        }
    }

    /// The side that speaks refuses an INVITE of this transaction. If nobody has taken the call before, and no other INVITE
    /// of it waits, it is none, and what it has announced is taken back; but not after early media, which tell in band why
    /// there is no call, and go on for a moment.
    pub(super) fn refused(
        &mut self,
        from: Direction,
        id: &[u8],
        transaction: [u64; 2],
        notes: &mut Notes<'_>,
    ) {
        let id = hashed(id);
        let Some(call) = self.calls.iter_mut().find(|call| call.id == id) else { return };
        // A refusal is sent again until it is acknowledged, when another INVITE may have followed.
        let Some(at) = call.invitations.iter().position(|it| *it == transaction) else { return };
        call.invitations.remove(at);
        if !call.invitations.is_empty() || !call.dialogs.is_empty() {
            return;
        }
        if call.media.is_described(from) {
            self.calls.retain(|call| call.id != id);
        } else {
            self.forget(id, notes);
        }
    }

    /// One dialog of a call has ended, whose ends have these tags. With the last that was taken the call has: what it has
    /// announced and nobody used is taken back. Who gives up one of those that ring (RFC 3261 §15) leaves the others.
    pub(super) fn ended(&mut self, id: &[u8], tags: [&[u8]; 2], notes: &mut Notes<'_>) {
        let (id, tags) = (hashed(id), tags.map(hashed));
        let Some(call) = self.calls.iter_mut().find(|call| call.id == id) else { return };
        let were_taken = !call.dialogs.is_empty();
        call.dialogs.retain(|tag| !tags.contains(tag));
        if were_taken && call.dialogs.is_empty() {
            self.forget(id, notes);
        }
    }

    fn forget(&mut self, id: u64, notes: &mut Notes<'_>) {
        self.calls.retain(|call| call.id != id);
        notes.withdraw(group(id));
    }

    /// Whether a call may be under way whose later requests go to this place of the side that speaks in direction `from`.
    pub(super) fn may_use(&self, from: Direction, place: Place) -> bool {
        self.forgotten || self.calls.iter().any(|call| call.contacts[from.index()] == Some(place))
    }

    fn find(&self, id: u64) -> Option<&Call> {
        self.calls.iter().find(|call| call.id == id)
    }

    /// The call of this identity, moved to the end; a new one if there is none.
    fn last(&mut self, id: u64, room: usize) -> &mut Call {
        let call = match self.calls.iter().position(|call| call.id == id) {
            Some(at) => self.calls.remove(at),
            None => {
                self.forgotten |= make_room(&mut self.calls, room);
                Call { id, ..Call::default() }
            }
        };
        self.calls.push(call);
        self.calls.last_mut().expect("a call has just been pushed")
    }
}
