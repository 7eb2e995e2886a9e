//! What an IP packet carries.

use super::checksum::Pseudo;
use super::icmp::{Icmp, Icmpv6};
use super::sctp::Sctp;
use super::tcp::Tcp;
use super::udp::Udp;

/// IP protocol numbers (IANA).
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// GRE.
    pub const GRE: u8 = 47;
    /// ESP.
    pub const ESP: u8 = 50;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram.
    Udp(Udp),
    /// An ICMP message.
    Icmp(Icmp),
    /// An ICMPv6 message.
    Icmpv6(Icmpv6),
    /// An SCTP packet.
    Sctp(Sctp),
    /// Any bytes under a protocol number: GRE, ESP, a truncated header.
    Raw(u8, Vec<u8>),
}

impl Transport {
    /// Its protocol number.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        match self {
            Self::Tcp(_) => protocol::TCP,
            Self::Udp(_) => protocol::UDP,
            Self::Icmp(_) => protocol::ICMP,
            Self::Icmpv6(_) => protocol::ICMPV6,
            Self::Sctp(_) => protocol::SCTP,
            Self::Raw(number, _) => *number,
        }
    }

    pub(crate) fn bytes(&self, pseudo: Pseudo) -> Vec<u8> {
        match self {
            Self::Tcp(tcp) => tcp.bytes(pseudo),
            Self::Udp(udp) => udp.bytes(pseudo),
            Self::Icmp(icmp) => icmp.bytes(),
            Self::Icmpv6(icmp) => icmp.bytes(pseudo),
            Self::Sctp(sctp) => sctp.bytes(),
            Self::Raw(_, bytes) => bytes.clone(),
        }
    }
}
