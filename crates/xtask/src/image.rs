//! `cargo xtask image`.
use std::process::ExitCode;
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    crate::step::installed("podman");
    anyhow::bail!("x")
}
