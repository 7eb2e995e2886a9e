use super::*;
use crate::AddressRange;

fn port(name: &str, zone: u16) -> EthPort {
    EthPort { name: name.into(), zone: ZoneId(zone), vlans: Vec::new(), networks: None, mtu: 1500 }
}

fn wire(one: u8, two: u8, domain: u16) -> Wire {
    Wire {
        ports: [PortIndex(one), PortIndex(two)],
        domain,
        link: LinkMode::Independent,
        ethertypes: Vec::new(),
    }
}

fn zones() -> Vec<String> {
    vec!["inside".into(), "outside".into(), "guests".into()]
}

#[test]
fn wires_join_their_ports() {
    let ports = vec![port("a", 0), port("b", 0), port("c", 1), port("d", 1)];
    let topology = Topology::new(zones(), ports, vec![wire(3, 0, 7), wire(1, 2, 9)]).unwrap();
    assert_eq!(topology.partner(PortIndex(0)), PortIndex(3));
    assert_eq!(topology.partner(PortIndex(3)), PortIndex(0));
    assert_eq!(topology.domain(PortIndex(2)), 9);
    assert_eq!(topology.wire(PortIndex(2)), 1);
    assert_eq!(topology.wire_name(0), "d-a");
    assert_eq!(topology.port_by_name("c"), Some(PortIndex(2)));
    assert_eq!(topology.port_by_name("e"), None);
}

/// What is asked of a port at once is what is asked of it one by one.
#[test]
fn an_end_says_all_of_its_port() {
    let networks = Some(AddressSet::default());
    let ports = vec![EthPort { networks, mtu: 9000, ..port("a", 0) }, port("b", 1)];
    let topology = Topology::new(zones(), ports, vec![wire(0, 1, 7)]).unwrap();
    let of = |port| *topology.end(PortIndex(port));
    let (partner, wire, domain) = (PortIndex(1), 0, 7);
    assert_eq!(of(0), End { partner, wire, domain, mtu: 1500, any_source: false });
    let partner = PortIndex(0);
    assert_eq!(of(1), End { partner, wire, domain, mtu: 9000, any_source: true });
}

#[test]
fn every_port_is_in_exactly_one_wire() {
    let ports = || vec![port("a", 0), port("b", 0), port("c", 1)];
    let new = |wires| Topology::new(zones(), ports(), wires).map(|_| ());
    assert_eq!(new(vec![wire(0, 1, 0)]), Err(TopologyError::InNoWire(PortIndex(2))));
    assert_eq!(
        new(vec![wire(0, 1, 0), wire(1, 2, 0)]),
        Err(TopologyError::InTwoWires(PortIndex(1)))
    );
    assert_eq!(new(vec![wire(0, 0, 0)]), Err(TopologyError::InTwoWires(PortIndex(0))));
    assert_eq!(new(vec![wire(0, 3, 0)]), Err(TopologyError::NoSuchPort(PortIndex(3))));
}

#[test]
fn a_vlan_may_have_a_zone_of_its_own() {
    let vlans = vec![VlanZone { id: 20, zone: ZoneId(2) }];
    let ports = vec![EthPort { vlans, ..port("a", 0) }, port("b", 1)];
    let topology = Topology::new(zones(), ports, vec![wire(0, 1, 0)]).unwrap();
    assert_eq!(topology.zone(PortIndex(0), None), ZoneId(0));
    assert_eq!(topology.zone(PortIndex(0), Some(20)), ZoneId(2));
    assert_eq!(topology.zone(PortIndex(0), Some(21)), ZoneId(0));
    assert_eq!(topology.zone(PortIndex(1), Some(20)), ZoneId(1));
    assert_eq!(topology.zone_name(ZoneId(2)), "guests");
}

#[test]
fn ethertypes_beyond_the_default_pass_when_listed() {
    let ports = vec![port("a", 0), port("b", 1), port("c", 0), port("d", 1)];
    let listing = Wire { ethertypes: vec![0x8809], ..wire(0, 1, 0) };
    let topology = Topology::new(zones(), ports, vec![listing, wire(2, 3, 1)]).unwrap();
    assert!(topology.permits_ethertype(PortIndex(1), 0x8809));
    assert!(!topology.permits_ethertype(PortIndex(2), 0x8809));
    assert!(topology.permits_ethertype(PortIndex(2), 0x0806));
    assert!(!topology.permits_ethertype(PortIndex(2), 0x88cc));
}

#[test]
fn sources_outside_the_ports_networks_are_spoofed() {
    let range = AddressRange::new("10.0.0.0".parse().unwrap(), "10.0.0.255".parse().unwrap());
    let networks = Some([range.unwrap()].into_iter().collect());
    let ports = vec![EthPort { networks, ..port("a", 0) }, port("b", 1)];
    let topology = Topology::new(zones(), ports, vec![wire(0, 1, 0)]).unwrap();
    let spoofed = |index, source: &str| topology.spoofed(PortIndex(index), source.parse().unwrap());
    assert!(!spoofed(0, "10.0.0.7"));
    assert!(spoofed(0, "10.0.1.7"));
    assert!(spoofed(0, "2001:db8::1"));
    assert!(!spoofed(0, "0.0.0.0"));
    assert!(!spoofed(0, "fe80::1"));
    assert!(!spoofed(1, "10.0.1.7"));
}
