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
            // Every error's own text says what caused it.
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
