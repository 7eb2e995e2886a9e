//! `check`: is a configuration file good, and if not, everything that is wrong with it.

use std::io::Write;
use std::path::Path;

use api::Version;
use config::{Diagnostic, Errors, Loaded};
use serde::Serialize;

use crate::args::{CheckArguments, General};
use crate::failure::Failure;
use crate::json;

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    version: Version,
    file: String,
    /// Whether the file is accepted, by `--strict` if that was given.
    valid: bool,
    errors: &'a [Diagnostic],
    warnings: &'a [Diagnostic],
}

/// Checks a file. Findings go to standard error, so that a good file says one line on standard output.
pub(crate) fn run(
    general: &General,
    arguments: &CheckArguments,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> Result<(), Failure> {
    let CheckArguments { strict, file } = arguments;
    let (loaded, found) = match config::load(file) {
        Ok(Loaded { config, warnings }) => (Some(config), Errors { errors: Vec::new(), warnings }),
        Err(errors) => (None, errors),
    };
    let refusing = if *strict { found.warnings.len() } else { 0 };
    let valid = loaded.is_some() && refusing == 0;
    let name = file.display();
    if general.json {
        let Errors { errors, warnings } = &found;
        let file = name.to_string();
        json::line(out, &Report { version: Version, file, valid, errors, warnings })?;
    } else {
        for finding in found.errors.iter().chain(&found.warnings) {
            writeln!(errors, "{finding}\n")?;
        }
        let counted = counted(&found);
        match loaded {
            Some(config) if valid => {
                let rules = number(config.policy.rules.len(), "rule");
                let ports = number(config.ports.len(), "port");
                let wires = number(config.topology.wires().len(), "wire");
                writeln!(out, "{name} is valid: {ports}, {wires}, {rules}{counted}")?;
            }
            Some(_) => writeln!(errors, "{name} is refused by --strict{counted}")?,
            None => writeln!(errors, "{name} is refused{counted}")?,
        }
    }
    if valid { Ok(()) } else { Err(Failure::Told) }
}

/// Loads a file for a command that needs a good one.
pub(crate) fn load(file: &Path) -> Result<Loaded, Failure> {
    config::load(file).map_err(|found| {
        let counted = counted(&found);
        Failure::refused(format_args!("{} is refused{counted}\n{found}", file.display()))
    })
}

fn counted(found: &Errors) -> String {
    let Errors { errors, warnings } = found;
    let numbers = [(errors.len(), "error"), (warnings.len(), "warning")];
    let numbers = numbers.into_iter().filter(|(count, _)| *count > 0);
    numbers.map(|(count, noun)| format!(", {}", number(count, noun))).collect()
}

fn number(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
