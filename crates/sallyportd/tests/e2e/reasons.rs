//! Names of drop reasons that tests count. They are part of the outside contract.

/// A TCP segment of no session that is no SYN.
pub(crate) const NOT_SYN: &str = "tcp_not_syn";
/// A SYN-ACK that answers no SYN.
pub(crate) const SYN_ACK_UNEXPECTED: &str = "tcp_syn_ack_unexpected";
/// A RST of no session.
pub(crate) const RST_WITHOUT_SESSION: &str = "tcp_rst_without_session";
/// No rule lets it pass.
pub(crate) const NO_RULE: &str = "no_rule";
/// A rule says reject.
pub(crate) const RULE_REJECT: &str = "rule_reject";
/// Its session ended because nothing came for too long.
pub(crate) const SESSION_EXPIRED: &str = "session_expired";
/// An operator ended its session.
pub(crate) const SESSION_CLEARED: &str = "session_cleared";
/// An ICMP error about no living session.
pub(crate) const ICMP_ERROR_UNRELATED: &str = "icmp_error_unrelated";
/// The packet is longer than what was received of it.
pub(crate) const TRUNCATED: &str = "truncated";
/// The port by which it leaves took no more frames, or was down.
pub(crate) const TX_FULL: &str = "tx_full";
/// All of it lies more than a window before what its sender has sent.
pub(crate) const SEQ_BELOW_WINDOW: &str = "tcp_seq_below_window";
/// It acknowledges what was acknowledged more than a window ago.
pub(crate) const ACK_TOO_OLD: &str = "tcp_ack_too_old";
/// A gateway refuses it: it names another host than the speaker.
pub(crate) const GATEWAY_BOUNCE: &str = "gateway_bounce";
/// A gateway refuses it: a command too long to be read could hide where it wants to be connected to.
pub(crate) const GATEWAY_OVERLONG: &str = "gateway_overlong";
/// A packet of a PPTP tunnel bears the number of no call that was announced.
pub(crate) const GRE_CALL_ID: &str = "gre_call_id";
