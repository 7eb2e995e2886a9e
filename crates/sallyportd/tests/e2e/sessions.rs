//! Sessions end by their timeouts, and can be looked at and cleared.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use testkit::netns::{INSIDE_V4, Settings, until};

use super::{SOON, assert_conserved, reasons, site, usual};

#[test]
fn an_idle_session_expires_and_its_next_packet_is_dropped_as_expired() {
    let site = site(&Settings { timeouts: "tcp_established = \"1s\"", ..Settings::USUAL });
    let web = site.outside_address(false, 8080);
    let listener = site.outside.inside(|| TcpListener::bind(web)).expect("a free port");
    let mut client = site.inside.connect(web, SOON).expect("the connection opens");
    let (mut server, _) = listener.accept().expect("the connection arrives");
    server.write_all(b"while it lives").unwrap();
    let mut buffer = [0; 64];
    assert_eq!(client.read(&mut buffer).unwrap(), 14);
    assert_eq!(site.ctl().count(&["proto=tcp"]), 1);

    until("the idle session is gone", SOON * 2, || site.ctl().count(&["proto=tcp"]) == 0);
    let before = site.ctl().drops(reasons::SESSION_EXPIRED);
    server.write_all(b"too late").unwrap();

    client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(client.read(&mut buffer).is_err(), "nothing returns after the end");
    assert!(site.ctl().drops(reasons::SESSION_EXPIRED) > before, "{:?}", site.ctl().all_drops());
    let expired = site
        .metrics()
        .sum("sallyport_sessions_ended_total", &[("proto", "tcp"), ("reason", "timeout")]);
    assert_eq!(expired, Some(1.0));
    assert_conserved(&site);
}

#[test]
fn a_session_in_use_does_not_expire() {
    let site = site(&Settings { timeouts: "udp_stream = \"1s\"", ..Settings::USUAL });
    let server = site.outside_address(false, 5001);
    let _echo = site.outside.serve_udp_echo(server);
    let udp = site.inside.udp(SocketAddr::from((INSIDE_V4, 6001)), server, SOON);
    for _ in 0..6 {
        udp.send(b"still here").unwrap();
        udp.recv(&mut [0; 16]).expect("the answer returns");
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(site.ctl().created("udp"), 1, "one session all along");
}

#[test]
fn sessions_are_listed_by_filter_and_cleared() {
    let site = usual();
    let web = site.outside_address(false, 8080);
    let listener = site.outside.inside(|| TcpListener::bind(web)).expect("a free port");
    let _client = site.inside.connect(web, SOON).expect("the connection opens");
    let (mut server, _) = listener.accept().expect("the connection arrives");
    assert_eq!(site.inside.ping(testkit::netns::OUTSIDE_V4.into(), 1).received, 1);

    let ctl = site.ctl();
    assert_eq!(ctl.sessions(&[]).len(), 2);
    assert_eq!(ctl.sessions(&["proto=tcp", "port=8080"]).len(), 1);
    assert_eq!(ctl.sessions(&["host=10.77.0.10"]).len(), 2);
    assert_eq!(ctl.sessions(&["host=10.99.0.1"]).len(), 0);
    assert_eq!(ctl.sessions(&["zone=inside"]).len(), 2);
    assert_eq!(ctl.sessions(&["state=established"]).len(), 1);
    assert_eq!(ctl.run(&["sessions", "colour=red"]).status, Some(2), "a usage error");
    let limited = ctl.run(&["sessions", "--limit", "1", "--json"]);
    assert!(limited.ok(), "{limited:?}");

    let cleared = ctl.json(&["sessions", "clear", "proto=tcp"]);
    assert_eq!(cleared["cleared"], 1);
    assert_eq!(ctl.count(&["proto=tcp"]), 0);
    // What was cleared is over for its packets too.
    let mut buffer = [0; 16];
    server.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let before = ctl.drops(reasons::SESSION_CLEARED);
    server.write_all(b"hello?").unwrap();
    assert!(server.read(&mut buffer).is_err());
    assert!(ctl.drops(reasons::SESSION_CLEARED) > before, "{:?}", ctl.all_drops());
    assert_eq!(ctl.count(&["proto=tcp"]), 0);
    assert_conserved(&site);
}
