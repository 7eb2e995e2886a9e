//! Messages of H.323, encoded by a library that shares no code with the product (`vectors.py` says how), with addresses
//! and ports of a test's own.
//!
//! In the aligned packed encoding an address is four or sixteen octets in a row, and its port the two behind it, so that
//! another can be put in its place without a change to anything else.

use core::net::{IpAddr, SocketAddr};

const VECTORS: &str = include_str!("h323/vectors.txt");

/// The host that calls and registers, in all messages.
pub const CALLER: &str = "10.0.0.1";
/// The host that is called, and the gatekeeper.
pub const CALLED: &str = "192.0.2.1";

/// The two where they speak IPv6: in the messages that have `_6` in their names.
pub const CALLER_6: &str = "2001:db8::1";
/// The host that is called there.
pub const CALLED_6: &str = "2001:db8:1::1";

/// Every message as its name and octets, in the order of the file.
pub fn messages() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    VECTORS.lines().map(|line| {
        let (name, digits) = line.split_once(' ').expect("a name and octets");
        let octet = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
        (name, (0..digits.len()).step_by(2).map(octet).collect())
    })
}

/// The message of this name: `ras_…` and `h245_…` as they are encoded, `call_…` with TPKT and Q.931 around it.
#[must_use]
pub fn message(name: &str) -> Vec<u8> {
    let found = messages().find(|(other, _)| *other == name);
    found.unwrap_or_else(|| panic!("no message {name}")).1
}

/// The H.245 message of this name in the TPKT in which it goes over a connection of its own.
#[must_use]
pub fn in_tpkt(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len() + 4).expect("a message is short");
    [&[3, 0], &length.to_be_bytes()[..], message].concat()
}

/// The message with other places in the place of its own: each pair is one that it names and what it shall name.
#[must_use]
pub fn with_places(mut message: Vec<u8>, places: &[(SocketAddr, SocketAddr)]) -> Vec<u8> {
    for (old, new) in places {
        let [old, new] = [octets(*old), octets(*new)];
        assert_eq!(old.len(), new.len(), "of one family");
        let found = places_of(&message, &old);
        assert!(!found.is_empty(), "the message does not name {old:?}");
        write(&mut message, &found, &new);
    }
    message
}

/// The message of this name as these hosts would send it, in the place of those that it is about; its ports stay. Between
/// hosts of IPv6 it is the one that is about such, if it names any.
#[must_use]
pub fn between(name: &str, caller: IpAddr, called: IpAddr) -> Vec<u8> {
    let (mut message, hosts) = if caller.is_ipv4() {
        (message(name), [CALLER, CALLED])
    } else {
        let acknowledged = name.strip_suffix("_ack").map(|name| format!("{name}_6_ack"));
        let in_6 = acknowledged.unwrap_or_else(|| format!("{name}_6"));
        let found = messages().find(|(other, _)| *other == in_6);
        (found.map_or_else(|| message(name), |(_, message)| message), [CALLER_6, CALLED_6])
    };
    let hosts = hosts.map(|host| host.parse().expect("an address")).map(of_host);
    // Both are looked for before either is written, so that they may change places.
    let found = hosts.map(|host| places_of(&message, &host));
    for (found, new) in found.into_iter().zip([caller, called].map(of_host)) {
        write(&mut message, &found, &new);
    }
    message
}

/// Where some octets stand in a message.
fn places_of(message: &[u8], octets: &[u8]) -> Vec<usize> {
    (0..message.len()).filter(|at| message[*at..].starts_with(octets)).collect()
}

fn write(message: &mut [u8], places: &[usize], octets: &[u8]) {
    for at in places {
        message[*at..*at + octets.len()].copy_from_slice(octets);
    }
}

fn octets(place: SocketAddr) -> Vec<u8> {
    [&of_host(place.ip())[..], &place.port().to_be_bytes()].concat()
}

fn of_host(host: IpAddr) -> Vec<u8> {
    match host {
        IpAddr::V4(host) => host.octets().to_vec(),
        IpAddr::V6(host) => host.octets().to_vec(),
    }
}
