//! Rings that carry frames from one worker to another: one producer, one consumer, no lock.

use core::ffi::c_uint;
use core::ptr::NonNull;
use std::ffi::CString;
use std::sync::Arc;

use crate::burst::{BURST, MbufBurst};
use crate::eal::Eal;
use crate::errno::Errno;
use crate::mbuf::Mbuf;
use crate::mempool::socket_argument;

/// A ring could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// A name has at most 28 octets, and no zero.
    #[error("{0:?} is no name of a ring: 1 to 28 octets, none of them zero")]
    Name(String),
    /// A ring of that name exists already.
    #[error("there is already a ring named {0:?}")]
    Taken(String),
    /// DPDK refused: no memory, or a size of 0 or of 2^31 and more.
    #[error("DPDK refused to make a ring for {capacity} frames")]
    Refused {
        /// Frames that it was to hold.
        capacity: u32,
        /// DPDK's reason.
        source: Errno,
    },
}

/// A new ring, to be split into its two ends.
#[derive(Debug)]
pub struct Ring(Shared);

impl Ring {
    /// Makes a ring that holds up to `capacity` frames.
    pub fn new(
        eal: &Eal,
        name: &str,
        capacity: u32,
        socket: Option<u32>,
    ) -> Result<Self, RingError> {
        let c_name = CString::new(name)
            .ok()
            .filter(|name| (1..=28).contains(&name.as_bytes().len()))
            .ok_or_else(|| RingError::Name(name.into()))?;
        let flags = dpdk_sys::RING_F_SP_ENQ | dpdk_sys::RING_F_SC_DEQ | dpdk_sys::RING_F_EXACT_SZ;
        let socket = socket_argument(socket);
        // SAFETY: EAL is started; `c_name` is NUL-terminated and copied; DPDK checks the size.
        let ring = unsafe { dpdk_sys::rte_ring_create(c_name.as_ptr(), capacity, socket, flags) };
        let Some(ring) = NonNull::new(ring) else {
            let source = Errno::last();
            return Err(match source.get() {
                libc::EEXIST => RingError::Taken(name.into()),
                _ => RingError::Refused { capacity, source },
            });
        };
        Ok(Self(Shared { ring, capacity, _eal: eal.clone() }))
    }

    /// The two ends. What is in the ring when both are gone is freed.
    pub fn split(self) -> (Producer, Consumer) {
        let shared = Arc::new(self.0);
        (Producer { shared: Arc::clone(&shared) }, Consumer { shared })
    }
}

/// The end that frames go in.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
}

impl Producer {
    /// Enqueues the first frames of the burst, as many as fit; the rest stays in it. Returns how many went.
    #[inline]
    pub fn enqueue<const N: usize>(&mut self, burst: &mut MbufBurst<N>) -> usize {
        burst.give(|frames, count| {
            let ring = self.shared.ring.as_ptr();
            // SAFETY: the ring is alive; `&mut self` of the only producer; `count` pointers to owned mbufs, of
            // which the returned number now belongs to the ring.
            let taken =
                unsafe { dpdk_sys::shim_ring_enqueue_burst(ring, frames, c_uint::from(count)) };
            taken as usize
        })
    }

    /// Enqueues one frame; gives it back if the ring is full.
    #[inline]
    pub fn push(&mut self, frame: Mbuf) -> Result<(), Mbuf> {
        let mut pointer = frame.into_raw().as_ptr();
        let ring = self.shared.ring.as_ptr();
        // SAFETY: as in `enqueue`, with one pointer.
        let taken = unsafe { dpdk_sys::shim_ring_enqueue_burst(ring, &raw mut pointer, 1) };
        match NonNull::new(pointer) {
            // SAFETY: the ring did not take it, so it is still ours alone.
            Some(pointer) if taken == 0 => Err(unsafe { Mbuf::from_raw(pointer) }),
            _ => Ok(()),
        }
    }

    /// Frames in the ring; the other end may be taking some.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames that the ring holds at most.
    pub fn capacity(&self) -> u32 {
        self.shared.capacity
    }
}

/// The end that frames come out of, in the order in which they went in.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
}

impl Consumer {
    /// Adds frames to the burst, as many as there are and fit. Returns how many came.
    #[inline]
    pub fn dequeue<const N: usize>(&mut self, burst: &mut MbufBurst<N>) -> usize {
        self.shared.dequeue(burst)
    }

    /// Frames in the ring; the other end may be adding some.
    #[inline]
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames that the ring holds at most.
    pub fn capacity(&self) -> u32 {
        self.shared.capacity
    }
}

#[derive(Debug)]
struct Shared {
    ring: NonNull<dpdk_sys::rte_ring>,
    capacity: u32,
    _eal: Eal,
}

// SAFETY: rte_ring.h: "Head and tail pointers are modified atomically, allowing concurrent access to it", with
// "Multi- or single-consumer dequeue" and "Multi- or single-producer enqueue". With the flags used here one thread
// may enqueue while one other dequeues; the ends are not Clone and take `&mut self`.
unsafe impl Send for Shared {}
// SAFETY: the same sentence; `len` reads two counters that the ring publishes atomically.
unsafe impl Sync for Shared {}

impl Shared {
    /// Only the consumer, or whoever has the whole ring, calls this.
    #[inline]
    fn dequeue<const N: usize>(&self, burst: &mut MbufBurst<N>) -> usize {
        burst.receive(|slots, room| {
            let ring = self.ring.as_ptr();
            // SAFETY: the ring is alive and this is its only consumer; `slots` has room for `room` pointers. What
            // comes out are owned mbufs that the producer gave up.
            let count =
                unsafe { dpdk_sys::shim_ring_dequeue_burst(ring, slots, c_uint::from(room)) };
            count as usize
        })
    }

    #[inline]
    fn len(&self) -> usize {
        // SAFETY: the ring is alive; reads its counters.
        unsafe { dpdk_sys::shim_ring_count(self.ring.as_ptr()) as usize }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut burst = MbufBurst::<BURST>::new();
        while self.dequeue(&mut burst) > 0 {
            burst.free_all();
        }
        // SAFETY: neither end is left, and the ring is empty.
        unsafe { dpdk_sys::rte_ring_free(self.ring.as_ptr()) };
    }
}
