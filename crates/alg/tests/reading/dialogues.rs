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
];
