//! `cargo xtask vm-test`: the firewall in a virtual machine, on NICs that compute RSS.
//!
//! Here everything is made ready: packages, a kernel, the programs, an initramfs with the configuration of
//! `configs/appliance.toml`. What then happens is an example of `testkit` (`examples/vm`), which stands on the same
//! hosts as the end-to-end tests. QEMU emulates in software, so that it runs wherever the tests run.

mod configuration;
mod initramfs;
mod kernel;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::show;
use crate::step::{cargo, checkout, is_root, program, step};

pub(crate) fn run(nics: &[&str]) -> Result<ExitCode> {
    if !is_root() {
        bail!("the test makes network namespaces and tap devices: run it as root");
    }
    let packages = step("packages", program(checkout().join("dpdk-build/install.sh")).arg("--vm"))?;
    if !packages.ok {
        bail!("packages are missing and cannot be installed: dpdk-build/install.sh --vm");
    }
    // Not optimised, but with overflow checks; emulation is what takes the time.
    let build =
        step("build", cargo().args(["build", "--quiet", "-p", "sallyportd", "-p", "sallyctl"]))?;
    let example = step(
        "build the test",
        cargo().args(["build", "--quiet", "-p", "testkit", "--example", "vm"]),
    )?;
    if !build.ok || !example.ok {
        bail!("the build failed");
    }
    let target = show::target_folder()?;
    let folder = target.join("vm");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let kernel = kernel::ensure(&folder)?;
    initramfs::make(&folder, &kernel, &target.join("debug"))?;
    let mut command = program(target.join("debug/examples/vm"));
    command.arg(&kernel.image).arg(folder.join(initramfs::FILE)).args(nics);
    show::guarded(&mut command)
}
