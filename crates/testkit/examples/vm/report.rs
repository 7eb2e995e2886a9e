//! What was found out, a line each: PASS or FAIL, the claim, the evidence below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Why a machine is given up before everything was tried.
#[derive(Debug, Clone)]
pub(crate) enum Stop {
    /// Somebody wants the test to end.
    Interrupted,
    /// Something failed without which nothing else can be tried; it has been told.
    Hopeless,
}

/// Counts, and listens for Ctrl-C.
#[derive(Debug)]
pub(crate) struct Report {
    interrupted: Arc<AtomicBool>,
    passed: u32,
    failed: u32,
}

impl Report {
    pub(crate) fn new() -> Self {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .expect("a signal that may be caught");
        }
        Self { interrupted, passed: 0, failed: 0 }
    }

    /// An error if somebody wants the test to end.
    pub(crate) fn go_on(&self) -> Result<(), Stop> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Stop::Interrupted) } else { Ok(()) }
    }

    /// Tells whether a claim holds.
    pub(crate) fn claim(&mut self, claim: &str, holds: bool, evidence: &str) -> Result<(), Stop> {
        self.go_on()?;
        println!("{}  {claim}", if holds { "PASS" } else { "FAIL" });
        for line in evidence.trim().lines() {
            println!("      {line}");
        }
        *(if holds { &mut self.passed } else { &mut self.failed }) += 1;
        Ok(())
    }

    /// The same of something without which nothing else can be tried.
    pub(crate) fn need(&mut self, claim: &str, holds: bool, evidence: &str) -> Result<(), Stop> {
        self.claim(claim, holds, evidence)?;
        if holds { Ok(()) } else { Err(Stop::Hopeless) }
    }

    /// Sums up; whether every claim held.
    pub(crate) fn close(&self) -> bool {
        println!("\n{} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}
