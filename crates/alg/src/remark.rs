//! What a gateway finds wrong in what it reads.

wire::named! {
    /// What was wrong. Each is counted and logged; whether the packet is dropped too stands with it.
    pub enum Remark {
        /// An address to connect to is neither peer's own (FTP bounce, RFC 2577 §3).
        Bounce = "bounce",
        /// Media are announced at a host that is not the speaker's, without leave of the rule.
        ThirdParty = "third_party",
        /// An announced port is below 1024.
        PrivilegedPort = "privileged_port",
        /// What should be an address or a port is none.
        Malformed = "malformed",
        /// A line or message is longer than the gateway reads.
        Overlong = "overlong",
        /// A command came from the side that answers, or an answer from the side that commands.
        WrongSide = "wrong_side",
        /// An answer announces a connection that nobody asked for.
        Unasked = "unasked",
        /// A command that an earlier one has ruled out (RFC 2428 §4).
        RuledOut = "ruled_out",
        /// Another protocol is spoken than the gateway reads: HTTP to an FTP server, say.
        OtherProtocol = "other_protocol",
        /// A segment repeats octets that the other side may still lack, with another content.
        InconsistentRetransmission = "inconsistent_retransmission",
        /// A segment is too far ahead of one that is missing.
        OutOfOrder = "out_of_order",
        /// More is under way unacknowledged than the reader keeps.
        WindowFull = "window_full",
        /// All readers together, or those of one source, hold as much as they may of what is not read or acknowledged.
        Memory = "memory",
    }
}
