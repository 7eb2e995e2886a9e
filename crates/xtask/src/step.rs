//! One step: a program run in the checkout, its output kept back unless it fails.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The folder of the workspace.
pub(crate) fn checkout() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).map_or(manifest.clone(), PathBuf::from)
}

/// The cargo that started us.
pub(crate) fn cargo() -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsStr::new("cargo").to_owned()));
    command.current_dir(checkout());
    command
}

/// A program in the checkout.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(checkout());
    command
}

/// What a step left.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Whether its exit status was 0.
    pub(crate) ok: bool,
    /// Standard output and standard error, one after the other.
    pub(crate) output: String,
}

/// Runs a step under a title: one line if it goes well, all its output if not.
pub(crate) fn step(title: &str, command: &mut Command) -> Result<Finished> {
    print!("{title:<58}");
    stdout().flush().context("write to standard output")?;
    let start = now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    let ok = output.status.success();
    println!("{} {:>6.1} s", if ok { "ok    " } else { "FAILED" }, start.elapsed().as_secs_f64());
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    write!(text, "{}", String::from_utf8_lossy(&output.stderr)).context("join output")?;
    if !ok {
        println!("{}", text.trim_end());
    }
    Ok(Finished { ok, output: text })
}

/// What a program printed; an error with all it said if it failed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output()?;
    let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        bail!("{command:?}: {}{stdout}{}", done.status, String::from_utf8_lossy(&done.stderr));
    }
    Ok(stdout)
}

/// Reports a check that runs in this process: one line, and its faults.
pub(crate) fn report(title: &str, faults: &[String]) -> bool {
    println!("{title:<58}{}", if faults.is_empty() { "ok" } else { "FAILED" });
    for fault in faults {
        println!("  {fault}");
    }
    faults.is_empty()
}

/// Whether this process may make namespaces and install packages.
pub(crate) fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .and_then(|ids| ids.split_whitespace().nth(1))
            == Some("0")
    })
}

/// How long the whole took, in words.
pub(crate) fn in_words(time: Duration) -> String {
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

#[expect(clippy::disallowed_methods, reason = "a developers' command measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
