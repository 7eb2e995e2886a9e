//! Links that go down and come up, and ports that are pulled, under traffic. Root only.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod site;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dataplane::{Dataplane, PlaneConfig, PortChange};
use policy::{Action, LinkMode, RuleNames};
use site::between::Between;
use site::{alone, balance, plane_of, snapshot_linked, wait_for};
use test_case::test_case;
use testkit::netns::{Host, RawSocket};
use testkit::packet::Frame;

/// A link that flaps is down and up again so often.
const FLAPS: u32 = 100;

fn start(config: &PlaneConfig, link: LinkMode) -> Dataplane {
    let snapshot =
        snapshot_linked(link, 1, &mut RuleNames::new(), |rule| rule.action = Action::Allow);
    Dataplane::start(config, &snapshot).unwrap()
}

/// Mbufs that nobody but the devices has.
fn at_rest(plane: &Dataplane) -> u32 {
    let mut last = u32::MAX;
    wait_for("the frames to be gone", || {
        thread::sleep(Duration::from_millis(20));
        let now = plane.mbufs()[0].in_use;
        core::mem::replace(&mut last, now) == now
    });
    last
}

/// A datagram goes from one host to the other. The first ones may meet a link that is still coming up.
fn passes(inside: &Host, outside: &Host) -> bool {
    let (from, to) = (RawSocket::open(inside, "eth0"), RawSocket::open(outside, "eth0"));
    let datagram = Frame::udp("10.0.0.7:40000", "192.0.2.80:5000", vec![9; 30]).bytes();
    (0..30).any(|_| {
        from.send(&datagram);
        (0..20).any(|_| to.receive(Duration::from_millis(100)).is_some_and(|it| it == datagram))
    })
}

/// Sends datagrams of ever new sources until it is told to stop; those that find the link down are lost.
fn flood(from: &Host, stop: &AtomicBool) -> u64 {
    let socket = RawSocket::open(from, "eth0");
    let mut sent = 0;
    for number in (0..60_000_u16).cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
        let source = format!("10.{}.{}.1:40000", number / 250, number % 250);
        let datagram = Frame::udp(source.as_str(), "192.0.2.80:5000", vec![1; 400]).bytes();
        sent += u64::from(socket.offer(&datagram));
        if number.is_multiple_of(8) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    sent
}

/// Does something while datagrams come from inside without end and the ports are looked after.
fn under_traffic(plane: &Dataplane, inside: &Host, work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let flood = scope.spawn(|| flood(inside, &stop));
        let tend = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                plane.tend().unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        });
        thread::sleep(Duration::from_millis(200));
        work();
        stop.store(true, Ordering::Relaxed);
        assert!(flood.join().unwrap() > 20, "there was traffic");
        tend.join().unwrap();
    });
}

/// All workers give signs of life, and every frame is found.
fn is_well(plane: &Dataplane) {
    wait_for("every frame to be found", || {
        let (received, found) = balance(&plane.workers());
        received == found && received > 0
    });
    for worker in plane.workers() {
        assert!(worker.heartbeat_age < Duration::from_millis(500), "{worker:?}");
    }
}

fn set(host: &Host, interface: &str, state: &str) {
    drop(host.run(&["ip", "link", "set", interface, state]).expect_ok());
}

fn has_carrier(host: &Host, interface: &str) -> bool {
    let shown = host.run(&["ip", "-brief", "link", "show", interface]).expect_ok();
    shown.contains(",LOWER_UP") && shown.contains(" UP ")
}

fn end(plane: &Dataplane, strict: bool) {
    let summary = plane.stop().unwrap();
    // The driver net_af_xdp keeps what it had given the kernel to fill.
    assert!(summary.stuck.is_empty() && (!strict || summary.dpdk.is_ok()), "{summary:?}");
}

/// Whose end of which pair flaps.
#[derive(Clone, Copy, Debug)]
enum Flapping {
    /// The hosts', as a cable that is pulled and put in again.
    Hosts,
    /// The box's own interfaces.
    Boxes,
}

#[test_case("net_af_packet", Flapping::Hosts; "af_packet, cables")]
#[test_case("net_af_packet", Flapping::Boxes; "af_packet, own interfaces")]
#[test_case("net_af_xdp", Flapping::Hosts; "af_xdp, cables")]
fn a_link_that_flaps_costs_no_mbuf(driver: &str, flapping: Flapping) {
    alone(|| {
        let between = Between::new();
        let (lan, wan) = (format!("{driver},iface=lan"), format!("{driver},iface=wan"));
        let config = plane_of(&[1], &lan, &wan);
        let plane = between.fw.inside(|| start(&config, LinkMode::Independent));
        assert!(passes(&between.cli, &between.srv));
        let before = at_rest(&plane);
        let ends = match flapping {
            Flapping::Hosts => [(&between.cli, "eth0"), (&between.srv, "eth0")],
            Flapping::Boxes => [(&between.fw, "lan"), (&between.fw, "wan")],
        };
        under_traffic(&plane, &between.cli, || {
            for flap in 0..FLAPS {
                let (host, interface) = ends[flap as usize % 2];
                set(host, interface, "down");
                thread::sleep(Duration::from_millis(5));
                set(host, interface, "up");
                thread::sleep(Duration::from_millis(5));
            }
        });
        wait_for("both links", || {
            plane.tend().unwrap();
            plane.ports().iter().all(|port| port.link.is_some_and(|link| link.up))
        });
        assert!(passes(&between.cli, &between.srv));
        is_well(&plane);
        let slack = if driver == "net_af_packet" { 0 } else { 64 };
        let after = at_rest(&plane);
        assert!(after <= before + slack, "mbufs in use: {before} before, {after} after");
        end(&plane, driver == "net_af_packet");
    });
}

#[test]
fn a_tap_that_flaps_costs_no_mbuf() {
    alone(|| {
        let (client, server) = (Host::new("cli"), Host::new("srv"));
        let pid = std::process::id();
        let (lan, wan) = (format!("fpl{pid}"), format!("fpw{pid}"));
        let config =
            plane_of(&[1], &format!("net_tap,iface={lan}"), &format!("net_tap,iface={wan}"));
        let plane = start(&config, LinkMode::Independent);
        client.take_interface(None, &lan, "eth0");
        server.take_interface(None, &wan, "eth0");
        assert!(passes(&client, &server));
        let before = at_rest(&plane);
        under_traffic(&plane, &client, || {
            for flap in 0..FLAPS {
                let host = [&client, &server][flap as usize % 2];
                set(host, "eth0", "down");
                thread::sleep(Duration::from_millis(5));
                set(host, "eth0", "up");
                thread::sleep(Duration::from_millis(5));
            }
        });
        assert!(passes(&client, &server));
        is_well(&plane);
        assert_eq!(at_rest(&plane), before);
        // Pulled where it was moved to: nobody hears of it, nothing passes, and nothing breaks.
        under_traffic(&plane, &client, || {
            drop(server.run(&["ip", "link", "delete", "eth0"]).expect_ok());
            thread::sleep(Duration::from_millis(300));
        });
        is_well(&plane);
        end(&plane, true);
    });
}

#[test_case("net_af_packet"; "af_packet")]
#[test_case("net_af_xdp"; "af_xdp")]
fn a_port_that_is_pulled_takes_its_wire_down_and_nothing_else(driver: &str) {
    alone(|| {
        let between = Between::new();
        let (lan, wan) = (format!("{driver},iface=lan"), format!("{driver},iface=wan"));
        let config = plane_of(&[1], &lan, &wan);
        let plane = between.fw.inside(|| start(&config, LinkMode::Independent));
        assert!(passes(&between.cli, &between.srv));
        under_traffic(&plane, &between.cli, || {
            drop(between.fw.run(&["ip", "link", "delete", "wan"]).expect_ok());
            wait_for("the box to see it", || plane.ports()[1].gone);
            wait_for("the other end of the wire", || plane.ports()[0].held_down);
            wait_for("the host there to see it", || !has_carrier(&between.cli, "eth0"));
        });
        is_well(&plane);
        // One of the same name is another one.
        testkit::netns::veth((&between.srv, "eth0"), (&between.fw, "wan"));
        assert_eq!(plane.tend().unwrap(), []);
        assert!(plane.ports()[1].gone && !plane.ports()[0].gone);
        end(&plane, driver == "net_af_packet");
    });
}

#[test]
fn a_link_is_carried_over_a_wire_that_propagates() {
    alone(|| {
        let between = Between::new();
        let config = plane_of(&[1], "net_af_packet,iface=lan", "net_af_packet,iface=wan");
        let plane = between.fw.inside(|| start(&config, LinkMode::Propagate));
        assert!(passes(&between.cli, &between.srv));
        let news = |wanted: &[(&str, PortChange)]| {
            let mut heard = Vec::new();
            wait_for("the ports' news", || {
                let news = plane.tend().unwrap();
                heard.extend(news.into_iter().map(|news| (news.name, news.change)));
                heard.len() >= wanted.len()
            });
            let heard: Vec<_> =
                heard.iter().map(|(name, change)| (name.as_str(), *change)).collect();
            assert_eq!(heard, wanted);
        };
        for _ in 0..3 {
            set(&between.cli, "eth0", "down");
            news(&[("lan0", PortChange::Down), ("wan0", PortChange::Held)]);
            wait_for("the server to see it", || !has_carrier(&between.srv, "eth0"));
            assert!(plane.ports()[1].held_down && !plane.ports()[0].held_down);
            set(&between.cli, "eth0", "up");
            news(&[
                ("lan0", PortChange::Up),
                ("wan0", PortChange::Released),
                ("wan0", PortChange::Up),
            ]);
            wait_for("the server to see it", || has_carrier(&between.srv, "eth0"));
            assert!(passes(&between.cli, &between.srv));
        }
        is_well(&plane);
        end(&plane, true);
        // The end of the firewall takes the links down, so that both hosts look for another way.
        wait_for("both links to be down", || {
            !has_carrier(&between.cli, "eth0") && !has_carrier(&between.srv, "eth0")
        });
    });
}

#[test]
fn links_are_independent_unless_they_are_told() {
    alone(|| {
        let between = Between::new();
        let config = plane_of(&[1], "net_af_packet,iface=lan", "net_af_packet,iface=wan");
        let plane = between.fw.inside(|| start(&config, LinkMode::Independent));
        set(&between.cli, "eth0", "down");
        wait_for("the cable to be out", || {
            plane.tend().unwrap().iter().any(|news| news.change == PortChange::Down)
        });
        assert_eq!(plane.tend().unwrap(), []);
        assert!(has_carrier(&between.srv, "eth0") && !plane.ports()[1].held_down);
        end(&plane, true);
    });
}
