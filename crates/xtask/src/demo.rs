//! `cargo xtask demo`: installs, builds release, and hands over to the show itself, which is an
//! example of `testkit` (`examples/demo.rs`): it stands on the same hosts as the end-to-end tests.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::show;
use crate::step::{cargo, checkout, is_root, program, step};

pub(crate) fn run(keep: bool) -> Result<ExitCode> {
    if !is_root() {
        bail!("the demo makes network namespaces and tap devices: run it as root");
    }
    let script = checkout().join("dpdk-build/install.sh");
    if !step("packages", &mut program(script))?.ok {
        bail!("packages are missing and cannot be installed: dpdk-build/install.sh");
    }
    let build = step(
        "build release (some minutes the first time)",
        cargo().args(["build", "--release", "--quiet", "-p", "sallyportd", "-p", "sallyctl"]),
    )?;
    let show = step(
        "build the demo",
        cargo().args(["build", "--quiet", "-p", "testkit", "--example", "demo"]),
    )?;
    if !build.ok || !show.ok {
        bail!("the build failed");
    }
    let target = show::target_folder()?;
    let release = target.join("release");
    let mut command = program(target.join("debug/examples/demo"));
    command.arg(release.join("sallyportd")).arg(release.join("sallyctl"));
    if keep {
        command.arg("--keep");
    }
    show::guarded(&mut command)
}
