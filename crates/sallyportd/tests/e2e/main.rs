//! The box from outside: real hosts in network namespaces, real packets, the daemon and the
//! command line as users run them. Needs root; every test makes a site of its own.
//!
//! How the box's answers are laid out is known to `testkit::netns::answers`; the names of its
//! drop reasons are in [`reasons`]. Nothing here looks inside the daemon.

mod agents;
mod bad_network;
mod by_hand;
mod calls;
mod closed;
mod devices;
mod faults;
mod files;
mod forged;
mod garbage;
mod idle;
mod lifecycle;
mod log;
mod metrics;
mod offers;
mod openings;
mod peers;
mod policy;
mod reasons;
mod routers;
mod sctp;
mod sessions;
mod streams;
mod terminals;
mod thread;
mod traffic;
mod tunnels;

use std::path::PathBuf;
use std::time::Duration;

use testkit::netns::{Binaries, Settings, Site};

/// Longer than anything that should happen at once.
const SOON: Duration = Duration::from_secs(3);
/// How long silence is listened to before it counts as silence.
const SILENCE: Duration = Duration::from_millis(700);

/// The programs of this build. The command line is another package's, beside ours once built.
fn binaries() -> Binaries {
    let sallyportd = PathBuf::from(env!("CARGO_BIN_EXE_sallyportd"));
    let sallyctl = sallyportd.with_file_name("sallyctl");
    assert!(sallyctl.is_file(), "build it first: cargo build -p sallyctl");
    Binaries { sallyportd, sallyctl }
}

/// A site with the usual policy.
fn usual() -> Site {
    site(&Settings::USUAL)
}

fn site(settings: &Settings<'_>) -> Site {
    Site::start(&binaries(), settings)
}

/// Every received frame is accounted for.
fn assert_conserved(site: &Site) {
    let balanced = testkit::netns::within(SOON, || {
        let balance = site.ctl().balance();
        (balance.received == balance.accounted).then_some(())
    });
    assert!(balanced.is_some(), "frames are unaccounted for: {:?}", site.ctl().balance());
}
