//! IPv6 extension headers (RFC 8200 §4): the walk over their chain.
//!
//! Walked are hop-by-hop options, routing, fragment and destination options. AH, ESP, mobility, HIP and Shim6
//! end the walk: they are judged by their protocol number, as a transport is. Since none may be repeated but
//! destination options, once, no chain has more than five headers.

use crate::descriptor::IpOptions;
use crate::fault::Fault;
use crate::read::{array_at, u16_at, u32_at};

/// The most octets that the extension headers of one datagram take.
pub const EXTENSION_OCTETS_MAX: usize = 1024;

/// Next-header values that the walk knows.
pub(crate) mod header {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const NO_NEXT_HEADER: u8 = 59;
    pub(crate) const DESTINATION: u8 = 60;
}

/// Option types (RFC 8200 §4.2, RFC 2711, RFC 2675).
mod option {
    pub(super) const PAD_ONE: u8 = 0;
    pub(super) const PAD: u8 = 1;
    pub(super) const ROUTER_ALERT: u8 = 5;
    pub(super) const JUMBO: u8 = 0xc2;
}

/// Where the walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The protocol number of what stands at `end`.
    pub(crate) protocol: u8,
    /// Octets of extension headers.
    pub(crate) end: usize,
    /// The fragment header behind which the walk stopped; atomic fragments are walked over.
    pub(crate) fragment: Option<FragmentHeader>,
    /// Options that a policy may refuse.
    pub(crate) options: IpOptions,
}

/// A fragment header of a datagram that is truly cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentHeader {
    pub(crate) id: u32,
    pub(crate) offset: u16,
    pub(crate) more: bool,
}

/// Walks the chain that starts at the beginning of `data` with a header of type `first`.
///
/// `whole` says whether `data` starts right behind the IPv6 header; only there may hop-by-hop options stand. Where it
/// starts behind a fragment header, no other fragment header may follow.
#[inline(never)]
pub(crate) fn walk(first: u8, whole: bool, data: &[u8]) -> Result<Chain, Fault> {
    let mut chain =
        Chain { protocol: first, end: 0, fragment: None, options: IpOptions::default() };
    let (mut routing, mut fragments, mut destinations) = (0, 0, 0);
    loop {
        let times = match chain.protocol {
            header::HOP_BY_HOP if whole && chain.end == 0 => 1,
            header::HOP_BY_HOP => return Err(Fault::ExtensionOrder),
            header::ROUTING => seen(&mut routing),
            header::FRAGMENT if whole => seen(&mut fragments),
            header::FRAGMENT => return Err(Fault::ExtensionRepeated),
            header::DESTINATION => seen(&mut destinations) - 1,
            _ => return Ok(chain),
        };
        if times > 1 {
            return Err(Fault::ExtensionRepeated);
        }
        let [next, units] = *array_at::<2>(data, chain.end).ok_or(Fault::ExtensionTruncated)?;
        let this = chain.protocol;
        // The second octet of a fragment header is reserved: it always takes 8 octets.
        let length = if this == header::FRAGMENT { 8 } else { (usize::from(units) + 1) * 8 };
        let octets = data.get(chain.end..chain.end + length).ok_or(Fault::ExtensionTruncated)?;
        if chain.end + length > EXTENSION_OCTETS_MAX {
            return Err(Fault::ExtensionLength);
        }
        chain.end += length;
        chain.protocol = next;
        match this {
            header::ROUTING if octets.get(2) == Some(&0) => return Err(Fault::RoutingHeader0),
            header::ROUTING => {}
            header::FRAGMENT => {
                let field = u16_at(octets, 2).ok_or(Fault::ExtensionTruncated)?;
                let id = u32_at(octets, 4).ok_or(Fault::ExtensionTruncated)?;
                let (offset, more) = (field & 0xfff8, field & 1 != 0);
                if offset != 0 || more {
                    chain.fragment = Some(FragmentHeader { id, offset, more });
                    return Ok(chain);
                }
            }
            _ => options(octets.get(2..).unwrap_or_default(), &mut chain.options)?,
        }
    }
}

/// Counts one more header of a kind.
fn seen(times: &mut i32) -> i32 {
    *times += 1;
    *times
}

/// Reads the options of a hop-by-hop or destination header.
fn options(mut rest: &[u8], found: &mut IpOptions) -> Result<(), Fault> {
    while let [kind, tail @ ..] = rest {
        if *kind == option::PAD_ONE {
            rest = tail;
            continue;
        }
        let length = usize::from(*tail.first().ok_or(Fault::Ipv6Options)?);
        rest = tail.get(1 + length..).ok_or(Fault::Ipv6Options)?;
        match *kind {
            option::PAD => {}
            option::JUMBO => return Err(Fault::Ipv6Jumbogram),
            option::ROUTER_ALERT => found.router_alert = true,
            _ => found.other = true,
        }
    }
    Ok(())
}

/// The address that a datagram goes to in the end, if a routing header with segments left names another
/// than the IPv6 header does: mobile IPv6's type 2 (RFC 6275 §6.4) and segment routing's type 4 (RFC 8754 §2).
/// `Err` where the type hides it.
pub(crate) fn final_destination(first: u8, chain: &[u8]) -> Result<Option<[u8; 16]>, ()> {
    let (mut next, mut at) = (first, 0);
    while let Some([following, units]) = array_at::<2>(chain, at) {
        let length = if next == header::FRAGMENT { 8 } else { (usize::from(*units) + 1) * 8 };
        if next == header::ROUTING {
            let [_, _, kind, left] = *array_at::<4>(chain, at).ok_or(())?;
            return match (kind, left) {
                (_, 0) => Ok(None),
                (2 | 4, _) => array_at::<16>(chain, at + 8).map(|address| Some(*address)).ok_or(()),
                _ => Err(()),
            };
        }
        next = *following;
        at += length;
    }
    Ok(None)
}
