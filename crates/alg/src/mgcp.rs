//! MGCP (RFC 3435): the media of the connections that a call agent makes at a gateway.
//!
//! CRCX and MDCX make and change a connection: the command may describe where the far side receives, the
//! answer where the gateway does; both in SDP. A call agent that relays the media itself speaks for its own
//! host, and all is between the two peers; one that only directs them names a third host, which takes the
//! rule's leave as with SIP.
//!
//! A connection is one of a call at an endpoint, by the identifier that the gateway gives it in its answer. DLCX forgets the
//! one that it names, or all of the call or endpoint (RFC 3435 §2.3.8, §2.3.9), and takes back what they have announced. Either
//! side may say it: the call agent as a command, the gateway of its own accord.
//!
//! Left alone: events, audits, restarts, and what is at names in place of addresses.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::media::{Media, RINGING, group, hashed, held, make_room};
use crate::sdp;
use crate::text::{divided, lines, number, unended, words};
use crate::{Notes, Remark};

/// Commands that wait for their answer; of more, the oldest is forgotten.
const COMMANDS: usize = 32;
/// Deletions that are remembered; of more, the oldest is forgotten.
const DELETIONS: usize = 8;
/// Messages of one datagram that are read. More are ignored, as [`Remark::Overlong`].
const MESSAGES: usize = 32;

/// An MGCP conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mgcp {
    asked: ArrayVec<Asked, COMMANDS>,
    /// Who has deleted, in which transactions.
    deleted: ArrayVec<(Direction, u32), DELETIONS>,
    /// The one heard of last is last.
    connections: Vec<Connection>,
    /// The group of the connection that was named last.
    group: u32,
}

/// A command whose answer may describe media.
#[derive(Clone, Debug)]
struct Asked {
    transaction: u32,
    by: Direction,
    connection: Name,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    name: Name,
    media: Media,
}

/// Which connection.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    /// Of what it announces; no two have the same.
    group: u32,
    endpoint: u32,
    call: u32,
    /// By which the gateway knows it, once it has said so.
    id: Option<u32>,
}

impl Dialogue for Mgcp {
    fn held(&self) -> usize {
        held(self.connections.len())
    }

    /// MGCP has no streams.
    fn read(&mut self, _: Direction, _: &[u8], _: &mut Notes<'_>) -> Progress {
        Progress::Stop
    }

    /// Messages may share a datagram, divided by lines of one dot (RFC 3435 §3.5.5).
    fn datagram(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let mut rest = octets.trim_ascii_end();
        for _ in 0..MESSAGES {
            if rest.is_empty() {
                break;
            }
            let (message, after) = first_message(rest);
            self.message(from, message, notes);
            rest = after;
        }
        if !rest.is_empty() {
            notes.remark(Remark::Overlong);
        }
        Progress::Read(octets.len())
    }
}

impl Mgcp {
    fn message(&mut self, from: Direction, message: &[u8], notes: &mut Notes<'_>) {
        let (head, body) = divided_at_empty_line(message);
        let mut parts = words(lines(head).next().unwrap_or_default());
        let (Some(verb), Some(transaction)) = (parts.next(), parts.next().and_then(number)) else {
            return notes.remark(Remark::Malformed);
        };
        if let Some(code) = number::<u16>(verb).filter(|_| verb.len() == 3) {
            return self.answer(from, code, transaction, (head, body), notes);
        }
        let Some(endpoint) = parts.next().filter(|_| verb.len() == 4) else {
            return notes.remark(Remark::Malformed);
        };
        let verb = [verb[0], verb[1], verb[2], verb[3]].map(|letter| letter.to_ascii_uppercase());
        let endpoint = hashed_in_any_case(endpoint);
        let call = parameter(head, b"C").map(|call| group(hashed(call)));
        let id = parameter(head, b"I").map(hashed_in_any_case);
        match &verb {
            b"CRCX" | b"MDCX" => {
                let connection =
                    self.commanded(from, transaction, verb == *b"CRCX", (endpoint, call, id));
                if self.asked.is_full() {
                    self.asked.remove(0);
                }
                self.asked.push(Asked { transaction, by: from, connection });
                self.describe(from, connection, body, notes);
            }
            // One that is sent again means what there was at first: it is done once (RFC 3435 §3.5.1).
            b"DLCX" if self.deleted.contains(&(from, transaction)) => {}
            b"DLCX" => {
                if self.deleted.is_full() {
                    self.deleted.remove(0);
                }
                self.deleted.push((from, transaction));
                let is_named = |it: &Name| {
                    it.endpoint == endpoint
                        && call.is_none_or(|call| call == it.call)
                        && (id.is_none() || id == it.id)
                };
                self.asked.retain(|asked| !is_named(&asked.connection));
                self.connections.retain(|known| {
                    let ends = is_named(&known.name);
                    if ends {
                        notes.withdraw(known.name.group);
                    }
                    !ends
                });
            }
            _ => {}
        }
    }

    /// The connection that a command is about: that of a command which is sent again, or one that is known, or a new one.
    fn commanded(
        &mut self,
        from: Direction,
        transaction: u32,
        is_new: bool,
        (endpoint, call, id): (u32, Option<u32>, Option<u32>),
    ) -> Name {
        let call = call.unwrap_or_default();
        let again =
            self.asked.iter().find(|asked| (asked.transaction, asked.by) == (transaction, from));
        let again = again.map(|asked| asked.connection);
        let is_same = |it: &Name| (it.endpoint, it.call) == (endpoint, call);
        // A change that does not say which is of the one heard of last.
        let is_it = |it: &Name| is_same(it) && (id.is_none() || it.id.is_none() || it.id == id);
        let mut known = self.connections.iter().rev().map(|known| known.name);
        let known = if is_new { None } else { known.find(is_it) };
        again.filter(is_same).or(known).unwrap_or_else(|| {
            self.group = self.group.wrapping_add(1).max(1);
            Name { group: self.group, endpoint, call, id }
        })
    }

    /// Codes: provisional 1xx, done 2xx (RFC 3435 §2.4). An answer that is sent again describes again.
    fn answer(
        &mut self,
        from: Direction,
        code: u16,
        transaction: u32,
        (head, body): (&[u8], &[u8]),
        notes: &mut Notes<'_>,
    ) {
        if !(100..300).contains(&code) {
            return;
        }
        let is_its =
            |asked: &&mut Asked| asked.transaction == transaction && asked.by == from.reversed();
        let Some(asked) = self.asked.iter_mut().rev().find(is_its) else {
            if !body.trim_ascii().is_empty() {
                notes.remark(Remark::Unasked);
            }
            return;
        };
        // What was asked for at any endpoint has one now (RFC 3435 §3.2.1.3).
        let name = &mut asked.connection;
        if let Some(id) = parameter(head, b"I") {
            name.id = Some(hashed_in_any_case(id));
        }
        if let Some(endpoint) = parameter(head, b"Z") {
            name.endpoint = hashed_in_any_case(endpoint);
        }
        let name = *name;
        if let Some(known) = self.connections.iter_mut().find(|it| it.name.group == name.group) {
            known.name = name;
        }
        self.describe(from, name, body, notes);
    }

    fn describe(&mut self, from: Direction, name: Name, body: &[u8], notes: &mut Notes<'_>) {
        if body.trim_ascii().is_empty() {
            return;
        }
        let description = sdp::read(body, notes);
        let strict = notes.options.strict;
        let media = &mut self.connection(name, notes.room).media;
        media.describe(from, description, notes);
        let answered = media.is_described(from.reversed());
        if answered || !strict {
            media.announce(from, Some(RINGING), name.group, notes);
        }
        if answered {
            media.announce(from.reversed(), Some(RINGING), name.group, notes);
        }
    }

    /// The connection of this name, moved to the end; a new one if there is none.
    fn connection(&mut self, name: Name, room: usize) -> &mut Connection {
        let connection = match self.connections.iter().position(|it| it.name.group == name.group) {
            Some(at) => self.connections.remove(at),
            None => {
                make_room(&mut self.connections, room);
                Connection { name, ..Connection::default() }
            }
        };
        self.connections.push(connection);
        self.connections.last_mut().expect("a connection has just been pushed")
    }
}

/// The value of a parameter line `name: value`, the name in any case.
fn parameter<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    lines(head).find_map(|line| {
        let (found, value) = divided(line, b':')?;
        found.trim_ascii().eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

/// The octets of the first message, and those behind the line that ends it.
fn first_message(octets: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let next = at + line.len();
        if unended(line) == b"." {
            return (&octets[..at], &octets[next..]);
        }
        at = next;
    }
    (octets, b"")
}

/// Command or answer with its parameters, and what follows the empty line (RFC 3435 §3.1).
fn divided_at_empty_line(message: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let next = at + line.len();
        if unended(line).is_empty() {
            return (&message[..at], &message[next..]);
        }
        at = next;
    }
    (message, b"")
}

/// Stands for a name that is compared in any case, as those of endpoints are (RFC 3435 §3.2.1.3) and the hexadecimal
/// identifiers of connections; calls are compared octet by octet (§3.2.2.2).
fn hashed_in_any_case(name: &[u8]) -> u32 {
    let mut hasher = DefaultHasher::new();
    for octet in name {
        octet.to_ascii_lowercase().hash(&mut hasher);
    }
    group(hasher.finish())
}

#[cfg(test)]
mod tests;
