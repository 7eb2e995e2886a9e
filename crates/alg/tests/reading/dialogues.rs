//! Dialogues written by hand: what the fuzzer begins from.

use alg::{Options, Protocol};
use session::Direction::{self, Original as C, Reply as S};

use crate::harness::Manner;

type Dialogue = (Protocol, Manner, &'static [(Direction, &'static [u8])]);

const LAX: Options = Options { strict: false, third_party: false };
const STREAM: Manner = Manner { options: LAX, datagrams: false, picked_up: false, ipv6: false };
const DATAGRAMS: Manner = Manner { datagrams: true, ..STREAM };
const STRICT: Manner = Manner { options: Options { strict: true, third_party: false }, ..STREAM };
const OPEN: Manner = Manner { options: Options { strict: false, third_party: true }, ..STREAM };
const IPV6: Manner = Manner { ipv6: true, ..STREAM };

/// A message of the one call, from what makes the difference: its first line, its sequence, its last fields and body.
macro_rules! sip {
    ($start:expr, $sequence:expr, $rest:expr) => {
        concat!(
            $start,
            "\r\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1\r\nf: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\ni: 1@a\r\nCSeq: ",
            $sequence,
            "\r\n",
            $rest
        )
        .as_bytes()
    };
}

/// The end of a message that describes media at a host, in so many octets.
macro_rules! described {
    ($length:expr, $host:expr, $media:expr) => {
        concat!(
            "Content-Type: application/sdp\r\nContent-Length: ",
            $length,
            "\r\n\r\nv=0\r\no=- 1 1 IN ",
            $host,
            "\r\ns=-\r\nc=IN ",
            $host,
            "\r\nt=0 0\r\n",
            $media
        )
    };
}

macro_rules! invite {
    ($length:expr, $host:expr) => {
        sip!(
            "INVITE sip:b@b SIP/2.0",
            "2 INVITE",
            concat!(
                "Contact: \"a\" <sip:a@10.0.0.1:5070>\r\n",
                described!(
                    $length,
                    $host,
                    "m=audio 30000 RTP/AVP 0\r\na=rtcp:31000\r\nm=video 30002 RTP/AVP 96\r\na=rtcp-mux\r\n"
                )
            )
        )
    };
}

macro_rules! progress {
    ($length:expr, $host:expr) => {
        sip!(
            "SIP/2.0 183 Progress",
            "2 INVITE",
            described!($length, $host, "m=audio 40000 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n")
        )
    };
}

macro_rules! ok {
    ($length:expr, $host:expr) => {
        sip!(
            "SIP/2.0 200 OK",
            "2 INVITE",
            described!($length, $host, "m=audio 40000 RTP/AVP 0\r\na=sendonly\r\n")
        )
    };
}

/// A folded field, and media in one of several bodies.
macro_rules! of_many_parts {
    () => {
        "INVITE sip:b@b SIP/2.0\r\nCall-ID: 2\r\nCSeq: 1\r\n INVITE\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\n\
         Content-Length: 131\r\n\r\n--x\r\nContent-Type: application/sdp\r\n\r\n\
         v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
         m=audio 30000 RTP/AVP 0\r\n--x--\r\n"
    };
}

pub(crate) const DIALOGUES: &[Dialogue] = &[
    (
        Protocol::Ftp,
        STREAM,
        &[
            (S, b"220-Welcome\r\n to the server\r\n220 ready\r\n"),
            (C, b"USER anonymous\r\n"),
            (S, b"331 password?\r\n"),
            (C, b"PASS me@\r\n"),
            (S, b"230 in\r\n"),
            (C, b"PASV\r\n"),
            (S, b"227 Entering Passive Mode (192,0,2,1,156,64).\r\n"),
            (C, b"RETR x\r\n"),
            (S, b"150 here it comes\r\n"),
            (S, b"226 done\r\n"),
            (C, b"PORT 10,0,0,1,19,137\r\nLIST\r\n"),
            (S, b"200 ok\r\n150 here\r\n226 done\r\n"),
            (C, b"EPSV\r\n"),
            (S, b"229 Extended (|||40001|)\r\n"),
            (C, b"EPRT |1|10.0.0.1|5001|\r\n"),
            (S, b"200 ok\r\n"),
            (C, b"\xff\xf4\xff\xf2ABOR\r\n"),
            (S, b"426 aborted\r\n226 ok\r\n"),
        ],
    ),
    (
        Protocol::Ftp,
        STRICT,
        &[
            (S, b"220 ready\r\n"),
            (C, b"NOOP\r\nPORT 10,0,0,1,19,137\r\n"),
            (S, b"200 ok\r\n"),
            (S, b"200 ok\r\n"),
            (C, b"EPSV ALL\r\n"),
            (S, b"200 ok\r\n"),
            (C, b"PORT 10,0,0,1,19,137\r\nEPSV\r\n"),
            (S, b"501 no\r\n229 (|||40001|)\r\n"),
            (C, b"AUTH TLS\r\n"),
            (S, b"234 go\r\n"),
            (C, b"\x16\x03\x01\x02\0\x01\0"),
        ],
    ),
    (
        Protocol::Ftp,
        IPV6,
        &[
            (S, b"220 ready\r\n"),
            (C, b"EPRT |2|2001:db8::1|5001|\r\n"),
            (S, b"200 ok\r\n"),
            (C, b"EPSV 2\r\n"),
            (S, b"229 ok (!!!40001!)\r\n"),
        ],
    ),
    (
        Protocol::Ftp,
        STREAM,
        &[
            (S, b"220 ready\r\n"),
            (C, b"POST / HTTP/1.1\r\nHost: b:21\r\n\r\n"),
            (C, b"PORT 10,0,0,1,19,137\r\n"),
            (S, b"200 ok\r\n"),
        ],
    ),
    (
        Protocol::Ftp,
        STRICT,
        &[
            (S, b"220 ready\r\n"),
            (C, b"RETR x\r\n"),
            (S, b"150 here it comes\r\n"),
            (C, b"ABOR\r\n"),
            (S, b"226 aborted\r\n"),
            (C, b"PORT 10,0,0,1,19,137\r\n"),
            (S, b"200 ok\r\n"),
        ],
    ),
    (
        Protocol::Tftp,
        DATAGRAMS,
        &[
            (C, b"\0\x01name\0octet\0blksize\x001428\0"),
            (S, b"\0\x06blksize\x001428\0"),
            (C, b"\0\x02name\0netascii\0"),
            (S, b"\0\x05\0\x01no\0"),
        ],
    ),
    (
        Protocol::Irc,
        STREAM,
        &[
            (C, b"NICK me\r\nUSER me 0 * :Me\r\n"),
            (S, b":irc 001 me :Welcome\r\nPING :irc\r\n"),
            (C, b"PONG :irc\r\nPRIVMSG bob :\x01DCC SEND \"my file\" 167772161 5555 12\x01\r\n"),
            (S, b":bob!b@host PRIVMSG me :\x01DCC ACCEPT x 5555 3\x01\r\n"),
            (C, b"@a=b :me PRIVMSG bob :\x01DCC CHAT chat 167772161 5556\x01\r\n"),
            (C, b"STARTTLS\r\n"),
            (S, b":irc 670 me :go\r\n"),
        ],
    ),
    (Protocol::Irc, OPEN, &[(C, b"PRIVMSG bob :\x01DCC SEND x 167772161 5555 12\x01\r\n")]),
    (
        Protocol::Sip,
        DATAGRAMS,
        &[
            (C, sip!("REGISTER sip:b SIP/2.0", "1 REGISTER", "m: <sip:a@10.0.0.1:5070;transport=tcp>;expires=60\r\n\
              Content-Length: 0\r\n\r\n")),
            (C, invite!(138, "IP4 10.0.0.1")),
            (S, progress!(110, "IP4 192.0.2.1")),
            (S, ok!(100, "IP4 192.0.2.1")),
            (C, sip!("ACK sip:b@b SIP/2.0", "2 ACK", "Content-Length: 0\r\n\r\n")),
            (S, sip!("UPDATE sip:a@a SIP/2.0", "3 UPDATE", described!(84, "IP4 0.0.0.0", "m=audio 40000 RTP/AVP 0\r\n"))),
            (C, sip!("BYE sip:b@b SIP/2.0", "4 BYE", "Content-Length: 0\r\n\r\n")),
            (C, b"     "),
            (C, of_many_parts!().as_bytes()),
        ],
    ),
    (
        Protocol::Sip,
        STREAM,
        &[
            (C, invite!(138, "IP4 10.0.0.1")),
            (S, progress!(110, "IP4 192.0.2.1")),
            (S, ok!(100, "IP4 192.0.2.1")),
            (C, concat!("\r\n\r\n", of_many_parts!()).as_bytes()),
        ],
    ),
    (
        Protocol::Sip,
        OPEN,
        &[
            (C, invite!(138, "IP4 10.0.0.9")),
            (S, progress!(110, "IP4 192.0.2.9")),
            (S, ok!(100, "IP4 192.0.2.9")),
        ],
    ),
    (
        Protocol::Sip,
        STRICT,
        &[
            (C, invite!(138, "IP4 10.0.0.1")),
            (S, progress!(110, "IP4 192.0.2.1")),
            (S, ok!(100, "IP4 192.0.2.1")),
        ],
    ),
    (
        Protocol::Sip,
        IPV6,
        &[
            (C, invite!(144, "IP6 2001:db8::1")),
            (S, progress!(118, "IP6 2001:db8:1::1")),
            (S, ok!(108, "IP6 2001:db8:1::1")),
        ],
    ),
    (
        Protocol::Rtsp,
        STREAM,
        &[
            (C, b"OPTIONS rtsp://b/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
            (S, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: SETUP\r\n\r\n"),
            (C, b"SETUP rtsp://b/1 RTSP/1.0\r\nCSeq: 2\r\nTransport: RTP/AVP/TCP;interleaved=0-1,RTP/AVP;unicast;client_port=5000-5001\r\n\r\n"),
            (S, b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nSession: 1;timeout=30\r\nTransport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;source=192.0.2.1\r\n\r\n"),
            (C, b"SETUP rtsp://b/2 RTSP/2.0\r\nCSeq: 3\r\nTransport: RTP/AVP;dest_addr=\":5002\"/\":5003\"\r\n\r\n"),
            (S, b"RTSP/2.0 200 OK\r\nCSeq: 3\r\nTransport: RTP/AVP;dest_addr=\":5002\"/\":5003\";src_addr=\"192.0.2.1:6002\"/\"192.0.2.1:6003\"\r\n\r\n"),
            (C, b"PLAY rtsp://b/ RTSP/1.0\r\nCSeq: 4\r\n\r\n"),
            (S, b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 5\r\n\r\nhello$\0\0\x04datax$\0\x01\0"),
            (C, b"TEARDOWN rtsp://b/ RTSP/1.0\r\nCSeq: 5\r\n\r\n"),
        ],
    ),
    (
        Protocol::Mgcp,
        DATAGRAMS,
        &[
            (C, b"RSIP 1 *@gw MGCP 1.0\r\nRM: restart\r\n"),
            (S, b"200 1 OK\r\n"),
            (S, b"CRCX 2 aaln/1@gw MGCP 1.0\r\nC: A3\r\nM: recvonly\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\
              s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 1296 RTP/AVP 0\r\n.\r\nRQNT 3 aaln/1@gw MGCP 1.0\r\n\
              X: 1\r\n"),
            (C, b"200 2 OK\r\nI: F\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\n\
              t=0 0\r\nm=audio 3456 RTP/AVP 0\r\n.\r\n200 3 OK\r\n"),
            (S, b"MDCX 4 aaln/1@gw MGCP 1.0\r\nC: A3\r\nI: F\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\
              s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 1296 RTP/AVP 0\r\n"),
            (C, b"200 4 OK\r\n"),
            (S, b"DLCX 5 aaln/1@gw MGCP 1.0\r\nC: A3\r\n"),
            (C, b"250 5 Deleted\r\n"),
        ],
    ),
    (
        Protocol::Pptp,
        STREAM,
        &[
            (C, &pptp::<156>(1, b"\x01\0")),
            (S, &pptp::<156>(2, b"\x01\0\x01\0")),
            (C, &pptp::<168>(7, b"\0\x07")),
            (S, &pptp::<32>(8, b"\0\x09\0\x07\x01")),
            (S, &pptp::<220>(9, b"\0\x05")),
            (C, &pptp::<24>(10, b"\0\x06\0\x05\x01")),
            (C, &pptp::<24>(15, b"\0\x09")),
            (C, &pptp::<16>(12, b"\0\x07")),
            (C, &pptp::<16>(3, b"\x01")),
            (S, &pptp::<16>(4, b"\x01\x01")),
        ],
    ),
];

/// A control message of PPTP (RFC 2637 §2), of so many octets, filled up with zeros.
const fn pptp<const LENGTH: usize>(kind: u8, body: &[u8]) -> [u8; LENGTH] {
    let mut message = [0; LENGTH];
    let header =
        [0, LENGTH.to_be_bytes()[size_of::<usize>() - 1], 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, kind];
    let mut at = 0;
    while at < header.len() {
        message[at] = header[at];
        at += 1;
    }
    let mut at = 0;
    while at < body.len() {
        message[12 + at] = body[at];
        at += 1;
    }
    message
}
