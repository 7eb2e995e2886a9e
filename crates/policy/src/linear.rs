//! Matching as the contract words it: rule after rule, condition after condition. Slow and obviously
//! right: the oracle of the compiled classifier, and what `explain` shows.

use crate::{AddressSet, PROTOCOLS, Policy, Query, Rule};

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
    /// What a mismatch means for this packet, with the words of the configuration.
    #[must_use]
    pub fn describe(&self, mismatch: Mismatch, query: &Query) -> String {
        let Query { from, to, source, destination, .. } = query;
        match mismatch {
            Mismatch::Disabled => "it is not enabled".to_owned(),
            Mismatch::From => format!("`from` does not hold zone {}", self.zone_name(*from)),
            Mismatch::To => format!("`to` does not hold zone {}", self.zone_name(*to)),
            Mismatch::Source => format!("`source` does not hold {source}"),
            Mismatch::NotSource => format!("`not_source` holds {source}"),
            Mismatch::Destination => format!("`destination` does not hold {destination}"),
            Mismatch::NotDestination => format!("`not_destination` holds {destination}"),
            Mismatch::Service => format!("`service` does not hold {}", service_of(query)),
        }
    }

    /// The position of the first rule that matches.
    #[must_use]
    pub fn first_match(&self, query: &Query) -> Option<usize> {
        self.rules.iter().position(|rule| rule.mismatch(query).is_none())
    }
}

/// The packet as a service item would be written for it.
fn service_of(query: &Query) -> String {
    let number = query.protocol;
    let name = PROTOCOLS.iter().find(|(_, known)| *known == number).map(|(name, _)| *name);
    match (name, query.icmp) {
        (Some(name), Some((kind, code))) => format!("{name}/{kind}/{code}"),
        (Some(name @ ("tcp" | "udp" | "sctp")), None) if query.source_port == 0 => {
            format!("{name}/{}", query.destination_port)
        }
        (Some(name @ ("tcp" | "udp" | "sctp")), None) => {
            format!("{name}/{} from port {}", query.destination_port, query.source_port)
        }
        (Some(_) | None, _) => format!("ip/{number}"),
    }
}
