//! The exposition: its shape as Prometheus' own tool sees it, and its numbers.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::process::{Command, Stdio};

use engine::{Cause, DropReason, EndReason, Ended, Gateway, Protocol, Remark};

use super::*;
use crate::fake::{self, FakePlane};
use crate::rates::Rates;

/// Every series of the exposition with its value.
fn series(text: &str) -> HashMap<&str, f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name, value.parse().unwrap())))
        .map(Option::unwrap)
        .collect()
}

fn metrics(config: &str, rules: usize) -> (Arc<Commit<FakePlane>>, Metrics) {
    let first = fake::first_policy("/etc/sallyport.toml".as_ref(), config);
    let plane = Arc::new(FakePlane::new(&first));
    let commit = Arc::new(Commit::new(first, Arc::clone(&plane)));
    let unwritten = Arc::new(AtomicU64::new(0));
    let sampler = Arc::new(Mutex::new(Sampler::new(plane.read(), crate::clock::now())));
    let scrape = Scrape { plane, commit: Arc::clone(&commit), sampler, unwritten, rules };
    (commit, Metrics::new(scrape).unwrap())
}

/// The numbers of the made-up reading.
fn numbers() -> String {
    let families =
        families::collect(&fake::reading(), &Rates::default(), &fake::committed(), 6, 1000);
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn every_series_exists_from_the_start() {
    let (_, metrics) = metrics(fake::CONFIG, 1000);
    let text = metrics.render();
    let series = series(&text);
    let mut expected: HashSet<String> = HashSet::new();
    let mut expect = |name: &str, labels: &str| {
        expected.insert(format!("sallyport_{name}{labels}"));
    };
    for worker in 0..2 {
        for name in ["frames_received_total", "frames_forwarded_total", "frames_consumed_total"] {
            expect(name, &format!("{{worker=\"{worker}\"}}"));
        }
        for name in
            ["frames_made_total", "frames_held", "handover_drops_total", "events_lost_total"]
        {
            expect(name, &format!("{{worker=\"{worker}\"}}"));
        }
        for reason in DropReason::all() {
            let labels = format!("{{worker=\"{worker}\",reason=\"{reason}\"}}");
            expect("drops_total", &labels);
            expect("rejects_total", &labels);
        }
        for cause in Cause::ALL {
            expect("handovers_total", &format!("{{worker=\"{worker}\",cause=\"{cause}\"}}"));
        }
    }
    for protocol in Protocol::ALL {
        for state in protocol.states() {
            expect("sessions", &format!("{{proto=\"{protocol}\",state=\"{state}\"}}"));
        }
        for reason in EndReason::ALL {
            let labels = format!("{{proto=\"{protocol}\",reason=\"{reason}\"}}");
            expect("sessions_ended_total", &labels);
        }
        expect("sessions_created_total", &format!("{{proto=\"{protocol}\"}}"));
    }
    expect("expectations", "");
    expect("gateway_memory_bytes", "");
    for gateway in Gateway::ALL {
        expect("gateway_sessions", &format!("{{proto=\"{gateway}\"}}"));
        for name in ["expectations_published_total", "expectations_claimed_total"] {
            expect(name, &format!("{{proto=\"{gateway}\"}}"));
        }
        for why in Ended::ALL {
            let labels = format!("{{proto=\"{gateway}\",reason=\"{why}\"}}");
            expect("expectations_ended_total", &labels);
        }
        for remark in Remark::ALL {
            let labels = format!("{{proto=\"{gateway}\",reason=\"{remark}\"}}");
            expect("gateway_remarks_total", &labels);
        }
    }
    for rule in ["inside-out", "no-telnet"] {
        expect("rule_hits_total", &format!("{{rule=\"{rule}\"}}"));
    }
    for zone in ["inside", "outside"] {
        expect("zone_embryonic_sessions", &format!("{{zone=\"{zone}\"}}"));
    }
    expect("policy_swap_seconds_bucket", "{le=\"+Inf\"}");
    expect("policy_swap_seconds_count", "");
    for name in &expected {
        assert_eq!(series.get(name.as_str()), Some(&0.0), "{name} in\n{text}");
    }
    assert_eq!(series["sallyport_sessions_max"], 1000.0);
    assert_eq!(series["sallyport_gateway_sessions_max"], 16_384.0);
    assert_eq!(series["sallyport_gateway_memory_max_bytes"], 33_554_432.0);
    assert_eq!(series["sallyport_policy_generation{worker=\"1\"}"], 1.0);
    assert_eq!(series["sallyport_worker_idle_seconds_total{worker=\"0\"}"], 9.0);
}

#[test]
fn numbers_of_a_reading() {
    // Zeros are as many as there are reasons and states, which other crates decide.
    let text = numbers();
    let told: Vec<_> = text.lines().filter(|line| !line.ends_with(" 0")).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn rules_beyond_the_bound_share_a_series() {
    let count = |rules| {
        let families =
            families::collect(&fake::reading(), &Rates::default(), &fake::committed(), 0, rules);
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let hits = series(&text).into_iter().filter(|(name, _)| name.contains("rule_hits_total"));
        let mut hits: Vec<_> = hits.map(|(name, value)| (name.to_owned(), value)).collect();
        hits.sort_by(|one, two| one.0.cmp(&two.0));
        hits
    };
    let named = |rule: &str, hits| (format!("sallyport_rule_hits_total{{rule=\"{rule}\"}}"), hits);
    assert_eq!(count(2), [named("inside-out", 80.0), named("no-telnet", 4.0)]);
    assert_eq!(count(1), [named("_other", 4.0), named("inside-out", 80.0)]);
    assert_eq!(count(0), [named("_other", 84.0)]);
}

#[test]
fn swaps_are_a_histogram() {
    let (_, metrics) = metrics(fake::CONFIG, 1000);
    metrics.swapped(Duration::from_micros(700));
    metrics.swapped(Duration::from_millis(70));
    let text = metrics.render();
    let series = series(&text);
    let bucket = |bound: &str| {
        series[format!("sallyport_policy_swap_seconds_bucket{{le=\"{bound}\"}}").as_str()]
    };
    assert_eq!(
        [bucket("0.0005"), bucket("0.001"), bucket("0.05"), bucket("0.1")],
        [0.0, 1.0, 1.0, 2.0]
    );
    assert_eq!(series["sallyport_policy_swap_seconds_count"], 2.0);
}

#[test]
fn promtool_is_content() {
    let (_, metrics) = metrics(fake::CONFIG, 1000);
    for text in [metrics.render(), numbers()] {
        let started = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut promtool = match started {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: promtool is not installed");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}
