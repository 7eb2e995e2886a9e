//! Packets that pretend to belong to a conversation.

use std::net::SocketAddr;

use test_case::test_case;
use testkit::netns::{INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, RawSocket, Site};
use testkit::packet::{Frame, IcmpError, TCP, Tcp, flags};

use super::{SILENCE, SOON, assert_conserved, reasons, usual};

/// Sends a frame from outside, past the outside host's stack; whether inside hears anything
/// from its source port.
fn arrives(site: &Site, frame: Frame, source_port: u16) -> bool {
    let listener = RawSocket::open(&site.inside, "eth0");
    let forger = RawSocket::open(&site.outside, "eth0");
    let frame = frame.macs(site.outside.mac("eth0"), site.inside.mac("eth0"));
    forger.send(&frame.bytes());
    listener.hear(SILENCE, |seen| seen.source_port == source_port).is_some()
}

fn from_port_80(v6: bool, tcp: Tcp) -> Frame {
    if v6 {
        Frame::tcp(SocketAddr::from((OUTSIDE_V6, 80)), SocketAddr::from((INSIDE_V6, 40_000)), tcp)
    } else {
        Frame::tcp(SocketAddr::from((OUTSIDE_V4, 80)), SocketAddr::from((INSIDE_V4, 40_000)), tcp)
    }
}

#[test_case(false, flags::SYN_ACK, reasons::SYN_ACK_UNEXPECTED; "SYN-ACK over IPv4")]
#[test_case(true, flags::SYN_ACK, reasons::SYN_ACK_UNEXPECTED; "SYN-ACK over IPv6")]
#[test_case(false, flags::ACK, reasons::NOT_SYN; "ACK over IPv4")]
#[test_case(true, flags::ACK, reasons::NOT_SYN; "ACK over IPv6")]
#[test_case(false, flags::PSH_ACK, reasons::NOT_SYN; "data over IPv4")]
#[test_case(false, flags::RST, reasons::RST_WITHOUT_SESSION; "RST over IPv4")]
#[test_case(false, flags::FIN_ACK, reasons::NOT_SYN; "FIN over IPv4")]
fn a_forged_segment_from_port_80_is_dropped_and_counted(v6: bool, flags: u8, reason: &str) {
    let site = usual();
    let before = site.ctl().drops(reason);

    let forged = Tcp { flags, sequence: 7, acknowledgement: 9, ..TCP };
    assert!(!arrives(&site, from_port_80(v6, forged), 80), "it got through");

    let ctl = site.ctl();
    assert_eq!(ctl.drops(reason) - before, 1, "{:?}", ctl.all_drops());
    let metric = site
        .metrics()
        .sum("sallyport_drops_total", &[("reason", reason)])
        .expect("a series for every reason");
    assert!((metric - 1.0).abs() < f64::EPSILON, "the metric says {metric}");
    assert_eq!(ctl.count(&["proto=tcp"]), 0);
    assert_conserved(&site);
}

#[test]
fn a_segment_far_outside_the_window_of_a_living_session_is_dropped() {
    let site = usual();
    let web = site.outside_address(false, 8080);
    let listener = site
        .outside
        .inside(|| std::net::TcpListener::bind(web))
        .expect("a port of the outside host");
    let stream = site.inside.connect(web, SOON).expect("the connection opens");
    let port = stream.local_addr().unwrap().port();
    let (_peer, _) = listener.accept().expect("the connection arrives");

    // The real numbers are random: two guesses half the space apart cannot both be near.
    let got_through = [1, 0x8000_0001].map(|number| {
        let forged = Frame::tcp(
            SocketAddr::from((OUTSIDE_V4, 8080)),
            SocketAddr::from((INSIDE_V4, port)),
            Tcp {
                flags: flags::PSH_ACK,
                sequence: number,
                acknowledgement: number,
                payload: b"forged".to_vec(),
                ..TCP
            },
        );
        arrives(&site, forged, 8080)
    });
    assert!(!(got_through[0] && got_through[1]), "a blind guess got through");
    assert_eq!(site.ctl().count(&["proto=tcp"]), 1, "the session lives on");
}

#[test]
fn an_unsolicited_answer_over_udp_is_dropped() {
    let site = usual();
    let frame = Frame::udp(
        SocketAddr::from((OUTSIDE_V4, 53)),
        SocketAddr::from((INSIDE_V4, 40_000)),
        b"an answer to no question".to_vec(),
    );
    assert!(!arrives(&site, frame, 53));
    assert_eq!(site.ctl().count(&["proto=udp"]), 0);
    assert_conserved(&site);
}

#[test]
fn an_icmp_error_about_no_session_is_dropped() {
    let site = usual();
    let quoted =
        Frame::tcp(SocketAddr::from((INSIDE_V4, 40_000)), SocketAddr::from((OUTSIDE_V4, 80)), TCP);
    let error =
        Frame::icmp_error(OUTSIDE_V4.to_string().as_str(), IcmpError::PortUnreachable, &quoted, 8)
            .macs(site.outside.mac("eth0"), site.inside.mac("eth0"));
    let listener = RawSocket::open(&site.inside, "eth0");
    RawSocket::open(&site.outside, "eth0").send(&error.bytes());
    assert!(listener.hear(SILENCE, |seen| seen.protocol == 1).is_none());
    assert_eq!(site.ctl().drops(reasons::ICMP_ERROR_UNRELATED), 1, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}

#[test]
fn an_icmp_error_about_a_living_session_returns() {
    let site = usual();
    let server = site.outside_address(false, 5003);
    let udp = site.inside.udp(SocketAddr::from((INSIDE_V4, 6003)), server, SOON);
    // Nobody listens there: the outside host itself says so.
    udp.send(b"anyone?").unwrap();
    let error = udp.recv(&mut [0; 16]).expect_err("port unreachable");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{error}");
    assert_conserved(&site);
}
