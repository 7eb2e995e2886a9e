//! Reading fixed-size fields out of octets: bounds are checked, nothing panics.

/// The `N` octets at `at`, or `None` if they are not all there.
#[inline(always)]
pub(crate) fn array_at<const N: usize>(octets: &[u8], at: usize) -> Option<&[u8; N]> {
    octets.get(at..)?.first_chunk::<N>()
}

/// The 16-bit number in network order at `at`.
#[inline(always)]
pub(crate) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    array_at::<2>(octets, at).map(|field| u16::from_be_bytes(*field))
}

/// The 32-bit number in network order at `at`.
#[inline(always)]
pub(crate) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    array_at::<4>(octets, at).map(|field| u32::from_be_bytes(*field))
}

/// An offset or length inside a frame as the descriptor stores it.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "every caller measures inside a frame or datagram that was checked to be at most 65,535 octets"
)]
pub(crate) fn narrow(octets: usize) -> u16 {
    debug_assert!(octets <= 0xffff);
    octets as u16
}
