//! Recorded TCP, odd but real, as conversations.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use testkit::conversation::Side;
use testkit::packet::internet_checksum;
use wire::{Descriptor, HeaderChecksum};

use crate::conversation::{Conversation, Step};
use crate::recorded::{self, Recorded};

/// The captures of the folder `pcap/tcp-odd`; none if `SALLYPORT_CASES` does not say where they are.
pub(crate) fn all() -> Option<Vec<Conversation>> {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("SALLYPORT_CASES is not set: no capture is compared");
        return None;
    };
    let manifest = fs::read_to_string(Path::new(&cases).join("manifest.tsv")).expect("a manifest");
    let mut rows: Vec<Vec<&str>> =
        manifest.lines().map(|line| line.split('\t').collect()).collect();
    rows.retain(|row: &Vec<&str>| row.get(1) == Some(&"tcp-odd"));
    let conversations = rows.iter().map(|row| {
        let inside = row.get(8).and_then(|inside| inside.parse().ok());
        conversation(row[0], inside, &recorded::read(&Path::new(&cases).join(row[0])))
    });
    Some(conversations.collect())
}

/// A capture as one conversation: each pair of hosts by who of the two is inside, or sends first.
fn conversation(name: &str, inside: Option<IpAddr>, frames: &[Recorded]) -> Conversation {
    let mut known = HashSet::new();
    let mut steps = Vec::new();
    for (_, frame) in frames {
        let frame = &untagged(frame);
        // What is no whole IP packet is the screens' business, and theirs are not the kernel's. A sum that was
        // left to the NIC is made good below.
        let Ok(headers) = wire::parse_with(frame, HeaderChecksum::Trust) else { continue };
        let Descriptor { source, destination, .. } = headers;
        let outward = inside == Some(source)
            || inside != Some(destination) && !known.contains(&(destination, source));
        if outward {
            known.insert((source, destination));
        }
        let side = if outward { Side::Initiator } else { Side::Responder };
        let Some(mut frame) = marked(frame, &headers, steps.len() + 1) else { continue };
        // A bridge forwards nothing for a sender that is a group or nobody.
        frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
        steps.push(Step { side, frames: vec![frame], note: "recorded" });
    }
    assert!(!steps.is_empty(), "{name} has nothing to compare");
    Conversation { kind: name.to_owned(), number: 0, steps }
}

/// The frame without VLAN tags: the bridge looks at no packet behind one.
fn untagged(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    while frame.len() > 18 && [[0x81, 0x00], [0x88, 0xa8]].iter().any(|tag| frame[12..14] == *tag) {
        frame.drain(12..16);
    }
    frame
}

/// The frame with its number in the place where [`crate::conversation::Key`] looks for it; none if it is no
/// whole datagram without tags.
fn marked(frame: &[u8], headers: &Descriptor, number: usize) -> Option<Vec<u8>> {
    let mut frame = frame.to_vec();
    let [high, low] = u16::try_from(number).expect("a short capture").to_be_bytes();
    match frame.get(12..14)? {
        [0x08, 0x00] if headers.fragment.is_none() => {
            frame[18] = high;
            frame[19] = low;
            let end = 14 + 4 * usize::from(frame[14] & 0xf);
            frame[24..26].fill(0);
            let sum = internet_checksum(&[&frame[14..end]]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        [0x86, 0xdd] if headers.fragment.is_none() => {
            frame[15] &= 0xf0;
            frame[16] = high;
            frame[17] = low;
        }
        _ => return None,
    }
    Some(frame)
}
