//! SCTP (RFC 9260): the common header and the first chunk.

use crate::descriptor::SctpPacket;
use crate::fault::Fault;
use crate::read::{array_at, u32_at};

/// Octets of the common header.
pub(crate) const HEADER: usize = 12;
/// The least length of INIT and INIT ACK (RFC 9260 §3.3.2).
const INIT_MIN: usize = 20;

/// Chunk types that open an association.
mod chunk {
    pub(super) const INIT: u8 = 1;
    pub(super) const INIT_ACK: u8 = 2;
}

/// Reads the header at the start of `data`, in a datagram of which `length` octets are left there.
pub(crate) fn read(data: &[u8], length: usize) -> Result<SctpPacket, Fault> {
    let header: &[u8; HEADER + 4] = array_at(data, 0).ok_or(Fault::SctpTruncated)?;
    let [kind, flags, high, low] = [header[12], header[13], header[14], header[15]];
    let chunk_length = usize::from(u16::from_be_bytes([high, low]));
    let opens = matches!(kind, chunk::INIT | chunk::INIT_ACK);
    let least = if opens { INIT_MIN } else { 4 };
    if chunk_length < least || chunk_length > length - HEADER {
        return Err(Fault::SctpChunkLength);
    }
    let initiate_tag =
        if opens { Some(u32_at(data, HEADER + 4).ok_or(Fault::SctpTruncated)?) } else { None };
    let source_port = u16::from_be_bytes([header[0], header[1]]);
    let destination_port = u16::from_be_bytes([header[2], header[3]]);
    if source_port == 0 || destination_port == 0 {
        return Err(Fault::PortZero);
    }
    Ok(SctpPacket {
        source_port,
        destination_port,
        verification_tag: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        chunk: kind,
        chunk_flags: flags,
        initiate_tag,
    })
}
