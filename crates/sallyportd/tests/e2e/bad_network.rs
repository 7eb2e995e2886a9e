//! Hosts at the ends of bad links, with the box between: what is lost, doubled, delayed and overtaken is still legal.
//!
//! Dropped may be, by inequalities II and IV, what was overtaken by more than a window: the other side has it all.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use testkit::netns::{
    BadLink, Damage, Faults, Host, INSIDE_PREFIX_V4, OUTSIDE_PREFIX_V4, OUTSIDE_V4, OUTSIDE_V6,
    Site, veth,
};

use super::{SOON, assert_conserved, reasons, usual};

/// A path on which TCP still makes some megabytes a second.
const FAULTS: Faults = Faults {
    lost: 10,
    doubled: 30,
    late: 60,
    delay: Duration::from_millis(1),
    lateness: Duration::from_millis(20),
};

/// How much each side says, octets.
const AMOUNT: usize = 3 << 20;

/// How long that may take: several times what it does.
const LONG: Duration = Duration::from_secs(20);

/// Puts a host behind one of the site's, which becomes a bad link to the box.
fn behind(near: &Host, name: &str, addresses: [&str; 2], seed: u64) -> (Host, BadLink) {
    let host = Host::new(name);
    drop(near.run(&["ip", "addr", "flush", "dev", "eth0"]).expect_ok());
    near.mute();
    veth((near, "far"), (&host, "eth0"));
    addresses.into_iter().for_each(|address| host.address("eth0", address));
    let link = BadLink::join((near, "eth0"), (near, "far"), FAULTS, seed);
    (host, link)
}

/// What a side says: no stretch of it is like another.
fn speech(seed: u32) -> Vec<u8> {
    let words = u32::try_from(AMOUNT / 4).expect("some megabytes");
    (0..words).flat_map(|word| (word.wrapping_mul(0x9e37_79b9) ^ seed).to_le_bytes()).collect()
}

/// Says and hears at the same time; what it has heard.
fn talk(stream: TcpStream, seed: u32) -> JoinHandle<Vec<u8>> {
    stream.set_read_timeout(Some(LONG)).expect("a timeout above zero");
    let mut mouth = stream.try_clone().expect("a second handle");
    let speaking = thread::spawn(move || {
        mouth.write_all(&speech(seed)).expect("the connection lives");
        mouth.shutdown(std::net::Shutdown::Write).expect("the connection lives");
    });
    let mut ear = stream;
    thread::spawn(move || {
        let mut heard = Vec::new();
        ear.read_to_end(&mut heard).expect("all that the other says, and its end");
        speaking.join().expect("it has said all");
        heard
    })
}

fn converse(inside: &Host, outside: &Host, server: SocketAddr) -> [JoinHandle<Vec<u8>>; 2] {
    let listener = outside.inside(|| TcpListener::bind(server)).expect("a port of its own");
    let client = inside.connect(server, SOON * 3).expect("the connection opens");
    let (served, _) = listener.accept().expect("the connection arrives");
    [talk(client, 1), talk(served, 2)]
}

#[test]
fn nothing_legal_is_cut_on_a_bad_path() {
    let site: Site = usual();
    let (inside, one) = behind(&site.inside, "client", [INSIDE_PREFIX_V4, "fd77::10/64"], 7);
    let (outside, other) = behind(&site.outside, "server", [OUTSIDE_PREFIX_V4, "fd77::80/64"], 9);

    let talks = [IpAddr::from(OUTSIDE_V4), OUTSIDE_V6.into()]
        .map(|address| converse(&inside, &outside, SocketAddr::new(address, 8080)));
    for [client, server] in talks {
        assert!(client.join().expect("the client is well") == speech(2), "what it heard");
        assert!(server.join().expect("the server is well") == speech(1), "what it heard");
    }

    for link in [&one, &other] {
        let Damage { lost, doubled, late } = link.damage();
        for fault in [lost, doubled, late] {
            assert!(
                fault.load(Ordering::Relaxed) > 20,
                "a better path than it should be: {link:?}"
            );
        }
    }
    assert_eq!(site.ctl().created("tcp"), 2);
    let mut dropped = site.ctl().all_drops();
    for reason in [reasons::TX_FULL, reasons::SEQ_BELOW_WINDOW, reasons::ACK_TOO_OLD] {
        dropped.remove(reason);
    }
    assert_eq!(dropped, BTreeMap::new());
    assert_conserved(&site);
}
