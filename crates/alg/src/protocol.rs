//! Which protocols there are gateways for.

wire::named! {
    /// A protocol whose control conversation announces further connections.
    pub enum Protocol {
        /// FTP (RFC 959, RFC 2428): the control connection names address and port of each transfer.
        Ftp = "ftp",
        /// TFTP (RFC 1350): the answer comes from a port of its own.
        Tftp = "tftp",
        /// SIP (RFC 3261): calls announce their media, and where answers go.
        Sip = "sip",
        /// IRC (RFC 2812): direct connections (DCC) that the client offers.
        Irc = "irc",
        /// RTSP (RFC 2326): a server sends media to the ports that were set up.
        Rtsp = "rtsp",
        /// PPTP (RFC 2637): a call's packets go in a tunnel of GRE.
        Pptp = "pptp",
        /// MGCP (RFC 3435): a call agent makes connections at a gateway.
        Mgcp = "mgcp",
        /// H.323: registration with a gatekeeper (RAS) in datagrams, call signalling over TCP (H.225.0).
        H323 = "h323",
        /// The control channel of an H.323 call (H.245), which call signalling announces.
        H245 = "h245",
    }
}
