//! Where the session table's arrays live: ordinary memory in tests and replay, hugepages of the worker's
//! socket on a running box.

use core::convert::Infallible;
use core::ops::DerefMut;

/// A source of long arrays that are taken once, at start, and never grow.
pub trait Memory {
    /// An array of a fixed length.
    type Slab<T: Copy + Default + Send + 'static>: DerefMut<Target = [T]> + Send;
    /// Why an array could not be had.
    type Error;

    /// An array of `length` elements, each `T::default()`.
    ///
    /// # Errors
    /// If there is not that much memory.
    fn take<T: Copy + Default + Send + 'static>(
        &mut self,
        length: usize,
    ) -> Result<Self::Slab<T>, Self::Error>;
}

/// Ordinary memory of the process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heap;

impl Memory for Heap {
    type Slab<T: Copy + Default + Send + 'static> = Vec<T>;
    type Error = Infallible;

    fn take<T: Copy + Default + Send + 'static>(
        &mut self,
        length: usize,
    ) -> Result<Self::Slab<T>, Infallible> {
        Ok(vec![T::default(); length])
    }
}
