//! Real frames between hosts in network namespaces, through devices that a machine without a NIC has. Root only.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod site;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use dataplane::{Dataplane, KernelPathError, PlaneConfig, PortFault, ShutdownError, StartError};
use engine::{Counter, Cut};
use policy::{Action, RuleNames};
use site::between::Between;
use site::{alone, balance, plane_of, snapshot, sum, wait_for};
use test_case::test_case;
use testkit::netns::{Host, RawSocket};
use testkit::packet::{Frame, INITIATOR_MAC, Mac};

const PATIENCE: Duration = Duration::from_secs(5);
const CLIENTS: u16 = 20;

fn request(client: u16) -> Vec<u8> {
    let source = format!("10.0.0.{}:40000", client + 1);
    Frame::udp(source.as_str(), "192.0.2.80:5000", vec![1; 30]).bytes()
}

fn reply(client: u16) -> Vec<u8> {
    let destination = format!("10.0.0.{}:40000", client + 1);
    Frame::udp("192.0.2.80:5000", destination.as_str(), vec![2; 30]).bytes()
}

/// The next of these frames to come in; hosts speak IPv6 of their own accord meanwhile.
fn hear(socket: &RawSocket, wanted: &[u8]) {
    loop {
        let frame = socket.receive(PATIENCE).unwrap_or_else(|| panic!("no {wanted:02x?} came"));
        if frame == wanted {
            return;
        }
    }
}

/// Requests go out and their replies come in, and nobody outside can begin.
fn converse(plane: &Dataplane, inside: &RawSocket, outside: &RawSocket) {
    // A host whose peer is not up yet already speaks, and a tap takes nothing before it is up.
    let lost = |plane: &Dataplane| -> u64 {
        plane.workers().iter().map(|worker| worker.tx_full + worker.handover_full).sum()
    };
    let lost_before = lost(plane);
    let nobody = Frame::udp("192.0.2.80:5000", "10.0.0.200:40000", vec![3; 30]).bytes();
    outside.send(&nobody);
    for client in 0..CLIENTS {
        inside.send(&request(client));
        hear(outside, &request(client));
        outside.send(&reply(client));
        hear(inside, &reply(client));
    }
    wait_for("every frame to be found", || {
        let workers = plane.workers();
        let (received, found) = balance(&workers);
        let on_their_way: u64 = workers.iter().map(|worker| worker.in_rings).sum();
        received == found && received > u64::from(2 * CLIENTS) && on_their_way == 0
    });
    let workers = plane.workers();
    assert_eq!(sum(&workers, Counter::Dropped(Cut::NoRule.into())), 1, "{workers:?}");
    let udp = Counter::Created(engine::Protocol::Udp);
    assert!(sum(&workers, udp) >= u64::from(CLIENTS));
    assert_eq!(lost(plane), lost_before, "{workers:?}");
}

fn start(config: &PlaneConfig) -> Result<Dataplane, StartError> {
    Dataplane::start(config, &snapshot(1, Action::Allow, &mut RuleNames::new()))
}

fn end(plane: &Dataplane) {
    let summary = plane.stop().unwrap();
    assert!(summary.stuck.is_empty() && summary.dpdk.is_ok(), "{summary:?}");
}

/// The driver keeps what it had given the kernel to fill.
fn end_with_af_xdp(plane: &Dataplane) {
    let summary = plane.stop().unwrap();
    assert!(summary.stuck.is_empty(), "{summary:?}");
    assert!(matches!(summary.dpdk, Err(ShutdownError::MbufsOut(_))), "{summary:?}");
}

#[test]
fn hosts_converse_over_taps_that_were_moved_to_them() {
    alone(|| {
        let (client, server) = (Host::new("cli"), Host::new("srv"));
        let pid = std::process::id();
        let (lan, wan) = (format!("spl{pid}"), format!("spw{pid}"));
        let config =
            plane_of(&[0, 1], &format!("net_tap,iface={lan}"), &format!("net_tap,iface={wan}"));
        let plane = start(&config).unwrap();
        let ports = plane.ports();
        assert_eq!(ports[0].rx_queues, 2, "a tap has a queue for each worker");
        assert!(!ports[0].kernel_path_allowed);
        client.take_interface(None, &lan, "eth0");
        server.take_interface(None, &wan, "eth0");
        let (inside, outside) =
            (RawSocket::open(&client, "eth0"), RawSocket::open(&server, "eth0"));
        converse(&plane, &inside, &outside);
        end(&plane);
        assert!(!client.run(&["ip", "link", "show", "eth0"]).ok(), "the tap is gone");
    });
}

#[test_case("net_tap", &[]; "a tap that is to be made")]
#[test_case("net_af_packet", &["ip", "link", "add", "spare", "type", "veth"]; "af_packet")]
fn a_device_that_another_process_has_is_refused(driver: &str, make: &[&str]) {
    alone(|| {
        let fw = Host::new("fw");
        if !make.is_empty() {
            drop(fw.run(make).expect_ok());
        }
        let name = b"sallyport-device-spare";
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let _other = fw.inside(|| UnixDatagram::bind_addr(&address)).unwrap();
        let config = plane_of(&[1], "net_null", &format!("{driver},iface=spare"));
        let text = refusal(&fw, &config);
        assert!(text.contains("another sallyportd has the interface spare"), "{text}");
    });
}

#[test]
fn a_tap_that_is_there_already_is_refused_and_left() {
    alone(|| {
        let fw = Host::new("fw");
        let make = ["ip", "tuntap", "add", "dev", "spare", "mode", "tap", "multi_queue"];
        drop(fw.run(&make).expect_ok());
        let text = refusal(&fw, &plane_of(&[1], "net_null", "net_tap,iface=spare"));
        assert!(text.contains("spare exists already: another program has it"), "{text}");
        assert!(fw.run(&["ip", "link", "show", "spare"]).ok());
    });
}

/// Why the second port cannot be used.
fn refusal(fw: &Host, config: &PlaneConfig) -> String {
    match fw.inside(|| start(config)) {
        Err(StartError::Port { port, source: PortFault::Claim(fault), .. }) => {
            assert_eq!(port, "wan0");
            fault.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test_case("net_af_packet", end; "af_packet")]
#[test_case("net_af_xdp", end_with_af_xdp; "af_xdp")]
fn a_kernel_interface_that_stays_shows_its_link(driver: &str, end: fn(&Dataplane)) {
    alone(|| {
        let between = Between::new();
        let (lan, wan) = (format!("{driver},iface=lan"), format!("{driver},iface=wan"));
        let plane = between.fw.inside(|| start(&plane_of(&[1], &lan, &wan))).unwrap();
        let is_up = |port: usize| plane.ports()[port].link.is_some_and(|link| link.up);
        wait_for("both links", || is_up(0) && is_up(1));
        drop(between.srv.run(&["ip", "link", "set", "eth0", "down"]).expect_ok());
        wait_for("the cable to be out", || !is_up(1));
        between.srv.up("eth0");
        wait_for("the cable to be in again", || is_up(1));
        drop(between.fw.run(&["ip", "link", "del", "wan"]).expect_ok());
        wait_for("the interface to be gone", || !is_up(1));
        assert!(is_up(0), "the other has nothing to do with it");
        end(&plane);
    });
}

fn has_address(host: &Host, interface: &str) -> bool {
    let shown = host.run(&["ip", "-oneline", "address", "show", "dev", interface]);
    shown.expect_ok().contains("inet")
}

fn af_packet() -> PlaneConfig {
    plane_of(&[1], "net_af_packet,iface=lan", "net_af_packet,iface=wan")
}

#[test_case("net_af_packet", end; "af_packet")]
#[test_case("net_af_xdp", end_with_af_xdp; "af_xdp")]
fn a_kernel_interface_that_stays_is_closed_and_its_own_frames_are_dropped(
    driver: &str,
    end: fn(&Dataplane),
) {
    alone(|| {
        let between = Between::new();
        assert!(has_address(&between.fw, "lan"), "the kernel gives every interface an address");
        let (lan, wan) = (format!("{driver},iface=lan"), format!("{driver},iface=wan"));
        let plane = between.fw.inside(|| start(&plane_of(&[1], &lan, &wan))).unwrap();
        assert!(!has_address(&between.fw, "lan") && !has_address(&between.fw, "wan"));
        let own: Mac = between.fw.mac("lan");
        assert_eq!(plane.ports()[0].mac, own);
        let inside = RawSocket::open(&between.cli, "eth0");
        let outside = RawSocket::open(&between.srv, "eth0");
        converse(&plane, &inside, &outside);

        let before = sum(&plane.workers(), Counter::Dropped(Cut::OwnMac.into()));
        let forged = Frame::udp("10.0.0.1:40000", "192.0.2.80:5000", vec![1; 30]);
        inside.send(&forged.macs(own, INITIATOR_MAC).bytes());
        wait_for("the frame with the port's own address", || {
            sum(&plane.workers(), Counter::Dropped(Cut::OwnMac.into())) == before + 1
        });
        end(&plane);
    });
}

/// What makes a way around, and a word of the refusal.
fn a_way_around_is_refused(make: impl FnOnce(&Between), word: &str) {
    let between = Between::new();
    make(&between);
    let error = between.fw.inside(|| start(&af_packet())).unwrap_err();
    let StartError::Port { port, source: PortFault::KernelPath(fault), .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(port, "wan0");
    let text = fault.to_string();
    assert!(text.contains(word) && text.contains("allow_kernel_path = true"), "{text}");
    assert!(!matches!(fault, KernelPathError::Unreadable { .. }));
    let untouched = has_address(&between.fw, "lan") && has_address(&between.fw, "wan");
    assert!(untouched, "what is refused is left as it was");
}

#[test]
fn an_address_is_refused() {
    alone(|| {
        a_way_around_is_refused(|box_| box_.fw.address("wan", "198.51.100.1/24"), "198.51.100.1");
    });
}

#[test]
fn an_ipv6_address_is_refused() {
    alone(|| {
        a_way_around_is_refused(|box_| box_.fw.address("wan", "2001:db8::1/64"), "2001:db8::1");
    });
}

#[test]
fn a_bridge_is_refused() {
    alone(|| {
        a_way_around_is_refused(
            |box_| {
                drop(box_.fw.run(&["ip", "link", "add", "br0", "type", "bridge"]).expect_ok());
                drop(box_.fw.run(&["ip", "link", "set", "wan", "master", "br0"]).expect_ok());
            },
            "belongs to br0",
        );
    });
}

#[test]
fn forwarding_is_refused() {
    alone(|| {
        a_way_around_is_refused(
            |box_| {
                let setting = "net.ipv4.conf.wan.forwarding=1";
                drop(box_.fw.run(&["sysctl", "-qw", setting]).expect_ok());
            },
            "the kernel forwards what comes in by wan",
        );
    });
}

#[test]
fn the_operator_can_allow_a_way_around() {
    alone(|| {
        let between = Between::new();
        between.fw.address("wan", "198.51.100.1/24");
        let mut config = af_packet();
        config.ports[1].allow_kernel_path = true;
        let plane = between.fw.inside(|| start(&config)).unwrap();
        assert!(plane.ports()[1].kernel_path_allowed);
        assert!(has_address(&between.fw, "wan"));
        end(&plane);
    });
}
