//! A link that loses, doubles, delays and reorders frames, joined by hand.
//!
//! The kernel's own (`tc qdisc … netem`) is not in every kernel, and its chances cannot be repeated: here they
//! follow from a seed. Both interfaces belong to hosts that do nothing with what they receive there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::host::Host;
use super::raw::RawSocket;
use super::wait::now;

/// How often an idle link looks whether it is to end.
const IDLE: Duration = Duration::from_millis(100);

/// What a link does to frames. Chances are in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Frames that do not arrive.
    pub lost: u32,
    /// Frames that arrive twice, the second time late.
    pub doubled: u32,
    /// Frames that come late.
    pub late: u32,
    /// How long every frame is on its way.
    pub delay: Duration,
    /// How much longer late ones are, at most: those behind them overtake.
    pub lateness: Duration,
}

/// How many frames were hit by each fault.
#[derive(Debug, Default)]
pub struct Damage {
    /// Lost.
    pub lost: AtomicU32,
    /// Doubled.
    pub doubled: AtomicU32,
    /// Late.
    pub late: AtomicU32,
}

/// Two interfaces joined badly, until it is dropped.
#[derive(Debug)]
pub struct BadLink {
    stop: Arc<AtomicBool>,
    damage: Arc<Damage>,
    carriers: Vec<JoinHandle<()>>,
}

impl BadLink {
    /// Carries frames both ways between interfaces that are up.
    #[must_use]
    pub fn join(a: (&Host, &str), b: (&Host, &str), faults: Faults, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let damage = Arc::new(Damage::default());
        let carriers = [(a, b), (b, a)]
            .into_iter()
            .zip(seed..)
            .map(|((from, to), seed)| {
                let sockets = [from, to].map(|(host, interface)| RawSocket::open(host, interface));
                let damage = Arc::clone(&damage);
                let on_the_way = BinaryHeap::new();
                let carrier = Carrier { faults, damage, chance: Chance(seed), on_the_way };
                let stop = Arc::clone(&stop);
                thread::spawn(move || carrier.carry(&sockets, &stop))
            })
            .collect();
        Self { stop, damage, carriers }
    }

    /// What it has done so far, both directions together.
    #[must_use]
    pub fn damage(&self) -> &Damage {
        &self.damage
    }
}

impl Drop for BadLink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for carrier in self.carriers.drain(..) {
            // Its panic was printed when it happened.
            drop(carrier.join());
        }
    }
}

/// One direction.
#[derive(Debug)]
struct Carrier {
    faults: Faults,
    damage: Arc<Damage>,
    chance: Chance,
    /// By the time of arrival; of frames with the same, the first to have left is the first to arrive.
    on_the_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
}

impl Carrier {
    fn carry(mut self, [from, to]: &[RawSocket; 2], stop: &AtomicBool) {
        let mut taken = 0;
        while !stop.load(Ordering::Relaxed) {
            let next = self.on_the_way.peek().map(|Reverse((due, ..))| *due);
            let wait = next.map_or(IDLE, |due| due.saturating_duration_since(now()));
            if let Some(frame) = from.receive(wait) {
                taken += 1;
                self.take(taken, frame);
            }
            while let Some(Reverse((due, ..))) = self.on_the_way.peek()
                && *due <= now()
                && let Some(Reverse((_, _, frame))) = self.on_the_way.pop()
            {
                to.offer(&frame);
            }
        }
    }

    fn take(&mut self, number: u64, frame: Vec<u8>) {
        let Faults { lost, doubled, late, delay, lateness } = self.faults;
        if self.hits(lost, |damage| &damage.lost) {
            return;
        }
        let due = now() + delay;
        if self.hits(doubled, |damage| &damage.doubled) {
            let second = due + self.chance.part_of(lateness);
            self.on_the_way.push(Reverse((second, number, frame.clone())));
        }
        let due = if self.hits(late, |damage| &damage.late) {
            due + self.chance.part_of(lateness)
        } else {
            due
        };
        self.on_the_way.push(Reverse((due, number, frame)));
    }

    fn hits(&mut self, chance: u32, count: impl Fn(&Damage) -> &AtomicU32) -> bool {
        let hit = self.chance.thousandths() < chance;
        count(&self.damage).fetch_add(u32::from(hit), Ordering::Relaxed);
        hit
    }
}

/// Chances from a seed (SplitMix64).
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    /// A number below 1000, each as likely.
    fn thousandths(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed >> 33) % 1000).expect("below 1000")
    }

    fn part_of(&mut self, most: Duration) -> Duration {
        most * self.thousandths() / 1000
    }
}
