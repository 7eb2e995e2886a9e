//! The directory in which EAL keeps its files, and what dead processes left beside it.
//!
//! EAL makes `<base>/dpdk/<file prefix>` and never removes it. With a prefix per process these would pile up.

use std::fs::{self, File, TryLockError};
use std::path::Path;

/// Start of every file prefix that Sallyport chooses; the process's number follows.
pub(crate) const PREFIX: &str = "sallyport-";

/// Removes the directories of dead Sallyport processes beside `own`, and says how many.
///
/// A directory stays if its process lives, or if one of its files is locked: EAL locks the files of its
/// memory, which a process of another container with the same number space of its own may have done.
pub(crate) fn remove_stale(own: &Path) -> usize {
    let Some(Ok(entries)) = own.parent().map(fs::read_dir) else {
        return 0;
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path() != own)
        .filter(|entry| {
            let name = entry.file_name();
            let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
            process.is_some_and(|process| !lives(process)) && !any_locked(&entry.path())
        })
        .filter(|entry| fs::remove_dir_all(entry.path()).is_ok())
        .count()
}

fn lives(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

fn any_locked(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return true;
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| File::open(entry.path()).ok())
        .any(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Greater than the kernel's greatest possible process number (2^22).
    const DEAD: u32 = 4_194_999;

    #[test]
    fn only_dead_processes_of_ours_lose_their_directory() {
        let base = tempfile::tempdir().unwrap();
        let directory = |name: String| {
            let path = base.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("fbarray_memseg"), "x").unwrap();
            path
        };
        let own = directory(format!("{PREFIX}{}", std::process::id()));
        let living = directory(format!("{PREFIX}1"));
        let dead = directory(format!("{PREFIX}{DEAD}"));
        let locked = directory(format!("{PREFIX}{}", DEAD + 1));
        let foreign = directory("rte".into());
        let lock = File::open(locked.join("fbarray_memseg")).unwrap();
        lock.lock_shared().unwrap();

        assert_eq!(remove_stale(&own), 1);
        assert!(!dead.exists());
        for kept in [&own, &living, &locked, &foreign] {
            assert!(kept.exists(), "{}", kept.display());
        }
    }
}
