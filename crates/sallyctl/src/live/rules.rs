//! `rules` for people.

use api::{RuleInfo, RuleLimits, Rules};

use crate::table::Table;
use crate::units::{count, duration};

/// A line a rule, first match first, and the implicit drop below.
pub(super) fn text(rules: &Rules) -> String {
    let mut table = Table::new([
        ">#",
        "RULE",
        "FROM",
        "TO",
        "ACTION",
        "LOG",
        ">SESSIONS",
        ">HITS",
        ">LAST HIT",
        "DESCRIPTION",
    ]);
    for rule in &rules.rules {
        let name = if rule.enabled { rule.name.clone() } else { format!("{} (off)", rule.name) };
        table.row([
            rule.position.to_string(),
            name,
            rule.from.join(", "),
            rule.to.join(", "),
            rule.action.clone(),
            rule.log.clone(),
            sessions(rule),
            count(rule.hits),
            rule.last_hit_seconds_ago
                .map_or("never".to_owned(), |ago| format!("{} ago", duration(ago))),
            rule.description.clone(),
        ]);
    }
    format!(
        "Policy generation {}; the first match decides, what no rule matches is dropped\n\n{}",
        rules.generation,
        table.block()
    )
}

/// How many there are, and of how many at most.
fn sessions(rule: &RuleInfo) -> String {
    match rule.limits {
        Some(RuleLimits { sessions: Some(most), .. }) => {
            format!("{} of {}", count(rule.sessions), count(most.into()))
        }
        Some(_) | None => count(rule.sessions),
    }
}
