//! The ports: attached, checked, configured, started, looked at.

use dpdk::{
    DeviceEvents, DeviceInfo, Eal, EthPort, EthPortId, Granted, Link, Mempool, PortStats,
    RssConfig, RssInForce, RssTypes, Started,
};
use engine::PortIndex;

use crate::claim::{self, Claim, Claims};
use crate::config::{Device, PortConfig};
use crate::error::{PortFault, StartError};
use crate::footprint::DESCRIPTORS;
use crate::kernel_path::{self, KernelPathError};
use crate::links::{Links, Seen};
use crate::queues::QueuePlan;
use crate::rss::{Abilities, Plan, Readback, RssGrant, SoftwareReason, Steering};
use crate::rtnetlink;

/// A device that DPDK knows under the port's name, and that is forgotten when this is dropped.
#[derive(Debug)]
struct Attached {
    eal: Eal,
    name: String,
    /// This process made it.
    made: bool,
    /// Of its kernel interface; let go when the device is.
    claim: Option<Claim>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.made {
            // One that cannot be removed ends with the process; nobody is left to be told.
            self.eal.detach(&self.name).ok();
        }
    }
}

/// A port that is found and examined, and not yet configured.
#[derive(Debug)]
pub(crate) struct FoundPort {
    config: PortConfig,
    id: EthPortId,
    info: DeviceInfo,
    pub(crate) plan: QueuePlan,
    workers: u16,
    /// A kernel interface that must be no way around.
    to_close: Option<String>,
    /// The kernel interface by which a device without a link of its own is connected.
    wire: Option<rtnetlink::Interface>,
    device: Attached,
}

/// A port that is ready to start.
#[derive(Debug)]
pub(crate) struct ReadyPort {
    port: EthPort<dpdk::Configured>,
    facts: Facts,
    to_close: Option<String>,
    device: Attached,
}

/// A port that receives.
#[derive(Debug)]
pub(crate) struct LivePort {
    // The fields go in this order: the port is closed, then its device removed.
    port: EthPort<Started>,
    facts: Facts,
    _device: Attached,
}

#[derive(Debug)]
struct Facts {
    config: PortConfig,
    info: DeviceInfo,
    plan: QueuePlan,
    workers: u16,
    granted: Granted,
    /// What was asked of its receive-side scaling.
    rss: Option<RssConfig>,
    steering: Steering,
    wire: Option<rtnetlink::Interface>,
}

/// A port as it is now.
#[derive(Clone, Debug)]
pub struct PortStatus {
    /// Which.
    pub port: PortIndex,
    /// Its name.
    pub name: String,
    /// Its device, as configured.
    pub device: String,
    /// The driver.
    pub driver: String,
    /// Its hardware address; zeros if the driver does not say.
    pub mac: [u8; 6],
    /// Its link; none if the driver does not say.
    pub link: Option<Link>,
    /// The longest IP packet.
    pub mtu: u16,
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// NUMA socket of the device.
    pub socket: Option<u32>,
    /// How frames come to their owner.
    pub steering: Steering,
    /// Whether frames for others are received, without which a wire does not work.
    pub promiscuous: bool,
    /// Whether the operator allowed a way around through the kernel.
    pub kernel_path_allowed: bool,
    /// Whether its device was pulled. The port stays out of use until a restart.
    pub gone: bool,
    /// Whether its link is held down on account of the port at the other end of its wire.
    pub held_down: bool,
    /// What the device counted.
    pub stats: PortStats,
}

/// Turns a port's fault into the error of the start.
pub(crate) fn fault(config: &PortConfig) -> impl Fn(PortFault) -> StartError + use<> {
    let (port, device) = (config.name.clone(), config.device.to_string());
    move |source| StartError::Port { port: port.clone(), device: device.clone(), source }
}

impl FoundPort {
    /// Finds or makes the device, and refuses it if the kernel has a way around it. `turn`: see [`QueuePlan::new`].
    pub(crate) fn find(
        eal: &Eal,
        config: &PortConfig,
        workers: u16,
        turn: u16,
        claims: &mut Claims,
    ) -> Result<Self, PortFault> {
        let name = config.device.dpdk_name(&config.name);
        let made_interface = config.device.makes_interface();
        let interface = config.device.interface();
        // First the daemon that is in the way, if there is one.
        let claim = interface.map(|interface| claims.claim(interface)).transpose()?;
        match interface {
            Some(interface) if made_interface => claim::is_free(interface)?,
            Some(interface) => kernel_path::exists(interface)?,
            None => {}
        }
        let (id, made) = match &config.device {
            Device::Pci(address) => (eal.eth_port_by_name(address)?, false),
            Device::Virtual { driver: _, args } => (eal.attach(&name, args)?, true),
        };
        let mut device = Attached { eal: eal.clone(), name, made, claim };
        let info = eal.device_info(id)?;
        if let (None, Some(index)) = (&device.claim, info.kernel_interface) {
            device.claim = Some(claims.claim(&kernel_path::name_of(index)?)?);
        }
        let to_close = match info.kernel_interface {
            Some(index) if !made_interface && !config.allow_kernel_path => {
                let interface = kernel_path::name_of(index)?;
                kernel_path::check(&interface)?;
                Some(interface)
            }
            Some(_) | None => None,
        };
        let wire = match (info.kernel_interface, interface) {
            (Some(index), Some(interface)) if !made_interface => {
                let unreadable =
                    |source| KernelPathError::Unreadable { interface: interface.into(), source };
                Some(rtnetlink::Interface::new(index).map_err(unreadable)?)
            }
            (Some(_) | None, Some(_) | None) => None,
        };
        let [max_rx, max_tx] = [info.max_rx_queues, info.max_tx_queues];
        let plan = QueuePlan::new(workers, config.queues, max_rx, max_tx, turn);
        check_queues(&info, plan, workers)?;
        Ok(Self { config: config.clone(), id, info, plan, workers, to_close, wire, device })
    }

    pub(crate) fn config(&self) -> &PortConfig {
        &self.config
    }

    /// The port's name, and the socket of its device.
    pub(crate) fn place(&self) -> (String, Option<u32>) {
        (self.config.name.clone(), self.info.socket)
    }

    /// Configures the device. Each receive queue takes its mbufs from its worker's of `pools`.
    pub(crate) fn configure(self, eal: &Eal, pools: &[Mempool]) -> Result<ReadyPort, PortFault> {
        let Self { config, id, info, plan, workers, to_close, wire, device } = self;
        let rss = Plan::new(&Abilities::from(&info), plan, workers).ask;
        let asked = dpdk::PortConfig {
            rx_queues: plan.rx,
            tx_queues: plan.tx,
            rx_descriptors: DESCRIPTORS,
            tx_descriptors: DESCRIPTORS,
            mtu: config.mtu,
            rss,
            promiscuous: true,
            all_multicast: true,
            rx_checksum: !borrows_checksums(&info.driver),
            fast_free: true,
        };
        let pool_of = |queue| pools.get(plan.worker_of(queue, workers).index()).cloned();
        let pools: Vec<Mempool> = (0..plan.rx).filter_map(pool_of).collect();
        let (port, granted) = EthPort::configure(eal, id, &asked, &pools)?;
        // What becomes of it is seen when the device runs.
        let steering = one_queue(workers);
        let facts = Facts { config, info, plan, workers, granted, rss, steering, wire };
        Ok(ReadyPort { port, facts, to_close, device })
    }
}

/// Whether a device that is asked to check checksums also takes it that it may hand in frames that bear none: a
/// virtio device of which `VIRTIO_NET_F_GUEST_CSUM` is asked passes them on as a sender on the same machine left them
/// (Virtual I/O Device 1.2 §5.1.6.4.1, NEEDS_CSUM), and such a frame, forwarded, is thrown away by who receives it.
fn borrows_checksums(driver: &str) -> bool {
    matches!(driver, "net_virtio" | "net_virtio_user" | "net_vhost")
}

/// The kernel deals frames out to all queues of these devices, whether anybody reads them or not.
fn check_queues(info: &DeviceInfo, plan: QueuePlan, workers: u16) -> Result<(), PortFault> {
    let argument = match info.driver.as_str() {
        "net_af_packet" => "qpairs",
        "net_af_xdp" => "queue_count",
        _ => return Ok(()),
    };
    let (queues, read) = (info.max_rx_queues, plan.rx);
    if read < queues {
        return Err(PortFault::UnreadQueues { queues, read, workers, argument });
    }
    Ok(())
}

const fn one_queue(workers: u16) -> Steering {
    if workers == 1 {
        Steering::OneWorker
    } else {
        Steering::Software { reason: SoftwareReason::OneQueue, rss: None }
    }
}

impl ReadyPort {
    /// The device's own address, if its kernel interface stays and the host could send by it.
    pub(crate) fn own_mac(&self) -> Option<[u8; 6]> {
        let stays = self.facts.info.kernel_interface.is_some()
            && !self.facts.config.device.makes_interface();
        self.port.mac_address().ok().filter(|_| stays)
    }

    pub(crate) fn plan(&self) -> QueuePlan {
        self.facts.plan
    }

    /// Takes away what the kernel gave the interface by itself.
    pub(crate) fn close_kernel_path(&self) -> Result<(), StartError> {
        match &self.to_close {
            Some(interface) => kernel_path::close(interface)
                .map_err(|error| fault(&self.facts.config)(error.into())),
            None => Ok(()),
        }
    }

    /// Starts the device and writes its redirection table.
    pub(crate) fn start(
        self,
    ) -> Result<(LivePort, Vec<dpdk::RxQueue>, Vec<dpdk::TxQueue>), StartError> {
        let Self { port, mut facts, to_close: _, device } = self;
        let as_error = fault(&facts.config);
        let dpdk::StartedPort { mut port, rx, tx } =
            port.start().map_err(|error| as_error(error.into()))?;
        if let Some(wire) = &facts.wire {
            // The end of the last run set it down. Without the right to do it, whoever did that has it.
            wire.set_up(true).ok();
        }
        if facts.workers > 1 {
            facts.steering = steer(&mut port, &facts);
        }
        Ok((LivePort { port, facts, _device: device }, rx, tx))
    }
}

/// Writes the redirection table of a device that runs, and looks at what it has made of key, types and table.
fn steer(port: &mut EthPort<Started>, facts: &Facts) -> Steering {
    let Facts { info, plan, workers, granted, rss, .. } = facts;
    // Some devices say only now how long their table is, or have another one for so many queues.
    let info = port.info().unwrap_or_else(|_| info.clone());
    let in_force = rss_in_force(port, rss.as_ref(), granted.rss_types);
    let told = in_force.as_ref().map(|told| told.types).filter(|types| !types.is_empty());
    let types = told.map_or(granted.rss_types, |told| told & granted.rss_types);
    let Plan { ask, table, steers, left } =
        Plan::new(&Abilities { types, ..Abilities::from(&info) }, *plan, *workers);
    let (Some(rss), Some(_)) = (rss, ask) else {
        let reason = steers.err().unwrap_or(SoftwareReason::NoHash);
        return Steering::Software { reason, rss: None };
    };
    let written = table.as_deref().map(|table| port.update_reta(table).is_ok());
    let key = in_force.as_ref().map(|told| told.key.as_slice());
    let read = table.as_ref().and_then(|_| port.query_reta().ok());
    let grant = RssGrant {
        key_len: rss.key.as_bytes().len(),
        key: Readback::of(rss.key.as_bytes(), key),
        asked: rss.types,
        granted: types,
        table_len: info.reta_len,
        table: Readback::of(table.as_deref().unwrap_or_default(), read.as_deref()),
        left,
    };
    match steers.and_then(|()| grant.proven(written)) {
        Ok(()) => Steering::Hardware(grant),
        Err(reason) => Steering::Software { reason, rss: Some(grant) },
    }
}

/// What the device hashes by, as it tells. One that has another key than it was configured with is given it again.
fn rss_in_force(
    port: &mut EthPort<Started>,
    asked: Option<&RssConfig>,
    types: RssTypes,
) -> Option<RssInForce> {
    let told = port.rss_in_force().ok()?;
    match asked {
        Some(asked) if told.key != asked.key.as_bytes() => {
            port.update_rss(&RssConfig { types, ..*asked }).ok();
            port.rss_in_force().ok()
        }
        Some(_) | None => Some(told),
    }
}

impl LivePort {
    pub(crate) fn status(&self, port: PortIndex, links: &Links) -> PortStatus {
        let Facts { config, info, plan, workers: _, granted, rss: _, steering, wire: _ } =
            &self.facts;
        PortStatus {
            port,
            name: config.name.clone(),
            device: config.device.to_string(),
            driver: info.driver.clone(),
            mac: self.port.mac_address().unwrap_or_default(),
            link: self.link(),
            mtu: granted.mtu,
            rx_queues: plan.rx,
            tx_queues: plan.tx,
            socket: info.socket,
            steering: steering.clone(),
            promiscuous: granted.promiscuous,
            kernel_path_allowed: config.allow_kernel_path,
            gone: links.is_gone(port.index()),
            held_down: links.is_held(port.index()),
            stats: self.port.stats().unwrap_or_default(),
        }
    }

    /// What the driver says; af_packet and af_xdp say nothing of their interface, and the kernel does.
    fn link(&self) -> Option<Link> {
        let Facts { config, wire, .. } = &self.facts;
        if config.device.is_elsewhere() {
            return None;
        }
        let link = self.port.link().ok()?;
        let carrier = wire.as_ref().and_then(|wire| wire.carrier().ok());
        // One that is gone has none.
        let carrier = carrier.map(|carrier| carrier.unwrap_or(false));
        Some(Link { up: link.up && carrier.unwrap_or(true), ..link })
    }

    /// What can be seen of it, and whether its device asks to be reset.
    pub(crate) fn look(&self) -> (Seen, bool) {
        let DeviceEvents { removed, wants_reset } = self.port.events();
        let vanished =
            self.facts.wire.as_ref().is_some_and(|wire| matches!(wire.carrier(), Ok(None)));
        let seen = if removed || vanished {
            Seen::Gone
        } else if self.link().is_none_or(|link| link.up) {
            Seen::Up
        } else {
            Seen::Down
        };
        (seen, wants_reset)
    }

    /// Whether it sits on a kernel interface, into whose ring nothing must be put while it is down.
    pub(crate) fn is_shut_when_down(&self) -> bool {
        self.facts.wire.is_some()
    }

    pub(crate) fn name(&self) -> &str {
        &self.facts.config.name
    }

    /// Takes the link down. Returns whether the driver could, or else the kernel.
    pub(crate) fn cut(&mut self) -> bool {
        let wire = self.facts.wire.as_ref();
        self.port.set_link_down().is_ok() || wire.is_some_and(|wire| wire.set_up(false).is_ok())
    }

    /// Brings the link up again.
    pub(crate) fn mend(&mut self) -> bool {
        let wire = self.facts.wire.as_ref();
        self.port.set_link_up().is_ok() || wire.is_some_and(|wire| wire.set_up(true).is_ok())
    }
}
