//! What the kernel must allow this process for its devices, asked before anything starts: a driver that is refused
//! says EINVAL, and why only in a line of its own.

use std::fs;

use crate::config::{Device, PortConfig};

/// capabilities(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Making and changing interfaces.
    NetAdmin,
    /// Sockets that see whole frames.
    NetRaw,
    /// Loading programs into the kernel; CAP_SYS_ADMIN does it, too.
    Bpf,
}

const SYS_ADMIN: u32 = 21;

impl Capability {
    /// Its number, and that of another which includes it.
    const fn bits(self) -> (u32, Option<u32>) {
        match self {
            Self::NetAdmin => (12, None),
            Self::NetRaw => (13, None),
            Self::Bpf => (39, Some(SYS_ADMIN)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
            Self::Bpf => "CAP_BPF",
        }
    }

    fn is_in(self, effective: u64) -> bool {
        let (own, wider) = self.bits();
        let has = |bit: u32| effective & (1 << bit) != 0;
        has(own) || wider.is_some_and(has)
    }
}

/// Capabilities that a driver needs and this process has not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", refusal(driver, missing))]
pub struct MissingRights {
    /// The driver.
    pub driver: String,
    /// What is missing.
    pub missing: Vec<Capability>,
}

fn refusal(driver: &str, missing: &[Capability]) -> String {
    format!(
        "{driver} needs {}, which this process has not got: permission is denied; run it as root, or set \
         AmbientCapabilities={} in its unit",
        joined(missing, " and "),
        joined(missing, " "),
    )
}

fn joined(capabilities: &[Capability], by: &str) -> String {
    capabilities.iter().map(|capability| capability.name()).collect::<Vec<_>>().join(by)
}

/// What a device's driver cannot do without.
fn needed(device: &Device) -> (&str, &'static [Capability]) {
    use Capability::{Bpf, NetAdmin, NetRaw};
    let Device::Virtual { driver, args: _ } = device else {
        // That is a matter of files, of vfio's or of the driver's own; DPDK names them.
        return ("", &[]);
    };
    let needed: &[Capability] = if driver.starts_with("net_tap") {
        &[NetAdmin]
    } else if driver.starts_with("net_af_packet") {
        &[NetRaw]
    } else if driver.starts_with("net_af_xdp") {
        &[NetAdmin, NetRaw, Bpf]
    } else {
        &[]
    };
    (driver, needed)
}

/// Refuses a port whose driver needs what this process may not do.
pub(crate) fn check(port: &PortConfig) -> Result<(), MissingRights> {
    // Where the kernel does not say, the driver will.
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    effective(&status).map_or(Ok(()), |effective| check_against(&port.device, effective))
}

fn check_against(device: &Device, effective: u64) -> Result<(), MissingRights> {
    let (driver, needed) = needed(device);
    let missing: Vec<_> =
        needed.iter().copied().filter(|capability| !capability.is_in(effective)).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(MissingRights { driver: driver.to_owned(), missing })
    }
}

/// The effective capabilities in a proc_pid_status(5).
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    const ADMIN: u64 = 1 << 12;
    const RAW: u64 = 1 << 13;
    const BPF: u64 = 1 << 39;

    #[test_case("net_tap,iface=a", RAW, "CAP_NET_ADMIN"; "tap")]
    #[test_case("net_af_packet,iface=a", ADMIN, "CAP_NET_RAW"; "af_packet")]
    #[test_case("net_af_xdp,iface=a", 0, "CAP_NET_ADMIN CAP_NET_RAW CAP_BPF"; "af_xdp")]
    #[test_case("net_af_xdp,iface=a", ADMIN | RAW, "CAP_BPF"; "af_xdp without bpf")]
    fn what_is_missing_is_named(device: &str, has: u64, words: &str) {
        let text = check_against(&Device::parse(device), has).unwrap_err().to_string();
        assert!(text.contains(&format!("set AmbientCapabilities={words} in")), "{text}");
        let listed = words.replace(' ', " and ");
        assert!(text.contains(&format!(" needs {listed}, which")), "{text}");
    }

    #[test_case("net_tap,iface=a", ADMIN; "tap")]
    #[test_case("net_af_packet,iface=a", RAW; "af_packet")]
    #[test_case("net_af_xdp,iface=a", ADMIN | RAW | BPF; "af_xdp")]
    #[test_case("net_af_xdp,iface=a", ADMIN | RAW | 1 << SYS_ADMIN; "af_xdp of an old kernel")]
    #[test_case("net_null", 0; "null")]
    #[test_case("0000:3b:00.0", 0; "pci")]
    fn enough_is_enough(device: &str, has: u64) {
        check_against(&Device::parse(device), has).unwrap();
    }

    #[test]
    fn the_kernel_says_what_a_process_may() {
        assert_eq!(
            effective("Name:\tx\nCapPrm:\t0\nCapEff:\t0000000000003000\n"),
            Some(ADMIN | RAW)
        );
        assert_eq!(effective("Name:\tx\n"), None);
        let own = fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(effective(&own).is_some());
    }
}
