//! `[system]`, `[metrics]`, `[sessions]`, `[timeouts]` and `[log]`.

use core::net::SocketAddr;
use core::num::NonZeroU32;
use core::time::Duration;
use std::path::PathBuf;

use policy::TimeoutOverrides;
use session::{TimeoutClass, Timeouts};

use crate::checker::{At, Checker, Keys, Node, Section};
use crate::diagnostic::Subject;
use crate::ports::Zones;
use crate::valid::{
    LogOutput, LogSettings, MetricsSettings, Polling, SessionSettings, SystemSettings,
};

const SYSTEM: Keys = Keys {
    known: &[
        "control_core",
        "worker_cores",
        "hugepages",
        "memory",
        "polling",
        "socket",
        "socket_group",
        "admin_group",
        "state_dir",
        "stall_timeout",
        "pickup_after_start",
        "eal_args",
    ],
    later: &[],
};
const METRICS: Keys = Keys { known: &["listen", "rules"], later: &[] };
const SESSIONS: Keys =
    Keys { known: &["max", "ipv6", "per_source", "embryonic", "zones"], later: &[] };
const SESSIONS_OF_ZONE: Keys = Keys { known: &["embryonic"], later: &[] };
const LOG: Keys = Keys { known: &["output", "queue"], later: &[] };

/// A CPU number that the kernel may know (`CONFIG_NR_CPUS` is 8192 at most on common machines).
const CORES: core::ops::RangeInclusive<usize> = 0..=8191;
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
/// Below this, a garbage collection of the host's kernel would be a stall.
const LEAST_STALL: Duration = Duration::from_millis(100);
/// `sun_path` holds 108 bytes with the closing zero.
const SOCKET_PATH: usize = 107;
/// More sessions than any machine has memory for.
const SESSIONS_MOST: u32 = 1_000_000_000;
/// What is kept before a rule was asked, or of a session that is not there yet.
const OF_NO_SESSION: &[TimeoutClass] = &[TimeoutClass::Fragment, TimeoutClass::Expectation];

impl<'a> Checker<'a> {
    pub(crate) fn system(&mut self, root: &Section<'a>) -> SystemSettings {
        let mut settings = SystemSettings {
            control_core: 0,
            worker_cores: vec![1],
            hugepages: true,
            memory: 512 << 20,
            polling: Polling::Busy,
            socket: PathBuf::from("/run/sallyport/api.sock"),
            socket_group: None,
            admin_group: None,
            state_dir: PathBuf::from("/var/lib/sallyport"),
            stall_timeout: Duration::from_secs(2),
            pickup_after_start: Duration::ZERO,
            eal_args: Vec::new(),
        };
        let Some(section) =
            root.get("system").and_then(|node| self.section(&node, "[system]", SYSTEM))
        else {
            return settings;
        };
        let control = section.get("control_core");
        set(
            &mut settings.control_core,
            control.as_ref().and_then(|node| self.integer(node, CORES)),
        );
        let workers = section.get("worker_cores");
        set(&mut settings.worker_cores, workers.as_ref().and_then(|node| self.worker_cores(node)));
        if settings.worker_cores.contains(&settings.control_core) {
            let at = workers.or(control).map_or_else(|| section.at.clone(), |node| node.at);
            let message =
                format!("core {} is both control_core and a worker", settings.control_core);
            let hint = "on a machine with a core to spare, give control_core its own";
            self.warning(Subject::Topology, &at, message, hint);
        }
        set(&mut settings.hugepages, section.get("hugepages").and_then(|node| self.boolean(&node)));
        set(&mut settings.memory, section.get("memory").and_then(|node| self.size(&node)));
        let polling =
            section.get("polling").and_then(|node| self.choice(&node, Polling::ALL, Polling::name));
        set(&mut settings.polling, polling);
        set(&mut settings.socket, section.get("socket").and_then(|node| self.socket(&node)));
        settings.socket_group = section.get("socket_group").and_then(|node| self.group(&node));
        settings.admin_group = section.get("admin_group").and_then(|node| self.group(&node));
        let state_dir = section.get("state_dir").and_then(|node| self.state_dir(&node));
        set(&mut settings.state_dir, state_dir);
        let stall =
            section.get("stall_timeout").and_then(|node| self.duration(&node, LEAST_STALL, HOUR));
        set(&mut settings.stall_timeout, stall);
        let pickup = section.get("pickup_after_start");
        let pickup = pickup.and_then(|node| self.duration(&node, Duration::ZERO, DAY));
        set(&mut settings.pickup_after_start, pickup);
        let eal_args = section.get("eal_args").and_then(|node| self.strings(&node));
        set(&mut settings.eal_args, eal_args);
        settings
    }

    pub(crate) fn metrics(&mut self, root: &Section<'a>) -> Option<MetricsSettings> {
        let node = root.get("metrics")?;
        let section = self.section(&node, "[metrics]", METRICS)?;
        let mut settings =
            MetricsSettings { listen: SocketAddr::from(([127, 0, 0, 1], 9105)), rules: 1000 };
        set(&mut settings.listen, section.get("listen").and_then(|node| self.listen(&node)));
        let rules = section.get("rules").and_then(|node| self.integer(&node, 0..=100_000));
        set(&mut settings.rules, rules);
        Some(settings)
    }

    pub(crate) fn sessions(&mut self, root: &Section<'a>, zones: &Zones) -> SessionSettings {
        let node = root.get("sessions");
        let section = node.and_then(|node| self.section(&node, "[sessions]", SESSIONS));
        let value = |checker: &mut Self, key, greatest| {
            let node = section.as_ref()?.get(key)?;
            checker.integer(&node, 1..=greatest)
        };
        let max = value(self, "max", SESSIONS_MOST).unwrap_or(1_000_000);
        let per_source = value(self, "per_source", max).unwrap_or_else(|| (max / 10).max(1));
        let ipv6 = section.as_ref().and_then(|section| section.get("ipv6"));
        let ipv6 = ipv6.and_then(|node| self.integer(&node, 0..=max)).unwrap_or(max);
        let for_all = section.as_ref().and_then(|section| self.limit(section, "embryonic", max));
        let mut embryonic = vec![for_all; zones.names().len()];
        let own = section.as_ref().and_then(|section| section.get("zones"));
        let own = own.and_then(|node| self.open_section(&node, "[sessions.zones]", &[]));
        for (name, at, node) in own.map(|own| own.nodes()).unwrap_or_default() {
            let Some(zone) = self.zone_named(name, &at, zones) else { continue };
            let title = format!("[sessions.zones.{name}]");
            let Some(section) = self.section(&node, title, SESSIONS_OF_ZONE) else { continue };
            if let Some(limit) = self.limit(&section, "embryonic", max)
                && let Some(of_zone) = embryonic.get_mut(zone.index())
            {
                *of_zone = Some(limit);
            }
        }
        SessionSettings { max, ipv6, per_source, embryonic }
    }

    /// A number of sessions, of which there are at most `max`. None: there is no such key, or it is reported.
    pub(crate) fn limit(
        &mut self,
        section: &Section<'a>,
        key: &str,
        max: u32,
    ) -> Option<NonZeroU32> {
        let node = section.get(key)?;
        let limit = self.integer(&node, 1..=SESSIONS_MOST).and_then(NonZeroU32::new)?;
        if limit.get() > max {
            let message = format!("{key} = {limit} is never met: max of [sessions] is {max}");
            let hint = format!("a limit below {max}, or a greater max in [sessions]");
            self.warning(Subject::Value, &node.at, message, hint);
        }
        Some(limit)
    }

    pub(crate) fn timeouts(&mut self, root: &Section<'a>) -> Timeouts {
        let mut timeouts = Timeouts::default();
        let set = root.get("timeouts").map(|node| self.timeout_table(&node, "[timeouts]", &[]));
        for (class, timeout) in set.unwrap_or_default() {
            timeouts.set(class, timeout);
        }
        timeouts
    }

    /// The timeouts that a rule or a service has for its own sessions.
    pub(crate) fn own_timeouts(&mut self, node: &Node<'a>, title: &str) -> TimeoutOverrides {
        let timeouts = self.timeout_table(node, title, OF_NO_SESSION);
        TimeoutOverrides::new(timeouts.into_iter().map(|(class, timeout)| (class.index(), timeout)))
    }

    /// The classes and timeouts of a table such as `[timeouts]`, which may not have those of `global`.
    fn timeout_table(
        &mut self,
        node: &Node<'a>,
        title: &str,
        global: &[TimeoutClass],
    ) -> Vec<(TimeoutClass, Duration)> {
        let kept = TimeoutClass::ALL.iter().filter(|class| !global.contains(class));
        let names: Vec<_> = kept.map(|class| class.name()).collect();
        let Some(section) = self.open_section(node, title, &names) else { return Vec::new() };
        let mut found = Vec::new();
        for (key, at, node) in section.nodes() {
            let class = TimeoutClass::ALL.iter().find(|class| class.name() == key);
            let Some(class) = class else {
                let hint = crate::suggest::hint(key, "known keys", &names);
                self.error(Subject::Key, &at, format!("unknown key {key:?} in {title}"), hint);
                continue;
            };
            if global.contains(class) {
                let message = format!("{key:?} in {title} would have no effect");
                let hint =
                    format!("it is the same for all sessions: set it in [timeouts], {key} = …");
                self.error(Subject::Key, &at, message, hint);
                continue;
            }
            let duration = self.duration(&node, Timeouts::LEAST, Timeouts::GREATEST);
            found.extend(duration.map(|duration| (*class, duration)));
        }
        found
    }

    pub(crate) fn log(&mut self, root: &Section<'a>) -> LogSettings {
        let mut settings = LogSettings { output: LogOutput::Stdout, queue: 65_536 };
        let Some(section) = root.get("log").and_then(|node| self.section(&node, "[log]", LOG))
        else {
            return settings;
        };
        set(&mut settings.output, section.get("output").and_then(|node| self.log_output(&node)));
        let queue = section.get("queue").and_then(|node| self.integer(&node, 64..=16_777_216));
        set(&mut settings.queue, queue);
        settings
    }

    fn log_output(&mut self, node: &Node<'a>) -> Option<LogOutput> {
        let hint = "\"stdout\", or the absolute path of a file";
        let text = self.string(node, hint)?;
        if text == "stdout" {
            return Some(LogOutput::Stdout);
        }
        if !text.starts_with('/') {
            let message = format!("{text:?} is no place for the log");
            self.error(Subject::Value, &node.at, message, hint);
            return None;
        }
        self.absolute_path(node).map(LogOutput::File)
    }

    fn worker_cores(&mut self, node: &Node<'a>) -> Option<Vec<usize>> {
        let hint = "a list of CPU numbers, one for each worker: [1, 2]";
        let items = self.list(node, hint)?;
        if items.is_empty() {
            self.error(
                Subject::Value,
                &node.at,
                "worker_cores is empty: there would be no worker",
                hint,
            );
            return None;
        }
        let mut cores = Vec::new();
        for item in &items {
            let Some(core) = self.integer(item, CORES) else { continue };
            if cores.contains(&core) {
                let message = format!("core {core} is listed twice");
                self.error(
                    Subject::Topology,
                    &item.at,
                    message,
                    "each worker needs a core of its own",
                );
            } else {
                cores.push(core);
            }
        }
        (!cores.is_empty()).then_some(cores)
    }

    fn socket(&mut self, node: &Node<'a>) -> Option<PathBuf> {
        let path = self.absolute_path(node)?;
        if path.as_os_str().len() > SOCKET_PATH {
            let hint = format!("the path of a socket has at most {SOCKET_PATH} bytes");
            let message = format!("the path of the socket is too long: {}", self.written(&node.at));
            self.error(Subject::Value, &node.at, message, hint);
            return None;
        }
        Some(path)
    }

    fn state_dir(&mut self, node: &Node<'a>) -> Option<PathBuf> {
        let path = self.absolute_path(node)?;
        let message = "nothing is kept in state_dir yet";
        let hint = "it may stay; the accepted files will be kept there once rollback is built";
        self.warning(Subject::Value, &node.at, message, hint);
        Some(path)
    }

    fn group(&mut self, node: &Node<'a>) -> Option<String> {
        let hint = "the name of a group, as in /etc/group";
        let name = self.string(node, hint)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
        if name.is_empty() || !name.chars().all(fits) {
            self.error(Subject::Value, &node.at, format!("{name:?} is not a group"), hint);
            return None;
        }
        Some(name.to_owned())
    }

    fn listen(&mut self, node: &Node<'a>) -> Option<SocketAddr> {
        let hint = "an address and a port: \"127.0.0.1:9105\", \"[::1]:9105\"";
        let text = self.string(node, hint)?;
        let listen = text.parse().ok();
        if listen.is_none() {
            let message = format!("{text:?} is not an address to listen on");
            self.error(Subject::Value, &node.at, message, hint);
        }
        listen
    }

    /// A list of strings, which may be empty.
    pub(crate) fn strings(&mut self, node: &Node<'a>) -> Option<Vec<String>> {
        let items = self.list(node, "a list of strings: [\"one\", \"two\"]")?;
        let strings = items.iter().map(|item| self.string(item, "").map(str::to_owned));
        strings.collect()
    }

    /// The place of the document's start, for what is missing in the whole of it.
    pub(crate) const fn start() -> At {
        At { span: 0..0, path: String::new() }
    }
}

/// Keeps the default where the file says nothing, or nothing right.
fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}
