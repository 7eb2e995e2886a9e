//! When an idle worker sleeps, and for how long.

use std::time::Duration;

use crate::config::Polling;

/// Rounds without work before the first sleep: some tens of microseconds, so that a conversation in full swing
/// never meets a sleeping worker.
const PATIENCE: u32 = 256;
const FIRST: Duration = Duration::from_micros(20);
/// What a frame waits at most, apart from what the kernel adds.
const LONGEST: Duration = Duration::from_millis(1);

/// Counts the rounds in which there was nothing to do.
#[derive(Debug)]
pub(crate) struct Pace {
    polling: Polling,
    empty: u32,
    next: Duration,
}

impl Pace {
    pub(crate) const fn new(polling: Polling) -> Self {
        Self { polling, empty: 0, next: FIRST }
    }

    /// Says after each round whether it found work, and learns how long to sleep.
    #[inline]
    pub(crate) fn after(&mut self, worked: bool) -> Option<Duration> {
        match self.polling {
            Polling::Busy => None,
            Polling::Adaptive if worked => {
                self.empty = 0;
                self.next = FIRST;
                None
            }
            Polling::Adaptive => {
                self.empty = self.empty.saturating_add(1);
                if self.empty <= PATIENCE {
                    return None;
                }
                let sleep = self.next;
                self.next = (sleep * 2).min(LONGEST);
                Some(sleep)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_never_sleeps() {
        let mut pace = Pace::new(Polling::Busy);
        assert!((0..10_000).all(|_| pace.after(false).is_none()));
    }

    #[test]
    fn adaptive_sleeps_longer_and_longer_and_wakes_at_once() {
        let mut pace = Pace::new(Polling::Adaptive);
        assert!((0..PATIENCE).all(|_| pace.after(false).is_none()));
        let sleeps: Vec<u128> =
            (0..8).map(|_| pace.after(false).map_or(0, |sleep| sleep.as_micros())).collect();
        assert_eq!(sleeps, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(pace.after(true), None);
        assert!((0..PATIENCE).all(|_| pace.after(false).is_none()));
        assert_eq!(pace.after(false), Some(FIRST));
    }
}
