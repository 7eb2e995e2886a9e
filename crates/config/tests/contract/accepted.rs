//! What is accepted, and what it comes to.

use core::num::NonZeroU32;
use core::time::Duration;

use config::{Device, LogOutput, Polling, ValidConfig};
use policy::{
    Action, Checksums, Gateway, Ipv4Options, Ipv6Options, LinkMode, LogWhen, Permission, PortIndex,
    Query, RuleLimits, RuleNames, Screens, TcpMode, ZoneId, ZoneSet,
};
use session::TimeoutClass;

use super::{PORTS, RULE};

fn parse(document: &str) -> ValidConfig {
    config::parse(document, "fw.toml").unwrap_or_else(|errors| panic!("{errors}")).config
}

/// The example of the contract, whole.
const EXAMPLE: &str = r#"
version = 1

[system]
control_core = 0
worker_cores = [1]
hugepages = true
memory = "512MiB"
polling = "busy"
socket = "/run/sallyport/api.sock"

[metrics]
listen = "127.0.0.1:9105"

[sessions]
max = 1_000_000

[timeouts]
tcp_syn_sent = "10s"
udp_stream = "2m"

[[port]]
name = "lan0"
device = "0000:3b:00.0"
zone = "inside"

[[port]]
name = "wan0"
device = "0000:3b:00.1"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]

[addresses]
servers = ["203.0.113.10", "203.0.113.64/28", "2001:db8:1::/64", "192.0.2.1-192.0.2.9"]

[services]
web = ["tcp/80", "tcp/443"]

[[zone_pair]]
from = "inside"
to = "outside"
tcp = "strict"

[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
source = ["10.0.0.0/8"]
service = ["web", "dns", "ntp", "ftp", "ping", "udp/5000-5010"]
action = "allow"
log = "end"
"#;

#[test]
fn the_example_of_the_contract() {
    let config = parse(EXAMPLE);
    assert_eq!(config.ports[0].device, Device::Pci("0000:3b:00.0".into()));
    assert_eq!(config.sessions.per_source, 100_000);
    assert_eq!(config.metrics.as_ref().unwrap().rules, 1000);
    let rule = &config.policy.rules[0];
    assert_eq!((rule.action, rule.log), (Action::Allow, LogWhen::End));
    assert_eq!(rule.from, ZoneSet::only([ZoneId(0)]));

    let compiled = config.policy.compile(&mut RuleNames::new());
    let from_inside = |protocol, destination_port| Query {
        from: ZoneId(0),
        to: ZoneId(1),
        source: "10.1.2.3".parse().unwrap(),
        destination: "192.0.2.1".parse().unwrap(),
        protocol,
        source_port: 40_000,
        destination_port,
        icmp: None,
    };
    for (protocol, port, action, gateway, answered) in [
        (6, 443, Action::Allow, None, false),
        (17, 53, Action::Allow, None, true),
        (6, 21, Action::Allow, Some(Gateway::Ftp), false),
        (17, 5010, Action::Allow, None, false),
        (17, 5011, Action::Drop, None, false),
        (6, 22, Action::Drop, None, false),
    ] {
        let decision = compiled.decide(&from_inside(protocol, port));
        let found = (decision.action, decision.service.gateway, decision.service.answered);
        assert_eq!(found, (action, gateway, answered), "{protocol}/{port}");
    }
}

#[test]
fn what_may_be_left_out_has_the_contracts_defaults() {
    let config = parse(&format!("{PORTS}{RULE}"));
    let system = &config.system;
    assert_eq!((system.control_core, system.worker_cores.as_slice()), (0, [1].as_slice()));
    assert!(system.hugepages);
    assert_eq!(system.memory, 512 << 20);
    assert_eq!(system.polling, Polling::Busy);
    assert_eq!(system.socket.to_str(), Some("/run/sallyport/api.sock"));
    assert_eq!(system.state_dir.to_str(), Some("/var/lib/sallyport"));
    assert_eq!(system.stall_timeout, Duration::from_secs(2));
    assert_eq!(system.pickup_after_start, Duration::ZERO);
    assert_eq!((&system.socket_group, &system.admin_group), (&None, &None));
    assert_eq!(config.metrics, None);
    assert_eq!(config.screens, Screens::default());
    assert_eq!((config.sessions.max, config.sessions.per_source), (1_000_000, 100_000));
    assert_eq!(config.sessions.ipv6, 1_000_000);
    assert_eq!(config.sessions.embryonic, [None, None]);
    assert!(config.policy.rules[0].limits.is_none());
    assert_eq!(config.log.output, LogOutput::Stdout);
    assert_eq!(config.ports[1].mtu, 1500);
    assert_eq!(config.topology.wires()[0].link, LinkMode::Independent);
    let rule = &config.policy.rules[0];
    assert!(rule.enabled && rule.source.is_any() && rule.destination.is_any());
    assert_eq!((&rule.from, rule.log, rule.tcp), (&ZoneSet::Any, LogWhen::None, None));
    for (class, seconds) in [
        (TimeoutClass::TcpSynSent, 10),
        (TimeoutClass::TcpSynReceived, 10),
        (TimeoutClass::TcpEstablished, 3600),
        (TimeoutClass::TcpHalfClosed, 120),
        (TimeoutClass::TcpClosing, 30),
        (TimeoutClass::TcpTimeWait, 15),
        (TimeoutClass::TcpClosed, 10),
        (TimeoutClass::TcpRstUnverified, 30),
        (TimeoutClass::UdpFirst, 30),
        (TimeoutClass::UdpOneWay, 30),
        (TimeoutClass::UdpStream, 120),
        (TimeoutClass::UdpAnswered, 5),
        (TimeoutClass::UdpUnreachable, 7 * 86_400),
        (TimeoutClass::Icmp, 10),
        (TimeoutClass::SctpInit, 10),
        (TimeoutClass::SctpEstablished, 3600),
        (TimeoutClass::SctpShutdown, 30),
        (TimeoutClass::Gre, 600),
        (TimeoutClass::Esp, 600),
        (TimeoutClass::Other, 30),
        (TimeoutClass::Fragment, 10),
        (TimeoutClass::Expectation, 30),
    ] {
        assert_eq!(config.timeouts.get(class), Duration::from_secs(seconds), "{class}");
    }
}

#[test]
fn every_key_can_be_set() {
    let head = r#"
[system]
control_core = 3
worker_cores = [4, 5]
hugepages = false
memory = "1GiB"
polling = "adaptive"
socket = "/tmp/api.sock"
socket_group = "ops"
admin_group = "admins"
state_dir = "/srv/sallyport"
stall_timeout = "500ms"
pickup_after_start = "1m"
eal_args = ["--log-level=8"]
[metrics]
listen = "[::1]:9000"
rules = 10
[sessions]
max = 500
ipv6 = 0
per_source = 50
embryonic = 40
[sessions.zones.outside]
embryonic = 30
[timeouts]
icmp = "1500ms"
udp_unreachable = "5s"
[screens]
ipv4_options = { source_route = "allow", record = "drop", router_alert = "drop", other = "drop" }
ipv6_options = { router_alert = "drop", other = "drop" }
checksums = "verify"
udp6_zero_checksum = "allow"
[log]
output = "/var/log/events"
queue = 1024
"#;
    let config = parse(&format!("{head}{PORTS}{RULE}"));
    let system = &config.system;
    assert_eq!((system.control_core, system.worker_cores.as_slice()), (3, [4, 5].as_slice()));
    assert_eq!((system.hugepages, system.memory), (false, 1 << 30));
    assert_eq!(system.socket_group.as_deref(), Some("ops"));
    assert_eq!(system.admin_group.as_deref(), Some("admins"));
    assert_eq!(system.stall_timeout, Duration::from_millis(500));
    assert_eq!(system.pickup_after_start, Duration::from_secs(60));
    assert_eq!(system.eal_args, ["--log-level=8"]);
    assert_eq!(config.metrics.as_ref().unwrap().listen, "[::1]:9000".parse().unwrap());
    assert_eq!((config.sessions.max, config.sessions.per_source), (500, 50));
    assert_eq!(config.sessions.ipv6, 0);
    assert_eq!(config.sessions.embryonic, [NonZeroU32::new(40), NonZeroU32::new(30)]);
    assert_eq!(config.timeouts.get(TimeoutClass::Icmp), Duration::from_millis(1500));
    let (allow, drop) = (Permission::Allow, Permission::Drop);
    let screens = Screens {
        ipv4_options: Ipv4Options {
            source_route: allow,
            record: drop,
            router_alert: drop,
            other: drop,
        },
        ipv6_options: Ipv6Options { router_alert: drop, other: drop },
        checksums: Checksums::Verify,
        udp6_zero_checksum: allow,
    };
    assert_eq!(config.screens, screens);
    assert_eq!(config.log.output, LogOutput::File("/var/log/events".into()));
    assert_eq!(config.log.queue, 1024);
}

#[test]
fn ports_wires_and_zones() {
    let config = parse(
        r#"
[[port]]
name = "a"
device = "net_null"
zone = "inside"
mtu = 9000
queues = 2
networks = ["10.0.0.0/8", "lab"]
allow_kernel_path = true
[[port.vlan]]
id = 7
zone = "guests"
[[port]]
name = "b"
device = "net_null"
zone = "outside"
mtu = 9000
networks = []
[[port]]
name = "c"
device = "net_null"
zone = "inside"
[[port]]
name = "d"
device = "net_null"
zone = "outside"
[[wire]]
ports = ["a", "b"]
domain = "pair"
link = "propagate"
ethertypes = ["lacp", 0x88e5, "0x9000"]
[[wire]]
ports = ["d", "c"]
domain = "pair"
[addresses]
lab = ["192.0.2.0/24"]
"#,
    );
    let topology = &config.topology;
    assert_eq!(topology.zones(), ["inside", "guests", "outside"]);
    assert_eq!(topology.partner(PortIndex(2)), PortIndex(3));
    assert_eq!(topology.domain(PortIndex(0)), topology.domain(PortIndex(3)));
    assert_eq!(topology.zone(PortIndex(0), Some(7)), ZoneId(1));
    assert!(topology.spoofed(PortIndex(0), "172.16.0.1".parse().unwrap()));
    assert!(!topology.spoofed(PortIndex(0), "192.0.2.1".parse().unwrap()));
    assert!(!topology.spoofed(PortIndex(1), "172.16.0.1".parse().unwrap()));
    assert_eq!(topology.wires()[0].link, LinkMode::Propagate);
    for ethertype in [0x8809, 0x88e5, 0x9000] {
        assert!(topology.permits_ethertype(PortIndex(1), ethertype));
        assert!(!topology.permits_ethertype(PortIndex(2), ethertype));
    }
    assert!(config.port(PortIndex(0)).unwrap().allow_kernel_path);
    assert_eq!(config.port(PortIndex(0)).unwrap().queues, 2);
}

#[test]
fn wires_without_a_domain_have_their_own() {
    let more = PORTS.replace("lan", "lan1-").replace("wan", "wan1-");
    let config = parse(&format!("{PORTS}{more}"));
    assert_ne!(config.topology.domain(PortIndex(0)), config.topology.domain(PortIndex(2)));
}

#[test]
fn objects_hold_objects_in_any_order() {
    let rule = "source = [\"all\"]\nservice = [\"mine\"]\n";
    let objects = r#"
[addresses]
all = { items = ["net", "10.9.9.9"], not = ["hole"] }
hole = ["10.0.0.5"]
net = ["10.0.0.0/29"]
[services]
mine = { items = ["inner", "icmp/8/0", "ip/gre", "sctp/5"], timeouts = { udp_stream = "9s" } }
inner = [{ proto = "udp", port = "5-6", source_port = 7 }, { proto = 89 }, { proto = "tcp" }]
"#;
    let config = parse(&format!("{PORTS}{RULE}{rule}{objects}"));
    let compiled = config.policy.compile(&mut RuleNames::new());
    let query = Query {
        from: ZoneId(0),
        to: ZoneId(1),
        source: "10.0.0.4".parse().unwrap(),
        destination: "10.0.0.5".parse().unwrap(),
        protocol: 17,
        source_port: 7,
        destination_port: 6,
        icmp: None,
    };
    let allowed = |query: &Query| compiled.decide(query).action == Action::Allow;
    assert!(allowed(&query));
    assert!(allowed(&Query { source: "10.9.9.9".parse().unwrap(), ..query }));
    assert!(!allowed(&Query { source: "10.0.0.5".parse().unwrap(), ..query }));
    assert!(!allowed(&Query { source_port: 8, ..query }));
    assert!(!allowed(&Query { destination_port: 7, ..query }));
    assert!(allowed(&Query { protocol: 6, destination_port: 999, ..query }));
    assert!(allowed(&Query { protocol: 47, ..query }));
    assert!(allowed(&Query { protocol: 89, ..query }));
    assert!(allowed(&Query { protocol: 1, icmp: Some((8, 0)), ..query }));
    assert!(!allowed(&Query { protocol: 1, icmp: Some((8, 1)), ..query }));
    let set = compiled.decide(&query).service.timeouts.unwrap();
    let timeout = compiled.timeouts_override(set).get(TimeoutClass::UdpStream.index());
    assert_eq!(timeout, Some(Duration::from_secs(9)));
}

#[test]
fn any_may_be_written_and_tcp_modes_and_timeouts_are_taken() {
    let rule = "from = \"any\"\nto = [\"any\"]\nsource = \"any\"\nservice = \"any\"\ntcp = \"loose\"\n\
                enabled = false\ndescription = \"d\"\ntags = [\"t\"]\ntimeouts = { esp = \"1m\" }\n";
    let rule = format!(
        "{rule}limits = {{ sessions = 9, per_source = 3, per_destination = 5, embryonic = 1 }}\n"
    );
    let pair = "[[zone_pair]]\nfrom = \"outside\"\nto = \"inside\"\ntcp = \"loose\"\n";
    let policy = parse(&format!("{PORTS}{RULE}{rule}{pair}")).policy;
    let rule = &policy.rules[0];
    assert_eq!((&rule.from, &rule.to), (&ZoneSet::Any, &ZoneSet::Any));
    assert!(rule.source.is_any() && !rule.enabled);
    assert_eq!(rule.tcp, Some(TcpMode::Loose));
    assert_eq!(
        (rule.description.as_str(), rule.tags.as_slice()),
        ("d", ["t".to_owned()].as_slice())
    );
    assert_eq!(rule.timeouts.get(TimeoutClass::Esp.index()), Some(Duration::from_secs(60)));
    let RuleLimits { sessions, per_source, per_destination, embryonic } = rule.limits;
    let limits = [sessions, per_source, per_destination, embryonic];
    assert_eq!(limits, [9, 3, 5, 1].map(NonZeroU32::new));
    assert_eq!(policy.tcp_mode(ZoneId(1), ZoneId(0)), TcpMode::Loose);
    assert_eq!(policy.tcp_mode(ZoneId(0), ZoneId(1)), TcpMode::Strict);
}

#[test]
fn a_service_may_say_how_its_gateway_reads() {
    let text = format!(
        "{PORTS}{RULE}service = [\"pbx\"]\n[services]\npbx = {{ items = [\"sip\"], strict = true, third_party = true }}\n"
    );
    let item = &parse(&text).policy.rules[0].services[0];
    assert_eq!(item.traits.gateway, Some(Gateway::Sip), "that of the built-in service");
    assert!(item.traits.reading.strict && item.traits.reading.third_party);
}

#[test]
fn a_service_may_name_its_gateway() {
    let document = format!(
        "{PORTS}{RULE}service = [\"alt\"]\n[services]\nalt = {{ items = [\"tcp/2121\"], gateway = \"ftp\" }}\n"
    );
    let item = &parse(&document).policy.rules[0].services[0];
    assert_eq!(item.traits.gateway, Some(Gateway::Ftp));
    assert_eq!(item.service, "alt");
}
