//! `sessions`: the conversations that live.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Protocol, SessionId, Version};

/// One session. `source` is its initiator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its identity, unique for the life of the daemon.
    pub id: SessionId,
    /// The worker that owns it.
    pub worker: u16,
    /// Its protocol.
    pub proto: Protocol,
    /// The initiator's address.
    pub source: IpAddr,
    /// The initiator's port; none where the protocol has none.
    pub source_port: Option<u16>,
    /// The responder's address.
    pub destination: IpAddr,
    /// The responder's port; none where the protocol has none.
    pub destination_port: Option<u16>,
    /// The identifier of an ICMP query.
    pub icmp_id: Option<u16>,
    /// The outer VLAN; none: untagged.
    pub vlan: Option<u16>,
    /// Its state.
    pub state: String,
    /// The initiator's zone.
    pub from: String,
    /// The responder's zone.
    pub to: String,
    /// The port that its first packet came in by.
    #[serde(rename = "in")]
    pub in_port: String,
    /// The port that its first packet left by.
    #[serde(rename = "out")]
    pub out_port: String,
    /// The rule that allows it; none: the rule is gone.
    pub rule: Option<String>,
    /// The generation of the policy that last judged it.
    pub generation: u32,
    /// The session that announced it to a gateway; none: a rule let it open.
    #[serde(default)]
    pub parent: Option<SessionId>,
    /// The gateway that announced it, or else that reads it.
    #[serde(default)]
    pub gateway: Option<String>,
    /// Seconds since its first packet.
    pub age_seconds: f64,
    /// Seconds since its last packet.
    pub idle_seconds: f64,
    /// Seconds until it ends if no packet comes.
    pub expires_in_seconds: f64,
    /// Packets in the original direction and in the reply direction.
    pub packets: [u64; 2],
    /// Bytes of layer 3 in the original direction and in the reply direction.
    pub bytes: [u64; 2],
}

/// The answer to `sessions count`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsCount {
    /// Always 1.
    pub version: Version,
    /// Sessions that the filter lets through.
    pub count: u64,
}

/// The answer to `sessions clear`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsCleared {
    /// Always 1.
    pub version: Version,
    /// Sessions that were ended.
    pub cleared: u64,
}
