//! Tables, transcripts and floods. The comparison with the slow store is in `oracle`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;
use std::fmt::Write;

use test_case::test_case;
use wire::{Class, Descriptor, Fragment, IpOptions, Transport, VlanTags};

use super::*;

mod oracle;

const TIMEOUT: Duration = Duration::from_secs(10);
const L3: u16 = 14;
const UDP: u8 = 17;

/// A received frame: its number in the test, and its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    number: usize,
    bytes: Vec<u8>,
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A fragment to be sent; tests change what they are about.
#[derive(Clone, Debug)]
struct Sent {
    v6: bool,
    context: u32,
    source: u32,
    destination: u32,
    protocol: u8,
    id: u32,
    offset: u16,
    more: bool,
    data: Vec<u8>,
}

impl Sent {
    /// `length` octets at `offset`, each telling its place.
    fn part(offset: u16, length: u16, more: bool) -> Self {
        let data = (offset..offset.saturating_add(length)).map(place_octet).collect();
        let (source, destination) = (1, 2);
        Self {
            v6: false,
            context: 0,
            source,
            destination,
            protocol: UDP,
            id: 7,
            offset,
            more,
            data,
        }
    }

    fn address(&self, host: u32) -> IpAddr {
        if self.v6 {
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(host)))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(host))
        }
    }

    fn headers(&self) -> u16 {
        if self.v6 { 40 + 8 } else { 20 }
    }

    fn frame(&self, number: usize) -> Frame {
        let mut bytes = vec![0xee; usize::from(L3 + self.headers())];
        bytes.extend_from_slice(&self.data);
        Frame { number, bytes }
    }

    fn descriptor(&self) -> Descriptor {
        let length = u16::try_from(self.data.len()).unwrap();
        let start = L3 + self.headers();
        Descriptor {
            vlans: VlanTags::default(),
            class: if self.v6 { Class::Ipv6 } else { Class::Ipv4 },
            l3: L3,
            l4: start,
            end: start + length,
            source: self.address(self.source),
            destination: self.address(self.destination),
            protocol: self.protocol,
            ttl: 64,
            fragment: Some(Fragment {
                id: self.id,
                offset: self.offset,
                length,
                more: self.more,
                next_header: self.protocol,
            }),
            options: IpOptions::default(),
            transport: Transport::None,
        }
    }

    fn placement(&self) -> Placement {
        Placement::of(self.context, &self.descriptor()).unwrap()
    }
}

/// An octet that tells its place, other than its neighbours in this block and the next.
fn place_octet(offset: u16) -> u8 {
    u8::try_from(offset % 251).unwrap()
}

/// A store that writes down what comes out of it.
struct Bench {
    gatherer: Gatherer<Frame>,
    offered: usize,
    log: String,
    gone: Vec<usize>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self { gatherer: Gatherer::new(limits, 1), offered: 0, log: String::new(), gone: vec![] }
    }

    /// Offers the next frame; logs `held`, `whole <octets> <frames>`, and `<fault> <frame>` for each frame dropped.
    fn offer(&mut self, now: Time, sent: &Sent) -> &mut Self {
        let Self { gatherer, log, gone, .. } = self;
        let frame = sent.frame(self.offered);
        self.offered += 1;
        let mut dropped = |frame: Frame, fault: FragmentFault| {
            write!(log, "{fault} {}, ", frame.number).unwrap();
            gone.push(frame.number);
        };
        match gatherer.offer(now, TIMEOUT, &sent.placement(), frame, &mut dropped) {
            Outcome::Held => self.log += "held, ",
            Outcome::Dropped => {}
            Outcome::Whole(whole) => {
                let mut data = vec![0; usize::from(whole.len())];
                assert_eq!(whole.read(0, &mut data), data.len());
                let expected: Vec<u8> = (0..whole.len()).map(place_octet).collect();
                assert_eq!(data, expected, "the datagram is what was sent");
                write!(self.log, "whole {}", whole.len()).unwrap();
                for frame in whole.into_frames() {
                    write!(self.log, " {}", frame.number).unwrap();
                    self.gone.push(frame.number);
                }
                self.log += ", ";
            }
        }
        self
    }

    fn expire(&mut self, now: Time, budget: usize) -> usize {
        let Self { gatherer, log, gone, .. } = self;
        gatherer.expire(now, budget, &mut |frame, fault| {
            write!(log, "{fault} {}, ", frame.number).unwrap();
            gone.push(frame.number);
        })
    }

    /// What came out since the last time.
    fn told(&mut self) -> String {
        std::mem::take(&mut self.log).trim_end_matches(", ").to_owned()
    }

    /// Every frame came out once, or is held.
    fn assert_conserved(&self) {
        let distinct: BTreeSet<_> = self.gone.iter().collect();
        assert_eq!(distinct.len(), self.gone.len(), "no frame comes out twice");
        assert_eq!(self.offered, self.gone.len() + self.gatherer.frames());
    }
}

#[test_case(&[(0, 16, true), (16, 5, false)], "held, whole 21 0 1"; "in order")]
#[test_case(&[(16, 5, false), (0, 16, true)], "held, whole 21 0 1"; "last first")]
#[test_case(&[(0, 8, true), (24, 8, false), (8, 16, true)], "held, held, whole 32 0 1 2"; "first last middle")]
#[test_case(&[(0, 8, true), (8, 8, true), (16, 1, false)], "held, held, whole 17 0 1 2"; "tiny first fragment")]
#[test_case(&[(8, 8, true), (16, 8, true), (24, 8, false), (0, 8, true)], "held, held, held, whole 32 0 1 2 3"; "first one last")]
#[test_case(&[(0, 9, false)], "whole 9 0"; "whole by itself")]
#[test_case(&[(0, 8, true), (0, 8, true), (8, 1, false)], "held, fragment_duplicate 1, whole 9 0 2"; "duplicate first")]
#[test_case(&[(8, 1, false), (8, 1, false), (0, 8, true)], "held, fragment_duplicate 1, whole 9 0 2"; "duplicate last")]
#[test_case(&[(0, 8, true), (8, 1, false), (8, 1, false)], "held, whole 9 0 1, held"; "duplicate after the whole")]
#[test_case(&[(0, 16, true), (8, 8, false)], "held, fragment_overlap 0, fragment_overlap 1"; "last inside first")]
#[test_case(&[(0, 24, true), (8, 8, true)], "held, fragment_overlap 0, fragment_overlap 1"; "inside")]
#[test_case(&[(8, 8, true), (0, 24, true)], "held, fragment_overlap 0, fragment_overlap 1"; "around")]
#[test_case(&[(8, 16, true), (0, 16, true)], "held, fragment_overlap 0, fragment_overlap 1"; "overlap from below")]
#[test_case(&[(0, 8, true), (0, 8, false)], "held, fragment_overlap 0, fragment_overlap 1"; "same place but last")]
#[test_case(&[(0, 8, true), (8, 8, true), (0, 16, true), (16, 8, false), (0, 8, true)],
    "held, held, fragment_overlap 0, fragment_overlap 1, fragment_overlap 2, fragment_overlap 3, fragment_overlap 4"; "nothing after an overlap")]
#[test_case(&[(16, 8, false), (24, 8, true)], "held, fragment_length_mismatch 0, fragment_length_mismatch 1"; "data beyond the last")]
#[test_case(&[(24, 8, true), (8, 8, false)], "held, fragment_length_mismatch 0, fragment_length_mismatch 1"; "last below data")]
#[test_case(&[(16, 8, false), (32, 8, false), (0, 16, true)],
    "held, fragment_length_mismatch 0, fragment_length_mismatch 1, fragment_length_mismatch 2"; "two lasts")]
#[test_case(&[(16, 8, false), (8, 8, false)], "held, fragment_length_mismatch 0, fragment_length_mismatch 1"; "another last below")]
#[test_case(&[(0, 8, true), (8, 0, true)], "held, fragment_malformed 1"; "no data")]
#[test_case(&[(0, 8, true), (8, 0, false), (8, 8, false)], "held, fragment_malformed 1, whole 16 0 2"; "last without data")]
#[test_case(&[(0, 12, true)], "fragment_malformed 0"; "odd middle")]
#[test_case(&[(3, 8, true)], "fragment_malformed 0"; "odd offset")]
#[test_case(&[(65_512, 3, false)], "held"; "largest IPv4")]
#[test_case(&[(65_512, 4, false)], "fragment_malformed 0"; "larger than the largest IPv4")]
fn sequence(parts: &[(u16, u16, bool)], told: &str) {
    let mut bench = Bench::new(Limits::default());
    for (offset, length, more) in parts {
        bench.offer(Time::ZERO, &Sent::part(*offset, *length, *more));
    }
    assert_eq!(bench.told(), told);
    bench.assert_conserved();
}

#[test_case(65_528, 7, "held"; "largest IPv6")]
#[test_case(65_528, 8, "fragment_malformed 0"; "larger than the largest IPv6")]
fn the_largest_ipv6_datagram_leaves_its_header_out(offset: u16, length: u16, told: &str) {
    let mut sent = Sent { v6: true, ..Sent::part(offset, 7, false) };
    sent.data.resize(usize::from(length), 0);
    assert_eq!(Bench::new(Limits::default()).offer(Time::ZERO, &sent).told(), told);
}

#[test]
fn data_that_is_not_in_the_frame_is_malformed() {
    let sent = Sent::part(0, 16, true);
    let mut gatherer = Gatherer::new(Limits::default(), 1);
    let mut faults = vec![];
    let mut frame = sent.frame(0);
    frame.bytes.truncate(40);
    let outcome =
        gatherer.offer(Time::ZERO, TIMEOUT, &sent.placement(), frame, &mut |_, f| faults.push(f));
    assert!(matches!(outcome, Outcome::Dropped));
    assert_eq!(faults, [FragmentFault::Malformed]);
}

#[test]
fn a_frame_that_is_no_fragment_has_no_placement() {
    let descriptor = Sent::part(0, 8, true).descriptor();
    assert!(Placement::of(0, &Descriptor { fragment: None, ..descriptor }).is_none());
    assert!(Placement::of(0, &Descriptor { class: Class::Arp, ..descriptor }).is_none());
}

#[test]
fn a_duplicate_with_other_contents_is_an_overlap() {
    let first = Sent::part(0, 8, true);
    let mut forged = first.clone();
    forged.data[5] ^= 1;
    let mut bench = Bench::new(Limits::default());
    bench.offer(Time::ZERO, &first).offer(Time::ZERO, &forged);
    assert_eq!(bench.told(), "held, fragment_overlap 0, fragment_overlap 1");
}

#[test_case(|s| s.v6 = true; "IPv4 and IPv6")]
#[test_case(|s| s.context = 1; "context")]
#[test_case(|s| s.source = 9; "source")]
#[test_case(|s| s.destination = 9; "destination")]
#[test_case(|s| s.protocol = 6; "protocol")]
#[test_case(|s| s.id = 8; "id")]
fn datagrams_that_differ_do_not_merge(change: fn(&mut Sent)) {
    let (first, mut other) = (Sent::part(0, 8, true), Sent::part(8, 8, false));
    change(&mut other);
    let mut bench = Bench::new(Limits::default());
    bench.offer(Time::ZERO, &first).offer(Time::ZERO, &other);
    assert_eq!(bench.told(), "held, held");
    assert_eq!(bench.gatherer.datagrams(), 2);
}

#[test]
fn ipv6_heeds_the_next_header_of_the_first_fragment_alone() {
    let last = Sent { v6: true, protocol: 6, ..Sent::part(8, 8, false) };
    let first = Sent { v6: true, protocol: UDP, ..Sent::part(0, 8, true) };
    let mut gatherer = Gatherer::new(Limits::default(), 1);
    let mut none = |frame: Frame, fault| panic!("{fault} {frame:?}");
    match gatherer.offer(Time::ZERO, TIMEOUT, &last.placement(), last.frame(0), &mut none) {
        Outcome::Held => {}
        Outcome::Whole(_) | Outcome::Dropped => panic!("one is missing"),
    }
    match gatherer.offer(Time::ZERO, TIMEOUT, &first.placement(), first.frame(1), &mut none) {
        Outcome::Whole(whole) => {
            assert_eq!(whole.next_header(), UDP);
            assert_eq!(whole.first().unwrap().frame.number, 1);
            let mut middle = [0; 6];
            assert_eq!(whole.read(5, &mut middle), 6);
            assert_eq!(middle, [5, 6, 7, 8, 9, 10]);
            assert_eq!(whole.read(14, &mut middle), 2);
            assert_eq!(whole.read(16, &mut middle), 0);
        }
        Outcome::Held | Outcome::Dropped => panic!("it is whole"),
    }
}

#[test]
fn the_timeout_counts_from_the_first_to_come() {
    let mut bench = Bench::new(Limits::default());
    bench.offer(Time::from_secs(1), &Sent::part(8, 8, true));
    bench.offer(Time::from_secs(10), &Sent::part(0, 8, true));
    assert_eq!(bench.gatherer.next_deadline(), Some(Time::from_secs(11)));
    assert_eq!(bench.expire(Time::from_nanos(10_999_999_999), 9), 0);
    assert_eq!(bench.expire(Time::from_secs(11), 9), 2);
    assert_eq!(bench.told(), "held, held, fragment_timeout 0, fragment_timeout 1");
    assert_eq!(bench.gatherer.next_deadline(), None);
}

#[test]
fn what_is_late_meets_nothing_even_before_it_is_swept() {
    let mut bench = Bench::new(Limits::default());
    bench.offer(Time::ZERO, &Sent::part(0, 8, true));
    bench.offer(Time::from_secs(10), &Sent::part(8, 8, false));
    assert_eq!(bench.told(), "held, fragment_timeout 0, held");
    bench.offer(Time::from_secs(19), &Sent::part(0, 8, true));
    assert_eq!(bench.told(), "whole 16 1 2");
}

#[test]
fn a_refused_datagram_is_refused_until_its_timeout() {
    let mut bench = Bench::new(Limits::default());
    bench.offer(Time::ZERO, &Sent::part(0, 16, true));
    bench.offer(Time::from_secs(5), &Sent::part(8, 8, true));
    assert_eq!((bench.gatherer.frames(), bench.gatherer.datagrams()), (0, 1));
    bench.offer(Time::from_millis(9_999), &Sent::part(16, 8, false));
    bench.offer(Time::from_secs(10), &Sent::part(16, 8, false));
    let told = "held, fragment_overlap 0, fragment_overlap 1, fragment_overlap 2, held";
    assert_eq!(bench.told(), told);
    assert_eq!(bench.expire(Time::from_secs(30), 9), 1);
    assert_eq!(bench.gatherer.datagrams(), 0);
}

#[test]
fn expiry_is_bounded() {
    let mut bench = Bench::new(Limits::default());
    for id in 0..10 {
        bench.offer(Time::ZERO, &Sent { id, ..Sent::part(8, 8, true) });
        bench.offer(Time::ZERO, &Sent { id, ..Sent::part(0, 8, true) });
    }
    bench.told();
    assert_eq!(bench.expire(Time::from_secs(60), 3), 4, "the last datagram goes whole");
    assert_eq!(bench.gatherer.frames(), 16);
    assert_eq!(bench.expire(Time::from_secs(60), 0), 0);
    assert_eq!(bench.expire(Time::from_secs(60), 100), 16);
    bench.assert_conserved();
}

#[test]
fn a_datagram_has_so_many_fragments_and_no_more() {
    let limits = Limits { fragments: 3, ..Limits::default() };
    let part = |n: u16, more| Sent::part(8 * n, 8, more);
    let mut bench = Bench::new(limits);
    bench.offer(Time::ZERO, &part(2, false)).offer(Time::ZERO, &part(0, true));
    bench.offer(Time::ZERO, &part(1, true));
    assert_eq!(bench.told(), "held, held, whole 24 0 1 2");
    bench.offer(Time::ZERO, &part(3, false)).offer(Time::ZERO, &part(0, true));
    bench.offer(Time::ZERO, &part(1, true)).offer(Time::ZERO, &part(2, true));
    bench.offer(Time::ZERO, &part(1, true));
    let many = [3, 4, 5, 6, 7].map(|n| format!("fragment_too_many {n}")).join(", ");
    assert_eq!(bench.told(), format!("held, held, held, {many}"));
}

#[test]
fn the_largest_datagram_passes_at_the_smallest_mtu_that_every_host_takes() {
    let mut bench = Bench::new(Limits::default());
    let data = 576 - 20 - 4; // A multiple of 8.
    let mut offset = 0;
    while data < 65_515 - offset {
        bench.offer(Time::ZERO, &Sent::part(offset, data, true));
        offset += data;
    }
    bench.told();
    bench.offer(Time::ZERO, &Sent::part(offset, 65_515 - offset, false));
    assert!(bench.told().starts_with("whole 65515 0 1 2 "));
    assert_eq!(bench.gone.len(), 119);
}

/// Room for 32 datagrams, 2 for each source.
const SMALL: Limits = Limits { datagrams: 32, frames: 64, octets: 64 * 1000, fragments: 8 };

#[test]
fn a_full_store_drops_the_oldest_datagram() {
    let mut bench = Bench::new(SMALL);
    for source in 0..33 {
        bench.offer(Time::ZERO, &Sent { source, ..Sent::part(0, 8, true) });
    }
    assert_eq!(bench.told(), format!("{}fragment_evicted 0, held", "held, ".repeat(32)));
    // Datagram 1 is the oldest from here on; one more frame does not make it younger.
    bench.offer(Time::ZERO, &Sent { source: 1, ..Sent::part(16, 8, true) });
    assert_eq!(bench.told(), "held");
    bench.offer(Time::ZERO, &Sent { source: 40, ..Sent::part(0, 8, true) });
    assert_eq!(bench.told(), "fragment_evicted 1, fragment_evicted 33, held");
    bench.assert_conserved();
}

#[test]
fn a_full_store_makes_room_for_frames_and_octets_too() {
    for limits in [Limits { frames: 16, ..SMALL }, Limits { octets: 16 * 42, ..SMALL }] {
        let mut bench = Bench::new(limits);
        for source in 0..16 {
            bench.offer(Time::ZERO, &Sent { source, ..Sent::part(0, 8, true) });
        }
        assert_eq!(bench.gatherer.octets(), 16 * 42);
        bench.told();
        bench.offer(Time::ZERO, &Sent { source: 16, ..Sent::part(0, 8, true) });
        assert_eq!(bench.told(), "fragment_evicted 0, held");
        bench.assert_conserved();
    }
}

#[test]
fn a_datagram_is_spared_when_it_needs_the_room_itself() {
    let mut bench = Bench::new(Limits { frames: 32, datagrams: 64, ..SMALL });
    for source in 0..32 {
        bench.offer(Time::ZERO, &Sent { source, ..Sent::part(0, 8, true) });
    }
    bench.told();
    bench.offer(Time::ZERO, &Sent { source: 0, ..Sent::part(16, 8, true) });
    assert_eq!(bench.told(), "fragment_evicted 1, held");
    bench.offer(Time::ZERO, &Sent { source: 0, ..Sent::part(8, 8, true) });
    assert_eq!(
        bench.told(),
        "fragment_source_limit 0, fragment_source_limit 32, fragment_source_limit 33"
    );
    bench.offer(Time::ZERO, &Sent { source: 2, ..Sent::part(8, 8, false) });
    assert_eq!(bench.told(), "whole 16 2 34", "what completes a datagram needs no room");
    bench.assert_conserved();
}

#[test]
fn a_source_that_holds_its_share_loses_its_own_oldest() {
    let mut bench = Bench::new(SMALL);
    bench.offer(Time::ZERO, &Sent { source: 9, ..Sent::part(0, 8, true) });
    for id in 0..3 {
        bench.offer(Time::ZERO, &Sent { id, ..Sent::part(0, 8, true) });
    }
    assert_eq!(bench.told(), "held, held, held, fragment_source_limit 1, held");
    // The share is of frames, too: four. Datagram 1 is older, but the fragment is for it.
    bench.offer(Time::ZERO, &Sent { id: 1, ..Sent::part(16, 8, true) });
    bench.offer(Time::ZERO, &Sent { id: 1, ..Sent::part(32, 8, true) });
    bench.offer(Time::ZERO, &Sent { id: 1, ..Sent::part(48, 8, true) });
    assert_eq!(bench.told(), "held, held, fragment_source_limit 3, held");
    // One datagram beyond the share is refused itself.
    bench.offer(Time::ZERO, &Sent { id: 1, ..Sent::part(64, 8, true) });
    let all = [2, 4, 5, 6, 7].map(|n| format!("fragment_source_limit {n}")).join(", ");
    assert_eq!(bench.told(), all);
    bench.offer(Time::ZERO, &Sent { source: 9, ..Sent::part(8, 8, false) });
    assert_eq!(bench.told(), "whole 16 0 8");
    bench.assert_conserved();
}

#[test]
fn a_frame_larger_than_a_share_is_dropped_alone() {
    let mut bench = Bench::new(SMALL);
    bench.offer(Time::ZERO, &Sent::part(0, 4000, true));
    assert_eq!(bench.told(), "fragment_source_limit 0");
    assert_eq!(bench.gatherer.datagrams(), 0);
}

#[test]
fn limits_of_zero_count_as_one() {
    let mut bench = Bench::new(Limits { datagrams: 0, frames: 0, octets: 0, fragments: 0 });
    bench.offer(Time::ZERO, &Sent::part(0, 8, true)).offer(Time::ZERO, &Sent::part(0, 8, false));
    assert_eq!(bench.told(), "fragment_source_limit 0, whole 8 1");
}

#[test_case(|n| Sent { id: n, ..Sent::part(8, 8, true) }, 256; "one source")]
#[test_case(|n| Sent { source: n, v6: true, ..Sent::part(8, 8, true) }, 4096; "each from another source")]
#[test_case(|n| Sent { id: n, source: n % 7, ..Sent::part(8, 1448, true) }, 7 * 256; "large, seven sources")]
#[test_case(|n| Sent { id: n / 8, source: n / 2 % 4, ..Sent::part(if n % 2 == 0 { 0 } else { 8 }, 16, true) }, 4 * 256; "overlaps")]
fn a_spray_of_ids_stays_within_the_limits(sent: fn(u32) -> Sent, datagrams: usize) {
    let limits = Limits::default();
    let mut bench = Bench::new(limits);
    let capacity = bench.gatherer.leaving.capacity();
    bench.offer(Time::ZERO, &Sent { source: 99_999_999, ..Sent::part(0, 8, true) });
    for n in 0..100_000 {
        bench.offer(Time::from_millis(u64::from(n) / 100), &sent(n));
        bench.log.clear();
        let gatherer = &bench.gatherer;
        assert!(gatherer.datagrams() <= limits.datagrams);
        assert!(gatherer.frames() <= limits.frames);
        assert!(gatherer.octets() <= limits.octets);
        assert!(gatherer.sources.len() <= gatherer.datagrams());
    }
    // One more datagram if the first, of another source, is still there.
    assert!((datagrams..=datagrams + 1).contains(&bench.gatherer.datagrams()));
    assert_eq!(bench.gatherer.leaving.capacity(), capacity);
    bench.assert_conserved();
    // A true sender gets through, however full it is.
    bench.offer(Time::from_secs(2), &Sent { source: 5, id: 0x1_0000, ..Sent::part(8, 8, false) });
    bench.log.clear();
    bench.offer(Time::from_secs(2), &Sent { source: 5, id: 0x1_0000, ..Sent::part(0, 8, true) });
    assert!(bench.told().starts_with("whole 16 "));
}

#[test]
fn a_spray_of_one_source_leaves_others_alone() {
    let mut bench = Bench::new(Limits::default());
    bench.offer(Time::ZERO, &Sent { source: 5, ..Sent::part(0, 8, true) });
    for id in 0..100_000 {
        bench.offer(Time::from_secs(1), &Sent { id, ..Sent::part(0, 8, true) });
    }
    bench.told();
    bench.offer(Time::from_secs(2), &Sent { source: 5, ..Sent::part(8, 8, false) });
    assert_eq!(bench.told(), "whole 16 0 100001");
}

#[test]
fn the_default_takes_little_memory_beside_the_frames() {
    let taken = Gatherer::<Frame>::memory(Limits::default());
    assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
    let share = Limits::default().share();
    assert_eq!((share.datagrams, share.frames, share.octets), (256, 512, 1 << 20));
    let part = Limits::default().per_shard(3);
    assert_eq!(
        (part.datagrams, part.frames, part.octets, part.fragments),
        (1366, 2731, 5_592_406, 128)
    );
}

#[test]
fn names_are_distinct_and_snake_case() {
    let names: BTreeSet<_> = FragmentFault::ALL.iter().map(|fault| fault.name()).collect();
    assert_eq!(names.len(), FragmentFault::COUNT);
    let plain = |name: &&str| {
        name.starts_with("fragment_") && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    };
    assert!(names.iter().all(plain));
}
