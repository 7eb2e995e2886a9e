//! One machine: from unbound NICs to the firewall's orderly end, with all traffic between.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use testkit::netns::{scratch, within};

use crate::counts::{Counts, told};
use crate::hosts::{Hosts, OUTSIDE};
use crate::lie;
use crate::machine::{ADDRESSES, Boot, Machine};
use crate::nic::Nic;
use crate::report::{Report, Stop};
use crate::traffic::{self, Outcome, TcpEcho, family};

const CONFIGURATION: &str = "/etc/sallyport/sallyport.toml";
/// How long a command inside may take that does little.
const SHORT: Duration = Duration::from_secs(20);
/// How long the firewall may take to start or to end.
const LONG: Duration = Duration::from_secs(60);

/// Conversations of each kind and family.
pub(crate) const MANY: usize = 1000;
const TCP: usize = 300;
const FEW: usize = 50;
/// Files of each family, half of them each way.
const FILES: usize = 8;
const FILE: &str = "Fetched by a connection that was announced.\n";
/// Packets that come from outside unasked, of both families.
const INTRUSIONS: u64 = 2 * FEW as u64;

/// Workers of the configuration.
const WORKERS: usize = 4;
/// Ports of the host outside that the configuration lets the inside reach.
pub(crate) const ECHO_UDP: u16 = 5000;
const ECHO_TCP: u16 = 443;
const HTTP: u16 = 80;
const CLOSED: u16 = 5999;

/// Everything about one NIC.
pub(crate) fn run(report: &mut Report, boot: &Boot, nic: Nic) -> Result<(), Stop> {
    println!("\n{}: two NICs, {WORKERS} workers", nic.name());
    let folder = scratch();
    let hosts = Hosts::new();
    let machine = Machine::start(boot, nic, &hosts.middle, folder.path());
    let started = machine.as_ref().map_or_else(String::clone, Machine::console);
    report.need("a virtual machine starts", machine.is_ok(), &started)?;
    let Ok(mut machine) = machine else { return Err(Stop::Hopeless) };
    hosts.plug();
    prepare(report, &mut machine)?;
    start(report, &mut machine)?;
    steering(report, &mut machine, nic)?;
    if nic != Nic::Vmxnet3 {
        talk(report, &mut machine, &hosts, nic)?;
    }
    if nic == Nic::Igb {
        lie::run(report, &mut machine, &hosts)?;
    }
    end(report, &mut machine)
}

/// What an operator does before the first start, with doctor's advice.
fn prepare(report: &mut Report, machine: &mut Machine) -> Result<(), Stop> {
    let before = ask(machine, "sallyctl doctor");
    let advice = ADDRESSES
        .iter()
        .all(|address| before.1.contains(&format!("dpdk-devbind.py --bind=vfio-pci {address}")));
    let faults = lines(&before.1, |line| line.starts_with("fault"));
    report.claim(
        "doctor finds both NICs without a driver, and says what mends it",
        before.0 == Some(1) && advice,
        &faults,
    )?;
    // What dpdk-devbind.py does, which would need a Python inside.
    let bind = ADDRESSES.map(|address| {
        let device = format!("/sys/bus/pci/devices/{address}");
        format!(
            "if [ -e {device}/driver ]; then echo {address} >{device}/driver/unbind; fi && \
             echo vfio-pci >{device}/driver_override && \
             echo {address} >/sys/bus/pci/drivers/vfio-pci/bind"
        )
    });
    let bound = ask(machine, &bind.join(" && "));
    report.need("both NICs are bound to vfio-pci", bound.0 == Some(0), &bound.1)?;
    let after = ask(machine, "sallyctl doctor");
    report.claim(
        "doctor is content: hugepages, isolated cores, binding, IOMMU",
        after.0 == Some(0) && after.1.contains("an IOMMU is in use"),
        &lines(&after.1, |line| after.0 != Some(0) || line.starts_with("ok")),
    )?;
    let check = ask(machine, &format!("sallyctl check {CONFIGURATION}"));
    report.claim(
        "configs/appliance.toml, adapted, is valid",
        check.0 == Some(0),
        &lines(&check.1, |it| it.contains(" is valid")),
    )
}

fn start(report: &mut Report, machine: &mut Machine) -> Result<(), Stop> {
    let launched = ask(
        machine,
        &format!("sallyportd --config {CONFIGURATION} >/run/log 2>&1 & echo $! >/run/pid"),
    );
    let ready = within(LONG, || {
        let log = ask(machine, "cat /run/log; kill -0 $(cat /run/pid)");
        (log.0 != Some(0) || log.1.contains("ready:")).then_some(log)
    });
    let (runs, log) = ready.unwrap_or((launched.0.filter(|_| false), launched.1));
    let evidence = lines(&log, |line| runs != Some(0) || line.starts_with("info:"));
    report.need("the firewall starts", runs == Some(0) && log.contains("ready:"), &evidence)?;
    let up = within(SHORT, || {
        let ports = machine.ask("ports");
        ports["ports"].as_array()?.iter().all(|port| port["link_up"] == true).then_some(())
    });
    report.claim("both links come up", up.is_some(), "")
}

/// What the ports say of themselves.
fn steering(report: &mut Report, machine: &mut Machine, nic: Nic) -> Result<(), Stop> {
    let document = machine.ask("ports");
    let ports: Vec<&Value> = document["ports"].as_array().into_iter().flatten().collect();
    let told: Vec<String> = ports
        .iter()
        .map(|port| {
            let steering = &port["steering"];
            format!(
                "{}: {}, {} of {} queues, steered by {}, key {}, table of {} {}{}",
                port["name"],
                port["driver"],
                port["rx_queues"],
                port["tx_queues"],
                steering["by"],
                steering["key"],
                steering["table_entries"],
                steering["table"],
                steering["reason"].as_str().map_or_else(String::new, |why| format!(", {why}")),
            )
        })
        .collect();
    let evidence = told.join("\n");
    let each =
        |holds: &dyn Fn(&Value) -> bool| ports.len() == 2 && ports.iter().all(|it| holds(it));
    report.claim(
        &format!("the driver {} has both ports", nic.driver()),
        each(&|port| port["driver"] == nic.driver()),
        &evidence,
    )?;
    let steering = |port: &Value| port["steering"].clone();
    match nic {
        Nic::Igb | Nic::Virtio => report.claim(
            "hardware steering is chosen, with key and table read back as written",
            each(&|port| {
                let (queues, by) = (&port["rx_queues"], steering(port));
                *queues == WORKERS
                    && by["by"] == "hardware"
                    && by["key"] == "same"
                    && by["table"] == "same"
            }),
            "",
        ),
        Nic::Vmxnet3 => Ok(()),
    }?;
    let doctor = ask(machine, "sallyctl doctor");
    report.claim(
        "doctor asks the running firewall, and is content with its ports",
        doctor.0 == Some(0)
            && doctor.1.lines().filter(|line| line.starts_with("ok       rss")).count() == 2,
        &lines(&doctor.1, |line| line.contains(" rss ") || line.starts_with("fault")),
    )
}

/// Traffic of all kinds.
fn talk(report: &mut Report, machine: &mut Machine, hosts: &Hosts, nic: Nic) -> Result<(), Stop> {
    let Hosts { inside, outside, .. } = hosts;
    let folder = scratch();
    let _web = OUTSIDE.map(|address| {
        let www = folder.path().join(family(address));
        outside.serve_http(SocketAddr::new(address, HTTP), &www, "Hello from outside.\n")
    });
    let _echoes = OUTSIDE.map(|it| outside.serve_udp_echo(SocketAddr::new(it, ECHO_UDP)));
    let streams = OUTSIDE.map(|it| TcpEcho::start(outside, SocketAddr::new(it, ECHO_TCP)));

    for address in OUTSIDE {
        let pinged = inside.ping(address, 5);
        report.need(
            &format!("ping over {}", family(address)),
            pinged.received == 5,
            &format!("{} of {} answered", pinged.received, pinged.sent),
        )?;
        let url = format!("http://{}/", SocketAddr::new(address, HTTP));
        let page = inside.fetch(&url, LONG);
        report.claim(
            &format!("a page over {}", family(address)),
            page.status == 200 && page.body == "Hello from outside.\n",
            &format!("{url}: HTTP {}", page.status),
        )?;
    }
    for address in OUTSIDE {
        let outcome = traffic::udp(inside, SocketAddr::new(address, ECHO_UDP), MANY, 100);
        answered(report, &format!("{MANY} UDP tuples over {}", family(address)), outcome, MANY)?;
    }
    for echo in &streams {
        let address = echo.address();
        let outcome = traffic::tcp(inside, address, TCP);
        answered(report, &format!("{TCP} TCP tuples over {}", family(address.ip())), outcome, TCP)?;
    }

    files(report, hosts)?;

    let whole = Counts::settled(machine);
    let (udp, tcp) = (whole.created("udp"), whole.created("tcp"));
    // A page each beside them, and two for every file.
    let made = (2 * MANY as u64, 2 * (TCP + 1 + 2 * FILES) as u64);
    let evidence = format!(
        "{} frames, {} by worker; {}; {}",
        whole.received,
        whole.by_worker.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
        told("sessions created", &whole.sessions),
        whole.handovers_told(),
    );
    report.claim(
        "both directions of every flow come to one worker, by the NIC: nothing is handed over",
        whole.handovers.is_empty() && (udp, tcp) == made,
        &evidence,
    )?;
    let least = whole.by_worker.iter().min().copied().unwrap_or(0);
    report.claim(
        "every worker has its share",
        whole.by_worker.len() == WORKERS && least * 10 > whole.received,
        "",
    )?;
    for address in OUTSIDE {
        traffic::intrude(outside, address, FEW);
    }
    let intruded = Counts::settled(machine);
    report.claim(
        "what comes from outside unasked is dropped",
        intruded.drops.get("no_rule") == Some(&INTRUSIONS),
        &told("dropped", &intruded.drops),
    )?;
    hashes(report, machine, nic)?;
    let outcome = traffic::tagged(hosts, FEW, |frame| frame.tag(traffic::VLAN));
    let tagged = Counts::settled(machine);
    report.claim(
        &format!("{FEW} UDP tuples in VLAN {}, whose zone has its own rules", traffic::VLAN),
        outcome == Outcome::all_answered(FEW) && tagged.handovers.is_empty(),
        &format!("{outcome:?}; {}", tagged.handovers_told()),
    )?;

    for address in OUTSIDE {
        let outcome = traffic::udp(inside, SocketAddr::new(address, ECHO_UDP), FEW, 2000);
        answered(
            report,
            &format!("{FEW} datagrams in fragments over {}", family(address)),
            outcome,
            FEW,
        )?;
    }
    for address in OUTSIDE {
        let outcome = traffic::udp(inside, SocketAddr::new(address, CLOSED), FEW, 20);
        report.claim(
            &format!("{FEW} ICMP errors over {} come to who caused them", family(address)),
            outcome == Outcome::all_refused(FEW),
            &format!("{outcome:?}"),
        )?;
    }
    let before = Counts::settled(machine);
    let causes: Vec<&str> = before.handovers.keys().map(String::as_str).collect();
    report.claim(
        "what is handed over has its cause: ICMP errors, and datagrams put together from fragments",
        causes == ["icmp_error", "reassembled"],
        &before.handovers_told(),
    )?;
    let outcome = traffic::tagged(hosts, FEW, |frame| frame.tag(7).tag_of_provider(traffic::VLAN));
    let nested = Counts::settled(machine);
    report.claim(
        &format!(
            "{FEW} UDP tuples in a VLAN of a provider's, behind whose tag the NIC need not look"
        ),
        outcome == Outcome::all_answered(FEW)
            && nested
                .handovers
                .keys()
                .all(|cause| cause == "nic_hash" || causes.contains(&cause.as_str())),
        &format!("{outcome:?}; {}", nested.handovers_told()),
    )?;
    let outcome = traffic::sctp(hosts, FEW);
    let all = Counts::settled(machine);
    report.claim(
        &format!("{FEW} SCTP associations, which the NIC leads by their addresses alone"),
        outcome == Outcome::all_answered(FEW)
            && all.handovers.get("nic_hash") > nested.handovers.get("nic_hash"),
        &format!("{outcome:?}; {}", all.handovers_told()),
    )?;
    report.claim(
        "every frame is accounted for, and nothing else was dropped",
        all.received > 0 && all.received == all.accounted && all.drops == intruded.drops,
        &format!(
            "received {}, accounted for {}; {}",
            all.received,
            all.accounted,
            told("dropped", &all.drops)
        ),
    )
}

/// Files by FTP, whose data connections the gateway lets through: the client opens one half of them, the server the
/// other, and as their ports are not known before, they belong to any worker.
fn files(report: &mut Report, hosts: &Hosts) -> Result<(), Stop> {
    let server = hosts.outside.serve_ftp();
    server.offer("file", FILE.as_bytes());
    for address in OUTSIDE {
        let url = format!("ftp://{}/get/file", SocketAddr::new(address, 21));
        for (way, options) in [("passive", &[][..]), ("active", &["--ftp-port", "-"])] {
            let words = [&["curl", "-sS", "--noproxy", "*", "-m", "20"], options, &[&url]].concat();
            let fetched = (0..FILES / 2).map(|_| hosts.inside.run(&words));
            let (good, bad): (Vec<_>, Vec<_>) =
                fetched.partition(|done| done.ok() && done.stdout == FILE);
            report.claim(
                &format!("{} files by {way} FTP over {}", FILES / 2, family(address)),
                bad.is_empty(),
                &format!(
                    "{}: {} fetched{}",
                    words.join(" "),
                    good.len(),
                    bad.first().map_or_else(String::new, |done| format!("; {}", done.stderr))
                ),
            )?;
        }
    }
    Ok(())
}

fn answered(report: &mut Report, what: &str, outcome: Outcome, count: usize) -> Result<(), Stop> {
    report.claim(what, outcome == Outcome::all_answered(count), &format!("{outcome:?}"))
}

/// Whether the NIC's hash was the software's, wherever it was looked at: on every packet that opens a session or is
/// dropped for want of one. Those that come from outside are of the second kind.
///
/// DPDK's driver for virtio passes no hash on: there it is only seen that each packet came to its owner.
fn hashes(report: &mut Report, machine: &mut Machine, nic: Nic) -> Result<(), Stop> {
    let document = machine.ask("ports");
    let mut evidence = Vec::new();
    let mut holds = true;
    for (port, least) in [("lan0", 2 * (MANY + TCP)), ("wan0", 2 * FEW)] {
        let named = |it: &&Value| it["name"] == port;
        let found = document["ports"].as_array().into_iter().flatten().find(named);
        let count = |name| found.and_then(|it| it["steering"][name].as_u64());
        let counts = ["misses", "hashed", "misread", "strays"].map(count);
        let faultless = matches!(counts, [_, _, Some(0), Some(0)]);
        let [misses, hashed, misread, strays] = counts.map(|it| it.unwrap_or(0));
        let seen = if nic.tells_hashes() { hashed } else { misses };
        holds &= faultless && seen >= least as u64;
        evidence.push(format!(
            "{port}: {misses} packets of no session, {hashed} with a hash, {misread} with another than the \
             software's, {strays} at another worker than their owner"
        ));
    }
    let claim = if nic.tells_hashes() {
        "the NIC's hash is the software's, and leads to the owner"
    } else {
        "the NIC leads to the owner"
    };
    report.claim(claim, holds, &evidence.join("\n"))
}

fn end(report: &mut Report, machine: &mut Machine) -> Result<(), Stop> {
    ask(machine, "kill $(cat /run/pid)");
    let ended = within(LONG, || {
        let log = ask(machine, "cat /run/log; ! kill -0 $(cat /run/pid) 2>/dev/null");
        (log.0 == Some(0)).then_some(log.1)
    });
    let log = ended.unwrap_or_default();
    report.claim(
        "told to, the firewall ends in order",
        log.contains("info: ended after"),
        &lines(&log, |line| line.starts_with("info: ended") || line.starts_with("error:")),
    )
}

/// A command's status and all that it wrote; no status if there was no answer.
pub(crate) fn ask(machine: &mut Machine, command: &str) -> (Option<i32>, String) {
    match machine.run(command, SHORT) {
        Ok(answer) => (Some(answer.status), answer.text),
        Err(error) => (None, format!("no answer to `{command}`: {error}")),
    }
}

fn lines(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    text.lines().filter(|line| wanted(line)).collect::<Vec<_>>().join("\n")
}
