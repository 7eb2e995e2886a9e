//! Kernel interfaces under ports: whether they are there, whether they are a way around the firewall, and what the
//! hosts behind veth pairs leave undone.
//!
//! `ip` and `ethtool` are asked, of this network namespace and of those where the other ends of veth pairs may be.

use std::collections::BTreeSet;

use config::{Device, PortSettings, ValidConfig};
use serde::Deserialize;

use super::finding::{Findings, Level, Subject};
use super::machine::Machine;

/// Network namespaces that are looked into for the other end of a veth pair.
const NAMESPACES: usize = 256;

/// An interface as `ip -json -details address` describes it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Interface {
    ifindex: u32,
    ifname: String,
    /// The other end, if it is in the same namespace.
    link: Option<String>,
    /// The other end's index in its own namespace.
    link_index: Option<u32>,
    master: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    linkinfo: LinkInfo,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct LinkInfo {
    info_kind: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Address {
    local: Option<String>,
    prefixlen: Option<u8>,
    scope: Option<String>,
}

const SHOW: [&str; 5] = ["ip", "-json", "-details", "address", "show"];

/// Examines the kernel interface of every port that has one. `runs`: a daemon does, with this configuration.
pub(super) fn interfaces(
    machine: &Machine,
    config: &ValidConfig,
    runs: bool,
    findings: &mut Findings,
) {
    let mut wanted = config.ports.iter().filter(|port| sits_on(machine, port).is_some()).peekable();
    if wanted.peek().is_none() {
        return;
    }
    let Some(there) = machine.ask(&SHOW).and_then(|text| parse(&text)) else {
        let message = "`ip` (package iproute2) is not there or says nothing: the ports' kernel interfaces were not examined";
        findings.found(Level::Note, Subject::Interface, message, "apt-get install iproute2");
        return;
    };
    let mut elsewhere = None;
    for port in wanted {
        let Some(name) = sits_on(machine, port) else { continue };
        let found = there.iter().find(|interface| interface.ifname == name);
        if makes(port) {
            tap(port, &name, found.is_some(), runs, findings);
            continue;
        }
        let Some(found) = found else {
            let message = format!("there is no interface {name} in this network namespace");
            findings
                .found(Level::Fault, Subject::Interface, message, "ip -brief link")
                .at(&port.name);
            continue;
        };
        way_around(machine, port, found, findings);
        if found.is_veth() && !matches!(port.device, Device::Pci(_)) {
            let namespaces = elsewhere.get_or_insert_with(|| other_namespaces(machine));
            offload(machine, port, found, namespaces, findings);
        }
    }
}

/// The kernel interface that a port sits on or makes.
fn sits_on(machine: &Machine, port: &PortSettings) -> Option<String> {
    match &port.device {
        Device::Virtual { driver, args: _ } => {
            let uses =
                ["net_af_packet", "net_af_xdp", "net_tap"].iter().any(|it| driver.starts_with(it));
            port.device.interface().filter(|_| uses).map(str::to_owned)
        }
        // Only a driver that shares its device leaves an interface; the others' is theirs until they are bound anew.
        Device::Pci(address) => {
            let device = format!("/sys/bus/pci/devices/{address}");
            let driver = machine.link_name(&format!("{device}/driver"))?;
            let shares = driver.starts_with("mlx") || driver == "mana";
            machine.names(&format!("{device}/net")).into_iter().next().filter(|_| shares)
        }
    }
}

fn makes(port: &PortSettings) -> bool {
    matches!(&port.device, Device::Virtual { driver, .. } if driver.starts_with("net_tap"))
}

fn parse(text: &str) -> Option<Vec<Interface>> {
    serde_json::from_str(text).ok()
}

/// The daemon makes a tap itself, and refuses one that is there before.
fn tap(port: &PortSettings, name: &str, there: bool, runs: bool, findings: &mut Findings) {
    if there && !runs {
        let message = format!("{name} exists already, and the daemon is to make it");
        let remedy = format!("ip link delete dev {name}");
        findings.found(Level::Fault, Subject::Interface, message, remedy).at(&port.name);
    } else {
        let message =
            if there { "is made" } else { "is made by the daemon, and moved to where its host is" };
        findings.ok(Subject::Interface, format!("tap {name} {message}")).at(&port.name);
    }
}

fn way_around(machine: &Machine, port: &PortSettings, found: &Interface, findings: &mut Findings) {
    let name = &found.ifname;
    let mut clean = true;
    let mut report = |message: String, remedy: String| {
        let (level, message) = if port.allow_kernel_path {
            (Level::Warning, format!("{message} (allow_kernel_path permits it)"))
        } else {
            (Level::Fault, message)
        };
        clean = false;
        findings.found(level, Subject::Interface, message, remedy).at(&port.name);
    };
    // The daemon takes the link-local address away itself: the kernel gives one to every interface.
    for address in found.addr_info.iter().filter(|it| it.scope.as_deref() != Some("link")) {
        let Address { local: Some(local), prefixlen, scope: _ } = address else { continue };
        let whole = prefixlen.map_or_else(|| local.clone(), |length| format!("{local}/{length}"));
        report(
            format!("{name} has the address {whole}: traffic gets past the firewall by it"),
            format!("ip address delete {whole} dev {name}"),
        );
    }
    if let Some(master) = &found.master {
        report(
            format!("{name} belongs to {master}: traffic gets past the firewall by it"),
            format!("ip link set {name} nomaster"),
        );
    }
    if machine.number(&format!("/proc/sys/net/ipv4/conf/{name}/forwarding")) == Some(1) {
        report(
            format!("the kernel forwards what comes in by {name}, past the firewall"),
            format!("sysctl -w net.ipv4.conf.{name}.forwarding=0"),
        );
    }
    if !found.flags.iter().any(|flag| flag == "UP") {
        let message = format!("{name} is down");
        let remedy = format!("ip link set {name} up");
        findings.found(Level::Warning, Subject::Interface, message, remedy).at(&port.name);
    } else if clean {
        let message = format!("{name} is up, and no way around the firewall");
        findings.ok(Subject::Interface, message).at(&port.name);
    }
}

/// Another network namespace, and what `ip` says in it.
struct Namespace {
    /// A path that nsenter(1) takes.
    path: String,
    interfaces: Vec<Interface>,
}

impl Namespace {
    /// A command in it.
    fn words<'a>(option: &'a str, words: &[&'a str]) -> Vec<&'a str> {
        ["nsenter", option].iter().chain(words).copied().collect()
    }

    fn option(path: &str) -> String {
        format!("--net={path}")
    }
}

/// Namespaces that have a name or a process, each once, without our own.
fn other_namespaces(machine: &Machine) -> Vec<Namespace> {
    let named = machine.names("/run/netns").into_iter().map(|name| format!("/run/netns/{name}"));
    let numbers = machine.names("/proc").into_iter();
    let processes = numbers
        .filter(|name| name.bytes().all(|letter| letter.is_ascii_digit()))
        .map(|process| format!("/proc/{process}/ns/net"));
    let mut known: BTreeSet<u64> = machine.inode("/proc/self/ns/net").into_iter().collect();
    let mut found = Vec::new();
    for path in named.chain(processes) {
        if found.len() == NAMESPACES {
            break;
        }
        if !machine.inode(&path).is_some_and(|inode| known.insert(inode)) {
            continue;
        }
        let option = Namespace::option(&path);
        let shown = machine.ask(&Namespace::words(&option, &SHOW));
        let interfaces = shown.and_then(|text| parse(&text)).unwrap_or_default();
        found.push(Namespace { path, interfaces });
    }
    found
}

/// A host at the other end of a veth pair hands its frames over without checksums, as it would to a NIC that fills
/// them in. Drivers of DPDK take them as they are (af_packet, af_xdp), and the receiver drops them.
fn offload(
    machine: &Machine,
    port: &PortSettings,
    found: &Interface,
    namespaces: &[Namespace],
    findings: &mut Findings,
) {
    let mut ends: Vec<(Option<String>, String)> = Vec::new();
    if let Some(link) = &found.link {
        ends.push((None, link.clone()));
    }
    for namespace in namespaces {
        // Indexes are each namespace's own: both must fit, and several may, of which each is examined.
        let fits = |other: &&Interface| {
            other.is_veth()
                && Some(other.ifindex) == found.link_index
                && other.link_index == Some(found.ifindex)
        };
        let option = Namespace::option(&namespace.path);
        let fitting = namespace.interfaces.iter().filter(fits);
        ends.extend(fitting.map(|other| (Some(option.clone()), other.ifname.clone())));
    }
    if ends.is_empty() {
        let message = format!(
            "the other end of {} is in a namespace that was not found; TCP does not pass if its checksums are left to a NIC",
            found.ifname
        );
        let remedy = "where it is: ethtool -K INTERFACE tx off";
        findings.found(Level::Note, Subject::Offload, message, remedy).at(&port.name);
    }
    for (option, end) in ends {
        let within = |words: &[&str]| -> Vec<String> {
            let words = match &option {
                Some(option) => Namespace::words(option, words),
                None => words.to_vec(),
            };
            words.iter().map(|word| (*word).to_owned()).collect()
        };
        let ask = within(&["ethtool", "--show-offload", &end]);
        let ask: Vec<&str> = ask.iter().map(String::as_str).collect();
        let features = machine.ask(&ask);
        let on = features.as_deref().and_then(tx_checksum);
        let remedy = within(&["ethtool", "-K", &end, "tx", "off"]).join(" ");
        match on {
            Some(false) => {
                let message =
                    format!("{end}, the other end of {}, fills in its own checksums", found.ifname);
                findings.ok(Subject::Offload, message).at(&port.name);
            }
            Some(true) => {
                let message = format!(
                    "{end}, the other end of {}, leaves checksums to a NIC that there is not: TCP does not pass",
                    found.ifname
                );
                findings.found(Level::Fault, Subject::Offload, message, remedy).at(&port.name);
            }
            None => {
                let message = format!(
                    "`ethtool` is not there or says nothing of {end}, the other end of {}",
                    found.ifname
                );
                findings.found(Level::Note, Subject::Offload, message, remedy).at(&port.name);
            }
        }
    }
}

/// What ethtool(8) says of transmit checksums.
fn tx_checksum(features: &str) -> Option<bool> {
    let line = features.lines().find_map(|line| line.trim().strip_prefix("tx-checksumming:"))?;
    Some(line.trim().starts_with("on"))
}

impl Interface {
    fn is_veth(&self) -> bool {
        self.linkinfo.info_kind.as_deref() == Some("veth")
    }
}
