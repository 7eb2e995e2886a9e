//! Traffic of many tuples between the two hosts, and what became of it.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use testkit::netns::{Host, RawSocket};
use testkit::packet::seen::Seen;
use testkit::packet::{Chunk, Frame, INITIATOR_MAC, RESPONDER_MAC, SCTP, Sctp, chunk_type};

use crate::hosts::{self, Hosts};

/// How many conversations are open at once.
const AT_ONCE: usize = 100;
/// How long an answer may take, on a machine that emulates others.
const PATIENCE_SECONDS: i64 = 10;
const PATIENCE: Duration = Duration::from_secs(PATIENCE_SECONDS.unsigned_abs());
/// Source ports: the nth conversation has the nth from here on, so that no two have the same tuple.
const UDP_PORTS: u16 = 20_000;
const TCP_PORTS: u16 = 25_000;
/// Where associations go to.
const SCTP_PORT: u16 = 5_000;
/// Conversations that may be lost before the rest is given up as lost.
const HOPELESS: usize = 3;

/// What became of conversations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Those whose answer was what had been sent.
    pub(crate) answered: usize,
    /// Those that an ICMP error ended.
    pub(crate) refused: usize,
    /// The rest.
    pub(crate) lost: usize,
}

impl Outcome {
    /// `count` conversations, all answered.
    pub(crate) const fn all_answered(count: usize) -> Self {
        Self { answered: count, refused: 0, lost: 0 }
    }

    /// `count` conversations, all refused.
    pub(crate) const fn all_refused(count: usize) -> Self {
        Self { answered: 0, refused: count, lost: 0 }
    }

    /// Whether to go on. What is lost costs much time, and a firewall that lets nothing pass would take for ever.
    const fn hopeful(&self) -> bool {
        self.lost < HOPELESS
    }

    /// As it is when the rest of `count` is given up.
    const fn of(self, count: usize) -> Self {
        Self { lost: count - self.answered - self.refused, ..self }
    }

    fn note(&mut self, answer: &io::Result<Vec<u8>>, sent: &[u8]) {
        match answer {
            Ok(octets) if octets == sent => self.answered += 1,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.refused += 1,
            Ok(_) | Err(_) => self.lost += 1,
        }
    }
}

/// `count` UDP conversations from the inside, each one datagram of `size` octets and its echo.
pub(crate) fn udp(inside: &Host, peer: SocketAddr, count: usize, size: usize) -> Outcome {
    let sent = vec![0x5a; size];
    let mut outcome = Outcome::default();
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(AT_ONCE) {
        let sockets: Vec<UdpSocket> = numbers
            .iter()
            .map(|&n| inside.udp(hosts::inside(n, peer.ip(), port(UDP_PORTS, n)), peer, PATIENCE))
            .collect();
        for socket in &sockets {
            socket.send(&sent).expect("room to send a datagram");
        }
        for socket in &sockets {
            if !outcome.hopeful() {
                return outcome.of(count);
            }
            let mut buffer = vec![0; size + 1];
            let answer = socket.recv(&mut buffer).map(|length| buffer[..length].to_vec());
            outcome.note(&answer, &sent);
        }
    }
    outcome
}

/// `count` UDP datagrams from the outside that nobody asked for, of one tuple each.
pub(crate) fn intrude(outside: &Host, from: IpAddr, count: usize) {
    for n in 0..count {
        let to = hosts::inside(n, from, port(UDP_PORTS, n));
        let socket = outside.udp(SocketAddr::new(from, 0), to, PATIENCE);
        socket.send(b"let me in").expect("room to send a datagram");
    }
}

/// The VLAN of the guests.
pub(crate) const VLAN: u16 = 30;

/// `count` questions of a guest's, each with an answer, in frames that `tag` gives their tags. They are made by hand, as
/// not every kernel makes them.
pub(crate) fn tagged(hosts: &Hosts, count: usize, tag: fn(Frame) -> Frame) -> Outcome {
    const GUEST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 30, 0, 5));
    let server = SocketAddr::new(hosts::OUTSIDE_V4.into(), 53);
    by_hand(hosts, count, tag, |n| {
        let guest = SocketAddr::new(GUEST, port(UDP_PORTS, n));
        [Frame::udp(guest, server, b"where?"), Frame::udp(server, guest, b"there")]
    })
}

/// `count` associations of SCTP, each its first chunk and the answer, between neighbours that nobody has: not every
/// kernel has SCTP, and those that have not would say so.
pub(crate) fn sctp(hosts: &Hosts, count: usize) -> Outcome {
    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 10, 0, 99));
    const SERVER: SocketAddr =
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 81)), SCTP_PORT);
    by_hand(
        hosts,
        count,
        |untagged| untagged,
        |n| {
            let client = SocketAddr::new(CLIENT, port(UDP_PORTS, n));
            let tag = u32::try_from(n).expect("a few") + 1;
            let packet =
                |verification_tag, chunk| Sctp { verification_tag, chunks: vec![chunk], ..SCTP };
            let init = packet(0, Chunk::init(chunk_type::INIT, tag, 1));
            let answer = packet(tag, Chunk::init(chunk_type::INIT_ACK, 7, 1));
            [Frame::sctp(client, SERVER, init), Frame::sctp(SERVER, client, answer)]
        },
    )
}

/// `count` exchanges of two frames, the second once the first has arrived, past the hosts' own stacks. `dress` is what is
/// done to each before it is sent, and not looked at where it is heard.
fn by_hand(
    hosts: &Hosts,
    count: usize,
    dress: fn(Frame) -> Frame,
    exchange: impl Fn(usize) -> [Frame; 2],
) -> Outcome {
    let ends = [&hosts.inside, &hosts.outside].map(|host| RawSocket::open(host, "eth0"));
    let arrives = |from: usize, frame: Frame| {
        let name = |seen: &Seen| (seen.protocol, seen.source, seen.source_port);
        let sent = Seen::parse(&frame.bytes()).expect("a packet of IP");
        ends[from].send(&dress(frame).bytes());
        ends[1 - from].hear(PATIENCE, |seen| name(seen) == name(&sent)).is_some()
    };
    let mut outcome = Outcome::default();
    for n in 0..count {
        if !outcome.hopeful() {
            return outcome.of(count);
        }
        let [question, answer] = exchange(n);
        if arrives(0, question) && arrives(1, answer.macs(RESPONDER_MAC, INITIATOR_MAC)) {
            outcome.answered += 1;
        } else {
            outcome.lost += 1;
        }
    }
    outcome
}

/// `count` TCP conversations from the inside, many at a time, each with a line and its echo, closed in order.
pub(crate) fn tcp(inside: &Host, peer: SocketAddr, count: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let numbers: Vec<usize> = (0..count).collect();
    for numbers in numbers.chunks(AT_ONCE / 4) {
        let streams = inside.inside(|| open_all(numbers, peer));
        for (stream, number) in streams.into_iter().zip(numbers) {
            if !outcome.hopeful() {
                return outcome.of(count);
            }
            let sent = format!("conversation {number}\n").into_bytes();
            let answer = stream.and_then(|stream| say(stream, &sent));
            outcome.note(&answer, &sent);
        }
    }
    outcome
}

/// Opens connections until too many have failed.
fn open_all(numbers: &[usize], peer: SocketAddr) -> Vec<io::Result<TcpStream>> {
    let mut streams: Vec<io::Result<TcpStream>> = Vec::with_capacity(numbers.len());
    for &n in numbers {
        if streams.iter().filter(|stream| stream.is_err()).count() < HOPELESS {
            streams.push(open(hosts::inside(n, peer.ip(), port(TCP_PORTS, n)), peer));
        }
    }
    streams
}

fn port(first: u16, n: usize) -> u16 {
    first + u16::try_from(n).expect("fewer conversations than ports")
}

/// Opens a connection from one of the host's addresses. The standard library binds none.
fn open(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let family = if from.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
    setsockopt(&socket, sockopt::SendTimeout, &TimeVal::new(PATIENCE_SECONDS, 0))?;
    bind(descriptor, &SockaddrStorage::from(from))?;
    connect(descriptor, &SockaddrStorage::from(to))?;
    Ok(TcpStream::from(socket))
}

fn say(mut stream: TcpStream, sent: &[u8]) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(sent)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Echoes TCP streams, each to its end.
#[derive(Debug)]
pub(crate) struct TcpEcho {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TcpEcho {
    pub(crate) fn start(host: &Host, address: SocketAddr) -> Self {
        let listener = host
            .inside(|| TcpListener::bind(address))
            .expect("an address of the host, with a free port");
        listener.set_nonblocking(true).expect("a listener that need not wait");
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        thread::spawn(move || echo(stream).ok());
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(6 * PATIENCE))?;
    let mut buffer = [0; 512];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return stream.shutdown(Shutdown::Write);
        }
        stream.write_all(&buffer[..length])?;
    }
}

impl Drop for TcpEcho {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed when it happened.
            drop(thread.join());
        }
    }
}

/// The words for a family.
pub(crate) const fn family(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "IPv4",
        IpAddr::V6(_) => "IPv6",
    }
}
