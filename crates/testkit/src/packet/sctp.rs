//! SCTP packets and chunks (RFC 9260), with their CRC32c.

use super::checksum::Checksum;

/// SCTP chunk types.
pub mod chunk_type {
    /// User data.
    pub const DATA: u8 = 0;
    /// Initiation.
    pub const INIT: u8 = 1;
    /// Initiation acknowledgement.
    pub const INIT_ACK: u8 = 2;
    /// Selective acknowledgement.
    pub const SACK: u8 = 3;
    /// Heartbeat request.
    pub const HEARTBEAT: u8 = 4;
    /// Heartbeat acknowledgement.
    pub const HEARTBEAT_ACK: u8 = 5;
    /// Abort.
    pub const ABORT: u8 = 6;
    /// Shutdown.
    pub const SHUTDOWN: u8 = 7;
    /// Shutdown acknowledgement.
    pub const SHUTDOWN_ACK: u8 = 8;
    /// State cookie.
    pub const COOKIE_ECHO: u8 = 10;
    /// Cookie acknowledgement.
    pub const COOKIE_ACK: u8 = 11;
    /// Shutdown complete.
    pub const SHUTDOWN_COMPLETE: u8 = 14;
}

/// A chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// See [`chunk_type`].
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Value; padded with zeros to a multiple of 4 bytes, which its length does not count.
    pub value: Vec<u8>,
}

impl Chunk {
    /// A chunk without flags.
    #[must_use]
    pub fn new(kind: u8, value: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags: 0, value: value.into() }
    }

    /// INIT or INIT ACK (`kind`): one stream each way, a receive window of 64 KiB.
    #[must_use]
    pub fn init(kind: u8, tag: u32, first_tsn: u32) -> Self {
        let mut value = Vec::with_capacity(16);
        value.extend_from_slice(&tag.to_be_bytes());
        value.extend_from_slice(&65_536_u32.to_be_bytes());
        value.extend_from_slice(&[0, 1, 0, 1]);
        value.extend_from_slice(&first_tsn.to_be_bytes());
        Self::new(kind, value)
    }
}

/// An SCTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sctp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Verification tag, 0 in a packet with INIT.
    pub verification_tag: u32,
    /// CRC32c; of a [`Checksum::Value`] the 16 bits stand in both halves.
    pub checksum: Checksum,
    /// Chunks.
    pub chunks: Vec<Chunk>,
}

/// A packet from port 40000 to port 5000 without a chunk.
pub const SCTP: Sctp = Sctp {
    source: 40_000,
    destination: 5_000,
    verification_tag: 0,
    checksum: Checksum::Right,
    chunks: Vec::new(),
};

impl Sctp {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { source, destination, verification_tag, checksum, chunks } = self;
        let mut out = Vec::new();
        out.extend_from_slice(&source.to_be_bytes());
        out.extend_from_slice(&destination.to_be_bytes());
        out.extend_from_slice(&verification_tag.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        for chunk in chunks {
            let length = u16::try_from(4 + chunk.value.len()).expect("a chunk is short");
            out.extend_from_slice(&[chunk.kind, chunk.flags]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&chunk.value);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        let crc = match checksum {
            Checksum::Right => crc32c(&out),
            Checksum::Broken => crc32c(&out) ^ 0x0a50_0a50,
            Checksum::Value(value) => (u32::from(*value) << 16) | u32::from(*value),
        };
        // The CRC goes out least significant byte first (RFC 9260, appendix A).
        out[8..12].copy_from_slice(&crc.to_le_bytes());
        out
    }
}

/// CRC32c (Castagnoli), bit by bit.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}
