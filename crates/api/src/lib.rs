//! The types that the daemon and the command line exchange over a Unix stream socket.
//!
//! The conversation is lines of JSON, one document each. A client sends a [`Request`], the daemon
//! answers with [`Line`]s: one [`Line::Answer`], or any number of [`Line::Item`]s closed by a
//! [`Line::End`], or a [`Line::Error`] at any point. A connection may carry several requests, one
//! after the other. Every answer and every end bears `"version": 1`.
//!
//! The documents are also what `sallyctl --json` prints, so their shape is a promise: fields are
//! added, never renamed. This crate knows no engine and no socket but the [`Client`]'s; names of
//! states, reasons and rules travel as strings, and the daemon says which of them exist.
#![forbid(unsafe_code)]

mod client;
mod counters;
mod explain;
mod filter;
mod line;
mod ports;
mod protocol;
mod reload;
mod request;
mod rules;
mod session_id;
mod sessions;
mod status;
mod tuple;

pub use client::{Client, ClientError};
pub use counters::{
    Counters, FrameBalance, NamedCount, ProtocolReasonCount, ReasonCount, WorkerFrames,
};
pub use explain::{Explanation, Step};
pub use filter::{FilterError, FilterTerm, MAX_FILTER_TERMS, Net, SessionFilter};
pub use line::{End, Line, Refusal, RefusalKind, Version};
pub use ports::{PortInfo, PortStats, PortSteering, Ports};
pub use protocol::{Protocol, ProtocolError};
pub use reload::{Diagnostic, ReloadReport, Severity};
pub use request::{MAX_REQUEST_BYTES, Request};
pub use rules::{RuleInfo, RuleLimits, Rules};
pub use session_id::{SessionId, SessionIdError};
pub use sessions::{Session, SessionsCleared, SessionsCount};
pub use status::{
    Alarm, AlarmKind, GatewaySessions, GatewaysStatus, HeavySession, MemoryStatus, PolicyStatus,
    PortSummary, SessionsStatus, SkewStatus, Status, WorkerStatus, ZoneEmbryonic,
};
pub use tuple::{Tuple, TupleError};
