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
//! - A line of more than 500 octets may be two commands to its server, so no `PORT` passes in the midst of it; and with
//!   strictness no such line at all, since a reply to its end could be taken for that to the next command.
//! - With strictness a `PORT` opens nothing before the server agrees to it by the reply to that very command:
//!   replies are counted against commands. So are 227 and 229 with every rule, and 234: what looks like one in the reply to
//!   another command does nothing, unless the beginning of the conversation or a part of it was not seen.
//! - Servers do not agree on how many commands there are in an empty line or one that does not end in CR LF. After such a
//!   line no reply is taken for agreement to a `PORT` any more, nor for a reason to take anything back.
//! - What is another protocol's opens nothing, and nothing after it does: a web page can have a browser behind
//!   the box say `PORT` in the body of a request to port 21. A line that ends in HTTP's version, or begins with
//!   what cannot be a command's name, gives it away. The reading goes on, so that no bounce passes behind it.
//! - After `EPSV ALL` all else is void (RFC 2428 §4), unless the server refuses that.
//! - After `AUTH` has succeeded (RFC 4217, RFC 2228) the conversation is another and is not read.
//!
//! What was opened and nobody has used is taken back when the server says that it will not be used:
//!
//! | reply | to | taken back |
//! | --- | --- | --- |
//! | 4xx, 5xx | `PORT`, `EPRT` | what it has opened: the server does not know it |
//! | 425, 426 | a transfer | what it was to use: the server has given that up |
//! | any other of failure, with no 1xx before | a transfer | nothing: the next transfer may use it |
//! | any other, but 3xx | a transfer | what it was to use: the transfer is over |
//! | 220 | `REIN` | all (RFC 959 §4.1.1) |
//! | 221, 421 | anything | all: the server closes the conversation |
//!
//! - `LPRT` (RFC 1639) opens nothing, and is refused as `PORT` is.
//!
//! What is not here: transfers between two servers, and user names, paths, or what else
//! one could forbid.

mod asked;
mod hidden;
mod reply;
mod target;
mod telnet;
mod turns;

use core::net::IpAddr;

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::foreign::Foreign;
use crate::line::{Head, Lines};
use crate::text::ends_in_http_version;
use crate::{Announcement, Notes, Remark};
use asked::{Asked, Waiting};
use hidden::{Hidden, UNDIVIDED};
use reply::{Replies, Reply};
use target::Target;
use telnet::without_telnet;
use turns::{Answers, Number, Turns};

const TCP: u8 = 6;
/// Octets of a line. RFC 959 knows no limit; servers read 512 to 4096.
const LINE: usize = 1024;
/// Octets of a reply's code with the mark behind it.
const CODE: usize = 4;
const PORT: &[u8] = b"PORT";
const EPRT: &[u8] = b"EPRT";
const LPRT: &[u8] = b"LPRT";
/// The commands that name where to connect to.
const ACTIVE: [&[u8]; 3] = [PORT, EPRT, LPRT];
/// The commands that use a transfer's connection (RFC 959 §5.4, RFC 3659 §7).
const TRANSFERS: [&[u8]; 7] = [b"RETR", b"STOR", b"STOU", b"APPE", b"LIST", b"NLST", b"MLSD"];
/// What has been opened and can still be taken back: as much as one session may have announced.
const OPENINGS: usize = 8;
const CLIENT: Direction = Direction::Original;
const SERVER: Direction = Direction::Reply;

/// An FTP control connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ftp {
    lines: [Lines; 2],
    /// In the client's line that is not read.
    hidden: Hidden,
    replies: Replies,
    turns: Turns,
    waiting: Waiting,
    /// The last command that says how transfers are to be made.
    way: Option<Number>,
    /// The groups of what has been opened, the last one last.
    opened: ArrayVec<u32, OPENINGS>,
    /// The client has said that it will use nothing but EPSV.
    extended_only: bool,
    foreign: Foreign,
}

impl Dialogue for Ftp {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let before = (self.lines[from.index()], self.hidden);
        let head = self.lines[from.index()].next(octets, LINE);
        let (course, taken) = match (from, head) {
            (CLIENT, Head::Line(line, taken)) => {
                if !is_one_line(&octets[..taken]) {
                    self.turns.blur();
                }
                (self.line(line, notes), taken)
            }
            (SERVER, Head::Line(line, taken)) => (self.reply(line, notes), taken),
            (CLIENT, Head::Unread(taken)) => (self.rest(&octets[..taken]), taken),
            (SERVER, Head::Unread(taken)) => (Course::On, taken),
            (CLIENT, Head::TooLong(taken)) => {
                (self.overlong(&without_telnet(&octets[..taken]), &octets[..taken], notes), taken)
            }
            (SERVER, Head::TooLong(taken)) => {
                // A reply like any other in what is counted: a path may be as long.
                notes.remark(Remark::Overlong);
                (self.reply(&octets[..CODE], notes), taken)
            }
            (CLIENT | SERVER, Head::Unended) => return Progress::Read(0),
        };
        match course {
            Course::On => Progress::Read(taken),
            Course::Refuse(remark) => {
                // It will come again.
                (self.lines[from.index()], self.hidden) = before;
                Progress::Refuse(remark)
            }
            Course::Stop => Progress::Stop,
        }
    }

    fn resume(&mut self, from: Direction) -> bool {
        self.lines[from.index()] = Lines::Within;
        self.hidden = Hidden::default();
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
    /// Reads a line of the client.
    fn line(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Course {
        if line.len() > UNDIVIDED && (notes.options.strict || Hidden::default().is_in(line)) {
            return Course::Refuse(Remark::Overlong);
        }
        self.command(&without_telnet(line), notes)
    }

    /// Reads on in a line of the client that is not read, to its end or not.
    fn rest(&mut self, octets: &[u8]) -> Course {
        if self.hidden.is_in(octets) {
            return Course::Refuse(Remark::Overlong);
        }
        if octets.ends_with(b"\n") {
            self.hidden = Hidden::default();
        }
        Course::On
    }

    /// Reads the beginning of a line that is too long to be read whole: a command like any other in what is counted, as
    /// a path may be as long.
    fn overlong(&mut self, beginning: &[u8], octets: &[u8], notes: &mut Notes<'_>) -> Course {
        let beginning = without_blanks(beginning);
        let (verb, _) = divided(beginning);
        let ended = verb.len() < beginning.len();
        let active = ACTIVE.iter().any(|name| match name.get(..verb.len()) {
            Some(start) => start.eq_ignore_ascii_case(verb) && (!ended || start == *name),
            None => false,
        });
        if active || notes.options.strict || self.hidden.is_in(octets) {
            return Course::Refuse(Remark::Overlong);
        }
        notes.remark(Remark::Overlong);
        self.command(beginning.trim_ascii_end(), notes)
    }

    fn command(&mut self, line: &[u8], notes: &mut Notes<'_>) -> Course {
        let line = without_blanks(line);
        let (verb, argument) = divided(line);
        if line.is_empty() {
            // Some servers answer it, others do not: a reply too many is nobody's, one too few would be missed.
            self.turns.blur();
            return Course::On;
        }
        if matches!(verb, b"227" | b"229") {
            self.turns.blur();
            notes.remark(Remark::WrongSide);
            return Course::On;
        }
        self.foreign.check(!is_foreign(line, verb), notes);
        let number = self.turns.next();
        let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
        if is(PORT) || is(EPRT) {
            let target = if is(PORT) {
                target::of_port(argument).ok_or_else(|| target::host_of_port(argument))
            } else {
                target::of_eprt(argument).ok_or_else(|| target::host_of_eprt(argument))
            };
            if let Err(remark) = self.active(target, number, notes) {
                // It never reaches the server.
                return Course::Refuse(remark);
            }
        } else if is(LPRT) {
            if let Err(remark) = self.long_active(target::of_lprt(argument), number, notes) {
                return Course::Refuse(remark);
            }
        } else if is(b"PASV") {
            self.ask(number, Asked::Passive, notes);
        } else if is(b"EPSV") && argument.eq_ignore_ascii_case(b"ALL") {
            self.extended_only = true;
            self.way = Some(number);
            self.waiting.push(number, Asked::ExtendedOnly);
        } else if is(b"EPSV") {
            self.way = Some(number);
            self.waiting.push(number, Asked::ExtendedPassive);
        } else if is(b"AUTH") {
            self.waiting.push(number, Asked::Security);
        } else if is(b"REIN") {
            self.waiting.push(number, Asked::Renewal);
        } else if let Some(way) = self.way.filter(|_| TRANSFERS.iter().any(|name| is(name))) {
            self.waiting.push(number, Asked::Transfer { group: group(way), begun: false });
        }
        if is(b"ABOR") {
            self.turns.abort();
        } else {
            self.turns.command();
        }
        Course::On
    }

    /// The client asks by another command than EPSV.
    fn ask(&mut self, number: Number, asked: Asked, notes: &mut Notes<'_>) {
        self.way = Some(number);
        if self.extended_only {
            notes.remark(Remark::RuledOut);
        } else {
            self.waiting.push(number, asked);
        }
    }

    /// The client asks to be connected to; if its words are malformed, perhaps at a host that they name all the same.
    fn active(
        &mut self,
        target: Result<Target, Option<IpAddr>>,
        number: Number,
        notes: &mut Notes<'_>,
    ) -> Result<(), Remark> {
        let client = notes.peers.speaker(CLIENT).0;
        let target = match target {
            Ok(target) => target,
            Err(Some(host)) if host != client => return Err(Remark::Bounce),
            Err(_) if notes.options.strict => return Err(Remark::Malformed),
            Err(_) => {
                self.way = Some(number);
                notes.remark(Remark::Malformed);
                return Ok(());
            }
        };
        target.check(client)?;
        if notes.options.strict || self.extended_only {
            self.ask(number, Asked::Active(target), notes);
        } else {
            self.ask(number, Asked::Opened, notes);
            self.expect(SERVER, target, number, notes);
        }
        Ok(())
    }

    /// The same by a command that is too rare for anything to be opened.
    fn long_active(
        &mut self,
        target: Option<Target>,
        number: Number,
        notes: &mut Notes<'_>,
    ) -> Result<(), Remark> {
        match target {
            Some(target) => target.check(notes.peers.speaker(CLIENT).0)?,
            None if notes.options.strict => return Err(Remark::Malformed),
            None => notes.remark(Remark::Malformed),
        }
        self.way = Some(number);
        Ok(())
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
        // Of two questions the later is the one that counts.
        let mut asked = |what| self.waiting.take(answers, &self.turns, what);
        match reply.code {
            227 => match asked(Asked::Passive).filter(|number| self.way == Some(*number)) {
                Some(number) => self.passive(target::of_227(reply.text), number, notes),
                None => notes.remark(Remark::Unasked),
            },
            229 => match asked(Asked::ExtendedPassive).filter(|it| self.way == Some(*it)) {
                Some(number) => {
                    let server = notes.peers.speaker(SERVER).0;
                    self.passive(target::of_229(reply.text, server), number, notes);
                }
                None => notes.remark(Remark::Unasked),
            },
            234 | 334 => match asked(Asked::Security) {
                Some(_) => return Course::Stop,
                None => notes.remark(Remark::Unasked),
            },
            221 | 421 => self.close(notes),
            _ => {}
        }
        match answers {
            Answers::Command(number) => self.settle(number, reply.code, notes),
            Answers::Preliminary(number) => self.waiting.begin(number),
            // Perhaps it was refused.
            Answers::Either => self.waiting.doubt(),
            Answers::Nobody => {}
        }
        Course::On
    }

    /// A command has had its last reply.
    fn settle(&mut self, number: Number, code: u16, notes: &mut Notes<'_>) {
        let Some(asked) = self.waiting.settle(number, &self.turns) else { return };
        let certain = self.turns.are_certain() && self.turns.are_clear();
        match asked {
            Asked::Active(target) if code < 300 && self.way == Some(number) => {
                if self.turns.are_clear() {
                    self.expect(SERVER, target, number, notes);
                } else {
                    notes.remark(Remark::Malformed);
                }
            }
            Asked::Opened if code >= 400 && certain => notes.withdraw(group(number)),
            Asked::ExtendedOnly if code >= 500 => self.extended_only = false,
            Asked::Transfer { group, begun } if certain => {
                if begun || matches!(code, ..300 | 425 | 426) {
                    notes.withdraw(group);
                }
            }
            Asked::Renewal if code < 300 => self.close(notes),
            Asked::Active(_)
            | Asked::Opened
            | Asked::ExtendedOnly
            | Asked::Transfer { .. }
            | Asked::Renewal
            | Asked::Passive
            | Asked::ExtendedPassive
            | Asked::Security => {}
        }
    }

    /// Nothing that was opened will be used any more.
    fn close(&mut self, notes: &mut Notes<'_>) {
        self.opened.drain(..).for_each(|group| notes.withdraw(group));
    }

    fn passive(&mut self, target: Option<Target>, number: Number, notes: &mut Notes<'_>) {
        let Some(target) = target else {
            notes.remark(Remark::Malformed);
            return;
        };
        match target.check(notes.peers.speaker(SERVER).0) {
            Ok(()) => self.expect(CLIENT, target, number, notes),
            Err(remark) => notes.remark(remark),
        }
    }

    /// Expects a connection by what the command of this number says.
    fn expect(&mut self, opener: Direction, target: Target, number: Number, notes: &mut Notes<'_>) {
        if self.foreign.is_spoken() {
            return;
        }
        if self.opened.is_full() {
            self.opened.remove(0);
        }
        self.opened.push(group(number));
        let source = notes.peers.speaker(opener).0;
        let destination = (target.address, target.port);
        let group = group(number);
        notes
            .expect(Announcement { group, ..Announcement::once(TCP, opener, source, destination) });
    }
}

/// The group of what the command of this number opens.
fn group(number: Number) -> u32 {
    number.wrapping_add(1).max(1)
}

/// A command's name, and its argument.
fn divided(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|octet| is_blank(*octet)).unwrap_or(line.len());
    (&line[..end], without_blanks(&line[end..]))
}

/// What follows the blanks at the beginning.
fn without_blanks(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|octet| !is_blank(*octet)).unwrap_or(text.len());
    &text[end..]
}

/// What servers may take for a blank: what isspace(3) does, a vertical tab included.
fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t'..=b'\r')
}

/// Whether all servers take a line of the client for one: some end it at any LF or CR, others at both together only.
fn is_one_line(octets: &[u8]) -> bool {
    octets.strip_suffix(b"\r\n").is_some_and(|line| !line.contains(&b'\r'))
}

/// Whether a client's line with this first word is no FTP. Commands have names of letters (RFC 959 §5.3), and in
/// practice of digits and few marks (`XSHA256`, `P@SW`).
fn is_foreign(line: &[u8], verb: &[u8]) -> bool {
    let named = |octet: &u8| octet.is_ascii_alphanumeric() || b"@-_".contains(octet);
    ends_in_http_version(line) || !verb.iter().all(named)
}

fn starts_like_a_command(line: &[u8]) -> bool {
    line.split_first_chunk::<4>().is_some_and(|(head, rest)| {
        rest.first() == Some(&b' ') && ACTIVE.iter().any(|name| head.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests;
