//! `cargo xtask sanitize`: what threads share under ThreadSanitizer, and the unsafe code under AddressSanitizer.
//!
//! Sanitizers are options of the unstable compiler; `RUSTC_BOOTSTRAP` has the stable one take them. ThreadSanitizer
//! does not understand fences, and the standard library that is delivered ends an `Arc` with one; so the library is
//! built anew for it, with the load that it has there instead, and nothing needs to be suppressed. DPDK stays as it
//! is: the shim of `dpdk-sys` tells ThreadSanitizer of the order that DPDK's rings, pools and queues keep (its `GIVEN`
//! and `TAKEN`), and AddressSanitizer of the mbufs that are another's (its `GONE` and `HERE`). Frames of the whole
//! plane go through net_pcap devices, and need no network namespace.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::nextest;
use crate::step::{cargo, checkout, in_words, now, output, program, step};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// One build with one sanitizer, and the tests that it runs.
struct Run {
    title: &'static str,
    /// The folder of its build, below `target/sanitize`.
    folder: &'static str,
    flags: &'static str,
    /// Further words for cargo.
    words: &'static [&'static str],
    options: (&'static str, &'static str),
    packages: &'static [&'static str],
    /// A filter of nextest.
    tests: &'static str,
}

const RUNS: [Run; 2] = [
    Run {
        title: "what threads share, under ThreadSanitizer",
        folder: "thread",
        flags: "-Zsanitizer=thread",
        words: &["-Zbuild-std"],
        options: ("TSAN_OPTIONS", "halt_on_error=1 second_deadlock_stack=1"),
        packages: &["session", "dataplane"],
        tests: "test(stress) or test(board::) or (package(dataplane) and (binary(frames) or binary(control)))",
    },
    Run {
        title: "the unsafe code, under AddressSanitizer",
        folder: "address",
        flags: "-Zsanitizer=address",
        words: &[],
        // What DPDK allocates once and keeps until the end of the process is no leak.
        options: ("ASAN_OPTIONS", "detect_leaks=0"),
        packages: &["dpdk", "session"],
        tests: "package(dpdk) or test(prefetch) or test(stress)",
    },
];

pub(crate) fn run() -> Result<ExitCode> {
    let start = now();
    nextest::ensure()?;
    ensure_library_source()?;
    let mut faults = 0;
    for Run { title, folder, flags, words, options, packages, tests } in &RUNS {
        let mut command = cargo();
        command
            .args(["nextest", "run", "--target", TARGET, "--no-fail-fast", "-E", tests])
            .args(*words)
            .args(packages.iter().flat_map(|package| ["-p", package]))
            .env("CARGO_TARGET_DIR", checkout().join("target/sanitize").join(folder))
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .env("CARGO_INCREMENTAL", "0")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", flags)
            .env("STRESS_ROUNDS", "20000")
            .env("STRESS_POLICIES", "1000")
            .env(options.0, options.1);
        faults += u32::from(!step(title, &mut command)?.ok);
    }
    println!("in {}", in_words(start.elapsed()));
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ensure_library_source() -> Result<()> {
    let sysroot = output(program("rustc").args(["--print", "sysroot"]))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
    if !source.exists() {
        bail!("the source of the standard library is missing: rustup component add rust-src");
    }
    Ok(())
}
