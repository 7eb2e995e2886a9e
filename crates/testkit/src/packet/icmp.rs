//! ICMP (RFC 792) and ICMPv6 (RFC 4443, RFC 4861) messages.

use super::checksum::{Checksum, Pseudo, internet_checksum};
use super::transport::protocol;

/// ICMP type numbers.
pub mod icmp_type {
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 0;
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 3;
    /// Redirect.
    pub const REDIRECT: u8 = 5;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 8;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 11;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 12;
    /// Timestamp request.
    pub const TIMESTAMP_REQUEST: u8 = 13;
    /// Timestamp reply.
    pub const TIMESTAMP_REPLY: u8 = 14;
}

/// ICMPv6 type numbers.
pub mod icmpv6_type {
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 1;
    /// Packet too big.
    pub const PACKET_TOO_BIG: u8 = 2;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 3;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 128;
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 129;
    /// Router solicitation.
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// Router advertisement.
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Neighbour solicitation.
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    /// Neighbour advertisement.
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
}

/// The second word of an echo message.
fn echo_word(identifier: u16, sequence: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    [a, b, c, d]
}

/// An ICMP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum.
    pub checksum: Checksum,
    /// The second word: identifier and sequence number, an MTU, a pointer, unused.
    pub rest: [u8; 4],
    /// What follows the first 8 bytes.
    pub payload: Vec<u8>,
}

/// An echo request, identifier 1, sequence number 1.
pub const ICMP: Icmp = Icmp {
    kind: icmp_type::ECHO_REQUEST,
    code: 0,
    checksum: Checksum::Right,
    rest: [0, 1, 0, 1],
    payload: Vec::new(),
};

impl Icmp {
    /// The same message with this identifier and sequence number.
    #[must_use]
    pub fn with_identifier(self, identifier: u16, sequence: u16) -> Self {
        Self { rest: echo_word(identifier, sequence), ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { kind, code, checksum, rest, payload } = self;
        let mut out = vec![*kind, *code, 0, 0];
        out.extend_from_slice(rest);
        out.extend_from_slice(payload);
        let checksum = checksum.field(internet_checksum(&[&out]));
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
        out
    }
}

/// An ICMPv6 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmpv6 {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum.
    pub checksum: Checksum,
    /// The second word: identifier and sequence number, an MTU, a pointer, flags, unused.
    pub rest: [u8; 4],
    /// What follows the first 8 bytes.
    pub payload: Vec<u8>,
}

/// An echo request, identifier 1, sequence number 1.
pub const ICMPV6: Icmpv6 = Icmpv6 {
    kind: icmpv6_type::ECHO_REQUEST,
    code: 0,
    checksum: Checksum::Right,
    rest: [0, 1, 0, 1],
    payload: Vec::new(),
};

impl Icmpv6 {
    /// The same message with this identifier and sequence number.
    #[must_use]
    pub fn with_identifier(self, identifier: u16, sequence: u16) -> Self {
        Self { rest: echo_word(identifier, sequence), ..self }
    }

    pub(crate) fn bytes(&self, pseudo: Pseudo) -> Vec<u8> {
        let Self { kind, code, checksum, rest, payload } = self;
        let mut out = vec![*kind, *code, 0, 0];
        out.extend_from_slice(rest);
        out.extend_from_slice(payload);
        let checksum = checksum.field(pseudo.checksum(protocol::ICMPV6, &out));
        out[2..4].copy_from_slice(&checksum.to_be_bytes());
        out
    }
}
