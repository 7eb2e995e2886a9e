//! Fragments: held until their datagram is whole, so that it is judged as one.
//!
//! A [`Gatherer`] is one shard's store. Frames of a datagram come in by any order and leave together, as they were
//! received: nothing is reassembled into a new packet, the original boundaries are forwarded. What it guards against:
//!
//! 1. *Overlap*. Hosts differ in which of two overlapping fragments they believe, so no inspection can be right for
//!    all. The whole datagram is dropped, whatever else of it comes until its timeout too (RFC 5722, RFC 8200 §4.5; held
//!    for IPv4 as well). Only an exact duplicate is dropped alone.
//! 2. *Tiny first fragments* (RFC 1858, RFC 3128). Nothing is judged before the whole transport header is there.
//! 3. *Exhaustion*. Memory is taken once, when the store is made. When it is full the oldest datagram goes. No source
//!    holds more than a sixteenth; past that its own oldest datagram goes. So whoever forges a source must send a
//!    whole share within the time between two fragments of a true datagram to disturb it, and refusing the newest
//!    instead would let a share of forged ones block that source for a timeout.
//! 4. *Waiting*. The timeout counts from the fragment that arrived first, and nothing extends it.
//!
//! A datagram is forgotten as soon as it is whole. A duplicate that comes later begins an incomplete datagram, which
//! times out. Atomic fragments (RFC 6946) are whole by themselves and need not come here.
//!
//! Not here: reading headers (`wire`), whose datagram it is to judge (the engine), ICMP time exceeded for what timed out
//! (never sent: the box is no endpoint).

mod gathering;
mod limits;
mod order;
mod placement;
mod slots;
#[cfg(test)]
mod tests;
mod whole;

use core::time::Duration;

use self::gathering::{Clash, Gathering, Held};
use self::order::{Line, Links, Order};
use self::placement::{Key, SourceKey};
use self::slots::{Handle, Pool, Table};
use crate::Time;

pub use self::limits::Limits;
pub use self::placement::{Piece, Placement};
pub use self::whole::Whole;

wire::named! {
    /// Why a fragment is dropped before its datagram was judged.
    pub enum FragmentFault {
        /// Fragments of the datagram overlap, or two at the same place differ: all of it is dropped (RFC 5722).
        Overlap = "fragment_overlap",
        /// The fragment is an exact duplicate of one that is held: it alone is dropped.
        Duplicate = "fragment_duplicate",
        /// The datagram was not whole within the fragment timeout.
        Timeout = "fragment_timeout",
        /// The store of fragments was full, and the datagram was its oldest.
        Evicted = "fragment_evicted",
        /// The source held its whole share of the store, and the datagram was its oldest, or alone exceeds the share.
        SourceLimit = "fragment_source_limit",
        /// The datagram has more fragments than one may have: all of it is dropped.
        TooMany = "fragment_too_many",
        /// The datagram has two different last fragments, or data beyond its last: all of it is dropped.
        LengthMismatch = "fragment_length_mismatch",
        /// The fragment has no data, no multiple of 8 octets though more follow, or an end beyond 65,535 octets.
        Malformed = "fragment_malformed",
    }
}

/// What became of an offered fragment.
#[derive(Debug)]
#[must_use]
pub enum Outcome<'a, F> {
    /// It is held: its datagram is not whole.
    Held,
    /// It completed its datagram: here are all its frames.
    Whole(Whole<'a, F>),
    /// It was dropped, and has been passed on with its fault.
    Dropped,
}

/// One shard's fragments of datagrams that are not whole.
///
/// `F` is an owned frame. Each that is offered comes out exactly once: in a [`Whole`], or passed to the
/// `dropped` argument of [`Self::offer`] or [`Self::expire`]. In between it counts in [`Self::frames`].
#[derive(Debug)]
pub struct Gatherer<F> {
    limits: Limits,
    share: Limits,
    datagrams: Table<Key, Datagram>,
    /// Those that have a datagram here.
    sources: Table<SourceKey, Source>,
    pieces: Pool<Held<F>>,
    octets: usize,
    ages: Order,
    /// The frames of the datagram that became whole, for as long as a [`Whole`] borrows them.
    leaving: Vec<Piece<F>>,
}

/// A datagram of which something has come.
#[derive(Debug)]
struct Datagram {
    state: State,
    deadline: Time,
    source: Handle,
    links: [Links; 2],
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Some of it is held.
    Gathering(Gathering),
    /// Its fragments contradicted each other or were too many: what else comes of it is dropped too.
    Refused(FragmentFault),
}

/// What one source holds: at least one datagram.
#[derive(Debug)]
struct Source {
    datagrams: usize,
    frames: usize,
    octets: usize,
    ages: Order,
}

/// What became of a piece, before anything is borrowed.
enum Fate<F> {
    Held,
    Whole { length: u16 },
    Dropped(F, FragmentFault),
}

impl<F: AsRef<[u8]>> Gatherer<F> {
    /// An empty store that takes all its memory here. `seed` is secret, so that nobody can aim at its hash table; what
    /// comes out does not depend on it.
    pub fn new(limits: Limits, seed: u64) -> Self {
        let limits = limits.at_least_one();
        Self {
            limits,
            share: limits.share(),
            datagrams: Table::new(limits.datagrams, seed),
            sources: Table::new(limits.datagrams, seed),
            pieces: Pool::new(limits.frames),
            octets: 0,
            ages: Order::new(Line::All),
            leaving: Vec::with_capacity(limits.fragments),
        }
    }

    /// The memory that a store with these limits takes beside the frames that it holds, in octets.
    pub fn memory(limits: Limits) -> usize {
        let Limits { datagrams, frames, octets: _, fragments } = limits.at_least_one();
        [
            Table::<Key, Datagram>::memory(datagrams),
            Table::<SourceKey, Source>::memory(datagrams),
            frames.saturating_mul(Pool::<Held<F>>::SLOT),
            fragments.saturating_mul(size_of::<Piece<F>>()),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// How many frames are held.
    pub const fn frames(&self) -> usize {
        self.pieces.len()
    }

    /// How many octets the held frames have.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// How many datagrams are known: incomplete ones, and those refused until their timeout.
    pub const fn datagrams(&self) -> usize {
        self.datagrams.len()
    }

    /// When [`Self::expire`] has something to do next, if nothing else comes.
    pub fn next_deadline(&self) -> Option<Time> {
        self.ages.oldest().map(|oldest| self.datagrams[oldest].deadline)
    }

    /// Takes one fragment. If it is the first to come of its datagram, that has to be whole within `timeout`.
    ///
    /// `dropped` gets each frame that is dropped, with its fault: this one, others of its datagram, or those of a
    /// datagram that makes room.
    pub fn offer(
        &mut self,
        now: Time,
        timeout: Duration,
        placement: &Placement,
        frame: F,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) -> Outcome<'_, F> {
        let fate = match placement.piece(frame) {
            Err(frame) => Fate::Dropped(frame, FragmentFault::Malformed),
            Ok(piece) => match self.find(now, &placement.key, dropped) {
                Some(datagram) => self.extend(datagram, &placement.key, piece, dropped),
                None => self.begin(now + timeout, placement.key, piece, dropped),
            },
        };
        match fate {
            Fate::Held => Outcome::Held,
            Fate::Whole { length } => Outcome::Whole(Whole::new(length, self.leaving.drain(..))),
            Fate::Dropped(frame, fault) => {
                dropped(frame, fault);
                Outcome::Dropped
            }
        }
    }

    /// Ends datagrams whose timeout is over, the oldest first, until `budget` frames have gone (a datagram without
    /// frames counts as one; the last datagram goes whole). Returns how many that were: less than `budget` means that
    /// none is left. A datagram begun under a longer timeout keeps those begun after it waiting.
    pub fn expire(
        &mut self,
        now: Time,
        budget: usize,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) -> usize {
        let mut spent = 0;
        while spent < budget
            && let Some(oldest) = self.ages.oldest()
            && self.datagrams[oldest].deadline <= now
        {
            let before = self.frames();
            self.end(oldest, FragmentFault::Timeout, dropped);
            spent += (before - self.frames()).max(1);
        }
        spent
    }

    /// The datagram of that key. One whose timeout is over is ended and not found, whether or not
    /// [`Self::expire`] came to it.
    fn find(
        &mut self,
        now: Time,
        key: &Key,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) -> Option<Handle> {
        let found = self.datagrams.find(key)?;
        if self.datagrams[found].deadline > now {
            return Some(found);
        }
        self.end(found, FragmentFault::Timeout, dropped);
        None
    }

    /// The first piece to come of its datagram.
    fn begin(
        &mut self,
        deadline: Time,
        key: Key,
        piece: Piece<F>,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) -> Fate<F> {
        if piece.offset == 0 && !piece.more {
            let length = piece.len();
            self.leaving.push(piece);
            return Fate::Whole { length };
        }
        let octets = piece.octets();
        if octets > self.share.octets {
            return Fate::Dropped(piece.frame, FragmentFault::SourceLimit);
        }
        self.make_room(&key.source, None, octets, dropped);

        let source = self.sources.find(&key.source).unwrap_or_else(|| {
            let ages = Order::new(Line::Source);
            self.sources.insert(key.source, Source { datagrams: 0, frames: 0, octets: 0, ages })
        });
        let state = State::Gathering(Gathering::begin(piece, &mut self.pieces));
        let links = [Links::default(); 2];
        let datagram = self.datagrams.insert(key, Datagram { state, deadline, source, links });
        self.ages.push(datagram, &mut self.datagrams);
        let source = &mut self.sources[source];
        source.ages.push(datagram, &mut self.datagrams);
        source.datagrams += 1;
        source.frames += 1;
        source.octets += octets;
        self.octets += octets;
        Fate::Held
    }

    /// A further piece of a datagram.
    fn extend(
        &mut self,
        datagram: Handle,
        key: &Key,
        piece: Piece<F>,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) -> Fate<F> {
        let Datagram { state, source, .. } = &self.datagrams[datagram];
        let source = *source;
        let mut gathering = match state {
            State::Gathering(gathering) => *gathering,
            State::Refused(fault) => return Fate::Dropped(piece.frame, *fault),
        };
        let octets = piece.octets();
        let checked = match gathering.gap_for(&piece, &self.pieces) {
            Err(Clash::Duplicate) => {
                return Fate::Dropped(piece.frame, FragmentFault::Duplicate);
            }
            Err(Clash::Datagram(fault)) => Err(fault),
            Ok(_) if gathering.frames >= self.limits.fragments => Err(FragmentFault::TooMany),
            Ok(gap) => Ok(gap),
        };
        let gap = match checked {
            Ok(gap) => gap,
            Err(fault) => return self.refuse(datagram, fault, piece, dropped),
        };
        if let Some(length) = gathering.completed_by(&piece) {
            self.release(datagram, piece);
            return Fate::Whole { length };
        }
        if gathering.frames >= self.share.frames
            || gathering.octets.saturating_add(octets) > self.share.octets
        {
            return self.refuse(datagram, FragmentFault::SourceLimit, piece, dropped);
        }
        self.make_room(&key.source, Some(datagram), octets, dropped);

        gathering.add(gap, piece, &mut self.pieces);
        self.datagrams[datagram].state = State::Gathering(gathering);
        let source = &mut self.sources[source];
        source.frames += 1;
        source.octets += octets;
        self.octets += octets;
        Fate::Held
    }

    /// Ends the oldest datagrams until one more frame of that source fits, and one more datagram unless it is for
    /// `kept`, which is spared. What `kept` would then hold is within a source's share, so there is an end.
    fn make_room(
        &mut self,
        source: &SourceKey,
        kept: Option<Handle>,
        octets: usize,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) {
        let more = usize::from(kept.is_none());
        while let Some(handle) = self.sources.find(source) {
            let Source { datagrams, frames, octets: held, ages } = &self.sources[handle];
            let share = &self.share;
            if datagrams + more <= share.datagrams
                && *frames < share.frames
                && held.saturating_add(octets) <= share.octets
            {
                break;
            }
            let Some(oldest) = ages.oldest_but(kept, &self.datagrams) else { break };
            self.end(oldest, FragmentFault::SourceLimit, dropped);
        }
        while self.datagrams.len() + more > self.limits.datagrams
            || self.frames() >= self.limits.frames
            || self.octets.saturating_add(octets) > self.limits.octets
        {
            let Some(oldest) = self.ages.oldest_but(kept, &self.datagrams) else { break };
            self.end(oldest, FragmentFault::Evicted, dropped);
        }
    }

    /// Drops all that is held of a datagram and the new piece, and remembers until its timeout that the rest is
    /// to be dropped too.
    fn refuse(
        &mut self,
        datagram: Handle,
        fault: FragmentFault,
        piece: Piece<F>,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) -> Fate<F> {
        self.take_pieces(datagram, |_, held| dropped(held.frame, fault));
        self.datagrams[datagram].state = State::Refused(fault);
        Fate::Dropped(piece.frame, fault)
    }

    /// Forgets a datagram and drops what is held of it.
    fn end(
        &mut self,
        datagram: Handle,
        fault: FragmentFault,
        dropped: &mut impl FnMut(F, FragmentFault),
    ) {
        self.take_pieces(datagram, |_, held| dropped(held.frame, fault));
        self.forget(datagram);
    }

    /// Forgets a datagram that is whole; its frames leave, `last` at the end.
    fn release(&mut self, datagram: Handle, last: Piece<F>) {
        self.take_pieces(datagram, Vec::push);
        self.leaving.push(last);
        self.forget(datagram);
    }

    /// Passes what is held of a datagram to `take`, in order of arrival, beside the list of what leaves.
    fn take_pieces(
        &mut self,
        datagram: Handle,
        mut take: impl FnMut(&mut Vec<Piece<F>>, Piece<F>),
    ) {
        let Datagram { state, source, .. } = &self.datagrams[datagram];
        let gathering = match state {
            State::Gathering(gathering) => gathering,
            State::Refused(_) => return,
        };
        let source = &mut self.sources[*source];
        source.frames -= gathering.frames;
        source.octets -= gathering.octets;
        self.octets -= gathering.octets;
        let mut cursor = Some(gathering.first_arrived);
        while let Some(handle) = cursor {
            let Held { piece, next_arrived, .. } = self.pieces.remove(handle);
            take(&mut self.leaving, piece);
            cursor = next_arrived;
        }
    }

    /// Takes a datagram without pieces out of the store, and its source with its last datagram.
    fn forget(&mut self, datagram: Handle) {
        self.ages.unlink(datagram, &mut self.datagrams);
        let handle = self.datagrams[datagram].source;
        let source = &mut self.sources[handle];
        source.ages.unlink(datagram, &mut self.datagrams);
        source.datagrams -= 1;
        if source.datagrams == 0 {
            self.sources.remove(handle);
        }
        self.datagrams.remove(datagram);
    }
}
