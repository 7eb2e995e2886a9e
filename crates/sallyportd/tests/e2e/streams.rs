//! A stream through the box: Debian's rtsp-server-perl outside, which relays what a source there sends it, and a
//! client inside.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{Host, INSIDE_V4, OUTSIDE_V4, Process, Settings, Site, until};

use super::by_hand::{
    Everybody, OTHER_OUTSIDE, Talk, announced_at, arrives, give_other_addresses, socket,
    started_inside,
};
use super::{SOON, assert_conserved, reasons, site};

const CLIENTS: SocketAddr = SocketAddr::new(IpAddr::V4(OUTSIDE_V4), 554);
const SOURCES: SocketAddr = SocketAddr::new(IpAddr::V4(OUTSIDE_V4), 5545);
/// The first of the pair where the client wants to receive.
const WANTED: u16 = 30_000;

/// Where inside may start conversations of a service.
fn through(service: &str, workers: &str) -> Site {
    let rules = started_inside("streams", service);
    site(&Settings { workers, rules: &rules, ..Settings::USUAL })
}

/// One side of an RTSP conversation that asks.
struct Asking {
    connection: TcpStream,
    sequence: u32,
}

impl Asking {
    fn connect(host: &Host, server: SocketAddr) -> Self {
        let connection = host.connect(server, SOON).expect("the server is reached");
        connection.set_read_timeout(Some(SOON)).expect("a timeout above zero");
        Self { connection, sequence: 0 }
    }

    /// The head of the answer to a request about the one stream there is.
    fn ask(&mut self, method: &str, fields: &str, body: &str) -> String {
        self.sequence += 1;
        let Self { connection, sequence } = self;
        // The server takes a SETUP for one stream, and all else for the whole; it waits for an empty body.
        let stream = if method == "SETUP" { "/streamid=0" } else { "" };
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        let request = format!(
            "{method} rtsp://{OUTSIDE_V4}/live{stream} RTSP/1.0\r\nCSeq: {sequence}\r\n{fields}{length}\r\n{body}"
        );
        connection.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            connection.read_exact(&mut octet).expect("an answer");
            answer.extend(octet);
        }
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("RTSP/1.0 200 "), "{method}: {answer}");
        answer
    }
}

/// Starts the server and a source that sends it audio, until it is told to stop.
fn serve(site: &Site) -> (Process, Asking, thread::JoinHandle<()>) {
    let host = &site.outside;
    let server = host.spawn(&["rtsp-server-perl"], &site.folder().join("rtsp.log"));
    until("the server listens", SOON * 5, || host.reaches(CLIENTS) && host.reaches(SOURCES));
    let mut source = Asking::connect(host, SOURCES);
    let description = format!(
        "v=0\r\no=- 1 1 IN IP4 {OUTSIDE_V4}\r\ns=-\r\nc=IN IP4 {OUTSIDE_V4}\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:streamid=0\r\n"
    );
    source.ask("ANNOUNCE", "Content-Type: application/sdp\r\n", &description);
    let answer = source.ask("SETUP", "Transport: RTP/AVP/UDP;unicast;mode=record\r\n", "");
    let ports = answer.split("server_port=").nth(1).expect("ports");
    let port = ports.split('-').next().and_then(|port| port.parse().ok()).expect("a port");
    source.ask("RECORD", "", "");
    let audio = socket(host, OUTSIDE_V4, 0);
    let sender = thread::spawn(move || {
        let mut packet = [0; 172];
        packet[0] = 0x80;
        for sequence in 0..200_u16 {
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            audio.send_to(&packet, (OUTSIDE_V4, port)).expect("sent");
            thread::sleep(Duration::from_millis(20));
        }
    });
    (server, source, sender)
}

/// Sets a stream up and has it played; the server's first port.
fn play(client: &mut Asking) -> u16 {
    let transport = format!("Transport: RTP/AVP;unicast;client_port={WANTED}-{}\r\n", WANTED + 1);
    let answer = client.ask("SETUP", &transport, "");
    client.ask("PLAY", "", "");
    let ports = answer.split("server_port=").nth(1).expect("ports");
    ports.split('-').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// RTP packets that arrive, of ten.
fn heard(audio: &UdpSocket) -> usize {
    (0..10).map_while(|_| audio.recv_from(&mut [0; 2000]).ok()).count()
}

#[test_case("[1]"; "with one worker")]
#[test_case("[0, 1]"; "with two workers")]
fn a_client_inside_hears_the_stream(workers: &str) {
    let site = through(r#""rtsp""#, workers);
    let (_server, _source, sender) = serve(&site);
    let [audio, reports] = [WANTED, WANTED + 1].map(|port| socket(&site.inside, INSIDE_V4, port));
    give_other_addresses(&site);
    let stranger = socket(&site.outside, OTHER_OUTSIDE, 45_000);
    let mut client = Asking::connect(&site.inside, CLIENTS);

    let port = play(&mut client);

    assert_eq!(heard(&audio), 10);
    let sessions = site.ctl().sessions(&["proto=udp", &format!("port={WANTED}")]);
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!((sessions[0].source.as_str(), sessions[0].rule.as_str()), ("10.77.0.80", "streams"));
    // The client's reports go to the server, and so back from it.
    reports.send_to(b"report", (OUTSIDE_V4, port + 1)).expect("sent");
    until("the report passes", SOON, || {
        site.ctl().count(&["proto=udp", &format!("port={}", port + 1)]) == 1
    });
    assert_eq!(announced_at(&site, 554).len(), 2);
    // Nobody else comes in by what was announced, and the server itself only from the port that it said.
    let before = site.ctl().drops(reasons::NO_RULE);
    let other = socket(&site.outside, OUTSIDE_V4, 45_000);
    for intruder in [&stranger, &other] {
        intruder.send_to(b"noise", (INSIDE_V4, WANTED)).expect("sent");
        intruder.send_to(b"noise", (INSIDE_V4, WANTED + 1)).expect("sent");
    }
    until("they are dropped", SOON, || site.ctl().drops(reasons::NO_RULE) == before + 4);
    sender.join().expect("the source ends");
    assert_conserved(&site);
}

#[test]
fn without_the_gateway_it_is_set_up_and_not_heard() {
    let site = through(r#""tcp/554""#, "[1]");
    let (_server, _source, sender) = serve(&site);
    let audio = socket(&site.inside, INSIDE_V4, WANTED);
    let mut client = Asking::connect(&site.inside, CLIENTS);

    play(&mut client);

    assert_eq!(heard(&audio), 0);
    assert!(site.ctl().drops(reasons::NO_RULE) > 0, "{:?}", site.ctl().all_drops());
    sender.join().expect("the source ends");
    assert_conserved(&site);
}

/// By hand, since Debian's server speaks IPv4 alone. The server may say for how long it keeps a stream that nobody uses,
/// and which ports it sends from, or does not say it.
#[test_case(false, "[1]", ";server_port=40000-40001"; "over IPv4")]
#[test_case(true, "[1]", ";server_port=40000-40001"; "over IPv6")]
#[test_case(false, "[0, 1]", ""; "over IPv4 with two workers, from any port")]
#[test_case(true, "[0, 1]", ""; "over IPv6 with two workers, from any port")]
fn a_setup_lets_in_one_stream_of_one_host_in_time(v6: bool, workers: &str, from: &str) {
    let site = through(r#""rtsp""#, workers);
    let Everybody { inside, outside, other_outside, .. } = Everybody::of(v6);
    let mut talk = Talk::open_over(&site, v6, 554);
    let [media, reports] = [WANTED, WANTED + 1].map(|port| socket(&site.inside, inside, port));
    let [one, late] = [40_000, 40_001].map(|port| socket(&site.outside, outside, port));
    let second = socket(&site.outside, outside, 40_002);
    let stranger = socket(&site.outside, other_outside, 40_000);
    assert!(!arrives(&site, &one, &media), "nothing is announced yet");
    assert!(sets_up(&mut talk, from));
    assert!(!arrives(&site, &stranger, &media), "another host");
    for _ in 0..20 {
        assert!(arrives(&site, &one, &media));
    }
    assert!(arrives(&site, &media, &one), "and back");
    assert!(!arrives(&site, &second, &media), "a second stream");
    assert_eq!(announced_at(&site, 554).len(), 1);
    thread::sleep(Duration::from_millis(2_200));
    assert!(!arrives(&site, &late, &reports), "too late");
    assert_conserved(&site);
}

/// Whether the client's SETUP is heard, and the server's answer with what it adds to the transport.
fn sets_up(talk: &mut Talk, more: &str) -> bool {
    let transport = format!("Transport: RTP/AVP;unicast;client_port={WANTED}-{}", WANTED + 1);
    let asked = format!("SETUP rtsp://server/x RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n\r\n");
    let answer =
        format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 7;timeout=2\r\n{transport}{more}\r\n\r\n");
    talk.client_says(asked.as_bytes()) && talk.server_says(answer.as_bytes())
}

#[test]
fn unread_a_setup_over_ipv6_opens_nothing() {
    let site = through(r#""tcp/554""#, "[1]");
    let Everybody { inside, outside, .. } = Everybody::of(true);
    let mut talk = Talk::open_over(&site, true, 554);
    let media = socket(&site.inside, inside, WANTED);
    let server = socket(&site.outside, outside, 40_000);
    assert!(sets_up(&mut talk, ";server_port=40000-40001"));
    assert!(!arrives(&site, &server, &media) && !arrives(&site, &media, &server));
    assert_conserved(&site);
}
