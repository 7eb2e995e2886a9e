//! The documents that commands answer with, made of a reading and the policy in force.

use core::num::NonZeroU32;
use std::time::Duration;

use api::{
    Alarm, AlarmKind, GatewaySessions, GatewaysStatus, HeavySession, MemoryStatus, NamedCount,
    PolicyStatus, PortInfo, PortSteering, PortSummary, ProtocolReasonCount, ReasonCount, RuleInfo,
    Session, SessionId, SessionsStatus, SkewStatus, Version, WorkerFrames, WorkerStatus,
    ZoneEmbryonic,
};
use engine::{
    Arrivals, Cause, Counter, DropReason, EndReason, Gateway, ParentId, Protocol, RuleHits,
    SessionView, Time, WorkerId,
};
use policy::{RuleId, ZoneId, ZoneSet};

use crate::clock::{Timestamp, now, present};
use crate::commit::Committed;
use crate::plane::{PortReading, Reading, WorkerReading};
use crate::rates::Rates;
use crate::skew::{Spread, ratio};
use crate::steering::{complaint, figures};

/// How many reasons `status` shows.
const TOP_DROPS: usize = 5;
/// How many of the heaviest sessions it shows.
const HEAVIEST: usize = 8;
/// From this share of `max` on, a full table is near: where idle sessions begin to end sooner.
const SESSIONS_ALARM_PERCENT: u64 = 80;

/// All that documents are made of.
pub(crate) struct View<'a> {
    pub(crate) reading: &'a Reading,
    pub(crate) rates: &'a Rates,
    pub(crate) policy: &'a Committed,
    pub(crate) file: &'a std::path::Path,
    /// Log events that were taken from the workers and could not be written.
    pub(crate) unwritten: u64,
    pub(crate) uptime: Duration,
    /// The present of sessions and hits.
    pub(crate) now: Time,
}

impl View<'_> {
    pub(crate) fn status(&self) -> api::Status {
        let Self { reading, policy, uptime, .. } = self;
        api::Status {
            version: Version,
            sallyport: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: present().before(*uptime).to_string(),
            uptime_seconds: uptime.as_secs_f64(),
            policy: PolicyStatus {
                generation: policy.generation,
                loaded: policy.loaded.to_string(),
                loaded_seconds_ago: now().duration_since(policy.loaded_at).as_secs_f64(),
                file: self.file.display().to_string(),
                rules: policy.config.policy.rules.len() as u64,
                last_refusal: policy.last_refusal.clone(),
            },
            workers: self.workers(),
            sessions: SessionsStatus {
                in_use: reading.counters().sessions(),
                max: u64::from(policy.config.sessions.max),
                created_per_second: self.rates.created,
                embryonic: self.embryonic(),
            },
            gateways: self.gateways(),
            ports: self.port_summaries(),
            top_drops: self.top_drops(),
            skew: self.skew(),
            memory: reading
                .buffers
                .iter()
                .map(|pool| MemoryStatus {
                    socket: pool.socket,
                    mbufs_in_use: pool.in_use,
                    mbufs: pool.total,
                })
                .collect(),
            alarms: self.alarms(),
        }
    }

    fn gateways(&self) -> GatewaysStatus {
        let sum = self.reading.counters();
        let read = |gateway: &Gateway| sum.get(Counter::Read(*gateway));
        let by_gateway = Gateway::ALL.iter().filter(|gateway| read(gateway) > 0);
        let by_gateway = by_gateway.map(|gateway| GatewaySessions {
            gateway: gateway.name().to_owned(),
            sessions: read(gateway),
        });
        GatewaysStatus {
            read_sessions: Gateway::ALL.iter().map(read).sum(),
            read_sessions_max: engine::READ_SESSIONS as u64,
            by_gateway: by_gateway.collect(),
            memory_bytes: sum.get(Counter::ReaderOctets),
            memory_max_bytes: engine::READER_OCTETS as u64,
            expectations: sum.expectations(),
        }
    }

    fn skew(&self) -> SkewStatus {
        let heavy = self.reading.workers.iter().flat_map(|worker| {
            let sessions = worker.skew.sessions.iter();
            sessions.map(move |heavy| (worker, heavy))
        });
        let mut heavy: Vec<_> = heavy.collect();
        heavy.sort_by_key(|(_, heavy)| core::cmp::Reverse(heavy.samples));
        heavy.truncate(HEAVIEST);
        let show = |(worker, heavy): (&WorkerReading, &engine::skew::HeavySession)| HeavySession {
            share_ratio: ratio(heavy.samples, worker.skew.samples),
            session: session(worker.worker, &heavy.view, self.policy, self.now),
        };
        SkewStatus {
            window_seconds: engine::skew::WINDOW.as_secs_f64(),
            redirection_imbalance_ratio: Spread::of(self.reading).imbalance,
            heaviest: heavy.into_iter().map(show).collect(),
        }
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        let spread = Spread::of(self.reading);
        let of = |ratios: &[f64], index| ratios.get(index).copied().unwrap_or_default();
        let with_rates = self.reading.workers.iter().enumerate();
        with_rates
            .map(|(index, worker)| {
                let rates = self.rates.workers.get(index).copied().unwrap_or_default();
                WorkerStatus {
                    worker: worker.worker.0,
                    core: worker.core,
                    busy_ratio: rates.busy,
                    received_per_second: rates.received,
                    received: worker.counters.get(Counter::Received),
                    forwarded: worker.forwarded,
                    dropped: worker.dropped() + worker.counters.rejected(),
                    handed_over: worker.counters.handed_over(),
                    generation: worker.generation,
                    heartbeat_age_seconds: worker.heartbeat_age.as_secs_f64(),
                    load_ratio: of(&spread.load, index),
                    heaviest_session_ratio: of(&spread.heaviest, index),
                }
            })
            .collect()
    }

    fn port_summaries(&self) -> Vec<PortSummary> {
        let with_rates = self.reading.ports.iter().enumerate();
        with_rates
            .map(|(index, port)| {
                let rates = self.rates.ports.get(index).copied().unwrap_or_default();
                let stats = &port.stats;
                PortSummary {
                    name: port.name.clone(),
                    link_up: port.link_up,
                    speed_bits_per_second: port.speed_bits_per_second,
                    received_per_second: rates.received,
                    transmitted_per_second: rates.transmitted,
                    lost: stats.rx_missed + stats.rx_no_mbuf + stats.rx_errors + stats.tx_errors,
                }
            })
            .collect()
    }

    fn top_drops(&self) -> Vec<ReasonCount> {
        let counters = self.reading.counters();
        let both = |reason| {
            let dropped: u64 =
                self.reading.workers.iter().map(|worker| worker.dropped_for(reason)).sum();
            dropped + counters.get(Counter::Rejected(reason))
        };
        let mut drops: Vec<_> =
            DropReason::all().map(|reason| reason_count(reason, both(reason))).collect();
        drops.retain(|drop| drop.count > 0);
        drops.sort_by_key(|drop| core::cmp::Reverse(drop.count));
        drops.truncate(TOP_DROPS);
        drops
    }

    fn alarms(&self) -> Vec<Alarm> {
        let Self { reading, rates, policy, .. } = self;
        let mut alarms = Vec::new();
        let mut alarm = |kind, message| alarms.push(Alarm { kind, message });
        for port in &reading.ports {
            let name = &port.name;
            if let Some(arrivals) = figures(&rates.astray, port.port) {
                alarm(AlarmKind::SteeringWrong, complaint(port, &arrivals));
            }
            if port.gone {
                let message = format!("{name}: its device is gone; restart once it is back");
                alarm(AlarmKind::PortGone, message);
            } else if port.held_down {
                let message = format!(
                    "{name}: the link is held down, as the other end of its wire is down or gone"
                );
                alarm(AlarmKind::LinkDown, message);
            } else if !port.link_up {
                alarm(AlarmKind::LinkDown, format!("{name}: the link is down"));
            }
            if port.kernel_path_allowed {
                let message = format!(
                    "{name}: the kernel has an interface on {} as well, a way around the firewall \
                     that allow_kernel_path permits",
                    port.device
                );
                alarm(AlarmKind::KernelPath, message);
            }
        }
        for worker in &reading.workers {
            // A worker that has not looked at its mailbox within a second of the publication is late.
            let published = now().duration_since(policy.loaded_at);
            if worker.generation != policy.generation && published > Duration::from_secs(1) {
                let message = format!(
                    "worker {} uses generation {} of the policy, not {}",
                    worker.worker.0, worker.generation, policy.generation
                );
                alarm(AlarmKind::WorkerBehind, message);
            }
        }
        let overrun: u64 = reading.workers.iter().map(|worker| worker.events_lost).sum();
        let unwritten = self.unwritten;
        if overrun + unwritten > 0 {
            let message = format!(
                "log events were lost: {overrun} because the log is slower than the workers, \
                 {unwritten} because it could not be written"
            );
            alarm(AlarmKind::EventsLost, message);
        }
        if rates.missing_at_rest != 0 {
            let missing = rates.missing_at_rest;
            let message = format!("{missing} frames are unaccounted for; please report it");
            alarm(AlarmKind::Conservation, message);
        }
        let (in_use, max) = (reading.counters().sessions(), u64::from(policy.config.sessions.max));
        if in_use * 100 >= max * SESSIONS_ALARM_PERCENT {
            let message = format!("{in_use} of at most {max} sessions; raise `max` in [sessions]");
            alarm(AlarmKind::SessionsNearLimit, message);
        }
        if let Some(refusal) = &policy.last_refusal {
            alarm(AlarmKind::ReloadRefused, format!("the last reload was refused: {refusal}"));
        }
        alarms
    }

    pub(crate) fn ports(&self) -> api::Ports {
        let topology = &self.policy.config.topology;
        let port = |reading: &PortReading| {
            let in_topology = topology.ports().get(reading.port.index());
            let [a, b, c, d, e, f] = reading.mac;
            PortInfo {
                name: reading.name.clone(),
                device: reading.device.clone(),
                driver: reading.driver.clone(),
                mac: format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"),
                zone: in_topology
                    .map_or_else(String::new, |port| topology.zone_name(port.zone).to_owned()),
                partner: in_topology
                    .map(|_| topology.port(topology.partner(reading.port)).name.clone()),
                link_up: reading.link_up,
                speed_bits_per_second: reading.speed_bits_per_second,
                mtu: reading.mtu,
                rx_queues: reading.rx_queues,
                tx_queues: reading.tx_queues,
                socket: reading.socket,
                rss: reading.rss.clone(),
                steering: self.steering(reading),
                kernel_path_allowed: reading.kernel_path_allowed,
                gone: reading.gone,
                held_down: reading.held_down,
                stats: reading.stats,
            }
        };
        api::Ports { version: Version, ports: self.reading.ports.iter().map(port).collect() }
    }

    fn steering(&self, port: &PortReading) -> PortSteering {
        let arrivals = self.reading.arrivals(port.port);
        let wrong = figures(&self.rates.astray, port.port).is_some();
        let Arrivals { misses, strays, hashed, misread } = arrivals;
        PortSteering { misses, strays, hashed, misread, wrong, ..port.steering.clone() }
    }

    pub(crate) fn counters(&self) -> api::Counters {
        let counters = self.reading.counters();
        let workers = &self.reading.workers;
        let dropped = |reason| workers.iter().map(|worker| worker.dropped_for(reason)).sum();
        api::Counters {
            version: Version,
            frames: self.reading.balance(),
            workers: workers.iter().map(worker_frames).collect(),
            drops: DropReason::all().map(|reason| reason_count(reason, dropped(reason))).collect(),
            rejects: DropReason::all()
                .map(|reason| reason_count(reason, counters.get(Counter::Rejected(reason))))
                .collect(),
            handovers: Cause::ALL
                .iter()
                .map(|&cause| NamedCount {
                    name: cause.name().to_owned(),
                    count: counters.get(Counter::HandedOver(cause)),
                })
                .collect(),
            sessions_created: Protocol::ALL
                .iter()
                .map(|&protocol| NamedCount {
                    name: protocol.name().to_owned(),
                    count: counters.get(Counter::Created(protocol)),
                })
                .collect(),
            sessions_ended: Protocol::ALL
                .iter()
                .flat_map(|&protocol| EndReason::ALL.iter().map(move |&reason| (protocol, reason)))
                .map(|(protocol, reason)| ProtocolReasonCount {
                    proto: protocol.name().to_owned(),
                    reason: reason.name().to_owned(),
                    count: counters.get(Counter::Ended(protocol, reason)),
                })
                .collect(),
            events_lost: workers.iter().map(|worker| worker.events_lost).sum::<u64>()
                + self.unwritten,
        }
    }

    pub(crate) fn rules(&self) -> api::Rules {
        let Self { policy, .. } = self;
        let rules = &policy.config.policy.rules;
        let rules = (1..).zip(rules).map(|(position, rule)| {
            let id = policy.names.get(&rule.name);
            let hits = id.map_or_else(RuleHits::default, |id| self.reading.rule_hits(id));
            RuleInfo {
                position,
                name: rule.name.clone(),
                enabled: rule.enabled,
                action: rule.action.name().to_owned(),
                from: zones(policy, &rule.from),
                to: zones(policy, &rule.to),
                log: rule.log.name().to_owned(),
                description: rule.description.clone(),
                tags: rule.tags.clone(),
                limits: limits(&rule.limits),
                sessions: u64::from(hits.sessions),
                embryonic: u64::from(hits.embryonic),
                hits: hits.hits,
                last_hit: hits.last.map(|time| self.timestamp(time).to_string()),
                last_hit_seconds_ago: hits.last.map(|time| self.now.since(time).as_secs_f64()),
            }
        });
        api::Rules { version: Version, generation: policy.generation, rules: rules.collect() }
    }

    fn embryonic(&self) -> Vec<ZoneEmbryonic> {
        let Self { reading, policy, .. } = self;
        let zones = policy.config.policy.zones.iter().zip((0..).map(ZoneId));
        let of_zone = |(zone, id): (&String, ZoneId)| {
            let limit = policy.config.sessions.embryonic.get(id.index()).copied().flatten();
            ZoneEmbryonic {
                zone: zone.clone(),
                count: reading.half_open(id, policy.generation),
                limit: limit.map(NonZeroU32::get),
            }
        };
        zones.map(of_zone).collect()
    }

    fn timestamp(&self, time: Time) -> Timestamp {
        present().before(self.now.since(time))
    }
}

fn limits(limits: &policy::RuleLimits) -> Option<api::RuleLimits> {
    let policy::RuleLimits { sessions, per_source, per_destination, embryonic } = *limits;
    let number = |limit: Option<NonZeroU32>| limit.map(NonZeroU32::get);
    (!limits.is_none()).then(|| api::RuleLimits {
        sessions: number(sessions),
        per_source: number(per_source),
        per_destination: number(per_destination),
        embryonic: number(embryonic),
    })
}

fn reason_count(reason: DropReason, count: u64) -> ReasonCount {
    let description = reason.description().to_owned();
    ReasonCount { reason: reason.name().to_owned(), description, count }
}

fn worker_frames(worker: &WorkerReading) -> WorkerFrames {
    let counters = &worker.counters;
    WorkerFrames {
        worker: worker.worker.0,
        received: counters.get(Counter::Received),
        forwarded: worker.forwarded,
        dropped: worker.dropped(),
        rejected: counters.rejected(),
        consumed: counters.get(Counter::Consumed),
        held: counters.get(Counter::Held),
        made: worker.made(),
        handed_over: counters.handed_over(),
    }
}

fn zones(policy: &Committed, zones: &ZoneSet) -> Vec<String> {
    match zones {
        ZoneSet::Any => vec!["any".to_owned()],
        ZoneSet::Only(zones) => {
            zones.iter().map(|zone| policy.config.policy.zone_name(*zone).to_owned()).collect()
        }
    }
}

/// A session as the API shows it.
pub(crate) fn session(
    worker: WorkerId,
    view: &SessionView,
    policy: &Committed,
    now: Time,
) -> Session {
    let topology = &policy.config.topology;
    let proto = api::Protocol(view.protocol_number);
    let is_icmp = matches!(view.protocol, Protocol::Icmp | Protocol::Icmpv6);
    let port = |port: u16| proto.has_ports().then_some(port);
    Session {
        id: session_id(worker, view.slot.index(), view.created),
        worker: worker.0,
        proto,
        source: view.source.0,
        source_port: port(view.source.1),
        destination: view.destination.0,
        destination_port: port(view.destination.1),
        icmp_id: is_icmp.then_some(view.source.1),
        vlan: view.vlan,
        state: view.state.to_owned(),
        from: topology.zone_name(view.from).to_owned(),
        to: topology.zone_name(view.to).to_owned(),
        in_port: topology.port(view.in_port).name.clone(),
        out_port: topology.port(topology.partner(view.in_port)).name.clone(),
        rule: view.rule.map(|rule| rule_name(policy, rule)),
        generation: generation(policy.generation, view.generation),
        parent: view.parent.map(parent_id),
        gateway: view.gateway.map(|gateway| gateway.name().to_owned()),
        age_seconds: now.since(view.created).as_secs_f64(),
        idle_seconds: view.idle.as_secs_f64(),
        expires_in_seconds: view.left.as_secs_f64(),
        packets: view.packets,
        bytes: view.bytes,
    }
}

/// The name of a session.
pub(crate) const fn session_id(worker: WorkerId, slot: u32, created: Time) -> SessionId {
    SessionId { worker: worker.0, slot, created_millis: created.as_millis() }
}

/// The name of a session that has announced another.
pub(crate) const fn parent_id(parent: ParentId) -> SessionId {
    session_id(parent.worker, parent.slot, parent.created)
}

/// The name of a rule that is, or once was.
pub(crate) fn rule_name(policy: &Committed, rule: RuleId) -> String {
    policy.names.name(rule).to_owned()
}

/// The generation that an entry's low 16 bits stand for: the latest that ends with them.
fn generation(current: u32, mark: u16) -> u32 {
    let high = current & !0xffff;
    let candidate = high | u32::from(mark);
    if candidate > current { candidate.wrapping_sub(0x1_0000) } else { candidate }
}

#[cfg(test)]
mod tests;
