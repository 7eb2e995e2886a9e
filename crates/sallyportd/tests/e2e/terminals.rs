//! H.323 through the box, by hand on both ends: what they say over real sockets was written by another encoder, with the
//! hosts of the site in it (`testkit::h323`). No real terminal or gatekeeper takes part.

use std::net::{TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::h323::{between, in_tpkt, message};
use testkit::netns::{INSIDE_V4, OUTSIDE_V4, Settings, Site};

use super::by_hand::{
    OTHER_INSIDE, OTHER_OUTSIDE, Talk, arrives, comes, give_other_addresses, hears, socket,
    started_inside,
};
use super::peers::assert_nothing_dropped;
use super::{SOON, assert_conserved, site};

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

fn said(name: &str) -> Vec<u8> {
    between(message(name), INSIDE_V4, OUTSIDE_V4)
}

/// The media's sockets: audio and reports of the caller, then of the called party.
fn media(site: &Site) -> [UdpSocket; 4] {
    [
        socket(&site.inside, INSIDE_V4, CALLER),
        socket(&site.inside, INSIDE_V4, CALLER + 1),
        socket(&site.outside, OUTSIDE_V4, CALLED),
        socket(&site.outside, OUTSIDE_V4, CALLED + 1),
    ]
}

/// RTP and RTCP go both ways, and with them so many connections that were announced.
fn assert_media(site: &Site, claimed: f64) {
    let [audio, reports, far_audio, far_reports] = media(site);
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

#[test_case("[1]"; "with one worker")]
#[test_case("[0, 1]"; "with two workers")]
fn h323_fast_start_has_media(workers: &str) {
    let site = through(r#""h323""#, workers);
    let mut call = Talk::open(&site, SIGNALLING);
    assert!(call.client_says(&said("call_setup_fast")));
    assert!(call.server_says(&said("call_proceeding")));
    assert!(call.server_says(&said("call_connect_fast")));
    assert_media(&site, 2.0);
}

#[test_case("[1]"; "with one worker")]
#[test_case("[0, 1]"; "with two workers")]
fn h323_channels_of_a_connection_of_h245_have_media(workers: &str) {
    let site = through(r#""h323""#, workers);
    let mut call = Talk::open(&site, SIGNALLING);
    assert!(call.client_says(&said("call_setup")));
    assert!(call.server_says(&said("call_connect_h245")));
    let mut control = control(&site);
    for (caller, name) in [
        (true, "h245_tcs"),
        (false, "h245_tcs_ack"),
        (true, "h245_olc"),
        (false, "h245_olc_ack"),
        (false, "h245_olc_back"),
        (true, "h245_olc_back_ack"),
    ] {
        let message = in_tpkt(&said(name));
        let heard =
            if caller { control.client_says(&message) } else { control.server_says(&message) };
        assert!(heard, "{name}");
    }
    assert_media(&site, 3.0);
}

/// The caller opens the connection of H.245.
fn control(site: &Site) -> Talk {
    let address = site.outside_address(false, CONTROL);
    let listener = site.outside.inside(|| TcpListener::bind(address)).expect("a port of its own");
    let client = site.inside.connect(address, SOON).expect("it is expected");
    let (server, _) = listener.accept().expect("it has come");
    Talk::of(client, server)
}

#[test]
fn h323_lets_one_host_make_one_connection_of_h245_in_time() {
    let site = through(r#""h323""#, "[1]");
    let mut call = Talk::open(&site, SIGNALLING);
    let target = (OUTSIDE_V4, CONTROL);
    assert!(call.client_says(&said("call_setup")));
    assert!(!comes(&site, &site.inside, INSIDE_V4, target), "nothing is announced yet");
    assert!(call.server_says(&said("call_connect_h245")));
    assert!(!comes(&site, &site.inside, OTHER_INSIDE, target), "another host");
    let _open = control(&site);
    assert!(!comes(&site, &site.inside, INSIDE_V4, target), "a second connection");
    assert!(call.server_says(&said("call_connect_h245")));
    thread::sleep(Duration::from_millis(2_200));
    assert!(!comes(&site, &site.inside, INSIDE_V4, target), "too late");
    assert_conserved(&site);
}

#[test]
fn h323_lets_one_host_send_one_stream_while_the_call_lasts() {
    let site = through(r#""h323""#, "[1]");
    let mut call = Talk::open(&site, SIGNALLING);
    let [audio, reports, far_audio, far_reports] = media(&site);
    let stranger = socket(&site.outside, OTHER_OUTSIDE, CALLED);
    assert!(!arrives(&site, &far_audio, &audio), "nothing is announced yet");
    assert!(call.client_says(&said("call_setup_fast")));
    assert!(call.server_says(&said("call_connect_fast")));
    assert!(!arrives(&site, &stranger, &audio), "another host");
    assert!(arrives(&site, &far_audio, &audio));
    assert!(!arrives(&site, &far_reports, &audio), "a second stream");
    assert!(call.client_says(&said("call_release")));
    assert!(!arrives(&site, &far_reports, &reports), "too late");
    assert_conserved(&site);
}

#[test]
fn h323_lets_the_gatekeeper_alone_call_a_registered_endpoint() {
    let site = through(r#""h323""#, "[1]");
    give_other_addresses(&site);
    let endpoint = socket(&site.inside, INSIDE_V4, RAS);
    let gatekeeper = socket(&site.outside, OUTSIDE_V4, RAS);
    let target = (INSIDE_V4, SIGNALLING);
    let _called = site.inside.inside(|| TcpListener::bind(target)).expect("a port of its own");
    assert!(hears(&endpoint, &gatekeeper, &said("ras_rrq")));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "not confirmed yet");
    assert!(hears(&gatekeeper, &endpoint, &said("ras_rcf")));
    assert!(!comes(&site, &site.outside, OTHER_OUTSIDE, target), "another host");
    for _ in 0..2 {
        assert!(comes(&site, &site.outside, OUTSIDE_V4, target));
    }
    assert_conserved(&site);
}

#[test]
fn h323_unread_opens_nothing() {
    let site = through(r#""tcp/1720""#, "[1]");
    let mut call = Talk::open(&site, SIGNALLING);
    assert!(call.client_says(&said("call_setup_fast")));
    assert!(call.server_says(&said("call_connect_h245")));
    assert!(!comes(&site, &site.inside, INSIDE_V4, (OUTSIDE_V4, CONTROL)));
    let [audio, _, far_audio, _] = media(&site);
    assert!(!arrives(&site, &far_audio, &audio) && !arrives(&site, &audio, &far_audio));
    assert_conserved(&site);
}
