//! Whether the kernel could carry traffic past the firewall.
//!
//! Some devices leave their kernel interface in place: af_packet, af_xdp, mlx5. If that interface has an address,
//! a bridge or bond above it, or forwards, frames have a way around. So it may have none of these. An IPv6
//! link-local address counts: whoever is on the wire reaches the host's own services by it. As the kernel gives
//! one to every interface, IPv6 is switched off on the interface instead of asking the operator to do it; what
//! the operator configured is never taken away, but refused.

use std::net::IpAddr;
use std::path::Path;
use std::{fs, io};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

use crate::rtnetlink;

/// A way around the firewall, with the command that closes it.
#[derive(Debug, thiserror::Error)]
pub enum KernelPathError {
    /// The interface does not exist.
    #[error("there is no network interface {0}; `ip -brief link` shows those there are")]
    NoInterface(String),
    /// It has an address.
    #[error(
        "the kernel's interface {interface} has the address {address}, by which traffic gets past the firewall; \
         remove it (ip address flush dev {interface}), or set allow_kernel_path = true on the port"
    )]
    Address {
        /// The interface.
        interface: String,
        /// One of its addresses.
        address: IpAddr,
    },
    /// It belongs to a bridge or a bond.
    #[error(
        "the kernel's interface {interface} belongs to {master}, by which traffic gets past the firewall; take it \
         out (ip link set {interface} nomaster), or set allow_kernel_path = true on the port"
    )]
    Master {
        /// The interface.
        interface: String,
        /// The bridge or bond.
        master: String,
    },
    /// The kernel forwards what comes in by it.
    #[error(
        "the kernel forwards what comes in by {interface}, past the firewall; switch it off (sysctl -w \
         net.ipv4.conf.{interface}.forwarding=0), or set allow_kernel_path = true on the port"
    )]
    Forwarding {
        /// The interface.
        interface: String,
    },
    /// The kernel would give it an IPv6 address by itself.
    #[error(
        "IPv6 cannot be switched off on the kernel's interface {interface}, which would get an address by itself; \
         do it (sysctl -w net.ipv6.conf.{interface}.disable_ipv6=1), or set allow_kernel_path = true on the port"
    )]
    Ipv6 {
        /// The interface.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Its state cannot be read.
    #[error("the state of the kernel's interface {interface} cannot be read")]
    Unreadable {
        /// The interface.
        interface: String,
        /// Why.
        source: io::Error,
    },
}

/// Refuses an interface that does not exist in this network namespace.
pub(crate) fn exists(interface: &str) -> Result<(), KernelPathError> {
    match if_nametoindex(interface) {
        Ok(_) => Ok(()),
        Err(_) => Err(KernelPathError::NoInterface(interface.into())),
    }
}

/// The name of the interface with that index, in this network namespace.
pub(crate) fn name_of(index: u32) -> Result<String, KernelPathError> {
    let unknown = || KernelPathError::NoInterface(format!("with the index {index}"));
    let name = nix::net::if_::if_indextoname(index).map_err(|_| unknown())?;
    name.into_string().map_err(|_| unknown())
}

/// Refuses an interface by which traffic could get around the firewall. Changes nothing.
pub(crate) fn check(interface: &str) -> Result<(), KernelPathError> {
    exists(interface)?;
    Interface::read(interface)
        .map_err(|source| KernelPathError::Unreadable { interface: interface.into(), source })?
        .check()
}

/// Switches IPv6 off on an interface. It stays off: with the firewall gone, nobody shall reach the host by an
/// address that nobody gave it.
pub(crate) fn close(interface: &str) -> Result<(), KernelPathError> {
    let refused = |source| KernelPathError::Ipv6 { interface: interface.into(), source };
    let file = Path::new("/proc/sys/net/ipv6/conf").join(interface).join("disable_ipv6");
    if switch(&file).map_err(refused)? == Some(false) {
        fs::write(file, "1").map_err(refused)?;
    }
    Ok(())
}

/// What matters of an interface.
#[derive(Debug)]
struct Interface {
    name: String,
    addresses: Vec<IpAddr>,
    master: Option<String>,
    forwards: bool,
}

impl Interface {
    fn read(name: &str) -> io::Result<Self> {
        // Of the network namespace that the reading thread is in.
        let settings = Path::new("/proc/sys/net/ipv4/conf");
        let above = rtnetlink::Interface::new(if_nametoindex(name)?)?.master()?;
        let master = above.map(|index| name_of(index).unwrap_or_else(|_| index.to_string()));
        let forwarding = settings.join(name).join("forwarding");
        Ok(Self {
            name: name.into(),
            addresses: addresses_of(name)?,
            master,
            forwards: switch(&forwarding)? == Some(true),
        })
    }

    fn check(&self) -> Result<(), KernelPathError> {
        let interface = self.name.clone();
        if let Some(&address) = self.addresses.iter().find(|address| !kernel_made(**address)) {
            return Err(KernelPathError::Address { interface, address });
        }
        if let Some(master) = self.master.clone() {
            return Err(KernelPathError::Master { interface, master });
        }
        if self.forwards {
            return Err(KernelPathError::Forwarding { interface });
        }
        Ok(())
    }
}

/// An address that goes when IPv6 is switched off, and that no operator misses.
fn kernel_made(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn addresses_of(interface: &str) -> io::Result<Vec<IpAddr>> {
    let all = getifaddrs()?;
    Ok(all
        .filter(|entry| entry.interface_name == interface)
        .filter_map(|entry| {
            let address = entry.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect())
}

/// A kernel switch, or `None` if the kernel has not got it.
fn switch(file: &Path) -> io::Result<Option<bool>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim() != "0")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Interface {
        Interface {
            name: "eth1".into(),
            addresses: vec!["fe80::1".parse().unwrap()],
            master: None,
            forwards: false,
        }
    }

    #[test]
    fn every_way_around_is_refused_with_its_remedy() {
        quiet().check().unwrap();
        let cases = [
            (
                Interface { addresses: vec!["192.0.2.1".parse().unwrap()], ..quiet() },
                "has the address 192.0.2.1",
                "ip address flush dev eth1",
            ),
            (
                Interface { addresses: vec!["2001:db8::1".parse().unwrap()], ..quiet() },
                "has the address 2001:db8::1",
                "ip address flush dev eth1",
            ),
            (
                Interface { master: Some("br0".into()), ..quiet() },
                "belongs to br0",
                "ip link set eth1 nomaster",
            ),
            (
                Interface { forwards: true, ..quiet() },
                "forwards what comes in by eth1",
                "net.ipv4.conf.eth1.forwarding=0",
            ),
        ];
        for (interface, fault, remedy) in cases {
            let text = interface.check().unwrap_err().to_string();
            assert!(text.contains(fault) && text.contains(remedy), "{text}");
            assert!(text.contains("allow_kernel_path = true"), "{text}");
        }
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let text = check("no-such-if0").unwrap_err().to_string();
        assert!(text.contains("no network interface no-such-if0"), "{text}");
    }

    #[test]
    fn the_loopback_has_an_address() {
        // Any machine has it, and it is the one interface whose state is known.
        let loopback = Interface::read("lo").unwrap();
        assert!(loopback.master.is_none());
    }
}
