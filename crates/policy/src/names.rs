//! What keeps its identity over reloads: rules by their names, and sets of timeouts by their content.

use core::time::Duration;

use ahash::RandomState;
use hashbrown::HashMap;

/// A rule's identity for the life of the process: its interned name.
///
/// Hit counters are indexed by it, so they survive a reload that reorders or edits rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

impl RuleId {
    /// The identity as an array index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A set of timeouts that differ from the defaults: an index that stays valid for the life of the
/// process, to be resolved by [`CompiledPolicy::timeouts_override`](crate::CompiledPolicy::timeouts_override)
/// of this or any later policy compiled with the same [`RuleNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeoutSet(pub u16);

/// Timeouts by class index, sorted by class, each class at most once. What a class is, the session
/// layer knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimeoutOverrides(Vec<(usize, Duration)>);

impl TimeoutOverrides {
    /// No overrides.
    pub const EMPTY: Self = Self(Vec::new());

    /// A set of overrides. Of two for one class the later one counts.
    #[must_use]
    pub fn new(overrides: impl IntoIterator<Item = (usize, Duration)>) -> Self {
        let mut set = Self::default();
        for (class, timeout) in overrides {
            set.insert(class, timeout);
        }
        set
    }

    /// The overrides, by ascending class index.
    #[must_use]
    pub fn as_slice(&self) -> &[(usize, Duration)] {
        &self.0
    }

    /// The timeout of a class, if it is overridden.
    #[must_use]
    pub fn get(&self, class: usize) -> Option<Duration> {
        let at = self.0.binary_search_by_key(&class, |(class, _)| *class).ok()?;
        self.0.get(at).map(|(_, timeout)| *timeout)
    }

    /// Whether nothing is overridden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These overrides, with those of `stronger` put over them class by class.
    #[must_use]
    pub fn overlaid(&self, stronger: &Self) -> Self {
        Self::new(self.0.iter().chain(&stronger.0).copied())
    }

    fn insert(&mut self, class: usize, timeout: Duration) {
        match self.0.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => self.0[at].1 = timeout,
            Err(at) => self.0.insert(at, (class, timeout)),
        }
    }
}

/// The interner of rule names and timeout sets. One lives as long as the process and is given to every
/// [`Policy::compile`](crate::Policy::compile).
#[derive(Clone, Debug, Default)]
pub struct RuleNames {
    names: Vec<String>,
    ids: HashMap<String, RuleId, RandomState>,
    timeouts: Vec<TimeoutOverrides>,
}

impl RuleNames {
    /// An interner that knows no name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The identity of the rule called `name`: the one it had before, or a new one.
    pub fn intern(&mut self, name: &str) -> RuleId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = RuleId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// The name of a rule that was interned here; the empty string for an identity from elsewhere.
    #[must_use]
    pub fn name(&self, rule: RuleId) -> &str {
        self.names.get(rule.index()).map_or("", String::as_str)
    }

    /// The identity of a name, if it was ever interned.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<RuleId> {
        self.ids.get(name).copied()
    }

    /// How many names were ever interned: one more than the greatest identity.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no name was interned yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The identity of a set of timeouts. `None` for the empty set, and for a new one after 65,536
    /// different sets in one process: such a rule then runs with the general timeouts.
    pub(crate) fn intern_timeouts(&mut self, overrides: &TimeoutOverrides) -> Option<TimeoutSet> {
        if overrides.is_empty() {
            return None;
        }
        let known = self.timeouts.iter().position(|known| known == overrides);
        let index = known.unwrap_or(self.timeouts.len());
        let set = TimeoutSet(u16::try_from(index).ok()?);
        if known.is_none() {
            self.timeouts.push(overrides.clone());
        }
        Some(set)
    }

    /// Every set that was ever interned, at the position of its identity.
    pub(crate) fn timeout_sets(&self) -> &[TimeoutOverrides] {
        &self.timeouts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_identity() {
        let mut names = RuleNames::new();
        let first = names.intern("web");
        let second = names.intern("dns");
        assert_eq!(names.intern("web"), first);
        assert_ne!(first, second);
        assert_eq!(names.len(), 2);
        assert_eq!(names.name(second), "dns");
        assert_eq!(names.get("mail"), None);
        assert_eq!(names.name(RuleId(7)), "");
    }

    #[test]
    fn stronger_timeouts_win_class_by_class() {
        let weak =
            TimeoutOverrides::new([(3, Duration::from_secs(3)), (1, Duration::from_secs(1))]);
        let strong = TimeoutOverrides::new([(3, Duration::from_secs(30))]);
        let both = weak.overlaid(&strong);
        assert_eq!(both.get(1), Some(Duration::from_secs(1)));
        assert_eq!(both.get(3), Some(Duration::from_secs(30)));
        assert_eq!(both.get(2), None);
    }

    #[test]
    fn equal_sets_share_an_identity_and_the_empty_one_has_none() {
        let mut names = RuleNames::new();
        let set = TimeoutOverrides::new([(0, Duration::from_secs(9))]);
        assert_eq!(names.intern_timeouts(&TimeoutOverrides::default()), None);
        assert_eq!(names.intern_timeouts(&set), Some(TimeoutSet(0)));
        assert_eq!(names.intern_timeouts(&set.clone()), Some(TimeoutSet(0)));
        assert_eq!(names.timeout_sets().len(), 1);
    }
}
