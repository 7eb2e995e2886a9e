//! FTP and TFTP of other people's programs through the box: their data connections pass because the control
//! conversation announced them.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::answers::{LogEvent, events};
use testkit::netns::{Done, FileServer, OUTSIDE_V4, OUTSIDE_V6, Settings, Site, within};

use super::by_hand::{
    Everybody, announced_at, arrives, give_other_addresses, hears, socket, started_inside,
};
use super::peers::{assert_nothing_dropped, assert_only_overtaken_handshakes_dropped};
use super::{SOON, assert_conserved, reasons, site};

/// Inside may fetch and bring files, and nothing else.
const FILES: Settings<'static> = Settings {
    rules: r#"
[[rule]]
name = "files"
from = ["inside"]
to = ["outside"]
service = ["ftp", "tftp"]
action = "allow"
log = "both"
"#,
    ..Settings::USUAL
};

/// The same hosts and ports, and nobody reads.
const UNREAD: Settings<'static> = Settings {
    rules: r#"
[[rule]]
name = "ports"
from = ["inside"]
to = ["outside"]
service = ["tcp/21", "udp/69"]
action = "allow"
"#,
    ..Settings::USUAL
};

/// How curl asks for the data connection.
const EPSV: &[&str] = &[];
const PASV: &[&str] = &["--disable-epsv"];
const EPRT: &[&str] = &["--ftp-port", "-"];
const PORT: &[&str] = &["--ftp-port", "-", "--disable-eprt"];

/// Octets of which no stretch is like another.
fn content(octets: u32) -> Vec<u8> {
    (0..octets / 4).flat_map(|word| word.wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
}

fn outside(v6: bool) -> IpAddr {
    if v6 { OUTSIDE_V6.into() } else { OUTSIDE_V4.into() }
}

fn url(scheme: &str, v6: bool, path: &str) -> String {
    if v6 {
        format!("{scheme}://[{OUTSIDE_V6}]/{path}")
    } else {
        format!("{scheme}://{OUTSIDE_V4}/{path}")
    }
}

fn curl(site: &Site, words: &[&str]) -> Done {
    let always = ["curl", "-sS", "--noproxy", "*"];
    site.inside.run(&[&always, words].concat())
}

/// A file of the client's.
fn own(site: &Site, name: &str) -> PathBuf {
    site.folder().join(name)
}

/// Fetches a file of a server's by curl, and compares.
fn fetch(site: &Site, how: &[&str], url: &str, expected: &[u8]) {
    let file = own(site, "fetched");
    let path = file.display().to_string();
    let words = [how, &["-m", "50", "-o", &path, url]].concat();
    drop(curl(site, &words).expect_ok());
    let fetched = fs::read(&file).expect("curl has written it");
    assert!(fetched == expected, "{words:?}: {} of {} octets", fetched.len(), expected.len());
}

/// Brings a file to a server by curl, and compares.
fn bring(site: &Site, server: &FileServer, how: &[&str], url: &str, sent: &[u8]) {
    let file = own(site, "brought");
    fs::write(&file, sent).expect("a scratch folder can be written");
    let path = file.display().to_string();
    let words = [how, &["-m", "50", "-T", &path, url]].concat();
    drop(curl(site, &words).expect_ok());
    let name = url.rsplit('/').next().expect("a path");
    assert!(server.received(name, sent.len()).as_deref() == Some(sent), "{words:?}");
}

fn claimed(site: &Site, protocol: &str) -> Option<f64> {
    site.metrics().sum("sallyport_expectations_claimed_total", &[("proto", protocol)])
}

#[test_case(false, &[EPSV, PASV, EPRT, PORT]; "over IPv4")]
#[test_case(true, &[EPSV, EPRT]; "over IPv6")]
fn a_transfer_passes_in_every_way_of_asking_for_it(v6: bool, ways: &[&[&str]]) {
    let site = site(&FILES);
    let server = site.outside.serve_ftp();
    let small = content(100_000);
    server.offer("small", &small);
    for (number, how) in ways.iter().enumerate() {
        let created = site.ctl().created("tcp");
        fetch(&site, how, &url("ftp", v6, "get/small"), &small);
        bring(&site, &server, how, &url("ftp", v6, &format!("put/{number}")), &small);
        assert_eq!(site.ctl().created("tcp") - created, 4, "two connections a transfer, {how:?}");
    }
    let ways = u8::try_from(ways.len()).expect("a few");
    assert_eq!(claimed(&site, "ftp"), Some(2.0 * f64::from(ways)));
    assert_nothing_dropped(&site);
}

#[test]
fn one_control_connection_serves_many_transfers() {
    let site = site(&FILES);
    fetch_many(&site, 40);
    assert_eq!(announced_at(&site, 21).len(), 80);
    assert_nothing_dropped(&site);
}

/// Wherever a data connection lands, it passes at first try, by whichever worker its announcement was read: not one frame
/// is dropped, and there are as many connections as announcements.
#[test]
fn data_connections_pass_at_first_try_by_either_worker() {
    const EACH: u32 = 500;
    let site = site(&Settings { workers: "[0, 1]", ..FILES });
    let before = site.ctl().all_drops();
    fetch_many(&site, EACH);
    assert_eq!(site.ctl().all_drops(), before);
    assert_eq!(site.ctl().created("tcp"), u64::from(2 * EACH) + 2);
    let published =
        site.metrics().sum("sallyport_expectations_published_total", &[("proto", "ftp")]);
    assert_eq!(published, claimed(&site, "ftp"), "none was announced for nothing");
    let [here, elsewhere] = children_by_place(&site, 2 * EACH);
    assert!(here.min(elsewhere) >= EACH / 2, "{here} at their parent's worker, {elsewhere} not");
    assert_conserved(&site);
}

/// Of so many announced sessions in the log, how many are at their parent's worker, and how many at another.
fn children_by_place(site: &Site, many: u32) -> [u32; 2] {
    let is_child = |event: &LogEvent| event.event == "session_start" && event.parent.is_some();
    let logged = within(SOON, || {
        let mut logged = events(&site.daemon.log());
        logged.retain(is_child);
        (logged.len() >= many as usize).then_some(logged)
    });
    let mut places = [0; 2];
    for child in logged.expect("all of them are logged") {
        let parent = child.parent.expect("a child");
        let is_elsewhere = parent.split('-').next() != Some(&child.worker.to_string());
        places[usize::from(is_elsewhere)] += 1;
    }
    assert_eq!(places.iter().sum::<u32>(), many);
    places
}

/// Fetches a file so many times over one control connection of each family, by turns actively and passively.
pub(crate) fn fetch_many(site: &Site, transfers: u32) {
    const SCRIPT: &str = "
import ftplib, sys
ftp = ftplib.FTP(sys.argv[1], timeout=9)
ftp.login()
for number in range(int(sys.argv[2])):
    ftp.set_pasv(number % 2 == 0)
    got = []
    ftp.retrbinary('RETR get/line', got.append)
    assert b''.join(got) == b'one line\\n', got
print(ftp.quit())
";
    let server = site.outside.serve_ftp();
    server.offer("line", b"one line\n");
    for (number, v6) in [(1, false), (2, true)] {
        let words = ["python3", "-c", SCRIPT, &outside(v6).to_string(), &transfers.to_string()];
        let said = site.inside.run(&words).expect_ok();
        assert!(said.starts_with("221"), "{said}");
        assert_eq!(claimed(site, "ftp"), Some(f64::from(transfers * number)));
    }
}

#[test_case(false, "[1]", assert_nothing_dropped; "over IPv4")]
#[test_case(true, "[0, 1]", assert_only_overtaken_handshakes_dropped; "over IPv6 with two workers")]
fn large_files_pass_both_ways(v6: bool, workers: &str, assert_passed: fn(&Site)) {
    let site = site(&Settings { workers, ..FILES });
    let server = site.outside.serve_ftp();
    let large = content(20 << 20);
    server.offer("large", &large);
    fetch(&site, EPSV, &url("ftp", v6, "get/large"), &large);
    bring(&site, &server, EPRT, &url("ftp", v6, "put/large"), &large);
    assert_passed(&site);
}

/// lftp fetches four files at once, by as many control connections, and brings four.
#[test_case("on", false; "passive over IPv4")]
#[test_case("off", false; "active over IPv4")]
#[test_case("on", true; "passive over IPv6")]
#[test_case("off", true; "active over IPv6")]
fn a_client_that_opens_many_connections_is_served(passive: &str, v6: bool) {
    let site = site(&Settings { workers: "[0, 1]", ..FILES });
    let server = site.outside.serve_ftp();
    let some = content(4 << 20);
    let names = ["part-0", "part-1", "part-2", "part-3"];
    for name in names {
        server.offer(name, &some);
    }
    let script = format!(
        "set ftp:passive-mode {passive}; set ftp:proxy ''; set ftp:ssl-allow no; set net:timeout 5; set net:max-retries 2; \
         lcd {}; open {}; mget -P 4 get/part-*; cd put; mput -P 4 part-*",
        site.folder().display(),
        url("ftp", v6, "")
    );
    drop(site.inside.run(&["lftp", "-c", &script]).expect_ok());
    for name in names {
        assert!(fs::read(own(&site, name)).expect("lftp has written it") == some, "{name}");
        assert!(server.received(name, some.len()).as_deref() == Some(&some), "{name}");
    }
    assert!(claimed(&site, "ftp") >= Some(8.0), "{:?}", claimed(&site, "ftp"));
    assert_only_overtaken_handshakes_dropped(&site);
}

/// Where a port is opened only when the server has agreed to it, a transfer that was broken off does not keep the next
/// one from passing.
#[test]
fn a_strict_reading_follows_a_client_that_aborts() {
    const SCRIPT: &str = "
import ftplib, sys
ftp = ftplib.FTP(sys.argv[1], timeout=9)
ftp.login()
ftp.set_pasv(False)
for _ in range(3):
    data = ftp.transfercmd('RETR get/large')
    data.recv(100)
    data.close()
    said = [ftp.abort(), ftp.getmultiline()]
    assert said[0][:3] == '426' and said[1][:3] in ('225', '226'), said
    got = []
    ftp.retrbinary('RETR get/line', got.append)
    assert b''.join(got) == b'one line\\n', got
print(ftp.quit())
";
    let rules = format!(
        "[services]\nstrictly = {{ items = [\"tcp/21\"], gateway = \"ftp\", strict = true }}\n{}",
        started_inside("files", "\"strictly\"")
    );
    let site = site(&Settings { rules: &rules, ..Settings::USUAL });
    let server = site.outside.serve_ftp();
    server.offer("large", &content(20 << 20));
    server.offer("line", b"one line\n");
    let words = ["python3", "-c", SCRIPT, &OUTSIDE_V4.to_string()];
    let said = site.inside.run(&words).expect_ok();
    assert!(said.starts_with("221"), "{said}");
    assert_eq!(claimed(&site, "ftp"), Some(6.0));
    assert_conserved(&site);
}

#[test]
fn several_transfers_run_at_once() {
    let site = site(&FILES);
    let server = site.outside.serve_ftp();
    let some = content(1 << 20);
    server.offer("some", &some);
    let mut clients = Vec::new();
    for number in 0..8 {
        let how = [EPSV, PASV, EPRT, PORT][number % 4];
        let file = own(&site, &format!("fetched-{number}"));
        let path = file.display().to_string();
        let from = url("ftp", number >= 4 && number % 2 == 0, "get/some");
        let words =
            [&["curl", "-sS", "-m", "50", "--noproxy", "*", "-o", &path], how, &[&from]].concat();
        clients.push((site.inside.spawn(&words, &own(&site, &format!("log-{number}"))), file));
    }
    for (client, file) in &mut clients {
        let ended = client.wait_for(SOON * 20).map(|status| status.success());
        assert_eq!(ended, Some(true), "{file:?}");
        assert!(fs::read(&file).unwrap() == some, "{file:?}");
    }
    assert_eq!(claimed(&site, "ftp"), Some(8.0));
    assert_nothing_dropped(&site);
}

/// For longer than anything is expected a file is on its way, and nothing is said on the control connection.
#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn a_transfer_may_take_long(v6: bool) {
    let site = site(&Settings { timeouts: "expectation = \"1s\"", ..FILES });
    let server = site.outside.serve_ftp();
    let some = content(400_000);
    server.offer("some", &some);
    for how in [EPSV, EPRT] {
        let slowly = [how, &["--limit-rate", "200K"]].concat();
        fetch(&site, &slowly, &url("ftp", v6, "get/some"), &some);
    }
    assert_nothing_dropped(&site);
}

#[test_case("ftp", false, EPSV; "passive")]
#[test_case("ftp", false, EPRT; "active")]
#[test_case("ftp", true, EPSV; "passive over IPv6")]
#[test_case("ftp", true, EPRT; "active over IPv6")]
#[test_case("tftp", false, &[]; "of TFTP")]
#[test_case("tftp", true, &[]; "of TFTP over IPv6")]
fn unread_the_data_is_dropped_by_name(scheme: &str, v6: bool, how: &[&str]) {
    let site = site(&UNREAD);
    let server = match scheme {
        "ftp" => site.outside.serve_ftp(),
        _ => site.outside.serve_tftp(outside(v6)),
    };
    server.offer("small", b"small");
    let file = own(&site, "fetched").display().to_string();
    let from = url(scheme, v6, "get/small");
    let got = curl(&site, &[how, &["-m", "2", "-o", &file, &from]].concat());
    assert!(!got.ok(), "{got:?}");
    let dropped = site.ctl().all_drops();
    assert!(dropped.get(reasons::NO_RULE) > Some(&0), "{dropped:?}");
    assert!(site.ctl().hits("ports") >= 1);
    assert_conserved(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn tftp_passes_both_ways(v6: bool) {
    let site = site(&FILES);
    let server = site.outside.serve_tftp(outside(v6));
    let some = content(100_000);
    server.offer("some", &some);
    fetch(&site, &[], &url("tftp", v6, "get/some"), &some);
    bring(&site, &server, &[], &url("tftp", v6, "put/some"), &some);
    let file = own(&site, "fetched-otherwise");
    let words = ["tftp", "-m", "binary", &outside(v6).to_string(), "-c", "get", "get/some"];
    drop(site.inside.run(&[&words[..], &[&file.display().to_string()]].concat()).expect_ok());
    assert!(fs::read(&file).expect("the client has written it") == some);
    assert_eq!(claimed(&site, "tftp"), Some(3.0));
    assert_eq!(announced_at(&site, 69).len(), 3);
    assert_nothing_dropped(&site);
}

/// The server answers each request from a port of its own: half of the transfers are another worker's than the request.
#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn tftp_passes_by_either_worker(v6: bool) {
    const EACH: u32 = 40;
    let site = site(&Settings { workers: "[0, 1]", ..FILES });
    let server = site.outside.serve_tftp(outside(v6));
    let some = content(10_000);
    for number in 1..=EACH {
        server.offer(&format!("some-{number}"), &some);
    }
    let before = site.ctl().all_drops();
    let path = own(&site, "fetched-#1").display().to_string();
    let many = url("tftp", v6, &format!("get/some-[1-{EACH}]"));
    drop(curl(&site, &["-m", "50", "-o", &path, &many]).expect_ok());
    for number in 1..=EACH {
        assert!(fs::read(own(&site, &format!("fetched-{number}"))).expect("fetched") == some);
    }
    bring(&site, &server, &[], &url("tftp", v6, "put/some"), &some);
    assert_eq!(site.ctl().all_drops(), before);
    assert_eq!(claimed(&site, "tftp"), Some(f64::from(EACH + 1)));
    let [here, elsewhere] = children_by_place(&site, EACH + 1);
    assert!(here > 0 && elsewhere > 0, "{here} at their parent's worker, {elsewhere} not");
    assert_conserved(&site);
}

/// What a request of TFTP lets in: the server that was asked, from one port, soon.
#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn only_the_server_answers_a_tftp_request(v6: bool) {
    let site = site(&Settings { timeouts: "expectation = \"2s\"", ..FILES });
    give_other_addresses(&site);
    let Everybody { inside, outside, other_outside, .. } = Everybody::of(v6);
    let [first, second] = [40_000, 40_001].map(|port| socket(&site.inside, inside, port));
    let server = socket(&site.outside, outside, 69);
    let [one, other] = [50_000, 50_001].map(|port| socket(&site.outside, outside, port));
    let stranger = socket(&site.outside, other_outside, 50_000);
    assert!(!arrives(&site, &one, &first), "nothing is announced yet");
    let request = b"\0\x01name\0octet\0";
    assert!(hears(&first, &server, request));
    assert!(!arrives(&site, &stranger, &first), "another host");
    assert!(!arrives(&site, &one, &second), "another port");
    assert!(arrives(&site, &one, &first));
    assert!(arrives(&site, &first, &one), "and back");
    assert!(!arrives(&site, &other, &first), "a second connection");
    assert!(hears(&second, &server, request));
    thread::sleep(Duration::from_millis(2_200));
    assert!(!arrives(&site, &one, &second), "too late");
    assert_conserved(&site);
}
