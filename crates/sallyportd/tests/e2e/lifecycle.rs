//! Start, end, and start again.

use std::time::Duration;

use nix::sys::signal::Signal;
use testkit::netns::OUTSIDE_V4;

use super::{SOON, usual};

/// The longest a regular end may take.
const END: Duration = Duration::from_secs(2);

#[test]
fn sigterm_ends_with_status_0_within_two_seconds() {
    let mut site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    let (took, status) = site.daemon.end(Signal::SIGTERM, SOON * 2);
    let status = status.unwrap_or_else(|| unreachable!("still there:\n{}", site.daemon.log()));
    assert_eq!(status.code(), Some(0), "{}", site.daemon.log());
    assert!(took < END, "it took {took:?}");
    assert!(!site.socket().exists(), "the socket is taken away");
    let refused = site.ctl().run(&["status"]);
    assert_eq!(refused.status, Some(3), "no daemon: {refused:?}");
}

#[test]
fn nothing_passes_when_the_daemon_is_gone() {
    let mut site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    let (_, status) = site.daemon.end(Signal::SIGKILL, SOON);
    assert!(status.is_some());
    let interfaces = site.inside.run(&["ip", "-br", "link", "show", "type", "tun"]).stdout;
    assert_eq!(interfaces.trim(), "", "its ports go with it");
}

#[test]
fn after_sigkill_it_starts_again_on_the_same_file() {
    let mut site = usual();
    let (_, status) = site.daemon.end(Signal::SIGKILL, SOON);
    assert!(status.is_some());
    assert!(site.socket().exists(), "a killed daemon leaves its socket behind");

    site.start_again().unwrap_or_else(|error| unreachable!("{error}"));

    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 2).received, 2);
    assert!(site.ctl().run(&["status"]).ok());
}

#[test]
fn it_starts_again_after_a_regular_end() {
    let mut site = usual();
    for _ in 0..2 {
        let (_, status) = site.daemon.end(Signal::SIGTERM, SOON * 2);
        assert_eq!(status.and_then(|status| status.code()), Some(0));
        site.start_again().unwrap_or_else(|error| unreachable!("{error}"));
        assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    }
}
