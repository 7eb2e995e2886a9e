//! Exit statuses and messages of the commands that need no daemon, and of those that miss it.

use std::process::{Command, Stdio};

use crate::support::{CONFIG, Place, sallyctl};

#[test]
fn check_tells_good_from_bad() {
    let place = Place::new();
    let good = place.path("fw.toml").display().to_string();
    let ran = sallyctl(&["check", &good]);
    assert_eq!((ran.status, ran.errors.as_str()), (Some(0), ""));
    assert!(ran.out.ends_with("fw.toml is valid: 2 ports, 1 wire, 3 rules\n"), "{}", ran.out);

    let bad = CONFIG.replace("action = \"allow\"", "action = \"alow\"").replace("tcp/23", "tcp/x");
    let bad = place.file("bad.toml", bad).display().to_string();
    let ran = sallyctl(&["check", &bad]);
    assert_eq!((ran.status, ran.out.as_str()), (Some(1), ""));
    for part in
        ["bad.toml:27:12: error", "tcp/x", "bad.toml:34:10: error", "alow", "is refused, 2 errors"]
    {
        assert!(ran.errors.contains(part), "{part} in {}", ran.errors);
    }
    let ran = sallyctl(&["check", "--json", &bad]);
    assert_eq!((ran.status, ran.errors.as_str()), (Some(1), ""));
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["version"], &report["valid"]), (&1.into(), &false.into()));
    assert_eq!(report["errors"][1]["line"], 34);
}

#[test]
fn strict_refuses_a_rule_that_can_never_match() {
    let place = Place::new();
    let shadowed = CONFIG.replace("service = [\"tcp/23\"]\n", "to = [\"outside\"]\n");
    let file = place.file("shadowed.toml", shadowed).display().to_string();
    let lenient = sallyctl(&["check", &file]);
    assert_eq!(lenient.status, Some(0));
    assert!(lenient.out.contains("3 rules, 1 warning") && lenient.errors.contains("inside-out"));
    let strict = sallyctl(&["check", "--strict", &file]);
    assert_eq!(strict.status, Some(1));
    assert!(strict.errors.contains("is refused by --strict, 1 warning"), "{}", strict.errors);
    let json = sallyctl(&["--json", "check", "--strict", &file]);
    let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&report["valid"], json.status), (&false.into(), Some(1)));
}

#[test]
fn files_that_are_none_are_named() {
    let place = Place::new();
    let missing = place.path("none.toml").display().to_string();
    let ran = sallyctl(&["check", &missing]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("none.toml"), "{}", ran.errors);
    let ran = place.replay(&place.path("none.pcap"), &[]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("none.pcap"), "{}", ran.errors);
    let text = place.file("text.pcap", "no capture at all");
    let ran = place.replay(&text, &[]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("text.pcap is no capture"), "{}", ran.errors);
    place.file("fw.toml", "nonsense = 1\n");
    let ran = place.replay(&text, &[]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("fw.toml:1:1: error: unknown"), "{}", ran.errors);
}

#[test]
fn nonsense_on_the_command_line_is_status_2() {
    let place = Place::new();
    let capture = place.capture("none.pcap", &[]);
    let config = place.path("fw.toml").display().to_string();
    for words in [
        vec!["nonsense"],
        vec!["check"],
        vec!["sessions", "colour=red"],
        vec!["sessions", "clear"],
        vec!["explain", "tcp", "10.0.0.1", "in=lan0"],
        vec!["explain", "--config", &config, "tcp 10.0.0.1 2001:db8::1 in=lan0"],
        vec!["explain", "tcp", "10.0.0.1", "192.0.2.1", "in=lan0"],
        vec!["explain", "--config", &config, "tcp 10.0.0.1 192.0.2.1 in=lan0"],
        vec!["explain", "--config", &config, "udp [2001:db8::9]:1 2001:db8::1:80 in=lan0"],
    ] {
        let ran = sallyctl(&words);
        assert_eq!(ran.status, Some(2), "{words:?}: {ran:?}");
        assert!(ran.out.is_empty() && !ran.errors.is_empty(), "{words:?}: {ran:?}");
    }
    for side in ["lan0", "lan0=x", "lan9=10.0.0.0/8"] {
        assert_eq!(place.replay(&capture, &["--side", side]).status, Some(2), "{side}");
    }
    assert_eq!(place.replay(&capture, &["--workers", "0"]).status, Some(2));
}

#[test]
fn a_daemon_that_does_not_run_is_status_3() {
    let place = Place::new();
    let socket = place.path("none.sock").display().to_string();
    for words in [
        &["status"][..],
        &["ports"],
        &["counters"],
        &["rules"],
        &["sessions"],
        &["sessions", "count"],
        &["sessions", "clear", "id=0-1-2"],
        &["reload"],
        &["explain", "tcp", "10.0.0.1", "192.0.2.1:80", "in=lan0"],
    ] {
        let ran = sallyctl(&[words, &["--socket", &socket]].concat());
        assert_eq!(ran.status, Some(3), "{words:?}: {ran:?}");
        assert!(ran.errors.contains("none.sock") && ran.errors.contains("is sallyportd running"));
    }
}

#[test]
fn explain_judges_by_a_file_alone() {
    let place = Place::new();
    let config = place.path("fw.toml").display().to_string();
    let explain = |tuple: &str| sallyctl(&["explain", "--json", "--config", &config, tuple]);
    for (tuple, verdict, reason, rule) in [
        ("tcp 10.0.0.1:40000 192.0.2.80:80 in=lan0", "forward", None, Some("inside-out")),
        ("tcp 10.0.0.1:40000 192.0.2.80:23 in=lan0", "drop", Some("rule_drop"), Some("no-telnet")),
        ("udp 192.0.2.53:53 10.0.0.1:40000 in=wan0", "drop", Some("no_rule"), None),
        (
            "tcp [2001:db8::1]:9 [2001:db8:1::1]:113 in=wan0",
            "reject",
            Some("rule_reject"),
            Some("no-ident"),
        ),
        (
            "tcp 192.0.2.80:80 10.0.0.1:40000 in=wan0 flags=SA",
            "drop",
            Some("tcp_syn_ack_unexpected"),
            None,
        ),
    ] {
        let ran = explain(tuple);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let found =
            (answer["verdict"].as_str(), answer["reason"].as_str(), answer["rule"].as_str());
        assert_eq!(found, (Some(verdict), reason, rule), "{tuple}: {answer}");
        assert_eq!(answer["version"], 1);
    }
    let ran = explain("tcp 10.0.0.1 192.0.2.80:80 in=lan9");
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("no port is called lan9") && ran.errors.contains("lan0, wan0"));
    let ran = explain("tcp 10.0.0.1 192.0.2.80:80 in=lan0");
    assert!(ran.out.contains("\"verdict\": \"forward\""), "{ran:?}");
    let ran = explain("tcp 10.0.0.1 192.0.2.80 in=lan0");
    assert!(ran.errors.contains("tcp needs a destination port: write 192.0.2.1:80"), "{ran:?}");
    let words =
        ["explain", "--config", &config, "udp", "10.0.0.1:40000", "192.0.2.53:53", "in=lan0"];
    insta::assert_snapshot!(sallyctl(&words).out);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let place = Place::new();
    let frame = testkit::packet::Frame::echo_request("10.0.0.1", "192.0.2.9", 7, 1);
    let frames: Vec<_> = (0..5_000).map(|micros| (micros, frame.clone())).collect();
    let capture = place.capture("long.pcap", &frames);
    let mut child = Command::new(env!("CARGO_BIN_EXE_sallyctl"))
        .args(["replay", "--config"])
        .arg(place.path("fw.toml"))
        .arg("--capture")
        .arg(capture)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty());
}

#[test]
fn doctor_works_without_a_daemon_and_its_status_is_by_the_worst_finding() {
    let place = Place::new();
    let nowhere = place.path("api.sock").display().to_string();
    let doctor = |config: &str| {
        let ran = sallyctl(&["doctor", "--json", "--socket", &nowhere, "--config", config]);
        let report: serde_json::Value = serde_json::from_str(&ran.out).expect("one document");
        assert_eq!((&report["version"], &report["config"]), (&1.into(), &config.into()));
        let wanting = ["warning", "fault"].contains(&report["worst"].as_str().unwrap_or_default());
        assert_eq!(ran.status, Some(i32::from(wanting)), "{ran:?}");
        report["findings"].as_array().expect("findings").clone()
    };
    let good = doctor(&place.path("fw.toml").display().to_string());
    let has = |findings: &[serde_json::Value], level: &str, subject: &str| {
        findings.iter().any(|it| it["level"] == level && it["subject"] == subject)
    };
    assert!(has(&good, "ok", "configuration") && has(&good, "note", "daemon"), "{good:#?}");
    for finding in &good {
        assert_eq!(finding["remedy"].is_null(), finding["level"] == "ok", "{finding:#?}");
    }
    let missing = doctor(&place.path("none.toml").display().to_string());
    assert!(has(&missing, "fault", "configuration") && missing.len() == 2, "{missing:#?}");
}
