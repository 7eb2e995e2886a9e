//! The table with its publishers beside a naive one: lists that are walked. Whatever is announced, claimed, taken back and
//! ended, in whatever order, both answer the same; whatever ends early ends for a reason; and nothing is left over.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::tests::{data, syn};
use super::*;
use crate::key::counted_as;

const WORKERS: usize = 3;
/// Three buckets a worker, so that they fill.
const PLACES: usize = 24;
/// Of a gateway, in each region.
const MOST: u32 = 12;

/// Something that happens.
#[derive(Clone, Debug)]
enum Deed {
    /// A session announces.
    Announce { port: u16, gateway: u8, group: u32, standing: bool, seconds: u64 },
    /// A packet comes.
    Come { port: u16 },
    /// A session takes a group back.
    Withdraw { group: u32 },
    /// A session ends.
    End,
    /// A child that has come ends.
    Leave { child: usize },
    /// Timers.
    Step { steps: usize },
}

/// What is done, and by or to which session.
fn deeds() -> impl Strategy<Value = Vec<(Deed, usize, u64)>> {
    let announce = (0..10_u16, 0..2_u8, 0..3_u32, any::<bool>(), 1..40_u64);
    let announce = announce.prop_map(|(port, gateway, group, standing, seconds)| Deed::Announce {
        port,
        gateway,
        group,
        standing,
        seconds,
    });
    let deed = prop_oneof![
        8 => announce,
        4 => (0..10_u16).prop_map(|port| Deed::Come { port }),
        1 => (0..3_u32).prop_map(|group| Deed::Withdraw { group }),
        1 => Just(Deed::End),
        2 => any::<usize>().prop_map(|child| Deed::Leave { child }),
        2 => (0..3_usize).prop_map(|steps| Deed::Step { steps }),
    ];
    let millis = prop_oneof![3 => 0..100_u64, 1 => 0..20_000_u64];
    prop::collection::vec((deed, 0..9_usize, millis), 1..250)
}

/// A session that announces: the worker that owns it is its number modulo the workers, and so is what it is opened from.
struct Session {
    life: Life,
    generation: u64,
    children: u32,
    ever: bool,
    tickets: Vec<Ticket>,
}

/// What is thought to be alive.
#[derive(Clone, Copy)]
struct Known {
    worker: usize,
    session: usize,
    ticket: Ticket,
    expectation: Expectation,
    order: usize,
}

struct Both {
    table: Arc<Expectations>,
    publishers: Vec<Publisher>,
    sessions: Vec<Session>,
    known: Vec<Known>,
    /// Session and life of each child, and whether it has joined.
    children: Vec<(usize, Parent, bool)>,
    now: Time,
    order: usize,
}

impl Both {
    fn new() -> Self {
        let table = Arc::new(Expectations::new(3, WORKERS * PLACES, 7));
        let publisher = |worker| Publisher::new(Arc::clone(&table), worker);
        let mut publishers: Vec<_> = (0..3).map(publisher).collect();
        let sessions = (0..9).map(|number| Session {
            life: publishers[number % WORKERS].begin_life(),
            generation: 0,
            children: 0,
            ever: false,
            tickets: Vec::new(),
        });
        let sessions = sessions.collect();
        let (known, children) = (Vec::new(), Vec::new());
        Self { table, publishers, sessions, known, children, now: Time::ZERO, order: 0 }
    }

    /// Sessions 0 to 2 are of a host each, 3 to 5 of one /64, and the rest of one host.
    fn parent(&self, number: usize) -> Parent {
        let digit = u16::try_from(number).expect("a small number");
        let (client, server): (IpAddr, IpAddr) = match number {
            0..3 => (
                [10, 0, 0, 1 + u8::try_from(number).expect("a small number")].into(),
                [192, 0, 2, 1].into(),
            ),
            3..6 => (
                [0x2001, 0xdb8, 1, 0, 0, 0, 0, digit].into(),
                [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1].into(),
            ),
            _ => ([10, 0, 0, 9].into(), [192, 0, 2, 1].into()),
        };
        let ends = ((client, 40_000 + digit), (server, 21));
        let (key, initiator) = Key::new(Context::default(), 6, ends.0, ends.1);
        Parent {
            worker: digit % 3,
            slot: digit.into(),
            created: Time::from_millis(self.sessions[number].generation),
            life: self.sessions[number].life,
            key,
            initiator,
            in_port: 0,
        }
    }

    fn source(expectation: &Expectation) -> IpAddr {
        let Parent { key, initiator, .. } = expectation.parent;
        counted_as(key.endpoint(initiator).0)
    }

    /// How many places each source has at a gateway of a worker, those claimed that no step has freed included.
    fn counts(&self, worker: usize, gateway: u8) -> HashMap<IpAddr, u32> {
        let mut counts = HashMap::new();
        let publisher = &self.publishers[worker];
        for book in publisher.books.iter().filter(|it| it.mark.is_some() && it.gateway == gateway) {
            let source = publisher.holders.source(book.holder);
            *counts.entry(source).or_insert(0) += 1;
        }
        counts
    }

    fn announce(&mut self, number: usize, deed: &Deed) {
        let Deed::Announce { port, gateway, group, standing, seconds } = *deed else { return };
        let worker = number % WORKERS;
        let expectation = Expectation {
            deadline: self.now + Duration::from_secs(seconds),
            gateway,
            standing,
            parent: self.parent(number),
            ..data(5000 + port)
        };
        let same = self.known.iter().position(|it| {
            let same = Expectation { deadline: expectation.deadline, ..it.expectation };
            it.worker == worker && same == expectation
        });
        let (mut expected_deadline, mut expected_group) = (expectation.deadline, group);
        if let Some(same) = same {
            let Known { ticket, expectation, .. } = self.known[same];
            expected_deadline = expected_deadline.max(expectation.deadline);
            if ticket.group() == 0 {
                expected_group = 0;
            }
        }
        let counts = self.counts(worker, gateway);
        let hash = {
            let Expectation { context, protocol, source, destination, destination_port, .. } =
                expectation;
            self.table.hash(context, protocol, source, (destination, destination_port))
        };
        let mut reasons = Vec::new();
        let ticket =
            self.publishers[worker].publish(self.now, &expectation, group, MOST, &mut |of, why| {
                reasons.push((of, why));
            });
        assert_eq!(ticket.group(), expected_group);
        let gone: Vec<_> = self.take_gone();
        assert_eq!(gone.len(), reasons.len(), "{reasons:?}");
        let mut left = gone;
        for (of, why) in reasons {
            let is_due = |it: &Known| {
                let in_bucket = bucket(PLACES, hash).contains(&it.ticket.place());
                let same = Expectation { deadline: expectation.deadline, ..it.expectation };
                let is_over = it.expectation.deadline <= self.now;
                let own = counts.get(&Self::source(&it.expectation)).copied().unwrap_or(0);
                let gives_way = of == gateway
                    && counts.values().sum::<u32>() >= MOST
                    && 2 * own > counts.values().copied().max().unwrap_or(0)
                    && !self.known.iter().any(|other| {
                        (other.worker, other.expectation.gateway) == (worker, of)
                            && Self::source(&other.expectation) == Self::source(&it.expectation)
                            && other.order < it.order
                    });
                (it.worker, it.expectation.gateway) == (worker, of)
                    && match why {
                        Ended::Replaced => same == expectation,
                        Ended::Expired => is_over && (in_bucket || gives_way),
                        Ended::Evicted => !is_over && (in_bucket || gives_way),
                        Ended::ParentEnded | Ended::PolicyChanged | Ended::Withdrawn => false,
                    }
            };
            let at = left.iter().position(is_due);
            assert!(at.is_some(), "{why:?} for no reason");
            left.swap_remove(at.unwrap_or(0));
        }
        let expectation = Expectation { deadline: expected_deadline, ..expectation };
        self.order += 1;
        self.known.push(Known { worker, session: number, ticket, expectation, order: self.order });
        self.sessions[number].tickets.push(ticket);
    }

    /// Takes out of what is known what is not alive any more, replaced ones first.
    fn take_gone(&mut self) -> Vec<Known> {
        let (alive, gone): (Vec<_>, Vec<_>) =
            self.known.iter().partition(|it| self.publishers[it.worker].is_alive(it.ticket));
        self.known = alive;
        gone
    }

    fn come(&mut self, port: u16) {
        let newcomer = syn(5000 + port);
        let fits = |it: &Known| {
            it.expectation.destination_port == 5000 + port && self.now < it.expectation.deadline
        };
        let found = self.table.find(&newcomer, self.now, |_| true);
        assert_eq!(found.is_some(), self.known.iter().any(fits), "port {port}");
        let Some((found, expectation)) = found else { return };
        assert!(self.known.iter().any(|it| it.expectation == expectation));
        assert!(self.table.claim(found));
        let gone = self.take_gone();
        assert_eq!(gone.len(), usize::from(!expectation.standing), "what stands stays");
        let parent = expectation.parent;
        let session = usize::try_from(parent.slot).expect("a small number");
        let joined = self.table.join(&parent);
        assert!(joined || parent.life == Life::NONE);
        if joined {
            self.sessions[session].children += 1;
            self.sessions[session].ever = true;
        }
        self.children.push((session, parent, joined));
    }

    fn end(&mut self, number: usize) {
        let Session { life, tickets, .. } = &mut self.sessions[number];
        let (life, tickets) = (*life, core::mem::take(tickets));
        let publisher = &mut self.publishers[number % WORKERS];
        let own: Vec<_> = self.known.iter().filter(|it| it.session == number).copied().collect();
        let mut count = 0;
        publisher.retire_all(tickets, Ended::ParentEnded, &mut |_, why| {
            assert_eq!(why, Ended::ParentEnded);
            count += 1;
        });
        publisher.end_life(life);
        assert_eq!(count, own.len());
        self.known.retain(|it| it.session != number);
        let session = &mut self.sessions[number];
        session.life = publisher.begin_life();
        (session.children, session.ever) = (0, false);
        session.generation += 1;
    }

    fn withdraw(&mut self, number: usize, group: u32) {
        if group == 0 {
            return;
        }
        let of_group = |it: &Known| it.session == number && it.ticket.group() == group;
        let expected = self.known.iter().filter(|it| of_group(it)).count();
        let tickets = self.sessions[number].tickets.iter().copied();
        let tickets: Vec<_> = tickets.filter(|it| it.group() == group).collect();
        let mut count = 0;
        let publisher = &mut self.publishers[number % WORKERS];
        publisher.retire_all(tickets, Ended::Withdrawn, &mut |_, _| count += 1);
        assert_eq!(count, expected);
        self.known.retain(|it| !of_group(it));
    }

    fn leave(&mut self, child: usize) {
        if self.children.is_empty() {
            return;
        }
        let (number, parent, joined) = self.children.swap_remove(child % self.children.len());
        if !joined {
            return;
        }
        self.table.leave(&parent, self.now);
        let session = &mut self.sessions[number];
        if session.life == parent.life {
            session.children -= 1;
        }
    }

    fn step(&mut self, worker: usize, steps: usize) {
        for _ in 0..steps {
            let mut reasons = Vec::new();
            self.publishers[worker].step(self.now, &mut |_, why| reasons.push(why));
            let gone = self.take_gone();
            assert_eq!(reasons, vec![Ended::Expired; gone.len()]);
            assert!(gone.iter().all(|it| it.expectation.deadline <= self.now));
        }
    }

    /// What the books say is what is there.
    fn check(&self) {
        assert_eq!(self.table.alive() as usize, self.known.len());
        for (number, session) in self.sessions.iter().enumerate() {
            let Held { now, ever, left: _ } = self.publishers[number % WORKERS].held(session.life);
            assert_eq!((now, ever), (session.children > 0, session.ever), "session {number}");
            for ticket in &session.tickets {
                let known =
                    self.known.iter().find(|it| (it.session, it.ticket) == (number, *ticket));
                let stands = known.is_some_and(|it| {
                    it.expectation.standing && self.now < it.expectation.deadline
                });
                assert_eq!(self.publishers[number % WORKERS].stands(*ticket, self.now), stands);
            }
        }
        for (worker, publisher) in self.publishers.iter().enumerate() {
            let mut booked = 0;
            for gateway in 0..2 {
                let counts = self.counts(worker, gateway);
                let all: u32 = counts.values().sum();
                assert_eq!(publisher.counts[usize::from(gateway)], all);
                assert!(all <= MOST, "gateway {gateway} has {all}");
                publisher.check_holders(gateway, &counts);
                booked += all;
            }
            assert_eq!(publisher.booked, booked);
            let lives = self.sessions.iter().enumerate();
            let lives = lives.filter(|(number, session)| {
                number % WORKERS == worker && session.life != Life::NONE
            });
            assert_eq!(publisher.free.len() + lives.count(), PLACES, "ties");
        }
    }

    /// Everything ends.
    fn finish(mut self) {
        for number in 0..self.sessions.len() {
            self.end(number);
        }
        while !self.children.is_empty() {
            self.leave(0);
        }
        self.now = self.now + Duration::from_secs(100);
        for publisher in &mut self.publishers {
            let mut ended = 0;
            for _ in 0..4 {
                publisher.step(self.now, &mut |_, _| ended += 1);
            }
            assert_eq!(ended, 0, "nothing is alive");
            assert_eq!((publisher.booked, publisher.counts), (0, [0; Publisher::GATEWAYS]));
        }
        assert_eq!(self.table.alive(), 0);
        self.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_plain_lists_are(deeds in deeds()) {
        let mut both = Both::new();
        for (deed, number, millis) in &deeds {
            both.now = both.now + Duration::from_millis(*millis);
            match deed {
                Deed::Announce { .. } => both.announce(*number, deed),
                Deed::Come { port } => both.come(*port),
                Deed::Withdraw { group } => both.withdraw(*number, *group),
                Deed::End => both.end(*number),
                Deed::Leave { child } => both.leave(*child),
                Deed::Step { steps } => both.step(number % WORKERS, *steps),
            }
            both.check();
        }
        both.finish();
    }
}
