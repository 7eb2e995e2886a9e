//! Why a tracker refuses a packet: one closed list for all protocols.

wire::named! {
    /// What a tracker finds wrong with a packet, given its session or the lack of one.
    pub enum Refusal {
        /// TCP: no control bit at all is set (a null scan).
        TcpFlagsNone = "tcp_flags_none",
        /// TCP: SYN and FIN in one segment.
        TcpFlagsSynFin = "tcp_flags_syn_fin",
        /// TCP: SYN and RST in one segment.
        TcpFlagsSynRst = "tcp_flags_syn_rst",
        /// TCP: FIN and RST in one segment.
        TcpFlagsFinRst = "tcp_flags_fin_rst",
        /// TCP: FIN without ACK, an Xmas scan among them.
        TcpFlagsFinWithoutAck = "tcp_flags_fin_without_ack",
        /// TCP: URG without ACK.
        TcpFlagsUrgWithoutAck = "tcp_flags_urg_without_ack",
        /// TCP: neither SYN nor RST nor ACK, though other bits are set.
        TcpFlagsWithoutAck = "tcp_flags_without_ack",
        /// TCP: a segment of no session that is no SYN.
        TcpNotSyn = "tcp_not_syn",
        /// TCP: a RST of no session.
        TcpRstWithoutSession = "tcp_rst_without_session",
        /// TCP: a SYN-ACK that answers no SYN.
        TcpSynAckUnexpected = "tcp_syn_ack_unexpected",
        /// TCP: a SYN-ACK that does not acknowledge the SYN it should answer.
        TcpSynAckInvalid = "tcp_syn_ack_invalid",
        /// TCP: the initiator goes on although no SYN-ACK was seen: the answer takes another path, or there is none.
        TcpSynAckMissing = "tcp_syn_ack_missing",
        /// TCP: the responder sends data or FIN before its SYN-ACK.
        TcpBeforeSynAck = "tcp_before_syn_ack",
        /// TCP: the segment that should complete the handshake does not acknowledge the other side's SYN.
        TcpHandshakeAck = "tcp_handshake_ack",
        /// TCP: a SYN from the responder's side on a living session.
        TcpSynFromResponder = "tcp_syn_from_responder",
        /// TCP: a second SYN on a living session within a second.
        TcpSynRepeated = "tcp_syn_repeated",
        /// TCP: inequality I, the segment starts beyond the window its receiver offered.
        TcpSeqAboveWindow = "tcp_seq_above_window",
        /// TCP: inequality II, the segment ends more than a window before what its sender already sent.
        TcpSeqBelowWindow = "tcp_seq_below_window",
        /// TCP: inequality III, it acknowledges (or selectively acknowledges) what was never sent.
        TcpAckAboveSent = "tcp_ack_above_sent",
        /// TCP: inequality IV, its acknowledgement is older than a window.
        TcpAckTooOld = "tcp_ack_too_old",
        /// TCP: new data from a side whose FIN has been acknowledged.
        TcpDataAfterFin = "tcp_data_after_fin",
        /// TCP: a RST whose sequence number is neither exact nor in the window.
        TcpRstInvalid = "tcp_rst_invalid",
        /// TCP: the connection was reset.
        TcpClosed = "tcp_closed",
        /// ICMP: a reply to no query.
        IcmpReplyWithoutQuery = "icmp_reply_without_query",
        /// ICMP: a reply whose type does not answer the query's.
        IcmpReplyMismatch = "icmp_reply_mismatch",
        /// ICMP: a query from the answering side, or a reply from the asking side.
        IcmpDirection = "icmp_direction",
        /// ICMP: a type that is neither query, reply nor error, and so belongs to no session.
        IcmpType = "icmp_type",
        /// ICMP error: too little of the quoted packet is there to tell whether it is real.
        IcmpQuoteTruncated = "icmp_quote_truncated",
        /// ICMP error: the quoted TCP segment's sequence number is none that its sender can have in flight.
        IcmpQuoteSeq = "icmp_quote_seq",
        /// ICMP error: the quoted SCTP packet's verification tag is not the association's.
        IcmpQuoteTag = "icmp_quote_tag",
        /// ICMP error: the quoted ICMP message is not the session's query or reply.
        IcmpQuoteType = "icmp_quote_type",
        /// SCTP: a packet of no association that does not start with INIT.
        SctpNotInit = "sctp_not_init",
        /// SCTP: the verification tag is not the association's.
        SctpTag = "sctp_tag",
        /// SCTP: a chunk that the association's state does not allow.
        SctpState = "sctp_state",
        /// The packet's protocol is not its session's: the caller looked up the wrong session.
        ProtocolMismatch = "protocol_mismatch",
    }
}
