//! One line of the event log.

use std::net::IpAddr;

use api::{Protocol, SessionId};
use engine::{Event, EventKind};
use serde::Serialize;

use crate::clock::Timestamp;
use crate::commit::Committed;
use crate::documents::{parent_id, rule_name, session_id};

/// An event with names in the place of identities. Its shape is a promise to those who read logs:
/// fields are added, never renamed.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    /// `session_start`, `session_end`, `deny` or `gateway_remark`.
    event: &'static str,
    time: String,
    worker: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    proto: Protocol,
    source: IpAddr,
    source_port: Option<u16>,
    destination: IpAddr,
    destination_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(rename = "in")]
    in_port: &'a str,
    from: &'a str,
    to: &'a str,
    /// None: the implicit drop.
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The session that announced this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<SessionId>,
    /// The gateway that announced this session, or else that reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'static str>,
    /// Of a gateway's remark: whether the packet was dropped for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<bool>,
    #[serde(flatten)]
    totals: Option<Totals>,
}

/// What a session has been, in the original and in the reply direction.
#[derive(Debug, Serialize)]
struct Totals {
    packets: [u64; 2],
    bytes: [u64; 2],
    duration_seconds: f64,
}

impl<'a> Record<'a> {
    pub(super) fn new(event: &Event, time: Timestamp, policy: &'a Committed) -> Self {
        let topology = &policy.config.topology;
        let (name, created, reason, totals) = match event.kind {
            EventKind::SessionStart => ("session_start", Some(event.time), None, None),
            EventKind::SessionEnd { reason, created, packets, bytes } => {
                let duration_seconds = event.time.since(created).as_secs_f64();
                let totals = Totals { packets, bytes, duration_seconds };
                ("session_end", Some(created), Some(reason.name()), Some(totals))
            }
            EventKind::Deny { reason } => ("deny", None, Some(reason.name()), None),
            EventKind::Remark { remark, created, refused: _ } => {
                ("gateway_remark", created, Some(remark.name()), None)
            }
        };
        let refused = match event.kind {
            EventKind::Remark { refused, .. } => Some(refused),
            EventKind::SessionStart | EventKind::SessionEnd { .. } | EventKind::Deny { .. } => None,
        };
        let session = event.slot.zip(created);
        let proto = Protocol(event.protocol);
        let is_icmp = proto == Protocol::ICMP || proto == Protocol::ICMPV6;
        let port = |port: u16| proto.has_ports().then_some(port);
        Self {
            event: name,
            time: time.to_string(),
            worker: event.worker.0,
            session: session.map(|(slot, created)| session_id(event.worker, slot.index(), created)),
            proto,
            source: event.source,
            source_port: port(event.source_port),
            destination: event.destination,
            destination_port: port(event.destination_port),
            icmp_id: is_icmp.then_some(event.source_port),
            vlan: event.vlan,
            in_port: topology.ports().get(event.in_port.index()).map_or("", |port| &port.name),
            from: topology.zone_name(event.from),
            to: topology.zone_name(event.to),
            rule: event.rule.map(|rule| rule_name(policy, rule)),
            reason,
            parent: event.parent.map(parent_id),
            gateway: event.gateway.map(engine::Gateway::name),
            refused,
            totals,
        }
    }
}
