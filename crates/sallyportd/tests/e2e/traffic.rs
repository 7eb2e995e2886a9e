//! What must pass passes, as one session each; what must not does not.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use test_case::test_case;
use testkit::conversation::TcpTalk;
use testkit::netns::{INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, RawSocket, Site};
use testkit::packet::Frame;
use testkit::packet::seen::Seen;

use super::{SILENCE, SOON, assert_conserved, reasons, usual};

const PAGE: &str = "served from outside\n";

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn inside_fetches_a_page_from_outside(v6: bool) {
    let site = usual();
    let web = site.outside_address(v6, 80);
    let _server = site.outside.serve_http(web, site.folder(), PAGE);
    let created = site.ctl().created("tcp");

    let fetched = site.inside.fetch(&format!("http://{web}/"), SOON);

    assert_eq!((fetched.status, fetched.body.as_str()), (200, PAGE), "{fetched:?}");
    let ctl = site.ctl();
    assert_eq!(ctl.created("tcp") - created, 1, "one connection, one session");
    assert_eq!(ctl.hits("inside-out"), 1);
    let sessions = ctl.sessions(&["proto=tcp"]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(sessions[0].source, site_address(v6).to_string());
    assert_eq!(sessions[0].destination_port, Some(80));
    assert_eq!(sessions[0].rule, "inside-out");
    assert!(sessions[0].packets.iter().all(|count| *count >= 4), "{sessions:?}");
    assert_conserved(&site);
}

fn site_address(v6: bool) -> IpAddr {
    if v6 { INSIDE_V6.into() } else { INSIDE_V4.into() }
}

#[test]
fn a_large_page_arrives_whole() {
    let site = usual();
    let page = "0123456789abcdef".repeat(256 * 1024);
    let web = site.outside_address(false, 80);
    let _server = site.outside.serve_http(web, site.folder(), &page);
    let fetched = site.inside.fetch(&format!("http://{web}/"), SOON * 10);
    assert_eq!(fetched.status, 200);
    assert!(fetched.body == page, "{} of {} bytes", fetched.body.len(), page.len());
    assert_conserved(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn outside_cannot_connect_inside(v6: bool) {
    let site = usual();
    let web = SocketAddr::new(site_address(v6), 80);
    let _server = site.inside.serve_http(web, site.folder(), PAGE);
    let (created, dropped) = (site.ctl().created("tcp"), site.ctl().drops(reasons::NO_RULE));

    let error = site.outside.connect(web, SOON).expect_err("nobody enters");

    assert_eq!(error.kind(), ErrorKind::TimedOut, "dropped, not refused: {error}");
    assert_eq!(site.ctl().created("tcp"), created, "no session was made");
    assert!(site.ctl().drops(reasons::NO_RULE) > dropped, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}

#[test]
fn a_dns_round_trip_is_one_session() {
    let site = usual();
    let answer = Ipv4Addr::new(192, 0, 2, 7);
    let log = site.folder().join("dns.log");
    let _dns = site.outside.serve_dns(OUTSIDE_V4.into(), "www.test", answer.into(), &log);
    let created = site.ctl().created("udp");

    let reply = site.inside.dig(OUTSIDE_V4.into(), "www.test", "A").expect_ok();

    assert_eq!(reply.trim(), answer.to_string());
    assert_eq!(site.ctl().created("udp") - created, 1);
    let sessions = site.ctl().sessions(&["proto=udp", "port=53"]);
    assert!(sessions.len() <= 1, "{sessions:?}");
    if let Some(session) = sessions.first() {
        assert_eq!(session.packets, [1, 1], "{session:?}");
    }
    assert_conserved(&site);
}

#[test]
fn a_dns_session_ends_soon_after_its_answer() {
    let site = super::site(&testkit::netns::Settings {
        timeouts: "udp_answered = \"1s\"",
        ..testkit::netns::Settings::USUAL
    });
    let log = site.folder().join("dns.log");
    let answer = Ipv4Addr::new(192, 0, 2, 7).into();
    let _dns = site.outside.serve_dns(OUTSIDE_V4.into(), "www.test", answer, &log);
    drop(site.inside.dig(OUTSIDE_V4.into(), "www.test", "A").expect_ok());
    testkit::netns::until("the answered session has ended", SOON, || {
        site.ctl().count(&["proto=udp"]) == 0
    });
}

#[test_case(OUTSIDE_V4.into(), "icmp"; "over IPv4")]
#[test_case(OUTSIDE_V6.into(), "icmpv6"; "over IPv6")]
fn a_ping_is_one_session_however_often_it_asks(target: IpAddr, proto: &str) {
    let site = usual();
    let created = site.ctl().created(proto);

    let pinged = site.inside.ping(target, 4);

    assert_eq!((pinged.sent, pinged.received), (4, 4), "{}", pinged.text);
    assert_eq!(site.ctl().created(proto) - created, 1);
    let filter = format!("proto={proto}");
    let sessions = site.ctl().sessions(&[&filter]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(sessions[0].packets, [4, 4]);
    assert_conserved(&site);
}

#[test_case(INSIDE_V4.into(); "over IPv4")]
#[test_case(INSIDE_V6.into(); "over IPv6")]
fn outside_cannot_ping_inside(target: IpAddr) {
    let site = usual();
    let pinged = site.outside.ping(target, 2);
    assert_eq!(pinged.received, 0, "{}", pinged.text);
    assert_conserved(&site);
}

#[test]
fn a_tagged_conversation_is_one_session_of_its_vlan() {
    let site = usual();
    converse_tagged(&site, 41_000);
    let sessions = site.ctl().sessions(&["proto=tcp"]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!((sessions[0].vlan, sessions[0].packets), (Some(100), [1, 1]));
    assert_conserved(&site);
}

/// A SYN and its answer in tagged frames, written by hand: not every kernel has VLAN interfaces. A raw socket hears a
/// frame without its outer tag, so two tags show that the inner one is kept, the session that the outer one counts.
pub(crate) fn converse_tagged(site: &Site, port: u16) {
    let hosts = [&site.inside, &site.outside];
    let [inside, outside] = hosts.map(|host| RawSocket::open(host, "eth0"));
    let macs = hosts.map(|host| host.mac("eth0"));
    let tagged = |frame: Frame, vid: u16, from: usize| {
        frame.macs(macs[from], macs[1 - from]).tag(vid).tag(7).bytes()
    };
    let mut talk =
        TcpTalk::new(SocketAddr::from((INSIDE_V4, port)), SocketAddr::from((OUTSIDE_V4, 80)));
    let is_asked = |seen: &Seen| seen.source_port == port && seen.destination_port == 80;
    let is_answered = |seen: &Seen| seen.source_port == 80 && seen.destination_port == port;

    inside.send(&tagged(talk.syn(), 100, 0));
    let heard = outside.hear(SOON, is_asked).expect("the SYN passes");
    assert_eq!(heard.vids, [7], "the inner tag is kept");
    let answer = talk.syn_ack();
    outside.send(&tagged(answer.clone(), 101, 1));
    assert_eq!(inside.hear(SILENCE, is_answered), None, "an answer on another VLAN is none");
    outside.send(&tagged(answer, 100, 1));
    assert!(inside.hear(SOON, is_answered).is_some(), "the answer passes");
}

#[test]
fn udp_conversations_are_sessions_and_strangers_are_not() {
    let site = usual();
    let server = site.outside_address(false, 5001);
    let _echo = site.outside.serve_udp_echo(server);
    let udp = site.inside.udp(SocketAddr::from((INSIDE_V4, 6001)), server, SOON);
    let mut buffer = [0; 16];
    for _ in 0..3 {
        udp.send(b"hello").unwrap();
        assert_eq!(udp.recv(&mut buffer).expect("the answer returns"), 5);
    }
    assert_eq!(site.ctl().created("udp"), 1);
    // The same server from another port is a stranger.
    let stranger = site.outside.udp(
        site.outside_address(false, 5002),
        SocketAddr::from((INSIDE_V4, 6001)),
        SOON,
    );
    let listener = RawSocket::open(&site.inside, "eth0");
    stranger.send(b"let me in").unwrap();
    assert!(listener.hear(SILENCE, |seen| seen.source_port == 5002).is_none());
    assert_eq!(site.ctl().created("udp"), 1);
    assert_conserved(&site);
}
