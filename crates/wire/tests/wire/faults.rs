//! For every fault a frame that has it and that nothing else is wrong with.

use wire::{Fault, parse, parse_quoted};

use crate::frames::*;

/// What [`parse`] finds wrong with a frame, or else [`parse_quoted`].
fn fault(frame: &[u8]) -> Option<Fault> {
    match parse(frame) {
        Ok(descriptor) => match descriptor.transport {
            wire::Transport::Icmp(message) | wire::Transport::Icmpv6(message)
                if message.class == wire::IcmpKind::Error =>
            {
                parse_quoted(frame, &descriptor).err()
            }
            _ => None,
        },
        Err(fault) => Some(fault),
    }
}

/// A sound frame with some octets changed, and its IPv4 checksum mended if it has one.
fn spoilt(mut frame: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
    assert_eq!(fault(&frame), None, "the frame is sound before it is spoilt");
    for (at, octet) in changes {
        frame[*at] = *octet;
    }
    if frame[12..14] == [8, 0] {
        mend(&mut frame[14..]);
    }
    frame
}

fn v4_fragment(field: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x0800, &ipv4_with(&[], field, protocol, payload))
}

fn v4_options(options: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x0800, &ipv4_with(options, 0, 17, &udp(b"")))
}

fn chain(first: u8, headers: &[Vec<u8>]) -> Vec<u8> {
    ipv6(first, &[&headers.concat()[..], &udp(b"payload")].concat())
}

/// Frames for one fault.
fn examples(fault: Fault) -> Vec<Vec<u8>> {
    let plain_udp = || ipv4(17, &udp(b"question"));
    let plain_tcp = || ipv4(6, &tcp(0x10, &[], b"data"));
    let tag = |kind: u16| [kind.to_be_bytes(), [0, 5]].concat().try_into().unwrap();
    let quote = |packet: &[u8]| ipv4(1, &icmp(3, 1, packet));
    let quote6 = |packet: &[u8]| ipv6(58, &icmp(1, 0, packet));
    match fault {
        Fault::Truncated => vec![
            vec![],
            ethernet(&[], 0x0800, &[]),
            plain_udp()[..13].to_vec(),
            plain_udp()[..33].to_vec(),
            plain_udp()[..49].to_vec(),
            ipv6(17, &udp(b"question"))[..60].to_vec(),
            ethernet(&[tag(0x8100)], 0, &[])[..15].to_vec(),
            ethernet(&[], 40, &[0; 39]),
            ethernet(&[], 0x0806, &arp(1)[..27]),
        ],
        Fault::Oversized => vec![vec![0; 65_536]],
        Fault::VlanDepth => vec![
            ethernet(&[tag(0x8100); 3], 0x0800, &plain_udp()[14..]),
            ethernet(&[tag(0x88a8), tag(0x9100), tag(0x8100)], 0x0800, &plain_udp()[14..]),
        ],
        Fault::ArpHeader => {
            [0, 2, 4, 5].map(|at| spoilt(ethernet(&[], 0x0806, &arp(1)), &[(14 + at, 9)])).to_vec()
        }
        Fault::ArpOperation => [0, 3, 8].map(|kind| ethernet(&[], 0x0806, &arp(kind))).to_vec(),
        Fault::Ipv4Version => {
            vec![spoilt(plain_udp(), &[(14, 0x55)]), spoilt(plain_udp(), &[(14, 0x65)])]
        }
        Fault::Ipv4HeaderLength => {
            vec![spoilt(plain_udp(), &[(14, 0x44)]), spoilt(plain_udp(), &[(14, 0x40)])]
        }
        Fault::Ipv4TotalLength => vec![
            spoilt(plain_udp(), &[(16, 0), (17, 19)]),
            spoilt(plain_udp(), &[(16, 0), (17, 0)]),
            spoilt(v4_options(&[1; 8]), &[(16, 0), (17, 27)]),
        ],
        Fault::Ipv4Checksum => {
            let mut wrong =
                [plain_udp(), v4_options(&[1; 4]), v4_fragment(0x2000, 17, &[0; 16]), plain_udp()];
            wrong[0][22] ^= 1;
            wrong[1][34] ^= 2;
            wrong[2][25] ^= 0x80;
            wrong[3][24..26].fill(0);
            wrong.to_vec()
        }
        Fault::Ipv4Options => [
            &[7, 0, 4, 0][..],
            &[7, 1, 4, 0],
            &[7, 5, 4, 0],
            &[1, 1, 1, 148],
            &[131, 3, 3, 0],
            &[137, 2, 0, 0],
            &[68, 4, 4, 0],
            &[30, 4, 0, 0, 30, 5, 0, 0],
        ]
        .map(v4_options)
        .to_vec(),
        Fault::Ipv6Version => vec![spoilt(ipv6(17, &udp(b"")), &[(14, 0x40)])],
        Fault::Ipv6PayloadLength => vec![ipv6(17, &[]), ipv6(60, &[]), ipv6(58, &[])],
        Fault::Ipv6Jumbogram => {
            let mut jumbo = padding(17, 0);
            jumbo[2..8].copy_from_slice(&[0xc2, 4, 0, 1, 0, 0]);
            vec![ipv6(0, &[]), chain(0, &[jumbo])]
        }
        Fault::Ipv6Options => [0, 60]
            .map(|kind| {
                let mut bad = padding(17, 0);
                bad[2..4].copy_from_slice(&[1, 5]);
                chain(kind, &[bad])
            })
            .to_vec(),
        Fault::ExtensionTruncated => vec![
            ipv6(60, &[17]),
            ipv6(60, &padding(17, 1)[..15]),
            ipv6(44, &fragment(17, 8)[..7]),
            ipv6(60, &padding(43, 0)),
        ],
        Fault::ExtensionOrder => vec![
            chain(60, &[padding(0, 0), padding(17, 0)]),
            chain(0, &[padding(0, 0), padding(17, 0)]),
            chain(44, &[fragment(0, 0), padding(17, 0)]),
        ],
        Fault::ExtensionRepeated => vec![
            chain(43, &[routing(43, 2, 0), routing(17, 2, 0)]),
            chain(44, &[fragment(44, 0), fragment(17, 0)]),
            chain(60, &[padding(60, 0), padding(60, 0), padding(17, 0)]),
            ipv6(44, &[fragment(44, 1), fragment(17, 8), vec![0; 16]].concat()),
        ],
        Fault::ExtensionLength => {
            vec![chain(60, &[padding(17, 128)]), chain(0, &[padding(60, 100), padding(17, 27)])]
        }
        Fault::RoutingHeader0 => {
            vec![chain(43, &[routing(17, 0, 1)]), chain(43, &[routing(17, 0, 0)])]
        }
        Fault::FragmentLength => {
            vec![
                v4_fragment(0x2000, 17, &[0; 17]),
                ipv6(44, &[fragment(17, 1), vec![0; 17]].concat()),
            ]
        }
        Fault::FragmentOverflow => vec![
            v4_fragment(0x1fff, 17, &[0; 8]),
            v4_fragment(0x1ffd, 17, &[0; 4]),
            ipv6(44, &[fragment(17, 0xfff8), vec![0; 8]].concat()),
        ],
        Fault::FragmentEmpty => {
            vec![
                v4_fragment(0x2000, 17, &[]),
                v4_fragment(4, 17, &[]),
                ipv6(44, &fragment(17, 0x10)),
            ]
        }
        Fault::FragmentTiny => vec![
            v4_fragment(0x2000, 6, &[0; 8]),
            v4_fragment(1, 6, &[0; 12]),
            ipv6(44, &[fragment(6, 1), vec![0; 8]].concat()),
            ipv6(44, &[fragment(6, 8), vec![0; 8]].concat()),
            ipv6(44, &[fragment(60, 1), padding(17, 1)[..8].to_vec()].concat()),
            ipv6(44, &[fragment(60, 1), padding(6, 0), vec![0; 8]].concat()),
        ],
        Fault::TcpTruncated => vec![ipv4(6, &tcp(0x10, &[], b"")[..19]), ipv6(6, &[0; 4])],
        Fault::TcpHeaderLength => {
            vec![spoilt(plain_tcp(), &[(46, 0x40)]), spoilt(plain_tcp(), &[(46, 0x70)])]
        }
        Fault::TcpOptions => [[2, 0, 0, 0], [2, 1, 0, 0], [2, 5, 0, 0], [1, 1, 1, 3]]
            .map(|options| ipv4(6, &tcp(2, &options, b"")))
            .to_vec(),
        Fault::UdpTruncated => vec![ipv4(17, &udp(b"")[..7]), ipv6(17, &[1])],
        Fault::UdpLength => vec![
            spoilt(plain_udp(), &[(39, 7)]),
            spoilt(plain_udp(), &[(39, 17)]),
            spoilt(ipv6(17, &udp(b"")), &[(59, 0)]),
        ],
        Fault::IcmpTruncated => vec![ipv4(1, &icmp(8, 0, b"")[..7])],
        Fault::Icmpv6Truncated => vec![ipv6(58, &icmp(128, 0, b"")[..7])],
        Fault::SctpTruncated => vec![ipv4(132, &sctp(0, b"")[..15])],
        Fault::SctpChunkLength => vec![
            spoilt(ipv4(132, &sctp(0, b"data")), &[(49, 3)]),
            spoilt(ipv4(132, &sctp(0, b"data")), &[(49, 9)]),
            ipv4(132, &sctp(1, &[0; 15])),
        ],
        Fault::ProtocolFamily => vec![
            ipv4(58, &icmp(128, 0, b"")),
            ipv4(44, &[17, 0, 0, 0, 0, 0, 0, 1]),
            ipv4(60, &[17, 0, 1, 4, 0, 0, 0, 0]),
            ipv6(1, &icmp(8, 0, b"")),
            ipv6(2, &[0x11, 0, 0, 0, 0, 0, 0, 0]),
        ],
        Fault::GreTruncated => vec![ipv4(47, &[0; 3])],
        Fault::EspTruncated => vec![ipv6(50, &[0; 7])],
        Fault::AhLength => vec![
            ipv4(51, &[17]),
            ipv4(51, &[17, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
            ipv4(51, &[17, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
            ipv6(51, &[17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
        ],
        Fault::PortZero => vec![
            spoilt(plain_udp(), &[(34, 0), (35, 0)]),
            spoilt(plain_tcp(), &[(37, 0)]),
            spoilt(ipv4(132, &sctp(0, b"data")), &[(36, 0), (37, 0)]),
        ],
        Fault::QuotedHeader => vec![
            quote(&ipv6_datagram(17, &udp(b""))),
            quote(&[&[0x44], &ipv4_with(&[], 0, 17, &udp(b""))[1..]].concat()),
            quote6(&ipv4_with(&[1; 20], 0, 17, &udp(b""))),
            quote6(&ipv6_datagram(43, &[routing(17, 0, 1), udp(b"")].concat())),
        ],
        Fault::QuotedTruncated => vec![
            quote(&[]),
            quote(&ipv4_with(&[], 0, 17, &udp(b""))[..27]),
            quote(&ipv4_with(&[], 0, 6, &tcp(2, &[], b"")[..7])),
            quote6(&ipv6_datagram(60, &padding(17, 0))[..44]),
            quote6(&ipv6_datagram(58, &icmp(128, 0, b""))[..45]),
        ],
        Fault::QuotedFragment => vec![
            quote(&ipv4_with(&[], 0x2000, 17, &udp(b""))),
            quote(&ipv4_with(&[], 3, 17, &udp(b""))),
            quote6(&ipv6_datagram(44, &[fragment(17, 1), udp(b"")].concat())),
        ],
        Fault::NestedError => vec![
            quote(&ipv4_with(&[], 0, 1, &icmp(11, 0, b""))),
            quote6(&ipv6_datagram(58, &icmp(2, 0, b""))),
        ],
    }
}

#[test]
fn every_fault_is_found() {
    for wanted in Fault::ALL {
        let examples = examples(*wanted);
        for (number, frame) in examples.iter().enumerate() {
            assert_eq!(fault(frame), Some(*wanted), "example {number} of {wanted}: {frame:02x?}");
        }
        assert!(!examples.is_empty(), "{wanted} has an example");
    }
}

#[test]
fn names_are_unique_and_in_snake_case() {
    let mut names: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    assert!(names.iter().all(|name| {
        name.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    }));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Fault::COUNT);
    assert_eq!(Fault::ALL[Fault::NestedError.index()], Fault::NestedError);
}
