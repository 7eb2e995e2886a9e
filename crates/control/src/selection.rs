//! From the words of a request to what the engine understands: names are looked up in the policy in
//! force, and a name that is not there is refused with those that are.

use api::{FilterTerm, Refusal, RefusalKind, Tuple};
use engine::{
    PortIndex, Probe, ProbeNumbers, Protocol, SessionFilter, WorkerId, flags_from_letters,
};
use policy::{RuleNames, Topology};

use crate::commit::Committed;

/// Which sessions are meant, and of which workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) filter: SessionFilter,
    /// The one worker that can have them; none: all.
    pub(crate) worker: Option<WorkerId>,
}

impl Selection {
    /// Looks up a filter's names.
    pub(crate) fn new(filter: &api::SessionFilter, policy: &Committed) -> Result<Self, Refusal> {
        let topology = &policy.config.topology;
        let mut selection = Self::default();
        for term in filter.terms() {
            let Self { filter, worker } = &mut selection;
            match term {
                FilterTerm::Host(host) => once(term, &mut filter.host, *host)?,
                FilterTerm::Net(net) => {
                    once(term, &mut filter.net, (net.address(), net.length()))?;
                }
                FilterTerm::Port(port) => once(term, &mut filter.port, *port)?,
                FilterTerm::Proto(protocol) => {
                    once(term, &mut filter.protocol_number, protocol.0)?;
                }
                FilterTerm::State(name) => {
                    known("state", name, states().into_iter())?;
                    once(term, &mut filter.state, name.clone())?;
                }
                FilterTerm::Zone(name) => {
                    let zones = topology.zones().iter().map(String::as_str);
                    known("zone", name, zones)?;
                    let zone = policy.config.policy.zone_by_name(name);
                    once(term, &mut filter.zone, zone.ok_or_else(|| unknown("zone", name, &[]))?)?;
                }
                FilterTerm::Rule(name) => {
                    let rule = rule(&policy.names, name)?;
                    once(term, &mut filter.rule, rule)?;
                }
                FilterTerm::Wire(name) => once(term, &mut filter.wire, wire(topology, name)?)?,
                FilterTerm::Reason(_) => {
                    let message = "a living session has no reason: `reason` chooses dropped frames; \
                                   see `counters` for how many there were";
                    return Err(Refusal::new(RefusalKind::InvalidRequest, message));
                }
                FilterTerm::Id(id) => {
                    once(term, &mut filter.id, (id.slot, id.created_millis))?;
                    *worker = Some(WorkerId(id.worker));
                }
            }
        }
        Ok(selection)
    }
}

/// Sets a condition that the engine knows once per filter.
fn once<T>(term: &FilterTerm, place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    if place.is_some() {
        let message = format!("`{}` stands twice in the filter; it may stand once", term.key());
        return Err(Refusal::new(RefusalKind::InvalidRequest, message));
    }
    *place = Some(value);
    Ok(())
}

/// All names of states, each once.
fn states() -> Vec<&'static str> {
    let mut states: Vec<_> = Protocol::ALL.iter().flat_map(|protocol| protocol.states()).collect();
    states.sort_unstable();
    states.dedup();
    states
}

fn rule(names: &RuleNames, name: &str) -> Result<policy::RuleId, Refusal> {
    names.get(name).ok_or_else(|| {
        let message = format!("no rule `{name}`; `sallyctl rules` shows them");
        Refusal::new(RefusalKind::InvalidRequest, message)
    })
}

/// A wire by its name, or by that of either of its ports.
fn wire(topology: &Topology, name: &str) -> Result<u16, Refusal> {
    if let Some(port) = topology.port_by_name(name) {
        return Ok(topology.wire(port));
    }
    let names: Vec<_> =
        (0..).take(topology.wires().len()).map(|wire| topology.wire_name(wire)).collect();
    let found = (0..).zip(&names).find(|(_, of_wire)| *of_wire == name).map(|(wire, _)| wire);
    found.ok_or_else(|| {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        unknown("wire", name, &names)
    })
}

fn known<'a>(
    what: &str,
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Refusal> {
    if names.clone().any(|other| other == name) {
        return Ok(());
    }
    Err(unknown(what, name, &names.collect::<Vec<_>>()))
}

fn unknown(what: &str, name: &str, names: &[&str]) -> Refusal {
    let message = format!("no {what} `{name}`: one of {}", names.join(", "));
    Refusal::new(RefusalKind::InvalidRequest, message)
}

/// A source port where the tuple names none: the first of those that hosts take for themselves (RFC 6335 §6).
const EPHEMERAL: u16 = 49_152;

/// The packet that a tuple describes.
pub(crate) fn probe(tuple: &Tuple, policy: &Committed) -> Result<Probe, Refusal> {
    let invalid = |message: String| Refusal::new(RefusalKind::InvalidRequest, message);
    tuple.validate().map_err(|error| invalid(error.to_string()))?;
    let topology = &policy.config.topology;
    let in_port: PortIndex = topology.port_by_name(&tuple.in_port).ok_or_else(|| {
        let ports: Vec<_> = topology.ports().iter().map(|port| port.name.as_str()).collect();
        unknown("port", &tuple.in_port, &ports)
    })?;
    let letters = tuple.flags.as_deref().unwrap_or("S");
    let flags = flags_from_letters(letters)
        .ok_or_else(|| invalid(format!("bad flags `{letters}`: letters of FSRPAUEC")))?;
    Ok(Probe {
        in_port,
        protocol: tuple.proto.0,
        source: (tuple.source, tuple.source_port.unwrap_or(EPHEMERAL)),
        destination: (tuple.destination, tuple.destination_port.unwrap_or(0)),
        flags,
        icmp: None,
        vlans: wire::VlanTags::default(),
        numbers: ProbeNumbers { seq: tuple.seq, ack: tuple.ack, length: tuple.length.unwrap_or(0) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use test_case::test_case;

    #[test]
    fn names_become_identities() {
        let policy = fake::committed();
        let filter = "host=10.0.0.1 net=10.0.0.0/8 port=53 proto=udp state=established \
                      zone=outside rule=inside-out wire=lan0-wan0 id=1-7-9000";
        let selection = Selection::new(&filter.parse().unwrap(), &policy).unwrap();
        let expected = SessionFilter {
            host: Some("10.0.0.1".parse().unwrap()),
            net: Some(("10.0.0.0".parse().unwrap(), 8)),
            port: Some(53),
            protocol: None,
            protocol_number: Some(17),
            state: Some("established".to_owned()),
            zone: policy.config.policy.zone_by_name("outside"),
            rule: policy.names.get("inside-out"),
            wire: Some(0),
            id: Some((7, 9000)),
        };
        assert_eq!(selection, Selection { filter: expected, worker: Some(WorkerId(1)) });
    }

    #[test_case("zone=inner", "no zone `inner`: one of inside, outside"; "zone")]
    #[test_case("rule=none-such", "no rule `none-such`"; "rule")]
    #[test_case("wire=w0", "no wire `w0`: one of lan0-wan0"; "wire")]
    #[test_case("state=opened", "no state `opened`: one of "; "state")]
    #[test_case("reason=no_session", "a living session has no reason"; "reason")]
    #[test_case("host=10.0.0.1 host=10.0.0.2", "`host` stands twice"; "twice")]
    fn refused(filter: &str, message: &str) {
        let policy = fake::committed();
        let refusal = Selection::new(&filter.parse().unwrap(), &policy).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::InvalidRequest);
        assert!(refusal.message.contains(message), "{}", refusal.message);
    }

    #[test]
    fn a_tuple_becomes_a_probe() {
        let policy = fake::committed();
        let tuple = "tcp 10.0.0.1:40000 192.0.2.1:80 in=wan0 flags=SA".parse().unwrap();
        let probe = probe(&tuple, &policy).unwrap();
        assert_eq!(probe.in_port, PortIndex(1));
        assert_eq!((probe.protocol, probe.flags.0), (6, 0x12));
        assert_eq!(probe.source, ("10.0.0.1".parse().unwrap(), 40_000));
        let elsewhere = "tcp 10.0.0.1:1 192.0.2.1:80 in=dmz0".parse().unwrap();
        let refusal = super::probe(&elsewhere, &policy).unwrap_err();
        assert!(refusal.message.contains("no port `dmz0`: one of lan0, wan0"), "{refusal:?}");
    }
}
