//! What a descriptor says of sound frames, protocol by protocol.

use std::net::IpAddr;

use wire::{
    ArpOperation, Class, Fault, Fragment, HeaderChecksum, IcmpKind, IpOptions, SeqNum, Transport,
    VlanTags, checksum, parse, parse_arp, parse_quote, parse_quoted, parse_transport, parse_with,
};

use crate::frames::*;

#[test]
fn tags_are_read_outermost_first() {
    let datagram = ipv4_with(&[], 0, 17, &udp(b"question"));
    let inner = [0x81, 0, 0xe0, 0x64];
    let cases: [(&[[u8; 4]], VlanTags); 4] = [
        (&[], VlanTags { count: 0, ids: [0, 0] }),
        (&[inner], VlanTags { count: 1, ids: [100, 0] }),
        (&[[0x88, 0xa8, 0x0f, 0xff], inner], VlanTags { count: 2, ids: [4095, 100] }),
        (&[[0x91, 0, 0, 7]], VlanTags { count: 1, ids: [7, 0] }),
    ];
    for (tags, wanted) in cases {
        let found = parse(&ethernet(tags, 0x0800, &datagram)).unwrap();
        let l3 = 14 + 4 * u16::try_from(tags.len()).unwrap();
        assert_eq!((found.vlans, found.class), (wanted, Class::Ipv4));
        assert_eq!((found.l3, found.l4, found.end), (l3, l3 + 20, l3 + 36));
        let found = parse(&ethernet(tags, 0x86dd, &ipv6_datagram(6, &tcp(2, &[], b"")))).unwrap();
        assert_eq!((found.vlans, found.l4, found.end), (wanted, l3 + 40, l3 + 60));
    }
}

#[test]
fn what_is_not_ip_is_classed() {
    let to = |mac: [u8; 6], kind: u16, payload: &[u8]| {
        let frame = [&mac[..], &SENDER, &kind.to_be_bytes(), payload].concat();
        parse(&frame).unwrap().class
    };
    let bridge = [1, 0x80, 0xc2, 0, 0, 0x0e];
    assert_eq!(to(RECEIVER, 0x8864, &[]), Class::Ethertype(0x8864));
    assert_eq!(to(RECEIVER, 0x8847, &[]), Class::Ethertype(0x8847));
    assert_eq!(to(RECEIVER, 46, &[0; 46]), Class::Llc);
    assert_eq!(to([1, 0, 0x0c, 0xcc, 0xcc, 0xcc], 46, &[0; 46]), Class::Llc);
    assert_eq!(to(bridge, 38, &[0; 46]), Class::LinkLocal);
    assert_eq!(to(bridge, 0x88cc, &[0; 46]), Class::LinkLocal);
    assert_eq!(to([1, 0x80, 0xc2, 0, 0, 0x10], 0x88cc, &[]), Class::Ethertype(0x88cc));
    assert_eq!(to([1, 0x80, 0xc2, 0, 0, 2], 0x8809, &[]), Class::SlowProtocols);
    // No packet passes for a bridge protocol by its MAC address.
    assert_eq!(to(bridge, 0x0800, &ipv4_with(&[], 0, 17, &udp(b""))), Class::Ipv4);
    assert_eq!(to(bridge, 0x86dd, &ipv6_datagram(17, &udp(b""))), Class::Ipv6);
    assert_eq!(to(bridge, 0x0806, &arp(1)), Class::Arp);
}

#[test]
fn arp_names_both_ends() {
    let frame = ethernet(&[[0x81, 0, 0, 5]], 0x0806, &[arp(2), vec![0; 14]].concat());
    let found = parse(&frame).unwrap();
    assert_eq!((found.class, found.source), (Class::Arp, IpAddr::from(V4[0])));
    assert_eq!(found.destination, IpAddr::from(V4[1]));
    let message = parse_arp(&frame, &found).unwrap();
    assert_eq!((message.operation, message.sender_mac.0), (ArpOperation::Reply, SENDER));
    let other = ipv4(17, &udp(b""));
    assert_eq!(parse_arp(&other, &parse(&other).unwrap()), None);
}

#[test]
fn ethernet_padding_belongs_to_nothing() {
    let mut frame = ipv4(6, &tcp(0x18, &[], b"abc"));
    frame.resize(60, 0xee);
    let found = parse(&frame).unwrap();
    let Transport::Tcp(segment) = found.transport else { panic!("{found:?}") };
    assert_eq!((found.end, segment.payload, segment.end()), (57, 3, SeqNum(1003)));
}

#[test]
fn ipv4_options_are_told_apart() {
    let none = IpOptions::default();
    let cases: [(&[u8], IpOptions); 7] = [
        (&[1, 1, 1, 0], none),
        (&[0, 7, 0, 0], none),
        (&[131, 7, 4, 1, 2, 3, 4, 0], IpOptions { source_route: true, ..none }),
        (&[1, 137, 3, 4], IpOptions { source_route: true, ..none }),
        (&[68, 4, 5, 0, 7, 3, 4, 0], IpOptions { record: true, ..none }),
        (&[148, 4, 0, 0], IpOptions { router_alert: true, ..none }),
        (&[130, 3, 0, 0], IpOptions { other: true, ..none }),
    ];
    for (octets, wanted) in cases {
        let found = parse(&ethernet(&[], 0x0800, &ipv4_with(octets, 0, 17, &udp(b"")))).unwrap();
        assert_eq!(found.options, wanted, "{octets:?}");
        assert_eq!(usize::from(found.l4), 34 + octets.len());
    }
}

#[test]
fn a_trusted_header_checksum_is_not_looked_at() {
    let mut frame = ipv4(17, &udp(b"question"));
    let sound = parse(&frame);
    frame[24..26].fill(0);
    assert_eq!(parse(&frame), Err(Fault::Ipv4Checksum));
    assert_eq!(parse_with(&frame, HeaderChecksum::Trust), sound);
}

#[test]
fn fragments_are_placed_and_their_transport_is_left_alone() {
    let place = |frame: &[u8]| {
        let found = parse(frame).unwrap();
        assert_eq!(found.transport, Transport::None);
        assert_eq!(found.end - found.l4, found.fragment.unwrap().length);
        (found.fragment.unwrap(), found.protocol)
    };
    let first = ethernet(&[], 0x0800, &ipv4_with(&[1; 4], 0x2000, 6, &tcp(2, &[], b"data")));
    let id = 0x1234;
    let wanted = Fragment { id, offset: 0, length: 24, more: true, next_header: 6 };
    assert_eq!(place(&first), (wanted, 6));
    let last = ethernet(&[], 0x0800, &ipv4_with(&[], 3, 6, b"tail"));
    assert_eq!(place(&last), (Fragment { offset: 24, length: 4, more: false, ..wanted }, 6));
    let middle = ipv6(60, &[padding(44, 0), fragment(17, 0x19), vec![0; 16]].concat());
    let wanted = Fragment { id: 0xabcd, offset: 24, length: 16, more: true, next_header: 17 };
    assert_eq!(place(&middle), (wanted, 17));
    let first = ipv6(44, &[fragment(60, 1), padding(6, 0), tcp(2, &[], b"data")].concat());
    let wanted = Fragment { offset: 0, length: 32, next_header: 60, ..wanted };
    assert_eq!(place(&first), (wanted, 60));
    // The longest datagrams there are.
    place(&ethernet(&[], 0x0800, &ipv4_with(&[], 0x1ffd, 17, &[0; 3])));
    place(&ipv6(44, &[fragment(17, 0xfff8), vec![0; 7]].concat()));
}

#[test]
fn extension_headers_are_walked_to_the_transport() {
    let headers =
        [padding(60, 0), padding(43, 1), routing(44, 4, 1), fragment(60, 0), padding(58, 2)];
    let length = headers.concat().len();
    let found = parse(&ipv6(0, &[headers.concat(), icmp(128, 0, b"x")].concat())).unwrap();
    assert_eq!((found.protocol, found.fragment, usize::from(found.l4)), (58, None, 54 + length));
    assert!(matches!(found.transport, Transport::Icmpv6(message) if message.id == 7));
    let mut alert = padding(58, 0);
    alert[2..6].copy_from_slice(&[5, 2, 0, 0]);
    let found = parse(&ipv6(0, &[alert, icmp(131, 0, &[0; 16])].concat())).unwrap();
    assert_eq!(found.options, IpOptions { router_alert: true, ..IpOptions::default() });
    let found = parse(&ipv6(59, &[])).unwrap();
    assert_eq!((found.protocol, found.transport), (59, Transport::Other));
}

#[test]
fn other_protocols_are_known_by_number() {
    let ah = [17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let cases: [(u8, &[u8]); 7] =
        [(47, &[0; 4]), (50, &[0; 8]), (51, &ah), (89, &[]), (135, &[]), (136, &[]), (4, &[1])];
    for (protocol, payload) in cases {
        let found = parse(&ipv4(protocol, payload)).unwrap();
        assert_eq!((found.protocol, found.transport), (protocol, Transport::Other));
    }
}

#[test]
fn tcp_options_count_only_where_they_mean_something() {
    let segment = |flags, options: &[u8]| {
        let Transport::Tcp(segment) =
            parse(&ipv4(6, &tcp(flags, options, b"xy"))).unwrap().transport
        else {
            panic!("no TCP")
        };
        segment
    };
    let options = [2, 4, 5, 0xb4, 4, 2, 3, 3, 15, 0, 0, 0];
    let syn = segment(0x02, &options);
    assert_eq!((syn.window_scale, syn.sack_permitted, syn.payload), (Some(14), true, 2));
    assert_eq!(syn.sequence_length(), 3);
    let data = segment(0x10, &options);
    assert_eq!((data.window_scale, data.sack_permitted), (None, false));
    // Right edges 0xffff_fff0 and 0x10: the second is the later one.
    let sack = [1, 1, 5, 18, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 1, 0, 0, 0, 0x10];
    assert_eq!(segment(0x10, &sack).sack_right, Some(SeqNum(0x10)));
    let usual = segment(0x10, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    assert_eq!((usual.sack_right, usual.payload, usual.window), (None, 2, 500));
    // A window scale of another length than 3 is passed over.
    assert_eq!(segment(0x02, &[3, 4, 7, 0]).window_scale, None);
}

#[test]
fn udp_may_be_shorter_than_its_datagram() {
    let frame = ipv4(17, &[udp(b"abcd"), vec![0; 5]].concat());
    let Transport::Udp(datagram) = parse(&frame).unwrap().transport else { panic!("no UDP") };
    assert_eq!((datagram.source_port, datagram.destination_port, datagram.payload), (40000, 53, 4));
}

#[test]
fn icmp_types_are_classed() {
    use IcmpKind::{Error, ListenerDiscovery, NeighborDiscovery, Other, Query, Reply};
    let v4 = [
        (8, Query),
        (0, Reply),
        (13, Query),
        (18, Reply),
        (42, Query),
        (3, Error),
        (11, Error),
        (12, Error),
    ];
    for (kind, class) in v4.into_iter().chain([(4, Other), (5, Other), (9, Other)]) {
        let Transport::Icmp(found) = parse(&ipv4(1, &icmp(kind, 2, b""))).unwrap().transport else {
            panic!("no ICMP")
        };
        let id = if matches!(class, Query | Reply) { 7 } else { 0 };
        assert_eq!((found.kind, found.code, found.class, found.id), (kind, 2, class, id));
    }
    let v6 = [
        (128, Query),
        (129, Reply),
        (1, Error),
        (4, Error),
        (135, NeighborDiscovery),
        (137, NeighborDiscovery),
    ];
    for (kind, class) in v6.into_iter().chain([(143, ListenerDiscovery), (5, Other), (139, Other)])
    {
        let Transport::Icmpv6(found) = parse(&ipv6(58, &icmp(kind, 0, b""))).unwrap().transport
        else {
            panic!("no ICMPv6")
        };
        assert_eq!((found.kind, found.class), (kind, class));
    }
}

#[test]
fn sctp_shows_its_first_chunk() {
    let packet = |chunk, body: &[u8]| {
        let Transport::Sctp(packet) = parse(&ipv4(132, &sctp(chunk, body))).unwrap().transport
        else {
            panic!("no SCTP")
        };
        packet
    };
    let init = packet(1, &[0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
    assert_eq!((init.verification_tag, init.initiate_tag), (9, Some(5)));
    let data = packet(0, b"0123456789ab");
    assert_eq!((data.source_port, data.destination_port, data.initiate_tag), (40000, 2905, None));
}

#[test]
fn a_reassembled_datagram_takes_its_lengths_from_the_whole() {
    let segment = tcp(0x18, &[], b"start");
    let found = parse_transport(6, false, &segment, 3000).unwrap();
    let Transport::Tcp(tcp_found) = found.transport else { panic!("{found:?}") };
    assert_eq!((found.protocol, found.start, tcp_found.payload), (6, 0, 2980));
    let part = [padding(17, 1), udp(&[0; 40])].concat();
    let found = parse_transport(60, true, &part, part.len()).unwrap();
    assert_eq!((found.protocol, found.start), (17, 16));
    assert!(matches!(found.transport, Transport::Udp(datagram) if datagram.payload == 40));
    let long = [&udp(b"")[..4], &[0x20, 0, 0, 0]].concat();
    assert!(parse_transport(17, false, &long, 0x2000).is_ok());
    assert_eq!(parse_transport(17, false, &long, 0x1fff), Err(Fault::UdpLength));
    assert_eq!(parse_transport(17, false, &long, 0x10000), Err(Fault::FragmentOverflow));
    assert_eq!(parse_transport(17, false, &long, 7), Err(Fault::FragmentOverflow));
    assert_eq!(parse_transport(44, true, &fragment(17, 0), 8), Err(Fault::ExtensionRepeated));
    assert_eq!(parse_transport(6, false, &[0; 19], 19), Err(Fault::TcpTruncated));
}

#[test]
fn a_quote_names_the_session_it_is_about() {
    let quoted = |packet: &[u8]| {
        let frame = ipv4(1, &icmp(3, 4, packet));
        parse_quoted(&frame, &parse(&frame).unwrap()).unwrap()
    };
    let mut datagram = ipv4_with(&[1; 4], 0x4000, 6, &tcp(0x10, &[], &[0; 400]));
    // A router has altered the time to live, and nobody checks the checksum.
    datagram[8] = 1;
    let found = quoted(&datagram[..32]);
    assert_eq!((found.source, found.destination), (V4[0].into(), V4[1].into()));
    assert_eq!((found.source_port, found.destination_port), (40000, 80));
    assert_eq!((found.seq, found.length, found.protocol), (Some(SeqNum(1000)), 444, 6));
    let found = quoted(&ipv4_with(&[], 0, 1, &icmp(8, 0, b"")));
    assert_eq!((found.icmp_type, found.source_port, found.destination_port), (Some(8), 7, 0));
    assert_eq!(quoted(&ipv4_with(&[], 0, 132, &sctp(0, b""))).verification_tag, Some(9));
    assert_eq!(quoted(&ipv4_with(&[], 0, 47, &[0; 4])).source_port, 0);

    let chain = [padding(44, 0), fragment(17, 0), udp(&[0; 1300])].concat();
    let frame = ipv6(58, &icmp(2, 0, &ipv6_datagram(60, &chain)[..80]));
    let found = parse_quoted(&frame, &parse(&frame).unwrap()).unwrap();
    assert_eq!((found.protocol, found.length), (17, 40 + 16 + 1308));
    assert_eq!((found.source, found.destination_port), (V6[0].into(), 53));
    assert_eq!(parse_quote(true, &ipv6_datagram(60, &chain)), Ok(found));

    let query = ipv4(1, &icmp(8, 0, &datagram));
    assert_eq!(parse_quoted(&query, &parse(&query).unwrap()), Err(Fault::QuotedHeader));
}

#[test]
fn the_checksum_of_a_routed_packet_is_over_its_last_address() {
    for (kind, left, last) in [(2, 1, V6[0]), (4, 1, V6[0]), (4, 0, V6[1])] {
        let mut datagram = udp(b"routed");
        let sum = checksum::pseudo(V6[0].into(), last.into(), 17, 14) + checksum::sum(&datagram);
        datagram[6..8].copy_from_slice(&checksum::finish(sum).to_be_bytes());
        let mut frame = ipv6(43, &[routing(17, kind, left), datagram].concat());
        assert!(checksum::verify_transport(&frame, &parse(&frame).unwrap()));
        *frame.last_mut().unwrap() ^= 1;
        assert!(!checksum::verify_transport(&frame, &parse(&frame).unwrap()));
    }
}
