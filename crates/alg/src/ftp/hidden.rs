//! Commands that a server may see in the midst of a line.
//!
//! Servers are known that read a line into 511 octets and take what follows for the next command (CVE-2008-4242,
//! CVE-2008-4247): a long path in a link has a client say there what it does not mean. What is said there opens nothing,
//! since no client that reads its own lines has said it; but a server may obey. So no `PORT` or `EPRT`
//! passes there: where the line is divided, nobody knows.

use super::telnet::Telnet;
use super::{ACTIVE, is_blank};

/// Octets of a line that no server is known to divide. The shortest buffer holds 511 with the line's end.
pub(super) const UNDIVIDED: usize = 500;

/// Looks for such a command in one line, in octets as they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Octets of the line so far.
    at: usize,
    telnet: Telnet,
    /// The last letters, the last one last.
    last: Letters,
    /// The same without Telnet's commands, which not every server takes out, nor before it divides.
    last_of_text: Letters,
}

type Letters = [u8; 4];

impl Hidden {
    /// Reads on. Whether there is one.
    pub(super) fn is_in(&mut self, octets: &[u8]) -> bool {
        let skipped = UNDIVIDED.saturating_sub(self.at).min(octets.len());
        self.at = self.at.saturating_add(octets.len());
        octets[skipped..].iter().any(|octet| {
            let text = self.telnet.text(*octet);
            let is_command = ends_command(&mut self.last, *octet);
            text.is_some_and(|octet| ends_command(&mut self.last_of_text, octet)) || is_command
        })
    }
}

/// Whether an octet ends such a command's name, of which it is the next letter otherwise.
fn ends_command(last: &mut Letters, octet: u8) -> bool {
    let ends = is_blank(octet) && ACTIVE.iter().any(|name| name == last);
    last.rotate_left(1);
    last[3] = octet.to_ascii_uppercase();
    ends
}
