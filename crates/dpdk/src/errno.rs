//! The numbers by which DPDK says what failed.

use core::ffi::c_int;
use core::fmt;
use std::io;

/// `E_RTE_SECONDARY`: not in a secondary process.
const SECONDARY: i32 = 1001;
/// `E_RTE_NO_CONFIG`: no configuration of a primary process.
const NO_CONFIG: i32 = 1002;

/// An errno of a DPDK call, positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32);

impl Errno {
    /// The number, as in errno.h; above 1000, as in rte_errno.h.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Whether the driver does not know the operation at all.
    pub const fn is_unsupported(self) -> bool {
        matches!(self.0, libc::ENOTSUP | libc::ENOSYS)
    }

    /// From a return value that is 0 or more for success and a negative errno for failure.
    pub(crate) const fn check(status: c_int) -> Result<c_int, Self> {
        if status < 0 { Err(Self(status.saturating_neg())) } else { Ok(status) }
    }

    /// `rte_errno` of this thread; it must be called right after the call that failed.
    pub(crate) fn last() -> Self {
        // SAFETY: reads a thread-local integer; no precondition.
        Self(unsafe { dpdk_sys::shim_errno() })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SECONDARY => f.write_str("not allowed in a secondary process"),
            NO_CONFIG => f.write_str("no configuration of a primary process"),
            number => write!(f, "{}", io::Error::from_raw_os_error(number)),
        }
    }
}

impl core::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_status_is_an_error_with_the_systems_words() {
        let error = Errno::check(-libc::ENODEV).unwrap_err();
        assert_eq!(error.get(), libc::ENODEV);
        assert_eq!(error.to_string(), "No such device (os error 19)");
        assert_eq!(Errno::check(3), Ok(3));
    }

    #[test]
    fn dpdks_own_numbers_have_words() {
        assert_eq!(Errno(SECONDARY).to_string(), "not allowed in a secondary process");
        assert!(Errno(libc::ENOTSUP).is_unsupported());
        assert!(!Errno(libc::EINVAL).is_unsupported());
    }
}
