//! Fail closed: whatever breaks in the running daemon, it ends by itself with a status other than 0, says what broke,
//! and leaves no link up.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use testkit::netns::{Host, OUTSIDE_V4, Settings, Site, within};

use super::thread::Caught;
use super::{SOON, binaries, site, usual};

const STALL: Duration = Duration::from_millis(500);

/// Between veth pairs, whose links both hosts see.
struct Cabled {
    site: Site,
}

impl Cabled {
    fn new(system: &str) -> Self {
        Self { site: Site::cabled(&binaries(), &Settings { system, ..Settings::USUAL }) }
    }

    /// Both hosts see that their link is down.
    fn is_cut(&self) -> bool {
        let down = |host: &Host| {
            let shown = host.run(&["ip", "-brief", "link", "show", "eth0"]).expect_ok();
            shown.contains("NO-CARRIER")
        };
        within(SOON, || (down(&self.site.inside) && down(&self.site.outside)).then_some(()))
            .is_some()
    }
}

fn failed(status: Option<ExitStatus>, site: &Site) -> String {
    let log = site.daemon.log();
    let status = status.unwrap_or_else(|| unreachable!("it goes on:\n{log}"));
    assert!(!status.success(), "{status}:\n{log}");
    log
}

#[test]
fn a_worker_that_stalls_ends_the_daemon_with_the_links_down() {
    let mut cabled = Cabled::new("stall_timeout = \"500ms\"");
    assert_eq!(cabled.site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    let worker = Caught::thread(&cabled.site.daemon, "worker-0");
    let status = worker.while_daemon_ends(&mut cabled.site.daemon, STALL + SOON);
    let log = failed(status, &cabled.site);
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{log}");
    assert!(log.contains("error: worker 0 on core 1 has given no sign of life for"), "{log}");
    assert!(log.contains("links set down: 2"), "{log}");
    assert!(cabled.is_cut(), "{log}");
}

#[test]
fn a_worker_that_panics_ends_the_daemon_with_the_links_down() {
    let mut cabled = Cabled::new("");
    assert_eq!(cabled.site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    Caught::thread(&cabled.site.daemon, "worker-0").panic(&binaries().sallyportd);
    let log = failed(cabled.site.daemon.wait_for(SOON), &cabled.site);
    assert!(log.contains("thread worker-0 panicked at"), "{log}");
    assert!(log.contains("links set down: 2"), "{log}");
    assert!(cabled.is_cut(), "{log}");
}

/// The main thread is the control core's.
#[test]
fn if_the_control_core_dies_so_does_the_daemon() {
    let mut cabled = Cabled::new("");
    Caught::thread(&cabled.site.daemon, "sallyportd").panic(&binaries().sallyportd);
    let log = failed(cabled.site.daemon.wait_for(SOON), &cabled.site);
    assert!(log.contains("thread main panicked at") && log.contains("links set down: 2"), "{log}");
    assert!(cabled.is_cut(), "{log}");
}

#[test]
fn a_short_pause_is_no_stall() {
    let mut site = site(&Settings { system: "stall_timeout = \"2s\"", ..Settings::USUAL });
    drop(Caught::thread(&site.daemon, "worker-0"));
    // A stop of the whole process, as by a debugger or a machine that sleeps, is none either.
    site.daemon.signal(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(2500));
    site.daemon.signal(Signal::SIGCONT);
    std::thread::sleep(Duration::from_millis(300));
    assert!(site.daemon.runs(), "{}", site.daemon.log());
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
}

#[test]
fn a_port_that_is_pulled_is_told_and_its_wire_is_down() {
    let mut cabled = Cabled::new("");
    let apart = cabled.site.apart.as_ref().expect("a namespace of its own");
    drop(apart.run(&["ip", "link", "delete", "wan"]).expect_ok());
    let ctl = cabled.site.ctl();
    let told = within(SOON, || {
        let status = ctl.json(&["status"]);
        let alarms = status["alarms"].as_array()?;
        alarms.iter().any(|alarm| alarm["kind"] == "port_gone").then_some(())
    });
    assert!(told.is_some(), "{}", ctl.json(&["status"]));
    let ports = ctl.json(&["ports"]);
    assert_eq!(
        (&ports["ports"][0]["held_down"], &ports["ports"][1]["gone"]),
        (&true.into(), &true.into())
    );
    assert!(cabled.site.daemon.log().contains("port wan0: its device is gone"));
    assert!(ctl.run(&["ports"]).stdout.contains("GONE"));
    // Its end is a regular one all the same.
    let (_, status) = cabled.site.daemon.end(Signal::SIGTERM, SOON);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", cabled.site.daemon.log());
}

#[test]
fn a_link_that_flaps_a_hundred_times_costs_nothing() {
    let site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 2).received, 2);
    let in_use = || site.metrics().sum("sallyport_mbufs_in_use", &[]).expect("the metric");
    let before = in_use();
    for flap in 0..100_u32 {
        let host = if flap.is_multiple_of(2) { &site.inside } else { &site.outside };
        for state in ["down", "up"] {
            drop(host.run(&["ip", "link", "set", "eth0", state]).expect_ok());
        }
    }
    assert!(site.inside.ping(OUTSIDE_V4.into(), 3).received >= 2);
    super::assert_conserved(&site);
    let after = within(SOON, || (in_use() <= before).then_some(()));
    assert!(after.is_some(), "mbufs in use: {before} before, {} after", in_use());
}

#[test]
fn sigterm_under_traffic_drains_and_ends_with_status_0() {
    let mut site = usual();
    let folder = site.folder().join("flood.log");
    let flood = ["ping", "-f", "-s", "1000", &OUTSIDE_V4.to_string()];
    // It goes on for as long as the box takes.
    let flood = site.inside.spawn(&flood, &folder);
    std::thread::sleep(Duration::from_millis(500));
    let received = site.ctl().balance().received;
    assert!(received > 100, "there is traffic: {received}");
    let (took, status) = site.daemon.end(Signal::SIGTERM, SOON * 2);
    drop(flood);
    let log = site.daemon.log();
    assert_eq!(status.and_then(|status| status.code()), Some(0), "after {took:?}: {log}");
    let (_, end) = log.split_once("info: told to end\n").expect("it was told");
    assert!(
        end.starts_with("info: ended after"),
        "every mbuf came back, every worker ended: {log}"
    );
}
