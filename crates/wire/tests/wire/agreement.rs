//! Properties: our reading agrees with etherparse's of packets that etherparse builds, and no octets at all make
//! the parser panic.

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep, TcpHeader, UdpHeader, VlanId};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;

use wire::{
    Descriptor, HeaderChecksum, PlainAddresses, SeqNum, Transport, checksum, destination_mac,
    is_group_mac, parse, parse_arp, parse_quote, parse_quoted, parse_transport, plain,
    plain_segment, source_mac, write_tcp_reset, write_unreachable,
};

use crate::frames::*;

/// What stands in front of the transport.
#[derive(Clone, Debug)]
struct Envelope {
    tags: Vec<u16>,
    v6: bool,
    source: [u8; 16],
    destination: [u8; 16],
    ttl: u8,
}

impl Envelope {
    fn any() -> impl Strategy<Value = Self> {
        let addresses = (any::<[u8; 16]>(), any::<[u8; 16]>());
        (vec(0_u16..4096, 0..=2), any::<bool>(), addresses, any::<u8>()).prop_map(
            |(tags, v6, (source, destination), ttl)| Self { tags, v6, source, destination, ttl },
        )
    }

    fn step(&self) -> PacketBuilderStep<IpHeaders> {
        let id = |at: usize| VlanId::try_new(self.tags[at]).unwrap();
        let start = PacketBuilder::ethernet2(SENDER, RECEIVER);
        let short = |address: &[u8; 16]| *address.first_chunk::<4>().unwrap();
        macro_rules! ip {
            ($step:expr) => {
                if self.v6 {
                    $step.ipv6(self.source, self.destination, self.ttl)
                } else {
                    $step.ipv4(short(&self.source), short(&self.destination), self.ttl)
                }
            };
        }
        match self.tags.len() {
            0 => ip!(start),
            1 => ip!(start.single_vlan(id(0))),
            _ => ip!(start.double_vlan(id(0), id(1))),
        }
    }

    /// Checks what a descriptor says about the envelope.
    fn check(&self, frame: &[u8], found: &Descriptor) {
        assert_eq!(usize::from(found.vlans.count), self.tags.len());
        assert_eq!(&found.vlans.ids[..self.tags.len()], &self.tags[..]);
        assert_eq!((source_mac(frame).0, destination_mac(frame).0), (SENDER, RECEIVER));
        assert!(!is_group_mac(frame));
        let octets = |address| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let length = if self.v6 { 16 } else { 4 };
        assert_eq!(octets(found.source), &self.source[..length]);
        assert_eq!(octets(found.destination), &self.destination[..length]);
        assert_eq!(found.ttl, self.ttl);
        assert_eq!(usize::from(found.end), frame.len());
        assert!(checksum::verify_transport(frame, found), "etherparse's checksum is right");
    }
}

/// The short reading accepts a part of what the long one does, and reads the same from it.
fn check_plain(frame: &[u8]) -> bool {
    let Some(short) = plain(frame, HeaderChecksum::Verify) else { return false };
    let segment = plain_segment(frame, short.l4, short.end);
    if short.protocol == wire::protocol::TCP && segment.is_none() {
        assert!(parse(frame).is_err(), "the long reading knows the fault");
        return false;
    }
    let long = parse(frame).expect("the short reading accepts no more than the long one");
    let addresses = match short.addresses {
        PlainAddresses::V4(pair) => pair.map(|number| IpAddr::V4(number.into())),
        PlainAddresses::V6(pair) => pair.map(|number| IpAddr::V6(number.into())),
    };
    assert_eq!(addresses, [long.source, long.destination]);
    let ports = match long.transport {
        Transport::Tcp(tcp) => {
            assert_eq!(segment, Some(tcp));
            [tcp.source_port, tcp.destination_port]
        }
        Transport::Udp(udp) => [udp.source_port, udp.destination_port],
        other => unreachable!("not plain: {other:?}"),
    };
    assert_eq!(short.ports, ports);
    assert_eq!((short.vlans, short.protocol), (long.vlans, long.protocol));
    assert_eq!((short.l4, short.end, short.length), (long.l4, long.end, long.end - long.l3));
    assert_eq!((long.fragment, long.options), (None, wire::IpOptions::default()));
    true
}

/// Calls everything that reads a frame. Nothing is expected but that it returns.
fn exercise(frame: &[u8]) {
    check_plain(frame);
    let Ok(found) = parse(frame) else { return };
    assert!(found.l3 <= found.l4 && found.l4 <= found.end && usize::from(found.end) <= frame.len());
    let _sound = checksum::verify_transport(frame, &found);
    let _arp = parse_arp(frame, &found);
    let _quoted = parse_quoted(frame, &found);
    let mut buffer = [0; wire::UNREACHABLE_MAX];
    let reset = write_tcp_reset(frame, &found, &mut buffer);
    assert!(reset.is_err() || parse(&buffer[..reset.unwrap_or_default()]).is_ok());
    let message = write_unreachable(frame, &found, &mut buffer);
    assert!(message.is_err() || parse(&buffer[..message.unwrap_or_default()]).is_ok());
    let data = &frame[usize::from(found.l4)..usize::from(found.end)];
    let v6 = found.source.is_ipv6();
    let again = parse_transport(found.protocol, v6, data, data.len());
    if found.fragment.is_none() && found.protocol != 0 {
        assert_eq!(
            again.map(|whole| whole.transport),
            Ok(found.transport),
            "one reading of transport"
        );
    }
}

/// Sound frames of every kind, to be mutated.
fn seeds() -> Vec<Vec<u8>> {
    let chain = [padding(60, 0), padding(43, 1), routing(44, 4, 1), fragment(6, 0)].concat();
    let syn = tcp(2, &[2, 4, 5, 0xb4, 4, 2, 3, 3, 7, 1, 1, 1], b"");
    let sack = tcp(0x10, &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9], b"data");
    vec![
        ipv4(6, &syn),
        ipv6(6, &sack),
        ipv6(0, &[chain, syn].concat()),
        ipv4(17, &udp(b"question")),
        ethernet(&[[0x81, 0, 0, 5]; 2], 0x86dd, &ipv6_datagram(17, &udp(b"question"))),
        ethernet(&[], 0x0800, &ipv4_with(&[68, 8, 5, 0, 0, 0, 0, 0, 148, 4, 0, 0], 0, 6, &sack)),
        ethernet(&[], 0x0800, &ipv4_with(&[], 0x2003, 17, &[0; 24])),
        ipv6(44, &[fragment(60, 1), padding(17, 1), udp(&[0; 24])].concat()),
        ipv4(1, &icmp(3, 4, &ipv4_with(&[1; 4], 0, 6, &tcp(2, &[], b"")))),
        ipv6(58, &icmp(2, 0, &ipv6_datagram(60, &[padding(17, 0), udp(b"x")].concat()))),
        ipv4(132, &sctp(1, &[0; 16])),
        ipv6(51, &[17, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]),
        ethernet(&[], 0x0806, &arp(1)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn udp_agrees_with_etherparse(
        envelope in Envelope::any(),
        ports in (1_u16.., 1_u16..),
        payload in vec(any::<u8>(), 0..1400),
    ) {
        let mut frame = Vec::new();
        envelope.step().udp(ports.0, ports.1).write(&mut frame, &payload).unwrap();
        let found = parse(&frame).unwrap();
        envelope.check(&frame, &found);
        let Transport::Udp(datagram) = found.transport else { panic!("{found:?}") };
        let (header, rest) = UdpHeader::from_slice(&frame[usize::from(found.l4)..]).unwrap();
        prop_assert_eq!(datagram.source_port, header.source_port);
        prop_assert_eq!(datagram.destination_port, header.destination_port);
        prop_assert_eq!(usize::from(datagram.payload), rest.len());
    }

    #[test]
    fn tcp_agrees_with_etherparse(
        envelope in Envelope::any(),
        ports in (1_u16.., 1_u16..),
        numbers in any::<(u32, u32, u16)>(),
        flags in any::<u8>(),
        scale in proptest::option::of(0_u8..20),
        payload in vec(any::<u8>(), 0..1400),
    ) {
        let mut header = TcpHeader::new(ports.0, ports.1, numbers.0, numbers.2);
        header.acknowledgment_number = numbers.1;
        [header.fin, header.syn, header.rst, header.psh, header.ack, header.urg, header.ece, header.cwr] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(|bit| flags & (1 << bit) != 0);
        if let Some(scale) = scale {
            header.set_options(&[etherparse::TcpOptionElement::WindowScale(scale)]).unwrap();
        }
        let mut frame = Vec::new();
        envelope.step().tcp_header(header).write(&mut frame, &payload).unwrap();
        let found = parse(&frame).unwrap();
        envelope.check(&frame, &found);
        let Transport::Tcp(segment) = found.transport else { panic!("{found:?}") };
        prop_assert_eq!((segment.source_port, segment.destination_port), ports);
        prop_assert_eq!((segment.seq, segment.ack), (SeqNum(numbers.0), SeqNum(numbers.1)));
        prop_assert_eq!((segment.flags.0, segment.window), (flags, numbers.2));
        prop_assert_eq!(usize::from(segment.payload), payload.len());
        let wanted = scale.filter(|_| segment.flags.syn()).map(|scale| scale.min(14));
        prop_assert_eq!(segment.window_scale, wanted);
    }

    #[test]
    fn echo_agrees_with_etherparse(
        envelope in Envelope::any(),
        id in any::<u16>(),
        payload in vec(any::<u8>(), 0..100),
    ) {
        let mut frame = Vec::new();
        let step = envelope.step();
        if envelope.v6 {
            step.icmpv6_echo_request(id, 1).write(&mut frame, &payload).unwrap();
        } else {
            step.icmpv4_echo_request(id, 1).write(&mut frame, &payload).unwrap();
        }
        let found = parse(&frame).unwrap();
        envelope.check(&frame, &found);
        let (Transport::Icmp(message) | Transport::Icmpv6(message)) = found.transport else {
            panic!("{found:?}")
        };
        prop_assert_eq!((message.id, message.class), (id, wire::IcmpKind::Query));
    }

    #[test]
    fn a_flipped_bit_fails_the_checksum(
        envelope in Envelope::any(),
        payload in vec(any::<u8>(), 1..64),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut frame = Vec::new();
        envelope.step().tcp(1024, 80, 1, 1).write(&mut frame, &payload).unwrap();
        let bit = bit.index(payload.len() * 8);
        let at = frame.len() - payload.len() + bit / 8;
        frame[at] ^= 1 << (bit % 8);
        prop_assert!(!checksum::verify_transport(&frame, &parse(&frame).unwrap()));
        prop_assert_eq!(check_plain(&frame), envelope.tags.len() < 2, "{:?}", envelope);
    }

    #[test]
    fn arbitrary_octets_never_panic(frame in vec(any::<u8>(), 0..200)) {
        exercise(&frame);
        for v6 in [false, true] {
            let _quote = parse_quote(v6, &frame);
            for protocol in [0, 1, 6, 17, 43, 44, 51, 58, 60, 132] {
                let _whole = parse_transport(protocol, v6, &frame, frame.len());
                let _longer = parse_transport(protocol, v6, &frame, frame.len() + 1000);
            }
        }
    }

    #[test]
    fn mutated_frames_never_panic(
        seed in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let seeds = seeds();
        let mut frame = seeds[seed.index(seeds.len())].clone();
        let changed = changes.len();
        for (at, octet) in changes {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        if frame[12..14] == [8, 0] {
            mend(&mut frame[14..]);
        }
        if changed == 0 {
            prop_assert!(parse(&frame).is_ok(), "a seed is sound");
        }
        if let Some(cut) = cut {
            frame.truncate(cut.index(frame.len() + 1));
        }
        exercise(&frame);
    }
}
