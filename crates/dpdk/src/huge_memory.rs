//! Typed memory of DPDK's heap: hugepages of a chosen socket, or ordinary pages if EAL runs without.

use core::ffi::c_uint;
use core::fmt;
use core::mem::size_of;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::slice;

use crate::eal::Eal;
use crate::mempool::socket_argument;

/// Every piece begins on a cache line.
const CACHE_LINE: usize = 64;

/// DPDK's heap has not that much.
#[derive(Debug, thiserror::Error)]
#[error(
    "no {} MiB in one piece in DPDK's memory of socket {socket:?}; give EAL more memory", octets.div_ceil(1 << 20)
)]
pub struct HugeMemoryError {
    /// Octets asked for; `usize::MAX` if more than can be addressed.
    pub octets: usize,
    /// Socket asked for.
    pub socket: Option<u32>,
}

/// A slice of `T` in DPDK's heap, freed when dropped.
pub struct HugeSlice<T> {
    start: NonNull<T>,
    len: usize,
    _eal: Eal,
}

impl Eal {
    /// Takes `len` elements from the heap of a socket (`None`: any), each written with `T::default()`, so that
    /// every page is mapped before the first packet comes.
    pub fn take_memory<T: Default>(
        &self,
        len: usize,
        socket: Option<u32>,
    ) -> Result<HugeSlice<T>, HugeMemoryError> {
        const { assert!(size_of::<T>() > 0, "a type without octets needs no memory") };
        let align = align_of::<T>().max(CACHE_LINE);
        let octets = len.saturating_mul(size_of::<T>());
        if octets == 0 {
            return Ok(HugeSlice { start: NonNull::dangling(), len, _eal: self.clone() });
        }
        let refused = || HugeMemoryError { octets, socket };
        let align = c_uint::try_from(align).map_err(|_| refused())?;
        if isize::try_from(octets).is_err() {
            return Err(refused());
        }
        let socket = socket_argument(socket);
        // SAFETY: EAL is started; the alignment is a power of two; a type name is optional.
        let memory =
            unsafe { dpdk_sys::rte_malloc_socket(core::ptr::null(), octets, align, socket) };
        let start = NonNull::new(memory.cast::<T>()).ok_or_else(refused)?;
        // It grows with each element written, so that a panic in T::default frees exactly these.
        let mut slice = HugeSlice { start, len: 0, _eal: self.clone() };
        for index in 0..len {
            let element = start.as_ptr().wrapping_add(index);
            let value = T::default();
            // SAFETY: `index` is within the `len` elements of this allocation, aligned for T, and nobody else
            // knows of it yet.
            unsafe { element.write(value) };
            slice.len = index + 1;
        }
        Ok(slice)
    }
}

impl<T> HugeSlice<T> {
    fn has_memory(&self) -> bool {
        self.start != NonNull::dangling()
    }
}

impl<T> Deref for HugeSlice<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `len` initialised elements in one allocation that this slice owns.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for HugeSlice<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; `&mut self` excludes others.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

// SAFETY: the slice owns its elements as a Box does, and may be freed on another thread: Programmer's guide,
// Environment Abstraction Layer, malloc_heap: "lock - the lock field is needed to synchronize access to the heap".
unsafe impl<T: Send> Send for HugeSlice<T> {}
// SAFETY: shared access gives `&T` only.
unsafe impl<T: Sync> Sync for HugeSlice<T> {}

impl<T> Drop for HugeSlice<T> {
    fn drop(&mut self) {
        let elements: *mut [T] = &raw mut **self;
        // SAFETY: the elements are initialised and never used again.
        unsafe { core::ptr::drop_in_place(elements) };
        if self.has_memory() {
            // SAFETY: this came from rte_malloc_socket and is freed once; EAL is alive.
            unsafe { dpdk_sys::rte_free(self.start.as_ptr().cast()) };
        }
    }
}

impl<T> fmt::Debug for HugeSlice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HugeSlice").field("len", &self.len).finish_non_exhaustive()
    }
}
