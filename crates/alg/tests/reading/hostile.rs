//! What nobody says who means well, in sizes that could hurt: each gateway reads it in time proportional to its length.

use std::time::{Duration, Instant};

use alg::{Notes, Options, Peers, Protocol, Reader};
use session::Direction::{self, Original, Reply};
use test_case::test_case;
use wire::SeqNum;

const INVITE: &str = "INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n";
const REGISTER: &str =
    "REGISTER sip:b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nTo: <sip:a>\r\n";
const REGISTERED: &str = "SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n";
const DESCRIBED: &str = "INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\n\
    v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";
const PARTS: &str = "INVITE sip:b SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
    Content-Type: multipart/mixed; boundary=x\r\n\r\n";
const SETUP: &str = "SETUP rtsp://b/ RTSP/1.0\r\nCSeq: 1\r\n";

/// How a text comes.
#[derive(Clone, Copy, Debug)]
enum By {
    Datagram,
    /// In segments of so many octets, each acknowledged.
    Segments(usize),
}

fn time(protocol: Protocol, by: By, from: Direction, text: &[u8]) -> Duration {
    let [client, server] = ["10.0.0.1", "192.0.2.1"].map(|host| host.parse().expect("an address"));
    let peers = Peers { ends: [(client, 40_000), (server, 2_000)] };
    let mut reader = Reader::new(protocol);
    let mut number = SeqNum(1);
    reader.begins(from, number);
    #[expect(clippy::disallowed_methods, reason = "it measures the reader, which knows no time")]
    let begun = Instant::now();
    match by {
        By::Datagram => {
            reader.datagram(from, text, &mut Notes::new(&peers, Options::default()));
        }
        By::Segments(size) => {
            for segment in text.chunks(size) {
                let mut notes = Notes::new(&peers, Options::default());
                reader.segment(from, number, segment, &mut notes);
                number = number + u32::try_from(segment.len()).expect("short");
                reader.acknowledged(from.reversed(), number);
            }
        }
    }
    begun.elapsed()
}

/// A beginning, and what is repeated behind it.
#[test_case(Protocol::Ftp, "", "\n"; "empty lines of FTP")]
#[test_case(Protocol::Ftp, "", "PORT 1,\n"; "short lines of FTP")]
#[test_case(Protocol::Ftp, "STAT ", "PORT"; "an endless line of FTP")]
#[test_case(Protocol::Ftp, "STAT ", "\u{ff}\u{f1}"; "an endless line of Telnet")]
#[test_case(Protocol::Ftp, "PORT 10,0,0,1", ",1"; "an endless port")]
#[test_case(Protocol::Ftp, "211-", "1,"; "an endless reply")]
#[test_case(Protocol::Ftp, "", "227 1,2,3,4,5,\n"; "replies of FTP")]
#[test_case(Protocol::Irc, "", "\n"; "empty lines of IRC")]
#[test_case(Protocol::Irc, "", ":"; "an endless sender")]
#[test_case(Protocol::Irc, "", ": "; "senders without end")]
#[test_case(Protocol::Irc, "", "PRIVMSG a :\u{1}DCC SEND \"\n"; "open quotes")]
#[test_case(Protocol::Rtsp, "", "\n"; "empty lines of RTSP")]
#[test_case(Protocol::Rtsp, "", "$\0\0\0"; "empty media")]
#[test_case(Protocol::Rtsp, SETUP, "a:\n"; "fields of RTSP")]
#[test_case(Protocol::Rtsp, SETUP, "\r"; "an endless field of RTSP")]
#[test_case(Protocol::Rtsp, "SETUP rtsp://b/ RTSP/1.0\r\nCSeq: 1\r\nTransport: ", ";,"; "an endless transport")]
#[test_case(Protocol::Rtsp, "", "SETUP a RTSP/1.0\nCSeq: 1\n\n"; "requests of RTSP")]
#[test_case(Protocol::Pptp, "", "\0\u{c}\0\u{1}\u{1a}+<M\0\u{5}\0\0"; "echoes of PPTP")]
#[test_case(Protocol::Sip, "", "\n"; "empty lines of SIP")]
#[test_case(Protocol::Sip, INVITE, "a:\n"; "fields of SIP")]
#[test_case(Protocol::Sip, INVITE, "a\n "; "an endless folded field")]
#[test_case(Protocol::Sip, INVITE, "m: <sip:a@10.0.0.1:5070>,"; "an endless Contact")]
#[test_case(Protocol::Sip, INVITE, "v: ;;;,\n"; "Vias")]
#[test_case(Protocol::Sip, REGISTER, "m:\\\"<"; "quotes and brackets")]
#[test_case(Protocol::Sip, REGISTERED, "m: <sip:a@10.0.0.1:5070>;expires=0,\n"; "Contacts of an answer")]
#[test_case(Protocol::Sip, DESCRIBED, "a=rtcp:1\n"; "attributes")]
#[test_case(Protocol::Sip, DESCRIBED, "m=\n"; "media lines")]
#[test_case(Protocol::Sip, PARTS, "--x\n\n"; "parts")]
#[test_case(Protocol::Sip, "", "INVITE a SIP/2.0\ni: 1\n\n"; "requests of SIP")]
#[test_case(Protocol::Mgcp, "CRCX 1 a MGCP 1.0\n", "C: 1\n"; "parameters of MGCP")]
#[test_case(Protocol::Mgcp, "", "DLCX 1 a\n.\n"; "messages of MGCP")]
#[test_case(Protocol::Tftp, "\0\u{1}", "\0"; "empty strings")]
#[test_case(Protocol::Tftp, "\0\u{1}", "x"; "an endless name")]
fn what_is_hostile_takes_time_in_proportion(protocol: Protocol, before: &str, repeated: &str) {
    let [before, repeated] = [before, repeated].map(|text| -> Vec<u8> {
        text.chars().map(|octet| u8::try_from(octet).expect("an octet")).collect()
    });
    let text = |length: usize| {
        let mut text = before.clone();
        text.extend(repeated.iter().cycle().take(length));
        text
    };
    // The longest datagram, and sixteen times less.
    let [short, long] = [4_000, 64_000].map(text);
    for by in [By::Datagram, By::Segments(1), By::Segments(1_400)] {
        for from in [Original, Reply] {
            let once = |text: &[u8]| {
                (0..3).map(|_| time(protocol, by, from, text)).min().expect("three times")
            };
            let (few, many) = (once(&short), once(&long));
            let floor = Duration::from_micros(200);
            assert!(many < 64 * few.max(floor), "{by:?} from {from:?}: {few:?}, {many:?}");
        }
    }
}
