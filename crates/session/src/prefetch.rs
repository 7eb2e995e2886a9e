//! Fetching a cache line ahead of its use: the one thing here that stable Rust has no safe word for.

#![expect(unsafe_code, reason = "the prefetch instruction has no safe form")]

/// Asks for the cache line at which `value` starts. It has no effect but on time.
#[inline(always)]
pub(crate) fn read<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction reads nothing that the program can see and faults at no address, valid or not.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
            core::ptr::from_ref(value).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
