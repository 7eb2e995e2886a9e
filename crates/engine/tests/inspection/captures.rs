//! Captures of real and of hostile traffic, with the outcome of each in a table.
//!
//! The captures are not part of the project: `SALLYPORT_CASES` names the folder that has them in `pcap`. Without it
//! these tests say so and pass. The policy is: whatever comes from inside may go out. Inside is the address that
//! `manifest.tsv` calls so; of a pair of other addresses the first that sends. An ICMP error comes from where the
//! packet that it quotes went to.
//!
//! The table is `captures.txt`. Captures of protocols that gateways read stand in `captures_gateways.txt` as well, with
//! a policy that lets nothing out but those services, read and not read. After a change that is meant,
//! `CAPTURES_TABLE=new.txt` writes what is found, `CAPTURES_GATEWAYS_TABLE` the other.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{Counter, Counters, DropReason, Ended, Gateway, Protocol};
use policy::{ItemTraits, L4PortRange, ServiceItem, ServiceMatch, builtin_services};
use test_case::test_case;
use wire::HeaderChecksum;

use crate::harness::{Arrival, INSIDE, Plan, Rig};
use crate::recorded::{self, Loopback, Sides};
use crate::transcript::outcome;

const TABLE: &str = include_str!("captures.txt");
const GATEWAYS: &str = include_str!("captures_gateways.txt");

/// A capture that is looked at.
pub(crate) struct Capture {
    /// Its path below `pcap`.
    pub(crate) name: String,
    path: PathBuf,
    /// The address that is inside.
    inside: Option<IpAddr>,
}

/// The captures; none without the variable.
pub(crate) fn captures() -> Option<Vec<Capture>> {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("SALLYPORT_CASES is not set: no capture is looked at");
        return None;
    };
    let root = Path::new(&cases).join("pcap");
    let manifest = fs::read_to_string(Path::new(&cases).join("manifest.tsv")).expect("a manifest");
    let inside: BTreeMap<_, _> = manifest
        .lines()
        .filter_map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            Some((columns.first()?.strip_prefix("pcap/")?, columns.get(8)?.parse().ok()?))
        })
        .collect();
    let mut captures = Vec::new();
    for folder in fs::read_dir(&root).expect("a folder pcap") {
        let folder = folder.expect("an entry").path();
        for file in fs::read_dir(&folder).expect("a folder of captures") {
            let path = file.expect("an entry").path();
            let name = path.strip_prefix(&root).expect("below it").display().to_string();
            let inside = inside.get(name.as_str()).copied();
            captures.push(Capture { name, path, inside });
        }
    }
    captures.sort_by(|one, two| one.name.cmp(&two.name));
    Some(captures)
}

/// A capture as it comes in, with the waits between its frames.
pub(crate) fn arrivals(capture: &Capture) -> Vec<Arrival> {
    let mut sides = Sides::new(capture.inside);
    let mut loopback = Loopback::default();
    let mut last = None;
    recorded::read(&capture.path)
        .into_iter()
        .map(|(time, mut octets)| {
            loopback.part(&mut octets);
            let wait = last.map_or(Duration::ZERO, |last| time.saturating_sub(last));
            last = Some(last.map_or(time, |last| time.max(last)));
            Arrival { wait, port: sides.of(&octets), octets }
        })
        .collect()
}

/// What became of a capture.
struct Ran {
    /// Of each frame, by number.
    outcomes: Vec<String>,
    /// The frames that left: while which was judged, and which.
    left: Vec<(usize, u64)>,
    /// The line of the table.
    line: String,
}

/// Runs a capture.
fn run(workers: u16, name: &str, arrivals: &[Arrival]) -> Ran {
    run_under(&mut Plan::new(), workers, name, arrivals)
}

fn run_under(plan: &mut Plan, workers: u16, name: &str, arrivals: &[Arrival]) -> Ran {
    let mut rig = Rig::new(workers, &plan.snapshot());
    // What a host recorded of itself has checksums that its NIC was to fill in, but where they are the point.
    rig.cluster.on_the_wire(name.contains("chksum"));
    let mut outcomes = vec!["held".to_owned(); arrivals.len()];
    let mut left = Vec::new();
    for (place, Arrival { wait, port, octets }) in arrivals.iter().enumerate() {
        let now = rig.now() + *wait;
        for fate in rig.receive(now, *port, octets.clone()) {
            let number = fate.number.expect("nothing is made under this policy");
            outcomes[usize::try_from(number).expect("small")] = outcome(&fate);
            if fate.out.is_some() {
                left.push((place, number));
            }
        }
    }
    rig.check();
    let counters = rig.cluster.counters();
    let mut sessions = BTreeMap::new();
    for &protocol in Protocol::ALL {
        sessions.insert(protocol.name(), counters.get(Counter::Created(protocol)));
    }
    let mut reasons = BTreeMap::new();
    for reason in DropReason::all() {
        reasons.insert(reason.name(), counters.get(Counter::Dropped(reason)));
    }
    let list = |numbers: &BTreeMap<&str, u64>| {
        let present = numbers.iter().filter(|(_, number)| **number > 0);
        let words: Vec<_> = present.map(|(name, number)| format!("{name}={number}")).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(" ") }
    };
    let forwarded = outcomes.iter().filter(|outcome| outcome.starts_with("forward")).count();
    let mut line = format!(
        "{name} | {} frames, {forwarded} forwarded | {} | held={}",
        arrivals.len(),
        format_args!("{} | {}", list(&sessions), list(&reasons)),
        rig.held()
    );
    rig.check_all_ends();
    line += &announced(&rig.cluster.counters());
    Ran { outcomes, left, line }
}

/// What gateways announced, what came of it, and what they remarked on; empty if none did anything.
fn announced(counters: &Counters) -> String {
    let mut text = String::new();
    for &gateway in Gateway::ALL {
        let published = counters.get(Counter::Published(gateway));
        let mut words = Vec::new();
        for why in Ended::ALL {
            let count = counters.get(Counter::Unclaimed(gateway, *why));
            if count > 0 {
                words.push(format!("{why}={count}"));
            }
        }
        for remark in engine::Remark::ALL {
            let count = counters.get(Counter::Remarked(gateway, *remark));
            if count > 0 {
                words.push(format!("remark {remark}={count}"));
            }
        }
        if published > 0 || !words.is_empty() {
            let claimed = counters.get(Counter::Claimed(gateway));
            let words = words.iter().map(|word| format!(", {word}")).collect::<String>();
            text += &format!(" | {gateway}: {published} announced, {claimed} came{words}");
        }
    }
    text
}

/// Captures with control conversations, by the services that gateways read alone: nothing but control conversations may
/// begin, and whatever else passes was announced. Once more with the same services unread, to see what is lacking then;
/// and SIP once with leave to announce media at hosts that do not take part in the call.
#[test]
fn gateways_let_in_what_is_announced() {
    const FOLDERS: [&str; 7] = ["ftp/", "tftp/", "sip/", "rtsp/", "h323/", "pptp/", "alg-other/"];
    let Some(captures) = captures() else { return };
    let read = read_services();
    let unread = read.iter().map(|item| ServiceItem { traits: ItemTraits::NONE, ..item.clone() });
    let mut widely = read.clone();
    for item in &mut widely {
        item.traits.reading.third_party = true;
    }
    let plans = [("read", read.clone()), ("read widely", widely), ("unread", unread.collect())];
    let mut found = String::new();
    for capture in &captures {
        if !FOLDERS.iter().any(|folder| capture.name.starts_with(folder)) {
            continue;
        }
        let arrivals = arrivals(capture);
        for (how, services) in &plans {
            let mut plan = Plan::new();
            plan.policy.rules[0].services.clone_from(services);
            if *how == "read widely" && !capture.name.starts_with("sip/") {
                continue;
            }
            let name = format!("{} {how}", capture.name);
            let one = run_under(&mut plan, 1, &name, &arrivals);
            let four = run_under(&mut plan, 4, &name, &arrivals);
            assert_eq!(one.outcomes, four.outcomes, "{name} with four workers");
            assert!(one.left == four.left, "{name}: another order with four workers");
            found += &one.line;
            found.push('\n');
        }
    }
    if let Some(file) = std::env::var_os("CAPTURES_GATEWAYS_TABLE") {
        fs::write(file, &found).expect("writable");
    }
    let known: Vec<_> = GATEWAYS.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(found.lines().collect::<Vec<_>>(), known);
}

/// The services that gateways read.
pub(crate) fn read_services() -> Vec<ServiceItem> {
    let read = builtin_services().iter().filter(|service| service.gateway.is_some());
    read.flat_map(|service| service.items()).collect()
}

/// What a host looks up at a port mapper opens nothing: that is read by no gateway.
#[test]
fn a_port_mapper_s_answers_open_nothing() {
    const NAME: &str = "alg-other/nfs3-portmap.pcap";
    let Some(captures) = captures() else { return };
    let capture = captures.iter().find(|capture| capture.name == NAME).expect("it is collected");
    let mut plan = Plan::new();
    let port = L4PortRange { first: 111, last: 111 };
    let matches = ServiceMatch::Ports { protocol: 17, destination: port, source: L4PortRange::ANY };
    plan.policy.rules[0].services = vec![ServiceItem::plain(matches)];
    let Ran { line, .. } = run_under(&mut plan, 1, NAME, &arrivals(capture));
    let (_, found) = line.split_once(" | ").expect("a line");
    assert_eq!(found, "128 frames, 6 forwarded | udp=3 | no_rule=122 | held=0");
}

/// The line of each capture is the table's.
#[test]
fn every_capture_has_its_outcome() {
    let Some(captures) = captures() else { return };
    let expected: BTreeMap<_, _> = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .filter_map(|line| line.split_once(" | "))
        .collect();
    let mut found = String::new();
    let mut wrong = Vec::new();
    for capture in &captures {
        let name = &capture.name;
        let Ran { line, .. } = run(1, name, &arrivals(capture));
        let (_, rest) = line.split_once(" | ").expect("a line");
        match expected.get(name.as_str()) {
            Some(known) if *known == rest => {}
            known => wrong.push(format!("{name}\n  expected {known:?}\n  found    {rest:?}")),
        }
        found.push_str(&line);
        found.push('\n');
    }
    if let Some(file) = std::env::var_os("CAPTURES_TABLE") {
        fs::write(file, found).expect("writable");
    }
    assert!(wrong.is_empty(), "{} captures:\n{}", wrong.len(), wrong.join("\n"));
}

/// Any number of workers gives every frame its verdict, session and state, and sends them on in the same order, those
/// that were held or handed over included.
#[test_case(2)]
#[test_case(3)]
#[test_case(8)]
fn workers_make_no_difference(workers: u16) {
    for Capture { name, path, inside } in captures().unwrap_or_default() {
        let arrivals = arrivals(&Capture { name: name.clone(), path, inside });
        let (one, many) = (run(1, &name, &arrivals), run(workers, &name, &arrivals));
        let both = one.outcomes.iter().zip(&many.outcomes).enumerate();
        let differs = both.into_iter().find(|(_, (one, many))| one != many);
        assert_eq!(differs, None, "{name}: frame by number, one worker and {workers}");
        assert!(one.left == many.left, "{name}: another order with {workers} workers");
    }
}

/// Shows what becomes of each frame, with `READ` under the rule of the services that gateways read:
/// `CAPTURE=tcp-odd/tfo.pcap cargo test -p engine one_capture -- --ignored --nocapture`.
#[test]
#[ignore = "a tool for whoever wonders about a capture"]
fn one_capture() {
    let wanted =
        std::env::var("CAPTURE").expect("CAPTURE names one or several, by a part of their name");
    for capture in captures().unwrap_or_default() {
        if !capture.name.contains(&wanted) {
            continue;
        }
        println!("{}", capture.name);
        let arrivals = arrivals(&capture);
        let mut plan = Plan::new();
        if std::env::var_os("READ").is_some() {
            plan.policy.rules[0].services = read_services();
            for item in &mut plan.policy.rules[0].services {
                item.traits.reading.third_party = true;
            }
        }
        let Ran { outcomes, .. } = run_under(&mut plan, 1, &capture.name, &arrivals);
        let mut time = Duration::ZERO;
        for (number, (arrival, outcome)) in arrivals.iter().zip(outcomes).enumerate() {
            time += arrival.wait;
            let side = if arrival.port == INSIDE { "in " } else { "out" };
            let parsed = wire::parse_with(&arrival.octets, HeaderChecksum::Trust);
            let headers = parsed.map_or_else(
                |fault| fault.name().to_owned(),
                |found| {
                    format!(
                        "{} > {} {:?} {:?}",
                        found.source, found.destination, found.fragment, found.transport
                    )
                },
            );
            println!("{:4} {:10.4} {side} {outcome:45} {headers}", number + 1, time.as_secs_f64());
        }
    }
}
