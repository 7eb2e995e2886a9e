//! Which reader serves a gateway of the policy.

use alg::{Options, Protocol};
use policy::{Gateway, ServiceTraits};

/// The protocol that a gateway of the policy reads; none: there is no reader for it, and its service passes unread.
pub fn reader_of(gateway: Gateway) -> Option<Protocol> {
    Protocol::ALL.iter().copied().find(|protocol| protocol.name() == gateway.name())
}

/// What is read of a session of this service, and how.
pub(crate) fn reading(service: &ServiceTraits) -> Option<(Protocol, Options)> {
    let protocol = reader_of(service.gateway?)?;
    let policy::ReadingTraits { strict, third_party } = service.reading;
    Some((protocol, Options { strict, third_party }))
}
