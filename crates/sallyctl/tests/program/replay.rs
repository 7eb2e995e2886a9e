//! Captures through the program: small ones made here, and every one under `$SALLYPORT_CASES/pcap`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pcap_file::pcap::PcapReader;
use serde_json::Value;
use testkit::packet::{Frame, TCP, Tcp, flags, fragment_v4};

use crate::support::{Place, Ran};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "192.0.2.80:80";

fn tcp(from: &str, to: &str, flags: u8, sequence: u32, acknowledgement: u32) -> Frame {
    Frame::tcp(from, to, Tcp { flags, sequence, acknowledgement, ..TCP })
}

/// A handshake, a datagram in two fragments around an ARP-less ping, a reject and some drops.
fn mixed() -> Vec<(u64, Frame)> {
    let datagram = Frame::udp("10.0.0.1:5000", "192.0.2.9:6000", [7; 64]);
    let [first, second] = <[Frame; 2]>::try_from(fragment_v4(&datagram, &[32])).expect("one cut");
    vec![
        (0, tcp(CLIENT, SERVER, flags::SYN, 100, 0)),
        (250, tcp(SERVER, CLIENT, flags::SYN | flags::ACK, 500, 101)),
        (300, tcp(CLIENT, SERVER, flags::ACK, 101, 501)),
        (400, first),
        (500, Frame::echo_request("10.0.0.1", "192.0.2.9", 7, 1)),
        (450, second),
        (600, tcp("10.0.0.1:40001", "192.0.2.80:23", flags::SYN, 1, 0)),
        (700, tcp(SERVER, "10.0.0.1:40002", flags::ACK, 1, 1)),
        (2_000_000, tcp("192.0.2.80:999", "10.0.0.1:113", flags::SYN, 1, 0)),
    ]
}

fn lines(ran: &Ran) -> Vec<Value> {
    assert_eq!((ran.status, ran.errors.as_str()), (Some(0), ""), "{ran:?}");
    ran.out.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// What holds for every replay.
fn check_lines(lines: &[Value], name: &Path) {
    let name = name.display();
    let (summary, lines) = lines.split_last().expect("at least a summary");
    let summary = &summary["summary"];
    let of = |key: &str| summary[key].as_u64().expect("a count");
    let frames: Vec<_> = lines.iter().filter(|line| line.get("made").is_none()).collect();
    let numbers: Vec<_> = frames.iter().filter_map(|line| line["n"].as_u64()).collect();
    assert_eq!(numbers, (1..=of("received")).collect::<Vec<_>>(), "{name}");
    let seconds: Vec<_> = frames.iter().filter_map(|line| line["time"].as_f64()).collect();
    assert!(seconds.is_sorted() && seconds.len() == frames.len(), "{name}");
    let mut verdicts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let mut sessions = 0;
    for line in &frames {
        let verdict = line["verdict"].as_str().expect("a verdict");
        *verdicts.entry(verdict).or_default() += 1;
        let reason = line["reason"].as_str();
        if let Some(reason) = reason {
            *reasons.entry(reason).or_default() += 1;
        }
        assert_eq!(reason.is_some(), matches!(verdict, "drop" | "reject"), "{name}: {line}");
        assert_eq!(line["out"].is_string(), verdict == "forward", "{name}: {line}");
        if let Some(session) = line["session"].as_u64() {
            assert!(session <= sessions + 1, "{name}: {line} after session {sessions}");
            sessions = sessions.max(session);
        }
        assert!(sessions == 0 || line["session"] != 0, "{name}: {line}");
    }
    for (verdict, key) in [
        ("forward", "forwarded"),
        ("drop", "dropped"),
        ("reject", "rejected"),
        ("consume", "consumed"),
        ("held", "held"),
    ] {
        assert_eq!(verdicts.get(verdict).copied().unwrap_or(0), of(key), "{name}: {key}");
    }
    let sum: u64 =
        ["forwarded", "dropped", "rejected", "consumed", "held"].into_iter().map(of).sum();
    assert_eq!(of("received"), sum, "{name}");
    assert_eq!(summary["reasons"], serde_json::json!(reasons), "{name}");
    assert_eq!(of("sessions"), sessions, "{name}");
    let made = u64::try_from(lines.len() - frames.len()).expect("a count");
    assert_eq!(of("made"), made, "{name}");
}

#[test]
fn lines_come_in_the_order_of_frames_with_every_field() {
    let place = Place::new();
    let capture = place.capture("mixed.pcap", &mixed());
    let ran = place.replay(&capture, &[]);
    check_lines(&lines(&ran), &capture);
    insta::assert_snapshot!("mixed_json", ran.out);
    assert_eq!(place.replay(&capture, &["--json"]).out, ran.out);
}

#[test]
fn people_get_a_table() {
    let place = Place::new();
    let capture = place.capture("mixed.pcap", &mixed());
    let ran = place.replay(&capture, &["--text"]);
    assert_eq!(ran.status, Some(0));
    insta::assert_snapshot!("mixed_text", ran.out);
}

#[test]
fn sides_by_prefix_turn_the_verdict() {
    let place = Place::new();
    let capture = place.capture("mixed.pcap", &mixed());
    let inside_out = lines(&place.replay(&capture, &["--side", "wan0=10.0.0.0/8"]));
    check_lines(&inside_out, &capture);
    assert_eq!(inside_out[0]["in"], "wan0");
    assert_eq!(inside_out[0]["reason"], "no_rule");
}

#[test]
fn write_gives_what_was_sent_with_its_times() {
    let place = Place::new();
    let frames = mixed();
    let capture = place.capture("mixed.pcap", &frames);
    let target = place.path("out.pcap");
    let with_file = place.replay(&capture, &["--write", &target.display().to_string()]);
    assert_eq!(with_file.out, place.replay(&capture, &[]).out);
    let mut reader = PcapReader::new(std::fs::File::open(&target).unwrap()).unwrap();
    let mut sent = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let micros = packet.timestamp.as_micros() - 4_000_000_000;
        sent.push((micros, packet.data.into_owned()));
    }
    // Forwarded: all but the last three; the fifth's clock had run ahead of the sixth's. One reset was made.
    let expected = [(0, 0), (1, 250), (2, 300), (3, 400), (4, 500), (5, 500)];
    assert_eq!(sent.len(), expected.len() + 1);
    for ((number, micros), (at, bytes)) in expected.iter().zip(&sent) {
        assert_eq!((*micros, frames[*number].1.bytes()), (*at, bytes.clone()));
    }
    let (at, reset) = &sent[6];
    assert_eq!(*at, 2_000_000);
    assert_eq!(reset[14 + 20 + 13] & flags::RST, flags::RST);
}

/// A pcapng has every frame, with what became of it; of a segment that is out of the window, which inequality fails, with
/// the numbers. The lines say the same.
#[test]
fn a_pcapng_says_what_became_of_every_frame() {
    use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
    use pcap_file::pcapng::{Block, PcapNgReader};
    let place = Place::new();
    let mut frames = mixed();
    frames.push((2_000_100, tcp(CLIENT, SERVER, flags::ACK, 900_000_000, 501)));
    let capture = place.capture("mixed.pcap", &frames);
    let target = place.path("out.pcapng");
    let ran = place.replay(&capture, &["--write", &target.display().to_string()]);
    let lines = lines(&ran);
    let numbers: Vec<_> = lines.iter().filter_map(|line| line["numbers"].as_str()).collect();
    assert_eq!(numbers.len(), 1, "{}", ran.out);
    assert!(numbers[0].starts_with("seq 900000000 to 900000000, ack 501; "), "{numbers:?}");
    assert!(numbers[0].ends_with("fails i_seq_upper"), "{numbers:?}");
    let mut reader = PcapNgReader::new(std::fs::File::open(&target).unwrap()).unwrap();
    let mut comments = Vec::new();
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap() else { continue };
        let Some(EnhancedPacketOption::Comment(comment)) = packet.options.first() else {
            panic!("a frame without a comment: {packet:?}");
        };
        let micros = packet.timestamp.as_micros() - 4_000_000_000;
        comments.push((micros, packet.data.len(), comment.to_string()));
    }
    assert_eq!(comments.len(), frames.len() + 1, "every frame, and the reset that was made");
    assert_eq!(comments[0].2, "frame 1: forward, rule inside-out");
    assert_eq!((comments[0].0, comments[0].1), (0, frames[0].1.bytes().len()));
    let last = &comments[frames.len()];
    assert_eq!((last.0, last.1), (2_000_100, frames[9].1.bytes().len()));
    assert_eq!(last.2, format!("frame 10: drop, tcp_seq_above_window, {}", numbers[0]));
    assert!(comments.iter().any(|(_, _, comment)| comment == "made"));
}

#[test]
fn a_capture_never_overwrites_itself() {
    let place = Place::new();
    let capture = place.capture("mixed.pcap", &mixed());
    let before = std::fs::read(&capture).unwrap();
    let ran = place.replay(&capture, &["--write", &capture.display().to_string()]);
    assert_eq!(ran.status, Some(2));
    assert_eq!(std::fs::read(&capture).unwrap(), before);
}

#[test]
fn a_cut_capture_is_replayed_as_far_as_it_goes() {
    let place = Place::new();
    let whole = std::fs::read(place.capture("mixed.pcap", &mixed())).unwrap();
    let cut = place.file("cut.pcap", &whole[..whole.len() - 5]);
    let ran = place.replay(&cut, &[]);
    assert_eq!(ran.status, Some(0));
    assert_eq!(ran.out.lines().count(), 8 + 1);
    assert!(ran.errors.contains("middle of a frame") && ran.errors.contains("8 whole frames"));
}

#[test]
fn an_empty_capture_has_a_summary() {
    let place = Place::new();
    let capture = place.capture("none.pcap", &[]);
    let ran = place.replay(&capture, &[]);
    assert_eq!(
        ran.out,
        "{\"summary\": {\"received\": 0, \"forwarded\": 0, \"dropped\": 0, \"rejected\": 0, \
         \"consumed\": 0, \"held\": 0, \"made\": 0, \"reasons\": {}, \"sessions\": 0}}\n"
    );
}

/// Every capture of the case collection.
fn cases(root: OsString) -> Vec<PathBuf> {
    let mut directories = vec![PathBuf::from(root).join("pcap")];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).expect("a readable case collection") {
            let path = entry.expect("a readable directory").path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "SALLYPORT_CASES has no captures in pcap");
    files
}

#[test]
fn every_capture_of_the_collection_adds_up_and_is_the_same_each_time() {
    let Some(root) = std::env::var_os("SALLYPORT_CASES") else {
        eprintln!("skipped: SALLYPORT_CASES does not name the directory of the case collection");
        return;
    };
    let place = Place::new();
    for capture in cases(root) {
        let once = place.replay(&capture, &[]);
        check_lines(&lines(&once), &capture);
        let again = place.replay(&capture, &[]);
        assert!(once.out == again.out, "{}: two runs differ", capture.display());
        let four = place.replay(&capture, &["--workers", "4"]);
        for (one, other) in once.out.lines().zip(four.out.lines()) {
            assert_eq!(one, other, "{} with 4 workers", capture.display());
        }
        assert_eq!(once.out.len(), four.out.len(), "{}", capture.display());
    }
}
