//! TCP (RFC 9293): the header and the options that tracking needs. Which flags may go together is judged elsewhere.

use crate::SeqNum;
use crate::descriptor::{TcpFlags, TcpSegment};
use crate::fault::Fault;
use crate::read::{array_at, narrow, u32_at};

/// Octets of a header without options.
pub(crate) const HEADER: usize = 20;

/// The largest window scale (RFC 7323 §2.3).
const WINDOW_SCALE_MAX: u8 = 14;

/// Option kinds.
mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
}

/// Two no-operations and a timestamp: the usual options of a connection under way (RFC 7323 appendix A).
const TIMESTAMP_ALONE: [u8; 4] = [1, 1, 8, 10];

/// Reads the header at the start of `data`, in a datagram of which `length` octets are left there.
#[inline(always)]
pub(crate) fn read(data: &[u8], length: usize) -> Result<TcpSegment, Fault> {
    let header: &[u8; HEADER] = array_at(data, 0).ok_or(Fault::TcpTruncated)?;
    let header_length = usize::from(header[12] >> 4) * 4;
    if header_length < HEADER {
        return Err(Fault::TcpHeaderLength);
    }
    let Some(payload) = length.checked_sub(header_length) else {
        return Err(Fault::TcpHeaderLength);
    };
    if [header[0], header[1]] == [0, 0] || [header[2], header[3]] == [0, 0] {
        return Err(Fault::PortZero);
    }
    let mut known = Options::default();
    if header_length > HEADER {
        let Some(options) = data.get(HEADER..header_length) else {
            return Err(Fault::TcpHeaderLength);
        };
        if options.len() != 12 || array_at(options, 0) != Some(&TIMESTAMP_ALONE) {
            known = read_options(options, TcpFlags(header[13]).syn())?;
        }
    }
    Ok(TcpSegment {
        source_port: u16::from_be_bytes([header[0], header[1]]),
        destination_port: u16::from_be_bytes([header[2], header[3]]),
        seq: SeqNum(u32::from_be_bytes([header[4], header[5], header[6], header[7]])),
        ack: SeqNum(u32::from_be_bytes([header[8], header[9], header[10], header[11]])),
        flags: TcpFlags(header[13]),
        window: u16::from_be_bytes([header[14], header[15]]),
        payload: narrow(payload),
        window_scale: known.window_scale,
        sack_permitted: known.sack_permitted,
        sack_right: known.sack_right,
    })
}

/// What options say.
#[derive(Default)]
struct Options {
    window_scale: Option<u8>,
    sack_permitted: bool,
    sack_right: Option<SeqNum>,
}

/// Reads the options. Those of a known kind and another length than theirs are passed over, as hosts do.
#[inline(never)]
fn read_options(mut rest: &[u8], syn: bool) -> Result<Options, Fault> {
    let mut known = Options::default();
    while let [kind, tail @ ..] = rest {
        match *kind {
            option::END => break,
            option::NO_OPERATION => rest = tail,
            kind => {
                let length = usize::from(*tail.first().ok_or(Fault::TcpOptions)?);
                if length < 2 || length > rest.len() {
                    return Err(Fault::TcpOptions);
                }
                let (this, following) = rest.split_at(length);
                match (kind, this) {
                    (option::WINDOW_SCALE, [_, _, shift]) if syn => {
                        known.window_scale = Some((*shift).min(WINDOW_SCALE_MAX));
                    }
                    (option::SACK_PERMITTED, [_, _]) if syn => known.sack_permitted = true,
                    (option::SACK, [_, _, blocks @ ..]) => {
                        for block in blocks.as_chunks::<8>().0 {
                            let right = SeqNum(u32_at(block, 4).ok_or(Fault::TcpOptions)?);
                            known.sack_right =
                                Some(known.sack_right.map_or(right, |most| most.latest(right)));
                        }
                    }
                    _ => {}
                }
                rest = following;
            }
        }
    }
    Ok(known)
}
