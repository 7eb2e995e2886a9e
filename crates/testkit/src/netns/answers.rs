//! What the box says about itself: `sallyctl --json` and `/metrics`, read by name.
//!
//! The one place that knows how those documents are laid out.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::host::{Done, run};

/// The command line, talking to one daemon.
#[derive(Debug, Clone)]
pub struct Ctl {
    sallyctl: PathBuf,
    socket: PathBuf,
}

impl Ctl {
    /// Talks to the daemon behind `socket`.
    #[must_use]
    pub fn new(sallyctl: &Path, socket: &Path) -> Self {
        Self { sallyctl: sallyctl.to_owned(), socket: socket.to_owned() }
    }

    /// Runs `sallyctl --socket … WORDS`.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Done {
        let mut whole = vec![self.sallyctl.as_os_str().to_owned()];
        whole.extend(words.iter().map(Into::into));
        whole.push("--socket".into());
        whole.push(self.socket.as_os_str().to_owned());
        run(&whole)
    }

    /// The document that a command prints with `--json`; panics if it fails.
    #[must_use]
    pub fn json(&self, words: &[&str]) -> Value {
        let done = self.run(&[words, &["--json"]].concat());
        assert!(done.ok(), "{done:#?}");
        let value: Value = serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("not one document of JSON: {error}\n{done:#?}"));
        assert_eq!(value["version"], 1, "{done:#?}");
        value
    }

    /// How often this reason dropped a frame.
    #[must_use]
    pub fn drops(&self, reason: &str) -> u64 {
        count_of(&self.json(&["counters"])["drops"], "reason", reason)
    }

    /// How often this reason rejected a frame.
    #[must_use]
    pub fn rejects(&self, reason: &str) -> u64 {
        count_of(&self.json(&["counters"])["rejects"], "reason", reason)
    }

    /// The reasons that frames were dropped for since the daemon's start, with their counts.
    #[must_use]
    pub fn all_drops(&self) -> BTreeMap<String, u64> {
        counts_by(&self.json(&["counters"])["drops"], "reason")
    }

    /// Received, and what became of it: the terms of the conservation of frames.
    #[must_use]
    pub fn balance(&self) -> Balance {
        let frames = self.json(&["counters"])["frames"].clone();
        Balance {
            received: number(&frames["received"]),
            accounted: ["forwarded", "dropped", "rejected", "consumed", "held", "in_rings"]
                .iter()
                .map(|term| number(&frames[term]))
                .sum(),
        }
    }

    /// The living sessions that the filter lets through.
    #[must_use]
    pub fn sessions(&self, filter: &[&str]) -> Vec<LiveSession> {
        let done = self.run(&[&["sessions"], filter, &["--json"]].concat());
        assert!(done.ok(), "{done:#?}");
        done.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("no JSON: {error}: {line}"))
            })
            .filter(|value: &Value| value.get("proto").is_some())
            .map(|value| LiveSession {
                id: text(&value["id"]),
                parent: value["parent"].as_str().map(str::to_owned),
                worker: number(&value["worker"]),
                proto: text(&value["proto"]),
                source: text(&value["source"]),
                source_port: value["source_port"].as_u64(),
                destination: text(&value["destination"]),
                destination_port: value["destination_port"].as_u64(),
                vlan: value["vlan"].as_u64(),
                state: text(&value["state"]),
                rule: text(&value["rule"]),
                packets: [number(&value["packets"][0]), number(&value["packets"][1])],
            })
            .collect()
    }

    /// How many sessions the filter lets through.
    #[must_use]
    pub fn count(&self, filter: &[&str]) -> u64 {
        number(&self.json(&[&["sessions", "count"], filter].concat())["count"])
    }

    /// How many sessions of a protocol were ever created.
    #[must_use]
    pub fn created(&self, proto: &str) -> u64 {
        count_of(&self.json(&["counters"])["sessions_created"], "name", proto)
    }

    /// How often a rule decided.
    #[must_use]
    pub fn hits(&self, rule: &str) -> u64 {
        let rules = self.json(&["rules"]);
        entries(&rules["rules"])
            .find(|entry| entry["name"] == rule)
            .map(|entry| number(&entry["hits"]))
            .unwrap_or_else(|| panic!("no rule {rule} in {rules}"))
    }

    /// Whether every port's link is up.
    #[must_use]
    pub fn links_are_up(&self) -> bool {
        entries(&self.json(&["ports"])["ports"]).all(|port| port["link_up"] == true)
    }

    /// Sessions created by protocol, frames dropped by reason, frames rejected by reason; those that are 0 are left out.
    #[must_use]
    pub fn outcomes(&self) -> [BTreeMap<String, u64>; 3] {
        let counters = self.json(&["counters"]);
        [("sessions_created", "name"), ("drops", "reason"), ("rejects", "reason")]
            .map(|(list, key)| counts_by(&counters[list], key))
    }

    /// Frames on their way from one worker to another.
    #[must_use]
    pub fn in_rings(&self) -> u64 {
        number(&self.json(&["counters"])["frames"]["in_rings"])
    }

    /// How often frames were handed over to another worker, by cause; those that never were are left out.
    #[must_use]
    pub fn handovers(&self) -> BTreeMap<String, u64> {
        counts_by(&self.json(&["counters"])["handovers"], "name")
    }

    /// Packets that no session claimed and that came to another worker than their owner, over all ports.
    #[must_use]
    pub fn strays(&self) -> u64 {
        entries(&self.json(&["ports"])["ports"])
            .map(|port| number(&port["steering"]["strays"]))
            .sum()
    }

    /// The generation of the policy in force.
    #[must_use]
    pub fn generation(&self) -> u64 {
        number(&self.json(&["status"])["policy"]["generation"])
    }
}

/// The terms of the conservation of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Taken from the ports.
    pub received: u64,
    /// Forwarded, dropped, rejected, consumed, held or in rings.
    pub accounted: u64,
}

/// A living session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// Its name.
    pub id: String,
    /// The name of the session that announced it.
    pub parent: Option<String>,
    /// The worker that has it.
    pub worker: u64,
    /// Protocol by name.
    pub proto: String,
    /// Initiator's address.
    pub source: String,
    /// Initiator's port.
    pub source_port: Option<u64>,
    /// Responder's address.
    pub destination: String,
    /// Responder's port.
    pub destination_port: Option<u64>,
    /// Outer VLAN.
    pub vlan: Option<u64>,
    /// State by name.
    pub state: String,
    /// The rule that allows it.
    pub rule: String,
    /// Packets in original and in reply direction.
    pub packets: [u64; 2],
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// `session_start`, `session_end`, `deny`, `gateway_remark`.
    pub event: String,
    /// The session that it is about.
    pub session: Option<String>,
    /// The session that announced that one.
    pub parent: Option<String>,
    /// The worker that says it.
    pub worker: u64,
    /// Protocol by name.
    pub proto: String,
    /// Zones: from, to.
    pub zones: [String; 2],
    /// The rule that decided.
    pub rule: String,
    /// Why it ended or was denied.
    pub reason: String,
    /// Packets in original and in reply direction, where the event counts them.
    pub packets: Option<[u64; 2]>,
}

/// The events among the lines of a log; what is no JSON is the operator's log.
#[must_use]
pub fn events(log: &str) -> Vec<LogEvent> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|value| value.get("event").is_some())
        .map(|value| LogEvent {
            event: text(&value["event"]),
            session: value["session"].as_str().map(str::to_owned),
            parent: value["parent"].as_str().map(str::to_owned),
            worker: number(&value["worker"]),
            proto: text(&value["proto"]),
            zones: [text(&value["from"]), text(&value["to"])],
            rule: text(&value["rule"]),
            reason: text(&value["reason"]),
            packets: value["packets"]
                .is_array()
                .then(|| [number(&value["packets"][0]), number(&value["packets"][1])]),
        })
        .collect()
}

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no count: {value}"))
}

fn counts_by(list: &Value, key: &str) -> BTreeMap<String, u64> {
    entries(list)
        .map(|entry| (text(&entry[key]), number(&entry["count"])))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn count_of(list: &Value, key: &str, wanted: &str) -> u64 {
    entries(list)
        .find(|entry| entry[key] == wanted)
        .map(|entry| number(&entry["count"]))
        .unwrap_or_else(|| panic!("no {key} {wanted} in {list}"))
}

/// The exposition of `/metrics`.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// As it came.
    pub text: String,
}

/// One sample: name, labels, value.
type Sample<'a> = (&'a str, BTreeMap<&'a str, &'a str>, f64);

impl Metrics {
    /// Fetches it. Sockets belong to the namespace of the calling thread.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn fetch(address: SocketAddr) -> std::io::Result<Self> {
        let patience = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{head}");
        Ok(Self { text: body.to_owned() })
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = match series.split_once('{') {
                Some((name, labels)) => (name, labels.trim_end_matches('}')),
                None => (series, ""),
            };
            let labels = labels
                .split("\",")
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key, value.trim_matches('"')))
                .collect();
            Some((name, labels, value.parse().ok()?))
        })
    }

    /// The sum of a metric's series that bear all these labels; `None` if there is no such series.
    #[must_use]
    pub fn sum(&self, metric: &str, wanted: &[(&str, &str)]) -> Option<f64> {
        let mut values = self
            .samples()
            .filter(|(name, labels, _)| {
                *name == metric && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
            })
            .map(|(_, _, value)| value)
            .peekable();
        values.peek().is_some().then_some(())?;
        Some(values.sum())
    }

    /// The names of all metrics that have a sample.
    #[must_use]
    pub fn names(&self) -> std::collections::BTreeSet<&str> {
        self.samples().map(|(name, _, _)| name).collect()
    }
}
