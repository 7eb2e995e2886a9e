//! What the control core does while workers work: new policies, commands, figures.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod site;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use dataplane::{Answer, Command, Dataplane};
use engine::{Counter, EndReason, EventKind, Probe, SessionFilter, Verdict, WorkerId};
use policy::{Action, RuleNames};
use session::track::Protocol;
use site::{LAN, alone, plane_of, player, snapshot, sum, wait_for, wait_until_settled};
use tempfile::TempDir;
use testkit::packet::Frame;

const SESSIONS: u16 = 3000;
/// Each worker has more: the ring to worker 1 holds 1,024 frames, and half of them are worker 0's, only to be sent.
const LEAST: u64 = 400;

/// A box with so many sessions, on two workers.
fn busy_box(names: &mut RuleNames) -> (Dataplane, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let inside: Vec<Vec<u8>> = (0..SESSIONS)
        .map(|number| {
            let source = format!("10.0.{}.{}:40000", number / 250, number % 250 + 1);
            Frame::udp(source.as_str(), "192.0.2.80:5000", vec![0; 20]).bytes()
        })
        .collect();
    let (lan, wan) = (player(folder.path(), "lan", &inside), player(folder.path(), "wan", &[]));
    let snapshot = snapshot(1, Action::Allow, names);
    let plane = Dataplane::start(&plane_of(&[0, 1], &lan, &wan), &snapshot).unwrap();
    let workers = wait_until_settled(&plane, SESSIONS.into());
    let lost: u64 = workers.iter().map(|worker| worker.handover_full).sum();
    let sessions: u64 = workers.iter().map(|worker| worker.counters.sessions()).sum();
    // A full ring loses packets before their session is opened, and after, on the way to the port's worker.
    assert!(sessions <= u64::from(SESSIONS) && sessions + lost >= u64::from(SESSIONS));
    (plane, folder)
}

fn sessions_of(plane: &Dataplane, worker: u16) -> u64 {
    plane.workers()[usize::from(worker)].counters.sessions()
}

fn ask(plane: &Dataplane, worker: u16, command: Command) -> Receiver<Answer> {
    plane.ask(WorkerId(worker), command)
}

/// The parts of an answer that ends as it should.
fn parts(receiver: &Receiver<Answer>) -> Vec<Answer> {
    let mut parts = Vec::new();
    loop {
        match receiver.recv_timeout(Duration::from_secs(10)).expect("an answer ends with Done") {
            Answer::Done => return parts,
            part @ (Answer::Sessions(_) | Answer::Count(_) | Answer::Explanation(_)) => {
                parts.push(part);
            }
        }
    }
}

fn count(parts: &[Answer]) -> u64 {
    match parts {
        [Answer::Count(count)] => *count,
        other => panic!("one count was expected: {other:?}"),
    }
}

fn all() -> SessionFilter {
    SessionFilter::default()
}

#[test]
fn every_session_is_listed_counted_and_cleared() {
    alone(|| {
        let (plane, _folder) = busy_box(&mut RuleNames::new());
        for worker in [0, 1] {
            let living = sessions_of(&plane, worker);
            assert!(living > LEAST, "{living}");
            let list = ask(&plane, worker, Command::Sessions { filter: all(), limit: u64::MAX });
            let mut hosts = std::collections::BTreeSet::new();
            for part in parts(&list) {
                let Answer::Sessions(views) = part else { panic!("{part:?}") };
                assert!(!views.is_empty() && views.len() <= 256);
                for view in views {
                    assert_eq!(view.protocol, Protocol::Udp);
                    hosts.insert(view.source);
                }
            }
            assert_eq!(hosts.len() as u64, living);
            let few = ask(&plane, worker, Command::Sessions { filter: all(), limit: 300 });
            let shown: usize = parts(&few)
                .iter()
                .map(|part| if let Answer::Sessions(views) = part { views.len() } else { 0 })
                .sum();
            assert_eq!(shown, 300);
            let number = ask(&plane, worker, Command::Count { filter: all() });
            assert_eq!(count(&parts(&number)), living);
            let nobody = SessionFilter { host: Some("198.51.100.1".parse().unwrap()), ..all() };
            let none = ask(&plane, worker, Command::Count { filter: nobody });
            assert_eq!(count(&parts(&none)), 0);
        }
        let living = sessions_of(&plane, 0);
        let cleared = ask(&plane, 0, Command::Clear { filter: all() });
        assert_eq!(count(&parts(&cleared)), living);
        wait_for("the figures to follow", || sessions_of(&plane, 0) == 0);
        let ended = Counter::Ended(Protocol::Udp, EndReason::Cleared);
        assert_eq!(sum(&plane.workers(), ended), living);
        assert!(sessions_of(&plane, 1) > LEAST, "the other worker keeps its own");
        let mut ends = 0;
        while plane.events(100, &mut |event| {
            ends += u64::from(matches!(
                event.kind,
                EventKind::SessionEnd { reason: EndReason::Cleared, .. }
            ));
        }) > 0
        {}
        assert_eq!(ends, living);
    });
}

#[test]
fn a_slow_or_absent_receiver_holds_nobody_up() {
    alone(|| {
        let (plane, _folder) = busy_box(&mut RuleNames::new());
        // One part for each session and round would overflow the channel many times.
        let slow = ask(&plane, 0, Command::Sessions { filter: all(), limit: u64::MAX });
        let before = plane.workers()[0].busy + plane.workers()[0].idle;
        wait_for("the worker to go on", || {
            let worker = &plane.workers()[0];
            worker.busy + worker.idle > before + Duration::from_millis(50)
        });
        drop(slow);
        // The command without a receiver does not stand in the way of the next.
        drop(ask(&plane, 0, Command::Sessions { filter: all(), limit: u64::MAX }));
        let number = ask(&plane, 0, Command::Count { filter: all() });
        assert_eq!(count(&parts(&number)), sessions_of(&plane, 0));
        assert!(ask(&plane, 7, Command::Count { filter: all() }).recv().is_err());
        plane.stop();
        assert!(ask(&plane, 0, Command::Count { filter: all() }).recv().is_err());
    });
}

#[test]
fn a_packet_is_explained_by_the_worker_that_owns_it() {
    alone(|| {
        let (plane, _folder) = busy_box(&mut RuleNames::new());
        let probe = Probe {
            in_port: LAN,
            protocol: 17,
            source: ("10.9.9.9".parse().unwrap(), 1000),
            destination: ("192.0.2.80".parse().unwrap(), 5000),
            flags: engine::flags_from_letters("").unwrap(),
            numbers: engine::ProbeNumbers::default(),
            icmp: None,
            vlans: Default::default(),
        };
        let owner = engine::owner_of(&probe, 2);
        let answer = parts(&ask(&plane, owner.0, Command::Explain { probe }));
        let [Answer::Explanation(explanation)] = &answer[..] else { panic!("{answer:?}") };
        assert_eq!(explanation.verdict, Verdict::Forward);
        assert!(explanation.rule.is_some());
    });
}

#[test]
fn a_new_policy_reaches_every_worker_and_the_old_one_is_freed_here() {
    alone(|| {
        let mut names = RuleNames::new();
        let (plane, _folder) = busy_box(&mut names);
        let hits: u64 = plane.workers().iter().map(|worker| worker.rule_hits[0].hits).sum();
        assert!(hits > 2000, "{hits}");
        assert!(plane.reap().is_empty(), "nothing has come back yet");

        let second = snapshot(2, Action::Allow, &mut names);
        plane.publish(&second);
        wait_for("generation 2", || plane.workers().iter().all(|worker| worker.generation == 2));
        assert_eq!(Arc::strong_count(&second), 3, "ours and the workers'");
        let swaps = plane.reap();
        assert_eq!(swaps.len(), 2);
        assert!(swaps.iter().all(|swap| *swap < Duration::from_secs(5)), "{swaps:?}");
        let after: u64 = plane.workers().iter().map(|worker| worker.rule_hits[0].hits).sum();
        assert_eq!(after, hits, "hits survive a new policy");

        let third = snapshot(3, Action::Drop, &mut names);
        plane.publish(&third);
        wait_for("the sweep", || {
            plane.workers().iter().all(|worker| worker.counters.sessions() == 0)
        });
        assert_eq!(Arc::strong_count(&second), 3, "it waits to be freed by this thread");
        assert_eq!(plane.reap().len(), 2);
        assert_eq!(Arc::strong_count(&second), 1);

        // Nobody frees what comes back: workers keep going, with a policy that they were given.
        for generation in 4..60 {
            plane.publish(&snapshot(generation, Action::Allow, &mut names));
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(plane.workers().iter().all(|worker| worker.generation > 3));
        plane.reap();
        wait_for("the newest", || plane.workers().iter().all(|worker| worker.generation == 59));
        let summary = plane.stop().unwrap();
        assert!(summary.stuck.is_empty() && summary.dpdk.is_ok(), "{summary:?}");
    });
}

#[test]
fn an_idle_worker_sleeps_and_shows_that_it_lives() {
    alone(|| {
        let (plane, _folder) = busy_box(&mut RuleNames::new());
        std::thread::sleep(Duration::from_millis(200));
        for worker in plane.workers() {
            assert!(worker.heartbeat_age < Duration::from_millis(100), "{worker:?}");
            assert!(worker.idle > Duration::from_millis(100), "{worker:?}");
            assert!(worker.busy > Duration::ZERO, "{worker:?}");
        }
        let start = plane.now();
        assert!(plane.now() >= start);
    });
}
