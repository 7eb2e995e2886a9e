//! An Ethernet port, from its configuration to its end.
//!
//! ```text
//!   EthPort::configure ──► EthPort<Configured> ──start──► EthPort<Started> + queues
//!                                 ▲                              │
//!                                 └──────────stop────────────────┘   once every queue is dropped
//! ```
//!
//! The device is stopped and closed when the port and all its queues are gone. Not here: bursts (`queue`), what
//! a device can do (`device_info`).

mod events;
mod setup;
mod state;

pub use events::DeviceEvents;
pub use setup::{ConfigureError, Granted, PortConfig, QueueDirection};
pub use state::{Link, PortError, PortStats};

use core::cell::Cell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use crate::attach::EthPortId;
use crate::eal::Eal;
use crate::errno::Errno;
use crate::mempool::Mempool;
use crate::queue::{RxQueue, TxQueue};

/// State of a port whose queues are set up and which receives nothing.
#[derive(Debug)]
#[non_exhaustive]
pub struct Configured;

/// State of a port that receives and transmits.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started;

/// The only handle of a port. Of its methods, those that change the device take `&mut self`: DPDK's are not to
/// be called "in parallel on different logical cores to work on the same target object" (rte_ethdev.h), and so
/// the handle is Send and not Sync. Bursts on its queues may run meanwhile.
#[derive(Debug)]
pub struct EthPort<State> {
    shared: Arc<Shared>,
    _state: PhantomData<State>,
    _not_sync: PhantomData<Cell<()>>,
}

/// What the start of a port gives.
#[derive(Debug)]
pub struct StartedPort {
    /// The port itself, for the control core.
    pub port: EthPort<Started>,
    /// Its receive queues by number.
    pub rx: Vec<RxQueue>,
    /// Its transmit queues by number.
    pub tx: Vec<TxQueue>,
}

/// A port could not start. It is closed.
#[derive(Debug, thiserror::Error)]
#[error("{port} cannot start")]
pub struct StartError {
    /// The port.
    pub port: EthPortId,
    /// The driver's reason.
    pub source: Errno,
}

/// A port could not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// A worker still has a queue of it; the port comes back.
    #[error("{0} queues of the port are still in use", queues)]
    QueuesInUse {
        /// Queues that somebody owns.
        queues: usize,
        /// The port, unchanged.
        port: EthPort<Started>,
    },
    /// The driver refused; the port is closed.
    #[error("the driver cannot stop the port")]
    Device(#[source] Errno),
}

impl EthPort<Configured> {
    /// Configures a port and sets up its queues: receive queue n takes its mbufs from `pools[n]`, or all of them
    /// from the one pool that is given. Says what was granted of what was asked.
    pub fn configure(
        eal: &Eal,
        id: EthPortId,
        config: &PortConfig,
        pools: &[Mempool],
    ) -> Result<(Self, Granted), ConfigureError> {
        let (shared, granted) = setup::configure(eal, id, config, pools)?;
        Ok((Self::in_state(Arc::new(shared)), granted))
    }

    /// Starts the device: from now on it receives.
    pub fn start(self) -> Result<StartedPort, StartError> {
        let port = self.id();
        // SAFETY: the port is configured and all its queues are set up; this is its only handle.
        let status = unsafe { dpdk_sys::rte_eth_dev_start(port.get()) };
        Errno::check(status).map_err(|source| StartError { port, source })?;
        let shared = self.shared;
        shared.started.store(true, Ordering::Release);
        let rx = (0..shared.rx_queues).map(|queue| RxQueue::new(Arc::clone(&shared), queue));
        let tx = (0..shared.tx_queues).map(|queue| TxQueue::new(Arc::clone(&shared), queue));
        Ok(StartedPort { rx: rx.collect(), tx: tx.collect(), port: EthPort::in_state(shared) })
    }
}

impl EthPort<Started> {
    /// Stops the device. Its queues must have been dropped, or the port is given back.
    pub fn stop(mut self) -> Result<EthPort<Configured>, StopError> {
        if Arc::get_mut(&mut self.shared).is_none() {
            let queues = Arc::strong_count(&self.shared) - 1;
            return Err(StopError::QueuesInUse { queues, port: self });
        }
        self.shared.stop().map_err(StopError::Device)?;
        Ok(EthPort::in_state(self.shared))
    }
}

impl<State> EthPort<State> {
    const fn in_state(shared: Arc<Shared>) -> Self {
        Self { shared, _state: PhantomData, _not_sync: PhantomData }
    }

    /// DPDK's number of the port.
    pub fn id(&self) -> EthPortId {
        self.shared.id
    }

    /// What the driver has said of its device since the port was configured.
    pub fn events(&self) -> DeviceEvents {
        events::said(self.id())
    }
}

/// What the port and its queues keep alive.
#[derive(Debug)]
pub(crate) struct Shared {
    id: EthPortId,
    rx_queues: u16,
    tx_queues: u16,
    started: AtomicBool,
    /// The device's configuration points to it, and drivers (net_e1000_igb) read it there when the port starts.
    _rss_key: Option<Box<[u8]>>,
    /// The driver takes mbufs from these.
    _pools: Vec<Mempool>,
    eal: Eal,
}

impl Shared {
    pub(crate) const fn id(&self) -> EthPortId {
        self.id
    }

    fn stop(&self) -> Result<(), Errno> {
        if !self.started.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        // SAFETY: the callers made sure that no queue handle is left, so no burst runs or ever will before the
        // next start.
        let status = unsafe { dpdk_sys::rte_eth_dev_stop(self.id.get()) };
        Errno::check(status).map(|_| ())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A driver that cannot stop is closed all the same: nobody is left to hear of it.
        self.stop().ok();
        events::ignore(self.id);
        // SAFETY: no handle of the port or of a queue is left, and it is stopped.
        unsafe { dpdk_sys::rte_eth_dev_close(self.id.get()) };
        self.eal.books().claimed.remove(&self.id.get());
    }
}
