//! The pieces of one datagram: in order of arrival, and in order of offset.

use super::FragmentFault;
use super::placement::Piece;
use super::slots::{Handle, Pool};

/// A piece in the pool, on both lists of its datagram.
#[derive(Debug)]
pub(super) struct Held<F> {
    pub(super) piece: Piece<F>,
    pub(super) next_arrived: Option<Handle>,
    next_higher: Option<Handle>,
}

/// A datagram of which at least one piece is held and at least one is missing. No two of its pieces overlap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    pub(super) first_arrived: Handle,
    last_arrived: Handle,
    lowest: Handle,
    highest: Handle,
    /// How many pieces are held.
    pub(super) frames: usize,
    /// Octets of the frames held.
    pub(super) octets: usize,
    /// Octets of data in the pieces held.
    gathered: u16,
    /// Length of the fragmentable part, known from the last fragment.
    length: Option<u16>,
}

/// A place between the pieces held: after `below`, or before all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    below: Option<Handle>,
}

/// Why there is no place for a piece.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clash {
    /// This very piece is held already.
    Duplicate,
    /// The pieces contradict each other.
    Datagram(FragmentFault),
}

impl Gathering {
    /// Begins with the piece that arrived first.
    pub(super) fn begin<F: AsRef<[u8]>>(piece: Piece<F>, pool: &mut Pool<Held<F>>) -> Self {
        let (octets, gathered) = (piece.octets(), piece.len());
        let length = (!piece.more).then_some(piece.end());
        let handle = pool.insert(Held { piece, next_arrived: None, next_higher: None });
        Self {
            first_arrived: handle,
            last_arrived: handle,
            lowest: handle,
            highest: handle,
            frames: 1,
            octets,
            gathered,
            length,
        }
    }

    /// Finds the place of a new piece. In order and in reverse order that takes one look.
    ///
    /// RFC 8200 §4.5 (and RFC 5722) lets an exact duplicate be dropped alone. Exact means the same octets too:
    /// the same place with other contents is an overlap, since hosts differ in which they would keep.
    pub(super) fn gap_for<F>(&self, new: &Piece<F>, pool: &Pool<Held<F>>) -> Result<Gap, Clash>
    where
        F: AsRef<[u8]>,
    {
        let top = &pool[self.highest].piece;
        let gap = if new.offset >= top.end() {
            Gap { below: Some(self.highest) }
        } else {
            self.gap_by_walking(new, pool)?
        };
        let fits = match (self.length, new.more) {
            (None, true) => true,
            (None, false) => top.end() <= new.end(),
            (Some(length), true) => new.end() <= length,
            // One last fragment is held, and this is another.
            (Some(_), false) => false,
        };
        if fits { Ok(gap) } else { Err(Clash::Datagram(FragmentFault::LengthMismatch)) }
    }

    fn gap_by_walking<F>(&self, new: &Piece<F>, pool: &Pool<Held<F>>) -> Result<Gap, Clash>
    where
        F: AsRef<[u8]>,
    {
        let mut below = None;
        let mut cursor = Some(self.lowest);
        while let Some(handle) = cursor {
            let Held { piece: held, next_higher, .. } = &pool[handle];
            if held.offset >= new.end() {
                break;
            }
            if held.end() > new.offset {
                let same = (held.offset, held.len(), held.more)
                    == (new.offset, new.len(), new.more)
                    && held.data() == new.data();
                return Err(if same {
                    Clash::Duplicate
                } else {
                    Clash::Datagram(FragmentFault::Overlap)
                });
            }
            below = cursor;
            cursor = *next_higher;
        }
        Ok(Gap { below })
    }

    /// Whether `new`, for which there is a gap, is all that is missing; if so, the length of the whole.
    pub(super) fn completed_by<F>(&self, new: &Piece<F>) -> Option<u16> {
        let length = if new.more { self.length } else { Some(new.end()) };
        // Pieces do not overlap and none lies beyond the end, so their sum tells.
        length.filter(|length| self.gathered.checked_add(new.len()) == Some(*length))
    }

    /// Adds a piece in its gap.
    pub(super) fn add<F>(&mut self, gap: Gap, piece: Piece<F>, pool: &mut Pool<Held<F>>)
    where
        F: AsRef<[u8]>,
    {
        self.frames += 1;
        self.octets += piece.octets();
        self.gathered = self.gathered.saturating_add(piece.len());
        if !piece.more {
            self.length = Some(piece.end());
        }
        let next_higher = match gap.below {
            Some(below) => pool[below].next_higher,
            None => Some(self.lowest),
        };
        let handle = pool.insert(Held { piece, next_arrived: None, next_higher });
        match gap.below {
            Some(below) => pool[below].next_higher = Some(handle),
            None => self.lowest = handle,
        }
        if next_higher.is_none() {
            self.highest = handle;
        }
        pool[self.last_arrived].next_arrived = Some(handle);
        self.last_arrived = handle;
    }
}
