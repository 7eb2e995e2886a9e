//! The start of the plane, step by step. Each step's work is undone when a later one fails, since everything
//! made here goes when it is dropped.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use dpdk::{BURST, Eal, EalConfig, LogLevel, Mempool, socket_of_core};
use engine::{Expectations, PortIndex, ShardConfig, Snapshot, WorkerId};

use crate::board::HitBoard;
use crate::claim::Claims;
use crate::clock::{Clock, Instants};
use crate::config::{Device, PlaneConfig};
use crate::cores;
use crate::crew::{Crew, Equipment, Recruit, mesh};
use crate::error::StartError;
use crate::footprint::{CACHE, Demand, MemoryShortage};
use crate::handle::Handle;
use crate::links::Links;
use crate::mailbox::Mailbox;
use crate::memory::SocketMemory;
use crate::outlet::Way;
use crate::plane::{Dataplane, Machinery};
use crate::polling::Pace;
use crate::port::{FoundPort, LivePort, ReadyPort, fault};
use crate::rights;
use crate::sockets::Places;

/// Workers that DPDK can number beside the control thread (RTE_MAX_LCORE is 128).
const MOST_WORKERS: usize = 127;

const _: () = assert!(BURST == engine::BURST, "a received burst is judged in one go");

impl Dataplane {
    /// Starts DPDK, ports and workers. The calling thread becomes the control core's and is pinned to it. No
    /// port receives before every worker holds the snapshot. It can be called once in a process's life.
    ///
    /// # Errors
    /// Whatever is missing is named with its remedy, and nothing is left behind.
    pub fn start(config: &PlaneConfig, snapshot: &Arc<Snapshot>) -> Result<Self, StartError> {
        let policy = snapshot.topology.ports().len();
        if policy != config.ports.len() {
            return Err(StartError::Topology { policy, configured: config.ports.len() });
        }
        let workers = u16::try_from(config.worker_cores.len())
            .ok()
            .filter(|&workers| workers > 0 && usize::from(workers) <= MOST_WORKERS)
            .ok_or(StartError::Workers(config.worker_cores.len()))?;
        cores::check(config)?;
        for port in &config.ports {
            rights::check(port).map_err(|missing| fault(port)(missing.into()))?;
        }
        let before = Instants::now();
        let eal = Eal::start(&eal_config(config))?;
        let found = find_ports(&eal, config, workers)?;
        let sockets = sockets(config);
        let places = Places {
            ports: found.iter().map(FoundPort::place).collect(),
            workers: config.worker_cores.clone(),
            control: config.control_core,
            cores: cores::allowed()
                .unwrap_or_default()
                .into_iter()
                .filter_map(|core| Some((core, socket_of_core(core)?)))
                .collect(),
        };
        let plans: Vec<_> = found.iter().map(|port| port.plan).collect();
        let demand = Demand {
            workers,
            limits: &snapshot.limits,
            ports: &plans,
            mtu: config.ports.iter().map(|port| port.mtu).max().unwrap_or(0),
            pools: u16::try_from(distinct(&sockets).len()).unwrap_or(u16::MAX),
            hugepages: config.hugepages,
            events: config.events,
        };
        let footprint = demand.footprint();
        if footprint.from_dpdk() > config.memory {
            let shortage =
                MemoryShortage { footprint, memory: config.memory, hugepages: config.hugepages };
            return Err(shortage.into());
        }
        let pools = make_pools(&eal, &demand, &sockets)?;
        let pool_of = |worker: usize| -> Option<&Mempool> {
            let socket = sockets.get(worker)?;
            pools.iter().find(|pool| pool.0 == *socket).map(|pool| &pool.1)
        };
        let pools_by_worker: Vec<Mempool> =
            (0..sockets.len()).filter_map(pool_of).cloned().collect();
        let ready = configure_ports(&eal, found, &pools_by_worker)?;
        let own_macs: Vec<_> = ready.iter().map(ReadyPort::own_mac).collect();

        let expectations = Expectations::new(workers, engine::EXPECTATIONS, getrandom::u64()?);
        let expectations = Arc::new(expectations);
        let clock = Clock::start(before);
        let mut handles = Vec::new();
        let mut recruits = Vec::new();
        let rings = mesh(&eal, &sockets, demand.ring_capacity())?;
        let members = config.worker_cores.iter().zip(&sockets).zip(rings).zip(pools_by_worker);
        for (id, (((core, socket), (to_others, from_others)), pool)) in (0..).zip(members) {
            let mailbox = Arc::new(Mailbox::new(workers, config.events));
            let hits = Arc::new(HitBoard::new(snapshot.rule_count));
            let worker = WorkerId(id);
            handles.push(Handle::new(worker, *core, Arc::clone(&mailbox), Arc::clone(&hits)));
            recruits.push(Recruit {
                core: *core,
                shard: ShardConfig {
                    worker,
                    workers,
                    share: workers,
                    seed: getrandom::u64()?,
                    own_macs: own_macs.clone(),
                    fragments: demand.fragments(),
                    tombstones: demand.tombstones(),
                    expectations: Arc::clone(&expectations),
                    pickup_until: engine::Time::ZERO + config.pickup_after_start,
                },
                snapshot: Arc::clone(snapshot),
                memory: SocketMemory { eal: eal.clone(), socket: *socket },
                pool,
                to_others,
                from_others,
                mailbox,
                hits,
                clock,
                pace: Pace::new(config.polling),
            });
        }
        let crew = Crew::muster(recruits)?;
        ready.iter().try_for_each(ReadyPort::close_kernel_path)?;
        let (ports, equipment) = start_ports(ready, workers)?;
        crew.begin(equipment);
        let links = Links::new(&snapshot.topology);
        let machinery = Mutex::new(Some(Machinery { crew, ports, links, pools, eal }));
        let misplacement = places.misplacement();
        Ok(Self { clock, workers: handles, footprint, misplacement, machinery })
    }
}

fn eal_config(config: &PlaneConfig) -> EalConfig {
    let pci = config.ports.iter().filter_map(|port| match &port.device {
        Device::Pci(address) => Some(address.clone()),
        Device::Virtual { .. } => None,
    });
    EalConfig {
        control_core: config.control_core,
        hugepages: config.hugepages,
        memory_mib: u32::try_from(config.memory.div_ceil(1 << 20)).unwrap_or(u32::MAX),
        pci: pci.collect(),
        extra_args: config.eal_args.clone(),
        file_prefix: None,
        log_level: LogLevel::Warning,
    }
}

/// Of each worker, the socket whose memory it uses. Ordinary memory has none.
fn sockets(config: &PlaneConfig) -> Vec<Option<u32>> {
    let cores = config.worker_cores.iter();
    cores.map(|&core| socket_of_core(core).filter(|_| config.hugepages)).collect()
}

fn distinct(sockets: &[Option<u32>]) -> BTreeSet<Option<u32>> {
    sockets.iter().copied().collect()
}

fn find_ports(eal: &Eal, config: &PlaneConfig, workers: u16) -> Result<Vec<FoundPort>, StartError> {
    let mut claims = Claims::default();
    let mut turn = 0;
    let mut found = Vec::with_capacity(config.ports.len());
    for port in &config.ports {
        let next = FoundPort::find(eal, port, workers, turn, &mut claims).map_err(fault(port))?;
        turn = next.plan.next_turn(workers, turn);
        found.push(next);
    }
    Ok(found)
}

fn make_pools(
    eal: &Eal,
    demand: &Demand<'_>,
    sockets: &[Option<u32>],
) -> Result<Vec<(Option<u32>, Mempool)>, StartError> {
    let count = u32::try_from(demand.mbufs()).unwrap_or(u32::MAX);
    let mut pools = Vec::new();
    for socket in distinct(sockets) {
        let name = socket.map_or_else(|| "frames".to_owned(), |socket| format!("frames-{socket}"));
        let pool = Mempool::new(eal, &name, count, CACHE, demand.data_room(), socket)?;
        pools.push((socket, pool));
    }
    Ok(pools)
}

fn configure_ports(
    eal: &Eal,
    found: Vec<FoundPort>,
    pools: &[Mempool],
) -> Result<Vec<ReadyPort>, StartError> {
    let mut ready = Vec::with_capacity(found.len());
    for port in found {
        let as_error = fault(port.config());
        ready.push(port.configure(eal, pools).map_err(as_error)?);
    }
    Ok(ready)
}

/// Starts the ports and deals their queues out to the workers.
fn start_ports(
    ready: Vec<ReadyPort>,
    workers: u16,
) -> Result<(Vec<LivePort>, Vec<Equipment>), StartError> {
    let mut ports = Vec::with_capacity(ready.len());
    let mut equipment: Vec<Equipment> =
        (0..workers).map(|_| Equipment { queues: Vec::new(), ways: Vec::new() }).collect();
    for (port, index) in ready.into_iter().zip(0..=u8::MAX) {
        let plan = port.plan();
        let (live, rx, tx) = port.start()?;
        ports.push(live);
        for queue in rx {
            let worker = plan.worker_of(queue.queue(), workers);
            if let Some(equipment) = equipment.get_mut(worker.index()) {
                equipment.queues.push((PortIndex(index), queue));
            }
        }
        for (equipment, worker) in equipment.iter_mut().zip(0..) {
            let sender = plan.sender_for(WorkerId(worker), workers);
            equipment.ways.push(Way::Through(sender));
        }
        for queue in tx {
            let worker = plan.worker_of(queue.queue(), workers);
            let equipment = equipment.get_mut(worker.index());
            if let Some(way) = equipment.and_then(|equipment| equipment.ways.last_mut()) {
                *way = Way::Own(queue);
            }
        }
    }
    Ok((ports, equipment))
}
