//! The ports: attached, checked, configured, started, looked at.

use core::fmt;

use dpdk::{
    DeviceInfo, Eal, EthPort, EthPortId, Granted, Link, Mempool, PortStats, RetaError, RssConfig,
    RssKey, RssTypes, Started,
};
use engine::PortIndex;
use engine::owner::KEY_WORD;

use crate::claim::{self, Claim, Claims};
use crate::config::{Device, PortConfig};
use crate::error::{PortFault, StartError};
use crate::footprint::DESCRIPTORS;
use crate::kernel_path::{self, KernelPathError};
use crate::queues::QueuePlan;
use crate::rtnetlink;

/// Octets of the key where a device does not say how long it wants it.
const KEY_LENGTH: usize = 40;

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
    steering: Steering,
    wire: Option<rtnetlink::Interface>,
}

/// How frames come to their owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steering {
    /// There is one worker.
    OneWorker,
    /// The device hashes: what it was asked for, and what it granted.
    Hardware {
        /// Packet types asked for.
        asked: RssTypes,
        /// Packet types granted.
        granted: RssTypes,
        /// Entries of its redirection table.
        table: u16,
    },
    /// Workers hand frames over to their owners. Why the device does not do it.
    Software(&'static str),
}

impl fmt::Display for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWorker => f.write_str("not needed: one worker"),
            Self::Hardware { asked, granted, table } => {
                write!(f, "hardware: table of {table}, {granted}")?;
                let missing = asked.without(*granted);
                if missing.is_empty() { Ok(()) } else { write!(f, " (not granted: {missing})") }
            }
            Self::Software(why) => write!(f, "software: {why}"),
        }
    }
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
    /// What the device counted.
    pub stats: PortStats,
}

/// Turns a port's fault into the error of the start.
pub(crate) fn fault(config: &PortConfig) -> impl Fn(PortFault) -> StartError + use<> {
    let (port, device) = (config.name.clone(), config.device.to_string());
    move |source| StartError::Port { port: port.clone(), device: device.clone(), source }
}

impl FoundPort {
    /// Finds or makes the device, and refuses it if the kernel has a way around it.
    pub(crate) fn find(
        eal: &Eal,
        config: &PortConfig,
        workers: u16,
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
        let plan = QueuePlan::new(workers, config.queues, info.max_rx_queues, info.max_tx_queues);
        Ok(Self { config: config.clone(), id, info, plan, workers, to_close, wire, device })
    }

    pub(crate) fn config(&self) -> &PortConfig {
        &self.config
    }

    /// Configures the device. Receive queue n takes its mbufs from `pools[n]`.
    pub(crate) fn configure(self, eal: &Eal, pools: &[Mempool]) -> Result<ReadyPort, PortFault> {
        let Self { config, id, info, plan, workers, to_close, wire, device } = self;
        let rss = if plan.rx > 1 { rss_for(&info) } else { Err(one_queue(workers)) };
        let asked = dpdk::PortConfig {
            rx_queues: plan.rx,
            tx_queues: plan.tx,
            rx_descriptors: DESCRIPTORS,
            tx_descriptors: DESCRIPTORS,
            mtu: config.mtu,
            rss: rss.as_ref().ok().copied(),
            promiscuous: true,
            all_multicast: true,
            rx_checksum: true,
            fast_free: true,
        };
        let pools = pools.get(..usize::from(plan.rx)).unwrap_or(pools);
        let (port, granted) = EthPort::configure(eal, id, &asked, pools)?;
        let steering = match rss {
            Ok(_) if granted.rss_types.is_empty() => {
                Steering::Software("the device granted no hash")
            }
            Ok(rss) => {
                Steering::Hardware { asked: rss.types, granted: granted.rss_types, table: 0 }
            }
            Err(steering) => steering,
        };
        let facts = Facts { config, info, plan, workers, granted, steering, wire };
        Ok(ReadyPort { port, facts, to_close, device })
    }
}

/// A key whose hash is the same in both directions, if the device can use it.
fn rss_for(info: &DeviceInfo) -> Result<RssConfig, Steering> {
    if (info.rss_types & RssTypes::ALL_IP).is_empty() {
        return Err(Steering::Software("the device has no RSS"));
    }
    let length = match info.rss_key_len {
        0 => KEY_LENGTH,
        length => length.into(),
    };
    let key = RssKey::repeated(KEY_WORD.to_be_bytes(), length)
        .map_err(|_| Steering::Software("the device's RSS key has an unknown length"))?;
    Ok(RssConfig { key, types: RssTypes::ALL_IP })
}

const fn one_queue(workers: u16) -> Steering {
    if workers == 1 { Steering::OneWorker } else { Steering::Software("one receive queue") }
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
        if let Steering::Hardware { asked, granted, .. } = facts.steering {
            let length = facts.info.reta_len;
            let table = facts.plan.redirection(facts.workers, length);
            facts.steering = match port.update_reta(&table) {
                Ok(()) => Steering::Hardware { asked, granted, table: length },
                Err(RetaError::Unsupported | RetaError::Size { .. } | RetaError::Device(_)) => {
                    Steering::Software("the device's redirection table cannot be written")
                }
            };
        }
        Ok((LivePort { port, facts, _device: device }, rx, tx))
    }
}

impl LivePort {
    pub(crate) fn status(&self, port: PortIndex) -> PortStatus {
        let Facts { config, info, plan, workers: _, granted, steering, wire: _ } = &self.facts;
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
        let carrier = wire.as_ref().and_then(|wire| wire.has_carrier().ok());
        Some(Link { up: link.up && carrier.unwrap_or(true), ..link })
    }

    /// Takes the link down. Returns whether the driver could.
    pub(crate) fn cut(&mut self) -> bool {
        self.port.set_link_down().is_ok()
    }
}
