//! The demonstration behind `cargo xtask demo`: two hosts in network namespaces, joined through
//! the firewall, and what it does for them, each with its evidence.
//!
//! Usage: `demo SALLYPORTD SALLYCTL [--keep]`, as root. Ends with status 0 if all was shown, 1 if
//! something was not, 130 if it was interrupted. It cleans up in every case.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a demonstration talks to a person")]

mod files;
mod scenes;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use stage::{Interrupted, Stage};
use testkit::netns::{Binaries, Site, Where};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (sallyportd, sallyctl, keep) = match words.as_slice() {
        [sallyportd, sallyctl] => (sallyportd, sallyctl, false),
        [sallyportd, sallyctl, keep] if keep == "--keep" => (sallyportd, sallyctl, true),
        _ => {
            println!("usage: demo SALLYPORTD SALLYCTL [--keep]");
            return ExitCode::from(2);
        }
    };
    let binaries =
        Binaries { sallyportd: PathBuf::from(sallyportd), sallyctl: PathBuf::from(sallyctl) };

    let stage = Stage::new();
    // Whatever happens inside, the hosts and the daemon are values that go when it unwinds.
    match catch_unwind(AssertUnwindSafe(|| show(&stage, &binaries, keep))) {
        Ok(Ok(true)) => ExitCode::SUCCESS,
        Ok(Ok(false)) => ExitCode::FAILURE,
        Ok(Err(Interrupted)) => {
            println!("\ninterrupted; everything is cleaned up");
            ExitCode::from(130)
        }
        Err(_) => {
            println!("\nthe demo failed; everything is cleaned up");
            ExitCode::FAILURE
        }
    }
}

/// The whole show; whether everything was as it should be.
fn show(stage: &Stage, binaries: &Binaries, keep: bool) -> Result<bool, Interrupted> {
    println!("\nSallyport: who was let out may return, nobody else enters.\n");
    let mut site = match Site::try_start(binaries, &scenes::SETTINGS, Where::Here) {
        Ok(site) => site,
        Err(error) => {
            println!("{error}");
            return Ok(false);
        }
    };
    stage.check()?;
    scenes::introduce(&site);
    scenes::play(stage, &site)?;
    scenes::print_tables(&site);
    let good = stage.close();
    if keep {
        scenes::print_commands(&site);
        stage.wait_for_interrupt(|| site.daemon.runs());
        println!("\ncleaned up");
    } else {
        drop(site);
        scenes::print_next();
    }
    Ok(good)
}
