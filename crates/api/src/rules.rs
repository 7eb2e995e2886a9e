//! `rules`: the policy in force and what it was used for.

use serde::{Deserialize, Serialize};

use crate::Version;

/// The rules in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Always 1.
    pub version: Version,
    /// The generation of the policy.
    pub generation: u32,
    /// First match first.
    pub rules: Vec<RuleInfo>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Its place, from 1.
    pub position: u64,
    /// Its name.
    pub name: String,
    /// Whether it is asked at all.
    pub enabled: bool,
    /// `allow`, `drop` or `reject`.
    pub action: String,
    /// Names of zones; `any`.
    pub from: Vec<String>,
    /// Names of zones; `any`.
    pub to: Vec<String>,
    /// `none`, `start`, `end` or `both`.
    pub log: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How many sessions it allows at a time; none where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RuleLimits>,
    /// Its sessions now.
    #[serde(default)]
    pub sessions: u64,
    /// Those of them whose handshake is not complete.
    #[serde(default)]
    pub embryonic: u64,
    /// How often it decided, since the start of the daemon, over reloads.
    pub hits: u64,
    /// When it last decided, RFC 3339; none: never.
    pub last_hit: Option<String>,
    /// Seconds since then.
    pub last_hit_seconds_ago: Option<f64>,
}

/// A rule's `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleLimits {
    /// Of all its sessions.
    pub sessions: Option<u32>,
    /// Of those of one source address.
    pub per_source: Option<u32>,
    /// Of those to one destination address.
    pub per_destination: Option<u32>,
    /// Of those whose handshake is not complete.
    pub embryonic: Option<u32>,
}
