//! What `status` says of a box in trouble. The ordinary documents are tested over the socket.

use std::path::Path;

use test_case::test_case;

use super::*;
use crate::fake;
use crate::rates::WorkerRates;

fn alarms(reading: &Reading, rates: &Rates, policy: &Committed) -> Vec<(AlarmKind, String)> {
    let status = view(reading, rates, policy).status();
    status.alarms.into_iter().map(|alarm| (alarm.kind, alarm.message)).collect()
}

fn view<'a>(reading: &'a Reading, rates: &'a Rates, policy: &'a Committed) -> View<'a> {
    let file = Path::new("/etc/sallyport.toml");
    let uptime = Duration::from_secs(60);
    View { reading, rates, policy, file, unwritten: 0, uptime, now: Time::from_secs(60) }
}

#[test]
fn a_box_at_peace_has_no_alarm() {
    assert_eq!(alarms(&fake::reading(), &Rates::default(), &fake::committed()), []);
}

#[test]
fn every_trouble_has_its_alarm() {
    let mut reading = fake::reading();
    reading.ports[0].link_up = false;
    reading.ports[1].kernel_path_allowed = true;
    reading.workers[0].events_lost = 5;
    reading.workers[1].generation = 0;
    reading.workers[1].counters = fake::counters(&[(Counter::Sessions(Protocol::Tcp, 0), 800)]);
    let astray = Arrivals { misses: 10_000, strays: 120, ..Arrivals::default() };
    let astray = vec![None, Some(astray)];
    let rates = Rates { missing_at_rest: -3, astray, ..Rates::default() };
    let mut policy = Committed::clone(&fake::committed());
    policy.last_refusal = Some("sallyport.toml has 2 errors".to_owned());
    policy.loaded_at = policy.loaded_at.checked_sub(Duration::from_secs(2)).unwrap();
    let alarms = alarms(&reading, &rates, &policy);
    let kinds: Vec<_> = alarms.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [
            AlarmKind::LinkDown,
            AlarmKind::SteeringWrong,
            AlarmKind::KernelPath,
            AlarmKind::WorkerBehind,
            AlarmKind::EventsLost,
            AlarmKind::Conservation,
            AlarmKind::SessionsNearLimit,
            AlarmKind::ReloadRefused,
        ],
        "{alarms:#?}"
    );
    let details = [
        "lan0",
        "wan0: the device leads packets to the wrong workers, 120 of 10000",
        "net_tap,iface=wan0",
        "worker 1",
        "5 because",
        "-3",
        "810",
        "2 errors",
    ];
    for (detail, (_, message)) in details.iter().zip(&alarms) {
        assert!(message.contains(detail), "{detail} in {message}");
    }
}

#[test]
fn a_port_that_is_gone_and_the_end_of_its_wire_have_one_alarm_each() {
    let mut reading = fake::reading();
    for port in &mut reading.ports {
        port.link_up = false;
    }
    reading.ports[0].gone = true;
    reading.ports[1].held_down = true;
    let alarms = alarms(&reading, &Rates::default(), &fake::committed());
    let [(AlarmKind::PortGone, gone), (AlarmKind::LinkDown, held)] = alarms.as_slice() else {
        panic!("{alarms:#?}")
    };
    assert!(gone.contains("lan0: its device is gone") && held.contains("wan0: the link is held"));
}

#[test]
fn rates_stand_beside_their_worker() {
    let worker = WorkerRates { busy: 0.5, received: 1000.0 };
    let rates = Rates { workers: vec![WorkerRates::default(), worker], ..Rates::default() };
    let (reading, policy) = (fake::reading(), fake::committed());
    let status = view(&reading, &rates, &policy).status();
    let seen: Vec<_> = status.workers.iter().map(|worker| worker.busy_ratio).collect();
    assert_eq!(seen, [0.0, 0.5]);
    assert_eq!(status.workers[0].dropped, 20 + 5 + 4 + 2);
}

#[test]
fn the_most_frequent_drops_come_first() {
    let (reading, rates, policy) = (fake::reading(), Rates::default(), fake::committed());
    let status = view(&reading, &rates, &policy).status();
    let seen: Vec<_> =
        status.top_drops.iter().map(|drop| (drop.reason.as_str(), drop.count)).collect();
    let expected = [("no_rule", 20), ("tx_full", 10), ("handover_full", 8), ("rule_reject", 4)];
    assert_eq!(seen, expected);
}

#[test_case(7, 7, 7; "the present one")]
#[test_case(7, 5, 5; "an older one")]
#[test_case(0x1_0003, 3, 0x1_0003; "after a wrap")]
#[test_case(0x1_0003, 0xffff, 0xffff; "from before the wrap")]
fn generations_from_their_low_bits(current: u32, mark: u16, expected: u32) {
    assert_eq!(generation(current, mark), expected);
}

#[test]
fn a_port_shows_how_many_packets_it_led_astray() {
    let mut reading = fake::reading();
    reading.workers[0].arrivals[1] =
        Arrivals { misses: 9_000, strays: 70, hashed: 8_000, misread: 60 };
    reading.workers[1].arrivals[1] =
        Arrivals { misses: 1_000, strays: 50, hashed: 1_000, misread: 50 };
    let shown = |rates: &Rates| {
        let ports = view(&reading, rates, &fake::committed()).ports().ports;
        let PortSteering { misses, strays, hashed, misread, wrong, .. } = ports[1].steering;
        (misses, strays, hashed, misread, wrong)
    };
    assert_eq!(shown(&Rates::default()), (10_000, 120, 9_000, 110, false));
    let rates = Rates { astray: vec![None, Some(Arrivals::default())], ..Rates::default() };
    assert_eq!(
        shown(&rates),
        (10_000, 120, 9_000, 110, true),
        "all counts, and the word on the last"
    );
}
