//! ICMP and ICMPv6 errors that quote a packet.

use std::net::IpAddr;

use super::icmp::{ICMP, ICMPV6, Icmp, Icmpv6, icmp_type, icmpv6_type};
use super::{FRAME, Frame, IntoAddress, Network, Transport, internet};

/// The errors, each with the numbers of both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IcmpError {
    /// Port unreachable: ICMP 3/3, ICMPv6 1/4.
    PortUnreachable,
    /// Host (address) unreachable: ICMP 3/1, ICMPv6 1/3.
    HostUnreachable,
    /// Administratively prohibited: ICMP 3/13, ICMPv6 1/1.
    Prohibited,
    /// TTL or hop limit exceeded in transit: ICMP 11/0, ICMPv6 3/0.
    TimeExceeded,
    /// Fragmentation needed (ICMP 3/4) or packet too big (ICMPv6 2/0), with the next hop's MTU.
    TooBig(u16),
    /// Parameter problem: ICMP 12/0, ICMPv6 4/0, with the pointer.
    ParameterProblem(u8),
}

impl IcmpError {
    fn icmp(self) -> Icmp {
        let (kind, code, rest) = match self {
            Self::PortUnreachable => (icmp_type::UNREACHABLE, 3, [0; 4]),
            Self::HostUnreachable => (icmp_type::UNREACHABLE, 1, [0; 4]),
            Self::Prohibited => (icmp_type::UNREACHABLE, 13, [0; 4]),
            Self::TimeExceeded => (icmp_type::TIME_EXCEEDED, 0, [0; 4]),
            Self::TooBig(mtu) => (icmp_type::UNREACHABLE, 4, u32::from(mtu).to_be_bytes()),
            Self::ParameterProblem(at) => (icmp_type::PARAMETER_PROBLEM, 0, [at, 0, 0, 0]),
        };
        Icmp { kind, code, rest, ..ICMP }
    }

    fn icmpv6(self) -> Icmpv6 {
        let (kind, code, rest) = match self {
            Self::PortUnreachable => (icmpv6_type::UNREACHABLE, 4, [0; 4]),
            Self::HostUnreachable => (icmpv6_type::UNREACHABLE, 3, [0; 4]),
            Self::Prohibited => (icmpv6_type::UNREACHABLE, 1, [0; 4]),
            Self::TimeExceeded => (icmpv6_type::TIME_EXCEEDED, 0, [0; 4]),
            Self::TooBig(mtu) => (icmpv6_type::PACKET_TOO_BIG, 0, u32::from(mtu).to_be_bytes()),
            Self::ParameterProblem(at) => {
                (icmpv6_type::PARAMETER_PROBLEM, 0, u32::from(at).to_be_bytes())
            }
        };
        Icmpv6 { kind, code, rest, ..ICMPV6 }
    }
}

impl Frame {
    /// The error that `reporter` sends to the source of `quoted`, an IP frame. It quotes the IP
    /// header and up to `quote` bytes after it; RFC 792 asks for 8, RFC 4443 for as many as fit.
    ///
    /// The MAC addresses are those of `quoted`, exchanged; its tags are kept.
    #[must_use]
    pub fn icmp_error(
        reporter: impl IntoAddress,
        error: IcmpError,
        quoted: &Self,
        quote: usize,
    ) -> Self {
        let reporter = reporter.into_address();
        let (to, header, packet): (IpAddr, usize, Vec<u8>) = match &quoted.network {
            Network::Ipv4(ip) => {
                (ip.source.into(), 20 + ip.options.len().next_multiple_of(4), ip.bytes())
            }
            Network::Ipv6(ip) => (ip.source.into(), 40, ip.bytes()),
            other @ (Network::Arp(_) | Network::Raw(..)) => {
                unreachable!("an ICMP error quotes an IP packet, not {other:?}")
            }
        };
        let payload = packet[..packet.len().min(header + quote)].to_vec();
        let transport = if to.is_ipv4() {
            Transport::Icmp(Icmp { payload, ..error.icmp() })
        } else {
            Transport::Icmpv6(Icmpv6 { payload, ..error.icmpv6() })
        };
        Self {
            source: quoted.destination,
            destination: quoted.source,
            tags: quoted.tags.clone(),
            network: internet(reporter, to, transport),
            ..FRAME
        }
    }
}
