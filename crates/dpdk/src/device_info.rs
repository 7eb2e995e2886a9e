//! What a device can do.

use core::ffi::CStr;

use crate::attach::EthPortId;
use crate::errno::Errno;
use crate::rss::RssTypes;

/// A device did not say what it can do.
#[derive(Debug, thiserror::Error)]
#[error("{port} does not say what it can do")]
pub struct DeviceInfoError {
    /// The port asked.
    pub port: EthPortId,
    /// Its answer.
    pub source: Errno,
}

/// What a device can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Name of the driver.
    pub driver: String,
    /// Index of the kernel interface that the device sits on, or `None`: if_indextoname(3) gives its name.
    pub kernel_interface: Option<u32>,
    /// NUMA node, or `None` if it has none.
    pub socket: Option<u32>,
    /// Receive queues that it has at most.
    pub max_rx_queues: u16,
    /// Transmit queues that it has at most.
    pub max_tx_queues: u16,
    /// Packet types that it can hash; empty if it has no RSS.
    pub rss_types: RssTypes,
    /// Octets of its RSS key; 0 if it does not say.
    pub rss_key_len: u8,
    /// Entries of its redirection table; 0 if it has none.
    pub reta_len: u16,
    /// Receive offloads (RTE_ETH_RX_OFFLOAD_*).
    pub rx_offloads: u64,
    /// Transmit offloads (RTE_ETH_TX_OFFLOAD_*).
    pub tx_offloads: u64,
    /// Smallest MTU in octets.
    pub min_mtu: u16,
    /// Greatest MTU in octets.
    pub max_mtu: u16,
    /// Longest frame in octets, header and tags included.
    pub max_frame: u32,
    /// Whether its driver tells when it is pulled.
    pub tells_removal: bool,
}

impl DeviceInfo {
    pub(crate) fn read(port: EthPortId) -> Result<Self, DeviceInfoError> {
        let mut raw = dpdk_sys::rte_eth_dev_info::default();
        // SAFETY: `raw` outlives the call; an unknown port is answered with -ENODEV.
        let status = unsafe { dpdk_sys::rte_eth_dev_info_get(port.get(), &raw mut raw) };
        Errno::check(status).map_err(|source| DeviceInfoError { port, source })?;
        let driver = if raw.driver_name.is_null() {
            String::new()
        } else {
            // SAFETY: the name of a loaded driver: a static, NUL-terminated string.
            let name = unsafe { CStr::from_ptr(raw.driver_name) };
            name.to_string_lossy().into_owned()
        };
        let flags = if raw.dev_flags.is_null() {
            0
        } else {
            // SAFETY: points to the flags of the port, which exist as long as it does.
            unsafe { raw.dev_flags.read() }
        };
        // SAFETY: takes a number; an unknown port or node is answered with -1.
        let socket = unsafe { dpdk_sys::rte_eth_dev_socket_id(port.get()) };
        Ok(Self {
            driver,
            kernel_interface: (raw.if_index != 0).then_some(raw.if_index),
            socket: u32::try_from(socket).ok(),
            max_rx_queues: raw.max_rx_queues,
            max_tx_queues: raw.max_tx_queues,
            rss_types: RssTypes::from_bits(raw.flow_type_rss_offloads),
            rss_key_len: raw.hash_key_size,
            reta_len: raw.reta_size,
            rx_offloads: raw.rx_offload_capa,
            tx_offloads: raw.tx_offload_capa,
            min_mtu: raw.min_mtu,
            max_mtu: raw.max_mtu,
            max_frame: raw.max_rx_pktlen,
            tells_removal: flags & dpdk_sys::SHIM_DEV_INTR_RMV != 0,
        })
    }
}
