//! `reload`: what the new policy changes, or why it was refused.

use std::io::Write;

use api::{Client, ClientError, Refusal, ReloadReport};

use crate::args::General;
use crate::failure::Failure;
use crate::json;
use crate::units::count;

/// Has the daemon load its file anew.
pub(crate) fn reload(general: &General, out: &mut impl Write) -> Result<(), Failure> {
    match Client::connect(&general.socket)?.reload() {
        Ok(report) if general.json => Ok(json::line(out, &report)?),
        Ok(report) => Ok(out.write_all(text(&report).as_bytes())?),
        Err(ClientError::Refused(refusal)) if general.json => {
            json::line(out, &refusal)?;
            Err(Failure::Told)
        }
        Err(ClientError::Refused(refusal)) => Err(Failure::refused(refused(&refusal))),
        Err(error) => Err(error.into()),
    }
}

/// The report for people.
pub(super) fn text(report: &ReloadReport) -> String {
    let ReloadReport {
        version: _,
        generation,
        rules,
        added,
        removed,
        changed,
        reordered,
        zone_pairs,
        warnings,
    } = report;
    let mut text = String::new();
    for warning in warnings {
        text.push_str(&format!("{warning}\n"));
    }
    text.push_str(&format!("Generation {generation} is in force, with {} rules\n", count(*rules)));
    for (what, names) in [("Added", added), ("Removed", removed), ("Changed", changed)] {
        if !names.is_empty() {
            text.push_str(&format!("{what:<8}  {}\n", names.join(", ")));
        }
    }
    if *reordered {
        text.push_str("The rules stand in another order\n");
    }
    if !zone_pairs.is_empty() {
        let pairs: Vec<_> = zone_pairs.iter().map(|(from, to)| format!("{from} > {to}")).collect();
        text.push_str(&format!("The policy differs for {}\n", pairs.join(", ")));
    }
    text.push_str("Every session is judged again\n");
    text
}

/// A refusal for people: everything that is wrong, and that nothing has changed.
pub(super) fn refused(refusal: &Refusal) -> String {
    let mut text = refusal.message.clone();
    for diagnostic in &refusal.diagnostics {
        text.push_str(&format!("\n{diagnostic}"));
    }
    text
}
