//! The Sallyport command line: talks to the running daemon by its socket, or works on files alone.
#![forbid(unsafe_code)]

mod args;
mod capture;
mod check;
mod doctor;
mod explain;
mod failure;
mod json;
mod live;
mod replay;
mod table;
mod units;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use self::args::{Arguments, Command};
use self::failure::Failure;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut errors = io::stderr();
    let done = run(arguments, &mut out, &mut errors).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was printed before the failure belongs before its message.
            drop(out);
            failure.tell(&mut errors)
        }
    }
}

fn run(arguments: Arguments, out: &mut impl Write, errors: &mut impl Write) -> Result<(), Failure> {
    let Arguments { general, command } = arguments;
    match command {
        Command::Check(arguments) => check::run(&general, &arguments, out, errors),
        Command::Replay(arguments) => replay::run(&general, &arguments, out, errors),
        Command::Explain(arguments) => explain::run(&general, &arguments, out),
        Command::Status => live::status(&general, out),
        Command::Ports => live::ports(&general, out),
        Command::Counters => live::counters(&general, out),
        Command::Rules => live::rules(&general, out),
        Command::Sessions(arguments) => live::sessions(&general, arguments, out),
        Command::Reload => live::reload(&general, out),
        Command::Doctor(arguments) => doctor::run(&general, &arguments, out),
    }
}
