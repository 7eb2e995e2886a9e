//! All that a worker and the control core share, at once and by real threads: the mailbox with its policies, commands
//! and events, the boards of figures. Without DPDK, so that ThreadSanitizer sees every access
//! (`cargo xtask sanitize`); as an ordinary test it is short.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use engine::{Counters, EventKind, Limits, PortIndex, SessionFilter, Settings, ZoneId};
use policy::{Action, EthPort, LinkMode, Policy, Rule, RuleNames, Screens, Topology, Wire};
use session::Timeouts;

use super::*;

const RULES: usize = 40;

/// Policies that are published one after the other.
fn policies() -> u32 {
    let asked = std::env::var("STRESS_POLICIES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(200)
}

fn snapshot(generation: u32) -> Arc<Snapshot> {
    let zones: Vec<String> = vec!["inside".into(), "outside".into()];
    let port = |name: &str, zone| EthPort {
        name: name.into(),
        zone: ZoneId(zone),
        vlans: Vec::new(),
        networks: None,
        mtu: 1500,
    };
    let ports = vec![port("lan0", 0), port("wan0", 1)];
    let wire = Wire {
        ports: [PortIndex(0), PortIndex(1)],
        domain: 0,
        link: LinkMode::Independent,
        ethertypes: Vec::new(),
    };
    let topology = Topology::new(zones.clone(), ports, vec![wire]).unwrap();
    let rules = (0..RULES).map(|rule| Rule::any(format!("rule-{rule}"), Action::Allow)).collect();
    let policy = Policy { zones, zone_pairs: Vec::new(), rules };
    let settings = Settings {
        timeouts: Timeouts::default(),
        limits: Limits::new(1000, 1000),
        screens: Screens::default(),
    };
    Snapshot::compile(generation, &policy, &topology, &settings, &mut RuleNames::new())
}

fn event(number: u16) -> Event {
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    Event {
        time: Time::from_nanos(number.into()),
        worker: WorkerId(0),
        kind: EventKind::SessionStart,
        slot: None,
        protocol: 17,
        source: nowhere,
        source_port: number,
        destination: nowhere,
        destination_port: 0,
        in_port: PortIndex(0),
        from: ZoneId(0),
        to: ZoneId(1),
        vlan: None,
        rule: None,
        gateway: None,
        parent: None,
    }
}

/// A worker's side, as `worker` has it: all it does with what is shared, and nothing else.
fn work(
    mailbox: &Mailbox,
    first: Arc<Snapshot>,
    mut hits: Arc<HitBoard>,
    stop: &AtomicBool,
) -> (u32, u64) {
    let mut snapshot = first;
    let (mut installed, mut lost, mut round) = (0, 0, 0_u64);
    while !stop.load(Ordering::Relaxed) || !mailbox.delivery.is_empty() {
        round += 1;
        if !mailbox.retired.is_full()
            && let Some(Delivery { snapshot: next, hits: board, published: _ }) =
                mailbox.delivery.pop()
        {
            assert!(next.generation > snapshot.generation, "policies come in their order");
            let hits = core::mem::replace(&mut hits, board);
            let snapshot = core::mem::replace(&mut snapshot, next);
            drop(mailbox.retired.push(Retired { snapshot, hits, swap: Duration::ZERO }));
            installed += 1;
        }
        drop(mailbox.jobs.pop());
        let number = u16::try_from(round % 65_536).unwrap_or(0);
        lost += u64::from(mailbox.events.push(event(number)).is_err());
        let tally = Tally {
            forwarded: round,
            rounds: round,
            generation: snapshot.generation.into(),
            ..Tally::default()
        };
        mailbox.board.write(tally, &Counters::from_values(core::iter::repeat(round)));
        let of_rule =
            RuleHits { hits: round, last: Some(Time::from_nanos(round)), ..RuleHits::default() };
        hits.write(&[of_rule; RULES], 0, RULES);
        if round.is_multiple_of(8) {
            thread::yield_now();
        }
    }
    (installed, lost)
}

#[test]
fn what_a_worker_and_the_control_core_share() {
    let policies = policies();
    let (mailbox, first) = (Arc::new(Mailbox::new(1, 256)), snapshot(1));
    let hits = Arc::new(HitBoard::new(RULES));
    let handle = Handle::new(WorkerId(0), 1, Arc::clone(&mailbox), Arc::clone(&hits));
    let stop = AtomicBool::new(false);
    let mut freed = Vec::new();
    let (installed, _) = thread::scope(|scope| {
        let worker = scope.spawn({
            let (mailbox, stop) = (&mailbox, &stop);
            move || work(mailbox, first, hits, stop)
        });
        // The threads of the API and of the metrics, and that of the event log.
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut before = 0;
                while !stop.load(Ordering::Relaxed) {
                    let status = handle.status(Time::from_secs(1));
                    assert!(status.forwarded >= before, "figures only grow");
                    before = status.forwarded;
                    assert!(
                        status.rule_hits.iter().all(|rule| rule.hits == 0 || rule.last.is_some())
                    );
                    let command = Command::Count { filter: SessionFilter::default() };
                    drop(handle.ask(command));
                    thread::yield_now();
                }
            })
        });
        let log = scope.spawn(|| {
            let (mut taken, mut last) = (0_u64, None);
            while !stop.load(Ordering::Relaxed) {
                while let Some(event) = handle.event() {
                    let number = event.time;
                    // One that wraps around begins anew.
                    assert!(last.is_none_or(|last| number > last) || number.as_nanos() < 32_768);
                    (taken, last) = (taken + 1, Some(number));
                }
                thread::yield_now();
            }
            taken
        });
        // The main thread publishes, and frees what comes back.
        let mut published = Vec::new();
        for generation in 2..2 + policies {
            let next = snapshot(generation);
            published.push(Arc::downgrade(&next));
            handle.publish(next, Time::ZERO);
            handle.reap(&mut freed);
            thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        let (installed, lost) = worker.join().unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert!(log.join().unwrap() > 0);
        handle.reap(&mut freed);
        let alive = published.iter().filter(|policy| policy.strong_count() > 0).count();
        assert_eq!(alive, 0, "the worker is gone, and every policy came back or was overtaken");
        (installed, lost)
    });
    assert!(installed > 0 && freed.len() == installed as usize);
    // The newest policy's board, and that of no policy that is gone.
    assert_eq!(handle.hits().len(), 1);
}
