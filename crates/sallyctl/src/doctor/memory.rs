//! Hugepages, and what the kernel lets the daemon's process have.

use config::ValidConfig;

use super::cpu_set::named;
use super::finding::{Findings, Level, Subject};
use super::machine::Machine;
use super::processors::Processors;

const SIZES: &str = "/sys/kernel/mm/hugepages";
const NODES: &str = "/sys/devices/system/node";

/// Files that the daemon has open beside one for each hugepage.
const OTHER_FILES: u64 = 256;
/// CAP_IPC_LOCK: limits of locked memory do not hold for it.
const IPC_LOCK: u32 = 14;

/// The pages of one size.
#[derive(Clone, Copy, Debug)]
struct Pages {
    kib: u64,
    total: u64,
    free: u64,
}

/// Pages of every size in such a directory, the smallest first.
fn pages_in(machine: &Machine, directory: &str) -> Vec<Pages> {
    let pages = |name: &String| {
        let kib = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let read = |file: &str| machine.number(&format!("{directory}/{name}/{file}"));
        // Nodes have no file for pages that are promised.
        let promised = read("resv_hugepages").unwrap_or(0);
        let free = read("free_hugepages")?.saturating_sub(promised);
        Some(Pages { kib, total: read("nr_hugepages")?, free })
    };
    let mut sizes: Vec<Pages> = machine.names(directory).iter().filter_map(pages).collect();
    sizes.sort_unstable_by_key(|pages| pages.kib);
    sizes
}

/// Examines hugepages. A daemon that runs has its pages already, so that all count and not the free ones.
pub(super) fn hugepages(
    machine: &Machine,
    config: &ValidConfig,
    processors: &Processors,
    runs: bool,
    findings: &mut Findings,
) {
    let subject = Subject::Hugepages;
    if !config.system.hugepages {
        let message = "not used: hugepages = false in [system] takes ordinary memory";
        findings.found(
            Level::Note,
            subject,
            message,
            "hugepages = true in [system], on an appliance",
        );
        return;
    }
    let sizes = pages_in(machine, SIZES);
    let Some(&smallest) = sizes.first() else {
        let message = "this kernel has no hugepages";
        findings.found(Level::Fault, subject, message, "hugepages = false in [system]");
        return;
    };
    let mib = |count: fn(&Pages) -> u64| -> u64 {
        sizes.iter().map(|pages| count(pages) * pages.kib / 1024).sum()
    };
    let wanted = config.system.memory.div_ceil(1 << 20);
    let (there, word) = if runs {
        (mib(|pages| pages.total), "reserved")
    } else {
        (mib(|pages| pages.free), "free")
    };
    let in_words: Vec<String> = sizes
        .iter()
        .map(|Pages { kib, total, free }| format!("{free} of {total} pages of {kib} kB free"))
        .collect();
    let message = format!(
        "{wanted} MiB are needed (`memory` in [system]), {there} MiB are {word} ({})",
        in_words.join(", ")
    );
    if there < wanted {
        let Pages { kib, total, free: _ } = smallest;
        let missing = ((wanted - there) * 1024).div_ceil(kib);
        let remedy = format!("echo {} > {SIZES}/hugepages-{kib}kB/nr_hugepages", total + missing);
        findings.found(Level::Fault, subject, message, remedy);
    } else {
        findings.ok(subject, message);
    }
    if !runs {
        each_node(machine, wanted, processors, findings);
    }
    let mounted = machine.text("/proc/self/mounts").unwrap_or_default();
    let mount = mounted.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let path = words.next()?;
        (words.next()? == "hugetlbfs").then_some(path)
    });
    match mount {
        Some(path) => {
            findings.ok(subject, format!("hugetlbfs is mounted at {path}"));
        }
        None => {
            let message =
                "no hugetlbfs is mounted: Sallyport needs none, dpdk-testpmd and others do";
            let remedy =
                "mkdir -p /dev/hugepages && mount -t hugetlbfs -o pagesize=2M nodev /dev/hugepages";
            findings.found(Level::Note, subject, message, remedy);
        }
    }
}

/// A worker's tables and frame buffers are of its own node; DPDK takes what it wants of each.
fn each_node(machine: &Machine, wanted: u64, processors: &Processors, findings: &mut Findings) {
    let nodes = processors.nodes_of_workers();
    if nodes.len() < 2 && processors.nodes() < 2 {
        return;
    }
    let share = wanted.div_ceil(nodes.len().max(1) as u64);
    for node in nodes {
        let directory = format!("{NODES}/node{node}/hugepages");
        let sizes = pages_in(machine, &directory);
        let free: u64 = sizes.iter().map(|pages| pages.free * pages.kib / 1024).sum();
        let Some(&Pages { kib, total, .. }) = sizes.first() else { continue };
        let workers = named(&processors.workers_of(node));
        if free < share {
            let missing = ((share - free) * 1024).div_ceil(kib);
            findings.found(
                Level::Warning,
                Subject::Hugepages,
                format!(
                    "node {node} has {free} MiB free; its part of `memory` is {share} MiB, for the workers on {workers}"
                ),
                format!("echo {} > {directory}/hugepages-{kib}kB/nr_hugepages", total + missing),
            );
        }
    }
}

/// Examines the limits of the daemon's process or, if it does not run, those that it would get from this shell.
pub(super) fn limits(
    machine: &Machine,
    config: &ValidConfig,
    pid: Option<u32>,
    findings: &mut Findings,
) {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let whose =
        pid.map_or_else(|| "a daemon started here".to_owned(), |pid| format!("process {pid}"));
    let Some(limits) = machine.text(&format!("/proc/{process}/limits")) else {
        return;
    };
    let status = machine.text(&format!("/proc/{process}/status")).unwrap_or_default();
    let memory = config.system.memory;
    let locked = limit(&limits, "Max locked memory", Bound::Soft);
    let locks_freely = capabilities(&status) & (1 << IPC_LOCK) != 0;
    if let Some(bytes) = locked.filter(|&bytes| bytes < memory && !locks_freely) {
        let level = if pins_memory(config) { Level::Fault } else { Level::Note };
        let message = format!(
            "{whose} may lock {} KiB of memory; vfio-pci, mlx5 and af_xdp lock `memory`, {} KiB",
            bytes / 1024,
            memory / 1024
        );
        let remedy = "LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited` as root";
        findings.found(level, Subject::Limits, message, remedy);
    } else {
        findings.ok(Subject::Limits, format!("{whose} may lock all memory that it wants"));
    }
    if !config.system.hugepages {
        return;
    }
    // DPDK keeps a file for each page, and raises its limit to the hard one by itself.
    let Some(page) = pages_in(machine, SIZES).iter().find(|pages| pages.total > 0).copied() else {
        return;
    };
    let files = memory.div_ceil(page.kib * 1024) + OTHER_FILES;
    match limit(&limits, "Max open files", Bound::Hard) {
        Some(most) if most < files => {
            let message = format!(
                "{whose} may open {most} files; a file for each of its hugepages and some more make {files}"
            );
            let remedy =
                format!("LimitNOFILE={files} in the unit, or `ulimit -Hn {files}` as root");
            findings.found(Level::Fault, Subject::Limits, message, remedy);
        }
        Some(_) | None => {
            findings
                .ok(Subject::Limits, format!("{whose} may open the {files} files that it needs"));
        }
    }
}

/// Whether one of its drivers locks the memory that a device writes to.
fn pins_memory(config: &ValidConfig) -> bool {
    config.ports.iter().any(|port| match &port.device {
        config::Device::Pci(_) => true,
        config::Device::Virtual { driver, .. } => driver.starts_with("net_af_xdp"),
    })
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    Soft,
    Hard,
}

/// A limit in a proc_pid_limits(5); none: unlimited, or not there.
fn limit(limits: &str, name: &str, bound: Bound) -> Option<u64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words = rest.split_whitespace();
    let word = match bound {
        Bound::Soft => words.next(),
        Bound::Hard => words.nth(1),
    };
    word?.parse().ok()
}

/// The effective capabilities in a proc_pid_status(5); none: unknown.
fn capabilities(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok()).unwrap_or(0)
}
