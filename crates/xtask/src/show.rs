//! Handing over to a show: an example of `testkit`, which has the hosts in network namespaces that this crate has not.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::step::checkout;

/// Runs the show in a process group of its own, so that Ctrl-C does not strike its hosts and its
/// daemon before it can clean up; it is told to end, and waited for. Its status is ours.
pub(crate) fn guarded(command: &mut Command) -> Result<ExitCode> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&asked)).context("catch a signal")?;
    }
    let mut show = command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    let pid = Pid::from_raw(i32::try_from(show.id()).context("a process id")?);
    loop {
        if let Some(status) = show.try_wait().context("wait for the show")? {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            return Ok(ExitCode::from(code));
        }
        if asked.swap(false, Ordering::Relaxed) {
            kill(pid, Signal::SIGTERM).context("tell the show to end")?;
        }
        sleep(Duration::from_millis(50));
    }
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(checkout())
        .no_deps()
        .exec()
        .context("read cargo metadata")?;
    Ok(metadata.target_directory.into_std_path_buf())
}
