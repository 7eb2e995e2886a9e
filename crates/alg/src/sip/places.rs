//! Where answers and later requests go: the ports that Via and Contact name.
//!
//! Either names a port at the speaker's own host only; what names another host is left alone: the other
//! peer's messages to it are no part of this conversation.
//!
//! What comes there is SIP again, and is read: an answer or a call that it brings has media of its own. Both openings
//! stand until their time is over. A telephone that is registered for an hour is called more than once in it, and a call
//! that rings for a minute has answers further apart than a session without an answer lives. From which port
//! messages come the RFC does not say, so that is open; the host is the one peer.

use core::time::Duration;

use session::Direction;

use super::Fields;
use crate::media::{RINGING, UDP};
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
const CALL: Duration = Duration::from_mins(30);
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
        expect(from, UDP, port, lifetime, notes);
    }
}

/// Expects later requests to the Contact of an INVITE, of an answer to one, or of a REGISTER.
pub(super) fn expect_requests(
    from: Direction,
    method: &[u8],
    fields: &Fields<'_>,
    notes: &mut Notes<'_>,
) {
    let longest = match method {
        b"INVITE" => CALL,
        b"REGISTER" => REGISTRATION,
        _ => return,
    };
    let Some(contact) = fields.contact.and_then(Contact::of) else { return };
    let (host, came_from) = notes.peers.speaker(from);
    if contact.host != host || contact.port == came_from {
        return;
    }
    let said = match method {
        b"REGISTER" => contact.expires.or_else(|| fields.expires.and_then(number)),
        _ => None,
    };
    let lifetime = said.map_or(longest, |seconds| longest.min(Duration::from_secs(seconds)));
    // A registration that takes itself back (RFC 3261 §10.2.2).
    if !lifetime.is_zero() {
        expect(from, contact.transport, contact.port, lifetime, notes);
    }
}

fn expect(from: Direction, protocol: u8, port: u16, lifetime: Duration, notes: &mut Notes<'_>) {
    if port < PRIVILEGED {
        return notes.remark(Remark::PrivilegedPort);
    }
    notes.expect(Announcement {
        protocol,
        opener: from.reversed(),
        source: notes.peers.listener(from).0,
        source_port: None,
        destination: notes.peers.speaker(from).0,
        destination_port: port,
        lifetime: Some(lifetime),
        read: Some(Protocol::Sip),
        standing: true,
    });
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

/// What stands in angle brackets, and what follows them; brackets in a quoted name are none.
fn bracketed(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut quoted = false;
    let mut escaped = false;
    let open = value.iter().position(|octet| {
        let plain = !core::mem::take(&mut escaped);
        match octet {
            b'\\' if quoted && plain => escaped = true,
            b'"' if plain => quoted = !quoted,
            b'<' if !quoted => return true,
            _ => {}
        }
        false
    })?;
    divided(&value[open + 1..], b'>')
}
