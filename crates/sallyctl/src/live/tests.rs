//! What people see of fixed answers.

use api::*;
use insta::assert_snapshot;

use super::*;

fn reason(reason: &str, description: &str, count: u64) -> ReasonCount {
    ReasonCount { reason: reason.to_owned(), description: description.to_owned(), count }
}

fn named(name: &str, count: u64) -> NamedCount {
    NamedCount { name: name.to_owned(), count }
}

fn gateway_of(gateway: &str, sessions: u64) -> GatewaySessions {
    GatewaySessions { gateway: gateway.to_owned(), sessions }
}

fn embryonic(zone: &str, count: u64, limit: Option<u32>) -> ZoneEmbryonic {
    ZoneEmbryonic { zone: zone.to_owned(), count, limit }
}

fn tcp() -> Session {
    Session {
        id: "0-17-4000".parse().unwrap(),
        worker: 0,
        proto: Protocol::TCP,
        source: "10.0.0.1".parse().unwrap(),
        source_port: Some(40_000),
        destination: "192.0.2.80".parse().unwrap(),
        destination_port: Some(443),
        icmp_id: None,
        vlan: None,
        state: "established".to_owned(),
        from: "inside".to_owned(),
        to: "outside".to_owned(),
        in_port: "lan0".to_owned(),
        out_port: "wan0".to_owned(),
        rule: Some("inside-out".to_owned()),
        generation: 3,
        age_seconds: 192.0,
        idle_seconds: 0.3,
        expires_in_seconds: 3_599.7,
        parent: None,
        gateway: None,
        packets: [1_200, 3_400],
        bytes: [98_765, 4_567_890],
    }
}

#[test]
fn status_is_read_at_a_glance() {
    let worker = |worker: u16, busy_ratio: f64| WorkerStatus {
        worker,
        core: u32::from(worker) + 1,
        busy_ratio,
        received_per_second: 1_234_567.0 * busy_ratio,
        received: 98_765_432,
        forwarded: 98_000_000,
        dropped: 765_432,
        handed_over: 12,
        generation: 3,
        heartbeat_age_seconds: 0.0,
        load_ratio: 1.5 - f64::from(worker),
        heaviest_session_ratio: 0.25,
    };
    let port = |name: &str, link_up: bool| PortSummary {
        name: name.to_owned(),
        link_up,
        speed_bits_per_second: link_up.then_some(10_000_000_000),
        received_per_second: 1_500.0,
        transmitted_per_second: 12.0,
        lost: 7,
    };
    let status = Status {
        version: Version,
        sallyport: "0.1.0".to_owned(),
        pid: 4711,
        started: "2026-11-20T08:00:00Z".to_owned(),
        uptime_seconds: 273_600.0,
        policy: PolicyStatus {
            generation: 3,
            loaded: "2026-11-23T11:00:00Z".to_owned(),
            loaded_seconds_ago: 3_600.0,
            file: "/etc/sallyport/sallyport.toml".to_owned(),
            rules: 12,
            last_refusal: Some("2 faults in the file".to_owned()),
        },
        workers: vec![worker(0, 0.42), worker(1, 0.003)],
        sessions: SessionsStatus {
            in_use: 123_456,
            max: 1_000_000,
            created_per_second: 840.0,
            embryonic: vec![embryonic("inside", 7, None), embryonic("outside", 1_900, Some(2_000))],
        },
        gateways: GatewaysStatus {
            read_sessions: 1_234,
            read_sessions_max: 16_384,
            by_gateway: [("ftp", 34), ("sip", 1_200)]
                .map(|(gateway, sessions)| gateway_of(gateway, sessions))
                .into(),
            memory_bytes: 1 << 20,
            memory_max_bytes: 32 << 20,
            expectations: 96,
        },
        ports: vec![port("lan0", true), port("wan0", false)],
        top_drops: vec![reason("no_rule", "No rule matches.", 765_000)],
        skew: SkewStatus {
            window_seconds: 5.0,
            redirection_imbalance_ratio: 12.34,
            heaviest: vec![HeavySession { share_ratio: 0.25, session: tcp() }],
        },
        memory: vec![MemoryStatus { socket: 0, mbufs_in_use: 4_096, mbufs: 65_535 }],
        alarms: vec![Alarm {
            kind: AlarmKind::LinkDown,
            message: "wan0 has no link: check the cable".to_owned(),
        }],
    };
    assert_snapshot!(status::text(&status));
}

#[test]
fn ports_show_devices_and_counts() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let port = |name: &str, partner: Option<&str>, kernel_path_allowed| PortInfo {
        name: name.to_owned(),
        device: "0000:3b:00.0".to_owned(),
        driver: "net_ixgbe".to_owned(),
        mac: "02:00:00:00:00:01".to_owned(),
        zone: "inside".to_owned(),
        partner: partner.map(str::to_owned),
        link_up: partner.is_some(),
        speed_bits_per_second: Some(25_000_000_000),
        mtu: 1500,
        rx_queues: 2,
        tx_queues: 2,
        socket: partner.map(|_| 0),
        rss: "tcp, udp, ip; symmetric".to_owned(),
        steering: PortSteering {
            by: if partner.is_some() { "hardware" } else { "software" }.to_owned(),
            reason: partner.is_none().then(|| "the device has no redirection table".to_owned()),
            key_bytes: 40,
            key: "same".to_owned(),
            asked: words("ipv4 ipv4_tcp ipv4_sctp"),
            granted: words("ipv4 ipv4_tcp"),
            table_entries: if partner.is_some() { 128 } else { 0 },
            table: if partner.is_some() { "same" } else { "untold" }.to_owned(),
            left_to_software: vec!["sctp over ipv4".to_owned()],
            misses: 12_345,
            strays: 2_345,
            hashed: if partner.is_some() { 12_345 } else { 0 },
            misread: 7,
            wrong: partner.is_some(),
        },
        kernel_path_allowed,
        gone: false,
        held_down: false,
        stats: PortStats { rx_packets: 1_234_567, rx_bytes: 987_654_321, ..PortStats::default() },
    };
    let ports = vec![port("lan0", Some("wan0"), false), port("wan0", None, true)];
    assert_snapshot!(ports::text(&Ports { version: Version, ports }));
}

#[test]
fn counters_show_what_is_not_zero() {
    let worker = |worker: u16| WorkerFrames {
        worker,
        received: 5_000,
        forwarded: 4_400,
        dropped: 500,
        rejected: 60,
        consumed: 20,
        held: 15,
        made: 60,
        handed_over: 9,
    };
    let counters = Counters {
        version: Version,
        frames: FrameBalance {
            received: 10_000,
            forwarded: 8_800,
            dropped: 1_000,
            rejected: 120,
            consumed: 40,
            held: 30,
            in_rings: 5,
            made: 120,
            difference: 5,
        },
        workers: vec![worker(0), worker(1)],
        drops: vec![
            reason("truncated", "The frame is shorter than its headers say.", 0),
            reason("no_session", "The packet belongs to no session.", 999),
            reason("no_rule", "No rule matches.", 1),
        ],
        rejects: vec![reason("rule_reject", "A rule with action `reject` matches.", 120)],
        handovers: vec![named("nic_hash", 18), named("fragment", 0)],
        sessions_created: vec![named("tcp", 1_200), named("sctp", 0)],
        sessions_ended: vec![ProtocolReasonCount {
            proto: "tcp".to_owned(),
            reason: "timeout".to_owned(),
            count: 700,
        }],
        events_lost: 3,
    };
    assert_snapshot!(counters::text(&counters));
}

#[test]
fn rules_show_hits_and_their_age() {
    let rule = |position, name: &str, last: Option<f64>| RuleInfo {
        position,
        name: name.to_owned(),
        enabled: last.is_some(),
        action: "allow".to_owned(),
        from: vec!["inside".to_owned(), "guests".to_owned()],
        to: vec!["any".to_owned()],
        log: "end".to_owned(),
        description: "people".to_owned(),
        tags: vec![],
        limits: last.map(|_| RuleLimits {
            sessions: Some(2000),
            per_source: None,
            per_destination: None,
            embryonic: None,
        }),
        sessions: 17,
        embryonic: 1,
        hits: last.map_or(0, |_| 1_234_567),
        last_hit: last.map(|_| "2026-11-23T11:00:00Z".to_owned()),
        last_hit_seconds_ago: last,
    };
    let rules = vec![rule(1, "inside-out", Some(192.0)), rule(2, "old", None)];
    assert_snapshot!(rules::text(&Rules { version: Version, generation: 3, rules }));
}

#[test]
fn sessions_stand_in_columns() {
    let tcp = tcp();
    let ping = Session {
        id: "1-1000000-273408000".parse().unwrap(),
        proto: Protocol::ICMPV6,
        source: "2001:db8::1".parse().unwrap(),
        source_port: None,
        destination: "2001:db8::2".parse().unwrap(),
        destination_port: None,
        icmp_id: Some(7),
        vlan: Some(30),
        state: "icmp".to_owned(),
        rule: None,
        expires_in_seconds: 9.5,
        packets: [1, 1],
        bytes: [84, 84],
        ..tcp.clone()
    };
    let announced = Session {
        proto: Protocol::UDP,
        source: "2001:db8::1".parse().unwrap(),
        destination: "2001:db8::53".parse().unwrap(),
        destination_port: Some(40_000),
        parent: Some("1-3-3500".parse().unwrap()),
        gateway: Some("sip".to_owned()),
        ..tcp.clone()
    };
    let mut table = sessions::table();
    for session in [&tcp, &ping, &announced] {
        table.row(sessions::row(session));
    }
    assert_snapshot!(table.block());
}

#[test]
fn reload_tells_what_changed_or_what_is_wrong() {
    let warning = Diagnostic {
        severity: Severity::Warning,
        file: "sallyport.toml".to_owned(),
        line: Some(12),
        column: Some(3),
        path: "rule[2]".to_owned(),
        message: "rule `old` can never match".to_owned(),
        hint: Some("rule `all` before it takes everything".to_owned()),
    };
    let report = ReloadReport {
        version: Version,
        generation: 4,
        rules: 12,
        added: vec!["a".to_owned(), "b".to_owned()],
        removed: vec![],
        changed: vec!["c".to_owned()],
        reordered: true,
        zone_pairs: vec![("inside".to_owned(), "outside".to_owned())],
        warnings: vec![warning.clone()],
    };
    let refusal = Refusal {
        diagnostics: vec![Diagnostic { severity: Severity::Error, ..warning }],
        ..Refusal::new(RefusalKind::InvalidConfiguration, "the file has 1 fault; nothing changed")
    };
    let both = format!("{}\n{}\n", reload::text(&report), reload::refused(&refusal));
    assert_snapshot!(both);
}

#[test]
fn explanations_go_step_by_step() {
    let step =
        |check: &str, outcome: &str| Step { check: check.to_owned(), outcome: outcome.to_owned() };
    let explanation = Explanation {
        version: Version,
        tuple: "tcp 10.0.0.1:40000 192.0.2.80:443 in=lan0".parse().unwrap(),
        verdict: "drop".to_owned(),
        reason: Some("rule_drop".to_owned()),
        rule: Some("no-web".to_owned()),
        worker: Some(1),
        steps: vec![
            step("screens", "nothing is wrong with it"),
            step("rule mail", "does not match: destination port 443 is not 25"),
            step("rule no-web", "matches: drop"),
        ],
    };
    assert_snapshot!(explain::text(&explanation));
}

#[test]
fn a_daemon_that_is_not_there_is_status_3_with_the_socket_and_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("none.sock");
    let general = General { json: false, socket };
    let failure = status(&general, &mut Vec::new()).unwrap_err();
    let mut message = Vec::new();
    assert_eq!(failure.tell(&mut message), std::process::ExitCode::from(3));
    let message = String::from_utf8(message).unwrap();
    assert!(
        message.contains("none.sock") && message.contains("is sallyportd running"),
        "{message}"
    );
}
