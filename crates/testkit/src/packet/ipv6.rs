//! The IPv6 header and its extension headers (RFC 8200, RFC 4302).

use std::net::Ipv6Addr;

use super::checksum::Pseudo;
use super::transport::Transport;

/// An extension header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// Hop-by-hop options (0): option bytes, padded with PadN to a multiple of 8 less 2.
    HopByHop(Vec<u8>),
    /// Destination options (60), padded likewise.
    Destination(Vec<u8>),
    /// Routing header (43): type, segments left, type-specific data (8n + 4 bytes).
    Routing(u8, u8, Vec<u8>),
    /// Fragment header (44).
    Fragment {
        /// Offset in units of 8 bytes, 13 bits.
        offset: u16,
        /// More fragments follow.
        more: bool,
        /// Identification.
        identification: u32,
    },
    /// Authentication header (51): SPI, sequence number, integrity check value (8n + 4 bytes).
    Authentication(u32, u32, Vec<u8>),
    /// Any header number with any bytes after the next-header byte.
    Raw(u8, Vec<u8>),
}

impl Extension {
    /// The header's own number, which stands in the header before it.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::HopByHop(_) => 0,
            Self::Destination(_) => 60,
            Self::Routing(..) => 43,
            Self::Fragment { .. } => 44,
            Self::Authentication(..) => 51,
            Self::Raw(number, _) => *number,
        }
    }

    pub(crate) fn bytes(&self, next: u8) -> Vec<u8> {
        match self {
            Self::HopByHop(options) | Self::Destination(options) => {
                let mut body = options.clone();
                match (8 - (body.len() + 2) % 8) % 8 {
                    0 => {}
                    1 => body.push(0),
                    gap => {
                        body.extend_from_slice(&[1, octet(gap - 2)]);
                        body.resize(body.len() + gap - 2, 0);
                    }
                }
                let mut out = vec![next, octet((body.len() + 2) / 8 - 1)];
                out.extend_from_slice(&body);
                out
            }
            Self::Routing(kind, left, data) => {
                let mut out = vec![next, octet((data.len() + 4) / 8 - 1), *kind, *left];
                out.extend_from_slice(data);
                out
            }
            Self::Fragment { offset, more, identification } => {
                let field = (offset << 3) | u16::from(*more);
                let mut out = vec![next, 0];
                out.extend_from_slice(&field.to_be_bytes());
                out.extend_from_slice(&identification.to_be_bytes());
                out
            }
            Self::Authentication(spi, sequence, value) => {
                let mut out = vec![next, octet((value.len() + 12) / 4 - 2), 0, 0];
                out.extend_from_slice(&spi.to_be_bytes());
                out.extend_from_slice(&sequence.to_be_bytes());
                out.extend_from_slice(value);
                out
            }
            Self::Raw(_, bytes) => {
                let mut out = vec![next];
                out.extend_from_slice(bytes);
                out
            }
        }
    }
}

fn octet(value: usize) -> u8 {
    u8::try_from(value).expect("an extension header of at most 2,048 bytes")
}

/// An IPv6 packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6 {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// The version nibble, 6.
    pub version: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Payload length in bytes; `None`: the right one.
    pub payload_length: Option<u16>,
    /// The last next-header value of the chain; `None`: that of `transport`.
    pub next_header: Option<u8>,
    /// Hop limit.
    pub hop_limit: u8,
    /// Extension headers, the outermost first.
    pub extensions: Vec<Extension>,
    /// What the packet carries.
    pub transport: Transport,
}

/// An empty packet from 2001:db8::1 to 2001:db8::2.
pub const IPV6: Ipv6 = Ipv6 {
    source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    version: 6,
    traffic_class: 0,
    flow_label: 0,
    payload_length: None,
    next_header: None,
    hop_limit: 64,
    extensions: Vec::new(),
    transport: Transport::Raw(253, Vec::new()),
};

impl Ipv6 {
    /// The packet from its IP header on.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let payload = self.transport.bytes(Pseudo::V6(self.source, self.destination));
        self.bytes_with(&payload)
    }

    /// The packet with `payload` in place of the transport.
    pub(crate) fn bytes_with(&self, payload: &[u8]) -> Vec<u8> {
        let last = self.next_header.unwrap_or(self.transport.protocol());
        let mut chain = Vec::new();
        for (index, extension) in self.extensions.iter().enumerate() {
            let next = self.extensions.get(index + 1).map_or(last, Extension::number);
            chain.extend_from_slice(&extension.bytes(next));
        }
        let first = self.extensions.first().map_or(last, Extension::number);
        let length = u16::try_from(chain.len() + payload.len()).unwrap_or(u16::MAX);
        let word = (u32::from(self.version) << 28)
            | (u32::from(self.traffic_class) << 20)
            | (self.flow_label & 0x000f_ffff);

        let mut out = Vec::with_capacity(40 + chain.len() + payload.len());
        out.extend_from_slice(&word.to_be_bytes());
        out.extend_from_slice(&self.payload_length.unwrap_or(length).to_be_bytes());
        out.push(first);
        out.push(self.hop_limit);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
        out.extend_from_slice(&chain);
        out.extend_from_slice(payload);
        out
    }
}
