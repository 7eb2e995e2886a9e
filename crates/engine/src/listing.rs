//! Looking at sessions from outside: what to select, what is shown.

use core::net::IpAddr;
use core::time::Duration;

use policy::{PortIndex, RuleId, ZoneId};
use session::track::Protocol;
use session::{Context, Slot, Summary, Time};

use crate::{Gateway, ParentId, Snapshot};

/// Which sessions are meant. Every condition that is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// The address of either side.
    pub host: Option<IpAddr>,
    /// A prefix that holds the address of either side: network and length in bits.
    pub net: Option<(IpAddr, u8)>,
    /// The port of either side, or the identifier of an ICMP query.
    pub port: Option<u16>,
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// An IP protocol number.
    pub protocol_number: Option<u8>,
    /// The state's name.
    pub state: Option<String>,
    /// The zone of either side.
    pub zone: Option<ZoneId>,
    /// The rule that allows it.
    pub rule: Option<RuleId>,
    /// The wire, by its place in the configuration.
    pub wire: Option<u16>,
    /// One session: slot and millisecond of creation.
    pub id: Option<(u32, u64)>,
}

/// A session as listings show it.
#[derive(Clone, Copy, Debug)]
pub struct SessionView {
    /// Its slot in its shard; with the millisecond of its creation it names the session.
    pub slot: Slot,
    /// The protocol's name.
    pub protocol: Protocol,
    /// The IP protocol number.
    pub protocol_number: u8,
    /// The initiator's address and port, or the identifier of an ICMP query.
    pub source: (IpAddr, u16),
    /// The responder's.
    pub destination: (IpAddr, u16),
    /// The port by which the initiator's packets come.
    pub in_port: PortIndex,
    /// The initiator's zone.
    pub from: ZoneId,
    /// The responder's zone.
    pub to: ZoneId,
    /// The outermost VLAN.
    pub vlan: Option<u16>,
    /// The domain of its wire and all of its VLANs: with protocol and ends this is its key.
    pub context: Context,
    /// The state's name.
    pub state: &'static str,
    /// The rule that allows it.
    pub rule: Option<RuleId>,
    /// The policy generation that last judged it, modulo 2¹⁶.
    pub generation: u16,
    /// When it was opened.
    pub created: Time,
    /// How long ago its last packet was.
    pub idle: Duration,
    /// How long until it ends if no packet comes: its whole time, if that is over and what it has announced holds it.
    pub left: Duration,
    /// Packets in original and reply direction.
    pub packets: [u64; 2],
    /// Octets of network-layer datagrams in original and reply direction.
    pub bytes: [u64; 2],
    /// It was picked up in the middle of its connection.
    pub picked_up: bool,
    /// The session that announced it.
    pub parent: Option<ParentId>,
    /// The gateway that announced it, or else that reads it.
    pub gateway: Option<Gateway>,
}

impl SessionView {
    pub(crate) fn new(
        snapshot: &Snapshot,
        summary: &Summary,
        now: Time,
        parent: Option<ParentId>,
        gateway: Option<Gateway>,
    ) -> Self {
        let in_port = PortIndex(summary.in_port);
        let context = summary.key.context;
        let (from, to) = snapshot.zones(in_port, context);
        let idle = now.since(summary.last_seen);
        let timeout = Duration::from_millis(u64::from(summary.timeout_millis));
        Self {
            slot: summary.slot,
            protocol: summary.track.protocol(),
            protocol_number: summary.key.protocol,
            source: summary.key.endpoint(summary.initiator),
            destination: summary.key.endpoint(summary.initiator.other()),
            in_port,
            from,
            to,
            vlan: context.vlan(),
            context,
            state: summary.track.state_name(),
            rule: (summary.rule != u32::MAX).then_some(RuleId(summary.rule)),
            generation: summary.generation,
            created: summary.created,
            idle,
            left: timeout.checked_sub(idle).filter(|left| !left.is_zero()).unwrap_or(timeout),
            packets: summary.packets,
            bytes: summary.bytes,
            picked_up: summary.track.is_picked_up(),
            parent,
            gateway,
        }
    }
}

impl SessionFilter {
    /// Whether a session is meant.
    pub fn matches(&self, view: &SessionView, snapshot: &Snapshot) -> bool {
        let Self { host, net, port, protocol, protocol_number, state, zone, rule, wire, id } = self;
        let ends = [view.source, view.destination];
        host.is_none_or(|host| ends.iter().any(|&(address, _)| address == host))
            && net.is_none_or(|net| ends.iter().any(|&(address, _)| is_in(net, address)))
            && port.is_none_or(|port| ends.iter().any(|&(_, other)| other == port))
            && protocol.is_none_or(|protocol| view.protocol == protocol)
            && protocol_number.is_none_or(|number| view.protocol_number == number)
            && state.as_ref().is_none_or(|state| view.state == state)
            && zone.is_none_or(|zone| view.from == zone || view.to == zone)
            && rule.is_none_or(|rule| view.rule == Some(rule))
            && wire.is_none_or(|wire| snapshot.topology.wire(view.in_port) == wire)
            && id.is_none_or(|id| (view.slot.index(), view.created.as_millis()) == id)
    }
}

/// Whether an address is in a prefix of its own family.
fn is_in((network, length): (IpAddr, u8), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= u32::from(length.min(32))
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= u32::from(length.min(128))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
