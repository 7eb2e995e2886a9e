//! `status`: what an engineer reads first when something is wrong.

use serde::{Deserialize, Serialize};

use crate::{ReasonCount, Session, Version};

/// How the box is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Always 1.
    pub version: Version,
    /// The release of the daemon.
    pub sallyport: String,
    /// Its process.
    pub pid: u32,
    /// When it was started, RFC 3339.
    pub started: String,
    /// Seconds since then.
    pub uptime_seconds: f64,
    /// The policy in force.
    pub policy: PolicyStatus,
    /// One entry per worker.
    pub workers: Vec<WorkerStatus>,
    /// The session table.
    pub sessions: SessionsStatus,
    /// What gateways read.
    #[serde(default)]
    pub gateways: GatewaysStatus,
    /// One entry per port.
    pub ports: Vec<PortSummary>,
    /// Why frames were dropped or rejected since the start, the most frequent first, at most five.
    pub top_drops: Vec<ReasonCount>,
    /// How unevenly work is spread over workers and sessions.
    pub skew: SkewStatus,
    /// Frame buffers, one entry per NUMA socket.
    pub memory: Vec<MemoryStatus>,
    /// What needs attention; empty: nothing.
    pub alarms: Vec<Alarm>,
}

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Counts the policies since the start, from 1.
    pub generation: u32,
    /// When it was loaded, RFC 3339.
    pub loaded: String,
    /// Seconds since then.
    pub loaded_seconds_ago: f64,
    /// The file it was loaded from.
    pub file: String,
    /// How many rules it has.
    pub rules: u64,
    /// Why the last reload was refused, if the last one was.
    pub last_refusal: Option<String>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its number, from 0.
    pub worker: u16,
    /// The CPU that it runs on.
    pub core: u32,
    /// The part of the last second that it had frames to work on, 0 to 1.
    pub busy_ratio: f64,
    /// Frames received in the last second.
    pub received_per_second: f64,
    /// Frames received since the start.
    pub received: u64,
    /// Frames forwarded since the start.
    pub forwarded: u64,
    /// Frames dropped or rejected since the start.
    pub dropped: u64,
    /// Frames that it handed to another worker.
    pub handed_over: u64,
    /// The policy that it works by.
    pub generation: u32,
    /// Seconds since it last gave a sign of life.
    pub heartbeat_age_seconds: f64,
    /// Its packets over an even share of all in the last window; 0: none were seen.
    pub load_ratio: f64,
    /// The heaviest session's share of its packets in the last window.
    pub heaviest_session_ratio: f64,
}

/// How unevenly work is spread, by samples: about one of 64 packets is looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SkewStatus {
    /// Seconds of the window of which this tells.
    pub window_seconds: f64,
    /// Packets of the heaviest redirection entry over an even share of all; 1: all 128 have the same.
    pub redirection_imbalance_ratio: f64,
    /// The heaviest living sessions of all workers, the heaviest first.
    pub heaviest: Vec<HeavySession>,
}

/// A session to which many packets belong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeavySession {
    /// Its share of all packets of its worker.
    pub share_ratio: f64,
    /// The session.
    pub session: Session,
}

/// The session table, over all workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionsStatus {
    /// Living sessions.
    pub in_use: u64,
    /// The most there may be.
    pub max: u64,
    /// Sessions created in the last second.
    pub created_per_second: f64,
    /// Those whose handshake is not complete, by the zone that they were opened from.
    #[serde(default)]
    pub embryonic: Vec<ZoneEmbryonic>,
}

/// The sessions opened from a zone whose handshake is not complete: whose flood it would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneEmbryonic {
    /// The zone's name.
    pub zone: String,
    /// How many there are.
    pub count: u64,
    /// How many there may be; none: as many as there may be sessions.
    pub limit: Option<u32>,
}

/// The sessions that gateways read, over all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaysStatus {
    /// Sessions that are read.
    pub read_sessions: u64,
    /// The most that are read at a time.
    pub read_sessions_max: u64,
    /// Those of each gateway that reads any.
    pub by_gateway: Vec<GatewaySessions>,
    /// Octets that readers hold beyond what each may: messages that are not whole or not acknowledged, and calls.
    pub memory_bytes: u64,
    /// The most that they may hold.
    pub memory_max_bytes: u64,
    /// Connections that are announced and may come now.
    pub expectations: u64,
}

/// How many sessions a gateway reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaySessions {
    /// Its name.
    pub gateway: String,
    /// How many.
    pub sessions: u64,
}

/// A port in one line; `ports` tells more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortSummary {
    /// Its name.
    pub name: String,
    /// Whether its link is up.
    pub link_up: bool,
    /// The link's speed in bits per second; none: down or unknown.
    pub speed_bits_per_second: Option<u64>,
    /// Frames received in the last second.
    pub received_per_second: f64,
    /// Frames sent in the last second.
    pub transmitted_per_second: f64,
    /// Frames that the device lost: missed, without a buffer, faulty.
    pub lost: u64,
}

/// Frame buffers of one NUMA socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStatus {
    /// The socket.
    pub socket: u32,
    /// Buffers in use.
    pub mbufs_in_use: u64,
    /// Buffers there are.
    pub mbufs: u64,
}

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The class of it.
    pub kind: AlarmKind,
    /// What it is, and the remedy.
    pub message: String,
}

/// The classes of alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// A port's frames can also take the way of the kernel.
    KernelPath,
    /// Log events were lost because the log was slower than the workers.
    EventsLost,
    /// Frames are unaccounted for while nothing moves.
    Conservation,
    /// A link is down.
    LinkDown,
    /// A port's device was pulled.
    PortGone,
    /// The session table is nearly full.
    SessionsNearLimit,
    /// The last reload was refused: the file differs from what is in force.
    ReloadRefused,
    /// A worker works by an older policy than the last published one.
    WorkerBehind,
    /// A device that is to lead packets to their owners does not.
    SteeringWrong,
}

impl AlarmKind {
    /// The name it has in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KernelPath => "kernel_path",
            Self::EventsLost => "events_lost",
            Self::Conservation => "conservation",
            Self::LinkDown => "link_down",
            Self::PortGone => "port_gone",
            Self::SessionsNearLimit => "sessions_near_limit",
            Self::ReloadRefused => "reload_refused",
            Self::WorkerBehind => "worker_behind",
            Self::SteeringWrong => "steering_wrong",
        }
    }
}
