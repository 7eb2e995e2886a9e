//! How findings read on a terminal, and what `--json` gives.

use config::{Severity, Subject};

use super::{PORTS, RULE};

const MANY_FAULTS: &str = r#"version = 1

[system]
worker_cores = [1, 1]
memroy = "1GiB"

[timeouts]
tcp_established = "never"

[[port]]
name = "lan0"
device = "net_tap,iface=lan"
zone = "inside"

[[port]]
name = "wan0"
device = "eth0"
zone = "outside"

[[wire]]
ports = ["lan0", "wan1"]

[addresses]
servers = ["203.0.113.10/24"]

[[rule]]
name = "web"
to = ["outsid"]
source = []
service = ["htttp", { proto = "tcp", prot = 80 }]
action = "permit"
	log = "sometimes"   # behind a tab
description = "Grüße", tags = []
"#;

#[test]
fn all_faults_at_once() {
    let document = MANY_FAULTS.replace("description = \"Grüße\", tags = []\n", "");
    insta::assert_snapshot!(config::parse(&document, "fw.toml").unwrap_err());
}

#[test]
fn a_fault_of_syntax_behind_wide_characters() {
    let document = "[[rule]]\ndescription = \"Grüße\", tags = []\n";
    insta::assert_snapshot!(config::parse(document, "fw.toml").unwrap_err());
}

#[test]
fn warnings() {
    let rules = r#"
[addresses]
later = []

[[rule]]
name = "never"
source = ["10.0.0.0/8"]
service = ["dns"]
action = "drop"

[[rule]]
name = "mixed"
source = ["10.0.0.0/8"]
destination = ["2001:db8::/32"]
action = "drop"
"#;
    let system = "[system]\ncontrol_core = 1\n";
    let loaded = config::parse(
        &format!(
            "{system}{PORTS}{RULE}service = [\"any\", \"ftp\", \"icmp/time-exceeded\"]\n{rules}"
        ),
        "fw.toml",
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    let shown: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"));
    let unmatchable =
        loaded.warnings.iter().filter(|warning| warning.subject == Subject::UnmatchableRule);
    assert_eq!(unmatchable.count(), 2);
    let strict = loaded.warnings.iter().filter(|warning| warning.is_refused_when_strict());
    assert_eq!(strict.count(), 2);
    assert!(loaded.warnings.iter().all(|warning| warning.severity == Severity::Warning));
}

#[test]
fn warnings_of_what_has_no_effect() {
    let document = r#"
[system]
state_dir = "/srv/sallyport"

[[port]]
name = "lan0"
device = "net_tpa,iface=lan"
zone = "inside"

[[port]]
name = "wan0"
device = "net_tap1,iface=wan"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]
ethertypes = ["lacp", 0x0800, "0x0806"]

[services]
short = { items = ["tcp/80", "tcp/81"], timeouts = { tcp_established = "1m" } }
long = { items = ["tcp/1-100"], timeouts = { tcp_established = "1d" } }
other = { items = ["tcp/443"], timeouts = { tcp_established = "2d" } }
lab-ftp = { items = ["tcp/2121"], gateway = "ftp", third_party = true }

[[rule]]
name = "unlike"
service = ["tcp/0-79", "short", "long", "other"]
action = "allow"

[[rule]]
name = "evened-by-the-rule"
service = ["long", "short"]
timeouts = { tcp_established = "5m" }
source = ["10.0.0.0/8"]
action = "allow"
"#;
    let loaded = config::parse(document, "fw.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let shown: Vec<_> = loaded
        .warnings
        .iter()
        .filter(|warning| warning.subject != Subject::UnmatchableRule)
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

/// Each of the limits, a little above what there may be at all, and where it may be said; at `max` none is said.
#[test]
fn limits_that_are_never_met() {
    let document = |limit: u32| {
        format!(
            "[sessions]\nmax = 1000\nembryonic = {limit}\n[sessions.zones.outside]\nembryonic = {limit}\n\
             {PORTS}{RULE}limits = {{ sessions = {limit}, per_source = {limit}, per_destination = {limit}, \
             embryonic = {limit} }}\n"
        )
    };
    let warnings = |limit| {
        let loaded = config::parse(&document(limit), "fw.toml");
        loaded.unwrap_or_else(|errors| panic!("{errors}")).warnings
    };
    assert_eq!(warnings(1000), []);
    let shown: Vec<_> = warnings(1001).iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 6);
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_finding_as_json() {
    let errors = config::parse(&format!("version = 2\n{PORTS}"), "fw.toml").unwrap_err();
    let json = serde_json::to_value(&errors.errors[0]).unwrap();
    let expected = serde_json::json!({
        "severity": "error",
        "subject": "value",
        "file": "fw.toml",
        "line": 1,
        "column": 11,
        "path": "version",
        "message": "version 2 is newer than this program reads",
        "hint": "write version = 1, or install the program that the file was written for",
    });
    assert_eq!(json, expected);
}
