//! The virtual machine's kernel: Debian's for clouds, which has vfio-pci and Intel's IOMMU. It is unpacked and not
//! installed, since an installed kernel would be this machine's own at its next start.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::step::{output, program, step};

/// Depends on the newest one.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// A kernel, unpacked.
#[derive(Debug)]
pub(super) struct Kernel {
    /// What QEMU loads.
    pub(super) image: PathBuf,
    /// The folder of its modules.
    pub(super) modules: PathBuf,
}

/// Unpacks the newest kernel below `folder`, if it is not there.
pub(super) fn ensure(folder: &Path) -> Result<Kernel> {
    let listed = output(program("apt-cache").args(["depends", PACKAGE]))?;
    let package = listed
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: linux-image-"))
        .with_context(|| format!("{PACKAGE} depends on no kernel"))?;
    let root = folder.join(package);
    let kernel = Kernel {
        image: root.join("boot").join(format!("vmlinuz-{package}")),
        modules: root.join("lib/modules").join(package).join("kernel"),
    };
    if kernel.image.exists() {
        return Ok(kernel);
    }
    let unpacked = step(
        &format!("kernel {package}"),
        program("sh").args(["-c", UNPACK, "sh"]).arg(&root).arg(format!("linux-image-{package}")),
    )?;
    if !unpacked.ok || !kernel.image.exists() {
        bail!("there is no kernel for the virtual machine");
    }
    Ok(kernel)
}

/// Arguments: a folder and a package. The folder is there only if everything in it is. An index that is old names
/// packages that are gone.
const UNPACK: &str = r#"set -eu
rm -rf "$1" "$1.part"
mkdir -p "$1.part/package"
cd "$1.part/package"
apt-get download "$2" || { apt-get update && apt-get download "$2"; }
dpkg-deb -x ./*.deb ..
cd /
rm -r "$1.part/package"
mv "$1.part" "$1"
"#;
