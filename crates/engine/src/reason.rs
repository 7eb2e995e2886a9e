//! Every name for what becomes of frames and sessions.

use core::fmt;

use alg::Remark;
use session::Side;
use session::fragment::FragmentFault;
use session::track::Refusal;
use wire::Fault;

wire::named! {
    /// Reasons to drop a frame that come neither from its form, nor from its fragments, nor from the state of its session.
    pub enum Cut {
        /// No rule matches: the implicit drop at the end of the policy.
        NoRule = "no_rule",
        /// A rule with action `drop` matches.
        RuleDrop = "rule_drop",
        /// A rule with action `reject` matches.
        RuleReject = "rule_reject",
        /// The packet belongs to a session whose timeout was over.
        SessionExpired = "session_expired",
        /// The packet belongs to a session that both sides had closed, or one had reset.
        SessionClosed = "session_closed",
        /// The packet belongs to a session that ended before its full timeout, as the session table was nearly full.
        SessionAgedEarly = "session_aged_early",
        /// The packet belongs to a session that made room for another when the session table was full.
        SessionEvicted = "session_evicted",
        /// The packet's session is not allowed by the policy any more.
        PolicyChanged = "policy_changed",
        /// The packet belongs to a session that an operator ended.
        SessionCleared = "session_cleared",
        /// The packet comes by the port by which its session's packets of this direction leave.
        WrongSide = "wrong_side",
        /// Source and destination are the same address and port (land attack).
        Land = "land",
        /// The source address names no single host on the wire: group, broadcast, unspecified or loopback.
        MartianSource = "martian_source",
        /// The source address is not in the networks of the port.
        Spoofed = "spoofed",
        /// The frame bears the port's own MAC address as source: the host sent it itself.
        OwnMac = "own_mac",
        /// The packet asks to be routed by its source (RFC 7126 §4.3, §4.4).
        SourceRoute = "source_route",
        /// The packet asks for its route or its times to be recorded, and `[screens]` drops that.
        IpOptionRecord = "ip_option_record",
        /// The packet asks every router to look at it, and `[screens]` drops that.
        IpOptionRouterAlert = "ip_option_router_alert",
        /// The packet bears some other IP option, and `[screens]` drops that.
        IpOptionOther = "ip_option_other",
        /// The ethertype or LLC frame is not listed for the wire.
        Ethertype = "ethertype",
        /// The IP packet is longer than the MTU of the port it would leave by.
        ExceedsMtu = "exceeds_mtu",
        /// The frame came in several buffers.
        Scattered = "scattered",
        /// The NIC found the checksum of the transport wrong.
        L4Checksum = "l4_checksum",
        /// The TCP checksum is wrong, and `[screens]` verifies it.
        TcpChecksum = "tcp_checksum",
        /// The UDP checksum is wrong, and `[screens]` verifies it.
        UdpChecksum = "udp_checksum",
        /// The ICMP or ICMPv6 checksum is wrong, and `[screens]` verifies it.
        IcmpChecksum = "icmp_checksum",
        /// UDP over IPv6 without a checksum (RFC 8200 §8.1).
        UdpZeroChecksum = "udp_zero_checksum",
        /// A neighbour discovery message whose hop limit is not 255 (RFC 4861 §6.1, §7.1, §8.1).
        NdpHopLimit = "ndp_hop_limit",
        /// A multicast listener message with a hop limit other than 1 or from no link-local address (RFC 3810 §5).
        MldScope = "mld_scope",
        /// An ICMP message that neither queries, answers nor reports an error on a session: redirect, source quench, …
        IcmpUnsolicited = "icmp_unsolicited",
        /// An ICMP error on a packet that belongs to no living session.
        IcmpErrorUnrelated = "icmp_error_unrelated",
        /// An ICMP error that is not addressed to the sender of the packet that it quotes.
        IcmpErrorAddress = "icmp_error_address",
        /// An ICMP error beyond the hundred that a session may have in a second.
        IcmpErrorRate = "icmp_error_rate",
        /// The session table is full of conversations that are not evicted.
        TableFull = "table_full",
        /// The session table has no more room for IPv6 sessions, and of those none may be evicted.
        Ipv6TableFull = "ipv6_table_full",
        /// The source has as many sessions as one may have.
        SourceLimit = "source_limit",
        /// The zone has as many sessions whose handshake is not complete as may be opened from it.
        ZoneEmbryonicLimit = "zone_embryonic_limit",
        /// The rule has as many sessions as its `limits` allow.
        RuleSessionLimit = "rule_session_limit",
        /// The source has as many sessions of the rule as its `limits` allow.
        RuleSourceLimit = "rule_source_limit",
        /// The destination has as many sessions of the rule as its `limits` allow.
        RuleDestinationLimit = "rule_destination_limit",
        /// The rule has as many sessions whose handshake is not complete as its `limits` allow.
        RuleEmbryonicLimit = "rule_embryonic_limit",
        /// As many sessions are read by gateways, or were announced to them, as may be.
        GatewayLimit = "gateway_limit",
        /// Gateways read as many sessions of the source as may be of one: as many as are left for others.
        GatewaySourceLimit = "gateway_source_limit",
        /// The packet of a tunnel that PPTP announced is of a call that was not announced for its direction.
        GreCallId = "gre_call_id",
        /// The frame was handed over as often as a frame may be.
        HandoverLimit = "handover_limit",
        /// The ring to the worker that owns the packet is full.
        HandoverFull = "handover_full",
        /// Transmit did not take the frame.
        TxFull = "tx_full",
    }
}

/// Why a frame was dropped or rejected: one closed list for counters, logs, commands and documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The frame cannot be judged.
    Malformed(Fault),
    /// Its datagram did not become whole.
    Fragment(FragmentFault),
    /// Its session, or the lack of one, forbids it.
    State(Refusal),
    /// A gateway that reads its session refuses it.
    Gateway(Remark),
    /// Anything else.
    Cut(Cut),
}

const FRAGMENT_BASE: usize = Fault::COUNT;
const STATE_BASE: usize = FRAGMENT_BASE + FragmentFault::COUNT;
const GATEWAY_BASE: usize = STATE_BASE + Refusal::COUNT;
const CUT_BASE: usize = GATEWAY_BASE + Remark::COUNT;

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = CUT_BASE + Cut::COUNT;

    /// The reason's place in [`Self::all`].
    #[inline]
    pub const fn index(self) -> usize {
        match self {
            Self::Malformed(fault) => fault.index(),
            Self::Fragment(fault) => FRAGMENT_BASE + fault.index(),
            Self::State(refusal) => STATE_BASE + refusal.index(),
            Self::Gateway(remark) => GATEWAY_BASE + remark.index(),
            Self::Cut(cut) => CUT_BASE + cut.index(),
        }
    }

    /// Every reason, in the order of the indices.
    pub fn all() -> impl Iterator<Item = Self> {
        let malformed = Fault::ALL.iter().copied().map(Self::Malformed);
        let fragment = FragmentFault::ALL.iter().copied().map(Self::Fragment);
        let state = Refusal::ALL.iter().copied().map(Self::State);
        let gateway = Remark::ALL.iter().copied().map(Self::Gateway);
        let cut = Cut::ALL.iter().copied().map(Self::Cut);
        malformed.chain(fragment).chain(state).chain(gateway).chain(cut)
    }

    /// The stable snake_case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed(fault) => fault.name(),
            Self::Fragment(fault) => fault.name(),
            Self::State(refusal) => refusal.name(),
            Self::Gateway(remark) => of_gateway(remark),
            Self::Cut(cut) => cut.name(),
        }
    }

    /// One sentence on what it means.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Malformed(fault) => fault.description(),
            Self::Fragment(fault) => fault.description(),
            Self::State(refusal) => refusal.description(),
            Self::Gateway(remark) => remark.description(),
            Self::Cut(cut) => cut.description(),
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a gateway's reason to refuse a packet.
const fn of_gateway(remark: Remark) -> &'static str {
    match remark {
        Remark::Bounce => "gateway_bounce",
        Remark::ThirdParty => "gateway_third_party",
        Remark::PrivilegedPort => "gateway_privileged_port",
        Remark::Malformed => "gateway_malformed",
        Remark::Overlong => "gateway_overlong",
        Remark::WrongSide => "gateway_wrong_side",
        Remark::Unasked => "gateway_unasked",
        Remark::RuledOut => "gateway_ruled_out",
        Remark::OtherProtocol => "gateway_other_protocol",
        Remark::InconsistentRetransmission => "gateway_inconsistent_retransmission",
        Remark::OutOfOrder => "gateway_out_of_order",
        Remark::WindowFull => "gateway_window_full",
        Remark::Memory => "gateway_memory",
    }
}

impl From<Fault> for DropReason {
    fn from(fault: Fault) -> Self {
        Self::Malformed(fault)
    }
}

impl From<FragmentFault> for DropReason {
    fn from(fault: FragmentFault) -> Self {
        Self::Fragment(fault)
    }
}

impl From<Refusal> for DropReason {
    fn from(refusal: Refusal) -> Self {
        Self::State(refusal)
    }
}

impl From<Remark> for DropReason {
    fn from(remark: Remark) -> Self {
        Self::Gateway(remark)
    }
}

impl From<Cut> for DropReason {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

wire::named! {
    /// Why a session ended.
    pub enum EndReason {
        /// No packet came for as long as its state's timeout.
        Timeout = "timeout",
        /// The table was nearly full, and no packet came for as long as the timeout that was shortened for that.
        AgedEarly = "aged_early",
        /// The table was full, and it made room for a new session.
        Evicted = "evicted",
        /// Both sides closed the TCP connection.
        TcpFin = "tcp_fin",
        /// One side reset the TCP connection.
        TcpReset = "tcp_reset",
        /// The SCTP association was shut down or aborted.
        SctpClosed = "sctp_closed",
        /// Every query had its answer.
        Answered = "answered",
        /// An ICMP error reported one side as unreachable, and it was not heard again.
        Unreachable = "unreachable",
        /// A new session of the same tuple took its place.
        Reopened = "reopened",
        /// The policy does not allow it any more.
        PolicyChanged = "policy_changed",
        /// An operator ended it.
        Cleared = "cleared",
    }
}

/// What is remembered of an ended session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epitaph {
    /// Why it ended.
    pub reason: EndReason,
    /// The side of its key that had opened it.
    pub initiator: Side,
}

wire::named! {
    /// Why a frame goes to another worker.
    pub enum Cause {
        /// The NIC's hash is not the software's, or the NIC computes none.
        NicHash = "nic_hash",
        /// An ICMP error belongs to the owner of the packet that it quotes.
        IcmpError = "icmp_error",
        /// A fragment is gathered at the owner of its address pair.
        Fragment = "fragment",
        /// A whole datagram is judged at the owner of its ports.
        Reassembled = "reassembled",
        /// The worker has no transmit queue on the port.
        TxQueue = "tx_queue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_gateway_s_reason_is_its_remark() {
        for &remark in Remark::ALL {
            assert_eq!(DropReason::Gateway(remark).name(), format!("gateway_{remark}"));
        }
    }

    #[test]
    fn reasons_are_dense_and_their_names_unique() {
        let all: Vec<_> = DropReason::all().collect();
        assert_eq!(all.len(), DropReason::COUNT);
        for (index, reason) in all.iter().enumerate() {
            assert_eq!(reason.index(), index, "{reason}");
        }
        let names: HashSet<_> = all.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), all.len());
        for reason in &all {
            let name = reason.name();
            assert!(
                name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_'),
                "{name}"
            );
            assert!(!reason.description().is_empty(), "{name}");
        }
    }
}
