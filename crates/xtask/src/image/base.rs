//! Base images where no registry can be reached: a stand-in for each is made from Debian's
//! archive and from the Rust toolchain of this machine, under the name that the Dockerfile asks
//! for. Where a registry answers, its images are taken.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::must;
use crate::step::{output, program, step};

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

/// Minimal Debian 12, with the certificates that this machine trusts. As in the image it stands
/// for, documentation and translations are neither there nor installed later, and apt keeps
/// nothing that it can make or fetch again.
fn make_debian() -> Result<()> {
    let folder = disk_folder("debian")?;
    let script = format!(
        r#"set -eu
        trap 'rm -rf "{root}"' EXIT
        debootstrap --variant=minbase bookworm '{root}'
        cd '{root}'
        mkdir -p etc/ssl/certs
        cp -aL /etc/ssl/certs/. etc/ssl/certs/ 2>/dev/null || true
        for suite in bookworm bookworm-updates; do
            echo "deb http://deb.debian.org/debian $suite main"
        done > etc/apt/sources.list
        echo "deb http://deb.debian.org/debian-security bookworm-security main" >> etc/apt/sources.list
        for folder in doc info locale man; do
            echo "path-exclude /usr/share/$folder/*" >> etc/dpkg/dpkg.cfg.d/slim
            rm -rf usr/share/$folder/*
        done
        printf '%s\n' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
            'DPkg::Post-Invoke {{ "rm -f /var/cache/apt/archives/*.deb"; }};' > etc/apt/apt.conf.d/slim
        rm -rf var/cache/apt/archives/*.deb var/cache/apt/*.bin var/lib/apt/lists/* var/log/*.log
        tar -c . | podman import - {DEBIAN}"#,
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
        for folder in bin lib; do
            buildah copy --quiet "$container" '{toolchain}'/$folder /usr/local/rust/$folder
        done
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
fn disk_folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new("/var/tmp").join(format!("sallyport-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}
