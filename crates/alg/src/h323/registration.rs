//! RAS: where endpoints may be called, and where a gatekeeper sends them.
//!
//! An endpoint registers the places where it may be called; the gatekeeper confirms. For each call it asks for admission
//! and is told whom to call. Answers bear the number of their request, and a request has one answer: a second counts if
//! it is the same again. What a registration has opened is taken back when another takes its place or its end is
//! confirmed, what an admission has with the end of the call.

use core::net::IpAddr;
use core::time::Duration;

use arrayvec::ArrayVec;
use rasn::aper;
use session::Direction;

use super::places::{Place, TCP, permitted, signalled};
use super::syntax::h225::{Addresses, TransportAddress};
use super::syntax::ras::{RasMessage, RegistrationConfirm, RegistrationRequest};
use super::tpkt::LONGEST;
use crate::media::{UDP, hashed};
use crate::{Announcement, Notes, Protocol, Remark};

/// Requests of one side that may be answered; of more, the oldest is forgotten.
const REQUESTS: usize = 12;
/// Places of a kind that one registration opens; more are ignored.
const PLACES: usize = 4;
/// How long a registration is believed at most, and how long if it does not say (H.225.0 §7.9.2: without end).
const REGISTRATION: Duration = Duration::from_hours(1);

/// A conversation of RAS.
#[derive(Clone, Debug, Default)]
pub(super) struct Registration {
    /// By the direction in which the asking side speaks.
    asked: [ArrayVec<Asked, REQUESTS>; 2],
    /// What the last whole registration asks for: who, by which number, and where.
    proposed: Option<(Direction, u16, Registered)>,
    /// What was confirmed last, and of whom; a registration that only keeps it alive need not repeat it.
    registered: Option<(Direction, Registered)>,
    /// The request for the end of a registration that was confirmed last: who asked, and by which number.
    ended: Option<(Direction, u16)>,
}

#[derive(Clone, Debug)]
struct Asked {
    number: u16,
    what: Request,
    /// What stands for the answer, if there was one.
    answer: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Gatekeeper,
    Registration { time_to_live: Option<u32> },
    Unregistration,
    Admission { call: u16 },
    Location,
}

/// Where an endpoint may be called, and where its gatekeeper speaks to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Registered {
    signalling: ArrayVec<Place, PLACES>,
    ras: ArrayVec<Place, PLACES>,
}

/// An answer: who gives it, to the request of which number, and what stands for its octets.
#[derive(Clone, Copy, Debug)]
struct Answer {
    from: Direction,
    number: u16,
    octets: u32,
}

impl Registration {
    /// Reads a datagram.
    pub(super) fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) {
        if octets.len() > LONGEST {
            return notes.remark(Remark::Overlong);
        }
        let Ok((message, _)) = aper::decode_with_remainder::<RasMessage>(octets) else {
            return notes.remark(Remark::Malformed);
        };
        let of_these = u32::try_from(hashed(octets) >> 32).unwrap_or(0);
        let answer = |number| Answer { from, number, octets: of_these };
        match message {
            RasMessage::GatekeeperRequest(request) => {
                self.ask(from, request.number, Request::Gatekeeper);
                expect_answer(from, &request.ras_address, notes);
            }
            RasMessage::LocationRequest(request) => {
                self.ask(from, request.number, Request::Location);
                expect_answer(from, &request.reply_address, notes);
            }
            RasMessage::AdmissionRequest(request) => {
                let call = request.call_reference;
                self.ask(from, request.number, Request::Admission { call });
            }
            RasMessage::RegistrationRequest(request) => self.register(from, &request, notes),
            RasMessage::UnregistrationRequest(request) => {
                self.ask(from, request.0, Request::Unregistration);
            }
            RasMessage::GatekeeperConfirm(confirmation) => {
                let is_it = |what| what == Request::Gatekeeper;
                if self.answered(answer(confirmation.number), is_it, notes).is_some() {
                    ASKING.expect(from, &confirmation.ras_address, notes);
                }
            }
            RasMessage::AdmissionConfirm(confirmation) => {
                let is_it = |what| matches!(what, Request::Admission { .. });
                let what = self.answered(answer(confirmation.number), is_it, notes);
                if let Some(Request::Admission { call }) = what {
                    let admitted = Opening { group: group(from.reversed(), call), ..CALL };
                    admitted.expect(from, &confirmation.signal_address, notes);
                }
            }
            RasMessage::LocationConfirm(confirmation) => {
                let is_it = |what| what == Request::Location;
                if self.answered(answer(confirmation.number), is_it, notes).is_some() {
                    CALL.expect(from, &confirmation.signal_address, notes);
                    ASKING.expect(from, &confirmation.ras_address, notes);
                }
            }
            RasMessage::RegistrationConfirm(confirmation) => {
                self.confirm(answer(confirmation.number), &confirmation, notes);
            }
            RasMessage::UnregistrationConfirm(confirmation) => {
                let is_it = |what| what == Request::Unregistration;
                let request = Some((from.reversed(), confirmation.0));
                // When it is sent again since the answer was lost, another registration may be in force.
                if self.answered(answer(confirmation.0), is_it, notes).is_some()
                    && core::mem::replace(&mut self.ended, request) != request
                {
                    notes.withdraw(REGISTERED);
                }
            }
            RasMessage::GatekeeperReject(rejection) | RasMessage::RegistrationReject(rejection) => {
                self.refuse(answer(rejection.0));
            }
            RasMessage::UnregistrationReject(rejection)
            | RasMessage::AdmissionReject(rejection)
            | RasMessage::LocationReject(rejection) => self.refuse(answer(rejection.0)),
            RasMessage::DisengageRequest(request) => {
                notes.withdraw(self.admitted(from, request.call_reference));
            }
            RasMessage::BandwidthRequest(_)
            | RasMessage::BandwidthConfirm(_)
            | RasMessage::BandwidthReject(_)
            | RasMessage::DisengageConfirm(_)
            | RasMessage::DisengageReject(_)
            | RasMessage::InfoRequest(_)
            | RasMessage::InfoRequestResponse(_)
            | RasMessage::NonStandardMessage(_)
            | RasMessage::UnknownMessageResponse(_)
            | RasMessage::RequestInProgress(_)
            | RasMessage::ResourcesAvailableIndicate(_)
            | RasMessage::ResourcesAvailableConfirm(_)
            | RasMessage::InfoRequestAck(_)
            | RasMessage::InfoRequestNak(_)
            | RasMessage::ServiceControlIndication(_)
            | RasMessage::ServiceControlResponse(_)
            | RasMessage::AdmissionConfirmSequence(_) => {}
        }
    }

    fn ask(&mut self, by: Direction, number: u16, what: Request) {
        let asked = &mut self.asked[by.index()];
        // A request that is sent again has its number again.
        asked.retain(|asked| asked.number != number);
        if asked.is_full() {
            asked.remove(0);
        }
        asked.push(Asked { number, what, answer: None });
    }

    /// The request of the other side that has this number.
    fn request(&mut self, answer: Answer) -> Option<&mut Asked> {
        let asked = &mut self.asked[answer.from.reversed().index()];
        asked.iter_mut().find(|asked| asked.number == answer.number)
    }

    /// What the other side has asked for by this number, if it is what is confirmed and nothing else has been answered.
    fn answered(
        &mut self,
        answer: Answer,
        is_it: impl Fn(Request) -> bool,
        notes: &mut Notes<'_>,
    ) -> Option<Request> {
        let asked = self.request(answer).filter(|asked| is_it(asked.what));
        let what = asked.and_then(|asked| {
            let first = *asked.answer.get_or_insert(answer.octets);
            (first == answer.octets).then_some(asked.what)
        });
        if what.is_none() {
            notes.remark(Remark::Unasked);
        }
        what
    }

    /// Whoever refuses has answered, too.
    fn refuse(&mut self, answer: Answer) {
        if let Some(asked) = self.request(answer) {
            asked.answer.get_or_insert(answer.octets);
        }
    }

    /// The group of a call that the side that speaks in direction `from` ends: one of its own, or of the other.
    fn admitted(&self, from: Direction, ended: u16) -> u32 {
        let own = |asked: &Asked| asked.what == Request::Admission { call: ended };
        let is_own = self.asked[from.index()].iter().any(own);
        group(if is_own { from } else { from.reversed() }, ended)
    }

    /// An endpoint wants to be called at places of its own: those of others are theirs to register, though the rule allows
    /// third parties, as any host may call there then.
    fn register(&mut self, from: Direction, request: &RegistrationRequest, notes: &mut Notes<'_>) {
        let time_to_live = request.time_to_live;
        self.ask(from, request.number, Request::Registration { time_to_live });
        let mut own = |addresses: &Addresses| {
            let places = addresses.elements.iter().filter_map(signalled);
            places.filter_map(|it| own(it, from, notes)).take(PLACES).collect()
        };
        let said = Registered {
            signalling: own(&request.signal_addresses),
            ras: own(&request.ras_addresses),
        };
        let repeats_nothing = said.signalling.is_empty() && request.keep_alive == Some(true);
        if !repeats_nothing {
            self.proposed = Some((from, request.number, said));
        }
    }

    /// The gatekeeper confirms a registration, and names the places where it takes calls itself.
    fn confirm(
        &mut self,
        answer: Answer,
        confirmation: &RegistrationConfirm,
        notes: &mut Notes<'_>,
    ) {
        let is_it = |asked| matches!(asked, Request::Registration { .. });
        let Some(Request::Registration { time_to_live }) = self.answered(answer, is_it, notes)
        else {
            return;
        };
        let Answer { from, number, .. } = answer;
        let endpoint = from.reversed();
        let meant = |it: &(Direction, u16, Registered)| (it.0, it.1) == (endpoint, number);
        if let Some((_, _, said)) = self.proposed.take_if(|it| meant(it)) {
            let registered = Some((endpoint, said));
            if self.registered.is_some() && self.registered != registered {
                notes.withdraw(REGISTERED);
            }
            self.registered = registered;
        }
        let said = confirmation.time_to_live.or(time_to_live);
        let lifetime = said.map_or(REGISTRATION, |seconds| {
            REGISTRATION.min(Duration::from_secs(u64::from(seconds)))
        });
        let lifetime = Some(lifetime);
        let calls = Opening { protocol: TCP, lifetime, standing: true, group: REGISTERED };
        let ras = Opening { protocol: UDP, ..calls };
        if let Some((by, Registered { signalling, ras: control })) = &self.registered
            && *by == endpoint
        {
            for place in signalling {
                // Endpoints call each other themselves unless the gatekeeper has all calls go through it.
                let caller = if notes.options.third_party {
                    Announcement::any_host(place.0)
                } else {
                    notes.peers.speaker(from).0
                };
                calls.expect_from(caller, endpoint, *place, notes);
            }
            for place in control {
                ras.expect_from(notes.peers.speaker(from).0, endpoint, *place, notes);
            }
        }
        for address in confirmation.signal_addresses.elements.iter().take(PLACES) {
            calls.expect(from, address, notes);
        }
    }
}

/// A place that is to be registered, if it is of the host that says so.
fn own(place: Place, from: Direction, notes: &mut Notes<'_>) -> Option<Place> {
    let place = permitted(place, from, Remark::Bounce, notes)?;
    if place.0 != notes.peers.speaker(from).0 {
        notes.remark(Remark::Bounce);
        return None;
    }
    Some(place)
}

/// The group of what a registration opens: there is one at a time.
const REGISTERED: u32 = 1;

/// The group of what the admission of a call opens, which the side has asked for that speaks in direction `by`.
fn group(by: Direction, call: u16) -> u32 {
    let by = match by {
        Direction::Original => 2,
        Direction::Reply => 3,
    };
    u32::from(call) << 2 | by
}

/// How a place is expected to be spoken to.
#[derive(Clone, Copy, Debug)]
struct Opening {
    /// TCP for call signalling, UDP for RAS.
    protocol: u8,
    lifetime: Option<Duration>,
    standing: bool,
    group: u32,
}

/// A call that was admitted, or whose destination was located, is made at once.
const CALL: Opening = Opening { protocol: TCP, lifetime: None, standing: false, group: 0 };

/// A request to where another one was answered from, or the answer to one.
const ASKING: Opening = Opening { protocol: UDP, ..CALL };

impl Opening {
    /// At a place that the side that speaks in direction `from` names, from its peer.
    fn expect(self, from: Direction, address: &TransportAddress, notes: &mut Notes<'_>) {
        let place = signalled(address);
        if let Some(place) = place.and_then(|it| permitted(it, from, Remark::Bounce, notes)) {
            self.expect_from(notes.peers.listener(from).0, from, place, notes);
        }
    }

    fn expect_from(self, source: IpAddr, at: Direction, destination: Place, notes: &mut Notes<'_>) {
        let Self { protocol, lifetime, standing, group } = self;
        notes.expect(Announcement {
            lifetime,
            read: Some(Protocol::H323),
            standing,
            group,
            ..Announcement::once(protocol, at.reversed(), source, destination)
        });
    }
}

/// Expects the answer where the asking side wants it, if that is not where it asks from.
fn expect_answer(from: Direction, address: &TransportAddress, notes: &mut Notes<'_>) {
    if signalled(address) != Some(notes.peers.speaker(from)) {
        ASKING.expect(from, address, notes);
    }
}
