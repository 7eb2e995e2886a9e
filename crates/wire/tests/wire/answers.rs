//! The frames that the firewall makes itself, read back by etherparse and by our own parser.

use etherparse::{Icmpv4Slice, Icmpv6Slice, NetSlice, SlicedPacket, TransportSlice};
use wire::{
    Descriptor, Fault, IcmpKind, Transport, Unanswerable, checksum, destination_mac, parse,
    parse_quoted, source_mac, write_tcp_reset, write_unreachable,
};

use crate::frames::*;

const TAGS: [[u8; 4]; 2] = [[0x88, 0xa8, 0x20, 9], [0x81, 0, 0xe0, 0x64]];

/// The same transport over both versions, untagged and tagged.
fn frames(protocol: [u8; 2], transport: &[u8]) -> Vec<Vec<u8>> {
    let v4 = ipv4_with(&[], 0x4000, protocol[0], transport);
    let v6 = ipv6_datagram(protocol[1], transport);
    let mut frames = Vec::new();
    for tags in [&TAGS[..0], &TAGS[1..], &TAGS[..]] {
        frames.push(ethernet(tags, 0x0800, &v4));
        frames.push(ethernet(tags, 0x86dd, &v6));
    }
    frames
}

/// Checks what holds for every answer, and returns its descriptor.
fn check_answer(frame: &[u8], answer: &[u8]) -> Descriptor {
    let asked = parse(frame).unwrap();
    let found = parse(answer).unwrap();
    assert!(answer.len() >= 60);
    assert_eq!(source_mac(answer), destination_mac(frame));
    assert_eq!(destination_mac(answer), source_mac(frame));
    assert_eq!(answer[12..usize::from(found.l3)], frame[12..usize::from(asked.l3)]);
    assert_eq!((found.source, found.destination), (asked.destination, asked.source));
    assert_eq!((found.ttl, found.fragment), (64, None));
    assert!(checksum::verify_transport(answer, &found));
    let sliced = SlicedPacket::from_ethernet(answer).unwrap();
    if let Some(NetSlice::Ipv4(v4)) = &sliced.net {
        assert_eq!(v4.header().header_checksum(), v4.header().to_header().calc_header_checksum());
    }
    found
}

#[test]
fn a_reset_is_what_rfc_9293_prescribes() {
    // Flags and payload of the segment; sequence, acknowledgement and flags of the reset.
    let cases: [(u8, &[u8], u32, u32, u8); 5] = [
        (0x02, b"", 0, 1001, 0x14),
        (0x02, b"fast", 0, 1005, 0x14),
        (0x01, b"xy", 0, 1003, 0x14),
        (0x12, b"", 2000, 0, 0x04),
        (0x18, b"data", 2000, 0, 0x04),
    ];
    for (flags, payload, seq, ack, reset_flags) in cases {
        for frame in frames([6, 6], &tcp(flags, &[], payload)) {
            let mut buffer = [0xaa; wire::RESET_MAX];
            let length = write_tcp_reset(&frame, &parse(&frame).unwrap(), &mut buffer).unwrap();
            let answer = &buffer[..length];
            let found = check_answer(&frame, answer);
            let Transport::Tcp(reset) = found.transport else { panic!("{found:?}") };
            assert_eq!((reset.seq.0, reset.ack.0, reset.flags.0), (seq, ack, reset_flags));
            assert_eq!((reset.source_port, reset.destination_port), (80, 40000));
            assert_eq!((reset.payload, reset.window), (0, 0));
            assert!(
                answer[usize::from(found.end)..].iter().all(|octet| *octet == 0),
                "padding is zero"
            );
            let sliced = SlicedPacket::from_ethernet(answer).unwrap();
            let Some(TransportSlice::Tcp(slice)) = sliced.transport else { panic!("no TCP") };
            let right = match sliced.net.unwrap() {
                NetSlice::Ipv4(v4) => {
                    slice.calc_checksum_ipv4(v4.header().source(), v4.header().destination())
                }
                NetSlice::Ipv6(v6) => {
                    slice.calc_checksum_ipv6(v6.header().source(), v6.header().destination())
                }
                NetSlice::Arp(_) => panic!("ARP"),
            };
            assert_eq!(Ok(slice.checksum()), right);
        }
    }
}

#[test]
fn an_unreachable_message_quotes_what_fits() {
    for payload in [0_usize, 5, 520, 521, 1200, 1400] {
        for frame in frames([17, 17], &udp(&vec![0x5a; payload])) {
            let asked = parse(&frame).unwrap();
            let mut buffer = [0xaa; wire::UNREACHABLE_MAX];
            let length = write_unreachable(&frame, &asked, &mut buffer).unwrap();
            let answer = &buffer[..length];
            let found = check_answer(&frame, answer);
            let v6 = found.protocol == 58;
            let (whole, most) =
                if v6 { (48 + 48 + payload, 1280) } else { (28 + 28 + payload, 576) };
            assert_eq!(usize::from(found.end - found.l3), whole.min(most));
            let datagram = &frame[usize::from(asked.l3)..];
            let quote = &answer[usize::from(found.l4) + 8..usize::from(found.end)];
            assert_eq!(quote, &datagram[..quote.len()]);
            let quoted = parse_quoted(answer, &found).unwrap();
            assert_eq!((quoted.source, quoted.destination_port), (asked.source, 53));
            match SlicedPacket::from_ethernet(answer).unwrap().transport.unwrap() {
                TransportSlice::Icmpv4(slice) => check_icmp(&slice),
                TransportSlice::Icmpv6(slice) => check_icmpv6(&slice),
                other => panic!("{other:?} is no ICMP"),
            }
        }
    }
}

fn check_icmp(slice: &Icmpv4Slice<'_>) {
    assert_eq!((slice.type_u8(), slice.code_u8()), (3, 13));
}

fn check_icmpv6(slice: &Icmpv6Slice<'_>) {
    assert_eq!((slice.type_u8(), slice.code_u8()), (1, 1));
}

#[test]
fn what_must_not_be_answered_is_not() {
    let refusal = |frame: &[u8]| {
        let descriptor = parse(frame).unwrap();
        let mut buffer = [0; wire::UNREACHABLE_MAX];
        [
            write_tcp_reset(frame, &descriptor, &mut buffer).err(),
            write_unreachable(frame, &descriptor, &mut buffer).err(),
        ]
    };
    let changed = |mut frame: Vec<u8>, at: usize, octets: &[u8]| {
        frame[at..at + octets.len()].copy_from_slice(octets);
        if frame[12..14] == [8, 0] {
            mend(&mut frame[14..]);
        }
        frame
    };
    let syn = || ipv4(6, &tcp(2, &[], b""));
    let syn6 = || ipv6(6, &tcp(2, &[], b""));
    assert_eq!(refusal(&syn()), [None, None]);
    assert_eq!(refusal(&syn6()), [None, None]);
    assert_eq!(refusal(&ipv4(6, &tcp(0x14, &[], b""))), [Some(Unanswerable::Reset); 2]);
    let address = [Some(Unanswerable::Address); 2];
    for group in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
        assert_eq!(refusal(&changed(syn(), 0, &group)), address);
        assert_eq!(refusal(&changed(syn6(), 6, &group)), address);
    }
    for bad in [[224, 0, 0, 1], [255; 4], [0; 4], [127, 0, 0, 1], [240, 0, 0, 1]] {
        assert_eq!(refusal(&changed(syn(), 26, &bad)), address, "source {bad:?}");
        assert_eq!(refusal(&changed(syn(), 30, &bad)), address, "destination {bad:?}");
    }
    assert_eq!(refusal(&changed(syn(), 30, &V4[0])), address, "to itself");
    assert_eq!(refusal(&changed(syn6(), 38, &[0xff, 2])), address);
    assert_eq!(refusal(&changed(syn6(), 22, &[0xff, 2])), address);
    assert_eq!(refusal(&changed(syn6(), 22, &[0; 16])), address);

    let not_tcp = Some(Unanswerable::Protocol);
    assert_eq!(refusal(&ipv4(17, &udp(b""))), [not_tcp, None]);
    assert_eq!(refusal(&ipv4(1, &icmp(8, 0, b""))), [not_tcp, None]);
    let no_message = [not_tcp, Some(Unanswerable::IcmpMessage)];
    for kind in [3, 4, 5, 9, 11, 12] {
        assert_eq!(refusal(&ipv4(1, &icmp(kind, 0, b""))), no_message, "ICMP {kind}");
    }
    for kind in [1, 2, 131, 135, 137] {
        assert_eq!(refusal(&ipv6(58, &icmp(kind, 0, b""))), no_message, "ICMPv6 {kind}");
    }
    let no_fragment = [not_tcp, Some(Unanswerable::Fragment)];
    let v4 = |field, protocol| ethernet(&[], 0x0800, &ipv4_with(&[], field, protocol, &[0; 16]));
    assert_eq!(refusal(&v4(0x2002, 17)), no_fragment);
    assert_eq!(refusal(&v4(0x2000, 1)), no_fragment);
    assert_eq!(refusal(&v4(0x2000, 17)), [not_tcp, None]);
    let hidden = ipv6(44, &[fragment(60, 1), padding(58, 0), icmp(1, 0, b"")].concat());
    assert_eq!(refusal(&hidden), no_fragment);
    assert_eq!(refusal(&ethernet(&[], 0x0806, &arp(1))), [not_tcp; 2]);
}

#[test]
fn a_short_buffer_is_refused() {
    let frame = ipv6(6, &tcp(2, &[], b""));
    let asked = parse(&frame).unwrap();
    let mut buffer = [0; wire::RESET_MAX];
    for length in 0..74 {
        let refused = write_tcp_reset(&frame, &asked, &mut buffer[..length]);
        assert_eq!(refused, Err(Unanswerable::Buffer));
    }
    assert_eq!(write_tcp_reset(&frame, &asked, &mut buffer[..74]), Ok(74));
    let refused = write_unreachable(&frame, &asked, &mut buffer);
    assert_eq!(refused, Err(Unanswerable::Buffer));
}

#[test]
fn an_answer_is_itself_never_answered_by_an_error() {
    let frame = ipv4(17, &udp(b""));
    let mut buffer = [0; wire::UNREACHABLE_MAX];
    let length = write_unreachable(&frame, &parse(&frame).unwrap(), &mut buffer).unwrap();
    let found = parse(&buffer[..length]).unwrap();
    assert!(
        matches!(found.transport, Transport::Icmp(message) if message.class == IcmpKind::Error)
    );
    let mut again = [0; wire::UNREACHABLE_MAX];
    let refused = write_unreachable(&buffer[..length], &found, &mut again);
    assert_eq!(refused, Err(Unanswerable::IcmpMessage));
    let nested = ipv4(1, &icmp(3, 1, &buffer[14..length]));
    assert_eq!(parse_quoted(&nested, &parse(&nested).unwrap()), Err(Fault::NestedError));
}
