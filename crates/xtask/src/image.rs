//! `cargo xtask image`: builds the images of `docker/Dockerfile` and runs them as
//! `docker/compose.yaml` would, with buildah and podman, which need no engine and no registry.

mod base;
mod trial;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::step::{checkout, is_root, output, program, step};

/// Targets of the Dockerfile and the images they become, as compose.yaml names them.
const IMAGES: [(&str, &str); 3] =
    [("host", "sallyport-host"), ("prometheus", "sallyport-prometheus"), ("firewall", "sallyport")];

pub(crate) fn run() -> Result<ExitCode> {
    if !is_root() {
        bail!("images are built and run as root here");
    }
    must(step("packages", program(checkout().join("dpdk-build/install.sh")).arg("--test"))?.ok)?;
    base::ensure()?;
    for (target, name) in IMAGES {
        must(
            step(
                &format!("image {name} (target {target})"),
                program("buildah")
                    .args(["build", "--isolation", "chroot", "--network=host"])
                    // The other format knows no health checks.
                    .args(["--format", "docker", "--layers"])
                    .args(["--target", target, "--tag", name])
                    .args(["--file", "docker/Dockerfile", "."]),
            )?
            .ok,
        )?;
    }
    trial::run()?;
    let sizes = output(program("podman").args([
        "images",
        "--format",
        "{{.Repository}} {{.Size}}",
        "--filter",
        "reference=localhost/sallyport*",
    ]))?;
    println!("\n{}", sizes.trim_end());
    println!("\nWith Docker: cd docker && docker compose up");
    Ok(ExitCode::SUCCESS)
}

fn must(ok: bool) -> Result<()> {
    if !ok {
        bail!("stopped at the first step that failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> String {
        std::fs::read_to_string(checkout().join(path)).expect("a file of the repository")
    }

    #[test]
    fn compose_names_targets_and_images_that_exist() {
        let (dockerfile, compose) = (read("docker/Dockerfile"), read("docker/compose.yaml"));
        for (target, image) in IMAGES {
            assert!(dockerfile.contains(&format!(" AS {target}\n")), "{target}");
            assert!(compose.contains(&format!("target: {target} }}")), "{target}");
            assert!(compose.contains(&format!("image: {image}\n")), "{image}");
        }
    }

    #[test]
    fn the_ports_of_the_configuration_are_those_that_the_entry_point_makes() {
        let (config, entry) = (read("configs/docker.toml"), read("docker/firewall.sh"));
        for name in ["lan", "wan"] {
            assert!(config.contains(&format!("iface={name},")), "{name} in docker.toml");
            assert!(entry.contains(&format!("_ADDRESS\" {name};")), "{name} in firewall.sh");
        }
    }
}
