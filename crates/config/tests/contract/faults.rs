//! Every rule of the contract, broken: the place, the offending text and the remedy.

use super::{PORTS, RULE};

/// A document, the text that the message points at, a part of the message and a part of its hint.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

fn refused(document: &str, (_, offending, message, hint): Case<'_>) {
    let Err(errors) = config::parse(document, "fw.toml") else {
        panic!("accepted, though {message:?} was expected:\n{document}");
    };
    let found = errors.errors.iter().any(|error| {
        let position = error.position.as_ref().expect("faults of a text have a place");
        let start = position.column - 1;
        let pointed: String = position.text.chars().skip(start).take(position.width).collect();
        let line = document.lines().nth(position.line - 1).unwrap_or_default();
        assert_eq!(position.text, line);
        pointed == offending
            && error.message.contains(message)
            && error.hint.as_deref().unwrap_or_default().contains(hint)
    });
    assert!(found, "{message:?} at {offending:?} was expected, not:\n{errors}");
}

/// Each fragment stands before the ports.
fn refused_at_the_top(cases: &[Case<'_>]) {
    for case in cases {
        refused(&format!("{}\n{PORTS}{RULE}", case.0), *case);
    }
}

/// Each fragment stands behind the ports and a rule, so that its first keys are the rule's.
fn refused_in_a_rule(cases: &[Case<'_>]) {
    for case in cases {
        refused(&format!("{PORTS}{RULE}{}\n", case.0), *case);
    }
}

#[test]
fn top_level() {
    refused_at_the_top(&[
        ("version = 2", "2", "newer", "version = 1"),
        ("version = 0", "0", "no version 0", "version = 1"),
        ("version = \"1\"", "\"1\"", "an integer is needed", ""),
        ("verison = 1", "verison", "unknown key \"verison\"", "did you mean \"version\"?"),
        ("[sistem]", "sistem", "unknown table [sistem]", "did you mean \"system\"?"),
        ("[[rules]]", "rules", "unknown table [[rules]]", "did you mean \"rule\"?"),
        ("[[nat]]\nto = 1", "nat", "[[nat]] is not built yet", "kept"),
        ("[[route]]", "route", "[[route]] is not built yet", "kept"),
        ("[ha]", "ha", "[ha] is not built yet", "kept"),
        ("rule = 1\n[[x]]", "1", "a list is needed", "[[rule]]"),
        ("system = 3", "3", "a table is needed", "write [system], and below it control_core = …"),
        ("version = 1\nversion = 1", "version", "the key \"version\" is there already", "once"),
    ]);
}

#[test]
fn system() {
    refused_at_the_top(&[
        ("[system]\ncores = 1", "cores", "unknown key \"cores\" in [system]", "worker_cores"),
        ("[system]\nworker_cores = []", "[]", "worker_cores is empty", "[1, 2]"),
        ("[system]\nworker_cores = [1, 2, 1]", "1", "core 1 is listed twice", "own"),
        ("[system]\nworker_cores = [-1]", "-1", "out of range", "0 to 8191"),
        ("[system]\nworker_cores = [1.5]", "1.5", "an integer is needed", ""),
        ("[system]\nworker_cores = 1", "1", "a list is needed", "[1, 2]"),
        ("[system]\ncontrol_core = -1", "-1", "out of range", "0 to"),
        ("[system]\nhugepages = \"yes\"", "\"yes\"", "true or false is needed", ""),
        ("[system]\nmemory = \"512MB\"", "\"512MB\"", "not a size of memory", "512MiB"),
        ("[system]\nmemory = 512", "512", "a string is needed", "512MiB"),
        ("[system]\nmemory = \"0MiB\"", "\"0MiB\"", "not a size of memory", "512MiB"),
        (
            "[system]\npolling = \"lazy\"",
            "\"lazy\"",
            "not a value of \"polling\"",
            "busy, adaptive",
        ),
        ("[system]\nsocket = \"api.sock\"", "\"api.sock\"", "not an absolute path", "'/'"),
        ("[system]\nsocket_group = \"\"", "\"\"", "not a group", "/etc/group"),
        ("[system]\nstate_dir = \"state\"", "\"state\"", "not an absolute path", "'/'"),
        ("[system]\nstall_timeout = \"0s\"", "\"0s\"", "too short", "100ms"),
        ("[system]\npickup_after_start = \"soon\"", "\"soon\"", "not a duration", "10s"),
        ("[system]\neal_args = [1]", "1", "a string is needed", ""),
    ]);
    let long = format!("[system]\nsocket = \"/{}\"", "x".repeat(120));
    let offending = format!("\"/{}\"", "x".repeat(120));
    refused_at_the_top(&[(&long, &offending, "too long", "107")]);
}

#[test]
fn what_would_have_no_effect() {
    refused_in_a_rule(&[
        (
            "timeouts = { fragment = \"1s\" }",
            "fragment",
            "\"fragment\" in timeouts of [[rule]] would have no effect",
            "set it in [timeouts]",
        ),
        (
            "[services]\nweb = { items = [\"tcp/80\"], timeouts = { expectation = \"1s\" } }",
            "expectation",
            "would have no effect",
            "set it in [timeouts]",
        ),
        ("service = [\"tcp/0\"]", "\"tcp/0\"", "port 0 never passes", "from 1 to 65535"),
        ("service = [\"udp/0-0\"]", "\"udp/0-0\"", "port 0 never passes", "from 1 to 65535"),
        (
            "service = [{ proto = \"tcp\", port = \"0\" }]",
            "\"0\"",
            "port 0 never passes",
            "from 1 to 65535",
        ),
        ("service = [{ proto = \"tcp\", source_port = 0 }]", "0", "out of range", "1 to 65535"),
        ("source = [\"10.0.0.0/08\"]", "\"10.0.0.0/08\"", "begins with 0", "\"10.0.0.0/8\""),
        ("source = [\"0.0.0.0/00\"]", "\"0.0.0.0/00\"", "begins with 0", "\"0.0.0.0/0\""),
    ]);
}

#[test]
fn metrics_sessions_timeouts_and_log() {
    refused_at_the_top(&[
        ("[metrics]\nlisten = \"localhost\"", "\"localhost\"", "not an address", "127.0.0.1:9105"),
        ("[metrics]\nrules = -1", "-1", "out of range", "0 to"),
        ("[sessions]\nmax = 0", "0", "out of range", "1 to"),
        ("[sessions]\nmax = 10\nper_source = 11", "11", "out of range", "1 to 10"),
        ("[screens]\nchecksum = 1", "checksum", "unknown key", "did you mean \"checksums\"?"),
        ("[screens]\nchecksums = \"off\"", "\"off\"", "not a value", "trust, verify"),
        (
            "[screens]\nipv4_options = { record = \"pass\" }",
            "\"pass\"",
            "not a value of \"record\"",
            "allow, drop",
        ),
        (
            "[screens]\nipv6_options = { source_route = \"drop\" }",
            "source_route",
            "unknown key",
            "router_alert, other",
        ),
        ("[sessions]\nmax = 10\nipv6 = 11", "11", "out of range", "0 to 10"),
        ("[sessions]\nembryonic = 0", "0", "out of range", "1 to"),
        (
            "[sessions.zones.insid]\nembryonic = 1",
            "insid",
            "unknown zone",
            "did you mean \"inside\"?",
        ),
        ("[sessions.zones.inside]\nmax = 1", "max", "unknown key", "embryonic"),
        (
            "[timeouts]\nudp_steam = \"1m\"",
            "udp_steam",
            "unknown key",
            "did you mean \"udp_stream\"?",
        ),
        ("[timeouts]\nicmp = \"0s\"", "\"0s\"", "too short", "from 1ms to 7d"),
        ("[timeouts]\nicmp = \"never\"", "\"never\"", "not a duration", "10s"),
        ("[timeouts]\nicmp = \"8d\"", "\"8d\"", "too long", "7d"),
        ("[timeouts]\nicmp = \"10\"", "\"10\"", "not a duration", "10s"),
        ("[timeouts]\nicmp = \"-1s\"", "\"-1s\"", "not a duration", "10s"),
        ("[timeouts]\nicmp = 10", "10", "a string is needed", "10s"),
        ("[log]\noutput = \"events.log\"", "\"events.log\"", "no place for the log", "absolute"),
        ("[log]\nqueue = 1", "1", "out of range", "64"),
    ]);
}

#[test]
fn ports_and_wires() {
    let port =
        |keys: &str| format!("[[port]]\nname = \"a\"\ndevice = \"net_null\"\nzone = \"z\"\n{keys}");
    let refused_port = |keys: &str, offending: &str, message: &str, hint: &str| {
        let fragment = port(keys);
        refused_in_a_rule(&[(&fragment, offending, message, hint)]);
    };
    refused_port("", "\"a\"", "port \"a\" is in no wire", "[[wire]]");
    refused_port("mtu = 60", "60", "out of range", "68 to 9702");
    refused_port("queues = -1", "-1", "out of range", "0 to");
    refused_port("networks = [\"10.0.0.1/8\"]", "\"10.0.0.1/8\"", "bits behind", "10.0.0.0/8");
    refused_port("speed = 1", "speed", "unknown key \"speed\" in [[port]]", "mtu");
    refused_port("[[port.vlan]]\nid = 0\nzone = \"z\"", "0", "out of range", "1 to 4094");
    refused_port("[[port.vlan]]\nid = 7\nzone = \"any\"", "\"any\"", "reserved", "another");
    refused_port(
        "[[port.vlan]]\nid = 7\nname = 1",
        "name",
        "unknown key \"name\" in [[port.vlan]]",
        "id, zone",
    );
    refused_port(
        "vlan = [{ id = 7, zone = \"z\" }, { id = 7, zone = \"y\" }]",
        "7",
        "VLAN 7 is listed twice",
        "one zone",
    );
    refused_in_a_rule(&[
        (
            "[[port]]\ndevice = \"net_null\"",
            "[[port]]",
            "\"name\" is missing in [[port]]",
            "name = ",
        ),
        ("[[port]]\nname = \"lan0\"", "\"lan0\"", "two ports called \"lan0\"", "own"),
        ("[[port]]\nname = \"a b\"", "\"a b\"", "not a name", "letter or digit"),
        ("[[port]]\nname = \"none\"", "\"none\"", "reserved", "another"),
        ("[[port]]\nname = \"10.0.0.1\"", "\"10.0.0.1\"", "reads as an address", ""),
        (
            "[[port]]\ndevice = \"eth0\"",
            "\"eth0\"",
            "neither a PCI address nor",
            "net_af_packet,iface",
        ),
        ("[[port]]\ndevice = \"net_af_packet\"", "\"net_af_packet\"", "needs the interface", ""),
        (
            "[[port]]\ndevice = \"net_af_packet,iface=lan\"",
            "\"net_af_packet,iface=lan\"",
            "is that of port \"lan0\"",
            "own",
        ),
        ("[[wire]]\nports = [\"lan0\", \"b\"]", "\"lan0\"", "end of a wire already", "exactly one"),
        (
            "[[wire]]\nports = [\"lan1\", \"b\"]",
            "\"lan1\"",
            "unknown port",
            "did you mean \"lan0\"?",
        ),
        ("[[wire]]\nports = [\"lan0\"]", "[\"lan0\"]", "two ends, not 1", "two ports"),
        ("[[wire]]\nlink = \"down\"", "\"down\"", "not a value of \"link\"", "propagate"),
        (
            "[[wire]]\nethertypes = [\"lcap\"]",
            "\"lcap\"",
            "not an ethertype",
            "did you mean \"lacp\"?",
        ),
        ("[[wire]]\nethertypes = [5]", "5", "out of range", "1536"),
        (
            "[[wire]]\nport = []",
            "port",
            "unknown key \"port\" in [[wire]]",
            "did you mean \"ports\"?",
        ),
    ]);
    let mtu = PORTS.replace("zone = \"outside\"", "zone = \"outside\"\nmtu = 9000");
    let case = (
        "",
        "[\"lan0\", \"wan0\"]",
        "the MTU of \"lan0\" is 1500, that of \"wan0\" is 9000",
        "both",
    );
    refused(&mtu, case);
    let same = PORTS.replace("\"lan0\", \"wan0\"", "\"lan0\", \"lan0\"");
    refused(&same, ("", "\"lan0\"", "end of a wire already", "once"));
}

#[test]
fn addresses() {
    let forms: &[(&str, &str, &str)] = &[
        ("10.0.0.1/8", "bits behind its length", "\"10.0.0.0/8\""),
        ("2001:db8::1/64", "bits behind its length", "\"2001:db8::/64\""),
        ("10.0.0.0/33", "no prefix length", "0 to 32"),
        ("2001:db8::/129", "no prefix length", "0 to 128"),
        ("10.0.0.0/", "no prefix length", "0 to 32"),
        ("10.0.0.0/255.0.0.0", "no prefix length", "0 to 32"),
        ("10.0.0.256", "not an address", "192.0.2.1"),
        ("10.0.0/8", "not a prefix", "10.0.0.0/8"),
        ("10.0.0.9-10.0.0.1", "reversed", "\"10.0.0.1-10.0.0.9\""),
        ("10.0.0.1-::1", "mixes IPv4 and IPv6", "both"),
        ("10.0.0.1-10.0.0", "not a range", "192.0.2.9"),
        ("severs", "unknown address \"severs\"", "did you mean \"servers\"?"),
    ];
    for (item, message, hint) in forms {
        let offending = format!("{item:?}");
        let named = format!("[addresses]\nservers = [{item:?}]");
        refused_in_a_rule(&[(&named, &offending, message, hint)]);
        let in_place = format!("source = [{item:?}]\n[addresses]\nservers = [\"10.0.0.1\"]");
        refused_in_a_rule(&[(&in_place, &offending, message, hint)]);
    }
    refused_in_a_rule(&[
        ("[addresses]\nany = []", "any", "reserved", ""),
        ("[addresses]\n\"10.0.0.1\" = []", "\"10.0.0.1\"", "reads as an address", ""),
        ("[addresses]\n\"2001:db8::1\" = []", "\"2001:db8::1\"", "reads as an address", ""),
        ("[addresses]\n\"-a\" = []", "\"-a\"", "not a name", ""),
        ("[addresses]\na = [\"b\"]\nb = [\"a\"]", "\"a\"", "contains itself", ""),
        ("[addresses]\na = \"10.0.0.1\"", "\"10.0.0.1\"", "a list or a table", "items"),
        (
            "[addresses]\na = { not = [\"10.0.0.1\"] }",
            "{ not = [\"10.0.0.1\"] }",
            "neither items nor a file",
            "any",
        ),
        (
            "[addresses]\na = { item = [] }",
            "item",
            "unknown key \"item\"",
            "did you mean \"items\"?",
        ),
        (
            "[addresses]\na = { file = \"missing.txt\" }",
            "\"missing.txt\"",
            "cannot be read",
            "path",
        ),
        ("[addresses]\na = [1]", "1", "a string is needed", ""),
    ]);
}

#[test]
fn services() {
    let forms: &[(&str, &str, &str)] = &[
        ("\"tcp/90-80\"", "reversed", "\"80-90\""),
        ("\"tcp/65536\"", "not a port", "65535"),
        ("\"tcp/\"", "not a port", "65535"),
        ("\"tcp/80,443\"", "not a port", "range"),
        ("\"tcp/+80\"", "not a port", ""),
        ("\"tpc/80\"", "not a protocol", "did you mean \"tcp\"?"),
        ("\"icmp/echo\"", "not an ICMP type", "echo-request"),
        ("\"icmp/8/x\"", "not an ICMP code", "255"),
        ("\"icmpv6/256\"", "not an ICMP type", "255"),
        ("\"ip/256\"", "not an IP protocol", "255"),
        ("\"htttp\"", "unknown service \"htttp\"", "did you mean \"http\"?"),
        ("80", "a string is needed", "tcp/80"),
        ("{ proto = \"icmp\", port = 8 }", "icmp has no ports", "echo-request"),
        ("{ port = 80 }", "\"proto\" is missing", "proto = "),
    ];
    for (item, message, hint) in forms {
        let named = format!("[services]\nown = [{item}]");
        refused_in_a_rule(&[(&named, item, message, hint)]);
        let in_place = format!("service = [{item}]");
        refused_in_a_rule(&[(&in_place, item, message, hint)]);
    }
    refused_in_a_rule(&[
        (
            "service = [{ proto = \"tcp\", prot = 1 }]",
            "prot",
            "unknown key \"prot\"",
            "did you mean",
        ),
        (
            "service = [{ proto = \"tcpp\" }]",
            "\"tcpp\"",
            "not an IP protocol",
            "did you mean \"tcp\"?",
        ),
        ("service = [{ proto = 256 }]", "256", "out of range", "255"),
        ("service = [{ proto = \"udp\", port = \"9-1\" }]", "\"9-1\"", "reversed", "\"1-9\""),
        ("service = [{ proto = \"udp\", source_port = 70000 }]", "70000", "out of range", "65535"),
        ("[services]\nhttp = [\"tcp/8080\"]", "http", "hide the built-in", "another"),
        ("[services]\ntcp = [\"tcp/8080\"]", "tcp", "hide the built-in", "another"),
        ("[services]\nnone = []", "none", "reserved", ""),
        ("[services]\na = [\"b\"]\nb = [\"a\"]", "\"a\"", "contains itself", ""),
        (
            "[services]\na = { items = [\"tcp/1\"], gateway = \"ftq\" }",
            "\"ftq\"",
            "not a value",
            "did you mean \"ftp\"?",
        ),
        (
            "[services]\na = { items = [\"udp/1\"], gateway = \"ftp\" }",
            "\"ftp\"",
            "cannot read",
            "tcp",
        ),
        (
            "[services]\na = { items = [\"sip\"], gateway = \"ftp\" }",
            "\"ftp\"",
            "gateway sip already",
            "one",
        ),
        (
            "[services]\na = { items = [\"tcp/1\"], strict = true }",
            "true",
            "here is none",
            "gateway",
        ),
        (
            "[services]\na = { items = [\"tcp/1\"], gateway = \"ftq\", strict = \"yes\", third_party = 1 }",
            "\"yes\"",
            "true or false is needed",
            "without quotation marks",
        ),
        (
            "[services]\na = { gateway = \"ftp\" }",
            "{ gateway = \"ftp\" }",
            "\"items\" is missing",
            "",
        ),
        (
            "[services]\na = { items = [], timeouts = { udp = \"1s\" } }",
            "udp",
            "unknown key",
            "udp_first",
        ),
        (
            "service = [\"ftp\", \"odd\"]\n[services]\nodd = { items = [\"tcp/20-30\"], gateway = \"rtsp\" }",
            "[\"ftp\", \"odd\"]",
            "one packet two gateways: ftp and rtsp",
            "two rules",
        ),
        (
            "service = [\"sip\", \"ours\"]\n[services]\nours = { items = [\"sip\"], strict = true }",
            "[\"sip\", \"ours\"]",
            "have the gateway sip read one packet in two ways",
            "the same in both",
        ),
    ]);
}

#[test]
fn rules_and_zone_pairs() {
    for key in ["from", "to", "source", "destination", "not_source", "not_destination", "service"] {
        let fragment = format!("{key} = []");
        refused_in_a_rule(&[(
            &fragment,
            "[]",
            &format!("the list {key:?} is empty"),
            "leave the key out",
        )]);
        let fragment = format!("{key} = \"inside\"");
        refused_in_a_rule(&[(&fragment, "\"inside\"", "a list is needed", "[\"inside\"]")]);
    }
    refused_in_a_rule(&[
        ("from = [\"insid\"]", "\"insid\"", "unknown zone", "did you mean \"inside\"?"),
        ("actoin = 1", "actoin", "unknown key \"actoin\" in [[rule]]", "did you mean \"action\"?"),
        ("log = \"always\"", "\"always\"", "not a value of \"log\"", "none, start, end, both"),
        ("tcp = \"lose\"", "\"lose\"", "not a value of \"tcp\"", "did you mean \"loose\"?"),
        ("enabled = 1", "1", "true or false is needed", ""),
        ("tags = \"x\"", "\"x\"", "a list is needed", ""),
        ("limits = {}", "{}", "limits says nothing", "leave the key out"),
        (
            "limits = 5",
            "5",
            "a table is needed",
            "write limits = { sessions = … }; its keys: sessions, per_source",
        ),
        ("limits = { source = 5 }", "source", "unknown key", "per_source"),
        ("limits = { per_source = 0 }", "0", "out of range", "1 to"),
        ("schedule = \"night\"", "schedule", "not built yet", "kept"),
        ("timeouts = { tcp = \"1s\" }", "tcp", "unknown key", "tcp_established"),
        ("timeouts = { icmp = \"0s\" }", "\"0s\"", "too short", "1ms"),
        (
            "[[rule]]\nname = \"rule\"\naction = \"drop\"",
            "\"rule\"",
            "two rules called \"rule\"",
            "own",
        ),
        ("[[rule]]\naction = \"drop\"", "[[rule]]", "\"name\" is missing", "name = "),
        ("[[rule]]\nname = \"r\"", "[[rule]]", "\"action\" is missing", "action = "),
        (
            "[[rule]]\nname = \"r\"\naction = \"permit\"",
            "\"permit\"",
            "not a value",
            "allow, drop, reject",
        ),
        ("[[rule]]\nname = \"any\"", "\"any\"", "reserved", ""),
        ("[[zone_pair]]\nfrom = \"inside\"", "[[zone_pair]]", "\"to\" is missing", ""),
        (
            "[[zone_pair]]\nfrom = \"any\"\nto = \"inside\"",
            "\"any\"",
            "unknown zone",
            "inside, outside",
        ),
        ("[[zone_pair]]\nmode = 1", "mode", "unknown key \"mode\" in [[zone_pair]]", "tcp"),
        (
            "zone_pair = [{ from = \"inside\", to = \"inside\" }, { to = \"inside\", from = \"inside\" }]\n",
            "zone_pair",
            "unknown key",
            "",
        ),
    ]);
    let pair = "[[zone_pair]]\nfrom = \"inside\"\nto = \"outside\"\n";
    refused_in_a_rule(&[(&pair.repeat(2), "[[zone_pair]]", "there already", "once")]);
}

#[test]
fn syntax() {
    for (document, line, column) in [
        ("[system\n", 1, 8),
        ("version = \n", 1, 11),
        ("a = \"x\n", 1, 7),
        ("version = 1\n= 2", 2, 1),
    ] {
        let errors = config::parse(document, "fw.toml").unwrap_err();
        let position = errors.errors[0].position.as_ref().unwrap();
        assert_eq!((position.line, position.column), (line, column), "{errors}");
        assert!(errors.errors[0].message.starts_with("not TOML: "), "{errors}");
    }
}

#[test]
fn a_file_without_anything_in_it_is_refused() {
    for document in ["", "\n\n", "# nothing\n"] {
        let errors = config::parse(document, "fw.toml").unwrap_err();
        assert!(errors.to_string().contains("the file is empty: it says no ports"), "{errors}");
    }
    let errors = config::parse("version = 1", "fw.toml").unwrap_err();
    assert!(errors.to_string().contains("the file says no ports"), "{errors}");
}

/// Cuts, removes and replaces at every place of a file that has everything: whatever is left, it is
/// accepted or refused with a message, and every place that is pointed at exists.
#[test]
fn no_damaged_file_ends_the_program() {
    let whole = include_str!("../../../../configs/appliance.toml");
    let places: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
    let mut refused = 0;
    for (index, at) in places.iter().copied().enumerate() {
        let next = places.get(index + 1).copied().unwrap_or(whole.len());
        let replacement = ["", "\"", "[", "é", "\n", "=", ","][index % 7];
        let damaged = match index % 3 {
            0 => whole[..at].to_owned(),
            _ => format!("{}{replacement}{}", &whole[..at], &whole[next..]),
        };
        let Err(errors) = config::parse(&damaged, "fw.toml") else { continue };
        refused += 1;
        assert!(!errors.errors.is_empty());
        for error in &errors.errors {
            let position = error.position.as_ref().unwrap();
            assert!(position.line <= damaged.lines().count() + 1, "{error}");
            assert!(position.column <= position.text.chars().count() + 1, "{error}");
        }
    }
    assert!(refused > places.len() / 4, "{refused} of {} were refused", places.len());
}
