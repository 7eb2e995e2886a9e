//! What packets must not bear, whoever they are of: checks without state whose strictness is configured.

/// Whether something may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// It passes, if nothing else is against it.
    Allow,
    /// The packet is dropped.
    Drop,
}

impl Permission {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Allow, Self::Drop];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Drop => "drop",
        }
    }
}

/// Who answers for the checksums of TCP, UDP, ICMP and ICMPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksums {
    /// Only what the NIC says is wrong is dropped. What it does not look at the receiving host will.
    Trust,
    /// What the NIC does not answer for is computed: a pass over the whole packet.
    Verify,
}

impl Checksums {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Trust, Self::Verify];

    /// The word that the configuration uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Verify => "verify",
        }
    }
}

/// Options of the IPv4 header. RFC 7126 asks for a word on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Options {
    /// Loose and strict source routes: they lead around whoever filters by addresses (RFC 7126 §4.3, §4.4).
    pub source_route: Permission,
    /// Record route and timestamp: they tell of the way, and change nothing.
    pub record: Permission,
    /// Router alert (RFC 2113). IGMP, which must bear it (RFC 3376 §4), is not asked.
    pub router_alert: Permission,
    /// Every other one.
    pub other: Permission,
}

/// Options of IPv6's hop-by-hop and destination headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Options {
    /// Router alert (RFC 2711). Listener discovery, which must bear it (RFC 3810 §5), is not asked.
    pub router_alert: Permission,
    /// Every other one but padding.
    pub other: Permission,
}

/// `[screens]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Screens {
    /// IPv4 options.
    pub ipv4_options: Ipv4Options,
    /// IPv6 options.
    pub ipv6_options: Ipv6Options,
    /// Checksums of the transport.
    pub checksums: Checksums,
    /// UDP over IPv6 without a checksum. Hosts discard it (RFC 8200 §8.1) but for tunnels that ask for it (RFC 6935 §5).
    pub udp6_zero_checksum: Permission,
}

impl Default for Screens {
    fn default() -> Self {
        use Permission::{Allow, Drop};
        Self {
            ipv4_options: Ipv4Options {
                source_route: Drop,
                record: Allow,
                router_alert: Allow,
                other: Allow,
            },
            ipv6_options: Ipv6Options { router_alert: Allow, other: Allow },
            checksums: Checksums::Trust,
            udp6_zero_checksum: Drop,
        }
    }
}
