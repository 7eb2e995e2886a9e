//! Whether the CPUs of the configuration can be had, asked of all of them before anything starts.

use core::fmt;
use std::collections::BTreeSet;
use std::thread;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::config::PlaneConfig;

/// CPUs that this process may not use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}, but this process may use {} only ({}); name others in [system], or widen the process's CPU set (AllowedCPUs= \
     in the unit, --cpuset-cpus of the container)",
    Named(self),
    Ranges(allowed),
    Counted(allowed.len())
)]
pub struct MissingCores {
    /// The control core, if it is one of them.
    pub control: Option<u32>,
    /// Workers' cores, ascending.
    pub workers: BTreeSet<u32>,
    /// CPUs that may be used.
    pub allowed: BTreeSet<u32>,
}

struct Named<'a>(&'a MissingCores);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissingCores { control, workers, allowed: _ } = self.0;
        if let Some(core) = control {
            write!(f, "control_core names CPU {core}")?;
        }
        if workers.is_empty() {
            return Ok(());
        }
        if control.is_some() {
            f.write_str(" and ")?;
        }
        let cores: Vec<_> = workers.iter().map(u32::to_string).collect();
        match cores.as_slice() {
            [one] => write!(f, "worker_cores names CPU {one}"),
            [first @ .., last] => {
                write!(f, "worker_cores names CPUs {} and {last}", first.join(", "))
            }
            [] => Ok(()),
        }
    }
}

/// As `0-3,8`.
struct Ranges<'a>(&'a BTreeSet<u32>);

impl fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for &core in self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == core => *last = core,
                Some(_) | None => ranges.push((core, core)),
            }
        }
        let texts = ranges.iter().map(|&(first, last)| match last - first {
            0 => first.to_string(),
            _ => format!("{first}-{last}"),
        });
        f.write_str(&texts.collect::<Vec<_>>().join(","))
    }
}

struct Counted(usize);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Refuses CPUs that no thread of this process can be pinned to.
pub(crate) fn check(config: &PlaneConfig) -> Result<(), MissingCores> {
    // Where the kernel does not say, the pinning will.
    allowed().map_or(Ok(()), |allowed| check_against(config, allowed))
}

fn check_against(config: &PlaneConfig, allowed: BTreeSet<u32>) -> Result<(), MissingCores> {
    let control = Some(config.control_core).filter(|core| !allowed.contains(core));
    let workers: BTreeSet<u32> =
        config.worker_cores.iter().copied().filter(|core| !allowed.contains(core)).collect();
    if control.is_none() && workers.is_empty() {
        Ok(())
    } else {
        Err(MissingCores { control, workers, allowed })
    }
}

/// The CPUs that threads of this process can be pinned to. Those it was started on may be fewer (taskset,
/// CPUAffinity=), which keeps no thread from choosing others; so a thread asks for all, and sees what it gets.
pub(crate) fn allowed() -> Option<BTreeSet<u32>> {
    let ask = || {
        let this_thread = Pid::from_raw(0);
        let mut all = CpuSet::new();
        for core in 0..CpuSet::count() {
            all.set(core).ok()?;
        }
        sched_setaffinity(this_thread, &all).ok()?;
        let granted = sched_getaffinity(this_thread).ok()?;
        let cores = (0..CpuSet::count()).zip(0_u32..);
        Some(
            cores
                .filter(|&(core, _)| granted.is_set(core).unwrap_or(false))
                .map(|(_, number)| number)
                .collect(),
        )
    };
    let thread = thread::Builder::new().name("cores".into()).spawn(ask).ok()?;
    thread.join().ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PlaneConfig, Polling};
    use core::time::Duration;

    fn config(control_core: u32, worker_cores: &[u32]) -> PlaneConfig {
        PlaneConfig {
            control_core,
            worker_cores: worker_cores.to_vec(),
            hugepages: false,
            memory: 0,
            polling: Polling::Busy,
            pickup_after_start: Duration::ZERO,
            events: 0,
            eal_args: Vec::new(),
            ports: Vec::new(),
        }
    }

    fn refused(control_core: u32, worker_cores: &[u32], allowed: &[u32]) -> String {
        let allowed = allowed.iter().copied().collect();
        check_against(&config(control_core, worker_cores), allowed).unwrap_err().to_string()
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let text = refused(0, &[1, 2, 3], &[0, 1]);
        let whole = "worker_cores names CPUs 2 and 3, but this process may use 0-1 only (2 CPUs); ";
        assert!(text.starts_with(whole), "{text}");
        let text = refused(9, &[1, 7, 8, 10], &[0, 1, 2, 4]);
        let whole = "control_core names CPU 9 and worker_cores names CPUs 7, 8 and 10, but this \
                     process may use 0-2,4 only (4 CPUs); ";
        assert!(text.starts_with(whole), "{text}");
        let text = refused(1, &[0], &[0]);
        assert!(text.starts_with("control_core names CPU 1, but "), "{text}");
        assert!(text.contains("may use 0 only (1 CPU)"), "{text}");
        check_against(&config(0, &[1, 1]), [0, 1].into()).unwrap();
    }

    #[test]
    fn a_narrow_thread_may_widen_itself() {
        let before = allowed().unwrap();
        assert!(before.contains(&0), "{before:?}");
        dpdk::pin_current_thread(0).unwrap();
        assert_eq!(allowed().unwrap(), before);
    }
}
