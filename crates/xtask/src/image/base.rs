//! Base images where no registry can be reached: a stand-in for each is made from Debian's
//! archive and from the Rust toolchain of this machine, under the name that the Dockerfile asks
//! for. Where a registry answers, its images are taken.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{must, output};
use crate::step::{program, step};

const DEBIAN: &str = "docker.io/library/debian:bookworm-slim";
const RUST: &str = "docker.io/library/rust:1.95-bookworm";

/// Makes sure that both base images are there.
pub(super) fn ensure() -> Result<()> {
    if !available(DEBIAN)? {
        make_debian()?;
    }
    if !available(RUST)? {
        make_rust()?;
    }
    Ok(())
}

/// Whether an image is here, or can be had within a minute or two.
fn available(image: &str) -> Result<bool> {
    let here = output(program("podman").args(["images", "--quiet", image]))?;
    if !here.trim().is_empty() {
        return Ok(true);
    }
    let pull = program("timeout")
        .args(["120", "podman", "pull", "--quiet", image])
        .output()
        .context("run podman")?;
    Ok(pull.status.success())
}

/// Minimal Debian 12, with the certificates that this machine trusts.
fn make_debian() -> Result<()> {
    let folder = tempfile_folder("debian")?;
    let script = format!(
        r"set -eu
        debootstrap --variant=minbase bookworm '{root}'
        mkdir -p '{root}/etc/ssl/certs'
        cp -aL /etc/ssl/certs/. '{root}/etc/ssl/certs/' 2>/dev/null || true
        rm -rf '{root}'/var/cache/apt/archives/*.deb '{root}'/var/lib/apt/lists/*
        tar -C '{root}' -c . | podman import - {DEBIAN}
        rm -rf '{root}'",
        root = folder.display()
    );
    shell("stand-in for debian:bookworm-slim (debootstrap)", &script)
}

/// That, and the toolchain in use here, with what the usual Rust image has beside it.
fn make_rust() -> Result<()> {
    let toolchain = output(program("rustc").args(["--print", "sysroot"]))?;
    let script = format!(
        r#"set -eu
        container=$(buildah from {DEBIAN})
        trap 'buildah rm "$container" >/dev/null' EXIT
        buildah copy --quiet "$container" '{toolchain}' /usr/local/rust
        buildah config --env PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
        buildah run --isolation chroot --network=host "$container" -- sh -c \
            'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ca-certificates gcc git libc6-dev && rm -rf /var/lib/apt/lists/*'
        buildah commit --quiet "$container" {RUST}"#,
        toolchain = toolchain.trim(),
    );
    shell("stand-in for rust:1.95-bookworm (this toolchain)", &script)
}

fn shell(title: &str, script: &str) -> Result<()> {
    must(step(title, program("sh").args(["-c", script]))?.ok)
}

/// A folder on a disk, not in memory: a Debian takes 300 MB.
fn tempfile_folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new("/var/tmp").join(format!("sallyport-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}
