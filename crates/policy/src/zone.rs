//! Zones: the parts of a network that the firewall stands between.

/// A zone, by its position in [`Policy::zones`](crate::Policy::zones).
///
/// The position belongs to one configuration; over a reload only the zone's name is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ZoneId(pub u16);

impl ZoneId {
    /// The position as an array index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The zones that one side of a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneSet {
    /// Every zone: the key was left out, or says `any`.
    Any,
    /// These, sorted, each once.
    Only(Vec<ZoneId>),
}

impl ZoneSet {
    /// A set of exactly these zones.
    #[must_use]
    pub fn only(zones: impl IntoIterator<Item = ZoneId>) -> Self {
        let mut zones: Vec<_> = zones.into_iter().collect();
        zones.sort_unstable();
        zones.dedup();
        Self::Only(zones)
    }

    /// Whether `zone` is one of them.
    #[must_use]
    pub fn contains(&self, zone: ZoneId) -> bool {
        match self {
            Self::Any => true,
            Self::Only(zones) => zones.binary_search(&zone).is_ok(),
        }
    }

    /// Whether every zone of `other` is in this set, in a policy of `zone_count` zones.
    pub(crate) fn covers(&self, other: &Self, zone_count: usize) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Only(zones), Self::Any) => zones.len() >= zone_count,
            (Self::Only(_), Self::Only(zones)) => zones.iter().all(|zone| self.contains(*zone)),
        }
    }
}
