//! Configuring a port: what is asked, what is granted, and the steps between.

use core::fmt;
use core::ptr;
use core::sync::atomic::AtomicBool;

use dpdk_sys as sys;

use super::{Shared, events};
use crate::attach::EthPortId;
use crate::device_info::{DeviceInfo, DeviceInfoError};
use crate::eal::Eal;
use crate::errno::Errno;
use crate::mempool::Mempool;
use crate::rss::{RssConfig, RssTypes};

/// Octets that a frame has beside its MTU: Ethernet header, two VLAN tags, and the frame check sequence, which
/// some devices store.
const FRAME_OVERHEAD: u16 = 14 + 2 * 4 + 4;

/// What is asked of a port. Scatter, LRO and everything that changes VLAN tags stay off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Receive queues, 1 or more.
    pub rx_queues: u16,
    /// Transmit queues, 1 or more.
    pub tx_queues: u16,
    /// Descriptors of each receive queue; adjusted to what the device can do.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue; adjusted likewise.
    pub tx_descriptors: u16,
    /// Octets of the greatest IP packet.
    pub mtu: u16,
    /// How received packets are spread over queues, if the device can.
    pub rss: Option<RssConfig>,
    /// Whether frames for others are received too.
    pub promiscuous: bool,
    /// Whether all multicast is received.
    pub all_multicast: bool,
    /// Whether the device is to check checksums, where it can.
    pub rx_checksum: bool,
    /// Whether the device may return mbufs straight to their pool. Granted only if there is exactly one pool in
    /// the process, and then no second one can be made.
    pub fast_free: bool,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self {
            rx_queues: 1,
            tx_queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu: 1500,
            rss: None,
            promiscuous: true,
            all_multicast: true,
            rx_checksum: true,
            fast_free: true,
        }
    }
}

/// What a port does of what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Descriptors of each receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of each transmit queue.
    pub tx_descriptors: u16,
    /// MTU as the device has it now.
    pub mtu: u16,
    /// Whether the driver can set an MTU at all; if not, frames are as long as the device lets through.
    pub mtu_set: bool,
    /// Packet types that are hashed; empty: no RSS.
    pub rss_types: RssTypes,
    /// Whether frames carry their hash.
    pub rss_hash: bool,
    /// Whether IPv4 header checksums are checked.
    pub ipv4_checksum: bool,
    /// Whether UDP checksums are checked.
    pub udp_checksum: bool,
    /// Whether TCP checksums are checked.
    pub tcp_checksum: bool,
    /// Whether the device returns mbufs straight to their pool.
    pub fast_free: bool,
    /// Whether frames for others are received.
    pub promiscuous: bool,
    /// Whether all multicast is received.
    pub all_multicast: bool,
}

/// Which way a queue goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueDirection {
    /// From the device.
    Receive,
    /// To the device.
    Transmit,
}

impl fmt::Display for QueueDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "receive",
            Self::Transmit => "transmit",
        })
    }
}

/// A port could not be configured. If it was touched, it is closed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// It is configured already.
    #[error("{0} has an owner already")]
    InUse(EthPortId),
    /// It does not answer.
    #[error(transparent)]
    Info(#[from] DeviceInfoError),
    /// The device has not that many queues.
    #[error("{asked} {direction} queues were asked of a device ({driver}) that has 1 to {max}")]
    Queues {
        /// Which ones.
        direction: QueueDirection,
        /// How many were asked.
        asked: u16,
        /// How many it has.
        max: u16,
        /// Its driver.
        driver: String,
    },
    /// Neither one pool nor one for each receive queue.
    #[error("{pools} pools were given for {queues} receive queues: one, or one for each")]
    Pools {
        /// Pools given.
        pools: usize,
        /// Receive queues.
        queues: u16,
    },
    /// A frame of the MTU does not fit in an mbuf.
    #[error("an MTU of {mtu} needs mbufs for {wanted} octets, and the pool's hold {data_room}")]
    MbufTooSmall {
        /// MTU asked.
        mtu: u16,
        /// Octets that an mbuf must hold.
        wanted: u32,
        /// Octets that it holds.
        data_room: u16,
    },
    /// The device has another limit.
    #[error("an MTU of {mtu} was asked of a device ({driver}) that allows {min} to {max}")]
    Mtu {
        /// MTU asked.
        mtu: u16,
        /// Smallest.
        min: u16,
        /// Greatest.
        max: u16,
        /// Its driver.
        driver: String,
    },
    /// The device takes keys of another length.
    #[error("an RSS key of {given} octets was given to a device that takes {wanted}")]
    RssKey {
        /// Octets given.
        given: u8,
        /// Octets that it takes.
        wanted: u8,
    },
    /// The driver refused the configuration as a whole.
    #[error("the driver ({driver}) refuses the configuration")]
    Device {
        /// The driver.
        driver: String,
        /// Its reason.
        source: Errno,
    },
    /// The driver refused a queue.
    #[error("the driver ({driver}) refuses {direction} queue {queue}")]
    Queue {
        /// Which way it goes.
        direction: QueueDirection,
        /// Its number.
        queue: u16,
        /// The driver.
        driver: String,
        /// Its reason.
        source: Errno,
    },
    /// The driver failed at a setting that it has.
    #[error("the driver ({driver}) fails to set {setting}")]
    Setting {
        /// MTU, promiscuous mode or all-multicast mode.
        setting: &'static str,
        /// The driver.
        driver: String,
        /// Its reason.
        source: Errno,
    },
}

/// A subset of the offloads asked for.
struct Offloads {
    rx: u64,
    tx: u64,
    rss_types: RssTypes,
}

pub(super) fn configure(
    eal: &Eal,
    id: EthPortId,
    config: &PortConfig,
    pools: &[Mempool],
) -> Result<(Shared, Granted), ConfigureError> {
    let info = DeviceInfo::read(id)?;
    check(config, &info, pools)?;
    let fast_free = {
        let mut books = eal.books();
        if !books.claimed.insert(id.get()) {
            return Err(ConfigureError::InUse(id));
        }
        let granted = config.fast_free
            && info.tx_offloads & sys::SHIM_TX_OFFLOAD_FAST_FREE != 0
            && books.pools.len() == 1;
        books.single_pool |= granted;
        granted
    };
    let mut rss_key: Option<Box<[u8]>> = config.rss.map(|rss| rss.key.as_bytes().into());
    let key_octets = rss_key.as_deref_mut().map_or(ptr::null_mut(), <[u8]>::as_mut_ptr);
    // From here on, dropping it closes the port and gives the claim back.
    let shared = Shared {
        id,
        rx_queues: config.rx_queues,
        tx_queues: config.tx_queues,
        started: AtomicBool::new(false),
        _rss_key: rss_key,
        _pools: pools.to_vec(),
        eal: eal.clone(),
    };
    events::listen(id);
    let offloads = choose(config, &info, fast_free);
    configure_device(id, config, &info, &offloads, key_octets)?;
    let (rx_descriptors, tx_descriptors) = set_up_queues(id, config, &info, pools)?;
    let mtu_set = set_mtu(id, config.mtu, &info)?;
    // SAFETY: the port is configured and owned by `shared`.
    let promiscuous = config.promiscuous
        && supported("promiscuous mode", &info, unsafe {
            sys::rte_eth_promiscuous_enable(id.get())
        })?;
    // SAFETY: the port is configured and owned by `shared`.
    let all_multicast = config.all_multicast
        && supported("all-multicast mode", &info, unsafe {
            sys::rte_eth_allmulticast_enable(id.get())
        })?;
    let granted = Granted {
        rx_descriptors,
        tx_descriptors,
        mtu: mtu_of(id).unwrap_or(config.mtu),
        mtu_set,
        rss_types: offloads.rss_types,
        rss_hash: offloads.rx & sys::SHIM_RX_OFFLOAD_RSS_HASH != 0,
        ipv4_checksum: offloads.rx & sys::SHIM_RX_OFFLOAD_IPV4_CKSUM != 0,
        udp_checksum: offloads.rx & sys::SHIM_RX_OFFLOAD_UDP_CKSUM != 0,
        tcp_checksum: offloads.rx & sys::SHIM_RX_OFFLOAD_TCP_CKSUM != 0,
        fast_free,
        promiscuous,
        all_multicast,
    };
    Ok((shared, granted))
}

/// What can be refused before the device is touched.
fn check(config: &PortConfig, info: &DeviceInfo, pools: &[Mempool]) -> Result<(), ConfigureError> {
    let directions = [
        (QueueDirection::Receive, config.rx_queues, info.max_rx_queues),
        (QueueDirection::Transmit, config.tx_queues, info.max_tx_queues),
    ];
    for (direction, asked, max) in directions {
        if asked == 0 || asked > max {
            let driver = info.driver.clone();
            return Err(ConfigureError::Queues { direction, asked, max, driver });
        }
    }
    if let Some(given) = config.rss.map(|rss| rss.key.len())
        && info.rss_key_len != 0
        && info.rss_key_len != given
    {
        return Err(ConfigureError::RssKey { given, wanted: info.rss_key_len });
    }
    if pools.len() != 1 && pools.len() != usize::from(config.rx_queues) {
        return Err(ConfigureError::Pools { pools: pools.len(), queues: config.rx_queues });
    }
    let mtu = config.mtu;
    if mtu < info.min_mtu || mtu > info.max_mtu {
        let driver = info.driver.clone();
        return Err(ConfigureError::Mtu { mtu, min: info.min_mtu, max: info.max_mtu, driver });
    }
    let wanted = u32::from(mtu) + u32::from(FRAME_OVERHEAD);
    let data_room = pools.iter().map(Mempool::data_room).min().unwrap_or(0);
    if u32::from(data_room) < wanted {
        return Err(ConfigureError::MbufTooSmall { mtu, wanted, data_room });
    }
    Ok(())
}

fn choose(config: &PortConfig, info: &DeviceInfo, fast_free: bool) -> Offloads {
    let rss_types = config.rss.map_or(RssTypes::NONE, |rss| rss.types & info.rss_types);
    let mut rx = 0;
    if config.rx_checksum {
        rx |= sys::SHIM_RX_OFFLOAD_IPV4_CKSUM
            | sys::SHIM_RX_OFFLOAD_UDP_CKSUM
            | sys::SHIM_RX_OFFLOAD_TCP_CKSUM;
    }
    if !rss_types.is_empty() {
        rx |= sys::SHIM_RX_OFFLOAD_RSS_HASH;
    }
    let tx = if fast_free { sys::SHIM_TX_OFFLOAD_FAST_FREE } else { 0 };
    Offloads { rx: rx & info.rx_offloads, tx, rss_types }
}

/// `key` points to the octets of the RSS key, if there is one. The device keeps the pointer, not the octets.
fn configure_device(
    id: EthPortId,
    config: &PortConfig,
    info: &DeviceInfo,
    offloads: &Offloads,
    key: *mut u8,
) -> Result<(), ConfigureError> {
    let mut raw = sys::rte_eth_conf::default();
    raw.rxmode.mtu = config.mtu.into();
    raw.rxmode.offloads = offloads.rx;
    raw.txmode.offloads = offloads.tx;
    raw.intr_conf.set_rmv(info.tells_removal.into());
    if !offloads.rss_types.is_empty() {
        raw.rxmode.mq_mode = sys::rte_eth_rx_mq_mode::RTE_ETH_MQ_RX_RSS;
        raw.rx_adv_conf.rss_conf.rss_hf = offloads.rss_types.bits();
        if let Some(rss) = config.rss {
            raw.rx_adv_conf.rss_conf.rss_key = key;
            raw.rx_adv_conf.rss_conf.rss_key_len = rss.key.len();
        }
    }
    // SAFETY: the port is valid and claimed; `raw` outlives the call; the key that it points to belongs to the
    // port's `Shared`, and so lives until the device is closed.
    let status = unsafe {
        sys::rte_eth_dev_configure(id.get(), config.rx_queues, config.tx_queues, &raw const raw)
    };
    Errno::check(status)
        .map(|_| ())
        .map_err(|source| ConfigureError::Device { driver: info.driver.clone(), source })
}

fn set_up_queues(
    id: EthPortId,
    config: &PortConfig,
    info: &DeviceInfo,
    pools: &[Mempool],
) -> Result<(u16, u16), ConfigureError> {
    let (mut rx, mut tx) = (config.rx_descriptors, config.tx_descriptors);
    // SAFETY: the port is configured; both numbers outlive the call.
    let status =
        unsafe { sys::rte_eth_dev_adjust_nb_rx_tx_desc(id.get(), &raw mut rx, &raw mut tx) };
    Errno::check(status)
        .map_err(|source| ConfigureError::Device { driver: info.driver.clone(), source })?;
    // SOCKET_ID_ANY is -1, in a parameter without sign.
    let socket = info.socket.unwrap_or(u32::MAX);
    let failed = |direction, queue| {
        move |source| ConfigureError::Queue {
            direction,
            queue,
            driver: info.driver.clone(),
            source,
        }
    };
    for (queue, pool) in (0..config.rx_queues).zip(pools.iter().cycle()) {
        // SAFETY: the queue is one of those configured; NULL asks for the driver's defaults; the pool outlives
        // the port, which holds it.
        let status = unsafe {
            sys::rte_eth_rx_queue_setup(id.get(), queue, rx, socket, ptr::null(), pool.as_ptr())
        };
        Errno::check(status).map_err(failed(QueueDirection::Receive, queue))?;
    }
    for queue in 0..config.tx_queues {
        // SAFETY: the queue is one of those configured; NULL asks for the driver's defaults.
        let status =
            unsafe { sys::rte_eth_tx_queue_setup(id.get(), queue, tx, socket, ptr::null()) };
        Errno::check(status).map_err(failed(QueueDirection::Transmit, queue))?;
    }
    Ok((rx, tx))
}

fn set_mtu(id: EthPortId, mtu: u16, info: &DeviceInfo) -> Result<bool, ConfigureError> {
    // SAFETY: the port is configured and not started, and owned by the caller.
    let status = unsafe { sys::rte_eth_dev_set_mtu(id.get(), mtu) };
    supported("the MTU", info, status)
}

/// Whether a setting was made; that a driver does not have it at all is no error.
fn supported(
    setting: &'static str,
    info: &DeviceInfo,
    status: core::ffi::c_int,
) -> Result<bool, ConfigureError> {
    match Errno::check(status) {
        Ok(_) => Ok(true),
        Err(error) if error.is_unsupported() => Ok(false),
        Err(source) => {
            Err(ConfigureError::Setting { setting, driver: info.driver.clone(), source })
        }
    }
}

pub(super) fn mtu_of(id: EthPortId) -> Option<u16> {
    let mut mtu = 0;
    // SAFETY: `mtu` outlives the call; an unknown port is answered with -ENODEV.
    let status = unsafe { sys::rte_eth_dev_get_mtu(id.get(), &raw mut mtu) };
    (status == 0).then_some(mtu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rss::RssKey;

    fn device() -> DeviceInfo {
        DeviceInfo {
            driver: "net_ice".into(),
            kernel_interface: None,
            socket: Some(0),
            max_rx_queues: 4,
            max_tx_queues: 4,
            rss_types: RssTypes::IPV4_TCP | RssTypes::IPV4,
            rss_key_len: 52,
            reta_len: 512,
            rx_offloads: sys::SHIM_RX_OFFLOAD_IPV4_CKSUM | sys::SHIM_RX_OFFLOAD_RSS_HASH,
            tx_offloads: sys::SHIM_TX_OFFLOAD_FAST_FREE,
            min_mtu: 68,
            max_mtu: 9000,
            max_frame: 9026,
            tells_removal: false,
        }
    }

    fn asking(key_len: usize) -> PortConfig {
        let key = RssKey::repeated([0x6d, 0x5a], key_len).unwrap();
        let rss = Some(RssConfig { key, types: RssTypes::ALL_IP });
        PortConfig { rss, ..PortConfig::default() }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let error = check(&asking(40), &device(), &[]).unwrap_err();
        assert!(matches!(error, ConfigureError::RssKey { given: 40, wanted: 52 }), "{error}");
        let error = check(&asking(52), &device(), &[]).unwrap_err();
        assert!(matches!(error, ConfigureError::Pools { pools: 0, queues: 1 }), "{error}");
    }

    #[test]
    fn only_what_is_offered_is_asked_of_the_device() {
        let offloads = choose(&asking(52), &device(), true);
        assert_eq!(offloads.rx, device().rx_offloads);
        assert_eq!(offloads.tx, sys::SHIM_TX_OFFLOAD_FAST_FREE);
        assert_eq!(offloads.rss_types, RssTypes::IPV4_TCP | RssTypes::IPV4);

        let plain = PortConfig { rx_checksum: false, ..PortConfig::default() };
        let offloads = choose(&plain, &device(), false);
        assert_eq!((offloads.rx, offloads.tx), (0, 0));
        assert!(offloads.rss_types.is_empty());
    }
}
