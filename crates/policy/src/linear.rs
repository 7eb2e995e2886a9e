//! Matching as the contract words it: rule after rule, condition after condition. Slow and obviously
//! right: the oracle of the compiled classifier, and what `explain` shows.

use crate::{AddressSet, Policy, Query, Rule};

wire::named! {
    /// The first condition of a rule that a packet does not meet.
    pub enum Mismatch {
        /// The rule is not enabled.
        Disabled = "disabled",
        /// The packet comes from another zone.
        From = "from",
        /// The packet goes to another zone.
        To = "to",
        /// The source address is none of the rule's.
        Source = "source",
        /// The source address is excluded.
        NotSource = "not_source",
        /// The destination address is none of the rule's.
        Destination = "destination",
        /// The destination address is excluded.
        NotDestination = "not_destination",
        /// The packet is of no service of the rule.
        Service = "service",
    }
}

impl Rule {
    /// The first condition that the packet does not meet; `None` if the rule matches it.
    #[must_use]
    pub fn mismatch(&self, query: &Query) -> Option<Mismatch> {
        let within = |set: &AddressSet, address| set.ranges().any(|range| range.contains(address));
        let conditions = [
            (self.enabled, Mismatch::Disabled),
            (self.from.contains(query.from), Mismatch::From),
            (self.to.contains(query.to), Mismatch::To),
            (within(&self.source, query.source), Mismatch::Source),
            (!within(&self.not_source, query.source), Mismatch::NotSource),
            (within(&self.destination, query.destination), Mismatch::Destination),
            (!within(&self.not_destination, query.destination), Mismatch::NotDestination),
            (self.services.iter().any(|item| item.matches.matches(query)), Mismatch::Service),
        ];
        conditions.into_iter().find(|(holds, _)| !holds).map(|(_, mismatch)| mismatch)
    }
}

impl Policy {
    /// The position of the first rule that matches.
    #[must_use]
    pub fn first_match(&self, query: &Query) -> Option<usize> {
        self.rules.iter().position(|rule| rule.mismatch(query).is_none())
    }
}
