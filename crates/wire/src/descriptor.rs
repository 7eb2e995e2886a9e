//! What one walk over a frame's headers finds.

use core::net::IpAddr;

use crate::SeqNum;

/// The headers of one frame, read once. Offsets are in octets from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The VLAN tags in front of the network header.
    pub vlans: VlanTags,
    /// What the frame carries above Ethernet.
    pub class: Class,
    /// Where the network header (or the payload of a frame that is not IP) starts.
    pub l3: u16,
    /// Where the transport header starts; for any fragment, where its part of the fragmentable part starts.
    pub l4: u16,
    /// Where the IP datagram ends; what follows is Ethernet padding. The frame's length if not IP.
    pub end: u16,
    /// The source address; for ARP the sender's protocol address; unspecified where there is none.
    pub source: IpAddr,
    /// The destination address; for ARP the target's protocol address.
    pub destination: IpAddr,
    /// The IP protocol number of the transport, after all extension headers; 0 if not IP. For a fragment
    /// [`Fragment::next_header`]: what stands behind that in IPv6 is known once the datagram is whole.
    pub protocol: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// Set if this is one fragment of a larger datagram. An IPv6 atomic fragment (RFC 6946) is none.
    pub fragment: Option<Fragment>,
    /// The IPv4 options that some policy may object to, and IPv6's.
    pub options: IpOptions,
    /// The transport header. [`Transport::None`] for what is not IP and for fragments: a first fragment's
    /// transport is read once its datagram is whole.
    pub transport: Transport,
}

/// Up to two VLAN tags, outermost first. Three or more are [`crate::Fault::VlanDepth`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VlanTags {
    /// How many tags there are: 0, 1 or 2.
    pub count: u8,
    /// The VLAN identifiers (12 bits), outermost first; 0 where there is no tag.
    pub ids: [u16; 2],
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ARP for IPv4 over Ethernet.
    Arp,
    /// Sent to a reserved bridge group address 01-80-C2-00-00-0x (STP, LLDP, …), and neither LACP nor IP nor ARP.
    LinkLocal,
    /// Slow protocols (LACP), ethertype 0x8809.
    SlowProtocols,
    /// Any other ethertype.
    Ethertype(u16),
    /// IEEE 802.3 with a length field, that is no link-local frame.
    Llc,
}

/// Where a fragment stands in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The identification: 16 bits for IPv4, 32 for IPv6.
    pub id: u32,
    /// Offset of its data in the datagram's fragmentable part, in octets; a multiple of 8.
    pub offset: u16,
    /// Octets of the fragmentable part that it carries.
    pub length: u16,
    /// More fragments follow.
    pub more: bool,
    /// The protocol number of the first header of the fragmentable part.
    pub next_header: u8,
}

/// Options of the network header that a policy may refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpOptions {
    /// Loose or strict source routing (IPv4 options 131 and 137).
    pub source_route: bool,
    /// Record route or timestamp (7, 68).
    pub record: bool,
    /// Router alert (148, or IPv6 hop-by-hop option 5).
    pub router_alert: bool,
    /// Any other option beside end-of-list, no-operation and padding.
    pub other: bool,
}

/// The transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Not read: not IP, or a fragment.
    None,
    /// TCP.
    Tcp(TcpSegment),
    /// UDP.
    Udp(UdpDatagram),
    /// ICMP.
    Icmp(IcmpMessage),
    /// ICMPv6.
    Icmpv6(IcmpMessage),
    /// SCTP.
    Sctp(SctpPacket),
    /// Any other protocol: known by its number alone.
    Other,
}

/// A TCP header (RFC 9293 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSegment {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number of the first octet, or of the SYN.
    pub seq: SeqNum,
    /// Acknowledgement number; meaningful only with ACK.
    pub ack: SeqNum,
    /// Control bits.
    pub flags: TcpFlags,
    /// The window as sent, not scaled.
    pub window: u16,
    /// Octets of payload.
    pub payload: u16,
    /// Window scale of a SYN (RFC 7323 §2.2), limited to 14.
    pub window_scale: Option<u8>,
    /// SACK permitted on a SYN (RFC 2018).
    pub sack_permitted: bool,
    /// The highest right edge of the SACK blocks.
    pub sack_right: Option<SeqNum>,
}

impl TcpSegment {
    /// The sequence space it takes: payload, and one each for SYN and FIN (SEG.LEN of RFC 9293).
    #[inline]
    pub fn sequence_length(&self) -> u32 {
        u32::from(self.payload) + u32::from(self.flags.syn()) + u32::from(self.flags.fin())
    }

    /// The sequence number after its last octet.
    #[inline]
    pub fn end(&self) -> SeqNum {
        self.seq + self.sequence_length()
    }
}

/// TCP's control bits, FIN lowest (RFC 9293 §3.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

macro_rules! flag {
    ($($name:ident $constant:ident $bit:literal),*) => {
        impl TcpFlags {
            $(
                #[doc = concat!("The ", stringify!($constant), " bit.")]
                pub const $constant: Self = Self($bit);
                #[doc = concat!("Whether ", stringify!($constant), " is set.")]
                #[inline]
                pub const fn $name(self) -> bool { self.0 & $bit != 0 }
            )*
        }
    };
}
flag!(fin FIN 0x01, syn SYN 0x02, rst RST 0x04, psh PSH 0x08, ack ACK 0x10, urg URG 0x20, ece ECE 0x40, cwr CWR 0x80);

impl core::ops::BitOr for TcpFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl core::fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (bit, letter) in "FSRPAUEC".chars().enumerate() {
            if self.0 & (1 << bit) != 0 {
                write!(f, "{letter}")?;
            }
        }
        if self.0 == 0 { f.write_str("-") } else { Ok(()) }
    }
}

/// A UDP header whose length has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpDatagram {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Octets of payload.
    pub payload: u16,
    /// Whether its sender computed a checksum: the field is not 0.
    pub has_checksum: bool,
}

/// An ICMP or ICMPv6 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpMessage {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Identifier of a query or its reply; 0 otherwise.
    pub id: u16,
    /// What a firewall does with this type.
    pub class: IcmpKind,
}

/// The classes of ICMP and ICMPv6 types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpKind {
    /// Asks something, by identifier: echo and extended echo, timestamp, information, address mask.
    Query,
    /// Answers a query.
    Reply,
    /// Reports an error on a packet that it quotes: unreachable, packet too big, time exceeded, parameter problem.
    Error,
    /// IPv6 neighbour discovery (RFC 4861), types 133 to 137.
    NeighborDiscovery,
    /// Multicast listener discovery (RFC 2710, RFC 3810), types 130 to 132 and 143.
    ListenerDiscovery,
    /// Any other: redirect, source quench, ICMP's router advertisement, node information, experimental.
    Other,
}

/// An SCTP common header and its first chunk (RFC 9260 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpPacket {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Verification tag.
    pub verification_tag: u32,
    /// Type of the first chunk.
    pub chunk: u8,
    /// Flags of the first chunk.
    pub chunk_flags: u8,
    /// Initiate tag, if the first chunk is INIT or INIT ACK.
    pub initiate_tag: Option<u32>,
}

/// The packet that an ICMP error quotes (RFC 792, RFC 4443 §2.4): as much of it as is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Source of the quoted packet.
    pub source: IpAddr,
    /// Destination of the quoted packet.
    pub destination: IpAddr,
    /// Protocol after extension headers.
    pub protocol: u8,
    /// Source port, or the identifier of an ICMP query; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port, or the identifier of an ICMP reply.
    pub destination_port: u16,
    /// Sequence number of a quoted TCP segment.
    pub seq: Option<SeqNum>,
    /// For a quoted ICMP query its type.
    pub icmp_type: Option<u8>,
    /// Verification tag of a quoted SCTP packet.
    pub verification_tag: Option<u32>,
    /// Total length that the quoted IP header announces.
    pub length: u32,
}
