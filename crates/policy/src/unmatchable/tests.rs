use super::*;
use crate::{Action, AddressRange, L4PortRange, ZoneId, ZoneSet, builtin_services};

fn set(items: &[&str]) -> AddressSet {
    items.iter().map(|item| AddressRange::from(item.parse::<ipnet::IpNet>().unwrap())).collect()
}

fn tcp(first: u16, last: u16) -> ServiceItem {
    ServiceItem::plain(ServiceMatch::Ports {
        protocol: 6,
        destination: L4PortRange { first, last },
        source: L4PortRange::ANY,
    })
}

fn builtin(name: &str) -> Vec<ServiceItem> {
    builtin_services().iter().find(|service| service.name == name).unwrap().items().collect()
}

fn rule() -> Rule {
    Rule::any("", Action::Allow)
}

fn reasons(rules: Vec<Rule>) -> Vec<(usize, UnmatchableReason)> {
    let zones = vec!["inside".to_owned(), "outside".to_owned()];
    let policy = Policy { zones, zone_pairs: Vec::new(), rules };
    policy.unmatchable().iter().map(|found| (found.rule, found.reason)).collect()
}

fn shadowed(earlier: Rule, later: Rule) -> bool {
    reasons(vec![earlier, later]) == [(1, UnmatchableReason::Shadowed(0))]
}

#[test]
fn a_narrower_rule_behind_a_wider_one_is_shadowed() {
    let narrow = Rule {
        from: ZoneSet::only([ZoneId(0)]),
        source: set(&["10.1.0.0/16"]),
        services: builtin("dns"),
        ..rule()
    };
    let wide = Rule { source: set(&["10.0.0.0/8"]), ..rule() };
    assert!(shadowed(wide.clone(), narrow.clone()));
    assert!(!shadowed(narrow.clone(), wide.clone()));
    let disabled = Rule { enabled: false, ..wide.clone() };
    assert_eq!(reasons(vec![disabled, narrow.clone()]), []);
    let holed = Rule { not_source: set(&["10.1.2.3/32"]), ..wide };
    assert!(!shadowed(holed.clone(), narrow.clone()));
    let holed_too = Rule { not_source: set(&["10.1.2.0/24"]), ..narrow };
    assert!(shadowed(holed, holed_too));
}

#[test]
fn all_zones_listed_are_any_zone() {
    let listed = Rule { to: ZoneSet::only([ZoneId(0), ZoneId(1)]), ..rule() };
    assert!(shadowed(listed.clone(), rule()));
    let one = Rule { to: ZoneSet::only([ZoneId(1)]), ..rule() };
    assert!(!shadowed(one, listed));
}

#[test]
fn neighbouring_port_ranges_cover_together() {
    let halves = Rule { services: vec![tcp(100, 200), tcp(1, 99)], ..rule() };
    let whole = Rule { services: vec![tcp(50, 150)], ..rule() };
    assert!(shadowed(halves, whole.clone()));
    let gap = Rule { services: vec![tcp(1, 98), tcp(100, 200)], ..rule() };
    assert!(!shadowed(gap, whole.clone()));
    let protocol = Rule { services: vec![ServiceItem::plain(ServiceMatch::Protocol(6))], ..rule() };
    assert!(shadowed(protocol.clone(), whole));
    let every_port = Rule { services: vec![tcp(0, u16::MAX)], ..rule() };
    assert!(shadowed(every_port, protocol));
}

#[test]
fn one_ip_version_shadows_only_its_own() {
    let v4 = Rule { source: set(&["0.0.0.0/0"]), ..rule() };
    assert!(!shadowed(v4.clone(), rule()));
    let to_v4 = Rule { destination: set(&["192.0.2.0/24"]), ..rule() };
    assert!(shadowed(v4, to_v4), "an IPv6 source has no IPv4 destination");
}

#[test]
fn rules_of_which_nothing_is_left_are_found() {
    let rules = vec![
        Rule { source: AddressSet::empty(), ..rule() },
        Rule { destination: set(&["10.0.0.0/8"]), not_destination: set(&["0.0.0.0/0"]), ..rule() },
        Rule { source: set(&["10.0.0.0/8"]), destination: set(&["2001:db8::/32"]), ..rule() },
        Rule { source: set(&["10.0.0.0/8"]), services: vec![builtin("ping").remove(1)], ..rule() },
        Rule { services: Vec::new(), ..rule() },
    ];
    let expected = [
        (0, UnmatchableReason::NoSource),
        (1, UnmatchableReason::NoDestination),
        (2, UnmatchableReason::NoCommonFamily),
        (3, UnmatchableReason::NoCommonFamily),
        (4, UnmatchableReason::NoService),
    ];
    assert_eq!(reasons(rules), expected);
}
