//! `[[port]]` and `[[port.vlan]]`, and the zones that they name.

use policy::{EthPort, VlanZone, ZoneId};

use crate::Device;
use crate::addresses::Addresses;
use crate::checker::{At, Checker, Keys, Node, Section};
use crate::device::USUAL_DRIVERS;
use crate::diagnostic::Subject;
use crate::suggest;
use crate::valid::PortSettings;

const PORT: Keys = Keys {
    known: &["name", "device", "zone", "mtu", "queues", "networks", "allow_kernel_path", "vlan"],
    later: &[],
};
const VLAN: Keys = Keys { known: &["id", "zone"], later: &[] };

/// DPDK as distributed has room for 32 ports (`RTE_MAX_ETHPORTS`).
const PORTS: usize = 32;
/// The driver's name and a port's make the device's name, of at most 63 characters.
const PORT_NAME: usize = 32;

/// The zones that ports and VLANs name, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Zones(Vec<String>);

impl Zones {
    /// The zone called `name`, added if it is new.
    fn add(&mut self, name: &str) -> Option<ZoneId> {
        let known = self.0.iter().position(|zone| zone == name);
        let index = known.unwrap_or(self.0.len());
        let id = u16::try_from(index).ok().filter(|id| *id < u16::MAX)?;
        if known.is_none() {
            self.0.push(name.to_owned());
        }
        Some(ZoneId(id))
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

impl<'a> Checker<'a> {
    /// The zone that a rule or zone pair names.
    pub(crate) fn known_zone(&mut self, node: &Node<'a>, zones: &Zones) -> Option<ZoneId> {
        let name = self.string(node, "the name of a zone")?;
        self.zone_named(name, &node.at, zones)
    }

    /// The zone of a name that stands at `at`.
    pub(crate) fn zone_named(&mut self, name: &str, at: &At, zones: &Zones) -> Option<ZoneId> {
        let found = zones.0.iter().position(|zone| zone == name);
        let found = found.and_then(|index| u16::try_from(index).ok());
        if found.is_none() {
            let names: Vec<_> = zones.0.iter().map(String::as_str).collect();
            let hint = suggest::hint(name, "zones are those of [[port]] and [[port.vlan]]", &names);
            self.error(Subject::Name, at, format!("unknown zone {name:?}"), hint);
        }
        found.map(ZoneId)
    }

    /// All ports, and their places for what is wrong with them later. Ports with faults are left out
    /// of the first list and still named in the second.
    pub(crate) fn ports(
        &mut self,
        root: &Section<'a>,
        zones: &mut Zones,
        addresses: &mut Addresses<'a>,
    ) -> Ports {
        let mut ports = Ports::default();
        let Some(node) = root.get("port") else {
            let hint = "add two [[port]] tables, and a [[wire]] that joins them";
            self.error(Subject::Topology, &Self::start(), "the file says no ports", hint);
            return ports;
        };
        let items = self.list(&node, "write [[port]], with two brackets").unwrap_or_default();
        for item in &items {
            let Some(section) = self.section(item, "[[port]]", PORT) else { continue };
            self.port(&section, zones, addresses, &mut ports);
        }
        if items.len() > PORTS {
            let message = format!("there are {} ports", items.len());
            self.error(
                Subject::Topology,
                &node.at,
                message,
                format!("at most {PORTS} can be opened"),
            );
        }
        ports
    }

    fn port(
        &mut self,
        section: &Section<'a>,
        zones: &mut Zones,
        addresses: &mut Addresses<'a>,
        ports: &mut Ports,
    ) {
        let name_node = self.required(section, "name");
        let name = name_node.as_ref().and_then(|node| self.port_name(node, ports));
        let device = self.required(section, "device").and_then(|node| self.device(&node, ports));
        let zone = self.required(section, "zone").and_then(|node| self.port_zone(&node, zones));
        let mtu =
            section.get("mtu").and_then(|node| self.integer(&node, 68..=9702)).unwrap_or(1500);
        let queues =
            section.get("queues").and_then(|node| self.integer(&node, 0..=1024)).unwrap_or(0);
        let networks = section.get("networks").and_then(|node| {
            let items = self.list(&node, "a list of prefixes: [\"10.0.0.0/8\"]")?;
            // The contract gives an empty list as the default: it restricts nothing.
            (!items.is_empty()).then(|| addresses.set(self, &items))
        });
        let allow = section.get("allow_kernel_path").and_then(|node| self.boolean(&node));
        let vlans = self.vlans(section, zones);
        let Some(name) = name else { return };
        let at = name_node.map_or_else(|| section.at.clone(), |node| node.at);
        let settings = PortSettings {
            name: name.to_owned(),
            // A fault was reported where a default stands in: no configuration comes of it.
            device: device.unwrap_or_else(|| Device::Pci(String::new())),
            mtu,
            queues,
            allow_kernel_path: allow.unwrap_or(false),
        };
        let zone = zone.unwrap_or(ZoneId(0));
        let ends = EthPort { name: name.to_owned(), zone, vlans, networks, mtu };
        ports.0.push(Port { at, settings, ends });
    }

    fn port_name(&mut self, node: &Node<'a>, ports: &Ports) -> Option<&'a str> {
        let name = self.name(node)?;
        if name.len() > PORT_NAME {
            let message = format!("the port name {name:?} is too long");
            self.error(Subject::Name, &node.at, message, format!("at most {PORT_NAME} characters"));
            return None;
        }
        if ports.0.iter().any(|port| port.settings.name == name) {
            let message = format!("there are two ports called {name:?}");
            self.error(Subject::Name, &node.at, message, "give each port a name of its own");
            return None;
        }
        Some(name)
    }

    fn device(&mut self, node: &Node<'a>, ports: &Ports) -> Option<Device> {
        let hint = "a PCI address (\"0000:3b:00.0\"), or a DPDK driver with its arguments \
                    (\"net_tap,iface=lan\", \"net_af_packet,iface=eth1\")";
        let text = self.string(node, hint)?;
        let device = match Device::parse(text) {
            Ok(device) => device,
            Err(fault) => {
                self.error(Subject::Value, &node.at, fault, hint);
                return None;
            }
        };
        let other = ports.0.iter().find(|port| port.settings.device.conflicts_with(&device));
        if let Some(other) = other {
            let message =
                format!("the device {text:?} is that of port {:?} too", other.settings.name);
            self.error(Subject::Topology, &node.at, message, "each port needs a device of its own");
            return None;
        }
        if device.has_unusual_driver() {
            let driver = text.split(',').next().unwrap_or_default();
            let hint = suggest::hint(driver, "the usual ones", USUAL_DRIVERS);
            self.warning(Subject::Value, &node.at, format!("unknown DPDK driver {driver:?}"), hint);
        }
        Some(device)
    }

    fn port_zone(&mut self, node: &Node<'a>, zones: &mut Zones) -> Option<ZoneId> {
        let name = self.name(node)?;
        let zone = zones.add(name);
        if zone.is_none() {
            self.error(Subject::Name, &node.at, "there are too many zones", "at most 65,535");
        }
        zone
    }

    fn vlans(&mut self, section: &Section<'a>, zones: &mut Zones) -> Vec<VlanZone> {
        let Some(node) = section.get("vlan") else { return Vec::new() };
        let mut vlans: Vec<VlanZone> = Vec::new();
        for item in self.list(&node, "write [[port.vlan]], with two brackets").unwrap_or_default() {
            let Some(section) = self.section(&item, "[[port.vlan]]", VLAN) else { continue };
            let id_node = self.required(&section, "id");
            let id = id_node.as_ref().and_then(|node| self.integer(node, 1..=4094));
            let zone =
                self.required(&section, "zone").and_then(|node| self.port_zone(&node, zones));
            let (Some(node), Some(id)) = (id_node, id) else { continue };
            if vlans.iter().any(|vlan| vlan.id == id) {
                let message = format!("VLAN {id} is listed twice on this port");
                self.error(Subject::Name, &node.at, message, "give each VLAN one zone");
                continue;
            }
            vlans.extend(zone.map(|zone| VlanZone { id, zone }));
        }
        vlans
    }
}

/// The ports of the file that have a name.
#[derive(Debug, Default)]
pub(crate) struct Ports(pub(crate) Vec<Port>);

#[derive(Debug)]
pub(crate) struct Port {
    /// The place of its name.
    pub(crate) at: At,
    pub(crate) settings: PortSettings,
    pub(crate) ends: EthPort,
}
