//! IRC (RFC 1459, RFC 2812): a client offers another a direct connection (DCC).
//!
//! The offer is a CTCP message in a private one: `PRIVMSG nick :^ADCC SEND name address port size^A`, the
//! address a decimal number of 32 bits, or an IPv6 address. The other client then connects to it. Who that
//! is, and from where, no line says. So an offer announces one connection from the server's address, since
//! bouncers and test beds connect from there, and where the rule allows third parties from any host.
//!
//! - Only offers by the conversation's initiator are read, and only of its own address. One of another is
//!   what a client behind some translation says: it passes and opens nothing.
//! - Port 0 asks the other side to listen (passive DCC), and `RESUME` and `ACCEPT` speak of a connection that
//!   is announced by a `SEND`: neither opens anything.
//! - What is another protocol's opens nothing, and nothing after it does, as with FTP: a web page can have a browser
//!   behind the box say `PRIVMSG` in the body of a request.
//! - After `STARTTLS` has succeeded the conversation is encrypted and not read.
//! - A client that says `QUIT` takes back what it has offered. That of others, which its server tells it, is none of its own.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::{self, FromStr};

use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::foreign::Foreign;
use crate::line::{Head, Lines};
use crate::text::ends_in_http_version;
use crate::{Announcement, Notes, Remark};

const TCP: u8 = 6;
/// Octets of a line: 512 with its end (RFC 2812 §2.3), and as many of tags as clients send.
const LINE: usize = 1024;
/// The mark around a CTCP message.
const MARK: u8 = 1;
/// The group of all that is offered.
const OFFERS: u32 = 1;

/// An IRC client's connection to its server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Irc {
    lines: [Lines; 2],
    /// The client has asked for encryption.
    security: bool,
    foreign: Foreign,
}

impl Dialogue for Irc {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        match self.lines[from.index()].next(octets, LINE) {
            Head::Line(line, taken) => {
                let (verb, parameters) = command(line);
                match from {
                    Direction::Original => {
                        self.foreign.check(is_name(verb) && !is_request(line), notes);
                        self.security |= verb.eq_ignore_ascii_case(b"STARTTLS");
                        if verb.eq_ignore_ascii_case(b"PRIVMSG") && !self.foreign.is_spoken() {
                            offered(parameters, notes);
                        }
                        if verb.eq_ignore_ascii_case(b"QUIT") {
                            notes.withdraw(OFFERS);
                        }
                    }
                    Direction::Reply if verb == b"670" && self.security => return Progress::Stop,
                    Direction::Reply if verb == b"670" => notes.remark(Remark::Unasked),
                    Direction::Reply if verb == b"691" => self.security = false,
                    Direction::Reply => {}
                }
                Progress::Read(taken)
            }
            Head::Unread(taken) => Progress::Read(taken),
            Head::TooLong(taken) => {
                notes.remark(Remark::Overlong);
                if from == Direction::Original {
                    self.foreign.check(is_name(command(&octets[..taken]).0), notes);
                }
                Progress::Read(taken)
            }
            Head::Unended => Progress::Read(0),
        }
    }

    fn resume(&mut self, from: Direction) -> bool {
        self.lines[from.index()] = Lines::Within;
        true
    }
}

/// Whether a word may be a command: letters, or three digits (RFC 2812 §2.3.1); or none, in an empty line.
fn is_name(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_alphabetic)
        || (word.len() == 3 && word.iter().all(u8::is_ascii_digit))
}

/// Whether a line is the first of an HTTP request. Talk may end like one, behind its colon; no request has a blank
/// before one.
fn is_request(line: &[u8]) -> bool {
    ends_in_http_version(line) && !line.windows(2).any(|two| two == b" :")
}

/// A line's command and its parameters: tags (`@`) and the sender's name (`:`) may stand before.
fn command(line: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = line;
    loop {
        let (word, behind) = word(rest);
        if !matches!(word.first(), Some(b'@' | b':')) {
            return (word, behind);
        }
        rest = behind;
    }
}

/// The text up to the next space, and what is behind the space.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| *octet == b' ').unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

/// Reads a private message's parameters, which may bear an offer.
fn offered(parameters: &[u8], notes: &mut Notes<'_>) {
    let (_, text) = word(parameters);
    let text = text.strip_prefix(b":").unwrap_or(text);
    let Some(text) = text.strip_prefix(&[MARK]) else { return };
    let end = text.iter().position(|octet| *octet == MARK).unwrap_or(text.len());
    let (kind, rest) = word(&text[..end]);
    let (what, rest) = word(rest);
    if !kind.eq_ignore_ascii_case(b"DCC")
        || ![&b"SEND"[..], b"TSEND", b"CHAT", b"SCHAT"]
            .iter()
            .any(|known| what.eq_ignore_ascii_case(known))
    {
        return;
    }
    let Some((address, port)) = target(rest) else {
        notes.remark(Remark::Malformed);
        return;
    };
    let (client, _) = notes.peers.speaker(Direction::Original);
    let (server, _) = notes.peers.speaker(Direction::Reply);
    match port {
        0 => {}
        _ if address != client => notes.remark(Remark::Bounce),
        1..1024 => notes.remark(Remark::PrivilegedPort),
        1024.. => {
            let any = notes.options.third_party;
            let source = if any { Announcement::any_host(client) } else { server };
            notes.expect(Announcement {
                group: OFFERS,
                ..Announcement::once(TCP, Direction::Reply, source, (client, port))
            });
        }
    }
}

/// Address and port of `name address port …`; the name may stand in quotes and then hold spaces.
fn target(text: &[u8]) -> Option<(IpAddr, u16)> {
    let rest = match text.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|octet| *octet == b'"')?;
            quoted[end + 1..].trim_ascii_start()
        }
        None => word(text).1,
    };
    let (address, rest) = word(rest);
    let (port, _) = word(rest);
    let address = str::from_utf8(address).ok()?;
    let address = if address.bytes().all(|octet| octet.is_ascii_digit()) {
        IpAddr::V4(Ipv4Addr::from_bits(address.parse().ok()?))
    } else {
        IpAddr::V6(Ipv6Addr::from_str(address).ok()?)
    };
    port.iter().all(u8::is_ascii_digit).then_some(())?;
    Some((address, str::from_utf8(port).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;
    use crate::Options;
    use crate::transcript::Talk;

    const OPEN: Options = Options { strict: false, third_party: true };
    const CLIENT: Direction = Direction::Original;
    const SERVER: Direction = Direction::Reply;
    const FROM_SERVER: &[&str] = &["tcp 192.0.2.1 > 10.0.0.1:5555"];

    #[test_case("PRIVMSG bob :\u{1}DCC SEND hello.txt 167772161 5555 12\u{1}\r\n", FROM_SERVER; "a file")]
    #[test_case("privmsg bob \u{1}dcc chat chat 167772161 5555\u{1}\n", FROM_SERVER; "a chat, loosely written")]
    #[test_case("@x=y :me PRIVMSG bob :\u{1}DCC SEND \"my own file\" 167772161 5555\u{1}\r\n", FROM_SERVER; "tags, sender, a name in quotes")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 167772161 0 12 7\u{1}\r\n", &[]; "passive")]
    #[test_case("PRIVMSG bob :\u{1}DCC RESUME x 5555 12\u{1}\r\n", &[]; "a resumption")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 167772162 5555 12\u{1}\r\n", &["! bounce"]; "another host")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 2001:db8::1 5555 12\u{1}\r\n", &["! bounce"]; "another family")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 167772161 25 12\u{1}\r\n", &["! privileged_port"]; "a privileged port")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 16777216100 5555\u{1}\r\n", &["! malformed"]; "an address too large")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 167772161 65536\u{1}\r\n", &["! malformed"]; "a port too large")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND\u{1}\r\n", &["! malformed"]; "nothing named")]
    #[test_case("PRIVMSG bob :DCC SEND x 167772161 5555\r\n", &[]; "mere talk")]
    #[test_case("NOTICE bob :\u{1}DCC SEND x 167772161 5555\u{1}\r\n", &[]; "a notice")]
    #[test_case("PRIVMSG bob :\u{1}DCC SEND x 167772161 5555\u{1}", &[]; "an unended line")]
    fn an_offer_announces_a_connection(line: &str, expected: &[&str]) {
        let mut talk = Talk::new(Irc::default(), [40_000, 6667], Options::default());
        assert_eq!(talk.stream(CLIENT, line.as_bytes()).1, expected);
    }

    #[test]
    fn an_offer_of_the_other_side_announces_nothing() {
        let mut talk = Talk::new(Irc::default(), [40_000, 6667], OPEN);
        let line = b":bob PRIVMSG me :\x01DCC SEND x 167772161 5555\x01\r\n";
        assert_eq!(talk.stream(SERVER, line).1, [""; 0]);
    }

    #[test_case(&["POST / HTTP/1.1", "Host: b:6667", ""], &["! other_protocol"]; "a request")]
    #[test_case(&["PRIVMSG /x HTTP/1.0"], &["! other_protocol"]; "a method that is a command")]
    #[test_case(&["Host: b:6667"], &["! other_protocol"]; "a header field")]
    #[test_case(&["\u{16}\u{3}\u{1}"], &["! other_protocol"]; "no text")]
    #[test_case(&["12 x"], &["! other_protocol"]; "a number")]
    #[test_case(&["CAP LS 302", "", "@t=1 :me nick me", "401 x"], FROM_SERVER; "commands, tags and an empty line")]
    #[test_case(&["PRIVMSG bob :say GET / HTTP/1.1"], FROM_SERVER; "talk of HTTP")]
    fn what_is_no_irc_opens_nothing(before: &[&str], expected: &[&str]) {
        let mut talk = Talk::new(Irc::default(), [40_000, 6667], Options::default());
        let offer = "PRIVMSG bob :\u{1}DCC SEND x 167772161 5555 12\u{1}";
        let lines = before.iter().chain([&offer]).map(|line| format!("{line}\r\n"));
        let told: Vec<_> = lines.flat_map(|line| talk.stream(CLIENT, line.as_bytes()).1).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_long_line_is_irc_by_its_command() {
        for (before, expected) in
            [("PRIVMSG bob :", &["! overlong"][..]), ("GET/", &["! overlong", "! other_protocol"])]
        {
            let mut talk = Talk::new(Irc::default(), [40_000, 6667], Options::default());
            let line = format!("{before}{}\r\n", "x".repeat(LINE));
            assert_eq!(talk.stream(CLIENT, line.as_bytes()).1, expected);
        }
    }

    #[test]
    fn a_third_party_may_come_where_the_rule_allows_it() {
        let mut talk = Talk::new(Irc::default(), [40_000, 6667], OPEN);
        let line = b"PRIVMSG bob :\x01DCC SEND x 167772161 5555\x01\r\n";
        assert_eq!(talk.stream(CLIENT, line).1, ["tcp 0.0.0.0 > 10.0.0.1:5555"]);
    }

    #[test]
    fn who_quits_takes_back_what_it_has_offered() {
        let mut talk = Talk::new(Irc::default(), [40_000, 6667], OPEN);
        for port in [5555, 5556] {
            let line = format!("PRIVMSG bob :\u{1}DCC SEND x 167772161 {port}\u{1}\r\n");
            assert_eq!(talk.stream(CLIENT, line.as_bytes()).1.len(), 1);
        }
        assert_eq!(talk.stream(SERVER, b":bob!b@host QUIT :gone\r\n").1, [""; 0]);
        assert_eq!(talk.stream(CLIENT, b"PRIVMSG bob :QUIT\r\n").1, [""; 0]);
        assert_eq!(talk.stream(CLIENT, b"QUIT :gone\r\n").1, ["- group 0"]);
    }

    #[test]
    fn encryption_ends_the_reading() {
        let mut talk = Talk::new(Irc::default(), [40_000, 6667], OPEN);
        let unasked = vec!["! unasked".to_owned()];
        assert_eq!(
            talk.stream(SERVER, b":irc 670 me :no\r\n"),
            (Progress::Read(17), unasked.clone())
        );
        assert_eq!(talk.stream(CLIENT, b"STARTTLS\r\n").0, Progress::Read(10));
        assert_eq!(talk.stream(SERVER, b":irc 691 me :no\r\n"), (Progress::Read(17), vec![]));
        assert_eq!(talk.stream(SERVER, b":irc 670 me :no\r\n"), (Progress::Read(17), unasked));
        assert_eq!(talk.stream(CLIENT, b"STARTTLS\r\n").0, Progress::Read(10));
        assert_eq!(talk.stream(SERVER, b":irc 670 me :go\r\n").0, Progress::Stop);
    }
}
