//! What an announcement opens, by hand on both ends of an FTP control connection: one connection of one host to
//! one port, once and soon.

use std::net::{IpAddr, TcpListener};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{Host, INSIDE_V4, OUTSIDE_V4, Settings, Site};

use super::by_hand::{Everybody, OTHER_INSIDE, Talk, announced_at, comes};
use super::{assert_conserved, reasons, site};

const FTP: Settings<'static> = Settings {
    rules: r#"
[[rule]]
name = "files"
from = ["inside"]
to = ["outside"]
service = ["ftp"]
action = "allow"
log = "both"
"#,
    timeouts: "expectation = \"2s\"",
    ..Settings::USUAL
};

/// The port that is announced: 19 · 256 + 137.
const DATA: u16 = 5001;
const PORT: &str = "PORT 10,77,0,10,19,137\r\n";
const PASSIVE: &str = "227 Entering Passive Mode (10,77,0,80,19,137).\r\n";
const EPRT: &str = "EPRT |2|fd77::10|5001|\r\n";
const EXTENDED: &str = "229 Entering Extended Passive Mode (|||5001|)\r\n";

/// Both ends of a control connection, greeted.
struct Control {
    talk: Talk,
    v6: bool,
}

impl Control {
    fn open(site: &Site) -> Self {
        Self::open_over(site, false)
    }

    fn open_over(site: &Site, v6: bool) -> Self {
        let mut control = Self { talk: Talk::open_over(site, v6, 21), v6 };
        assert!(control.server_says("220 ready\r\n"));
        control
    }

    /// Whether what the client says is heard.
    fn client_says(&mut self, line: &str) -> bool {
        self.talk.client_says(line.as_bytes())
    }

    fn server_says(&mut self, line: &str) -> bool {
        self.talk.server_says(line.as_bytes())
    }

    fn announce_passive(&mut self) {
        let (question, answer) =
            if self.v6 { ("EPSV\r\n", EXTENDED) } else { ("PASV\r\n", PASSIVE) };
        assert!(self.client_says(question) && self.server_says(answer));
    }

    fn announce_active(&mut self) {
        let command = if self.v6 { EPRT } else { PORT };
        assert!(self.client_says(command) && self.server_says("200 ok\r\n"));
    }
}

/// Where data connections are awaited, on ports that are and that are not announced.
fn await_data(host: &Host, address: impl Into<IpAddr>) -> [TcpListener; 2] {
    let address = address.into();
    [DATA, DATA + 1]
        .map(|port| host.inside(|| TcpListener::bind((address, port))).expect("a port of its own"))
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn only_the_client_comes_by_a_passive_opening_and_once(v6: bool) {
    let site = site(&FTP);
    let Everybody { inside, outside, other_inside, .. } = Everybody::of(v6);
    let mut control = Control::open_over(&site, v6);
    let _data = await_data(&site.outside, outside);
    let target = (outside, DATA);
    assert!(!comes(&site, &site.inside, inside, target), "nothing is announced yet");
    control.announce_passive();
    assert!(!comes(&site, &site.inside, other_inside, target), "another host");
    assert!(!comes(&site, &site.inside, inside, (outside, DATA + 1)), "another port");
    assert!(comes(&site, &site.inside, inside, target));
    assert!(!comes(&site, &site.inside, inside, target), "a second time");
    assert_eq!(announced_at(&site, 21).len(), 1);
    assert_conserved(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn only_the_server_comes_by_an_active_opening_and_once(v6: bool) {
    let site = site(&FTP);
    let Everybody { inside, outside, other_outside, .. } = Everybody::of(v6);
    let mut control = Control::open_over(&site, v6);
    let _data = await_data(&site.inside, inside);
    let target = (inside, DATA);
    assert!(!comes(&site, &site.outside, outside, target), "nothing is announced yet");
    control.announce_active();
    assert!(!comes(&site, &site.outside, other_outside, target), "another host");
    assert!(!comes(&site, &site.outside, outside, (inside, DATA + 1)), "another port");
    assert!(comes(&site, &site.outside, outside, target));
    assert!(!comes(&site, &site.outside, outside, target), "a second time");
    assert_eq!(announced_at(&site, 21).len(), 1);
    assert_conserved(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn an_opening_closes_with_time_and_with_its_parent(v6: bool) {
    let site = site(&FTP);
    let Everybody { inside, outside, .. } = Everybody::of(v6);
    let mut control = Control::open_over(&site, v6);
    let _data = [await_data(&site.inside, inside), await_data(&site.outside, outside)];
    let active = || comes(&site, &site.outside, outside, (inside, DATA));
    let passive = || comes(&site, &site.inside, inside, (outside, DATA));
    control.announce_passive();
    thread::sleep(Duration::from_millis(2_200));
    assert!(!passive(), "too late");
    control.announce_active();
    thread::sleep(Duration::from_millis(2_200));
    assert!(!active(), "too late");
    control.announce_active();
    assert_eq!(site.ctl().json(&["sessions", "clear", "port=21"])["cleared"], 1);
    assert!(!active(), "its parent has ended");
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
