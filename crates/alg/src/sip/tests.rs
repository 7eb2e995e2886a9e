//! Calls as they are set up, changed and ended, and what is announced of each message.

use session::Direction::{Original, Reply};
use test_case::test_case;

use super::Sip;
use crate::Options;
use crate::dialogue::Progress;
use crate::transcript::{INSIDE, OUTSIDE, Step, Talk, wire};

const OPEN: Options = Options { strict: false, third_party: false };
const STRICT: Options = Options { strict: true, third_party: false };
const THIRD_PARTY: Options = Options { strict: false, third_party: true };

fn talk(options: Options) -> Talk<Sip> {
    Talk::new(Sip::default(), [5060, 5060], options)
}

/// A message of the call `id` with a body.
fn message(start: &str, id: &str, sequence: &str, more: &str, body: &str) -> Vec<u8> {
    let body = body.replace('\n', "\r\n");
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let mut message = wire(&format!(
        "{start}\nVia: SIP/2.0/UDP a.example;rport;branch=z9hG4bK1\nFrom: <sip:a@a.example>;tag=1\nTo: <sip:b@b.example>\n\
         Call-ID: {id}\nCSeq: {sequence}\n{kind}{more}Content-Length: {}\n\n",
        body.len(),
    ));
    message.extend_from_slice(body.as_bytes());
    message
}

fn invite(id: &str, body: &str) -> Vec<u8> {
    message("INVITE sip:b@b.example SIP/2.0", id, "1 INVITE", "", body)
}

fn answer(status: &str, id: &str, sequence: &str, body: &str) -> Vec<u8> {
    message(&format!("SIP/2.0 {status}"), id, sequence, "", body)
}

/// A description of audio at a host and port, with more lines of the medium.
fn audio(host: &str, port: u16, more: &str) -> String {
    let version = if host.contains(':') { 6 } else { 4 };
    format!(
        "v=0\no=- 1 1 IN IP{version} {host}\ns=-\nc=IN IP{version} {host}\nt=0 0\nm=audio {port} RTP/AVP 0 8\n{more}"
    )
}

fn run(options: Options, steps: &[Step<'_>]) {
    talk(options).goes(steps);
}

#[test]
fn a_call_announces_what_each_side_wants_to_receive() {
    run(
        OPEN,
        &[
            (
                Original,
                invite("1", &audio(INSIDE, 30_000, "")),
                &["udp 192.0.2.1 > 10.0.0.1:30000 200s", "udp 192.0.2.1 > 10.0.0.1:30001 200s"],
            ),
            (Reply, answer("100 Trying", "1", "1 INVITE", ""), &[]),
            (Reply, answer("180 Ringing", "1", "1 INVITE", ""), &[]),
            (
                Reply,
                answer("200 OK", "1", "1 INVITE", &audio(OUTSIDE, 40_000, "")),
                &[
                    "udp 10.0.0.1 > 192.0.2.1:40000",
                    "udp 10.0.0.1 > 192.0.2.1:40001",
                    "udp 192.0.2.1 > 10.0.0.1:30000",
                    "udp 192.0.2.1 > 10.0.0.1:30001",
                ],
            ),
            (Original, message("ACK sip:b@b.example SIP/2.0", "1", "1 ACK", "", ""), &[]),
            (Reply, message("BYE sip:a@a.example SIP/2.0", "1", "1 BYE", "", ""), &["- group 0"]),
            (Original, answer("200 OK", "1", "1 BYE", ""), &[]),
            (Original, message("BYE sip:b@b.example SIP/2.0", "1", "1 BYE", "", ""), &[]),
        ],
    );
}

#[test]
fn early_media_are_announced_by_the_provisional_answer() {
    run(
        OPEN,
        &[
            (
                Original,
                invite("1", &audio(INSIDE, 30_000, "a=rtcp-mux\n")),
                &["udp 192.0.2.1 > 10.0.0.1:30000 200s", "udp 192.0.2.1 > 10.0.0.1:30001 200s"],
            ),
            (
                Reply,
                answer("183 Progress", "1", "1 INVITE", &audio(OUTSIDE, 40_000, "a=rtcp-mux\n")),
                &["udp 10.0.0.1 > 192.0.2.1:40000 200s", "udp 192.0.2.1 > 10.0.0.1:30000 200s"],
            ),
            (Original, message("PRACK sip:b@b.example SIP/2.0", "1", "2 PRACK", "", ""), &[]),
            (Reply, answer("200 OK", "1", "2 PRACK", ""), &[]),
            (Original, message("CANCEL sip:b@b.example SIP/2.0", "1", "1 CANCEL", "", ""), &[]),
            (Reply, answer("487 Request Terminated", "1", "1 INVITE", ""), &[]),
        ],
    );
}

#[test]
fn an_offer_may_come_with_the_answer_to_an_invite() {
    run(
        OPEN,
        &[
            (Original, invite("1", ""), &[]),
            (
                Reply,
                answer("200 OK", "1", "1 INVITE", &audio(OUTSIDE, 40_000, "")),
                &["udp 10.0.0.1 > 192.0.2.1:40000", "udp 10.0.0.1 > 192.0.2.1:40001"],
            ),
            (
                Original,
                message(
                    "ACK sip:b@b.example SIP/2.0",
                    "1",
                    "1 ACK",
                    "",
                    &audio(INSIDE, 30_000, ""),
                ),
                &[
                    "udp 192.0.2.1 > 10.0.0.1:30000",
                    "udp 192.0.2.1 > 10.0.0.1:30001",
                    "udp 10.0.0.1 > 192.0.2.1:40000",
                    "udp 10.0.0.1 > 192.0.2.1:40001",
                ],
            ),
        ],
    );
}

#[test]
fn the_callee_may_put_on_hold_and_take_up_again() {
    let hold = message(
        "INVITE sip:a@a.example SIP/2.0",
        "1",
        "7 INVITE",
        "",
        &audio(OUTSIDE, 40_000, "a=sendonly\n"),
    );
    let old_hold = message(
        "INVITE sip:a@a.example SIP/2.0",
        "1",
        "8 INVITE",
        "",
        &audio("0.0.0.0", 40_000, ""),
    );
    let resume =
        message("UPDATE sip:a@a.example SIP/2.0", "1", "9 UPDATE", "", &audio(OUTSIDE, 40_002, ""));
    run(
        OPEN,
        &[
            (
                Original,
                invite("1", &audio(INSIDE, 30_000, "")),
                &["udp 192.0.2.1 > 10.0.0.1:30000 200s", "udp 192.0.2.1 > 10.0.0.1:30001 200s"],
            ),
            (
                Reply,
                answer("200 OK", "1", "1 INVITE", &audio(OUTSIDE, 40_000, "")),
                &[
                    "udp 10.0.0.1 > 192.0.2.1:40000",
                    "udp 10.0.0.1 > 192.0.2.1:40001",
                    "udp 192.0.2.1 > 10.0.0.1:30000",
                    "udp 192.0.2.1 > 10.0.0.1:30001",
                ],
            ),
            // It only sends: only reports come to it.
            (
                Reply,
                hold,
                &[
                    "udp 10.0.0.1 > 192.0.2.1:40001 200s",
                    "udp 192.0.2.1 > 10.0.0.1:30000 200s",
                    "udp 192.0.2.1 > 10.0.0.1:30001 200s",
                ],
            ),
            (
                Original,
                answer("200 OK", "1", "7 INVITE", &audio(INSIDE, 30_000, "a=recvonly\n")),
                &[
                    "udp 192.0.2.1 > 10.0.0.1:30000",
                    "udp 192.0.2.1 > 10.0.0.1:30001",
                    "udp 10.0.0.1 > 192.0.2.1:40001",
                ],
            ),
            (
                Reply,
                old_hold,
                &["udp 192.0.2.1 > 10.0.0.1:30000 200s", "udp 192.0.2.1 > 10.0.0.1:30001 200s"],
            ),
            (
                Reply,
                resume,
                &[
                    "udp 10.0.0.1 > 192.0.2.1:40002 200s",
                    "udp 10.0.0.1 > 192.0.2.1:40003 200s",
                    "udp 192.0.2.1 > 10.0.0.1:30000 200s",
                    "udp 192.0.2.1 > 10.0.0.1:30001 200s",
                ],
            ),
        ],
    );
}

#[test]
fn a_strict_reading_waits_for_the_answer() {
    run(
        STRICT,
        &[
            (Original, invite("1", &audio(INSIDE, 30_000, "")), &[]),
            (Reply, answer("200 OK", "2", "1 INVITE", &audio(OUTSIDE, 40_000, "")), &["! unasked"]),
            (
                Reply,
                answer("183 Progress", "1", "1 INVITE", &audio(OUTSIDE, 40_000, "")),
                &[
                    "udp 10.0.0.1 > 192.0.2.1:40000 200s",
                    "udp 10.0.0.1 > 192.0.2.1:40001 200s",
                    "udp 192.0.2.1 > 10.0.0.1:30000 200s",
                    "udp 192.0.2.1 > 10.0.0.1:30001 200s",
                ],
            ),
            (Original, invite("1", &audio(INSIDE, 30_010, "")), &[]),
        ],
    );
}

#[test]
fn calls_do_not_mix() {
    run(
        THIRD_PARTY,
        &[
            (
                Original,
                invite("1", &audio("10.0.0.7", 30_000, "a=rtcp-mux-only\n")),
                &["udp 192.0.2.1 > 10.0.0.7:30000 200s"],
            ),
            (
                Reply,
                invite("2", &audio("192.0.2.7", 40_000, "a=rtcp-mux-only\n")),
                &["udp 10.0.0.1 > 192.0.2.7:40000 200s"],
            ),
            // Each answer goes with its own offer: media run between the hosts of one call.
            (
                Original,
                answer("200 OK", "2", "1 INVITE", &audio("10.0.0.8", 30_002, "a=rtcp-mux-only\n")),
                &["udp 192.0.2.7 > 10.0.0.8:30002", "udp 10.0.0.8 > 192.0.2.7:40000"],
            ),
            (
                Reply,
                answer("200 OK", "1", "1 INVITE", &audio("192.0.2.9", 40_002, "a=rtcp-mux-only\n")),
                &["udp 10.0.0.7 > 192.0.2.9:40002", "udp 192.0.2.9 > 10.0.0.7:30000"],
            ),
        ],
    );
}

/// The table of descriptions: what an INVITE from inside with this body announces. Where only one host is
/// the other end it is left out.
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 0 RTP/AVP 0\n", &[]; "declined")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 30000 RTP/SAVPF 0\na=rtcp:31000\n", &["30000", "31000"]; "rtcp at another port")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 30000 RTP/AVP 0\na=rtcp:31000 IN IP4 10.0.0.1\n", &["30000", "31000"]; "rtcp at another port of a host")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 30000 RTP/AVP 0\na=rtcp:31000 IN IP4 10.0.0.2\n", &["! third_party"]; "rtcp at another host")]
#[test_case(OPEN, "m=audio 30000 RTP/AVP 0\nc=IN IP4 10.0.0.1\nm=video 30002 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 10.0.0.1\n", &["30000", "30001", "30002", "30003"]; "a connection line each")]
#[test_case(OPEN, "c=IN IP4 10.0.0.9\nm=audio 30000 RTP/AVP 0\nc=IN IP4 10.0.0.1\n", &["30000", "30001"]; "a medium's own connection line wins")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=image 30000 udptl t38\n", &["30000"]; "fax")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=message 30000 TCP/MSRP *\nm=audio 30002 RTP/AVP 0\n", &["30002", "30003"]; "media over tcp are left alone")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\na=inactive\nm=audio 30000 RTP/AVP 0\n", &["30001"]; "all inactive")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\na=inactive\nm=audio 30000 RTP/AVP 0\na=sendrecv\n", &["30000", "30001"]; "a medium that is active again")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 30000/2 RTP/AVP 0\n", &["30000", "30001"]; "of several pairs the first")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 65535 RTP/AVP 0\n", &["65535"]; "the last port has no next")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 65536 RTP/AVP 0\n", &["! malformed"]; "no port")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio -1 RTP/AVP 0\n", &["! malformed"]; "a negative port")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 30000\n", &["! malformed"]; "no protocol")]
#[test_case(OPEN, "c=IN IP4 10.0.0.256\nm=audio 30000 RTP/AVP 0\n", &["! malformed"]; "no address")]
#[test_case(OPEN, "c=IN IP4 media.example\nm=audio 30000 RTP/AVP 0\n", &[]; "a name")]
#[test_case(OPEN, "m=audio 30000 RTP/AVP 0\n", &["! malformed"]; "no connection line")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=audio 80 RTP/AVP 0\n", &["! privileged_port", "! privileged_port"]; "privileged")]
#[test_case(OPEN, "c=IN IP4 10.0.0.2\nm=audio 30000 RTP/AVP 0\n", &["! third_party"]; "another host")]
#[test_case(THIRD_PARTY, "c=IN IP4 10.0.0.2\nm=audio 30000 RTP/AVP 0\n", &["10.0.0.2:30000", "10.0.0.2:30001"]; "another host with leave")]
#[test_case(THIRD_PARTY, "c=IN IP4 224.2.1.1/127\nm=audio 30000 RTP/AVP 0\n", &[]; "a group")]
#[test_case(THIRD_PARTY, "c=IN IP4 239.2.1.1\nm=audio 30000 RTP/AVP 0\n", &["! third_party"]; "a group without its range")]
#[test_case(THIRD_PARTY, "c=IN IP4 192.0.2.1\nm=audio 30000 RTP/AVP 0\n", &["! third_party"]; "the other peer itself")]
#[test_case(THIRD_PARTY, "c=IN IP6 2001:db8::1\nm=audio 30000 RTP/AVP 0\n", &[]; "another family than the other side's")]
#[test_case(OPEN, "c=IN IP4 10.0.0.1\nm=a 30000 RTP/AVP 0\nm=a 30002 RTP/AVP 0\nm=a 30004 RTP/AVP 0\nm=a 30006 RTP/AVP 0\nm=a 30008 RTP/AVP 0\n",
    &["30000", "30001", "30002", "30003", "30004", "30005", "30006", "30007", "! overlong"]; "too many media")]
fn a_description_announces(options: Options, body: &str, noted: &[&str]) {
    let noted: Vec<_> = noted
        .iter()
        .map(|note| match note {
            note if note.starts_with('!') => (*note).to_owned(),
            note if note.contains(':') => format!("udp {OUTSIDE} > {note} 200s"),
            note => format!("udp {OUTSIDE} > {INSIDE}:{note} 200s"),
        })
        .collect();
    let told = talk(options).datagram(Original, &invite("1", &format!("v=0\ns=-\n{body}")));
    assert_eq!(told, noted);
}

#[test_case("OPTIONS sip:b@b.example SIP/2.0", "1 OPTIONS"; "capabilities")]
#[test_case("SIP/2.0 200 OK", "1 OPTIONS"; "capabilities asked for")]
#[test_case("SIP/2.0 488 Not Acceptable Here", "1 INVITE"; "a refusal")]
#[test_case("REFER sip:b@b.example SIP/2.0", "1 REFER"; "a transfer")]
#[test_case("MESSAGE sip:b@b.example SIP/2.0", "1 MESSAGE"; "a text")]
fn other_messages_announce_nothing(start: &str, sequence: &str) {
    let payload = message(start, "1", sequence, "", &audio(INSIDE, 30_000, ""));
    assert_eq!(talk(OPEN).datagram(Original, &payload), [""; 0]);
}

#[test]
fn short_names_and_folded_lines_are_the_same() {
    let body = audio(INSIDE, 30_000, "").replace('\n', "\r\n");
    let head = format!(
        "INVITE sip:b@b.example SIP/2.0\nv: SIP / 2.0 / UDP 10.0.0.1\n :5061\n ;branch=z9hG4bK1\ni:\n 1\nCSEQ: 1 INVITE\n\
         m: \"a <b>, \\\"c\" <sip:a@10.0.0.1:5070>\nc: application/sdp ; charset=utf-8\nl:\n {}\n\n",
        body.len(),
    );
    let payload = [wire(&head), body.into_bytes()].concat();
    assert_eq!(
        talk(OPEN).datagram(Original, &payload),
        [
            "udp 192.0.2.1 > 10.0.0.1:5070 200s sip standing",
            "udp 192.0.2.1 > 10.0.0.1:30000 200s",
            "udp 192.0.2.1 > 10.0.0.1:30001 200s",
            "udp 192.0.2.1 > 10.0.0.1:5061 200s sip standing",
        ]
    );
}

#[test]
fn one_part_of_several_may_describe_the_media() {
    let parts = format!(
        "--x y\nContent-Type: application/isup\n\nm=audio 9999 RTP/AVP 0\n--x y\nContent-Type: application/sdp\n\n{}--x y--\n",
        audio(INSIDE, 30_000, "a=rtcp-mux-only\n"),
    );
    let body = parts.replace('\n', "\r\n");
    let head = format!(
        "INVITE sip:b@b.example SIP/2.0\nCall-ID: 1\nCSeq: 1 INVITE\nContent-Type: multipart/mixed; boundary=\"x y\"\nContent-Length: {}\n\n",
        body.len(),
    );
    let payload = [wire(&head), body.into_bytes()].concat();
    assert_eq!(talk(OPEN).datagram(Original, &payload), ["udp 192.0.2.1 > 10.0.0.1:30000 200s"]);
}

/// Where the answer to a request goes, by its Via.
#[test_case("INVITE", "SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1", &["udp 192.0.2.1 > 10.0.0.1:5062 200s sip standing"]; "another port")]
#[test_case("OPTIONS", "SIP/2.0/UDP a.example:5062", &["udp 192.0.2.1 > 10.0.0.1:5062 32s sip standing"]; "a name is the host that it came from")]
#[test_case("OPTIONS", "SIP/2.0/UDP [2001:db8::1]:5062", &["udp 192.0.2.1 > 10.0.0.1:5062 32s sip standing"]; "and so is any address")]
#[test_case("OPTIONS", "SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bK1", &[]; "asked to the port that it came from")]
#[test_case("OPTIONS", "SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1, SIP/2.0/UDP 10.0.0.9;rport", &["udp 192.0.2.1 > 10.0.0.1:5062 32s sip standing"]; "only the topmost counts")]
#[test_case("OPTIONS", "SIP/2.0/UDP 10.0.0.1", &[]; "the port that it came from")]
#[test_case("OPTIONS", "SIP/2.0/TCP 10.0.0.1:5062", &[]; "another transport")]
#[test_case("OPTIONS", "SIP/2.0/UDP 10.0.0.1:80", &["! privileged_port"]; "privileged")]
#[test_case("OPTIONS", "SIP/2.0/UDP 10.0.0.1:x", &["! malformed"]; "no port")]
#[test_case("OPTIONS", "10.0.0.1", &["! malformed"]; "no protocol")]
#[test_case("ACK", "SIP/2.0/UDP 10.0.0.1:5062", &[]; "nothing answers an acknowledgement")]
fn answers_go_where_the_via_says(method: &str, via: &str, noted: &[&str]) {
    let payload = wire(&format!(
        "{method} sip:b@b.example SIP/2.0\nVia: {via}\nCall-ID: 1\nCSeq: 1 {method}\nContent-Length: 0\n\n"
    ));
    assert_eq!(talk(OPEN).datagram(Original, &payload), noted);
}

/// Where later requests go, by a Contact.
#[test_case("INVITE", "sip:a@10.0.0.1:5070;expires=10", &["udp 192.0.2.1 > 10.0.0.1:5070 200s sip standing"]; "without brackets")]
#[test_case("INVITE", "<sip:a;x=1@10.0.0.1:5070;transport=TCP?h=1>", &["tcp 192.0.2.1 > 10.0.0.1:5070 200s sip standing"]; "over tcp")]
#[test_case("INVITE", "<sip:a@10.0.0.1:5070;transport=tls>", &[]; "over tls")]
#[test_case("INVITE", "<sips:a@10.0.0.1:5070>", &[]; "secured")]
#[test_case("INVITE", "<sip:a@10.0.0.2:5070>", &[]; "another host")]
#[test_case("INVITE", "<sip:a@10.0.0.1>", &[]; "the same port")]
#[test_case("INVITE", "<sip:a@10.0.0.1:80>", &["! privileged_port"]; "privileged")]
#[test_case("INVITE", "<sip:a@a.example:5070>", &[]; "a name")]
#[test_case("SUBSCRIBE", "<sip:a@10.0.0.1:5070>", &[]; "another method")]
#[test_case("REGISTER", "<sip:a@10.0.0.1:5070>", &[]; "a registration that is not answered yet")]
fn requests_go_where_the_contact_says(method: &str, contact: &str, noted: &[&str]) {
    let more = format!("Contact: {contact}\nExpires: 900\n");
    let start = format!("{method} sip:b@b.example SIP/2.0");
    let payload = message(&start, "1", &format!("1 {method}"), &more, "");
    assert_eq!(talk(OPEN).datagram(Original, &payload), noted);
}

/// What is asked for, what the registrar answers, and what is expected then.
#[test_case("<sip:a@10.0.0.1:5070>;expires=120", "200 OK", "", "120s"; "as long as was asked for")]
#[test_case("<sip:a@10.0.0.1:5070>", "200 OK", "", "900s"; "as long as the message asks for")]
#[test_case("<sip:a@10.0.0.1:5070>", "200 OK", "Expires: 60\n", "60s"; "as long as is granted")]
#[test_case("<sip:a@10.0.0.1:5070>;expires=120", "200 OK", "Contact: <sip:b@10.0.0.9>;expires=9, \"a, b\" <sip:a@10.0.0.1:5070;x=1,2>;expires=30\n", "30s"; "as long as is granted to this one of several")]
#[test_case("<sip:a@10.0.0.1:5070>;expires=86400", "200 OK", "", "3600s"; "no longer than an hour")]
#[test_case("<sip:a@10.0.0.1:5070>;expires=0", "200 OK", "", ""; "taken back")]
#[test_case("*", "200 OK", "", ""; "all taken back")]
#[test_case("<sip:a@10.0.0.1:5070>", "401 Unauthorized", "", ""; "refused")]
#[test_case("<sip:a@10.0.0.1:5070>", "100 Trying", "", ""; "not decided")]
#[test_case("<sip:a@10.0.0.2:5070>", "200 OK", "", ""; "another host")]
#[test_case("<sip:a@10.0.0.1>", "200 OK", "", ""; "the same port")]
fn calls_go_where_was_registered(contact: &str, status: &str, granted: &str, lifetime: &str) {
    let mut talk = talk(OPEN);
    let ask = format!("Contact: {contact}\nExpires: 900\n");
    let asked = message("REGISTER sip:b.example SIP/2.0", "1", "1 REGISTER", &ask, "");
    assert_eq!(talk.datagram(Original, &asked), [""; 0]);
    let answered = message(&format!("SIP/2.0 {status}"), "1", "1 REGISTER", granted, "");
    assert_eq!(talk.datagram(Original, &answered), [""; 0], "its own answer is none");
    let expected = (!lifetime.is_empty())
        .then(|| format!("udp 192.0.2.1 > 10.0.0.1:5070 {lifetime} sip standing"));
    assert_eq!(talk.datagram(Reply, &answered), expected.into_iter().collect::<Vec<_>>());
    let again = message("SIP/2.0 200 OK", "1", "1 REGISTER", "", "");
    if status.starts_with('1') {
        assert_eq!(talk.datagram(Reply, &again).len(), 1, "the answer comes later");
    } else {
        assert_eq!(talk.datagram(Reply, &again), [""; 0], "once");
    }
}

/// A registration of an identity at a Contact, and the answer to it.
fn registration(number: u32, identity: &str, contact: &str, status: &str) -> [Vec<u8>; 2] {
    [("REGISTER sip:b.example SIP/2.0", contact), (&format!("SIP/2.0 {status}"), "")].map(|(start, contact)| {
        let contact = if contact.is_empty() { String::new() } else { format!("Contact: {contact}\n") };
        wire(&format!(
            "{start}\nFrom: <sip:{identity}@b.example>;tag=1\nTo: \"<x>\" <sip:{identity}@b.example>\nCall-ID: r\n\
             CSeq: {number} REGISTER\n{contact}Content-Length: 0\n\n"
        ))
    })
}

const HERE: &str = "<sip:a@10.0.0.1:5070>";

/// A telephone is registered; then something else happens, and the registration is taken back: identity and Contact, the
/// answer to it, and whether the place closes.
#[test_case(&[], "a", "<sip:a@10.0.0.1:5070>;expires=0", "200 OK", true; "the same")]
#[test_case(&[], "a", "*\nExpires: 0", "200 OK", true; "all of it")]
#[test_case(&[], "a", "<sip:a@10.0.0.1:5070>\nExpires: 0", "200 OK", true; "the same by the message")]
#[test_case(&[], "a", "<sip:a@10.0.0.1:5070>;expires=0", "401 Unauthorized", false; "refused")]
#[test_case(&[], "a", "<sip:a@10.0.0.1:5070>;expires=0", "100 Trying", false; "not decided")]
#[test_case(&[], "a", "*\nExpires: 60", "200 OK", false; "all, but not to take it back")]
#[test_case(&[], "a", "*", "200 OK", false; "all, without a time")]
#[test_case(&[], "b", "<sip:a@10.0.0.1:5070>;expires=0", "200 OK", false; "another identity")]
#[test_case(&[], "b", "*\nExpires: 0", "200 OK", false; "all of another identity")]
#[test_case(&[], "a", "<sip:b@10.0.0.1:5070>;expires=0", "200 OK", false; "another Contact there")]
#[test_case(&[], "a", "<sip:a@10.0.0.1:5071>;expires=0", "200 OK", false; "another port")]
#[test_case(&[], "a", "<sip:a@10.0.0.1:5070;transport=tcp>;expires=0", "200 OK", false; "another transport")]
#[test_case(&[("b", HERE)], "a", "<sip:a@10.0.0.1:5070>;expires=0", "200 OK", false; "another identity is there")]
#[test_case(&[("a", "<sip:x@10.0.0.1:5070>")], "a", "<sip:a@10.0.0.1:5070>;expires=0", "200 OK", false; "another Contact is there")]
#[test_case(&[("a", "<sip:x@10.0.0.1:5070>")], "a", "*\nExpires: 0", "200 OK", true; "all of two")]
#[test_case(&[("b", "<sip:b@10.0.0.1:5072>")], "a", "<sip:a@10.0.0.1:5070>;expires=0", "200 OK", true; "another is elsewhere")]
fn a_registration_that_is_taken_back_closes_its_place(
    others: &[(&str, &str)],
    identity: &str,
    contact: &str,
    status: &str,
    closes: bool,
) {
    let mut talk = talk(OPEN);
    for (number, (identity, contact)) in (1..).zip([&("a", HERE)].into_iter().chain(others)) {
        let [asks, agrees] = registration(number, identity, contact, "200 OK");
        assert_eq!(talk.datagram(Original, &asks), [""; 0]);
        assert_eq!(talk.datagram(Reply, &agrees).len(), 1);
    }
    let [asks, answers] = registration(9, identity, contact, status);
    assert_eq!(talk.datagram(Original, &asks), [""; 0], "not before it is agreed to");
    assert_eq!(talk.datagram(Original, &answers), [""; 0], "not by its own word");
    let told = talk.datagram(Reply, &answers);
    assert_eq!(told.contains(&"- group 0".to_owned()), closes, "{told:?}");
    assert!(told.len() <= 1, "nothing of another's: {told:?}");
}

/// What is registered at the other side's host is none of the first side's.
#[test]
fn each_side_takes_back_its_own_registration() {
    let mut talk = talk(OPEN);
    let there = "<sip:a@192.0.2.1:5070>";
    for (number, from, contact) in [(1, Original, HERE), (2, Reply, there)] {
        let [asks, agrees] = registration(number, "a", contact, "200 OK");
        talk.datagram(from, &asks);
        assert_eq!(talk.datagram(from.reversed(), &agrees).len(), 1);
    }
    let [asks, agrees] = registration(3, "a", "*\nExpires: 0", "200 OK");
    talk.datagram(Reply, &asks);
    assert_eq!(talk.datagram(Original, &agrees), ["- group 1"]);
}

/// A call has the place, too: then it lapses by its time.
#[test]
fn a_place_that_a_call_has_is_left_open() {
    let invite = message(
        "INVITE sip:b@b.example SIP/2.0",
        "7",
        "1 INVITE",
        &format!("Contact: {HERE}\n"),
        "",
    );
    let taken = answer("200 OK", "7", "1 INVITE", "");
    let bye = message("BYE sip:b@b.example SIP/2.0", "7", "2 BYE", "", "");
    let back = format!("{HERE};expires=0");
    for (call, closes) in [(&[&invite, &taken][..], false), (&[&invite, &taken, &bye], true)] {
        let mut talk = talk(OPEN);
        let [asks, agrees] = registration(1, "a", HERE, "200 OK");
        talk.datagram(Original, &asks);
        talk.datagram(Reply, &agrees);
        for (said, from) in call.iter().zip([Original, Reply, Original]) {
            talk.datagram(from, said);
        }
        let [asks, agrees] = registration(2, "a", &back, "200 OK");
        talk.datagram(Original, &asks);
        let told = talk.datagram(Reply, &agrees);
        assert_eq!(told, if closes { &["- group 0"][..] } else { &[] });
    }
}

/// More registrations than are remembered: nobody knows who is at the place.
#[test]
fn a_place_of_which_not_all_is_known_is_left_open() {
    let mut talk = talk(OPEN);
    for number in 0..9 {
        let [asks, agrees] = registration(number, &number.to_string(), HERE, "200 OK");
        talk.datagram(Original, &asks);
        talk.datagram(Reply, &agrees);
    }
    for number in 0..9 {
        let [asks, agrees] =
            registration(20 + number, &number.to_string(), "*\nExpires: 0", "200 OK");
        talk.datagram(Original, &asks);
        assert_eq!(talk.datagram(Reply, &agrees), [""; 0]);
    }
}

/// A message of a call with these tags and a Contact.
fn tagged(start: &str, sequence: &str, [from, to]: [&str; 2], contact: &str) -> Vec<u8> {
    wire(&format!(
        "{start}\nFrom: \"<x;tag=9>\" <sip:a@a.example>;tag={from}\nTo: <sip:b@b.example>;tag={to}\nCall-ID: 1\n\
         CSeq: {sequence}\nContact: <sip:c@{contact}>\nContent-Length: 0\n\n"
    ))
}

/// Both sides' later requests are expected for as long as a call rings, then for as long as it lasts; and a call that two
/// have taken ends with the second.
#[test]
fn a_call_lasts_until_its_last_dialog_ends() {
    let invite = tagged("INVITE sip:b@b.example SIP/2.0", "1 INVITE", ["a", ""], "10.0.0.1:5070");
    let taken = |tag| tagged("SIP/2.0 200 OK", "1 INVITE", ["a", tag], "192.0.2.1:5080");
    let caller = |time| format!("udp 192.0.2.1 > 10.0.0.1:5070 {time}s sip standing");
    let called = |time| format!("udp 10.0.0.1 > 192.0.2.1:5080 {time}s sip standing");
    let mut talk = talk(OPEN);
    let media = self::invite("1", &audio(INSIDE, 30_000, "a=rtcp-mux-only\n"));
    assert_eq!(talk.datagram(Original, &media).len(), 1);
    assert_eq!(talk.datagram(Original, &invite), [caller(200)]);
    let ringing = tagged("SIP/2.0 180 Ringing", "1 INVITE", ["a", "b"], "192.0.2.1:5080");
    assert_eq!(talk.datagram(Reply, &ringing), [called(200)]);
    for tag in ["b", "c"] {
        assert_eq!(talk.datagram(Reply, &taken(tag)), [called(200), called(1800), caller(1800)]);
    }
    // A change that is refused ends nothing.
    let refused = tagged("SIP/2.0 488 Not Here", "2 INVITE", ["a", "b"], "192.0.2.1:5080");
    assert_eq!(talk.datagram(Reply, &refused), [""; 0]);
    let end = |tags| tagged("BYE sip:b@b.example SIP/2.0", "3 BYE", tags, "10.0.0.1:5070");
    assert_eq!(talk.datagram(Original, &end(["a", "c"])), [""; 0]);
    // What is taken back is the media. Later requests go where the telephone may be registered.
    assert_eq!(talk.datagram(Reply, &end(["b", "a"])), ["- group 0"]);
}

/// A call is refused when the last of its INVITEs is: another may have followed one that is refused, again since nobody has
/// acknowledged that, or may be another branch of a fork.
#[test_case(["x", "y"], "1 INVITE"; "another branch")]
#[test_case(["x", "x"], "2 INVITE"; "another attempt")]
fn a_call_is_not_refused_while_another_invitation_waits(branches: [&str; 2], second: &str) {
    let [refused, other] = branches;
    let of_branch = |message: Vec<u8>, branch: &str| {
        let text = String::from_utf8(message).expect("text");
        text.replace("z9hG4bK1", branch).into_bytes()
    };
    let pair = ["udp 192.0.2.1 > 10.0.0.1:30000 200s", "udp 192.0.2.1 > 10.0.0.1:30001 200s"];
    for options in [OPEN, STRICT] {
        let announced = if options.strict { &[][..] } else { &pair };
        let media = audio(INSIDE, 30_000, "");
        let start = "INVITE sip:b@b.example SIP/2.0";
        let busy = answer("486 Busy Here", "1", "1 INVITE", "");
        let mut talk = talk(options);
        for (branch, number) in [(refused, "1 INVITE"), (other, second)] {
            let invite = of_branch(message(start, "1", number, "", &media), branch);
            assert_eq!(talk.datagram(Original, &invite), announced);
        }
        for _ in 0..2 {
            assert_eq!(talk.datagram(Reply, &of_branch(busy.clone(), refused)), [""; 0]);
        }
        let taken = answer("200 OK", "1", second, &audio(OUTSIDE, 40_000, ""));
        assert_eq!(talk.datagram(Reply, &of_branch(taken, other)).len(), 4);
    }
}

/// Of several telephones that ring the caller may give up one (RFC 3261 §15).
#[test]
fn a_call_that_rings_is_not_ended_by_one_of_its_dialogs() {
    let media = audio(INSIDE, 30_000, "");
    let mut talk = talk(OPEN);
    assert_eq!(talk.datagram(Original, &invite("1", &media)).len(), 2);
    for tag in ["b", "c"] {
        let ringing = tagged("SIP/2.0 180 Ringing", "1 INVITE", ["a", tag], "192.0.2.1:5060");
        assert_eq!(talk.datagram(Reply, &ringing), [""; 0]);
    }
    let end = tagged("BYE sip:b@b.example SIP/2.0", "2 BYE", ["a", "b"], "10.0.0.1:5060");
    assert_eq!(talk.datagram(Original, &end), [""; 0]);
    let refused = answer("487 Request Terminated", "1", "1 INVITE", "");
    assert_eq!(talk.datagram(Reply, &refused), ["- group 0"]);
}

/// With strictness a caller's Contact opens when the other side answers, and not by the caller's own word.
#[test]
fn a_strict_caller_is_called_when_it_is_answered() {
    let invite = tagged("INVITE sip:b@b.example SIP/2.0", "1 INVITE", ["a", ""], "10.0.0.1:5070");
    let trying = answer("100 Trying", "1", "1 INVITE", "");
    let ringing = tagged("SIP/2.0 180 Ringing", "1 INVITE", ["a", "b"], "192.0.2.1:5080");
    let own = tagged("SIP/2.0 200 OK", "1 INVITE", ["a", "b"], "10.0.0.1:5070");
    let stranger = answer("200 OK", "2", "1 INVITE", &audio(OUTSIDE, 40_000, ""));
    run(
        STRICT,
        &[
            (Original, invite, &[]),
            (Original, own, &["! unasked"]),
            (Reply, stranger, &["! unasked"]),
            (Reply, trying, &[]),
            (
                Reply,
                ringing,
                &[
                    "udp 192.0.2.1 > 10.0.0.1:5070 200s sip standing",
                    "udp 10.0.0.1 > 192.0.2.1:5080 200s sip standing",
                ],
            ),
        ],
    );
}

#[test_case(b"     ", &[]; "white space")]
#[test_case(b"\r\n\r\n", &[]; "empty lines")]
#[test_case(b"\x00\x01\x00\x00\x21\x12\xa4\x42", &["! malformed"]; "no text")]
#[test_case(b"INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\n", &["! malformed"]; "no empty line")]
#[test_case(b"INVITE sip:b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n", &["! malformed"]; "no identity")]
#[test_case(b"GET / HTTP/1.1\r\nCall-ID: 1\r\n\r\n", &["! malformed"]; "another protocol")]
#[test_case(b"INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 10\r\n\r\nshort", &["! malformed"]; "shorter than it says")]
#[test_case(b"INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 1\r\nl: 2\r\n\r\nab", &["! malformed"]; "two lengths")]
fn what_is_no_message_is_remarked_on(payload: &[u8], noted: &[&str]) {
    assert_eq!(talk(OPEN).datagram(Reply, payload), noted);
}

#[test]
fn a_call_that_was_forgotten_begins_anew() {
    let mut talk = talk(STRICT);
    for call in 0..40 {
        let payload = invite(&call.to_string(), &audio(INSIDE, 30_000, ""));
        assert_eq!(talk.datagram(Original, &payload), [""; 0]);
    }
    let accept =
        |call: u32| answer("200 OK", &call.to_string(), "1 INVITE", &audio(OUTSIDE, 40_000, ""));
    assert_eq!(talk.datagram(Reply, &accept(7)), ["! unasked"]);
    assert_eq!(talk.datagram(Reply, &accept(8)).len(), 4);
    // A refusal before any answer ends a call, one of a change does not.
    let refusal = answer("486 Busy Here", "9", "1 INVITE", "");
    assert_eq!(talk.datagram(Reply, &refusal), [""; 0]);
    assert_eq!(talk.datagram(Reply, &accept(9)), ["! unasked"]);
}

/// Over TCP messages end by their length, wherever segments do.
#[test]
fn a_stream_is_divided_into_messages() {
    let offer = invite("1", &audio(INSIDE, 30_000, ""));
    let stream = [b"\r\n\r\n".to_vec(), offer.clone(), b"\r\n\r\n".to_vec(), offer].concat();
    for step in [1, 7, 100, stream.len()] {
        let mut talk = talk(OPEN);
        let (mut read, mut noted) = (0, Vec::new());
        for end in (step..stream.len()).step_by(step).chain([stream.len()]) {
            let (progress, told) = talk.stream(Original, &stream[read..end]);
            noted.extend(told);
            let Progress::Read(more) = progress else { panic!("{progress:?} in steps of {step}") };
            read += more;
        }
        assert_eq!(read, stream.len(), "in steps of {step}");
        assert_eq!(noted.len(), 4, "in steps of {step}: {noted:?}");
    }
}

#[test]
fn a_body_of_no_use_is_passed_over() {
    let text = wire(
        "MESSAGE sip:b@b.example SIP/2.0\nCall-ID: 1\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: 100000\n\n",
    );
    let run = [&text[..], b"hello"].concat();
    assert_eq!(talk(OPEN).stream(Original, &run), (Progress::Skip(text.len() + 100_000), vec![]));

    let long = audio(INSIDE, 30_000, &"a=x\n".repeat(4000));
    let offer = invite("1", &long);
    let (progress, noted) = talk(OPEN).stream(Original, &offer[..4000]);
    assert_eq!(progress, Progress::Skip(offer.len()));
    assert_eq!(noted, ["! overlong"]);
}

#[test_case(&[b'a'; 9000], "! overlong"; "no end of a line")]
#[test_case(b"hello\r\n\r\n", "! malformed"; "no message")]
#[test_case(b"INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: x\r\n\r\n", "! malformed"; "no length")]
fn a_stream_that_cannot_be_divided_is_read_no_further(run: &[u8], noted: &str) {
    assert_eq!(talk(OPEN).stream(Original, run), (Progress::Stop, vec![noted.to_owned()]));
}
