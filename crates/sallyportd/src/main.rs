//! The daemon: arguments, the operator's log, signals, and the order of start and end.
//!
//! What it runs is in `control`. Here is only what a process has that a library must not: standard
//! error, signals, the service manager, the exit status.
#![forbid(unsafe_code)]

mod arguments;
mod journal;
mod run;
mod service;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    // A wrong argument ends the process with status 2 in here.
    let arguments = Arguments::parse();
    journal::start();
    match run::run(&arguments.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", whole(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, but for those whose text it has in its own.
fn whole(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        match text.as_str() {
            "" => cause,
            before if before.contains(&cause) => text,
            before => format!("{before}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn causes_are_told_once() {
        let disk = anyhow!("no room").context("cannot write: no room").context("no log");
        assert_eq!(whole(&disk), "no log: cannot write: no room");
    }
}
