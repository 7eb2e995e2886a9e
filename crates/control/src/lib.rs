//! The control side of the daemon: commit, API server, metrics, event log, and the watch over workers.
//!
//! It runs on threads of the control core and touches no frame. What it needs of the plane that moves
//! them is the trait [`Plane`]. It starts in three steps, so that a daemon that cannot run has changed
//! nothing: [`FirstPolicy::compile`] a checked configuration, [`Openings::take`] what the outside sees,
//! and, once the plane runs, [`Control::start`]. Signals, arguments and the operator's log on standard
//! error belong to the daemon.
#![forbid(unsafe_code)]

mod acceptor;
mod answers;
mod caller;
mod clock;
mod commit;
mod control;
mod documents;
mod event_log;
#[cfg(test)]
mod fake;
mod http;
mod last_words;
mod live;
mod metrics;
mod plane;
mod rates;
mod selection;
mod server;
mod skew;
mod socket;
mod steering;

pub use commit::FirstPolicy;
pub use control::{Breakdown, Control, ControlError, Openings, Stall};
pub use event_log::LogFileError;
pub use http::MetricsAddressError;
pub use last_words::last_words;
pub use live::LivePlane;
pub use plane::{
    BufferReading, Heartbeat, Part, Plane, PortChange, PortNews, PortReading, Question, Reading,
    ResetWanted, WorkerReading,
};
pub use socket::ApiSocketError;
