//! The commands that ask the running daemon. Each fetches one answer and prints it, as the daemon's own
//! document or for people.

mod counters;
mod ports;
mod reload;
mod rules;
mod sessions;
mod status;
#[cfg(test)]
mod tests;

use std::io::Write;

use api::{Client, ClientError, Tuple};
use serde::Serialize;

use crate::args::{General, SessionsArguments};
use crate::explain;
use crate::failure::Failure;
use crate::json;

pub(crate) use self::reload::reload;

/// `status`.
pub(crate) fn status(general: &General, out: &mut impl Write) -> Result<(), Failure> {
    show(general, out, Client::status, status::text)
}

/// `ports`.
pub(crate) fn ports(general: &General, out: &mut impl Write) -> Result<(), Failure> {
    show(general, out, Client::ports, ports::text)
}

/// `counters`.
pub(crate) fn counters(general: &General, out: &mut impl Write) -> Result<(), Failure> {
    show(general, out, Client::counters, counters::text)
}

/// `rules`.
pub(crate) fn rules(general: &General, out: &mut impl Write) -> Result<(), Failure> {
    show(general, out, Client::rules, rules::text)
}

/// `sessions`, `sessions count`, `sessions clear`.
pub(crate) fn sessions(
    general: &General,
    arguments: SessionsArguments,
    out: &mut impl Write,
) -> Result<(), Failure> {
    sessions::run(general, arguments, out)
}

/// `explain` without a file.
pub(crate) fn explain(
    general: &General,
    tuple: Tuple,
    out: &mut impl Write,
) -> Result<(), Failure> {
    show(general, out, |client| client.explain(tuple), explain::text)
}

fn show<T: Serialize>(
    general: &General,
    out: &mut impl Write,
    ask: impl FnOnce(&mut Client) -> Result<T, ClientError>,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let answer = ask(&mut Client::connect(&general.socket)?)?;
    if general.json {
        json::line(out, &answer)?;
    } else {
        out.write_all(text(&answer).as_bytes())?;
    }
    Ok(())
}
