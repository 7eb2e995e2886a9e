//! The cycle counter, which workers read once a burst.

/// The time-stamp counter of this core, in ticks of [`tsc_hz`]. It is not ordered against other instructions.
#[inline]
pub fn tsc() -> u64 {
    // SAFETY: executes RDTSC (or the architecture's counter), which every supported CPU allows to user space.
    unsafe { dpdk_sys::shim_tsc() }
}

/// Ticks of [`tsc`] in a second; 0 before EAL has started and measured it.
pub fn tsc_hz() -> u64 {
    // SAFETY: reads an integer that rte_eal_init writes once; before that it is 0.
    unsafe { dpdk_sys::rte_get_tsc_hz() }
}
