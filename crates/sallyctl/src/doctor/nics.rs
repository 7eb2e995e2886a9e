//! PCI devices: which driver has them, what keeps them in their bounds, and on whose socket they sit.

use config::{Device, ValidConfig};

use super::finding::{Findings, Level, Subject};
use super::machine::Machine;
use super::processors::{Processors, boot_with};

const DEVICES: &str = "/sys/bus/pci/devices";
const GROUPS: &str = "/sys/kernel/iommu_groups";
const NOIOMMU: &str = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";

/// Drivers of the kernel that serve DPDK beside themselves.
const SHARING: [&str; 3] = ["mlx4_core", "mlx5_core", "mana"];
/// Drivers that give DPDK the whole device, without an IOMMU's bounds.
const UIO: [&str; 3] = ["uio_pci_generic", "igb_uio", "uio_hv_generic"];
/// Drivers that keep a device from nobody else in its IOMMU group (the kernel's vfio.rst).
const HARMLESS: [&str; 3] = ["vfio-pci", "pci-stub", "pcieport"];

/// Examines every PCI device of the configuration.
pub(super) fn nics(
    machine: &Machine,
    config: &ValidConfig,
    processors: &Processors,
    findings: &mut Findings,
) {
    let mut behind_vfio = Vec::new();
    for port in &config.ports {
        let Device::Pci(address) = &port.device else { continue };
        let driver = binding(machine, &port.name, address, findings);
        if matches!(driver, Bound::Vfio | Bound::Waiting) {
            behind_vfio.push((port.name.as_str(), address.as_str()));
        }
        if !matches!(driver, Bound::Absent) {
            socket(machine, &port.name, address, processors, findings);
        }
    }
    if !behind_vfio.is_empty() {
        iommu(machine, &behind_vfio, findings);
    }
}

/// Which driver has a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// There is no such device.
    Absent,
    /// vfio-pci.
    Vfio,
    /// None that DPDK could use: vfio-pci is to have it.
    Waiting,
    /// Another that DPDK can use.
    Other,
}

fn binding(machine: &Machine, port: &str, address: &str, findings: &mut Findings) -> Bound {
    let subject = Subject::Binding;
    let device = format!("{DEVICES}/{address}");
    if !machine.has(&device) {
        let message = format!("there is no PCI device {address}");
        let remedy = "dpdk-devbind.py --status-dev net";
        findings.found(Level::Fault, subject, message, remedy).at(port);
        return Bound::Absent;
    }
    // 0x02xxxx: network controllers.
    let class = machine.text(&format!("{device}/class")).unwrap_or_default();
    if !class.is_empty() && !class.starts_with("0x02") {
        let message = format!("{address} is no network device (class {class})");
        let remedy = "dpdk-devbind.py --status-dev net";
        findings.found(Level::Fault, subject, message, remedy).at(port);
    }
    let driver = machine.link_name(&format!("{device}/driver"));
    match driver.as_deref() {
        Some("vfio-pci") => {
            findings.ok(subject, format!("{address} is bound to vfio-pci")).at(port);
            Bound::Vfio
        }
        Some(driver) if SHARING.contains(&driver) => {
            let message = format!("{address} stays with its kernel driver {driver}, as it must");
            findings.ok(subject, message).at(port);
            Bound::Other
        }
        Some(driver) if UIO.contains(&driver) => {
            let message = format!(
                "{address} is bound to {driver}, which lets the device write to all memory; vfio-pci does not"
            );
            findings.found(Level::Note, subject, message, bind(machine, address)).at(port);
            Bound::Other
        }
        Some(driver) => {
            let interfaces = machine.names(&format!("{device}/net")).join(", ");
            let of = if interfaces.is_empty() { interfaces } else { format!(" as {interfaces}") };
            let message = format!(
                "{address} is bound to the kernel's driver {driver}{of}; if you manage this machine over it, \
                 choose another"
            );
            findings.found(Level::Fault, subject, message, bind(machine, address)).at(port);
            Bound::Waiting
        }
        None => {
            let message = format!("{address} is bound to no driver");
            findings.found(Level::Fault, subject, message, bind(machine, address)).at(port);
            Bound::Waiting
        }
    }
}

/// The command that gives a device to vfio-pci.
fn bind(machine: &Machine, address: &str) -> String {
    let load =
        if machine.has("/sys/bus/pci/drivers/vfio-pci") { "" } else { "modprobe vfio-pci && " };
    format!("{load}dpdk-devbind.py --bind=vfio-pci {address}")
}

fn iommu(machine: &Machine, ports: &[(&str, &str)], findings: &mut Findings) {
    let subject = Subject::Iommu;
    let grouped = machine.names(GROUPS).len();
    if grouped == 0 {
        // The kernel writes Y and N for such switches.
        let without = machine.text(NOIOMMU).is_some_and(|text| text == "Y" || text == "1");
        let amd = machine.text("/proc/cpuinfo").is_some_and(|text| text.contains("AuthenticAMD"));
        let words = if amd { "amd_iommu=on iommu=pt" } else { "intel_iommu=on iommu=pt" };
        let on = format!("VT-d or AMD-Vi on in the firmware, then: {}", boot_with(machine, words));
        let (level, message, remedy) = if without {
            let message =
                "no IOMMU, and vfio-pci is told to work without: a device can write to all memory";
            (Level::Warning, message, on)
        } else {
            let message = "no IOMMU is in use, and vfio-pci gives out no device without one";
            (Level::Fault, message, format!("{on}; or, unsafe: echo Y > {NOIOMMU}"))
        };
        findings.found(level, subject, message, remedy);
        return;
    }
    findings.ok(subject, format!("an IOMMU is in use, {grouped} groups"));
    for &(port, address) in ports {
        let Some(group) = machine.link_name(&format!("{DEVICES}/{address}/iommu_group")) else {
            let message = format!("{address} is in no IOMMU group");
            let remedy = "another slot, or VT-d or AMD-Vi on in the firmware";
            findings.found(Level::Fault, subject, message, remedy).at(port);
            continue;
        };
        for other in machine.names(&format!("{GROUPS}/{group}/devices")) {
            let device = format!("{DEVICES}/{other}");
            // Bridges are the way to the device, and none of its rivals.
            let bridge =
                machine.text(&format!("{device}/class")).is_some_and(|it| it.starts_with("0x0604"));
            let driver = machine.link_name(&format!("{device}/driver"));
            let Some(driver) = driver.filter(|it| !bridge && !HARMLESS.contains(&it.as_str()))
            else {
                continue;
            };
            if ports.iter().any(|&(_, own)| own == other) {
                // Said where its binding is.
                continue;
            }
            let message = format!(
                "{other} is in the IOMMU group of {address} ({group}) and bound to {driver}: vfio-pci gives out \
                 a whole group or nothing"
            );
            let remedy = format!("dpdk-devbind.py --unbind {other}");
            findings.found(Level::Fault, subject, message, remedy).at(port);
        }
    }
}

fn socket(
    machine: &Machine,
    port: &str,
    address: &str,
    processors: &Processors,
    findings: &mut Findings,
) {
    // Without nodes the kernel says -1.
    let Some(node) = machine
        .number(&format!("{DEVICES}/{address}/numa_node"))
        .and_then(|node| u32::try_from(node).ok())
    else {
        return;
    };
    if processors.nodes() < 2 {
        return;
    }
    let away = processors.workers_away_from(node);
    if away.is_empty() {
        let message = format!("{address} and all workers are on node {node}");
        findings.ok(Subject::Socket, message).at(port);
        return;
    }
    let better = processors.better_on(machine, node);
    let message = format!(
        "{address} is on node {node}, {} on another: every frame crosses between them",
        super::cpu_set::named(&away)
    );
    let remedy = format!("worker_cores = {better:?} in [system]");
    findings.found(Level::Warning, Subject::Socket, message, remedy).at(port);
}
