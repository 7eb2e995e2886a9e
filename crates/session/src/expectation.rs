//! Connections that gateways expect: one fixed table that all workers share.
//!
//! ```text
//!   worker 0 ── publishes in ─► region 0   buckets of 8 places ◄── looked at by every worker,
//!   worker 1 ── publishes in ─► region 1   buckets of 8 places     in two buckets a region
//! ```
//!
//! An expectation is *published* by the worker that owns the announcing session, before it sends the
//! announcing packet; *claimed* by the first packet that fits, at whichever worker owns that packet, or, if it is a
//! *standing* one, shared by all that fit; or *retired* by its publisher. [`Publisher`] is the one writer of a region and keeps its books, `Place` is
//! what one writer and many claimers share. A packet that finds no session costs one load while nothing is
//! expected, and while something is two buckets a worker: of those who wait for its source, and for any source.
//!
//! Not here: what may be announced (`alg`), and what a claim leads to (`engine`).
//!
//! Invariants: no lock and no unsafe code; an expectation that does not stand is claimed at most once; one that was published
//! before its packet left is seen by whoever receives an answer to that packet, since the answer cannot
//! come before the packet has left and the device was told of the packet after the store.

mod holders;
#[cfg(all(test, not(loom)))]
mod model;
mod packed;
mod place;
mod publisher;
#[cfg(all(test, not(loom)))]
mod stress;
#[cfg(all(test, not(loom)))]
mod tests;
mod tie;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(all(test, loom)))]
use core::sync::atomic::{AtomicU32, Ordering};

use crate::key::{Context, HashSeed, Key, Side};
use crate::time::Time;

use self::packed::{WORDS, pack, unpack};
use self::place::{Mark, Place};
use self::tie::Tie;

pub use publisher::{Ended, Publisher, Ticket};
pub use tie::Held;

/// Places of one bucket.
const WAYS: usize = 8;

/// One connection that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The domain and the VLANs that it comes in.
    pub context: Context,
    /// IP protocol number.
    pub protocol: u8,
    /// The host that opens it; the unspecified address: any.
    pub source: IpAddr,
    /// The port that it comes from; `None`: any.
    pub source_port: Option<u16>,
    /// The host that it goes to.
    pub destination: IpAddr,
    /// The port that it goes to; 0 for a protocol without ports.
    pub destination_port: u16,
    /// From then on it is not expected any more.
    pub deadline: Time,
    /// The port of the box by which it must come in.
    pub in_port: u8,
    /// Opaque: the gateway that announced it, below [`Publisher::GATEWAYS`].
    pub gateway: u8,
    /// Opaque: how what it opens is read, if it is. Any number but the greatest.
    pub reads: Option<u8>,
    /// Whether it stays for all that fit until its deadline; if not, the first takes it.
    pub standing: bool,
    /// The session that announced it.
    pub parent: Parent,
}

/// A session that announces connections, and all that is needed to judge again what it opened: the tuple that the policy
/// allows, so that nobody has to ask its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The worker that owns it.
    pub worker: u16,
    /// Its slot there.
    pub slot: u32,
    /// When it was opened, to the millisecond: with worker and slot this names it.
    pub created: Time,
    /// Where its children are counted.
    pub life: Life,
    /// The key of the session that the policy allows: its own or, if it was announced itself, that of the first in the
    /// line that was not.
    pub key: Key,
    /// The side that opened that one.
    pub initiator: Side,
    /// The port of the box by which that one's initiator's packets come.
    pub in_port: u8,
}

/// Names one session among those of its worker that are held by their children ([`Publisher::begin_life`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    place: u32,
    number: u32,
}

impl Life {
    /// Of a session whose children are not counted.
    pub const NONE: Self = Self { place: u32::MAX, number: 0 };
}

/// A packet that may be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Its domain and VLANs.
    pub context: Context,
    /// IP protocol number.
    pub protocol: u8,
    /// Where it comes from; port 0 for a protocol without ports.
    pub source: (IpAddr, u16),
    /// Where it goes to.
    pub destination: (IpAddr, u16),
}

/// An expectation that was found, to be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    region: usize,
    place: usize,
    mark: Mark,
    standing: bool,
}

impl Found {
    /// Whether it stands, for more than one to come by it.
    #[must_use]
    pub const fn is_standing(&self) -> bool {
        self.standing
    }
}

/// What was expected of the world by all workers together.
#[derive(Debug)]
pub struct Expectations {
    regions: Box<[Region]>,
    alive: Alive,
    seed: HashSeed,
}

/// What one worker writes, but for claims and children.
#[derive(Debug)]
struct Region {
    places: Box<[Place<WORDS>]>,
    /// One for each session that may be held by its children: as many as there are places.
    ties: Box<[Tie]>,
}

/// How many places are alive, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Alive(AtomicU32);

impl Expectations {
    /// A table for so many workers, with room for about `capacity` expectations in all. `seed` is the secret
    /// of its hash.
    #[must_use]
    pub fn new(workers: u16, capacity: usize, seed: u64) -> Self {
        let buckets = capacity.div_ceil(usize::from(workers.max(1)) * WAYS).max(1);
        let region = |_| Region {
            places: (0..buckets * WAYS).map(|_| Place::default()).collect(),
            ties: (0..buckets * WAYS).map(|_| Tie::default()).collect(),
        };
        Self {
            regions: (0..workers).map(region).collect(),
            alive: Alive::default(),
            seed: HashSeed::new(seed),
        }
    }

    /// Octets that a table of this capacity takes, with the books of its publishers.
    #[must_use]
    pub const fn memory(capacity: usize) -> usize {
        capacity * (size_of::<Place<WORDS>>() + size_of::<Tie>() + Publisher::BOOK)
    }

    /// How many expectations are alive, those that are over but not yet freed included.
    #[inline]
    pub fn alive(&self) -> u32 {
        self.alive.0.load(Ordering::Acquire)
    }

    /// The expectation that a packet fulfils and that `accept` takes, if there is one: the last that it was asked about.
    /// Nothing is changed.
    pub fn find(
        &self,
        newcomer: &Newcomer,
        now: Time,
        mut accept: impl FnMut(&Expectation) -> bool,
    ) -> Option<(Found, Expectation)> {
        if self.alive() == 0 {
            return None;
        }
        let Newcomer { context, protocol, source, destination } = *newcomer;
        let of = |host| (host, self.hash(context, protocol, host, destination));
        let anyone = match source.0 {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        for (host, hash) in [of(source.0), of(anyone)] {
            for (number, region) in self.regions.iter().enumerate() {
                for place in bucket(region.places.len(), hash) {
                    let Some((mark, words)) = region.places[place].read(hash) else { continue };
                    let expectation = unpack(&words);
                    let fits = expectation.context == context
                        && expectation.protocol == protocol
                        && expectation.source == host
                        && expectation.source_port.is_none_or(|port| port == source.1)
                        && (expectation.destination, expectation.destination_port) == destination
                        && now < expectation.deadline
                        && self.lives(&expectation.parent);
                    if fits && accept(&expectation) {
                        let standing = expectation.standing;
                        return Some((
                            Found { region: number, place, mark, standing },
                            expectation,
                        ));
                    }
                }
            }
        }
        None
    }

    /// Takes an expectation that was found, or a share in it if it stands. False: another was faster, or it was retired.
    #[must_use]
    pub fn claim(&self, found: Found) -> bool {
        let Found { region, place, mark, standing } = found;
        let place = &self.regions[region].places[place];
        if standing {
            return place.share(mark);
        }
        let claimed = place.claim(mark);
        if claimed {
            self.one_less();
        }
        claimed
    }

    /// A session has come by what `parent` announced: from now on the parent is held, until it leaves. False: the parent
    /// has ended, or its children are not counted.
    #[must_use]
    pub fn join(&self, parent: &Parent) -> bool {
        self.tie(parent).is_some_and(|tie| tie.join(parent.life.number))
    }

    /// A session that has joined its parent ends, or has ended at that time.
    pub fn leave(&self, parent: &Parent, at: Time) {
        if let Some(tie) = self.tie(parent) {
            tie.leave(parent.life.number, at);
        }
    }

    /// Whether a session that announces has not ended. What it has announced is not retired in the same instant.
    fn lives(&self, parent: &Parent) -> bool {
        self.tie(parent).is_none_or(|tie| tie.lives(parent.life.number))
    }

    fn tie(&self, parent: &Parent) -> Option<&Tie> {
        self.regions.get(usize::from(parent.worker))?.ties.get(parent.life.place as usize)
    }

    /// Counted before the place is alive, so that nobody who sees it alive sees none counted.
    fn one_more(&self) {
        self.alive.0.fetch_add(1, Ordering::AcqRel);
    }

    /// Whoever ends an expectation, by claiming or retiring it, counts it out.
    fn one_less(&self) {
        self.alive.0.fetch_sub(1, Ordering::AcqRel);
    }

    fn hash(
        &self,
        context: Context,
        protocol: u8,
        source: IpAddr,
        destination: (IpAddr, u16),
    ) -> u64 {
        Key::new(context, protocol, (source, 0), destination).0.hash(&self.seed)
    }
}

/// The places of a hash's bucket in a region of so many.
fn bucket(places: usize, hash: u64) -> core::ops::Range<usize> {
    let buckets = places / WAYS;
    let number = usize::try_from(((hash >> 32) * buckets as u64) >> 32).unwrap_or(0);
    number * WAYS..(number * WAYS + WAYS).min(places)
}
