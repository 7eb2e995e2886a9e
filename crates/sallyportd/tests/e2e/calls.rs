//! Calls through the box: two user agents (sipp) with audio both ways, and what else an announcement lets in.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, Settings, Site, until};

use super::by_hand::{
    Everybody, Talk, announced_at, arrives, give_other_addresses, hears, socket, started_inside,
};
use super::{SOON, assert_conserved, reasons, site};

/// A caller's side of a call, for sipp.
const CALLER: &str = include_str!("caller.xml");
/// Where the called agent wants its audio, which it sends back.
const ECHO: &str = "40000";
/// Packets of 20 ms that the pause of the scenario has time for, less some that a busy machine delays.
const HEARD: u64 = 15;

/// Expectations end soon enough to be waited for.
const TIMEOUTS: &str = "expectation = \"2s\"";

/// Where inside may start conversations of a service.
fn through(service: &str, workers: &str) -> Site {
    let rules = started_inside("calls", service);
    site(&Settings { workers, timeouts: TIMEOUTS, rules: &rules, ..Settings::USUAL })
}

/// Has an agent inside call one outside. Whether both found their call complete.
fn call(site: &Site, transport: &str, v6: bool) -> bool {
    let folder = site.folder();
    fs::write(folder.join("caller.xml"), CALLER).expect("a scratch folder can be written");
    fs::write(folder.join("audio.raw"), [0x55; 8000]).expect("a scratch folder can be written");
    let [inside, outside] = if v6 {
        [INSIDE_V6, OUTSIDE_V6].map(|address| address.to_string())
    } else {
        [INSIDE_V4, OUTSIDE_V4].map(|address| address.to_string())
    };
    let common = ["-p", "5060", "-m", "1", "-t", transport, "-timeout", "15s", "-nostdin"];

    let mut called = vec!["sipp", "-sn", "uas", "-i", &outside, "-mi", &outside, "-mp", ECHO];
    called.push("-rtp_echo");
    called.extend(common);
    let mut called = site.outside.spawn(&called, &folder.join("called.log"));
    let port = if transport == "u1" { "-u" } else { "-t" };
    until("the called agent listens", SOON, || {
        site.outside.run(&["ss", "-Hln", port, "sport = :5060"]).stdout.contains("5060")
    });

    // The scenario names its audio file relative to where the caller runs.
    let peer = if v6 { format!("[{outside}]:5060") } else { format!("{outside}:5060") };
    let mut caller = vec!["sipp", "-sf", "caller.xml", "-i", &inside, "-mi", &inside];
    caller.extend(["-mp", "30000"]);
    caller.extend(common);
    caller.push(&peer);
    let caller = site.inside.command(&caller).current_dir(folder).output().expect("sipp runs");
    let ended = called.wait_for(SOON * 3);
    caller.status.success() && ended.is_some_and(|status| status.success())
}

#[test_case("u1", false, "[1]"; "over UDP")]
#[test_case("t1", false, "[0, 1]"; "over TCP with two workers")]
#[test_case("u1", true, "[0, 1]"; "over UDP and IPv6 with two workers")]
#[test_case("t1", true, "[1]"; "over TCP and IPv6")]
fn two_agents_hear_each_other(transport: &str, v6: bool, workers: &str) {
    let site = through(r#""sip""#, workers);
    let strangers = site.ctl().drops(reasons::NO_RULE);

    assert!(call(&site, transport, v6), "the call fails");

    let audio = site.ctl().sessions(&["proto=udp", &format!("port={ECHO}")]);
    assert_eq!(audio.len(), 1, "{audio:?}");
    assert_eq!(audio[0].rule, "calls", "by the rule of the call that announced it");
    assert!(audio[0].packets.iter().all(|count| *count >= HEARD), "{audio:?}");
    let announced = announced_at(&site, 5060);
    assert!(announced.iter().any(|session| session.id == audio[0].id), "{announced:?}");
    assert_eq!(site.ctl().drops(reasons::NO_RULE), strangers, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}

#[test_case("u1", false, r#""udp/5060""#; "over UDP")]
#[test_case("t1", false, r#""tcp/5060""#; "over TCP")]
#[test_case("u1", true, r#""udp/5060""#; "over UDP and IPv6")]
fn without_the_gateway_they_talk_and_hear_nothing(transport: &str, v6: bool, service: &str) {
    let site = through(service, "[1]");

    assert!(call(&site, transport, v6), "the call itself succeeds");

    assert_eq!(site.ctl().count(&["proto=udp", &format!("port={ECHO}")]), 0);
    assert!(site.ctl().drops(reasons::NO_RULE) >= HEARD, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}

const INVITE: &str = "INVITE sip:b@b.test SIP/2.0";
const OK: &str = "SIP/2.0 200 OK";

/// A message of a call that describes audio at a port of a host, with more lines of it.
fn message(start: &str, sequence: u8, host: IpAddr, port: u16, more: &str) -> String {
    let family = if host.is_ipv6() { 6 } else { 4 };
    let body = format!(
        "v=0\r\no=- 1 1 IN IP{family} {host}\r\ns=-\r\nc=IN IP{family} {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n{more}"
    );
    format!(
        "{start}\r\nVia: SIP/2.0/UDP {INSIDE_V4}:5060;branch=z9hG4bK1\r\nFrom: <sip:a@{INSIDE_V4}>;tag=1\r\n\
         To: <sip:b@{OUTSIDE_V4}>\r\nCall-ID: 1@{INSIDE_V4}\r\nCSeq: {sequence} INVITE\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Caller and called party, and by what they signal.
enum Signalling {
    Datagrams(UdpSocket, UdpSocket),
    Stream(Talk),
}

impl Signalling {
    /// Between two hosts, all of which have their other addresses too.
    fn begin(site: &Site, v6: bool, over_tcp: bool) -> Self {
        if over_tcp {
            return Self::Stream(Talk::open_over(site, v6, 5060));
        }
        give_other_addresses(site);
        let Everybody { inside, outside, .. } = Everybody::of(v6);
        Self::Datagrams(socket(&site.inside, inside, 5060), socket(&site.outside, outside, 5060))
    }

    /// Whether what the caller says is heard.
    fn caller_says(&mut self, message: &str) -> bool {
        match self {
            Self::Datagrams(caller, called) => hears(caller, called, message.as_bytes()),
            Self::Stream(talk) => talk.client_says(message.as_bytes()),
        }
    }

    fn called_says(&mut self, message: &str) -> bool {
        match self {
            Self::Datagrams(caller, called) => hears(called, caller, message.as_bytes()),
            Self::Stream(talk) => talk.server_says(message.as_bytes()),
        }
    }
}

#[test_case(false, false; "over UDP")]
#[test_case(false, true; "over TCP")]
#[test_case(true, false; "over UDP and IPv6")]
#[test_case(true, true; "over TCP and IPv6")]
fn an_announcement_lets_in_one_connection_of_one_host_in_time(v6: bool, over_tcp: bool) {
    let site = through(r#""sip""#, "[1]");
    let mut call = Signalling::begin(&site, v6, over_tcp);
    let Everybody { inside, outside, other_outside, .. } = Everybody::of(v6);
    let [rtp, rtcp] = [30_000, 30_001].map(|port| socket(&site.inside, inside, port));
    let [one, other, reports, late] =
        [41_000, 41_002, 41_001, 42_000].map(|port| socket(&site.outside, outside, port));
    let stranger = socket(&site.outside, other_outside, 41_000);
    assert!(!arrives(&site, &one, &rtp), "nothing is announced yet");

    let invite = message(INVITE, 1, inside, 30_000, "");
    assert!(call.caller_says(&invite));

    assert!(!arrives(&site, &stranger, &rtp), "a third host");
    assert!(arrives(&site, &one, &rtp), "the called host, from any port");
    assert!(arrives(&site, &rtp, &one), "and back");
    assert!(!arrives(&site, &other, &rtp), "a second connection to the same port");
    assert!(arrives(&site, &reports, &rtcp), "the reports beside it");

    let answer = message(OK, 1, outside, 42_000, "");
    assert!(call.called_says(&answer));
    thread::sleep(Duration::from_millis(2200));
    assert!(!arrives(&site, &rtp, &late), "one that comes too late");
    assert_conserved(&site);
}

/// Early media, media and reports on one port, a move, a hold, and the end of it.
#[test]
fn a_call_s_media_follow_what_is_agreed() {
    let site = through(r#""sip""#, "[0, 1]");
    let [caller, rtp, moved] =
        [5060, 30_000, 32_000].map(|port| socket(&site.inside, INSIDE_V4, port));
    let [called, far, taken_up] =
        [5060, 41_000, 44_000].map(|port| socket(&site.outside, OUTSIDE_V4, port));
    let [inside, outside] = [INSIDE_V4, OUTSIDE_V4].map(IpAddr::from);
    let mux = "a=rtcp-mux\r\n";
    assert!(hears(&caller, &called, message(INVITE, 1, inside, 30_000, mux).as_bytes()));
    let ringing = message("SIP/2.0 183 Session Progress", 1, outside, 41_000, mux);
    assert!(hears(&called, &caller, ringing.as_bytes()));
    assert!(arrives(&site, &far, &rtp) && arrives(&site, &rtp, &far), "early media");
    assert!(hears(&called, &caller, message(OK, 1, outside, 41_000, mux).as_bytes()));

    assert!(!arrives(&site, &far, &moved), "nothing is said of this port yet");
    assert!(hears(&caller, &called, message(INVITE, 2, inside, 32_000, mux).as_bytes()));
    assert!(hears(&called, &caller, message(OK, 2, outside, 41_000, mux).as_bytes()));
    assert!(arrives(&site, &far, &moved) && arrives(&site, &moved, &far), "moved");

    // On hold as RFC 2543 wrote it, and as RFC 3264 §8.4 does; the answer takes part in it.
    let nowhere = IpAddr::from([0, 0, 0, 0]);
    let hold = message(INVITE, 3, nowhere, 41_000, "a=sendonly\r\na=rtcp-mux\r\n");
    assert!(hears(&called, &caller, hold.as_bytes()));
    let held = message(OK, 3, inside, 32_000, "a=recvonly\r\na=rtcp-mux\r\n");
    assert!(hears(&caller, &called, held.as_bytes()));
    assert!(!arrives(&site, &moved, &taken_up), "nothing is said of this port yet");
    assert!(hears(&called, &caller, message(INVITE, 4, outside, 44_000, mux).as_bytes()));
    assert!(hears(&caller, &called, message(OK, 4, inside, 32_000, mux).as_bytes()));
    assert!(arrives(&site, &moved, &taken_up) && arrives(&site, &taken_up, &moved), "taken up");
    assert_conserved(&site);
}
