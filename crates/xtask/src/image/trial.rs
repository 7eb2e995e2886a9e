//! The images run for real, in network namespaces wired as compose.yaml wires its networks.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::output;
use crate::step::{now, program};

/// Interfaces of the firewall, in the order in which the peers stand at the other ends: its own
/// address, the peer, the peer's address. The first network is that of the management.
const NETWORKS: [(&str, &str, &str); 3] = [
    ("172.31.79.2/24", "prometheus", "172.31.79.3/24"),
    ("172.31.77.2/24", "inside", "172.31.77.3/24"),
    ("172.31.78.2/24", "outside", "172.31.78.3/24"),
];

/// What is named so on this machine is ours; all of it goes when this is dropped.
struct Trial {
    prefix: String,
    interrupted: Arc<AtomicBool>,
}

/// How a container differs from the others.
struct Container<'a> {
    name: &'a str,
    image: &'a str,
    rights: &'a str,
    options: &'a [&'a str],
    command: &'a [&'a str],
}

pub(super) fn run() -> Result<()> {
    let trial = Trial::new()?;
    trial.wire()?;
    trial.start_all()?;
    trial.examine()
}

impl Trial {
    fn new() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted))
                .context("catch a signal")?;
        }
        // The prefix is that of the tests' hosts, so that they sweep away what a killed run left.
        Ok(Self { prefix: format!("sp-{}-image", std::process::id()), interrupted })
    }

    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// A namespace for each container, joined as the networks of compose.yaml join them.
    fn wire(&self) -> Result<()> {
        let firewall = self.named("firewall");
        ip(&["netns", "add", &firewall])?;
        ip(&["-n", &firewall, "link", "set", "lo", "up"])?;
        for (index, (own, peer, address)) in NETWORKS.into_iter().enumerate() {
            let (peer, interface) = (self.named(peer), format!("eth{index}"));
            ip(&["netns", "add", &peer])?;
            ip(&["-n", &peer, "link", "set", "lo", "up"])?;
            ip(&[
                "link", "add", &interface, "netns", &firewall, "type", "veth", "peer", "name",
                "eth0", "netns", &peer,
            ])?;
            for (namespace, interface, address) in
                [(&firewall, interface.as_str(), own), (&peer, "eth0", address)]
            {
                ip(&["-n", namespace, "addr", "add", address, "dev", interface])?;
                ip(&["-n", namespace, "link", "set", interface, "up"])?;
            }
        }
        for setting in ["net.ipv4.ip_forward=0", "net.ipv6.conf.all.disable_ipv6=1"] {
            ip(&["netns", "exec", &firewall, "sysctl", "-qw", setting])?;
        }
        Ok(())
    }

    fn start_all(&self) -> Result<()> {
        self.start(&Container {
            name: "firewall",
            image: "sallyport",
            rights: "NET_ADMIN,NET_RAW,IPC_LOCK,SYS_NICE,SETUID,SETGID,SETPCAP,CHOWN",
            options: &[
                "--env=LAN_ADDRESS=172.31.77.2",
                "--env=WAN_ADDRESS=172.31.78.2",
                "--volume=/dev/hugepages:/dev/hugepages",
                "--ulimit=memlock=-1:-1",
            ],
            command: &[],
        })?;
        self.start(&Container {
            name: "inside",
            image: "sallyport-host",
            rights: "NET_ADMIN,NET_RAW",
            options: &["--env=ADDRESSES=10.77.0.10/24 fd77::10/64"],
            command: &[],
        })?;
        self.start(&Container {
            name: "outside",
            image: "sallyport-host",
            rights: "NET_ADMIN,NET_RAW,NET_BIND_SERVICE",
            options: &["--env=ADDRESSES=10.77.0.80/24 fd77::80/64"],
            command: &[
                "python3",
                "-m",
                "http.server",
                "--bind",
                "::",
                "--directory",
                "/srv/www",
                "80",
            ],
        })?;
        self.start(&Container {
            name: "prometheus",
            image: "sallyport-prometheus",
            rights: "NET_RAW",
            options: &["--add-host=firewall:172.31.79.2"],
            command: &[],
        })
    }

    fn start(&self, container: &Container<'_>) -> Result<()> {
        let name = self.named(container.name);
        output(
            program("podman")
                // crun needs a unified cgroup hierarchy; runc runs everywhere, and with low limits
                // also where the limits of this machine may not be raised.
                .args(["run", "--detach", "--runtime", "runc"])
                .args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"])
                .args(["--cap-drop=ALL", &format!("--cap-add={}", container.rights)])
                .arg("--security-opt=no-new-privileges")
                .arg(format!("--network=ns:/run/netns/{name}"))
                .args(["--name", &name])
                .args(container.options)
                .arg(format!("localhost/{}", container.image))
                .args(container.command),
        )
        .with_context(|| format!("start the container {}", container.name))?;
        Ok(())
    }

    /// A command in a container; what it printed, or why it failed.
    fn inside(&self, container: &str, words: &[&str]) -> Result<String> {
        output(program("podman").arg("exec").arg(self.named(container)).args(words))
    }

    /// Asks until it succeeds, at most for a while.
    fn eventually(&self, what: &str, mut ask: impl FnMut() -> Result<String>) -> Result<String> {
        let start = now();
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            match ask() {
                Ok(answer) => {
                    println!("  ok      {what}");
                    return Ok(answer);
                }
                Err(error) if start.elapsed() > Duration::from_secs(30) => {
                    println!("  FAILED  {what}: {error:#}");
                    self.print_logs();
                    bail!("the images do not do what they should");
                }
                Err(_) => sleep(Duration::from_millis(500)),
            }
        }
    }

    fn print_logs(&self) {
        for name in ["firewall", "inside", "outside", "prometheus"] {
            let logs = program("podman").args(["logs", &self.named(name)]).output();
            if let Ok(logs) = logs {
                println!("---- log of {name}");
                print!("{}", String::from_utf8_lossy(&logs.stdout));
                print!("{}", String::from_utf8_lossy(&logs.stderr));
            }
        }
    }

    fn examine(&self) -> Result<()> {
        println!("containers run as compose.yaml has them:");
        self.eventually("the health check of the firewall passes", || {
            output(program("podman").args(["healthcheck", "run", &self.named("firewall")]))
        })?;
        self.eventually("the firewall runs without root", || {
            let status = self.inside("firewall", &["cat", "/proc/1/status"])?;
            let root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
            if root { bail!("process 1 is root") } else { Ok(status) }
        })?;
        for url in ["http://10.77.0.80/", "http://[fd77::80]/"] {
            self.eventually(&format!("inside fetches {url} from outside"), || {
                let page = self.inside("inside", &["curl", "-sS", "-g", "-m", "3", url])?;
                if page.starts_with("Hello") { Ok(page) } else { bail!("got {page:?}") }
            })?;
        }
        self.eventually("outside gets no answer from inside", || {
            let words = ["sh", "-c", "curl -sS -m 2 http://10.77.0.10/; test $? = 28"];
            self.inside("outside", &words)
        })?;
        self.eventually("the firewall lists the sessions", || {
            let text = self.inside("firewall", &["sallyctl", "sessions", "proto=tcp"])?;
            if text.contains("10.77.0.80") { Ok(text) } else { bail!("got {text:?}") }
        })?;
        self.eventually("Prometheus has scraped the firewall", || self.scraped())?;
        self.eventually("the firewall ends with status 0", || self.ended())?;
        Ok(())
    }

    fn scraped(&self) -> Result<String> {
        let query = "query=sum(sallyport_sessions_created_total{proto=\"tcp\"})>=2";
        let answer = output(
            Command::new("ip")
                .args(["netns", "exec", &self.named("prometheus")])
                .args(["curl", "-sS", "-m", "3", "-G", "--data-urlencode", query])
                .arg("http://127.0.0.1:9090/api/v1/query"),
        )?;
        if answer.contains("\"value\":[") { Ok(answer) } else { bail!("got {answer}") }
    }

    fn ended(&self) -> Result<String> {
        let name = self.named("firewall");
        output(program("podman").args(["stop", "--time", "5", &name]))?;
        let status =
            output(program("podman").args(["inspect", "--format", "{{.State.ExitCode}}", &name]))?;
        if status.trim() == "0" { Ok(status) } else { bail!("it ended with {status}") }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        for name in ["firewall", "inside", "outside", "prometheus"] {
            let name = self.named(name);
            // What was not started is not there.
            drop(program("podman").args(["rm", "--force", "--time", "1", &name]).output());
            drop(program("ip").args(["netns", "del", &name]).output());
        }
    }
}

fn ip(words: &[&str]) -> Result<String> {
    output(Command::new("ip").args(words))
}
