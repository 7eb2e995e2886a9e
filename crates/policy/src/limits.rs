//! How many sessions a rule allows at a time.

use core::num::NonZeroU32;

/// Bounds on the sessions of one rule, in the whole box. What is left out is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RuleLimits {
    /// Of all its sessions.
    pub sessions: Option<NonZeroU32>,
    /// Of those that one source address has opened.
    pub per_source: Option<NonZeroU32>,
    /// Of those that were opened to one destination address.
    pub per_destination: Option<NonZeroU32>,
    /// Of those whose handshake is not complete.
    pub embryonic: Option<NonZeroU32>,
}

impl RuleLimits {
    /// No bounds.
    pub const NONE: Self =
        Self { sessions: None, per_source: None, per_destination: None, embryonic: None };

    /// Whether nothing is bounded.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}
