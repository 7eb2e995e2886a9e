//! RTSP (RFC 2326, and the addresses of RFC 7826): where the server sends media, and the client its reports.
//!
//! A SETUP says at which ports the client wants to receive; what the server's 200 says of them is announced,
//! if they are those that the client asked for: from the server to the client's pair, and from the client to
//! the server's. A PLAY that succeeds announces them again, since nothing may have been sent since a pause.
//! Both ends must be the peers themselves (RFC 2326 §16 warns of `destination`). Media that are interleaved
//! with the messages (§10.12) are passed over.
//!
//! Left alone: transports other than RTP over UDP, groups, HTTP tunnels.
//!
//! A TEARDOWN that succeeds takes back what was announced and nobody has used: of the stream that it names, or of all
//! streams, but of its own session. The client asks for it (RFC 2326 §10.7), or in version 2 the server (RFC 7826 §13.7.2);
//! to set up and to play the client alone.

#[cfg(test)]
mod tests;
mod transport;

use core::time::Duration;

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::media::{UDP, group, hashed};
use crate::message::{Framing, Message};
use crate::text::{number, parameter, words};
use crate::{Announcement, Notes, Remark};
use transport::{Ports, Transports, first};

/// Streams of one conversation that are remembered; of more, the oldest is forgotten.
const STREAMS: usize = 8;
/// Ports below are no media's.
const PRIVILEGED: u16 = 1024;
/// How long a server waits for a sign of life if it does not say (RFC 2326 §12.37); nothing is expected
/// for longer, since by then it has given the session up.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest of such times that is believed.
const LONGEST_PATIENCE: Duration = Duration::from_mins(10);

/// An RTSP conversation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rtsp {
    framings: [Framing; 2],
    asked: ArrayVec<Asked, STREAMS>,
    streams: ArrayVec<Stream, STREAMS>,
}

/// A request whose answer matters.
#[derive(Clone, Debug)]
struct Asked {
    by: Direction,
    sequence: u32,
    what: Request,
    /// What it names: one stream, or something else that stands for all (RFC 2326 §10.7).
    uri: u32,
    /// The session that it is about, if it says so.
    session: Option<u32>,
}

#[derive(Clone, Debug)]
enum Request {
    /// With the client's ports of each transport that it can do.
    Setup(Transports),
    Play,
    Teardown,
}

/// A stream that both sides have agreed on.
#[derive(Clone, Copy, Debug)]
struct Stream {
    uri: u32,
    session: Option<u32>,
    client: Ports,
    server: Option<Ports>,
    lifetime: Duration,
}

impl Dialogue for Rtsp {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let mut read = 0;
        loop {
            let Some(rest) = octets.get(read..) else { return Progress::Skip(read) };
            let message = rest.trim_ascii_start();
            read += rest.len() - message.len();
            // Dollar, channel, length of the data (RFC 2326 §10.12).
            if message.first() == Some(&b'$') {
                let Some(&[_, _, high, low]) = message.first_chunk() else {
                    return Progress::Read(read);
                };
                read += 4 + usize::from(u16::from_be_bytes([high, low]));
                continue;
            }
            let framed = self.framings[from.index()].next(message, |_| false);
            match framed.message(read, notes) {
                Err(progress) => return progress,
                Ok((message, length)) => {
                    if !self.message(from, &message, notes) {
                        notes.remark(Remark::Malformed);
                        return Progress::Stop;
                    }
                    read = read.saturating_add(length);
                }
            }
        }
    }
}

impl Rtsp {
    /// Reads one message; whether it is one of RTSP.
    fn message(&mut self, from: Direction, message: &Message<'_>, notes: &mut Notes<'_>) -> bool {
        const VERSION: &[u8] = b"RTSP/";
        let mut parts = words(message.start);
        let (Some(one), Some(two), three) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        if one.starts_with(VERSION) {
            let Some(status) = number(two) else { return false };
            self.answer(from, status, message, notes);
        } else if let Some(version) = three.filter(|version| version.starts_with(VERSION)) {
            self.request(from, (one, two, version), message, notes);
        } else {
            return false;
        }
        true
    }

    fn request(
        &mut self,
        from: Direction,
        (method, uri, version): (&[u8], &[u8], &[u8]),
        message: &Message<'_>,
        notes: &mut Notes<'_>,
    ) {
        let is_client = from == Direction::Original;
        let what = match method {
            b"SETUP" | b"PLAY" | b"RECORD" if !is_client => {
                return notes.remark(Remark::WrongSide);
            }
            b"TEARDOWN" if !is_client && !version.starts_with(b"RTSP/2") => {
                return notes.remark(Remark::WrongSide);
            }
            b"SETUP" => {
                let offered = message.field(&["transport"]).unwrap_or_default();
                Request::Setup(transport::read(offered, notes))
            }
            b"PLAY" | b"RECORD" => Request::Play,
            b"TEARDOWN" => Request::Teardown,
            _ => return,
        };
        let Some(sequence) = message.field(&["cseq"]).and_then(number) else {
            return notes.remark(Remark::Malformed);
        };
        if self.asked.is_full() {
            self.asked.remove(0);
        }
        let session = session_of(message);
        self.asked.push(Asked { by: from, sequence, what, uri: group(hashed(uri)), session });
    }

    fn answer(
        &mut self,
        from: Direction,
        status: u16,
        message: &Message<'_>,
        notes: &mut Notes<'_>,
    ) {
        if status < 200 {
            return;
        }
        let sequence = message.field(&["cseq"]).and_then(number);
        let is_its =
            |asked: &Asked| asked.by == from.reversed() && Some(asked.sequence) == sequence;
        let asked = self.asked.iter().position(is_its).map(|at| self.asked.remove(at));
        let transport = message.field(&["transport"]);
        if status != 200 {
            return;
        }
        let Some(Asked { what, uri, session, .. }) = asked else {
            if from == Direction::Reply && transport.is_some() {
                notes.remark(Remark::Unasked);
            }
            return;
        };
        match what {
            Request::Setup(offered) => {
                let Some(chosen) = transport else { return };
                let lifetime = patience(message.field(&["session"]).unwrap_or_default());
                if let Some((client, server)) = agreed(&offered, chosen, notes) {
                    let session = session_of(message).or(session);
                    let stream = Stream { uri, session, client, server, lifetime };
                    // It may be set up anew, at other ports.
                    self.forget(|old| (old.uri, old.session) == (uri, session), notes);
                    announce(stream, notes);
                    if self.streams.is_full() {
                        self.streams.remove(0);
                    }
                    self.streams.push(stream);
                }
            }
            Request::Play => {
                for stream in self.streams.iter().filter(|stream| stream.is_of(session)) {
                    announce(*stream, notes);
                }
            }
            Request::Teardown => {
                let names = |stream: &Stream| stream.uri == uri && stream.is_of(session);
                let one = self.streams.iter().any(names);
                self.forget(|it| it.is_of(session) && (!one || names(it)), notes);
            }
        }
    }

    /// Takes back what some streams have announced.
    fn forget(&mut self, which: impl Fn(&Stream) -> bool, notes: &mut Notes<'_>) {
        self.streams.retain(|stream| {
            let ends = which(stream);
            if ends {
                notes.withdraw(stream.group());
            }
            !ends
        });
    }
}

impl Stream {
    /// Whether it is of this session, as far as is said.
    fn is_of(&self, session: Option<u32>) -> bool {
        session.is_none() || self.session.is_none() || self.session == session
    }

    /// Of what it announces.
    fn group(&self) -> u32 {
        (self.uri ^ self.session.unwrap_or_default()).max(1)
    }
}

/// The client's and the server's ports that an answer agrees to, if they are some to expect.
fn agreed(
    offered: &Transports,
    chosen: &[u8],
    notes: &mut Notes<'_>,
) -> Option<(Ports, Option<Ports>)> {
    let chosen = first(chosen, notes)?;
    let client = match (chosen.client, offered.as_slice()) {
        (Some(ports), offered) if offered.contains(&ports) => ports,
        // An answer need not repeat what there was no choice of.
        (None, [only]) => *only,
        _ => {
            notes.remark(Remark::Unasked);
            return None;
        }
    };
    Some((client, chosen.server))
}

fn announce(stream: Stream, notes: &mut Notes<'_>) {
    let Stream { client, server, lifetime, .. } = stream;
    let how = (lifetime, stream.group());
    let places = [Some((client.media, server.map(|it| it.media)))];
    let reports = client.control.map(|port| (port, server.and_then(|it| it.control)));
    for (port, source_port) in places.into_iter().chain([reports]).flatten() {
        expect(Direction::Original, port, source_port, how, notes);
    }
    for port in server.into_iter().flat_map(|it| [Some(it.media), it.control]).flatten() {
        expect(Direction::Reply, port, None, how, notes);
    }
}

/// Expects datagrams to a port of the peer that speaks in direction `to`.
fn expect(
    to: Direction,
    port: u16,
    source_port: Option<u16>,
    (lifetime, group): (Duration, u32),
    notes: &mut Notes<'_>,
) {
    if port < PRIVILEGED {
        return notes.remark(Remark::PrivilegedPort);
    }
    let source = notes.peers.listener(to).0;
    let destination = (notes.peers.speaker(to).0, port);
    notes.expect(Announcement {
        source_port,
        lifetime: Some(lifetime),
        group,
        ..Announcement::once(UDP, to.reversed(), source, destination)
    });
}

/// The session that a message is about: `Session: 12345678;timeout=60`.
fn session_of(message: &Message<'_>) -> Option<u32> {
    let field = message.field(&["session"])?;
    let id = field.split(|octet| *octet == b';').next()?.trim_ascii();
    Some(group(hashed(id)))
}

/// How long the server keeps the session: `Session: 12345678;timeout=60`.
fn patience(session: &[u8]) -> Duration {
    let said = parameter(session, "timeout").and_then(number);
    said.map_or(PATIENCE, Duration::from_secs).clamp(Duration::from_secs(1), LONGEST_PATIENCE)
}
