//! What a control conversation announces.

use core::net::IpAddr;
use core::time::Duration;

use session::Direction;

/// One connection to expect: both addresses and the port that it goes to are known, the port that it comes
/// from may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// IP protocol number of the connection.
    pub protocol: u8,
    /// Whose side of the box opens it: [`Direction::Original`] that of the control conversation's initiator.
    pub opener: Direction,
    /// The host that opens it.
    pub source: IpAddr,
    /// The port that it comes from; `None`: any.
    pub source_port: Option<u16>,
    /// The host that it goes to.
    pub destination: IpAddr,
    /// The port that it goes to; 0 for a protocol without ports.
    pub destination_port: u16,
    /// How long it is expected; `None`: for the configured time.
    pub lifetime: Option<Duration>,
}
