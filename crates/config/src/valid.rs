//! A configuration that was checked whole.

use core::net::SocketAddr;
use core::num::NonZeroU32;
use core::time::Duration;
use std::path::PathBuf;

use policy::{Policy, PortIndex, Screens, Topology};
use session::Timeouts;

use crate::Device;

/// How a worker waits for frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// It never does: a core each, always busy.
    Busy,
    /// It sleeps when nothing comes.
    Adaptive,
}

impl Polling {
    /// Both ways.
    pub const ALL: &'static [Self] = &[Self::Busy, Self::Adaptive];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Adaptive => "adaptive",
        }
    }
}

/// `[system]`: read at the start only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemSettings {
    /// The CPU of everything that is no worker.
    pub control_core: usize,
    /// The CPUs of the workers, at least one, each once.
    pub worker_cores: Vec<usize>,
    /// Whether memory comes from hugepages.
    pub hugepages: bool,
    /// What EAL takes in all, in bytes.
    pub memory: u64,
    /// How workers wait.
    pub polling: Polling,
    /// The API socket.
    pub socket: PathBuf,
    /// The group that may read over the socket.
    pub socket_group: Option<String>,
    /// The group that may also change things.
    pub admin_group: Option<String>,
    /// Where accepted configurations are kept.
    pub state_dir: PathBuf,
    /// How long a worker may miss its heartbeat.
    pub stall_timeout: Duration,
    /// For how long after the start a connection that began before it may be picked up.
    pub pickup_after_start: Duration,
    /// Further arguments for EAL.
    pub eal_args: Vec<String>,
}

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Where Prometheus asks.
    pub listen: SocketAddr,
    /// How many rules have a series of their own.
    pub rules: usize,
}

/// `[sessions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// How many the whole box holds.
    pub max: u32,
    /// How many of them may be IPv6 ones.
    pub ipv6: u32,
    /// How many one source may hold.
    pub per_source: u32,
    /// By zone: how many may be opened from it whose handshake is not complete. None: as many as there may be.
    pub embryonic: Vec<Option<NonZeroU32>>,
}

/// Where the event log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOutput {
    /// The standard output.
    Stdout,
    /// A file, by its absolute path; it is appended to.
    File(PathBuf),
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Where it goes.
    pub output: LogOutput,
    /// How many events of all workers may wait to be written; what comes on top is lost and counted.
    pub queue: usize,
}

/// What `[[port]]` says beyond the topology. A port's position is its [`PortIndex`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSettings {
    /// Unique; also part of the device's name in DPDK.
    pub name: String,
    /// The device.
    pub device: Device,
    /// The greatest layer 3 packet, in bytes.
    pub mtu: u16,
    /// Queues in each direction; 0: one a worker, if the device has so many.
    pub queues: u16,
    /// Whether a kernel interface of the device may be a way around the firewall.
    pub allow_kernel_path: bool,
}

/// A configuration in which everything was checked that can be without the machine it is for.
///
/// Only [`load`](crate::load) and [`parse`](crate::parse) make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidConfig {
    /// `[system]`.
    pub system: SystemSettings,
    /// `[metrics]`; `None`: nothing listens.
    pub metrics: Option<MetricsSettings>,
    /// `[sessions]`.
    pub sessions: SessionSettings,
    /// `[timeouts]`, over the defaults.
    pub timeouts: Timeouts,
    /// `[screens]`, over the defaults.
    pub screens: Screens,
    /// `[log]`.
    pub log: LogSettings,
    /// `[[port]]`, in the order of the file.
    pub ports: Vec<PortSettings>,
    /// Ports, wires and zones.
    pub topology: Topology,
    /// Rules and zone pairs, resolved.
    pub policy: Policy,
    /// Private, so that nobody else makes a configuration.
    pub(crate) text: String,
}

impl ValidConfig {
    /// The file's own text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The settings of a port; `None` for an index from elsewhere.
    #[must_use]
    pub fn port(&self, port: PortIndex) -> Option<&PortSettings> {
        self.ports.get(port.index())
    }
}
