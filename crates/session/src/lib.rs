//! Sessions: both directions of a conversation, remembered for exactly as long as it lives.
//!
//! This crate holds the session table, the trackers that follow each protocol, virtual time and
//! timers, the gathering of fragments, and the connections that gateways expect. It never reads a clock, draws a random number or does I/O:
//! time and seeds are arguments. It knows no policy: what may start a session is decided above it.

pub mod expectation;
pub mod fragment;
pub mod key;
mod lifetimes;
pub mod memory;
mod prefetch;
mod pressure;
mod sessions;
mod table;
pub mod tcp;
mod time;
mod timeouts;
pub mod tombstone;
pub mod track;
mod wheel;

pub use key::{Context, Key, Side};
pub use lifetimes::{LONGEST, Lifetimes};
pub use pressure::Pressure;
pub use sessions::{Found, Living, Opening, Sessions, Summary};
pub use table::{Entry, EntryCost, Full, Slot};
pub use time::Time;
pub use timeouts::{TimeoutClass, Timeouts};

/// Which way a packet goes in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// From the initiator to the responder: as the packet that opened the session.
    Original,
    /// From the responder to the initiator.
    Reply,
}

impl Direction {
    /// The other one.
    #[inline]
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }

    /// 0 for original, 1 for reply.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// `original` or `reply`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Reply => "reply",
        }
    }
}
