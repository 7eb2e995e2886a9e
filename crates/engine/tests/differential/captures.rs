//! Recorded traffic of all kinds, as conversations: of each capture, one for each pair of hosts.
//!
//! A difference ends the comparison of its own conversation only. ICMP errors belong to that of the packet which they
//! quote; the fragments of a datagram are sent where its first was recorded.
//!
//! Left out is what neither side tracks, and what the comparison cannot show.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use testkit::conversation::Side;
use testkit::packet::internet_checksum;
use wire::{Class, Descriptor, HeaderChecksum, IcmpKind, Transport};

use crate::conversation::{Conversation, Step};
use crate::harness::INSIDE;
use crate::kernel::LONGEST;
use crate::recorded::{self, Loopback, Recorded, Sides};

const NOT_IP: &str = "no IP: what the bridge passes without a look";
const REFUSED: &str = "no packet by its form (`wire::Fault`): our screens are not the kernel's";
const NEIGHBOURS: &str =
    "neighbour discovery and MLD: policed here, and never tracked by the kernel";
const TOO_LONG: &str = "longer than the bridge's links";

/// Of these nothing is left; each has its outcome in `inspection/captures.txt`.
pub(crate) const OUT_OF_COMPARISON: &[(&str, &str)] = &[
    ("icmpv6/mldv2.pcap", NEIGHBOURS),
    ("ext6/ext6-hbh-routing0.pcap", REFUSED),
    ("ext6/ext6-route0-tcp.pcap", REFUSED),
    ("ext6/ext6-mobility-dstopts.pcap", REFUSED),
    ("vlan/pppoe-over-qinq.pcap", NOT_IP),
    ("malformed/ip4-trunc-hdr.pcap", REFUSED),
    ("malformed/ipopt-15_ipv4_option_length_one_malformed.pcap", REFUSED),
    ("malformed/ipopt-17_ipv4_options_missing_length_byte_malformed.pcap", REFUSED),
    ("malformed/ipopt-21_ipv4_ihl_exceeds_packet_length.pcap", REFUSED),
    ("malformed/tcpopt-14_tcp_option_length_one_malformed.pcap", REFUSED),
    ("malformed/tcpopt-16_tcp_option_truncated_timestamp_malformed.pcap", REFUSED),
];

/// A capture, and how much of it is compared.
pub(crate) struct Capture {
    /// Below the folder `pcap`.
    pub(crate) name: String,
    /// Of each pair of hosts.
    pub(crate) conversations: Vec<Conversation>,
    /// Frames that are left out, by why.
    pub(crate) left_out: BTreeMap<&'static str, usize>,
}

/// All captures; none if `SALLYPORT_CASES` does not say where they are.
pub(crate) fn all() -> Option<Vec<Capture>> {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("SALLYPORT_CASES is not set: no capture is compared");
        return None;
    };
    let manifest = fs::read_to_string(Path::new(&cases).join("manifest.tsv")).expect("a manifest");
    let rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let captures = rows.filter_map(|row| {
        let name = row[0].strip_prefix("pcap/")?;
        let inside = row.get(8).and_then(|inside| inside.parse().ok());
        Some(capture(name, inside, &recorded::read(&Path::new(&cases).join(row[0]))))
    });
    Some(captures.collect())
}

/// Two hosts, in the order of their addresses.
type Pair = [IpAddr; 2];

fn capture(name: &str, inside: Option<IpAddr>, frames: &[Recorded]) -> Capture {
    let mut sides = Sides::new(inside);
    let mut loopback = Loopback::default();
    let mut conversations: BTreeMap<Pair, Vec<Step>> = BTreeMap::new();
    // Where the datagram of a fragment is: the fragments of one go together.
    let mut gathered: HashMap<_, (Pair, usize, usize)> = HashMap::new();
    // How many datagrams there are of a source for a destination: enough to tell them apart.
    let mut datagrams: HashMap<(IpAddr, IpAddr), usize> = HashMap::new();
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (_, frame) in frames {
        let mut frame = untagged(frame);
        loopback.part(&mut frame);
        let side = if sides.of(&frame) == INSIDE { Side::Initiator } else { Side::Responder };
        let headers = match comparable(&frame) {
            Ok(headers) => headers,
            Err(why) => {
                *left_out.entry(why).or_default() += 1;
                continue;
            }
        };
        let Descriptor { source, destination, .. } = headers;
        let fragment = headers
            .fragment
            .map(|fragment| (source, destination, fragment.id, fragment.next_header));
        let first = fragment.and_then(|fragment| gathered.get(&fragment).copied());
        let number = first.map_or_else(
            || {
                let before = datagrams.entry((source, destination)).or_default();
                *before += 1;
                *before
            },
            |(_, _, number)| number,
        );
        let frame = marked(frame, number);
        if let Some((pair, step, _)) = first {
            conversations.entry(pair).or_default()[step].frames.push(frame);
            continue;
        }
        let pair = pair(&frame, &headers);
        let steps = conversations.entry(pair).or_default();
        if let Some(fragment) = fragment {
            gathered.insert(fragment, (pair, steps.len(), number));
        }
        steps.push(Step { side, frames: vec![frame], note: "recorded" });
    }
    let conversations = conversations.into_values().map(|steps| Conversation {
        kind: name.to_owned(),
        number: 0,
        steps,
    });
    Capture { name: name.to_owned(), conversations: conversations.collect(), left_out }
}

/// Whose conversation it belongs to: that of its hosts, or of those of the packet that it quotes.
fn pair(frame: &[u8], headers: &Descriptor) -> Pair {
    let mut pair = [headers.source, headers.destination];
    if let Transport::Icmp(message) | Transport::Icmpv6(message) = headers.transport
        && message.class == IcmpKind::Error
        && let Ok(quoted) = wire::parse_quoted(frame, headers)
    {
        pair = [quoted.source, quoted.destination];
    }
    pair.sort_unstable();
    pair
}

/// The headers of a frame on which both have a verdict.
///
/// # Errors
/// Why it is left out.
fn comparable(frame: &[u8]) -> Result<Descriptor, &'static str> {
    // A sum that was left to the NIC is made good later.
    let headers = wire::parse_with(frame, HeaderChecksum::Trust).map_err(|_| REFUSED)?;
    if !matches!(headers.class, Class::Ipv4 | Class::Ipv6) {
        return Err(NOT_IP);
    }
    // As nf_conntrack_proto_icmpv6 has it.
    if let Transport::Icmpv6(message) = headers.transport
        && matches!(message.kind, 130..=137 | 143)
    {
        return Err(NEIGHBOURS);
    }
    if frame.len() > LONGEST { Err(TOO_LONG) } else { Ok(headers) }
}

/// The frame without VLAN tags: the bridge looks at no packet behind one.
fn untagged(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    while frame.len() > 18 && [[0x81, 0x00], [0x88, 0xa8]].iter().any(|tag| frame[12..14] == *tag) {
        frame.drain(12..16);
    }
    frame
}

/// The frame with the number of its datagram in the place where [`crate::conversation::Key`] looks for it, a right sum
/// over its IPv4 header, and hosts' addresses below: a bridge forwards nothing for a sender that is a group or nobody.
fn marked(mut frame: Vec<u8>, number: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(number).expect("a short capture").to_be_bytes();
    if frame[12..14] == [0x08, 0x00] {
        frame[18] = high;
        frame[19] = low;
        let end = 14 + 4 * usize::from(frame[14] & 0xf);
        frame[24..26].fill(0);
        let sum = internet_checksum(&[&frame[14..end]]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    } else {
        frame[15] &= 0xf0;
        frame[16] = high;
        frame[17] = low;
    }
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    frame
}
