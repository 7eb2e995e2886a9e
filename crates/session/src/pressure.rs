//! How far timeouts are shrunk while the session table is nearly full.
//!
//! From 80 % on they shrink linearly to a tenth at 100 %. On the way back the same line stands ten points lower, so
//! that they have their full length again when use has fallen to 70 %: what a little room given by shrinking lets grow
//! again does not swing to and fro.

/// A degree of pressure: every step shortens timeouts by a twentieth of their full length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pressure(u8);

/// Percent of the table in use above which timeouts shrink.
const HIGH: u64 = 80;
/// Percent of the table in use at which they have their full length again.
const LOW: u64 = 70;
/// Percent of the table from the beginning of the line to its end.
const SPAN: u64 = 20;
/// Twentieths by which timeouts are shortened at the end of the line.
const STEPS: u8 = 18;
const TWENTIETHS: u64 = 20;

impl Pressure {
    /// Timeouts have their full length.
    pub const NONE: Self = Self(0);

    /// Every degree but [`Self::NONE`], rising.
    pub fn degrees() -> impl Iterator<Item = Self> {
        (1..=STEPS).map(Self)
    }

    /// 0 for none, up to 18 at a full table.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The degree that follows this one when `used` of `capacity` places are taken.
    #[inline]
    #[must_use]
    pub fn next(self, used: u32, capacity: u32) -> Self {
        if self == Self::NONE && u64::from(used) * 100 <= u64::from(capacity) * HIGH {
            return self;
        }
        let (rising, falling) = (on_line(used, capacity, HIGH), on_line(used, capacity, LOW));
        Self(self.0.clamp(rising, falling))
    }

    /// What is left of a timeout, in milliseconds; at least one.
    pub(crate) fn shrink(self, millis: u32) -> u32 {
        let left = u64::from(millis) * (TWENTIETHS - u64::from(self.0)) / TWENTIETHS;
        u32::try_from(left).unwrap_or(millis).max(1)
    }
}

/// Steps on the line that begins at `start` percent.
fn on_line(used: u32, capacity: u32, start: u64) -> u8 {
    let (used, capacity) = (u64::from(used), u64::from(capacity.max(1)));
    let above = (used * 100).saturating_sub(capacity * start);
    u8::try_from(above * u64::from(STEPS) / (capacity * SPAN)).unwrap_or(STEPS).min(STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The degrees at these uses of a table of a thousand, one after the other.
    fn walk(uses: &[u32]) -> Vec<usize> {
        let mut pressure = Pressure::NONE;
        let mut degrees = Vec::new();
        for &used in uses {
            pressure = pressure.next(used, 1000);
            degrees.push(pressure.index());
        }
        degrees
    }

    #[test]
    fn it_rises_along_one_line_and_falls_along_a_lower_one() {
        assert_eq!(walk(&[0, 700, 800, 811, 812, 900, 1000]), [0, 0, 0, 0, 1, 9, 18]);
        assert_eq!(walk(&[1000, 900, 899, 800, 712, 711, 700, 799]), [18, 18, 17, 9, 1, 0, 0, 0]);
        // Between the lines nothing changes.
        assert_eq!(walk(&[900, 850, 810, 890, 900, 910]), [9, 9, 9, 9, 9, 9]);
        assert_eq!(walk(&[900, 850, 810, 790, 810, 901]), [9, 9, 9, 8, 8, 9]);
    }

    #[test]
    fn a_timeout_shrinks_to_a_tenth_and_not_to_nothing() {
        let full = Pressure::NONE.next(5, 5);
        assert_eq!((full.shrink(30_000), full.shrink(5), full.shrink(1)), (3000, 1, 1));
        let week = 7 * 86_400_000;
        assert_eq!(full.shrink(week), week / 10);
        assert_eq!(Pressure::NONE.shrink(week), week);
        assert_eq!(Pressure::degrees().last(), Some(full));
        assert_eq!(Pressure::degrees().count(), full.index());
    }

    #[test]
    fn no_size_of_table_is_out_of_range() {
        for capacity in [1, 2, 3, u32::MAX] {
            assert_eq!(Pressure::NONE.next(capacity, capacity).index(), 18);
            assert_eq!(Pressure(18).next(0, capacity), Pressure::NONE);
        }
        assert_eq!(Pressure::NONE.next(0, 0), Pressure::NONE);
    }
}
