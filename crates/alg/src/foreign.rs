//! Whether the client of a line protocol speaks that protocol at all.
//!
//! A web page can have a browser behind the box say a command in the body of a request to any port. What stands before
//! it gives it away: once the client has spoken another protocol, nothing that it says afterwards opens anything.

use crate::{Notes, Remark};

/// What is known of a client's language.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Foreign(bool);

impl Foreign {
    /// Takes note of a line, and remarks on the first that is not of the protocol.
    pub(crate) fn check(&mut self, native: bool, notes: &mut Notes<'_>) {
        if !native && !self.0 {
            self.0 = true;
            notes.remark(Remark::OtherProtocol);
        }
    }

    /// Whether the client has spoken another protocol.
    pub(crate) const fn is_spoken(self) -> bool {
        self.0
    }
}
