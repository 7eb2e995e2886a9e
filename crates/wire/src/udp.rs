//! UDP (RFC 768).

use crate::descriptor::UdpDatagram;
use crate::fault::Fault;
use crate::read::array_at;

/// Octets of the header.
pub(crate) const HEADER: u16 = 8;

/// Reads the header at the start of `data`, in a datagram of which `length` octets are left there.
///
/// A UDP length shorter than the datagram's is legal: what follows is no part of the UDP datagram.
#[inline(always)]
pub(crate) fn read(data: &[u8], length: usize) -> Result<UdpDatagram, Fault> {
    let header: &[u8; 8] = array_at(data, 0).ok_or(Fault::UdpTruncated)?;
    let announced = u16::from_be_bytes([header[4], header[5]]);
    if usize::from(announced) > length {
        return Err(Fault::UdpLength);
    }
    let Some(payload) = announced.checked_sub(HEADER) else {
        return Err(Fault::UdpLength);
    };
    let source_port = u16::from_be_bytes([header[0], header[1]]);
    let destination_port = u16::from_be_bytes([header[2], header[3]]);
    if source_port == 0 || destination_port == 0 {
        return Err(Fault::PortZero);
    }
    let has_checksum = (header[6], header[7]) != (0, 0);
    Ok(UdpDatagram { source_port, destination_port, payload, has_checksum })
}
