//! Every frame of every capture below the directory that `SALLYPORT_CASES` names: nothing panics, and faults turn up
//! where captures are malformed, and only there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use wire::checksum::verify_transport;
use wire::{Fault, HeaderChecksum, IcmpKind, Transport, parse, parse_quoted, parse_with};

/// The captures of a directory tree, sorted.
fn captures(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            captures(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

/// A captured packet as an Ethernet frame; `None` for link types that hold no IP at a known place.
fn as_frame(link: DataLink, data: &[u8]) -> Option<Vec<u8>> {
    let packet = match link {
        DataLink::ETHERNET => return Some(data.to_vec()),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => data,
        DataLink::NULL => data.get(4..)?,
        DataLink::LINUX_SLL => data.get(16..)?,
        _ => return None,
    };
    let ethertype = if packet.first()? >> 4 == 6 { [0x86, 0xdd] } else { [8, 0] };
    Some([&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ethertype[..], packet].concat())
}

/// The frames of one capture; those cut short by the snapshot length are left out.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let mut octets = Vec::new();
    let file = File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut octets).unwrap();
    } else {
        File::open(path).unwrap().read_to_end(&mut octets).unwrap();
    }
    let mut found = Vec::new();
    let mut take = |link, data: &[u8], original: u32| {
        if data.len() == original as usize {
            found.extend(as_frame(link, data));
        }
    };
    if octets.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        let mut reader = PcapNgReader::new(Cursor::new(octets)).unwrap();
        let mut links = Vec::new();
        while let Some(Ok(block)) = reader.next_block() {
            match block {
                Block::InterfaceDescription(interface) => links.push(interface.linktype),
                Block::EnhancedPacket(packet) => {
                    let link = links[packet.interface_id as usize];
                    take(link, &packet.data, packet.original_len);
                }
                Block::SimplePacket(packet) => take(links[0], &packet.data, packet.original_len),
                _ => {}
            }
        }
    } else if let Ok(mut reader) = PcapReader::new(Cursor::new(octets)) {
        let link = reader.header().datalink;
        while let Some(packet) = reader.next_raw_packet() {
            let Ok(packet) = packet else { break };
            take(link, &packet.data, packet.orig_len);
        }
    }
    found
}

/// What [`tally`] counts in one directory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    frames: usize,
    /// Wrong IPv4 header checksums: captures taken on sending hosts have many.
    checksums: usize,
    faults: BTreeMap<Fault, usize>,
    quoted: BTreeMap<Fault, usize>,
}

/// Parses whole frames and, to see that it does not panic, everything that is cut from them.
fn tally(frames: &[Vec<u8>], tally: &mut Tally) {
    for frame in frames {
        tally.frames += 1;
        tally.checksums += usize::from(parse(frame) == Err(Fault::Ipv4Checksum));
        for cut in [frame.len() / 2, 20, 40, 60] {
            let _some_fault = parse(&frame[..cut.min(frame.len())]);
        }
        match parse_with(frame, HeaderChecksum::Trust) {
            Err(fault) => *tally.faults.entry(fault).or_default() += 1,
            Ok(descriptor) => {
                let _sound = verify_transport(frame, &descriptor);
                let (Transport::Icmp(message) | Transport::Icmpv6(message)) = descriptor.transport
                else {
                    continue;
                };
                if message.class != IcmpKind::Error {
                    continue;
                }
                if let Err(fault) = parse_quoted(frame, &descriptor) {
                    *tally.quoted.entry(fault).or_default() += 1;
                }
            }
        }
    }
}

/// Faults of one kind and how often they occur.
type Counts = &'static [(Fault, usize)];

/// By directory the faults of frames beside the IPv4 header checksum, and those of quotes. Directories that are not
/// listed have none.
const FAULTS: [(&str, Counts, Counts); 6] = [
    (
        "ext6",
        &[
            (Fault::Ipv6Options, 2),
            (Fault::ExtensionTruncated, 1),
            (Fault::RoutingHeader0, 2),
            (Fault::FragmentLength, 39812),
            (Fault::AhLength, 1),
        ],
        &[(Fault::QuotedFragment, 15)],
    ),
    ("frag4", &[(Fault::FragmentLength, 2), (Fault::FragmentTiny, 2)], &[]),
    (
        "frag6",
        &[
            (Fault::ExtensionRepeated, 2),
            (Fault::RoutingHeader0, 3),
            (Fault::FragmentLength, 2),
            (Fault::FragmentOverflow, 3),
            (Fault::TcpTruncated, 1),
            (Fault::Icmpv6Truncated, 1),
        ],
        &[(Fault::QuotedHeader, 1), (Fault::QuotedFragment, 6)],
    ),
    (
        "malformed",
        &[
            (Fault::Truncated, 31),
            (Fault::ArpHeader, 5),
            (Fault::ArpOperation, 2),
            (Fault::Ipv4Version, 6),
            (Fault::Ipv4HeaderLength, 1),
            (Fault::Ipv4Options, 2),
            (Fault::FragmentLength, 7),
            (Fault::TcpOptions, 3),
            (Fault::UdpLength, 25),
        ],
        &[],
    ),
    // An option of basic security without its level.
    ("tcp-odd", &[(Fault::Ipv4Options, 1)], &[]),
    ("vlan", &[(Fault::VlanDepth, 15)], &[]),
];

#[test]
fn captures_have_the_faults_they_are_known_for() {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("skipped: SALLYPORT_CASES is not set");
        return;
    };
    let mut paths = Vec::new();
    captures(&Path::new(&cases).join("pcap"), &mut paths);
    let mut found: BTreeMap<String, Tally> = BTreeMap::new();
    for path in &paths {
        let directory = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        tally(&frames(path), found.entry(directory.to_owned()).or_default());
    }
    assert!(found.values().map(|tally| tally.frames).sum::<usize>() > 100_000, "captures are read");
    for (directory, tally) in &found {
        let wanted = FAULTS.iter().find(|(name, _, _)| name == directory);
        let (_, faults, quoted) = wanted.copied().unwrap_or((directory, &[], &[]));
        assert_eq!(tally.faults, faults.iter().copied().collect(), "faults in {directory}");
        assert_eq!(tally.quoted, quoted.iter().copied().collect(), "quotes in {directory}");
    }
}
