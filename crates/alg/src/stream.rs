//! One direction of a TCP conversation, in order.
//!
//! ```text
//!        forgotten         read           unread        hole     island
//!   ───────────────────┬──────────────┬──────────────┬────────┬──────────┐
//!                     kept           read          whole               octets.len()
//!                      └─────────────── at most WINDOW ─────────────────┘
//! ```
//!
//! An octet is kept from its first copy until it has been read *and* the other side has acknowledged it: so
//! long it can be sent again, and every later copy must be the same. An island is what came out of order;
//! it passed, so its octets are kept like any other. What does not fit is refused, so that the endpoint
//! never has an octet of which the reader knows nothing; the sender sends it again.
//!
//! Two kinds of streams would suffer by that, and keep the copies of the last [`WINDOW`] octets only: one
//! of which parts are skipped (media between messages, at any rate and with much in flight), and one whose
//! segments are as long as the window, which are on no wire but in captures taken on a host.
//!
//! Positions are offsets from `origin`, which moves on when what is forgotten outweighs what is kept: so
//! moving costs no more, over time, than the octets that came.

use core::iter;
use core::ops::Range;

use arrayvec::ArrayVec;
use wire::SeqNum;

use crate::Remark;

/// Octets kept of a direction. A first flight of ten full segments fits (RFC 6928).
pub(crate) const WINDOW: usize = 16 * 1024;
/// Separate runs of octets that may wait for what is missing before them.
const ISLANDS: usize = 4;
/// Memory that an empty stream holds on to, and that every stream may have.
pub(crate) const IDLE: usize = 1024;

/// What has come in one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    course: Course,
    /// The number of its very first octet, if that is known.
    first: SeqNum,
    /// The sequence number of `octets[0]`.
    origin: SeqNum,
    octets: Vec<u8>,
    /// Before this all is forgotten.
    kept: usize,
    /// How far the dialogue has read.
    read: usize,
    /// Up to here nothing is missing.
    whole: usize,
    /// How far the other side has acknowledged.
    acknowledged: usize,
    /// What came beyond a hole, in order, apart from each other.
    islands: ArrayVec<Range<usize>, ISLANDS>,
    /// Octets from `whole` on in which the dialogue has no interest.
    skip: usize,
    /// Something was skipped once: copies are kept as there is room.
    bulk: bool,
}

/// How far a stream is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Course {
    #[default]
    Unknown,
    /// Its first number is known.
    Begun,
    /// Octets or an acknowledgement have come.
    Running,
}

/// Some octets of a segment, and where they stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    from: SeqNum,
    octets: &'a [u8],
}

impl Stream {
    /// Whether its first number is known.
    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self.course, Course::Unknown)
    }

    /// Whether anything but a SYN has come of it.
    pub(crate) const fn is_running(&self) -> bool {
        matches!(self.course, Course::Running)
    }

    /// Whether the window is full of what the dialogue cannot make a line or message of.
    pub(crate) const fn is_stuffed(&self) -> bool {
        self.whole - self.read >= WINDOW
    }

    /// Its first octet will have this number.
    pub(crate) fn begin(&mut self, first: SeqNum) {
        *self = Self { course: Course::Begun, first, origin: first, ..Self::default() };
    }

    /// Whether its first octet has this number.
    pub(crate) fn began_at(&self, number: SeqNum) -> bool {
        self.first == number
    }

    /// Whether all before this number may be what has come of it.
    pub(crate) fn reaches(&self, number: SeqNum) -> bool {
        usize::try_from(number.since(self.origin)).is_ok_and(|at| at <= self.whole)
    }

    /// What of a segment is new, or could be the first copy that the endpoint gets. Copies of what it has
    /// acknowledged it discards, whatever they hold (a keep-alive may bear an octet of garbage, RFC 9293
    /// §3.8.4).
    ///
    /// # Errors
    ///
    /// That it contradicts what came before, or does not fit: in the window, or in `room`.
    pub(crate) fn admit<'a>(
        &self,
        from: SeqNum,
        payload: &'a [u8],
        room: usize,
    ) -> Result<Piece<'a>, Remark> {
        let Some((at, octets)) = self.young(from, payload) else {
            return Ok(Piece { from, octets: &[] });
        };
        let from = self.origin + offset(at);
        let range = at..at + octets.len();
        for known in self.islands.iter().cloned().chain(iter::once(self.floor()..self.whole)) {
            let both = known.start.max(range.start)..known.end.min(range.end);
            if both.start < both.end
                && self.octets[both.clone()] != octets[both.start - at..both.end - at]
            {
                return Err(Remark::InconsistentRetransmission);
            }
        }
        let grown = self.capacity_for(range.end.min(2 * WINDOW)).saturating_sub(IDLE);
        if grown.saturating_sub(self.held()) > room {
            return Err(Remark::Memory);
        }
        let fits = range.end <= self.kept + WINDOW;
        if range.start > self.whole {
            let joins = self.islands.iter().any(|island| touch(island, &range));
            if !fits || (!joins && self.islands.is_full()) {
                return Err(Remark::OutOfOrder);
            }
        } else if !fits && !self.bulk && range.end <= self.read + WINDOW {
            // It will fit when more has been acknowledged. Otherwise nothing would ever make it fit: the
            // dialogue gets what fits, and has read then or reads no more.
            return Err(Remark::WindowFull);
        }
        Ok(Piece { from, octets })
    }

    /// Before this no copy matters.
    fn floor(&self) -> usize {
        self.kept.max(self.acknowledged)
    }

    /// Where the part of the octets begins that matters, and that part, if there is any.
    fn young<'a>(&self, from: SeqNum, octets: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let floor = self.floor();
        let distance = from.since(self.origin + offset(floor)).cast_signed();
        match usize::try_from(distance) {
            Ok(ahead) => Some((floor + ahead, octets)),
            Err(_) => {
                let old = usize::try_from(distance.unsigned_abs()).ok()?;
                Some((floor, octets.get(old..)?))
            }
        }
        .filter(|(_, octets)| !octets.is_empty())
    }

    /// Whether the piece ends beyond what has been read.
    pub(crate) fn reaches_unread(&self, piece: &Piece<'_>) -> bool {
        self.young(piece.from, piece.octets)
            .is_some_and(|(at, octets)| at + octets.len() > self.read)
    }

    /// Keeps as much of an admitted piece as there is room for and leaves the rest in it. Says whether it
    /// has taken anything.
    pub(crate) fn take(&mut self, piece: &mut Piece<'_>) -> bool {
        self.course = Course::Running;
        let Some((at, octets)) = self.young(piece.from, piece.octets) else {
            *piece = Piece { from: piece.from, octets: &[] };
            return true;
        };
        if at <= self.whole {
            // Only a stream of which copies are kept as there is room gets here without it.
            let wanted = (at + octets.len()).saturating_sub(WINDOW);
            self.kept = self.kept.max(wanted.min(self.read).min(at));
        }
        let taken = octets.len().min((self.kept + WINDOW).saturating_sub(at));
        let range = at..at + taken;
        self.grow(range.end);
        self.octets[range.clone()].copy_from_slice(&octets[..taken]);
        *piece = Piece { from: self.origin + offset(range.end), octets: &octets[taken..] };
        self.join(range);
        taken > 0
    }

    /// Octets that it holds beyond what every stream may.
    pub(crate) fn held(&self) -> usize {
        self.octets.capacity().saturating_sub(IDLE)
    }

    fn grow(&mut self, length: usize) {
        if length <= self.octets.len() {
            return;
        }
        let capacity = self.capacity_for(length);
        self.octets.reserve_exact(capacity - self.octets.len());
        self.octets.resize(length, 0);
    }

    fn capacity_for(&self, length: usize) -> usize {
        let capacity = self.octets.capacity();
        if length <= capacity { capacity } else { (2 * capacity).min(2 * WINDOW).max(length) }
    }

    /// Adds a run of octets to what is there.
    fn join(&mut self, mut range: Range<usize>) {
        self.islands.retain(|island| {
            let apart = !touch(island, &range);
            if !apart {
                range = range.start.min(island.start)..range.end.max(island.end);
            }
            apart
        });
        if range.start <= self.whole {
            self.whole = self.whole.max(range.end);
        } else {
            let place = self.islands.iter().take_while(|island| island.start < range.start).count();
            // There is a place: `admit` has looked.
            self.islands.try_insert(place, range).ok();
        }
        let skipped = self.skip.min(self.whole - self.read);
        self.read += skipped;
        self.skip -= skipped;
    }

    /// What has come without a hole and has not been read.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.octets[self.read..self.whole]
    }

    /// So many of the unread octets have been read.
    pub(crate) fn advance(&mut self, octets: usize) {
        self.read = self.whole.min(self.read + octets);
    }

    /// So many octets from the unread ones on are of no interest.
    pub(crate) fn skip(&mut self, octets: usize) {
        self.bulk = true;
        let here = octets.min(self.whole - self.read);
        self.read += here;
        self.skip = octets - here;
    }

    /// The other side has all before this number. Says whether it has something that never came by here:
    /// then the stream begins anew from there.
    pub(crate) fn acknowledge(&mut self, number: SeqNum) -> Continuity {
        let distance = number.since(self.origin).cast_signed();
        let Ok(at) = usize::try_from(distance) else { return Continuity::Unbroken };
        if self.course == Course::Begun && at > 1 {
            // Of nothing but a SYN no more can be acknowledged than that, and a FIN: this speaks of an older connection
            // between the same ports (RFC 9293 §3.5.1, figure 9).
            return Continuity::Unbroken;
        }
        if at > 0 {
            self.course = Course::Running;
        }
        // A FIN takes a number, too.
        let at = if at == self.whole + 1 && self.islands.is_empty() { self.whole } else { at };
        if at <= self.whole {
            self.acknowledged = self.acknowledged.max(at);
            self.forget();
            return Continuity::Unbroken;
        }
        if at >= self.octets.len() {
            let first = self.first;
            *self = Self { course: Course::Running, first, origin: number, ..Self::default() };
        } else {
            [self.kept, self.read, self.whole, self.acknowledged] = [at; 4];
            self.skip = 0;
            self.islands.retain(|island| island.end > at);
            if let Some(island) = self.islands.first().filter(|island| island.start <= at).cloned()
            {
                self.join(island);
            }
            self.forget();
        }
        Continuity::Broken
    }

    /// Forgets what has been read and acknowledged.
    pub(crate) fn forget(&mut self) {
        self.kept = self.kept.max(self.acknowledged.min(self.read));
        let live = self.octets.len() - self.kept;
        if self.kept < live.max(1) {
            return;
        }
        let gone = self.kept;
        self.octets.drain(..gone);
        self.origin = self.origin + offset(gone);
        self.kept = 0;
        self.read -= gone;
        self.whole -= gone;
        self.acknowledged = self.acknowledged.saturating_sub(gone);
        for island in &mut self.islands {
            *island = island.start - gone..island.end - gone;
        }
        if self.octets.is_empty() && !self.bulk && self.octets.capacity() > IDLE {
            self.octets = Vec::new();
        }
    }
}

/// Whether a stream goes on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    Unbroken,
    Broken,
}

/// Whether two runs overlap or follow one another.
fn touch(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start <= other.end && other.start <= one.end
}

/// Offsets are below four times the window and the longest segment.
fn offset(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
