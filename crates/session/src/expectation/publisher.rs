//! The one writer of a region, and the books that it keeps of what it has published.

use core::cmp::Reverse;
use core::net::IpAddr;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::key::{Context, counted_as};
use crate::time::Time;

use super::holders::Holders;
use super::place::Mark;
use super::{Expectation, Expectations, Held, Life, Parent, bucket, pack, unpack};

wire::named! {
    /// How an expectation ends that nobody claims.
    pub enum Ended {
        /// Its time is over.
        Expired = "expired",
        /// It made room for a later one.
        Evicted = "evicted",
        /// The session that announced it has ended.
        ParentEnded = "parent_ended",
        /// The same session announced the same again.
        Replaced = "replaced",
        /// The policy does not have that session read any more.
        PolicyChanged = "policy_changed",
        /// The session took it back: the call ended, say, or was refused.
        Withdrawn = "withdrawn",
    }
}

/// Names one expectation to its publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    group: u32,
    mark: Mark,
}

impl Ticket {
    /// What is taken back together with it; 0: it is never taken back.
    #[must_use]
    pub const fn group(self) -> u32 {
        self.group
    }
}

/// No place: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// Of what is never taken back.
const NO_GROUP: u32 = 0;

/// Places that one step of the timers looks at.
const STEP: usize = 32;

/// Of many that end together, so many end at once, in some microseconds; the steps of the timers end the others.
const AT_ONCE: usize = 256;

/// Of those, how many one step ends.
const OF_DOOMED: usize = 64;

/// How long a place that was claimed may wait to be freed, in nanoseconds: a second.
const PATIENCE: u64 = 1_000_000_000;

/// What is remembered of a place that was published in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Book {
    pub(super) mark: Option<Mark>,
    deadline: Time,
    pub(super) gateway: u8,
    standing: bool,
    /// Whether it may be taken back.
    grouped: bool,
    /// Counts publications: the lower is the older.
    sequence: u64,
    /// Among the [`Holders`].
    pub(super) holder: u32,
    /// Neighbours among those of the holder, from older to newer.
    older: u32,
    newer: u32,
}

/// Publishes in one worker's region.
#[derive(Debug)]
pub struct Publisher {
    table: Arc<Expectations>,
    region: usize,
    pub(super) books: Box<[Book]>,
    /// By gateway.
    pub(super) counts: [u32; Self::GATEWAYS],
    pub(super) holders: Holders,
    sequence: u64,
    pub(super) booked: u32,
    /// When the next round over all places begins; while one is under way, the earliest deadline seen.
    due: Time,
    /// The next place of a round; none is under way at the end.
    at: usize,
    /// Ties that count no living session's children.
    pub(super) free: Vec<u32>,
    /// What the next steps end. No more than there are places, and what is over by itself meanwhile stays in it.
    doomed: VecDeque<(Ticket, Ended)>,
}

impl Publisher {
    /// How many gateways may be told apart.
    pub const GATEWAYS: usize = 16;
    /// Octets of books for each place.
    pub(super) const BOOK: usize =
        size_of::<Book>() + size_of::<u32>() + Holders::EACH + size_of::<(Ticket, Ended)>();

    /// The writer of a worker's region. There must be one at most.
    ///
    /// # Panics
    /// If the table has no region for that worker.
    #[must_use]
    pub fn new(table: Arc<Expectations>, worker: u16) -> Self {
        let region = usize::from(worker);
        let places = table.regions[region].places.len();
        let ties = u32::try_from(table.regions[region].ties.len()).unwrap_or(u32::MAX);
        let book = Book {
            mark: None,
            deadline: Time::ZERO,
            gateway: 0,
            standing: false,
            grouped: false,
            sequence: 0,
            holder: NONE,
            older: NONE,
            newer: NONE,
        };
        Self {
            table,
            region,
            books: vec![book; places].into_boxed_slice(),
            counts: [0; Self::GATEWAYS],
            holders: Holders::new(places, Self::GATEWAYS),
            sequence: 0,
            booked: 0,
            due: Time::ZERO,
            at: places,
            free: (0..ties).rev().collect(),
            doomed: VecDeque::with_capacity(places),
        }
    }

    /// The table that it publishes in.
    #[must_use]
    pub fn table(&self) -> &Expectations {
        &self.table
    }

    /// How many places the region has.
    #[must_use]
    pub fn places(&self) -> usize {
        self.books.len()
    }

    /// How many places are not free, how many sessions' children are counted, and what is still to be ended, together.
    #[must_use]
    pub fn kept(&self) -> usize {
        let ties = self.table.regions[self.region].ties.len();
        self.booked as usize + (ties - self.free.len()) + self.doomed.len()
    }

    /// Publishes an expectation, in the place of one that is the same but for its deadline: the later of the two holds,
    /// and what was of no group stays so. If there are `most` of its
    /// gateway already, the oldest gives way of a source that has most of them, or more than half of what that one has;
    /// if its bucket is full, one there of whose source there are most. `ended` is told, by gateway. Sources are those of
    /// the sessions that the policy allows ([`Parent::key`](super::Parent::key)), as [`counted_as`] has them. `group` is
    /// what [`Ticket::group`] says then.
    pub fn publish(
        &mut self,
        now: Time,
        expectation: &Expectation,
        group: u32,
        most: u32,
        ended: &mut impl FnMut(u8, Ended),
    ) -> Ticket {
        let Expectation { context, protocol, source, destination, destination_port, .. } =
            *expectation;
        let hash = self.table.hash(context, protocol, source, (destination, destination_port));
        let (mut expectation, mut group) = (*expectation, group);
        if let Some(same) = self.same(hash, &expectation) {
            let before = self.books[same as usize];
            expectation.deadline = expectation.deadline.max(before.deadline);
            if !before.grouped {
                group = NO_GROUP;
            }
            self.end(same, Ended::Replaced, ended);
        }
        let expectation = &expectation;
        if self.counts[of_gateway(expectation.gateway)] >= most.max(1) {
            self.make_room(now, expectation, ended);
        }
        let place = self.room(now, hash, ended);
        self.table.one_more();
        let mark = self.table.regions[self.region].places[place as usize]
            .publish(&pack(expectation, hash));
        self.enter(now, place, mark, expectation, group != NO_GROUP);
        Ticket { place, group, mark }
    }

    /// Ends one of the gateway that has as many as it may have.
    fn make_room(&mut self, now: Time, for_whom: &Expectation, ended: &mut impl FnMut(u8, Ended)) {
        let (hash, gateway, source) = self.holder(for_whom);
        let newcomer = self.holders.find(hash, gateway, source);
        if let Some(holder) = self.holders.gives_way(gateway, newcomer) {
            let oldest = self.holders.order(holder).oldest;
            self.end(oldest, self.why_over(now, oldest), ended);
        }
    }

    /// On whose account an expectation is, with the hash of that.
    fn holder(&self, expectation: &Expectation) -> (u64, u8, IpAddr) {
        let Parent { key, initiator, .. } = &expectation.parent;
        let source = counted_as(key.endpoint(*initiator).0);
        let gateway = expectation.gateway;
        let hash = self.table.hash(Context::default(), gateway, source, (source, 0));
        (hash, gateway, source)
    }

    /// The place of an expectation that is the same, but for its deadline.
    fn same(&self, hash: u64, expectation: &Expectation) -> Option<u32> {
        let places = &self.table.regions[self.region].places;
        let place = bucket(places.len(), hash).find(|place| {
            let Some(mark) = self.books[*place].mark else { return false };
            places[*place].content(mark).is_some_and(|words| {
                let known = unpack(&words);
                Expectation { deadline: expectation.deadline, ..known } == *expectation
            })
        })?;
        u32::try_from(place).ok()
    }

    /// Whether an expectation can still be claimed, its deadline apart.
    #[must_use]
    pub fn is_alive(&self, ticket: Ticket) -> bool {
        self.table.regions[self.region].places[ticket.place as usize].is_alive(ticket.mark)
    }

    /// Whether nothing has ended an expectation that stands, and its deadline is not over.
    #[must_use]
    pub fn stands(&self, ticket: Ticket, now: Time) -> bool {
        self.book(ticket).is_some_and(|book| book.standing && now < book.deadline)
    }

    fn book(&self, ticket: Ticket) -> Option<&Book> {
        self.books.get(ticket.place as usize).filter(|book| book.mark == Some(ticket.mark))
    }

    /// Begins to count the children of a session. [`Life::NONE`]: there are as many that are counted as there may be.
    pub fn begin_life(&mut self) -> Life {
        let Some(place) = self.free.pop() else { return Life::NONE };
        let number = self.table.regions[self.region].ties[place as usize].number();
        Life { place, number }
    }

    /// The session has ended: nobody joins it any more, and its children do not matter. It must not be told twice.
    pub fn end_life(&mut self, life: Life) {
        if life != Life::NONE {
            self.table.regions[self.region].ties[life.place as usize].end();
            self.free.push(life.place);
        }
    }

    /// Whether children of a session live, or have lived.
    #[must_use]
    pub fn held(&self, life: Life) -> Held {
        let tie = self.table.regions[self.region].ties.get(life.place as usize);
        tie.map_or(Held { now: false, ever: false, left: Time::ZERO }, |tie| tie.held(life.number))
    }

    /// Ends an expectation, if nothing has ended it yet.
    pub fn retire(&mut self, ticket: Ticket, why: Ended, ended: &mut impl FnMut(u8, Ended)) {
        if self.books[ticket.place as usize].mark == Some(ticket.mark) {
            self.end(ticket.place, why, ended);
        }
    }

    /// Ends as many as there are, a bounded number at once and the others in the next [`Self::step`]s. Until then they can
    /// be claimed, but for those of a life that has ended, which nobody can join.
    pub fn retire_all(
        &mut self,
        tickets: impl IntoIterator<Item = Ticket>,
        why: Ended,
        ended: &mut impl FnMut(u8, Ended),
    ) {
        let mut left = AT_ONCE;
        for ticket in tickets {
            if self.book(ticket).is_none() {
                continue;
            }
            if left == 0 && self.doomed.len() < self.books.len() {
                self.doomed.push_back((ticket, why));
            } else {
                left = left.saturating_sub(1);
                self.retire(ticket, why, ended);
            }
        }
    }

    /// A bounded step of what frees what is over. Returns whether more is due at once.
    pub fn step(&mut self, now: Time, ended: &mut impl FnMut(u8, Ended)) -> bool {
        for _ in 0..OF_DOOMED {
            let Some((ticket, why)) = self.doomed.pop_front() else { break };
            self.retire(ticket, why, ended);
        }
        let goes_on = self.search(now, ended);
        goes_on || !self.doomed.is_empty()
    }

    /// A bounded step of the round over all places. Returns whether the round goes on.
    fn search(&mut self, now: Time, ended: &mut impl FnMut(u8, Ended)) -> bool {
        if self.at == self.books.len() {
            if self.booked == 0 || now < self.due {
                return false;
            }
            self.at = 0;
            self.due = Time::from_nanos(now.as_nanos().saturating_add(PATIENCE));
        }
        let end = (self.at + STEP).min(self.books.len());
        for place in self.at..end {
            let Book { mark: Some(mark), deadline, .. } = self.books[place] else { continue };
            let alive = self.table.regions[self.region].places[place].is_alive(mark);
            if !alive || deadline <= now {
                self.end(u32::try_from(place).unwrap_or(NONE), Ended::Expired, ended);
            } else {
                self.due = self.due.min(deadline);
            }
        }
        self.at = end;
        self.at < self.books.len()
    }

    /// A place of the hash's bucket that nothing stands in any more.
    fn room(&mut self, now: Time, hash: u64, ended: &mut impl FnMut(u8, Ended)) -> u32 {
        let region = &self.table.regions[self.region].places;
        let of_bucket = |place: usize| {
            let Book { mark, deadline, sequence, holder, .. } = self.books[place];
            // Whatever is over goes before what is not; of that, the oldest of whoever has most.
            match mark {
                None => (0, Reverse(0), 0),
                Some(mark) if !region[place].is_alive(mark) => (1, Reverse(0), 0),
                Some(_) if deadline <= now => (2, Reverse(0), 0),
                Some(_) => (3, Reverse(self.holders.count(holder)), sequence),
            }
        };
        let place = bucket(self.books.len(), hash).min_by_key(|place| of_bucket(*place));
        let place = place.unwrap_or(0);
        let place = u32::try_from(place).unwrap_or(0);
        self.end(place, self.why_over(now, place), ended);
        place
    }

    /// By what an expectation ends whose place is needed.
    fn why_over(&self, now: Time, place: u32) -> Ended {
        if self.books[place as usize].deadline <= now { Ended::Expired } else { Ended::Evicted }
    }

    fn enter(&mut self, now: Time, place: u32, mark: Mark, of: &Expectation, grouped: bool) {
        self.sequence += 1;
        let (hash, gateway, source) = self.holder(of);
        let holder = self.holders.take(hash, gateway, source);
        let order = self.holders.order(holder);
        let before = core::mem::replace(&mut order.newest, place);
        if before == NONE {
            order.oldest = place;
        }
        self.books[place as usize] = Book {
            mark: Some(mark),
            deadline: of.deadline,
            gateway: of.gateway,
            standing: of.standing,
            grouped,
            sequence: self.sequence,
            holder,
            older: before,
            newer: NONE,
        };
        if let Some(book) = self.books.get_mut(before as usize) {
            book.newer = place;
        }
        self.counts[of_gateway(of.gateway)] += 1;
        self.booked += 1;
        let patience = Time::from_nanos(now.as_nanos().saturating_add(PATIENCE));
        // A round that is over has left nothing earlier than `due`, unless nothing was booked.
        if self.booked == 1 {
            self.due = of.deadline.min(patience);
        } else {
            self.due = self.due.min(of.deadline);
        }
    }

    /// Frees a place. If its expectation was still alive, it ends by this.
    fn end(&mut self, place: u32, why: Ended, ended: &mut impl FnMut(u8, Ended)) {
        let Book { mark, gateway, holder, older, newer, .. } = self.books[place as usize];
        let Some(mark) = mark else { return };
        if self.table.regions[self.region].places[place as usize].retire(mark) {
            self.table.one_less();
            ended(gateway, why);
        }
        self.books[place as usize].mark = None;
        self.booked -= 1;
        self.counts[of_gateway(gateway)] -= 1;
        let order = self.holders.order(holder);
        match self.books.get_mut(older as usize) {
            Some(book) => book.newer = newer,
            None => order.oldest = newer,
        }
        match self.books.get_mut(newer as usize) {
            Some(book) => book.older = older,
            None => order.newest = older,
        }
        self.holders.give(holder);
    }
}

fn of_gateway(number: u8) -> usize {
    usize::from(number) % Publisher::GATEWAYS
}

#[cfg(all(test, not(loom)))]
impl Ticket {
    pub(super) const fn place(self) -> usize {
        self.place as usize
    }
}

#[cfg(all(test, not(loom)))]
impl Publisher {
    /// Checks who holds what at a gateway against numbers of places by source.
    pub(super) fn check_holders(
        &self,
        gateway: u8,
        counts: &std::collections::HashMap<IpAddr, u32>,
    ) {
        self.holders.check(gateway, counts, |place| {
            let Book { sequence, newer, .. } = self.books[place as usize];
            (sequence, newer)
        });
    }
}
