//! One control conversation as it is read.

use session::Direction;
use wire::SeqNum;

use crate::dialogue::{Dialogue, Progress};
use crate::ftp::Ftp;
use crate::h323::{H245, H323};
use crate::irc::Irc;
use crate::media::{CALL, FEW, MANY};
use crate::mgcp::Mgcp;
use crate::pptp::Pptp;
use crate::rtsp::Rtsp;
use crate::sip::Sip;
use crate::stream::{Continuity, IDLE, Stream, WINDOW};
use crate::tftp::Tftp;
use crate::{Notes, Protocol, Remark};

/// Whether a packet of a control conversation may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It may.
    Pass,
    /// It may not, for this, which is among the remarks.
    Refuse(Remark),
}

/// Reads one control conversation: one that comes in datagrams by [`Self::datagram`], one over TCP by
/// [`Self::begins`], [`Self::answered`], [`Self::segment`] and [`Self::acknowledged`].
///
/// A segment that is refused must not reach the endpoint; its announcements count for nothing. What the
/// reader has of it stays: when it is sent again it is refused again.
#[derive(Clone, Debug)]
pub struct Reader {
    protocol: Protocol,
    dialogue: Speaking,
    /// What the original direction says, and the reply direction.
    streams: [Stream; 2],
    stopped: bool,
}

#[derive(Clone, Debug)]
enum Speaking {
    Ftp(Ftp),
    Irc(Irc),
    Tftp(Tftp),
    Sip(Sip),
    Rtsp(Rtsp),
    Pptp(Pptp),
    Mgcp(Mgcp),
    H323(Box<H323>),
    H245(Box<H245>),
}

impl Speaking {
    fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Ftp => Self::Ftp(Ftp::default()),
            Protocol::Irc => Self::Irc(Irc::default()),
            Protocol::Tftp => Self::Tftp(Tftp),
            Protocol::Sip => Self::Sip(Sip::default()),
            Protocol::Rtsp => Self::Rtsp(Rtsp::default()),
            Protocol::Pptp => Self::Pptp(Pptp::default()),
            Protocol::Mgcp => Self::Mgcp(Mgcp::default()),
            Protocol::H323 => Self::H323(Box::default()),
            Protocol::H245 => Self::H245(Box::default()),
        }
    }

    fn held(&self) -> usize {
        match self {
            Self::Sip(dialogue) => dialogue.held(),
            Self::Mgcp(dialogue) => dialogue.held(),
            Self::H323(dialogue) => dialogue.held(),
            Self::Ftp(_)
            | Self::Irc(_)
            | Self::Tftp(_)
            | Self::Rtsp(_)
            | Self::Pptp(_)
            | Self::H245(_) => 0,
        }
    }

    fn dialogue(&mut self) -> &mut dyn Dialogue {
        match self {
            Self::Ftp(dialogue) => dialogue,
            Self::Irc(dialogue) => dialogue,
            Self::Tftp(dialogue) => dialogue,
            Self::Sip(dialogue) => dialogue,
            Self::Rtsp(dialogue) => dialogue,
            Self::Pptp(dialogue) => dialogue,
            Self::Mgcp(dialogue) => dialogue,
            Self::H323(dialogue) => &mut **dialogue,
            Self::H245(dialogue) => &mut **dialogue,
        }
    }
}

impl Reader {
    /// Octets that a reader may hold whatever [`Notes::room`] says: a short line each way, and the first few calls.
    pub const FREE: usize = 2 * IDLE + FEW * CALL;
    /// Octets that it holds at most, beyond those.
    pub const MOST: usize = 2 * (2 * WINDOW - IDLE) + MANY * CALL;

    /// Octets that it holds beyond [`Self::FREE`].
    #[must_use]
    pub fn held(&self) -> usize {
        let [one, other] = &self.streams;
        one.held() + other.held() + self.dialogue.held()
    }

    /// A conversation of which nothing has been read.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        let dialogue = Speaking::new(protocol);
        Self { protocol, dialogue, streams: Default::default(), stopped: false }
    }

    /// Whether it has stopped reading: it will pass everything and announce nothing from now on.
    #[must_use]
    pub const fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Reads a datagram's payload.
    pub fn datagram(&mut self, from: Direction, payload: &[u8], notes: &mut Notes<'_>) -> Reading {
        if self.stopped {
            return Reading::Pass;
        }
        match self.dialogue.dialogue().datagram(from, payload, notes) {
            Progress::Read(_) | Progress::Skip(_) => Reading::Pass,
            Progress::Refuse(remark) => refuse(remark, notes),
            Progress::Stop => {
                self.stop();
                Reading::Pass
            }
        }
    }

    /// A SYN that opens a connection was seen in direction `from`: its first octet will have the number `first`. A
    /// repeated SYN says the same; once octets have been seen it is ignored.
    pub fn begins(&mut self, from: Direction, first: SeqNum) {
        let stream = &mut self.streams[from.index()];
        if !self.stopped && !stream.is_running() {
            stream.begin(first);
        }
    }

    /// A SYN-ACK was seen in direction `from`: its first octet will have the number `first`, and `number` is what it
    /// acknowledges. It must be one that opens a connection, not one that passes beside it.
    ///
    /// If these are not the numbers of what has been seen, the two sides have lost that connection and begin another
    /// between the same ports: so does the reading.
    pub fn answered(&mut self, from: Direction, first: SeqNum, number: SeqNum) {
        if self.stopped {
            return;
        }
        let [speaker, other] = [from, from.reversed()].map(|side| &self.streams[side.index()]);
        // With octets on the SYN (RFC 7413) it may acknowledge them.
        let strange = (speaker.is_running() && !speaker.began_at(first))
            || (other.has_begun() && !other.reaches(number));
        if strange {
            *self = Self::new(self.protocol);
            self.streams[from.reversed().index()].begin(number);
        }
        self.begins(from, first);
    }

    /// Reads a segment's payload whose first octet has the number `number`. A stream whose beginning was
    /// not seen begins here.
    pub fn segment(
        &mut self,
        from: Direction,
        number: SeqNum,
        payload: &[u8],
        notes: &mut Notes<'_>,
    ) -> Reading {
        if self.stopped || payload.is_empty() {
            return Reading::Pass;
        }
        let dialogue = self.dialogue.dialogue();
        let stream = &mut self.streams[from.index()];
        if !stream.has_begun() {
            stream.begin(number);
            if !dialogue.resume(from) {
                self.stop();
                return Reading::Pass;
            }
        }
        let mut piece = match stream.admit(number, payload, notes.room) {
            Ok(piece) => piece,
            Err(remark) => return refuse(remark, notes),
        };
        while stream.reaches_unread(&piece) {
            let mut moved = stream.take(&mut piece);
            while !stream.unread().is_empty() {
                match dialogue.read(from, stream.unread(), notes) {
                    Progress::Read(0) => break,
                    Progress::Read(octets) => stream.advance(octets),
                    Progress::Skip(octets) => stream.skip(octets),
                    Progress::Refuse(remark) => return refuse(remark, notes),
                    Progress::Stop => {
                        self.stop();
                        return Reading::Pass;
                    }
                }
                moved = true;
            }
            stream.forget();
            if !moved || stream.is_stuffed() {
                notes.remark(Remark::Overlong);
                self.stop();
                return Reading::Pass;
            }
        }
        Reading::Pass
    }

    /// The side that speaks in direction `from` has acknowledged all before `number`: it will not be sent
    /// again, or to no effect.
    ///
    /// If that is more than was seen (of a capture with holes, say), the dialogue goes on where it can make
    /// sense of what follows, or stops.
    pub fn acknowledged(&mut self, from: Direction, number: SeqNum) {
        let speaker = from.reversed();
        let stream = &mut self.streams[speaker.index()];
        if self.stopped || !stream.has_begun() {
            return;
        }
        if stream.acknowledge(number) == Continuity::Broken
            && !self.dialogue.dialogue().resume(speaker)
        {
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.streams = Default::default();
    }
}

fn refuse(remark: Remark, notes: &mut Notes<'_>) -> Reading {
    notes.remark(remark);
    Reading::Refuse(remark)
}
