//! How a scene is told: PASS or FAIL, what was shown, the evidence below it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Somebody wants the demo to end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupted;

/// What a scene found out.
pub(crate) struct Shown {
    /// Whether the claim holds.
    pub(crate) holds: bool,
    /// What was seen, a line each.
    pub(crate) evidence: Vec<String>,
}

/// Counts the scenes and listens for Ctrl-C.
pub(crate) struct Stage {
    interrupted: Arc<AtomicBool>,
    shown: Cell<(u32, u32)>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .expect("a signal that may be caught");
        }
        Self { interrupted, shown: Cell::new((0, 0)) }
    }

    /// Whether the demo was asked to end.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// An error if the demo was asked to end.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.is_interrupted() { Err(Interrupted) } else { Ok(()) }
    }

    /// Waits until interrupted, or until `alive` says no.
    pub(crate) fn wait_for_interrupt(&self, mut alive: impl FnMut() -> bool) {
        while !self.is_interrupted() && alive() {
            sleep(Duration::from_millis(100));
        }
    }

    /// Plays one scene.
    pub(crate) fn scene(
        &self,
        claim: &str,
        act: impl FnOnce() -> Shown,
    ) -> Result<(), Interrupted> {
        self.check()?;
        let Shown { holds, evidence } = act();
        // What an interrupt broke is no failure of the firewall.
        self.check()?;
        println!("{}  {claim}", if holds { "PASS" } else { "FAIL" });
        for line in evidence {
            println!("      {line}");
        }
        let (passed, failed) = self.shown.get();
        self.shown.set(if holds { (passed + 1, failed) } else { (passed, failed + 1) });
        Ok(())
    }

    /// Prints what a command says, under a title.
    pub(crate) fn exhibit(title: &str, text: &str) {
        println!("\n$ {title}");
        for line in text.trim_end().lines() {
            println!("  {line}");
        }
    }

    /// Sums up; whether every claim held.
    pub(crate) fn close(&self) -> bool {
        let (passed, failed) = self.shown.get();
        println!("\n{passed} shown, {failed} failed");
        failed == 0
    }
}
