//! Ports, workers and the way of frames between them: the engine's shards, put to work on DPDK.
//!
//! ```text
//!   ports ══ queues ══► worker 0 ── shard 0 ══ queues ══► ports
//!                         │   ▲ rings, one for each ordered pair of workers
//!                         ▼   │
//!                       worker 1 ── shard 1
//!   control core ── mailbox of each worker: policy, commands ──►
//!                ◄── boards of figures, log events, policies to be freed
//! ```
//!
//! [`Dataplane::start`] makes all of it or nothing. A worker never waits for anybody: what finds no room is
//! dropped and counted, and its figures are there to be read at any time.
//!
//! Every received frame is found again: received = forwarded + dropped (by the shard, by a full port or a full
//! ring) + rejected + consumed + held + in rings.
//!
//! Not here: what becomes of a frame (`engine`); configuration files, metrics, the log (`control`).
#![forbid(unsafe_code)]

mod board;
mod claim;
mod clock;
mod command;
mod config;
mod cores;
mod crew;
mod error;
mod footprint;
mod frame;
mod handle;
mod kernel_path;
mod links;
mod mailbox;
mod memory;
mod outlet;
mod plane;
mod polling;
mod port;
mod queues;
mod rights;
mod rss;
mod rtnetlink;
mod sockets;
mod start;
mod worker;

pub use claim::ClaimError;
pub use command::{Answer, Command};
pub use config::{Device, PlaneConfig, Polling, PortConfig};
pub use cores::MissingCores;
pub use dpdk::{
    AttachError, ConfigureError, DeviceInfoError, EalError, HugeMemoryError, Link, MempoolError,
    PinError, PortLookupError, PortStats, RegisterError, RingError, RssTypes, ShutdownError,
};
pub use error::{PortFault, StartError, WorkerFault};
pub use footprint::{Footprint, MemoryShortage};
pub use handle::WorkerStatus;
pub use kernel_path::KernelPathError;
pub use links::PortChange;
pub use plane::{Dataplane, MbufUse, PortNews, ResetWanted, Summary};
pub use port::PortStatus;
pub use rights::{Capability, MissingRights};
pub use rss::{PacketKind, Readback, RssGrant, SoftwareReason, Steering};
pub use sockets::{Misplacement, Remote};
