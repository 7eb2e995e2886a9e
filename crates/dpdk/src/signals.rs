//! Which threads take the signals that devices send.
//!
//! net_tap has the kernel raise a real-time signal for each frame that arrives, and its handler counts them.
//! A thread that takes them is woken out of whatever it waits for, and a relative sleep that is begun anew each
//! time (as `std::thread::sleep` does) gains the kernel's timer slack of 50 µs by each of them: from some 20,000
//! frames a second on it never ends.

use core::mem::MaybeUninit;
use core::ptr;

/// Leaves real-time signals to the threads that EAL has started so far, which wait for nothing by the clock:
/// the calling thread, and those that it starts from now on, take none.
///
/// Beyond the limit of queued signals (RLIMIT_SIGPENDING) the kernel raises SIGIO in their stead, which would
/// end the process: it is ignored.
pub(crate) fn leave_to_eal() {
    let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: writes an empty set.
    unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
    for signal in libc::SIGRTMIN()..=libc::SIGRTMAX() {
        // SAFETY: adds to the set that was written above; a number that the C library keeps to itself is refused.
        unsafe { libc::sigaddset(signals.as_mut_ptr(), signal) };
    }
    // SAFETY: the set has been written; affects the calling thread's mask only.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), ptr::null_mut()) };
    // SAFETY: no handler of ours is replaced: nothing in this process asks for SIGIO.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
}
