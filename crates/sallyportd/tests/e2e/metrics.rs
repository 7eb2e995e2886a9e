//! The exposition: complete, well formed, and read rightly by a real Prometheus.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::netns::{OUTSIDE_V4, Prometheus, within};

use super::usual;

/// Metrics of the contract that exist from the first moment, with a series each.
const CONTRACT: [&str; 26] = [
    "build_info",
    "drops_total",
    "events_lost_total",
    "frames_consumed_total",
    "frames_forwarded_total",
    "frames_held",
    "frames_made_total",
    "frames_received_total",
    "handover_drops_total",
    "handovers_total",
    "mbufs_in_use",
    "nic_errors_total",
    "nic_missed_total",
    "nic_no_mbuf_total",
    "policy_generation",
    "policy_swap_seconds_count",
    "port_bytes_total",
    "port_packets_total",
    "rejects_total",
    "rule_hits_total",
    "sessions",
    "sessions_created_total",
    "sessions_ended_total",
    "sessions_max",
    "worker_busy_seconds_total",
    "worker_idle_seconds_total",
];

#[test]
fn every_metric_of_the_contract_is_there_from_the_start() {
    let site = usual();
    let metrics = site.metrics();
    let names = metrics.names();
    let missing: Vec<_> = CONTRACT
        .iter()
        .filter(|name| !names.contains(format!("sallyport_{name}").as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?} missing in:\n{}", metrics.text);
    for name in names {
        assert!(name.starts_with("sallyport_"), "{name} has no prefix");
    }
    assert_eq!(metrics.sum("sallyport_sessions_max", &[]), Some(10_000.0));
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let text = site.metrics().text;
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{text}");
}

#[test]
fn counters_and_metrics_say_the_same() {
    let site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 3).received, 3);
    let metrics = site.metrics();
    let created = metrics.sum("sallyport_sessions_created_total", &[("proto", "icmp")]);
    assert_eq!(created, Some(1.0));
    assert_eq!(site.ctl().created("icmp"), 1);
    let hits = metrics.sum("sallyport_rule_hits_total", &[("rule", "inside-out")]);
    assert_eq!(hits, Some(1.0));
}

#[test]
fn a_real_prometheus_answers_with_the_right_number() {
    let site = usual();
    let place = site.apart.as_ref().expect("the daemon has a namespace of its own");
    let listen = "127.0.0.1:9912".parse().unwrap();
    let prometheus = Prometheus::start(place, listen, site.metrics_address(), site.folder());
    // Three separate conversations: ping takes a new identifier each time.
    for _ in 0..3 {
        assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 1).received, 1);
    }
    let query = "sum(sallyport_sessions_created_total{proto=\"icmp\"})";
    let answer = within(Duration::from_secs(15), || {
        prometheus.query(query).filter(|value| (*value - 3.0).abs() < f64::EPSILON)
    });
    assert_eq!(answer, Some(3.0), "Prometheus says {:?}", prometheus.query(query));
    let up = prometheus.query("up{job=\"sallyport\"}");
    assert_eq!(up, Some(1.0));
}
