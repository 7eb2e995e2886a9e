//! What the configuration file promises, from outside: what is accepted and what it means, what is
//! refused and how that reads.

#![expect(clippy::panic, reason = "a test that cannot go on shows the whole message")]

mod accepted;
mod faults;
mod files;
mod reload;
mod rendering;
mod shipped;

/// Two ports of two zones, joined.
const PORTS: &str = r#"
[[port]]
name = "lan0"
device = "net_tap,iface=lan"
zone = "inside"

[[port]]
name = "wan0"
device = "net_tap,iface=wan"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]
"#;

/// A rule that allows everything; keys written behind it are its own.
const RULE: &str = "
[[rule]]
name = \"rule\"
action = \"allow\"
";
