//! Finding ports, and making and removing devices while EAL runs.

use core::ffi::{CStr, c_char};
use core::fmt;
use std::collections::BTreeSet;
use std::ffi::CString;

use crate::device_info::{DeviceInfo, DeviceInfoError};
use crate::eal::Eal;
use crate::errno::Errno;

/// Ports that DPDK can number (`RTE_MAX_ETHPORTS` is 32 by default, and never more than this).
pub(crate) const MOST_PORTS: u16 = 1024;

/// DPDK's number of an Ethernet port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EthPortId(u16);

impl EthPortId {
    pub(crate) const fn from_raw(id: u16) -> Self {
        Self(id)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for EthPortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DPDK port {}", self.0)
    }
}

/// No port has that name.
#[derive(Debug, thiserror::Error)]
pub enum PortLookupError {
    /// EAL did not find the device, or no driver took it.
    #[error(
        "DPDK has no port {0:?}: is the address right, and the device bound to vfio-pci or to a driver that \
         shares it? `dpdk-devbind.py --status-dev net` shows it, `dpdk-devbind.py --bind=vfio-pci {0}` binds it"
    )]
    NotFound(String),
    /// The name holds a zero octet.
    #[error("{0:?} is no name of a device")]
    Name(String),
}

/// A device could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A device's name has no comma, no zero octet, and 1 to 63 octets; arguments have no zero octet.
    #[error("{0:?} is no name and arguments of a device")]
    Name(String),
    /// Probing a taken name would silently do nothing.
    #[error("there is already a device named {0:?}")]
    Taken(String),
    /// No driver of this DPDK matches the name, or the driver refused its arguments.
    #[error(
        "DPDK cannot attach `{devargs}`; its reason is above. Is the driver's name right and its plugin \
         installed (package librte-net-*, see `ls /usr/lib/*/dpdk/pmds-*`), and do the arguments suit it?"
    )]
    Refused {
        /// The device as DPDK was given it.
        devargs: String,
        /// Its reason.
        source: Errno,
    },
    /// The driver made no port, or several.
    #[error("attaching `{devargs}` made {made} ports, not one")]
    PortCount {
        /// The device as DPDK was given it.
        devargs: String,
        /// Ports that are there now and were not before.
        made: usize,
    },
}

/// A device could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// This process attached no device of that name.
    #[error("no device named {0:?} was attached")]
    NotAttached(String),
    /// Its port, or a queue of it, is still owned by someone.
    #[error("the port of {0:?} is still in use")]
    InUse(String),
    /// The driver refused.
    #[error("DPDK cannot remove {name:?}")]
    Refused {
        /// The device.
        name: String,
        /// DPDK's reason.
        source: Errno,
    },
}

impl Eal {
    /// Every port there is.
    pub fn eth_ports(&self) -> BTreeSet<EthPortId> {
        (0..MOST_PORTS)
            // SAFETY: EAL is started; any number may be asked for.
            .filter(|&id| unsafe { dpdk_sys::rte_eth_dev_is_valid_port(id) } == 1)
            .map(EthPortId)
            .collect()
    }

    /// The port of a device: a PCI address in full (`0000:3b:00.0`), or the name that `attach` was given.
    pub fn eth_port_by_name(&self, name: &str) -> Result<EthPortId, PortLookupError> {
        let c_name = CString::new(name).map_err(|_| PortLookupError::Name(name.into()))?;
        port_named(&c_name).ok_or_else(|| PortLookupError::NotFound(name.into()))
    }

    /// The name of a port's device.
    pub fn eth_port_name(&self, port: EthPortId) -> Option<String> {
        let mut name: [c_char; dpdk_sys::RTE_ETH_NAME_MAX_LEN as usize] =
            [0; dpdk_sys::RTE_ETH_NAME_MAX_LEN as usize];
        // SAFETY: EAL is started; `name` has the RTE_ETH_NAME_MAX_LEN octets that DPDK writes at most.
        let status = unsafe { dpdk_sys::rte_eth_dev_get_name_by_port(port.0, name.as_mut_ptr()) };
        if status != 0 {
            return None;
        }
        // SAFETY: DPDK wrote a NUL-terminated string into `name`, which lives on.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        Some(name.to_string_lossy().into_owned())
    }

    /// What a port's device can do.
    pub fn device_info(&self, port: EthPortId) -> Result<DeviceInfo, DeviceInfoError> {
        DeviceInfo::read(port)
    }

    /// Makes a device: `name` begins with the driver's (`net_af_packet_wan0`), `args` are the driver's
    /// (`iface=wan0`), and may be empty. Exactly one port must come of it.
    pub fn attach(&self, name: &str, args: &str) -> Result<EthPortId, AttachError> {
        let devargs = if args.is_empty() { name.to_owned() } else { format!("{name},{args}") };
        let bad_name = || AttachError::Name(devargs.clone());
        let limit = dpdk_sys::RTE_ETH_NAME_MAX_LEN as usize;
        if name.is_empty() || name.contains(',') || name.len() >= limit {
            return Err(bad_name());
        }
        let c_name = CString::new(name).map_err(|_| bad_name())?;
        let c_devargs = CString::new(devargs.as_str()).map_err(|_| bad_name())?;
        // The books are held to the end, so that nobody else attaches between the two counts.
        let mut books = self.books();
        if books.attached.contains(name) || port_named(&c_name).is_some() {
            return Err(AttachError::Taken(name.into()));
        }
        let before = self.eth_ports();
        // SAFETY: EAL is started; the string is NUL-terminated and copied.
        let status = unsafe { dpdk_sys::rte_dev_probe(c_devargs.as_ptr()) };
        if let Err(source) = Errno::check(status) {
            return Err(AttachError::Refused { devargs, source });
        }
        let after = self.eth_ports();
        let mut made = after.difference(&before).copied();
        match (made.next(), made.count()) {
            (Some(port), 0) => {
                books.attached.insert(name.into());
                Ok(port)
            }
            (first, more) => {
                let made = usize::from(first.is_some()) + more;
                // What is there is no use. Whether it could be removed changes nothing for the caller.
                remove(name, &c_name).ok();
                Err(AttachError::PortCount { devargs, made })
            }
        }
    }

    /// Removes a device that `attach` made. Its `EthPort` and queues must have been dropped.
    pub fn detach(&self, name: &str) -> Result<(), DetachError> {
        let not_attached = || DetachError::NotAttached(name.into());
        let c_name = CString::new(name).map_err(|_| not_attached())?;
        let mut books = self.books();
        if !books.attached.contains(name) {
            return Err(not_attached());
        }
        if port_named(&c_name).is_some_and(|port| books.claimed.contains(&port.0)) {
            return Err(DetachError::InUse(name.into()));
        }
        remove(name, &c_name)
            .map_err(|source| DetachError::Refused { name: name.into(), source })?;
        books.attached.remove(name);
        Ok(())
    }
}

fn port_named(name: &CStr) -> Option<EthPortId> {
    let mut id = 0;
    // SAFETY: callers hold an Eal; `name` is NUL-terminated and `id` outlives the call.
    let status = unsafe { dpdk_sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &raw mut id) };
    (status == 0).then_some(EthPortId(id))
}

/// Removes a device from its bus: virtual devices have no colon in their names, PCI addresses do.
fn remove(name: &str, c_name: &CStr) -> Result<(), Errno> {
    let bus = if name.contains(':') { c"pci" } else { c"vdev" };
    // SAFETY: EAL is started; both strings are NUL-terminated. The callers made sure that no EthPort owns it.
    let status = unsafe { dpdk_sys::rte_eal_hotplug_remove(bus.as_ptr(), c_name.as_ptr()) };
    Errno::check(status).map(|_| ())
}
