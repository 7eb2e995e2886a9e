//! The conversation over real sockets, with answers that are made up.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use api::{Client, ClientError, SessionFilter, SessionsCleared, SessionsCount};

use super::*;
use crate::socket::SocketGroups;

/// Counts what it is asked, and streams numbers without end for `sessions`.
#[derive(Default)]
struct Script {
    asked: AtomicU64,
}

impl Answers for Arc<Script> {
    fn answer(&self, request: Request, out: &mut Answer<'_>) -> Result<(), Unanswered> {
        let count = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        match request {
            Request::SessionsCount { .. } => {
                out.document(&SessionsCount { version: Version, count })
            }
            Request::SessionsClear { .. } => {
                out.document(&SessionsCleared { version: Version, cleared: count })
            }
            Request::Sessions { limit: Some(limit), .. } => {
                for number in 0..limit {
                    out.item(&number)?;
                }
                out.end(true)
            }
            Request::Sessions { limit: None, .. } => loop {
                out.item(&"a session that nobody reads")?;
            },
            Request::Status
            | Request::Ports
            | Request::Counters
            | Request::Rules
            | Request::Reload
            | Request::Explain { .. } => {
                Err(Unanswered::refused(RefusalKind::Busy, "not in script"))
            }
        }
    }
}

struct Daemon {
    _directory: tempfile::TempDir,
    path: PathBuf,
    script: Arc<Script>,
    server: ApiServer,
}

fn daemon() -> Daemon {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let script = Arc::new(Script::default());
    let socket = ApiSocket::bind(&path, &SocketGroups::default()).unwrap();
    let server = ApiServer::start(socket, Arc::clone(&script)).unwrap();
    Daemon { _directory: directory, path, script, server }
}

fn raw(daemon: &Daemon, text: &[u8]) -> Vec<String> {
    let mut stream = UnixStream::connect(&daemon.path).unwrap();
    stream.write_all(text).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    BufReader::new(stream).lines().map(Result::unwrap).collect()
}

#[test]
fn several_requests_on_one_connection() {
    let daemon = daemon();
    let mut client = Client::connect(&daemon.path).unwrap();
    for count in 1..=3 {
        let answer = client.sessions_count(SessionFilter::default()).unwrap();
        assert_eq!(answer, SessionsCount { version: Version, count });
    }
    let mut seen = Vec::new();
    let request = Request::Sessions { filter: SessionFilter::default(), limit: Some(4) };
    let end = client.stream(&request, |number: u64| {
        seen.push(number);
        Ok::<_, ClientError>(())
    });
    assert_eq!(end.unwrap(), End { version: Version, count: 4, truncated: true });
    assert_eq!(seen, [0, 1, 2, 3]);
    let ClientError::Refused(refusal) = client.status().unwrap_err() else { panic!() };
    assert_eq!(refusal, Refusal::new(RefusalKind::Busy, "not in script"));
}

#[test]
fn nonsense_is_refused_and_the_next_line_answered() {
    let daemon = daemon();
    let lines = raw(&daemon, b"\x00\xff{\n[]\n{\"command\":\"sessions_count\"}\n");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for line in &lines[..2] {
        assert!(line.starts_with(r#"{"error":{"version":1,"kind":"invalid_request""#), "{line}");
    }
    assert_eq!(lines[2], r#"{"answer":{"version":1,"count":1}}"#);
}

#[test]
fn a_line_that_is_too_long_ends_the_connection() {
    let daemon = daemon();
    let mut text = vec![b' '; MAX_REQUEST_BYTES];
    text.extend(b"{\"command\":\"sessions_count\"}\n");
    let lines = raw(&daemon, &text);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("at most 16384 bytes"), "{lines:#?}");
    assert_eq!(daemon.script.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_request_may_come_in_pieces() {
    let daemon = daemon();
    let mut stream = UnixStream::connect(&daemon.path).unwrap();
    for piece in [&b"{\"comm"[..], b"and\":\"sessions_", b"count\"}\n"] {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert_eq!(line, "{\"answer\":{\"version\":1,\"count\":1}}\n");
}

#[test]
fn the_seventeenth_is_turned_away() {
    let daemon = daemon();
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| Client::connect(&daemon.path).unwrap()).collect();
    let mut late = Client::connect(&daemon.path).unwrap();
    let ClientError::Refused(refusal) = late.status().unwrap_err() else { panic!() };
    assert_eq!(refusal.kind, RefusalKind::Busy);
    drop(idle);
    let deadline = now() + Duration::from_secs(10);
    while Client::connect(&daemon.path).unwrap().sessions_count(SessionFilter::default()).is_err() {
        assert!(now() < deadline, "no place came free");
    }
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let daemon = daemon();
    let mut stream = UnixStream::connect(&daemon.path).unwrap();
    stream.write_all(b"{\"command\":\"sessions\"}\n").unwrap();
    let start = now();
    // The server's thread gives up after WRITE_TIME; then everything it wrote can be read to its end.
    std::thread::sleep(WRITE_TIME + Duration::from_secs(1));
    let lines = BufReader::new(stream).lines().count();
    assert!(lines > 10, "{lines}");
    assert!(now() - start < WRITE_TIME + Duration::from_secs(5));
}

#[test]
fn what_changes_the_box_is_for_administrators() {
    let groups = GroupIds::default();
    let talk = Talk { answers: Arc::new(Script::default()), groups };
    let (stream, _other) = UnixStream::pair().unwrap();
    let own = Caller::of(&stream).unwrap();
    assert!(talk.permit(own, Request::Reload).is_ok());
    let stranger = Caller::stranger();
    for request in [Request::Reload, Request::Status] {
        let refusal = talk.permit(stranger, request).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::PermissionDenied);
    }
}

#[test]
fn the_socket_goes_with_the_server() {
    let Daemon { _directory, path, server, .. } = daemon();
    drop(server);
    assert!(!path.exists());
    assert!(matches!(Client::connect(&path).unwrap_err(), ClientError::NotReached { .. }));
}
