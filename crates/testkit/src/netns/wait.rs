//! Waiting for the outside world, with an end. The one place here that reads a clock.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Asks until there is an answer, at most for `limit`.
pub fn within<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() >= limit {
            return None;
        }
        sleep(STEP);
    }
}

/// Waits until the condition holds; panics with `what` if it does not in `limit`.
pub fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    assert!(
        within(limit, || holds().then_some(())).is_some(),
        "waited {limit:?} in vain until {what}"
    );
}

/// The time it took, and the answer.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = now();
    let answer = work();
    (start.elapsed(), answer)
}

#[expect(clippy::disallowed_methods, reason = "hosts and daemons live in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
