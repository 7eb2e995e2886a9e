//! `cargo xtask demo`: installs, builds release, and hands over to the show itself, which is an
//! example of `testkit` (`examples/demo.rs`): it stands on the same hosts as the end-to-end tests.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

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
    let target = target_folder()?;
    let release = target.join("release");
    let mut command = program(target.join("debug/examples/demo"));
    command.arg(release.join("sallyportd")).arg(release.join("sallyctl"));
    if keep {
        command.arg("--keep");
    }
    guarded(&mut command)
}

/// Runs the show in a process group of its own, so that Ctrl-C does not strike its hosts and its
/// daemon before it can clean up; it is told to end, and waited for. Its status is ours.
fn guarded(command: &mut Command) -> Result<ExitCode> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&asked)).context("catch a signal")?;
    }
    let mut show = command.stdin(Stdio::null()).process_group(0).spawn().context("run the demo")?;
    let pid = Pid::from_raw(i32::try_from(show.id()).context("a process id")?);
    loop {
        if let Some(status) = show.try_wait().context("wait for the demo")? {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            return Ok(ExitCode::from(code));
        }
        if asked.swap(false, Ordering::Relaxed) {
            kill(pid, Signal::SIGTERM).context("tell the demo to end")?;
        }
        sleep(Duration::from_millis(50));
    }
}

fn target_folder() -> Result<std::path::PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(checkout())
        .no_deps()
        .exec()
        .context("read cargo metadata")?;
    Ok(metadata.target_directory.into_std_path_buf())
}
