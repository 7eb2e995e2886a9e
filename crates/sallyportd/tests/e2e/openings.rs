//! What an announcement opens, by hand on both ends of an FTP control connection: one connection of one host to
//! one port, once and soon.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use testkit::netns::{Host, INSIDE_V4, OUTSIDE_V4, Settings, Site};

use super::{SILENCE, SOON, assert_conserved, reasons, site};

const FTP: Settings<'static> = Settings {
    rules: r#"
[[rule]]
name = "files"
from = ["inside"]
to = ["outside"]
service = ["ftp"]
action = "allow"
"#,
    timeouts: "expectation = \"2s\"",
    ..Settings::USUAL
};

/// Other hosts of either side.
const OTHER_INSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
const OTHER_OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 81);

/// The port that is announced: 19 · 256 + 137.
const DATA: u16 = 5001;
const PORT: &str = "PORT 10,77,0,10,19,137\r\n";
const PASSIVE: &str = "227 Entering Passive Mode (10,77,0,80,19,137).\r\n";

/// Both ends of a control connection.
struct Control {
    client: TcpStream,
    server: TcpStream,
}

impl Control {
    fn open(site: &Site) -> Self {
        drop(site.inside.run(&["ip", "addr", "add", "10.77.0.11/24", "dev", "eth0"]).expect_ok());
        drop(site.outside.run(&["ip", "addr", "add", "10.77.0.81/24", "dev", "eth0"]).expect_ok());
        let address = site.outside_address(false, 21);
        let listener =
            site.outside.inside(|| TcpListener::bind(address)).expect("a port of its own");
        let client = site.inside.connect(address, SOON).expect("the connection opens");
        let (server, _) = listener.accept().expect("the connection arrives");
        for end in [&client, &server] {
            end.set_read_timeout(Some(SILENCE)).expect("a timeout above zero");
        }
        let mut control = Self { client, server };
        assert!(control.server_says("220 ready\r\n"));
        control
    }

    /// Whether what the client says is heard.
    fn client_says(&mut self, line: &str) -> bool {
        says(&mut self.client, &mut self.server, line)
    }

    fn server_says(&mut self, line: &str) -> bool {
        says(&mut self.server, &mut self.client, line)
    }

    fn announce_passive(&mut self) {
        assert!(self.client_says("PASV\r\n") && self.server_says(PASSIVE));
    }

    fn announce_active(&mut self) {
        assert!(self.client_says(PORT) && self.server_says("200 ok\r\n"));
    }
}

fn says(from: &mut TcpStream, to: &mut TcpStream, line: &str) -> bool {
    from.write_all(line.as_bytes()).expect("its own end is open");
    let mut heard = vec![0; line.len()];
    let silence = to.read_exact(&mut heard).err().map(|error| error.kind());
    assert!(matches!(silence, None | Some(ErrorKind::WouldBlock)), "{silence:?}");
    heard == line.as_bytes()
}

/// Where data connections are awaited, on ports that are and that are not announced.
fn await_data(host: &Host, address: Ipv4Addr) -> [TcpListener; 2] {
    [DATA, DATA + 1]
        .map(|port| host.inside(|| TcpListener::bind((address, port))).expect("a port of its own"))
}

/// Whether a connection opens; one that does not is dropped by name.
fn comes(site: &Site, from: &Host, source: Ipv4Addr, to: (Ipv4Addr, u16)) -> bool {
    let before = site.ctl().drops(reasons::NO_RULE);
    let opened = from.connect_from(IpAddr::from(source), SocketAddr::from(to), SILENCE);
    match &opened {
        Ok(_) => assert_eq!(site.ctl().drops(reasons::NO_RULE), before),
        Err(_) => {
            assert!(site.ctl().drops(reasons::NO_RULE) > before, "{:?}", site.ctl().all_drops())
        }
    }
    opened.is_ok()
}

#[test]
fn only_the_client_comes_by_a_passive_opening_and_once() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    let _data = await_data(&site.outside, OUTSIDE_V4);
    let target = (OUTSIDE_V4, DATA);
    assert!(!comes(&site, &site.inside, INSIDE_V4, target), "nothing is announced yet");
    control.announce_passive();
    assert!(!comes(&site, &site.inside, OTHER_INSIDE, target), "another host");
    assert!(!comes(&site, &site.inside, INSIDE_V4, (OUTSIDE_V4, DATA + 1)), "another port");
    assert!(comes(&site, &site.inside, INSIDE_V4, target));
    assert!(!comes(&site, &site.inside, INSIDE_V4, target), "a second time");
    assert_conserved(&site);
}

#[test]
fn only_the_server_comes_by_an_active_opening_and_once() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    let _data = await_data(&site.inside, INSIDE_V4);
    let target = (INSIDE_V4, DATA);
    control.announce_active();
    assert!(!comes(&site, &site.outside, OTHER_OUTSIDE, target), "another host");
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, (INSIDE_V4, DATA + 1)), "another port");
    assert!(comes(&site, &site.outside, OUTSIDE_V4, target));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "a second time");
    assert_conserved(&site);
}

#[test]
fn an_opening_closes_with_time_and_with_its_parent() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    let _data = await_data(&site.inside, INSIDE_V4);
    let target = (INSIDE_V4, DATA);
    control.announce_active();
    thread::sleep(Duration::from_millis(2_200));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "too late");
    control.announce_active();
    assert_eq!(site.ctl().json(&["sessions", "clear", "port=21"])["cleared"], 1);
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "its parent has ended");
    assert_conserved(&site);
}

#[test]
fn an_answer_to_no_question_opens_nothing() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    let _data = await_data(&site.outside, OUTSIDE_V4);
    assert!(control.server_says(PASSIVE));
    assert!(!comes(&site, &site.inside, INSIDE_V4, (OUTSIDE_V4, DATA)));
}

#[test]
fn a_bounce_never_reaches_the_server() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    assert!(!control.client_says("PORT 10,77,0,11,19,137\r\n"));
    assert!(site.ctl().drops(reasons::GATEWAY_BOUNCE) > 0, "{:?}", site.ctl().all_drops());
    let _data = await_data(&site.inside, OTHER_INSIDE);
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, (OTHER_INSIDE, DATA)));
    assert_conserved(&site);
}

/// What a web page can have a browser inside send: a form, to port 21.
#[test]
fn a_command_in_an_http_request_opens_nothing() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    let _data = await_data(&site.inside, INSIDE_V4);
    let request = format!("POST / HTTP/1.1\r\nHost: {OUTSIDE_V4}:21\r\n\r\n{PORT}");
    assert!(control.client_says(&request) && control.server_says("200 ok\r\n"));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, (INSIDE_V4, DATA)));
    let labels = [("proto", "ftp"), ("reason", "other_protocol")];
    assert_eq!(site.metrics().sum("sallyport_gateway_remarks_total", &labels), Some(1.0));
    assert_conserved(&site);
}

/// Blanks that would hide a bounce keep it from the server.
#[test]
fn a_command_too_long_to_be_read_never_reaches_the_server() {
    let site = site(&FTP);
    let mut control = Control::open(&site);
    assert!(!control.client_says(&format!("PORT{}10,77,0,11,19,137\r\n", " ".repeat(1_100))));
    assert!(site.ctl().drops(reasons::GATEWAY_OVERLONG) > 0, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}
