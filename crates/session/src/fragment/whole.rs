//! A datagram of which every octet has come.

use std::vec;

use super::placement::Piece;

/// All fragments of one datagram, in order of arrival. Its frames are the caller's: what is not taken is freed.
#[derive(Debug)]
#[must_use]
pub struct Whole<'a, F> {
    length: u16,
    pieces: vec::Drain<'a, Piece<F>>,
}

impl<'a, F> Whole<'a, F> {
    pub(super) const fn new(length: u16, pieces: vec::Drain<'a, Piece<F>>) -> Self {
        Self { length, pieces }
    }

    /// Octets of the fragmentable part: transport header and payload, and what IPv6 has before them behind the
    /// fragment header. At least 1.
    #[expect(clippy::len_without_is_empty, reason = "a datagram in fragments is never empty")]
    pub const fn len(&self) -> u16 {
        self.length
    }

    /// The fragments, in order of arrival.
    pub fn pieces(&self) -> &[Piece<F>] {
        self.pieces.as_slice()
    }

    /// The fragment at offset 0: its network header speaks for the datagram (RFC 8200 §4.5). There always is one.
    pub fn first(&self) -> Option<&Piece<F>> {
        self.pieces().iter().find(|piece| piece.offset == 0)
    }

    /// The protocol number of the first header of the fragmentable part.
    pub fn next_header(&self) -> u8 {
        self.first().map_or(0, |piece| piece.next_header)
    }

    /// The frames, in order of arrival, to be forwarded as they are.
    pub fn into_frames(self) -> impl ExactSizeIterator<Item = F> {
        self.pieces.map(|piece| piece.frame)
    }
}

impl<F: AsRef<[u8]>> Whole<'_, F> {
    /// Copies octets of the fragmentable part, from offset `from` on, and returns how many there were: as many as `into`
    /// takes or the datagram has. 128 octets from 0 hold any transport header, and the packet that an ICMP error quotes.
    pub fn read(&self, from: u16, into: &mut [u8]) -> usize {
        let from = usize::from(from);
        let wanted = into.len().min(usize::from(self.length).saturating_sub(from));
        for piece in self.pieces() {
            let start = usize::from(piece.offset);
            let data = piece.data();
            // Both ranges in octets of the fragmentable part; what they share is copied.
            let low = start.max(from);
            let high = (start + data.len()).min(from + wanted);
            if low < high {
                into[low - from..high - from].copy_from_slice(&data[low - start..high - start]);
            }
        }
        wanted
    }
}
