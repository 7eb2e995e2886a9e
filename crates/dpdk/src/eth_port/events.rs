//! What a driver says of its device by itself, from a thread of EAL's: that it was pulled, or is to be reset.
//!
//! The callback sets a bit in a place that exists as long as the process, so that nothing it touches can be gone
//! when a driver is late. A link's ups and downs are not here: they are asked for (`state`).

use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering};

use dpdk_sys::rte_eth_event_type;

use crate::attach::{EthPortId, MOST_PORTS};

const REMOVED: u8 = 1;
const RESET: u8 = 2;

/// What is listened to.
const EVENTS: [rte_eth_event_type; 2] =
    [rte_eth_event_type::RTE_ETH_EVENT_INTR_RMV, rte_eth_event_type::RTE_ETH_EVENT_INTR_RESET];

static SAID: [AtomicU8; MOST_PORTS as usize] = [const { AtomicU8::new(0) }; MOST_PORTS as usize];

/// What a driver has said of its device since the port was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceEvents {
    /// It was pulled: nothing comes or goes any more.
    pub removed: bool,
    /// It works no more until it is reset (a virtual function whose physical one was).
    pub wants_reset: bool,
}

/// Begins to listen. What was said of an earlier device with this number is forgotten.
pub(super) fn listen(port: EthPortId) {
    if let Some(said) = SAID.get(usize::from(port.get())) {
        said.store(0, Ordering::Relaxed);
    }
    for event in EVENTS {
        // SAFETY: the port exists; the callback is a function of this program, and its argument is not used.
        let status = unsafe {
            dpdk_sys::rte_eth_dev_callback_register(port.get(), event, Some(note), ptr::null_mut())
        };
        // It fails for want of memory only, and then the port works, and is silent.
        debug_assert_eq!(status, 0);
    }
}

/// Ends it. A callback that runs meanwhile does no harm.
pub(super) fn ignore(port: EthPortId) {
    for event in EVENTS {
        // SAFETY: the port exists. -EAGAIN, while the callback runs, leaves it in DPDK's list, where it is harmless.
        let _status = unsafe {
            dpdk_sys::rte_eth_dev_callback_unregister(
                port.get(),
                event,
                Some(note),
                ptr::null_mut(),
            )
        };
    }
}

pub(super) fn said(port: EthPortId) -> DeviceEvents {
    let bits = SAID.get(usize::from(port.get())).map_or(0, |said| said.load(Ordering::Relaxed));
    DeviceEvents { removed: bits & REMOVED != 0, wants_reset: bits & RESET != 0 }
}

extern "C" fn note(
    port: u16,
    event: rte_eth_event_type,
    _argument: *mut c_void,
    _result: *mut c_void,
) -> c_int {
    let bit = match event {
        rte_eth_event_type::RTE_ETH_EVENT_INTR_RMV => REMOVED,
        rte_eth_event_type::RTE_ETH_EVENT_INTR_RESET => RESET,
        _ => 0,
    };
    if let Some(said) = SAID.get(usize::from(port)) {
        said.fetch_or(bit, Ordering::Relaxed);
    }
    0
}
