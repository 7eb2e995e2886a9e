//! What a port's `device` means: a PCI address, or a DPDK driver with its arguments.

use core::fmt;

/// The device behind a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// A NIC by its full PCI address, `0000:3b:00.0`.
    Pci(String),
    /// A device that a DPDK driver makes.
    Virtual {
        /// The driver, `net_tap`.
        driver: String,
        /// Its arguments, `iface=lan`; empty for none.
        args: String,
    },
}

/// Drivers of DPDK that make devices without hardware of their own.
pub(crate) const USUAL_DRIVERS: &[&str] = &[
    "net_tap",
    "net_af_packet",
    "net_af_xdp",
    "net_memif",
    "net_ring",
    "net_pcap",
    "net_null",
    "net_vhost",
    "net_virtio_user",
    "net_bonding",
    "net_failsafe",
];

impl Device {
    /// Reads the text of the key. The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(address) = pci_address(text) {
            return Ok(Self::Pci(address));
        }
        let (driver, args) = text.split_once(',').unwrap_or((text, ""));
        let named = driver.strip_prefix("net_").is_some_and(|rest| {
            !rest.is_empty()
                && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        });
        if !named {
            return Err(format!("{text:?} is neither a PCI address nor a DPDK driver"));
        }
        if text.ends_with(',') {
            return Err(format!("{text:?} ends with a comma"));
        }
        let device = Self::Virtual { driver: driver.to_owned(), args: args.to_owned() };
        device.check_interface()?;
        Ok(device)
    }

    /// Whether its driver is none of [`USUAL_DRIVERS`]. DPDK reads what follows a driver's name as the
    /// number of the device: `net_tap0`.
    pub(crate) fn has_unusual_driver(&self) -> bool {
        match self {
            Self::Pci(_) => false,
            Self::Virtual { driver, args: _ } => {
                !USUAL_DRIVERS.iter().any(|usual| driver.starts_with(usual))
            }
        }
    }

    /// The kernel interface that the device is, makes or sits on.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        match self {
            Self::Pci(_) => None,
            Self::Virtual { driver: _, args } => {
                args.split(',').find_map(|arg| arg.strip_prefix("iface="))
            }
        }
    }

    /// Whether the two cannot both be opened. Some drivers share an interface by queues (`net_af_xdp`),
    /// and those without one (`net_null`) make a new device each time.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pci(one), Self::Pci(two)) => one == two,
            (Self::Virtual { .. }, Self::Virtual { .. }) => {
                let same_interface =
                    self.interface().is_some() && self.interface() == other.interface();
                same_interface && (self == other || !(self.shares() && other.shares()))
            }
            (Self::Pci(_), Self::Virtual { .. }) | (Self::Virtual { .. }, Self::Pci(_)) => false,
        }
    }

    fn shares(&self) -> bool {
        match self {
            Self::Pci(_) => false,
            Self::Virtual { driver, .. } => driver.starts_with("net_af_xdp"),
        }
    }

    /// Linux interface names have 1 to 15 bytes, no slash and no space (`dev_valid_name`).
    fn check_interface(&self) -> Result<(), String> {
        let Self::Virtual { driver, .. } = self else { return Ok(()) };
        match self.interface() {
            None if driver.starts_with("net_af_") => Err(format!(
                "{driver} needs the interface that it sits on: \"{driver},iface=eth1\""
            )),
            Some(name)
                if name.is_empty()
                    || name.len() > 15
                    || name.contains(['/', ':'])
                    || name.contains(char::is_whitespace) =>
            {
                Err(format!(
                    "{name:?} is not an interface's name: 1 to 15 characters, no '/', ':' or space"
                ))
            }
            Some(_) | None => Ok(()),
        }
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

/// The full lower-case form of a PCI address; the domain may be left out.
fn pci_address(text: &str) -> Option<String> {
    let hexadecimal = |part: &str, width: usize| {
        part.len() == width && part.chars().all(|c| c.is_ascii_hexdigit())
    };
    let (domain, rest) =
        if text.matches(':').count() == 2 { text.split_once(':')? } else { ("0000", text) };
    let (bus, slot) = rest.split_once(':')?;
    let (device, function) = slot.split_once('.')?;
    let function_fits = matches!(function.as_bytes(), [b'0'..=b'7']);
    let whole =
        hexadecimal(domain, 4) && hexadecimal(bus, 2) && hexadecimal(device, 2) && function_fits;
    whole.then(|| format!("{domain}:{bus}:{device}.{function}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Device, String> {
        Device::parse(text)
    }

    #[test]
    fn pci_addresses_are_completed() {
        assert_eq!(parse("0000:3B:00.1"), Ok(Device::Pci("0000:3b:00.1".into())));
        assert_eq!(parse("3b:00.1"), Ok(Device::Pci("0000:3b:00.1".into())));
        for text in ["0000:3b:00.8", "0000:3b:00", "3b:00:0", "000:3b:00.0", "", "eth0"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn drivers_keep_their_arguments() {
        let device = parse("net_af_packet,iface=eth1,blocksz=65536").unwrap();
        assert_eq!(device.interface(), Some("eth1"));
        assert_eq!(device.to_string(), "net_af_packet,iface=eth1,blocksz=65536");
        assert_eq!(parse("net_null").unwrap().interface(), None);
        assert!(parse("net_af_packet").is_err());
        assert!(parse("net_tap,iface=a-name-that-is-too-long").is_err());
        assert!(parse("net_tap,").is_err());
        assert!(parse("af_packet,iface=eth1").is_err());
    }

    #[test]
    fn one_interface_is_opened_once_unless_by_queues() {
        let conflict =
            |one: &str, two: &str| parse(one).unwrap().conflicts_with(&parse(two).unwrap());
        assert!(conflict("3b:00.0", "0000:3b:00.0"));
        assert!(!conflict("3b:00.0", "3b:00.1"));
        assert!(conflict("net_tap,iface=a", "net_tap,iface=a"));
        assert!(conflict("net_af_packet,iface=a", "net_af_packet,iface=a,qpairs=2"));
        assert!(!conflict("net_af_xdp,iface=a,start_queue=0", "net_af_xdp,iface=a,start_queue=1"));
        assert!(conflict("net_af_xdp,iface=a", "net_af_xdp,iface=a"));
        assert!(!conflict("net_null", "net_null"));
    }
}
