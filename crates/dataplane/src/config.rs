//! What the plane is started with. Names, cores and limits come checked from the configuration; what only the
//! machine can tell is checked at the start.

use core::time::Duration;
use std::fmt;

use nix::net::if_::if_nametoindex;

/// What [`crate::Dataplane::start`] needs beside the first snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneConfig {
    /// The CPU of the calling thread and of DPDK's own.
    pub control_core: u32,
    /// A worker for each; at least one.
    pub worker_cores: Vec<u32>,
    /// Whether memory comes from hugepages; else from ordinary pages.
    pub hugepages: bool,
    /// What DPDK takes in all, in octets.
    pub memory: u64,
    /// How workers wait for frames.
    pub polling: Polling,
    /// For how long after the start TCP is picked up in the middle where a rule allows it; zero: never.
    pub pickup_after_start: Duration,
    /// Log events that may wait to be fetched, of all workers.
    pub events: usize,
    /// Further arguments for DPDK's EAL.
    pub eal_args: Vec<String>,
    /// In the order of the snapshot's topology: a [`engine::PortIndex`] is a position in it.
    pub ports: Vec<PortConfig>,
}

/// How workers wait for frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Polling {
    /// They never sleep.
    #[default]
    Busy,
    /// Idle ones sleep, for at most a millisecond at a time.
    Adaptive,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Its name.
    pub name: String,
    /// What it sits on.
    pub device: Device,
    /// The longest IP packet, in octets.
    pub mtu: u16,
    /// Queues each way at most; 0: one for each worker.
    pub queues: u16,
    /// Whether a kernel interface beside it may have addresses, a bridge or forwarding.
    pub allow_kernel_path: bool,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// On the PCI bus, by its address in full: `0000:3b:00.0`.
    Pci(String),
    /// Made by a driver of DPDK.
    Virtual {
        /// The driver: `net_tap`.
        driver: String,
        /// Its arguments: `iface=lan`. May be empty.
        args: String,
    },
}

impl Device {
    /// Reads a device as the configuration writes it: a PCI address, or a driver with its arguments.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.split_once(',') {
            Some((driver, args)) => Self::Virtual { driver: driver.into(), args: args.into() },
            None if text.contains(':') => Self::Pci(text.into()),
            None => Self::Virtual { driver: text.into(), args: String::new() },
        }
    }

    /// The name under which DPDK is to know it: the driver's, by whose beginning DPDK finds the driver, and
    /// the port's. A PCI device has its address.
    #[must_use]
    pub fn dpdk_name(&self, port: &str) -> String {
        match self {
            Self::Pci(address) => address.clone(),
            Self::Virtual { driver, args: _ } => format!("{driver}_{port}"),
        }
    }

    /// The kernel interface that a virtual device is told to sit on.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        let Self::Virtual { driver: _, args } = self else {
            return None;
        };
        args.split(',').find_map(|arg| arg.strip_prefix("iface="))
    }

    /// Whether the device makes its own kernel interface, which is then moved to where the hosts are.
    #[must_use]
    pub fn makes_interface(&self) -> bool {
        matches!(self, Self::Virtual { driver, args: _ } if driver.starts_with("net_tap"))
    }

    /// Whether that interface has been moved to another namespace: DPDK asks for its link by its name, and would
    /// say that it is down.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.makes_interface() && self.interface().is_some_and(|name| if_nametoindex(name).is_err())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(address) => f.write_str(address),
            Self::Virtual { driver, args } if args.is_empty() => f.write_str(driver),
            Self::Virtual { driver, args } => write!(f, "{driver},{args}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case("0000:3b:00.0", "0000:3b:00.0", None; "pci")]
    #[test_case("net_af_packet,iface=eth1,qpairs=2", "net_af_packet_wan0", Some("eth1"); "af_packet")]
    #[test_case("net_tap,iface=lan", "net_tap_wan0", Some("lan"); "tap")]
    #[test_case("net_null", "net_null_wan0", None; "no arguments")]
    #[test_case("net_pcap,rx_pcap=a:b", "net_pcap_wan0", None; "a colon in the arguments")]
    fn a_device_is_read_and_named(text: &str, name: &str, interface: Option<&str>) {
        let device = Device::parse(text);
        assert_eq!(device.dpdk_name("wan0"), name);
        assert_eq!(device.interface(), interface);
        assert_eq!(device.to_string(), text);
    }

    #[test]
    fn only_a_tap_makes_its_interface() {
        assert!(Device::parse("net_tap,iface=lan").makes_interface());
        assert!(!Device::parse("net_af_packet,iface=lan").makes_interface());
    }
}
