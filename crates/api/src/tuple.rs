//! TUPLE: the packet that `explain` judges.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Protocol, ProtocolError};

/// A packet as an operator describes it: `proto source[:port] destination[:port] in=PORT [flags=S] [seq=N] [ack=N]
/// [length=N]`, IPv6 in brackets where a port follows. The destination port may be left out only where the protocol has
/// none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuple {
    /// Its protocol.
    pub proto: Protocol,
    /// Its source address.
    pub source: IpAddr,
    /// Its source port, where it was given.
    #[serde(default)]
    pub source_port: Option<u16>,
    /// Its destination address, of the same family.
    pub destination: IpAddr,
    /// Its destination port, where it was given.
    #[serde(default)]
    pub destination_port: Option<u16>,
    /// The name of the port that it comes in by.
    #[serde(rename = "in")]
    pub in_port: String,
    /// TCP's flags as letters of `FSRPAUEC`; left out: `S`.
    #[serde(default)]
    pub flags: Option<String>,
    /// TCP's sequence number; left out: of a living session what the sender would send next.
    #[serde(default)]
    pub seq: Option<u32>,
    /// TCP's acknowledgement number, likewise.
    #[serde(default)]
    pub ack: Option<u32>,
    /// Octets that a TCP segment carries; left out: none.
    #[serde(default)]
    pub length: Option<u16>,
}

/// A text that is no tuple.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TupleError {
    /// The first word.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// An address with or without its port.
    #[error("bad address `{0}`: 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80")]
    Endpoint(String),
    /// The two addresses are of different families.
    #[error("source and destination are not of one address family")]
    Families,
    /// No destination port, though the protocol has ports.
    #[error("{0} needs a destination port: write 192.0.2.1:80 or [2001:db8::1]:80")]
    NoDestinationPort(Protocol),
    /// An IPv6 address that may be meant to end with a port.
    #[error("`{0}` may end with a port: write {1} with a port, or [{0}] without")]
    Ambiguous(String, String),
    /// A port where the protocol has none.
    #[error("{0} has no ports")]
    PortOfPortless(Protocol),
    /// A word that does not belong there.
    #[error(
        "unexpected word `{0}`: after the addresses come in=PORT, flags=LETTERS, seq=N, ack=N, length=N"
    )]
    Unexpected(String),
    /// A number that is none, or the protocol has no such numbers.
    #[error("bad number `{0}`: seq and ack up to 4294967295, length up to 1400, for tcp only")]
    Number(String),
    /// The flags have a letter that is none, or the protocol has no flags.
    #[error("bad flags `{0}`: letters of FSRPAUEC (FIN SYN RST PSH ACK URG ECE CWR), for tcp only")]
    Flags(String),
    /// A word is missing.
    #[error("no {0}: write proto source[:port] destination[:port] in=PORT [flags=S]")]
    Missing(&'static str),
}

impl Tuple {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Result<Self, TupleError> {
        let mut words = words.into_iter();
        let mut next = |what| words.next().ok_or(TupleError::Missing(what));
        let proto: Protocol = next("protocol")?.as_ref().parse()?;
        let (source, source_port) = endpoint(next("source")?.as_ref(), proto)?;
        let (destination, destination_port) = endpoint(next("destination")?.as_ref(), proto)?;
        let (mut in_port, mut flags) = (None, None);
        let (mut seq, mut ack, mut length) = (None, None, None);
        for word in words {
            let word = word.as_ref();
            match word.split_once('=') {
                Some(("in", port)) if in_port.is_none() && !port.is_empty() => {
                    in_port = Some(port.to_owned());
                }
                Some(("flags", letters)) if flags.is_none() => flags = Some(letters.to_owned()),
                Some(("seq", number)) if seq.is_none() => seq = Some(numeric(word, number)?),
                Some(("ack", number)) if ack.is_none() => ack = Some(numeric(word, number)?),
                Some(("length", number)) if length.is_none() => {
                    length = Some(numeric(word, number)?);
                }
                _ => return Err(TupleError::Unexpected(word.to_owned())),
            }
        }
        let in_port = in_port.ok_or(TupleError::Missing("in=PORT"))?;
        let tuple = Self {
            proto,
            source,
            source_port,
            destination,
            destination_port,
            in_port,
            flags,
            seq,
            ack,
            length,
        };
        tuple.validate()?;
        Ok(tuple)
    }

    /// Checks what the types alone do not hold; for tuples that come as JSON.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), TupleError> {
        if self.source.is_ipv4() != self.destination.is_ipv4() {
            return Err(TupleError::Families);
        }
        let any_port = self.source_port.is_some() || self.destination_port.is_some();
        if any_port && !self.proto.has_ports() {
            return Err(TupleError::PortOfPortless(self.proto));
        }
        if self.destination_port.is_none() && self.proto.has_ports() {
            return Err(TupleError::NoDestinationPort(self.proto));
        }
        if let Some(flags) = &self.flags {
            self.flag_bits().ok_or_else(|| TupleError::Flags(flags.clone()))?;
        }
        let of_tcp = self.seq.is_some() || self.ack.is_some() || self.length.is_some();
        if of_tcp && self.proto != Protocol::TCP {
            return Err(TupleError::Number(format!("seq, ack or length of {}", self.proto)));
        }
        match self.length {
            Some(length) if length > LENGTH_MAX => {
                Err(TupleError::Number(format!("length={length}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// TCP's flags as the bits of its header's byte 13: those given, or SYN. None: not TCP, or a
    /// letter that is no flag.
    #[must_use]
    pub fn flag_bits(&self) -> Option<u8> {
        if self.proto != Protocol::TCP {
            return None;
        }
        let letters = self.flags.as_deref().unwrap_or("S");
        letters.chars().try_fold(0u8, |bits, letter| {
            let bit = "FSRPAUEC".find(letter.to_ascii_uppercase())?;
            Some(bits | 1 << bit)
        })
    }
}

/// The most octets that a described segment carries: with all headers it is below every usual MTU.
const LENGTH_MAX: u16 = 1400;

fn numeric<T: FromStr>(word: &str, number: &str) -> Result<T, TupleError> {
    number.parse().map_err(|_| TupleError::Number(word.to_owned()))
}

/// How an IPv6 address without brackets is written if its last group is meant as a port; none: it cannot be.
fn with_port(word: &str) -> Option<String> {
    let (address, port) = word.rsplit_once(':')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some(SocketAddr::from((address, port)).to_string())
}

fn endpoint(word: &str, proto: Protocol) -> Result<(IpAddr, Option<u16>), TupleError> {
    let bad = || TupleError::Endpoint(word.to_owned());
    if let Ok(address) = word.parse() {
        if let Some(other) = with_port(word).filter(|_| proto.has_ports()) {
            return Err(TupleError::Ambiguous(word.to_owned(), other));
        }
        return Ok((address, None));
    }
    if let Some(bare) = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return bare.parse().map(|address| (IpAddr::V6(address), None)).map_err(|_| bad());
    }
    let both: SocketAddr = word.parse().map_err(|_| bad())?;
    Ok((both.ip(), Some(both.port())))
}

impl FromStr for Tuple {
    type Err = TupleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.split_ascii_whitespace())
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |address: IpAddr, port: Option<u16>| match port {
            Some(port) => SocketAddr::new(address, port).to_string(),
            None if self.proto.has_ports() && with_port(&address.to_string()).is_some() => {
                format!("[{address}]")
            }
            None => address.to_string(),
        };
        let source = end(self.source, self.source_port);
        let destination = end(self.destination, self.destination_port);
        write!(f, "{} {source} {destination} in={}", self.proto, self.in_port)?;
        if let Some(flags) = &self.flags {
            write!(f, " flags={flags}")?;
        }
        let numbers =
            [("seq", self.seq), ("ack", self.ack), ("length", self.length.map(u32::from))];
        for (key, number) in numbers {
            if let Some(number) = number {
                write!(f, " {key}={number}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case("tcp 10.0.0.1:40000 192.0.2.1:80 in=lan0 flags=SA"; "tcp")]
    #[test_case("tcp 10.0.0.1:40000 192.0.2.1:80 in=lan0 flags=A seq=4294967295 ack=7 length=1400"; "numbers")]
    #[test_case("udp [2001:db8::1]:5353 [2001:db8::2]:53 in=lan0"; "udp over ipv6")]
    #[test_case("icmp 10.0.0.1 192.0.2.1 in=lan0"; "icmp")]
    #[test_case("icmpv6 2001:db8::1:80 2001:db8::2 in=lan0"; "no ports to be taken for")]
    #[test_case("udp 2001:db8::1 [2001:db8::2]:53 in=lan0"; "no source port")]
    #[test_case("udp [2001:db8::1:80] [2001:db8::2]:53 in=lan0"; "bracketed without port")]
    #[test_case("89 fe80::1 ff02::5 in=wan0"; "by number")]
    fn read_as_written(text: &str) {
        let tuple: Tuple = text.parse().unwrap();
        assert_eq!(tuple.to_string(), text);
        let json = serde_json::to_string(&tuple).unwrap();
        assert_eq!(serde_json::from_str::<Tuple>(&json).unwrap(), tuple);
    }

    #[test_case("", TupleError::Missing("protocol"); "nothing")]
    #[test_case("tcp 10.0.0.1", TupleError::Missing("destination"); "no destination")]
    #[test_case("tcp 10.0.0.1:1 10.0.0.2:2", TupleError::Missing("in=PORT"); "no port")]
    #[test_case("tcp 10.0.0.1:1 [2001:db8::1]:2 in=a", TupleError::Families; "families")]
    #[test_case("tcp 10.0.0.1:1 2001:db8::1:99999 in=a", TupleError::Endpoint("2001:db8::1:99999".to_owned()); "bad endpoint")]
    #[test_case("tcp 10.0.0.1 10.0.0.2 in=a", TupleError::NoDestinationPort(Protocol::TCP); "no destination port")]
    #[test_case("sctp 10.0.0.1:9 10.0.0.2 in=a", TupleError::NoDestinationPort(Protocol::SCTP); "no destination port of sctp")]
    #[test_case("udp 2001:db8::1 2001:db8::2 in=a", TupleError::NoDestinationPort(Protocol::UDP); "no destination port over ipv6")]
    #[test_case("tcp [2001:db8::9]:1 2001:db8::1:80 in=a", TupleError::Ambiguous("2001:db8::1:80".to_owned(), "[2001:db8::1]:80".to_owned()); "brackets left out")]
    #[test_case("udp 2001:db8::1:4000 [2001:db8::9]:1 in=a", TupleError::Ambiguous("2001:db8::1:4000".to_owned(), "[2001:db8::1]:4000".to_owned()); "brackets of the source left out")]
    #[test_case("icmp 10.0.0.1:1 10.0.0.2 in=a", TupleError::PortOfPortless(Protocol::ICMP); "portless")]
    #[test_case("tcp 10.0.0.1:1 10.0.0.2:2 in=a flags=SX", TupleError::Flags("SX".to_owned()); "unknown flag")]
    #[test_case("udp 10.0.0.1:1 10.0.0.2:2 in=a flags=S", TupleError::Flags("S".to_owned()); "flags of udp")]
    #[test_case("tcp 10.0.0.1:1 10.0.0.2:2 in=a seq=4294967296", TupleError::Number("seq=4294967296".to_owned()); "number too great")]
    #[test_case("tcp 10.0.0.1:1 10.0.0.2:2 in=a length=1401", TupleError::Number("length=1401".to_owned()); "segment too long")]
    #[test_case("udp 10.0.0.1:1 10.0.0.2:2 in=a ack=1", TupleError::Number("seq, ack or length of udp".to_owned()); "numbers of udp")]
    #[test_case("tcp 10.0.0.1:1 10.0.0.2:2 in=a out=b", TupleError::Unexpected("out=b".to_owned()); "unexpected word")]
    fn refused(text: &str, error: TupleError) {
        assert_eq!(text.parse::<Tuple>(), Err(error));
    }

    #[test]
    fn flags_are_the_bits_of_the_header() {
        let of = |flags: &str| {
            let text = format!("tcp 10.0.0.1:1 10.0.0.2:2 in=a {flags}");
            text.trim_end().parse::<Tuple>().unwrap().flag_bits()
        };
        assert_eq!(of(""), Some(0x02));
        assert_eq!(of("flags=SA"), Some(0x12));
        assert_eq!(of("flags=FPU"), Some(0x29));
        assert_eq!(of("flags="), Some(0));
    }
}
