//! At which port a frame of a capture enters: a capture does not say.
//!
//! **By prefixes** (`--side PORT=PREFIX,…`): at the port whose prefix holds the source; of several
//! prefixes the longest wins, of equal ones the first named. A source in none of them enters at the
//! partner of the first port named. Hardware addresses are in no prefix.
//!
//! **By itself** (`auto`): between the first port of the configuration and its partner, the second. Of
//! each pair of addresses the first to send is on the first port for that pair, its peer on the second,
//! and both stay there. The same address can so be on the first port for one peer and on the second for
//! another. An ICMP or ICMPv6 error enters where the packet that it quotes would have left, and says
//! nothing about who was first to send, neither for its own addresses nor for the quoted ones. A fragment
//! of one counts by its own addresses, for all fragments of a datagram must enter at one port.
//!
//! **Both ways**, the source of a frame is the source address of its IP header; for ARP the sender's
//! protocol address (and the target's is its peer); else the source MAC. VLAN tags make no difference.
//! Group and unspecified addresses are at the first port, and so are frames without a whole Ethernet header.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use super::correspondents::{Address, Correspondents};

/// The ports of a configuration, by their position in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    /// Their names.
    pub(crate) names: Vec<String>,
    /// Of each the port at the other end of its wire.
    pub(crate) partners: Vec<usize>,
}

/// What the option `--side` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum SideOption {
    /// By the order in which addresses begin to send.
    #[default]
    Auto,
    /// By prefixes, each with a port's name, in the order given; not empty.
    Prefixes(Vec<(String, IpNet)>),
}

/// What is wrong with the option.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum SideError {
    /// Not `PORT=PREFIX`.
    #[error("--side {0}: expected PORT=PREFIX,… or auto, for example lan0=10.0.0.0/8")]
    NoPort(String),
    /// What follows the sign of equality is no prefix.
    #[error("--side {port}={text}: {text} is no prefix such as 10.0.0.0/8 or 2001:db8::/32")]
    BadPrefix {
        /// The port's name.
        port: String,
        /// What should be a prefix.
        text: String,
    },
    /// `auto` beside prefixes.
    #[error("--side auto goes with no other --side")]
    AutoAndMore,
    /// No port is called so.
    #[error("--side: no port is called {name}; the configuration has {known}")]
    UnknownPort {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
}

impl SideOption {
    /// Reads the words of every `--side` of the command line, already split at the commas. A word
    /// without `PORT=` is a further prefix of the port before it.
    ///
    /// # Errors
    /// A word is neither `auto` nor a prefix.
    pub(crate) fn parse(words: &[String]) -> Result<Self, SideError> {
        if words.is_empty() || words == ["auto"] {
            return Ok(Self::Auto);
        }
        let mut prefixes: Vec<(String, IpNet)> = Vec::new();
        for word in words {
            if word == "auto" {
                return Err(SideError::AutoAndMore);
            }
            let (port, text) = match (word.split_once('='), prefixes.last()) {
                (Some((port, text)), _) if !port.is_empty() => (port.to_owned(), text),
                (None, Some((port, _))) => (port.clone(), word.as_str()),
                (Some(_) | None, _) => return Err(SideError::NoPort(word.clone())),
            };
            let host = |_| text.parse::<IpAddr>().map(IpNet::from);
            match text.parse::<IpNet>().or_else(host) {
                Ok(prefix) => prefixes.push((port, prefix)),
                Err(_) => return Err(SideError::BadPrefix { port, text: text.to_owned() }),
            }
        }
        Ok(Self::Prefixes(prefixes))
    }
}

/// Finds the port of every frame. It remembers who was first to send, so frames are to be given in the
/// order of the capture.
#[derive(Debug)]
pub(crate) struct Sides {
    first: usize,
    second: usize,
    by: By,
}

#[derive(Debug)]
enum By {
    /// For each pair, lower address first: whether the lower one was first to send.
    FirstToSend(BTreeMap<(Address, Address), bool>),
    Prefixes {
        /// The longest first.
        prefixes: Vec<(IpNet, usize)>,
        elsewhere: usize,
    },
}

impl Sides {
    /// # Errors
    /// The option names a port that does not exist.
    pub(crate) fn new(option: &SideOption, ports: &Ports) -> Result<Self, SideError> {
        let first = 0;
        let second = ports.partners.first().copied().unwrap_or(0);
        let by = match option {
            SideOption::Auto => By::FirstToSend(BTreeMap::new()),
            SideOption::Prefixes(named) => {
                let mut prefixes = Vec::with_capacity(named.len());
                for (name, prefix) in named {
                    let port = ports.names.iter().position(|known| known == name);
                    let port = port.ok_or_else(|| SideError::UnknownPort {
                        name: name.clone(),
                        known: ports.names.join(", "),
                    })?;
                    prefixes.push((*prefix, port));
                }
                let named_first = prefixes.first().map_or(first, |(_, port)| *port);
                let elsewhere = ports.partners.get(named_first).copied().unwrap_or(second);
                prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.prefix_len()));
                By::Prefixes { prefixes, elsewhere }
            }
        };
        Ok(Self { first, second, by })
    }

    /// The position of the port at which a frame enters.
    pub(crate) fn port(&mut self, frame: &[u8]) -> usize {
        let Some(ends) = Correspondents::read(frame) else { return self.first };
        let on_first = match &mut self.by {
            By::Prefixes { .. } if ends.source.is_nobodys() => true,
            By::Prefixes { prefixes, elsewhere } => {
                let Address::Ip(source) = ends.source else { return *elsewhere };
                let longest = prefixes.iter().find(|(prefix, _)| prefix.contains(&source));
                return longest.map_or(*elsewhere, |(_, port)| *port);
            }
            By::FirstToSend(pairs) => match ends.quoted {
                Some((source, destination)) => !sends_from_first(pairs, source, destination),
                None => {
                    let (pair, lower_sends) = ordered(ends.source, ends.destination);
                    pairs.entry(pair).or_insert(lower_sends);
                    sends_from_first(pairs, ends.source, ends.destination)
                }
            },
        };
        if on_first { self.first } else { self.second }
    }
}

/// Whether what `source` sends to `destination` enters at the first port.
fn sends_from_first(
    pairs: &BTreeMap<(Address, Address), bool>,
    source: Address,
    destination: Address,
) -> bool {
    let (pair, lower_sends) = ordered(source, destination);
    source.is_nobodys() || pairs.get(&pair).is_none_or(|lower_first| *lower_first == lower_sends)
}

/// The pair, lower address first, and whether the lower one is `source`.
fn ordered(source: Address, destination: Address) -> ((Address, Address), bool) {
    if source <= destination {
        ((source, destination), true)
    } else {
        ((destination, source), false)
    }
}

#[cfg(test)]
#[path = "sides/tests.rs"]
mod tests;
