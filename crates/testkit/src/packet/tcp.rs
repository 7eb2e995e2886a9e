//! The TCP header (RFC 9293 §3.1) and the options that firewalls care about.

use super::checksum::{Checksum, Pseudo};
use super::transport::protocol;

/// Bits of the TCP flags byte.
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
    /// ECN echo (RFC 3168).
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced (RFC 3168).
    pub const CWR: u8 = 0x80;
    /// SYN and ACK together.
    pub const SYN_ACK: u8 = SYN | ACK;
    /// FIN and ACK together.
    pub const FIN_ACK: u8 = FIN | ACK;
    /// RST and ACK together.
    pub const RST_ACK: u8 = RST | ACK;
    /// PSH and ACK together, the usual data segment.
    pub const PSH_ACK: u8 = PSH | ACK;
}

/// A TCP option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpOption {
    /// No operation (1).
    Nop,
    /// End of options (0).
    End,
    /// Maximum segment size (2), bytes.
    MaximumSegmentSize(u16),
    /// Window scale (3), a shift of 0-14 (RFC 7323).
    WindowScale(u8),
    /// SACK permitted (4).
    SackPermitted,
    /// SACK blocks (5), left and right edge (RFC 2018).
    Sack(Vec<(u32, u32)>),
    /// Timestamps (8), value and echo (RFC 7323).
    Timestamps(u32, u32),
    /// Any bytes, well formed or not.
    Raw(Vec<u8>),
}

impl TcpOption {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nop => out.push(1),
            Self::End => out.push(0),
            Self::MaximumSegmentSize(size) => {
                out.extend_from_slice(&[2, 4]);
                out.extend_from_slice(&size.to_be_bytes());
            }
            Self::WindowScale(shift) => out.extend_from_slice(&[3, 3, *shift]),
            Self::SackPermitted => out.extend_from_slice(&[4, 2]),
            Self::Sack(blocks) => {
                out.extend_from_slice(&[
                    5,
                    u8::try_from(2 + 8 * blocks.len()).expect("at most four SACK blocks"),
                ]);
                for (left, right) in blocks {
                    out.extend_from_slice(&left.to_be_bytes());
                    out.extend_from_slice(&right.to_be_bytes());
                }
            }
            Self::Timestamps(value, echo) => {
                out.extend_from_slice(&[8, 10]);
                out.extend_from_slice(&value.to_be_bytes());
                out.extend_from_slice(&echo.to_be_bytes());
            }
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// A TCP segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Header length in words of 4 bytes; `None`: that of the header written.
    pub data_offset: Option<u8>,
    /// Reserved bits, 4.
    pub reserved: u8,
    /// See [`flags`].
    pub flags: u8,
    /// Window, unscaled.
    pub window: u16,
    /// Checksum.
    pub checksum: Checksum,
    /// Urgent pointer.
    pub urgent: u16,
    /// Options, padded with zeros to a multiple of 4 bytes; at most 40.
    pub options: Vec<TcpOption>,
    /// Data.
    pub payload: Vec<u8>,
}

/// A SYN from port 40000 to port 80, sequence number 1000.
pub const TCP: Tcp = Tcp {
    source: 40_000,
    destination: 80,
    sequence: 1_000,
    acknowledgement: 0,
    data_offset: None,
    reserved: 0,
    flags: flags::SYN,
    window: 64_240,
    checksum: Checksum::Right,
    urgent: 0,
    options: Vec::new(),
    payload: Vec::new(),
};

impl Tcp {
    /// How much sequence space the segment takes: its data, and one each for SYN and FIN.
    #[must_use]
    pub fn sequence_length(&self) -> u32 {
        let data = u32::try_from(self.payload.len()).expect("a segment is short");
        data + u32::from(self.flags & flags::SYN != 0) + u32::from(self.flags & flags::FIN != 0)
    }

    pub(crate) fn bytes(&self, pseudo: Pseudo) -> Vec<u8> {
        let mut options = Vec::new();
        for option in &self.options {
            option.write(&mut options);
        }
        options.resize(options.len().next_multiple_of(4), 0);
        let words = u8::try_from(5 + options.len() / 4).expect("options of at most 40 bytes");

        let mut out = Vec::with_capacity(20 + options.len() + self.payload.len());
        out.extend_from_slice(&self.source.to_be_bytes());
        out.extend_from_slice(&self.destination.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.acknowledgement.to_be_bytes());
        out.push((self.data_offset.unwrap_or(words) << 4) | (self.reserved & 0x0f));
        out.push(self.flags);
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.urgent.to_be_bytes());
        out.extend_from_slice(&options);
        out.extend_from_slice(&self.payload);
        let checksum = self.checksum.field(pseudo.checksum(protocol::TCP, &out));
        out[16..18].copy_from_slice(&checksum.to_be_bytes());
        out
    }
}
