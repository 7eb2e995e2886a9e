//! Frames that make no sense: dropped by name, and the box goes on.

use testkit::netns::{INSIDE_V4, OUTSIDE_V4, RawSocket, Site};
use testkit::packet::{
    Checksum, Extension, FRAME, Frame, IPV6, Ipv4, Ipv6, Network, TCP, TCP as SYN, Tcp, Transport,
    ether_type, flags, fragment_v4,
};

use super::{SOON, assert_conserved, reasons, usual};

fn syn() -> Frame {
    Frame::tcp(
        std::net::SocketAddr::from((INSIDE_V4, 40_000)),
        std::net::SocketAddr::from((OUTSIDE_V4, 80)),
        SYN,
    )
}

/// Frames each wrong in another way. Each is at least a whole Ethernet header: a shorter one the
/// kernel does not send.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let v6 = |ip: Ipv6| Frame { network: Network::Ipv6(ip), ..FRAME }.bytes();
    let mut cases = vec![
        ("IP version 9", syn().map_ipv4(|ip| Ipv4 { version: 9, ..ip }).bytes()),
        ("header length 1", syn().map_ipv4(|ip| Ipv4 { header_length: Some(1), ..ip }).bytes()),
        ("header length 15", syn().map_ipv4(|ip| Ipv4 { header_length: Some(15), ..ip }).bytes()),
        ("total length 0", syn().map_ipv4(|ip| Ipv4 { total_length: Some(0), ..ip }).bytes()),
        ("total length 9000", syn().map_ipv4(|ip| Ipv4 { total_length: Some(9000), ..ip }).bytes()),
        ("bad checksum", syn().map_ipv4(|ip| Ipv4 { checksum: Checksum::Broken, ..ip }).bytes()),
        ("TTL 0", syn().map_ipv4(|ip| Ipv4 { ttl: 0, ..ip }).bytes()),
        ("land", syn().map_ipv4(|ip| Ipv4 { destination: ip.source, ..ip }).bytes()),
        ("from 0.0.0.0", syn().map_ipv4(|ip| Ipv4 { source: [0; 4].into(), ..ip }).bytes()),
        (
            "from loopback",
            syn().map_ipv4(|ip| Ipv4 { source: [127, 0, 0, 1].into(), ..ip }).bytes(),
        ),
        ("options of rubbish", syn().map_ipv4(|ip| Ipv4 { options: vec![0x44; 40], ..ip }).bytes()),
        ("evil bit", syn().map_ipv4(|ip| Ipv4 { reserved_bit: true, ..ip }).bytes()),
        (
            "fragment past the end",
            syn().map_ipv4(|ip| Ipv4 { fragment_offset: 0x1fff, ..ip }).bytes(),
        ),
        ("empty IPv4", Frame::raw(ether_type::IPV4, vec![]).bytes()),
        ("empty IPv6", Frame::raw(ether_type::IPV6, vec![]).bytes()),
        ("half an IPv6 header", Frame::raw(ether_type::IPV6, vec![0x60; 20]).bytes()),
        ("empty ARP", Frame::raw(ether_type::ARP, vec![]).bytes()),
        ("half an ARP", Frame::raw(ether_type::ARP, vec![0, 1, 8, 0, 6]).bytes()),
        ("unknown ethertype", Frame::raw(0x1234, vec![0xa5; 60]).bytes()),
        ("802.3 length", Frame::raw(0x0010, vec![0xaa; 60]).bytes()),
        ("tags and nothing after", Frame::raw(ether_type::VLAN, vec![0, 1]).bytes()),
        ("ten tags", (1..=10).fold(syn(), |frame, vid| frame.tag(vid)).bytes()),
        ("IPv6 payload longer than the frame", v6(Ipv6 { payload_length: Some(60_000), ..IPV6 })),
        (
            "a chain of a hundred headers",
            v6(Ipv6 { extensions: vec![Extension::Destination(vec![]); 100], ..IPV6 }),
        ),
        (
            "an extension header of 2048 bytes in a short packet",
            v6(Ipv6 { extensions: vec![Extension::Raw(60, vec![0xff])], ..IPV6 }),
        ),
        (
            "half a TCP header",
            Frame::ip("10.77.0.10", "10.77.0.80", Transport::Raw(6, vec![1; 9])).bytes(),
        ),
        (
            "half a UDP header",
            Frame::ip("10.77.0.10", "10.77.0.80", Transport::Raw(17, vec![1; 3])).bytes(),
        ),
        (
            "no ICMP header",
            Frame::ip("10.77.0.10", "10.77.0.80", Transport::Raw(1, vec![])).bytes(),
        ),
    ];
    let tcp = |name, tcp: Tcp| (name, syn().map_transport(|_| Transport::Tcp(tcp)).bytes());
    cases.extend([
        tcp("no flags at all", Tcp { flags: 0, ..TCP }),
        tcp("all flags", Tcp { flags: 0xff, ..TCP }),
        tcp("SYN and FIN", Tcp { flags: flags::SYN | flags::FIN, ..TCP }),
        tcp("SYN and RST", Tcp { flags: flags::SYN | flags::RST, ..TCP }),
        tcp("data offset 0", Tcp { data_offset: Some(0), ..TCP }),
        tcp("data offset past the end", Tcp { data_offset: Some(15), ..TCP }),
        tcp("port 0", Tcp { source: 0, destination: 0, ..TCP }),
    ]);
    cases
}

fn still_works(site: &Site) {
    let pinged = site.inside.ping(OUTSIDE_V4.into(), 2);
    assert_eq!(pinged.received, 2, "{}\n{}", pinged.text, site.daemon.log());
}

#[test]
fn nonsense_is_dropped_by_name_and_never_stops_the_box() {
    let mut site = usual();
    let forger = RawSocket::open(&site.outside, "eth0");
    let cases = nonsense();
    for (_, frame) in &cases {
        forger.send(frame);
    }
    still_works(&site);
    assert!(site.daemon.runs());
    assert_conserved(&site);
    let dropped: u64 = site.ctl().all_drops().values().sum();
    // From outside, none of them may pass, but those that are no IP at all may cross the wire
    // or not by the wire's own settings.
    assert!(dropped + 6 >= cases.len() as u64, "{:?}", site.ctl().all_drops());
}

#[test]
fn a_packet_longer_than_its_frame_is_dropped_as_truncated() {
    let site = usual();
    let before = site.ctl().drops(reasons::TRUNCATED);
    let frame = syn().map_ipv4(|ip| Ipv4 { total_length: Some(1000), ..ip }).bytes();
    RawSocket::open(&site.inside, "eth0").send(&frame);
    testkit::netns::until("it is counted", SOON, || {
        site.ctl().drops(reasons::TRUNCATED) == before + 1
    });
}

#[test]
fn every_length_of_a_good_frame_is_survived() {
    let mut site = usual();
    let forger = RawSocket::open(&site.inside, "eth0");
    let whole = syn().tag(5).bytes();
    for length in 14..=whole.len() {
        forger.send(&whole[..length]);
    }
    for piece in fragment_v4(&syn(), &[8]).iter().rev() {
        forger.send(&piece.bytes());
    }
    still_works(&site);
    assert!(site.daemon.runs());
    assert_conserved(&site);
}
