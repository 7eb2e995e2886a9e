//! What is done when a thread of the daemon panics: no link stays up in front of a firewall that is about to die.
//!
//! The hook itself, and the end of the process, are the daemon's.

use std::fmt::Display;

use crate::plane::Plane;

/// Sets the links down, and only then says so in the log. It neither panics nor waits for ever, whatever the
/// panicking thread holds. `panic` says where and why.
pub fn last_words<P: Plane>(plane: &P, thread: &str, panic: &dyn Display) {
    let links = match plane.cut_in_panic() {
        Some(down) => format!("links set down: {down}"),
        None => "the links cannot be set down but by the end of the process".to_owned(),
    };
    log::error!("a fault in the program, please report it: thread {thread} {panic}\n{links}");
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::fake::{self, FakePlane};

    fn fake() -> FakePlane {
        FakePlane::new(&fake::first_policy("/etc/sallyport.toml".as_ref(), fake::CONFIG))
    }

    #[test]
    fn a_panic_cuts_the_links() {
        let plane = fake();
        last_words(&plane, "control", &"panicked at a.rs:1:1:\nno");
        assert!(plane.was_cut.load(Ordering::Relaxed));
    }

    #[test]
    fn a_panic_of_whoever_holds_the_plane_is_no_deadlock() {
        let plane = fake();
        plane.held(|| last_words(&plane, "control", &"panicked at a.rs:1:1:\nno"));
        assert!(!plane.was_cut.load(Ordering::Relaxed));
    }
}
