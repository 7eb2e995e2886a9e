//! DPDK's environment: its start, its end, and the threads that may use it.
//!
//! Not here: attaching devices (`attach`), pools (`mempool`). Sallyport runs EAL with one lcore, the control
//! core's; workers are ordinary threads that register themselves.

use core::ffi::{CStr, c_char, c_int};
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use crate::affinity::{PinError, pin_current_thread};
use crate::errno::Errno;
use crate::hugepages::{HugepageShortage, Hugepages};
use crate::mbuf;
use crate::mempool::PoolPointer;
use crate::runtime_dir;
use crate::signals;

/// EAL starts once in a process's life, even if that start fails.
static STARTED: AtomicBool = AtomicBool::new(false);

/// How much DPDK says on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors only.
    Error,
    /// Errors and warnings.
    #[default]
    Warning,
    /// What happens at start, too.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    const fn argument(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// What EAL is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EalConfig {
    /// CPU of the calling thread and of EAL's own threads.
    pub control_core: u32,
    /// Whether memory comes from hugepages; else from ordinary pages.
    pub hugepages: bool,
    /// Memory that EAL takes at start, in MiB.
    pub memory_mib: u32,
    /// PCI addresses that EAL probes (`0000:3b:00.0`); no other PCI device is touched.
    pub pci: Vec<String>,
    /// Further arguments, as EAL documents them, after all others.
    pub extra_args: Vec<String>,
    /// Name of the runtime directory; `sallyport-<process number>` by default.
    pub file_prefix: Option<String>,
    /// How much DPDK says.
    pub log_level: LogLevel,
}

impl Default for EalConfig {
    fn default() -> Self {
        Self {
            control_core: 0,
            hugepages: true,
            memory_mib: 512,
            pci: Vec::new(),
            extra_args: Vec::new(),
            file_prefix: None,
            log_level: LogLevel::Warning,
        }
    }
}

impl EalConfig {
    /// The command line that EAL reads.
    fn arguments(&self) -> Vec<String> {
        let Self { control_core, hugepages, memory_mib, pci, extra_args, file_prefix, log_level } =
            self;
        let own_prefix = || format!("{}{}", runtime_dir::PREFIX, std::process::id());
        let mut arguments: Vec<String> = vec![
            "sallyport".into(),
            "--lcores".into(),
            format!("0@{control_core}"),
            "--no-telemetry".into(),
            format!("--log-level={}", log_level.argument()),
            "--file-prefix".into(),
            file_prefix.clone().unwrap_or_else(own_prefix),
            "-m".into(),
            memory_mib.to_string(),
            // Either all of DPDK's files are anonymous, or, without hugepages, they are in the runtime
            // directory: 22.11 refuses the two together.
            if *hugepages { "--in-memory" } else { "--no-huge" }.into(),
        ];
        if pci.is_empty() {
            arguments.push("--no-pci".into());
        }
        for address in pci {
            arguments.extend(["-a".into(), address.clone()]);
        }
        arguments.extend(extra_args.iter().cloned());
        arguments
    }
}

/// EAL could not start.
#[derive(Debug, thiserror::Error)]
pub enum EalError {
    /// DPDK starts once in a process's life.
    #[error("DPDK was already started in this process; it can be started only once")]
    AlreadyStarted,
    /// Too few hugepages are free.
    #[error(transparent)]
    Hugepages(#[from] HugepageShortage),
    /// The state of hugepages could not be read.
    #[error("the state of hugepages cannot be read")]
    HugepageFacts(#[source] io::Error),
    /// The control core cannot be used.
    #[error("the control core cannot be used")]
    Pin(#[from] PinError),
    /// The library that was loaded is not the one compiled against.
    #[error(
        "compiled for DPDK {}.{:02}, but {loaded_year}.{loaded_month:02} is loaded; install the same \
         version or build again",
        dpdk_sys::RTE_VER_YEAR,
        dpdk_sys::RTE_VER_MONTH
    )]
    Version {
        /// Year of the loaded library.
        loaded_year: u32,
        /// Month of the loaded library.
        loaded_month: u32,
    },
    /// An argument holds a zero octet.
    #[error("the EAL argument {0:?} holds a zero octet")]
    Argument(String),
    /// rte_eal_init failed. Its own messages are on standard error.
    #[error("DPDK's EAL refused to start with `{arguments}`; its reason is above")]
    Init {
        /// The whole command line.
        arguments: String,
        /// What rte_errno said.
        #[source]
        source: Errno,
    },
    /// The mbuf field for [`crate::Mbuf::tag`] could not be registered.
    #[error("no room in the mbuf for Sallyport's tag")]
    Tag(#[source] Errno),
}

/// The end of EAL was not orderly.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// Ports, pools, rings, memory or registered threads are still alive.
    #[error("{0} handles of ports, pools, rings, memory or threads are still alive")]
    StillHeld(usize),
    /// Somebody still owns frames; memory stays mapped for them.
    #[error("{0} mbufs are still owned by someone; DPDK's memory was left in place")]
    MbufsOut(u32),
    /// rte_eal_cleanup failed.
    #[error("DPDK could not clean up")]
    Cleanup(#[source] Errno),
}

/// A thread could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// This thread already has an lcore.
    #[error("this thread is already known to DPDK")]
    Already,
    /// No lcore is free, or DPDK refused.
    #[error("DPDK takes no further thread (at most {} in all)", dpdk_sys::RTE_MAX_LCORE)]
    Refused(#[source] Errno),
}

/// Use of DPDK's heap on one socket, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// All of it.
    pub total: usize,
    /// Not given out.
    pub free: usize,
    /// The greatest piece that can be had.
    pub greatest_free: usize,
}

/// A handle of the started environment. Everything made from it keeps it alive; when the last handle goes,
/// DPDK is cleaned up.
#[derive(Clone, Debug)]
pub struct Eal(Arc<Environment>);

impl Eal {
    /// Starts DPDK on this thread, which is pinned to the control core first so that EAL's own threads stay
    /// there too. It touches no port. Neither this thread nor those that it starts afterwards take real-time
    /// signals, and the process ignores SIGIO: drivers raise them for each frame, and EAL's threads take them.
    pub fn start(config: &EalConfig) -> Result<Self, EalError> {
        check_version()?;
        if config.hugepages {
            let facts = Hugepages::read().map_err(EalError::HugepageFacts)?;
            if let Some(shortage) = facts.shortage(config.memory_mib.into()) {
                return Err(shortage.into());
            }
        }
        let arguments = config.arguments();
        let strings: Vec<CString> = arguments
            .iter()
            .map(|text| CString::new(text.as_str()).map_err(|_| EalError::Argument(text.clone())))
            .collect::<Result<_, _>>()?;
        pin_current_thread(config.control_core)?;
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(EalError::AlreadyStarted);
        }
        init(strings)
            .map_err(|source| EalError::Init { arguments: arguments.join(" "), source })?;
        signals::leave_to_eal();
        // SAFETY: called after rte_eal_init; hands C's `stderr` to rte_openlog_stream, which stores it.
        unsafe { dpdk_sys::shim_log_to_stderr() };
        mbuf::register_tag().map_err(EalError::Tag)?;

        let runtime_dir = runtime_dir();
        if let Some(own) = &runtime_dir {
            runtime_dir::remove_stale(own);
        }
        Ok(Self(Arc::new(Environment {
            books: Mutex::new(Books::default()),
            runtime_dir,
            ended: false,
        })))
    }

    /// Makes the calling thread known to DPDK, which gives it an lcore of its own with its mempool caches.
    ///
    /// A worker pins itself first, since DPDK copies the affinity, then registers, and only then touches a
    /// mempool: until then it would go without a cache.
    pub fn register_thread(&self) -> Result<RegisteredThread, RegisterError> {
        // DPDK would give a thread a second lcore and forget the first.
        // SAFETY: reads a thread-local integer; no precondition.
        if unsafe { dpdk_sys::shim_lcore_id() } != dpdk_sys::SHIM_LCORE_ID_ANY {
            return Err(RegisterError::Already);
        }
        // SAFETY: EAL is started, as `self` shows; affects only the calling thread.
        let status = unsafe { dpdk_sys::rte_thread_register() };
        if status == 0 {
            Ok(RegisteredThread { _eal: self.clone(), _this_thread: PhantomData })
        } else {
            Err(RegisterError::Refused(Errno::last()))
        }
    }

    /// Ends DPDK. Every port, pool, ring and thread must have been dropped; so must every other clone.
    pub fn shutdown(self) -> Result<(), ShutdownError> {
        let holders = Arc::strong_count(&self.0) - 1;
        match Arc::try_unwrap(self.0) {
            Ok(mut environment) => environment.end(),
            Err(_) => Err(ShutdownError::StillHeld(holders)),
        }
    }

    /// Threads that DPDK knows: the control thread and the registered ones.
    pub fn lcore_count(&self) -> u32 {
        // SAFETY: EAL is started; reads a counter.
        unsafe { dpdk_sys::rte_lcore_count() }
    }

    /// How DPDK's heap of one socket is used; `None` if it has no heap there. Without hugepages all memory
    /// is on socket 0.
    pub fn memory(&self, socket: u32) -> Option<MemoryUse> {
        let socket = c_int::try_from(socket).ok()?;
        let mut statistics = dpdk_sys::rte_malloc_socket_stats::default();
        // SAFETY: EAL is started; `statistics` outlives the call; an unknown socket is answered with -1.
        let status = unsafe { dpdk_sys::rte_malloc_get_socket_stats(socket, &raw mut statistics) };
        (status == 0).then_some(MemoryUse {
            total: statistics.heap_totalsz_bytes,
            free: statistics.heap_freesz_bytes,
            greatest_free: statistics.greatest_free_size,
        })
    }

    /// Where EAL keeps its files, if it keeps any.
    pub fn runtime_dir(&self) -> Option<&std::path::Path> {
        self.0.runtime_dir.as_deref()
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books()
    }
}

/// Shows that this thread is known to DPDK, until it is dropped. It cannot leave the thread.
#[derive(Debug)]
pub struct RegisteredThread {
    _eal: Eal,
    _this_thread: PhantomData<*const ()>,
}

impl Drop for RegisteredThread {
    fn drop(&mut self) {
        // SAFETY: this thread was registered when the guard was made, and the guard is not Send.
        unsafe { dpdk_sys::rte_thread_unregister() };
    }
}

/// What has been made from EAL, so that ownership can be checked across ports and pools.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Every mempool of the process; pools live until EAL ends.
    pub(crate) pools: Vec<PoolPointer>,
    /// A port was granted fast free: it returns every mbuf to one pool, so there may be no second.
    pub(crate) single_pool: bool,
    /// Ports that an `EthPort` owns.
    pub(crate) claimed: BTreeSet<u16>,
    /// Devices that `attach` made, by name.
    pub(crate) attached: BTreeSet<String>,
}

#[derive(Debug)]
struct Environment {
    books: Mutex<Books>,
    runtime_dir: Option<PathBuf>,
    ended: bool,
}

impl Environment {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&mut self) -> Result<(), ShutdownError> {
        self.ended = true;
        let out: u32 = self.books().pools.iter().map(PoolPointer::in_use).sum();
        let result = if out > 0 {
            Err(ShutdownError::MbufsOut(out))
        } else {
            // SAFETY: no handle of a port, pool, ring, memory or registered thread is left, since each holds
            // this environment, and no mbuf is out: nothing of DPDK is used after this.
            let status = unsafe { dpdk_sys::rte_eal_cleanup() };
            Errno::check(status).map(|_| ()).map_err(ShutdownError::Cleanup)
        };
        if let Some(directory) = &self.runtime_dir {
            // Its files are mapped, where they are used at all; nobody opens them again.
            drop(fs::remove_dir_all(directory));
        }
        result
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if !self.ended {
            // Whoever wants to know the outcome calls `Eal::shutdown`.
            drop(self.end());
        }
    }
}

fn check_version() -> Result<(), EalError> {
    // SAFETY: returns a constant of the loaded library.
    let loaded_year = unsafe { dpdk_sys::rte_version_year() };
    // SAFETY: returns a constant of the loaded library.
    let loaded_month = unsafe { dpdk_sys::rte_version_month() };
    if (loaded_year, loaded_month) == (dpdk_sys::RTE_VER_YEAR, dpdk_sys::RTE_VER_MONTH) {
        Ok(())
    } else {
        Err(EalError::Version { loaded_year, loaded_month })
    }
}

/// Calls rte_eal_init. EAL keeps pointers into its arguments, so they are never freed.
fn init(arguments: Vec<CString>) -> Result<(), Errno> {
    let mut pointers: Vec<*mut c_char> = arguments.into_iter().map(CString::into_raw).collect();
    let count = c_int::try_from(pointers.len()).unwrap_or(c_int::MAX);
    pointers.push(core::ptr::null_mut());
    // SAFETY: `count` NUL-terminated writable strings that live as long as the process, then NULL, as for main;
    // `STARTED` lets one thread come here, once.
    let status = unsafe { dpdk_sys::rte_eal_init(count, pointers.leak().as_mut_ptr()) };
    if status < 0 { Err(Errno::last()) } else { Ok(()) }
}

fn runtime_dir() -> Option<PathBuf> {
    // SAFETY: EAL is started; returns a static string or NULL.
    let path = unsafe { dpdk_sys::rte_eal_get_runtime_dir() };
    if path.is_null() {
        return None;
    }
    // SAFETY: not NULL, NUL-terminated, and not written again before EAL ends.
    let path = unsafe { CStr::from_ptr(path) };
    Some(PathBuf::from(path.to_str().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_memory_and_no_pci() {
        let config = EalConfig {
            hugepages: false,
            memory_mib: 64,
            file_prefix: Some("x".into()),
            ..EalConfig::default()
        };
        assert_eq!(
            config.arguments().join(" "),
            "sallyport --lcores 0@0 --no-telemetry --log-level=warning --file-prefix x -m 64 --no-huge --no-pci"
        );
    }

    #[test]
    fn hugepages_and_two_ports() {
        let config = EalConfig {
            control_core: 3,
            pci: vec!["0000:3b:00.0".into(), "0000:3b:00.1".into()],
            extra_args: vec!["--force-max-simd-bitwidth=512".into()],
            ..EalConfig::default()
        };
        let text = config.arguments().join(" ");
        let own = format!("--file-prefix sallyport-{} ", std::process::id());
        assert!(text.contains(&own), "{text}");
        assert!(
            text.ends_with(
                "-m 512 --in-memory -a 0000:3b:00.0 -a 0000:3b:00.1 --force-max-simd-bitwidth=512"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_zero_octet_is_refused_before_anything_starts() {
        let config =
            EalConfig { hugepages: false, extra_args: vec!["a\0b".into()], ..EalConfig::default() };
        assert!(matches!(Eal::start(&config), Err(EalError::Argument(text)) if text == "a\0b"));
    }
}
