//! Clients on a host: curl, ping, traceroute, dig, TCP from a chosen address, UDP.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};

use super::host::{Done, Host};

/// What curl got.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// curl's exit status: 0, 7 (refused), 28 (timed out).
    pub exit: Option<i32>,
    /// HTTP status, 0 if there was no answer.
    pub status: u16,
    /// Body.
    pub body: String,
    /// Seconds it took in all.
    pub seconds: f64,
}

/// What ping got.
#[derive(Debug, Clone)]
pub struct Pinged {
    /// Requests sent.
    pub sent: u32,
    /// Replies received.
    pub received: u32,
    /// ping's own output.
    pub text: String,
}

/// How a traceroute probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probes {
    /// UDP to ports from 33434 on, each probe to another.
    Udp,
    /// Echo requests.
    Echo,
}

/// How curl reports after the body.
const REPORT: &str = "\n%{http_code} %{time_total}";

impl Host {
    /// Fetches an URL by curl, at most for `limit`.
    #[must_use]
    pub fn fetch(&self, url: &str, limit: Duration) -> Fetched {
        let seconds = limit.as_secs_f64().to_string();
        let done = self.run(&["curl", "-sS", "--noproxy", "*", "-m", &seconds, "-w", REPORT, url]);
        let (body, report) = done.stdout.rsplit_once('\n').unwrap_or(("", ""));
        let (status, seconds) = report.split_once(' ').unwrap_or(("0", "0"));
        Fetched {
            exit: done.status,
            status: status.parse().unwrap_or(0),
            body: body.to_owned(),
            seconds: seconds.parse().unwrap_or(0.0),
        }
    }

    /// Sends `count` echo requests, five a second, each waited for one second.
    #[must_use]
    pub fn ping(&self, target: IpAddr, count: u32) -> Pinged {
        let done = self.run(&[
            "ping",
            "-n",
            "-i",
            "0.2",
            "-W",
            "1",
            "-c",
            &count.to_string(),
            &target.to_string(),
        ]);
        // "3 packets transmitted, 3 received, …"
        let number = |word: &str| {
            let before = done.stdout.split(word).next().filter(|_| done.stdout.contains(word));
            before
                .and_then(|text| text.split_whitespace().next_back()?.parse().ok())
                .unwrap_or_else(|| panic!("ping says nothing of {word:?}: {done:#?}"))
        };
        Pinged {
            sent: number(" packets transmitted"),
            received: number(" received"),
            text: done.stdout.clone(),
        }
    }

    /// Follows the path to a target, a probe a hop: who answered from each, none for silence.
    #[must_use]
    pub fn traceroute(&self, target: IpAddr, probes: Probes) -> Vec<Option<IpAddr>> {
        let target = target.to_string();
        let mut words = vec!["traceroute", "-n", "-q", "1", "-w", "2", "-m", "5"];
        match probes {
            Probes::Udp => {}
            Probes::Echo => words.push("-I"),
        }
        words.push(&target);
        // " 1  10.77.0.80  0.512 ms", or " 1  *"
        let text = self.run(&words).expect_ok();
        text.lines()
            .skip(1)
            .map(|line| line.split_whitespace().nth(1).and_then(|word| word.parse().ok()))
            .collect()
    }

    /// Asks a name server for a name's address, once, at most for two seconds.
    #[must_use]
    pub fn dig(&self, server: IpAddr, name: &str, kind: &str) -> Done {
        let at = format!("@{server}");
        self.run(&["dig", &at, name, kind, "+short", "+tries=1", "+time=2", "+nocookie"])
    }

    /// Opens a TCP connection from one of this host's addresses.
    ///
    /// # Errors
    /// Those of the connection: refused, timed out.
    pub fn connect_from(
        &self,
        source: IpAddr,
        to: SocketAddr,
        limit: Duration,
    ) -> std::io::Result<TcpStream> {
        let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = self.inside(|| socket(family, SockType::Stream, flags, None))?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(source, 0)))?;
        match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let millis = u16::try_from(limit.as_millis()).unwrap_or(u16::MAX);
        let mut poll_for = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut poll_for, millis)? == 0 {
            return Err(ErrorKind::TimedOut.into());
        }
        let stream = TcpStream::from(socket);
        match stream.take_error()? {
            Some(error) => Err(error),
            None => stream.set_nonblocking(false).map(|()| stream),
        }
    }

    /// A UDP socket of this host, connected to `peer`.
    #[must_use]
    pub fn udp(&self, from: SocketAddr, peer: SocketAddr, patience: Duration) -> UdpSocket {
        let socket = self
            .inside(|| {
                UdpSocket::bind(from).and_then(|socket| socket.connect(peer).map(|()| socket))
            })
            .unwrap_or_else(|error| panic!("{from} to {peer}: {error}"));
        socket.set_read_timeout(Some(patience)).expect("a timeout above zero");
        socket
    }
}
