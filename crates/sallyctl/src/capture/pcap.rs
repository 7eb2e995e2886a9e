//! The classic pcap format: a header of 24 octets, then records with headers of 16.

use std::io::Read;

use super::link::LinkType;
use super::{ByteOrder, CapturedFrame, Damage, cut, read_exactly, read_or_end};

/// The longest record that is believed. Longer than any snap length in use (262,144), short enough
/// that a broken length is noticed.
const MAX_RECORD: u32 = 1 << 24;

/// What the magic number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    order: ByteOrder,
    nanoseconds: bool,
}

impl Layout {
    /// The layout that a magic number announces, if it is one of this format.
    pub(super) fn of(magic: [u8; 4]) -> Option<Self> {
        let (order, nanoseconds) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (ByteOrder::Big, false),
            [0xd4, 0xc3, 0xb2, 0xa1] => (ByteOrder::Little, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (ByteOrder::Big, true),
            [0x4d, 0x3c, 0xb2, 0xa1] => (ByteOrder::Little, true),
            _ => return None,
        };
        Some(Self { order, nanoseconds })
    }
}

/// Reads records one by one.
pub(super) struct PcapReader<R> {
    reader: R,
    layout: Layout,
    link: LinkType,
    lengths: Lengths,
}

/// In which order a record's two lengths stand: writers before version 2.3 put the original first,
/// and of those that say 2.3 some did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    Smaller,
    OriginalFirst,
}

impl<R: Read> PcapReader<R> {
    /// Reads the rest of the file's header.
    pub(super) fn after_magic(mut reader: R, layout: Layout) -> Result<Self, Damage> {
        let order = layout.order;
        let header: [u8; 20] = read_or_end(&mut reader)?.ok_or(Damage::Truncated)?;
        let [major_0, major_1, minor_0, minor_1, .., l0, l1, l2, l3] = header;
        let lengths = match (order.u16([major_0, major_1]), order.u16([minor_0, minor_1])) {
            (2, 0..3) => Lengths::OriginalFirst,
            (2, 3) => Lengths::Smaller,
            _ => Lengths::CapturedFirst,
        };
        let link = LinkType::from_number(order.u32([l0, l1, l2, l3]))?;
        Ok(Self { reader, layout, link, lengths })
    }

    pub(super) fn nanoseconds(&self) -> bool {
        self.layout.nanoseconds
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<CapturedFrame>, Damage> {
        let Some(header) = read_or_end::<16>(&mut self.reader)? else { return Ok(None) };
        let [s0, s1, s2, s3, f0, f1, f2, f3, a0, a1, a2, a3, b0, b1, b2, b3] = header;
        let order = self.layout.order;
        let seconds = order.u32([s0, s1, s2, s3]);
        let fraction = order.u32([f0, f1, f2, f3]);
        let (first, second) = (order.u32([a0, a1, a2, a3]), order.u32([b0, b1, b2, b3]));
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::Smaller => (first.min(second), first.max(second)),
            Lengths::OriginalFirst => (second, first),
        };
        if captured > MAX_RECORD {
            return Err(Damage::Malformed("a record claims to be longer than 16 MiB"));
        }
        let bytes = read_exactly(&mut self.reader, captured)?;
        let unit = if self.layout.nanoseconds { 1 } else { 1_000 };
        let stamp = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit;
        let cut = cut(original, bytes.len());
        Ok(Some(CapturedFrame { stamp, bytes: self.link.ethernet(bytes), cut }))
    }
}
