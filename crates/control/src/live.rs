//! The plane of the daemon: DPDK's ports and the worker threads, seen as a [`Plane`].

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use api::{PortStats, PortSteering};
use config::ValidConfig;
use dataplane::{
    Dataplane, PlaneConfig, PortConfig, PortStatus, RssGrant, StartError, Steering, WorkerStatus,
};
use engine::{Event, Snapshot, Time, WorkerId};

use crate::plane::{
    BufferReading, Heartbeat, Part, Plane, PortNews, PortReading, Question, Reading, ResetWanted,
    WorkerReading,
};

/// Ports and workers at work. Dropping it stops them.
#[derive(Debug)]
pub struct LivePlane(Dataplane);

impl LivePlane {
    /// Pins the calling thread to the control core, then starts DPDK, the ports and the workers with a
    /// first policy. It can be done once in a process's life.
    ///
    /// # Errors
    /// What is missing, with its remedy; nothing is left running then.
    pub fn start(config: &ValidConfig, snapshot: &Arc<Snapshot>) -> Result<Self, StartError> {
        let plane = Dataplane::start(&plane_config(config), snapshot)?;
        log::info!("memory: {}", plane.footprint());
        if let Some(misplacement) = plane.misplacement() {
            log::warn!("{misplacement}");
        }
        for port in plane.ports() {
            announce(&port);
        }
        Ok(Self(plane))
    }

    /// Sets the links down, lets what is on its way finish, ends the workers and closes the ports. Says
    /// in the log what did not end as it should. Only the first call does anything.
    ///
    /// Returns whether all has ended in order.
    pub fn stop(&self) -> bool {
        let Some(summary) = self.0.stop() else { return true };
        for worker in &summary.stuck {
            log::error!("worker {} did not end", worker.0);
        }
        if let Err(error) = &summary.dpdk {
            log::warn!("{error}");
        }
        summary.stuck.is_empty()
    }
}

/// Says what a port is, and what of it keeps a wire from working.
fn announce(port: &PortStatus) {
    let PortStatus { name, driver, device, rx_queues, tx_queues, steering, .. } = port;
    log::info!(
        "port {name}: {device}, driver {driver}, queues {rx_queues} rx {tx_queues} tx, steering {steering}"
    );
    if !port.promiscuous {
        log::warn!(
            "port {name}: the device takes no frames that are for others; no wire works over it"
        );
    }
    if port.kernel_path_allowed {
        log::warn!("port {name}: allow_kernel_path permits a way around the firewall");
    }
}

fn plane_config(config: &ValidConfig) -> PlaneConfig {
    let system = &config.system;
    let port = |port: &config::PortSettings| PortConfig {
        name: port.name.clone(),
        device: match &port.device {
            config::Device::Pci(address) => dataplane::Device::Pci(address.clone()),
            config::Device::Virtual { driver, args } => {
                dataplane::Device::Virtual { driver: driver.clone(), args: args.clone() }
            }
        },
        mtu: port.mtu,
        queues: port.queues,
        allow_kernel_path: port.allow_kernel_path,
    };
    PlaneConfig {
        control_core: core(system.control_core),
        worker_cores: system.worker_cores.iter().copied().map(core).collect(),
        hugepages: system.hugepages,
        memory: system.memory,
        polling: match system.polling {
            config::Polling::Busy => dataplane::Polling::Busy,
            config::Polling::Adaptive => dataplane::Polling::Adaptive,
        },
        pickup_after_start: system.pickup_after_start,
        events: config.log.queue,
        eal_args: system.eal_args.clone(),
        ports: config.ports.iter().map(port).collect(),
    }
}

/// A CPU's number; the configuration holds it far below the end of either type.
fn core(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Plane for LivePlane {
    fn read(&self) -> Reading {
        let workers = self.0.workers();
        let buffers = self.0.mbufs().into_iter().map(|pool| BufferReading {
            socket: pool.socket,
            in_use: u64::from(pool.in_use),
            total: u64::from(pool.total),
        });
        Reading {
            in_rings: workers.iter().map(|worker| worker.in_rings).sum(),
            workers: workers.into_iter().map(worker).collect(),
            ports: self.0.ports().into_iter().map(port).collect(),
            buffers: buffers.collect(),
        }
    }

    fn heartbeats(&self) -> Vec<Heartbeat> {
        let workers = self.0.workers().into_iter();
        workers
            .map(|WorkerStatus { worker, core, heartbeat_age: age, .. }| Heartbeat {
                worker,
                core,
                age,
            })
            .collect()
    }

    fn tend(&self) -> Result<Vec<PortNews>, ResetWanted> {
        self.0.tend()
    }

    fn now(&self) -> Time {
        self.0.now()
    }

    fn publish(&self, snapshot: Arc<Snapshot>) {
        self.0.publish(&snapshot);
    }

    fn reap(&self) -> Vec<Duration> {
        self.0.reap()
    }

    fn ask(&self, worker: WorkerId, question: Question) -> Receiver<Part> {
        self.0.ask(worker, question)
    }

    fn events(&self, most: usize, take: &mut dyn FnMut(&Event)) {
        self.0.events(most, take);
    }

    fn cut(&self) {
        let down = self.0.cut();
        log::warn!("links set down: {down}");
    }

    fn cut_in_panic(&self) -> Option<usize> {
        self.0.cut_in_panic()
    }
}

fn worker(status: WorkerStatus) -> WorkerReading {
    let WorkerStatus {
        worker,
        core,
        counters,
        forwarded,
        tx_full,
        handover_full,
        made_lost,
        in_rings: _,
        events_lost,
        generation,
        heartbeat_age,
        busy,
        idle,
        rule_hits,
        arrivals,
        skew,
        half_open,
    } = status;
    WorkerReading {
        worker,
        core,
        counters,
        forwarded,
        tx_full,
        handover_full,
        made_lost,
        generation,
        heartbeat_age,
        busy,
        idle,
        events_lost,
        rule_hits,
        arrivals,
        skew,
        half_open,
    }
}

fn port(status: PortStatus) -> PortReading {
    let PortStatus {
        port,
        name,
        device,
        driver,
        mac,
        link,
        mtu,
        rx_queues,
        tx_queues,
        socket,
        steering,
        promiscuous: _,
        kernel_path_allowed,
        gone,
        held_down,
        stats,
    } = status;
    let dataplane::PortStats {
        rx_packets,
        tx_packets,
        rx_bytes,
        tx_bytes,
        rx_missed,
        rx_errors,
        tx_errors,
        rx_no_mbuf,
    } = stats;
    let speed = link.and_then(|link| link.mbit_per_second);
    PortReading {
        port,
        name,
        device,
        driver,
        mac,
        // A driver that does not say has a link that nobody can pull.
        link_up: link.is_none_or(|link| link.up),
        speed_bits_per_second: speed.map(|speed| u64::from(speed) * 1_000_000),
        mtu,
        rx_queues,
        tx_queues,
        socket,
        rss: steering.to_string(),
        steering: steering_in_parts(&steering),
        kernel_path_allowed,
        gone,
        held_down,
        stats: PortStats {
            rx_packets,
            rx_bytes,
            tx_packets,
            tx_bytes,
            rx_missed,
            rx_no_mbuf,
            rx_errors,
            tx_errors,
        },
    }
}

fn steering_in_parts(steering: &Steering) -> PortSteering {
    let (by, reason) = match steering {
        Steering::OneWorker => ("none", None),
        Steering::Hardware(_) => ("hardware", None),
        Steering::Software { reason, rss: _ } => ("software", Some(reason.to_string())),
    };
    let parts = PortSteering { by: by.to_owned(), reason, ..PortSteering::default() };
    let Some(RssGrant { key_len, key, asked, granted, table_len, table, left }) = steering.rss()
    else {
        return parts;
    };
    PortSteering {
        key_bytes: *key_len as u64,
        key: key.name().to_owned(),
        asked: asked.names().map(str::to_owned).collect(),
        granted: granted.names().map(str::to_owned).collect(),
        table_entries: *table_len,
        table: table.name().to_owned(),
        left_to_software: left.iter().map(|kind| kind.name.to_owned()).collect(),
        ..parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn the_configuration_reaches_the_plane() {
        let text = fake::CONFIG
            .replace("worker_cores = [1, 2]", "worker_cores = [3, 5]\nhugepages = false\npolling = \"adaptive\"\nmemory = \"256MiB\"")
            .replace("name = \"lan0\"", "name = \"lan0\"\nmtu = 9000")
            .replace("name = \"wan0\"", "name = \"wan0\"\nmtu = 9000\nqueues = 1\nallow_kernel_path = true")
            .replace("net_tap,iface=wan0", "0000:3b:00.1");
        let loaded = config::parse(&text, "sallyport.toml");
        let config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
        let plane = plane_config(&config);
        let port = |name: &str, device, mtu, queues, allow_kernel_path| PortConfig {
            name: name.to_owned(),
            device,
            mtu,
            queues,
            allow_kernel_path,
        };
        let lan = dataplane::Device::parse("net_tap,iface=lan0");
        let wan = dataplane::Device::parse("0000:3b:00.1");
        assert_eq!(
            plane,
            PlaneConfig {
                control_core: 0,
                worker_cores: vec![3, 5],
                hugepages: false,
                memory: 256 << 20,
                polling: dataplane::Polling::Adaptive,
                pickup_after_start: Duration::ZERO,
                events: 65_536,
                eal_args: Vec::new(),
                ports: vec![port("lan0", lan, 9000, 0, false), port("wan0", wan, 9000, 1, true)],
            }
        );
    }
}
