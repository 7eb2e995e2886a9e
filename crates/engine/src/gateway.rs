//! Which reader serves a gateway of the policy.

use alg::{Options, Protocol};
use policy::{Gateway, ServiceTraits};

/// The protocol that a gateway of the policy reads.
pub const fn reader_of(gateway: Gateway) -> Protocol {
    match gateway {
        Gateway::Ftp => Protocol::Ftp,
        Gateway::Tftp => Protocol::Tftp,
        Gateway::Sip => Protocol::Sip,
        Gateway::Rtsp => Protocol::Rtsp,
        Gateway::Pptp => Protocol::Pptp,
        Gateway::Mgcp => Protocol::Mgcp,
        Gateway::Irc => Protocol::Irc,
    }
}

/// What is read of a session of this service, and how.
pub(crate) fn reading(service: &ServiceTraits) -> Option<(Protocol, Options)> {
    let protocol = reader_of(service.gateway?);
    let policy::ReadingTraits { strict, third_party } = service.reading;
    Some((protocol, Options { strict, third_party }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reader_serves_the_gateway_of_its_name() {
        let readers: Vec<_> =
            Gateway::ALL.iter().map(|&gateway| (reader_of(gateway), gateway.name())).collect();
        for &protocol in Protocol::ALL {
            assert!(readers.contains(&(protocol, protocol.name())), "{protocol}");
        }
        assert_eq!(readers.len(), Protocol::COUNT);
    }
}
