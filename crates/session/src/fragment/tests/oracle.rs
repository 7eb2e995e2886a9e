//! A slow store that is right at sight, and random traffic through both.

use proptest::prelude::*;

use super::*;

/// Datagrams in order of age, each a list of what came; every question is answered by looking through all of it.
struct Slow {
    limits: Limits,
    datagrams: Vec<SlowDatagram>,
    /// What came out, as [`Bench`] logs it.
    log: String,
}

struct SlowDatagram {
    key: Key,
    deadline: Time,
    refused: Option<FragmentFault>,
    held: Vec<(Frame, Sent)>,
}

impl SlowDatagram {
    /// What each octet of the fragmentable part is, as far as it has come.
    fn octet_map(&self, also: Option<&Sent>) -> Vec<Option<u8>> {
        let mut map = vec![None; 256];
        for sent in self.held.iter().map(|(_, sent)| sent).chain(also) {
            for (place, octet) in (usize::from(sent.offset)..).zip(&sent.data) {
                assert_eq!(map[place].replace(*octet), None, "an overlap was let in");
            }
        }
        map
    }

    fn octets(&self) -> usize {
        self.held.iter().map(|(frame, _)| frame.bytes.len()).sum()
    }

    fn fault_of(&self, new: &Sent, limits: Limits) -> Option<FragmentFault> {
        if let Some(fault) = self.refused {
            return Some(fault);
        }
        let same = |(_, old): &(Frame, Sent)| {
            (old.offset, old.more, &old.data) == (new.offset, new.more, &new.data)
        };
        if self.held.iter().any(same) {
            return Some(FragmentFault::Duplicate);
        }
        let map = self.octet_map(None);
        let range = usize::from(new.offset)..end_of(new);
        if map[range].iter().any(Option::is_some) {
            return Some(FragmentFault::Overlap);
        }
        let last_ends = self.held.iter().filter(|(_, s)| !s.more).map(|(_, s)| end_of(s)).next();
        let highest = map.iter().rposition(Option::is_some).map_or(0, |place| place + 1);
        let mismatch = match last_ends {
            Some(end) => !new.more || end_of(new) > end,
            None => !new.more && highest > end_of(new),
        };
        if mismatch {
            return Some(FragmentFault::LengthMismatch);
        }
        (self.held.len() == limits.fragments).then_some(FragmentFault::TooMany)
    }

    /// The contents, if every octet up to the end of the last fragment is there.
    fn whole_with(&self, new: &Sent) -> Option<Vec<u8>> {
        let sent = self.held.iter().map(|(_, sent)| sent).chain([new]);
        let end = sent.filter(|sent| !sent.more).map(end_of).next()?;
        self.octet_map(Some(new))[..end].iter().copied().collect()
    }
}

fn end_of(sent: &Sent) -> usize {
    usize::from(sent.offset) + sent.data.len()
}

impl Slow {
    fn frames(&self) -> usize {
        self.datagrams.iter().map(|datagram| datagram.held.len()).sum()
    }

    fn octets(&self) -> usize {
        self.datagrams.iter().map(SlowDatagram::octets).sum()
    }

    fn drop_frame(&mut self, frame: &Frame, fault: FragmentFault) {
        write!(self.log, "{fault} {}, ", frame.number).unwrap();
    }

    fn drop_held(&mut self, at: usize, fault: FragmentFault) {
        for (frame, _) in std::mem::take(&mut self.datagrams[at].held) {
            self.drop_frame(&frame, fault);
        }
    }

    fn end(&mut self, at: usize, fault: FragmentFault) {
        self.drop_held(at, fault);
        self.datagrams.remove(at);
    }

    fn offer(&mut self, now: Time, frame: Frame, sent: Sent) {
        let (limits, share) = (self.limits, self.limits.share());
        let key = sent.placement().key;
        let octets = frame.bytes.len();
        if let Some(at) = self.position(&key)
            && self.datagrams[at].deadline <= now
        {
            self.end(at, FragmentFault::Timeout);
        }
        if let Some(at) = self.position(&key) {
            let datagram = &self.datagrams[at];
            let mut fault = datagram.fault_of(&sent, limits);
            if fault.is_none() {
                if let Some(data) = datagram.whole_with(&sent) {
                    return self.whole(at, frame, &data);
                }
                if datagram.held.len() + 1 > share.frames
                    || datagram.octets() + octets > share.octets
                {
                    fault = Some(FragmentFault::SourceLimit);
                }
            }
            if let Some(fault) = fault {
                if fault != FragmentFault::Duplicate {
                    self.drop_held(at, fault);
                    self.datagrams[at].refused = Some(fault);
                }
                return self.drop_frame(&frame, fault);
            }
        } else {
            let deadline = now + TIMEOUT;
            let mut fresh = SlowDatagram { key, deadline, refused: None, held: vec![] };
            if let Some(data) = fresh.whole_with(&sent) {
                write!(self.log, "whole {} {}, {data:?}", data.len(), frame.number).unwrap();
                return;
            }
            if octets > share.octets {
                return self.drop_frame(&frame, FragmentFault::SourceLimit);
            }
            self.make_room(&key, octets);
            fresh.held.push((frame, sent));
            self.datagrams.push(fresh);
            self.log += "held, ";
            return;
        }
        self.make_room(&key, octets);
        let at = self.position(&key).unwrap();
        self.datagrams[at].held.push((frame, sent));
        self.log += "held, ";
    }

    fn position(&self, key: &Key) -> Option<usize> {
        self.datagrams.iter().position(|datagram| datagram.key == *key)
    }

    fn whole(&mut self, at: usize, last: Frame, data: &[u8]) {
        write!(self.log, "whole {}", data.len()).unwrap();
        let held = self.datagrams.remove(at).held;
        for frame in held.into_iter().map(|(frame, _)| frame).chain([last]) {
            write!(self.log, " {}", frame.number).unwrap();
        }
        write!(self.log, ", {data:?}").unwrap();
    }

    fn make_room(&mut self, key: &Key, octets: usize) {
        let new = usize::from(self.position(key).is_none());
        let (limits, share) = (self.limits, self.limits.share());
        loop {
            let own = || self.datagrams.iter().filter(|d| d.key.source == key.source);
            let frames: usize = own().map(|d| d.held.len()).sum();
            let held: usize = own().map(SlowDatagram::octets).sum();
            if own().count() + new <= share.datagrams
                && frames < share.frames
                && held + octets <= share.octets
            {
                break;
            }
            let oldest = |d: &SlowDatagram| d.key.source == key.source && d.key != *key;
            let at = self.datagrams.iter().position(oldest).unwrap();
            self.end(at, FragmentFault::SourceLimit);
        }
        while self.datagrams.len() + new > limits.datagrams
            || self.frames() + 1 > limits.frames
            || self.octets() + octets > limits.octets
        {
            let at = self.datagrams.iter().position(|d| d.key != *key).unwrap();
            self.end(at, FragmentFault::Evicted);
        }
    }

    fn expire(&mut self, now: Time, budget: usize) {
        let mut spent = 0;
        while spent < budget && self.datagrams.first().is_some_and(|d| d.deadline <= now) {
            spent += self.datagrams[0].held.len().max(1);
            self.end(0, FragmentFault::Timeout);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Offer(Sent),
    Expire(usize),
}

/// Mostly blocks of datagrams of four, so that many get whole; some that contradict.
fn step(sources: u32) -> impl Strategy<Value = Step> {
    let odd = prop::bool::weighted(0.04);
    let sent = (
        any::<bool>(),
        0..sources,
        0..(12 / sources).max(1),
        0u16..4,
        1u16..=2,
        1u16..8,
        [odd, odd, odd],
    )
        .prop_map(|(v6, source, id, block, blocks, cut, [forged, too_long, not_last])| {
            let blocks = if too_long { blocks } else { blocks.min(4 - block) };
            let more = block + blocks < 4 || not_last;
            let length = if more { 8 * blocks } else { 8 * blocks - 8 + 4 };
            let mut sent = Sent { v6, source, id, ..Sent::part(8 * block, length, more) };
            if forged {
                sent.data[0] ^= 0x80;
            }
            if too_long && !more {
                sent.data.truncate(usize::from(cut));
            }
            sent
        });
    prop_oneof![12 => sent.prop_map(Step::Offer), 1 => (0usize..6).prop_map(Step::Expire)]
}

/// Few sources that meet their shares, or many that fill the store; quick, or so slow that timeouts pass.
fn traffic() -> impl Strategy<Value = Vec<(Step, u64)>> {
    (prop::sample::select(vec![3u32, 24]), prop::sample::select(vec![50u64, 1500])).prop_flat_map(
        |(sources, millis)| prop::collection::vec((step(sources), 0..millis), 1..200),
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let tight = (1usize..40, 1usize..80, 40usize..5000, 1usize..5);
    let tight = tight.prop_map(|(datagrams, frames, octets, fragments)| Limits {
        datagrams,
        frames,
        octets,
        fragments,
    });
    prop_oneof![Just(Limits::default()), tight]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Both stores say the same, word by word; every frame comes out once or is held; no limit is exceeded.
    #[test]
    fn the_store_agrees_with_a_slow_one(
        limits in limits(),
        seed: u64,
        steps in traffic(),
    ) {
        let mut slow = Slow { limits, datagrams: vec![], log: String::new() };
        let mut fast = Gatherer::new(limits, seed);
        let mut log = String::new();
        let mut now = Time::ZERO;
        let (mut offered, mut gone) = (0, 0);
        for (step, millis) in steps {
            now = now + Duration::from_millis(millis);
            let mut dropped = |frame: Frame, fault: FragmentFault| {
                gone += 1;
                write!(log, "{fault} {}, ", frame.number).unwrap();
            };
            match step {
                Step::Expire(budget) => {
                    fast.expire(now, budget, &mut dropped);
                    slow.expire(now, budget);
                }
                Step::Offer(sent) => {
                    let frame = sent.frame(offered);
                    offered += 1;
                    match fast.offer(now, TIMEOUT, &sent.placement(), frame.clone(), &mut dropped) {
                        Outcome::Held => log += "held, ",
                        Outcome::Dropped => {}
                        Outcome::Whole(whole) => {
                            let mut data = vec![0; usize::from(whole.len())];
                            prop_assert_eq!(whole.read(0, &mut data), data.len());
                            write!(log, "whole {}", whole.len()).unwrap();
                            for frame in whole.into_frames() {
                                gone += 1;
                                write!(log, " {}", frame.number).unwrap();
                            }
                            write!(log, ", {data:?}").unwrap();
                        }
                    }
                    slow.offer(now, frame, sent);
                }
            }
            prop_assert_eq!(&log, &slow.log);
            prop_assert_eq!(fast.frames(), slow.frames());
            prop_assert_eq!(fast.octets(), slow.octets());
            prop_assert_eq!(fast.datagrams(), slow.datagrams.len());
            let sources: BTreeSet<_> = slow.datagrams.iter()
                .map(|datagram| (datagram.key.source.context, datagram.key.source.address)).collect();
            prop_assert_eq!(fast.sources.len(), sources.len());
            prop_assert_eq!(offered, gone + fast.frames());
            prop_assert!(fast.frames() <= limits.frames && fast.octets() <= limits.octets);
            prop_assert!(fast.datagrams() <= limits.datagrams);
        }
    }

    /// Whatever a descriptor claims about a frame, nothing panics and no frame is lost.
    #[test]
    fn no_descriptor_breaks_it(
        claims in prop::collection::vec((any::<[u16; 4]>(), any::<bool>(), any::<bool>(), 0usize..200), 1..60),
    ) {
        let mut bench: Gatherer<Vec<u8>> = Gatherer::new(SMALL, 0);
        let (mut offered, mut gone) = (0, 0);
        for ([offset, length, l3, end], more, v6, octets) in claims {
            let mut descriptor = Sent { v6, ..Sent::part(0, 8, more) }.descriptor();
            (descriptor.l3, descriptor.end) = (l3 % 300, end % 300);
            descriptor.fragment = descriptor.fragment
                .map(|fragment| Fragment { offset, length: length % 300, ..fragment });
            let placement = Placement::of(0, &descriptor).unwrap();
            offered += 1;
            let mut dropped = |_, _| gone += 1;
            if let Outcome::Whole(whole) =
                bench.offer(Time::ZERO, TIMEOUT, &placement, vec![0; octets], &mut dropped)
            {
                gone += whole.into_frames().len();
            }
            prop_assert_eq!(offered, gone + bench.frames());
        }
    }
}
