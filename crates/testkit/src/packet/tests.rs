//! The builders against an independent parser, and against bytes known from elsewhere.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::seen::{Above, Seen};
use super::*;

const CLIENT_V4: &str = "10.0.0.1:40000";
const SERVER_V4: &str = "192.0.2.80:80";
const CLIENT_V6: &str = "[2001:db8::1]:40000";
const SERVER_V6: &str = "[2001:db8:1::80]:80";

/// Every checksum of the frame, computed by etherparse, against what stands in it.
fn checksums_hold(frame: &[u8]) -> bool {
    let sliced = SlicedPacket::from_ethernet(frame).expect("parses");
    match (sliced.net.as_ref().expect("ip"), sliced.transport.as_ref()) {
        (NetSlice::Ipv4(ip), transport) => {
            let header = ip.header().to_header();
            if header.calc_header_checksum() != header.header_checksum {
                return false;
            }
            let (source, destination) = (ip.header().source(), ip.header().destination());
            match transport {
                Some(TransportSlice::Tcp(tcp)) => {
                    tcp.calc_checksum_ipv4(source, destination).expect("short") == tcp.checksum()
                }
                Some(TransportSlice::Udp(udp)) => {
                    let payload = udp.payload();
                    udp.to_header()
                        .calc_checksum_ipv4_raw(source, destination, payload)
                        .expect("short")
                        == udp.checksum()
                }
                Some(TransportSlice::Icmpv4(icmp)) => icmp.is_checksum_valid(),
                _ => true,
            }
        }
        (NetSlice::Ipv6(ip), transport) => {
            let source = ip.header().source_addr().octets();
            let destination = ip.header().destination_addr().octets();
            match transport {
                Some(TransportSlice::Tcp(tcp)) => {
                    tcp.calc_checksum_ipv6(source, destination).expect("short") == tcp.checksum()
                }
                Some(TransportSlice::Udp(udp)) => {
                    let payload = udp.payload();
                    udp.to_header()
                        .calc_checksum_ipv6_raw(source, destination, payload)
                        .expect("short")
                        == udp.checksum()
                }
                Some(TransportSlice::Icmpv6(icmp)) => icmp.is_checksum_valid(source, destination),
                _ => true,
            }
        }
        (NetSlice::Arp(_), _) => true,
    }
}

trait IsChecksumValid {
    fn is_checksum_valid(&self) -> bool;
}

impl IsChecksumValid for etherparse::Icmpv4Slice<'_> {
    fn is_checksum_valid(&self) -> bool {
        self.header().icmp_type.calc_checksum(self.payload()) == self.checksum()
    }
}

fn samples() -> Vec<Frame> {
    let data = Tcp {
        flags: flags::PSH_ACK,
        acknowledgement: 77,
        options: vec![TcpOption::Nop, TcpOption::Nop, TcpOption::Timestamps(1, 2)],
        payload: b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        ..TCP
    };
    vec![
        Frame::tcp(CLIENT_V4, SERVER_V4, TCP),
        Frame::tcp(CLIENT_V6, SERVER_V6, TCP),
        Frame::tcp(CLIENT_V4, SERVER_V4, data.clone()),
        Frame::tcp(CLIENT_V6, SERVER_V6, data),
        Frame::udp(CLIENT_V4, "192.0.2.53:53", b"odd".to_vec()),
        Frame::udp(CLIENT_V6, "[2001:db8::53]:53", b"odd".to_vec()),
        Frame::echo_request("10.0.0.1", "10.0.0.2", 7, 1),
        Frame::echo_reply("2001:db8::1", "2001:db8::2", 7, 1),
    ]
}

#[test]
fn an_independent_parser_agrees_with_every_checksum() {
    for frame in samples() {
        assert!(checksums_hold(&frame.bytes()), "{frame:?}");
    }
}

#[test]
fn a_broken_checksum_is_wrong_and_nothing_else_changes() {
    for frame in samples() {
        let right = frame.bytes();
        let broken = frame
            .clone()
            .map_transport(|transport| match transport {
                Transport::Tcp(tcp) => Transport::Tcp(Tcp { checksum: Checksum::Broken, ..tcp }),
                Transport::Udp(udp) => Transport::Udp(Udp { checksum: Checksum::Broken, ..udp }),
                Transport::Icmp(icmp) => {
                    Transport::Icmp(Icmp { checksum: Checksum::Broken, ..icmp })
                }
                Transport::Icmpv6(icmp) => {
                    Transport::Icmpv6(Icmpv6 { checksum: Checksum::Broken, ..icmp })
                }
                other @ (Transport::Sctp(_) | Transport::Raw(..)) => other,
            })
            .bytes();
        assert!(!checksums_hold(&broken), "{frame:?}");
        let differing = right.iter().zip(&broken).filter(|(a, b)| a != b).count();
        assert!((1..=2).contains(&differing), "{differing} bytes differ");
    }
    let header = Frame::tcp(CLIENT_V4, SERVER_V4, TCP)
        .map_ipv4(|ip| Ipv4 { checksum: Checksum::Broken, ..ip });
    assert!(!checksums_hold(&header.bytes()));
}

#[test]
fn a_known_frame_byte_by_byte() {
    // The worked example of an IPv4 header checksum that textbooks use: b1e6.
    let frame = Frame::ip("172.16.10.99", "172.16.10.12", Transport::Raw(6, vec![0; 40]))
        .map_ipv4(|ip| Ipv4 { identification: 0x1c46, dont_fragment: true, ..ip })
        .bytes();
    let header = &frame[14..34];
    assert_eq!(
        header,
        [
            0x45, 0x00, 0x00, 0x3c, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x06, 0xb1, 0xe6, 0xac, 0x10,
            0x0a, 0x63, 0xac, 0x10, 0x0a, 0x0c,
        ]
    );
}

#[test]
fn crc32c_of_the_check_string() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    let init = Sctp { chunks: vec![Chunk::init(chunk_type::INIT, 0xdead_beef, 1)], ..SCTP };
    let packet = Frame::sctp(CLIENT_V4, "192.0.2.1:5000", init).bytes();
    let mut sctp = packet[34..].to_vec();
    let stored: [u8; 4] = sctp[8..12].try_into().unwrap();
    sctp[8..12].fill(0);
    assert_eq!(crc32c(&sctp), u32::from_le_bytes(stored));
    assert_eq!(sctp.len(), 12 + 20);
}

#[test]
fn tags_lie_outermost_first() {
    let frame = Frame { tags: vec![Tag { tpid: ether_type::QINQ, vid: 7, ..TAG }], ..FRAME };
    let bytes =
        Frame { network: Frame::udp(CLIENT_V4, SERVER_V4, "x").network, ..frame }.tag(4095).bytes();
    assert_eq!(&bytes[12..22], &[0x88, 0xa8, 0, 7, 0x81, 0, 0x0f, 0xff, 0x08, 0]);
    assert_eq!(Seen::parse(&bytes).unwrap().vids, [7, 4095]);
}

#[test]
fn extension_headers_chain_and_are_padded() {
    let frame = Frame::udp(CLIENT_V6, SERVER_V6, "x").map_ipv6(|ip| Ipv6 {
        extensions: vec![
            Extension::HopByHop(vec![5, 2, 0, 0]),
            Extension::Routing(4, 0, vec![0; 20]),
            Extension::Destination(vec![1]),
            Extension::Authentication(1, 2, vec![0; 12]),
        ],
        ..ip
    });
    let seen = Seen::parse(&frame.bytes()).expect("etherparse walks the chain");
    assert_eq!((seen.protocol, seen.destination_port, seen.payload), (17, 80, b"x".to_vec()));
    assert_eq!(frame.bytes()[14 + 6], 0, "hop-by-hop comes first");
}

#[test]
fn an_error_quotes_what_it_is_about() {
    let quoted = Frame::tcp(CLIENT_V4, SERVER_V4, TCP);
    let error = Frame::icmp_error("192.0.2.254", IcmpError::TooBig(1400), &quoted, 8);
    assert_eq!((error.source, error.destination), (RESPONDER_MAC, INITIATOR_MAC));
    let bytes = error.bytes();
    assert!(checksums_hold(&bytes));
    let seen = Seen::parse(&bytes).unwrap();
    assert_eq!(seen.above, Above::Icmp { kind: 3, code: 4, rest: [0, 0, 0x05, 0x78] });
    assert_eq!(seen.destination.to_string(), "10.0.0.1");
    assert_eq!(seen.payload.len(), 28);
    let quoted = Frame::udp(CLIENT_V6, SERVER_V6, vec![0; 100]);
    let error = Frame::icmp_error("2001:db8::fe", IcmpError::Prohibited, &quoted, 1000);
    let inner = Seen::parse(&error.bytes()).unwrap().quoted().expect("a whole packet inside");
    assert_eq!((inner.source_port, inner.destination_port), (40_000, 80));
}

#[test]
fn fragments_laid_end_to_end_are_the_datagram() {
    let whole = Frame::udp(CLIENT_V4, SERVER_V4, (0..=255).collect::<Vec<u8>>());
    let pieces = fragment_v4(&whole, &[8, 128, 200]);
    assert_eq!(pieces.len(), 4);
    let mut joined = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let bytes = piece.bytes();
        assert!(checksums_hold(&bytes));
        let offset = usize::from(u16::from_be_bytes([bytes[20], bytes[21]]) & 0x1fff) * 8;
        assert_eq!(offset, joined.len());
        assert_eq!(bytes[20] & 0x20 != 0, index < 3, "more fragments");
        joined.extend_from_slice(&bytes[34..]);
    }
    assert_eq!(joined, whole.bytes()[34..]);

    let whole = Frame::udp(CLIENT_V6, SERVER_V6, vec![9; 64]);
    let pieces = fragment_v6(&whole, 0xabcd, &[16]);
    let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes()[62..].to_vec()).collect();
    assert_eq!(joined, whole.bytes()[54..]);
    assert_eq!(&pieces[1].bytes()[54..62], &[17, 0, 0, 16, 0, 0, 0xab, 0xcd]);
}

#[test]
#[should_panic(expected = "no multiple of 8")]
fn a_boundary_off_the_grid_is_refused() {
    drop(fragment_v4(&Frame::udp(CLIENT_V4, SERVER_V4, vec![0; 64]), &[9]));
}

#[test]
fn padding_comes_after_the_packet() {
    let frame = Frame::arp(ARP).padded_to(60);
    assert_eq!(frame.bytes().len(), 60);
    assert_eq!(frame.destination, BROADCAST_MAC);
    let syn = Frame::tcp(CLIENT_V4, SERVER_V4, TCP).padded_to(60).bytes();
    assert_eq!(u16::from_be_bytes([syn[16], syn[17]]), 40, "the IP length does not count it");
}
