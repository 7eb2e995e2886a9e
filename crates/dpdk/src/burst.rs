//! A burst: the frames that one receive returned, or one transmit is given.

use core::ffi::c_uint;

use arrayvec::ArrayVec;

use crate::mbuf::Mbuf;

/// Frames in a burst, as the whole of Sallyport works. Vector drivers want no fewer.
pub const BURST: usize = 32;

/// Up to `N` owned frames in place. What is left in it when it is dropped goes back to the pool in one call.
#[derive(Debug)]
pub struct MbufBurst<const N: usize = BURST> {
    frames: ArrayVec<Mbuf, N>,
}

impl<const N: usize> MbufBurst<N> {
    /// The counts of DPDK's bursts are 16 bits wide.
    const FITS: () = assert!(N > 0 && N <= 0xffff);

    /// No frame yet.
    pub const fn new() -> Self {
        let () = Self::FITS;
        Self { frames: ArrayVec::new_const() }
    }

    /// Frames in it.
    #[inline]
    pub const fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that still fit.
    #[inline]
    pub const fn room(&self) -> usize {
        N - self.frames.len()
    }

    /// Whether none fits.
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// Adds a frame at the end; gives it back if it does not fit.
    #[inline]
    pub fn push(&mut self, frame: Mbuf) -> Result<(), Mbuf> {
        self.frames.try_push(frame).map_err(|full| full.element())
    }

    /// Takes the last frame.
    #[inline]
    pub fn pop(&mut self) -> Option<Mbuf> {
        self.frames.pop()
    }

    /// Takes every frame, in order. What is not taken of the iterator is freed.
    #[inline]
    pub fn drain(&mut self) -> arrayvec::Drain<'_, Mbuf, N> {
        self.frames.drain(..)
    }

    /// The frames, in order.
    #[inline]
    pub fn as_slice(&self) -> &[Mbuf] {
        &self.frames
    }

    /// The frames, in order, to be changed.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Mbuf] {
        &mut self.frames
    }

    /// Frees every frame in one call.
    #[inline]
    pub fn free_all(&mut self) {
        if self.is_empty() {
            return;
        }
        self.give(|frames, count| {
            // SAFETY: `count` pointers to mbufs that this burst owned and forgets with this call.
            unsafe { dpdk_sys::shim_mbuf_free_bulk(frames, c_uint::from(count)) };
            usize::from(count)
        });
    }

    /// Lets `fill` write pointers to new owned mbufs behind the frames, at most the number it is told, and say
    /// how many it wrote. Returns that number.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        fill: impl FnOnce(*mut *mut dpdk_sys::rte_mbuf, u16) -> usize,
    ) -> usize {
        let len = self.frames.len();
        let room = self.room();
        // `Mbuf` is a transparent pointer, so its slots are slots for pointers.
        let slots = self.frames.as_mut_ptr().wrapping_add(len).cast();
        let filled = fill(slots, narrow(room)).min(room);
        // SAFETY: `filled` slots after the first `len` were written with owned mbufs, and they fit.
        unsafe { self.frames.set_len(len + filled) };
        filled
    }

    /// Lets `take` have the first frames, as pointers, and say how many it now owns. The rest moves to the
    /// front. Returns how many were taken.
    #[inline]
    pub(crate) fn give(
        &mut self,
        take: impl FnOnce(*mut *mut dpdk_sys::rte_mbuf, u16) -> usize,
    ) -> usize {
        let len = self.frames.len();
        let start = self.frames.as_mut_ptr();
        let taken = take(start.cast(), narrow(len)).min(len);
        if taken > 0 {
            let left = start.wrapping_add(taken).cast_const();
            // SAFETY: both ranges lie within the `len` frames of the array; the ranges may overlap. What is
            // overwritten belongs to the taker.
            unsafe { core::ptr::copy(left, start, len - taken) };
            // SAFETY: the first `len - taken` slots hold owned mbufs, none of them twice.
            unsafe { self.frames.set_len(len - taken) };
        }
        taken
    }
}

impl<const N: usize> Default for MbufBurst<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Drop for MbufBurst<N> {
    fn drop(&mut self) {
        self.free_all();
    }
}

/// `N` fits in 16 bits, and no length is greater than `N`.
#[inline]
fn narrow(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
