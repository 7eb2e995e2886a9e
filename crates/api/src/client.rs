//! The client's side of the socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::{
    Counters, End, Explanation, Line, Ports, Refusal, ReloadReport, Request, Rules, Session,
    SessionFilter, SessionsCleared, SessionsCount, Status, Tuple,
};

/// The longest line of an answer, in bytes: a `counters` or `rules` document of a very large box.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;
/// How long the daemon may be silent inside an answer before the client gives up. A reload of a large
/// policy is the longest pause.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a request brought no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens at the socket, or the caller may not open it.
    #[error("cannot reach the daemon at {}: {source}{}", path.display(), remedy(source))]
    NotReached {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The daemon was reached and the conversation broke off.
    #[error("the daemon at {} broke off: {source}", path.display())]
    Lost {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The daemon said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// What came is not what was asked for: another program, or another version of the daemon.
    #[error("the answer of the daemon at {} is not understood: {source}", path.display())]
    NotUnderstood {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    let kind = error.kind();
    if kind == NotFound || kind == ConnectionRefused {
        "; is sallyportd running, and is this its `socket`?"
    } else if kind == PermissionDenied {
        "; only the daemon's user and the members of its `socket_group` may connect"
    } else {
        ""
    }
}

/// A connection to the daemon. Requests go one after the other.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
}

impl Client {
    /// Connects to the daemon's socket.
    ///
    /// # Errors
    /// [`ClientError::NotReached`] only.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        let path = path.as_ref().to_owned();
        let connected = UnixStream::connect(&path).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => Ok(Self { path, stream: BufReader::new(stream), line: Vec::new() }),
            Err(source) => Err(ClientError::NotReached { path, source }),
        }
    }

    /// Asks and reads the one document of the answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn call<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ClientError> {
        self.send(request)?;
        match self.receive()? {
            Line::Answer(answer) => Ok(answer),
            Line::Error(refusal) => Err(ClientError::Refused(refusal)),
            Line::Item(_) | Line::End(_) => Err(self.unexpected("a stream")),
        }
    }

    /// Asks and gives each item of the answer to `each`, as it comes. An error that `each` returns
    /// ends the stream, and with it the connection's use.
    ///
    /// # Errors
    /// See [`ClientError`]; `E` is any error that one can be turned into.
    pub fn stream<T: DeserializeOwned, E: From<ClientError>>(
        &mut self,
        request: &Request,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<End, E> {
        self.send(request)?;
        loop {
            match self.receive()? {
                Line::Item(item) => each(item)?,
                Line::End(end) => return Ok(end),
                Line::Error(refusal) => return Err(ClientError::Refused(refusal).into()),
                Line::Answer(_) => return Err(self.unexpected("a single document").into()),
            }
        }
    }

    /// How the box is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn status(&mut self) -> Result<Status, ClientError> {
        self.call(&Request::Status)
    }

    /// Its ports.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn ports(&mut self) -> Result<Ports, ClientError> {
        self.call(&Request::Ports)
    }

    /// What became of frames.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn counters(&mut self) -> Result<Counters, ClientError> {
        self.call(&Request::Counters)
    }

    /// The rules and their hits.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn rules(&mut self) -> Result<Rules, ClientError> {
        self.call(&Request::Rules)
    }

    /// The live sessions, one by one.
    ///
    /// # Errors
    /// See [`ClientError`] and [`Client::stream`].
    pub fn sessions<E: From<ClientError>>(
        &mut self,
        filter: SessionFilter,
        limit: Option<u64>,
        each: impl FnMut(Session) -> Result<(), E>,
    ) -> Result<End, E> {
        self.stream(&Request::Sessions { filter, limit }, each)
    }

    /// How many sessions live.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn sessions_count(&mut self, filter: SessionFilter) -> Result<SessionsCount, ClientError> {
        self.call(&Request::SessionsCount { filter })
    }

    /// Ends sessions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn sessions_clear(
        &mut self,
        filter: SessionFilter,
    ) -> Result<SessionsCleared, ClientError> {
        self.call(&Request::SessionsClear { filter })
    }

    /// Has the configuration file loaded anew.
    ///
    /// # Errors
    /// See [`ClientError`]; the refusal of a bad file has its diagnostics.
    pub fn reload(&mut self) -> Result<ReloadReport, ClientError> {
        self.call(&Request::Reload)
    }

    /// How a packet would be judged.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn explain(&mut self, tuple: Tuple) -> Result<Explanation, ClientError> {
        self.call(&Request::Explain { tuple })
    }

    fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let mut line = serde_json::to_vec(request)
            .map_err(|source| ClientError::NotUnderstood { path: self.path.clone(), source })?;
        line.push(b'\n');
        match self.stream.get_mut().write_all(&line) {
            // The daemon may close at once and say why before it does: that is read next.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(self.lost(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn receive<T: DeserializeOwned>(&mut self) -> Result<Line<T>, ClientError> {
        self.line.clear();
        let mut bounded = self.stream.by_ref().take(MAX_LINE_BYTES);
        match bounded.read_until(b'\n', &mut self.line) {
            Ok(_) if self.line.last() == Some(&b'\n') => serde_json::from_slice(&self.line)
                .map_err(|source| ClientError::NotUnderstood { path: self.path.clone(), source }),
            Ok(_) => Err(self.lost(io::ErrorKind::UnexpectedEof.into())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(self.lost(io::ErrorKind::TimedOut.into()))
            }
            Err(error) => Err(self.lost(error)),
        }
    }

    fn lost(&self, source: io::Error) -> ClientError {
        ClientError::Lost { path: self.path.clone(), source }
    }

    fn unexpected(&self, what: &str) -> ClientError {
        let source = serde::de::Error::custom(format_args!("{what} was not asked for"));
        ClientError::NotUnderstood { path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests;
