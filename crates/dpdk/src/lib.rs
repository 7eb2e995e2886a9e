//! A safe face of DPDK: the environment (EAL), Ethernet ports and their queues, mbufs, mempools, rings,
//! RSS, and typed memory from DPDK's heap.
//!
//! # Who owns what
//!
//! ```text
//!   Eal ◄── Mempool ◄── EthPort ◄── RxQueue, TxQueue        an arrow: keeps alive
//!    ▲ ▲──── Ring ◄──── Producer, Consumer
//!    └────── HugeSlice, RegisteredThread
//!   Mbuf: one pointer; owns its buffer, and gives it back to its mempool when dropped
//! ```
//!
//! [`Eal`] is a counted handle, and DPDK is cleaned up when the last one goes. An [`Mbuf`] is as small as
//! the pointer it wraps and counts nothing; so pools live as long as EAL, and EAL is left in place, not
//! cleaned up, as long as any mbuf is out.
//!
//! # What is not here
//!
//! No retry, no statistics of its own, no logging, no thread: a burst is one call of the driver, and the
//! caller decides what becomes of frames that did not fit. Nothing of sessions or policy.
#![expect(
    unsafe_code,
    reason = "the one place that calls C; every block is one operation with its SAFETY argument"
)]

mod affinity;
mod attach;
mod burst;
mod clock;
mod device_info;
mod eal;
mod errno;
mod eth_port;
mod huge_memory;
pub mod hugepages;
mod mbuf;
mod mempool;
mod queue;
mod ring;
mod rss;
mod runtime_dir;
mod signals;

pub use affinity::{PinError, pin_current_thread, socket_of_core};
pub use attach::{AttachError, DetachError, EthPortId, PortLookupError};
pub use burst::{BURST, MbufBurst};
pub use clock::{tsc, tsc_hz};
pub use device_info::{DeviceInfo, DeviceInfoError};
pub use eal::{
    Eal, EalConfig, EalError, LogLevel, MemoryUse, RegisterError, RegisteredThread, ShutdownError,
};
pub use errno::Errno;
pub use eth_port::{
    ConfigureError, Configured, DeviceEvents, EthPort, Granted, Link, PortConfig, PortError,
    PortStats, QueueDirection, StartError, Started, StartedPort, StopError,
};
pub use huge_memory::{HugeMemoryError, HugeSlice};
pub use mbuf::{Checksum, Mbuf, NoRoom, RxChecksum};
pub use mempool::{Mempool, MempoolError};
pub use queue::{RxQueue, TxQueue};
pub use ring::{Consumer, Producer, Ring, RingError};
pub use rss::{RetaError, RssConfig, RssInForce, RssKey, RssKeyLength, RssTypes};
