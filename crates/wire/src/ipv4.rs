//! IPv4 (RFC 791): the header, its options and its fragments.

use core::net::{IpAddr, Ipv4Addr};
use core::ops::RangeInclusive;

use crate::checksum;
use crate::descriptor::{Class, Descriptor, Fragment, IpOptions, Transport, VlanTags};
use crate::fault::Fault;
use crate::parse::HeaderChecksum;
use crate::read::{array_at, narrow};
use crate::transport::{self, protocol};
use crate::{tcp, udp};

/// Octets of the longest header (RFC 791 §3.1).
const HEADER_MAX: usize = 60;
/// Octets of a header without options.
pub(crate) const HEADER: usize = 20;
/// The longest datagram, with its header.
const DATAGRAM_MAX: usize = 0xffff;

/// More fragments, and the offset in units of 8 octets.
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// Option numbers (RFC 791 §3.1, RFC 1108, RFC 2113).
mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const RECORD_ROUTE: u8 = 7;
    pub(super) const TIMESTAMP: u8 = 68;
    pub(super) const LOOSE_SOURCE_ROUTE: u8 = 131;
    pub(super) const STRICT_SOURCE_ROUTE: u8 = 137;
    pub(super) const ROUTER_ALERT: u8 = 148;
    pub(super) const SECURITY: u8 = 130;
    pub(super) const STREAM_ID: u8 = 136;
}

/// Reads the datagram at `l3`, and its transport unless it is a fragment.
///
/// Whole datagrams of TCP and UDP without options are read here, in a straight line.
#[inline(always)]
pub(crate) fn read(
    frame: &[u8],
    l3: usize,
    vlans: VlanTags,
    checksum: HeaderChecksum,
) -> Result<Descriptor, Fault> {
    let header: &[u8; HEADER] = array_at(frame, l3).ok_or(Fault::Truncated)?;
    if header[0] != 0x45 || u16::from_be_bytes([header[6], header[7]]) & (MORE | OFFSET) != 0 {
        return read_uncommon(frame, l3, vlans, checksum);
    }
    if checksum == HeaderChecksum::Verify && !checksum::is_sound(header) {
        return Err(Fault::Ipv4Checksum);
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if total < HEADER {
        return Err(Fault::Ipv4TotalLength);
    }
    let layout = Layout { l3, l4: l3 + HEADER, end: l3 + total };
    let data = frame.get(layout.l4..layout.end).ok_or(Fault::Truncated)?;
    let transport = match header[9] {
        protocol::UDP => Transport::Udp(udp::read(data, data.len())?),
        protocol::TCP => Transport::Tcp(tcp::read(data, data.len())?),
        _ => return read_uncommon(frame, l3, vlans, checksum),
    };
    Ok(describe(header, vlans, layout, None, IpOptions::default(), transport))
}

/// Where the parts of a datagram stand in the frame.
#[derive(Clone, Copy)]
struct Layout {
    l3: usize,
    l4: usize,
    end: usize,
}

#[inline(always)]
fn describe(
    header: &[u8; HEADER],
    vlans: VlanTags,
    layout: Layout,
    fragment: Option<Fragment>,
    options: IpOptions,
    transport: Transport,
) -> Descriptor {
    Descriptor {
        vlans,
        class: Class::Ipv4,
        l3: narrow(layout.l3),
        l4: narrow(layout.l4),
        end: narrow(layout.end),
        source: IpAddr::V4(Ipv4Addr::new(header[12], header[13], header[14], header[15])),
        destination: IpAddr::V4(Ipv4Addr::new(header[16], header[17], header[18], header[19])),
        protocol: header[9],
        ttl: header[8],
        fragment,
        options,
        transport,
    }
}

/// Reads any datagram: with options, in fragments, of any protocol.
#[inline(never)]
fn read_uncommon(
    frame: &[u8],
    l3: usize,
    vlans: VlanTags,
    checksum: HeaderChecksum,
) -> Result<Descriptor, Fault> {
    let header: &[u8; HEADER] = array_at(frame, l3).ok_or(Fault::Truncated)?;
    let (length, options) = read_header(frame, l3, header[0], checksum)?;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if total < length {
        return Err(Fault::Ipv4TotalLength);
    }
    let layout = Layout { l3, l4: l3 + length, end: l3 + total };
    let data = frame.get(layout.l4..layout.end).ok_or(Fault::Truncated)?;
    let field = u16::from_be_bytes([header[6], header[7]]);
    let (fragment, transport) = if field & (MORE | OFFSET) == 0 {
        (None, transport::read(header[9], false, data, data.len())?)
    } else {
        let id = u16::from_be_bytes([header[4], header[5]]);
        (Some(read_fragment(id, field, header[9], length, data.len())?), Transport::None)
    };
    Ok(describe(header, vlans, layout, fragment, options, transport))
}

/// Checks a header; returns its length and options.
fn read_header(
    frame: &[u8],
    l3: usize,
    start: u8,
    checksum: HeaderChecksum,
) -> Result<(usize, IpOptions), Fault> {
    if start >> 4 != 4 {
        return Err(Fault::Ipv4Version);
    }
    let length = usize::from(start & 0x0f) * 4;
    if length < HEADER {
        return Err(Fault::Ipv4HeaderLength);
    }
    let header = frame.get(l3..l3 + length).ok_or(Fault::Truncated)?;
    if checksum == HeaderChecksum::Verify && !checksum::is_sound(header) {
        return Err(Fault::Ipv4Checksum);
    }
    Ok((length, options(header.get(HEADER..).unwrap_or_default())?))
}

/// Reads the options behind a header.
fn options(mut rest: &[u8]) -> Result<IpOptions, Fault> {
    let mut found = IpOptions::default();
    while let [kind, tail @ ..] = rest {
        match *kind {
            option::END => break,
            option::NO_OPERATION => rest = tail,
            kind => {
                let length = usize::from(*tail.first().ok_or(Fault::Ipv4Options)?);
                if length < 2 || length > rest.len() {
                    return Err(Fault::Ipv4Options);
                }
                let (this, following) = rest.split_at(length);
                match kind {
                    option::LOOSE_SOURCE_ROUTE | option::STRICT_SOURCE_ROUTE => {
                        require_pointer(this, 4)?;
                        found.source_route = true;
                    }
                    option::RECORD_ROUTE => {
                        require_pointer(this, 4)?;
                        found.record = true;
                    }
                    option::TIMESTAMP => {
                        require_pointer(this, 5)?;
                        found.record = true;
                    }
                    option::ROUTER_ALERT => {
                        require_length(this, 4..=4)?;
                        found.router_alert = true;
                    }
                    // RFC 1108 §2.1: a classification level, and protection authority flags or none.
                    option::SECURITY => {
                        require_length(this, 3..=HEADER_MAX)?;
                        found.other = true;
                    }
                    option::STREAM_ID => {
                        require_length(this, 4..=4)?;
                        found.other = true;
                    }
                    _ => found.other = true,
                }
                rest = following;
            }
        }
    }
    Ok(found)
}

/// An option whose length the standard bounds.
fn require_length(option: &[u8], lengths: RangeInclusive<usize>) -> Result<(), Fault> {
    if lengths.contains(&option.len()) { Ok(()) } else { Err(Fault::Ipv4Options) }
}

/// An option that hosts fill in holds a pointer (third octet) that starts behind its own fields.
fn require_pointer(option: &[u8], least: u8) -> Result<(), Fault> {
    match option.get(2) {
        Some(pointer) if *pointer >= least => Ok(()),
        _ => Err(Fault::Ipv4Options),
    }
}

/// Reads where a fragment stands. `length` counts the octets that it carries.
fn read_fragment(
    id: u16,
    field: u16,
    next_header: u8,
    header: usize,
    length: usize,
) -> Result<Fragment, Fault> {
    let offset = (field & OFFSET) * 8;
    let fragment = Fragment {
        id: u32::from(id),
        offset,
        length: narrow(length),
        more: field & MORE != 0,
        next_header,
    };
    check_fragment(&fragment, header, DATAGRAM_MAX)?;
    if offset == 0 && next_header == protocol::TCP && length < transport::TCP_FIRST_FRAGMENT_MIN {
        return Err(Fault::FragmentTiny);
    }
    Ok(fragment)
}

/// What holds for the fragments of both versions. `before` counts the octets that stand before the fragmentable part
/// and count against `most`, the longest datagram.
pub(crate) fn check_fragment(fragment: &Fragment, before: usize, most: usize) -> Result<(), Fault> {
    let length = usize::from(fragment.length);
    if length == 0 {
        return Err(Fault::FragmentEmpty);
    }
    if fragment.more && !length.is_multiple_of(8) {
        return Err(Fault::FragmentLength);
    }
    if before + usize::from(fragment.offset) + length > most {
        return Err(Fault::FragmentOverflow);
    }
    // A fragment at offset 8 would overlay TCP's flags (RFC 1858 §3.2.2).
    if fragment.offset == 8 && fragment.next_header == protocol::TCP {
        return Err(Fault::FragmentTiny);
    }
    Ok(())
}
