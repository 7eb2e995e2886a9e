//! The metrics listener: HTTP/1 with one resource, `GET /metrics`, and nothing else.
//!
//! A request has 5 s and 8 KiB, at most 8 are served at a time, and each connection carries one. There
//! is no keep-alive, no TLS and no body: Prometheus needs none of them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::acceptor::{Acceptor, Service, linger};
use crate::clock::now;

/// The most connections served at a time.
const CONNECTIONS: usize = 8;
/// The longest request: line, headers and the empty line, in bytes.
const REQUEST_BYTES: usize = 8 * 1024;
/// How long a client may take for its request, and again for taking the answer.
const REQUEST_TIME: Duration = Duration::from_secs(5);

const TEXT: &str = "text/plain; charset=utf-8";
/// The content type of the exposition format.
const EXPOSITION: &str = "text/plain; version=0.0.4";

/// The address of `[metrics] listen` cannot be had.
#[derive(Debug, Error)]
#[error("cannot listen for metrics at {address}: {source}{}", remedy(source))]
pub struct MetricsAddressError {
    address: SocketAddr,
    source: io::Error,
}

fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let kind = error.kind();
    if kind == AddrInUse {
        "; another program has it: end that, or set another `listen` in [metrics]"
    } else if kind == AddrNotAvailable {
        "; no interface has this address: correct `listen` in [metrics]"
    } else if kind == PermissionDenied {
        "; ports under 1024 need CAP_NET_BIND_SERVICE: set another `listen` in [metrics]"
    } else {
        ""
    }
}

/// The bound address. Nobody is answered before [`MetricsSocket::serve`].
#[derive(Debug)]
pub(crate) struct MetricsSocket(TcpListener);

impl MetricsSocket {
    /// Takes the address.
    ///
    /// # Errors
    /// If it cannot be had.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, MetricsAddressError> {
        TcpListener::bind(address)
            .map(Self)
            .map_err(|source| MetricsAddressError { address, source })
    }

    /// The address that was taken.
    ///
    /// # Errors
    /// If the system does not say.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers from here on; `render` makes the text of each scrape.
    ///
    /// # Errors
    /// If no thread can be had.
    pub(crate) fn serve(
        self,
        render: impl Fn() -> String + Send + Sync + 'static,
    ) -> io::Result<MetricsServer> {
        Acceptor::start("metrics", self.0, CONNECTIONS, Http { render }).map(MetricsServer)
    }
}

/// The running listener; dropping it ends it.
#[derive(Debug)]
pub(crate) struct MetricsServer(#[expect(dead_code, reason = "held for its drop")] Acceptor);

struct Http<R> {
    render: R,
}

impl<R: Fn() -> String + Send + Sync + 'static> Service<TcpStream> for Http<R> {
    fn serve(&self, mut stream: TcpStream) {
        let deadline = now() + REQUEST_TIME;
        let response = match read_request(&mut stream, deadline) {
            Ok(request) => request.respond(&self.render),
            Err(Unreadable::TooLong) => {
                Response::text(431, "Request Header Fields Too Large", "request over 8 KiB\n")
            }
            Err(Unreadable::TooSlow) => Response::text(408, "Request Timeout", "over 5 s\n"),
            Err(Unreadable::Malformed) => Response::text(400, "Bad Request", "not HTTP/1\n"),
            Err(Unreadable::Gone) => return,
        };
        finish(stream, &response);
    }

    fn turn_away(&self, stream: TcpStream) {
        let busy = Response::text(503, "Service Unavailable", "8 requests are being served\n");
        let mut stream = stream;
        // A fresh socket has room for these few bytes; if not, the client is told by the close alone.
        if stream.set_nonblocking(true).is_ok() && stream.write_all(&busy.head_and_body()).is_err()
        {
            log::debug!("metrics: a client was turned away without a word");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unreadable {
    TooLong,
    TooSlow,
    Malformed,
    Gone,
}

struct Asked {
    method: String,
    path: String,
}

fn read_request(stream: &mut TcpStream, deadline: Instant) -> Result<Asked, Unreadable> {
    let mut bytes = Vec::with_capacity(1024);
    let mut chunk = [0; 2048];
    loop {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(Unreadable::TooSlow);
        }
        stream.set_read_timeout(Some(left)).map_err(|_| Unreadable::Gone)?;
        match stream.read(&mut chunk) {
            Ok(0) => return Err(Unreadable::Gone),
            Ok(length) => bytes.extend(chunk.iter().take(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(Unreadable::TooSlow);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(Unreadable::Gone),
        }
        if let Some(asked) = parse(&bytes)? {
            return Ok(asked);
        }
        if bytes.len() > REQUEST_BYTES {
            return Err(Unreadable::TooLong);
        }
    }
}

/// The request, once it is whole.
fn parse(bytes: &[u8]) -> Result<Option<Asked>, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length > REQUEST_BYTES => {
            Err(Unreadable::TooLong)
        }
        Ok(httparse::Status::Complete(_)) => {
            let (method, target) = request.method.zip(request.path).ok_or(Unreadable::Malformed)?;
            let path = target.split_once('?').map_or(target, |(path, _)| path);
            Ok(Some(Asked { method: method.to_owned(), path: path.to_owned() }))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Unreadable::TooLong),
        Err(_) => Err(Unreadable::Malformed),
    }
}

impl Asked {
    fn respond(&self, render: impl Fn() -> String) -> Response {
        let head = self.method == "HEAD";
        let mut response = if self.path != "/metrics" {
            Response::text(404, "Not Found", "only /metrics is here\n")
        } else if self.method != "GET" && !head {
            let mut refused = Response::text(405, "Method Not Allowed", "only GET and HEAD\n");
            refused.allow = "Allow: GET, HEAD\r\n";
            refused
        } else {
            Response { content_type: EXPOSITION, body: render(), ..Response::text(200, "OK", "") }
        };
        response.head_only = head;
        response
    }
}

struct Response {
    status: u16,
    phrase: &'static str,
    content_type: &'static str,
    allow: &'static str,
    body: String,
    head_only: bool,
}

impl Response {
    fn text(status: u16, phrase: &'static str, body: &str) -> Self {
        let body = body.to_owned();
        Self { status, phrase, content_type: TEXT, allow: "", body, head_only: false }
    }

    fn head_and_body(&self) -> Vec<u8> {
        let Self { status, phrase, content_type, allow, body, head_only } = self;
        let length = body.len();
        let mut text = format!(
            "HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {length}\r\n{allow}Connection: close\r\n\r\n"
        );
        if !head_only {
            text.push_str(body);
        }
        text.into_bytes()
    }
}

/// Sends the answer and closes so that the client can read it.
fn finish(mut stream: TcpStream, response: &Response) {
    if write_by(&mut stream, &response.head_and_body(), now() + REQUEST_TIME).is_err()
        || stream.shutdown(Shutdown::Write).is_err()
    {
        return;
    }
    let mut chunk = [0; 4096];
    linger(|left| {
        stream.set_read_timeout(Some(left))?;
        stream.read(&mut chunk)
    });
}

/// Writes all of it, unless the client takes it so slowly that the deadline passes.
fn write_by(stream: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        let left = deadline.saturating_duration_since(now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        let written = stream.write(bytes)?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
