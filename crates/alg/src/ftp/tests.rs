use core::net::IpAddr;

use test_case::test_case;

use super::*;
use crate::{Options, Peers, Protocol, Reader, Reading};
use wire::SeqNum;

const LAX: Options = Options { strict: false, third_party: false };
const STRICT: Options = Options { strict: true, third_party: false };
const V4: [&str; 2] = ["10.0.0.1", "192.0.2.1"];
const V6: [&str; 2] = ["2001:db8::1", "2001:db8:1::1"];

/// What a reader made of some lines: announcements as `opener > port`, what is taken back of them as `- opener > port`, remarks
/// by their names, refused segments with `!`, the end of reading as `stop`. Of one segment what is taken back comes first.
fn heard(options: Options, ends: [&str; 2], said: &[(Direction, &str)]) -> Vec<String> {
    let [client, server] = ends.map(|address| address.parse::<IpAddr>().unwrap());
    let peers = Peers { ends: [(client, 40_000), (server, 21)] };
    let mut reader = Reader::new(Protocol::Ftp);
    let mut next = [SeqNum(1_000), SeqNum(u32::MAX - 20)];
    for from in [CLIENT, SERVER] {
        reader.begins(from, next[from.index()]);
    }
    let mut heard = Vec::new();
    let mut opened: Vec<(u32, String)> = Vec::new();
    for (from, text) in said {
        let mut notes = Notes::new(&peers, options);
        let number = &mut next[from.index()];
        // Latin-1, so that a table can hold Telnet's octets.
        let octets: Vec<u8> = text.chars().map(|octet| u8::try_from(octet).unwrap()).collect();
        let reading = reader.segment(*from, *number, &octets, &mut notes);
        *number = *number + u32::try_from(octets.len()).unwrap();
        reader.acknowledged(from.reversed(), *number);
        for groups in notes.withdrawn() {
            let (_, what) =
                opened.iter().rfind(|(of, _)| groups.contains(of)).expect("it was opened");
            heard.push(format!("- {what}"));
        }
        for announced in notes.announcements() {
            let Announcement { protocol, opener, source, source_port, destination, .. } =
                *announced;
            assert_eq!((protocol, source_port), (TCP, None));
            assert_eq!(source, peers.speaker(opener).0);
            assert_eq!(destination, peers.listener(opener).0);
            let opener = if opener == CLIENT { "client" } else { "server" };
            let what = format!("{opener} > {}", announced.destination_port);
            opened.push((announced.group, what.clone()));
            heard.push(what);
        }
        heard.extend(notes.remarks().iter().map(|remark| match reading {
            Reading::Pass => remark.name().to_owned(),
            Reading::Refuse(refused) => {
                assert_eq!(*remark, refused);
                format!("!{remark}")
            }
        }));
        if reader.has_stopped() {
            heard.push("stop".to_owned());
            break;
        }
    }
    heard
}

const C: Direction = CLIENT;
const S: Direction = SERVER;
const HELLO: (Direction, &str) = (S, "220 ready\r\n");

#[test_case(&[(C, "PORT 10,0,0,1,19,137\r\n")], &["server > 5001"]; "a port")]
#[test_case(&[(C, "port 10,0,0,1,19,137\n")], &["server > 5001"]; "small letters and a bare line feed")]
#[test_case(&[(C, " PORT \t10,0,0,1,19,137 \r\n")], &["server > 5001"]; "white space")]
#[test_case(&[(C, "PORT 010,000,000,001,19,137\r\n")], &["server > 5001"]; "leading zeros")]
#[test_case(&[(C, "PORT 10,0,0,1,"), (C, "19,137\r"), (C, "\n")], &["server > 5001"]; "a split command")]
#[test_case(&[(C, "NOOP\r\nPORT 10,0,0,1,19,137\r\nPORT 10,0,0,1,19,138\r\nRE")], &["server > 5001", "server > 5002"]; "pipelined commands")]
#[test_case(&[(C, "PORT 10,0,0,1,19,137")], &[]; "no terminator")]
#[test_case(&[(C, "PORT 10,0,0,2,19,137\r\n")], &["!bounce"]; "another host")]
#[test_case(&[(C, "PORT 192,0,2,1,19,137\r\n")], &["!bounce"]; "the server itself")]
#[test_case(&[(C, "PORT 10,0,0,1,3,255\r\n")], &["!privileged_port"]; "a privileged port")]
#[test_case(&[(C, "PORT 10,0,0,1,4,0\r\n")], &["server > 1024"]; "the lowest port")]
#[test_case(&[(C, "PORT 10,0,0,1,0,0\r\n")], &["!privileged_port"]; "port zero")]
#[test_case(&[(C, "PORT 10,0,0,1,19\r\n")], &["malformed"]; "five numbers")]
#[test_case(&[(C, "PORT 10,0,0,1,19,137,1\r\n")], &["malformed"]; "seven numbers")]
#[test_case(&[(C, "PORT 266,0,0,1,19,137\r\n")], &["malformed"]; "a number too large")]
#[test_case(&[(C, "PORT 10,0,0,1,19,-137\r\n")], &["malformed"]; "a sign")]
#[test_case(&[(C, "PORT\r\n")], &["malformed"]; "no argument")]
#[test_case(&[(C, "XPORT 10,0,0,1,19,137\r\n")], &[]; "another command")]
#[test_case(&[(C, "EPRT |1|10.0.0.1|5001|\r\n")], &["server > 5001"]; "an extended port")]
#[test_case(&[(C, "EPRT !1!10.0.0.1!5001!\r\n")], &["server > 5001"]; "another delimiter")]
#[test_case(&[(C, "EPRT |1|10.0.0.2|5001|\r\n")], &["!bounce"]; "another host by an extended port")]
#[test_case(&[(C, "EPRT |1|10.0.0.1|1023|\r\n")], &["!privileged_port"]; "a privileged extended port")]
#[test_case(&[(C, "EPRT |2|::1|5001|\r\n")], &["!bounce"]; "the other family")]
#[test_case(&[(C, "EPRT |2|::ffff:10.0.0.1|5001|\r\n")], &["server > 5001"]; "IPv4 in IPv6 form")]
#[test_case(&[(C, "EPRT |2|::ffff:10.0.0.2|5001|\r\n")], &["!bounce"]; "another host in IPv6 form")]
#[test_case(&[(C, "EPRT |3|10.0.0.1|5001|\r\n")], &["malformed"]; "an unknown family")]
#[test_case(&[(C, "EPRT |1|10.0.0.1|65537|\r\n")], &["malformed"]; "an extended port too large")]
#[test_case(&[(C, "EPRT |1|10.0.0.1|5001\r\n")], &["malformed"]; "an unended field")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 Entering Passive Mode (192,0,2,1,156,64).\r\n")], &["client > 40000"]; "a passive answer")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 =192,0,2,1,156,64\r\n")], &["client > 40000"]; "without parentheses")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 2,3 of 192,0,2,1,156,64\r\n")], &["client > 40000"]; "other numbers before")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 at (192,0,2,1,156)\r\n")], &["malformed"]; "an answer with five numbers")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 (192,0,2,2,156,64)\r\n")], &["bounce"]; "an answer with another host")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 (192,0,2,1,0,22)\r\n")], &["privileged_port"]; "an answer with a privileged port")]
#[test_case(&[HELLO, (S, "227 (192,0,2,1,156,64)\r\n")], &["unasked"]; "an answer to nothing")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 (192,0,2,1,156,64)\r\n227 (192,0,2,1,156,65)\r\n")], &["client > 40000", "unasked"]; "two answers")]
#[test_case(&[HELLO, (C, "PASV\r\nEPSV\r\n"), (S, "227 (192,0,2,1,156,64)\r\n229 (|||40001|)\r\n")], &["client > 40001", "unasked"]; "a later question replaces the first")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227-Well,\r\n227-(192,0,2,1,9,9)\r\n 227 (192,0,2,1,8,8)\r\n227 (192,0,2,1,156,64)\r\n")], &["client > 40000"]; "an answer of many lines")]
#[test_case(&[HELLO, (C, "PASS x\r\nPASV\r\n"), (S, "230-Hello\r\n227 (192,0,2,1,9,9)\r\n230 done\r\n227 (192,0,2,1,156,64)\r\n")], &["client > 40000"]; "an answer within another")]
#[test_case(&[HELLO, (C, "STAT x\r\nPASV\r\n"), (S, "227 x (192,0,2,1,9,9)\r\n"), (S, "227 (192,0,2,1,156,64)\r\n")], &["unasked", "client > 40000"]; "an answer to another command")]
#[test_case(&[HELLO, (C, "STAT x\r\nEPSV\r\n"), (S, "229 x (|||40009|)\r\n"), (S, "229 (|||40001|)\r\n")], &["unasked", "client > 40001"]; "an extended answer to another command")]
#[test_case(&[HELLO, (C, "\r\nPASV\r\n"), (S, "227 (192,0,2,1,156,64)\r\n")], &["client > 40000"]; "an empty line that is not answered")]
#[test_case(&[HELLO, (C, "\r\n"), (S, "500 what?\r\n"), (C, "PASV\r\n"), (S, "227 (192,0,2,1,156,64)\r\n")], &["client > 40000"]; "an empty line that is answered")]
#[test_case(&[HELLO, (C, "227 (192,0,2,1,156,64)\r\n")], &["wrong_side"]; "an answer by the client")]
#[test_case(&[HELLO, (S, "PORT 10,0,0,1,19,137\r\n")], &["wrong_side"]; "a command by the server")]
#[test_case(&[HELLO, (C, "EPSV\r\n"), (S, "229 Entering Extended Passive Mode (|||40001|)\r\n")], &["client > 40001"]; "an extended answer")]
#[test_case(&[HELLO, (C, "EPSV\r\n"), (S, "229 ok (|1|192.0.2.1|40001|)\r\n")], &["malformed"]; "an extended answer with an address")]
#[test_case(&[HELLO, (C, "EPSV 1\r\n"), (S, "229 ok (|||80|)\r\n")], &["privileged_port"]; "an extended answer with a privileged port")]
#[test_case(&[HELLO, (C, "EPSV ALL\r\n"), (S, "200 ok\r\n"), (C, "PORT 10,0,0,1,19,137\r\n"), (C, "PASV\r\n"), (C, "EPSV\r\n"), (S, "501 no\r\n501 no\r\n229 (|||40001|)\r\n")], &["ruled_out", "ruled_out", "client > 40001"]; "nothing but extended passive")]
#[test_case(&[HELLO, (C, "EPSV ALL\r\n"), (S, "500 what?\r\n"), (C, "PORT 10,0,0,1,19,137\r\n")], &["server > 5001"]; "a refused restriction")]
#[test_case(&[HELLO, (C, "AUTH TLS\r\n"), (S, "234 go\r\n"), (C, "PORT 10,0,0,1,19,137\r\n")], &["stop"]; "encryption")]
#[test_case(&[HELLO, (C, "AUTH GSSAPI\r\n"), (S, "334 go\r\n")], &["stop"]; "another mechanism")]
#[test_case(&[HELLO, (C, "AUTH TLS\r\n"), (S, "502 no\r\n"), (C, "PORT 10,0,0,1,19,137\r\n")], &["server > 5001"]; "encryption refused")]
#[test_case(&[(C, "\u{ff}\u{f4}\u{ff}\u{f2}ABOR\r\n\u{ff}\u{fb}\u{1}POR\u{ff}\u{f1}T 10,0,0,1,19,137\r\n")], &["server > 5001"]; "Telnet's interrupt and others")]
#[test_case(&[(C, "PORT 10,0,0,1,19,137\0\r\n")], &["malformed"]; "a zero octet")]
#[test_case(&[(C, "PORT 10,0,0,2,19,137x\r\n")], &["!bounce"]; "another host with something behind")]
#[test_case(&[(C, "PORT 10, +0, 0,2 , 19, 137\r\n")], &["!bounce"]; "another host with blanks between")]
#[test_case(&[(C, "PORT 10,0,0,258,19,137\r\n")], &["!bounce"]; "another host in numbers too large")]
#[test_case(&[(C, "PORT 10,0,0,-247,19,137\r\n")], &["!bounce"]; "another host by a sign")]
#[test_case(&[(C, "PORT 10,\u{b}0,0,+2,19,137\r\n")], &["!bounce"]; "another host behind a vertical tab")]
#[test_case(&[(C, "PORT\u{b}10,0,0,2,19,137\r\n")], &["!bounce"]; "a vertical tab behind the command")]
#[test_case(&[(C, "\u{b}EPRT |1|10.0.0.2|5001|\r\n")], &["!bounce"]; "a vertical tab before the command")]
#[test_case(&[(C, "EPRT |1|\u{b}10.0.0.2|5001|\r\n")], &["!bounce"]; "a vertical tab before the address")]
#[test_case(&[(C, "PORT 10,-256,0,+1,19,137\r\n")], &["malformed"]; "the own host by signs")]
#[test_case(&[(C, "PORT 10,x,0,2,19,137\r\n")], &["malformed"]; "no host")]
#[test_case(&[(C, "EPRT |1|10.0.0.2|5001\r\n")], &["!bounce"]; "another host in an unended field")]
#[test_case(&[(C, "EPRT |1|::ffff:10.0.0.2|5001|\r\n")], &["!bounce"]; "another host in the wrong family")]
#[test_case(&[(C, "EPRT |1|10.2|5001|\r\n")], &["!bounce"]; "another host in two numbers")]
#[test_case(&[(C, "EPRT |1|167772162|5001|\r\n")], &["!bounce"]; "another host in one number")]
#[test_case(&[(C, "EPRT |1|0xa.0.0.0x2|5001|\r\n")], &["!bounce"]; "another host in hexadecimal")]
#[test_case(&[(C, "EPRT |1|012.0.0.01|5001|\r\n")], &["malformed"]; "the own host in octal")]
#[test_case(&[(C, "EPRT |1|10.1|5001|\r\n")], &["malformed"]; "the own host in two numbers")]
#[test_case(&[(C, "EPRT |1|010.0.0.1|5001|\r\n")], &["!bounce"]; "a zero before that makes another host of it")]
#[test_case(&[(C, "EPRT |1|10.0.0.2 x|5001|\r\n")], &["!bounce"]; "another host with more behind")]
#[test_case(&[(C, "EPRT |2|2001:db8::2%1|5001|\r\n")], &["!bounce"]; "another host in a zone")]
#[test_case(&[(C, "EPRT |1|b.example|5001|\r\n")], &["!bounce"]; "a name")]
#[test_case(&[(C, "EPRT |1||5001|\r\n")], &["malformed"]; "no address")]
#[test_case(&[(C, "LPRT 4,4,10,0,0,1,2,19,137\r\n"), (S, "200 ok\r\n")], &[]; "a long port")]
#[test_case(&[(C, "LPRT 4,4,10,0,0,2,2,19,137\r\n")], &["!bounce"]; "another host by a long port")]
#[test_case(&[(C, "lprt 6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,2,2,19,137\r\n")], &["!bounce"]; "another host over IPv6 by a long port")]
#[test_case(&[(C, "LPRT 6,16,0,0,0,0,0,0,0,0,0,0,255,255,10,0,0,1,2,0,22\r\n")], &["!privileged_port"]; "a privileged long port")]
#[test_case(&[(C, "LPRT 5,4,10,0,0,2,2,19,137\r\n")], &["malformed"]; "a long port of an unknown family")]
#[test_case(&[HELLO, (S, "LPRT 4,4,10,0,0,1,2,19,137\r\n")], &["wrong_side"]; "a long port by the server")]
#[test_case(&[HELLO, (C, "PASV\r\nLPRT 4,4,10,0,0,1,2,19,137\r\n"), (S, "227 (192,0,2,1,156,64)\r\n")], &["unasked"]; "a long port replaces a question")]
#[test_case(&[(C, "P@SW x\r\n\r\nXSHA256 HTTP/1.1.txt\r\nPORT 10,0,0,1,19,137\r\n")], &["server > 5001"]; "rare commands and an empty line")]
#[test_case(&[(C, "POST / HTTP/1.1\r\n"), (C, "Host: 192.0.2.1:21\r\n\r\nPORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n")], &["other_protocol"]; "a command in the body of an HTTP request")]
#[test_case(&[(C, "PORT /x HTTP/1.1\r\nPORT 10,0,0,1,19,137\r\n")], &["other_protocol", "malformed"]; "a method of HTTP that is a command")]
#[test_case(&[(C, "GET / HTTP/1.0\r\n\r\nPASV\r\n"), (S, "220 hi\r\n500 what?\r\n227 (192,0,2,1,156,64)\r\n")], &["other_protocol"]; "an answer to an HTTP request")]
#[test_case(&[(C, "POST / HTTP/1.1\r\n\r\n"), (C, "PORT 10,0,0,2,19,137\r\n")], &["other_protocol", "!bounce"]; "a bounce behind an HTTP request")]
#[test_case(&[(C, "\u{0}\u{3}\u{0}\u{20}\u{21}\u{12}x\nPORT 10,0,0,1,19,137\r\n")], &["other_protocol"]; "a command in a message that is no text")]
fn a_dialogue_announces(said: &[(Direction, &str)], expected: &[&str]) {
    assert_eq!(heard(LAX, V4, said), expected);
}

#[test_case(&[HELLO, (C, "PORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n")], &["server > 5001"]; "agreed")]
#[test_case(&[HELLO, (C, "PORT 10,0,0,1,19,137\r\n"), (S, "500 no\r\n200 ok\r\n")], &[]; "refused")]
#[test_case(&[HELLO, (C, "NOOP\r\nPORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n"), (S, "500 no\r\n")], &[]; "the agreement to another command")]
#[test_case(&[(C, "NOOP\r\nPORT 10,0,0,1,19,137\r\n"), (S, "120 wait\r\n220 ready\r\n200 ok\r\n"), (S, "200 ok\r\n")], &["server > 5001"]; "commands before the greeting")]
#[test_case(&[HELLO, (C, "RETR x\r\nPORT 10,0,0,1,19,137\r\n"), (S, "150 here\r\n226-done\r\n200 x\r\n226 done\r\n"), (S, "200 ok\r\n")], &["server > 5001"]; "replies in many parts")]
#[test_case(&[HELLO, (C, "PORT 10,0,0,1,19,137\r\nPORT 10,0,0,1,19,138\r\n"), (S, "200 ok\r\n200 ok\r\n")], &["server > 5002"]; "the later of two")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\n"), (S, "426 cut\r\n226 aborted\r\n"), (C, "PORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n")], &["server > 5001"]; "an abort with two replies")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\n"), (S, "226 aborted\r\n"), (C, "PORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n")], &["server > 5001"]; "an abort with one reply")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\n"), (S, "426 cut\r\n"), (C, "LIST\r\n"), (S, "150 here\r\n"), (S, "226 done\r\n"), (C, "PORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n")], &["server > 5001"]; "another transfer after one reply")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\nNOOP\r\nPORT 10,0,0,1,19,137\r\n"), (S, "226 aborted\r\n200 ok\r\n500 no\r\n")], &[]; "a refusal after one reply")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\nNOOP\r\nPORT 10,0,0,1,19,137\r\n"), (S, "226 aborted\r\n200 ok\r\n200 ok\r\n")], &["server > 5001"]; "an agreement after one reply")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\nNOOP\r\nPORT 10,0,0,1,19,137\r\n"), (S, "426 cut\r\n226 aborted\r\n200 ok\r\n500 no\r\n")], &[]; "a refusal after two replies")]
#[test_case(&[HELLO, (C, "RETR x\r\n"), (S, "150 here\r\n"), (C, "ABOR\r\n"), (S, "226 aborted\r\n"), (C, "PORT 10,0,0,1,19,137\r\n"), (S, "500 no\r\n"), (C, "TYPE I\r\n"), (S, "200 ok\r\n"), (C, "PORT 10,0,0,1,19,138\r\n"), (S, "200 ok\r\n")], &["server > 5002"]; "a refusal that may be the abort's")]
#[test_case(&[HELLO, (C, "ABOR\r\nPORT 10,0,0,1,19,137\r\n"), (S, "200 nothing to abort\r\n500 no\r\n")], &[]; "an abort of nothing")]
#[test_case(&[HELLO, (C, "PORT 10,0,0,1,19,137x\r\n")], &["!malformed"]; "malformed")]
#[test_case(&[HELLO, (C, "PORT 10,0,0,2,19,137\r\n")], &["!bounce"]; "another host, strictly")]
#[test_case(&[HELLO, (C, "LPRT 5,4,10,0,0,2,2,19,137\r\n")], &["!malformed"]; "a long port of an unknown family, strictly")]
#[test_case(&[HELLO, (C, "EPSV\r\n"), (S, "229 (|||40001|)\r\n")], &["client > 40001"]; "passive as ever")]
fn a_strict_dialogue_announces(said: &[(Direction, &str)], expected: &[&str]) {
    assert_eq!(heard(STRICT, V4, said), expected);
}

/// What some servers take for a command and others not, or for two: with the replies to it and behind, a server that refuses
/// the `PORT` would seem to agree.
#[test_case("\r\nNOOP\r\n", "500 what?\r\n200 ok\r\n500 no\r\n"; "an empty line that is answered")]
#[test_case("\u{ff}\u{f1}\r\nNOOP\r\n", "500 what?\r\n200 ok\r\n500 no\r\n"; "Telnet's no-operation that is answered")]
#[test_case("227 x\r\nNOOP\r\n", "500 what?\r\n200 ok\r\n500 no\r\n"; "a reply that is answered")]
#[test_case("WHAT\rNOOP\r\n", "500 what?\r\n200 ok\r\n500 no\r\n"; "a carriage return that ends a line")]
#[test_case("WHAT\nNOOP\r\n", "500 what?\r\n500 no\r\n200 to a NOOP behind\r\n"; "a line feed that ends none")]
fn what_servers_count_in_different_ways_is_no_agreement(before: &str, replies: &str) {
    let said = [HELLO, (C, before), PORT_5001, (C, "NOOP\r\n"), (S, replies)];
    let heard = heard(STRICT, V4, &said);
    assert!(!heard.contains(&"server > 5001".to_owned()), "{heard:?}");
}

const PORT_5001: (Direction, &str) = (C, "PORT 10,0,0,1,19,137\r\n");
const PASSIVE: [(Direction, &str); 3] = [HELLO, (C, "PASV\r\n"), (S, "227 (192,0,2,1,156,64)\r\n")];

/// What is taken back by the reply to a command that names a port.
#[test_case("200 ok\r\n", &[]; "agreed")]
#[test_case("332 whose\r\n", &[]; "neither")]
#[test_case("425 no\r\n", &["- server > 5001"]; "refused for now")]
#[test_case("500 what\r\n", &["- server > 5001"]; "not understood")]
#[test_case("530 log in\r\n", &["- server > 5001"]; "not for strangers")]
#[test_case("421 bye\r\n", &["- server > 5001"]; "the end of all")]
#[test_case("230-500\r\n500 x\r\n230 in\r\n", &[]; "words that look like a refusal")]
fn a_port_that_is_refused_is_taken_back(reply: &str, expected: &[&str]) {
    let expected = [&["server > 5001"], expected].concat();
    assert_eq!(heard(LAX, V4, &[HELLO, PORT_5001, (S, reply)]), expected);
    let extended = (C, "EPRT |1|10.0.0.1|5001|\r\n");
    assert_eq!(heard(LAX, V4, &[HELLO, extended, (S, reply)]), expected);
    // It is the reply to another command.
    let other = [HELLO, (C, "NOOP\r\n"), PORT_5001, (S, reply)];
    let expected = if reply.starts_with("421") { &expected[..] } else { &expected[..1] };
    assert_eq!(heard(LAX, V4, &other), expected);
}

/// What is taken back by the replies to a transfer.
#[test_case("RETR x\r\n", "150 here\r\n", false; "a transfer that begins")]
#[test_case("RETR x\r\n", "150 here\r\n226 done\r\n", true; "a transfer that is over")]
#[test_case("STOR x\r\n", "125 go on\r\n250 done\r\n", true; "a transfer that is over otherwise")]
#[test_case("LIST\r\n", "226 nothing\r\n", true; "a transfer that is over at once")]
#[test_case("RETR x\r\n", "425 cannot connect\r\n", true; "no connection")]
#[test_case("APPE x\r\n", "150 here\r\n425 cannot connect\r\n", true; "no connection after all")]
#[test_case("MLSD\r\n", "426 cut\r\n", true; "cut")]
#[test_case("STOU\r\n", "150 here\r\n452 full\r\n", true; "failed on its way")]
#[test_case("RETR x\r\n", "150 here\r\n551 broken\r\n", true; "failed for good on its way")]
#[test_case("RETR x\r\n", "450 busy\r\n", false; "not now")]
#[test_case("NLST x\r\n", "550 none\r\n", false; "never")]
#[test_case("RETR x\r\n", "532 whose\r\n", false; "not without an account")]
#[test_case("RETR x\r\n", "350 more\r\n", false; "not yet")]
#[test_case("SIZE x\r\n", "426 x\r\n", false; "no transfer")]
#[test_case("NOOP\r\nRETR x\r\n", "425 x\r\n", false; "the reply to another command")]
#[test_case("RETR x\r\nRETR y\r\n", "550 none\r\n425 cannot connect\r\n", true; "the second of two")]
#[test_case("QUIT\r\n", "221 bye\r\n", true; "the end")]
#[test_case("NOOP\r\n", "421 too long\r\n", true; "the end by the server")]
#[test_case("REIN\r\n", "120 wait\r\n220 ready\r\n", true; "a new beginning")]
#[test_case("REIN\r\n", "500 what\r\n", false; "no new beginning")]
fn what_a_transfer_leaves_unused_is_taken_back(command: &str, reply: &str, taken: bool) {
    let ways = [
        (vec![HELLO, PORT_5001, (S, "200 ok\r\n")], "server > 5001"),
        (PASSIVE.to_vec(), "client > 40000"),
        (vec![HELLO, (C, "EPSV\r\n"), (S, "229 (|||40001|)\r\n")], "client > 40001"),
    ];
    for (mut said, opened) in ways {
        said.extend([(C, command), (S, reply)]);
        let back = format!("- {opened}");
        let expected = if taken { vec![opened, &back] } else { vec![opened] };
        assert_eq!(heard(LAX, V4, &said), expected);
        assert_eq!(heard(STRICT, V4, &said), expected);
    }
}

/// Each takes back its own.
#[test]
fn a_transfer_s_end_leaves_the_others_openings() {
    let all = "PORT 10,0,0,1,19,137\r\nRETR x\r\nPORT 10,0,0,1,19,138\r\nRETR y\r\nPORT 10,0,0,1,19,139\r\n";
    let said = [
        HELLO,
        (C, all),
        (S, "200 ok\r\n"),
        (S, "425 no\r\n"),
        (S, "200 ok\r\n150 here\r\n226 done\r\n"),
        (S, "500 no\r\n"),
    ];
    let opened = ["server > 5001", "server > 5002", "server > 5003"];
    let back = opened.map(|it| format!("- {it}"));
    assert_eq!(heard(LAX, V4, &said), [opened.map(str::to_owned), back].concat());
}

/// As many as a session may have announced.
#[test]
fn the_end_takes_back_all() {
    let ports: String = (0..9).map(|port| format!("PORT 10,0,0,1,19,{port}\r\n")).collect();
    let heard = heard(LAX, V4, &[HELLO, (C, &ports), (S, "421 bye\r\n")]);
    assert_eq!(heard.len(), 9 + OPENINGS);
    assert_eq!(heard[9], "- server > 4865", "the first has given way");
}

/// Encryption ends the reading only if the server agrees to that very command.
#[test_case(&[(C, "AUTH TLS\r\n")], &["!bounce"]; "not answered")]
#[test_case(&[(C, "NOOP\r\nAUTH TLS\r\n"), (S, "234 go\r\n")], &["unasked", "!bounce"]; "an answer to another command")]
#[test_case(&[(C, "NOOP\r\n"), (S, "234 go\r\n"), (C, "AUTH TLS\r\n")], &["unasked", "!bounce"]; "an answer too early")]
#[test_case(&[(C, "AUTH TLS\r\n"), (S, "504 no\r\n"), (C, "NOOP\r\n"), (S, "234 go\r\n")], &["unasked", "!bounce"]; "an answer too late")]
#[test_case(&[(S, "234 go\r\n")], &["unasked", "!bounce"]; "an answer to nothing")]
#[test_case(&[(C, "AUTH TLS\r\n"), (S, "234-go\r\n")], &["!bounce"]; "an answer that has not ended")]
#[test_case(&[(C, "AUTH TLS\r\nPASV\r\n"), (S, "234 go\r\n")], &["stop"]; "another command behind")]
#[test_case(&[(C, "AUTH TLS\r\nAUTH SSL\r\n"), (S, "504 no\r\n234 go\r\n")], &["stop"]; "the second of two")]
fn encryption_is_the_server_s_word(said: &[(Direction, &str)], expected: &[&str]) {
    let bounce = (C, "PORT 10,0,0,2,19,137\r\n");
    assert_eq!(heard(LAX, V4, &[&[HELLO], said, &[bounce]].concat()), expected);
}

/// Nor is a restriction lifted by a refusal of something else.
#[test]
fn nothing_but_extended_passive_is_refused_by_its_own_reply() {
    let said = [HELLO, (C, "WHAT\r\nEPSV ALL\r\n"), (S, "500 what?\r\n200 ok\r\n"), PORT_5001];
    assert_eq!(heard(LAX, V4, &said), ["ruled_out"]);
}

#[test_case(&[(C, "EPRT |2|2001:DB8::0:1|5001|\r\n")], &["server > 5001"]; "an extended port over IPv6")]
#[test_case(&[(C, "EPRT |2|2001:db8::2|5001|\r\n")], &["!bounce"]; "another host over IPv6")]
#[test_case(&[HELLO, (C, "EPSV\r\n"), (S, "229 (|||40001|)\r\n")], &["client > 40001"]; "an extended answer over IPv6")]
#[test_case(&[HELLO, (C, "PASV\r\n"), (S, "227 (192,0,2,1,156,64)\r\n")], &["bounce"]; "a passive answer over IPv6")]
fn a_dialogue_over_ipv6_announces(said: &[(Direction, &str)], expected: &[&str]) {
    assert_eq!(heard(LAX, V6, said), expected);
}

/// Of a conversation whose beginning was not seen nobody knows how many replies are outstanding.
#[test]
fn an_answer_after_something_unseen_may_be_any_command_s() {
    let peers = Peers { ends: V4.map(|host| (host.parse().unwrap(), 40_000)) };
    let mut reader = Reader::new(Protocol::Ftp);
    let mut notes = Notes::new(&peers, LAX);
    for (from, said) in [(C, "E I\r\nNOOP\r\nPASV\r\n"), (S, "in\r\n227 (192,0,2,1,156,64)\r\n")] {
        assert_eq!(reader.segment(from, SeqNum(7), said.as_bytes(), &mut notes), Reading::Pass);
    }
    assert_eq!(notes.announcements().len(), 1);
}

#[test]
fn a_line_too_long_is_ignored_to_its_end() {
    let mut line = "x".repeat(3 * LINE);
    line.push_str("PORT10,0,0,1,19,137\r\nPORT 10,0,0,1,19,138\r\n");
    for size in [1, 7, 1_023, 4_000] {
        let mut heard = heard(LAX, V4, &in_segments(&line, size));
        heard.sort();
        assert_eq!(heard, ["overlong", "server > 5002"]);
    }
    let longest = format!("STAT {}\r\n", "x".repeat(LINE - 5));
    assert_eq!(heard(LAX, V4, &[(C, &longest)]), [""; 0]);
}

/// What the client says, in segments of so many octets.
fn in_segments(text: &str, size: usize) -> Vec<(Direction, &str)> {
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let (segment, behind) = rest.split_at(end);
        segments.push((C, segment));
        rest = behind;
    }
    segments
}

/// Servers that divide long lines see a command where the client says a path (CVE-2008-4247): it is not expected, nor does
/// it arrive, be it for the client's own port, since nobody can tell what the server has seen before it.
#[test_case(511, "PORT 10,0,0,2,19,137", "!overlong"; "another host where the shortest buffer ends")]
#[test_case(511, "PORT 10,0,0,1,19,137", "!overlong"; "the own host there")]
#[test_case(511, "eprt\t|1|10.0.0.2|5001|", "!overlong"; "small letters and a tab")]
#[test_case(511, "LPRT 4,4,10,0,0,2,2,19,137", "!overlong"; "the long command")]
#[test_case(511, "PO\u{ff}\u{f1}RT 10,0,0,2,19,137", "!overlong"; "Telnet's no-operation within")]
#[test_case(511, "P\u{ff}\u{fb}\u{1}ORT 10,0,0,2,19,137", "!overlong"; "Telnet's option within")]
#[test_case(510, "\u{ff}PORT 10,0,0,2,19,137", "!overlong"; "Telnet's mark before the end of the buffer")]
#[test_case(1023, "PORT 10,0,0,2,19,137", "!overlong"; "at the end of what is read")]
#[test_case(1026, "PORT 10,0,0,2,19,137", "!overlong"; "behind what is read")]
#[test_case(4095, "PORT 10,0,0,2,19,137", "!overlong"; "where a longer buffer ends")]
#[test_case(490, "PORT 10,0,0,2,19,137", ""; "where no server divides")]
#[test_case(511, "PORTER 10,0,0,2,19,137", ""; "another word")]
#[test_case(511, "port", ""; "the end of a path")]
fn a_command_in_the_midst_of_a_line_does_not_arrive(at: usize, command: &str, expected: &str) {
    let line = format!("CWD {}{command}\r\n", "a".repeat(at - 4));
    let next = "PORT 10,0,0,1,19,138\r\n";
    for size in [1, 7, 512, 1_400, 9_000] {
        let mut said = in_segments(&line, size);
        if expected.is_empty() {
            said.push((C, next));
        }
        let mut heard = heard(LAX, V4, &said);
        heard.retain(|it| it != "overlong");
        heard.dedup();
        let expected = if expected.is_empty() { "server > 5002" } else { expected };
        assert_eq!(heard, [expected], "in segments of {size}");
    }
}

/// The server's reply to the end of such a line could be taken for that to the next command.
#[test_case(UNDIVIDED, &[]; "the longest")]
#[test_case(UNDIVIDED + 1, &["!overlong"]; "one more")]
#[test_case(LINE + 100, &["!overlong"]; "more than is read")]
fn a_strict_reading_takes_no_line_that_may_be_divided(length: usize, expected: &[&str]) {
    let line = format!("CWD {}\r\n", "a".repeat(length - 4));
    assert_eq!(heard(STRICT, V4, &[HELLO, (C, &line)]), expected);
}

/// The path of a directory may be longer than a line that is read; what comes after it is told apart as ever.
#[test]
fn a_reply_too_long_is_counted() {
    let path = "d".repeat(2 * LINE);
    let short = &path[..UNDIVIDED - 5];
    let [alone, last] = [format!("257 \"/{path}\"\r\n"), format!("250-\r\n250 /{path}\r\n")];
    let asked = format!("STAT {short}\r\n");
    for (said, remarks) in [
        ([(C, "PWD\r\n"), (S, alone.as_str())], &["overlong"][..]),
        ([(C, "PWD\r\n"), (S, last.as_str())], &["overlong"]),
        ([(C, asked.as_str()), (S, "211 ok\r\n")], &[]),
    ] {
        let port = [HELLO, said[0], said[1], (C, "PORT 10,0,0,1,19,137\r\n"), (S, "200 ok\r\n")];
        let expected = [remarks, &["server > 5001"]].concat();
        assert_eq!(heard(STRICT, V4, &port), expected, "{}", &said[1].1[..4]);
    }
    let asked = format!("STAT {path}\r\n");
    let said = [
        HELLO,
        (C, asked.as_str()),
        (S, "211 ok\r\n"),
        (C, "EPSV\r\n"),
        (S, "229 (|||40001|)\r\n"),
    ];
    assert_eq!(heard(LAX, V4, &said), ["overlong", "client > 40001"]);
    let passive =
        [HELLO, (C, "CWD x\r\n"), (S, &last), (C, "EPSV\r\n"), (S, "229 (|||40001|)\r\n")];
    assert_eq!(heard(LAX, V4, &passive), ["overlong", "client > 40001"]);
}

/// Servers take leading blanks for none, so a command that is hidden by them must not get there, whole or in parts.
#[test_case("PORT", " ", "10,0,0,2,19,137"; "blanks before its address")]
#[test_case("", "\t", "EPRT |1|10.0.0.2|5001|"; "blanks before its name")]
#[test_case("PORT", "\u{b}", "10,0,0,2,19,137"; "vertical tabs before its address")]
#[test_case("", "\u{ff}\u{f1}", "PORT 10,0,0,2,19,137"; "Telnet's no-operation")]
#[test_case("eprt |1|10.0.0.2|5001|", " ", ""; "blanks behind it")]
fn a_command_too_long_does_not_arrive(before: &str, filling: &str, behind: &str) {
    let filling = filling.repeat(LINE + 2);
    let line = format!("{before}{filling}{behind}\r\n");
    let characters: Vec<char> = line.chars().collect();
    for size in [100, 1_000, 1_025, 1_026, 1_400, 9_000] {
        let segments: Vec<String> =
            characters.chunks(size).map(|segment| segment.iter().collect()).collect();
        let said: Vec<_> = segments.iter().map(|segment| (C, segment.as_str())).collect();
        let heard = heard(LAX, V4, &said);
        assert!(!heard.is_empty() && heard.iter().all(|it| it == "!overlong"), "{size}: {heard:?}");
    }
}

/// The other side never has the end of such a line, however often it is sent.
#[test]
fn a_command_too_long_is_refused_again() {
    let line = format!("PORT{}10,0,0,2,19,137\r\n", " ".repeat(2 * LINE));
    let peers = Peers { ends: V4.map(|host| (host.parse().unwrap(), 40_000)) };
    let mut reader = Reader::new(Protocol::Ftp);
    reader.begins(C, SeqNum(1));
    for _ in 0..3 {
        let mut notes = Notes::new(&peers, LAX);
        let reading = reader.segment(C, SeqNum(1), line.as_bytes(), &mut notes);
        assert_eq!(reading, Reading::Refuse(Remark::Overlong));
    }
}
