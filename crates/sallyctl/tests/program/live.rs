//! The client commands against a daemon that is played by the test: one request, canned lines.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread;

use crate::support::{Place, Ran, sallyctl};

const SESSION: &str = r#"{"id":"0-17-4000","worker":0,"proto":"tcp","source":"10.0.0.1","source_port":40000,"destination":"192.0.2.80","destination_port":443,"icmp_id":null,"vlan":null,"state":"established","from":"inside","to":"outside","in":"lan0","out":"wan0","rule":"inside-out","generation":3,"parent":null,"gateway":null,"age_seconds":192.0,"idle_seconds":0.3,"expires_in_seconds":3599.7,"packets":[12,34],"bytes":[987,4567890]}"#;

/// Runs the program against a daemon that answers with these lines. Returns the request, too.
fn ask(words: &[&str], answer: &[&str]) -> (String, Ran) {
    let place = Place::new();
    let path = place.path("api.sock");
    let listener = UnixListener::bind(&path).expect("a socket in the temporary directory");
    let answer = answer.join("\n") + "\n";
    let daemon = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the program connects");
        let mut request = String::new();
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        reader.read_line(&mut request).expect("the program asks");
        stream.write_all(answer.as_bytes()).expect("the program listens");
        request
    });
    let ran = sallyctl(&[&["--socket", &path.display().to_string()], words].concat());
    (daemon.join().expect("the daemon's part has no fault"), ran)
}

#[test]
fn sessions_stream_as_objects_or_as_rows() {
    let item = format!(r#"{{"item":{SESSION}}}"#);
    let end = r#"{"end":{"version":1,"count":2,"truncated":true}}"#;
    let answer = [item.as_str(), item.as_str(), end];
    let words = ["sessions", "proto=tcp", "host=10.0.0.1", "--limit", "2"];
    let (request, ran) = ask(&words, &answer);
    let request: serde_json::Value = serde_json::from_str(&request).unwrap();
    let expected = serde_json::json!(
        {"command": "sessions", "filter": ["proto=tcp", "host=10.0.0.1"], "limit": 2}
    );
    assert_eq!(request, expected);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.out.starts_with("ID "), "{}", ran.out);
    assert_eq!(ran.out.matches("inside > outside").count(), 2, "{}", ran.out);
    assert!(ran.out.ends_with("2 sessions; there are more, --limit ended the list\n"));

    let (_, ran) = ask(&[&["--json"], &words[..]].concat(), &answer);
    let objects: Vec<serde_json::Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0], serde_json::from_str::<serde_json::Value>(SESSION).unwrap());
}

#[test]
fn counting_and_clearing_say_how_many() {
    let (request, ran) =
        ask(&["sessions", "count", "proto=udp"], &[r#"{"answer":{"version":1,"count":1234}}"#]);
    assert!(request.contains("sessions_count"), "{request}");
    assert_eq!((ran.status, ran.out.as_str()), (Some(0), "1,234\n"));
    let (request, ran) = ask(
        &["sessions", "clear", "zone=inside", "--json"],
        &[r#"{"answer":{"version":1,"cleared":5}}"#],
    );
    assert!(request.contains("sessions_clear") && request.contains("zone=inside"), "{request}");
    assert_eq!((ran.status, ran.out.as_str()), (Some(0), "{\"version\": 1, \"cleared\": 5}\n"));
}

#[test]
fn a_refused_reload_says_why_and_is_status_1() {
    let refusal = r#"{"error":{"version":1,"kind":"invalid_configuration","message":"the file has 1 fault; the running policy is untouched","diagnostics":[{"severity":"error","file":"fw.toml","line":3,"column":1,"path":"rule[0].action","message":"unknown action \"alow\"","hint":"allow, drop or reject"}]}}"#;
    let (request, ran) = ask(&["reload"], &[refusal]);
    assert_eq!(request.trim(), r#"{"command":"reload"}"#);
    assert_eq!((ran.status, ran.out.as_str()), (Some(1), ""));
    assert!(ran.errors.contains("fw.toml:3:1") && ran.errors.contains("untouched"), "{ran:?}");
    let (_, ran) = ask(&["reload", "--json"], &[refusal]);
    let document: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.status, &document["kind"]), (Some(1), &"invalid_configuration".into()));
    assert_eq!(document["diagnostics"][0]["line"], 3);
}

#[test]
fn a_daemon_of_another_version_is_not_half_understood() {
    let (_, ran) = ask(&["status"], &[r#"{"answer":{"version":2}}"#]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("not understood"), "{ran:?}");
    let (_, ran) = ask(
        &["status"],
        &[r#"{"error":{"version":1,"kind":"busy","message":"too many connections: try again"}}"#],
    );
    assert_eq!(ran.status, Some(1));
    assert!(ran.errors.contains("too many connections"), "{ran:?}");
}
