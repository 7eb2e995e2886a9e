//! The ports, how they are joined to wires, and the zone that each belongs to.

use core::fmt;
use core::net::IpAddr;

use crate::{AddressSet, ZoneId};

/// Ethertypes that every wire passes: IPv4, ARP, IPv6. Protocols of the link itself, such as LLDP, pass by
/// their group address (01-80-C2-00-00-0x), not by their ethertype.
pub const DEFAULT_ETHERTYPES: &[u16] = &[0x0800, 0x0806, 0x86dd];

/// An Ethernet port of the box, by its position in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortIndex(pub u8);

impl PortIndex {
    /// The position as an array index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What happens to one end of a wire when the other loses its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkMode {
    /// Nothing.
    Independent,
    /// Its link is set down as well.
    Propagate,
}

impl LinkMode {
    /// Both modes.
    pub const ALL: &'static [Self] = &[Self::Independent, Self::Propagate];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Propagate => "propagate",
        }
    }
}

/// The zone of the frames of one VLAN on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanZone {
    /// The VLAN identifier of the outermost tag, 1 to 4094.
    pub id: u16,
    /// The zone.
    pub zone: ZoneId,
}

/// An Ethernet port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthPort {
    /// Unique.
    pub name: String,
    /// The zone of frames without a tag, and of VLANs that are not listed.
    pub zone: ZoneId,
    /// Zones of single VLANs, each VLAN at most once.
    pub vlans: Vec<VlanZone>,
    /// The source addresses that may come in here; `None`: all.
    pub networks: Option<AddressSet>,
    /// The greatest layer 3 packet, in bytes.
    pub mtu: u16,
}

/// A virtual wire: what enters one end leaves by the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Its two ends.
    pub ports: [PortIndex; 2],
    /// Wires of one domain share sessions.
    pub domain: u16,
    /// How the links of the ends depend on each other.
    pub link: LinkMode,
    /// Ethertypes that pass beside [`DEFAULT_ETHERTYPES`].
    pub ethertypes: Vec<u16>,
}

/// Why ports and wires make no topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyError {
    /// There are more than 256 ports or 65,536 wires.
    TooMany,
    /// A wire names a port that does not exist.
    NoSuchPort(PortIndex),
    /// A port is in two wires, or twice in one.
    InTwoWires(PortIndex),
    /// A port is in no wire.
    InNoWire(PortIndex),
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => f.write_str("there are more than 256 ports or 65,536 wires"),
            Self::NoSuchPort(port) => write!(f, "there is no port {}", port.0),
            Self::InTwoWires(port) => write!(f, "port {} is in two wires", port.0),
            Self::InNoWire(port) => write!(f, "port {} is in no wire", port.0),
        }
    }
}

impl core::error::Error for TopologyError {}

/// Ports, wires and zones. Every port is in exactly one wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    zones: Vec<String>,
    ports: Vec<EthPort>,
    wires: Vec<Wire>,
    ends: Vec<End>,
}

/// What the packet path asks of a port, which is one end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The port at the other end of the wire.
    pub partner: PortIndex,
    /// The wire's position in [`Topology::wires`].
    pub wire: u16,
    /// The wire's domain.
    pub domain: u16,
    /// The greatest layer 3 packet that the other end takes, in bytes.
    pub mtu: u16,
    /// Whether any source may come in here: the port has no [`EthPort::networks`].
    pub any_source: bool,
}

impl Topology {
    /// Joins ports by wires. `zones` are the names of the zones, as in
    /// [`Policy::zones`](crate::Policy::zones).
    pub fn new(
        zones: Vec<String>,
        ports: Vec<EthPort>,
        wires: Vec<Wire>,
    ) -> Result<Self, TopologyError> {
        if ports.len() > usize::from(u8::MAX) + 1 {
            return Err(TopologyError::TooMany);
        }
        let mut ends: Vec<Option<End>> = vec![None; ports.len()];
        for (index, wire) in wires.iter().enumerate() {
            let index = u16::try_from(index).map_err(|_| TopologyError::TooMany)?;
            let [one, two] = wire.ports;
            for (port, partner) in [(one, two), (two, one)] {
                let known = |port: PortIndex| {
                    ports.get(port.index()).ok_or(TopologyError::NoSuchPort(port))
                };
                let (here, there) = (known(port)?, known(partner)?);
                let end = ends.get_mut(port.index()).ok_or(TopologyError::NoSuchPort(port))?;
                if end.is_some() {
                    return Err(TopologyError::InTwoWires(port));
                }
                *end = Some(End {
                    partner,
                    wire: index,
                    domain: wire.domain,
                    mtu: there.mtu,
                    any_source: here.networks.is_none(),
                });
            }
        }
        let ends = ends
            .into_iter()
            .zip(0..=u8::MAX)
            .map(|(end, port)| end.ok_or(TopologyError::InNoWire(PortIndex(port))))
            .collect::<Result<_, _>>()?;
        Ok(Self { zones, ports, wires, ends })
    }

    /// The ports, in order of their indices.
    #[must_use]
    pub fn ports(&self) -> &[EthPort] {
        &self.ports
    }

    /// The wires, in the order of the configuration.
    #[must_use]
    pub fn wires(&self) -> &[Wire] {
        &self.wires
    }

    /// The names of the zones.
    #[must_use]
    pub fn zones(&self) -> &[String] {
        &self.zones
    }

    /// The port at an index. Indices come from this topology; one from elsewhere panics.
    #[inline]
    #[must_use]
    pub fn port(&self, port: PortIndex) -> &EthPort {
        &self.ports[port.index()]
    }

    /// The end of its wire that a port is.
    #[inline]
    #[must_use]
    pub fn end(&self, port: PortIndex) -> &End {
        &self.ends[port.index()]
    }

    /// The port at the other end of the wire.
    #[inline]
    #[must_use]
    pub fn partner(&self, port: PortIndex) -> PortIndex {
        self.ends[port.index()].partner
    }

    /// The position of the port's wire in [`Self::wires`].
    #[inline]
    #[must_use]
    pub fn wire(&self, port: PortIndex) -> u16 {
        self.ends[port.index()].wire
    }

    /// The domain of the port's wire: part of every session's key.
    #[inline]
    #[must_use]
    pub fn domain(&self, port: PortIndex) -> u16 {
        self.ends[port.index()].domain
    }

    /// The zone of a frame at this port, by its outermost VLAN identifier.
    #[inline]
    #[must_use]
    pub fn zone(&self, port: PortIndex, vlan: Option<u16>) -> ZoneId {
        let port = self.port(port);
        let of_vlan = vlan.and_then(|id| port.vlans.iter().find(|vlan| vlan.id == id));
        of_vlan.map_or(port.zone, |vlan| vlan.zone)
    }

    /// Whether frames of this ethertype, which is not IP, pass the port's wire. Frames with a length
    /// in that place (below 0x0600: STP and other LLC) have no ethertype and are not asked for here.
    #[must_use]
    pub fn permits_ethertype(&self, port: PortIndex, ethertype: u16) -> bool {
        DEFAULT_ETHERTYPES.contains(&ethertype)
            || self.wires[usize::from(self.wire(port))].ethertypes.contains(&ethertype)
    }

    /// Whether a packet with this source cannot have come in here honestly, by the port's networks.
    ///
    /// The unspecified address and IPv6 link-local ones are never spoofed: they cannot be routed, and
    /// DHCP and neighbour discovery use them on every network.
    #[inline]
    #[must_use]
    pub fn spoofed(&self, port: PortIndex, source: IpAddr) -> bool {
        let Some(networks) = &self.port(port).networks else { return false };
        let local = match source {
            IpAddr::V4(source) => source.is_unspecified(),
            IpAddr::V6(source) => source.is_unspecified() || source.is_unicast_link_local(),
        };
        !local && !networks.contains(source)
    }

    /// The port called `name`.
    #[must_use]
    pub fn port_by_name(&self, name: &str) -> Option<PortIndex> {
        let index = self.ports.iter().position(|port| port.name == name)?;
        u8::try_from(index).ok().map(PortIndex)
    }

    /// The name of a zone; the empty string for an identity from elsewhere.
    #[must_use]
    pub fn zone_name(&self, zone: ZoneId) -> &str {
        self.zones.get(zone.index()).map_or("", String::as_str)
    }

    /// The name of a wire: its ports', joined by a hyphen.
    #[must_use]
    pub fn wire_name(&self, wire: u16) -> String {
        let ends = self.wires.get(usize::from(wire)).map(|wire| wire.ports);
        ends.map_or_else(String::new, |[one, two]| {
            format!("{}-{}", self.port(one).name, self.port(two).name)
        })
    }
}

#[cfg(test)]
mod tests;
