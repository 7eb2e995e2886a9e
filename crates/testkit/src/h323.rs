//! Messages of H.323, encoded by a library that shares no code with the product (`vectors.py` says how), with addresses
//! and ports of a test's own.
//!
//! In the aligned packed encoding an address is four or sixteen octets in a row, and its port the two behind it, so that
//! another can be put in its place without a change to anything else.

use core::net::{Ipv4Addr, SocketAddr};

const VECTORS: &str = include_str!("h323/vectors.txt");

/// The host that calls and registers, in all messages.
pub const CALLER: &str = "10.0.0.1";
/// The host that is called, and the gatekeeper.
pub const CALLED: &str = "192.0.2.1";

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
        assert!(replace(&mut message, &old, &new), "the message does not name {old:?}");
    }
    message
}

/// The message as these hosts would send it, in the place of [`CALLER`] and [`CALLED`]; its ports stay.
#[must_use]
pub fn between(mut message: Vec<u8>, caller: Ipv4Addr, called: Ipv4Addr) -> Vec<u8> {
    for (old, new) in [(CALLER, caller), (CALLED, called)] {
        let old: Ipv4Addr = old.parse().expect("an address");
        replace(&mut message, &old.octets(), &new.octets());
    }
    message
}

/// Puts octets in the place of as many others, wherever these are; whether they are anywhere.
fn replace(message: &mut [u8], old: &[u8], new: &[u8]) -> bool {
    let found: Vec<_> = (0..message.len()).filter(|at| message[*at..].starts_with(old)).collect();
    for at in &found {
        message[*at..*at + new.len()].copy_from_slice(new);
    }
    !found.is_empty()
}

fn octets(place: SocketAddr) -> Vec<u8> {
    let port = place.port().to_be_bytes();
    match place {
        SocketAddr::V4(place) => [&place.ip().octets()[..], &port].concat(),
        SocketAddr::V6(place) => [&place.ip().octets()[..], &port].concat(),
    }
}
