//! The pcapng format: sections of blocks, each with its length before and after it.

use std::io::Read;

use super::link::LinkType;
use super::{ByteOrder, CapturedFrame, Damage, cut, read_exactly, read_or_end};

/// The longest block that is believed.
const MAX_BLOCK: u32 = 1 << 26;
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Options of an interface description.
mod option {
    pub(super) const END: u16 = 0;
    pub(super) const TSRESOL: u16 = 9;
    pub(super) const TSOFFSET: u16 = 14;
}

/// Reads blocks, and returns those that are packets.
pub(super) struct PcapngReader<R> {
    reader: R,
    order: ByteOrder,
    interfaces: Vec<Interface>,
    nanoseconds: bool,
    /// The stamp of the frame before: a simple packet block has none of its own.
    stamp: u64,
}

/// What an interface description block says.
struct Interface {
    /// The registry's number: only if a frame of this interface comes must it be one that can be
    /// replayed.
    link: u32,
    /// Octets that are kept of a frame; 0: all.
    snaplen: u32,
    resolution: Resolution,
    /// Seconds to be added to every stamp.
    offset: i64,
}

/// The unit of an interface's stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// 10 to the power of minus this.
    Decimal(u8),
    /// 2 to the power of minus this.
    Binary(u8),
}

impl<R: Read> PcapngReader<R> {
    /// Reads the section header, of which the block type was read already.
    pub(super) fn after_magic(reader: R) -> Result<Self, Damage> {
        let order = ByteOrder::Little;
        let mut this = Self { reader, order, interfaces: Vec::new(), nanoseconds: false, stamp: 0 };
        this.section()?;
        Ok(this)
    }

    pub(super) fn nanoseconds(&self) -> bool {
        self.nanoseconds
    }

    pub(super) fn next_frame(&mut self) -> Result<Option<CapturedFrame>, Damage> {
        loop {
            let Some(kind) = read_or_end(&mut self.reader)? else { return Ok(None) };
            let kind = self.order.u32(kind);
            // The section header's type reads the same in both byte orders.
            if kind == SECTION_HEADER {
                self.section()?;
                continue;
            }
            let body = self.body()?;
            let frame = match kind {
                INTERFACE_DESCRIPTION => {
                    self.interface(&body)?;
                    None
                }
                ENHANCED_PACKET => Some(self.enhanced(&body)?),
                PACKET => Some(self.obsolete(&body)?),
                SIMPLE_PACKET => Some(self.simple(&body)?),
                _ => None,
            };
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }

    /// A section header after its type: what came before counts no more.
    fn section(&mut self) -> Result<(), Damage> {
        let head: [u8; 8] = read_or_end(&mut self.reader)?.ok_or(Damage::Truncated)?;
        let [l0, l1, l2, l3, magic @ ..] = head;
        self.order = match magic {
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            _ => return Err(Damage::Malformed("a section header has no byte-order mark")),
        };
        let length = self.order.u32([l0, l1, l2, l3]);
        if !(28..=MAX_BLOCK).contains(&length) || !length.is_multiple_of(4) {
            return Err(Damage::Malformed("a section header has an impossible length"));
        }
        self.interfaces.clear();
        read_exactly(&mut self.reader, length - 12)?;
        Ok(())
    }

    /// The body of a block after its type.
    fn body(&mut self) -> Result<Vec<u8>, Damage> {
        let length = self.order.u32(read_or_end(&mut self.reader)?.ok_or(Damage::Truncated)?);
        if !(12..=MAX_BLOCK).contains(&length) || !length.is_multiple_of(4) {
            return Err(Damage::Malformed("a block has an impossible length"));
        }
        let body = read_exactly(&mut self.reader, length - 12)?;
        let again = self.order.u32(read_or_end(&mut self.reader)?.ok_or(Damage::Truncated)?);
        if again != length {
            return Err(Damage::Malformed("the two lengths of a block differ"));
        }
        Ok(body)
    }

    fn interface(&mut self, body: &[u8]) -> Result<(), Damage> {
        let mut fields = Fields { order: self.order, rest: body };
        let link = u32::from(fields.u16()?);
        fields.u16()?;
        let snaplen = fields.u32()?;
        let mut interface =
            Interface { link, snaplen, resolution: Resolution::Decimal(6), offset: 0 };
        while let (Ok(code), Ok(length)) = (fields.u16(), fields.u16()) {
            let length = usize::from(length);
            let Some(value) = fields.rest.get(..length) else { break };
            match (code, value) {
                (option::END, _) => break,
                (option::TSRESOL, [resolution]) => {
                    interface.resolution = Resolution::from_option(*resolution);
                }
                (option::TSOFFSET, value) => {
                    if let Ok(offset) = value.try_into() {
                        interface.offset = self.order.u64(offset).cast_signed();
                    }
                }
                _ => {}
            }
            fields.rest = fields.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.nanoseconds |= interface.resolution.finer_than_microseconds();
        self.interfaces.push(interface);
        Ok(())
    }

    fn enhanced(&mut self, body: &[u8]) -> Result<CapturedFrame, Damage> {
        let mut fields = Fields { order: self.order, rest: body };
        let interface = fields.u32()?;
        self.stamped(interface, fields)
    }

    /// The packet block that the enhanced one replaced: its interface number is shorter.
    fn obsolete(&mut self, body: &[u8]) -> Result<CapturedFrame, Damage> {
        let mut fields = Fields { order: self.order, rest: body };
        let interface = u32::from(fields.u16()?);
        fields.u16()?;
        self.stamped(interface, fields)
    }

    fn stamped(&mut self, number: u32, mut fields: Fields<'_>) -> Result<CapturedFrame, Damage> {
        let (high, low) = (fields.u32()?, fields.u32()?);
        let captured = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
        let original = fields.u32()?;
        let bytes = fields.rest.get(..captured);
        let bytes = bytes.ok_or(Damage::Malformed("a packet is longer than its block"))?;
        let interface = self.numbered(number)?;
        let stamp = interface.stamp(u64::from(high) << 32 | u64::from(low));
        let bytes = LinkType::from_number(interface.link)?.ethernet(bytes.to_vec());
        self.stamp = stamp;
        Ok(CapturedFrame { stamp, bytes, cut: cut(original, captured) })
    }

    fn simple(&self, body: &[u8]) -> Result<CapturedFrame, Damage> {
        let mut fields = Fields { order: self.order, rest: body };
        let original = fields.u32()?;
        let interface = self.numbered(0)?;
        let snaplen = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let kept = usize::try_from(original.min(snaplen)).unwrap_or(usize::MAX);
        let bytes = &fields.rest[..kept.min(fields.rest.len())];
        let cut = cut(original, bytes.len());
        let bytes = LinkType::from_number(interface.link)?.ethernet(bytes.to_vec());
        Ok(CapturedFrame { stamp: self.stamp, bytes, cut })
    }

    fn numbered(&self, number: u32) -> Result<&Interface, Damage> {
        let interface = usize::try_from(number).ok().and_then(|at| self.interfaces.get(at));
        interface.ok_or(Damage::Malformed("a packet names an interface that was not described"))
    }
}

impl Interface {
    /// Nanoseconds since the Unix epoch of a stamp in this interface's unit.
    fn stamp(&self, units: u64) -> u64 {
        let nanos =
            i128::from(self.resolution.nanos(units)) + i128::from(self.offset) * 1_000_000_000;
        u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
    }
}

impl Resolution {
    /// Reads the option if_tsresol: the highest bit chooses the base.
    fn from_option(value: u8) -> Self {
        if value & 0x80 == 0 { Self::Decimal(value) } else { Self::Binary(value & 0x7f) }
    }

    fn finer_than_microseconds(self) -> bool {
        match self {
            Self::Decimal(power) => power > 6,
            // 2^-20 is just finer than a microsecond; writers mean microseconds by it.
            Self::Binary(power) => power > 20,
        }
    }

    fn nanos(self, units: u64) -> u64 {
        let units = u128::from(units);
        let nanos = match self {
            Self::Decimal(power @ 0..=9) => units * 10_u128.pow(9 - u32::from(power)),
            Self::Decimal(power @ 10..=47) => units / 10_u128.pow(u32::from(power) - 9),
            Self::Binary(power @ 0..=127) => (units * 1_000_000_000) >> power,
            // Any finer unit: 64 bits of it are no nanosecond.
            Self::Decimal(_) | Self::Binary(_) => 0,
        };
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// The fields of a block's body, taken one after the other.
struct Fields<'a> {
    order: ByteOrder,
    rest: &'a [u8],
}

impl Fields<'_> {
    fn u16(&mut self) -> Result<u16, Damage> {
        Ok(self.order.u16(self.take()?))
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        Ok(self.order.u32(self.take()?))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let short = Damage::Malformed("a block is shorter than its fields");
        let (field, rest) = self.rest.split_first_chunk().ok_or(short)?;
        self.rest = rest;
        Ok(*field)
    }
}
