//! The images run for real, in network namespaces wired as compose.yaml wires its networks.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::step::{now, output, program};

/// The networks, by the firewall's interfaces: its own address, the peer, the peer's address. The
/// first is that of the management.
const NETWORKS: [(&str, &str, &str); 3] = [
    ("172.31.79.2/24", "prometheus", "172.31.79.3/24"),
    ("172.31.77.2/24", "inside", "172.31.77.3/24"),
    ("172.31.78.2/24", "outside", "172.31.78.3/24"),
];

/// What the firewall may in compose.yaml.
const RIGHTS: &str = "NET_ADMIN,NET_RAW,IPC_LOCK,SYS_NICE,SETUID,SETGID,SETPCAP,CHOWN";

/// The `sysctls` of the firewall there.
const SETTINGS: [&str; 3] = [
    "net.ipv4.ip_forward=0",
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
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
        sweep()?;
        Ok(Self { prefix: format!("sp-{}-image", std::process::id()), interrupted })
    }

    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// A namespace for each container, and one for the bridges that join them as the networks of
    /// compose.yaml do.
    fn wire(&self) -> Result<()> {
        let (firewall, bridges) = (self.named("firewall"), self.named("bridges"));
        self.namespace("firewall")?;
        self.namespace("bridges")?;
        for (index, (own, peer, address)) in NETWORKS.into_iter().enumerate() {
            self.namespace(peer)?;
            let bridge = format!("br{index}");
            ip(&["-n", &bridges, "link", "add", &bridge, "type", "bridge"])?;
            ip(&["-n", &bridges, "link", "set", &bridge, "up"])?;
            let interface = format!("eth{index}");
            self.plug(&bridge, &format!("fw{index}"), (&firewall, &interface), own)?;
            self.plug(&bridge, &format!("peer{index}"), (&self.named(peer), "eth0"), address)?;
        }
        for setting in SETTINGS {
            ip(&["netns", "exec", &firewall, "sysctl", "-qw", setting])?;
        }
        Ok(())
    }

    fn namespace(&self, name: &str) -> Result<()> {
        let name = self.named(name);
        ip(&["netns", "add", &name])?;
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        Ok(())
    }

    /// Joins an interface of a namespace to a bridge, by a cable whose other end is `plug`.
    fn plug(&self, bridge: &str, plug: &str, end: (&str, &str), address: &str) -> Result<()> {
        let (bridges, (namespace, interface)) = (self.named("bridges"), end);
        ip(&[
            "link", "add", interface, "netns", namespace, "type", "veth", "peer", "name", plug,
            "netns", &bridges,
        ])?;
        ip(&["-n", &bridges, "link", "set", plug, "master", bridge, "up"])?;
        ip(&["-n", namespace, "addr", "add", address, "dev", interface])?;
        ip(&["-n", namespace, "link", "set", interface, "up"])?;
        Ok(())
    }

    fn start_all(&self) -> Result<()> {
        // Without compose.yaml's limit of locked memory, which matters to hugepages and real
        // devices only, and which not every machine lets its root raise.
        let mut firewall = vec!["--env=LAN_ADDRESS=172.31.77.2", "--env=WAN_ADDRESS=172.31.78.2"];
        // Docker makes what is not there; podman refuses.
        if Path::new("/dev/hugepages").is_dir() {
            firewall.push("--volume=/dev/hugepages:/dev/hugepages");
        }
        self.start(&Container {
            name: "firewall",
            image: "sallyport",
            rights: RIGHTS,
            options: &firewall,
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
            command: &["busybox", "httpd", "-f", "-p", "80", "-h", "/srv/www"],
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
        self.eventually("the firewall runs without root, with four rights", || {
            let status = self.inside("firewall", &["cat", "/proc/1/status"])?;
            // NET_ADMIN, NET_RAW, IPC_LOCK and SYS_NICE.
            let rights = status.contains("CapBnd:\t0000000000807000\n");
            if rights && !status.contains("Uid:\t0\t") { Ok(status) } else { bail!("{status}") }
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
        self.eventually("inside is refused at once what no rule allows", || {
            let words = ["sh", "-c", "curl -sS -m 2 http://10.77.0.80:22/; test $? = 7"];
            self.inside("inside", &words)
        })?;
        self.eventually("inside pings outside", || {
            self.inside("inside", &["ping", "-c", "3", "-i", "0.2", "-W", "1", "10.77.0.80"])
        })?;
        self.eventually("the firewall lists the sessions", || {
            let text = self.inside("firewall", &["sallyctl", "sessions", "proto=tcp"])?;
            if text.contains("10.77.0.80") { Ok(text) } else { bail!("got {text:?}") }
        })?;
        for (what, query) in [
            ("sessions", "sum(sallyport_sessions_created_total{proto=\"tcp\"}) >= 2"),
            ("denied packets", "sum(sallyport_drops_total{reason=\"no_rule\"}) >= 1"),
        ] {
            self.eventually(&format!("Prometheus has scraped the firewall's {what}"), || {
                self.scraped(query)
            })?;
        }
        self.eventually("the firewall ends with status 0", || self.ended())?;
        output(program("podman").args(["start", &self.named("firewall")]))?;
        self.eventually("started again, it passes traffic", || {
            self.inside("inside", &["curl", "-sS", "-m", "3", "http://10.77.0.80/"])
        })?;
        self.eventually("and ends again with status 0", || self.ended())?;
        Ok(())
    }

    /// What Prometheus answers to a query; an error if that is nothing.
    fn scraped(&self, query: &str) -> Result<String> {
        let answer = output(
            Command::new("ip")
                .args(["netns", "exec", &self.named("prometheus")])
                .args([
                    "curl",
                    "-sS",
                    "-m",
                    "3",
                    "-G",
                    "--data-urlencode",
                    &format!("query={query}"),
                ])
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
        drop(program("ip").args(["netns", "del", &self.named("bridges")]).output());
    }
}

/// Removes what a killed run left: containers and namespaces named by a process that is no more.
fn sweep() -> Result<()> {
    let left_over = |name: &str| {
        let owner = name.strip_prefix("sp-").and_then(|rest| rest.split_once("-image-"));
        owner.is_some_and(|(owner, _)| !Path::new("/proc").join(owner).exists())
    };
    let containers = output(program("podman").args(["ps", "--all", "--format", "{{.Names}}"]))?;
    for name in containers.lines().filter(|name| left_over(name)) {
        output(program("podman").args(["rm", "--force", "--time", "1", name]))?;
    }
    let namespaces = ip(&["netns", "list"])?;
    for name in namespaces.lines().filter_map(|line| line.split_whitespace().next()) {
        if left_over(name) {
            ip(&["netns", "del", name])?;
        }
    }
    Ok(())
}

fn ip(words: &[&str]) -> Result<String> {
    output(Command::new("ip").args(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::checkout;

    #[test]
    fn the_firewall_is_tried_with_the_rights_and_settings_of_compose() {
        let compose = std::fs::read_to_string(checkout().join("docker/compose.yaml"))
            .expect("a file of the repository");
        let service = compose.split("\n  inside:\n").next().expect("what comes before the hosts");
        assert!(service.contains(&format!("cap_add: [{}]", RIGHTS.replace(',', ", "))));
        for setting in SETTINGS {
            let (name, value) = setting.split_once('=').expect("a name and a value");
            assert!(service.contains(&format!("      {name}: \"{value}\"\n")), "{setting}");
        }
        for (own, ..) in &NETWORKS[1..] {
            let own = own.split('/').next().expect("an address");
            assert!(service.contains(&format!("ipv4_address: {own},")), "{own}");
        }
    }
}
