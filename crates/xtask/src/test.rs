//! `cargo xtask test`: everything that must hold, from a clean clone.
//!
//! All steps run even when one fails, so that one run tells everything. The last line counts the
//! tests; a step that fails without a failing test counts as one.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::step::{cargo, checkout, in_words, is_root, now, program, report, step};
use crate::{arrows, layout, nextest};

/// Tests that make network namespaces: those of the daemon from outside, those of the kit, and the comparison with
/// the kernel.
const IN_NAMESPACES: &str = "(package(sallyportd) & kind(test)) | (package(testkit) & test(/^netns::/)) \
                             | binary_id(engine::differential)";

pub(crate) fn run() -> Result<ExitCode> {
    let start = now();
    install()?;
    nextest::ensure()?;

    let mut broken = 0;
    let mut note = |ok: bool| broken += u64::from(!ok);
    note(step("format", cargo().args(["fmt", "--all", "--check"]))?.ok);
    note(
        step(
            "lints",
            cargo().args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]),
        )?
        .ok,
    );
    note(report("crate arrows", &arrows::faults()?));
    note(report("places of files and of unsafe code", &layout::faults()?));
    note(step("build", cargo().args(["build", "--workspace", "--bins", "--quiet"]))?.ok);

    let others = format!("not ({IN_NAMESPACES})");
    let (units_ok, units) = nextest::run("unit tests", &["-E", &others])?;
    let (hosts_ok, hosts) = if is_root() {
        nextest::run(
            "end-to-end tests in network namespaces",
            &["-E", IN_NAMESPACES, "--run-ignored", "all"],
        )?
    } else {
        println!("{:<58}skipped: they need root", "end-to-end tests in network namespaces");
        (true, nextest::Tally::default())
    };
    for (ok, tally) in [(units_ok, units), (hosts_ok, hosts)] {
        note(ok || tally.failed > 0);
    }

    note(
        step(
            "models of shared memory",
            cargo()
                .env("RUSTFLAGS", "--cfg loom")
                .env("CARGO_TARGET_DIR", checkout().join("target/loom"))
                .args(["test", "--quiet", "-p", "session", "--lib", "model::"]),
        )?
        .ok,
    );
    let docs = cargo()
        .env("RUSTDOCFLAGS", "-D warnings")
        .args(["doc", "--no-deps", "--workspace", "--quiet"])
        .status_step("docs")?;
    note(docs);
    note(step("examples in docs", cargo().args(["test", "--doc", "--workspace", "--quiet"]))?.ok);

    let (passed, failed) = (units.passed + hosts.passed, units.failed + hosts.failed);
    let skipped = nextest::count().unwrap_or(passed + failed).saturating_sub(passed + failed);
    if broken > 0 {
        println!("{broken} steps failed beside the tests");
    }
    println!("in {}", in_words(start.elapsed()));
    println!("{passed} passed, {} failed, {skipped} skipped", failed + broken);
    Ok(if failed + broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs the packages that building and testing need, where some are missing.
fn install() -> Result<()> {
    let script = checkout().join("dpdk-build/install.sh");
    if !step("packages", program(script).arg("--test"))?.ok {
        bail!(
            "packages are missing and cannot be installed; as root: dpdk-build/install.sh --test"
        );
    }
    Ok(())
}

trait StatusStep {
    fn status_step(&mut self, title: &str) -> Result<bool>;
}

impl StatusStep for std::process::Command {
    fn status_step(&mut self, title: &str) -> Result<bool> {
        Ok(step(title, self)?.ok)
    }
}
