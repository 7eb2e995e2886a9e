//! PPTP (RFC 2637): a call on the control connection announces its tunnel, GRE between the two peers.
//!
//! A call is agreed on when the reply to its request says that it is connected: Outgoing-Call-Reply (§2.8) or
//! Incoming-Call-Reply (§2.10). Either end may send the first packet of the tunnel. GRE carries no ports:
//! its packets carry the number that their receiver gave to the call (§4.1), and that is announced in the place of a
//! port. The end of a call
//! forgets it; a tunnel that was announced and not begun lapses by its time.

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::{Announcement, Notes, Remark};

const GRE: u8 = 47;
/// Stands in every message, so that an end that has lost its place sees it (§1.4).
const MAGIC: u32 = 0x1a2b_3c4d;
/// Of length, kind, magic, control message's type and a reserved field.
const HEADER: usize = 12;
/// Control messages are of kind 1; kind 2 was left for management.
const CONTROL: u16 = 1;
/// The longest is Incoming-Call-Request with 220 octets (§2.9); there is room for none to come.
const LONGEST: usize = 512;
/// Calls that wait for their reply; of more, the oldest is forgotten.
const CALLS: usize = 16;

const STOP_REPLY: u16 = 4;
const OUTGOING_REQUEST: u16 = 7;
const OUTGOING_REPLY: u16 = 8;
const INCOMING_REQUEST: u16 = 9;
const INCOMING_REPLY: u16 = 10;
/// Result code of a reply.
const CONNECTED: u8 = 1;

/// A PPTP control connection.
#[derive(Debug, Default)]
pub(crate) struct Pptp {
    asked: ArrayVec<Asked, CALLS>,
}

/// A call that one side has asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// The type of its request.
    request: u16,
    /// Who has asked.
    by: Direction,
    /// The number that the asking side gave it.
    call: u16,
}

impl Dialogue for Pptp {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let mut read = 0;
        loop {
            let rest = octets.get(read..).unwrap_or_default();
            let Some(header) = rest.first_chunk::<HEADER>() else { return Progress::Read(read) };
            let [length, kind] = [0, 2].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
            let magic = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            let kind_of_control = u16::from_be_bytes([header[8], header[9]]);
            let length = usize::from(length);
            if magic != MAGIC || !(HEADER..=LONGEST).contains(&length) {
                notes.remark(Remark::Malformed);
                return Progress::Stop;
            }
            let Some(message) = rest.get(HEADER..length) else { return Progress::Read(read) };
            read += length;
            if kind == CONTROL {
                if kind_of_control == STOP_REPLY {
                    return Progress::Stop;
                }
                self.message(from, kind_of_control, message, notes);
            }
        }
    }
}

impl Pptp {
    fn message(&mut self, from: Direction, kind: u16, message: &[u8], notes: &mut Notes<'_>) {
        let request = match kind {
            OUTGOING_REQUEST | INCOMING_REQUEST => {
                let Some(&[high, low]) = message.first_chunk() else {
                    return notes.remark(Remark::Malformed);
                };
                if self.asked.is_full() {
                    self.asked.remove(0);
                }
                let call = u16::from_be_bytes([high, low]);
                self.asked.push(Asked { request: kind, by: from, call });
                return;
            }
            OUTGOING_REPLY => OUTGOING_REQUEST,
            INCOMING_REPLY => INCOMING_REQUEST,
            _ => return,
        };
        // The replier's number of the call, the asker's, result code (§2.8, §2.10).
        let Some(&[own_high, own_low, high, low, result]) = message.first_chunk() else {
            return notes.remark(Remark::Malformed);
        };
        let repliers = u16::from_be_bytes([own_high, own_low]);
        let call = u16::from_be_bytes([high, low]);
        let asked = Asked { request, by: from.reversed(), call };
        let Some(at) = self.asked.iter().position(|waiting| *waiting == asked) else {
            return notes.remark(Remark::Unasked);
        };
        self.asked.remove(at);
        if result != CONNECTED {
            return;
        }
        for (opener, receivers) in [(from.reversed(), repliers), (from, call)] {
            let source = notes.peers.speaker(opener).0;
            let destination = (notes.peers.listener(opener).0, receivers);
            notes.expect(Announcement::once(GRE, opener, source, destination));
        }
    }
}

#[cfg(test)]
mod tests {
    use session::Direction::{Original, Reply};
    use test_case::test_case;

    use super::*;
    use crate::Options;
    use crate::transcript::Talk;

    fn talk() -> Talk<Pptp> {
        Talk::new(Pptp::default(), [50_000, 1723], Options::default())
    }

    /// A message with so many octets of zeros behind what is given.
    fn message(kind: u16, body: &[u8], padding: usize) -> Vec<u8> {
        let length = u16::try_from(HEADER + body.len() + padding).unwrap();
        let mut message = Vec::new();
        message.extend(length.to_be_bytes());
        message.extend(CONTROL.to_be_bytes());
        message.extend(MAGIC.to_be_bytes());
        message.extend(kind.to_be_bytes());
        message.extend([0; 2]);
        message.extend(body);
        message.resize(usize::from(length), 0);
        message
    }

    fn request(kind: u16, call: u16) -> Vec<u8> {
        message(kind, &call.to_be_bytes(), 154)
    }

    fn reply(kind: u16, call: u16, asked: u16, result: u8) -> Vec<u8> {
        let body = [&call.to_be_bytes()[..], &asked.to_be_bytes(), &[result]].concat();
        message(kind, &body, 15)
    }

    const TUNNEL: &[&str] = &["gre 10.0.0.1 > 192.0.2.1:9", "gre 192.0.2.1 > 10.0.0.1:7"];
    const TUNNEL_BACK: &[&str] = &["gre 192.0.2.1 > 10.0.0.1:1", "gre 10.0.0.1 > 192.0.2.1:7"];

    #[test]
    fn a_connected_call_announces_its_tunnel_both_ways() {
        let steps: [(Direction, Vec<u8>, &[&str]); 9] = [
            (Original, message(1, &[1, 0], 142), &[]),
            (Reply, message(2, &[1, 0, 1, 0], 140), &[]),
            (Original, request(OUTGOING_REQUEST, 7), &[]),
            (Reply, reply(OUTGOING_REPLY, 9, 8, CONNECTED), &["! unasked"]),
            (Original, reply(OUTGOING_REPLY, 9, 7, CONNECTED), &["! unasked"]),
            (Reply, reply(INCOMING_REPLY, 9, 7, CONNECTED), &["! unasked"]),
            (Reply, reply(OUTGOING_REPLY, 9, 7, CONNECTED), TUNNEL),
            (Reply, reply(OUTGOING_REPLY, 9, 7, CONNECTED), &["! unasked"]),
            (Original, message(12, &[0, 7], 2), &[]),
        ];
        let mut talk = talk();
        for (place, (from, run, noted)) in steps.iter().enumerate() {
            let (progress, told) = talk.stream(*from, run);
            assert_eq!(progress, Progress::Read(run.len()), "step {place}");
            assert_eq!(told, *noted, "step {place}");
        }
    }

    #[test]
    fn the_other_end_may_call() {
        let mut talk = talk();
        talk.stream(Reply, &request(INCOMING_REQUEST, 7));
        let (_, told) = talk.stream(Original, &reply(INCOMING_REPLY, 1, 7, CONNECTED));
        assert_eq!(told, TUNNEL_BACK);
    }

    #[test]
    fn a_call_that_is_refused_announces_nothing() {
        let mut talk = talk();
        talk.stream(Original, &request(OUTGOING_REQUEST, 7));
        assert_eq!(talk.stream(Reply, &reply(OUTGOING_REPLY, 0, 7, 2)).1, [""; 0]);
    }

    #[test]
    fn messages_end_by_their_length_wherever_segments_do() {
        let asked = request(OUTGOING_REQUEST, 7);
        let mut talk = talk();
        for end in 0..asked.len() {
            assert_eq!(talk.stream(Original, &asked[..end]), (Progress::Read(0), vec![]));
        }
        let two = [asked.clone(), asked].concat();
        assert_eq!(talk.stream(Original, &two), (Progress::Read(two.len()), vec![]));
        let run =
            [reply(OUTGOING_REPLY, 9, 7, CONNECTED), message(STOP_REPLY, &[1, 0], 2)].concat();
        let (progress, told) = talk.stream(Reply, &run);
        assert_eq!(progress, Progress::Stop);
        assert_eq!(told, TUNNEL);
    }

    #[test_case(b"\0\x0c\0\x01\x1a\x2b\x3c\x4e\0\x01\0\0"; "another magic")]
    #[test_case(b"\0\x0b\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0"; "shorter than a header")]
    #[test_case(b"\xff\xff\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0"; "longer than any message")]
    #[test_case(b"GET / HTTP/1.1\r\n\r\n"; "text")]
    fn what_is_no_pptp_is_read_no_further(run: &[u8]) {
        let (progress, told) = talk().stream(Original, run);
        assert_eq!(progress, Progress::Stop);
        assert_eq!(told, ["! malformed"]);
    }

    #[test_case(OUTGOING_REQUEST, 1; "a request")]
    #[test_case(OUTGOING_REPLY, 4; "a reply")]
    fn a_message_that_is_cut_short_is_remarked_on(kind: u16, octets: usize) {
        let (_, told) = talk().stream(Original, &message(kind, &[], octets));
        assert_eq!(told, ["! malformed"]);
    }
}
