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
    }
}
