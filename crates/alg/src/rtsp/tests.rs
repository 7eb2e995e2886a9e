//! Streams as they are set up, played and torn down.

use session::Direction::{self, Original, Reply};
use test_case::test_case;

use super::Rtsp;
use crate::Options;
use crate::dialogue::Progress;
use crate::transcript::{Talk, wire};

fn talk() -> Talk<Rtsp> {
    Talk::new(Rtsp::default(), [50_000, 554], Options::default())
}

fn request(method: &str, sequence: u32, more: &str) -> Vec<u8> {
    request_of("", method, sequence, more)
}

/// A request about a part of the film.
fn request_of(part: &str, method: &str, sequence: u32, more: &str) -> Vec<u8> {
    wire(&format!("{method} rtsp://192.0.2.1/film{part} RTSP/1.0\nCSeq: {sequence}\n{more}\n"))
}

fn answer(status: &str, sequence: u32, more: &str) -> Vec<u8> {
    wire(&format!("RTSP/1.0 {status}\nCSeq: {sequence}\nSession: 1;timeout=90\n{more}\n"))
}

type Step<'a> = (Direction, Vec<u8>, &'a [&'a str]);

fn run(steps: &[Step<'_>]) {
    let mut talk = talk();
    for (place, (from, run, noted)) in steps.iter().enumerate() {
        let (progress, told) = talk.stream(*from, run);
        let run_text = String::from_utf8_lossy(run);
        assert_eq!(progress, Progress::Read(run.len()), "step {place}: {run_text}");
        assert_eq!(told, *noted, "step {place}: {run_text}");
    }
}

const PAIRS: &[&str] = &[
    "udp 192.0.2.1:6000 > 10.0.0.1:4588 90s",
    "udp 192.0.2.1:6001 > 10.0.0.1:4589 90s",
    "udp 10.0.0.1 > 192.0.2.1:6000 90s",
    "udp 10.0.0.1 > 192.0.2.1:6001 90s",
];

#[test]
fn the_answer_to_a_setup_announces_both_pairs() {
    let asked = "Transport: RTP/AVP;unicast;client_port=4588-4589\n";
    let agreed = "Transport: RTP/AVP;unicast;client_port=4588-4589;server_port=6000-6001\n";
    run(&[
        (Original, request("OPTIONS", 1, ""), &[]),
        (Reply, answer("200 OK", 1, "Public: SETUP, PLAY\n"), &[]),
        (Original, request("SETUP", 2, asked), &[]),
        (Reply, answer("200 OK", 2, agreed), PAIRS),
        (Original, request("PLAY", 3, ""), &[]),
        (Reply, answer("200 OK", 3, ""), PAIRS),
        (Original, request("PAUSE", 4, ""), &[]),
        (Reply, answer("200 OK", 4, ""), &[]),
        (Original, request("TEARDOWN", 5, ""), &[]),
        (Reply, answer("200 OK", 5, ""), &["- group 0"]),
        (Original, request("PLAY", 6, ""), &[]),
        (Reply, answer("200 OK", 6, ""), &[]),
    ]);
}

/// The end of one stream leaves the others; that of the film, or of what was never set up, leaves none.
#[test]
fn a_teardown_ends_what_it_names() {
    let transport = |port: u16| format!("Transport: RTP/AVP;unicast;client_port={port}\n");
    let to = |port: u16| format!("udp 192.0.2.1 > 10.0.0.1:{port} 90s");
    let [sound, picture] = [to(4588), to(4590)];
    let [sound, picture] = [sound.as_str(), picture.as_str()];
    for all in ["", "/strange"] {
        run(&[
            (Original, request_of("/1", "SETUP", 1, &transport(4588)), &[]),
            (Reply, answer("200 OK", 1, &transport(4588)), &[sound]),
            (Original, request_of("/2", "SETUP", 2, &transport(4590)), &[]),
            (Reply, answer("200 OK", 2, &transport(4590)), &[picture]),
            (Original, request("PLAY", 3, ""), &[]),
            (Reply, answer("200 OK", 3, ""), &[sound, picture]),
            (Original, request_of("/1", "TEARDOWN", 4, ""), &[]),
            (Reply, answer("200 OK", 4, ""), &["- group 0"]),
            (Original, request("PLAY", 5, ""), &[]),
            (Reply, answer("200 OK", 5, ""), &[picture]),
            (Original, request_of("/1", "SETUP", 6, &transport(4588)), &[]),
            (Reply, answer("200 OK", 6, &transport(4588)), &[sound]),
            (Original, request_of(all, "TEARDOWN", 7, ""), &[]),
            (Reply, answer("200 OK", 7, ""), &["- group 1", "- group 0"]),
            (Original, request("PLAY", 8, ""), &[]),
            (Reply, answer("200 OK", 8, ""), &[]),
        ]);
    }
}

/// Who ends what, in which words, and what is taken back. The group of the stream that was set up is 0.
#[test_case(Original, "TEARDOWN rtsp://192.0.2.1/film RTSP/1.0", "200 OK", &[], &["- group 0"]; "the client")]
#[test_case(Original, "TEARDOWN rtsp://192.0.2.1/film RTSP/1.0", "459 Aggregate Operation Not Allowed", &[], &[]; "the client in vain")]
#[test_case(Reply, "TEARDOWN rtsp://192.0.2.1/film RTSP/1.0", "200 OK", &["! wrong_side"], &[]; "the server")]
#[test_case(Reply, "TEARDOWN rtsp://192.0.2.1/film RTSP/2.0", "200 OK", &[], &["- group 0"]; "the server in version 2")]
#[test_case(Reply, "PLAY rtsp://192.0.2.1/film RTSP/1.0", "200 OK", &["! wrong_side"], &[]; "the server plays")]
fn a_stream_ends(from: Direction, start: &str, status: &str, asked: &[&str], answered: &[&str]) {
    let transport = "Transport: RTP/AVP;unicast;client_port=4588\n";
    run(&[
        (Original, request("SETUP", 1, transport), &[]),
        (Reply, answer("200 OK", 1, transport), &["udp 192.0.2.1 > 10.0.0.1:4588 90s"]),
        (from, wire(&format!("{start}\nCSeq: 2\nSession: 1\n\n")), asked),
        // Not by its own word.
        (from, answer(status, 2, ""), &[]),
        (from.reversed(), answer(status, 2, ""), answered),
    ]);
}

/// One conversation may be about more than one session, of the same streams even.
#[test]
fn a_session_s_end_leaves_the_other_session() {
    let transport = |port: u16| format!("Transport: RTP/AVP;unicast;client_port={port}\n");
    let agreed = |sequence: u32, session: &str, more: &str| {
        wire(&format!("RTSP/1.0 200 OK\nCSeq: {sequence}\nSession: {session}\n{more}\n"))
    };
    let [one, two] = ["udp 192.0.2.1 > 10.0.0.1:4588 60s", "udp 192.0.2.1 > 10.0.0.1:4590 60s"];
    run(&[
        (Original, request("SETUP", 1, &transport(4588)), &[]),
        (Reply, agreed(1, "one", &transport(4588)), &[one]),
        (Original, request("SETUP", 2, &transport(4590)), &[]),
        (Reply, agreed(2, "two", &transport(4590)), &[two]),
        (Original, request("PLAY", 3, "Session: two\n"), &[]),
        (Reply, agreed(3, "two", ""), &[two]),
        (Original, request("TEARDOWN", 4, "Session: one\n"), &[]),
        (Reply, agreed(4, "one", ""), &["- group 0"]),
        (Original, request("PLAY", 5, ""), &[]),
        (Reply, agreed(5, "two", ""), &[two]),
        (Original, request("TEARDOWN", 6, "Session: two\n"), &[]),
        (Reply, agreed(6, "two", ""), &["- group 1"]),
    ]);
}

/// The old ports are no stream's any more.
#[test]
fn a_stream_may_be_set_up_anew() {
    let transport = |port: u16| format!("Transport: RTP/AVP;unicast;client_port={port}\n");
    let [old, new] = ["udp 192.0.2.1 > 10.0.0.1:4588 90s", "udp 192.0.2.1 > 10.0.0.1:4590 90s"];
    run(&[
        (Original, request("SETUP", 1, &transport(4588)), &[]),
        (Reply, answer("200 OK", 1, &transport(4588)), &[old]),
        (Original, request("SETUP", 2, &transport(4590)), &[]),
        (Reply, answer("200 OK", 2, &transport(4590)), &["- group 0", new]),
        (Original, request("PLAY", 3, ""), &[]),
        (Reply, answer("200 OK", 3, ""), &[new]),
    ]);
}

/// What is asked for, what is answered, and what is noted of both.
#[test_case("RTP/AVP;unicast;client_port=4588-4589", "RTP/AVP;unicast;server_port=6000-6001", PAIRS; "an answer that does not repeat the ports")]
#[test_case("RTP/AVP/TCP;interleaved=0-1, RTP/AVP/UDP;unicast;client_port=4588-4589", "RTP/AVP/UDP;unicast;client_port=4588-4589;server_port=6000-6001", PAIRS; "one of two")]
#[test_case("RTP/AVP;unicast;dest_addr=\":4588\"/\":4589\"", "RTP/AVP/UDP;unicast;dest_addr=\":4588\"/\"10.0.0.1:4589\";src_addr=\"192.0.2.1:6000\"/\"192.0.2.1:6001\"", PAIRS; "addresses of version 2")]
#[test_case("RTP/AVP;unicast;client_port=4588", "RTP/AVP;unicast;client_port=4588", &["udp 192.0.2.1 > 10.0.0.1:4588 90s"]; "one port and a server that does not say")]
#[test_case("RTP/AVP;unicast;client_port=4588-4589;destination=10.0.0.1", "RTP/AVP;unicast;source=192.0.2.1;client_port=4588-4589;server_port=6000-6001", PAIRS; "the peers by name")]
#[test_case("RTP/AVP;unicast;client_port=4588-4589", "RTP/AVP;unicast;source=camera.example;client_port=4588-4589;server_port=6000-6001", PAIRS; "a server that gives its name")]
#[test_case("RTP/AVP;unicast;client_port=4588-4589", "RTP/AVP;unicast;client_port=22000-22001;server_port=6000-6001", &["! unasked"]; "ports that nobody asked for")]
#[test_case("RTP/AVP;unicast;client_port=4588-4589", "RTP/AVP;unicast;client_port=4588-4588;server_port=6000-6001", &["! unasked"]; "half of what was asked for")]
#[test_case("RTP/AVP;unicast;client_port=4588-4589;destination=10.0.0.2", "RTP/AVP;unicast;client_port=4588-4589;server_port=6000-6001", &["! third_party", "! unasked"]; "media for a third host")]
#[test_case("RTP/AVP;unicast;client_port=4588-4589", "RTP/AVP;unicast;source=192.0.2.9;client_port=4588-4589", &["! third_party"]; "media from a third host")]
#[test_case("RTP/AVP;unicast;dest_addr=\"10.0.0.2:4588\"", "RTP/AVP;unicast", &["! third_party", "! unasked"]; "media for a third host by version 2")]
#[test_case("RTP/AVP;unicast;client_port=80-81", "RTP/AVP;unicast;client_port=80-81", &["! privileged_port", "! privileged_port"]; "privileged")]
#[test_case("RTP/AVP;unicast;client_port=4588-4587", "RTP/AVP;unicast;client_port=4588-4589", &["! malformed", "! unasked"]; "backwards")]
#[test_case("RTP/AVP;unicast;client_port=x", "RTP/AVP;unicast;client_port=4588-4589", &["! malformed", "! unasked"]; "no port")]
#[test_case("RTP/AVP/TCP;unicast;interleaved=0-1", "RTP/AVP/TCP;unicast;interleaved=0-1", &[]; "interleaved")]
#[test_case("RTP/AVP;multicast;port=4588-4589", "RTP/AVP;multicast;port=4588-4589", &[]; "a group")]
#[test_case("x-real-rdt/udp;client_port=4588", "x-real-rdt/udp;client_port=4588", &[]; "another protocol")]
fn a_setup_announces(asked: &str, answered: &str, noted: &[&str]) {
    let mut talk = talk();
    let asked = request("SETUP", 1, &format!("Transport: {asked}\n"));
    let answered = answer("200 OK", 1, &format!("Transport: {answered}\n"));
    let (_, mut told) = talk.stream(Original, &asked);
    told.extend(talk.stream(Reply, &answered).1);
    assert_eq!(told, noted);
}

#[test]
fn only_the_answer_that_was_asked_for_announces() {
    let transport = "Transport: RTP/AVP;unicast;client_port=4588-4589\n";
    run(&[
        (Reply, answer("200 OK", 1, transport), &["! unasked"]),
        (Reply, request("SETUP", 1, transport), &["! wrong_side"]),
        (Original, answer("200 OK", 1, transport), &[]),
        (Original, request("SETUP", 1, transport), &[]),
        (Reply, answer("461 Unsupported Transport", 1, transport), &[]),
        (Reply, answer("200 OK", 1, transport), &["! unasked"]),
    ]);
}

#[test]
fn interleaved_media_and_bodies_are_passed_over() {
    let data = [&b"$\x00\x00\x05RTSP/"[..], b"$\x01\x00\x00"].concat();
    let described = wire("RTSP/1.0 200 OK\nCSeq: 1\nContent-Length: 12\n\nm=audio 9 x\n");
    let answered = [&data[..], &described, &data, &answer("200 OK", 2, "")].concat();
    assert_eq!(talk().stream(Reply, &answered), (Progress::Read(answered.len()), vec![]));

    let begun = [&answer("200 OK", 2, "")[..], b"$\x00\x10\x00rest"].concat();
    let whole = begun.len() - 4 + 0x1000;
    assert_eq!(talk().stream(Reply, &begun), (Progress::Skip(whole), vec![]));
    assert_eq!(talk().stream(Reply, b"$\x00\x10"), (Progress::Read(0), vec![]));
}

#[test_case(&[b'a'; 9000], "! overlong"; "no end of a line")]
#[test_case(b"GET / HTTP/1.1\r\n\r\n", "! malformed"; "a tunnel")]
#[test_case(b"hello\r\n\r\n", "! malformed"; "no message")]
fn what_is_no_rtsp_is_read_no_further(run: &[u8], noted: &str) {
    assert_eq!(talk().stream(Original, run), (Progress::Stop, vec![noted.to_owned()]));
}
