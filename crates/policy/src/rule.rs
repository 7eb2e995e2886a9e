//! A resolved policy: rules in their order, and what they refer to, all names looked up.

use core::net::IpAddr;

use crate::{
    AddressSet, CompiledPolicy, PolicyDifference, RuleLimits, RuleNames, ServiceItem,
    TimeoutOverrides, ZoneId, ZoneSet,
};

/// What a rule does with a new session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The session is created.
    Allow,
    /// The packet is dropped without a word.
    Drop,
    /// The packet is dropped and its sender told: a RST, or an ICMP error.
    Reject,
}

impl Action {
    /// Every action.
    pub const ALL: &'static [Self] = &[Self::Allow, Self::Drop, Self::Reject];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Drop => "drop",
            Self::Reject => "reject",
        }
    }
}

/// When a rule writes to the event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogWhen {
    /// Never.
    None,
    /// When a session starts, and when one is denied.
    Start,
    /// When a session ends, and when one is denied.
    End,
    /// At the start and at the end.
    Both,
}

impl LogWhen {
    /// Every choice.
    pub const ALL: &'static [Self] = &[Self::None, Self::Start, Self::End, Self::Both];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Start => "start",
            Self::End => "end",
            Self::Both => "both",
        }
    }

    /// Whether the start of a session is logged.
    #[must_use]
    pub const fn at_start(self) -> bool {
        matches!(self, Self::Start | Self::Both)
    }

    /// Whether the end of a session is logged.
    #[must_use]
    pub const fn at_end(self) -> bool {
        matches!(self, Self::End | Self::Both)
    }
}

/// What becomes of a TCP segment that belongs to no session and is no SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpMode {
    /// It is dropped.
    Strict,
    /// It opens a session in the middle of its connection.
    Loose,
}

impl TcpMode {
    /// Both modes.
    pub const ALL: &'static [Self] = &[Self::Strict, Self::Loose];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Loose => "loose",
        }
    }
}

/// A `[[zone_pair]]`: what holds for all rules from one zone to another that do not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZonePair {
    /// The zone where sessions start.
    pub from: ZoneId,
    /// The zone that they go to.
    pub to: ZoneId,
    /// How TCP is taken up.
    pub tcp: TcpMode,
}

/// One rule with all its names resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique in the policy.
    pub name: String,
    /// A rule that is not enabled matches nothing.
    pub enabled: bool,
    /// Zones that the first packet may come from.
    pub from: ZoneSet,
    /// Zones that it may go to.
    pub to: ZoneSet,
    /// Addresses that the source must be in.
    pub source: AddressSet,
    /// Addresses that the source must not be in.
    pub not_source: AddressSet,
    /// Addresses that the destination must be in.
    pub destination: AddressSet,
    /// Addresses that the destination must not be in.
    pub not_destination: AddressSet,
    /// What the packet must be; one item is enough.
    pub services: Vec<ServiceItem>,
    /// What is done with it.
    pub action: Action,
    /// What is written about it.
    pub log: LogWhen,
    /// The rule's own word on TCP, stronger than its zone pair's.
    pub tcp: Option<TcpMode>,
    /// The rule's own timeouts, stronger than those of its services.
    pub timeouts: TimeoutOverrides,
    /// How many sessions it allows at a time.
    pub limits: RuleLimits,
    /// For people.
    pub description: String,
    /// For people.
    pub tags: Vec<String>,
}

impl Rule {
    /// A rule that matches everything, to be narrowed.
    #[must_use]
    pub fn any(name: impl Into<String>, action: Action) -> Self {
        Self {
            name: name.into(),
            enabled: true,
            from: ZoneSet::Any,
            to: ZoneSet::Any,
            source: AddressSet::any(),
            not_source: AddressSet::empty(),
            destination: AddressSet::any(),
            not_destination: AddressSet::empty(),
            services: vec![ServiceItem::ANY],
            action,
            log: LogWhen::None,
            tcp: None,
            timeouts: TimeoutOverrides::default(),
            limits: RuleLimits::NONE,
            description: String::new(),
            tags: Vec::new(),
        }
    }
}

/// What a policy is asked: the first packet of a session that does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The zone it came from.
    pub from: ZoneId,
    /// The zone it would leave to.
    pub to: ZoneId,
    /// Its source address.
    pub source: IpAddr,
    /// Its destination address, of the same family.
    pub destination: IpAddr,
    /// The IP protocol number, past IPv6 extension headers.
    pub protocol: u8,
    /// The source port; 0 where the protocol has none.
    pub source_port: u16,
    /// The destination port; 0 where the protocol has none.
    pub destination_port: u16,
    /// ICMP or ICMPv6 type and code.
    pub icmp: Option<(u8, u8)>,
}

/// The rules of a configuration, resolved but not compiled. Equal policies decide equally.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The names of the zones; a [`ZoneId`] is a position in it.
    pub zones: Vec<String>,
    /// The zone pairs, each at most once.
    pub zone_pairs: Vec<ZonePair>,
    /// The rules, first match first.
    pub rules: Vec<Rule>,
}

impl Policy {
    /// Builds what workers ask. Rule identities and timeout sets come from `names`, which is the same
    /// one for all policies of a process.
    #[must_use]
    pub fn compile(&self, names: &mut RuleNames) -> CompiledPolicy {
        CompiledPolicy::new(self.clone(), names)
    }

    /// The zone called `name`.
    #[must_use]
    pub fn zone_by_name(&self, name: &str) -> Option<ZoneId> {
        let index = self.zones.iter().position(|zone| zone == name)?;
        u16::try_from(index).ok().map(ZoneId)
    }

    /// The name of a zone; the empty string for an identity from elsewhere.
    #[must_use]
    pub fn zone_name(&self, zone: ZoneId) -> &str {
        self.zones.get(zone.index()).map_or("", String::as_str)
    }

    /// How TCP is taken up from one zone to another where the rule does not say.
    #[must_use]
    pub fn tcp_mode(&self, from: ZoneId, to: ZoneId) -> TcpMode {
        let pair = self.zone_pairs.iter().find(|pair| pair.from == from && pair.to == to);
        pair.map_or(TcpMode::Strict, |pair| pair.tcp)
    }

    /// What differs between this policy and a newer one.
    #[must_use]
    pub fn difference(&self, newer: &Self) -> PolicyDifference {
        PolicyDifference::between(self, newer)
    }
}
