//! The event log: sessions that start and end and packets that are denied, as lines of JSON.
//!
//! Workers put events into bounded queues and wait for nobody. A thread of the control side takes them
//! out, gives them names and writes them. If it is too slow the queues fill, and what does not fit is
//! lost and counted by the worker. The operator's log, on standard error, is another one.

mod record;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use config::LogOutput;
use engine::Event;
use thiserror::Error;

use self::record::Record;
use crate::clock::present;
use crate::commit::Commit;
use crate::plane::Plane;

/// How long the thread sleeps when there was nothing to write.
const IDLE: Duration = Duration::from_millis(20);
/// Events that are taken from the queues before they are flushed.
const BATCH: usize = 1024;
/// How long the end of the daemon waits for the last events to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Mode of a new log file: its user writes, its group reads.
const MODE: u32 = 0o640;

/// The log file cannot be opened.
#[derive(Debug, Error)]
#[error(
    "event log {}: {source}; make its directory and let this user write there, or set another \
     `output` in [log]", path.display()
)]
pub struct LogFileError {
    path: PathBuf,
    source: io::Error,
}

/// Where events are written, opened before anything depends on it.
#[derive(Debug)]
pub(crate) struct EventOutput {
    /// The file, to open it anew; none: standard output.
    path: Option<PathBuf>,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Stdout(io::Stdout),
    File(File),
}

impl EventOutput {
    /// Opens it.
    ///
    /// # Errors
    /// If the file cannot be opened for appending.
    pub(crate) fn open(output: &LogOutput) -> Result<Self, LogFileError> {
        match output {
            LogOutput::Stdout => Ok(Self { path: None, sink: Sink::Stdout(io::stdout()) }),
            LogOutput::File(path) => match append(path) {
                Ok(file) => Ok(Self { path: Some(path.clone()), sink: Sink::File(file) }),
                Err(source) => Err(LogFileError { path: path.clone(), source }),
            },
        }
    }

    /// Opens the file by its name again, after a rotation has moved it. The old one is kept if that fails.
    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append(path) {
            Ok(file) => self.sink = Sink::File(file),
            Err(error) => log::error!("event log {}: not opened anew: {error}", path.display()),
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stdout(stdout) => {
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Sink::File(file) => file.write_all(lines),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

/// The running log.
#[derive(Debug)]
pub(crate) struct EventLog {
    state: Arc<State>,
    ended: Receiver<()>,
}

#[derive(Debug, Default)]
struct State {
    stopping: AtomicBool,
    reopen: AtomicBool,
}

impl EventLog {
    /// Writes from here on. What was taken from the workers and could not be written is added to
    /// `unwritten`.
    pub(crate) fn start<P: Plane>(
        output: EventOutput,
        plane: Arc<P>,
        commit: Arc<Commit<P>>,
        unwritten: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let (end, ended) = sync_channel(0);
        let writer =
            Writer { output, plane, commit, state: Arc::clone(&state), unwritten, failing: false };
        thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(end))?;
        Ok(Self { state, ended })
    }

    /// Opens the file by its name again.
    pub(crate) fn reopen(&self) {
        self.state.reopen.store(true, Ordering::Release);
    }

    /// Writes what is left and ends. A log that nobody reads any more is left behind after a moment.
    pub(crate) fn stop(self) {
        self.state.stopping.store(true, Ordering::Release);
        if self.ended.recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            log::warn!("event log: the last events were not taken in time");
        }
    }
}

struct Writer<P> {
    output: EventOutput,
    plane: Arc<P>,
    commit: Arc<Commit<P>>,
    state: Arc<State>,
    unwritten: Arc<AtomicU64>,
    /// The last write failed: that was said, and is not said again for each.
    failing: bool,
}

impl<P: Plane> Writer<P> {
    /// Dropping `end` tells that this has ended.
    fn run(mut self, end: SyncSender<()>) {
        loop {
            // Asked before the queues are: what was put there before the stop is still written.
            let stopping = self.state.stopping.load(Ordering::Acquire);
            if self.state.reopen.swap(false, Ordering::AcqRel) {
                self.output.reopen();
            }
            let written = self.batch();
            if written == 0 && stopping {
                drop(end);
                return;
            }
            if written == 0 {
                thread::sleep(IDLE);
            }
        }
    }

    /// Writes what is there, up to a batch. Returns how many events that were.
    fn batch(&mut self) -> u64 {
        let mut events: Vec<Event> = Vec::new();
        self.plane.events(BATCH, &mut |event| events.push(*event));
        if events.is_empty() {
            return 0;
        }
        // Each worker has a queue of its own; together they are in order only after this.
        events.sort_by_key(|event| event.time);
        let count = events.len() as u64;
        let policy = self.commit.current();
        let (worker_now, wall_now) = (self.plane.now(), present());
        let mut lines = Vec::with_capacity(events.len() * 320);
        for event in &events {
            let time = wall_now.before(worker_now.since(event.time));
            let record = Record::new(event, time, &policy);
            // Writing plain data to memory fails in no way; what were left of a line would be ended.
            if serde_json::to_writer(&mut lines, &record).is_ok() {
                lines.push(b'\n');
            }
        }
        match self.output.write(&lines) {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.unwritten.fetch_add(count, Ordering::Relaxed);
                if !self.failing {
                    log::error!("event log: {error}; events are lost and counted until it works");
                }
                self.failing = true;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests;
