//! Conversations in protocols that are known by number alone: GRE, ESP, AH and all the rest.

use crate::track::{EvictionClass, Judgement, Protocol};
use crate::{Direction, TimeoutClass};

wire::named! {
    /// Who has been heard.
    pub enum OtherState {
        /// Only the initiator.
        OneWay = "one_way",
        /// Both sides.
        Stream = "stream",
    }
}

/// A conversation in an IP protocol without a tracker of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherTrack {
    state: OtherState,
    protocol: Protocol,
}

/// IP protocol numbers (IANA).
mod number {
    pub(super) const GRE: u8 = 47;
    pub(super) const ESP: u8 = 50;
    pub(super) const AH: u8 = 51;
}

impl OtherTrack {
    pub(crate) fn open(protocol: u8) -> Self {
        let protocol = match protocol {
            number::GRE => Protocol::Gre,
            number::ESP => Protocol::Esp,
            number::AH => Protocol::Ah,
            _ => Protocol::Other,
        };
        Self { state: OtherState::OneWay, protocol }
    }

    /// Who has been heard.
    pub fn state(&self) -> OtherState {
        self.state
    }

    /// The protocol that it counts as.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    #[inline]
    pub(super) fn judge(&mut self, direction: Direction) -> Judgement {
        if direction == Direction::Reply {
            self.state = OtherState::Stream;
        }
        Judgement::Pass
    }

    #[inline]
    pub(super) fn timeout_class(&self) -> TimeoutClass {
        match self.protocol {
            Protocol::Gre => TimeoutClass::Gre,
            Protocol::Esp | Protocol::Ah => TimeoutClass::Esp,
            Protocol::Tcp
            | Protocol::Udp
            | Protocol::Icmp
            | Protocol::Icmpv6
            | Protocol::Sctp
            | Protocol::Other => TimeoutClass::Other,
        }
    }

    pub(super) fn eviction_class(&self) -> EvictionClass {
        match self.state {
            OtherState::OneWay => EvictionClass::OneWay,
            OtherState::Stream => EvictionClass::Never,
        }
    }
}
