//! Developers' commands: `cargo xtask test`, `differential`, `sanitize`, `demo`, `image`, `vm-test`.
//!
//! What is not here: anything that the product does itself, and the tests, which live beside the
//! code they test.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a developers' command talks to a person")]

mod arrows;
mod demo;
mod differential;
mod image;
mod layout;
mod nextest;
mod sanitize;
mod show;
mod step;
mod test;
mod vm;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask <command>

  test            everything that must hold: format, lints, crate arrows, unit tests,
                  end-to-end tests in network namespaces (as root), docs
  differential    the comparison with the kernel's connection tracking, longer than in the test:
                  DIFFERENTIAL_SECONDS (600) and DIFFERENTIAL_SEED (the time) from the environment
  sanitize        everything that threads share, under ThreadSanitizer, and the unsafe code, under
                  AddressSanitizer; builds all of it anew for each, the standard library (rust-src)
                  too: some minutes, and 2 GB below target/sanitize
  demo [--keep]   two hosts joined through the firewall, shown with evidence;
                  --keep leaves the box running to play with, until Ctrl-C
  image           build the container image and run it, with buildah and podman
  vm-test [NIC]…  the firewall in a virtual machine, on emulated NICs that compute RSS: some
                  minutes; igb, virtio, vmxnet3, or all
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["test"] => test::run(),
        ["differential"] => differential::run(),
        ["sanitize"] => sanitize::run(),
        ["demo"] => demo::run(false),
        ["demo", "--keep"] => demo::run(true),
        ["image"] => image::run(),
        ["vm-test", nics @ ..] => vm::run(nics),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => bail!("unknown command: {}\n\n{USAGE}", other.join(" ")),
    }
}
