//! The UDP header (RFC 768).

use super::checksum::{Checksum, Pseudo};
use super::transport::protocol;

/// A UDP datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Length of header and data in bytes; `None`: the right one.
    pub length: Option<u16>,
    /// Checksum; `Value(0)` over IPv4 is "none".
    pub checksum: Checksum,
    /// Data.
    pub payload: Vec<u8>,
}

/// An empty datagram from port 40000 to port 53.
pub const UDP: Udp = Udp {
    source: 40_000,
    destination: 53,
    length: None,
    checksum: Checksum::Right,
    payload: Vec::new(),
};

impl Udp {
    pub(crate) fn bytes(&self, pseudo: Pseudo) -> Vec<u8> {
        let Self { source, destination, length, checksum, payload } = self;
        let right_length = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX);
        let mut out = Vec::with_capacity(8 + payload.len());
        out.extend_from_slice(&source.to_be_bytes());
        out.extend_from_slice(&destination.to_be_bytes());
        out.extend_from_slice(&length.unwrap_or(right_length).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(payload);
        // A sum of zero is sent as all ones: zero means that there is none (RFC 768).
        let right = match pseudo.checksum(protocol::UDP, &out) {
            0 => 0xffff,
            sum => sum,
        };
        out[6..8].copy_from_slice(&checksum.field(right).to_be_bytes());
        out
    }
}
