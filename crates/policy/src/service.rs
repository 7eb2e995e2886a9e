//! Services: what kind of traffic a rule means, and what it carries beside the match.

use core::net::IpAddr;

use crate::{Query, TimeoutOverrides, TimeoutSet};

wire::named! {
    /// Protocols whose control conversation announces further connections.
    pub enum Gateway {
        /// FTP, active and passive.
        Ftp = "ftp",
        /// TFTP.
        Tftp = "tftp",
        /// SIP, and the media that its SDP announces.
        Sip = "sip",
        /// RTSP, and the media that it sets up.
        Rtsp = "rtsp",
        /// PPTP, and its GRE tunnel.
        Pptp = "pptp",
        /// MGCP, and the media that its SDP announces.
        Mgcp = "mgcp",
        /// IRC, and the direct connections that its users offer each other.
        Irc = "irc",
        /// H.323: registration, call signalling, H.245, and the media that they open.
        H323 = "h323",
    }
}

/// What a decision says about the session that a packet opens, beyond whether it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceTraits {
    /// The gateway that reads the conversation.
    pub gateway: Option<Gateway>,
    /// How it reads.
    pub reading: ReadingTraits,
    /// A conversation of queries and answers (DNS, NTP): its session ends soon after the last answer.
    pub answered: bool,
    /// The timeouts that differ from the general ones: the service's, with the rule's put over them.
    pub timeouts: Option<TimeoutSet>,
}

/// How a service's gateway reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReadingTraits {
    /// A connection is expected only when the other side has agreed to it.
    pub strict: bool,
    /// Media may be announced for hosts other than the two that talk.
    pub third_party: bool,
}

impl ReadingTraits {
    /// As gateways read where nothing else is said.
    pub const DEFAULT: Self = Self { strict: false, third_party: false };
}

/// What a service item says about its sessions beyond which packets it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ItemTraits {
    /// The gateway that reads the conversation.
    pub gateway: Option<Gateway>,
    /// How it reads.
    pub reading: ReadingTraits,
    /// A conversation of queries and answers.
    pub answered: bool,
    /// The service's own timeouts.
    pub timeouts: TimeoutOverrides,
}

impl ItemTraits {
    /// No traits.
    pub const NONE: Self = Self {
        gateway: None,
        reading: ReadingTraits::DEFAULT,
        answered: false,
        timeouts: TimeoutOverrides::EMPTY,
    };
}

/// An inclusive range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct L4PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest; not below `first`.
    pub last: u16,
}

impl L4PortRange {
    /// Every port.
    pub const ANY: Self = Self { first: 0, last: u16::MAX };

    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Whether `port` is in it.
    #[inline]
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    pub(crate) const fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// ICMP for IPv4, or ICMPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpVersion {
    /// ICMP (RFC 792), only ever in IPv4.
    V4,
    /// ICMPv6 (RFC 4443), only ever in IPv6.
    V6,
}

impl IcmpVersion {
    /// The IP protocol number.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 58,
        }
    }

    const fn is_of(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Which packets a service item means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceMatch {
    /// Every packet.
    Any,
    /// Every packet of an IP protocol.
    Protocol(u8),
    /// Packets of a protocol with ports: TCP (6), UDP (17), SCTP (132).
    Ports {
        /// The IP protocol number.
        protocol: u8,
        /// The destination ports.
        destination: L4PortRange,
        /// The source ports.
        source: L4PortRange,
    },
    /// ICMP or ICMPv6 messages.
    Icmp {
        /// Which of the two.
        version: IcmpVersion,
        /// The message type; `None` for every type.
        kind: Option<u8>,
        /// The code; `None` for every code.
        code: Option<u8>,
    },
}

impl ServiceMatch {
    /// Whether the packet is meant.
    #[must_use]
    pub fn matches(&self, query: &Query) -> bool {
        match *self {
            Self::Any => true,
            Self::Protocol(protocol) => query.protocol == protocol,
            Self::Ports { protocol, destination, source } => {
                query.protocol == protocol
                    && destination.contains(query.destination_port)
                    && source.contains(query.source_port)
            }
            Self::Icmp { version, kind, code } => {
                query.protocol == version.protocol()
                    && version.is_of(query.source)
                    && (kind.is_none() || query.icmp.map(|(kind, _)| kind) == kind)
                    && (code.is_none() || query.icmp.map(|(_, code)| code) == code)
            }
        }
    }

    /// The IP protocol it is about; `None` for every one.
    #[must_use]
    pub const fn protocol(&self) -> Option<u8> {
        match self {
            Self::Any => None,
            Self::Protocol(protocol) | Self::Ports { protocol, .. } => Some(*protocol),
            Self::Icmp { version, .. } => Some(version.protocol()),
        }
    }

    /// Whether some packet is meant by both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let disjoint = |one: Option<u8>, two: Option<u8>| matches!((one, two), (Some(one), Some(two)) if one != two);
        if disjoint(self.protocol(), other.protocol()) {
            return false;
        }
        match (self, other) {
            (
                Self::Ports { destination, source, .. },
                Self::Ports { destination: other_destination, source: other_source, .. },
            ) => destination.overlaps(*other_destination) && source.overlaps(*other_source),
            (
                Self::Icmp { kind, code, .. },
                Self::Icmp { kind: other_kind, code: other_code, .. },
            ) => !disjoint(*kind, *other_kind) && !disjoint(*code, *other_code),
            (Self::Any | Self::Protocol(_) | Self::Ports { .. } | Self::Icmp { .. }, _) => true,
        }
    }

    /// Whether every packet of `other` is meant by this item too. `ip/1` also covers ICMP items, not
    /// the other way round.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let within = |whole: Option<u8>, part: Option<u8>| whole.is_none() || whole == part;
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Protocol(protocol), _) => other.protocol() == Some(*protocol),
            (
                Self::Ports { protocol, destination, source },
                Self::Ports {
                    protocol: other_protocol,
                    destination: other_destination,
                    source: other_source,
                },
            ) => {
                protocol == other_protocol
                    && destination.covers(*other_destination)
                    && source.covers(*other_source)
            }
            (Self::Ports { protocol, destination, source }, Self::Protocol(other_protocol)) => {
                protocol == other_protocol
                    && *destination == L4PortRange::ANY
                    && *source == L4PortRange::ANY
            }
            (
                Self::Icmp { version, kind, code },
                Self::Icmp { version: other_version, kind: other_kind, code: other_code },
            ) => {
                version == other_version && within(*kind, *other_kind) && within(*code, *other_code)
            }
            (Self::Ports { .. }, Self::Any | Self::Icmp { .. })
            | (Self::Icmp { .. }, Self::Any | Self::Protocol(_) | Self::Ports { .. }) => false,
        }
    }

    /// Whether a packet of IPv4 (`false`: IPv6) can be meant.
    pub(crate) const fn possible_in(&self, v4: bool) -> bool {
        match self {
            Self::Any | Self::Protocol(_) | Self::Ports { .. } => true,
            Self::Icmp { version: IcmpVersion::V4, .. } => v4,
            Self::Icmp { version: IcmpVersion::V6, .. } => !v4,
        }
    }
}

/// One item of a rule's services: which packets, and what they carry.
///
/// A packet that several items of its rule match has the traits of all: the one gateway among them,
/// `answered` if any says so, and the timeouts of the first item that has some.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceItem {
    /// The name of the service that the item comes from; empty if it was written in place.
    pub service: String,
    /// Which packets.
    pub matches: ServiceMatch,
    /// What they carry.
    pub traits: ItemTraits,
}

impl ServiceItem {
    /// Every packet, with no traits.
    pub const ANY: Self = Self::plain(ServiceMatch::Any);

    /// Packets with no traits.
    #[must_use]
    pub const fn plain(matches: ServiceMatch) -> Self {
        Self { service: String::new(), matches, traits: ItemTraits::NONE }
    }
}
