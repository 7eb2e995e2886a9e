//! Captures written by the `pcap-file` crate or by hand, read back.

use std::borrow::Cow;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
use pcap_file::{DataLink, Endianness, TsResolution};
use test_case::test_case;

use super::*;

const FRAME: &[u8] = &[0xaa; 60];
const STAMP: u64 = 1_700_000_000_123_456_789;

fn pcap(header: PcapHeader, packets: &[(u64, &[u8])]) -> Vec<u8> {
    let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
    for (stamp, bytes) in packets {
        let length = u32::try_from(bytes.len()).unwrap();
        let packet = PcapPacket::new(Duration::from_nanos(*stamp), length, bytes);
        writer.write_packet(&packet).unwrap();
    }
    writer.into_writer()
}

fn pcapng(
    endianness: Endianness,
    link: DataLink,
    resolution: Option<u8>,
    units: &[u64],
) -> Vec<u8> {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), endianness).unwrap();
    let mut interface = InterfaceDescriptionBlock::new(link, 0);
    interface.options.extend(resolution.map(InterfaceDescriptionOption::IfTsResol));
    writer.write_pcapng_block(interface).unwrap();
    for unit in units {
        writer
            .write_pcapng_block(EnhancedPacketBlock {
                interface_id: 0,
                // The crate writes the nanoseconds as the units of the block.
                timestamp: Duration::from_nanos(*unit),
                original_len: 61,
                data: Cow::Borrowed(&[0xbb; 61]),
                options: vec![],
            })
            .unwrap();
    }
    writer.into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(bytes: &[u8]) -> Result<Capture, CaptureError> {
    Capture::from_reader(Path::new("x.pcap"), io::Cursor::new(bytes.to_vec()))
}

/// The frames up to the end or the damage.
fn frames(bytes: &[u8]) -> (Vec<CapturedFrame>, Option<String>) {
    let mut capture = open(bytes).unwrap();
    let mut frames = Vec::new();
    loop {
        match capture.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(damage) => return (frames, Some(damage.to_string())),
        }
    }
}

#[test_case(Endianness::Little, TsResolution::MicroSecond, 1_700_000_000_123_456_000; "little micro")]
#[test_case(Endianness::Big, TsResolution::MicroSecond, 1_700_000_000_123_456_000; "big micro")]
#[test_case(Endianness::Little, TsResolution::NanoSecond, STAMP; "little nano")]
#[test_case(Endianness::Big, TsResolution::NanoSecond, STAMP; "big nano")]
fn reads_pcap(endianness: Endianness, ts_resolution: TsResolution, stamp: u64) {
    let header = PcapHeader { endianness, ts_resolution, ..PcapHeader::default() };
    let bytes = pcap(header, &[(STAMP, FRAME), (STAMP, &[])]);
    for bytes in [bytes.clone(), gzip(&bytes)] {
        let expected = [FRAME.to_vec(), vec![]].map(|bytes| CapturedFrame { stamp, bytes, cut: 0 });
        assert_eq!(frames(&bytes), (expected.to_vec(), None));
        assert_eq!(open(&bytes).unwrap().nanoseconds(), ts_resolution == TsResolution::NanoSecond);
    }
}

#[test_case(Endianness::Little, None, 1_000_001, 1_000_001_000, false; "microseconds by default")]
#[test_case(Endianness::Big, Some(6), 1_000_001, 1_000_001_000, false; "big endian")]
#[test_case(Endianness::Little, Some(9), 1_000_001, 1_000_001, true; "nanoseconds")]
#[test_case(Endianness::Little, Some(3), 1_001, 1_001_000_000, false; "milliseconds")]
#[test_case(Endianness::Little, Some(0x80 | 10), 1_536, 1_500_000_000, false; "binary")]
#[test_case(Endianness::Little, Some(12), 5_000, 5, true; "picoseconds")]
#[test_case(Endianness::Little, Some(0x7f), 5_000, 0, true; "absurd")]
fn reads_pcapng(order: Endianness, resolution: Option<u8>, unit: u64, stamp: u64, nanos: bool) {
    let bytes = pcapng(order, DataLink::ETHERNET, resolution, &[unit, unit]);
    for bytes in [bytes.clone(), gzip(&bytes)] {
        let frame = CapturedFrame { stamp, bytes: vec![0xbb; 61], cut: 0 };
        assert_eq!(frames(&bytes), (vec![frame.clone(), frame], None));
        let mut capture = open(&bytes).unwrap();
        capture.next_frame().unwrap();
        assert_eq!(capture.nanoseconds(), nanos);
    }
}

#[test]
fn a_second_section_may_have_another_byte_order_and_other_interfaces() {
    let mut bytes = pcapng(Endianness::Little, DataLink::ETHERNET, Some(9), &[1]);
    bytes.extend(pcapng(Endianness::Big, DataLink::ETHERNET, Some(0), &[2]));
    let (frames, damage) = frames(&bytes);
    assert_eq!(damage, None);
    assert_eq!(frames.iter().map(|f| f.stamp).collect::<Vec<_>>(), [1, 2_000_000_000]);
}

#[test]
fn simple_packets_have_the_stamp_of_the_frame_before_and_no_padding() {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), Endianness::Little).unwrap();
    writer.write_pcapng_block(InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0)).unwrap();
    let data = Cow::Borrowed(&FRAME[..59]);
    writer.write_pcapng_block(SimplePacketBlock { original_len: 59, data }).unwrap();
    let frame = CapturedFrame { stamp: 0, bytes: FRAME[..59].to_vec(), cut: 0 };
    assert_eq!(frames(&writer.into_inner()), (vec![frame], None));
}

#[test]
fn options_that_are_sloppy_do_not_stop_the_reader() {
    // if_tsresol without an end mark behind it, and an if_name that is not UTF-8 before it.
    let mut bytes = pcapng(Endianness::Little, DataLink::ETHERNET, None, &[]);
    let interface = bytes.len() - 20;
    bytes.truncate(interface);
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0];
    body.extend([2, 0, 1, 0, 0xff, 0, 0, 0]);
    body.extend([9, 0, 1, 0, 9, 0, 0, 0]);
    let mut block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(length);
        bytes.extend(body);
        bytes.extend(length);
    };
    block(1, &body);
    block(0x0bad, &[1, 2, 3, 4]);
    let mut packet = vec![0; 8];
    packet.extend(7_u32.to_le_bytes());
    packet.extend(4_u32.to_le_bytes());
    packet.extend(4_u32.to_le_bytes());
    packet.extend([1, 2, 3, 4]);
    block(6, &packet);
    let frame = CapturedFrame { stamp: 7, bytes: vec![1, 2, 3, 4], cut: 0 };
    assert_eq!(frames(&bytes), (vec![frame], None));
}

#[test]
fn a_frame_longer_than_the_snap_length_is_read() {
    let mut bytes = pcap(PcapHeader::default(), &[(0, FRAME)]);
    bytes[16..20].copy_from_slice(&10_u32.to_be_bytes());
    assert_eq!(frames(&bytes).0.len(), 1);
}

#[test_case(2, 4, [4, 60]; "captured first")]
#[test_case(2, 1, [60, 4]; "original first before 2.3")]
#[test_case(2, 3, [60, 4]; "either in 2.3")]
fn old_writers_swap_the_lengths(major: u16, minor: u16, lengths: [u32; 2]) {
    let header = PcapHeader { version_major: major, version_minor: minor, ..PcapHeader::default() };
    let mut bytes = pcap(header, &[(0, &[1, 2, 3, 4])]);
    bytes[32..36].copy_from_slice(&lengths[0].to_be_bytes());
    bytes[36..40].copy_from_slice(&lengths[1].to_be_bytes());
    assert_eq!(frames(&bytes).0, [CapturedFrame { stamp: 0, bytes: vec![1, 2, 3, 4], cut: 56 }]);
}

#[test]
fn what_is_whole_of_a_cut_file_is_read() {
    let pcap = pcap(PcapHeader::default(), &[(0, FRAME), (1_000, FRAME)]);
    let ng = pcapng(Endianness::Little, DataLink::ETHERNET, None, &[0, 1]);
    for whole in [pcap, ng] {
        for cut in whole.len() - 60..whole.len() {
            let (frames, damage) = frames(&whole[..cut]);
            let ends_between_frames = cut == whole.len() - 16 - 60;
            assert_eq!(frames.len(), 1, "cut at {cut} of {}", whole.len());
            assert!(ends_between_frames || damage.is_some_and(|text| text.contains("middle")));
        }
    }
}

#[test]
fn a_cut_gzip_stream_is_damage_and_no_refusal() {
    // Frames that do not compress, so that some come out before the cut.
    let noise: Vec<u8> =
        (0..60_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let packets: Vec<_> = noise.chunks(1_000).map(|frame| (0, frame)).collect();
    let zipped = gzip(&pcap(PcapHeader::default(), &packets));
    let (frames, damage) = frames(&zipped[..zipped.len() / 2]);
    assert!(frames.len() > 10 && frames.len() < packets.len(), "{}", frames.len());
    assert!(damage.is_some());
}

#[test]
fn an_absurd_length_is_damage_and_takes_no_memory() {
    let mut bytes = pcap(PcapHeader::default(), &[(0, FRAME), (0, FRAME)]);
    let second = 24 + 16 + FRAME.len();
    bytes[second + 8..second + 12].copy_from_slice(&u32::MAX.to_be_bytes());
    let (frames, damage) = frames(&bytes);
    assert_eq!(
        (frames.len(), damage.as_deref()),
        (1, Some("a record claims to be longer than 16 MiB"))
    );
}

#[test_case(b"", "is empty"; "empty")]
#[test_case(b"ab", "is no capture"; "two octets")]
#[test_case(b"version = 1\n", "is no capture: neither pcap nor pcapng, plain or gzip'd (it starts with 76 65 72 73)"; "text")]
#[test_case(b"GMBU\0\x02", "is a Microsoft Network Monitor 2 capture"; "netmon")]
#[test_case(b"snoop\0\0\0", "is a Solaris snoop capture"; "snoop")]
#[test_case(b"\xd4\xc3\xb2\xa1\x02\x00", "no whole header"; "cut in the header")]
fn other_files_are_refused_by_name(bytes: &[u8], message: &str) {
    let error = open(bytes).err().unwrap().to_string();
    assert!(error.contains(message), "{error}");
}

#[test]
fn a_gzip_of_something_else_is_refused() {
    let error = open(&gzip(b"hello, world")).err().unwrap().to_string();
    assert!(error.contains("is no capture"), "{error}");
}

#[test]
fn wireless_captures_are_refused_with_the_link_type() {
    let header = PcapHeader { datalink: DataLink::IEEE802_11_RADIOTAP, ..PcapHeader::default() };
    let error = open(&pcap(header, &[])).err().unwrap().to_string();
    assert!(error.contains("link type 127 (IEEE802_11_RADIOTAP) cannot be replayed"), "{error}");
    let bytes = pcapng(Endianness::Little, DataLink::IEEE802_11, None, &[0]);
    let damage = open(&bytes).unwrap().next_frame().unwrap_err();
    assert!(damage.is_failure());
    let damage = damage.to_string();
    assert!(damage.contains("link type 105 (IEEE802_11) cannot be replayed"), "{damage}");
}

#[test]
fn a_missing_file_and_a_directory_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none.pcap");
    let error = Capture::open(&missing).err().unwrap().to_string();
    assert!(error.contains("none.pcap") && error.contains("No such file"), "{error}");
    let error = Capture::open(directory.path()).err().unwrap().to_string();
    assert!(error.contains("is a directory"), "{error}");
}

const V4: &[u8] = &[0x45, 1, 2, 3];
const V6: &[u8] = &[0x60, 1, 2, 3];
const MACS: &[u8] = &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

#[test_case(101, V4, &[MACS, &[8, 0], V4].concat(); "raw IPv4")]
#[test_case(12, V6, &[MACS, &[0x86, 0xdd], V6].concat(); "raw IPv6")]
#[test_case(14, V6, &[MACS, &[0x86, 0xdd], V6].concat(); "raw IPv6 of OpenBSD")]
#[test_case(228, V4, &[MACS, &[8, 0], V4].concat(); "IPv4 by link type")]
#[test_case(229, V6, &[MACS, &[0x86, 0xdd], V6].concat(); "IPv6 by link type")]
#[test_case(0, &[&[2, 0, 0, 0], V4].concat(), &[MACS, &[8, 0], V4].concat(); "null little")]
#[test_case(0, &[&[0, 0, 0, 30], V6].concat(), &[MACS, &[0x86, 0xdd], V6].concat(); "null big")]
#[test_case(108, &[&[0, 0, 0, 24], V6].concat(), &[MACS, &[0x86, 0xdd], V6].concat(); "loop")]
#[test_case(108, &[&[0, 0, 0, 7], V4].concat(), &[MACS, &[0x88, 0xb5], V4].concat(); "loop of another family")]
#[test_case(108, &[0, 0], &[MACS, &[8, 0]].concat(); "cut in the header")]
#[test_case(113, &[&[0, 0, 0, 1, 0, 6, 10, 11, 12, 13, 14, 15, 0, 0, 8, 0], V4].concat(),
    &[&[2, 0, 0, 0, 0, 2, 10, 11, 12, 13, 14, 15, 8, 0], V4].concat(); "cooked")]
#[test_case(113, &[&[0, 1, 0, 1, 0, 6, 10, 11, 12, 13, 14, 15, 0, 0, 0, 4], V4].concat(),
    &[&[0xff; 6], &[10, 11, 12, 13, 14, 15, 0, 4][..], V4].concat(); "cooked broadcast with LLC")]
#[test_case(276, &[&[0x86, 0xdd, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 10, 11, 12, 13, 14, 15, 0, 0], V6].concat(),
    &[&[2, 0, 0, 0, 0, 2, 10, 11, 12, 13, 14, 15, 0x86, 0xdd], V6].concat(); "cooked 2")]
#[test_case(0x1000_0001, FRAME, FRAME; "Ethernet with the length of its check sequence")]
fn an_ethernet_header_is_put_in_front(link: u32, captured: &[u8], frame: &[u8]) {
    let header = PcapHeader { datalink: DataLink::from(link), ..PcapHeader::default() };
    let bytes = pcap(header, &[(0, captured)]);
    assert_eq!(frames(&bytes).0, [CapturedFrame { stamp: 0, bytes: frame.to_vec(), cut: 0 }]);
}
