//! Facts about hugepages, read and never changed: for the check before EAL starts, and for a doctor.

use core::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

const SIZES: &str = "/sys/kernel/mm/hugepages";
const NODES: &str = "/sys/devices/system/node";
const MOUNTS: &str = "/proc/self/mounts";

/// The pages of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugepageSize {
    /// Size of a page in KiB: 2048 and 1048576 on x86.
    pub kib: u64,
    /// Pages that the kernel holds ready.
    pub total: u64,
    /// Of these, the pages that nobody has taken or been promised.
    pub free: u64,
}

/// The pages of one NUMA node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeHugepages {
    /// Number of the node.
    pub node: u32,
    /// Per page size, greatest first.
    pub sizes: Vec<HugepageSize>,
}

/// A mounted hugetlbfs. With `--in-memory`, which Sallyport uses, none is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugetlbfsMount {
    /// Where it is mounted.
    pub path: PathBuf,
    /// Its mount options, which hold the page size.
    pub options: String,
}

/// What the machine has of hugepages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hugepages {
    /// Per page size, greatest first.
    pub sizes: Vec<HugepageSize>,
    /// Per NUMA node; empty where the kernel has no nodes.
    pub nodes: Vec<NodeHugepages>,
    /// Mounted hugetlbfs.
    pub mounts: Vec<HugetlbfsMount>,
}

impl Hugepages {
    /// Reads the state of this machine.
    pub fn read() -> io::Result<Self> {
        Self::read_from(Path::new("/"))
    }

    fn read_from(root: &Path) -> io::Result<Self> {
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        Ok(Self {
            sizes: sizes_in(&below(SIZES))?,
            nodes: nodes_in(&below(NODES))?,
            mounts: mounts_in(&fs::read_to_string(below(MOUNTS))?),
        })
    }

    /// MiB that are free, over all page sizes.
    pub fn free_mib(&self) -> u64 {
        self.sizes.iter().map(|size| size.free * size.kib / 1024).sum()
    }

    /// What is missing for `memory_mib`, or `None` if it is there.
    pub fn shortage(&self, memory_mib: u64) -> Option<HugepageShortage> {
        let free_mib = self.free_mib();
        if free_mib >= memory_mib && free_mib > 0 {
            return None;
        }
        // The remedy speaks of the smallest pages: they can be had without a restart.
        let smallest = self.sizes.last().copied();
        Some(HugepageShortage { memory_mib, free_mib, size: smallest })
    }
}

/// Too few hugepages are free. Its text says how many are needed, and the command that gets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugepageShortage {
    /// What was asked for, in MiB.
    pub memory_mib: u64,
    /// What is free, in MiB.
    pub free_mib: u64,
    /// The smallest page size that the kernel has, or `None` if it has none.
    pub size: Option<HugepageSize>,
}

impl fmt::Display for HugepageShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_mib, free_mib, size } = *self;
        let Some(HugepageSize { kib, total, free }) = size else {
            return write!(
                f,
                "{memory_mib} MiB of hugepages are needed and this kernel has none; use ordinary memory \
                 (hugepages = false)"
            );
        };
        let missing = ((memory_mib.saturating_sub(free_mib)) * 1024).div_ceil(kib).max(1);
        let needed = (memory_mib * 1024).div_ceil(kib).max(1);
        write!(
            f,
            "{memory_mib} MiB of hugepages are needed ({needed} of {kib} kB) and {free_mib} MiB are free \
             ({free} of {total} pages of {kib} kB); as root: \
             echo {} > {SIZES}/hugepages-{kib}kB/nr_hugepages",
            total + missing
        )
    }
}

impl core::error::Error for HugepageShortage {}

/// The sizes in a directory such as /sys/kernel/mm/hugepages, greatest first. A kernel without hugepages
/// has no such directory.
fn sizes_in(directory: &Path) -> io::Result<Vec<HugepageSize>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut sizes = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(kib) = name
            .to_str()
            .and_then(|name| name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok())
        else {
            continue;
        };
        let total = number_in(&entry.path().join("nr_hugepages"))?;
        let free = number_in(&entry.path().join("free_hugepages"))?;
        // Nodes have no file for what is promised.
        let promised = number_in(&entry.path().join("resv_hugepages")).unwrap_or(0);
        sizes.push(HugepageSize { kib, total, free: free.saturating_sub(promised) });
    }
    sizes.sort_by_key(|size| core::cmp::Reverse(size.kib));
    Ok(sizes)
}

fn nodes_in(directory: &Path) -> io::Result<Vec<NodeHugepages>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut nodes = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("node")?.parse().ok());
        if let Some(node) = number {
            nodes.push(NodeHugepages { node, sizes: sizes_in(&entry.path().join("hugepages"))? });
        }
    }
    nodes.sort_by_key(|node| node.node);
    Ok(nodes)
}

fn number_in(file: &Path) -> io::Result<u64> {
    fs::read_to_string(file)?
        .trim()
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The hugetlbfs lines of a file such as /proc/self/mounts: device, path, type, options.
fn mounts_in(text: &str) -> Vec<HugetlbfsMount> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (path, kind, options) = (words.next()?, words.next()?, words.next()?);
            (kind == "hugetlbfs")
                .then(|| HugetlbfsMount { path: path.into(), options: options.into() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(root: &Path, below: &str, kib: u64, numbers: [u64; 3]) {
        let directory = root.join(below).join(format!("hugepages-{kib}kB"));
        fs::create_dir_all(&directory).unwrap();
        for (file, number) in
            ["nr_hugepages", "free_hugepages", "resv_hugepages"].iter().zip(numbers)
        {
            fs::write(directory.join(file), format!("{number}\n")).unwrap();
        }
    }

    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        size(root.path(), "sys/kernel/mm/hugepages", 2048, [64, 40, 8]);
        size(root.path(), "sys/kernel/mm/hugepages", 1_048_576, [1, 1, 0]);
        size(root.path(), "sys/devices/system/node/node1/hugepages", 2048, [64, 40, 0]);
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(
            root.path().join("proc/self/mounts"),
            "proc /proc proc rw 0 0\nnodev /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n",
        )
        .unwrap();
        root
    }

    #[test]
    fn reads_sizes_nodes_and_mounts() {
        let root = machine();
        let pages = Hugepages::read_from(root.path()).unwrap();
        let big = HugepageSize { kib: 1_048_576, total: 1, free: 1 };
        let small = HugepageSize { kib: 2048, total: 64, free: 32 };
        assert_eq!(pages.sizes, [big, small]);
        assert_eq!(pages.free_mib(), 1024 + 64);
        let on_node = HugepageSize { free: 40, ..small };
        assert_eq!(pages.nodes, [NodeHugepages { node: 1, sizes: vec![on_node] }]);
        assert_eq!(pages.mounts.len(), 1);
        assert_eq!(pages.mounts[0].path, Path::new("/dev/hugepages"));
        assert_eq!(pages.mounts[0].options, "rw,pagesize=2M");
    }

    #[test]
    fn a_shortage_names_what_is_needed_and_the_command() {
        let root = machine();
        let pages = Hugepages::read_from(root.path()).unwrap();
        assert_eq!(pages.shortage(1088), None);
        assert_eq!(
            pages.shortage(1200).unwrap().to_string(),
            "1200 MiB of hugepages are needed (600 of 2048 kB) and 1088 MiB are free (32 of 64 pages of \
             2048 kB); as root: echo 120 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
        );
    }

    #[test]
    fn a_kernel_without_hugepages_is_told_apart() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(root.path().join("proc/self/mounts"), "").unwrap();
        let pages = Hugepages::read_from(root.path()).unwrap();
        assert_eq!(pages.sizes, []);
        let text = pages.shortage(512).unwrap().to_string();
        assert!(text.contains("this kernel has none"), "{text}");
    }
}
