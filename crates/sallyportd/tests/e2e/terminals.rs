//! H.323 through the box, by hand on both ends: what they say over real sockets was written by another encoder, with the
//! hosts of the site in it (`testkit::h323`). No real terminal or gatekeeper takes part.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::h323::{between, in_tpkt};
use testkit::netns::{Settings, Site};

use super::by_hand::{
    Everybody, Talk, arrives, comes, give_other_addresses, hears, socket, started_inside,
};
use super::peers::assert_nothing_dropped;
use super::{assert_conserved, site};

const RAS: u16 = 1719;
const SIGNALLING: u16 = 1720;
/// Where the messages say that the called party listens for H.245.
const CONTROL: u16 = 3230;
/// Where they say that audio goes, its reports one above: to the caller inside, and to the called party.
const CALLER: u16 = 5004;
const CALLED: u16 = 6000;
/// Packets of audio each way.
const AUDIO: u8 = 50;

fn through(service: &str, workers: &str) -> Site {
    let rules = started_inside("calls", service);
    let timeouts = "expectation = \"2s\"";
    site(&Settings { workers, timeouts, rules: &rules, ..Settings::USUAL })
}

/// What the caller inside or the called party outside says.
fn said(hosts: Everybody, name: &str) -> Vec<u8> {
    between(name, hosts.inside, hosts.outside)
}

/// A call between hosts that have other addresses too.
fn call(site: &Site, hosts: Everybody) -> Talk {
    Talk::open_over(site, hosts.inside.is_ipv6(), SIGNALLING)
}

/// The caller opens the connection of H.245.
fn control(site: &Site, hosts: Everybody) -> Talk {
    Talk::another(site, hosts.inside.is_ipv6(), CONTROL)
}

/// The media's sockets: audio and reports of the caller, then of the called party.
fn media(site: &Site, hosts: Everybody) -> [UdpSocket; 4] {
    [
        socket(&site.inside, hosts.inside, CALLER),
        socket(&site.inside, hosts.inside, CALLER + 1),
        socket(&site.outside, hosts.outside, CALLED),
        socket(&site.outside, hosts.outside, CALLED + 1),
    ]
}

/// RTP and RTCP go both ways, and with them so many connections that were announced.
fn assert_media(site: &Site, hosts: Everybody, claimed: f64) {
    let [audio, reports, far_audio, far_reports] = media(site, hosts);
    let mut packet = [0_u8; 172];
    packet[0] = 0x80;
    for sequence in 0..AUDIO {
        packet[3] = sequence;
        assert!(hears(&far_audio, &audio, &packet) && hears(&audio, &far_audio, &packet));
    }
    assert!(
        hears(&reports, &far_reports, b"\x80\xc9") && hears(&far_reports, &reports, b"\x80\xc9")
    );
    let labels = [("proto", "h323")];
    assert_eq!(site.metrics().sum("sallyport_expectations_claimed_total", &labels), Some(claimed));
    assert_nothing_dropped(site);
}

#[test_case(Everybody::of(false), "[1]"; "with one worker")]
#[test_case(Everybody::of(false), "[0, 1]"; "with two workers")]
#[test_case(Everybody::of(true), "[0, 1]"; "over ipv6")]
fn h323_fast_start_has_media(hosts: Everybody, workers: &str) {
    let site = through(r#""h323""#, workers);
    let mut call = call(&site, hosts);
    assert!(call.client_says(&said(hosts, "call_setup_fast")));
    assert!(call.server_says(&said(hosts, "call_proceeding")));
    assert!(call.server_says(&said(hosts, "call_connect_fast")));
    assert_media(&site, hosts, 2.0);
}

#[test_case(Everybody::of(false), "[1]"; "with one worker")]
#[test_case(Everybody::of(false), "[0, 1]"; "with two workers")]
#[test_case(Everybody::of(true), "[0, 1]"; "over ipv6")]
fn h323_channels_of_a_connection_of_h245_have_media(hosts: Everybody, workers: &str) {
    let site = through(r#""h323""#, workers);
    let mut call = call(&site, hosts);
    assert!(call.client_says(&said(hosts, "call_setup")));
    assert!(call.server_says(&said(hosts, "call_connect_h245")));
    let mut control = control(&site, hosts);
    for (caller, name) in [
        (true, "h245_tcs"),
        (false, "h245_tcs_ack"),
        (true, "h245_olc"),
        (false, "h245_olc_ack"),
        (false, "h245_olc_back"),
        (true, "h245_olc_back_ack"),
    ] {
        let message = in_tpkt(&said(hosts, name));
        let heard =
            if caller { control.client_says(&message) } else { control.server_says(&message) };
        assert!(heard, "{name}");
    }
    assert_media(&site, hosts, 3.0);
}

#[test_case(Everybody::of(false); "over ipv4")]
#[test_case(Everybody::of(true); "over ipv6")]
fn h323_lets_one_host_make_one_connection_of_h245_in_time(hosts: Everybody) {
    let site = through(r#""h323""#, "[1]");
    let mut call = call(&site, hosts);
    let target = (hosts.outside, CONTROL);
    assert!(call.client_says(&said(hosts, "call_setup")));
    assert!(!comes(&site, &site.inside, hosts.inside, target), "nothing is announced yet");
    assert!(call.server_says(&said(hosts, "call_connect_h245")));
    assert!(!comes(&site, &site.inside, hosts.other_inside, target), "another host");
    let _open = control(&site, hosts);
    assert!(!comes(&site, &site.inside, hosts.inside, target), "a second connection");
    assert!(call.server_says(&said(hosts, "call_connect_h245")));
    thread::sleep(Duration::from_millis(2_200));
    assert!(!comes(&site, &site.inside, hosts.inside, target), "too late");
    assert_conserved(&site);
}

#[test_case(Everybody::of(false); "over ipv4")]
#[test_case(Everybody::of(true); "over ipv6")]
fn h323_lets_one_host_send_one_stream_while_the_call_lasts(hosts: Everybody) {
    let site = through(r#""h323""#, "[1]");
    let mut call = call(&site, hosts);
    let [audio, reports, far_audio, far_reports] = media(&site, hosts);
    let stranger = socket(&site.outside, hosts.other_outside, CALLED);
    assert!(!arrives(&site, &far_audio, &audio), "nothing is announced yet");
    assert!(call.client_says(&said(hosts, "call_setup_fast")));
    assert!(call.server_says(&said(hosts, "call_connect_fast")));
    assert!(!arrives(&site, &stranger, &audio), "another host");
    assert!(arrives(&site, &far_audio, &audio));
    assert!(!arrives(&site, &far_reports, &audio), "a second stream");
    assert!(call.client_says(&said(hosts, "call_release")));
    assert!(!arrives(&site, &far_reports, &reports), "too late");
    assert_conserved(&site);
}

/// What is announced for a channel of H.245 is for it alone, and for the session that announces it.
#[test_case(Everybody::of(false); "over ipv4")]
#[test_case(Everybody::of(true); "over ipv6")]
fn h323_channels_that_are_closed_have_no_media(hosts: Everybody) {
    let site = through(r#""h323""#, "[1]");
    let mut call = call(&site, hosts);
    let [audio, reports, far_audio, far_reports] = media(&site, hosts);
    assert!(call.client_says(&said(hosts, "call_setup")));
    assert!(call.server_says(&said(hosts, "call_connect_h245")));
    let mut control = control(&site, hosts);
    assert!(control.client_says(&in_tpkt(&said(hosts, "h245_olc"))));
    assert!(control.server_says(&in_tpkt(&said(hosts, "h245_olc_ack"))));
    assert!(arrives(&site, &far_reports, &reports));
    assert!(control.client_says(&in_tpkt(&said(hosts, "h245_clc"))));
    assert!(!arrives(&site, &audio, &far_audio), "the channel is closed");
    assert!(control.server_says(&in_tpkt(&said(hosts, "h245_olc_back"))));
    assert!(control.client_says(&in_tpkt(&said(hosts, "h245_olc_back_ack"))));
    assert!(control.client_says(&in_tpkt(&said(hosts, "h245_end"))));
    assert!(!arrives(&site, &far_audio, &audio), "the session has ended");
    assert_conserved(&site);
}

#[test_case(Everybody::of(false); "over ipv4")]
#[test_case(Everybody::of(true); "over ipv6")]
fn h323_lets_the_gatekeeper_alone_call_a_registered_endpoint(hosts: Everybody) {
    let site = through(r#""h323""#, "[1]");
    give_other_addresses(&site);
    let endpoint = socket(&site.inside, hosts.inside, RAS);
    let gatekeeper = socket(&site.outside, hosts.outside, RAS);
    let target = (hosts.inside, SIGNALLING);
    let _called = site.inside.inside(|| TcpListener::bind(SocketAddr::from(target))).expect("free");
    assert!(hears(&endpoint, &gatekeeper, &said(hosts, "ras_rrq")));
    assert!(!comes(&site, &site.outside, hosts.outside, target), "not confirmed yet");
    assert!(hears(&gatekeeper, &endpoint, &said(hosts, "ras_rcf")));
    assert!(!comes(&site, &site.outside, hosts.other_outside, target), "another host");
    for _ in 0..2 {
        assert!(comes(&site, &site.outside, hosts.outside, target));
    }
    assert!(hears(&endpoint, &gatekeeper, &said(hosts, "ras_urq")));
    assert!(comes(&site, &site.outside, hosts.outside, target), "the end is not confirmed yet");
    assert!(hears(&gatekeeper, &endpoint, &said(hosts, "ras_ucf")));
    assert!(!comes(&site, &site.outside, hosts.outside, target), "registered no more");
    assert_conserved(&site);
}

#[test_case(Everybody::of(false); "over ipv4")]
#[test_case(Everybody::of(true); "over ipv6")]
fn h323_unread_opens_nothing(hosts: Everybody) {
    let site = through(r#""tcp/1720""#, "[1]");
    let mut call = call(&site, hosts);
    assert!(call.client_says(&said(hosts, "call_setup_fast")));
    assert!(call.server_says(&said(hosts, "call_connect_h245")));
    assert!(!comes(&site, &site.inside, hosts.inside, (hosts.outside, CONTROL)));
    let [audio, _, far_audio, _] = media(&site, hosts);
    assert!(!arrives(&site, &far_audio, &audio) && !arrives(&site, &audio, &far_audio));
    assert_conserved(&site);
}
