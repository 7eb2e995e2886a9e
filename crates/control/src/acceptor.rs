//! A thread that accepts connections and gives each a thread of its own, up to a bound.
//!
//! Both listeners of the control side, metrics and API, stand on it. The threads inherit the affinity
//! of the one that started them, the control core. What is said on a connection is not known here.

use std::fmt;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{Shutdown, shutdown};

use crate::clock::now;

/// How long to wait before accepting again when the process is out of descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// How long what a refused client still sends is read and thrown away.
const LINGER: Duration = Duration::from_millis(200);

/// Reads and throws away for a moment, so that a refusal that was written arrives: a close with unread
/// bytes would reset the connection. `read` reads once and waits at most as long as it is told.
pub(crate) fn linger(mut read: impl FnMut(Duration) -> io::Result<usize>) {
    let deadline = now() + LINGER;
    loop {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() || !matches!(read(left), Ok(1..)) {
            return;
        }
    }
}

/// What accepts connections.
pub(crate) trait Listener: AsFd + Send + 'static {
    /// A connection.
    type Stream: Send + 'static;
    /// Waits for the next one.
    fn accept(&self) -> io::Result<Self::Stream>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    fn accept(&self) -> io::Result<TcpStream> {
        Self::accept(self).map(|(stream, _)| stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;
    fn accept(&self) -> io::Result<UnixStream> {
        Self::accept(self).map(|(stream, _)| stream)
    }
}

/// What is done with connections.
pub(crate) trait Service<S>: Send + Sync + 'static {
    /// Serves one, on a thread of its own, until it ends.
    fn serve(&self, stream: S);
    /// Tells one that there are too many, without waiting for anything.
    fn turn_away(&self, stream: S);
}

/// A running acceptor. Dropping it ends the accepting; connections that are open run to their end.
pub(crate) struct Acceptor {
    stopping: Arc<AtomicBool>,
    socket: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Starts to accept. `name` is that of the threads, at most 15 characters; at most `most`
    /// connections are served at a time.
    pub(crate) fn start<L: Listener>(
        name: &'static str,
        listener: L,
        most: usize,
        service: impl Service<L::Stream>,
    ) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let socket = listener.as_fd().try_clone_to_owned()?;
        let stop = Arc::clone(&stopping);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || accept(name, &listener, most, &Arc::new(service), &stop))?;
        Ok(Self { stopping, socket, thread: Some(thread) })
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Linux wakes a thread that waits in accept when the listening socket is shut down.
        if shutdown(self.socket.as_raw_fd(), Shutdown::Both).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

fn accept<L: Listener, S: Service<L::Stream>>(
    name: &'static str,
    listener: &L,
    most: usize,
    service: &Arc<S>,
    stopping: &AtomicBool,
) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let accepted = listener.accept();
        if stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = accepted else {
            // Either the peer has gone, which the next call does not meet again, or the process is out
            // of descriptors, which would spin.
            thread::sleep(EXHAUSTED_PAUSE);
            continue;
        };
        let Some(place) = Place::take(&open, most) else {
            service.turn_away(stream);
            continue;
        };
        let service = Arc::clone(service);
        let serving = thread::Builder::new().name(name.to_owned()).spawn(move || {
            service.serve(stream);
            drop(place);
        });
        if let Err(error) = serving {
            log::warn!("{name}: no thread for a connection: {error}");
        }
    }
}

/// One of the places for connections; dropping it gives it back.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::AcqRel) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
