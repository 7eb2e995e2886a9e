//! IRC through the box, by hand on both ends: a client inside offers another a direct connection (DCC), which that
//! one's server makes in its name.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{Settings, Site};

use super::by_hand::{Everybody, Talk, announced_at, comes, started_inside};
use super::peers::assert_nothing_dropped;
use super::{SOON, assert_conserved, site};

/// Where the client waits for who takes its offer.
const DATA: u16 = 5001;

fn through(service: &str, workers: &str) -> Site {
    let rules = started_inside("chats", service);
    let timeouts = "expectation = \"2s\"";
    site(&Settings { workers, timeouts, rules: &rules, ..Settings::USUAL })
}

/// Whether an offer of a file at an address is heard.
fn offers(talk: &mut Talk, address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(v4) => v4.to_bits().to_string(),
        IpAddr::V6(v6) => v6.to_string(),
    };
    let line = format!("PRIVMSG bob :\u{1}DCC SEND file {address} {DATA} 4\u{1}\r\n");
    talk.client_says(line.as_bytes())
}

#[test_case(false, "[1]"; "over IPv4")]
#[test_case(false, "[0, 1]"; "over IPv4 with two workers")]
#[test_case(true, "[0, 1]"; "over IPv6 with two workers")]
fn an_offered_file_is_fetched(v6: bool, workers: &str) {
    let site = through(r#""irc""#, workers);
    let Everybody { inside, outside, .. } = Everybody::of(v6);
    let mut talk = Talk::open_over(&site, v6, 6667);
    let offered =
        site.inside.inside(|| TcpListener::bind((inside, DATA))).expect("a port of its own");
    assert!(talk.client_says(b"NICK me\r\n") && talk.server_says(b":irc 001 me :Welcome\r\n"));
    for _ in 0..5 {
        assert!(offers(&mut talk, inside));
        let taker = site.outside.connect_from(outside, (inside, DATA).into(), SOON);
        let mut taker = taker.expect("it is expected");
        let (mut giver, _) = offered.accept().expect("it has come");
        giver.write_all(b"file").expect("the connection lives");
        drop(giver);
        let mut got = String::new();
        taker.read_to_string(&mut got).expect("all of the file");
        assert_eq!(got, "file");
    }
    assert_eq!(announced_at(&site, 6667).len(), 5);
    assert_nothing_dropped(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn an_offer_lets_in_one_connection_of_one_host_in_time(v6: bool) {
    let site = through(r#""irc""#, "[1]");
    let Everybody { inside, outside, other_outside, .. } = Everybody::of(v6);
    let mut talk = Talk::open_over(&site, v6, 6667);
    let _offered = site.inside.inside(|| TcpListener::bind((inside, DATA)));
    let target = (inside, DATA);
    assert!(!comes(&site, &site.outside, outside, target), "nothing is announced yet");
    assert!(offers(&mut talk, inside));
    assert!(!comes(&site, &site.outside, other_outside, target), "another host");
    assert!(comes(&site, &site.outside, outside, target));
    assert!(!comes(&site, &site.outside, outside, target), "a second time");
    assert!(offers(&mut talk, inside));
    thread::sleep(Duration::from_millis(2_200));
    assert!(!comes(&site, &site.outside, outside, target), "too late");
    assert_conserved(&site);
}

#[test_case(false; "over IPv4")]
#[test_case(true; "over IPv6")]
fn unread_an_offer_opens_nothing(v6: bool) {
    let site = through(r#""tcp/6667""#, "[1]");
    let Everybody { inside, outside, .. } = Everybody::of(v6);
    let mut talk = Talk::open_over(&site, v6, 6667);
    let _offered = site.inside.inside(|| TcpListener::bind((inside, DATA)));
    assert!(offers(&mut talk, inside));
    assert!(!comes(&site, &site.outside, outside, (inside, DATA)));
    assert_conserved(&site);
}
