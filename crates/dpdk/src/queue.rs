//! The two ends of a port that a worker owns.

use core::cell::Cell;
use core::marker::PhantomData;
use std::sync::Arc;

use crate::attach::EthPortId;
use crate::burst::MbufBurst;
use crate::eth_port::Shared;

/// One receive queue of a started port. It goes to one thread; there is no second handle of it.
#[derive(Debug)]
pub struct RxQueue(Handle);

/// One transmit queue of a started port. It goes to one thread; there is no second handle of it.
#[derive(Debug)]
pub struct TxQueue(Handle);

/// The port stops only when every handle is gone.
#[derive(Debug)]
struct Handle {
    port: u16,
    queue: u16,
    _keeps_started: Arc<Shared>,
    /// rte_ethdev.h: "the receive function of a PMD cannot be invoked in parallel on two logical cores to poll
    /// the same Rx queue". So a queue may move to another thread and is never shared: Send, not Sync.
    _not_sync: PhantomData<Cell<()>>,
}

impl Handle {
    fn new(port: Arc<Shared>, queue: u16) -> Self {
        Self { port: port.id().get(), queue, _keeps_started: port, _not_sync: PhantomData }
    }
}

impl RxQueue {
    pub(crate) fn new(port: Arc<Shared>, queue: u16) -> Self {
        Self(Handle::new(port, queue))
    }

    /// Adds what the device has to the burst, as much as fits. Returns how many frames came.
    #[inline]
    pub fn burst<const N: usize>(&mut self, burst: &mut MbufBurst<N>) -> usize {
        let Handle { port, queue, .. } = self.0;
        burst.receive(|slots, room| {
            // SAFETY: the port is started and has this queue, as long as the handle lives; `&mut self` of the only
            // handle; `slots` has room for `room` pointers. What comes is owned by nobody else.
            let count = unsafe { dpdk_sys::shim_rx_burst(port, queue, slots, room) };
            usize::from(count)
        })
    }

    /// The port it belongs to.
    pub fn eth_port(&self) -> EthPortId {
        EthPortId::from_raw(self.0.port)
    }

    /// Its number on that port.
    pub fn queue(&self) -> u16 {
        self.0.queue
    }
}

impl TxQueue {
    pub(crate) fn new(port: Arc<Shared>, queue: u16) -> Self {
        Self(Handle::new(port, queue))
    }

    /// Gives the device the first frames of the burst, as many as it takes; the rest stays in the burst, for
    /// the caller to free and count. Returns how many went.
    #[inline]
    pub fn burst<const N: usize>(&mut self, burst: &mut MbufBurst<N>) -> usize {
        let Handle { port, queue, .. } = self.0;
        burst.give(|frames, count| {
            // SAFETY: the port is started and has this queue, as long as the handle lives; `&mut self` of the only
            // handle; `count` pointers to owned mbufs, of which the returned number now belongs to the driver.
            let taken = unsafe { dpdk_sys::shim_tx_burst(port, queue, frames, count) };
            usize::from(taken)
        })
    }

    /// The port it belongs to.
    pub fn eth_port(&self) -> EthPortId {
        EthPortId::from_raw(self.0.port)
    }

    /// Its number on that port.
    pub fn queue(&self) -> u16 {
        self.0.queue
    }
}
