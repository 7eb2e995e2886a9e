//! The metrics by name: what each counts, and with which labels.
//!
//! Names and labels are a contract with dashboards and alerts: they are added to, never changed.

use std::collections::HashMap;

use engine::{
    Arrivals, Cause, Counter, Counters, DropReason, EndReason, Ended, Gateway, Protocol, Remark,
    RuleHits,
};
use policy::{RuleId, ZoneId};
use prometheus::core::Desc;
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};

use super::PREFIX;
use crate::commit::Committed;
use crate::plane::{PortReading, Reading, WorkerReading};
use crate::rates::Rates;
use crate::skew::Spread;
use crate::steering::figures;

/// The label value of all rules beyond those that have a series of their own. No rule can be named so.
const OTHER_RULES: &str = "_other";

/// A metric: name without prefix, help, and names of its labels.
type Definition = (&'static str, &'static str, &'static [&'static str]);

/// Every metric that [`collect`] makes, once, in its order.
const DEFINITIONS: &[Definition] = &[
    (
        "build_info",
        "Always 1 while the daemon answers; `sallyctl status` says which release it is.",
        &[],
    ),
    (
        "port_packets_total",
        "Frames that the device received (rx) or sent (tx).",
        &["port", "direction"],
    ),
    (
        "port_bytes_total",
        "Bytes that the device received (rx) or sent (tx).",
        &["port", "direction"],
    ),
    ("port_link_up", "Whether the link of a port is up.", &["port"]),
    (
        "nic_missed_total",
        "Frames that the device lost because no worker fetched them in time.",
        &["port"],
    ),
    ("nic_no_mbuf_total", "Frames that the device lost for want of a buffer.", &["port"]),
    (
        "nic_errors_total",
        "Faulty frames received and frames that the device failed to send.",
        &["port"],
    ),
    ("frames_received_total", "Frames taken from the receive queues.", &["worker"]),
    (
        "frames_forwarded_total",
        "Frames taken by the transmit queues, without those made.",
        &["worker"],
    ),
    ("frames_consumed_total", "Frames that were meant for the box itself.", &["worker"]),
    (
        "frames_made_total",
        "Frames that the box made and sent: resets and ICMP errors.",
        &["worker"],
    ),
    (
        "frames_held",
        "Frames that wait for the rest of their datagram or for a decision.",
        &["worker"],
    ),
    ("frames_in_rings", "Frames on their way from one worker to another.", &[]),
    ("frames_unaccounted", "Frames received minus all places where they can be; 0 at rest.", &[]),
    ("drops_total", "Frames dropped.", &["worker", "reason"]),
    ("rejects_total", "Frames dropped whose sender was told.", &["worker", "reason"]),
    ("handovers_total", "Frames given to another worker.", &["worker", "cause"]),
    ("handover_drops_total", "Frames that found the ring to another worker full.", &["worker"]),
    ("sessions", "Living sessions.", &["proto", "state"]),
    ("sessions_max", "The most sessions there may be.", &[]),
    ("sessions_created_total", "Sessions created.", &["proto"]),
    ("sessions_ended_total", "Sessions ended.", &["proto", "reason"]),
    ("gateway_sessions", "Living sessions that a gateway reads.", &["proto"]),
    ("gateway_sessions_max", "The most sessions that gateways read at a time.", &[]),
    (
        "gateway_memory_bytes",
        "Bytes that gateways hold beyond what each session may: messages that are not whole or not acknowledged, and calls.",
        &[],
    ),
    ("gateway_memory_max_bytes", "The most bytes that they may hold.", &[]),
    ("expectations", "Connections that gateways announced and that may come now.", &[]),
    ("expectations_published_total", "Connections that gateways announced.", &["proto"]),
    ("expectations_claimed_total", "Announced connections that came.", &["proto"]),
    (
        "expectations_ended_total",
        "Announced connections that did not come, by why they are not expected any more.",
        &["proto", "reason"],
    ),
    (
        "gateway_remarks_total",
        "What gateways found wrong in the conversations that they read.",
        &["proto", "reason"],
    ),
    ("rule_hits_total", "Sessions that a rule allowed and packets that it refused.", &["rule"]),
    ("rule_sessions", "Living sessions that a rule allows.", &["rule"]),
    (
        "rule_embryonic_sessions",
        "Living sessions that a rule allows whose handshake is not complete.",
        &["rule"],
    ),
    (
        "zone_embryonic_sessions",
        "Living sessions opened from a zone whose handshake is not complete.",
        &["zone"],
    ),
    ("policy_generation", "The generation of the policy that a worker uses.", &["worker"]),
    ("worker_busy_seconds_total", "Time that a worker had frames to work on.", &["worker"]),
    ("worker_idle_seconds_total", "Time that a worker had no frame to work on.", &["worker"]),
    (
        "events_lost_total",
        "Log events lost because the log was slower than the worker.",
        &["worker"],
    ),
    (
        "events_unwritten_total",
        "Log events that could not be written, by a full disk or a closed pipe.",
        &[],
    ),
    ("mbufs_in_use", "Frame buffers in use.", &["socket"]),
    ("mbufs", "Frame buffers there are.", &["socket"]),
    (
        "port_misses_total",
        "Packets of a port that no session claimed, where there are several workers.",
        &["port"],
    ),
    (
        "port_strays_total",
        "Packets that no session claimed and that were received by another worker than their owner.",
        &["port"],
    ),
    (
        "port_hashed_total",
        "Packets that no session claimed and that bore a hash of the device's.",
        &["port"],
    ),
    (
        "port_misread_total",
        "Packets that no session claimed and whose hash is another than the one asked for.",
        &["port"],
    ),
    (
        "port_steering_wrong",
        "Whether a device that is to lead packets to their owners does not, by its last packets.",
        &["port"],
    ),
    (
        "worker_load_ratio",
        "A worker's packets over an even share of all, by samples of 5 s.",
        &["worker"],
    ),
    (
        "heaviest_session_ratio",
        "The heaviest session's share of a worker's packets, by samples of 5 s.",
        &["worker"],
    ),
    (
        "redirection_imbalance_ratio",
        "Packets of the heaviest redirection entry over an even share of all, by samples of 5 s.",
        &[],
    ),
];

/// For the registry, which checks names and labels.
pub(super) fn descriptions() -> prometheus::Result<Vec<Desc>> {
    let describe = |(name, help, labels): &Definition| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Desc::new(format!("{PREFIX}_{name}"), (*help).to_owned(), labels, HashMap::new())
    };
    DEFINITIONS.iter().map(describe).collect()
}

/// All metrics of one scrape.
pub(super) fn collect(
    reading: &Reading,
    rates: &Rates,
    policy: &Committed,
    unwritten: u64,
    rules: usize,
) -> Vec<MetricFamily> {
    let mut families = Families { left: DEFINITIONS.iter(), done: Vec::new() };
    let sum = reading.counters();
    families.gauge([(Vec::new(), 1)]);
    ports(&mut families, &reading.ports);
    workers(&mut families, reading);
    sessions(&mut families, &sum, policy);
    gateways(&mut families, &sum);
    families.counter(by_rule(reading, policy, rules, |hits| hits.hits));
    families.gauge(by_rule(reading, policy, rules, |hits| u64::from(hits.sessions)));
    families.gauge(by_rule(reading, policy, rules, |hits| u64::from(hits.embryonic)));
    let zones = policy.config.policy.zones.iter().zip((0..).map(ZoneId));
    families.gauge(
        zones.map(|(zone, id)| (vec![zone.clone()], reading.half_open(id, policy.generation))),
    );
    let of_workers = &reading.workers;
    families.gauge(per_worker(of_workers, |worker| u64::from(worker.generation)));
    families.seconds(per_worker(of_workers, |worker| worker.busy.as_secs_f64()));
    families.seconds(per_worker(of_workers, |worker| worker.idle.as_secs_f64()));
    families.counter(per_worker(of_workers, |worker| worker.events_lost));
    families.counter([(Vec::new(), unwritten)]);
    let buffers = || reading.buffers.iter().map(|pool| (vec![pool.socket.to_string()], pool));
    families.gauge(buffers().map(|(socket, pool)| (socket, pool.in_use)));
    families.gauge(buffers().map(|(socket, pool)| (socket, pool.total)));
    steering(&mut families, reading, rates);
    families.done
}

fn steering(families: &mut Families, reading: &Reading, rates: &Rates) {
    let ports = || {
        let ports = reading.ports.iter();
        ports.map(|port| (vec![port.name.clone()], port.port))
    };
    let counts: [fn(&Arrivals) -> u64; 4] = [
        |arrivals| arrivals.misses,
        |arrivals| arrivals.strays,
        |arrivals| arrivals.hashed,
        |arrivals| arrivals.misread,
    ];
    for count in counts {
        families.counter(ports().map(|(labels, port)| (labels, count(&reading.arrivals(port)))));
    }
    let is_wrong = |port| u64::from(figures(&rates.astray, port).is_some());
    families.gauge(ports().map(|(labels, port)| (labels, is_wrong(port))));
    let Spread { load, heaviest, imbalance } = Spread::of(reading);
    let by_worker = |ratios: Vec<f64>| {
        let workers = reading.workers.iter().map(|worker| vec![worker.worker.0.to_string()]);
        workers.zip(ratios)
    };
    families.ratio(by_worker(load));
    families.ratio(by_worker(heaviest));
    families.ratio([(Vec::new(), imbalance)]);
}

fn ports(families: &mut Families, ports: &[PortReading]) {
    let both_ways = |count: fn(&api::PortStats) -> [u64; 2]| {
        ports.iter().flat_map(move |port| {
            let [rx, tx] = count(&port.stats);
            let labels = |direction: &str| vec![port.name.clone(), direction.to_owned()];
            [(labels("rx"), rx), (labels("tx"), tx)]
        })
    };
    let each = |count: fn(&PortReading) -> u64| {
        ports.iter().map(move |port| (vec![port.name.clone()], count(port)))
    };
    families.counter(both_ways(|stats| [stats.rx_packets, stats.tx_packets]));
    families.counter(both_ways(|stats| [stats.rx_bytes, stats.tx_bytes]));
    families.gauge(each(|port| u64::from(port.link_up)));
    families.counter(each(|port| port.stats.rx_missed));
    families.counter(each(|port| port.stats.rx_no_mbuf));
    families.counter(each(|port| port.stats.rx_errors + port.stats.tx_errors));
}

fn workers(families: &mut Families, reading: &Reading) {
    let workers = &reading.workers;
    families.counter(per_worker(workers, |worker| worker.counters.get(Counter::Received)));
    families.counter(per_worker(workers, |worker| worker.forwarded));
    families.counter(per_worker(workers, |worker| worker.counters.get(Counter::Consumed)));
    families.counter(per_worker(workers, WorkerReading::made));
    families.gauge(per_worker(workers, |worker| worker.counters.get(Counter::Held)));
    families.gauge([(Vec::new(), reading.in_rings)]);
    families.signed_gauge(reading.balance().difference);
    let by_reason = |count: fn(&WorkerReading, DropReason) -> u64| {
        workers.iter().flat_map(move |worker| {
            DropReason::all().map(move |reason| {
                (vec![worker.worker.0.to_string(), reason.name().to_owned()], count(worker, reason))
            })
        })
    };
    families.counter(by_reason(WorkerReading::dropped_for));
    families.counter(by_reason(|worker, reason| worker.counters.get(Counter::Rejected(reason))));
    families.counter(workers.iter().flat_map(|worker| {
        Cause::ALL.iter().map(|&cause| {
            let count = worker.counters.get(Counter::HandedOver(cause));
            (vec![worker.worker.0.to_string(), cause.name().to_owned()], count)
        })
    }));
    families.counter(per_worker(workers, |worker| worker.handover_full));
}

fn sessions(families: &mut Families, sum: &Counters, policy: &Committed) {
    families.gauge(Protocol::ALL.iter().flat_map(|&protocol| {
        protocol.states().into_iter().enumerate().map(move |(index, state)| {
            let labels = vec![protocol.name().to_owned(), state.to_owned()];
            (labels, sum.get(Counter::Sessions(protocol, index)))
        })
    }));
    families.gauge([(Vec::new(), u64::from(policy.config.sessions.max))]);
    families.counter(
        Protocol::ALL.iter().map(|&protocol| {
            (vec![protocol.name().to_owned()], sum.get(Counter::Created(protocol)))
        }),
    );
    families.counter(Protocol::ALL.iter().flat_map(|&protocol| {
        EndReason::ALL.iter().map(move |&reason| {
            let labels = vec![protocol.name().to_owned(), reason.name().to_owned()];
            (labels, sum.get(Counter::Ended(protocol, reason)))
        })
    }));
}

fn gateways(families: &mut Families, sum: &Counters) {
    families.gauge(
        Gateway::ALL
            .iter()
            .map(|&gateway| (vec![gateway.name().to_owned()], sum.get(Counter::Read(gateway)))),
    );
    families.gauge([(Vec::new(), engine::READ_SESSIONS as u64)]);
    families.gauge([(Vec::new(), sum.get(Counter::ReaderOctets))]);
    families.gauge([(Vec::new(), engine::READER_OCTETS as u64)]);
    families.gauge([(Vec::new(), sum.expectations())]);
    let each = |counts: &'static [fn(Gateway) -> Counter]| {
        Gateway::ALL.iter().map(move |&gateway| {
            let count = counts.iter().map(|count| sum.get(count(gateway))).sum();
            (vec![gateway.name().to_owned()], count)
        })
    };
    families.counter(each(&[Counter::Published]));
    families.counter(each(&[Counter::Claimed, Counter::Shared]));
    let labels =
        |gateway: Gateway, reason: &str| vec![gateway.name().to_owned(), reason.to_owned()];
    families.counter(Gateway::ALL.iter().flat_map(|&gateway| {
        Ended::ALL.iter().map(move |&why| {
            (labels(gateway, why.name()), sum.get(Counter::Unclaimed(gateway, why)))
        })
    }));
    families.counter(Gateway::ALL.iter().flat_map(|&gateway| {
        Remark::ALL.iter().map(move |&remark| {
            (labels(gateway, remark.name()), sum.get(Counter::Remarked(gateway, remark)))
        })
    }));
}

/// The first `most` rules by identity have a series each, which they keep for the life of the process,
/// and all others one together.
fn by_rule(
    reading: &Reading,
    policy: &Committed,
    most: usize,
    figure: fn(&RuleHits) -> u64,
) -> Vec<(Vec<String>, u64)> {
    let mut series = Vec::new();
    let mut others = None;
    for (index, id) in (0..policy.names.len()).zip((0..).map(RuleId)) {
        let hits = figure(&reading.rule_hits(id));
        if index < most {
            series.push((vec![policy.names.name(id).to_owned()], hits));
        } else {
            *others.get_or_insert(0) += hits;
        }
    }
    series.extend(others.map(|hits| (vec![OTHER_RULES.to_owned()], hits)));
    series
}

fn per_worker<T>(
    workers: &[WorkerReading],
    count: fn(&WorkerReading) -> T,
) -> impl Iterator<Item = (Vec<String>, T)> {
    workers.iter().map(move |worker| (vec![worker.worker.0.to_string()], count(worker)))
}

/// Families in the making, one after the other as in [`DEFINITIONS`]. A series is its label values and
/// its value.
struct Families {
    left: core::slice::Iter<'static, Definition>,
    done: Vec<MetricFamily>,
}

impl Families {
    fn counter(&mut self, series: impl IntoIterator<Item = (Vec<String>, u64)>) {
        self.seconds(series.into_iter().map(|(labels, count)| (labels, number(count))));
    }

    /// A counter of seconds.
    fn seconds(&mut self, series: impl IntoIterator<Item = (Vec<String>, f64)>) {
        self.family(MetricType::COUNTER, series, |metric, value| {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        });
    }

    fn gauge(&mut self, series: impl IntoIterator<Item = (Vec<String>, u64)>) {
        let series = series.into_iter().map(|(labels, count)| (labels, number(count)));
        self.family(MetricType::GAUGE, series, set_gauge);
    }

    fn ratio(&mut self, series: impl IntoIterator<Item = (Vec<String>, f64)>) {
        self.family(MetricType::GAUGE, series, set_gauge);
    }

    /// A gauge without labels that may be negative.
    fn signed_gauge(&mut self, value: i64) {
        let magnitude = number(value.unsigned_abs());
        let value = if value < 0 { -magnitude } else { magnitude };
        self.family(MetricType::GAUGE, [(Vec::new(), value)], set_gauge);
    }

    fn family(
        &mut self,
        kind: MetricType,
        series: impl IntoIterator<Item = (Vec<String>, f64)>,
        set: fn(&mut Metric, f64),
    ) {
        let Some((name, help, labels)) = self.left.next() else { return };
        let metrics = series.into_iter().map(|(values, value)| {
            let pairs = labels.iter().zip(values).map(|(label, value)| {
                let mut pair = LabelPair::default();
                pair.set_name((*label).to_owned());
                pair.set_value(value);
                pair
            });
            let mut metric = Metric::default();
            metric.set_label(pairs.collect());
            set(&mut metric, value);
            metric
        });
        let mut family = MetricFamily::default();
        family.set_name(format!("{PREFIX}_{name}"));
        family.set_help((*help).to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics.collect());
        // The encoder refuses a family without series, such as the ports' of a plane that has none.
        if !family.get_metric().is_empty() {
            self.done.push(family);
        }
    }
}

fn set_gauge(metric: &mut Metric, value: f64) {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    metric.set_gauge(gauge);
}

/// Prometheus has doubles only: above 2^53 counts are rounded.
#[expect(clippy::cast_precision_loss, reason = "the exposition format has doubles only")]
const fn number(count: u64) -> f64 {
    count as f64
}
