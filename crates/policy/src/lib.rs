//! Zones, addresses, services and rules, and their compilation to a classifier.
//!
//! A [`Policy`] is resolved and readable: what the configuration produces, what two versions are
//! compared by, what a listing shows. A [`CompiledPolicy`] is what workers ask, once for each new
//! session. A [`Topology`] says what the ports are, which of them are joined and which zone each
//! belongs to. All three are immutable once made.
//!
//! Nothing here reads a file, a clock or a packet, and nothing knows what a session is: timeouts
//! appear only as opaque sets that rules and services name.
#![forbid(unsafe_code)]

mod address;
mod builtin;
mod compiled;
mod difference;
mod limits;
mod linear;
mod names;
mod rule;
mod screens;
mod service;
mod topology;
mod unmatchable;
mod zone;

pub use address::{AddressRange, AddressSet, MixedRange};
pub use builtin::{BuiltinService, ICMP_TYPES, ICMPV6_TYPES, PROTOCOLS, builtin_services};
pub use compiled::{CompiledPolicy, Decision, RuleOutcome, RuleSummary};
pub use difference::PolicyDifference;
pub use limits::RuleLimits;
pub use linear::Mismatch;
pub use names::{RuleId, RuleNames, TimeoutOverrides, TimeoutSet};
pub use rule::{Action, LogWhen, Policy, Query, Rule, TcpMode, ZonePair};
pub use screens::{Checksums, Ipv4Options, Ipv6Options, Permission, Screens};
pub use service::{
    Gateway, IcmpVersion, ItemTraits, L4PortRange, ReadingTraits, ServiceItem, ServiceMatch,
    ServiceTraits,
};
pub use topology::{
    DEFAULT_ETHERTYPES, End, EthPort, LinkMode, PortIndex, Topology, TopologyError, VlanZone, Wire,
};
pub use unmatchable::{Unmatchable, UnmatchableReason};
pub use zone::{ZoneId, ZoneSet};
