//! PPTP through the box: Debian's pptp inside calls pptpd outside, and frames of PPP go through the tunnel both ways;
//! and, by hand, what else a call lets in.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{OUTSIDE_V4, RawSocket, Settings, Site, Tunnel};
use testkit::packet::{Frame, Transport, protocol::GRE};

use super::by_hand::{Everybody, Talk, announced_at, started_inside};
use super::peers::assert_nothing_dropped;
use super::{SILENCE, SOON, assert_conserved, reasons, site};

fn through(service: &str, workers: &str) -> Site {
    let rules = started_inside("tunnels", service);
    let timeouts = "expectation = \"2s\"";
    site(&Settings { workers, timeouts, rules: &rules, ..Settings::USUAL })
}

#[test_case("[1]"; "with one worker")]
#[test_case("[0, 1]"; "with two workers")]
fn a_call_s_tunnel_carries_both_ways(workers: &str) {
    let site = through(r#""pptp""#, workers);
    let _server = site.outside.serve_pptp(OUTSIDE_V4);
    let mut tunnel = site.inside.call_pptp(OUTSIDE_V4);
    assert_eq!(
        tunnel.receive(SOON * 3).as_deref(),
        Some(Tunnel::GREETING),
        "the server's greeting"
    );
    for number in 0..50_u8 {
        // The server's side sends all back.
        let frame = [b"\xff\x03\xc0\x21", &[number; 200][..]].concat();
        tunnel.send(&frame);
        assert_eq!(tunnel.receive(SOON), Some(frame));
    }
    let sessions = site.ctl().sessions(&["proto=gre"]);
    assert!(!sessions.is_empty());
    for session in &sessions {
        assert_eq!(session.rule, "tunnels", "by the rule of the call that announced it");
    }
    let packets: u64 = sessions.iter().flat_map(|session| session.packets).sum();
    assert!(packets > 100, "{sessions:?}");
    let claimed = site.metrics().sum("sallyport_expectations_claimed_total", &[("proto", "pptp")]);
    assert!(claimed >= Some(1.0), "{claimed:?}");
    assert_eq!(announced_at(&site, 1723).len(), sessions.len());
    assert_nothing_dropped(&site);
}

#[test]
fn unread_the_tunnel_is_dropped_by_name() {
    let site = through(r#""tcp/1723""#, "[1]");
    let _server = site.outside.serve_pptp(OUTSIDE_V4);
    let mut tunnel = site.inside.call_pptp(OUTSIDE_V4);
    assert_eq!(tunnel.receive(SOON), None);
    tunnel.send(b"\xff\x03\xc0\x21frame");
    assert_eq!(tunnel.receive(SOON), None);
    assert_eq!(
        site.ctl().sessions(&["proto=tcp"])[0].state,
        "established",
        "the call is agreed on"
    );
    assert_eq!(site.ctl().count(&["proto=gre"]), 0);
    assert!(site.ctl().drops(reasons::NO_RULE) >= 2, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}

/// The numbers that client and server give to the call.
const CALLS: [u16; 2] = [7, 9];

/// A control message of so many octets (RFC 2637 §2), the rest of it zeros.
fn message(kind: u16, body: &[u8], length: u16) -> Vec<u8> {
    let mut message = [length.to_be_bytes(), 1_u16.to_be_bytes()].concat();
    message.extend(0x1a2b_3c4d_u32.to_be_bytes());
    message.extend([kind.to_be_bytes(), [0; 2]].concat());
    message.extend(body);
    message.resize(usize::from(length), 0);
    message
}

/// The client asks for a call, and the server agrees.
fn call(talk: &mut Talk, [client, server]: [u16; 2]) {
    assert!(talk.client_says(&message(7, &client.to_be_bytes(), 168)));
    let numbers = [server.to_be_bytes(), client.to_be_bytes()].concat();
    assert!(talk.server_says(&message(8, &[&numbers[..], &[1]].concat(), 32)));
}

/// What hosts say in tunnels, past their own stacks.
struct Wire<'a> {
    site: &'a Site,
    hosts: Everybody,
    ends: [RawSocket; 2],
}

impl<'a> Wire<'a> {
    fn tap(site: &'a Site, hosts: Everybody) -> Self {
        let ends = [&site.inside, &site.outside].map(|host| RawSocket::open(host, "eth0"));
        Self { site, hosts, ends }
    }

    /// Whether a packet of a tunnel arrives, sent by a host of the side `from`, for the receiver's call of that number;
    /// one that does not is dropped by name.
    fn carries(&self, from: usize, source: IpAddr, destination: IpAddr, call: u16) -> bool {
        // With a key and a sequence number, of version 1, for PPP (RFC 2637 §4.1).
        let mut gre = vec![0x30, 0x01, 0x88, 0x0b, 0, 4];
        gre.extend(call.to_be_bytes());
        gre.extend([0, 0, 0, 1, 0xff, 0x03, 0xc0, 0x21]);
        let macs = [&self.site.inside, &self.site.outside].map(|host| host.mac("eth0"));
        let frame = Frame::ip(source, destination, Transport::Raw(GRE, gre))
            .macs(macs[from], macs[1 - from]);
        let before = self.drops();
        self.ends[from].send(&frame.bytes());
        let arrived = self.ends[1 - from]
            .hear(SILENCE, |seen| seen.protocol == GRE && seen.source == source)
            .is_some();
        assert_eq!(self.drops() - before, u64::from(!arrived), "{:?}", self.site.ctl().all_drops());
        arrived
    }

    /// What was dropped as of no tunnel, or as of another call than those of its tunnel.
    fn drops(&self) -> u64 {
        [reasons::NO_RULE, reasons::GRE_CALL_ID]
            .map(|reason| self.site.ctl().drops(reason))
            .iter()
            .sum()
    }

    /// Whether the client hears the server in a call.
    fn to_client(&self, call: u16) -> bool {
        self.carries(1, self.hosts.outside, self.hosts.inside, call)
    }

    fn to_server(&self, call: u16) -> bool {
        self.carries(0, self.hosts.inside, self.hosts.outside, call)
    }
}

#[test_case(false, "[1]"; "over IPv4")]
#[test_case(true, "[0, 1]"; "over IPv6 with two workers")]
fn a_call_lets_in_the_tunnel_of_its_two_ends(v6: bool, workers: &str) {
    let site = through(r#""pptp""#, workers);
    let hosts = Everybody::of(v6);
    let mut talk = Talk::open_over(&site, v6, 1723);
    let wire = Wire::tap(&site, hosts);
    let [client, server] = CALLS;
    assert!(!wire.to_client(client), "nothing is announced yet");
    call(&mut talk, CALLS);
    assert!(!wire.carries(1, hosts.other_outside, hosts.inside, client), "another host");
    assert!(!wire.to_client(client + 1), "another call");
    assert!(wire.to_client(client));
    assert!(wire.to_server(server));
    assert_eq!(site.ctl().drops(reasons::GRE_CALL_ID), 0, "there was no tunnel yet");
    for wrong in [client + 1, server] {
        assert!(!wire.to_client(wrong), "another call in the same tunnel");
    }
    assert_eq!(site.ctl().drops(reasons::GRE_CALL_ID), 2);
    call(&mut talk, [client + 1, server + 1]);
    assert!(wire.to_server(server + 1) && wire.to_client(client + 1), "a second call");
    assert_eq!(announced_at(&site, 1723).len(), 1);
    assert_conserved(&site);
}

#[test]
fn a_tunnel_that_does_not_come_is_expected_for_a_while() {
    let site = through(r#""pptp""#, "[1]");
    let mut talk = Talk::open(&site, 1723);
    let wire = Wire::tap(&site, Everybody::of(false));
    call(&mut talk, CALLS);
    thread::sleep(Duration::from_millis(2_200));
    assert!(!wire.to_client(CALLS[0]), "too late");
    assert!(!wire.to_server(CALLS[1]), "too late the other way");
    assert_conserved(&site);
}
