//! TPKT (RFC 1006 §6): where a message ends in a stream. Version 3, an octet in reserve, the length of all in 16 bits.

use crate::dialogue::Progress;
use crate::{Notes, Remark};

const HEADER: usize = 4;
const VERSION: u8 = 3;
/// The longest that is read. A Setup with every alternative of a fast start takes some 2,000 octets.
pub(super) const LONGEST: usize = 8192;

/// Has each whole message of a run of octets read. One that is too long is passed over.
pub(super) fn read(
    octets: &[u8],
    notes: &mut Notes<'_>,
    mut message: impl FnMut(&[u8], &mut Notes<'_>),
) -> Progress {
    let mut read = 0;
    loop {
        let rest = octets.get(read..).unwrap_or_default();
        let Some(&[version, _, high, low]) = rest.first_chunk::<HEADER>() else {
            return Progress::Read(read);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if version != VERSION || length < HEADER {
            notes.remark(Remark::Malformed);
            return Progress::Stop;
        }
        if length > LONGEST {
            notes.remark(Remark::Overlong);
            read += length;
            if read > octets.len() {
                return Progress::Skip(read);
            }
            continue;
        }
        let Some(whole) = rest.get(HEADER..length) else { return Progress::Read(read) };
        // One without contents keeps the connection alive.
        if !whole.is_empty() {
            message(whole, notes);
        }
        read += length;
    }
}
