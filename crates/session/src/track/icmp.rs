//! ICMP and ICMPv6 queries by identifier: echo, timestamp, information, address mask.
//!
//! A session is one asker's queries of one type and identifier, with their answers. Errors are no part of
//! it: they are related to the session of the packet that they quote.

use wire::{IcmpKind, IcmpMessage, Quoted};

use crate::Direction;
use crate::track::{Judgement, Protocol, Refusal, is_query_or_reply};

wire::named! {
    /// Whether a query has been answered.
    pub enum IcmpState {
        /// No answer yet.
        Query = "query",
        /// At least one answer.
        Answered = "answered",
    }
}

/// A conversation of ICMP queries and replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpTrack {
    state: IcmpState,
    protocol: Protocol,
    /// The type of its queries.
    query: u8,
}

/// The type that answers a query's type (RFC 792, RFC 950; RFC 4443 §4; RFC 8335).
fn answer_of(protocol: Protocol, query: u8) -> Option<u8> {
    match (protocol, query) {
        (Protocol::Icmp, 8) => Some(0),
        (Protocol::Icmp, 13 | 15 | 17 | 42) | (Protocol::Icmpv6, 128 | 139 | 160) => {
            Some(query + 1)
        }
        _ => None,
    }
}

impl IcmpTrack {
    pub(super) fn open(message: &IcmpMessage, v6: bool) -> Result<Self, Refusal> {
        let protocol = if v6 { Protocol::Icmpv6 } else { Protocol::Icmp };
        match message.class {
            IcmpKind::Query => Ok(Self { state: IcmpState::Query, protocol, query: message.kind }),
            IcmpKind::Reply => Err(Refusal::IcmpReplyWithoutQuery),
            IcmpKind::Error
            | IcmpKind::NeighborDiscovery
            | IcmpKind::ListenerDiscovery
            | IcmpKind::Other => Err(Refusal::IcmpType),
        }
    }

    /// The type of the queries.
    pub fn query_type(&self) -> u8 {
        self.query
    }

    /// Whether it has been answered.
    pub fn state(&self) -> IcmpState {
        self.state
    }

    /// [`Protocol::Icmp`] or [`Protocol::Icmpv6`].
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn judge(&mut self, direction: Direction, message: &IcmpMessage) -> Judgement {
        if !is_query_or_reply(message.class) {
            return Judgement::Refuse(Refusal::IcmpType);
        }
        let query = message.class == IcmpKind::Query;
        match (direction, query) {
            (Direction::Original, true) if message.kind == self.query => Judgement::Pass,
            // Policy tells types apart: another type by the same identifier is another session.
            (Direction::Original, true) => Judgement::Reopen,
            (Direction::Reply, false) => {
                if answer_of(self.protocol, self.query) == Some(message.kind) {
                    self.state = IcmpState::Answered;
                    Judgement::Pass
                } else {
                    Judgement::Refuse(Refusal::IcmpReplyMismatch)
                }
            }
            (Direction::Original, false) | (Direction::Reply, true) => {
                Judgement::Refuse(Refusal::IcmpDirection)
            }
        }
    }

    pub(super) fn relate(&self, direction: Direction, quoted: &Quoted) -> Result<(), Refusal> {
        let Some(kind) = quoted.icmp_type else { return Err(Refusal::IcmpQuoteTruncated) };
        let expected = match direction {
            Direction::Original => Some(self.query),
            Direction::Reply => answer_of(self.protocol, self.query),
        };
        if expected == Some(kind) { Ok(()) } else { Err(Refusal::IcmpQuoteType) }
    }
}
