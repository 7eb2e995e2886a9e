//! What is refused for the frame alone, and what passes without a session.

use engine::{PortIndex, ZoneId};
use policy::{Action, AddressRange, Rule, VlanZone, ZoneSet};
use testkit::packet::flags::{ACK, SYN, SYN_ACK};
use testkit::packet::{
    ARP, Arp, Extension, Frame, ICMP, ICMPV6, Icmp, Icmpv6, Ipv4, Ipv6, Transport, ether_type,
};

use crate::harness::{INSIDE, OUTSIDE, Plan, wire};
use crate::transcript::{
    CLIENT, CLIENT_IP, CLIENT6_IP, SERVER, SERVER_IP, SERVER6_IP, Step, down, inside, outside,
    play, segment, swapped, up,
};

/// Two VLANs with the same addresses are two networks, and two tags are not one.
#[test]
fn vlans_are_apart() {
    let tagged = |frame: Frame, tags: &[u16]| tags.iter().fold(frame, |frame, tag| frame.tag(*tag));
    let syn = || up(SYN, 1000, 0, 0);
    let answer = || down(SYN_ACK, 5000, 1001, 0);
    let played = play(
        &Plan::new(),
        &[
            inside(0.0, &tagged(syn(), &[10]), "forward original syn_sent s0 new"),
            outside(0.1, &tagged(answer(), &[11]), "drop tcp_syn_ack_unexpected"),
            outside(0.1, &answer(), "drop tcp_syn_ack_unexpected"),
            outside(0.1, &tagged(answer(), &[10, 11]), "drop tcp_syn_ack_unexpected"),
            outside(0.2, &tagged(answer(), &[10]), "forward reply syn_received s0"),
            inside(0.3, &tagged(syn(), &[11]), "forward original syn_sent s1 new"),
            inside(0.4, &tagged(syn(), &[10, 11]), "forward original syn_sent s2 new"),
            inside(0.5, &tagged(syn(), &[1, 2, 3]), "drop vlan_depth"),
            // A priority tag names no VLAN.
            inside(0.6, &tagged(syn(), &[0]), "forward original syn_sent s3 new"),
            outside(0.7, &answer(), "forward reply syn_received s3"),
        ],
    );
    assert_eq!(played.left(4), (INSIDE, &tagged(answer(), &[10]).bytes()[..]), "as it came");
    assert_eq!(played.left(6), (OUTSIDE, &tagged(syn(), &[10, 11]).bytes()[..]));
}

#[test]
fn a_vlan_can_have_a_zone_of_its_own() {
    let mut plan = Plan::new();
    plan.policy.zones.push("guests".to_owned());
    plan.ports[0].vlans.push(VlanZone { id: 66, zone: ZoneId(2) });
    play(
        &plan,
        &[
            inside(0.0, &up(SYN, 1, 0, 0).tag(66), "drop no_rule"),
            inside(0.1, &up(SYN, 1, 0, 0).tag(65), "forward original syn_sent s0 new"),
        ],
    );
}

/// Each side of a session comes by its own port.
#[test]
fn wrong_side() {
    play(
        &Plan::new(),
        &[
            inside(0.0, &up(SYN, 1000, 0, 0), "forward original syn_sent s0 new"),
            inside(0.1, &down(SYN_ACK, 5000, 1001, 0), "drop wrong_side reply syn_sent s0"),
            outside(0.2, &up(SYN, 1000, 0, 0), "drop wrong_side original syn_sent s0"),
            outside(0.3, &down(SYN_ACK, 5000, 1001, 0), "forward reply syn_received s0"),
        ],
    );
}

/// A box with two wires: ports 0 and 1, ports 2 and 3.
fn two_wires(domains: [u16; 2]) -> Plan {
    let mut plan = Plan::new();
    let second = |index: usize| policy::EthPort {
        name: format!("second{index}"),
        ..plan.ports[index].clone()
    };
    let more = [second(0), second(1)];
    plan.ports.extend(more);
    plan.wires = vec![wire(0, 1, domains[0]), wire(2, 3, domains[1])];
    plan
}

#[test]
fn wires_share_sessions_only_within_a_domain() {
    let by = |time, port, frame: &Frame, expected| {
        Step::Frame(time, PortIndex(port), frame.bytes(), expected)
    };
    let (syn, answer) = (up(SYN, 1000, 0, 0), down(SYN_ACK, 5000, 1001, 0));
    let ack = up(ACK, 1001, 5001, 0);
    let played = play(
        &two_wires([0, 0]),
        &[
            by(0.0, 0, &syn, "forward original syn_sent s0 new"),
            by(0.1, 3, &answer, "forward reply syn_received s0"),
            by(0.2, 2, &ack, "forward original established s0"),
            by(0.3, 3, &ack, "drop wrong_side original established s0"),
        ],
    );
    assert_eq!(played.left(1).0, PortIndex(2), "out of the other end of the wire it came by");
    play(
        &two_wires([0, 1]),
        &[
            by(0.0, 0, &syn, "forward original syn_sent s0 new"),
            by(0.1, 3, &answer, "drop tcp_syn_ack_unexpected"),
            by(0.2, 2, &syn, "forward original syn_sent s1 new"),
        ],
    );
}

/// A packet may come by the other wire where that is of the same zone: the zone that its VLAN is of there.
#[test]
fn wires_share_the_sessions_of_a_vlan_where_its_zones_are_the_same() {
    let mut plan = two_wires([0, 0]);
    plan.policy.zones.push("guests".to_owned());
    plan.policy.rules[0].from = ZoneSet::only([ZoneId(0), ZoneId(2)]);
    let guests = |id| VlanZone { id, zone: ZoneId(2) };
    // VLAN 5 is of the guests at both wires, VLAN 6 at the first, and all else is inside. The second port has another zone
    // of its own.
    plan.ports[0].vlans = vec![guests(5), guests(6)];
    plan.ports[2].vlans = vec![guests(5), VlanZone { id: 6, zone: ZoneId(0) }];
    let by = |time, port, frame: Frame, vlan, expected| {
        Step::Frame(time, PortIndex(port), frame.tag(vlan).bytes(), expected)
    };
    let (syn, ack) = (|| up(SYN, 1000, 0, 0), || up(ACK, 1001, 5001, 0));
    let answer = || down(SYN_ACK, 5000, 1001, 0);
    let steps = [
        by(0.0, 0, syn(), 5, "forward original syn_sent s0 new"),
        by(0.1, 3, answer(), 5, "forward reply syn_received s0"),
        by(0.2, 2, ack(), 5, "forward original established s0"),
        by(1.0, 0, syn(), 6, "forward original syn_sent s1 new"),
        by(1.1, 3, answer(), 6, "forward reply syn_received s1"),
        by(1.2, 2, ack(), 6, "drop wrong_side original syn_received s1"),
        by(1.3, 0, ack(), 6, "forward original established s1"),
    ];
    play(&plan, &steps);
    // What the port itself is of does not matter where the VLAN is of another zone.
    plan.policy.zones.push("elsewhere".to_owned());
    plan.ports[2].zone = ZoneId(3);
    play(&plan, &steps);
}

#[test]
fn sources_must_be_in_the_networks_of_their_port() {
    let mut plan = Plan::new();
    let range = |first: &str, last: &str| {
        AddressRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
    };
    let networks = [range("10.0.0.0", "10.255.255.255"), range("2001:db8:1::", "2001:db8:1::ffff")];
    plan.ports[0].networks = Some(networks.into_iter().collect());
    plan.policy.rules.push(Rule::any("all", Action::Allow));
    let ping = Frame::echo_request;
    let arp = |sender: [u8; 4]| Frame::arp(Arp { sender: sender.into(), ..ARP });
    play(
        &plan,
        &[
            inside(0.0, &ping("172.16.0.1", SERVER_IP, 1, 1), "drop spoofed"),
            inside(0.1, &ping("10.9.9.9", SERVER_IP, 1, 1), "forward original query s0 new"),
            inside(0.2, &ping("2001:db8:2::1", SERVER6_IP, 1, 1), "drop spoofed"),
            inside(0.3, &ping("2001:db8:1::1", SERVER6_IP, 1, 1), "forward original query s1 new"),
            inside(0.4, &ping("fe80::1", SERVER6_IP, 1, 1), "forward original query s2 new"),
            inside(0.4, &arp([172, 16, 0, 1]), "drop spoofed"),
            inside(0.4, &arp([10, 9, 9, 9]), "forward"),
            // The other port has no networks.
            outside(
                0.5,
                &swapped(ping("172.16.0.1", CLIENT_IP, 1, 1)),
                "forward original query s3 new",
            ),
        ],
    );
}

#[test]
fn sources_that_are_no_host() {
    let udp = |source: &str| Frame::udp(source, "192.0.2.9:9", "x");
    let udp6 = |source: &str| Frame::udp(source, "[2001:db8::9]:9", "x");
    let dhcp = Frame::udp("0.0.0.0:68", "255.255.255.255:67", "discover");
    play(
        &Plan::new(),
        &[
            inside(0.0, &udp("127.0.0.1:9"), "drop martian_source"),
            inside(0.0, &udp("224.0.0.1:9"), "drop martian_source"),
            inside(0.0, &udp("255.255.255.255:9"), "drop martian_source"),
            inside(0.0, &udp("0.0.0.0:9"), "drop martian_source"),
            inside(0.0, &udp6("[::1]:9"), "drop martian_source"),
            inside(0.0, &udp6("[ff02::1]:9"), "drop martian_source"),
            inside(0.0, &udp6("[::]:9"), "drop martian_source"),
            inside(0.0, &dhcp, "forward original first s0 new"),
        ],
    );
}

/// Neighbour and listener discovery and ARP pass from any side, without a session, and only as such.
#[test]
fn discovery_passes_without_a_session() {
    let nd = |kind, hop_limit, source: &str| {
        let message = Icmpv6 { kind, payload: vec![0; 16], rest: [0; 4], ..ICMPV6 };
        Frame::ip(source, "ff02::1", Transport::Icmpv6(message))
            .map_ipv6(|ip| Ipv6 { hop_limit, ..ip })
    };
    let mld = |hop_limit, source: &str| {
        let alert = Extension::HopByHop(vec![5, 2, 0, 0]);
        nd(131, hop_limit, source).map_ipv6(|ip| Ipv6 { extensions: vec![alert], ..ip })
    };
    let mut steps = Vec::new();
    for side in [inside, outside] {
        for kind in [133, 134, 135, 136] {
            steps.push(side(0.0, &nd(kind, 255, "fe80::1"), "forward"));
            steps.push(side(0.0, &nd(kind, 64, "fe80::1"), "drop ndp_hop_limit"));
        }
        steps.extend([
            side(0.0, &nd(135, 255, "::"), "forward"),
            side(0.0, &nd(137, 255, "fe80::1"), "forward"),
            side(0.0, &mld(1, "fe80::1"), "forward"),
            side(0.0, &mld(1, "::"), "forward"),
            side(0.0, &mld(1, CLIENT6_IP), "drop mld_scope"),
            side(0.0, &mld(2, "fe80::1"), "drop mld_scope"),
            side(0.0, &Frame::arp(ARP), "forward"),
        ]);
    }
    steps.push(Step::Sessions(1.0, 0));
    play(&Plan::new(), &steps);
}

/// RFC 6980: neighbour discovery is never fragmented.
#[test]
fn discovery_in_fragments_is_refused() {
    let message = Icmpv6 { kind: 135, payload: vec![0; 36], rest: [0; 4], ..ICMPV6 };
    let whole = Frame::ip("fe80::1", "ff02::1", Transport::Icmpv6(message))
        .map_ipv6(|ip| Ipv6 { hop_limit: 255, ..ip });
    let pieces = testkit::packet::fragment_v6(&whole, 7, &[24]);
    play(
        &Plan::new(),
        &[inside(0.0, &pieces[0], "drop icmp_type"), inside(0.1, &pieces[1], "drop icmp_type")],
    );
}

#[test]
fn other_ethertypes_only_when_listed() {
    const SLOW: u16 = 0x8809;
    let bridge = [0x01, 0x80, 0xc2, 0, 0, 0];
    let stp = Frame::raw(38, vec![0x42; 46]).macs([2, 0, 0, 0, 0, 1], bridge);
    let lldp = Frame::raw(ether_type::LLDP, vec![0; 46])
        .macs([2, 0, 0, 0, 0, 1], [0x01, 0x80, 0xc2, 0, 0, 0x0e]);
    let stray_lldp = Frame::raw(ether_type::LLDP, vec![0; 46]);
    let lacp = Frame::raw(SLOW, vec![1; 46]).macs([2, 0, 0, 0, 0, 1], [0x01, 0x80, 0xc2, 0, 0, 2]);
    let pppoe = Frame::raw(0x8864, vec![0; 46]);
    let netbeui = Frame::raw(46, vec![0xf0, 0xf0, 3]).padded_to(60);
    let steps = |lacp_verdict, pppoe_verdict| {
        [
            inside(0.0, &stp, "forward"),
            outside(0.0, &lldp, "forward"),
            outside(0.0, &stray_lldp, "drop ethertype"),
            inside(0.0, &lacp, lacp_verdict),
            inside(0.0, &pppoe, pppoe_verdict),
            inside(0.0, &netbeui, "drop ethertype"),
        ]
    };
    play(&Plan::new(), &steps("drop ethertype", "drop ethertype"));
    let mut plan = Plan::new();
    plan.wires[0].ethertypes = vec![SLOW, 0x8864];
    play(&plan, &steps("forward", "forward"));
}

#[test]
fn what_a_frame_must_not_be() {
    let long = Frame::udp(CLIENT, SERVER, vec![0; 1473]);
    let full = Frame::udp(CLIENT, SERVER, vec![0; 1472]);
    let route = full.clone().map_ipv4(|ip| Ipv4 { options: vec![131, 7, 4, 1, 2, 3, 4], ..ip });
    let route = route.map_transport(|_| Transport::Raw(17, vec![0, 9, 0, 9, 0, 8, 0, 0]));
    let cut = Frame::udp(CLIENT, SERVER, "truncated")
        .map_ipv4(|ip| Ipv4 { total_length: Some(99), ..ip });
    let redirect = Frame::ip(
        CLIENT_IP,
        SERVER_IP,
        Transport::Icmp(Icmp { kind: 5, payload: vec![0x45; 28], ..ICMP }),
    );
    let wrong_sum = Frame::udp(CLIENT, SERVER, "x")
        .map_ipv4(|ip| Ipv4 { checksum: testkit::packet::Checksum::Value(0xbad), ..ip });
    play(
        &Plan::new(),
        &[
            inside(0.0, &long, "drop exceeds_mtu"),
            inside(0.0, &full, "forward original first s0 new"),
            inside(0.0, &route, "drop source_route"),
            inside(0.0, &cut, "drop truncated"),
            inside(0.0, &redirect, "drop icmp_unsolicited"),
            inside(0.0, &wrong_sum, "drop ipv4_checksum"),
            inside(0.0, &segment("10.0.0.1:0", SERVER, SYN, 1, 0, 0), "drop port_zero"),
            Step::Frame(0.0, INSIDE, Vec::new(), "drop truncated"),
            Step::Frame(0.0, INSIDE, vec![2; 13], "drop truncated"),
        ],
    );
}

/// The frame that leaves is the frame that came, to the last octet of padding.
#[test]
fn frames_leave_as_they_came() {
    let padded = up(SYN, 1, 0, 0).padded_to(77);
    let played = play(&Plan::new(), &[inside(0.0, &padded, "forward original syn_sent s0 new")]);
    assert_eq!(played.left(0), (OUTSIDE, &padded.bytes()[..]));
}

/// Rules see zones: a rule without zones matches from both sides.
#[test]
fn a_rule_without_zones_is_for_all() {
    let mut plan = Plan::new();
    plan.policy.rules = vec![Rule { to: ZoneSet::Any, ..Rule::any("any", Action::Allow) }];
    play(&plan, &[outside(0.0, &down(SYN, 1, 0, 0), "forward original syn_sent s0 new")]);
}
