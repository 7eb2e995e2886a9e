//! The two hosts, with addresses that `configs/appliance.toml` knows, and the one that QEMU runs on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use testkit::netns::Host;

/// Addresses of the host inside, of each family: each with the same octet at its end.
pub(crate) const INSIDE: [u8; 4] = [10, 11, 12, 13];

/// Addresses of the host outside.
pub(crate) const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 80);
pub(crate) const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 0x80);

/// Both, to go through.
pub(crate) const OUTSIDE: [IpAddr; 2] = [IpAddr::V4(OUTSIDE_V4), IpAddr::V6(OUTSIDE_V6)];

/// The nth address of the host inside that can talk to `peer`, with a port.
pub(crate) fn inside(n: usize, peer: IpAddr, port: u16) -> SocketAddr {
    let last = INSIDE[n % INSIDE.len()];
    let address: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::new(10, 10, 0, last).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, last.into()).into(),
    };
    SocketAddr::new(address, port)
}

/// The hosts.
#[derive(Debug)]
pub(crate) struct Hosts {
    pub(crate) inside: Host,
    pub(crate) outside: Host,
    /// Where QEMU runs.
    pub(crate) middle: Host,
}

impl Hosts {
    pub(crate) fn new() -> Self {
        Self { inside: Host::new("inside"), outside: Host::new("outside"), middle: Host::new("vm") }
    }

    /// Gives each host its end of a tap device of QEMU's, as `eth0`.
    pub(crate) fn plug(&self) {
        let Self { inside, outside, middle } = self;
        for (host, tap) in [(inside, "tap0"), (outside, "tap1")] {
            host.take_interface(Some(middle), tap, "eth0");
            // Errors are what the test counts.
            for limit in [
                "net.ipv6.icmp.ratelimit=0",
                "net.ipv4.icmp_ratelimit=0",
                "net.ipv4.icmp_msgs_burst=10000",
            ] {
                drop(host.run(&["sysctl", "-qw", limit]).expect_ok());
            }
        }
        for last in INSIDE {
            inside.address("eth0", &format!("10.10.0.{last}/16"));
            inside.address("eth0", &format!("2001:db8:10::{last:x}/48"));
        }
        outside.address("eth0", &format!("{OUTSIDE_V4}/24"));
        outside.address("eth0", &format!("{OUTSIDE_V6}/48"));
        // One wire joins them: everything is a neighbour.
        for host in [inside, outside] {
            for family in ["-4", "-6"] {
                drop(
                    host.run(&["ip", family, "route", "add", "default", "dev", "eth0"]).expect_ok(),
                );
            }
        }
    }
}
