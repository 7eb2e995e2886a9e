//! Where facts come from: files below a root, and commands that only ask. Both are given, so that tests examine
//! machines that they made up. Nothing here changes anything.

use core::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cpu_set::CpuSet;

/// Runs a command and returns what it wrote, or none if it is not there or fails.
type Runner = dyn Fn(&[&str]) -> Option<String>;

/// The machine under examination.
pub(super) struct Machine {
    root: PathBuf,
    run: Box<Runner>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, run: _ } = self;
        f.debug_struct("Machine").field("root", root).finish_non_exhaustive()
    }
}

impl Machine {
    /// The one that this program runs on.
    pub(super) fn this() -> Self {
        Self::new(PathBuf::from("/"), Box::new(run))
    }

    pub(super) fn new(root: PathBuf, run: Box<Runner>) -> Self {
        Self { root, run }
    }

    /// Runs a command that asks the machine something.
    pub(super) fn ask(&self, words: &[&str]) -> Option<String> {
        (self.run)(words)
    }

    /// A file's text without the blanks around it.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        Some(fs::read_to_string(self.below(path)).ok()?.trim().to_owned())
    }

    /// A file that holds a number.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// A file that holds a list of CPUs; none: there is no such file.
    pub(super) fn cpus(&self, path: &str) -> Option<CpuSet> {
        self.text(path).map(|text| CpuSet::parse(&text))
    }

    /// Whether there is something of that name.
    pub(super) fn has(&self, path: &str) -> bool {
        self.below(path).symlink_metadata().is_ok()
    }

    /// The last part of what a symbolic link points to: how sysfs names drivers and groups.
    pub(super) fn link_name(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.below(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// The names in a directory, sorted; empty if there is none.
    pub(super) fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.below(path)).into_iter().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
        let mut names: Vec<String> = entries.filter_map(|entry| name(entry.ok()?)).collect();
        names.sort_unstable();
        names
    }

    /// What tells one namespace's file from another's.
    pub(super) fn inode(&self, path: &str) -> Option<u64> {
        fs::metadata(self.below(path)).ok().map(|data| data.ino())
    }

    fn below(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path).strip_prefix("/").unwrap_or(Path::new(path)))
    }
}

fn run(words: &[&str]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
