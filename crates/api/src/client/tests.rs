//! The client against scripted daemons on real sockets.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use super::*;
use crate::{RefusalKind, Version};

/// A daemon that answers each request with the next text, then hangs up.
fn daemon(answers: &'static [&'static str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for answer in answers {
            lines.next().unwrap().unwrap();
            (&stream).write_all(answer.as_bytes()).unwrap();
        }
    });
    (directory, path)
}

#[test]
fn nobody_there_is_not_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.sock");
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::NotReached { .. }), "{error:?}");
    assert!(error.to_string().contains("none.sock"), "{error}");
    assert!(error.to_string().contains("is sallyportd running"), "{error}");
    drop(UnixListener::bind(&path).unwrap());
    let error = Client::connect(&path).unwrap_err();
    assert!(matches!(error, ClientError::NotReached { .. }), "{error:?}");
}

#[test]
fn two_requests_on_one_connection() {
    let (_directory, path) = daemon(&[
        "{\"answer\":{\"version\":1,\"count\":3}}\n",
        "{\"error\":{\"version\":1,\"kind\":\"permission_denied\",\"message\":\"not you\"}}\n",
    ]);
    let mut client = Client::connect(path).unwrap();
    let count = client.sessions_count(SessionFilter::default()).unwrap();
    assert_eq!(count, SessionsCount { version: Version, count: 3 });
    let ClientError::Refused(refusal) = client.reload().unwrap_err() else { panic!() };
    assert_eq!(refusal, Refusal::new(RefusalKind::PermissionDenied, "not you"));
}

#[test]
fn a_stream_ends_with_its_end() {
    let (_directory, path) = daemon(&[
        "{\"item\":1}\n{\"item\":2}\n{\"end\":{\"version\":1,\"count\":2,\"truncated\":true}}\n",
    ]);
    let mut items = Vec::new();
    let end = Client::connect(path).unwrap().stream(&Request::Status, |item: u8| {
        items.push(item);
        Ok::<_, ClientError>(())
    });
    assert_eq!(end.unwrap(), End { version: Version, count: 2, truncated: true });
    assert_eq!(items, [1, 2]);
}

#[test]
fn a_stream_that_is_cut_is_an_error() {
    let (_directory, path) = daemon(&["{\"item\":1}\n{\"item\":2"]);
    let end =
        Client::connect(path).unwrap().stream(&Request::Status, |_: u8| Ok::<_, ClientError>(()));
    assert!(matches!(end.unwrap_err(), ClientError::Lost { .. }));
}

#[test]
fn another_version_is_not_understood() {
    let (_directory, path) = daemon(&["{\"answer\":{\"version\":2,\"count\":3}}\n"]);
    let error = Client::connect(path).unwrap().sessions_count(SessionFilter::default());
    let error = error.unwrap_err();
    assert!(matches!(error, ClientError::NotUnderstood { .. }), "{error:?}");
    assert!(error.to_string().contains("version 2, this program reads version 1"), "{error}");
}
