//! The workers' clock: the cycle counter as [`Time`]. The one place of this crate that reads clocks.
//!
//! DPDK rounds the counter's rate to 10 MHz, which is seconds in an hour. So the rate is measured against the
//! kernel's monotonic clock, over the time that the start takes anyway.

use std::thread;
use std::time::{Duration, Instant};

use engine::Time;

/// A measurement takes at least so long: the two clocks are read within a microsecond of each other, which is
/// one part in 50,000 then.
const SHORTEST: Duration = Duration::from_millis(50);
/// Attempts to read both clocks without an interruption in between.
const ATTEMPTS: usize = 8;

/// Converts ticks of the cycle counter, which runs at one rate on all cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: u64,
    /// Nanoseconds in a tick, times 2³².
    nanos_per_tick: u64,
}

/// Both clocks at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instants {
    ticks: u64,
    kernel: Instant,
}

/// When a wait is over. Steps of sleep that are counted are no measure: on a busy machine each takes longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(u64);

impl Deadline {
    /// So long from now on, as exactly as DPDK knows the counter's rate.
    pub(crate) fn after(wait: Duration) -> Self {
        let ticks = u128::from(dpdk::tsc_hz()) * wait.as_nanos() / 1_000_000_000;
        Self(dpdk::tsc().saturating_add(u64::try_from(ticks).unwrap_or(u64::MAX)))
    }

    pub(crate) fn is_over(self) -> bool {
        dpdk::tsc() >= self.0
    }
}

impl Instants {
    /// The present.
    pub(crate) fn now() -> Self {
        let attempts = (0..ATTEMPTS).map(|_| {
            let before = dpdk::tsc();
            #[expect(clippy::disallowed_methods, reason = "here the workers' clock is set")]
            let kernel = Instant::now();
            let took = dpdk::tsc().saturating_sub(before);
            (took, Self { ticks: before.saturating_add(took / 2), kernel })
        });
        let nearest = attempts.min_by_key(|attempt| attempt.0);
        nearest.map_or_else(Self::now, |attempt| attempt.1)
    }
}

impl Clock {
    /// A clock that begins at [`Time::ZERO`], set by what passed since `before`.
    pub(crate) fn start(before: Instants) -> Self {
        let mut now = Instants::now();
        if let Some(left) = SHORTEST.checked_sub(now.kernel.duration_since(before.kernel)) {
            thread::sleep(left);
            now = Instants::now();
        }
        let nanos = now.kernel.duration_since(before.kernel).as_nanos();
        Self::new(now.ticks, now.ticks.saturating_sub(before.ticks), nanos)
    }

    /// A clock that begins at `start` and goes so many ticks in so many nanoseconds.
    fn new(start: u64, ticks: u64, nanos: u128) -> Self {
        let nanos_per_tick = (nanos << 32) / u128::from(ticks.max(1));
        Self { start, nanos_per_tick: u64::try_from(nanos_per_tick).unwrap_or(u64::MAX) }
    }

    /// The present.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.at(dpdk::tsc())
    }

    #[inline]
    fn at(&self, ticks: u64) -> Time {
        let passed = u128::from(ticks.saturating_sub(self.start));
        let nanos = (passed * u128::from(self.nanos_per_tick)) >> 32;
        Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_ticks_is_a_year() {
        let hz = 2_300_000_000;
        let clock = Clock::new(1000, hz, 1_000_000_000);
        assert_eq!(clock.at(1000), Time::ZERO);
        assert_eq!(clock.at(500), Time::ZERO, "never before the start");
        let year = 365 * 86_400;
        let off = Time::from_secs(year) - clock.at(1000 + hz * year);
        assert!(off.as_millis() < 20, "{off:?}");
    }

    #[test]
    fn it_goes_as_the_kernels_does() {
        let clock = Clock::start(Instants::now());
        let first = Instants::now();
        thread::sleep(Duration::from_millis(200));
        let second = Instants::now();
        let ours = clock.at(second.ticks) - clock.at(first.ticks);
        let kernels = second.kernel.duration_since(first.kernel);
        let off = ours.abs_diff(kernels);
        assert!(off < kernels / 2000, "{ours:?} of {kernels:?}");
    }
}
