//! Application-layer gateways: they read a control conversation and say which connections it announces.
//!
//! A [`Reader`] belongs to one session whose service names a gateway. It is shown every payload of that
//! session, in both directions, before the packet leaves, and answers whether the packet may pass. What it
//! has read stands in [`Notes`]: [`Announcement`]s of connections to expect, and [`Remark`]s on what was
//! wrong.
//!
//! ```text
//!   payload ──► Reader ──► one protocol's Dialogue ──► Notes: announcements, remarks
//!                 └─ TCP: a bounded window of the stream, in order, the first copy of each octet wins
//! ```
//!
//! What is not here: the table of expectations and who may claim them (`session`, `engine`), addresses to
//! translate, and any decision whether a gateway is wanted: that is the rule's.
//!
//! A connection that is announced may be a control conversation in its turn (H.245 by H.225.0, for one): an
//! announcement says which protocol's reader it is for.
//!
//! Invariants: no input makes a reader panic, allocate beyond its bound, or take more time than is
//! proportional to the payload and to one line or header that has not ended; a gateway announces no destination that
//! it has not been told or has not read, and nothing for the wrong side.
#![forbid(unsafe_code)]

mod announcement;
mod dialogue;
mod foreign;
mod ftp;
mod h323;
mod irc;
mod line;
mod media;
mod message;
mod mgcp;
mod notes;
mod pptp;
mod protocol;
mod reader;
mod remark;
mod rtsp;
mod sdp;
mod sip;
mod stream;
mod text;
mod tftp;
#[cfg(test)]
mod transcript;

pub use announcement::Announcement;
pub use notes::{Notes, Options, Peers};
pub use protocol::Protocol;
pub use reader::{Reader, Reading};
pub use remark::Remark;
