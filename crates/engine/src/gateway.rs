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
        Gateway::H323 => Protocol::H323,
    }
}

/// How a session is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// The gateway of the rule: what is counted and shown.
    pub(crate) gateway: Gateway,
    /// The protocol that the session speaks. A connection that a gateway announces may speak another than the one that
    /// announces it.
    pub(crate) protocol: Protocol,
    /// How its reader reads.
    pub(crate) options: Options,
}

impl Reads {
    /// How a session of this service is read, if it is.
    pub(crate) fn of(service: &ServiceTraits) -> Option<Self> {
        let gateway = service.gateway?;
        let policy::ReadingTraits { strict, third_party } = service.reading;
        let options = Options { strict, third_party };
        Some(Self { gateway, protocol: reader_of(gateway), options })
    }

    /// How a session is read that such a one has announced as speaking the protocol of this number.
    pub(crate) fn announced(self, protocol: u8) -> Option<Self> {
        let protocol = Protocol::ALL.get(usize::from(protocol)).copied()?;
        Some(Self { protocol, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gateway_has_the_reader_of_its_name() {
        for &gateway in Gateway::ALL {
            assert_eq!(reader_of(gateway).name(), gateway.name());
        }
    }
}
