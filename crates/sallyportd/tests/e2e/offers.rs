//! IRC through the box, by hand on both ends: a client inside offers another a direct connection (DCC), which that
//! one's server makes in its name.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::{INSIDE_V4, OUTSIDE_V4, Settings, Site};

use super::by_hand::{OTHER_OUTSIDE, Talk, comes, started_inside};
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
fn offers(talk: &mut Talk, address: Ipv4Addr) -> bool {
    let number = address.to_bits();
    let line = format!("PRIVMSG bob :\u{1}DCC SEND file {number} {DATA} 4\u{1}\r\n");
    talk.client_says(line.as_bytes())
}

#[test_case("[1]"; "with one worker")]
#[test_case("[0, 1]"; "with two workers")]
fn an_offered_file_is_fetched(workers: &str) {
    let site = through(r#""irc""#, workers);
    let mut talk = Talk::open(&site, 6667);
    let offered =
        site.inside.inside(|| TcpListener::bind((INSIDE_V4, DATA))).expect("a port of its own");
    assert!(talk.client_says(b"NICK me\r\n") && talk.server_says(b":irc 001 me :Welcome\r\n"));
    for _ in 0..5 {
        assert!(offers(&mut talk, INSIDE_V4));
        let mut taker =
            site.outside.connect((INSIDE_V4, DATA).into(), SOON).expect("it is expected");
        let (mut giver, _) = offered.accept().expect("it has come");
        giver.write_all(b"file").expect("the connection lives");
        drop(giver);
        let mut got = String::new();
        taker.read_to_string(&mut got).expect("all of the file");
        assert_eq!(got, "file");
    }
    assert_nothing_dropped(&site);
}

#[test]
fn an_offer_lets_in_one_connection_of_one_host_in_time() {
    let site = through(r#""irc""#, "[1]");
    let mut talk = Talk::open(&site, 6667);
    let _offered = site.inside.inside(|| TcpListener::bind((INSIDE_V4, DATA)));
    let target = (INSIDE_V4, DATA);
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "nothing is announced yet");
    assert!(offers(&mut talk, INSIDE_V4));
    assert!(!comes(&site, &site.outside, OTHER_OUTSIDE, target), "another host");
    assert!(comes(&site, &site.outside, OUTSIDE_V4, target));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "a second time");
    assert!(offers(&mut talk, INSIDE_V4));
    thread::sleep(Duration::from_millis(2_200));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, target), "too late");
    assert_conserved(&site);
}

#[test]
fn unread_an_offer_opens_nothing() {
    let site = through(r#""tcp/6667""#, "[1]");
    let mut talk = Talk::open(&site, 6667);
    let _offered = site.inside.inside(|| TcpListener::bind((INSIDE_V4, DATA)));
    assert!(offers(&mut talk, INSIDE_V4));
    assert!(!comes(&site, &site.outside, OUTSIDE_V4, (INSIDE_V4, DATA)));
    assert_conserved(&site);
}
