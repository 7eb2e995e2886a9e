//! What a reload may change, and what needs a restart.

use super::{PORTS, RULE};

fn restart_needed(old: &str, new: &str) -> Vec<String> {
    let parse = |text: &str| {
        let document = text.to_owned() + RULE;
        config::parse(&document, "fw.toml").unwrap_or_else(|errors| panic!("{errors}")).config
    };
    parse(old).restart_needed(&parse(new))
}

#[test]
fn policy_timeouts_and_zones_may_change() {
    let newer =
        PORTS.replace("zone = \"inside\"", "zone = \"office\"\nnetworks = [\"10.0.0.0/8\"]");
    let newer = format!(
        "[timeouts]\nicmp = \"3s\"\n[sessions]\nper_source = 7\n{newer}[[rule]]\nname = \"x\"\naction = \"drop\"\n"
    );
    assert_eq!(restart_needed(PORTS, &newer), Vec::<String>::new());
}

#[test]
fn what_is_read_at_the_start_only_is_named() {
    let cases = [
        ("[system]\ncontrol_core = 5\n", "system.control_core"),
        ("[system]\nworker_cores = [1, 2]\n", "system.worker_cores"),
        ("[system]\nhugepages = false\n", "system.hugepages"),
        ("[system]\nmemory = \"1GiB\"\n", "system.memory"),
        ("[system]\npolling = \"adaptive\"\n", "system.polling"),
        ("[system]\nsocket = \"/tmp/s\"\n", "system.socket"),
        ("[system]\nsocket_group = \"g\"\n", "system.socket_group"),
        ("[system]\nadmin_group = \"g\"\n", "system.admin_group"),
        ("[system]\nstate_dir = \"/tmp\"\n", "system.state_dir"),
        ("[system]\nstall_timeout = \"3s\"\n", "system.stall_timeout"),
        ("[system]\npickup_after_start = \"3s\"\n", "system.pickup_after_start"),
        ("[system]\neal_args = [\"-v\"]\n", "system.eal_args"),
        ("[metrics]\n", "metrics"),
        ("[sessions]\nmax = 5\n", "sessions.max"),
        ("[sessions]\nipv6 = 5\n", "sessions.ipv6"),
        ("[log]\noutput = \"/tmp/log\"\n", "log.output"),
    ];
    for (change, key) in cases {
        assert_eq!(restart_needed(PORTS, &format!("{change}{PORTS}")), [key]);
    }
    let metrics = |keys: &str| format!("[metrics]\n{keys}\n{PORTS}");
    assert_eq!(restart_needed(&metrics(""), &metrics("rules = 5")), ["metrics.rules"]);
}

#[test]
fn ports_and_wires_are_named() {
    let replace = |from: &str, to: &str| restart_needed(PORTS, &PORTS.replace(from, to));
    assert_eq!(replace("iface=wan", "iface=wan1"), ["port.wan0.device"]);
    assert_eq!(replace("zone =", "mtu = 9000\nzone ="), ["port.lan0.mtu", "port.wan0.mtu"]);
    assert_eq!(replace("lan0", "office0"), ["port.lan0"]);
    assert_eq!(replace("[[wire]]", "[[wire]]\nethertypes = [\"lacp\"]"), ["wire[0]"]);
    assert_eq!(replace("[\"lan0\", \"wan0\"]", "[\"wan0\", \"lan0\"]"), ["wire[0]"]);
}
