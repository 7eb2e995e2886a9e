//! The API server: lines of JSON over the Unix socket, with bounds on everything.
//!
//! It knows the conversation and who may ask for what; the answers come from [`Answers`]. It runs on
//! threads of the control side and never makes a worker wait.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use api::{End, Line, MAX_REQUEST_BYTES, Refusal, RefusalKind, Request, Version};
use serde::Serialize;

use crate::acceptor::{Acceptor, Service, linger};
use crate::caller::Caller;
use crate::clock::now;
use crate::socket::{ApiSocket, GroupIds, SocketFile};

/// The most connections served at a time.
const CONNECTIONS: usize = 16;
/// How long a client may take to send a request, from its connection or its last answer on.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How long a client may leave a part of an answer unread.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// What answers requests. A request that reaches it is well formed and its caller may ask it.
pub(crate) trait Answers: Send + Sync + 'static {
    /// Writes the answer.
    ///
    /// # Errors
    /// A refusal is written by the caller; so is nothing if the connection is gone.
    fn answer(&self, request: Request, out: &mut Answer<'_>) -> Result<(), Unanswered>;
}

/// Why an answer was not finished.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It is refused, and the client is to be told.
    Refused(Refusal),
    /// The client does not read any more.
    Gone,
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Unanswered {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Unanswered {
    /// A refusal of this kind.
    pub(crate) fn refused(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(kind, message))
    }
}

/// Where an answer is written.
pub(crate) struct Answer<'a> {
    stream: BufWriter<&'a UnixStream>,
    items: u64,
}

impl Answer<'_> {
    /// The whole answer.
    pub(crate) fn document<T: Serialize>(&mut self, document: &T) -> Result<(), Unanswered> {
        Ok(self.line(&Line::Answer(document))?)
    }

    /// One of many.
    pub(crate) fn item<T: Serialize>(&mut self, item: &T) -> Result<(), Unanswered> {
        self.items += 1;
        Ok(self.line(&Line::Item(item))?)
    }

    /// The end of many.
    pub(crate) fn end(&mut self, truncated: bool) -> Result<(), Unanswered> {
        let end = End { version: Version, count: self.items, truncated };
        Ok(self.line(&Line::<()>::End(end))?)
    }

    /// How many items were written.
    pub(crate) const fn items(&self) -> u64 {
        self.items
    }

    fn line<T: Serialize>(&mut self, line: &Line<T>) -> io::Result<()> {
        serde_json::to_writer(&mut self.stream, line)?;
        self.stream.write_all(b"\n")
    }
}

/// The running server. Dropping it ends the accepting and removes the socket.
#[derive(Debug)]
pub(crate) struct ApiServer {
    /// Dropped first: nobody connects to a file that is about to go.
    #[expect(dead_code, reason = "held for its drop")]
    acceptor: Acceptor,
    #[expect(dead_code, reason = "held for its drop")]
    file: SocketFile,
}

impl ApiServer {
    /// Answers from here on.
    pub(crate) fn start(socket: ApiSocket, answers: impl Answers) -> io::Result<Self> {
        let ApiSocket { listener, groups, file } = socket;
        let acceptor = Acceptor::start("api", listener, CONNECTIONS, Talk { answers, groups })?;
        Ok(Self { acceptor, file })
    }
}

struct Talk<A> {
    answers: A,
    groups: GroupIds,
}

impl<A: Answers> Service<UnixStream> for Talk<A> {
    fn serve(&self, stream: UnixStream) {
        if let Err(error) = self.converse(&stream) {
            log::debug!("api: a connection ended: {error}");
        }
    }

    fn turn_away(&self, stream: UnixStream) {
        let message = format!("{CONNECTIONS} connections are being served; try again");
        let refusal = Line::<()>::Error(Refusal::new(RefusalKind::Busy, message));
        let told = stream.set_nonblocking(true).and_then(|()| {
            let mut answer = Answer { stream: BufWriter::new(&stream), items: 0 };
            answer.line(&refusal)?;
            answer.stream.flush()
        });
        if let Err(error) = told {
            log::debug!("api: a client was turned away without a word: {error}");
        }
    }
}

impl<A: Answers> Talk<A> {
    fn converse(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_write_timeout(Some(WRITE_TIME))?;
        let caller = Caller::of(stream)?;
        let mut requests = Requests { reader: BufReader::new(stream), line: Vec::new() };
        loop {
            let request = match requests.next()? {
                Next::Request(request) => Ok(request),
                Next::Unreadable(refusal) => Err(refusal),
                Next::TooLong(refusal) => return tell(stream, refusal),
                Next::End => return Ok(()),
            };
            let mut answer = Answer { stream: BufWriter::new(stream), items: 0 };
            let answered = request
                .and_then(|request| self.permit(caller, request))
                .map_err(Unanswered::Refused)
                .and_then(|request| self.answers.answer(request, &mut answer));
            match answered {
                Ok(()) => {}
                Err(Unanswered::Refused(refusal)) => answer.line(&Line::<()>::Error(refusal))?,
                Err(Unanswered::Gone) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            answer.stream.flush()?;
        }
    }

    fn permit(&self, caller: Caller, request: Request) -> Result<Request, Refusal> {
        let refused = |message| Err(Refusal::new(RefusalKind::PermissionDenied, message));
        let command = request.name();
        if request.changes() && !caller.may_change(self.groups) {
            return refused(format!(
                "{caller} may not {command}: only root, the daemon's user and members of \
                 `admin_group` may"
            ));
        }
        if !caller.may_read(self.groups) {
            return refused(format!("{caller} is not a member of `socket_group`"));
        }
        if request.changes() {
            log::info!("api: {command} by {caller}");
        }
        Ok(request)
    }
}

/// The last word on a connection.
fn tell(mut stream: &UnixStream, refusal: Refusal) -> io::Result<()> {
    let mut answer = Answer { stream: BufWriter::new(stream), items: 0 };
    answer.line(&Line::<()>::Error(refusal))?;
    answer.stream.flush()?;
    stream.shutdown(Shutdown::Write)?;
    let mut chunk = [0; 4096];
    linger(|left| {
        stream.set_read_timeout(Some(left))?;
        stream.read(&mut chunk)
    });
    Ok(())
}

/// The requests of one connection.
struct Requests<'a> {
    reader: BufReader<&'a UnixStream>,
    line: Vec<u8>,
}

enum Next {
    Request(Request),
    /// The line is no request; the next one may be.
    Unreadable(Refusal),
    /// The line does not end where it must: where the next one begins is not known.
    TooLong(Refusal),
    End,
}

impl Requests<'_> {
    fn next(&mut self) -> io::Result<Next> {
        let deadline = now() + REQUEST_TIME;
        self.line.clear();
        loop {
            match self.read_some(deadline)? {
                0 => return Ok(Next::End),
                _ if self.line.last() == Some(&b'\n') => break,
                _ if self.line.len() >= MAX_REQUEST_BYTES => {
                    let message = format!("a request has at most {MAX_REQUEST_BYTES} bytes");
                    let refusal = Refusal::new(RefusalKind::InvalidRequest, message);
                    return Ok(Next::TooLong(refusal));
                }
                _ => {}
            }
        }
        Ok(match serde_json::from_slice(&self.line) {
            Ok(request) => Next::Request(request),
            Err(error) => {
                let message = format!("not a request: {error}");
                Next::Unreadable(Refusal::new(RefusalKind::InvalidRequest, message))
            }
        })
    }

    /// Reads what is there, at most to the end of the line.
    fn read_some(&mut self, deadline: Instant) -> io::Result<usize> {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.reader.get_ref().set_read_timeout(Some(left))?;
        let room = MAX_REQUEST_BYTES.saturating_sub(self.line.len());
        let available = self.reader.fill_buf()?;
        let line = available.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let taken = line.len().min(room);
        self.line.extend(line.iter().take(taken));
        self.reader.consume(taken);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
