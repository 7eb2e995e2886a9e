//! The table beside a map, with hashes chosen to collide; its sizes.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::key::HashSeed;
use crate::memory::Heap;

/// One of many keys: IPv4 and IPv6 in turn, some of equal numbers.
fn key(number: u16) -> Key {
    let (port, protocol) = (number / 4, if number & 2 == 0 { 6 } else { 17 });
    let tags = wire::VlanTags { count: 1, ids: [number % 3, 0] };
    let (source, destination) = if number.is_multiple_of(2) {
        ("10.0.0.1".parse().unwrap(), "192.0.2.80".parse().unwrap())
    } else {
        ("2001:db8::1".parse().unwrap(), "2001:db8::80".parse().unwrap())
    };
    Key::new(Context::new(0, tags), protocol, (source, 1000 + port), (destination, 80)).0
}

fn table(capacity: u32) -> Table<Heap> {
    let Ok(table) = Table::new(capacity, capacity, &mut Heap);
    table
}

#[test]
fn what_every_packet_touches_is_one_cache_line() {
    assert_eq!((size_of::<Entry>(), align_of::<Entry>()), (64, 64));
    assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
    assert_eq!(size_of::<Cold>(), 36);
}

#[test]
fn what_a_session_costs() {
    let EntryCost { ipv4, ipv6 } = EntryCost::new();
    println!("{ipv4:.1} octets a session of IPv4, {ipv6:.1} of IPv6");
    // 64 octets of entry, 36 of cold part, 64 of bucket for every 6 sessions; 32 of addresses.
    assert!((ipv4 - (64.0 + 36.0 + 64.0 / 6.0)).abs() < 1e-9);
    assert!((ipv6 - ipv4 - 32.0).abs() < 1e-9);
}

/// At its capacity, with hashes as good as they are, everything finds a place.
#[test]
fn a_table_holds_its_capacity() {
    let seed = HashSeed::new(3);
    let capacity = 60_000;
    let mut table = table(capacity);
    let keys: Vec<Key> = (0..=u16::MAX).take(60_000).map(key).collect();
    for key in &keys {
        let slot = table.insert(key, key.hash(&seed), Side(0)).expect("room");
        assert!(slot.index() < capacity);
    }
    assert_eq!(table.used(), capacity);
    assert!(table.stash.len() <= STASH / 4, "{} in the stash", table.stash.len());
    assert_eq!(table.insert(&key(u16::MAX), 1, Side(0)), Err(Full));
    for (index, key) in keys.iter().enumerate() {
        let slot = table.find(key, key.hash(&seed), None).expect("in the table");
        assert_eq!(usize::try_from(slot.index()).unwrap(), index);
        assert_eq!(table.key(slot), *key);
    }
}

/// Twenty keys of one hash find place in two buckets, 64 in the stash, and no more; those that leave make room.
#[test]
fn colliding_keys_fill_two_buckets_and_the_stash() {
    let hash = 0x0123_4567_89ab_cdef;
    let mut table = table(1000);
    let [first, second] = choices(hash, table.buckets.len());
    assert_ne!(first, second);
    let room = 2 * WAYS + STASH;
    let number = |index: usize| u16::try_from(index).unwrap();
    for index in 0..room {
        table.insert(&key(number(index)), hash, Side(0)).expect("room");
    }
    assert!(!table.has_place(hash) && table.has_place(!hash));
    assert_eq!(table.insert(&key(999), hash, Side(0)), Err(Full));
    assert_eq!(table.used(), u32::try_from(room).unwrap(), "a refused key takes no entry");
    table.insert(&key(999), !hash, Side(0)).expect("another hash has room");
    for index in [0, WAYS, room - 1] {
        let slot = table.find(&key(number(index)), hash, None).expect("in the table");
        table.remove(slot, hash);
        assert_eq!(table.find(&key(number(index)), hash, None), None);
        let again = table.insert(&key(1001), hash, Side(1)).expect("room again");
        assert_eq!(again, slot, "the entry that was free");
        table.remove(again, hash);
        table.insert(&key(number(index)), hash, Side(0)).expect("room again");
    }
}

/// Whatever was remembered of an entry is gone with it.
#[test]
fn a_new_entry_knows_nothing_of_the_old() {
    let mut table = table(4);
    let slot = table.insert(&key(1), 7, Side(1)).unwrap();
    table.entry_mut(slot).rule = 9;
    table.entry_mut(slot).set_mark(true);
    for _ in 0..200 {
        table.entry_mut(slot).admit_error(Time::ZERO);
    }
    table.cold_mut(slot).count(0, 5, 5);
    assert_eq!(table.entry(slot).initiator(), Side(1));
    table.remove(slot, 7);
    assert_eq!(table.slot(slot.index()), None);
    let again = table.insert(&key(2), 7, Side(0)).unwrap();
    assert_eq!(again, slot);
    assert_eq!((table.entry(again).rule, table.entry(again).mark()), (0, false));
    assert!(table.entry_mut(again).admit_error(Time::ZERO), "no error yet");
    assert_eq!(table.entry(again).initiator(), Side(0));
    assert_eq!(table.cold(again).packets(), [0, 0]);
    assert_eq!(table.find(&key(1), 7, Some(slot)), None, "a guess is checked");
}

#[test]
fn counts_go_on_beyond_32_bits_and_stop_at_their_greatest() {
    let mut cold = Cold::default();
    cold.set_created((1 << 40) + 7);
    cold.count(1, u32::MAX, u32::MAX);
    cold.count(1, 2, 3);
    cold.count(0, 1, 1500);
    assert_eq!((cold.packets(), cold.bytes()), ([1, (1 << 32) + 1], [1500, (1 << 32) + 2]));
    assert_eq!(cold.created(), (1 << 40) + 7);
    for _ in 0..70_000 {
        cold.count(0, u32::MAX, u32::MAX);
    }
    assert_eq!((cold.packets()[0], cold.bytes()[0]), ((1 << 40) - 1, (1 << 48) - 1));
    assert_eq!(cold.bytes()[1], (1 << 32) + 2, "the other direction has its own");
}

/// A hundred in a second, whatever else the flags hold.
#[test]
fn errors_are_counted_by_the_second() {
    let mut table = table(1);
    let slot = table.insert(&key(3), 7, Side(1)).unwrap();
    let admitted = |entry: &mut Entry, millis| {
        (0..300).filter(|_| entry.admit_error(Time::from_millis(millis))).count()
    };
    let entry = table.entry_mut(slot);
    entry.set_mark(true);
    assert_eq!(admitted(entry, 15_000), 100);
    assert_eq!(admitted(entry, 15_999), 0);
    assert_eq!(admitted(entry, 16_000), 100);
    assert_eq!(admitted(entry, 31_000), 100);
    assert!(entry.mark());
    entry.set_mark(false);
    assert!(!entry.mark());
    assert_eq!(entry.initiator(), Side(1));
    assert_eq!(admitted(entry, 31_500), 0, "the mark is not among the counts");
    assert_eq!(table.find(&key(3), 7, None), Some(slot));
}

#[derive(Clone, Debug)]
enum Deed {
    Insert(u16, bool),
    Remove(u16),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => (0..160_u16, any::<bool>()).prop_map(|(key, upper)| Deed::Insert(key, upper)),
        2 => (0..160_u16).prop_map(Deed::Remove),
    ];
    prop::collection::vec(deed, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Beside a map; `spread` says how few hashes there are, so that buckets overflow.
    #[test]
    fn it_is_a_map(capacity in 1..150_u32, spread in 1..40_u64, deeds in deeds()) {
        let hash = |number: u16| (u64::from(number) % spread).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut table = table(capacity);
        let mut map: HashMap<Key, (Slot, Side, u16)> = HashMap::new();
        for deed in deeds {
            match deed {
                Deed::Insert(number, upper) => {
                    let (key, side) = (key(number), Side(u8::from(upper)));
                    if map.contains_key(&key) {
                        continue;
                    }
                    match table.insert(&key, hash(number), side) {
                        Ok(slot) => {
                            prop_assert!(slot.index() < capacity);
                            prop_assert!(map.values().all(|(other, ..)| *other != slot));
                            map.insert(key, (slot, side, number));
                        }
                        // With colliding hashes a table is full before its capacity.
                        Err(Full) => prop_assert!(
                            table.used() == capacity || table.stash.len() == STASH
                        ),
                    }
                }
                Deed::Remove(number) => {
                    if let Some((slot, ..)) = map.remove(&key(number)) {
                        table.remove(slot, hash(number));
                    }
                }
            }
            prop_assert_eq!(table.used(), u32::try_from(map.len()).unwrap());
        }
        let guess = Some(Slot(0));
        for number in 0..160 {
            let key = key(number);
            let expected = map.get(&key).map(|(slot, ..)| *slot);
            prop_assert_eq!(table.find(&key, hash(number), None), expected);
            prop_assert_eq!(table.find(&key, hash(number), guess), expected);
            let ahead = table.prefetch_entry(hash(number));
            prop_assert_eq!(table.find(&key, hash(number), ahead), expected);
        }
        for (key, (slot, side, _)) in &map {
            prop_assert_eq!(table.key(*slot), *key);
            prop_assert_eq!(table.entry(*slot).initiator(), *side);
        }
        let walked = (0..table.end()).filter_map(|index| table.slot(index)).count();
        prop_assert_eq!(walked, map.len());
    }
}
