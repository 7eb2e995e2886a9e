use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use alg::{Options, Protocol};
use proptest::prelude::*;
use session::expectation::{Expectation, Expectations, Publisher};
use session::memory::Heap;
use session::track::Track;
use session::{Context, Key, Lifetimes, Opening, Sessions, Side, Time, Timeouts};

use crate::gateway::Reads;

use super::*;

const SIP: Reads = Reads {
    gateway: Gateway::Sip,
    protocol: Protocol::Sip,
    options: Options { strict: false, third_party: false },
};

fn key(number: u16) -> (Key, Side) {
    let client = ([10, 0, 0, 1].into(), 1024 + number);
    Key::new(Context::default(), 17, client, ([192, 0, 2, 1].into(), 5060))
}

/// Slots as a table gives them.
fn slots(count: u16) -> Vec<Slot> {
    let lifetimes = Lifetimes::new(&Timeouts::default(), []);
    let mut sessions = Sessions::new(64, 0, 1, &mut Heap).expect("memory");
    let frame = testkit::packet::Frame::udp("10.0.0.1:1", "192.0.2.1:5060", "x").bytes();
    let descriptor = wire::parse(&frame).expect("a datagram");
    let slot = |number| {
        let (key, initiator) = key(number);
        let opening = Opening {
            initiator,
            track: Track::open(&descriptor).expect("it may open a session"),
            rule: 0,
            generation: 0,
            timeouts: 0,
            in_port: 0,
            mark: false,
        };
        let hash = sessions.hash(&key);
        sessions.open(&key, hash, opening, Time::ZERO, &lifetimes).expect("room")
    };
    (0..count).map(slot).collect()
}

proptest! {
    /// Who is unanswered, beside a list: the oldest is found, those that are answered are passed over once, and nobody is lost
    /// who ends or is read no more in between.
    #[test]
    fn the_oldest_unanswered_is_the_first_of_a_list(
        deeds in proptest::collection::vec((0..12_usize, 0..5_u8), 1..200),
    ) {
        let slots = slots(12);
        let mut records = Records::new(1, 1, 64);
        let (mut waiting, mut answered) = (Vec::<Slot>::new(), HashSet::<Slot>::new());
        let mut kept = HashMap::<Slot, bool>::new();
        for (number, deed) in deeds {
            let slot = slots[number];
            let (key, initiator) = key(0);
            match (deed, kept.get(&slot).copied()) {
                (0 | 1, None) => {
                    let conversation = Some(Conversation::new(SIP, &key, initiator));
                    records.insert(slot, Record { conversation, ..Record::default() });
                    kept.insert(slot, true);
                    waiting.push(slot);
                    answered.remove(&slot);
                }
                (1, Some(_)) => {
                    answered.insert(slot);
                }
                (2, _) => {
                    prop_assert_eq!(records.remove(slot).is_some(), kept.remove(&slot).is_some());
                    waiting.retain(|it| *it != slot);
                }
                (3, _) => {
                    let closed = records.close_conversation(slot);
                    prop_assert_eq!(closed.is_some(), kept.remove(&slot).is_some());
                    waiting.retain(|it| *it != slot);
                }
                _ => {
                    let looks = number % 4;
                    let found = records.oldest_unanswered(looks, |slot| !answered.contains(&slot));
                    let passed = waiting.iter().take_while(|slot| answered.contains(slot));
                    let passed = passed.count().min(looks);
                    waiting.drain(..passed);
                    let expected = (passed < looks).then(|| waiting.first().copied()).flatten();
                    prop_assert_eq!(found, expected);
                }
            }
            prop_assert_eq!(records.count(), kept.len());
            prop_assert_eq!(records.read_by(Gateway::Sip) as usize, kept.len());
        }
    }
}

/// A session announces and others come by that, all the time: it never has more than it may, gives up the oldest of its own
/// and only when there is no room, and its list does not grow.
#[test]
fn a_session_gives_up_its_oldest() {
    for (gateway, most) in [(Gateway::Ftp, 8), (Gateway::Sip, 1024)] {
        let table = Arc::new(Expectations::new(1, EXPECTATIONS, 7));
        let publisher = RefCell::new(Publisher::new(Arc::clone(&table), 0));
        let (key, initiator) = key(0);
        let mut conversation = Conversation::new(Reads { gateway, ..SIP }, &key, initiator);
        let mut given_up = 0;
        for number in 0..8 * most {
            let expectation = expectation(&key, initiator, u16::try_from(number).expect("small"));
            let ticket = publisher.borrow_mut().publish(
                Time::ZERO,
                &expectation,
                0,
                u32::MAX,
                &mut |_, _| {},
            );
            let is_alive = |ticket| publisher.borrow().is_alive(ticket);
            let before = conversation.tickets.clone();
            if let Some(given) = conversation.make_room(usize::MAX, is_alive) {
                let mut older = before.into_iter().take_while(|ticket| *ticket != given);
                assert!(!older.any(is_alive), "the oldest");
                publisher.borrow_mut().retire(
                    given,
                    session::expectation::Ended::Evicted,
                    &mut |_, _| {},
                );
                given_up += 1;
            }
            conversation.tickets.push_back(ticket);
            assert!(conversation.tickets.len() <= most);
        }
        // A full bucket of the table ends some, too.
        assert!(given_up >= 6 * most, "{given_up} of {most}");
        assert!(conversation.tickets.capacity() <= most.next_power_of_two());
        // All but the last few are over: room again, without giving up any that is not.
        let tickets: Vec<_> = conversation.tickets.iter().copied().collect();
        let (over, last) = tickets.split_at(tickets.len() - 4);
        for &ticket in over {
            publisher.borrow_mut().retire(
                ticket,
                session::expectation::Ended::Withdrawn,
                &mut |_, _| {},
            );
        }
        for _ in 0..most {
            let is_alive = |ticket| publisher.borrow().is_alive(ticket);
            if let Some(given) = conversation.make_room(usize::MAX, is_alive) {
                assert!(!last.contains(&given));
            }
        }
        let left: Vec<_> = conversation.tickets.iter().copied().collect();
        assert_eq!(left, last);
    }
}

fn expectation(key: &Key, initiator: Side, port: u16) -> Expectation {
    Expectation {
        context: Context::default(),
        protocol: 17,
        source: [192, 0, 2, 1].into(),
        source_port: None,
        destination: [10, 0, 0, 1].into(),
        destination_port: 1024 + port,
        deadline: Time::from_secs(30),
        in_port: 1,
        gateway: 0,
        reads: None,
        standing: false,
        parent: Parent {
            worker: 0,
            slot: 0,
            created: Time::ZERO,
            life: Life::NONE,
            key: *key,
            initiator,
            in_port: 0,
        },
    }
}
