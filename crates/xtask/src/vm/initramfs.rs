//! The root file system of the virtual machine, in memory: busybox, the two programs with every library that they
//! load, the drivers of DPDK and the modules of the kernel that the NICs need.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::configuration;
use super::kernel::Kernel;
use crate::step::{output, program, step};

/// Its name in the folder of the test.
pub(super) const FILE: &str = "initramfs.gz";

const INIT: &str = include_str!("init.sh");

const PROGRAMS: [&str; 2] = ["sallyportd", "sallyctl"];

/// Plugins of DPDK: buses, the mempool, and a driver for each NIC that QEMU emulates for the test.
const PLUGINS: [&str; 6] =
    ["bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio", "net_vmxnet3"];

/// In the order in which they need each other. Of some kernels one or the other is built in or gone.
const MODULES: [&str; 6] = [
    "virt/lib/irqbypass",
    "drivers/vfio/vfio",
    "drivers/vfio/vfio_virqfd",
    "drivers/vfio/vfio_iommu_type1",
    "drivers/vfio/pci/vfio-pci-core",
    "drivers/vfio/pci/vfio-pci",
];

const FOLDERS: [&str; 12] = [
    "bin",
    "dev",
    "etc/sallyport",
    "modules",
    "proc",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "var/log/sallyport",
];

/// Users and groups that the configuration names.
const PASSWD: &str = "root:x:0:0:root:/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nnetops:x:100:\nnetadmin:x:101:\n";

/// Makes it anew; `programs` is where cargo puts them.
pub(super) fn make(folder: &Path, kernel: &Kernel, programs: &Path) -> Result<()> {
    let tree = Tree { root: folder.join("root") };
    if tree.root.exists() {
        fs::remove_dir_all(&tree.root).context("remove the last root file system")?;
    }
    tree.lay_out()?;
    tree.fill(kernel, programs)?;
    let packed = step(
        "root file system",
        program("sh")
            .args(["-c", "cd \"$1\" && find . | cpio --quiet -o -H newc | gzip -1 >\"$2\"", "sh"])
            .arg(&tree.root)
            .arg(folder.join(FILE)),
    )?;
    if !packed.ok {
        bail!("there is no root file system for the virtual machine");
    }
    Ok(())
}

/// A root file system that comes into being.
struct Tree {
    root: PathBuf,
}

impl Tree {
    fn lay_out(&self) -> Result<()> {
        for name in FOLDERS {
            let path = self.root.join(name);
            fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        }
        // As in Debian.
        for (name, target) in [("lib", "usr/lib"), ("lib64", "usr/lib64"), ("var/run", "/run")] {
            symlink(target, self.root.join(name)).context("make a link")?;
        }
        Ok(())
    }

    fn fill(&self, kernel: &Kernel, programs: &Path) -> Result<()> {
        self.write("init", INIT)?;
        fs::set_permissions(self.root.join("init"), fs::Permissions::from_mode(0o755))
            .context("make init a program")?;
        self.write("etc/passwd", PASSWD)?;
        self.write("etc/group", GROUP)?;
        self.write("etc/sallyport/sallyport.toml", &configuration::text()?)?;
        self.copy(Path::new("/bin/busybox"), "bin/busybox")?;

        let mut files: BTreeSet<PathBuf> = BTreeSet::new();
        for name in PROGRAMS {
            let built = programs.join(name);
            files.extend(libraries(&built)?);
            // Symbols would fill the machine's memory.
            output(
                program("strip").arg("-o").arg(self.root.join("usr/bin").join(name)).arg(&built),
            )?;
        }
        let plugins = plugins()?;
        for name in PLUGINS {
            let plugin = plugins.join(format!("librte_{name}.so"));
            files.extend(libraries(&plugin)?);
            files.insert(plugin);
        }
        for file in &files {
            self.put(file)?;
        }

        let mut order = String::new();
        for module in MODULES {
            let file = kernel.modules.join(module).with_extension("ko");
            let name = Path::new(module).file_name().unwrap_or_default().to_string_lossy();
            if file.exists() {
                self.copy(&file, &format!("modules/{name}.ko"))?;
                order.push_str(&name);
                order.push('\n');
            }
        }
        self.write("modules/order", &order)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.root.join(name), text).with_context(|| format!("write {name}"))
    }

    fn copy(&self, from: &Path, name: &str) -> Result<()> {
        fs::copy(from, self.root.join(name)).with_context(|| format!("copy {}", from.display()))?;
        Ok(())
    }

    /// Puts a file where it is on this machine, with every link that leads to it. A library that were there twice
    /// would be loaded twice, and DPDK's register what they have when they are loaded.
    fn put(&self, file: &Path) -> Result<()> {
        let mut path = below_real_folder(file)?;
        loop {
            let inside = self.root.join(path.strip_prefix("/").context("an absolute path")?);
            if inside.symlink_metadata().is_ok() {
                return Ok(());
            }
            if let Some(folder) = inside.parent() {
                fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
            }
            let Ok(target) = fs::read_link(&path) else {
                fs::copy(&path, &inside).with_context(|| format!("copy {}", path.display()))?;
                return Ok(());
            };
            symlink(&target, &inside).with_context(|| format!("link {}", inside.display()))?;
            let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
            path = below_real_folder(&folder.join(target))?;
        }
    }
}

/// The path of a file, or of a link to one, whose folder is no link.
fn below_real_folder(path: &Path) -> Result<PathBuf> {
    let folder = path.parent().context("a file in a folder")?;
    let name = path.file_name().context("a file with a name")?;
    let folder = folder.canonicalize().with_context(|| format!("find {}", folder.display()))?;
    Ok(folder.join(name))
}

/// Every shared library that a program or a plugin loads.
fn libraries(file: &Path) -> Result<Vec<PathBuf>> {
    let listed = output(program("ldd").arg(file))?;
    let paths = listed.split_whitespace().filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}

/// Where the distribution's DPDK has its plugins.
fn plugins() -> Result<PathBuf> {
    let folder = output(program("pkg-config").args(["--variable=libdir", "libdpdk"]))?;
    let folder = Path::new(folder.trim()).join("dpdk");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?.flatten();
    entries
        .map(|entry| entry.path())
        .find(|path| path.join("librte_bus_pci.so").exists())
        .with_context(|| format!("no plugins of DPDK in {}", folder.display()))
}
