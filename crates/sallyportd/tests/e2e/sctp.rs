//! SCTP associations: as stacks of their own make them, as two kernels do where they can, and frame by frame.

use std::net::{IpAddr, SocketAddr};

use test_case::test_case;
use testkit::netns::{
    INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, RawSocket, Settings, Site, run, until, within,
};
use testkit::packet::{Chunk, Frame, SCTP, Sctp, chunk_type};

use super::peers::assert_nothing_dropped;
use super::{SILENCE, SOON, reasons, site};

const RULES: &str = r#"
[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
service = ["sctp/5000"]
action = "allow"
"#;

/// The tags that the two sides ask for (RFC 9260 §3.3.2): each is in what the other sends.
const TAGS: [u32; 2] = [0x1111_0000, 0x2222_0000];

#[test_case(INSIDE_V4.into(), OUTSIDE_V4.into(); "over IPv4")]
#[test_case(INSIDE_V6.into(), OUTSIDE_V6.into(); "over IPv6")]
fn an_association_is_one_session_from_init_to_shutdown(inside: IpAddr, outside: IpAddr) {
    let site = site(&Settings { rules: RULES, ..Settings::USUAL });
    associate(&site, SocketAddr::new(inside, 40_000), SocketAddr::new(outside, 5_000));
    assert_eq!(site.ctl().created("sctp"), 1);
    assert_eq!(site.ctl().drops("sctp_tag"), 1, "{:?}", site.ctl().all_drops());
}

/// An association from its first chunk to its last, frame by frame, that the other side cannot begin and a forger
/// cannot enter.
pub(crate) fn associate(site: &Site, inside: SocketAddr, outside: SocketAddr) {
    use chunk_type::{
        COOKIE_ACK, COOKIE_ECHO, DATA, INIT, INIT_ACK, SACK, SHUTDOWN, SHUTDOWN_ACK,
        SHUTDOWN_COMPLETE,
    };
    let hosts = [&site.inside, &site.outside];
    let ends = hosts.map(|host| RawSocket::open(host, "eth0"));
    let macs = hosts.map(|host| host.mac("eth0"));
    let sockets = [inside, outside];
    let frame = |from: usize, verification_tag: u32, chunk: Chunk| {
        let sctp = Sctp { verification_tag, chunks: vec![chunk], ..SCTP };
        let frame = Frame::sctp(sockets[from], sockets[1 - from], sctp);
        frame.macs(macs[from], macs[1 - from]).bytes()
    };
    let arrives = |from: usize, octets: &[u8], patience| {
        ends[from].send(octets);
        ends[1 - from].hear(patience, |seen| seen.protocol == 132).is_some()
    };
    let data = || Chunk {
        flags: 3,
        ..Chunk::new(DATA, [[0, 0, 0, 1], [0; 4], [0; 4], *b"data"].concat())
    };

    // From outside nobody opens anything.
    let dropped = site.ctl().drops(reasons::NO_RULE);
    assert!(!arrives(1, &frame(1, 0, Chunk::init(INIT, TAGS[1], 1)), SILENCE));
    assert_eq!(site.ctl().drops(reasons::NO_RULE) - dropped, 1, "{:?}", site.ctl().all_drops());
    let talk = [
        (0, 0, Chunk::init(INIT, TAGS[0], 1)),
        (1, TAGS[0], Chunk::init(INIT_ACK, TAGS[1], 1)),
        (0, TAGS[1], Chunk::new(COOKIE_ECHO, *b"cookie")),
        (1, TAGS[0], Chunk::new(COOKIE_ACK, [])),
        (0, TAGS[1], data()),
        (1, TAGS[0], Chunk::new(SACK, [0, 0, 0, 1, 0, 0, 16, 0, 0, 0, 0, 0])),
        (1, TAGS[0], data()),
    ];
    for (from, tag, chunk) in talk {
        let kind = chunk.kind;
        assert!(arrives(from, &frame(from, tag, chunk), SOON), "chunk {kind} of side {from}");
    }
    assert_eq!(site.ctl().sessions(&["proto=sctp"])[0].state, "established");
    assert!(!arrives(1, &frame(1, TAGS[0] + 1, data()), SILENCE), "another tag is a forgery");
    for (from, tag, kind, value) in [
        (0, TAGS[1], SHUTDOWN, vec![0, 0, 0, 1]),
        (1, TAGS[0], SHUTDOWN_ACK, Vec::new()),
        (0, TAGS[1], SHUTDOWN_COMPLETE, Vec::new()),
    ] {
        let octets = frame(from, tag, Chunk::new(kind, value));
        assert!(arrives(from, &octets, SOON), "chunk {kind} of side {from}");
    }
}

/// Two stacks in user space (usrsctp), which send and receive IP protocol 132 themselves: whatever of the protocol they
/// use, of the extensions too, the association opens, speaks both ways and is shut down.
#[test_case(OUTSIDE_V4.into(), "-6"; "over IPv4")]
#[test_case(OUTSIDE_V6.into(), "-4"; "over IPv6")]
fn stacks_associate_by_sctp(server: IpAddr, other_family: &str) {
    const STACK: &str = "/usr/lib/usrsctp";
    let rules = RULES.replace("sctp/5000", "sctp/7");
    let site = site(&Settings { rules: &rules, ..Settings::USUAL });
    // A stack tells its peer all of its addresses, and speaks by the others too: that would be another session.
    for host in [&site.inside, &site.outside] {
        let flush = ["ip", other_family, "addr", "flush", "dev", "eth0", "scope", "global"];
        drop(host.run(&flush).expect_ok());
    }
    let log = |name: &str| site.folder().join(name);
    let echo = format!("{STACK}/echo_server");
    let _server = site.outside.spawn(&[echo.as_str()], &log("server.log"));
    until("the server listens", SOON, || {
        site.outside
            .run(&["cat", "/proc/net/raw", "/proc/net/raw6"])
            .stdout
            .matches(":0084 ")
            .count()
            == 2
    });
    // The client shuts the association down when there is no more to say.
    let over = log("over");
    let script = format!(
        "(echo through-the-port; while ! [ -e {} ]; do sleep 0.1; done) | {STACK}/client {server} 7 0",
        over.display()
    );
    let _client = site.inside.spawn(&["sh", "-c", &script], &log("client.log"));
    until("data goes both ways", SOON * 3, || {
        // Each side's two chunks of the handshake, and its data or what acknowledges it.
        let sessions = site.ctl().sessions(&["proto=sctp"]);
        sessions.iter().any(|one| one.state == "established" && one.packets.iter().min() > Some(&2))
    });
    let count = || site.ctl().count(&["proto=sctp"]);
    assert_eq!(count(), 1, "one association, one session");
    std::fs::write(over, "").expect("a writable folder");
    until("the session ends with its association", SOON * 2, || count() == 0);
    let heard = || std::fs::read_to_string(log("client.log")).expect("a readable log");
    let ended = || heard().contains("SCTP_SHUTDOWN_COMP").then_some(());
    assert!(within(SOON, ended).is_some(), "{}", heard());
    assert!(heard().contains("through-the-port"), "the echo: {}", heard());
    assert_eq!(site.ctl().created("sctp"), 1);
    assert_nothing_dropped(&site);
}

/// An association between two kernels, where they have SCTP at all.
#[test]
fn kernels_associate_by_sctp() {
    let probe = "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)";
    if !run(&["python3", "-c", probe]).ok() {
        println!("skipped: this kernel has no SCTP");
        return;
    }
    let site = site(&Settings { rules: RULES, ..Settings::USUAL });
    let server = format!(
        "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
s.bind(('{OUTSIDE_V4}', 5000)); s.listen(1)
c, _ = s.accept()
c.sendall(c.recv(100)[::-1]); c.close()"
    );
    let client = format!(
        "import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132); s.settimeout(3)
for attempt in range(30):
    try: s.connect(('{OUTSIDE_V4}', 5000)); break
    except ConnectionRefusedError: time.sleep(0.1)
s.sendall(b'hello'); print(s.recv(100).decode())"
    );
    let log = site.folder().join("sctp.log");
    let _server = site.outside.spawn(&["python3", "-c", &server], &log);
    let answer = site.inside.run(&["python3", "-c", &client]).expect_ok();
    assert_eq!(answer.trim(), "olleh");
    assert_nothing_dropped(&site);
}
