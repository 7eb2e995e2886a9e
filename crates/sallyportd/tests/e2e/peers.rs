//! Programs of other people through the box: nothing that they do by right is cut, and nothing is dropped.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, Settings, Site, until};

use super::{SOON, assert_conserved, reasons, site, usual};

/// Nothing was dropped but what a host said before the other's interface was up.
pub(crate) fn assert_nothing_dropped(site: &Site) {
    assert_dropped_only(site, &[reasons::TX_FULL]);
}

/// Nothing was dropped but that and, with two workers, bare acknowledgements that end a handshake: one a connection at
/// most. The kernel sends that acknowledgement while it still takes the SYN-ACK from the tap, and only then notes by which
/// queue the tap's flow came; what follows goes by that queue. On a busy machine the worker of the other queue may wait for
/// longer than its owner takes for a window of data, and then the acknowledgement, which says nothing that the data did not
/// say too, is a window late.
pub(crate) fn assert_only_overtaken_handshakes_dropped(site: &Site) {
    let overtaken = site.ctl().drops(reasons::SEQ_BELOW_WINDOW);
    assert!(overtaken <= site.ctl().created("tcp"), "{:?}", site.ctl().all_drops());
    assert_dropped_only(site, &[reasons::TX_FULL, reasons::SEQ_BELOW_WINDOW]);
}

fn assert_dropped_only(site: &Site, may_be: &[&str]) {
    let mut dropped = site.ctl().all_drops();
    dropped.retain(|reason, _| !may_be.contains(&reason.as_str()));
    assert_eq!(dropped, BTreeMap::new());
    assert_conserved(site);
}

#[test]
fn a_browser_keeps_its_connection() {
    let site = usual();
    let web = site.outside_address(false, 80);
    let _server = site.outside.serve_http(web, site.folder(), "kept\n");
    let created = site.ctl().created("tcp");
    let url = format!("http://{web}/");
    // Three requests, and a second of silence before the last.
    let script = format!("curl -sS -m 8 --rate 1/s -w '%{{num_connects}} ' {url} {url} {url}");
    let answer = site.inside.run(&["sh", "-c", &script]).expect_ok();
    assert_eq!(answer, "kept\n1 kept\n0 kept\n0 ", "one connection, used three times");
    assert_eq!(site.ctl().created("tcp") - created, 1);
    assert_nothing_dropped(&site);
}

/// The client says that it has said all, and the server goes on for longer than the timeout of a half-closed
/// connection: what it sends keeps the session.
#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn a_server_goes_on_after_its_client_is_done(v6: bool) {
    const LINE: &[u8] = b"one more line\n";
    let site = site(&Settings { timeouts: "tcp_half_closed = \"1s\"", ..Settings::USUAL });
    let web = site.outside_address(v6, 8080);
    let listener = site.outside.inside(|| TcpListener::bind(web)).expect("a port of its own");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the connection arrives");
        let mut request = String::new();
        stream.read_to_string(&mut request).expect("the request, to its end");
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(300));
            stream.write_all(LINE).expect("the connection lives");
        }
        request
    });

    let mut client = site.inside.connect(web, SOON).expect("the connection opens");
    client.write_all(b"tell me").expect("it is open");
    client.shutdown(Shutdown::Write).expect("it is open");
    until("the session is half closed", SOON, || {
        site.ctl().sessions(&["proto=tcp"]).iter().any(|session| session.state == "half_closed")
    });
    client.set_read_timeout(Some(SOON)).expect("a timeout above zero");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("all of the answer, and its end");

    assert_eq!(answer, LINE.repeat(8));
    assert_eq!(server.join().expect("the server is well"), "tell me");
    assert_nothing_dropped(&site);
}

#[test]
fn names_are_resolved_by_udp_and_by_tcp() {
    let site = usual();
    let answer = Ipv4Addr::new(192, 0, 2, 7);
    for (server, log) in [(OUTSIDE_V4.into(), "dns4.log"), (IpAddr::from(OUTSIDE_V6), "dns6.log")] {
        let _dns =
            site.outside.serve_dns(server, "www.test", answer.into(), &site.folder().join(log));
        for (more, proto) in [("+notcp", "udp"), ("+tcp", "tcp")] {
            let created = site.ctl().created(proto);
            let at = format!("@{server}");
            let words = ["dig", &at, "www.test", "A", "+short", "+tries=1", "+time=2", more];
            let reply = site.inside.run(&words).expect_ok();
            assert_eq!(reply.trim(), answer.to_string(), "{words:?}");
            assert_eq!(site.ctl().created(proto) - created, 1, "{words:?}");
        }
    }
    assert_nothing_dropped(&site);
}

#[test]
fn a_clock_is_set_by_ntp() {
    let site = usual();
    let _server = site.outside.serve_ntp(site.folder());
    for server in [IpAddr::from(OUTSIDE_V4), OUTSIDE_V6.into()] {
        let said = site.inside.ask_ntp(server, site.folder(), SOON * 2);
        assert!(said.contains("System clock wrong by"), "{said}");
    }
    assert_eq!(site.ctl().created("udp"), 2, "one session each, however often it asks");
    assert_nothing_dropped(&site);
}

/// Six fragments each way and family, more than any one of them says.
#[test]
fn large_datagrams_pass_in_fragments() {
    let site = usual();
    let question: Vec<u8> = (0..8_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for (inside, outside) in
        [(IpAddr::from(INSIDE_V4), IpAddr::from(OUTSIDE_V4)), (INSIDE_V6.into(), OUTSIDE_V6.into())]
    {
        let server = SocketAddr::new(outside, 5001);
        let _echo = site.outside.serve_udp_echo(server);
        let udp = site.inside.udp(SocketAddr::new(inside, 6001), server, SOON);
        let mut answer = vec![0; 10_000];
        for _ in 0..3 {
            udp.send(&question).expect("the first hop's MTU is no bound");
            let length = udp.recv(&mut answer).expect("the answer returns");
            assert!(answer[..length] == question, "{length} octets came back");
        }
    }
    assert_eq!(site.ctl().created("udp"), 2);
    let sessions = site.ctl().sessions(&["proto=udp"]);
    assert!(sessions.iter().all(|session| session.packets == [18, 18]), "{sessions:?}");
    assert_nothing_dropped(&site);
}
