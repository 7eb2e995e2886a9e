//! `[[wire]]`: which ports are joined.

use policy::{DEFAULT_ETHERTYPES, LinkMode, PortIndex, Wire};
use toml::de::DeValue;

use crate::checker::{Checker, Keys, Node, Section};
use crate::diagnostic::Subject;
use crate::ports::Ports;
use crate::suggest;

const WIRE: Keys = Keys { known: &["ports", "domain", "link", "ethertypes"], later: &[] };

/// Ethertypes that may be written by name.
const ETHERTYPES: &[(&str, u16)] = &[
    ("lacp", 0x8809),
    ("mpls", 0x8847),
    ("pppoe-discovery", 0x8863),
    ("pppoe-session", 0x8864),
    ("profinet", 0x8892),
    ("macsec", 0x88e5),
    ("ptp", 0x88f7),
];

impl<'a> Checker<'a> {
    /// The wires. Every port is in exactly one, or that is said.
    pub(crate) fn wires(&mut self, root: &Section<'a>, ports: &Ports) -> Vec<Wire> {
        let items =
            root.get("wire").and_then(|node| self.list(&node, "write [[wire]], with two brackets"));
        let mut wires = Vec::new();
        let mut domains = Vec::new();
        let mut wired = vec![false; ports.0.len()];
        for (index, item) in items.unwrap_or_default().iter().enumerate() {
            let Some(section) = self.section(item, "[[wire]]", WIRE) else { continue };
            let ends = self.required(&section, "ports");
            let ends = ends.and_then(|node| self.wire_ends(&node, ports, &mut wired));
            let domain = section.get("domain").and_then(|node| self.domain(&node));
            let domain = domain.unwrap_or(Domain::Own(index));
            let domain_id =
                domains.iter().position(|known| *known == domain).unwrap_or_else(|| {
                    domains.push(domain);
                    domains.len() - 1
                });
            let link = section.get("link").and_then(|node| self.link(&node));
            let ethertypes = section.get("ethertypes").map(|node| self.ethertypes(&node));
            let Some(ports) = ends else { continue };
            wires.push(Wire {
                ports,
                // There are fewer wires than ports, and fewer domains than wires.
                domain: u16::try_from(domain_id).unwrap_or(u16::MAX),
                link: link.unwrap_or(LinkMode::Independent),
                ethertypes: ethertypes.unwrap_or_default(),
            });
        }
        for (port, wired) in ports.0.iter().zip(wired) {
            if !wired {
                let name = &port.settings.name;
                let hint = "join it with another one: [[wire]] ports = [\"…\", \"…\"]";
                self.error(
                    Subject::Topology,
                    &port.at,
                    format!("port {name:?} is in no wire"),
                    hint,
                );
            }
        }
        wires
    }

    fn link(&mut self, node: &Node<'a>) -> Option<LinkMode> {
        self.choice(node, LinkMode::ALL, LinkMode::name)
    }

    fn wire_ends(
        &mut self,
        node: &Node<'a>,
        ports: &Ports,
        wired: &mut [bool],
    ) -> Option<[PortIndex; 2]> {
        let hint = "the names of two ports: [\"lan0\", \"wan0\"]";
        let items = self.list(node, hint)?;
        let ends: Vec<_> =
            items.iter().filter_map(|item| self.wire_end(item, ports, wired)).collect();
        if items.len() != 2 {
            let message = format!("a wire has two ends, not {}", items.len());
            self.error(Subject::Topology, &node.at, message, hint);
            return None;
        }
        let [one, two] = ends[..] else { return None };
        let [one_mtu, two_mtu] = [one, two].map(|end| ports.0[end].settings.mtu);
        if one_mtu != two_mtu {
            let [one, two] = [one, two].map(|end| &ports.0[end].settings.name);
            let message = format!("the MTU of {one:?} is {one_mtu}, that of {two:?} is {two_mtu}");
            let hint = "both ends of a wire need the same: set `mtu` on both ports";
            self.error(Subject::Topology, &node.at, message, hint);
        }
        let index = |end: usize| u8::try_from(end).ok().map(PortIndex);
        Some([index(one)?, index(two)?])
    }

    fn wire_end(&mut self, node: &Node<'a>, ports: &Ports, wired: &mut [bool]) -> Option<usize> {
        let name = self.string(node, "the name of a port")?;
        let found = ports.0.iter().position(|port| port.settings.name == name);
        let Some(found) = found else {
            let names: Vec<_> = ports.0.iter().map(|port| port.settings.name.as_str()).collect();
            let hint = suggest::hint(name, "ports", &names);
            self.error(Subject::Name, &node.at, format!("unknown port {name:?}"), hint);
            return None;
        };
        if core::mem::replace(&mut wired[found], true) {
            let message = format!("port {name:?} is an end of a wire already");
            self.error(Subject::Topology, &node.at, message, "a port is in exactly one wire, once");
            return None;
        }
        Some(found)
    }

    fn domain(&mut self, node: &Node<'a>) -> Option<Domain> {
        if let DeValue::Integer(_) = node.value {
            let number: u16 = self.integer(node, 0..=u16::MAX)?;
            return Some(Domain::Named(number.to_string()));
        }
        self.name(node).map(|name| Domain::Named(name.to_owned()))
    }

    fn ethertypes(&mut self, node: &Node<'a>) -> Vec<u16> {
        let items = self.list(node, "a list of ethertypes: [\"lacp\", 0x8863]").unwrap_or_default();
        let mut ethertypes: Vec<u16> = Vec::new();
        for item in &items {
            let Some(ethertype) = self.ethertype(item) else { continue };
            if DEFAULT_ETHERTYPES.contains(&ethertype) {
                let message = format!("listing the ethertype {ethertype:#06x} has no effect");
                let hint = "remove it: ARP passes every wire, and IP is judged by the rules";
                self.warning(Subject::Value, &item.at, message, hint);
            }
            ethertypes.push(ethertype);
        }
        ethertypes.sort_unstable();
        ethertypes.dedup();
        ethertypes
    }

    fn ethertype(&mut self, node: &Node<'a>) -> Option<u16> {
        const LEAST: u16 = 0x0600;
        let DeValue::String(text) = node.value else {
            return self.integer(node, LEAST..=u16::MAX);
        };
        let named = ETHERTYPES.iter().find(|(name, _)| name == text);
        let number =
            || text.strip_prefix("0x").and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let found =
            named.map(|(_, number)| *number).or_else(number).filter(|number| *number >= LEAST);
        if found.is_none() {
            let names: Vec<_> = ETHERTYPES.iter().map(|(name, _)| *name).collect();
            let hint = suggest::hint(text, "a number from 0x0600 to 0xffff, or one of", &names);
            self.error(Subject::Value, &node.at, format!("{text:?} is not an ethertype"), hint);
        }
        found
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Domain {
    /// The wire's own, by its position.
    Own(usize),
    Named(String),
}
