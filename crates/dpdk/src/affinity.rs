//! Which CPU a thread runs on, and which socket a CPU belongs to: the one place that pins.

use std::path::Path;
use std::{fs, io};

use core_affinity::CoreId;

/// A thread could not be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The kernel knows no such number.
    #[error("there is no CPU {core}: the greatest number possible is {greatest}")]
    NoSuchCore {
        /// The CPU asked for.
        core: u32,
        /// What a CPU set can hold.
        greatest: u32,
    },
    /// The kernel refused.
    #[error(
        "this thread may not run on CPU {core}: {source}; the CPU must be online and in the process's \
         CPU set (see /proc/self/status, Cpus_allowed_list)"
    )]
    Refused {
        /// The CPU asked for.
        core: u32,
        /// The system's answer.
        source: io::Error,
    },
}

/// Pins the calling thread to one CPU; threads it starts afterwards inherit that.
pub fn pin_current_thread(core: u32) -> Result<(), PinError> {
    let greatest = libc::CPU_SETSIZE.cast_unsigned() - 1;
    if core > greatest {
        return Err(PinError::NoSuchCore { core, greatest });
    }
    if core_affinity::set_for_current(CoreId { id: core as usize }) {
        Ok(())
    } else {
        Err(PinError::Refused { core, source: io::Error::last_os_error() })
    }
}

/// The NUMA node of a CPU, or `None` where the kernel does not say (no such CPU, or one node only).
pub fn socket_of_core(core: u32) -> Option<u32> {
    socket_in(&Path::new("/sys/devices/system/cpu").join(format!("cpu{core}")))
}

fn socket_in(cpu: &Path) -> Option<u32> {
    fs::read_dir(cpu)
        .ok()?
        .filter_map(Result::ok)
        .find_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_runs_there() {
        std::thread::spawn(|| {
            pin_current_thread(0).unwrap();
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_cpu_that_is_not_there_is_named() {
        assert!(matches!(pin_current_thread(1000), Err(PinError::Refused { core: 1000, .. })));
        assert!(matches!(pin_current_thread(5000), Err(PinError::NoSuchCore { core: 5000, .. })));
    }

    #[test]
    fn the_node_is_the_number_of_the_link() {
        let cpu = tempfile::tempdir().unwrap();
        fs::create_dir(cpu.path().join("topology")).unwrap();
        assert_eq!(socket_in(cpu.path()), None);
        fs::create_dir(cpu.path().join("node3")).unwrap();
        assert_eq!(socket_in(cpu.path()), Some(3));
    }
}
