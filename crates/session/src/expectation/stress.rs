//! The table as workers share it: real threads, all at once. ThreadSanitizer is asked about it by
//! `cargo xtask sanitize`; the models in `place` prove the order of the few steps that matter.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;

use super::tests::{data, syn};
use super::*;

/// Expectations that each worker announces.
fn rounds() -> u16 {
    let asked = std::env::var("STRESS_ROUNDS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(2000)
}

/// What a publisher has seen end of its own, unclaimed.
fn announce(table: &Arc<Expectations>, worker: u16, rounds: u16) -> u64 {
    let mut publisher = Publisher::new(Arc::clone(table), worker);
    let mut ended = 0;
    let mut count = |_, _| ended += 1;
    for round in 0..rounds {
        let now = Time::from_millis(round.into());
        let deadline = Time::from_millis(u64::from(round) + 50);
        let expectation = Expectation { deadline, ..data(port(worker, round)) };
        let ticket = publisher.publish(now, &expectation, 0, 40, &mut count);
        match round % 64 {
            0 => thread::yield_now(),
            1..24 => publisher.retire(ticket, Ended::ParentEnded, &mut count),
            24..32 => {
                publisher.step(now, &mut count);
            }
            _ => {}
        }
    }
    // The first of these ends the round that is under way.
    for second in [1000, 2000] {
        while publisher.step(Time::from_secs(second), &mut count) {}
    }
    assert_eq!(publisher.booked, 0);
    ended
}

fn port(worker: u16, round: u16) -> u16 {
    1024 + worker * 32_000 + round % 32_000
}

#[test]
fn each_expectation_ends_once_whoever_looks() {
    let rounds = rounds();
    let table = Arc::new(Expectations::new(2, 128, 7));
    let (claims, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let ended: u64 = thread::scope(|scope| {
        let publishers = [0, 1].map(|worker| {
            let table = &table;
            scope.spawn(move || announce(table, worker, rounds))
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut round = 0_u16;
                while !done.load(Ordering::Relaxed) {
                    round = (round + 1) % rounds;
                    let newcomer = syn(port(round % 2, round));
                    let found = table.find(&newcomer, Time::ZERO, |_| true);
                    let Some((found, expectation)) = found else { continue };
                    if table.claim(found) {
                        // Whole, and of nobody else: what was read counts once it is claimed.
                        assert_eq!(expectation.destination_port, newcomer.destination.1);
                        assert_eq!(expectation.parent, data(1).parent);
                        claims.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let ended = publishers.map(thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        ended.into_iter().map(Result::unwrap).sum()
    });
    assert_eq!(ended + claims.into_inner(), 2 * u64::from(rounds));
    assert_eq!(table.alive(), 0);
}

/// Children come to one life after another while each ends: a life is held by its own children only, and none is left over.
#[test]
fn lives_follow_each_other_while_children_come_and_go() {
    let rounds = rounds();
    let table = Arc::new(Expectations::new(1, 8, 7));
    let word = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let parent = data(1).parent;
                    let [place, number] =
                        [32, 0].map(|shift| word.load(Ordering::Acquire) >> shift);
                    let [place, number] = [place, number & 0xffff_ffff]
                        .map(|part| u32::try_from(part).expect("half of a word"));
                    let parent = Parent { life: Life { place, number }, ..parent };
                    if table.join(&parent) {
                        table.leave(&parent, Time::ZERO);
                    }
                }
            });
        }
        let mut publisher = Publisher::new(Arc::clone(&table), 0);
        for _ in 0..rounds {
            let life = publisher.begin_life();
            let parent = Parent { life, ..data(1).parent };
            word.store(u64::from(life.place) << 32 | u64::from(life.number), Ordering::Release);
            assert!(table.join(&parent));
            assert!(publisher.held(life).now);
            table.leave(&parent, Time::ZERO);
            publisher.end_life(life);
        }
        done.store(true, Ordering::Relaxed);
    });
}
