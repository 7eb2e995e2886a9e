//! Why a plane did not start. Whatever had begun is undone by then.

use std::io;

use dpdk::{
    AttachError, ConfigureError, DeviceInfoError, EalError, HugeMemoryError, MempoolError,
    PinError, PortLookupError, RegisterError, RingError,
};

use crate::claim::ClaimError;
use crate::cores::MissingCores;
use crate::footprint::MemoryShortage;
use crate::kernel_path::KernelPathError;
use crate::rights::MissingRights;

/// The plane did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration and the policy do not belong together.
    #[error("the policy speaks of {policy} ports and the configuration of {configured}")]
    Topology {
        /// Ports of the snapshot's topology.
        policy: usize,
        /// Ports of the configuration.
        configured: usize,
    },
    /// No worker, or more than DPDK can number.
    #[error("worker_cores in [system] names {0} cores: 1 to 127 can be workers")]
    Workers(usize),
    /// CPUs of the configuration cannot be had.
    #[error(transparent)]
    Cores(#[from] MissingCores),
    /// DPDK did not start.
    #[error("DPDK did not start")]
    Eal(#[from] EalError),
    /// A port cannot be used.
    #[error("port {port} ({device}) cannot be used")]
    Port {
        /// Its name.
        port: String,
        /// Its device, as configured.
        device: String,
        /// Why.
        source: PortFault,
    },
    /// Not enough memory was given to DPDK.
    #[error(transparent)]
    Memory(#[from] MemoryShortage),
    /// The mbufs could not be had.
    #[error("the mbufs cannot be had; raise `memory` in [system]")]
    Mbufs(#[from] MempoolError),
    /// The rings between workers could not be had.
    #[error("the rings between workers cannot be had; raise `memory` in [system]")]
    Rings(#[from] RingError),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers for the secret of the session tables")]
    Secret(#[from] getrandom::Error),
    /// A worker cannot work.
    #[error("worker {worker} on CPU {core} cannot work")]
    Worker {
        /// Which.
        worker: u16,
        /// Its CPU, as worker_cores in `[system]` names it.
        core: u32,
        /// Why.
        source: WorkerFault,
    },
}

/// Why a port cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PortFault {
    /// This process may not do what its driver needs.
    #[error(transparent)]
    Rights(#[from] MissingRights),
    /// Its interface is in use.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The PCI device is not there.
    #[error(transparent)]
    Lookup(#[from] PortLookupError),
    /// The device could not be made.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The device does not answer.
    #[error(transparent)]
    Info(#[from] DeviceInfoError),
    /// The kernel has a way around it, or its interface is not there.
    #[error(transparent)]
    KernelPath(#[from] KernelPathError),
    /// Frames would wait for ever in queues that nobody reads.
    #[error(
        "the kernel deals its frames out to {queues} queues, of which {workers} workers would read {read}; set \
         {argument}={read} in `device`"
    )]
    UnreadQueues {
        /// Queues of the device.
        queues: u16,
        /// Those that would be read.
        read: u16,
        /// Workers.
        workers: u16,
        /// What in the device's arguments says how many there are.
        argument: &'static str,
    },
    /// It refuses its configuration.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// It does not start.
    #[error(transparent)]
    Start(#[from] dpdk::StartError),
}

/// Why a worker cannot work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerFault {
    /// The system gives no thread.
    #[error("the system gives it no thread")]
    Thread(#[source] io::Error),
    /// Its CPU cannot be used.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// DPDK does not take it.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// There is no memory for its session table.
    #[error(
        "there is no memory for its session table; raise `memory` in [system] or lower `max` or `ipv6` in [sessions]"
    )]
    Table(#[from] HugeMemoryError),
    /// Its thread ended before it could say why.
    #[error("its thread ended by a panic, which is told above")]
    Died,
}
