//! The one place of this crate that reads clocks, and how a time of day is written.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point of the monotonic clock, for deadlines.
#[expect(clippy::disallowed_methods, reason = "the control side lives in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "the control side lives in real time")]
pub(crate) fn present() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time of day in UTC, since 1970. It is displayed as RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(pub Duration);

impl Timestamp {
    /// What it was `span` before.
    #[must_use]
    pub(crate) const fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let millis = self.0.subsec_millis();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Year, month and day of the Gregorian calendar, of a number of days since 1970-01-01.
///
/// Years are counted from 1 March, so that the leap day is a year's last; 400 such years have 146,097
/// days and the months from March on follow the pattern (153 m + 2) / 5.
const fn civil(days: u64) -> (u64, u64, u64) {
    /// Days from 0000-03-01 to 1970-01-01.
    const TO_1970: u64 = 719_468;
    let days = days + TO_1970;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    // Expected values are those of `date -u -d @SECONDS +%FT%TZ`.
    #[test_case(0, "1970-01-01T00:00:00.250Z"; "epoch")]
    #[test_case(951_782_399, "2000-02-28T23:59:59.250Z"; "before a leap day of a century")]
    #[test_case(951_782_400, "2000-02-29T00:00:00.250Z"; "leap day of a century")]
    #[test_case(1_709_251_199, "2024-02-29T23:59:59.250Z"; "leap day")]
    #[test_case(1_735_689_599, "2024-12-31T23:59:59.250Z"; "end of a leap year")]
    #[test_case(1_767_225_600, "2026-01-01T00:00:00.250Z"; "new year")]
    #[test_case(4_107_542_400, "2100-03-01T00:00:00.250Z"; "a century that is no leap year")]
    fn calendar_of(seconds: u64, text: &str) {
        let stamp = Timestamp(Duration::from_secs(seconds) + Duration::from_millis(250));
        assert_eq!(stamp.to_string(), text);
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = civil(0);
        for days in 1..200_000 {
            let today = civil(days);
            let next_day = today.2 == before.2 + 1 && (today.0, today.1) == (before.0, before.1);
            let next_month = today.2 == 1
                && before.2 >= 28
                && (today.0 * 12 + today.1) == (before.0 * 12 + before.1) + 1;
            assert!(next_day || next_month, "{before:?} {today:?}");
            before = today;
        }
    }
}
