//! What Prometheus scrapes: the counters of all workers, added up at the scrape.
//!
//! Nothing is registered or counted on the packet path. Every series that can exist, exists from the
//! start with 0, so that the first event of a kind is seen by `rate`. `families` holds the metrics
//! themselves; here is how they get from a [`Plane`] to text.

mod families;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Histogram, HistogramOpts, Registry, TextEncoder};

use crate::commit::Commit;
use crate::plane::Plane;
use crate::rates::Sampler;

/// What every name begins with.
const PREFIX: &str = "sallyport";
/// Bounds of the histogram of swaps, in seconds: a busy worker looks at its mailbox once a burst, a
/// sleeping one when it wakes.
const SWAP_SECONDS: [f64; 9] = [1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 1.0];

/// The metrics of the box.
pub(crate) struct Metrics {
    registry: Registry,
    swap_seconds: Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of a plane.
    pub(crate) fn new<P: Plane>(scrape: Scrape<P>) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let options = HistogramOpts::new(
            "policy_swap_seconds",
            "Time from the publication of a policy to its use by a worker.",
        );
        let options = options.namespace(PREFIX).buckets(SWAP_SECONDS.to_vec());
        let swap_seconds = Histogram::with_opts(options)?;
        registry.register(Box::new(swap_seconds.clone()))?;
        let descriptions = families::descriptions()?;
        registry.register(Box::new(Described { scrape, descriptions }))?;
        Ok(Self { registry, swap_seconds })
    }

    /// A policy came into use `span` after its publication.
    pub(crate) fn swapped(&self, span: Duration) {
        self.swap_seconds.observe(span.as_secs_f64());
    }

    /// The exposition.
    pub(crate) fn render(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            log::error!("metrics: {error}");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

/// What each scrape reads.
pub(crate) struct Scrape<P> {
    pub(crate) plane: Arc<P>,
    pub(crate) commit: Arc<Commit<P>>,
    pub(crate) sampler: Arc<Mutex<Sampler>>,
    /// Log events that could not be written.
    pub(crate) unwritten: Arc<AtomicU64>,
    /// At most so many rules have a series of their own.
    pub(crate) rules: usize,
}

/// A scrape with the descriptions that the registry asks for.
struct Described<P> {
    scrape: Scrape<P>,
    descriptions: Vec<Desc>,
}

impl<P: Plane> Collector for Described<P> {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Scrape { plane, commit, sampler, unwritten, rules } = &self.scrape;
        let unwritten = unwritten.load(Ordering::Relaxed);
        let rates = sampler.lock().unwrap_or_else(PoisonError::into_inner).rates();
        families::collect(&plane.read(), &rates, &commit.current(), unwritten, *rules)
    }
}

#[cfg(test)]
mod tests;
