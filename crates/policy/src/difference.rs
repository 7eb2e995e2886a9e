//! What differs between two policies: which rules, and which zone pairs have to be judged again.

use crate::{Policy, Rule, ZoneId, ZoneSet};

/// The difference from one policy to a newer one. Rules are the same if their names are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDifference {
    /// Names of rules that only the newer one has, in its order.
    pub added: Vec<String>,
    /// Names of rules that only the older one has, in its order.
    pub removed: Vec<String>,
    /// Names of rules that both have with another content.
    pub changed: Vec<String>,
    /// Whether rules that both have stand in another order.
    pub reordered: bool,
    /// Pairs of zones, by name, from and to, for which the two may decide differently.
    pub zone_pairs: Vec<(String, String)>,
}

impl PolicyDifference {
    /// Whether the two decide alike, by the same rules in the same order.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { added, removed, changed, reordered, zone_pairs } = self;
        added.is_empty()
            && removed.is_empty()
            && changed.is_empty()
            && !reordered
            && zone_pairs.is_empty()
    }

    pub(crate) fn between(older: &Policy, newer: &Policy) -> Self {
        let missing_in = |policy: &Policy, rules: &[Rule]| -> Vec<String> {
            let missing = rules.iter().filter(|rule| by_name(policy, &rule.name).is_none());
            missing.map(|rule| rule.name.clone()).collect()
        };
        let kept_in = |policy: &Policy, other: &Policy| -> Vec<String> {
            let kept = policy.rules.iter().filter(|rule| by_name(other, &rule.name).is_some());
            kept.map(|rule| rule.name.clone()).collect()
        };
        let changed = newer.rules.iter().filter(|rule| {
            let before = by_name(older, &rule.name);
            before.is_some_and(|before| !same_rule(older, before, newer, rule))
        });
        Self {
            added: missing_in(older, &newer.rules),
            removed: missing_in(newer, &older.rules),
            changed: changed.map(|rule| rule.name.clone()).collect(),
            reordered: kept_in(older, newer) != kept_in(newer, older),
            zone_pairs: changed_pairs(older, newer),
        }
    }
}

fn by_name<'a>(policy: &'a Policy, name: &str) -> Option<&'a Rule> {
    policy.rules.iter().find(|rule| rule.name == name)
}

/// Compares two rules of different policies: zones by name, all else by value.
fn same_rule(older: &Policy, one: &Rule, newer: &Policy, two: &Rule) -> bool {
    same_zones(older, &one.from, newer, &two.from)
        && same_zones(older, &one.to, newer, &two.to)
        && *one == Rule { from: one.from.clone(), to: one.to.clone(), ..two.clone() }
}

fn same_zones(older: &Policy, one: &ZoneSet, newer: &Policy, two: &ZoneSet) -> bool {
    let names = |policy: &Policy, zones: &[ZoneId]| -> Vec<String> {
        let mut names: Vec<_> =
            zones.iter().map(|zone| policy.zone_name(*zone).to_owned()).collect();
        names.sort_unstable();
        names
    };
    match (one, two) {
        (ZoneSet::Any, ZoneSet::Any) => true,
        (ZoneSet::Only(one), ZoneSet::Only(two)) => names(older, one) == names(newer, two),
        (ZoneSet::Any, ZoneSet::Only(_)) | (ZoneSet::Only(_), ZoneSet::Any) => false,
    }
}

/// Whether two rules of one name decide alike where both apply: a description or a tag decides nothing.
fn decides_alike(one: &Rule, two: &Rule) -> bool {
    let Rule {
        name,
        enabled,
        from: _,
        to: _,
        source,
        not_source,
        destination,
        not_destination,
        services,
        action,
        log,
        tcp,
        timeouts,
        limits,
        description: _,
        tags: _,
    } = one;
    *name == two.name
        && *enabled == two.enabled
        && *source == two.source
        && *not_source == two.not_source
        && *destination == two.destination
        && *not_destination == two.not_destination
        && *services == two.services
        && *action == two.action
        && *log == two.log
        && *tcp == two.tcp
        && *timeouts == two.timeouts
        && *limits == two.limits
}

fn changed_pairs(older: &Policy, newer: &Policy) -> Vec<(String, String)> {
    let mut zones: Vec<&String> = older.zones.iter().chain(&newer.zones).collect();
    zones.sort_unstable();
    zones.dedup();
    let mut changed = Vec::new();
    for from in &zones {
        for to in &zones {
            if !same_for_pair(older, newer, from, to) {
                changed.push(((*from).clone(), (*to).clone()));
            }
        }
    }
    changed
}

fn same_for_pair(older: &Policy, newer: &Policy, from: &str, to: &str) -> bool {
    let pair = |policy: &Policy| Some((policy.zone_by_name(from)?, policy.zone_by_name(to)?));
    let (Some(before), Some(after)) = (pair(older), pair(newer)) else {
        // A zone that only one of them has: nothing of the other can be in it.
        return pair(older).is_none() && pair(newer).is_none();
    };
    older.tcp_mode(before.0, before.1) == newer.tcp_mode(after.0, after.1)
        && decide_alike(of_pair(older, before), of_pair(newer, after))
}

/// The rules that judge what goes from one zone to another.
fn of_pair(policy: &Policy, (from, to): (ZoneId, ZoneId)) -> impl Iterator<Item = &Rule> {
    let rules = policy.rules.iter().filter(|rule| rule.enabled);
    rules.filter(move |rule| rule.from.contains(from) && rule.to.contains(to))
}

fn decide_alike<'a>(
    mut one: impl Iterator<Item = &'a Rule>,
    mut two: impl Iterator<Item = &'a Rule>,
) -> bool {
    loop {
        match (one.next(), two.next()) {
            (None, None) => return true,
            (Some(one), Some(two)) if decides_alike(one, two) => {}
            (Some(_), Some(_) | None) | (None, Some(_)) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, AddressSet, TcpMode, ZonePair};

    fn policy(rules: Vec<Rule>) -> Policy {
        Policy { zones: vec!["inside".into(), "outside".into()], zone_pairs: Vec::new(), rules }
    }

    fn outbound(name: &str) -> Rule {
        Rule {
            from: ZoneSet::only([ZoneId(0)]),
            to: ZoneSet::only([ZoneId(1)]),
            ..Rule::any(name, Action::Allow)
        }
    }

    #[test]
    fn equal_policies_do_not_differ() {
        let one = policy(vec![outbound("a"), outbound("b")]);
        assert!(one.difference(&one.clone()).is_empty());
    }

    #[test]
    fn rules_are_told_apart_by_name_and_pairs_by_what_decides_there() {
        let older = policy(vec![outbound("a"), outbound("b"), outbound("c")]);
        let narrowed = Rule { source: AddressSet::empty(), ..outbound("b") };
        let newer = policy(vec![outbound("d"), narrowed, outbound("a")]);
        let difference = older.difference(&newer);
        assert_eq!(difference.added, ["d"]);
        assert_eq!(difference.removed, ["c"]);
        assert_eq!(difference.changed, ["b"]);
        assert!(difference.reordered);
        assert_eq!(difference.zone_pairs, [("inside".to_owned(), "outside".to_owned())]);
    }

    #[test]
    fn a_description_changes_the_rule_and_no_decision() {
        let older = policy(vec![outbound("a")]);
        let newer = policy(vec![Rule { description: "surfing".into(), ..outbound("a") }]);
        let difference = older.difference(&newer);
        assert_eq!(difference.changed, ["a"]);
        assert_eq!(difference.zone_pairs, []);
    }

    #[test]
    fn zones_are_compared_by_name() {
        let older = policy(vec![outbound("a")]);
        let newer = Policy {
            zones: vec!["outside".into(), "inside".into()],
            zone_pairs: Vec::new(),
            rules: vec![Rule {
                from: ZoneSet::only([ZoneId(1)]),
                to: ZoneSet::only([ZoneId(0)]),
                ..Rule::any("a", Action::Allow)
            }],
        };
        assert!(older.difference(&newer).is_empty());
    }

    #[test]
    fn a_zone_pair_that_turns_loose_differs() {
        let older = policy(vec![outbound("a")]);
        let pair = ZonePair { from: ZoneId(1), to: ZoneId(0), tcp: TcpMode::Loose };
        let newer = Policy { zone_pairs: vec![pair], ..older.clone() };
        let pairs = older.difference(&newer).zone_pairs;
        assert_eq!(pairs, [("outside".to_owned(), "inside".to_owned())]);
    }
}
