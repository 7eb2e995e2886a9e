//! The CPUs: that those of the configuration exist, are the workers' alone, and sit beside their memory.

use std::collections::{BTreeMap, BTreeSet};

use config::{Device, Polling, ValidConfig};

use super::cpu_set::{CpuSet, named};
use super::finding::{Findings, Level, Subject};
use super::machine::Machine;

const CPUS: &str = "/sys/devices/system/cpu";
const NODES: &str = "/sys/devices/system/node";

/// What is known of the machine's CPUs, and which of them the configuration wants.
#[derive(Debug)]
pub(super) struct Processors {
    online: CpuSet,
    present: CpuSet,
    isolated: CpuSet,
    /// None: this kernel cannot stop its tick.
    tickless: Option<CpuSet>,
    /// Of each worker's CPU, the CPUs of the same physical core.
    siblings: BTreeMap<usize, CpuSet>,
    by_node: BTreeMap<u32, CpuSet>,
    control: usize,
    workers: CpuSet,
}

impl Processors {
    pub(super) fn read(machine: &Machine, config: &ValidConfig) -> Self {
        let list = |name: &str| machine.cpus(&format!("{CPUS}/{name}"));
        let workers: CpuSet = config.system.worker_cores.iter().copied().collect();
        let siblings_of = |cpu: usize| list(&format!("cpu{cpu}/topology/thread_siblings_list"));
        let node = |name: &String| {
            let number = name.strip_prefix("node")?.parse().ok()?;
            Some((number, machine.cpus(&format!("{NODES}/{name}/cpulist"))?))
        };
        Self {
            online: list("online").unwrap_or_default(),
            present: list("present").unwrap_or_default(),
            isolated: list("isolated").unwrap_or_default(),
            tickless: list("nohz_full"),
            siblings: workers.iter().filter_map(|cpu| Some((cpu, siblings_of(cpu)?))).collect(),
            by_node: machine.names(NODES).iter().filter_map(node).collect(),
            control: config.system.control_core,
            workers,
        }
    }

    /// How many NUMA nodes there are.
    pub(super) fn nodes(&self) -> usize {
        self.by_node.len()
    }

    /// The nodes that workers run on.
    pub(super) fn nodes_of_workers(&self) -> BTreeSet<u32> {
        self.workers.iter().filter_map(|cpu| self.node_of(cpu)).collect()
    }

    /// The workers' CPUs of a node.
    pub(super) fn workers_of(&self, node: u32) -> CpuSet {
        self.by_node.get(&node).map_or_else(CpuSet::default, |cpus| cpus.and(&self.workers))
    }

    /// The workers' CPUs that are on another node than this one.
    pub(super) fn workers_away_from(&self, node: u32) -> CpuSet {
        self.workers
            .iter()
            .filter(|&cpu| self.node_of(cpu).is_some_and(|own| own != node))
            .collect()
    }

    /// As many CPUs as there are workers, of one node, each of a physical core of its own where that is possible.
    pub(super) fn better_on(&self, machine: &Machine, node: u32) -> Vec<usize> {
        let cpus =
            self.by_node.get(&node).map_or_else(CpuSet::default, |cpus| cpus.and(&self.online));
        let mut taken = BTreeSet::from([self.control]);
        let mut chosen = Vec::new();
        for cpu in cpus.iter() {
            if taken.contains(&cpu) {
                continue;
            }
            let file = format!("{CPUS}/cpu{cpu}/topology/thread_siblings_list");
            taken.extend(machine.cpus(&file).unwrap_or_default().iter());
            chosen.push(cpu);
        }
        chosen.truncate(self.workers.iter().count());
        chosen
    }

    fn node_of(&self, cpu: usize) -> Option<u32> {
        self.by_node.iter().find(|(_, cpus)| cpus.contains(cpu)).map(|(&node, _)| node)
    }

    /// That they exist, and that the control core is none of the workers'.
    pub(super) fn existence(&self, findings: &mut Findings) {
        let Self { online, present, control, workers, .. } = self;
        if online.is_empty() {
            return;
        }
        let wanted: CpuSet = workers.iter().chain([*control]).collect();
        let absent = wanted.without(online);
        let asleep = absent.and(present);
        let missing = absent.without(present);
        if !missing.is_empty() {
            findings.found(
                Level::Fault,
                Subject::Cores,
                format!(
                    "[system] names {}, which this machine has not got; it has {online}",
                    named(&missing)
                ),
                format!("control_core and worker_cores in [system], of {online}"),
            );
        }
        for cpu in asleep.iter() {
            findings.found(
                Level::Fault,
                Subject::Cores,
                format!("[system] names CPU {cpu}, which is offline"),
                format!("echo 1 > {CPUS}/cpu{cpu}/online"),
            );
        }
        if workers.contains(*control) {
            let spare = online.iter().find(|cpu| !workers.contains(*cpu));
            findings.found(
                Level::Warning,
                Subject::Cores,
                format!(
                    "CPU {control} is the control core and a worker's: each takes the other's time"
                ),
                spare.map_or_else(
                    || "fewer worker_cores in [system]".to_owned(),
                    |cpu| format!("control_core = {cpu} in [system]"),
                ),
            );
        } else if absent.is_empty() {
            let message =
                format!("control core {control}, workers on {}, all online", named(workers));
            findings.ok(Subject::Cores, message);
        }
    }

    /// That the kernel keeps its own work off the workers' CPUs.
    pub(super) fn isolation(
        &self,
        machine: &Machine,
        config: &ValidConfig,
        findings: &mut Findings,
    ) {
        let Self { isolated, tickless, workers, .. } = self;
        let shared = workers.without(isolated);
        let ticking = tickless.as_ref().map(|tickless| workers.without(tickless));
        let mut faults = Vec::new();
        if !shared.is_empty() {
            faults.push(format!("other programs may run on {} (no isolcpus)", named(&shared)));
        }
        match &ticking {
            Some(ticking) if ticking.is_empty() => {}
            Some(ticking) => {
                faults.push(format!(
                    "the kernel's timer interrupts {} (no nohz_full)",
                    named(ticking)
                ));
            }
            None => faults
                .push("this kernel cannot stop its timer interrupt (CONFIG_NO_HZ_FULL)".into()),
        }
        if faults.is_empty() {
            findings.ok(
                Subject::Isolation,
                format!("{}: isolated, without timer interrupts", named(workers)),
            );
            return;
        }
        let hardware = config.ports.iter().any(|port| matches!(port.device, Device::Pci(_)));
        let mends = !shared.is_empty() || ticking.is_some_and(|ticking| !ticking.is_empty());
        let level = match config.system.polling {
            Polling::Busy if hardware && mends => Level::Warning,
            Polling::Busy | Polling::Adaptive => Level::Note,
        };
        let words = format!("isolcpus={workers} nohz_full={workers} rcu_nocbs={workers}");
        findings.found(level, Subject::Isolation, faults.join("; "), boot_with(machine, &words));
    }

    /// That no two of them are threads of one physical core.
    pub(super) fn siblings(&self, machine: &Machine, findings: &mut Findings) {
        let Self { siblings, workers, control, .. } = self;
        let busy: CpuSet = workers.iter().chain([*control]).collect();
        let mut pairs = BTreeSet::new();
        for cpus in siblings.values() {
            let shared = cpus.and(&busy);
            if shared.iter().count() > 1 {
                pairs.insert(shared.to_string());
            }
        }
        if pairs.is_empty() {
            if !siblings.is_empty() {
                findings.ok(Subject::Siblings, "every worker has a physical core of its own");
            }
            return;
        }
        let node = workers.iter().find_map(|cpu| self.node_of(cpu)).unwrap_or(0);
        let better = self.better_on(machine, node);
        let remedy = if better.len() == workers.iter().count() {
            format!("worker_cores = {better:?} in [system]")
        } else {
            "fewer worker_cores in [system]: there are not so many physical cores".to_owned()
        };
        let pairs: Vec<String> = pairs.into_iter().collect();
        let message = format!(
            "CPUs that are threads of one physical core slow each other: {}",
            pairs.join(" and ")
        );
        findings.found(Level::Warning, Subject::Siblings, message, remedy);
    }
}

/// The command that adds words to the kernel's command line.
pub(super) fn boot_with(machine: &Machine, words: &str) -> String {
    if machine.has("/etc/default/grub") {
        format!(
            "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&{words} /' /etc/default/grub && update-grub && reboot"
        )
    } else {
        format!("add to the kernel's command line and restart the machine: {words}")
    }
}
