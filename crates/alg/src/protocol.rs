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
    }
}
