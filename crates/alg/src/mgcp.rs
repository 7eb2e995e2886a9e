//! MGCP (RFC 3435): the media of the connections that a call agent makes at a gateway.
//!
//! CRCX and MDCX make and change a connection: the command may describe where the far side receives, the
//! answer where the gateway does; both in SDP. A call agent that relays the media itself speaks for its own
//! host, and all is between the two peers; one that only directs them names a third host, which takes the
//! rule's leave as with SIP. Connections are told apart by endpoint and call; DLCX forgets one, and takes back what it has announced.
//!
//! Left alone: events, audits, restarts, and what is at names in place of addresses.

use core::hash::{Hash, Hasher};
use std::hash::DefaultHasher;

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::media::{Media, RINGING, group, held, make_room};
use crate::sdp;
use crate::text::{divided, lines, number, unended, words};
use crate::{Notes, Remark};

/// Commands that wait for their answer; of more, the oldest is forgotten.
const COMMANDS: usize = 32;
/// Messages of one datagram that are read. More are ignored, as [`Remark::Overlong`].
const MESSAGES: usize = 32;

/// An MGCP conversation.
#[derive(Debug, Default)]
pub(crate) struct Mgcp {
    asked: ArrayVec<Asked, COMMANDS>,
    /// The one heard of last is last.
    connections: Vec<Connection>,
}

/// A command whose answer may describe media.
#[derive(Debug)]
struct Asked {
    transaction: u32,
    by: Direction,
    connection: u64,
}

#[derive(Debug, Default)]
struct Connection {
    id: u64,
    media: Media,
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
            return self.answer(from, code, transaction, body, notes);
        }
        let Some(endpoint) = parts.next().filter(|_| verb.len() == 4) else {
            return notes.remark(Remark::Malformed);
        };
        let verb = [verb[0], verb[1], verb[2], verb[3]].map(|letter| letter.to_ascii_uppercase());
        let call = lines(head).find_map(|line| {
            let (name, value) = divided(line, b':')?;
            name.trim_ascii().eq_ignore_ascii_case(b"C").then(|| value.trim_ascii())
        });
        let connection = hashed(endpoint, call.unwrap_or_default());
        match &verb {
            b"CRCX" | b"MDCX" => {
                if self.asked.is_full() {
                    self.asked.remove(0);
                }
                self.asked.push(Asked { transaction, by: from, connection });
                self.describe(from, connection, body, notes);
            }
            b"DLCX" => {
                self.connections.retain(|known| known.id != connection);
                notes.withdraw(group(connection));
            }
            _ => {}
        }
    }

    /// Codes: provisional 1xx, done 2xx (RFC 3435 §2.4). An answer that is sent again describes again.
    fn answer(
        &mut self,
        from: Direction,
        code: u16,
        transaction: u32,
        body: &[u8],
        notes: &mut Notes<'_>,
    ) {
        let asked = self
            .asked
            .iter()
            .rfind(|asked| asked.transaction == transaction && asked.by == from.reversed());
        if !(100..300).contains(&code) || body.trim_ascii().is_empty() {
            return;
        }
        match asked.map(|asked| asked.connection) {
            Some(connection) => self.describe(from, connection, body, notes),
            None => notes.remark(Remark::Unasked),
        }
    }

    fn describe(&mut self, from: Direction, connection: u64, body: &[u8], notes: &mut Notes<'_>) {
        if body.trim_ascii().is_empty() {
            return;
        }
        let description = sdp::read(body, notes);
        let strict = notes.options.strict;
        let media = &mut self.connection(connection, notes.room).media;
        media.describe(from, description, notes);
        let answered = media.is_described(from.reversed());
        if answered || !strict {
            media.announce(from, Some(RINGING), group(connection), notes);
        }
        if answered {
            media.announce(from.reversed(), Some(RINGING), group(connection), notes);
        }
    }

    /// The connection of this identity, moved to the end; a new one if there is none.
    fn connection(&mut self, id: u64, room: usize) -> &mut Connection {
        let connection = match self.connections.iter().position(|known| known.id == id) {
            Some(at) => self.connections.remove(at),
            None => {
                make_room(&mut self.connections, room);
                Connection { id, ..Connection::default() }
            }
        };
        self.connections.push(connection);
        self.connections.last_mut().expect("a connection has just been pushed")
    }
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

/// Names of endpoints are compared in any case, calls octet by octet (RFC 3435 §3.2.1.3, §3.2.2.2).
fn hashed(endpoint: &[u8], call: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for octet in endpoint {
        octet.to_ascii_lowercase().hash(&mut hasher);
    }
    call.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use session::Direction::{Original, Reply};
    use test_case::test_case;

    use super::*;
    use crate::Options;
    use crate::transcript::{INSIDE, OUTSIDE, Step, Talk, wire};

    const OPEN: Options = Options { strict: false, third_party: false };
    const STRICT: Options = Options { strict: true, third_party: false };
    const THIRD_PARTY: Options = Options { strict: false, third_party: true };

    /// The gateway is inside, its call agent outside.
    fn talk(options: Options) -> Talk<Mgcp> {
        Talk::new(Mgcp::default(), [2427, 2727], options)
    }

    fn audio(host: &str, port: u16) -> String {
        format!(
            "\nv=0\no=- 1 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio {port} RTP/AVP 0\n"
        )
    }

    fn command(verb: &str, transaction: u32, body: &str) -> Vec<u8> {
        wire(&format!(
            "{verb} {transaction} aaln/1@gw.example MGCP 1.0\nC: A3\nM: sendrecv\n{body}"
        ))
    }

    fn answer(code: u16, transaction: u32, body: &str) -> Vec<u8> {
        wire(&format!("{code} {transaction} OK\nI: FDE234C8\n{body}"))
    }

    fn run(options: Options, steps: &[Step<'_>]) {
        talk(options).goes(steps);
    }

    #[test]
    fn a_connection_announces_what_each_side_wants_to_receive() {
        run(
            OPEN,
            &[
                (Original, wire("RSIP 1 *@gw.example MGCP 1.0\nRM: restart\n"), &[]),
                (Reply, wire("200 1 OK\n"), &[]),
                (Reply, command("CRCX", 2, ""), &[]),
                (
                    Original,
                    answer(200, 2, &audio(INSIDE, 3456)),
                    &["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"],
                ),
                (
                    Reply,
                    command("mdcx", 3, &audio(OUTSIDE, 1296)),
                    &[
                        "udp 10.0.0.1 > 192.0.2.1:1296 200s",
                        "udp 10.0.0.1 > 192.0.2.1:1297 200s",
                        "udp 192.0.2.1 > 10.0.0.1:3456 200s",
                        "udp 192.0.2.1 > 10.0.0.1:3457 200s",
                    ],
                ),
                (Original, answer(200, 3, ""), &[]),
                (Reply, command("DLCX", 4, ""), &["- group 0"]),
                (Original, wire("250 4 Connection Deleted\nP: PS=1\n"), &[]),
            ],
        );
    }

    #[test]
    fn a_far_side_elsewhere_takes_leave() {
        let far = audio("198.51.100.7", 1296);
        run(OPEN, &[(Reply, command("CRCX", 2, &far), &["! third_party"])]);
        run(
            THIRD_PARTY,
            &[
                (
                    Reply,
                    command("CRCX", 2, &far),
                    &[
                        "udp 10.0.0.1 > 198.51.100.7:1296 200s",
                        "udp 10.0.0.1 > 198.51.100.7:1297 200s",
                    ],
                ),
                (
                    Original,
                    answer(200, 2, &audio(INSIDE, 3456)),
                    &[
                        "udp 198.51.100.7 > 10.0.0.1:3456 200s",
                        "udp 198.51.100.7 > 10.0.0.1:3457 200s",
                        "udp 10.0.0.1 > 198.51.100.7:1296 200s",
                        "udp 10.0.0.1 > 198.51.100.7:1297 200s",
                    ],
                ),
            ],
        );
    }

    #[test]
    fn a_strict_reading_waits_for_the_other_side() {
        run(
            STRICT,
            &[
                (Reply, command("CRCX", 2, ""), &[]),
                (Original, answer(200, 2, &audio(INSIDE, 3456)), &[]),
            ],
        );
    }

    #[test]
    fn messages_may_share_a_datagram() {
        let mut shared = answer(200, 2, &audio(INSIDE, 3456));
        shared.extend(wire(".\nNTFY 9 aaln/1@gw.example MGCP 1.0\nX: 1\nO: hd\n"));
        run(
            OPEN,
            &[
                (Reply, command("CRCX", 2, ""), &[]),
                (
                    Original,
                    shared,
                    &["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"],
                ),
            ],
        );
    }

    #[test]
    fn of_many_messages_the_first_are_read() {
        let command = b"CRCX 2 aaln/1@gw.example MGCP 1.0\n.\n";
        let answered = answer(200, 2, &audio(INSIDE, 3456));
        let pair =
            ["udp 192.0.2.1 > 10.0.0.1:3456 200s", "udp 192.0.2.1 > 10.0.0.1:3457 200s"].as_slice();
        for (before, told) in [(MESSAGES - 1, pair), (MESSAGES, &["! overlong"])] {
            let datagram = [&b"NTFY 9 aaln/1 MGCP 1.0\n.\n".repeat(before)[..], &answered].concat();
            run(OPEN, &[(Reply, command.to_vec(), &[]), (Original, datagram, told)]);
        }
    }

    /// Each octet is looked at a fixed number of times, whatever the datagram's messages.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "it measures the reader, which knows no time")]
    fn no_datagram_takes_long() {
        let longest = 65_507;
        let time = |datagram: &[u8]| {
            let once = || {
                let mut talk = talk(OPEN);
                let begun = Instant::now();
                talk.datagram(Original, datagram);
                begun.elapsed()
            };
            (0..5).map(|_| once()).min().expect("five times")
        };
        let plain = time(&vec![b'x'; longest]);
        for message in [&b".\n"[..], b"x\n.\n", b" \n.\n"] {
            let mut datagram = message.repeat(longest / 2 / message.len());
            datagram.resize(longest, b' ');
            let taken = time(&datagram);
            assert!(taken < 50 * plain, "{taken:?} for {message:?}, {plain:?} for one line");
        }
    }

    #[test_case(&answer(200, 7, &audio(INSIDE, 3456)), &["! unasked"]; "an answer that nobody asked for")]
    #[test_case(&answer(502, 7, &audio(INSIDE, 3456)), &[]; "a refusal")]
    #[test_case(&wire("RQNT 1 *@gw.example MGCP 0.1R: l/hd(n)X: 1"), &[]; "one line")]
    #[test_case(b"\x00\x01\x02", &["! malformed"]; "no text")]
    #[test_case(b"CRCX x aaln/1 MGCP 1.0\n", &["! malformed"]; "no transaction")]
    #[test_case(b"CRCXY 1 aaln/1 MGCP 1.0\n", &["! malformed"]; "no verb")]
    #[test_case(b"\n.\n.\n", &["! malformed", "! malformed"]; "nothing but dots")]
    fn other_messages_announce_nothing(payload: &[u8], noted: &[&str]) {
        assert_eq!(talk(OPEN).datagram(Original, payload), noted);
    }
}
