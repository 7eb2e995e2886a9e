//! How unevenly work is spread over workers, redirection entries and sessions, and whether ports lead packets to
//! their owners: what is made of the workers' figures.

use engine::Arrivals;
use engine::owner::TABLE_SIZE;

use crate::plane::{PortReading, Reading};

/// A port is judged on so many packets that no session claimed.
const MISSES: u64 = 10_000;
/// A port is wrong that leads more than one of so many astray.
const STRAYS_ARE_WRONG: u64 = 100;

/// How the last window's packets were spread. Ratios are 0 where nothing was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spread {
    /// By worker: its packets over an even share of all.
    pub(crate) load: Vec<f64>,
    /// By worker: the heaviest session's share of its packets.
    pub(crate) heaviest: Vec<f64>,
    /// Packets of the heaviest redirection entry over an even share of all.
    pub(crate) imbalance: f64,
}

impl Spread {
    pub(crate) fn of(reading: &Reading) -> Self {
        let workers = &reading.workers;
        let all: u32 = workers.iter().map(|worker| worker.skew.samples).sum();
        let count = u32::try_from(workers.len()).unwrap_or(u32::MAX);
        let load = |samples| ratio(samples, all) * f64::from(count);
        let entry = workers.iter().map(|worker| worker.skew.heaviest_entry).max().unwrap_or(0);
        let share = |skew: &engine::skew::Skew| ratio(skew.heaviest_session, skew.samples);
        Self {
            load: workers.iter().map(|worker| load(worker.skew.samples)).collect(),
            heaviest: workers.iter().map(|worker| share(&worker.skew)).collect(),
            imbalance: ratio(entry, all) * f64::from(TABLE_SIZE),
        }
    }
}

/// A part of a whole; 0 of nothing.
pub(crate) fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
}

/// Whether a port whose device is to lead packets to their owners does not.
pub(crate) fn is_wrong(port: &PortReading, arrivals: &Arrivals) -> bool {
    let Arrivals { misses, strays, .. } = *arrivals;
    port.steering.by == "hardware"
        && misses >= MISSES
        && strays.saturating_mul(STRAYS_ARE_WRONG) > misses
}

/// What is said of a port that is wrong.
pub(crate) fn complaint(port: &PortReading, arrivals: &Arrivals) -> String {
    let Arrivals { misses, strays, hashed, misread } = arrivals;
    let mut text = format!(
        "{}: the device leads packets to the wrong workers, {strays} of {misses} that no session claimed",
        port.name
    );
    if *hashed > 0 {
        text.push_str(&format!("; its hash is another than asked for on {misread} of {hashed}"));
    }
    if !port.steering.left_to_software.is_empty() {
        let kinds = port.steering.left_to_software.join(", ");
        text.push_str(&format!("; by itself it cannot lead {kinds}"));
    }
    text.push_str("; workers hand them over, which costs speed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use test_case::test_case;

    #[test_case("hardware", 10_000, 101, true; "more than one in a hundred")]
    #[test_case("hardware", 10_000, 100, false; "one in a hundred")]
    #[test_case("hardware", 9_999, 9_999, false; "too few to tell")]
    #[test_case("hardware", 5_000_000, 50_001, true; "many")]
    #[test_case("software", 10_000, 5_000, false; "nobody relies on it")]
    #[test_case("none", 0, 0, false; "one worker")]
    fn a_port_is_wrong(by: &str, misses: u64, strays: u64, wrong: bool) {
        let mut port = fake::reading().ports.remove(0);
        port.steering.by = by.to_owned();
        let arrivals = Arrivals { misses, strays, hashed: misses, misread: strays };
        assert_eq!(is_wrong(&port, &arrivals), wrong);
    }

    #[test]
    fn a_complaint_names_the_port_and_what_it_does() {
        let mut port = fake::reading().ports.remove(0);
        port.steering.left_to_software = vec!["sctp over ipv4".to_owned()];
        let arrivals = Arrivals { misses: 10_000, strays: 4_000, hashed: 9_000, misread: 300 };
        assert_eq!(
            complaint(&port, &arrivals),
            "lan0: the device leads packets to the wrong workers, 4000 of 10000 that no session claimed; its hash is \
             another than asked for on 300 of 9000; by itself it cannot lead sctp over ipv4; workers hand them over, \
             which costs speed"
        );
    }

    #[test]
    fn ratios_are_over_an_even_share() {
        let mut reading = fake::reading();
        assert_eq!(
            Spread::of(&reading),
            Spread { load: vec![0.0, 0.0], heaviest: vec![0.0, 0.0], imbalance: 0.0 }
        );
        for (worker, (samples, entry, session)) in
            reading.workers.iter_mut().zip([(300, 64, 30), (100, 5, 100)])
        {
            worker.skew.samples = samples;
            worker.skew.heaviest_entry = entry;
            worker.skew.heaviest_session = session;
        }
        assert_eq!(
            Spread::of(&reading),
            Spread { load: vec![1.5, 0.5], heaviest: vec![0.1, 1.0], imbalance: 20.48 }
        );
    }
}
