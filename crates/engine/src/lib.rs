//! The inspection path of one core, without I/O.
//!
//! A [`Shard`] takes bursts of frames and the time, and puts each frame into an [`Outbox`]: to be sent, handed over
//! to another worker, or freed. It is the same code live on a NIC, in a test with invented time and over a capture.
//! A [`Cluster`] joins several shards by queues in memory and drives them in a fixed order. [`Snapshot`] is the
//! policy that shards judge by.
//!
//! Not here: devices, threads, clocks (`dataplane`); what a connection's states are (`session`); what rules say
//! (`policy`).
#![forbid(unsafe_code)]

mod arrivals;
mod cluster;
mod counters;
mod explain;
mod frame;
mod gateway;
mod listing;
pub mod owner;
mod reason;
mod screen;
mod shard;
pub mod skew;
mod snapshot;

pub use alg::Remark;
pub use arrivals::Arrivals;
pub use cluster::{Cluster, Fate, Tape};
pub use counters::{Counter, Counters, RuleHits};
pub use explain::{Explanation, Probe, ProbeNumbers, Step, flags_from_letters, owner_of};
pub use frame::{
    Event, EventKind, Frame, HOPS_MAX, Handover, Judgement, Outbox, ParentId, ReceiveFlags,
    Verdict, WorkerId,
};
pub use gateway::reader_of;
pub use listing::{SessionFilter, SessionView};
pub use policy::{Gateway, PortIndex, RuleId, ZoneId};
pub use reason::{Cause, Cut, DropReason, EndReason, Epitaph};
pub use session::expectation::{Ended, Expectations};
pub use session::track::Protocol;
pub use session::{Direction, Slot, Time};
pub use shard::{
    BURST, Burst, EXPECTATIONS, HandedBurst, READ_SESSIONS, READER_OCTETS, Shard, ShardConfig,
};
pub use snapshot::{Limits, Settings, Snapshot};
