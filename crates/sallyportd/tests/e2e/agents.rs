//! MGCP through the box, by hand on both ends: a media gateway inside, its call agent outside, which relays the media
//! itself.

use std::net::{IpAddr, UdpSocket};

use test_case::test_case;
use testkit::netns::{INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, Settings, Site};

use super::by_hand::{
    Everybody, announced_at, arrives, give_other_addresses, hears, socket, started_inside,
};
use super::peers::assert_nothing_dropped;
use super::{assert_conserved, reasons, site};

/// Where the gateway wants its media; its reports one above.
const GATEWAY: u16 = 30_000;
/// Where the call agent wants its own.
const AGENT: u16 = 40_000;
/// Packets of audio each way.
const AUDIO: u64 = 50;

fn through(service: &str, workers: &str) -> Site {
    let rules = started_inside("phones", service);
    site(&Settings { workers, rules: &rules, ..Settings::USUAL })
}

/// Both ends of a control conversation, by the ports of RFC 3435 §3.6.
struct Control {
    gateway: UdpSocket,
    agent: UdpSocket,
}

impl Control {
    /// The gateway says that it is there.
    fn begin([inside, outside]: [IpAddr; 2], site: &Site) -> Self {
        let gateway = socket(&site.inside, inside, 2427);
        let agent = socket(&site.outside, outside, 2727);
        let control = Self { gateway, agent };
        assert!(control.gateway_says("RSIP 1 *@gw MGCP 1.0\r\nRM: restart\r\n"));
        assert!(control.agent_says("200 1 OK\r\n"));
        control
    }

    fn gateway_says(&self, message: &str) -> bool {
        hears(&self.gateway, &self.agent, message.as_bytes())
    }

    fn agent_says(&self, message: &str) -> bool {
        hears(&self.agent, &self.gateway, message.as_bytes())
    }

    /// The agent has a connection made, and the gateway says where it wants its media.
    fn create(&self, inside: IpAddr) {
        assert!(self.agent_says("CRCX 2 aaln/1@gw MGCP 1.0\r\nC: A3\r\nM: recvonly\r\n"));
        let described = description(inside, GATEWAY);
        assert!(self.gateway_says(&format!("200 2 OK\r\nI: F\r\n\r\n{described}")));
    }

    /// The agent has it deleted.
    fn delete(&self) {
        assert!(self.agent_says("DLCX 4 aaln/1@gw MGCP 1.0\r\nC: A3\r\n"));
        assert!(self.gateway_says("250 4 OK\r\nP: PS=50\r\n"));
    }

    /// The agent says where the far side wants its own.
    fn complete(&self, outside: IpAddr) {
        let described = description(outside, AGENT);
        let command = "MDCX 3 aaln/1@gw MGCP 1.0\r\nC: A3\r\nI: F\r\nM: sendrecv\r\n\r\n";
        assert!(self.agent_says(&format!("{command}{described}")));
        assert!(self.gateway_says("200 3 OK\r\n"));
    }
}

fn description(host: IpAddr, port: u16) -> String {
    let family = if host.is_ipv6() { 6 } else { 4 };
    format!(
        "v=0\r\no=- 1 1 IN IP{family} {host}\r\ns=-\r\nc=IN IP{family} {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )
}

const V4: [IpAddr; 2] = [IpAddr::V4(INSIDE_V4), IpAddr::V4(OUTSIDE_V4)];
const V6: [IpAddr; 2] = [IpAddr::V6(INSIDE_V6), IpAddr::V6(OUTSIDE_V6)];

/// The media's sockets: audio and reports of the gateway, then of the agent.
fn media(site: &Site, [inside, outside]: [IpAddr; 2]) -> [UdpSocket; 4] {
    [
        socket(&site.inside, inside, GATEWAY),
        socket(&site.inside, inside, GATEWAY + 1),
        socket(&site.outside, outside, AGENT),
        socket(&site.outside, outside, AGENT + 1),
    ]
}

#[test_case(V4, "[1]"; "over IPv4")]
#[test_case(V4, "[0, 1]"; "over IPv4 with two workers")]
#[test_case(V6, "[0, 1]"; "over IPv6 with two workers")]
fn a_connection_s_media_pass_both_ways(hosts: [IpAddr; 2], workers: &str) {
    let site = through(r#""mgcp""#, workers);
    let control = Control::begin(hosts, &site);
    control.create(hosts[0]);
    control.complete(hosts[1]);
    let [audio, reports, far_audio, far_reports] = media(&site, hosts);
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    for sequence in 0..AUDIO {
        packet[3] = sequence.to_le_bytes()[0];
        assert!(hears(&far_audio, &audio, &packet) && hears(&audio, &far_audio, &packet));
    }
    assert!(
        hears(&reports, &far_reports, b"\x80\xc9") && hears(&far_reports, &reports, b"\x80\xc9")
    );
    control.delete();

    let sessions = site.ctl().sessions(&["proto=udp", &format!("port={AGENT}")]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!((sessions[0].rule.as_str(), sessions[0].packets), ("phones", [AUDIO, AUDIO]));
    let labels = [("proto", "mgcp")];
    assert_eq!(site.metrics().sum("sallyport_expectations_claimed_total", &labels), Some(2.0));
    assert_eq!(announced_at(&site, 2727).len(), 2);
    assert_nothing_dropped(&site);
}

#[test_case(V4; "over IPv4")]
#[test_case(V6; "over IPv6")]
fn unread_they_talk_and_hear_nothing(hosts: [IpAddr; 2]) {
    let site = through(r#""udp/2727""#, "[1]");
    let control = Control::begin(hosts, &site);
    control.create(hosts[0]);
    control.complete(hosts[1]);
    let [audio, reports, far_audio, far_reports] = media(&site, hosts);
    assert!(!arrives(&site, &far_audio, &audio) && !arrives(&site, &audio, &far_audio));
    assert!(!arrives(&site, &far_reports, &reports) && !arrives(&site, &reports, &far_reports));
    assert_eq!(site.ctl().drops(reasons::NO_RULE), 4);
    assert_conserved(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn a_description_lets_in_one_connection_of_one_host(v6: bool) {
    let site = through(r#""mgcp""#, "[1]");
    give_other_addresses(&site);
    let Everybody { inside, outside, other_outside, .. } = Everybody::of(v6);
    let control = Control::begin([inside, outside], &site);
    let [audio, reports, far_audio, far_reports] = media(&site, [inside, outside]);
    let stranger = socket(&site.outside, other_outside, AGENT);
    assert!(!arrives(&site, &far_audio, &audio), "nothing is announced yet");
    control.create(inside);
    assert!(!arrives(&site, &stranger, &audio), "another host");
    assert!(arrives(&site, &far_audio, &audio));
    assert!(arrives(&site, &audio, &far_audio), "and back");
    assert!(!arrives(&site, &far_reports, &audio), "a second connection");
    // What is announced of a connection ends with it.
    control.delete();
    assert!(!arrives(&site, &far_reports, &reports), "too late");
    // And with the conversation that has announced it.
    control.create(inside);
    assert_eq!(site.ctl().json(&["sessions", "clear", "port=2727"])["cleared"], 1);
    assert!(!arrives(&site, &far_reports, &reports), "its parent has ended");
    assert_conserved(&site);
}
