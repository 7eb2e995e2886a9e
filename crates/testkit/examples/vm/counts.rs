//! What the firewall counted, read from `sallyctl counters --json` and `sessions --json`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use testkit::netns::within;

use crate::machine::Machine;

/// How long frames may be on their way.
const SETTLE: Duration = Duration::from_secs(10);

/// Counters at one moment at which no frame was on its way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Frames received.
    pub(crate) received: u64,
    /// Of those, how many are accounted for.
    pub(crate) accounted: u64,
    /// Frames that were handed over, by cause; without those that are 0.
    pub(crate) handovers: BTreeMap<String, u64>,
    /// Frames that were dropped, by reason; without those that are 0.
    pub(crate) drops: BTreeMap<String, u64>,
    /// Sessions created, by protocol.
    pub(crate) sessions: BTreeMap<String, u64>,
    /// Frames that each worker received.
    pub(crate) by_worker: Vec<u64>,
}

impl Counts {
    /// Reads them until they are the same twice; the last ones read if that does not happen.
    pub(crate) fn settled(machine: &mut Machine) -> Self {
        let mut last = Self::read(machine);
        let settled = within(SETTLE, || {
            let next = Self::read(machine);
            let same = next.received == last.received && next.accounted == next.received;
            last = next;
            same.then(|| last.clone())
        });
        settled.unwrap_or(last)
    }

    fn read(machine: &mut Machine) -> Self {
        let document = machine.ask("counters");
        let frames = &document["frames"];
        let terms = ["forwarded", "dropped", "rejected", "consumed", "held", "in_rings"];
        Self {
            received: number(&frames["received"]),
            accounted: terms.iter().map(|term| number(&frames[term])).sum(),
            handovers: by_name(&document["handovers"], "name"),
            drops: by_name(&document["drops"], "reason"),
            sessions: by_name(&document["sessions_created"], "name"),
            by_worker: list(&document["workers"])
                .map(|worker| number(&worker["received"]))
                .collect(),
        }
    }

    /// How many sessions of a protocol were created.
    pub(crate) fn created(&self, proto: &str) -> u64 {
        self.sessions.get(proto).copied().unwrap_or(0)
    }

    /// The hand-overs in words.
    pub(crate) fn handovers_told(&self) -> String {
        told("handed over", &self.handovers)
    }
}

/// Counts in words.
pub(crate) fn told(title: &str, counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{title}: {}", if parts.is_empty() { "none".to_owned() } else { parts.join(", ") })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn by_name(value: &Value, key: &str) -> BTreeMap<String, u64> {
    list(value)
        .map(|entry| (entry[key].as_str().unwrap_or_default().to_owned(), number(&entry["count"])))
        .filter(|(_, count)| *count > 0)
        .collect()
}
