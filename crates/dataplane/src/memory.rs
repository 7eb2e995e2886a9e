//! The session tables' memory: DPDK's, of the worker's own socket.

use dpdk::{Eal, HugeMemoryError, HugeSlice};
use session::memory::Memory;

/// Gives a shard its arrays.
#[derive(Debug)]
pub(crate) struct SocketMemory {
    pub(crate) eal: Eal,
    /// `None`: any.
    pub(crate) socket: Option<u32>,
}

impl Memory for SocketMemory {
    type Slab<T: Copy + Default + Send + 'static> = HugeSlice<T>;
    type Error = HugeMemoryError;

    fn take<T: Copy + Default + Send + 'static>(
        &mut self,
        length: usize,
    ) -> Result<HugeSlice<T>, HugeMemoryError> {
        self.eal.take_memory(length, self.socket)
    }
}
