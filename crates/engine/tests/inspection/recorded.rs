//! Captures, read from their files: pcap and pcapng, compressed or not, of several kinds of links; and from which side
//! of the box each frame comes.
//!
//! Shared by the tests of captures here and, by its path, by the comparison with the kernel.

use std::collections::HashSet;
use std::fs;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use engine::PortIndex;
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use wire::{HeaderChecksum, IcmpKind, Transport};

use crate::harness::{INSIDE, OUTSIDE};

/// A frame of a capture: when, and its octets from the Ethernet header on.
pub(crate) type Recorded = (Duration, Vec<u8>);

/// The frames of a file. One that was cut short has zeros in place of what is missing.
pub(crate) fn read(path: &Path) -> Vec<Recorded> {
    let mut octets = fs::read(path).expect("readable");
    if octets.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&octets[..]).read_to_end(&mut plain).expect("gzip");
        octets = plain;
    }
    let mut frames = Vec::new();
    if octets.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        let mut reader = PcapNgReader::new(&octets[..]).expect("pcapng");
        let mut links = Vec::new();
        while let Some(block) = reader.next_block() {
            match block.expect("a block") {
                Block::InterfaceDescription(interface) => links.push(interface.linktype),
                Block::EnhancedPacket(packet) => {
                    let link = links[usize::try_from(packet.interface_id).expect("small")];
                    let length = usize::try_from(packet.original_len).expect("short");
                    frames.push((packet.timestamp, ethernet(link, &packet.data, length)));
                }
                Block::SimplePacket(packet) => {
                    let length = usize::try_from(packet.original_len).expect("short");
                    frames.push((Duration::ZERO, ethernet(links[0], &packet.data, length)));
                }
                _ => {}
            }
        }
        return frames;
    }
    let mut reader = PcapReader::new(&octets[..]).expect("pcap");
    let link = reader.header().datalink;
    while let Some(packet) = reader.next_packet() {
        // A capture that was cut off in the middle of a record ends there.
        let Ok(packet) = packet else { break };
        let length = usize::try_from(packet.orig_len).expect("short");
        frames.push((packet.timestamp, ethernet(link, &packet.data, length)));
    }
    frames
}

/// The frame with an Ethernet header, filled up with zeros to the length that it had before it was cut.
fn ethernet(link: DataLink, data: &[u8], length: usize) -> Vec<u8> {
    let before_ip = match link {
        DataLink::ETHERNET => None,
        DataLink::NULL | DataLink::LOOP => Some(4),
        DataLink::LINUX_SLL => Some(16),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => Some(0),
        // BSD's number for raw IP, before there was a common one.
        DataLink::Unknown(12 | 14) => Some(0),
        other => panic!("link type {other:?}"),
    };
    let mut frame = data.to_vec();
    frame.resize(length.max(data.len()), 0);
    let Some(before_ip) = before_ip else { return frame };
    let packet = frame.get(before_ip..).unwrap_or_default();
    let v6 = packet.first().is_some_and(|octet| octet >> 4 == 6);
    let kind: [u8; 2] = if v6 { [0x86, 0xdd] } else { [8, 0] };
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &kind, packet].concat()
}

/// The port that each frame comes in by.
pub(crate) struct Sides {
    inside: Option<IpAddr>,
    /// Pairs of addresses in the direction of their first frame.
    known: HashSet<(IpAddr, IpAddr)>,
}

impl Sides {
    pub(crate) fn new(inside: Option<IpAddr>) -> Self {
        Self { inside, known: HashSet::new() }
    }

    pub(crate) fn of(&mut self, octets: &[u8]) -> PortIndex {
        let Ok(descriptor) = wire::parse_with(octets, HeaderChecksum::Trust) else { return INSIDE };
        if let Transport::Icmp(message) | Transport::Icmpv6(message) = descriptor.transport
            && message.class == IcmpKind::Error
            && let Ok(quoted) = wire::parse_quoted(octets, &descriptor)
        {
            // Where the quoted packet went to.
            let from = self.side(quoted.source, quoted.destination);
            return if from == INSIDE { OUTSIDE } else { INSIDE };
        }
        self.side(descriptor.source, descriptor.destination)
    }

    fn side(&mut self, source: IpAddr, destination: IpAddr) -> PortIndex {
        if self.inside == Some(source) {
            return INSIDE;
        }
        if self.inside == Some(destination) || self.known.contains(&(destination, source)) {
            return OUTSIDE;
        }
        self.known.insert((source, destination));
        INSIDE
    }
}

/// Captures of a host that talks to itself over IPv4: the two ends, told apart by their ports, get addresses of
/// their own. Header checksums stay as wrong as they were, or become so.
#[derive(Default)]
pub(crate) struct Loopback {
    /// Ports of source and destination, in the direction of their first frame.
    known: HashSet<[u8; 4]>,
}

impl Loopback {
    /// Of who sends first, in place of 127.0.0.1.
    const CLIENT: [u8; 4] = [10, 127, 0, 1];
    /// Of the other end.
    const SERVER: [u8; 4] = [10, 127, 0, 2];

    pub(crate) fn part(&mut self, octets: &mut [u8]) {
        // Ethernet, an IPv4 header without options, ports.
        let Some([.., 8, 0, 0x45]) = octets.get(..15) else { return };
        let (addresses, ports) = (26..34, 34..38);
        let Some(&[a, b, c, d]) = octets.get(ports) else { return };
        if octets[26..30] != [127, 0, 0, 1] || octets[30..34] != [127, 0, 0, 1] {
            return;
        }
        let back = self.known.contains(&[c, d, a, b]);
        if !back {
            self.known.insert([a, b, c, d]);
        }
        let [source, destination] =
            if back { [Self::SERVER, Self::CLIENT] } else { [Self::CLIENT, Self::SERVER] };
        octets[addresses].copy_from_slice(&[source, destination].concat());
    }
}
