//! `doctor`: examines the machine and the configuration, and says what is wrong and what mends it.
//!
//! It works with and without a running daemon, looks and changes nothing, and links no DPDK: what DPDK would find
//! is read from /proc and /sys (`machine`), and what only a driver knows is asked of the daemon.

mod cpu_set;
mod finding;
mod interfaces;
mod machine;
mod memory;
mod nics;
mod processors;
mod rss;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use api::{Client, ClientError, Version};
use config::{Loaded, ValidConfig};
use serde::Serialize;

use self::finding::{Finding, Findings, Level, Subject};
use self::machine::Machine;
use self::processors::Processors;
use crate::args::{DEFAULT_SOCKET, DoctorArguments, General};
use crate::failure::Failure;
use crate::json;

/// Where the daemon's unit has its configuration.
const USUAL_FILE: &str = "/etc/sallyport/sallyport.toml";

/// The answer as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    version: Version,
    /// The configuration that was examined; null: none.
    config: Option<String>,
    worst: Level,
    findings: &'a [Finding],
}

/// A daemon that was asked.
#[derive(Debug)]
struct Running {
    pid: u32,
    ports: api::Ports,
}

/// `doctor`.
pub(crate) fn run(
    general: &General,
    arguments: &DoctorArguments,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let machine = Machine::this();
    let usual = || machine.has(USUAL_FILE).then(|| PathBuf::from(USUAL_FILE));
    let file = arguments.config.clone().or_else(usual);
    let mut findings = Findings::default();
    let config = file.as_deref().and_then(|file| load(file, &mut findings));
    let socket = match &config {
        Some(config) if general.socket == Path::new(DEFAULT_SOCKET) => &config.system.socket,
        Some(_) | None => &general.socket,
    };
    let daemon = ask(socket, &mut findings);
    match &config {
        Some(config) => examine(&machine, config, daemon.as_ref(), &mut findings),
        None if file.is_none() => {
            let message = format!("no configuration: neither {USUAL_FILE} nor --config");
            let remedy = "sallyctl doctor --config FILE";
            findings.found(Level::Warning, Subject::Configuration, message, remedy);
        }
        // What is wrong with it was said.
        None => {}
    }
    if general.json {
        let config = file.map(|file| file.display().to_string());
        let (worst, findings) = (findings.worst(), findings.as_slice());
        json::line(out, &Report { version: Version, config, worst, findings })?;
    } else {
        out.write_all(text(&findings).as_bytes())?;
    }
    if findings.worst().wants() { Err(Failure::Told) } else { Ok(()) }
}

fn load(file: &Path, findings: &mut Findings) -> Option<ValidConfig> {
    let subject = Subject::Configuration;
    let name = file.display();
    let remedy = format!("sallyctl check {name}");
    match config::load(file) {
        Ok(Loaded { config, warnings }) => {
            if warnings.is_empty() {
                findings.ok(subject, format!("{name} is valid"));
            } else {
                let message = format!("{name} is valid, with warnings: {}", warnings.len());
                findings.found(Level::Note, subject, message, remedy);
            }
            Some(config)
        }
        Err(errors) => {
            let message = format!("{name} is refused, errors: {}", errors.errors.len());
            findings.found(Level::Fault, subject, message, remedy);
            None
        }
    }
}

/// Asks the daemon, if there is one, what only it can know.
fn ask(socket: &Path, findings: &mut Findings) -> Option<Running> {
    let asked =
        Client::connect(socket).and_then(|mut client| Ok((client.status()?.pid, client.ports()?)));
    match asked {
        Ok((pid, ports)) => {
            let message = format!("sallyportd runs, process {pid}");
            findings.ok(Subject::Daemon, message);
            Some(Running { pid, ports })
        }
        Err(ClientError::NotReached { .. } | ClientError::Lost { .. }) => {
            let socket = socket.display();
            let message =
                format!("no sallyportd answers at {socket}, so what only NICs know was not asked");
            findings.found(Level::Note, Subject::Daemon, message, "systemctl start sallyport");
            None
        }
        Err(error @ (ClientError::Refused(_) | ClientError::NotUnderstood { .. })) => {
            let message = format!("sallyportd runs and does not answer: {error}");
            let remedy = "systemctl restart sallyport";
            findings.found(Level::Warning, Subject::Daemon, message, remedy);
            None
        }
    }
}

/// Everything that the machine and the configuration have to do with each other.
fn examine(
    machine: &Machine,
    config: &ValidConfig,
    daemon: Option<&Running>,
    findings: &mut Findings,
) {
    let processors = Processors::read(machine, config);
    let runs = daemon.is_some();
    memory::hugepages(machine, config, &processors, runs, findings);
    memory::limits(machine, config, daemon.map(|daemon| daemon.pid), findings);
    processors.existence(findings);
    processors.isolation(machine, config, findings);
    processors.siblings(machine, findings);
    nics::nics(machine, config, &processors, findings);
    interfaces::interfaces(machine, config, runs, findings);
    if let Some(daemon) = daemon {
        rss::rss(&daemon.ports, config.system.worker_cores.len(), findings);
    }
}

/// For people: the worst first, what mends it below each, and a line that counts.
fn text(findings: &Findings) -> String {
    let mut text = String::new();
    for level in Level::WORST_FIRST {
        for finding in findings.as_slice().iter().filter(|finding| finding.level == level) {
            let Finding { level, subject, port, message, remedy } = finding;
            let port = port.as_ref().map_or_else(String::new, |port| format!("port {port}: "));
            text.push_str(&format!("{level:<8} {subject:<13}  {port}{message}\n"));
            if let Some(remedy) = remedy {
                text.push_str(&format!("{:24}mend: {remedy}\n", ""));
            }
        }
    }
    let counted: Vec<String> = Level::WORST_FIRST
        .into_iter()
        .filter_map(|level| {
            let count = findings.count(level);
            let plural = if count == 1 || level == Level::Ok { "" } else { "s" };
            (count > 0).then(|| format!("{count} {level}{plural}"))
        })
        .collect();
    text.push_str(&format!("\n{}\n", counted.join(", ")));
    text
}
