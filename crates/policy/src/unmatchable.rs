//! Rules that can never match: one earlier rule takes all that they would, or nothing is left of them.

use crate::{AddressSet, Policy, Rule, ServiceItem, ServiceMatch};

/// A rule that can never match, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmatchable {
    /// Its position in [`Policy::rules`].
    pub rule: usize,
    /// Why.
    pub reason: UnmatchableReason,
}

/// Why a rule can never match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmatchableReason {
    /// One earlier rule, at this position, matches everything that it would.
    Shadowed(usize),
    /// No source address is left.
    NoSource,
    /// No destination address is left.
    NoDestination,
    /// No service is left.
    NoService,
    /// Sources and destinations, or addresses and services, have no IP version in common.
    NoCommonFamily,
}

impl Policy {
    /// The enabled rules that can never match, in order.
    #[must_use]
    pub fn unmatchable(&self) -> Vec<Unmatchable> {
        let mut earlier: Vec<Reach<'_>> = Vec::new();
        let mut found = Vec::new();
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
            let reach = Reach::new(at, rule);
            let reason = reach.nothing_left().or_else(|| {
                let cover = earlier.iter().find(|cover| cover.covers(&reach, self.zones.len()));
                cover.map(|cover| UnmatchableReason::Shadowed(cover.at))
            });
            match reason {
                Some(reason) => found.push(Unmatchable { rule: at, reason }),
                None => earlier.push(reach),
            }
        }
        found
    }
}

/// What a rule can match, its exclusions subtracted.
struct Reach<'a> {
    at: usize,
    rule: &'a Rule,
    source: AddressSet,
    destination: AddressSet,
    /// For IPv4 and IPv6: whether anything can match.
    families: [bool; 2],
}

/// IPv4 is `true`, as in the methods of address sets.
const FAMILIES: [bool; 2] = [true, false];

impl<'a> Reach<'a> {
    fn new(at: usize, rule: &'a Rule) -> Self {
        let source = rule.source.minus(&rule.not_source);
        let destination = rule.destination.minus(&rule.not_destination);
        let families = FAMILIES.map(|v4| {
            source.has_family(v4)
                && destination.has_family(v4)
                && rule.services.iter().any(|item| item.matches.possible_in(v4))
        });
        Self { at, rule, source, destination, families }
    }

    fn nothing_left(&self) -> Option<UnmatchableReason> {
        if self.source.is_empty() {
            Some(UnmatchableReason::NoSource)
        } else if self.destination.is_empty() {
            Some(UnmatchableReason::NoDestination)
        } else if self.rule.services.is_empty() {
            Some(UnmatchableReason::NoService)
        } else if self.families == [false, false] {
            Some(UnmatchableReason::NoCommonFamily)
        } else {
            None
        }
    }

    /// Whether all that `later` can match is matched here.
    fn covers(&self, later: &Reach<'_>, zone_count: usize) -> bool {
        self.rule.from.covers(&later.rule.from, zone_count)
            && self.rule.to.covers(&later.rule.to, zone_count)
            && FAMILIES.into_iter().zip(later.families).all(|(v4, possible)| {
                !possible
                    || (self.source.covers(&later.source, v4)
                        && self.destination.covers(&later.destination, v4)
                        && covers_services(&self.rule.services, &later.rule.services, v4))
            })
    }
}

/// Whether each item of `later` that is possible in a family lies whole in one item of `earlier`, or
/// its destination ports in several that take every source port.
fn covers_services(earlier: &[ServiceItem], later: &[ServiceItem], v4: bool) -> bool {
    later.iter().filter(|item| item.matches.possible_in(v4)).all(|item| {
        earlier.iter().any(|cover| cover.matches.covers(&item.matches))
            || covers_ports(earlier, &item.matches)
    })
}

fn covers_ports(earlier: &[ServiceItem], item: &ServiceMatch) -> bool {
    let ServiceMatch::Ports { protocol, destination, source } = *item else { return false };
    let mut ranges: Vec<_> = earlier
        .iter()
        .filter_map(|cover| match cover.matches {
            ServiceMatch::Ports { protocol: same, destination, source: sources }
                if same == protocol && sources.covers(source) =>
            {
                Some(destination)
            }
            ServiceMatch::Ports { .. }
            | ServiceMatch::Any
            | ServiceMatch::Protocol(_)
            | ServiceMatch::Icmp { .. } => None,
        })
        .collect();
    ranges.sort_unstable_by_key(|range| range.first);
    let mut needed = u32::from(destination.first);
    for range in ranges {
        if u32::from(range.first) > needed {
            break;
        }
        needed = needed.max(u32::from(range.last) + 1);
    }
    needed > u32::from(destination.last)
}

#[cfg(test)]
mod tests;
