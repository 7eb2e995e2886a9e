//! The IPv4 header (RFC 791).

use std::net::Ipv4Addr;

use super::checksum::{Checksum, Pseudo, internet_checksum};
use super::transport::Transport;

/// An IPv4 packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv4 {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// The version nibble, 4.
    pub version: u8,
    /// Header length in words of 4 bytes; `None`: that of the header written.
    pub header_length: Option<u8>,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Total length in bytes; `None`: the right one.
    pub total_length: Option<u16>,
    /// Identification.
    pub identification: u16,
    /// The reserved ("evil") bit.
    pub reserved_bit: bool,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Fragment offset in units of 8 bytes, 13 bits.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol number; `None`: that of `transport`.
    pub protocol: Option<u8>,
    /// Header checksum.
    pub checksum: Checksum,
    /// Options, padded with zeros to a multiple of 4 bytes; at most 40.
    pub options: Vec<u8>,
    /// What the packet carries.
    pub transport: Transport,
}

/// An empty packet from 10.0.0.1 to 10.0.0.2.
pub const IPV4: Ipv4 = Ipv4 {
    source: Ipv4Addr::new(10, 0, 0, 1),
    destination: Ipv4Addr::new(10, 0, 0, 2),
    version: 4,
    header_length: None,
    traffic_class: 0,
    total_length: None,
    identification: 0x1234,
    reserved_bit: false,
    dont_fragment: false,
    more_fragments: false,
    fragment_offset: 0,
    ttl: 64,
    protocol: None,
    checksum: Checksum::Right,
    options: Vec::new(),
    transport: Transport::Raw(253, Vec::new()),
};

impl Ipv4 {
    /// The packet from its IP header on.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let payload = self.transport.bytes(Pseudo::V4(self.source, self.destination));
        self.bytes_with(&payload)
    }

    /// The packet with `payload` in place of the transport.
    pub(crate) fn bytes_with(&self, payload: &[u8]) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let header = 20 + options.len();
        let words = u8::try_from(header / 4).expect("options of at most 40 bytes");
        let total = u16::try_from(header + payload.len()).unwrap_or(u16::MAX);
        let flags = (u16::from(self.reserved_bit) << 15)
            | (u16::from(self.dont_fragment) << 14)
            | (u16::from(self.more_fragments) << 13)
            | (self.fragment_offset & 0x1fff);

        let mut out = vec![
            (self.version << 4) | (self.header_length.unwrap_or(words) & 0x0f),
            self.traffic_class,
        ];
        out.extend_from_slice(&self.total_length.unwrap_or(total).to_be_bytes());
        out.extend_from_slice(&self.identification.to_be_bytes());
        out.extend_from_slice(&flags.to_be_bytes());
        out.push(self.ttl);
        out.push(self.protocol.unwrap_or(self.transport.protocol()));
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
        out.extend_from_slice(&options);
        let checksum = self.checksum.field(internet_checksum(&[&out]));
        out[10..12].copy_from_slice(&checksum.to_be_bytes());
        out.extend_from_slice(payload);
        out
    }
}
