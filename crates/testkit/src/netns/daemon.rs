//! A guard around a running daemon: started, waited for, asked, ended.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::host::{Host, Process};
use super::wait::{timed, within};

/// How long the daemon may take from its start until it says that it is ready.
const START: Duration = Duration::from_secs(30);

/// The two programs under test.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The daemon.
    pub sallyportd: PathBuf,
    /// The command line.
    pub sallyctl: PathBuf,
}

/// The daemon ended, or was not ready in time.
#[derive(Debug, Clone)]
pub struct StartError {
    /// Its exit status; `None` if a signal ended it or it was still running.
    pub status: Option<i32>,
    /// What it wrote to standard output and standard error.
    pub log: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the daemon did not start (exit status {:?}):\n{}", self.status, self.log)
    }
}

impl std::error::Error for StartError {}

/// A running daemon. Dropped, it is told to end, and killed if it does not.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    log: PathBuf,
    notify: UnixDatagram,
}

impl Daemon {
    /// Starts `sallyportd --config CONFIG` in a host's namespace or in our own, and waits until
    /// it says by sd_notify that it is ready. Its log is a file in `folder`.
    ///
    /// # Errors
    /// If it ends before that, or takes too long: with its exit status and its log.
    pub fn start(
        sallyportd: &Path,
        namespace: Option<&Host>,
        config: &Path,
        folder: &Path,
    ) -> Result<Self, StartError> {
        let words = [sallyportd.as_os_str(), OsStr::new("--config"), config.as_os_str()];
        let mut command = match namespace {
            Some(host) => host.command(&words),
            None => {
                let mut command = Command::new(words[0]);
                command.args(&words[1..]);
                command
            }
        };
        let (log, socket) = (folder.join("sallyportd.log"), folder.join("notify.sock"));
        // Left by a daemon that ran here before.
        drop(fs::remove_file(&socket));
        let notify = UnixDatagram::bind(&socket).expect("a socket in a scratch folder");
        notify.set_nonblocking(true).expect("a socket can be non-blocking");
        let out = File::create(&log).expect("a log in a scratch folder");
        let err = out.try_clone().expect("a second handle on an open file");
        command.env("NOTIFY_SOCKET", &socket).stdout(out).stderr(err);
        let mut daemon = Self { process: Process::spawn(&mut command), log, notify };

        let outcome = within(START, || {
            if daemon.said_ready() {
                return Some(Ok(()));
            }
            daemon.process.ended().map(|status| Err(status.code()))
        });
        match outcome {
            Some(Ok(())) => Ok(daemon),
            Some(Err(status)) => Err(StartError { status, log: daemon.log() }),
            None => Err(StartError { status: None, log: daemon.log() }),
        }
    }

    fn said_ready(&self) -> bool {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.notify.recv(&mut buffer) {
            if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == "READY=1") {
                return true;
            }
        }
        false
    }

    /// What it has written so far, standard output and standard error together.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).expect("the log in a scratch folder");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.process.pid().as_raw()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Sends a signal and waits for its end: how long that took, and its exit status, `None` if
    /// it did not end in `limit`.
    pub fn end(&mut self, signal: Signal, limit: Duration) -> (Duration, Option<ExitStatus>) {
        assert!(self.process.signal(signal), "it has gone already:\n{}", self.log());
        timed(|| self.process.wait_for(limit))
    }

    /// Sends a signal that does not end it.
    pub fn signal(&self, signal: Signal) {
        assert!(self.process.signal(signal), "it has gone:\n{}", self.log());
    }

    /// Waits for its end without doing anything for it.
    pub fn wait_for(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait_for(limit)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.process.ended().is_none() && self.process.signal(Signal::SIGTERM) {
            // Whoever does not end is killed when `process` is dropped.
            self.process.wait_for(Duration::from_secs(5));
        }
        if std::thread::panicking() {
            let text = format!("---- the daemon's log ----\n{}----\n", self.log());
            // There is nobody else to tell.
            drop(std::io::stderr().write_all(text.as_bytes()));
        }
    }
}
