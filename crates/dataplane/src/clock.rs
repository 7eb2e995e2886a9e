//! The workers' clock: the cycle counter as [`Time`]. The one place of this crate that reads it.

use engine::Time;

/// Converts ticks of the cycle counter, which runs at one rate on all cores.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: u64,
    /// Nanoseconds in a tick, times 2³².
    nanos_per_tick: u64,
}

impl Clock {
    /// A clock that begins at [`Time::ZERO`]. EAL has measured the rate.
    pub(crate) fn start() -> Self {
        Self::new(dpdk::tsc(), dpdk::tsc_hz())
    }

    fn new(start: u64, hz: u64) -> Self {
        let nanos_per_tick = (1_000_000_000_u128 << 32) / u128::from(hz.max(1));
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
        let clock = Clock::new(1000, hz);
        assert_eq!(clock.at(1000), Time::ZERO);
        assert_eq!(clock.at(500), Time::ZERO, "never before the start");
        let year = 365 * 86_400;
        let off = Time::from_secs(year) - clock.at(1000 + hz * year);
        assert!(off.as_millis() < 20, "{off:?}");
    }
}
