//! `explain`: how one packet would be judged, by the daemon or by a configuration file alone.

use api::Explanation;

use crate::table::Table;

/// The way to the judgement for people, step by step.
pub(crate) fn text(explanation: &Explanation) -> String {
    let Explanation { version: _, tuple, verdict, reason, rule, worker, steps } = explanation;
    let mut table = Table::new([">", "CHECK", "OUTCOME"]);
    for (number, step) in (1..).zip(steps) {
        let number: u32 = number;
        table.row([number.to_string(), step.check.clone(), step.outcome.clone()]);
    }
    let mut decision = verdict.clone();
    if let Some(reason) = reason {
        decision.push_str(&format!(", reason {reason}"));
    }
    if let Some(rule) = rule {
        decision.push_str(&format!(", by rule {rule}"));
    }
    if let Some(worker) = worker {
        decision.push_str(&format!(", on worker {worker}"));
    }
    format!("{tuple}\n\n{}\nDecision: {decision}\n", table.block())
}
