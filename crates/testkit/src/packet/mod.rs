//! Frames from descriptions: say what differs from the happy path, get bytes.
//!
//! ```
//! use testkit::packet::{Frame, TCP, Tcp, flags};
//!
//! let syn = Frame::tcp("10.0.0.1:40000", "192.0.2.80:80", Tcp { flags: flags::SYN, ..TCP });
//! assert_eq!(syn.bytes().len(), 14 + 20 + 20);
//! let tagged = syn.tag(100).bytes();
//! assert_eq!(&tagged[12..14], &[0x81, 0x00]);
//! ```
//!
//! Lengths, protocol numbers and checksums are right unless the description says otherwise: each
//! such field is an `Option` or a [`Checksum`]. What is not here: parsing (see [`seen`]) and any
//! judgement of whether a frame makes sense.

mod arp;
mod checksum;
mod error;
mod fragment;
mod icmp;
mod ipv4;
mod ipv6;
mod sctp;
pub mod seen;
mod tcp;
mod transport;
mod udp;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

pub use arp::{ARP, Arp, ArpOperation};
pub use checksum::{Checksum, internet_checksum};
pub use error::IcmpError;
pub use fragment::{fragment_v4, fragment_v6};
pub use icmp::{ICMP, ICMPV6, Icmp, Icmpv6, icmp_type, icmpv6_type};
pub use ipv4::{IPV4, Ipv4};
pub use ipv6::{Extension, IPV6, Ipv6};
pub use sctp::{Chunk, SCTP, Sctp, chunk_type, crc32c};
pub use tcp::{TCP, Tcp, TcpOption, flags};
pub use transport::{Transport, protocol};
pub use udp::{UDP, Udp};

/// A MAC address.
pub type Mac = [u8; 6];

/// MAC of the host that starts conversations.
pub const INITIATOR_MAC: Mac = [0x02, 0, 0, 0, 0, 0x01];
/// MAC of the host that answers.
pub const RESPONDER_MAC: Mac = [0x02, 0, 0, 0, 0, 0x02];
/// The broadcast MAC.
pub const BROADCAST_MAC: Mac = [0xff; 6];

/// EtherType values (IEEE 802 numbers).
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// IEEE 802.1Q customer tag.
    pub const VLAN: u16 = 0x8100;
    /// IEEE 802.1ad service tag.
    pub const QINQ: u16 = 0x88a8;
    /// LLDP.
    pub const LLDP: u16 = 0x88cc;
}

/// A VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The tag's own EtherType: [`ether_type::VLAN`] or [`ether_type::QINQ`], or nonsense.
    pub tpid: u16,
    /// Priority code point, 0-7.
    pub priority: u8,
    /// Drop eligible indicator.
    pub drop_eligible: bool,
    /// VLAN identifier, 0-4095.
    pub vid: u16,
}

/// An 802.1Q tag of VLAN 1.
pub const TAG: Tag = Tag { tpid: ether_type::VLAN, priority: 0, drop_eligible: false, vid: 1 };

/// What follows the Ethernet header and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// An IPv4 packet.
    Ipv4(Ipv4),
    /// An IPv6 packet.
    Ipv6(Ipv6),
    /// An ARP message.
    Arp(Arp),
    /// Any bytes under this EtherType.
    Raw(u16, Vec<u8>),
}

/// An Ethernet frame, without preamble and FCS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Source MAC.
    pub source: Mac,
    /// Destination MAC.
    pub destination: Mac,
    /// VLAN tags, the outermost first.
    pub tags: Vec<Tag>,
    /// The EtherType after the tags; `None`: that of `network`.
    pub ether_type: Option<u16>,
    /// What the frame carries.
    pub network: Network,
    /// Bytes after the packet: the padding of a short Ethernet frame, or a hidden trailer.
    pub trailer: Vec<u8>,
}

/// An empty frame from initiator to responder: set `network`.
pub const FRAME: Frame = Frame {
    source: INITIATOR_MAC,
    destination: RESPONDER_MAC,
    tags: Vec::new(),
    ether_type: None,
    network: Network::Raw(0xffff, Vec::new()),
    trailer: Vec::new(),
};

/// The bytes of an IP header from its description, carrying `transport`.
fn internet(source: IpAddr, destination: IpAddr, transport: Transport) -> Network {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Network::Ipv4(Ipv4 { source, destination, transport, ..IPV4 })
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Network::Ipv6(Ipv6 { source, destination, transport, ..IPV6 })
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            unreachable!("{source} and {destination} are of different families")
        }
    }
}

/// What reads as an address and a port: a [`SocketAddr`], or its text.
pub trait IntoSocket {
    /// The address and port.
    fn into_socket(self) -> SocketAddr;
}

impl IntoSocket for SocketAddr {
    fn into_socket(self) -> SocketAddr {
        self
    }
}

impl IntoSocket for &str {
    fn into_socket(self) -> SocketAddr {
        self.parse().expect("an address with a port, such as 10.0.0.1:80 or [2001:db8::1]:80")
    }
}

/// What reads as an address: an [`IpAddr`], or its text.
pub trait IntoAddress {
    /// The address.
    fn into_address(self) -> IpAddr;
}

impl IntoAddress for IpAddr {
    fn into_address(self) -> IpAddr {
        self
    }
}

impl IntoAddress for &str {
    fn into_address(self) -> IpAddr {
        self.parse().expect("an IPv4 or IPv6 address")
    }
}

impl Frame {
    /// A TCP segment between two sockets of one family; their ports overwrite those of `tcp`.
    #[must_use]
    pub fn tcp(source: impl IntoSocket, destination: impl IntoSocket, tcp: Tcp) -> Self {
        let (from, to) = (source.into_socket(), destination.into_socket());
        let transport = Transport::Tcp(Tcp { source: from.port(), destination: to.port(), ..tcp });
        Self { network: internet(from.ip(), to.ip(), transport), ..FRAME }
    }

    /// A UDP datagram between two sockets of one family.
    #[must_use]
    pub fn udp(
        source: impl IntoSocket,
        destination: impl IntoSocket,
        payload: impl Into<Vec<u8>>,
    ) -> Self {
        let (from, to) = (source.into_socket(), destination.into_socket());
        let udp =
            Udp { source: from.port(), destination: to.port(), payload: payload.into(), ..UDP };
        Self { network: internet(from.ip(), to.ip(), Transport::Udp(udp)), ..FRAME }
    }

    /// An SCTP packet between two sockets of one family; their ports overwrite those of `sctp`.
    #[must_use]
    pub fn sctp(source: impl IntoSocket, destination: impl IntoSocket, sctp: Sctp) -> Self {
        let (from, to) = (source.into_socket(), destination.into_socket());
        let sctp = Sctp { source: from.port(), destination: to.port(), ..sctp };
        Self { network: internet(from.ip(), to.ip(), Transport::Sctp(sctp)), ..FRAME }
    }

    /// An echo request of ICMP or ICMPv6, by the family of the addresses.
    #[must_use]
    pub fn echo_request(
        source: impl IntoAddress,
        destination: impl IntoAddress,
        identifier: u16,
        sequence: u16,
    ) -> Self {
        Self::echo(source.into_address(), destination.into_address(), identifier, sequence, true)
    }

    /// An echo reply of ICMP or ICMPv6, by the family of the addresses.
    #[must_use]
    pub fn echo_reply(
        source: impl IntoAddress,
        destination: impl IntoAddress,
        identifier: u16,
        sequence: u16,
    ) -> Self {
        Self::echo(source.into_address(), destination.into_address(), identifier, sequence, false)
    }

    fn echo(from: IpAddr, to: IpAddr, identifier: u16, sequence: u16, request: bool) -> Self {
        let transport = if from.is_ipv4() {
            let kind = if request { icmp_type::ECHO_REQUEST } else { icmp_type::ECHO_REPLY };
            Transport::Icmp(Icmp { kind, ..ICMP.with_identifier(identifier, sequence) })
        } else {
            let kind = if request { icmpv6_type::ECHO_REQUEST } else { icmpv6_type::ECHO_REPLY };
            Transport::Icmpv6(Icmpv6 { kind, ..ICMPV6.with_identifier(identifier, sequence) })
        };
        Self { network: internet(from, to, transport), ..FRAME }
    }

    /// An IP packet of any protocol, by the family of the addresses.
    #[must_use]
    pub fn ip(
        source: impl IntoAddress,
        destination: impl IntoAddress,
        transport: Transport,
    ) -> Self {
        Self {
            network: internet(source.into_address(), destination.into_address(), transport),
            ..FRAME
        }
    }

    /// An ARP message; a request goes to the broadcast address.
    #[must_use]
    pub fn arp(arp: Arp) -> Self {
        let destination = match arp.operation {
            ArpOperation::Request => BROADCAST_MAC,
            ArpOperation::Reply | ArpOperation::Other(_) => arp.target_mac,
        };
        Self { source: arp.sender_mac, destination, network: Network::Arp(arp), ..FRAME }
    }

    /// Any bytes under an EtherType.
    #[must_use]
    pub fn raw(ether_type: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Self { network: Network::Raw(ether_type, bytes.into()), ..FRAME }
    }

    /// The same frame with these MAC addresses.
    #[must_use]
    pub fn macs(self, source: Mac, destination: Mac) -> Self {
        Self { source, destination, ..self }
    }

    /// The same frame with one more 802.1Q tag, inside those it has.
    #[must_use]
    pub fn tag(mut self, vid: u16) -> Self {
        self.tags.push(Tag { vid, ..TAG });
        self
    }

    /// The same frame with a provider's tag (802.1ad, "QinQ") outside those it has.
    #[must_use]
    pub fn tag_of_provider(mut self, vid: u16) -> Self {
        self.tags.insert(0, Tag { tpid: ether_type::QINQ, vid, ..TAG });
        self
    }

    /// The same frame, padded with zeros to `length` bytes where it is shorter (60 is the
    /// shortest frame on a wire).
    #[must_use]
    pub fn padded_to(mut self, length: usize) -> Self {
        let missing = length.saturating_sub(self.bytes().len());
        self.trailer.resize(self.trailer.len() + missing, 0);
        self
    }

    /// The same frame with its IPv4 description changed.
    #[must_use]
    pub fn map_ipv4(mut self, change: impl FnOnce(Ipv4) -> Ipv4) -> Self {
        self.network = match self.network {
            Network::Ipv4(ip) => Network::Ipv4(change(ip)),
            other @ (Network::Ipv6(_) | Network::Arp(_) | Network::Raw(..)) => {
                unreachable!("not an IPv4 frame: {other:?}")
            }
        };
        self
    }

    /// The same frame with its IPv6 description changed.
    #[must_use]
    pub fn map_ipv6(mut self, change: impl FnOnce(Ipv6) -> Ipv6) -> Self {
        self.network = match self.network {
            Network::Ipv6(ip) => Network::Ipv6(change(ip)),
            other @ (Network::Ipv4(_) | Network::Arp(_) | Network::Raw(..)) => {
                unreachable!("not an IPv6 frame: {other:?}")
            }
        };
        self
    }

    /// The same frame with its transport description changed.
    #[must_use]
    pub fn map_transport(self, change: impl FnOnce(Transport) -> Transport) -> Self {
        match self.network {
            Network::Ipv4(_) => self.map_ipv4(|ip| Ipv4 { transport: change(ip.transport), ..ip }),
            Network::Ipv6(_) => self.map_ipv6(|ip| Ipv6 { transport: change(ip.transport), ..ip }),
            other @ (Network::Arp(_) | Network::Raw(..)) => {
                unreachable!("not an IP frame: {other:?}")
            }
        }
    }

    /// The frame as it lies on the wire, without FCS.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let Self { source, destination, tags, ether_type, network, trailer } = self;
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(destination);
        out.extend_from_slice(source);
        for tag in tags {
            let control = (u16::from(tag.priority & 7) << 13)
                | (u16::from(tag.drop_eligible) << 12)
                | (tag.vid & 0x0fff);
            out.extend_from_slice(&tag.tpid.to_be_bytes());
            out.extend_from_slice(&control.to_be_bytes());
        }
        let (own_type, packet) = match network {
            Network::Ipv4(ip) => (ether_type::IPV4, ip.bytes()),
            Network::Ipv6(ip) => (ether_type::IPV6, ip.bytes()),
            Network::Arp(arp) => (ether_type::ARP, arp.bytes()),
            Network::Raw(kind, bytes) => (*kind, bytes.clone()),
        };
        out.extend_from_slice(&ether_type.unwrap_or(own_type).to_be_bytes());
        out.extend_from_slice(&packet);
        out.extend_from_slice(trailer);
        out
    }
}
