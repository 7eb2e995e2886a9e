//! FILTER: words `key=value` that choose sessions.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Protocol, ProtocolError, SessionId};

/// The most terms that one filter may have.
pub const MAX_FILTER_TERMS: usize = 16;

/// Terms that must all hold; none: every session. In JSON a list of words.
///
/// A key may stand more than once: `host=10.0.0.1 host=10.0.0.2` is what these two say to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<FilterTerm>", into = "Vec<FilterTerm>")]
pub struct SessionFilter(Vec<FilterTerm>);

impl SessionFilter {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// The first word that is no term, or too many words.
    pub fn parse<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Result<Self, FilterError> {
        let terms: Result<Vec<_>, _> =
            words.into_iter().map(|word| word.as_ref().parse()).collect();
        Self::try_from(terms?)
    }

    /// The terms, in the order they were given.
    #[must_use]
    pub fn terms(&self) -> &[FilterTerm] {
        &self.0
    }

    /// Whether it lets every session through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<FilterTerm>> for SessionFilter {
    type Error = FilterError;

    fn try_from(terms: Vec<FilterTerm>) -> Result<Self, Self::Error> {
        if terms.len() > MAX_FILTER_TERMS {
            return Err(FilterError::TooManyTerms);
        }
        Ok(Self(terms))
    }
}

impl From<SessionFilter> for Vec<FilterTerm> {
    fn from(filter: SessionFilter) -> Self {
        filter.0
    }
}

impl FromStr for SessionFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.split_ascii_whitespace())
    }
}

impl fmt::Display for SessionFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, term) in self.0.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{term}")?;
        }
        Ok(())
    }
}

/// One word of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FilterTerm {
    /// Either end has this address.
    Host(IpAddr),
    /// Either end is in this prefix.
    Net(Net),
    /// Either end has this port.
    Port(u16),
    /// The protocol.
    Proto(Protocol),
    /// The name of the state.
    State(String),
    /// Either end is in this zone.
    Zone(String),
    /// The rule that allowed it.
    Rule(String),
    /// The wire that it crosses, by the name of either of its ports or by both: `lan0-wan0`.
    Wire(String),
    /// A reason of a drop. Frames have one, living sessions do not.
    Reason(String),
    /// The session's identity.
    Id(SessionId),
}

impl FilterTerm {
    /// Every key.
    pub const KEYS: &'static [&'static str] =
        &["host", "net", "port", "proto", "state", "zone", "rule", "wire", "reason", "id"];

    /// The term's key.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Net(_) => "net",
            Self::Port(_) => "port",
            Self::Proto(_) => "proto",
            Self::State(_) => "state",
            Self::Zone(_) => "zone",
            Self::Rule(_) => "rule",
            Self::Wire(_) => "wire",
            Self::Reason(_) => "reason",
            Self::Id(_) => "id",
        }
    }
}

impl FromStr for FilterTerm {
    type Err = FilterError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let (key, value) =
            word.split_once('=').ok_or_else(|| FilterError::NotKeyValue(word.to_owned()))?;
        let bad = |expected| FilterError::BadValue { word: word.to_owned(), expected };
        match key {
            "host" => value.parse().map(Self::Host).map_err(|_| bad("an IPv4 or IPv6 address")),
            "net" => Net::parse(value).map(Self::Net).ok_or_else(|| {
                bad("a prefix without host bits, such as 10.0.0.0/8 or 2001:db8::/32")
            }),
            "port" => value.parse().map(Self::Port).map_err(|_| bad("a number from 0 to 65535")),
            "proto" => value.parse().map(Self::Proto).map_err(FilterError::Protocol),
            "id" => value.parse().map(Self::Id).map_err(|_| bad("the id that `sessions` shows")),
            "state" | "reason" => {
                let snake = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
                if value.is_empty() || !value.bytes().all(snake) {
                    return Err(bad("a name such as established"));
                }
                let name = value.to_owned();
                Ok(if key == "state" { Self::State(name) } else { Self::Reason(name) })
            }
            "zone" | "rule" | "wire" => {
                let part_of_name = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
                if value.is_empty() || value.len() > 512 || !value.bytes().all(part_of_name) {
                    return Err(bad("a name of the configuration"));
                }
                let name = value.to_owned();
                Ok(match key {
                    "zone" => Self::Zone(name),
                    "rule" => Self::Rule(name),
                    _ => Self::Wire(name),
                })
            }
            _ => Err(FilterError::UnknownKey(key.to_owned())),
        }
    }
}

impl fmt::Display for FilterTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key())?;
        match self {
            Self::Host(address) => address.fmt(f),
            Self::Net(net) => net.fmt(f),
            Self::Port(port) => port.fmt(f),
            Self::Proto(protocol) => protocol.fmt(f),
            Self::State(name)
            | Self::Zone(name)
            | Self::Rule(name)
            | Self::Wire(name)
            | Self::Reason(name) => f.write_str(name),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl TryFrom<String> for FilterTerm {
    type Error = FilterError;
    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse()
    }
}

impl From<FilterTerm> for String {
    fn from(term: FilterTerm) -> Self {
        term.to_string()
    }
}

/// A prefix; the bits behind it are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: IpAddr,
    length: u8,
}

impl Net {
    /// A prefix of `length` bits, unless it is longer than the address or has host bits set.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let (bits, width) = numeric(address);
        let length_of_host = width.checked_sub(u32::from(length))?;
        let host = 1u128.checked_shl(length_of_host).map_or(u128::MAX, |bit| bit - 1);
        (bits & host == 0).then_some(Self { address, length })
    }

    /// Reads `address/length`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        Self::new(address.parse().ok()?, length.parse().ok()?)
    }

    /// The prefix's first address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The prefix's length in bits, at most 32 or 128 by its family.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether an address is in it. No address of one family is in a prefix of the other.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let (first, width) = numeric(self.address);
        let (bits, other_width) = numeric(address);
        let length_of_host = width - u32::from(self.length);
        width == other_width && (first ^ bits).checked_shr(length_of_host).unwrap_or(0) == 0
    }
}

fn numeric(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A word that is no filter's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FilterError {
    /// There is no `=` in it.
    #[error("`{0}` is no filter: write key=value, such as host=10.0.0.1 or proto=tcp")]
    NotKeyValue(String),
    /// No filter has this key.
    #[error("unknown filter key `{0}`: one of {keys}", keys = FilterTerm::KEYS.join(", "))]
    UnknownKey(String),
    /// The key exists, the value does not fit it.
    #[error("bad filter `{word}`: expected {expected}")]
    BadValue {
        /// The word.
        word: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The value of `proto`.
    #[error(transparent)]
    Protocol(ProtocolError),
    /// More words than a filter may have.
    #[error("a filter has at most {MAX_FILTER_TERMS} words")]
    TooManyTerms,
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test]
    fn every_key_is_read_as_it_was_written() {
        let words = "host=2001:db8::1 net=10.0.0.0/8 port=53 proto=udp state=established zone=inside \
                     rule=inside-out wire=lan0-wan0 reason=no_session id=0-17-5000";
        let filter: SessionFilter = words.parse().unwrap();
        assert_eq!(filter.to_string(), words);
        let keys: Vec<_> = filter.terms().iter().map(FilterTerm::key).collect();
        assert_eq!(keys, FilterTerm::KEYS);
        let json = serde_json::to_string(&filter).unwrap();
        assert_eq!(serde_json::from_str::<SessionFilter>(&json).unwrap(), filter);
        assert!(json.starts_with(r#"["host=2001:db8::1","#), "{json}");
    }

    #[test_case("host", "`host` is no filter"; "no equals sign")]
    #[test_case("colour=red", "unknown filter key `colour`: one of host, net"; "unknown key")]
    #[test_case("host=10.0.0.0/8", "expected an IPv4 or IPv6 address"; "prefix for a host")]
    #[test_case("net=10.0.0.1/8", "without host bits"; "host bits")]
    #[test_case("net=10.0.0.0/33", "without host bits"; "too long a prefix")]
    #[test_case("net=10.0.0.0", "expected a prefix"; "no length")]
    #[test_case("port=65536", "0 to 65535"; "port out of range")]
    #[test_case("proto=tpc", "no protocol `tpc`"; "unknown protocol")]
    #[test_case("state=Established", "expected a name"; "state in capitals")]
    #[test_case("zone=", "a name of the configuration"; "empty zone")]
    #[test_case("id=17", "the id that"; "half an id")]
    fn refused_with_what_would_be_right(word: &str, message: &str) {
        let error = word.parse::<SessionFilter>().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn too_many_words_are_refused() {
        assert!(SessionFilter::parse(["port=1"; MAX_FILTER_TERMS]).is_ok());
        let error = SessionFilter::parse(["port=1"; MAX_FILTER_TERMS + 1]);
        assert_eq!(error, Err(FilterError::TooManyTerms));
    }

    #[test_case("10.0.0.0/8", "10.255.0.1", true; "inside")]
    #[test_case("10.0.0.0/8", "11.0.0.0", false; "outside")]
    #[test_case("0.0.0.0/0", "255.255.255.255", true; "all of IPv4")]
    #[test_case("::/0", "2001:db8::1", true; "all of IPv6")]
    #[test_case("::/0", "10.0.0.1", false; "other family")]
    #[test_case("192.0.2.1/32", "192.0.2.1", true; "one address")]
    #[test_case("2001:db8::/127", "2001:db8::2", false; "just outside")]
    fn prefixes(net: &str, address: &str, inside: bool) {
        let net = Net::parse(net).unwrap();
        assert_eq!(net.contains(address.parse().unwrap()), inside);
    }
}
