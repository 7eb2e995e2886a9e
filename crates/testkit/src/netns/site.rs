//! Two hosts joined through a running daemon: what end-to-end tests and the demo start from.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::answers::{Ctl, Metrics};
use super::daemon::{Binaries, Daemon, StartError};
use super::host::{Host, Process, interface_name};
use super::joint::Joint;
use super::wait::until;

/// The inside host.
pub const INSIDE_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
/// The outside host.
pub const OUTSIDE_V4: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 80);
/// The inside host.
pub const INSIDE_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x10);
/// The outside host.
pub const OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x80);
/// Addresses of the inside host, with the prefix of the one link both are on.
pub const INSIDE_PREFIX_V4: &str = "10.77.0.10/24";
/// Likewise of the outside host.
pub const OUTSIDE_PREFIX_V4: &str = "10.77.0.80/24";

/// How long links may take.
const START: Duration = Duration::from_secs(20);

const PREFIXES: [(&str, &str); 2] =
    [(INSIDE_PREFIX_V4, "fd77::10/64"), (OUTSIDE_PREFIX_V4, "fd77::80/64")];

/// What differs from the usual configuration. Each text is lines of TOML for its table.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The cores of the workers, a list.
    pub workers: &'a str,
    /// `[system]`, beside cores, memory and socket.
    pub system: &'a str,
    /// The whole `[metrics]` table's lines beside `listen`.
    pub metrics: &'a str,
    /// `[sessions]`.
    pub sessions: &'a str,
    /// `[timeouts]`.
    pub timeouts: &'a str,
    /// The inside port, beside name, device, zone.
    pub lan: &'a str,
    /// The outside port, likewise.
    pub wan: &'a str,
    /// `[[rule]]`s and anything that follows them.
    pub rules: &'a str,
}

impl Settings<'static> {
    /// Inside may start web, DNS, NTP and ping; nothing else passes.
    pub const USUAL: Self = Self {
        workers: "[1]",
        system: "",
        metrics: "",
        sessions: "max = 10_000",
        timeouts: "",
        lan: "",
        wan: "",
        rules: r#"
[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
service = ["http", "dns", "ntp", "ping", "udp/5000-5010", "tcp/8080"]
action = "allow"
log = "both"
"#,
    };
}

/// Where the daemon runs, and with it the sockets that it listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In a namespace of its own: nothing of this machine is touched.
    Apart,
    /// In the namespace of this process: for people who want to look at it.
    Here,
}

/// A scratch folder that goes when it is dropped. Its path is short, as those of sockets must be.
#[must_use]
pub fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("sallyport-").tempdir().expect("a scratch folder")
}

/// Two hosts, `inside` and `outside`, each with an interface `eth0` that is a port of the daemon.
#[derive(Debug)]
pub struct Site {
    // In the order of their end: the daemon first, then what it stands on.
    /// The firewall.
    pub daemon: Daemon,
    /// The protected host.
    pub inside: Host,
    /// The rest of the world.
    pub outside: Host,
    /// The namespace that the daemon runs in, if it has one.
    pub apart: Option<Host>,
    /// What stands between the daemon and the hosts, if anything does.
    patch: Option<Process>,
    folder: TempDir,
    joint: Joint,
    interfaces: [String; 2],
    metrics: SocketAddr,
    binaries: Binaries,
}

impl Site {
    /// Starts it all. Panics with the daemon's log if it does not start.
    #[must_use]
    pub fn start(binaries: &Binaries, settings: &Settings<'_>) -> Self {
        Self::try_start(binaries, settings, Where::Apart).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts it all.
    ///
    /// # Errors
    /// If the daemon does not start.
    pub fn try_start(
        binaries: &Binaries,
        settings: &Settings<'_>,
        place: Where,
    ) -> Result<Self, StartError> {
        Self::build(binaries, settings, place, Joint::Taps)
    }

    /// The same over veth pairs, whose ends in the daemon's namespace are af_packet devices: both hosts see whether
    /// the daemon keeps their link up. Panics with the daemon's log if it does not start.
    #[must_use]
    pub fn cabled(binaries: &Binaries, settings: &Settings<'_>) -> Self {
        Self::joined(binaries, settings, Joint::AfPacket { queues: 1 })
    }

    /// The same over other devices. Panics with the daemon's log if it does not start.
    #[must_use]
    pub fn joined(binaries: &Binaries, settings: &Settings<'_>, joint: Joint) -> Self {
        Self::build(binaries, settings, Where::Apart, joint)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn build(
        binaries: &Binaries,
        settings: &Settings<'_>,
        place: Where,
        joint: Joint,
    ) -> Result<Self, StartError> {
        let folder = scratch();
        let (apart, interfaces) = match place {
            Where::Apart => (Some(Host::new("box")), ["lan".to_owned(), "wan".to_owned()]),
            Where::Here => (None, [interface_name("l"), interface_name("w")]),
        };
        let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, metrics_port(place)));
        let (inside, outside) = (Host::new("inside"), Host::new("outside"));
        if let Some(apart) = &apart {
            joint.prepare([&inside, &outside], apart, &interfaces);
        }
        let config = folder.path().join("sallyport.toml");
        fs::write(&config, config_text(settings, folder.path(), joint, &interfaces, metrics))
            .expect("a scratch folder can be written");
        let daemon = Daemon::start(&binaries.sallyportd, apart.as_ref(), &config, folder.path())?;
        let binaries = binaries.clone();
        let mut site = Self {
            daemon,
            inside,
            outside,
            apart,
            patch: None,
            folder,
            joint,
            interfaces,
            metrics,
            binaries,
        };
        site.connect_hosts();
        Ok(site)
    }

    /// Joins the hosts to the daemon and gives them addresses.
    fn connect_hosts(&mut self) {
        let hosts = [&self.inside, &self.outside];
        let Self { apart, interfaces, folder, .. } = &*self;
        let patch = self.joint.complete(hosts, apart.as_ref(), interfaces, folder.path());
        for (host, (v4, v6)) in hosts.into_iter().zip(PREFIXES) {
            host.address("eth0", v4);
            host.address("eth0", v6);
        }
        self.patch = patch;
        if self.patch.is_some() {
            until("all links are up", START, || self.ctl().links_are_up());
        }
    }

    /// Starts the daemon again after it has ended, and joins the hosts to it anew.
    ///
    /// # Errors
    /// If the daemon does not start.
    pub fn start_again(&mut self) -> Result<(), StartError> {
        self.daemon = Daemon::start(
            &self.binaries.sallyportd,
            self.apart.as_ref(),
            &self.config(),
            self.folder.path(),
        )?;
        self.connect_hosts();
        Ok(())
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("sallyport.toml")
    }

    /// Writes a new configuration file; the daemon does not know it yet.
    pub fn rewrite(&self, settings: &Settings<'_>) {
        let text =
            config_text(settings, self.folder.path(), self.joint, &self.interfaces, self.metrics);
        fs::write(self.config(), text).expect("a scratch folder can be written");
    }

    /// Scratch space that goes with the site.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's API socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }

    /// The command line, talking to the daemon.
    #[must_use]
    pub fn ctl(&self) -> Ctl {
        Ctl::new(&self.binaries.sallyctl, &self.socket())
    }

    /// Where `/metrics` is served, in the daemon's namespace.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// The metrics as they are at this moment.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let address = self.metrics;
        match &self.apart {
            Some(host) => host.inside(|| Metrics::fetch(address)),
            None => Metrics::fetch(address),
        }
        .unwrap_or_else(|error| panic!("metrics at {address}: {error}"))
    }

    /// The outside host's web address of a family.
    #[must_use]
    pub fn outside_address(&self, v6: bool, port: u16) -> SocketAddr {
        let address = if v6 { IpAddr::V6(OUTSIDE_V6) } else { IpAddr::V4(OUTSIDE_V4) };
        SocketAddr::new(address, port)
    }
}

/// The usual port, or any free one where the usual one is taken.
fn metrics_port(place: Where) -> u16 {
    let usual = 9105;
    let free = |port| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(listener.local_addr().ok()?.port())
    };
    match place {
        Where::Apart => usual,
        Where::Here => free(usual).or_else(|| free(0)).expect("a free port"),
    }
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("api.sock")
}

/// The configuration file of a site: its socket lies in `folder`, its ports are the devices of `joint` on or behind
/// interfaces of these names. Several ports of a side are joined one by one to those of the other, and share sessions.
#[must_use]
pub fn config_text(
    settings: &Settings<'_>,
    folder: &Path,
    joint: Joint,
    interfaces: &[String; 2],
    metrics_listen: SocketAddr,
) -> String {
    let Settings { workers, system, metrics, sessions, timeouts, lan, wan, rules } = settings;
    let socket = socket_in(folder);
    let kernel_path = joint.is_hosts_card();
    let mut ports = String::new();
    let sides = [("lan", "inside", lan), ("wan", "outside", wan)];
    for ((name, zone, more), interface) in sides.into_iter().zip(interfaces) {
        for (number, device) in joint.devices(interface, folder).iter().enumerate() {
            ports.push_str(&format!(
                r#"
[[port]]
name = "{name}{number}"
device = "{device}"
zone = "{zone}"
allow_kernel_path = {kernel_path}
{more}
"#
            ));
        }
    }
    for number in 0..joint.devices("", folder).len() {
        ports.push_str(&format!(
            "\n[[wire]]\nports = [\"lan{number}\", \"wan{number}\"]\ndomain = \"one\"\n"
        ));
    }
    format!(
        r#"version = 1

[system]
control_core = 0
worker_cores = {workers}
hugepages = false
memory = "256MiB"
polling = "adaptive"
socket = "{socket}"
{system}

[metrics]
listen = "{metrics_listen}"
{metrics}

[sessions]
{sessions}

[timeouts]
{timeouts}
{ports}{rules}
"#,
        socket = socket.display(),
    )
}
