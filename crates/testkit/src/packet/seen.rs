//! A second opinion on frames that came out: what an independent parser (etherparse) sees.

use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

/// What a frame carries above IP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Above {
    /// TCP.
    Tcp {
        /// Sequence number.
        sequence: u32,
        /// Acknowledgement number.
        acknowledgement: u32,
        /// Flags byte, bits as in [`super::flags`].
        flags: u8,
        /// Window, unscaled.
        window: u16,
    },
    /// UDP.
    Udp,
    /// ICMP or ICMPv6: type and code, and the second word.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Second word of the header.
        rest: [u8; 4],
    },
    /// A fragment, or a protocol not looked into.
    Other,
}

/// The fields of a frame that tests ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// VLAN identifiers, the outermost first.
    pub vids: Vec<u16>,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol number, after extension headers.
    pub protocol: u8,
    /// Source port, 0 where there is none.
    pub source_port: u16,
    /// Destination port, 0 where there is none.
    pub destination_port: u16,
    /// The header above IP.
    pub above: Above,
    /// What follows that header.
    pub payload: Vec<u8>,
}

impl Seen {
    /// What is in this Ethernet frame; `None` if it carries no IP or is broken.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        Self::from_slices(&SlicedPacket::from_ethernet(frame).ok()?)
    }

    /// What is in this IP packet, quoted by an ICMP error or read from a TUN device.
    #[must_use]
    pub fn parse_ip(packet: &[u8]) -> Option<Self> {
        Self::from_slices(&SlicedPacket::from_ip(packet).ok()?)
    }

    fn from_slices(sliced: &SlicedPacket<'_>) -> Option<Self> {
        let vids = sliced.vlan_ids().iter().map(|vid| vid.value()).collect();
        let (source, destination, protocol, rest) = match sliced.net.as_ref()? {
            NetSlice::Ipv4(ip) => (
                IpAddr::V4(ip.header().source_addr()),
                IpAddr::V4(ip.header().destination_addr()),
                ip.payload().ip_number.0,
                ip.payload().payload,
            ),
            NetSlice::Ipv6(ip) => (
                IpAddr::V6(ip.header().source_addr()),
                IpAddr::V6(ip.header().destination_addr()),
                ip.payload().ip_number.0,
                ip.payload().payload,
            ),
            NetSlice::Arp(_) => return None,
        };
        let (source_port, destination_port, above, payload) = match sliced.transport.as_ref() {
            Some(TransportSlice::Tcp(tcp)) => (
                tcp.source_port(),
                tcp.destination_port(),
                Above::Tcp {
                    sequence: tcp.sequence_number(),
                    acknowledgement: tcp.acknowledgment_number(),
                    flags: tcp.slice()[13],
                    window: tcp.window_size(),
                },
                tcp.payload(),
            ),
            Some(TransportSlice::Udp(udp)) => {
                (udp.source_port(), udp.destination_port(), Above::Udp, udp.payload())
            }
            Some(TransportSlice::Icmpv4(icmp)) => (
                0,
                0,
                Above::Icmp { kind: icmp.type_u8(), code: icmp.code_u8(), rest: icmp.bytes5to8() },
                icmp.payload(),
            ),
            Some(TransportSlice::Icmpv6(icmp)) => (
                0,
                0,
                Above::Icmp { kind: icmp.type_u8(), code: icmp.code_u8(), rest: icmp.bytes5to8() },
                icmp.payload(),
            ),
            Some(TransportSlice::Igmp(_)) | None => (0, 0, Above::Other, rest),
        };
        Some(Self {
            vids,
            source,
            destination,
            protocol,
            source_port,
            destination_port,
            above,
            payload: payload.to_vec(),
        })
    }

    /// The TCP flags byte, if it is TCP.
    #[must_use]
    pub fn tcp_flags(&self) -> Option<u8> {
        match self.above {
            Above::Tcp { flags, .. } => Some(flags),
            Above::Udp | Above::Icmp { .. } | Above::Other => None,
        }
    }

    /// The packet that an ICMP error quotes.
    #[must_use]
    pub fn quoted(&self) -> Option<Self> {
        match self.above {
            Above::Icmp { .. } => Self::parse_ip(&self.payload),
            Above::Tcp { .. } | Above::Udp | Above::Other => None,
        }
    }
}
