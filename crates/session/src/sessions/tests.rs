//! Sessions and their timers beside a list that is searched from end to end.

use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::memory::Heap;
use crate::track::OtherTrack;
use crate::{Context, TimeoutClass, Timeouts};

/// A session of this protocol number; GRE and others have timeouts of their own.
fn key(number: u16) -> Key {
    let source = ([10, 0, 0, 1].into(), number);
    Key::new(Context::default(), 253, source, ([192, 0, 2, 1].into(), 9)).0
}

fn opening(timeouts: u16, protocol: u8) -> Opening {
    Opening {
        initiator: Side(0),
        track: Track::Other(OtherTrack::open(protocol)),
        rule: 7,
        generation: 1,
        timeouts,
        in_port: 0,
        mark: false,
    }
}

/// Row 0: the defaults. Row 1: other protocols 2 s. Row 2: other protocols a day.
fn lifetimes() -> Lifetimes {
    let of = |seconds| vec![(TimeoutClass::Other, Duration::from_secs(seconds))];
    let sets = [of(2), of(86_400)];
    Lifetimes::new(&Timeouts::default(), sets.iter().map(Vec::as_slice))
}

const OTHER: u8 = 253;
const GRE: u8 = 47;

fn sessions(capacity: u32) -> Sessions<Heap> {
    let Ok(sessions) = Sessions::new(capacity, capacity, 1, &mut Heap);
    sessions
}

fn millis(now: u64) -> Time {
    Time::from_millis(now)
}

/// Ends all that is due. How many that were.
fn expire(sessions: &mut Sessions<Heap>, now: u64, lifetimes: &Lifetimes) -> Vec<u16> {
    let mut ended = Vec::new();
    loop {
        let mut budget = 32;
        while let Some(slot) = sessions.next_expired(millis(now), lifetimes, &mut budget) {
            let key = sessions.summary(slot, millis(now), lifetimes).key;
            ended.push(key.endpoint(Side(0)).1);
            sessions.close(slot);
        }
        if budget > 0 {
            return ended;
        }
    }
}

#[test]
fn a_session_is_not_found_after_its_time() {
    let lifetimes = lifetimes();
    let mut sessions = sessions(4);
    let key = key(1);
    let hash = sessions.hash(&key);
    let find =
        |sessions: &Sessions<Heap>, now| sessions.find(&key, hash, None, millis(now), &lifetimes);
    let slot = sessions.open(&key, hash, opening(0, OTHER), millis(1000), &lifetimes).unwrap();
    assert_eq!(find(&sessions, 30_999), Found::Live(slot));
    assert_eq!(find(&sessions, 31_000), Found::Stale(slot), "30 s after its packet");
    sessions.count(slot, Direction::Reply, 2, 99, millis(20_000));
    assert_eq!(find(&sessions, 49_999), Found::Live(slot));
    let summary = sessions.summary(slot, millis(30_000), &lifetimes);
    assert_eq!((summary.created, summary.last_seen), (millis(1000), millis(20_000)));
    assert_eq!((summary.packets, summary.bytes), ([0, 2], [0, 99]));
    assert_eq!(summary.timeout_millis, 30_000);
    let before = sessions.epoch();
    sessions.close(slot);
    assert_ne!(sessions.epoch(), before);
    assert_eq!(find(&sessions, 20_000), Found::Nothing);
    assert!(sessions.is_empty());
}

/// A shorter timeout holds from the moment that the timer is set anew.
#[test]
fn a_shorter_timeout_is_kept_after_rearming() {
    let lifetimes = lifetimes();
    let mut sessions = sessions(4);
    let hash = sessions.hash(&key(1));
    let slot = sessions.open(&key(1), hash, opening(2, OTHER), millis(0), &lifetimes).unwrap();
    sessions.entry_mut(slot).timeouts = 1;
    sessions.rearm(slot, millis(500), &lifetimes);
    assert_eq!(expire(&mut sessions, 1999, &lifetimes), []);
    assert_eq!(expire(&mut sessions, 2512, &lifetimes), [1]);
}

/// Milliseconds are kept in 32 bits: 49 days of uptime are no event.
#[test]
fn the_clock_of_entries_may_wrap() {
    let lifetimes = lifetimes();
    let mut sessions = sessions(4);
    let hash = sessions.hash(&key(1));
    let start = (1_u64 << 32) - 1000;
    assert_eq!(expire(&mut sessions, start, &lifetimes), []);
    let slot = sessions.open(&key(1), hash, opening(0, OTHER), millis(start), &lifetimes).unwrap();
    assert!(!sessions.is_stale(slot, millis(start + 29_999), &lifetimes));
    assert_eq!(expire(&mut sessions, start + 29_999, &lifetimes), []);
    assert_eq!(sessions.summary(slot, millis(start + 5000), &lifetimes).last_seen, millis(start));
    assert_eq!(expire(&mut sessions, start + 30_512, &lifetimes), [1]);
}

/// A million sessions end in the same instant, half of them seen since their timers were set. A worker takes a step of
/// 32 entries after every burst of 32 packets, of at most 20 µs: none ends more than a second late, and none early.
#[test]
fn a_million_end_within_a_second() {
    const SESSIONS: u32 = 1_000_000;
    const STEP: Duration = Duration::from_micros(20);
    let lifetimes = lifetimes();
    let mut sessions = sessions(SESSIONS);
    for number in 0..SESSIONS {
        let [_, high, middle, low] = number.to_be_bytes();
        let source = ([10, high, middle, low].into(), 9);
        let key = Key::new(Context::default(), OTHER, source, ([192, 0, 2, 1].into(), 9)).0;
        let hash = sessions.hash(&key);
        let seen_later = number % 2 == 0;
        let opened = if seen_later { millis(1000) } else { millis(11_000) };
        let slot = sessions.open(&key, hash, opening(0, OTHER), opened, &lifetimes).unwrap();
        if seen_later {
            sessions.count(slot, Direction::Original, 1, 1, millis(11_000));
        }
    }
    let deadline = millis(41_000);
    let (mut now, mut latest) = (millis(30_000), Duration::ZERO);
    while !sessions.is_empty() {
        let mut budget = 32;
        while let Some(slot) = sessions.next_expired(now, &lifetimes, &mut budget) {
            assert!(now >= deadline, "early");
            latest = latest.max(now.since(deadline));
            sessions.close(slot);
        }
        // Where nothing is due, time may leap to the next place.
        now = now + if budget == 32 { Duration::from_millis(1) } else { STEP };
    }
    assert!(latest < Duration::from_secs(1), "{latest:?} late");
}

/// One step examines no more than its budget, however many are due.
#[test]
fn a_step_is_bounded() {
    let lifetimes = lifetimes();
    let mut sessions = sessions(1000);
    for number in 0..1000 {
        let hash = sessions.hash(&key(number));
        sessions.open(&key(number), hash, opening(1, OTHER), millis(0), &lifetimes).unwrap();
    }
    let hash = sessions.hash(&key(1000));
    assert!(sessions.open(&key(1000), hash, opening(1, OTHER), millis(0), &lifetimes).is_err());
    let mut budget = 10;
    let mut ended = 0;
    while let Some(slot) = sessions.next_expired(millis(5000), &lifetimes, &mut budget) {
        sessions.close(slot);
        ended += 1;
    }
    assert_eq!((ended, budget, sessions.len()), (10, 0, 990));
    assert_eq!(expire(&mut sessions, 5000, &lifetimes).len(), 990);
    assert_eq!(sessions.end(), 1000);
}

#[derive(Clone, Debug)]
enum Deed {
    Open { number: u16, row: u16, gre: bool },
    Packet(u16),
    Row { number: u16, row: u16 },
    Close(u16),
}

fn deeds() -> impl Strategy<Value = Vec<(u64, Deed)>> {
    let number = || 0..30_u16;
    let deed = prop_oneof![
        4 => (number(), 0..3_u16, any::<bool>()).prop_map(|(number, row, gre)| Deed::Open { number, row, gre }),
        4 => number().prop_map(Deed::Packet),
        1 => (number(), 0..3_u16).prop_map(|(number, row)| Deed::Row { number, row }),
        1 => number().prop_map(Deed::Close),
    ];
    let wait = prop_oneof![
        8 => 0..300_u64,
        4 => 0..20_000_u64,
        2 => 0..2_000_000_u64,
        // More than a turn of the wheel.
        1 => 0..100_000_000_u64,
    ];
    prop::collection::vec((wait, deed), 0..200)
}

/// A session of the model.
#[derive(Clone, Copy, Debug)]
struct Known {
    last: u64,
    /// When its timeouts were changed: what is over by then cannot have ended before.
    changed: u64,
    row: u16,
    protocol: u8,
}

impl Known {
    fn deadline(&self) -> u64 {
        self.last
            + match (self.protocol, self.row) {
                (GRE, _) => 600_000,
                (_, 0) => 30_000,
                (_, 1) => 2000,
                (_, _) => 86_400_000,
            }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing ends before its time, and nothing that is ticked every 250 ms ends later than a second after it.
    #[test]
    fn timers_are_never_early_and_never_late(deeds in deeds(), start in 0..5_000_000_000_u64) {
        let lifetimes = lifetimes();
        let mut sessions = sessions(20);
        let mut model: std::collections::BTreeMap<u16, Known> = std::collections::BTreeMap::new();
        let mut now = start;
        expire(&mut sessions, now, &lifetimes);
        let slot_of = |sessions: &Sessions<Heap>, number: u16, now| {
            let key = key(number);
            sessions.find(&key, sessions.hash(&key), None, millis(now), &lifetimes)
        };
        for (wait, deed) in deeds {
            // Long waits are ticked where something ends, or it would take for ever.
            let target = now + wait;
            while now < target {
                let next = model.values().map(Known::deadline).min().unwrap_or(u64::MAX);
                let step = if next > now + 1000 { (next - now).min(target - now) } else { 250 };
                now = (now + step).min(target);
                for number in expire(&mut sessions, now, &lifetimes) {
                    let known = model.remove(&number).expect("a session of the model");
                    prop_assert!(known.deadline() <= now, "early: {known:?} at {now}");
                }
                for known in model.values() {
                    prop_assert!(known.deadline().max(known.changed) + 1000 > now, "late: {known:?} at {now}");
                }
            }
            match deed {
                Deed::Open { number, row, gre } => match slot_of(&sessions, number, now) {
                    Found::Nothing => {
                        let protocol = if gre { GRE } else { OTHER };
                        let hash = sessions.hash(&key(number));
                        let opening = opening(row, protocol);
                        let opened = sessions.open(&key(number), hash, opening, millis(now), &lifetimes);
                        prop_assert_eq!(opened.is_ok(), model.len() < 20);
                        if opened.is_ok() {
                            model.insert(number, Known { last: now, changed: now, row, protocol });
                        }
                    }
                    Found::Live(_) => prop_assert!(model[&number].deadline() > now),
                    Found::Stale(slot) => {
                        let known = model.remove(&number).expect("a session of the model");
                        prop_assert!(known.deadline() <= now);
                        sessions.close(slot);
                    }
                },
                Deed::Packet(number) => {
                    if let Found::Live(slot) = slot_of(&sessions, number, now) {
                        sessions.count(slot, Direction::Original, 1, 1, millis(now));
                        model.get_mut(&number).expect("a session of the model").last = now;
                    }
                }
                Deed::Row { number, row } => {
                    if let Found::Live(slot) = slot_of(&sessions, number, now) {
                        sessions.entry_mut(slot).timeouts = row;
                        sessions.rearm(slot, millis(now), &lifetimes);
                        let known = model.get_mut(&number).expect("a session of the model");
                        (known.row, known.changed) = (row, now);
                    }
                }
                Deed::Close(number) => {
                    if let Found::Live(slot) = slot_of(&sessions, number, now) {
                        sessions.close(slot);
                        model.remove(&number);
                    }
                }
            }
            prop_assert_eq!(usize::try_from(sessions.len()).unwrap(), model.len());
            prop_assert_eq!(sessions.timers(), sessions.len());
        }
        let end = now + 8 * 86_400_000;
        expire(&mut sessions, end, &lifetimes);
        prop_assert!(sessions.is_empty(), "a session without a timer");
    }
}

/// Under pressure a session is over its timeout at once for a look-up, and for the timers once they are set anew.
#[test]
fn a_shrunk_timeout_counts() {
    let full = lifetimes();
    let shrunk = full.under(crate::Pressure::NONE.next(1, 1));
    let mut sessions = sessions(4);
    let hash = sessions.hash(&key(1));
    let slot = sessions.open(&key(1), hash, opening(0, OTHER), millis(0), &full).unwrap();
    let found = |now| sessions.find(&key(1), hash, None, millis(now), &shrunk);
    assert_eq!((found(2999), found(3000)), (Found::Live(slot), Found::Stale(slot)));
    assert_eq!(expire(&mut sessions, 3600, &shrunk), [], "its timer stands at 30 s");
    sessions.rearm(slot, millis(3600), &shrunk);
    assert_eq!(expire(&mut sessions, 4112, &shrunk), [1]);
}

/// Victims come in the order of their deadlines, over the whole wheel; deadlines that have moved since are noticed,
/// and where there are too many of them, one is taken all the same.
#[test]
fn victims_come_by_their_deadlines() {
    let lifetimes = lifetimes();
    for start in [0, 511 * 256, 4000 * 256, (1 << 32) - 5000] {
        let mut sessions = sessions(100);
        expire(&mut sessions, start, &lifetimes);
        let mut slots = Vec::new();
        // Row 1 ends first, then row 0, then GRE.
        for (number, (row, protocol)) in (0..).zip([(0, GRE), (0, OTHER), (1, OTHER), (0, OTHER)]) {
            let now = millis(start + u64::from(number) * 300);
            let hash = sessions.hash(&key(number));
            let opening = opening(row, protocol);
            slots.push(sessions.open(&key(number), hash, opening, now, &lifetimes).unwrap());
        }
        // Seen since, and last but one of all therefore.
        sessions.count(slots[1], Direction::Original, 1, 1, millis(start + 1500));
        let now = millis(start + 1600);
        let mut order = Vec::new();
        while let Some(slot) = sessions.victim(now, &lifetimes, false) {
            order.push(slot);
            sessions.close(slot);
        }
        assert_eq!(order, [slots[2], slots[3], slots[1], slots[0]]);
        assert!(sessions.is_empty());
        let mut all = Vec::new();
        for number in 0..100 {
            let hash = sessions.hash(&key(number));
            let opened = sessions.open(&key(number), hash, opening(0, OTHER), now, &lifetimes);
            all.push(opened.unwrap());
        }
        for &slot in &all {
            sessions.count(slot, Direction::Original, 1, 1, millis(start + 9000));
        }
        assert!(!sessions.has_entry(&key(1)));
        assert!(sessions.victim(millis(start + 9000), &lifetimes, false).is_some());
    }
}

/// Room for the addresses of IPv6 sessions is apart from room for sessions: who needs it gets it from one of its own kind,
/// and what has ended gives it back.
#[test]
fn ipv6_has_room_of_its_own() {
    let wide = |number: u16| {
        let [source, destination] =
            ["2001:db8::1", "2001:db8::2"].map(|text| text.parse().unwrap());
        Key::new(Context::default(), 253, (source, number), (destination, 9)).0
    };
    let lifetimes = lifetimes();
    let Ok(mut sessions) = Sessions::new(10, 3, 1, &mut Heap);
    let open = |sessions: &mut Sessions<Heap>, key: &Key, now| {
        sessions.open(key, sessions.hash(key), opening(0, OTHER), millis(now), &lifetimes)
    };
    // The eldest of all is an IPv4 session.
    let eldest = open(&mut sessions, &key(1), 0).unwrap();
    let six: Vec<_> =
        (0..3).map(|number| open(&mut sessions, &wide(number), 1000).unwrap()).collect();
    assert!(sessions.has_entry(&key(2)) && !sessions.has_entry(&wide(3)));
    assert!(sessions.is_ipv6_full());
    assert_eq!(open(&mut sessions, &wide(3), 1000), Err(Full));
    assert_eq!(sessions.len(), 4, "a refused key takes no entry");
    assert_eq!(sessions.victim(millis(1000), &lifetimes, false), Some(eldest));
    let victim = sessions.victim(millis(1000), &lifetimes, true).unwrap();
    assert!(six.contains(&victim));
    sessions.close(victim);
    let again = open(&mut sessions, &wide(3), 2000).unwrap();
    assert_eq!(sessions.summary(again, millis(2000), &lifetimes).key, wide(3));
    for number in 2..8 {
        open(&mut sessions, &key(number), 2000).unwrap();
    }
    assert!(!sessions.has_entry(&key(9)));
    for number in 0..4 {
        let key = wide(number);
        if let Found::Live(slot) =
            sessions.find(&key, sessions.hash(&key), None, millis(2000), &lifetimes)
        {
            assert_eq!(sessions.summary(slot, millis(2000), &lifetimes).key, key);
            sessions.close(slot);
        }
    }
    assert_eq!(sessions.len(), 7);
    assert!(!sessions.is_ipv6_full());
}
