//! What happened per second: the difference of two readings about a second apart.

use std::time::{Duration, Instant};

use engine::{Arrivals, Counter, Counters};

use crate::plane::{PortReading, Reading, WorkerReading};
use crate::steering::Watch;

/// Rates over the last second or so.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rates {
    /// By worker.
    pub(crate) workers: Vec<WorkerRates>,
    /// By port.
    pub(crate) ports: Vec<PortRates>,
    /// Sessions created per second.
    pub(crate) created: f64,
    /// Frames missing from the balance while none was received: none are in flight to excuse it.
    pub(crate) missing_at_rest: i64,
    /// By port: of late packets that no session claimed, the figures by which its device leads them astray.
    pub(crate) astray: Vec<Option<Arrivals>>,
}

/// Rates of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct WorkerRates {
    /// The part of the time that it had work, 0 to 1.
    pub(crate) busy: f64,
    /// Frames received per second.
    pub(crate) received: f64,
}

/// Rates of one port.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PortRates {
    /// Frames received per second.
    pub(crate) received: f64,
    /// Frames sent per second.
    pub(crate) transmitted: f64,
}

/// Takes a reading a second and keeps the rates between the last two.
#[derive(Debug)]
pub(crate) struct Sampler {
    before: Reading,
    taken: Instant,
    rates: Rates,
    watch: Watch,
}

/// How far apart readings are at least.
const INTERVAL: Duration = Duration::from_secs(1);

impl Sampler {
    /// Begins with a first reading.
    pub(crate) fn new(reading: Reading, now: Instant) -> Self {
        let watch = Watch::new(&reading, now);
        Self { before: reading, taken: now, rates: Rates::default(), watch }
    }

    /// Takes another reading if it is time for one.
    pub(crate) fn sample(&mut self, now: Instant, read: impl FnOnce() -> Reading) {
        let span = now.saturating_duration_since(self.taken);
        if span < INTERVAL {
            return;
        }
        let reading = read();
        self.watch.look(&reading, now);
        let astray = self.watch.wrong();
        self.rates = Rates { astray, ..Rates::between(&self.before, &reading, span) };
        self.before = reading;
        self.taken = now;
    }

    /// The rates between the last two readings; zeros before there are two.
    pub(crate) fn rates(&self) -> Rates {
        self.rates.clone()
    }
}

impl Rates {
    fn between(before: &Reading, after: &Reading, span: Duration) -> Self {
        let per_second = |before: u64, after: u64| rate(after.saturating_sub(before), span);
        let worker = |(before, after): (&WorkerReading, &WorkerReading)| {
            let received = |worker: &WorkerReading| worker.counters.get(Counter::Received);
            let busy = after.busy.saturating_sub(before.busy).as_secs_f64();
            let idle = after.idle.saturating_sub(before.idle).as_secs_f64();
            let all = busy + idle;
            WorkerRates {
                busy: if all > 0.0 { busy / all } else { 0.0 },
                received: per_second(received(before), received(after)),
            }
        };
        let port = |(before, after): (&PortReading, &PortReading)| PortRates {
            received: per_second(before.stats.rx_packets, after.stats.rx_packets),
            transmitted: per_second(before.stats.tx_packets, after.stats.tx_packets),
        };
        let [was, is] = [before.balance(), after.balance()];
        let at_rest = was == is;
        Self {
            workers: before.workers.iter().zip(&after.workers).map(worker).collect(),
            ports: before.ports.iter().zip(&after.ports).map(port).collect(),
            created: per_second(created(&before.counters()), created(&after.counters())),
            missing_at_rest: if at_rest { is.difference } else { 0 },
            astray: Vec::new(),
        }
    }
}

/// Sessions created, of all protocols.
fn created(counters: &Counters) -> u64 {
    let protocols = engine::Protocol::ALL.iter();
    protocols.map(|&protocol| counters.get(Counter::Created(protocol))).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a count of one second is far below 2^53")]
fn rate(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn rates_are_differences_per_second() {
        let start = crate::clock::now();
        let mut sampler = Sampler::new(fake::reading(), start);
        sampler.sample(start + Duration::from_millis(500), || panic!("too early"));
        assert_eq!(sampler.rates(), Rates::default());
        let mut later = fake::reading();
        later.workers[0].busy += Duration::from_millis(500);
        later.workers[0].idle += Duration::from_millis(1500);
        later.workers[0].counters = fake::counters(&[
            (Counter::Received, 1000 + 200),
            (Counter::Created(engine::Protocol::Udp), 90),
        ]);
        later.ports[1].stats.tx_packets += 50;
        sampler.sample(start + Duration::from_secs(2), || later.clone());
        let rates = sampler.rates();
        assert_eq!(rates.workers[0], WorkerRates { busy: 0.25, received: 100.0 });
        assert_eq!(rates.workers[1], WorkerRates::default());
        assert_eq!(rates.ports[1], PortRates { received: 0.0, transmitted: 25.0 });
    }

    #[test]
    fn a_difference_counts_only_at_rest() {
        let start = crate::clock::now();
        let mut reading = fake::reading();
        assert_eq!(reading.balance().difference, 0, "{:?}", reading.balance());
        reading.in_rings += 3;
        let mut sampler = Sampler::new(fake::reading(), start);
        sampler.sample(start + INTERVAL, || reading.clone());
        assert_eq!(sampler.rates().missing_at_rest, 0);
        sampler.sample(start + INTERVAL * 2, || reading.clone());
        assert_eq!(sampler.rates().missing_at_rest, -3);
    }
}
