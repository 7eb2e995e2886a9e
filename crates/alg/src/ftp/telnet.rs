//! Telnet's commands (RFC 854) among those of FTP: a client interrupts by `IAC IP IAC DM` before `ABOR` (RFC 959 §4.1.3),
//! and a server may take such out anywhere.

use arrayvec::ArrayVec;

use super::LINE;

const IAC: u8 = 255;
const WILL: u8 = 251;
const DONT: u8 = 254;

/// Takes them out of octets as they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Telnet {
    #[default]
    Text,
    /// IAC was the last.
    Command,
    /// What comes next is an option.
    Option,
}

impl Telnet {
    /// The octet of text that this one is, if it is none of Telnet's.
    pub(super) const fn text(&mut self, octet: u8) -> Option<u8> {
        let (next, text) = match (*self, octet) {
            (Self::Text, IAC) => (Self::Command, None),
            (Self::Text, octet) => (Self::Text, Some(octet)),
            (Self::Command, IAC) => (Self::Text, Some(IAC)),
            (Self::Command, WILL..=DONT) => (Self::Option, None),
            (Self::Command | Self::Option, _) => (Self::Text, None),
        };
        *self = next;
        text
    }
}

/// A line without LF, with CR.
const LINE_ARRAY: usize = LINE + 1;

/// A line, or the beginning of one, without Telnet's commands.
pub(super) fn without_telnet(line: &[u8]) -> ArrayVec<u8, LINE_ARRAY> {
    let mut telnet = Telnet::default();
    // A line is no longer than the array.
    line.iter().filter_map(|octet| telnet.text(*octet)).take(LINE_ARRAY).collect()
}
