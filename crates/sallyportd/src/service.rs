//! What the service manager is told (sd_notify). Without one, every call does nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The daemon serves.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration file is being loaded; `ready` is to follow.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The daemon ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("the service manager cannot be told: {error}");
    }
}

/// Tells the service manager that the daemon is alive, as often as it wants to know.
#[derive(Debug)]
pub(crate) struct Watchdog {
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    /// As the service manager asks for by its environment (WatchdogSec=): twice in that time.
    pub(crate) fn new(now: Instant) -> Self {
        Self { every: sd_notify::watchdog_enabled().map(|limit| limit / 2), last: now }
    }

    /// Tells, if it is time.
    pub(crate) fn alive(&mut self, now: Instant) {
        if self.every.is_some_and(|every| now.duration_since(self.last) >= every) {
            self.last = now;
            tell(&[NotifyState::Watchdog]);
        }
    }
}
