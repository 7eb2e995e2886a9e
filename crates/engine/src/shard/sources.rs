//! How many sessions each source has opened.

use core::net::IpAddr;

use ahash::RandomState;
use hashbrown::HashMap;

/// Sessions by initiator. Asked only when a session is opened or ends.
#[derive(Debug)]
pub(super) struct Sources {
    counts: HashMap<IpAddr, u32, RandomState>,
}

impl Sources {
    /// `seed`: the secret of the map's hash.
    pub(super) fn new(seed: u64) -> Self {
        let hasher =
            RandomState::with_seeds(seed, !seed, seed.rotate_left(21), seed.rotate_left(42));
        Self { counts: HashMap::with_hasher(hasher) }
    }

    /// How many it has.
    pub(super) fn count(&self, source: IpAddr) -> u32 {
        self.counts.get(&source).copied().unwrap_or(0)
    }

    /// One more.
    pub(super) fn enter(&mut self, source: IpAddr) {
        *self.counts.entry(source).or_insert(0) += 1;
    }

    /// One less.
    pub(super) fn leave(&mut self, source: IpAddr) {
        if let hashbrown::hash_map::Entry::Occupied(mut count) = self.counts.entry(source) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}
