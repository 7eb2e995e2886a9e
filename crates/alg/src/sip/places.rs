//! Where answers and later requests go: the ports that Via and Contact name.
//!
//! Either names a port at the speaker's own host only; what names another host is left alone: the other
//! peer's messages to it are no part of this conversation.
//!
//! What comes there is SIP again, and is read: an answer or a call that it brings has media of its own. Both openings
//! stand until their time is over. A telephone that is registered for an hour is called more than once in it, and a call
//! that rings for a minute has answers further apart than a session without an answer lives. From which port
//! messages come the RFC does not say, so that is open; the host is the one peer.
//!
//! A place is a telephone's for its registration, or for several, and for all its calls. So the end of none of them closes
//! it. When a registration is taken back it closes if nothing else is known to be at the same place, and lapses
//! otherwise.

use core::time::Duration;

use arrayvec::ArrayVec;
use session::Direction;

use super::Fields;
use crate::media::{RINGING, UDP, group, hashed};
use crate::message::{Message, is_one_of};
use crate::text::{divided, host_and_port, number, parameter, words};
use crate::{Announcement, Notes, Protocol, Remark};

const TCP: u8 = 6;
const PRIVILEGED: u16 = 1024;
/// Where SIP is spoken if no port is written (RFC 3261 §18.2.2, §19.1.2).
const WELL_KNOWN: u16 = 5060;

/// How long the answer to anything but an INVITE may take: timer F (RFC 3261 §17.1.2.2).
const TRANSACTION: Duration = Duration::from_secs(32);
/// How long requests of a call are expected at a Contact. Calls that last longer refresh themselves: half
/// an hour is what session timers propose (RFC 4028 §4.2).
pub(super) const CALL: Duration = Duration::from_mins(30);
/// How long they are at most at one that was registered, which is also the time of a registration that
/// does not say (RFC 3261 §10.2.1.1).
const REGISTRATION: Duration = Duration::from_hours(1);

/// Expects the answers to a request over UDP: they go to the host that it came from, and there to the port
/// of its topmost Via (RFC 3261 §18.2.2) unless it asks for the port that it came from (`rport`, RFC 3581 §4).
pub(super) fn expect_answers(
    from: Direction,
    method: &[u8],
    fields: &Fields<'_>,
    notes: &mut Notes<'_>,
) {
    let Some(via) = fields.via else { return };
    let (place, parameters) = divided(via, b';').unwrap_or((via, b""));
    // `rport` among another Via's parameters is not this one's.
    let parameters = divided(parameters, b',').map_or(parameters, |(own, _)| own);
    if method == b"ACK" || parameter(parameters, "rport").is_some() {
        return;
    }
    let mut parts = place.splitn(3, |octet| *octet == b'/').skip(2);
    let Some(sent_by) = parts.next() else { return notes.remark(Remark::Malformed) };
    let sent_by = sent_by.trim_ascii();
    let transport = words(sent_by).next().unwrap_or_default();
    if !transport.eq_ignore_ascii_case(b"UDP") {
        return;
    }
    let Some(port) = port_of(&sent_by[transport.len()..]) else {
        return notes.remark(Remark::Malformed);
    };
    let (_, came_from) = notes.peers.speaker(from);
    if port != came_from {
        let lifetime = if method == b"INVITE" { RINGING } else { TRANSACTION };
        // No registration's end takes that back: an answer may be under way.
        Place { protocol: UDP, port }.expect_in(0, from, lifetime, notes);
    }
}

/// A port of the speaker's own host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    protocol: u8,
    port: u16,
}

impl Place {
    /// Where the side that speaks in direction `from` wants later requests, if its Contact names another port of its host
    /// than it speaks from.
    pub(super) fn of(from: Direction, contact: &[u8], notes: &Notes<'_>) -> Option<Self> {
        let Contact { host, port, transport, .. } = Contact::of(contact)?;
        let elsewhere = (host, port) != notes.peers.speaker(from);
        (elsewhere && host == notes.peers.speaker(from).0)
            .then_some(Self { protocol: transport, port })
    }

    /// Expects what the other side sends there.
    pub(super) fn expect(self, from: Direction, lifetime: Duration, notes: &mut Notes<'_>) {
        self.expect_in(self.group(from), from, lifetime, notes);
    }

    fn expect_in(self, group: u32, from: Direction, lifetime: Duration, notes: &mut Notes<'_>) {
        let Self { protocol, port } = self;
        if port < PRIVILEGED {
            return notes.remark(Remark::PrivilegedPort);
        }
        let source = notes.peers.listener(from).0;
        let destination = (notes.peers.speaker(from).0, port);
        notes.expect(Announcement {
            lifetime: Some(lifetime),
            read: Some(Protocol::Sip),
            standing: true,
            group,
            ..Announcement::once(protocol, from.reversed(), source, destination)
        });
    }

    /// The group of all that is expected at this place of the side that speaks in direction `from`.
    fn group(self, from: Direction) -> u32 {
        let Self { protocol, port } = self;
        let [high, low] = port.to_be_bytes();
        let side = u8::from(from == Direction::Reply);
        group(hashed(&[b'@', side, protocol, high, low]))
    }
}

/// Registrations that wait for their answer, and such as are known to be in force; of more, the oldest is forgotten.
const REGISTRATIONS: usize = 8;

/// Registrations of a control session.
#[derive(Clone, Debug, Default)]
pub(super) struct Registrations {
    waiting: ArrayVec<Registration, REGISTRATIONS>,
    in_force: ArrayVec<Binding, REGISTRATIONS>,
    /// One in force has been forgotten: whose place that was nobody knows.
    forgotten: bool,
}

/// A registration that has not been answered.
#[derive(Clone, Debug)]
struct Registration {
    /// Its Call-ID and CSeq.
    id: [u64; 2],
    what: Named,
    /// Seconds that were asked for.
    asked: Option<u64>,
}

/// What a registration names.
#[derive(Clone, Copy, Debug)]
enum Named {
    One(Binding),
    /// All Contacts of an identity, to be taken back (RFC 3261 §10.2.2).
    All {
        by: Direction,
        identity: u64,
    },
}

/// An identity's Contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Binding {
    by: Direction,
    /// Who is registered: the URI of the To.
    identity: u64,
    contact: u64,
    place: Place,
}

impl Named {
    const fn by(self) -> Direction {
        match self {
            Self::One(Binding { by, .. }) | Self::All { by, .. } => by,
        }
    }

    fn covers(self, binding: &Binding) -> bool {
        match self {
            Self::One(one) => one == *binding,
            Self::All { by, identity } => (binding.by, binding.identity) == (by, identity),
        }
    }
}

impl Registrations {
    /// A side asks to be registered at its Contact.
    pub(super) fn ask(&mut self, from: Direction, fields: &Fields<'_>, notes: &Notes<'_>) {
        let Some(contact) = fields.contact else { return };
        let identity = hashed(uri_of(fields.to));
        let asked = fields.expires.and_then(number);
        let (what, asked) = if contact == b"*" {
            (Named::All { by: from, identity }, asked)
        } else {
            let Some(place) = Place::of(from, contact, notes) else { return };
            let own = Contact::of(contact).and_then(|contact| contact.expires);
            let contact = hashed(uri_of(contact));
            (Named::One(Binding { by: from, identity, contact, place }), own.or(asked))
        };
        let id = transaction(fields);
        self.waiting.retain(|waiting| waiting.id != id);
        if self.waiting.is_full() {
            self.waiting.remove(0);
        }
        self.waiting.push(Registration { id, what, asked });
    }

    /// The other side has answered. If it agrees, requests are expected for as long as it says, which it says for each
    /// Contact (RFC 3261 §10.3), or as was asked for; or, of one that takes itself back (§10.2.2), no more, unless
    /// `is_in_use` says that a call has the place, or another is registered there.
    pub(super) fn answer(
        &mut self,
        from: Direction,
        status: u16,
        message: &Message<'_>,
        fields: &Fields<'_>,
        is_in_use: impl Fn(Direction, Place) -> bool,
        notes: &mut Notes<'_>,
    ) {
        let id = transaction(fields);
        let is_its =
            |waiting: &Registration| waiting.id == id && waiting.what.by() == from.reversed();
        let Some(at) = self.waiting.iter().position(is_its) else { return };
        // Another answer follows a provisional one.
        if status < 200 {
            return;
        }
        let Registration { what, asked, .. } = self.waiting.remove(at);
        if status >= 300 {
            return;
        }
        let granted = match what {
            Named::All { .. } => None,
            Named::One(Binding { by, place, .. }) => {
                let host = notes.peers.speaker(by).0;
                message
                    .fields()
                    .filter(|(name, _)| is_one_of(name, &["contact", "m"]))
                    .flat_map(|(_, value)| apart(value))
                    .filter_map(Contact::of)
                    .find(|it| {
                        (it.host, it.port, it.transport) == (host, place.port, place.protocol)
                    })
                    .and_then(|contact| contact.expires)
            }
        };
        let seconds = granted.or_else(|| fields.expires.and_then(number)).or(asked);
        let lifetime = seconds.map_or(REGISTRATION, Duration::from_secs).min(REGISTRATION);
        match what {
            Named::One(binding) if !lifetime.is_zero() => {
                self.bind(binding);
                binding.place.expect(binding.by, lifetime, notes);
            }
            // Without an end it means nothing (§10.2.2).
            Named::All { .. } if asked != Some(0) => {}
            Named::One(_) | Named::All { .. } => self.release(what, is_in_use, notes),
        }
    }

    fn bind(&mut self, binding: Binding) {
        self.in_force.retain(|known| *known != binding);
        if self.in_force.is_full() {
            self.in_force.remove(0);
            self.forgotten = true;
        }
        self.in_force.push(binding);
    }

    fn release(
        &mut self,
        what: Named,
        is_in_use: impl Fn(Direction, Place) -> bool,
        notes: &mut Notes<'_>,
    ) {
        let mut released = ArrayVec::<Binding, REGISTRATIONS>::new();
        self.in_force.retain(|binding| {
            let covered = what.covers(binding);
            if covered {
                released.push(*binding);
            }
            !covered
        });
        for Binding { by, place, .. } in released {
            let is_here = |other: &Binding| (other.by, other.place) == (by, place);
            if !self.forgotten && !self.in_force.iter().any(is_here) && !is_in_use(by, place) {
                notes.withdraw(place.group(by));
            }
        }
    }
}

fn transaction(fields: &Fields<'_>) -> [u64; 2] {
    [fields.call_id.unwrap_or_default(), fields.sequence].map(hashed)
}

/// The port of a Via's `sent-by`, whose host may be a name. `None` if it is malformed.
fn port_of(sent_by: &[u8]) -> Option<u16> {
    // White space may stand around the colon (RFC 3261 §25.1).
    let host_ends = sent_by.iter().rposition(|octet| *octet == b']').unwrap_or(0);
    match divided(&sent_by[host_ends..], b':') {
        Some((_, digits)) => number(digits.trim_ascii()),
        None => Some(WELL_KNOWN),
    }
}

/// A Contact that is an address.
struct Contact {
    host: core::net::IpAddr,
    port: u16,
    transport: u8,
    expires: Option<u64>,
}

impl Contact {
    /// The first of a field, if it is a plain SIP URI whose host is an address.
    fn of(value: &[u8]) -> Option<Self> {
        let (uri, parameters) = match bracketed(value) {
            Some(found) => found,
            // Without brackets all parameters are the field's, not the URI's (RFC 3261 §20.10).
            None => divided(value, b';').unwrap_or((value, b"")),
        };
        let uri = uri.trim_ascii();
        let (scheme, rest) = divided(uri, b':')?;
        if !scheme.eq_ignore_ascii_case(b"sip") {
            return None;
        }
        let at = rest.iter().rposition(|octet| *octet == b'@').map_or(0, |at| at + 1);
        let rest = rest[at..].split(|octet| *octet == b'?').next()?;
        let (place, own) = divided(rest, b';').unwrap_or((rest, b""));
        let place = place.split(|octet| *octet == b',').next()?;
        let (host, port) = host_and_port(place, WELL_KNOWN)?;
        let transport = match parameter(own, "transport") {
            Some(name) if name.eq_ignore_ascii_case(b"tcp") => TCP,
            Some(name) if !name.eq_ignore_ascii_case(b"udp") => return None,
            _ => UDP,
        };
        let parameters = parameters.split(|octet| *octet == b',').next()?;
        let expires = parameter(parameters, "expires").and_then(number);
        Some(Self { host, port, transport, expires })
    }
}

/// The URI of a To or Contact. It is compared octet by octet: what is written in another
/// way is taken for another.
fn uri_of(value: &[u8]) -> &[u8] {
    match bracketed(value) {
        Some((uri, _)) => uri,
        None => divided(value, b';').map_or(value, |(uri, _)| uri).trim_ascii(),
    }
}

/// The values of a field that commas divide, but for those in quotes and brackets.
fn apart(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quotes, mut bracketed) = (Quotes::default(), false);
    value.split(move |octet| {
        // In brackets a quote is none.
        let quoted = !bracketed && quotes.hold(*octet);
        match octet {
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            _ => {}
        }
        *octet == b',' && !quoted && !bracketed
    })
}

/// What stands in angle brackets, and what follows them; brackets in a quoted name are none.
fn bracketed(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut quotes = Quotes::default();
    let open = value.iter().position(|octet| !quotes.hold(*octet) && *octet == b'<')?;
    divided(&value[open + 1..], b'>')
}

/// Which octets stand in a quoted string (RFC 3261 §25.1), asked for one after the other.
#[derive(Debug, Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Whether the next octet stands in quotes. The quote that opens them does, the one that closes them does not.
    fn hold(&mut self, octet: u8) -> bool {
        let plain = !core::mem::take(&mut self.escaped);
        match octet {
            b'\\' if self.open && plain => self.escaped = true,
            b'"' if plain => self.open = !self.open,
            _ => {}
        }
        self.open
    }
}
