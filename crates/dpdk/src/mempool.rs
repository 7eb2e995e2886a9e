//! Pools of mbufs.

use core::ffi::{c_int, c_uint};
use core::ptr::NonNull;
use std::ffi::CString;

use crate::burst::MbufBurst;
use crate::eal::Eal;
use crate::errno::Errno;
use crate::mbuf::Mbuf;

/// Octets in front of a received frame that stay free.
const HEADROOM: u16 = 128;
const _: () = assert!(HEADROOM as u32 == dpdk_sys::RTE_PKTMBUF_HEADROOM);

/// Greatest cache that rte_mempool.h allows (`RTE_MEMPOOL_CACHE_MAX_SIZE`).
const CACHE_MAX: u32 = 512;

/// A pool could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MempoolError {
    /// A name has at most 25 octets, and no zero.
    #[error("{0:?} is no name of a pool: 1 to 25 octets, none of them zero")]
    Name(String),
    /// A pool of that name exists already.
    #[error("there is already a pool named {0:?}")]
    Taken(String),
    /// The cache is greater than 512, or than two thirds of the pool.
    #[error(
        "a cache of {cache} does not suit a pool of {count} mbufs: at most 512, and count / 1.5"
    )]
    Cache {
        /// Mbufs asked for.
        count: u32,
        /// Cache asked for.
        cache: u32,
    },
    /// A port frees its mbufs straight into the only pool.
    #[error(
        "a port was configured with fast free, which allows one pool only; make all pools first"
    )]
    FastFree,
    /// Not enough memory.
    #[error(
        "no memory for {count} mbufs of {octets} octets (about {} MiB) on socket {socket:?}; give EAL more \
         memory, or take fewer mbufs", u64::from(*count) * (u64::from(*octets) + 192) / (1 << 20)
    )]
    Memory {
        /// Mbufs asked for.
        count: u32,
        /// Buffer of each.
        octets: u16,
        /// Socket asked for.
        socket: Option<u32>,
    },
    /// DPDK refused.
    #[error("DPDK refused to make the pool")]
    Refused(#[source] Errno),
}

/// A pool of mbufs of one size. It lives until EAL ends; clones are the same pool.
#[derive(Clone, Debug)]
pub struct Mempool {
    pointer: PoolPointer,
    count: u32,
    data_room: u16,
    eal: Eal,
}

impl Mempool {
    /// Makes a pool of `count` mbufs (2^n - 1 is best) whose buffers hold `data_room` octets of a frame,
    /// headroom not counted. `cache` mbufs (up to 512) stay with each registered thread. `socket`: `None` for any.
    pub fn new(
        eal: &Eal,
        name: &str,
        count: u32,
        cache: u32,
        data_room: u16,
        socket: Option<u32>,
    ) -> Result<Self, MempoolError> {
        let c_name = CString::new(name)
            .ok()
            .filter(|name| (1..=25).contains(&name.as_bytes().len()))
            .ok_or_else(|| MempoolError::Name(name.into()))?;
        if cache > CACHE_MAX || u64::from(cache) * 3 > u64::from(count) * 2 {
            return Err(MempoolError::Cache { count, cache });
        }
        let octets = data_room.saturating_add(HEADROOM);
        let mut books = eal.books();
        if books.single_pool {
            return Err(MempoolError::FastFree);
        }
        // SAFETY: EAL is started; `c_name` is NUL-terminated and copied; no private area; DPDK checks the rest.
        let pool = unsafe {
            dpdk_sys::rte_pktmbuf_pool_create(
                c_name.as_ptr(),
                count,
                cache,
                0,
                octets,
                socket_argument(socket),
            )
        };
        let Some(pool) = NonNull::new(pool) else {
            let error = Errno::last();
            return Err(match error.get() {
                libc::EEXIST => MempoolError::Taken(name.into()),
                libc::ENOMEM => MempoolError::Memory { count, octets, socket },
                _ => MempoolError::Refused(error),
            });
        };
        let pointer = PoolPointer(pool);
        books.pools.push(pointer);
        drop(books);
        Ok(Self { pointer, count, data_room, eal: eal.clone() })
    }

    /// An empty mbuf, or `None` when the pool is exhausted, which under attack is an ordinary event.
    #[inline]
    pub fn alloc(&self) -> Option<Mbuf> {
        // SAFETY: the pool lives as long as EAL, which `self` keeps alive.
        let mbuf = unsafe { dpdk_sys::shim_mbuf_alloc(self.as_ptr()) };
        // SAFETY: a new mbuf of reference count 1 that nobody else owns.
        NonNull::new(mbuf).map(|mbuf| unsafe { Mbuf::from_raw(mbuf) })
    }

    /// Adds `count` empty mbufs to the burst, or none: `false` if the pool or the burst has not that many.
    pub fn alloc_bulk<const N: usize>(&self, burst: &mut MbufBurst<N>, count: usize) -> bool {
        if count > burst.room() {
            return false;
        }
        let wanted = c_uint::try_from(count).unwrap_or(0);
        burst.receive(|slots, _| {
            // SAFETY: the pool is alive; `slots` has room for at least `count` pointers.
            let status = unsafe { dpdk_sys::shim_mbuf_alloc_bulk(self.as_ptr(), slots, wanted) };
            if status == 0 { count } else { 0 }
        }) == count
    }

    /// Mbufs that somebody owns: frames, and what sits in the rings of devices. It adds up over all threads'
    /// caches and is no exact figure while they work.
    pub fn in_use(&self) -> u32 {
        self.pointer.in_use()
    }

    /// Mbufs that can still be taken, with the same grain of salt.
    pub fn available(&self) -> u32 {
        // SAFETY: the pool lives as long as EAL; reads counters.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.as_ptr()) }
    }

    /// How many mbufs there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Octets of a frame that one mbuf holds.
    pub fn data_room(&self) -> u16 {
        self.data_room
    }

    /// The environment it was made from.
    pub fn eal(&self) -> &Eal {
        &self.eal
    }

    pub(crate) fn as_ptr(&self) -> *mut dpdk_sys::rte_mempool {
        self.pointer.0.as_ptr()
    }
}

/// A pointer to a pool, valid until EAL ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolPointer(NonNull<dpdk_sys::rte_mempool>);

// SAFETY: the pool is made with the default flags, for which rte_mempool.h says: the behaviour of rte_mempool_put
// is "multi-producers", that of rte_mempool_get "multi-consumers"; the caches in front are "per-lcore", and an
// lcore is one thread. Threads without an lcore go without a cache.
unsafe impl Send for PoolPointer {}
// SAFETY: the same sentence: every operation of a pool may run on several threads at once.
unsafe impl Sync for PoolPointer {}

impl PoolPointer {
    pub(crate) fn in_use(&self) -> u32 {
        // SAFETY: pools are freed by the end of EAL only; reads counters.
        unsafe { dpdk_sys::rte_mempool_in_use_count(self.0.as_ptr()) }
    }
}

/// DPDK's way to name a socket: -1 is any.
pub(crate) fn socket_argument(socket: Option<u32>) -> c_int {
    socket.and_then(|socket| c_int::try_from(socket).ok()).unwrap_or(-1)
}
