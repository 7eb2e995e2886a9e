//! The one writer of a region, and the books that it keeps of what it has published.

use std::sync::Arc;

use crate::time::Time;

use super::place::Mark;
use super::{Expectation, Expectations, bucket, pack, unpack};

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
    }
}

/// Names one expectation to its publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    mark: Mark,
}

/// No place: the end of a list.
const NONE: u32 = u32::MAX;

/// Places that one step of the timers looks at.
const STEP: usize = 32;

/// How long a place that was claimed may wait to be freed, in nanoseconds: a second.
const PATIENCE: u64 = 1_000_000_000;

/// What is remembered of a place that was published in.
#[derive(Clone, Copy, Debug)]
struct Book {
    mark: Option<Mark>,
    deadline: Time,
    gateway: u8,
    /// Counts publications: the lower is the older.
    sequence: u64,
    /// Neighbours among those of the gateway, from older to newer.
    older: u32,
    newer: u32,
}

/// Those of one gateway, in the order of publication.
#[derive(Clone, Copy, Debug)]
struct Order {
    oldest: u32,
    newest: u32,
    count: u32,
}

/// Publishes in one worker's region.
#[derive(Debug)]
pub struct Publisher {
    table: Arc<Expectations>,
    region: usize,
    books: Box<[Book]>,
    orders: [Order; Self::GATEWAYS],
    sequence: u64,
    pub(super) booked: u32,
    /// When the next round over all places begins; while one is under way, the earliest deadline seen.
    due: Time,
    /// The next place of a round; none is under way at the end.
    at: usize,
}

impl Publisher {
    /// How many gateways may be told apart.
    pub const GATEWAYS: usize = 16;
    /// Octets of books for each place.
    pub(super) const BOOK: usize = size_of::<Book>();

    /// The writer of a worker's region. There must be one at most.
    ///
    /// # Panics
    /// If the table has no region for that worker.
    #[must_use]
    pub fn new(table: Arc<Expectations>, worker: u16) -> Self {
        let region = usize::from(worker);
        let places = table.regions[region].len();
        let book = Book {
            mark: None,
            deadline: Time::ZERO,
            gateway: 0,
            sequence: 0,
            older: NONE,
            newer: NONE,
        };
        Self {
            table,
            region,
            books: vec![book; places].into_boxed_slice(),
            orders: [Order { oldest: NONE, newest: NONE, count: 0 }; Self::GATEWAYS],
            sequence: 0,
            booked: 0,
            due: Time::ZERO,
            at: places,
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

    /// Publishes an expectation. The oldest of its gateway gives way to it if there are `most` of that
    /// gateway already, and the oldest of its bucket if that is full; `ended` is told, by gateway.
    pub fn publish(
        &mut self,
        now: Time,
        expectation: &Expectation,
        most: u32,
        ended: &mut impl FnMut(u8, Ended),
    ) -> Ticket {
        let gateway = usize::from(expectation.gateway) % Self::GATEWAYS;
        let order = self.orders[gateway];
        if order.count >= most.max(1) && order.oldest != NONE {
            self.end(order.oldest, Ended::Evicted, ended);
        }
        let Expectation { context, protocol, source, destination, destination_port, .. } =
            *expectation;
        let hash = self.table.hash(context, protocol, source, (destination, destination_port));
        let place = self.room(now, hash, ended);
        self.table.one_more();
        let mark =
            self.table.regions[self.region][place as usize].publish(&pack(expectation, hash));
        self.enter(now, place, mark, expectation, gateway);
        Ticket { place, mark }
    }

    /// Whether an expectation can still be claimed, its deadline apart.
    #[must_use]
    pub fn is_alive(&self, ticket: Ticket) -> bool {
        self.table.regions[self.region][ticket.place as usize].is_alive(ticket.mark)
    }

    /// Whether an expectation is alive and for the same connection.
    #[must_use]
    pub fn is_same(&self, ticket: Ticket, expectation: &Expectation) -> bool {
        let words = self.table.regions[self.region][ticket.place as usize].content(ticket.mark);
        words.is_some_and(|words| {
            let known = unpack(&words);
            Expectation { deadline: expectation.deadline, ..known } == *expectation
        })
    }

    /// Ends an expectation, if nothing has ended it yet.
    pub fn retire(&mut self, ticket: Ticket, why: Ended, ended: &mut impl FnMut(u8, Ended)) {
        if self.books[ticket.place as usize].mark == Some(ticket.mark) {
            self.end(ticket.place, why, ended);
        }
    }

    /// A bounded step of the round that frees what is over. Returns whether the round goes on.
    pub fn step(&mut self, now: Time, ended: &mut impl FnMut(u8, Ended)) -> bool {
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
            let alive = self.table.regions[self.region][place].is_alive(mark);
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
        let region = &self.table.regions[self.region];
        let of_bucket = |place: usize| {
            let Book { mark, deadline, sequence, .. } = self.books[place];
            // Whatever is over goes before the oldest of those that are not.
            match mark {
                None => (0, 0),
                Some(mark) if !region[place].is_alive(mark) => (1, 0),
                Some(_) if deadline <= now => (2, 0),
                Some(_) => (3, sequence),
            }
        };
        let place = bucket(self.books.len(), hash).min_by_key(|place| of_bucket(*place));
        let place = place.unwrap_or(0);
        let why = if self.books[place].deadline <= now { Ended::Expired } else { Ended::Evicted };
        let place = u32::try_from(place).unwrap_or(0);
        self.end(place, why, ended);
        place
    }

    fn enter(&mut self, now: Time, place: u32, mark: Mark, of: &Expectation, gateway: usize) {
        self.sequence += 1;
        let order = &mut self.orders[gateway];
        let before = order.newest;
        self.books[place as usize] = Book {
            mark: Some(mark),
            deadline: of.deadline,
            gateway: of.gateway,
            sequence: self.sequence,
            older: before,
            newer: NONE,
        };
        order.newest = place;
        order.count += 1;
        match self.books.get_mut(before as usize) {
            Some(book) => book.newer = place,
            None => order.oldest = place,
        }
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
        let Book { mark, gateway, older, newer, .. } = self.books[place as usize];
        let Some(mark) = mark else { return };
        if self.table.regions[self.region][place as usize].retire(mark) {
            self.table.one_less();
            ended(gateway, why);
        }
        self.books[place as usize].mark = None;
        self.booked -= 1;
        let order = &mut self.orders[usize::from(gateway) % Self::GATEWAYS];
        order.count -= 1;
        match self.books.get_mut(older as usize) {
            Some(book) => book.newer = newer,
            None => order.oldest = newer,
        }
        match self.books.get_mut(newer as usize) {
            Some(book) => book.older = older,
            None => order.newest = older,
        }
    }
}
