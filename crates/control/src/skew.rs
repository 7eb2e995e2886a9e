//! How unevenly work is spread over workers, redirection entries and sessions: what is made of the workers' figures.

use engine::owner::TABLE_SIZE;

use crate::plane::Reading;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

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
