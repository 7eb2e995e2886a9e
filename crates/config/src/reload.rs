//! What a running box cannot take over from a newer configuration.

use crate::valid::{
    LogSettings, MetricsSettings, PortSettings, SessionSettings, SystemSettings, ValidConfig,
};

impl ValidConfig {
    /// The keys that differ from `newer` and are read at the start only: a reload that changes one of
    /// them is refused. Empty: `newer` can be taken over while running.
    #[must_use]
    pub fn restart_needed(&self, newer: &Self) -> Vec<String> {
        let Self {
            system,
            metrics,
            sessions: SessionSettings { max, ipv6, per_source: _, embryonic: _ },
            timeouts: _,
            screens: _,
            log: LogSettings { output, queue },
            ports,
            topology: _,
            policy: _,
            text: _,
        } = self;
        let mut changed = Changed::default();
        changed.system(system, &newer.system);
        changed.metrics(metrics.as_ref(), newer.metrics.as_ref());
        changed.note("sessions.max", *max == newer.sessions.max);
        // Left out, it is as much as `max`, whose change is named already.
        let same_max = *max == newer.sessions.max;
        changed.note("sessions.ipv6", !same_max || *ipv6 == newer.sessions.ipv6);
        changed.note("log.output", *output == newer.log.output);
        changed.note("log.queue", *queue == newer.log.queue);
        changed.ports(ports, &newer.ports);
        changed.wires(self, newer);
        changed.0
    }
}

#[derive(Default)]
struct Changed(Vec<String>);

impl Changed {
    fn note(&mut self, key: impl Into<String>, same: bool) {
        if !same {
            self.0.push(key.into());
        }
    }

    fn system(&mut self, old: &SystemSettings, new: &SystemSettings) {
        let SystemSettings {
            control_core,
            worker_cores,
            hugepages,
            memory,
            polling,
            socket,
            socket_group,
            admin_group,
            state_dir,
            stall_timeout,
            pickup_after_start,
            eal_args,
        } = old;
        self.note("system.control_core", *control_core == new.control_core);
        self.note("system.worker_cores", *worker_cores == new.worker_cores);
        self.note("system.hugepages", *hugepages == new.hugepages);
        self.note("system.memory", *memory == new.memory);
        self.note("system.polling", *polling == new.polling);
        self.note("system.socket", *socket == new.socket);
        self.note("system.socket_group", *socket_group == new.socket_group);
        self.note("system.admin_group", *admin_group == new.admin_group);
        self.note("system.state_dir", *state_dir == new.state_dir);
        self.note("system.stall_timeout", *stall_timeout == new.stall_timeout);
        self.note("system.pickup_after_start", *pickup_after_start == new.pickup_after_start);
        self.note("system.eal_args", *eal_args == new.eal_args);
    }

    fn metrics(&mut self, old: Option<&MetricsSettings>, new: Option<&MetricsSettings>) {
        let (Some(old), Some(new)) = (old, new) else {
            return self.note("metrics", old.is_none() && new.is_none());
        };
        let MetricsSettings { listen, rules } = old;
        self.note("metrics.listen", *listen == new.listen);
        self.note("metrics.rules", *rules == new.rules);
    }

    /// The order of the ports counts: their indices are all over the running box.
    fn ports(&mut self, old: &[PortSettings], new: &[PortSettings]) {
        for index in 0..old.len().max(new.len()) {
            let (old, new) = match (old.get(index), new.get(index)) {
                (Some(old), Some(new)) if old.name == new.name => (old, new),
                (Some(one), _) | (None, Some(one)) => {
                    self.note(format!("port.{}", one.name), false);
                    continue;
                }
                (None, None) => continue,
            };
            let PortSettings { name, device, mtu, queues, allow_kernel_path } = old;
            self.note(format!("port.{name}.device"), *device == new.device);
            self.note(format!("port.{name}.mtu"), *mtu == new.mtu);
            self.note(format!("port.{name}.queues"), *queues == new.queues);
            let same = *allow_kernel_path == new.allow_kernel_path;
            self.note(format!("port.{name}.allow_kernel_path"), same);
        }
    }

    fn wires(&mut self, old: &ValidConfig, new: &ValidConfig) {
        let (old_wires, new_wires) = (old.topology.wires(), new.topology.wires());
        for index in 0..old_wires.len().max(new_wires.len()) {
            let same = old_wires.get(index) == new_wires.get(index);
            self.note(format!("wire[{index}]"), same);
        }
    }
}
