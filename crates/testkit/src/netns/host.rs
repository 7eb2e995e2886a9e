//! A host: a network namespace, its interfaces and addresses, and what runs inside.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::within;

/// What a finished program left.
#[derive(Debug, Clone)]
pub struct Done {
    /// What was run, for messages.
    pub command: String,
    /// Exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Done {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.status == Some(0)
    }

    /// Its standard output; panics with everything that is known if it did not end with 0.
    #[must_use]
    pub fn expect_ok(self) -> String {
        assert!(self.ok(), "{self:#?}");
        self.stdout
    }
}

/// Runs a program to its end.
pub fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Done {
    let command = arguments
        .iter()
        .map(|word| word.as_ref().to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ");
    let (program, rest) = arguments.split_first().expect("a program to run");
    let output = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    Done {
        command,
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A child process, killed and reaped when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::with_input(command, Stdio::null())
    }

    /// Starts it with this standard input.
    pub(crate) fn with_input(command: &mut Command, input: Stdio) -> Self {
        let child =
            command.stdin(input).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits an i32"))
    }

    /// Sends a signal; false if the process has gone.
    #[must_use]
    pub fn signal(&self, signal: Signal) -> bool {
        kill(self.pid(), signal).is_ok()
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Waits for its end, at most for `limit`.
    pub fn wait_for(&mut self, limit: Duration) -> Option<ExitStatus> {
        within(limit, || self.ended())
    }

    /// Its standard output, if it was piped, to the end.
    #[must_use]
    pub fn read_to_end(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            // What is not UTF-8 ends the text early; every program here writes UTF-8.
            drop(stdout.read_to_string(&mut text));
        }
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

static SWEEP: Once = Once::new();
static SERIAL: AtomicU32 = AtomicU32::new(0);

/// Deletes the namespaces of processes that no longer live.
fn sweep() {
    for line in run(&["ip", "netns", "list"]).stdout.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let owner = name.strip_prefix("sp-").and_then(|rest| rest.split('-').next());
        if let Some(pid) = owner.and_then(|pid| pid.parse::<u32>().ok())
            && !Path::new(&format!("/proc/{pid}")).exists()
        {
            end_processes_in(name);
            run(&["ip", "netns", "del", name]);
        }
    }
}

fn end_processes_in(namespace: &str) {
    for pid in run(&["ip", "netns", "pids", namespace]).stdout.split_whitespace() {
        if let Ok(pid) = pid.parse() {
            // It may have ended in between.
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}

/// A name for an interface that no other process of ours uses, at most 15 bytes.
pub(crate) fn interface_name(purpose: &str) -> String {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let name = format!("{purpose}{}x{serial}", std::process::id());
    assert!(name.len() <= 15, "{name} is too long for an interface");
    name
}

/// A host in a network namespace of its own.
#[derive(Debug)]
pub struct Host {
    namespace: String,
}

impl Host {
    /// Makes a namespace `sp-<pid>-<n>-<name>` with its loopback up.
    #[must_use]
    pub fn new(name: &str) -> Self {
        SWEEP.call_once(sweep);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("sp-{}-{serial}-{name}", std::process::id());
        drop(run(&["ip", "netns", "add", &namespace]).expect_ok());
        let host = Self { namespace };
        drop(host.run(&["ip", "link", "set", "lo", "up"]).expect_ok());
        // Neither duplicate address detection nor a router delays a test; a host is no router.
        for setting in [
            "net.ipv6.conf.all.accept_dad=0",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv6.conf.all.router_solicitations=0",
            "net.ipv6.conf.default.router_solicitations=0",
            "net.ipv4.ip_forward=0",
            "net.ipv4.ping_group_range=0 2147483647",
        ] {
            drop(host.run(&["sysctl", "-qw", setting]).expect_ok());
        }
        host
    }

    /// The namespace's name, as `ip netns` lists it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A command that runs inside.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]);
        command.args(arguments);
        command
    }

    /// Runs a program inside, to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Done {
        let mut whole: Vec<&OsStr> =
            ["ip", "netns", "exec", &self.namespace].into_iter().map(OsStr::new).collect();
        whole.extend(arguments.iter().map(AsRef::as_ref));
        run(&whole)
    }

    /// Starts a program inside; its output goes to `log`.
    pub fn spawn<S: AsRef<OsStr>>(&self, arguments: &[S], log: &Path) -> Process {
        let out = File::create(log).unwrap_or_else(|error| panic!("{log:?}: {error}"));
        let err = out.try_clone().expect("a second handle on an open file");
        Process::spawn(self.command(arguments).stdout(out).stderr(err))
    }

    /// Runs `work` on a thread that has entered the namespace: sockets opened there stay there,
    /// wherever they are used later.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.namespace);
        let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        thread::scope(|scope| {
            scope
                .spawn(move || {
                    setns(&file, CloneFlags::CLONE_NEWNET).expect("enter a namespace as root");
                    work()
                })
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Gives an interface an address with its prefix, of either family, without duplicate
    /// address detection.
    pub fn address(&self, interface: &str, address: &str) {
        let mut words = vec!["ip", "addr", "add", address, "dev", interface];
        if address.contains(':') {
            words.push("nodad");
        }
        drop(self.run(&words).expect_ok());
    }

    /// Makes it a router that reports every packet it cannot forward, as often as there are any.
    pub fn routes(&self) {
        for setting in [
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.icmp_ratelimit=0",
            "net.ipv6.icmp.ratelimit=0",
        ] {
            drop(self.run(&["sysctl", "-qw", setting]).expect_ok());
        }
    }

    /// Makes it a host without a stack: what its interfaces receive is a test's alone.
    pub fn mute(&self) {
        for setting in ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"]
        {
            drop(self.run(&["sysctl", "-qw", setting]).expect_ok());
        }
    }

    /// Sends what is for a prefix to a router, of either family.
    pub fn route(&self, prefix: &str, router: IpAddr) {
        drop(self.run(&["ip", "route", "add", prefix, "via", &router.to_string()]).expect_ok());
    }

    /// Brings an interface up.
    pub fn up(&self, interface: &str) {
        drop(self.run(&["ip", "link", "set", interface, "up"]).expect_ok());
    }

    /// Switches off what would hand a peer in this machine frames without a checksum.
    pub fn offloads_off(&self, interface: &str) {
        drop(self.run(&["ethtool", "-K", interface, "tx", "off"]).expect_ok());
    }

    /// Takes an interface from another host, or from the namespace that this process runs in,
    /// under a new name, and brings it up.
    pub fn take_interface(&self, from: Option<&Self>, interface: &str, name: &str) {
        let words = ["ip", "link", "set", interface, "netns", &self.namespace, "name", name];
        let done = match from {
            Some(host) => host.run(&words),
            None => run(&words),
        };
        drop(done.expect_ok());
        self.up(name);
    }

    /// An interface's MAC.
    #[must_use]
    pub fn mac(&self, interface: &str) -> crate::packet::Mac {
        let path = format!("/sys/class/net/{interface}/address");
        let text = self.run(&["cat", &path]).expect_ok();
        let octets: Vec<u8> = text
            .trim()
            .split(':')
            .map(|octet| u8::from_str_radix(octet, 16).expect("a hexadecimal octet"))
            .collect();
        octets.try_into().expect("six octets")
    }

    /// Sets a permanent neighbour entry, so that a test's own frames are the only ones.
    pub fn neighbour(&self, interface: &str, address: &str, mac: crate::packet::Mac) {
        let mac = mac.map(|octet| format!("{octet:02x}")).join(":");
        drop(
            self.run(&["ip", "neigh", "replace", address, "lladdr", &mac, "dev", interface])
                .expect_ok(),
        );
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        end_processes_in(&self.namespace);
        run(&["ip", "netns", "del", &self.namespace]);
    }
}

/// Joins two hosts by a pair of interfaces with these names, up, offloads off.
pub fn veth(a: (&Host, &str), b: (&Host, &str)) {
    veth_with_queues(a, b, 1);
}

/// The same, where each interface has so many queues each way.
pub fn veth_with_queues(a: (&Host, &str), b: (&Host, &str), queues: u16) {
    let count = queues.to_string();
    let queues = ["numtxqueues", &count, "numrxqueues", &count];
    let one = ["ip", "link", "add", a.1, "netns", &a.0.namespace];
    let other = ["type", "veth", "peer", "name", b.1, "netns", &b.0.namespace];
    drop(run(&[&one[..], &queues, &other, &queues].concat()).expect_ok());
    for (host, interface) in [a, b] {
        host.offloads_off(interface);
        host.up(interface);
    }
}
