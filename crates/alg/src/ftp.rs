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
//!   stands there, it is refused where the rule asks for strictness, and in any case if what stands there may be
//!   read as another host's address. One too long to be read is refused in any
//!   case: blanks before its address would hide it. Other lines may be as long as they like.
//! - With strictness a `PORT` opens nothing before the server agrees to it by the reply to that very command:
//!   replies are counted against commands. So are 227 and 229 with every rule: what looks like one in the reply to
//!   another command opens nothing, unless the beginning of the conversation or a part of it was not seen.
//! - What is another protocol's opens nothing, and nothing after it does: a web page can have a browser behind
//!   the box say `PORT` in the body of a request to port 21. A line that ends in HTTP's version, or begins with
//!   what cannot be a command's name, gives it away. The reading goes on, so that no bounce passes behind it.
//! - After `EPSV ALL` all else is void (RFC 2428 §4), unless the server refuses that.
//! - After `AUTH` has succeeded (RFC 4217, RFC 2228) the conversation is another and is not read.
//!
//! What is not here: `LPRT` (RFC 1639), transfers between two servers, and user names, paths, or what else
//! one could forbid.

mod reply;
mod target;
mod turns;

use core::net::IpAddr;

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::line::{Head, Lines};
use crate::text::ends_in_http_version;
use crate::{Announcement, Notes, Remark};
use reply::{Replies, Reply};
use target::Target;
use turns::{Answers, Number, Turns};

const TCP: u8 = 6;
/// Octets of a line. RFC 959 knows no limit; servers read 512 to 4096.
const LINE: usize = 1024;
/// Octets of a reply's code with the mark behind it.
const CODE: usize = 4;
/// Ports below are not for transfers (RFC 2577 §3).
const PORTS: u16 = 1024;
const PORT: &[u8] = b"PORT";
const EPRT: &[u8] = b"EPRT";
/// The commands that name where to connect to.
const ACTIVE: [&[u8]; 2] = [PORT, EPRT];
const CLIENT: Direction = Direction::Original;
const SERVER: Direction = Direction::Reply;

/// An FTP control connection.
#[derive(Debug, Default)]
pub(crate) struct Ftp {
    lines: [Lines; 2],
    replies: Replies,
    /// The last command that asked for a transfer's connection, until it is answered.
    asked: Option<Asked>,
    turns: Turns,
    /// The client has said that it will use nothing but EPSV.
    extended_only: bool,
    /// The client has spoken another protocol.
    foreign: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// PASV, the command of that number.
    Passive { number: Number },
    /// EPSV, the command of that number.
    ExtendedPassive { number: Number },
    /// EPSV ALL.
    ExtendedOnly,
    /// PORT or EPRT, the command of that number.
    Active { target: Target, number: Number },
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
                // A command or reply like any other in what is counted: a path may be as long.
                let course = match from {
                    CLIENT => self.overlong(&without_telnet(&octets[..taken]), notes),
                    SERVER => {
                        notes.remark(Remark::Overlong);
                        self.reply(&octets[..CODE], notes)
                    }
                };
                if let Course::Refuse(_) = course {
                    // It will come again.
                    self.lines[from.index()] = Lines::Apart;
                }
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
        self.turns.lose();
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
    /// Reads the beginning of a line that is too long to be read whole.
    fn overlong(&mut self, beginning: &[u8], notes: &mut Notes<'_>) -> Course {
        let beginning = beginning.trim_ascii_start();
        let (verb, _) = divided(beginning);
        let ended = verb.len() < beginning.len();
        let active = ACTIVE.iter().any(|name| match name.get(..verb.len()) {
            Some(start) => start.eq_ignore_ascii_case(verb) && (!ended || start == *name),
            None => false,
        });
        if active {
            return Course::Refuse(Remark::Overlong);
        }
        notes.remark(Remark::Overlong);
        self.command(beginning.trim_ascii_end(), notes)
    }

    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Course {
        let line = line.trim_ascii_start();
        let (verb, argument) = divided(line);
        if line.is_empty() {
            // Some servers answer it, others do not: a reply too many is nobody's, one too few would be missed.
            return Course::On;
        }
        if matches!(verb, b"227" | b"229") {
            notes.remark(Remark::WrongSide);
            return Course::On;
        }
        if is_foreign(line, verb) && !self.foreign {
            self.foreign = true;
            notes.remark(Remark::OtherProtocol);
        }
        let number = self.turns.next();
        let course = if verb.eq_ignore_ascii_case(PORT) {
            let target = target::of_port(argument).ok_or_else(|| target::host_of_port(argument));
            self.active(target, number, notes)
        } else if verb.eq_ignore_ascii_case(EPRT) {
            let target = target::of_eprt(argument).ok_or_else(|| target::host_of_eprt(argument));
            self.active(target, number, notes)
        } else if verb.eq_ignore_ascii_case(b"PASV") {
            self.ask(Asked::Passive { number }, notes);
            Course::On
        } else if verb.eq_ignore_ascii_case(b"EPSV") {
            if argument.eq_ignore_ascii_case(b"ALL") {
                self.extended_only = true;
                self.asked = Some(Asked::ExtendedOnly);
            } else {
                self.asked = Some(Asked::ExtendedPassive { number });
            }
            Course::On
        } else {
            if verb.eq_ignore_ascii_case(b"AUTH") {
                self.asked = Some(Asked::Security);
            }
            Course::On
        };
        match course {
            Course::On if verb.eq_ignore_ascii_case(b"ABOR") => self.turns.abort(),
            Course::On => self.turns.command(),
            // It never reaches the server.
            Course::Refuse(_) | Course::Stop => {}
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

    /// The client asks to be connected to; if its words are malformed, perhaps at a host that they name all the same.
    fn active(
        &mut self,
        target: Result<Target, Option<IpAddr>>,
        number: Number,
        notes: &mut Notes<'_>,
    ) -> Course {
        let client = notes.peers.speaker(CLIENT).0;
        let target = match target {
            Ok(target) => target,
            Err(Some(host)) if host != client => return Course::Refuse(Remark::Bounce),
            Err(_) if notes.options.strict => return Course::Refuse(Remark::Malformed),
            Err(_) => {
                self.asked = None;
                notes.remark(Remark::Malformed);
                return Course::On;
            }
        };
        if let Err(remark) = target.check(client) {
            return Course::Refuse(remark);
        }
        if notes.options.strict || self.extended_only {
            self.ask(Asked::Active { target, number }, notes);
        } else {
            self.asked = None;
            self.expect(SERVER, target, notes);
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
        let answers = self.turns.reply(reply.code);
        match (reply.code, self.asked) {
            (..200, _) => {}
            (227, Some(Asked::Passive { number })) if self.turns.may_be(answers, number) => {
                self.asked = None;
                self.passive(target::of_227(reply.text), notes);
            }
            (229, Some(Asked::ExtendedPassive { number }))
                if self.turns.may_be(answers, number) =>
            {
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
            (code, Some(Asked::Active { target, number })) => match answers {
                Answers::Command(answered) if answered == number => {
                    self.asked = None;
                    if code < 300 {
                        self.expect(SERVER, target, notes);
                    }
                }
                // Perhaps it was refused.
                Answers::Either => self.asked = None,
                Answers::Command(_) | Answers::Nobody => {}
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
            Ok(()) => self.expect(CLIENT, target, notes),
            Err(remark) => notes.remark(remark),
        }
    }

    fn expect(&self, opener: Direction, target: Target, notes: &mut Notes<'_>) {
        if self.foreign {
            return;
        }
        let source = notes.peers.speaker(opener).0;
        let destination = (target.address, target.port);
        notes.expect(Announcement::once(TCP, opener, source, destination));
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

/// A command's name, and its argument.
fn divided(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    (&line[..end], line[end..].trim_ascii_start())
}

/// Whether a client's line with this first word is no FTP. Commands have names of letters (RFC 959 §5.3), and in
/// practice of digits and few marks (`XSHA256`, `P@SW`).
fn is_foreign(line: &[u8], verb: &[u8]) -> bool {
    let named = |octet: &u8| octet.is_ascii_alphanumeric() || b"@-_".contains(octet);
    ends_in_http_version(line) || !verb.iter().all(named)
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
