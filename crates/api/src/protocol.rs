//! IP protocols by name and number.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

const NAMES: [(&str, u8); 8] = [
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("sctp", 132),
];

/// An IP protocol number: written by its name where it has a usual one, else as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);

    /// Whether its packets have ports.
    #[must_use]
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.pad(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A word that is no protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no protocol `{0}`: a number from 0 to 255, or tcp, udp, icmp, icmpv6, sctp, gre, esp, ah")]
pub struct ProtocolError(pub String);

impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = NAMES.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
        let number = named.or_else(|| word.parse().ok());
        number.map(Self).ok_or_else(|| ProtocolError(word.to_owned()))
    }
}

impl TryFrom<String> for Protocol {
    type Error = ProtocolError;
    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<Protocol> for String {
    fn from(protocol: Protocol) -> Self {
        protocol.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_as_it_was_written() {
        for number in 0..=u8::MAX {
            let protocol = Protocol(number);
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
            assert_eq!(number.to_string().parse(), Ok(protocol));
        }
    }

    #[test]
    fn others_are_refused() {
        for word in ["", "TCP", "256", "-1", "tcp ", "any"] {
            assert_eq!(word.parse::<Protocol>(), Err(ProtocolError(word.to_owned())));
        }
    }
}
