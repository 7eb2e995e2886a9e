//! `counters`: what became of every frame.

use serde::{Deserialize, Serialize};

use crate::Version;

/// Everything counted since the start of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Always 1.
    pub version: Version,
    /// Where the received frames are, over all workers.
    pub frames: FrameBalance,
    /// The same per worker, where a frame belongs to one.
    pub workers: Vec<WorkerFrames>,
    /// Every drop reason, in its fixed order, zeros included.
    pub drops: Vec<ReasonCount>,
    /// Every reason, counted where the sender was told.
    pub rejects: Vec<ReasonCount>,
    /// Frames handed from worker to worker, by cause.
    pub handovers: Vec<NamedCount>,
    /// Sessions created, by protocol.
    pub sessions_created: Vec<NamedCount>,
    /// Sessions ended, by protocol and reason.
    pub sessions_ended: Vec<ProtocolReasonCount>,
    /// Log events lost.
    pub events_lost: u64,
}

/// received = forwarded + dropped + rejected + consumed + held + `in_rings`, and what does not add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameBalance {
    /// Taken from the ports.
    pub received: u64,
    /// Taken by the transmit queues.
    pub forwarded: u64,
    /// Dropped.
    pub dropped: u64,
    /// Dropped, and the sender told.
    pub rejected: u64,
    /// Meant for the box itself.
    pub consumed: u64,
    /// Fragments that wait for the rest of their datagram, frames that wait for a decision.
    pub held: u64,
    /// On their way from one worker to another.
    pub in_rings: u64,
    /// Made by the box and sent: resets, ICMP errors. Not part of the balance.
    pub made: u64,
    /// received minus all the rest. While traffic flows, the counters of the workers are not read at
    /// one instant, and some frames in flight show here; at rest it is 0.
    pub difference: i64,
}

/// One worker's part. Frames that it got from another or gave to one are counted in handovers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFrames {
    /// Its number, from 0.
    pub worker: u16,
    /// Taken from its receive queues.
    pub received: u64,
    /// Forwarded by it.
    pub forwarded: u64,
    /// Dropped by it.
    pub dropped: u64,
    /// Rejected by it.
    pub rejected: u64,
    /// Consumed by it.
    pub consumed: u64,
    /// Held by it.
    pub held: u64,
    /// Made by it.
    pub made: u64,
    /// Handed over by it.
    pub handed_over: u64,
}

/// How often a reason applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason's stable name.
    pub reason: String,
    /// One sentence on what it means.
    pub description: String,
    /// How often.
    pub count: u64,
}

/// A count with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCount {
    /// What is counted.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// A count of sessions that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolReasonCount {
    /// The protocol.
    pub proto: String,
    /// Why they ended.
    pub reason: String,
    /// How many.
    pub count: u64,
}
