//! What a control conversation announces.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use session::Direction;

use crate::Protocol;

/// One connection to expect: both addresses and the port that it goes to are known, the port that it comes
/// from may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// IP protocol number of the connection.
    pub protocol: u8,
    /// Whose side of the box opens it: [`Direction::Original`] that of the control conversation's initiator.
    pub opener: Direction,
    /// The host that opens it; the unspecified address: any ([`Self::any_host`]).
    pub source: IpAddr,
    /// The port that it comes from; `None`: any.
    pub source_port: Option<u16>,
    /// The host that it goes to.
    pub destination: IpAddr,
    /// The port that it goes to; for GRE the number that its receiver gave to the call (RFC 2637 §4.1).
    pub destination_port: u16,
    /// How long it is expected; `None`: for the configured time.
    pub lifetime: Option<Duration>,
    /// The protocol that it speaks, if it is a control conversation itself and to be read: by a reader of its own, from
    /// its first packet on, with the options of the conversation that announces it.
    pub read: Option<Protocol>,
    /// Whether it stays expected when it has come, for more connections to the same place, until its time is over or what
    /// announced it ends.
    pub standing: bool,
    /// What of the conversation it belongs to, a call or a stream: [`Notes::withdraw`](crate::Notes::withdraw) takes back
    /// all of a group. Any number, or 0 for what is never taken back.
    pub group: u32,
}

impl Announcement {
    /// One connection to a place, from any port of its source: for the configured time, not read, and never taken back by
    /// itself. What a protocol has otherwise its gateway says beside this.
    pub(crate) const fn once(
        protocol: u8,
        opener: Direction,
        source: IpAddr,
        destination: (IpAddr, u16),
    ) -> Self {
        let (destination, destination_port) = destination;
        Self {
            protocol,
            opener,
            source,
            source_port: None,
            destination,
            destination_port,
            lifetime: None,
            read: None,
            standing: false,
            group: 0,
        }
    }

    /// Stands for any host of the family of `address`: for a connection that a host opens of which the
    /// conversation does not say where it is, and only where the rule allows third parties.
    #[must_use]
    pub const fn any_host(address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}
