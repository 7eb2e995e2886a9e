//! Where a fragment belongs: which datagram, and which octets of it.

use core::net::IpAddr;

use wire::{Class, Descriptor, Fragment};

/// The largest IP datagram: IPv4's total length and IPv6's payload length have 16 bits.
const LARGEST_DATAGRAM: u32 = 65_535;
/// The IPv6 header and the fragment header, which a reassembled datagram's payload length leaves out.
const IPV6_AND_FRAGMENT_HEADER: u32 = 40 + 8;

/// What makes two fragments parts of one datagram (RFC 791 §3.2, RFC 8200 §4.5).
///
/// An IPv4 address is never equal to an IPv6 one, so the families do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) source: SourceKey,
    pub(super) destination: IpAddr,
    /// The protocol for IPv4; 0 for IPv6, whose fragments may differ in it.
    pub(super) protocol: u8,
    pub(super) id: u32,
}

/// A sender: the same address in another domain or VLAN is another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SourceKey {
    pub(super) context: u32,
    pub(super) address: IpAddr,
}

/// The datagram that a fragment is part of, and its place there.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    pub(super) key: Key,
    fragment: Fragment,
    family: Family,
    l3: u16,
    end: u16,
}

#[derive(Clone, Copy, Debug)]
enum Family {
    V4,
    V6,
}

impl Placement {
    /// The place of the frame that `descriptor` describes; `None` if it is no fragment.
    ///
    /// `context` sets apart datagrams that share nothing but their addresses: domain and VLAN.
    pub fn of(context: u32, descriptor: &Descriptor) -> Option<Self> {
        let fragment = descriptor.fragment?;
        let (family, protocol) = match descriptor.class {
            Class::Ipv4 => (Family::V4, fragment.next_header),
            Class::Ipv6 => (Family::V6, 0),
            Class::Arp
            | Class::LinkLocal
            | Class::SlowProtocols
            | Class::Ethertype(_)
            | Class::Llc => return None,
        };
        let key = Key {
            source: SourceKey { context, address: descriptor.source },
            destination: descriptor.destination,
            protocol,
            id: fragment.id,
        };
        Some(Self { key, fragment, family, l3: descriptor.l3, end: descriptor.end })
    }

    /// The frame with its place, or the frame alone if it can have none: it has no data, is not the last and
    /// no multiple of 8 octets long, would make its datagram too long, or its data is not in the frame.
    pub(super) fn piece<F: AsRef<[u8]>>(&self, frame: F) -> Result<Piece<F>, F> {
        let Fragment { id: _, offset, length, more, next_header } = self.fragment;
        let Some(data) = self.end.checked_sub(length).filter(|data| *data >= self.l3) else {
            return Err(frame);
        };
        let before_data = u32::from(data - self.l3);
        let headers = match self.family {
            Family::V4 => before_data,
            Family::V6 => before_data.saturating_sub(IPV6_AND_FRAGMENT_HEADER),
        };
        let sound = length > 0
            && offset.is_multiple_of(8)
            && (!more || length.is_multiple_of(8))
            && headers + u32::from(offset) + u32::from(length) <= LARGEST_DATAGRAM
            && usize::from(self.end) <= frame.as_ref().len();
        if sound {
            Ok(Piece { frame, offset, length, data, more, next_header })
        } else {
            Err(frame)
        }
    }
}

/// One fragment of a datagram: a frame and which octets of the fragmentable part it carries.
#[derive(Clone, Debug)]
pub struct Piece<F> {
    /// The frame as it was received.
    pub frame: F,
    /// Offset of its data in the fragmentable part, in octets.
    pub offset: u16,
    /// The protocol number in its own header: RFC 8200 §4.5 heeds only the first fragment's.
    pub next_header: u8,
    length: u16,
    data: u16,
    pub(super) more: bool,
}

impl<F> Piece<F> {
    /// Octets of the fragmentable part that it carries: at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a piece is never empty")]
    pub const fn len(&self) -> u16 {
        self.length
    }

    /// Offset of the octet after its last. It is in reach of `u16`: checked when the piece was made.
    pub(super) const fn end(&self) -> u16 {
        self.offset.saturating_add(self.length)
    }
}

impl<F: AsRef<[u8]>> Piece<F> {
    /// The octets of the fragmentable part that it carries.
    pub fn data(&self) -> &[u8] {
        let start = usize::from(self.data);
        self.frame.as_ref().get(start..start + usize::from(self.length)).unwrap_or_default()
    }

    /// Octets of the whole frame.
    pub(super) fn octets(&self) -> usize {
        self.frame.as_ref().len()
    }
}
