//! Addresses that messages name, and whether they may be expected.

use core::net::IpAddr;

use session::Direction;

use super::syntax::{h225, h245};
use crate::text::is_one_host;
use crate::{Notes, Remark};

pub(super) const TCP: u8 = 6;

/// Ports below are no call's.
const PRIVILEGED: u16 = 1024;

/// A host, and a port of it.
pub(super) type Place = (IpAddr, u16);

/// The place that an address of call signalling or RAS names, if it is one of IP.
pub(super) fn signalled(address: &h225::TransportAddress) -> Option<Place> {
    use h225::TransportAddress as Address;
    match address {
        Address::Ip(at) => Some((IpAddr::from(*at.ip), at.port)),
        Address::Ip6(at) => Some((IpAddr::from(*at.ip), at.port)),
        Address::IpSourceRoute(_)
        | Address::Ipx(_)
        | Address::NetBios(_)
        | Address::Nsap(_)
        | Address::NonStandard(_) => None,
    }
}

/// The place that an address of H.245 names, if it is one of IP, and of one host.
pub(super) fn controlled(address: &h245::TransportAddress) -> Option<Place> {
    use h245::UnicastAddress as Address;
    let h245::TransportAddress::Unicast(address) = address else { return None };
    match address {
        Address::Ip(at) => Some((IpAddr::from(*at.network), at.tsap)),
        Address::Ip6(at) => Some((IpAddr::from(*at.network), at.tsap)),
        Address::Ipx(_)
        | Address::NetBios(_)
        | Address::IpSourceRoute(_)
        | Address::Nsap(_)
        | Address::NonStandard(_) => None,
    }
}

/// A place that the side that speaks in direction `from` names, if it may be expected: at its own host, or where the
/// rule says so at any that is not its peer. What is at the peer's is the peer's to say, and no fault: an answer may
/// repeat what was proposed.
pub(super) fn permitted(
    place: Place,
    from: Direction,
    stranger: Remark,
    notes: &mut Notes<'_>,
) -> Option<Place> {
    let (host, port) = place;
    let [speaker, listener] = [notes.peers.speaker(from).0, notes.peers.listener(from).0];
    // Port 0 stands for none, as the unspecified address does.
    if host == listener || host.is_unspecified() || port == 0 {
        return None;
    }
    if host != speaker && !(notes.options.third_party && is_one_host(host)) {
        notes.remark(stranger);
        return None;
    }
    if port < PRIVILEGED {
        notes.remark(Remark::PrivilegedPort);
        return None;
    }
    (host.is_ipv4() == listener.is_ipv4()).then_some(place)
}
