//! A NIC that hashes by another key than it has confirmed: as one whose firmware was reset, or that never meant it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use testkit::netns::within;

use crate::counts::Counts;
use crate::hosts::{Hosts, OUTSIDE_V4};
use crate::machine::{ADDRESSES, Machine};
use crate::report::{Report, Stop};
use crate::traffic::{self, Outcome};
use crate::trial::{ECHO_UDP, MANY, ask};

/// The key that NICs come with (Microsoft, "Verifying the RSS Hash Calculation"): by it the directions of a flow have
/// different hashes.
const OTHER_KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];
/// The first of the ten registers of the key (Intel 82576 datasheet, RSSRK).
const KEY_REGISTERS: u64 = 0x5c80;
/// How soon the firewall has to notice.
const SOON: Duration = Duration::from_secs(20);
/// A window that began under the lie, and a whole one after it.
const TWO_WINDOWS: Duration = Duration::from_secs(150);

/// Changes the key of `lan0` behind the firewall's back, and puts it back.
pub(crate) fn run(report: &mut Report, machine: &mut Machine, hosts: &Hosts) -> Result<(), Stop> {
    let server = SocketAddr::new(OUTSIDE_V4.into(), ECHO_UDP);
    let _echo = hosts.outside.serve_udp_echo(server);
    let before = Counts::settled(machine);
    let own = change_key(machine, &OTHER_KEY);
    let evidence =
        own.as_ref().map_or_else(ToString::to_string, |key| format!("it was {key:02x?}"));
    report.need("lan0 hashes by another key, and nobody was told", own.is_ok(), &evidence)?;
    let Ok(own) = own else { return Err(Stop::Hopeless) };
    let outcome = traffic::udp(&hosts.inside, server, MANY, 100);
    let during = Counts::settled(machine);
    let handed = |counts: &Counts| counts.handovers.get("nic_hash").copied().unwrap_or(0);
    let astray = handed(&during) - handed(&before);
    report.claim(
        &format!("{MANY} UDP tuples over IPv4 go on, handed over to their owners"),
        outcome == Outcome::all_answered(MANY) && astray > MANY as u64 / 2,
        &format!("{outcome:?}; {}", during.handovers_told()),
    )?;
    report.claim(
        "every frame is accounted for, and none was dropped for that",
        during.received == during.accounted && during.drops == before.drops,
        &format!("received {}, accounted for {}", during.received, during.accounted),
    )?;
    let alarm = within(SOON, || alarm(machine));
    report.claim(
        "an alarm says that lan0 leads packets astray by another hash",
        alarm.as_ref().is_some_and(|it| {
            it.starts_with("lan0: the device leads packets to the wrong workers")
                && it.contains("its hash is another than asked for")
        }),
        alarm.as_deref().unwrap_or("none"),
    )?;

    let put_back = change_key(machine, &own);
    report.need("lan0 has its key again", put_back.is_ok(), "")?;
    let outcome = traffic::udp(&hosts.inside, server, MANY, 100);
    let after = Counts::settled(machine);
    report.claim(
        &format!("{MANY} UDP tuples over IPv4 come to their owners"),
        outcome == Outcome::all_answered(MANY) && handed(&after) == handed(&during),
        &format!("{outcome:?}; {}", after.handovers_told()),
    )?;
    let silent = within(TWO_WINDOWS, || alarm_is_over(machine).then_some(()));
    let log = ask(machine, "grep 'port lan0' /run/log").1;
    report.claim("the alarm ends by itself", silent.is_some(), log.trim())
}

/// What is said of a port that leads packets astray.
fn alarm(machine: &mut Machine) -> Option<String> {
    let status = machine.ask("status");
    let alarms = status["alarms"].as_array()?;
    let found = alarms.iter().find(|alarm| alarm["kind"] == "steering_wrong")?;
    found["message"].as_str().map(str::to_owned)
}

fn alarm_is_over(machine: &mut Machine) -> bool {
    let ports = machine.ask("ports");
    ports["ports"][0]["steering"]["wrong"] == false && alarm(machine).is_none()
}

/// Writes the key of the first NIC into its registers. The key that stood there.
fn change_key(machine: &mut Machine, key: &[u8; 40]) -> io::Result<[u8; 40]> {
    let resources =
        ask(machine, &format!("head -n 1 /sys/bus/pci/devices/{}/resource", ADDRESSES[0])).1;
    let base = resources.split_whitespace().next().and_then(|word| word.strip_prefix("0x"));
    let base = base.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let base = base.ok_or_else(|| io::Error::other(resources))?;
    let mut probe = machine.probe()?;
    let mut before = [0; 40];
    let registers = (base + KEY_REGISTERS..).step_by(4);
    for ((register, old), new) in registers.zip(before.chunks_mut(4)).zip(key.chunks(4)) {
        old.copy_from_slice(&probe.read(register)?.to_le_bytes());
        probe.write(register, u32::from_le_bytes([new[0], new[1], new[2], new[3]]))?;
    }
    Ok(before)
}
