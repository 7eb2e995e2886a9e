//! Reads and writes the headers that the firewall looks at: Ethernet, VLAN tags, ARP, IPv4, IPv6 and
//! its extension headers, TCP, UDP, ICMP, ICMPv6, SCTP, GRE, ESP and AH.
//!
//! [`parse()`] walks a frame once and returns a fixed-size [`Descriptor`]: everything that later stages
//! ask about, or the [`Fault`] that makes the frame unfit to be judged. [`parse_transport`] does the same
//! for a reassembled datagram, [`parse_quoted`] for what an ICMP error quotes. [`write_tcp_reset`] and
//! [`write_unreachable`] make the firewall's own answers.
//!
//! Nothing here allocates, keeps state, knows a policy or looks inside a tunnel. Legality of TCP flags
//! and of addresses is judged elsewhere.
#![forbid(unsafe_code)]

mod answer;
mod arp;
pub mod checksum;
mod descriptor;
mod ethernet;
mod extension;
mod fault;
mod gre;
mod icmp;
mod ipv4;
mod ipv6;
mod named;
mod parse;
mod plain;
mod quoted;
mod read;
mod sctp;
mod seq;
mod tcp;
mod transport;
mod udp;

pub use answer::{RESET_MAX, UNREACHABLE_MAX, Unanswerable, write_tcp_reset, write_unreachable};
pub use arp::{ArpMessage, ArpOperation, parse_arp};
pub use descriptor::{
    Class, Descriptor, Fragment, IcmpKind, IcmpMessage, IpOptions, Quoted, SctpPacket, TcpFlags,
    TcpSegment, Transport, UdpDatagram, VlanTags,
};
pub use ethernet::{MacAddr, destination_mac, is_group_mac, source_mac};
pub use extension::EXTENSION_OCTETS_MAX;
pub use fault::Fault;
pub use gre::pptp_call;
pub use parse::{FRAME_MAX, HeaderChecksum, parse, parse_with};
pub use plain::{Plain, PlainAddresses, PlainLink, Untagged, plain, plain_segment};
pub use quoted::{parse_quote, parse_quoted};
pub use seq::SeqNum;
pub use transport::{PREFIX_OCTETS, Reassembled, parse_transport, protocol};
