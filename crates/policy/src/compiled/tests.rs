//! The compiled classifier against the linear one, and the rules of matching one by one.

use core::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::{
    AddressRange, Gateway, IcmpVersion, ItemTraits, L4PortRange, ZonePair, ZoneSet,
    builtin_services,
};

const TCP: u8 = 6;
const UDP: u8 = 17;

fn set(items: &[&str]) -> AddressSet {
    let range = |item: &&str| match item.split_once('-') {
        Some((first, last)) => {
            AddressRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
        }
        None => AddressRange::from(item.parse::<ipnet::IpNet>().unwrap()),
    };
    items.iter().map(range).collect()
}

fn ports(protocol: u8, first: u16, last: u16) -> ServiceMatch {
    let destination = L4PortRange { first, last };
    ServiceMatch::Ports { protocol, destination, source: L4PortRange::ANY }
}

fn builtin(name: &str) -> Vec<ServiceItem> {
    builtin_services().iter().find(|service| service.name == name).unwrap().items().collect()
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy { zones: vec!["inside".into(), "outside".into()], zone_pairs: Vec::new(), rules }
}

fn compile(policy: &Policy) -> CompiledPolicy {
    policy.compile(&mut RuleNames::new())
}

/// The name of the rule that decides.
fn decided_by(policy: &Policy, query: &Query) -> Option<String> {
    let mut names = RuleNames::new();
    let decision = policy.compile(&mut names).decide(query);
    decision.rule.map(|rule| names.name(rule).to_owned())
}

/// A UDP packet from inside to outside, from 10.0.0.1:4000 to 192.0.2.1:53.
fn query() -> Query {
    Query {
        from: ZoneId(0),
        to: ZoneId(1),
        source: "10.0.0.1".parse().unwrap(),
        destination: "192.0.2.1".parse().unwrap(),
        protocol: UDP,
        source_port: 4000,
        destination_port: 53,
        icmp: None,
    }
}

#[test]
fn what_no_rule_matches_is_dropped_by_none() {
    let decision = compile(&policy(Vec::new())).decide(&query());
    assert_eq!(decision.rule, None);
    assert_eq!(decision.action, Action::Drop);
    assert_eq!(decision.service, ServiceTraits::default());
}

#[test]
fn the_first_enabled_match_decides() {
    let off = Rule { enabled: false, ..Rule::any("off", Action::Drop) };
    let other_zone = Rule { from: ZoneSet::only([ZoneId(1)]), ..Rule::any("back", Action::Drop) };
    let rules =
        vec![off, other_zone, Rule::any("yes", Action::Allow), Rule::any("no", Action::Reject)];
    assert_eq!(decided_by(&policy(rules), &query()).as_deref(), Some("yes"));
}

#[test]
fn zones_that_the_policy_does_not_know_match_only_any() {
    let only =
        Rule { from: ZoneSet::only([ZoneId(0), ZoneId(1)]), ..Rule::any("only", Action::Drop) };
    let rules = policy(vec![only, Rule::any("rest", Action::Drop)]);
    let stranger = Query { from: ZoneId(9), ..query() };
    assert_eq!(decided_by(&rules, &stranger).as_deref(), Some("rest"));
}

#[test]
fn a_rule_for_one_ip_version_never_matches_the_other() {
    let v4 = Rule { source: set(&["0.0.0.0/0"]), ..Rule::any("v4", Action::Allow) };
    let v6 = Query {
        source: "2001:db8::1".parse().unwrap(),
        destination: "2001:db8::2".parse().unwrap(),
        ..query()
    };
    assert_eq!(decided_by(&policy(vec![v4.clone()]), &query()).as_deref(), Some("v4"));
    assert_eq!(decided_by(&policy(vec![v4]), &v6), None);
}

#[test]
fn exclusions_are_taken_from_what_is_wanted() {
    let rule = Rule {
        source: set(&["10.0.0.0/24"]),
        not_source: set(&["10.0.0.1-10.0.0.9"]),
        ..Rule::any("rule", Action::Allow)
    };
    let from = |source: &str| Query { source: source.parse().unwrap(), ..query() };
    let rules = policy(vec![rule]);
    assert_eq!(decided_by(&rules, &from("10.0.0.9")), None);
    assert_eq!(decided_by(&rules, &from("10.0.0.10")).as_deref(), Some("rule"));
}

#[test]
fn an_empty_set_matches_nothing() {
    let rule = Rule { destination: AddressSet::empty(), ..Rule::any("rule", Action::Allow) };
    assert_eq!(decided_by(&policy(vec![rule]), &query()), None);
}

#[test]
fn icmp_items_match_type_and_code_in_their_own_ip_version() {
    let ping = Rule { services: builtin("ping"), ..Rule::any("ping", Action::Allow) };
    let rules = policy(vec![ping]);
    let echo = Query { protocol: 1, icmp: Some((8, 0)), ..query() };
    assert_eq!(decided_by(&rules, &echo).as_deref(), Some("ping"));
    assert_eq!(decided_by(&rules, &Query { icmp: Some((0, 0)), ..echo }), None);
    assert_eq!(decided_by(&rules, &Query { icmp: None, ..echo }), None);
    let v6 = Query {
        source: "2001:db8::1".parse().unwrap(),
        destination: "2001:db8::2".parse().unwrap(),
        ..echo
    };
    assert_eq!(decided_by(&rules, &v6), None, "ICMP does not exist in IPv6");
    let echo6 = Query { protocol: 58, icmp: Some((128, 0)), ..v6 };
    assert_eq!(decided_by(&rules, &echo6).as_deref(), Some("ping"));
}

#[test]
fn only_the_named_service_enables_its_gateway() {
    let ftp = Query { protocol: TCP, destination_port: 21, ..query() };
    let gateway = |services: Vec<ServiceItem>| {
        let rule = Rule { services, ..Rule::any("rule", Action::Allow) };
        compile(&policy(vec![rule])).decide(&ftp).service.gateway
    };
    assert_eq!(gateway(builtin("ftp")), Some(Gateway::Ftp));
    assert_eq!(gateway(vec![ServiceItem::plain(ports(TCP, 21, 21))]), None);
    assert_eq!(gateway(vec![ServiceItem::ANY]), None);
    let beside_any = [vec![ServiceItem::ANY], builtin("ftp")].concat();
    assert_eq!(gateway(beside_any), Some(Gateway::Ftp));
}

#[test]
fn dns_over_udp_is_answered() {
    let rule = Rule { services: builtin("dns"), ..Rule::any("dns", Action::Allow) };
    let compiled = compile(&policy(vec![rule]));
    assert!(compiled.decide(&query()).service.answered);
    assert!(!compiled.decide(&Query { protocol: TCP, ..query() }).service.answered);
}

#[test]
fn a_rules_tcp_mode_is_stronger_than_its_zone_pairs() {
    let pair = ZonePair { from: ZoneId(0), to: ZoneId(1), tcp: TcpMode::Loose };
    let strict = Rule {
        tcp: Some(TcpMode::Strict),
        services: builtin("dns"),
        ..Rule::any("strict", Action::Allow)
    };
    let rules = vec![strict, Rule::any("rest", Action::Allow)];
    let compiled = compile(&Policy { zone_pairs: vec![pair], ..policy(rules) });
    assert!(compiled.any_loose());
    assert_eq!(compiled.decide(&query()).tcp, TcpMode::Strict);
    assert_eq!(compiled.decide(&Query { destination_port: 54, ..query() }).tcp, TcpMode::Loose);
    let back = Query { from: ZoneId(1), to: ZoneId(0), destination_port: 54, ..query() };
    assert_eq!(compiled.decide(&back).tcp, TcpMode::Strict);
    assert!(!compile(&policy(vec![Rule::any("rest", Action::Allow)])).any_loose());
}

#[test]
fn timeouts_of_rule_and_service_are_joined_and_stay_valid() {
    let seconds = |class, seconds| (class, Duration::from_secs(seconds));
    let item = ServiceItem {
        traits: ItemTraits {
            timeouts: TimeoutOverrides::new([seconds(1, 10), seconds(2, 20)]),
            ..ItemTraits::NONE
        },
        ..ServiceItem::plain(ports(UDP, 53, 53))
    };
    let rule = Rule {
        services: vec![ServiceItem::ANY, item],
        timeouts: TimeoutOverrides::new([seconds(2, 99)]),
        ..Rule::any("rule", Action::Allow)
    };
    let mut names = RuleNames::new();
    let first = policy(vec![rule]).compile(&mut names);
    let own = first.decide(&query()).service.timeouts.unwrap();
    assert_eq!(first.timeouts_override(own).as_slice(), [seconds(1, 10), seconds(2, 99)]);
    let plain = first.decide(&Query { destination_port: 1, ..query() }).service.timeouts.unwrap();
    assert_eq!(first.timeouts_override(plain).as_slice(), [seconds(2, 99)]);

    let later = policy(Vec::new()).compile(&mut names);
    assert_eq!(later.timeouts_override(own), first.timeouts_override(own));
    assert!(later.timeouts_override(TimeoutSet(77)).is_empty());
}

#[test]
fn explain_says_why_each_rule_before_the_match_did_not() {
    let rules = vec![
        Rule { enabled: false, ..Rule::any("off", Action::Drop) },
        Rule { to: ZoneSet::only([ZoneId(0)]), ..Rule::any("zone", Action::Drop) },
        Rule { source: set(&["10.9.0.0/16"]), ..Rule::any("source", Action::Drop) },
        Rule { services: builtin("ssh"), ..Rule::any("service", Action::Drop) },
        Rule::any("match", Action::Allow),
        Rule::any("after", Action::Allow),
    ];
    let compiled = compile(&policy(rules));
    let mismatches: Vec<_> =
        compiled.explain(&query()).iter().map(|outcome| outcome.mismatch).collect();
    let expected = [
        Some(Mismatch::Disabled),
        Some(Mismatch::To),
        Some(Mismatch::Source),
        Some(Mismatch::Service),
        None,
    ];
    assert_eq!(mismatches, expected);
}

#[test]
fn every_mismatch_is_a_sentence_about_the_packet() {
    let policy = policy(Vec::new());
    let query = query();
    let from = policy.zone_name(query.from);
    let to = policy.zone_name(query.to);
    let (source, destination) = (query.source, query.destination);
    let sentences: Vec<_> =
        Mismatch::ALL.iter().map(|mismatch| policy.describe(*mismatch, &query)).collect();
    let port = query.destination_port;
    let source_port = query.source_port;
    assert_eq!(
        sentences,
        [
            "it is not enabled".to_owned(),
            format!("`from` does not hold zone {from}"),
            format!("`to` does not hold zone {to}"),
            format!("`source` does not hold {source}"),
            format!("`not_source` holds {source}"),
            format!("`destination` does not hold {destination}"),
            format!("`not_destination` holds {destination}"),
            format!("`service` does not hold udp/{port} from port {source_port}"),
        ]
    );
    let service = |query| policy.describe(Mismatch::Service, &query);
    let ping = Query { protocol: 1, icmp: Some((8, 0)), ..query };
    assert_eq!(service(ping), "`service` does not hold icmp/8/0");
    assert_eq!(service(Query { protocol: 47, ..query }), "`service` does not hold ip/47");
}

const PREFIXES: &[&str] = &[
    "10.0.0.0/8",
    "10.0.0.0/30",
    "10.0.0.2-10.0.0.5",
    "192.0.2.0/24",
    "192.0.2.7/32",
    "0.0.0.0/0",
    "2001:db8::/32",
    "2001:db8::1/128",
    "::/0",
];
const V4: &[&str] = &["10.0.0.0", "10.0.0.3", "10.0.0.6", "192.0.2.7", "192.0.2.8", "203.0.113.1"];
const V6: &[&str] = &["2001:db8::", "2001:db8::1", "2001:db8:ffff::", "fe80::1"];

fn some_set() -> impl Strategy<Value = AddressSet> {
    prop_oneof![
        2 => Just(AddressSet::any()),
        3 => subsequence(PREFIXES, 0..3).prop_map(|items| set(&items)),
    ]
}

fn some_exclusion() -> impl Strategy<Value = AddressSet> {
    prop_oneof![
        3 => Just(AddressSet::empty()),
        1 => subsequence(PREFIXES, 1..3).prop_map(|items| set(&items)),
    ]
}

fn some_zones() -> impl Strategy<Value = ZoneSet> {
    prop_oneof![
        Just(ZoneSet::Any),
        subsequence(vec![0, 1, 2, 3], 0..4)
            .prop_map(|zones| ZoneSet::only(zones.into_iter().map(ZoneId))),
    ]
}

fn some_item() -> impl Strategy<Value = ServiceItem> {
    let range =
        (0..6u16, 0..3u16).prop_map(|(first, more)| L4PortRange { first, last: first + more });
    let source = prop_oneof![3 => Just(L4PortRange::ANY), 1 => range.clone()];
    let kind = prop_oneof![Just(None), (0..3u8).prop_map(Some)];
    let version = select(vec![IcmpVersion::V4, IcmpVersion::V6]);
    let matches = prop_oneof![
        1 => Just(ServiceMatch::Any),
        1 => select(vec![TCP, UDP, 47, 1, 200]).prop_map(ServiceMatch::Protocol),
        4 => (select(vec![TCP, UDP]), range, source)
            .prop_map(|(protocol, destination, source)| ServiceMatch::Ports { protocol, destination, source }),
        2 => (version, kind.clone(), kind)
            .prop_map(|(version, kind, code)| ServiceMatch::Icmp { version, kind, code }),
    ];
    let timeouts = prop_oneof![
        3 => Just(TimeoutOverrides::EMPTY),
        1 => (0..3usize, 1..4u64)
            .prop_map(|(class, seconds)| TimeoutOverrides::new([(class, Duration::from_secs(seconds))])),
    ];
    (matches, any::<bool>(), timeouts).prop_map(|(matches, answered, timeouts)| ServiceItem {
        service: String::new(),
        matches,
        traits: ItemTraits { answered, timeouts, ..ItemTraits::NONE },
    })
}

fn some_rule() -> impl Strategy<Value = Rule> {
    (
        (prop::bool::weighted(0.9), some_zones(), some_zones()),
        (some_set(), some_exclusion(), some_set(), some_exclusion()),
        prop::collection::vec(some_item(), 1..4),
        prop_oneof![Just(None), select(TcpMode::ALL).prop_map(Some)],
        select(Action::ALL),
    )
        .prop_map(|((enabled, from, to), addresses, services, tcp, action)| {
            let (source, not_source, destination, not_destination) = addresses;
            Rule {
                enabled,
                from,
                to,
                source,
                not_source,
                destination,
                not_destination,
                services,
                tcp,
                ..Rule::any("", action)
            }
        })
}

fn some_policy() -> impl Strategy<Value = Policy> {
    let pair = (0..4u16, 0..4u16, select(TcpMode::ALL)).prop_map(|(from, to, tcp)| ZonePair {
        from: ZoneId(from),
        to: ZoneId(to),
        tcp,
    });
    (prop::collection::vec(some_rule(), 0..8), prop::collection::vec(pair, 0..2)).prop_map(
        |(mut rules, mut zone_pairs)| {
            for (at, rule) in rules.iter_mut().enumerate() {
                rule.name = format!("rule-{at}");
            }
            zone_pairs.dedup_by_key(|pair| (pair.from, pair.to));
            let zones = ["a", "b", "c", "d"].map(String::from).to_vec();
            Policy { zones, zone_pairs, rules }
        },
    )
}

fn some_query() -> impl Strategy<Value = Query> {
    let addresses = prop_oneof![(select(V4), select(V4)), (select(V6), select(V6))];
    let icmp = prop_oneof![Just(None), (0..3u8, 0..3u8).prop_map(Some)];
    let protocol = select(vec![TCP, UDP, 47, 1, 58, 200]);
    (0..5u16, 0..5u16, addresses, protocol, 0..9u16, 0..9u16, icmp).prop_map(
        |(from, to, (source, destination), protocol, source_port, destination_port, icmp)| Query {
            from: ZoneId(from),
            to: ZoneId(to),
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol,
            source_port,
            destination_port,
            icmp,
        },
    )
}

/// The traits that the contract gives a packet which a rule matches.
fn linear_timeouts(rule: &Rule, query: &Query) -> (bool, TimeoutOverrides) {
    let matching: Vec<_> =
        rule.services.iter().filter(|item| item.matches.matches(query)).collect();
    let own = matching.iter().map(|item| &item.traits.timeouts).find(|set| !set.is_empty());
    let own = own.cloned().unwrap_or_default();
    (matching.iter().any(|item| item.traits.answered), own.overlaid(&rule.timeouts))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn compiled_and_linear_agree(policy in some_policy(), queries in prop::collection::vec(some_query(), 24)) {
        let compiled = compile(&policy);
        for query in &queries {
            let decision = compiled.decide(query);
            let expected = policy.first_match(query).map(|at| &policy.rules[at]);
            let found = decision.rule.and_then(|id| compiled.rule(id));
            prop_assert_eq!(found, expected, "{:?}", query);
            let pair = policy.tcp_mode(query.from, query.to);
            prop_assert_eq!(decision.tcp, expected.and_then(|rule| rule.tcp).unwrap_or(pair));
            let explained = compiled.explain(query);
            let last = explained.last().filter(|outcome| outcome.mismatch.is_none());
            prop_assert_eq!(last.map(|outcome| outcome.rule), decision.rule);
            if let Some(rule) = expected {
                prop_assert_eq!(decision.action, rule.action);
                let set = decision.service.timeouts;
                let timeouts = set.map(|set| compiled.timeouts_override(set).clone());
                let (answered, expected) = linear_timeouts(rule, query);
                prop_assert_eq!(decision.service.answered, answered);
                prop_assert_eq!(timeouts.unwrap_or_default(), expected);
            }
        }
    }

    #[test]
    fn what_is_called_unmatchable_matches_nothing(
        policy in some_policy(),
        queries in prop::collection::vec(some_query(), 64),
    ) {
        for unmatchable in policy.unmatchable() {
            for query in queries.iter().filter(|query| usize::from(query.from.0.max(query.to.0)) < policy.zones.len()) {
                prop_assert_ne!(policy.first_match(query), Some(unmatchable.rule), "{:?}", query);
            }
        }
    }
}
