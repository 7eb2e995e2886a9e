//! The kit itself, without a daemon. What needs root says so and is ignored without.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::answers::Metrics;
use super::*;
use crate::packet::{ARP, Frame, TCP, Tcp, flags};

#[test]
fn samples_are_read_by_name_and_label() {
    let metrics = Metrics {
        text: "# HELP sallyport_drops_total x\n# TYPE sallyport_drops_total counter\n\
               sallyport_drops_total{worker=\"0\",reason=\"no_session\"} 3\n\
               sallyport_drops_total{worker=\"1\",reason=\"no_session\"} 4\n\
               sallyport_drops_total{worker=\"0\",reason=\"truncated\"} 0\n\
               sallyport_sessions_max 10000\n"
            .to_owned(),
    };
    assert_eq!(metrics.sum("sallyport_drops_total", &[("reason", "no_session")]), Some(7.0));
    assert_eq!(metrics.sum("sallyport_drops_total", &[("reason", "truncated")]), Some(0.0));
    assert_eq!(metrics.sum("sallyport_drops_total", &[("reason", "other")]), None);
    assert_eq!(metrics.sum("sallyport_sessions_max", &[]), Some(10_000.0));
    assert_eq!(metrics.names().len(), 2);
}

#[test]
fn waiting_ends() {
    assert_eq!(within(Duration::from_millis(30), || None::<()>), None);
    assert_eq!(within(Duration::ZERO, || Some(1)), Some(1));
}

fn two_hosts() -> (Host, Host) {
    let (a, b) = (Host::new("a"), Host::new("b"));
    veth((&a, "eth0"), (&b, "eth0"));
    for (host, v4, v6) in [(&a, "10.9.0.1/24", "fd09::1/64"), (&b, "10.9.0.2/24", "fd09::2/64")] {
        host.address("eth0", v4);
        host.address("eth0", v6);
    }
    (a, b)
}

#[test]
#[ignore = "needs root: run by the developers' command"]
fn hosts_talk_and_leave_nothing_behind() {
    let (a, b) = two_hosts();
    let folder = scratch();
    let web = SocketAddr::from((Ipv4Addr::new(10, 9, 0, 2), 80));
    let _server = b.serve_http(web, folder.path(), "hello\n");
    let fetched = a.fetch("http://10.9.0.2/", Duration::from_secs(5));
    assert_eq!((fetched.status, fetched.body.as_str()), (200, "hello\n"), "{fetched:?}");
    let pinged = a.ping("fd09::2".parse().unwrap(), 2);
    assert_eq!((pinged.sent, pinged.received), (2, 2), "{}", pinged.text);
    let dns_log = folder.path().join("dns.log");
    let _dns =
        b.serve_dns("10.9.0.2".parse().unwrap(), "a.test", "192.0.2.1".parse().unwrap(), &dns_log);
    let answer = a.dig("10.9.0.2".parse().unwrap(), "a.test", "A").expect_ok();
    assert_eq!(answer.trim(), "192.0.2.1");
    let _echo = b.serve_udp_echo("10.9.0.2:5000".parse().unwrap());
    let udp = a.udp(
        "10.9.0.1:6000".parse().unwrap(),
        "10.9.0.2:5000".parse().unwrap(),
        Duration::from_secs(2),
    );
    udp.send(b"ping").unwrap();
    assert_eq!(udp.recv(&mut [0; 16]).unwrap(), 4);

    let names = [a.namespace().to_owned(), b.namespace().to_owned()];
    drop((a, b));
    let listed = run(&["ip", "netns", "list"]).stdout;
    for name in names {
        assert!(!listed.contains(&name), "{name} is still there");
    }
}

#[test]
#[ignore = "needs root: run by the developers' command"]
fn a_forged_frame_arrives_as_it_was_written() {
    let (a, b) = two_hosts();
    let (from, to) = (RawSocket::open(&a, "eth0"), RawSocket::open(&b, "eth0"));
    let forged = Frame::tcp("10.9.0.1:80", "10.9.0.2:40000", Tcp { flags: flags::SYN_ACK, ..TCP })
        .macs(a.mac("eth0"), b.mac("eth0"))
        .bytes();
    from.send(&forged);
    let heard =
        to.hear(Duration::from_secs(2), |seen| seen.source_port == 80).expect("the frame arrives");
    assert_eq!(heard.tcp_flags(), Some(flags::SYN_ACK));
    // Its own frames are not heard, and an end is an end.
    from.send(&Frame::arp(ARP).padded_to(60).bytes());
    assert!(from.hear(Duration::from_millis(100), |seen| seen.source_port == 80).is_none());
}
