//! The choice of transport by protocol number, for whole datagrams and for reassembled ones.

use crate::descriptor::{IpOptions, Transport};
use crate::extension::{self, EXTENSION_OCTETS_MAX, header};
use crate::fault::Fault;
use crate::read::{array_at, narrow};
use crate::{icmp, sctp, tcp, udp};

/// IP protocol numbers that are told apart.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// IGMP.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// GRE.
    pub const GRE: u8 = 47;
    /// Encapsulating security payload.
    pub const ESP: u8 = 50;
    /// Authentication header.
    pub const AH: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6: nothing follows.
    pub const NO_NEXT_HEADER: u8 = 59;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// The least octets of transport in a first fragment of TCP: up to and with the flags (RFC 1858 §3.2.1).
pub(crate) const TCP_FIRST_FRAGMENT_MIN: usize = 16;

/// How many of the first octets of a reassembled datagram [`parse_transport`] may look at: all extension headers,
/// and the longest TCP header.
pub const PREFIX_OCTETS: usize = EXTENSION_OCTETS_MAX + 60;

/// The headers of a reassembled datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// The protocol number of the transport, after all extension headers.
    pub protocol: u8,
    /// Where the transport header starts, in octets from the start of the fragmentable part.
    pub start: u16,
    /// Options of the extension headers that stand in the fragmentable part.
    pub options: IpOptions,
    /// The transport header.
    pub transport: Transport,
}

/// Reads the transport of a datagram that was gathered from fragments.
///
/// `protocol` is [`crate::Fragment::next_header`] of the first fragment, and `v6` tells whether it is an IPv6 one, whose
/// remaining extension headers are walked. `prefix` holds the first octets of the fragmentable part, contiguous: all of
/// them, or at least [`PREFIX_OCTETS`]. `length` counts the octets of the whole fragmentable part; lengths of payload
/// come from it.
///
/// # Errors
///
/// The first [`Fault`] that the walk meets; [`Fault::FragmentOverflow`] for a `length` beyond 65,535 or below
/// that of `prefix`.
pub fn parse_transport(
    protocol: u8,
    v6: bool,
    prefix: &[u8],
    length: usize,
) -> Result<Reassembled, Fault> {
    if length > 0xffff || length < prefix.len() {
        return Err(Fault::FragmentOverflow);
    }
    let (protocol, start, options) = if v6 {
        let chain = extension::walk(protocol, false, prefix)?;
        (chain.protocol, chain.end, chain.options)
    } else {
        (protocol, 0, IpOptions::default())
    };
    let data = prefix.get(start..).ok_or(Fault::ExtensionTruncated)?;
    let transport = read(protocol, v6, data, length - start)?;
    Ok(Reassembled { protocol, start: narrow(start), options, transport })
}

/// Reads the transport header at the start of `data`, in a datagram of which `length` octets are left there.
#[inline(always)]
pub(crate) fn read(protocol: u8, v6: bool, data: &[u8], length: usize) -> Result<Transport, Fault> {
    match protocol {
        protocol::TCP => tcp::read(data, length).map(Transport::Tcp),
        protocol::UDP => udp::read(data, length).map(Transport::Udp),
        _ => read_other(protocol, v6, data, length),
    }
}

/// Reads what is neither TCP nor UDP.
#[inline(never)]
fn read_other(protocol: u8, v6: bool, data: &[u8], length: usize) -> Result<Transport, Fault> {
    match protocol {
        protocol::ICMP if !v6 => icmp::read_v4(data).map(Transport::Icmp),
        protocol::ICMPV6 if v6 => icmp::read_v6(data).map(Transport::Icmpv6),
        protocol::SCTP => sctp::read(data, length).map(Transport::Sctp),
        protocol::GRE if length < 4 => Err(Fault::GreTruncated),
        protocol::ESP if length < 8 => Err(Fault::EspTruncated),
        protocol::AH => check_authentication(v6, data, length).map(|()| Transport::Other),
        // Nobody takes such a packet but who can be made to mistake one version for the other. Authentication,
        // encryption and HIP (139) are of both.
        protocol::ICMP | protocol::IGMP if v6 => Err(Fault::ProtocolFamily),
        protocol::ICMPV6
        | header::HOP_BY_HOP
        | header::ROUTING
        | header::FRAGMENT
        | header::DESTINATION
            if !v6 =>
        {
            Err(Fault::ProtocolFamily)
        }
        _ => Ok(Transport::Other),
    }
}

/// Checks the length of an authentication header (RFC 4302 §2.2): it counts units of 4 octets, less 2. The header has
/// 12 octets before its check value, and keeps IPv6's alignment of 8.
fn check_authentication(v6: bool, data: &[u8], length: usize) -> Result<(), Fault> {
    let [_, units] = *array_at::<2>(data, 0).ok_or(Fault::AhLength)?;
    let octets = (usize::from(units) + 2) * 4;
    if octets < 12 || octets > length || (v6 && !octets.is_multiple_of(8)) {
        return Err(Fault::AhLength);
    }
    Ok(())
}
