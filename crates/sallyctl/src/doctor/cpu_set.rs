//! Sets of CPUs as the kernel and its command line write them: `0-3,8`.

use core::fmt;
use std::collections::BTreeSet;

/// CPUs by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuSet(BTreeSet<usize>);

/// No machine has more: what a damaged file says cannot make the set grow without bound.
const MOST: usize = 1 << 14;

impl CpuSet {
    /// Reads `0-3,8`. What is no such list, as `(null)` of a kernel with nothing to say, is the empty set.
    pub(super) fn parse(text: &str) -> Self {
        let number = |text: &str| text.trim().parse::<usize>().ok().filter(|&cpu| cpu < MOST);
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(number(first)?..=number(last)?)
        };
        Self(text.trim().split(',').filter_map(range).flatten().collect())
    }

    pub(super) fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    /// Those that the other has not.
    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// Those that both have.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }
}

impl FromIterator<usize> for CpuSet {
    fn from_iter<T: IntoIterator<Item = usize>>(cpus: T) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for cpu in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                Some(_) | None => ranges.push((cpu, cpu)),
            }
        }
        for (place, (first, last)) in ranges.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// `CPU 2` or `CPUs 2-5`.
pub(super) fn named(cpus: &CpuSet) -> String {
    let plural = if cpus.iter().count() == 1 { "" } else { "s" };
    format!("CPU{plural} {cpus}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case("0-3,8\n", "0-3,8"; "a range and one")]
    #[test_case("1,2,3", "1-3"; "neighbours join")]
    #[test_case("7", "7"; "one")]
    #[test_case("", ""; "empty")]
    #[test_case(" (null)\n", ""; "a kernel with nothing to say")]
    #[test_case("3-1", ""; "backwards")]
    #[test_case("0-99999999999", ""; "beyond any machine")]
    fn lists_are_read_and_written(text: &str, written: &str) {
        assert_eq!(CpuSet::parse(text).to_string(), written);
    }
}
