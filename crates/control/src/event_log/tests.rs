//! Events from real shards to lines in a file.

use engine::Time;
use serde_json::{Value, json};
use testkit::packet::{Frame, TCP, Tcp, flags};

use super::*;
use crate::clock::now;
use crate::fake::{self, FakePlane};

struct Logged {
    _directory: tempfile::TempDir,
    path: PathBuf,
    plane: Arc<FakePlane>,
    unwritten: Arc<AtomicU64>,
    log: EventLog,
}

fn start(output: impl FnOnce(&Path) -> PathBuf) -> Logged {
    start_with(fake::CONFIG, output)
}

fn start_with(config: &str, output: impl FnOnce(&Path) -> PathBuf) -> Logged {
    let directory = tempfile::tempdir().unwrap();
    let path = output(directory.path());
    let first = fake::first_policy("/etc/sallyport.toml".as_ref(), config);
    let plane = Arc::new(FakePlane::new(&first));
    let commit = Arc::new(Commit::new(first, Arc::clone(&plane)));
    let unwritten = Arc::new(AtomicU64::new(0));
    let output = EventOutput::open(&LogOutput::File(path.clone())).unwrap();
    let log = EventLog::start(output, Arc::clone(&plane), commit, Arc::clone(&unwritten)).unwrap();
    Logged { _directory: directory, path, plane, unwritten, log }
}

fn query(source_port: u16) -> Frame {
    Frame::udp(format!("10.0.0.1:{source_port}").as_str(), "192.0.2.53:53", [])
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines once there are so many.
fn wait_for(path: &Path, count: usize) -> Vec<Value> {
    let deadline = now() + Duration::from_secs(10);
    loop {
        let lines = lines(path);
        if lines.len() >= count {
            return lines;
        }
        assert!(now() < deadline, "{lines:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_session_from_start_to_end_and_a_denied_packet() {
    let Logged { _directory, path, plane, unwritten, log } =
        start(|directory| directory.join("log"));
    plane.receive(0, &query(5353));
    plane.receive(0, &query(5353));
    plane.set_now(Time::from_secs(12));
    let telnet = Frame::tcp("192.0.2.9:4000", "10.0.0.1:23", Tcp { flags: flags::SYN, ..TCP });
    plane.receive(1, &telnet);
    let filter = engine::SessionFilter::default();
    for worker in [0, 1] {
        let question = crate::plane::Question::Clear { filter: filter.clone() };
        drop(plane.ask(engine::WorkerId(worker), question));
    }
    log.stop();
    let mut lines = lines(&path);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        let time = line.remove("time").unwrap();
        assert!(
            time.as_str().unwrap().ends_with('Z') && time.as_str().unwrap().len() == 24,
            "{time}"
        );
        assert!(line.remove("worker").unwrap().as_u64().unwrap() < 2);
    }
    let session = lines[0]["session"].clone();
    assert!(session.as_str().unwrap().ends_with("-10000"), "{session}");
    let started = json!({
        "event": "session_start", "session": session, "proto": "udp",
        "source": "10.0.0.1", "source_port": 5353,
        "destination": "192.0.2.53", "destination_port": 53,
        "in": "lan0", "from": "inside", "to": "outside", "rule": "inside-out",
    });
    assert_eq!(lines[0], started);
    assert_eq!(
        lines[1],
        json!({
            "event": "deny", "proto": "tcp", "reason": "rule_reject",
            "source": "192.0.2.9", "source_port": 4000,
            "destination": "10.0.0.1", "destination_port": 23,
            "in": "wan0", "from": "outside", "to": "inside", "rule": "no-telnet",
        })
    );
    let mut ended = started;
    ended["event"] = json!("session_end");
    ended["reason"] = json!("cleared");
    ended["packets"] = json!([2, 0]);
    ended["bytes"] = json!([2 * 28, 0]);
    ended["duration_seconds"] = json!(2.0);
    assert_eq!(lines[2], ended);
    assert_eq!(unwritten.load(Ordering::Relaxed), 0);
}

/// What a gateway announces names the session that it read, and what it finds wrong is told.
#[test]
fn an_announced_session_names_its_parent() {
    let config = fake::CONFIG.replacen("action =", "service = [\"tftp\"]\naction =", 1);
    let Logged { _directory, path, plane, log, .. } =
        start_with(&config, |directory| directory.join("log"));
    let request = |payload: &[u8]| Frame::udp("10.0.0.1:5001", "192.0.2.69:69", payload);
    plane.receive(0, &request(b"\0\x01kernel\0octet\0"));
    plane.receive(1, &Frame::udp("192.0.2.69:3000", "10.0.0.1:5001", []));
    plane.receive(0, &request(b"\0\x01kernel"));
    log.stop();
    let mut lines = lines(&path);
    lines.sort_by_key(|line| line["source"].as_str().unwrap().len());
    let [parent, remark, child] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!(parent["gateway"], "tftp");
    assert_eq!(parent.get("parent"), None);
    assert_eq!(child["event"], "session_start");
    assert_eq!(child["parent"], parent["session"]);
    assert_eq!((&child["gateway"], &child["rule"]), (&json!("tftp"), &json!("inside-out")));
    assert_eq!((&child["from"], &child["in"]), (&json!("outside"), &json!("wan0")));
    assert_eq!(remark["event"], "gateway_remark");
    assert_eq!((&remark["reason"], &remark["refused"]), (&json!("malformed"), &json!(false)));
    assert_eq!(remark["session"], parent["session"]);
}

#[test]
fn a_rotated_file_is_opened_anew() {
    let Logged { _directory, path, plane, log, .. } = start(|directory| directory.join("log"));
    plane.receive(0, &query(1000));
    wait_for(&path, 1);
    let rotated = path.with_extension("1");
    std::fs::rename(&path, &rotated).unwrap();
    log.reopen();
    let deadline = now() + Duration::from_secs(10);
    while !path.exists() {
        assert!(now() < deadline);
        thread::sleep(Duration::from_millis(10));
    }
    plane.receive(0, &query(1001));
    log.stop();
    assert_eq!(lines(&rotated).len(), 1);
    assert_eq!(lines(&path).len(), 1);
}

#[test]
fn what_cannot_be_written_is_counted() {
    let Logged { _directory, plane, unwritten, log, .. } = start(|_| "/dev/full".into());
    for port in 1000..1005 {
        plane.receive(0, &query(port));
    }
    log.stop();
    assert_eq!(unwritten.load(Ordering::Relaxed), 5);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let output = LogOutput::File("/proc/no/such/file".into());
    let error = EventOutput::open(&output).unwrap_err().to_string();
    assert!(error.contains("/proc/no/such/file") && error.contains("[log]"), "{error}");
}
