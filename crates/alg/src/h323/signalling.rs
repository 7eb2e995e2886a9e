//! H.225.0 call signalling: where H.245 will be spoken, and the channels of fast start and of tunnelled H.245.

use arrayvec::ArrayVec;
use core::time::Duration;
use rasn::aper;
use session::Direction;

use super::channels::{Channel, Channels};
use super::control;
use super::places::{Place, TCP, permitted, signalled};
use super::q931;
use super::syntax::asn1::Encoded;
use super::syntax::h225::{
    Body, Connect, Enclosed, Facility, Information, Proceeding, Progress as InProgress, Setup,
    TransportAddress, UserInformation,
};
use super::syntax::h245::OpenLogicalChannel;
use super::tpkt;
use crate::dialogue::Progress;
use crate::media::RINGING;
use crate::{Announcement, Notes, Protocol, Remark};

/// Calls that one connection carries at once; of more, the oldest is forgotten.
const CALLS: usize = 8;

/// A connection of call signalling.
#[derive(Clone, Debug, Default)]
pub(super) struct Signalling {
    calls: ArrayVec<Box<Call>, CALLS>,
}

#[derive(Clone, Debug)]
struct Call {
    caller: Direction,
    reference: u16,
    channels: Channels,
    /// Where the caller offers to speak H.245, until the called party has said something. Only if the reading is strict.
    offered: Option<Place>,
}

/// What a message says that matters here.
#[derive(Debug, Default)]
struct Said {
    what: What,
    h245_address: Option<TransportAddress>,
    fast_start: Option<Enclosed>,
    /// H.245 messages in the body; those of any message stand beside it.
    parallel: Option<Enclosed>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum What {
    Setup,
    /// What only the called party says, before it answers the call.
    Answering,
    /// That it does.
    Answer,
    Release,
    /// What either may say.
    #[default]
    Other,
}

impl Signalling {
    /// Octets of one call at most.
    pub(super) const ONE: usize = Call::MOST;
    /// Octets of all calls but the first.
    pub(super) const MOST: usize = (CALLS - 1) * Call::MOST;

    /// Octets that it holds at most for the calls that it remembers, beyond the first.
    pub(super) fn held(&self) -> usize {
        self.calls.len().saturating_sub(1) * Call::MOST
    }

    /// Reads a run of octets of a connection.
    pub(super) fn read(
        &mut self,
        from: Direction,
        octets: &[u8],
        notes: &mut Notes<'_>,
    ) -> Progress {
        tpkt::read(octets, notes, |message, notes| self.message(from, message, notes))
    }

    fn message(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) {
        let Some(message) = q931::Message::of(octets) else {
            return notes.remark(Remark::Malformed);
        };
        let Some(user) = message.user else { return };
        let Ok((UserInformation { pdu, .. }, _)) = aper::decode_with_remainder(user) else {
            return notes.remark(Remark::Malformed);
        };
        let Said { what, h245_address, fast_start, parallel } = Said::of(pdu.body);
        let only_the = match what {
            What::Setup => Some(false),
            What::Answering | What::Answer => Some(true),
            What::Release | What::Other => None,
        };
        if only_the.is_some_and(|called| called != message.from_called) {
            return notes.remark(Remark::WrongSide);
        }
        let caller = if message.from_called { from.reversed() } else { from };
        let reference = message.reference;
        if what == What::Release {
            return self.release(caller, reference, notes);
        }
        if what == What::Setup {
            self.begin(caller, reference, notes.room);
        }
        let tunnelled = [parallel, pdu.h245_control].map(Option::unwrap_or_default);
        let says_nothing = h245_address.is_none()
            && fast_start.is_none()
            && tunnelled.iter().all(|messages| messages.elements.is_empty());
        let Some(call) = self.calls.iter_mut().find(|call| call.is(caller, reference)) else {
            if !says_nothing {
                notes.remark(Remark::Unasked);
            }
            return;
        };
        if from != caller
            && let Some(place) = call.offered.take()
        {
            call.expect_control(caller, place, Some(RINGING), notes);
        }
        if let Some(place) = h245_address.as_ref().and_then(signalled) {
            if what == What::Setup && notes.options.strict {
                call.offered = Some(place);
            } else {
                let lifetime = if what == What::Answer { None } else { Some(RINGING) };
                call.expect_control(from, place, lifetime, notes);
            }
        }
        if let Some(channels) = &fast_start {
            call.fast_start(from, channels, notes);
        }
        if what == What::Answer {
            call.channels.answered(from, notes);
        }
        for Enclosed { elements, more } in &tunnelled {
            for Encoded(message) in elements {
                control::hear(&mut call.channels, from, message, notes);
            }
            if *more {
                notes.remark(Remark::Overlong);
            }
        }
    }

    /// A Setup begins a call, be it for the first time or again.
    fn begin(&mut self, caller: Direction, reference: u16, room: usize) {
        self.calls.retain(|call| !call.is(caller, reference));
        if self.calls.is_full() || (!self.calls.is_empty() && room < Call::MOST) {
            self.calls.remove(0);
        }
        let channels = Channels::of(group(caller, reference));
        self.calls.push(Box::new(Call { caller, reference, channels, offered: None }));
    }

    /// Takes back what a call has announced, be it known or forgotten.
    fn release(&mut self, caller: Direction, reference: u16, notes: &mut Notes<'_>) {
        self.calls.retain(|call| !call.is(caller, reference));
        notes.withdraw_all(Channels::groups(group(caller, reference)));
    }
}

impl Call {
    /// Octets of one call at most.
    const MOST: usize = size_of::<Self>() - size_of::<Channels>() + Channels::MOST;

    /// Either side may number calls that it makes, so that both may use one number.
    fn is(&self, caller: Direction, reference: u16) -> bool {
        self.caller == caller && self.reference == reference
    }

    /// The caller proposes channels, the called party accepts some (H.323 §8.1.7).
    fn fast_start(&mut self, from: Direction, channels: &Enclosed, notes: &mut Notes<'_>) {
        for Encoded(channel) in &channels.elements {
            match aper::decode_with_remainder::<OpenLogicalChannel>(channel) {
                Ok((channel, _)) if from == self.caller => {
                    self.channels.open(from, Channel::Proposed, &channel, notes);
                }
                Ok((channel, _)) => self.channels.accept(from, &channel, notes),
                Err(_) => notes.remark(Remark::Malformed),
            }
        }
        if channels.more {
            notes.remark(Remark::Overlong);
        }
    }

    /// Expects the connection of H.245 to where the side that speaks in direction `from` listens.
    ///
    /// It comes from the other party of the call. Where the rule allows third parties that may be behind the one that signals,
    /// a gatekeeper that passes calls on, and nobody says where.
    fn expect_control(
        &self,
        from: Direction,
        place: Place,
        lifetime: Option<Duration>,
        notes: &mut Notes<'_>,
    ) {
        let Some(destination) = permitted(place, from, Remark::Bounce, notes) else { return };
        let own = destination.0 == notes.peers.speaker(from).0;
        let source = if notes.options.third_party && own {
            Announcement::any_host(destination.0)
        } else {
            notes.peers.listener(from).0
        };
        notes.expect(Announcement {
            lifetime,
            read: Some(Protocol::H245),
            group: group(self.caller, self.reference),
            ..Announcement::once(TCP, from.reversed(), source, destination)
        });
    }
}

impl Said {
    fn of(body: Body) -> Self {
        match body {
            Body::Setup(setup) => {
                let Setup { h245_address, fast_start, parallel_h245_control: parallel, .. } =
                    *setup;
                Self { what: What::Setup, h245_address, fast_start, parallel }
            }
            Body::CallProceeding(Proceeding { h245_address, fast_start, .. })
            | Body::Alerting(Proceeding { h245_address, fast_start, .. })
            | Body::Progress(InProgress { h245_address, fast_start, .. }) => {
                Self { what: What::Answering, h245_address, fast_start, parallel: None }
            }
            Body::Connect(Connect { h245_address, fast_start, .. }) => {
                Self { what: What::Answer, h245_address, fast_start, parallel: None }
            }
            Body::Facility(Facility { h245_address, fast_start, .. }) => {
                Self { h245_address, fast_start, ..Self::default() }
            }
            Body::Information(Information { fast_start, .. }) => {
                Self { fast_start, ..Self::default() }
            }
            Body::ReleaseComplete(_) => Self { what: What::Release, ..Self::default() },
            Body::Empty(_)
            | Body::Status(_)
            | Body::StatusInquiry(_)
            | Body::SetupAcknowledge(_)
            | Body::Notify(_) => Self::default(),
        }
    }
}

/// The group of what a call announces, but for its channels, which have those that follow it ([`Channels::of`]).
fn group(caller: Direction, reference: u16) -> u32 {
    let caller = match caller {
        Direction::Original => 1,
        Direction::Reply => 2,
    };
    (u32::from(reference) << 2 | caller) << 15
}
