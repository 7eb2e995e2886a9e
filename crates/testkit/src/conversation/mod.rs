//! Conversations on virtual time, for an engine that takes time as an argument.
//!
//! - [`TcpTalk`] and [`UdpTalk`] are transcripts: a test says who sends what, and the numbers are
//!   right. Nothing answers by itself.
//! - [`Exchange`] are two TCP endpoints that live: they acknowledge, retransmit and give up. The
//!   test carries each frame through what it tests and delivers what came out.
//!
//! Time is a [`Duration`](std::time::Duration) since the start, made up by the driver. Nothing
//! here knows the engine.

mod endpoint;
mod exchange;
mod talk;
#[cfg(test)]
mod tests;

pub use endpoint::Outcome;
pub use exchange::{Exchange, Sent, Turn};
pub use talk::{TcpTalk, UdpTalk};

/// Who starts a conversation, and who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Who starts it.
    Initiator,
    /// Who answers.
    Responder,
}

impl Side {
    /// Both, the initiator first.
    pub const BOTH: [Self; 2] = [Self::Initiator, Self::Responder];

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Initiator => 0,
            Self::Responder => 1,
        }
    }
}
