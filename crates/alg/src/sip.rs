//! SIP (RFC 3261) over UDP and TCP: the media of calls, and where answers and later requests go.
//!
//! A control session carries any number of calls, told apart by Call-ID; either side asks and answers. Read
//! are the bodies that offer and answer media (RFC 3264) in INVITE, ACK, PRACK and UPDATE and in the answers to
//! them, provisional ones included (early media); what a capability list (OPTIONS) or a refusal describes is
//! no announcement. A request over UDP may name another port for its answers (Via), an INVITE, its answers
//! and a REGISTER another one for later requests (Contact); both only at the speaker's own host.
//!
//! Left alone: REFER (the call it leads to announces its own media), bodies that are encoded or of another
//! type, names in place of addresses, candidates of ICE, and what TLS hides. Answers and requests that come by an
//! announced connection are read by a reader of their own, which knows nothing of the calls of this one: with
//! strictness it takes an answer there for unasked.
//!
//! What a call has announced and nobody has used is taken back when the last of its INVITEs is refused without early media, and
//! when its last dialog ends (BYE); what a registration has, when it is taken back. A CANCEL takes nothing back: the answer to it may cross a 200 (RFC 3261 §9.1), and the INVITE's own follows.

mod body;
mod calls;
mod places;
#[cfg(test)]
mod tests;

use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::media::{RINGING, hashed};
use crate::message::{Framing, LONGEST, Message, is_one_of};
use crate::text::{parameter, words};
use crate::{Notes, Remark};
use body::description;
use calls::{Calls, Said};
use places::{Place, Registrations, expect_answers};

/// A SIP conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sip {
    calls: Calls,
    registrations: Registrations,
    framings: [Framing; 2],
}

impl Dialogue for Sip {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let mut read = 0;
        loop {
            let rest = &octets[read..];
            // Empty lines between messages keep the connection alive (RFC 5626 §3.5.1).
            let message = rest.trim_ascii_start();
            read += rest.len() - message.len();
            let wants = |message: &Message<'_>| body::is_wanted(&Fields::of(message));
            let framed = self.framings[from.index()].next(message, wants);
            match framed.message(read, notes) {
                Err(progress) => return progress,
                Ok((message, length)) => {
                    if length > LONGEST && wants(&message) {
                        notes.remark(Remark::Overlong);
                    }
                    if !self.message(from, &message, notes) {
                        return Progress::Stop;
                    }
                    read = read.saturating_add(length);
                    if read > octets.len() {
                        return Progress::Skip(read);
                    }
                }
            }
        }
    }

    fn held(&self) -> usize {
        self.calls.held()
    }

    fn datagram(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        // White space alone keeps the way open.
        if octets.trim_ascii().is_empty() {
            return Progress::Read(octets.len());
        }
        match Message::of_datagram(octets) {
            Some(message) => {
                if self.message(from, &message, notes)
                    && let Some(Start::Request(method)) = Start::of(message.start)
                {
                    expect_answers(from, method, &Fields::of(&message), notes);
                }
            }
            None => notes.remark(Remark::Malformed),
        }
        Progress::Read(octets.len())
    }
}

impl Sip {
    /// Reads one message; whether it is one of SIP.
    fn message(&mut self, from: Direction, message: &Message<'_>, notes: &mut Notes<'_>) -> bool {
        let fields = Fields::of(message);
        let Some((start, id)) = Start::of(message.start).zip(fields.call_id) else {
            notes.remark(Remark::Malformed);
            return false;
        };
        match start {
            Start::Request(method) => self.request(from, id, method, message, &fields, notes),
            Start::Answer(status) => {
                let method = words(fields.sequence).nth(1).unwrap_or_default();
                self.answer(from, id, (status, method), message, &fields, notes);
            }
        }
        true
    }

    fn request(
        &mut self,
        from: Direction,
        id: &[u8],
        method: &[u8],
        message: &Message<'_>,
        fields: &Fields<'_>,
        notes: &mut Notes<'_>,
    ) {
        let (said, lifetime) = match method {
            b"INVITE" => (Said::Invitation, Some(RINGING)),
            b"UPDATE" => (Said::Update, Some(RINGING)),
            b"PRACK" => (Said::Acknowledgement, Some(RINGING)),
            b"ACK" => (Said::Acknowledgement, None),
            b"BYE" => return self.calls.ended(id, [fields.to, fields.from].map(tag), notes),
            b"REGISTER" => return self.registrations.ask(from, fields, notes),
            _ => return,
        };
        if said == Said::Invitation {
            self.calls.invited(from, id, transaction(fields), notes.room);
            self.contact(from, id, said, fields, notes);
        }
        let description = description(message, fields, notes);
        self.calls.hear(from, id, said, description, lifetime, notes);
    }

    fn answer(
        &mut self,
        from: Direction,
        id: &[u8],
        (status, method): (u16, &[u8]),
        message: &Message<'_>,
        fields: &Fields<'_>,
        notes: &mut Notes<'_>,
    ) {
        if method == b"REGISTER" {
            let Self { calls, registrations, .. } = self;
            let is_in_use = |by, place| calls.may_use(by, place);
            return registrations.answer(from, status, message, fields, is_in_use, notes);
        }
        if !is_one_of(method, &["INVITE", "UPDATE", "PRACK"]) {
            return;
        }
        let invited = method == b"INVITE";
        if status >= 300 {
            if invited {
                self.calls.refused(from, id, transaction(fields), notes);
            }
            return;
        }
        if invited && status > 100 && !self.calls.may_answer(from, id, notes) {
            return notes.remark(Remark::Unasked);
        }
        if invited && status > 100 {
            self.calls.rings(from, id, notes);
            self.contact(from, id, Said::Answer, fields, notes);
        }
        let lifetime = (status < 200).then_some(RINGING);
        if let Some(description) = description(message, fields, notes) {
            self.calls.hear(from, id, Said::Answer, Some(description), lifetime, notes);
        }
        if invited && status >= 200 {
            self.calls.taken(from, id, tag(fields.to), notes);
        }
    }

    fn contact(
        &mut self,
        from: Direction,
        id: &[u8],
        said: Said,
        fields: &Fields<'_>,
        notes: &mut Notes<'_>,
    ) {
        if let Some(place) = fields.contact.and_then(|it| Place::of(from, it, notes)) {
            self.calls.contact(from, id, said, place, notes);
        }
    }
}

/// Which of a call's INVITEs a message is, or answers: by its topmost Via and the number of its CSeq (RFC 3261 §17.1.3).
fn transaction(fields: &Fields<'_>) -> [u64; 2] {
    let via = fields.via.unwrap_or_default().split(|octet| *octet == b',').next();
    let branch = via.and_then(|via| parameter(via, "branch")).unwrap_or_default();
    let number = words(fields.sequence).next().unwrap_or_default();
    [branch, number].map(hashed)
}

/// The tag of a To or From: it follows the address, in brackets or not (RFC 3261 §20.39).
fn tag(value: &[u8]) -> &[u8] {
    let parameters = value.rsplit(|octet| *octet == b'>').next().unwrap_or_default();
    parameter(parameters, "tag").unwrap_or_default()
}

/// What a start line says (RFC 3261 §7.1, §7.2).
#[derive(Clone, Copy)]
enum Start<'a> {
    Request(&'a [u8]),
    Answer(u16),
}

impl<'a> Start<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        const VERSION: &[u8] = b"SIP/2.0";
        let mut parts = words(line);
        let first = parts.next()?;
        if first.eq_ignore_ascii_case(VERSION) {
            return crate::text::number(parts.next()?).map(Self::Answer);
        }
        let version = parts.nth(1)?;
        version.eq_ignore_ascii_case(VERSION).then_some(Self::Request(first))
    }
}

/// The header fields that matter, the first of each, by their names or their short names (RFC 3261 §7.3.3).
#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    call_id: Option<&'a [u8]>,
    sequence: &'a [u8],
    to: &'a [u8],
    from: &'a [u8],
    via: Option<&'a [u8]>,
    contact: Option<&'a [u8]>,
    expires: Option<&'a [u8]>,
    body_type: Option<&'a [u8]>,
    body_encoding: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn of(message: &Message<'a>) -> Self {
        let mut found = Self::default();
        for (name, value) in message.fields() {
            let place = if is_one_of(name, &["call-id", "i"]) {
                &mut found.call_id
            } else if is_one_of(name, &["via", "v"]) {
                &mut found.via
            } else if is_one_of(name, &["contact", "m"]) {
                &mut found.contact
            } else if is_one_of(name, &["expires"]) {
                &mut found.expires
            } else if is_one_of(name, &["content-type", "c"]) {
                &mut found.body_type
            } else if is_one_of(name, &["content-encoding", "e"]) {
                &mut found.body_encoding
            } else {
                if is_one_of(name, &["cseq"]) {
                    found.sequence = value;
                } else if is_one_of(name, &["to", "t"]) {
                    found.to = value;
                } else if is_one_of(name, &["from", "f"]) {
                    found.from = value;
                }
                continue;
            };
            place.get_or_insert(value);
        }
        found
    }
}
