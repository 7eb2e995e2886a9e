//! Looking at a port and steering it while it runs: link, counters, address, redirection table.

use super::{EthPort, setup};
use crate::device_info::{DeviceInfo, DeviceInfoError};
use crate::errno::Errno;
use crate::rss::{self, RetaError, RssConfig, RssInForce, RssTypes};

/// Drivers write as many octets of a key as theirs has, whatever length they are given.
const KEY_ROOM: usize = 256;

/// A port refused an operation.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Its driver does not have it.
    #[error("the driver cannot {0}")]
    Unsupported(&'static str),
    /// Its driver failed.
    #[error("the driver failed to {operation}")]
    Device {
        /// What was asked.
        operation: &'static str,
        /// Its reason.
        source: Errno,
    },
}

/// State of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whether frames can pass.
    pub up: bool,
    /// Speed, where the driver knows it.
    pub mbit_per_second: Option<u32>,
    /// Whether both directions work at once.
    pub full_duplex: bool,
}

/// Counters of a device since it was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Frames transmitted.
    pub tx_packets: u64,
    /// Octets received.
    pub rx_bytes: u64,
    /// Octets transmitted.
    pub tx_bytes: u64,
    /// Frames lost because no descriptor was free.
    pub rx_missed: u64,
    /// Frames received with an error.
    pub rx_errors: u64,
    /// Frames that could not be transmitted.
    pub tx_errors: u64,
    /// Times that no mbuf could be had for a received frame. net_null and net_af_packet (22.11) do not count them: the
    /// one makes its frames, and those of the other wait in the kernel's ring.
    pub rx_no_mbuf: u64,
}

impl<State> EthPort<State> {
    /// What the device can do.
    pub fn info(&self) -> Result<DeviceInfo, DeviceInfoError> {
        DeviceInfo::read(self.id())
    }

    /// State of the link now, without waiting for it to settle.
    pub fn link(&self) -> Result<Link, PortError> {
        let mut link = dpdk_sys::shim_link::default();
        // SAFETY: the port is configured; `link` outlives the call.
        let status = unsafe { dpdk_sys::shim_link(self.id().get(), &raw mut link) };
        outcome("report its link", status)?;
        let known = link.mbit_per_second != 0 && link.mbit_per_second != u32::MAX;
        Ok(Link {
            up: link.up != 0,
            mbit_per_second: known.then_some(link.mbit_per_second),
            full_duplex: link.full_duplex != 0,
        })
    }

    /// Takes the link down, so that the peer sees it and nothing passes. Bursts may go on meanwhile.
    pub fn set_link_down(&mut self) -> Result<(), PortError> {
        // SAFETY: the port is configured; `&mut self` of its only handle.
        let status = unsafe { dpdk_sys::rte_eth_dev_set_link_down(self.id().get()) };
        outcome("take its link down", status)
    }

    /// Brings the link up again.
    pub fn set_link_up(&mut self) -> Result<(), PortError> {
        // SAFETY: the port is configured; `&mut self` of its only handle.
        let status = unsafe { dpdk_sys::rte_eth_dev_set_link_up(self.id().get()) };
        outcome("bring its link up", status)
    }

    /// Counters of the device.
    pub fn stats(&self) -> Result<PortStats, PortError> {
        let mut raw = dpdk_sys::rte_eth_stats::default();
        // SAFETY: the port is configured; `raw` outlives the call.
        let status = unsafe { dpdk_sys::rte_eth_stats_get(self.id().get(), &raw mut raw) };
        outcome("report its counters", status)?;
        Ok(PortStats {
            rx_packets: raw.ipackets,
            tx_packets: raw.opackets,
            rx_bytes: raw.ibytes,
            tx_bytes: raw.obytes,
            rx_missed: raw.imissed,
            rx_errors: raw.ierrors,
            tx_errors: raw.oerrors,
            rx_no_mbuf: raw.rx_nombuf,
        })
    }

    /// The device's own address.
    pub fn mac_address(&self) -> Result<[u8; 6], PortError> {
        let mut address = dpdk_sys::rte_ether_addr::default();
        // SAFETY: the port is configured; `address` outlives the call.
        let status = unsafe { dpdk_sys::rte_eth_macaddr_get(self.id().get(), &raw mut address) };
        outcome("report its address", status)?;
        Ok(address.addr_bytes)
    }

    /// The MTU as the device has it, or `None` if it does not say.
    pub fn mtu(&self) -> Option<u16> {
        setup::mtu_of(self.id())
    }

    /// Writes the whole redirection table: entry n is the receive queue of hash n modulo its length. A started
    /// port is safest; some drivers refuse others.
    pub fn update_reta(&mut self, table: &[u16]) -> Result<(), RetaError> {
        let wanted = self.reta_len()?;
        if table.len() != usize::from(wanted) {
            return Err(RetaError::Size { wanted, got: table.len() });
        }
        let mut groups = rss::groups(table);
        // SAFETY: `groups` covers `wanted` entries and outlives the call; `&mut self` of the only handle.
        let status = unsafe {
            dpdk_sys::rte_eth_dev_rss_reta_update(self.id().get(), groups.as_mut_ptr(), wanted)
        };
        Errno::check(status)?;
        Ok(())
    }

    /// Reads the redirection table.
    pub fn query_reta(&self) -> Result<Vec<u16>, RetaError> {
        let length = self.reta_len()?;
        let mut groups = rss::groups(&vec![0; usize::from(length)]);
        // SAFETY: `groups` covers `length` entries and outlives the call.
        let status = unsafe {
            dpdk_sys::rte_eth_dev_rss_reta_query(self.id().get(), groups.as_mut_ptr(), length)
        };
        Errno::check(status)?;
        Ok(rss::entries(&groups, length))
    }

    /// Reads back by what the device hashes.
    pub fn rss_in_force(&self) -> Result<RssInForce, PortError> {
        let mut key = vec![0; KEY_ROOM];
        let mut raw = dpdk_sys::rte_eth_rss_conf {
            rss_key: key.as_mut_ptr(),
            rss_key_len: u8::MAX,
            ..dpdk_sys::rte_eth_rss_conf::default()
        };
        // SAFETY: the port is configured; `raw` and the octets that it points to outlive the call, and no driver's
        // key is longer than a length of 8 bits can say.
        let status =
            unsafe { dpdk_sys::rte_eth_dev_rss_hash_conf_get(self.id().get(), &raw mut raw) };
        outcome("tell by what it hashes", status)?;
        // A driver that says no length has one, which it told with its abilities; 40 is everybody's default.
        let told = self.info().map_or(0, |info| info.rss_key_len);
        let length = [raw.rss_key_len, told].into_iter().find(|&it| it != 0 && it != u8::MAX);
        key.truncate(length.map_or(40, usize::from));
        Ok(RssInForce { key, types: RssTypes::from_bits(raw.rss_hf) })
    }

    /// Gives the device another key and other types while it runs; many take them only when they are configured.
    pub fn update_rss(&mut self, config: &RssConfig) -> Result<(), PortError> {
        let mut key = config.key.as_bytes().to_vec();
        let mut raw = dpdk_sys::rte_eth_rss_conf {
            rss_key: key.as_mut_ptr(),
            rss_key_len: config.key.len(),
            rss_hf: config.types.bits(),
        };
        // SAFETY: the port is configured; `raw` and the octets that it points to outlive the call; `&mut self` of
        // the only handle.
        let status =
            unsafe { dpdk_sys::rte_eth_dev_rss_hash_update(self.id().get(), &raw mut raw) };
        outcome("change by what it hashes", status)
    }

    fn reta_len(&self) -> Result<u16, RetaError> {
        let info = self.info().map_err(|error| RetaError::Device(error.source))?;
        if info.reta_len == 0 { Err(RetaError::Unsupported) } else { Ok(info.reta_len) }
    }
}

fn outcome(operation: &'static str, status: core::ffi::c_int) -> Result<(), PortError> {
    match Errno::check(status) {
        Ok(_) => Ok(()),
        Err(error) if error.is_unsupported() => Err(PortError::Unsupported(operation)),
        Err(source) => Err(PortError::Device { operation, source }),
    }
}
