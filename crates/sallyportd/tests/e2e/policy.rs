//! Rules: the first match decides, reject tells the sender, reload changes them under traffic.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::signal::Signal;
use test_case::test_case;
use testkit::netns::{INSIDE_V4, INSIDE_V6, OUTSIDE_V4, RawSocket, Settings, until};
use testkit::packet::seen::Above;

use super::{SOON, assert_conserved, reasons, site, usual};

const REJECTING: Settings<'static> = Settings {
    rules: r#"
[[rule]]
name = "first"
from = ["inside"]
to = ["outside"]
service = ["tcp/22", "udp/999"]
action = "reject"

[[rule]]
name = "second"
from = ["inside"]
to = ["outside"]
action = "allow"
"#,
    ..Settings::USUAL
};

/// The same with a rule that lets outside reach a web server inside.
const OPENED: Settings<'static> = Settings {
    rules: r#"
[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
service = ["http", "dns", "ntp", "ping", "udp/5000-5010", "tcp/8080"]
action = "allow"

[[rule]]
name = "web-in"
from = ["outside"]
to = ["inside"]
service = ["http"]
action = "allow"
"#,
    ..Settings::USUAL
};

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn a_rejected_connection_is_refused_at_once(v6: bool) {
    let site = site(&REJECTING);
    let before = site.ctl().rejects(reasons::RULE_REJECT);
    let target = site.outside_address(v6, 22);
    let error =
        site.inside.connect(target, Duration::from_millis(800)).expect_err("a rule rejects it");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "a reset, at once: {error}");
    assert_eq!(site.ctl().rejects(reasons::RULE_REJECT) - before, 1);
    assert_eq!((site.ctl().hits("first"), site.ctl().hits("second")), (1, 0));
    assert_conserved(&site);
}

#[test_case(false, 3, 13; "over IPv4")]
#[test_case(true, 1, 1; "over IPv6")]
fn a_rejected_datagram_is_answered_by_icmp(v6: bool, kind: u8, code: u8) {
    let site = site(&REJECTING);
    let source =
        if v6 { SocketAddr::from((INSIDE_V6, 6000)) } else { SocketAddr::from((INSIDE_V4, 6000)) };
    let listener = RawSocket::open(&site.inside, "eth0");
    let udp = site.inside.udp(source, site.outside_address(v6, 999), SOON);
    udp.send(b"anyone?").expect("the inside host sends it");
    let answer = listener
        .hear(Duration::from_millis(800), |seen| {
            matches!(seen.above, Above::Icmp { kind: k, code: c, .. } if (k, c) == (kind, code))
        })
        .expect("an error, at once");
    assert_eq!(answer.destination, source.ip());
    let quoted = answer.quoted().expect("it quotes the datagram");
    assert_eq!((quoted.source_port, quoted.destination_port), (6000, 999));
    assert_conserved(&site);
}

#[test]
fn a_good_reload_is_in_force_at_once_and_keeps_counters() {
    let site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    let web = SocketAddr::from((INSIDE_V4, 80));
    let _server = site.inside.serve_http(web, site.folder(), "inside\n");
    site.outside.connect(web, Duration::from_millis(500)).expect_err("not yet");
    let ctl = site.ctl();
    let (generation, hits) = (ctl.generation(), ctl.hits("inside-out"));

    site.rewrite(&OPENED);
    let reload = ctl.run(&["reload"]);

    assert!(reload.ok(), "{reload:?}");
    assert_eq!(ctl.generation(), generation + 1);
    assert_eq!(ctl.hits("inside-out"), hits, "hits survive under the rule's name");
    let fetched = site.outside.fetch(&format!("http://{web}/"), SOON);
    assert_eq!((fetched.status, ctl.hits("web-in")), (200, 1));

    site.rewrite(&Settings::USUAL);
    assert!(ctl.run(&["reload"]).ok());
    site.outside.connect(web, Duration::from_millis(500)).expect_err("no longer");
    assert_conserved(&site);
}

#[test]
fn a_bad_reload_says_why_and_changes_nothing() {
    let site = usual();
    let ctl = site.ctl();
    let generation = ctl.generation();
    for (settings, words) in [
        (Settings { timeouts: "udp_streem = \"2m\"", ..OPENED }, "udp_streem"),
        (
            Settings {
                rules: "[[rule]]\nname = \"x\"\nfrom = [\"nowhere\"]\naction = \"allow\"",
                ..OPENED
            },
            "nowhere",
        ),
        (Settings { sessions: "max = 20_000", ..OPENED }, "max"),
        (Settings { rules: "[[rule", ..OPENED }, "sallyport.toml"),
    ] {
        site.rewrite(&settings);
        let reload = ctl.run(&["reload"]);
        assert_eq!(reload.status, Some(1), "{reload:?}");
        let said = format!("{}{}", reload.stdout, reload.stderr);
        assert!(said.contains(words), "{words} is not named in: {said}");
        assert_eq!(ctl.generation(), generation);
    }
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 2).received, 2, "the old policy is in force");
}

#[test]
fn sighup_reloads_too() {
    let site = usual();
    let generation = site.ctl().generation();
    site.rewrite(&OPENED);
    site.daemon.signal(Signal::SIGHUP);
    until("the new policy is in force", SOON, || site.ctl().generation() == generation + 1);
}

#[test]
fn a_session_that_the_new_policy_forbids_ends() {
    let site = usual();
    let server = site.outside_address(false, 5001);
    let _echo = site.outside.serve_udp_echo(server);
    let udp =
        site.inside.udp(SocketAddr::from((INSIDE_V4, 6001)), server, Duration::from_millis(500));
    udp.send(b"one").unwrap();
    udp.recv(&mut [0; 8]).expect("the answer returns");

    site.rewrite(&Settings { rules: "", ..Settings::USUAL });
    assert!(site.ctl().run(&["reload"]).ok());

    udp.send(b"two").unwrap();
    udp.recv(&mut [0; 8]).expect_err("the rule has gone");
    until("the session has ended", SOON, || site.ctl().count(&[]) == 0);
}

#[test]
fn explain_and_traffic_agree() {
    let site = usual();
    let ctl = site.ctl();
    let allowed = ctl.json(&["explain", "tcp 10.77.0.10:40000 10.77.0.80:80 in=lan0"]);
    assert_eq!(
        (allowed["verdict"].as_str(), allowed["rule"].as_str()),
        (Some("forward"), Some("inside-out"))
    );
    let refused = ctl.json(&["explain", "tcp 10.77.0.80:40000 10.77.0.10:80 in=wan0"]);
    assert_eq!(refused["verdict"], "drop");
    assert_eq!(refused["reason"], reasons::NO_RULE);
    assert_eq!(ctl.count(&[]), 0, "asking makes no session");
}
