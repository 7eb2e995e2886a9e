//! `cargo xtask differential`: the comparison with the kernel's connection tracking, longer than the test and by
//! another seed. The comparison itself is a test of `engine`; its output is shown as it comes.

use std::env;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::step::{cargo, is_root};

/// Seconds that a run takes if nothing else is said.
const SECONDS: &str = "600";

pub(crate) fn run() -> Result<ExitCode> {
    if !is_root() {
        bail!("the comparison makes network namespaces: run it as root");
    }
    let seed = match env::var("DIFFERENTIAL_SEED") {
        Ok(seed) => seed,
        Err(_) => new_seed()?,
    };
    let seconds = env::var("DIFFERENTIAL_SECONDS").unwrap_or_else(|_| SECONDS.to_owned());
    let words = ["test", "-p", "engine", "--test", "differential", "--"];
    let status = cargo()
        .args(words)
        .args(["--nocapture", "--test-threads", "1"])
        .env("DIFFERENTIAL_SEED", seed)
        .env("DIFFERENTIAL_SECONDS", seconds)
        .status()
        .context("run the comparison")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A run without a seed looks where none has looked; the report names the seed.
#[expect(clippy::disallowed_methods, reason = "the time is a seed that was not used before")]
fn new_seed() -> Result<String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")?;
    Ok(since.as_secs().to_string())
}
