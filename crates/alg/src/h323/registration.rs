//! RAS: where endpoints may be called, and where a gatekeeper sends them.
//!
//! An endpoint registers the places where it may be called; the gatekeeper confirms. For each call it asks for admission
//! and is told whom to call. Answers bear the number of their request. That a registration ends is left alone: what it
//! opened lapses by its time.

use core::net::IpAddr;
use core::time::Duration;

use arrayvec::ArrayVec;
use rasn::aper;
use session::Direction;

use super::places::{Place, TCP, permitted, signalled};
use super::syntax::h225::TransportAddress;
use super::syntax::ras::{RasMessage, RegistrationConfirm, RegistrationRequest};
use super::tpkt::LONGEST;
use crate::media::UDP;
use crate::{Announcement, Notes, Protocol, Remark};

/// Requests that wait for their answer; of more, the oldest is forgotten.
const REQUESTS: usize = 16;
/// Places of a kind that one registration names; more are ignored.
const PLACES: usize = 4;
/// How long a registration is believed at most, and how long if it does not say (H.225.0 §7.9.2: without end).
const REGISTRATION: Duration = Duration::from_hours(1);

/// A conversation of RAS.
#[derive(Clone, Debug, Default)]
pub(super) struct Registration {
    asked: ArrayVec<Asked, REQUESTS>,
    /// What was asked for last by a whole registration; one that only keeps it alive need not repeat it.
    registered: Registered,
}

#[derive(Clone, Debug)]
struct Asked {
    by: Direction,
    number: u16,
    what: Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Gatekeeper,
    Registration { time_to_live: Option<u32> },
    Admission,
    Location,
}

/// Where an endpoint may be called, and where its gatekeeper speaks to it.
#[derive(Clone, Debug, Default)]
struct Registered {
    signalling: ArrayVec<Place, PLACES>,
    ras: ArrayVec<Place, PLACES>,
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
                self.ask(from, request.number, Request::Admission);
            }
            RasMessage::RegistrationRequest(request) => self.register(from, &request, notes),
            RasMessage::GatekeeperConfirm(confirmation) => {
                if self.was_asked(from, confirmation.number, Request::Gatekeeper, notes) {
                    ASKING.expect(from, &confirmation.ras_address, notes);
                }
            }
            RasMessage::AdmissionConfirm(confirmation) => {
                if self.was_asked(from, confirmation.number, Request::Admission, notes) {
                    CALL.expect(from, &confirmation.signal_address, notes);
                }
            }
            RasMessage::LocationConfirm(confirmation) => {
                if self.was_asked(from, confirmation.number, Request::Location, notes) {
                    CALL.expect(from, &confirmation.signal_address, notes);
                    ASKING.expect(from, &confirmation.ras_address, notes);
                }
            }
            RasMessage::RegistrationConfirm(confirmation) => {
                self.confirm(from, &confirmation, notes);
            }
            RasMessage::GatekeeperReject(_)
            | RasMessage::RegistrationReject(_)
            | RasMessage::UnregistrationRequest(_)
            | RasMessage::UnregistrationConfirm(_)
            | RasMessage::UnregistrationReject(_)
            | RasMessage::AdmissionReject(_)
            | RasMessage::BandwidthRequest(_)
            | RasMessage::BandwidthConfirm(_)
            | RasMessage::BandwidthReject(_)
            | RasMessage::DisengageRequest(_)
            | RasMessage::DisengageConfirm(_)
            | RasMessage::DisengageReject(_)
            | RasMessage::LocationReject(_)
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
        // A request that is sent again has its number again.
        self.asked.retain(|asked| asked.by != by || asked.number != number);
        if self.asked.is_full() {
            self.asked.remove(0);
        }
        self.asked.push(Asked { by, number, what });
    }

    /// What the other side has asked for by this number, if it is what is confirmed.
    fn answered(
        &self,
        from: Direction,
        number: u16,
        is_it: impl Fn(Request) -> bool,
        notes: &mut Notes<'_>,
    ) -> Option<Request> {
        let by = from.reversed();
        let asked = self.asked.iter().find(|asked| asked.by == by && asked.number == number);
        let what = asked.map(|asked| asked.what).filter(|what| is_it(*what));
        if what.is_none() {
            notes.remark(Remark::Unasked);
        }
        what
    }

    fn was_asked(
        &self,
        from: Direction,
        number: u16,
        what: Request,
        notes: &mut Notes<'_>,
    ) -> bool {
        self.answered(from, number, |asked| asked == what, notes).is_some()
    }

    /// An endpoint wants to be called at places of its own.
    fn register(&mut self, from: Direction, request: &RegistrationRequest, notes: &mut Notes<'_>) {
        let time_to_live = request.time_to_live;
        self.ask(from, request.number, Request::Registration { time_to_live });
        let mut own = |addresses: &[TransportAddress]| {
            let places = addresses.iter().take(PLACES).filter_map(signalled);
            let own = places.filter_map(|it| permitted(it, from, Remark::Bounce, notes));
            own.collect::<ArrayVec<_, PLACES>>()
        };
        let said = Registered {
            signalling: own(&request.signal_addresses),
            ras: own(&request.ras_addresses),
        };
        let repeats_nothing = said.signalling.is_empty() && request.keep_alive == Some(true);
        if !repeats_nothing {
            self.registered = said;
        }
    }

    /// The gatekeeper confirms a registration, and names the places where it takes calls itself.
    fn confirm(&self, from: Direction, confirmation: &RegistrationConfirm, notes: &mut Notes<'_>) {
        let is_it = |asked| matches!(asked, Request::Registration { .. });
        let Some(Request::Registration { time_to_live }) =
            self.answered(from, confirmation.number, is_it, notes)
        else {
            return;
        };
        let said = confirmation.time_to_live.or(time_to_live);
        let lifetime = said.map_or(REGISTRATION, |seconds| {
            REGISTRATION.min(Duration::from_secs(u64::from(seconds)))
        });
        let calls = Opening { protocol: TCP, lifetime: Some(lifetime), standing: true };
        let ras = Opening { protocol: UDP, ..calls };
        let endpoint = from.reversed();
        for place in &self.registered.signalling {
            // Endpoints call each other themselves unless the gatekeeper has all calls go through it.
            let caller = if notes.options.third_party {
                Announcement::any_host(place.0)
            } else {
                notes.peers.speaker(from).0
            };
            calls.expect_from(caller, endpoint, *place, notes);
        }
        for place in &self.registered.ras {
            ras.expect_from(notes.peers.speaker(from).0, endpoint, *place, notes);
        }
        for address in confirmation.signal_addresses.iter().take(PLACES) {
            calls.expect(from, address, notes);
        }
    }
}

/// How a place is expected to be spoken to.
#[derive(Clone, Copy, Debug)]
struct Opening {
    /// TCP for call signalling, UDP for RAS.
    protocol: u8,
    lifetime: Option<Duration>,
    standing: bool,
}

/// A call that was admitted, or whose destination was located, is made at once.
const CALL: Opening = Opening { protocol: TCP, lifetime: None, standing: false };

/// A request to where another one was answered from, or the answer to one.
const ASKING: Opening = Opening { protocol: UDP, lifetime: None, standing: false };

impl Opening {
    /// At a place that the side that speaks in direction `from` names, from its peer.
    fn expect(self, from: Direction, address: &TransportAddress, notes: &mut Notes<'_>) {
        let place = signalled(address);
        if let Some(place) = place.and_then(|it| permitted(it, from, Remark::Bounce, notes)) {
            self.expect_from(notes.peers.listener(from).0, from, place, notes);
        }
    }

    fn expect_from(self, source: IpAddr, at: Direction, destination: Place, notes: &mut Notes<'_>) {
        let Self { protocol, lifetime, standing } = self;
        notes.expect(Announcement {
            lifetime,
            read: Some(Protocol::H323),
            standing,
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
