//! FTP (RFC 959, RFC 2428): the control connection names address and port of each transfer.
//!
//! | said | by | then expected |
//! | --- | --- | --- |
//! | `PORT`, `EPRT` | client | server to the client's address and the port named |
//! | 227 to `PASV`, 229 to `EPSV` | server | client to the server's address and the port named |
//!
//! - An address must be the speaker's own, and a port no lower than 1024 (RFC 2577 §3). A command that says
//!   otherwise is refused: a server that obeyed it would attack in the client's name, and not necessarily
//!   through this box. An answer that says otherwise passes and opens nothing: the client alone suffers by
//!   it, and most clients connect to the server's own address anyway.
//! - A malformed command passes and opens nothing. Since a lenient server could read more into it than
//!   stands there, it is refused where the rule asks for strictness.
//! - With strictness a `PORT` opens nothing before the server agrees to it by the reply to that very command:
//!   replies are counted against commands, as each gets one that is not preliminary (RFC 959 §4.2).
//! - After `EPSV ALL` all else is void (RFC 2428 §4), unless the server refuses that.
//! - After `AUTH` has succeeded (RFC 4217, RFC 2228) the conversation is another and is not read.
//!
//! What is not here: `LPRT` (RFC 1639), transfers between two servers, and user names, paths, or what else
//! one could forbid.

mod reply;
mod target;

use core::net::IpAddr;

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::line::{Head, Lines};
use crate::{Announcement, Notes, Remark};
use reply::{Replies, Reply};
use target::Target;

const TCP: u8 = 6;
/// Octets of a line. RFC 959 knows no limit; servers read 512 to 4096.
const LINE: usize = 1024;
/// Octets of a reply's code with the mark behind it.
const CODE: usize = 4;
/// Ports below are not for transfers (RFC 2577 §3).
const PORTS: u16 = 1024;
const CLIENT: Direction = Direction::Original;
const SERVER: Direction = Direction::Reply;

/// An FTP control connection.
#[derive(Debug, Default)]
pub(crate) struct Ftp {
    lines: [Lines; 2],
    replies: Replies,
    /// The last command that asked for a transfer's connection, until it is answered.
    asked: Option<Asked>,
    /// Commands that the server has not answered.
    unanswered: u16,
    /// The client has said that it will use nothing but EPSV.
    extended_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// PASV.
    Passive,
    /// EPSV.
    ExtendedPassive,
    /// EPSV ALL.
    ExtendedOnly,
    /// PORT or EPRT, with so many commands before it unanswered.
    Active { target: Target, before: u16 },
    /// AUTH.
    Security,
}

impl Dialogue for Ftp {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let (course, taken) = match self.lines[from.index()].next(octets, LINE) {
            Head::Line(line, taken) => {
                let course = match from {
                    CLIENT => self.command(&without_telnet(line), notes),
                    SERVER => self.reply(line, notes),
                };
                (course, taken)
            }
            Head::Unread(taken) => return Progress::Read(taken),
            Head::TooLong(taken) => {
                notes.remark(Remark::Overlong);
                // A command or reply like any other in what is counted: a path may be as long.
                let course = match from {
                    CLIENT => self.command(b"", notes),
                    SERVER => self.reply(&octets[..CODE], notes),
                };
                (course, taken)
            }
            Head::Unended => return Progress::Read(0),
        };
        match course {
            Course::On => Progress::Read(taken),
            Course::Refuse(remark) => Progress::Refuse(remark),
            Course::Stop => Progress::Stop,
        }
    }

    fn resume(&mut self, from: Direction) -> bool {
        self.lines[from.index()] = Lines::Within;
        self.replies = Replies::resumed();
        true
    }
}

/// What follows from a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    On,
    Refuse(Remark),
    Stop,
}

impl Ftp {
    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Course {
        let line = line.trim_ascii_start();
        let (verb, argument) = match line.iter().position(u8::is_ascii_whitespace) {
            Some(end) => (&line[..end], line[end..].trim_ascii_start()),
            None => (line, &line[..0]),
        };
        if matches!(verb, b"227" | b"229") {
            notes.remark(Remark::WrongSide);
            return Course::On;
        }
        let before = self.unanswered;
        let course = if verb.eq_ignore_ascii_case(b"PORT") {
            self.active(target::of_port(argument), before, notes)
        } else if verb.eq_ignore_ascii_case(b"EPRT") {
            self.active(target::of_eprt(argument), before, notes)
        } else if verb.eq_ignore_ascii_case(b"PASV") {
            self.ask(Asked::Passive, notes);
            Course::On
        } else if verb.eq_ignore_ascii_case(b"EPSV") {
            if argument.eq_ignore_ascii_case(b"ALL") {
                self.extended_only = true;
                self.asked = Some(Asked::ExtendedOnly);
            } else {
                self.asked = Some(Asked::ExtendedPassive);
            }
            Course::On
        } else {
            if verb.eq_ignore_ascii_case(b"AUTH") {
                self.asked = Some(Asked::Security);
            }
            Course::On
        };
        if course == Course::On {
            self.unanswered = self.unanswered.saturating_add(1);
        }
        course
    }

    /// The client asks by another command than EPSV.
    fn ask(&mut self, asked: Asked, notes: &mut Notes<'_>) {
        self.asked = Some(asked).filter(|_| !self.extended_only);
        if self.extended_only {
            notes.remark(Remark::RuledOut);
        }
    }

    fn active(&mut self, target: Option<Target>, before: u16, notes: &mut Notes<'_>) -> Course {
        let Some(target) = target else {
            self.asked = None;
            if notes.options.strict {
                return Course::Refuse(Remark::Malformed);
            }
            notes.remark(Remark::Malformed);
            return Course::On;
        };
        if let Err(remark) = target.check(notes.peers.speaker(CLIENT).0) {
            return Course::Refuse(remark);
        }
        if notes.options.strict || self.extended_only {
            self.ask(Asked::Active { target, before }, notes);
        } else {
            self.asked = None;
            notes.expect(announcement(SERVER, target, notes));
        }
        Course::On
    }

    fn reply(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Course {
        let reply = match self.replies.next(line) {
            Reply::Whole(reply) => reply,
            Reply::Part => return Course::On,
            Reply::None => {
                if starts_like_a_command(line) {
                    notes.remark(Remark::WrongSide);
                }
                return Course::On;
            }
            Reply::Greeting => return Course::On,
        };
        if reply.is_preliminary() {
            return Course::On;
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        match (reply.code, self.asked) {
            (227, Some(Asked::Passive)) => {
                self.asked = None;
                self.passive(target::of_227(reply.text), notes);
            }
            (229, Some(Asked::ExtendedPassive)) => {
                self.asked = None;
                let server = notes.peers.speaker(SERVER).0;
                self.passive(target::of_229(reply.text, server), notes);
            }
            (227 | 229, _) => notes.remark(Remark::Unasked),
            (234 | 334, Some(Asked::Security)) => return Course::Stop,
            (500..=599, Some(Asked::ExtendedOnly)) => {
                self.asked = None;
                self.extended_only = false;
            }
            (code, Some(Asked::Active { target, before })) => match before.checked_sub(1) {
                Some(before) => self.asked = Some(Asked::Active { target, before }),
                None => {
                    self.asked = None;
                    if (200..300).contains(&code) {
                        notes.expect(announcement(SERVER, target, notes));
                    }
                }
            },
            (_, Some(_) | None) => {}
        }
        Course::On
    }

    fn passive(&self, target: Option<Target>, notes: &mut Notes<'_>) {
        let Some(target) = target else {
            notes.remark(Remark::Malformed);
            return;
        };
        match target.check(notes.peers.speaker(SERVER).0) {
            Ok(()) => notes.expect(announcement(CLIENT, target, notes)),
            Err(remark) => notes.remark(remark),
        }
    }
}

fn announcement(opener: Direction, target: Target, notes: &Notes<'_>) -> Announcement {
    Announcement {
        protocol: TCP,
        opener,
        source: notes.peers.speaker(opener).0,
        source_port: None,
        destination: target.address,
        destination_port: target.port,
        lifetime: None,
        read: None,
        standing: false,
    }
}

impl Target {
    /// Whether it may be connected to, told by the host `speaker`.
    fn check(self, speaker: IpAddr) -> Result<(), Remark> {
        if self.address != speaker {
            return Err(Remark::Bounce);
        }
        if self.port < PORTS {
            return Err(Remark::PrivilegedPort);
        }
        Ok(())
    }
}

fn starts_like_a_command(line: &[u8]) -> bool {
    line.first_chunk::<5>().is_some_and(|head| {
        head.eq_ignore_ascii_case(b"PORT ") || head.eq_ignore_ascii_case(b"EPRT ")
    })
}

/// A line without Telnet's commands (RFC 854): a client interrupts by `IAC IP IAC DM` before `ABOR` (RFC 959
/// §4.1.3), and a server may take such out anywhere.
fn without_telnet(line: &[u8]) -> ArrayVec<u8, LINE_ARRAY> {
    const IAC: u8 = 255;
    const WILL: u8 = 251;
    const DONT: u8 = 254;
    let mut plain = ArrayVec::new();
    let mut octets = line.iter().copied();
    while let Some(octet) = octets.next() {
        let kept = match octet {
            IAC => match octets.next() {
                Some(IAC) => Some(IAC),
                Some(WILL..=DONT) => {
                    octets.next();
                    None
                }
                Some(_) | None => None,
            },
            octet => Some(octet),
        };
        if let Some(octet) = kept {
            // A line is no longer than the array.
            plain.try_push(octet).ok();
        }
    }
    plain
}

/// A line without LF, with CR.
const LINE_ARRAY: usize = LINE + 1;

#[cfg(test)]
mod tests;
