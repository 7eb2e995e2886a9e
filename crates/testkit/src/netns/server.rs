//! Servers on a host: HTTP, DNS, NTP, UDP echo.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::host::{Host, Process};
use super::wait::until;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(15);

impl Host {
    /// Serves `page` as `/index.html` over HTTP on one address, by Python's own server. `folder`
    /// holds the page and the server's log.
    #[must_use]
    pub fn serve_http(&self, address: SocketAddr, folder: &Path, page: &str) -> Process {
        let root = folder.join(format!("www-{}", address.port()));
        fs::create_dir_all(&root).expect("a scratch folder can be written");
        fs::write(root.join("index.html"), page).expect("a scratch folder can be written");
        let server = self.spawn(
            &[
                "python3",
                "-m",
                "http.server",
                "--protocol",
                "HTTP/1.1",
                "--bind",
                &address.ip().to_string(),
                "--directory",
                &root.to_string_lossy(),
                &address.port().to_string(),
            ],
            &folder.join(format!("http-{}.log", address.port())),
        );
        until(&format!("a web server listens on {address}"), START, || self.reaches(address));
        server
    }

    /// Answers DNS for `name` with `answer`, by dnsmasq without any other configuration.
    #[must_use]
    pub fn serve_dns(&self, listen: IpAddr, name: &str, answer: IpAddr, log: &Path) -> Process {
        let server = self.spawn(
            &[
                "dnsmasq".to_owned(),
                "--keep-in-foreground".to_owned(),
                "--conf-file=/dev/null".to_owned(),
                "--no-resolv".to_owned(),
                "--no-hosts".to_owned(),
                "--bind-interfaces".to_owned(),
                "--pid-file=".to_owned(),
                "--user=root".to_owned(),
                "--log-facility=-".to_owned(),
                format!("--listen-address={listen}"),
                format!("--address=/{name}/{answer}"),
            ],
            log,
        );
        until(&format!("dnsmasq listens on {listen}"), START, || {
            self.reaches(SocketAddr::new(listen, 53))
        });
        server
    }

    /// Serves the time over NTP to everybody, by chronyd as the root of its own little world.
    #[must_use]
    pub fn serve_ntp(&self, folder: &Path) -> Process {
        let pid_file = folder.join("ntp-server.pid");
        self.chronyd(
            &["-x", "-d"],
            &["local stratum 5", "allow all", &format!("pidfile {}", pid_file.display())],
            &folder.join("ntp-server.log"),
        )
    }

    /// Starts chronyd, which touches no clock and takes no commands.
    fn chronyd(&self, options: &[&str], directives: &[&str], log: &Path) -> Process {
        let common = ["-u", "root"];
        let quiet = ["cmdport 0", "bindcmdaddress /"];
        self.spawn(&[&["chronyd"], options, &common, &quiet, directives].concat(), log)
    }

    /// Asks an NTP server for the time, once, at most for `limit`: what chronyd says of the difference.
    #[must_use]
    pub fn ask_ntp(&self, server: IpAddr, folder: &Path, limit: Duration) -> String {
        let log = folder.join(format!("ntp-client-{}.log", if server.is_ipv6() { 6 } else { 4 }));
        let pid_file = folder.join("ntp-client.pid");
        let mut client = self.chronyd(
            &["-Q", "-t", &limit.as_secs().to_string()],
            &[
                &format!("server {server} iburst maxsamples 1"),
                &format!("pidfile {}", pid_file.display()),
            ],
            &log,
        );
        // Whether it has got an answer is in what it says.
        client.wait_for(limit * 2);
        fs::read_to_string(&log).expect("a log in a scratch folder")
    }

    /// Echoes UDP datagrams.
    #[must_use]
    pub fn serve_udp_echo(&self, address: SocketAddr) -> UdpEcho {
        let socket = self
            .inside(|| UdpSocket::bind(address))
            .unwrap_or_else(|error| panic!("bind {address}: {error}"));
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout above zero");
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !seen.load(Ordering::Relaxed) {
                if let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                    // A peer that has gone answers by ICMP; the next one is not concerned.
                    drop(socket.send_to(&buffer[..length], peer));
                }
            }
        });
        UdpEcho { stop, thread: Some(thread) }
    }

    /// Whether a TCP connection from this host to `address` opens at once.
    #[must_use]
    pub fn reaches(&self, address: SocketAddr) -> bool {
        self.connect(address, Duration::from_millis(500)).is_ok()
    }

    /// Opens a TCP connection from this host.
    ///
    /// # Errors
    /// Those of the connection: refused, timed out.
    pub fn connect(&self, address: SocketAddr, limit: Duration) -> std::io::Result<TcpStream> {
        self.inside(|| TcpStream::connect_timeout(&address, limit))
    }
}

/// A UDP echo server, stopped when dropped.
#[derive(Debug)]
pub struct UdpEcho {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for UdpEcho {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed when it happened.
            drop(thread.join());
        }
    }
}
