//! GRE as PPTP carries PPP in it (RFC 2637 §4.1).

use crate::read::array_at;

/// PPP, as an ethertype.
const PPP: u16 = 0x880b;
/// Checksum, routing, key, strict source route, recursion, version: what an enhanced header has as it must be. Its sequence
/// number and acknowledgement may be there or not.
const FIXED: u16 = 0x8000 | 0x4000 | 0x2000 | 0x0800 | 0x0700 | 0x0007;
/// A key, and version 1.
const ENHANCED: u16 = 0x2001;

/// The call that a packet of PPTP's enhanced GRE belongs to: the number that its receiver gave it, in the lower half of the
/// key. `None` for all other GRE. `datagram` begins with the GRE header.
#[must_use]
pub fn pptp_call(datagram: &[u8]) -> Option<u16> {
    let &[a, b, c, d, _, _, high, low] = array_at(datagram, 0)?;
    let is_enhanced = u16::from_be_bytes([a, b]) & FIXED == ENHANCED;
    (is_enhanced && u16::from_be_bytes([c, d]) == PPP).then(|| u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enhanced_gre_has_a_call() {
        let header = |flags: u16, kind: u16| {
            let [a, b] = flags.to_be_bytes();
            let [c, d] = kind.to_be_bytes();
            [a, b, c, d, 0, 16, 0x12, 0x34]
        };
        for flags in [0x2001, 0x3001, 0x2081, 0x3081] {
            assert_eq!(pptp_call(&header(flags, PPP)), Some(0x1234), "{flags:#x}");
        }
        for flags in [0, 0x2000, 0x0001, 0xa001, 0x6001, 0x2801, 0x2101, 0x2002] {
            assert_eq!(pptp_call(&header(flags, PPP)), None, "{flags:#x}");
        }
        assert_eq!(pptp_call(&header(0x2001, 0x0800)), None, "IP in it");
        assert_eq!(pptp_call(&header(0x2001, PPP)[..7]), None, "cut");
    }
}
