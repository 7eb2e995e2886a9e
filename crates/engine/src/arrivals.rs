//! How well the packets of each port find their owners.

/// One port's, as one shard has seen it. Only packets that no session claimed are looked at, on the worker that
/// received them: whose packet it is need not be asked of others, which so cost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Packets that no session claimed.
    pub misses: u64,
    /// Those of another worker's.
    pub strays: u64,
    /// Those that bore a hash of the receiver's.
    pub hashed: u64,
    /// Those whose hash is another than that by which their owner is found.
    pub misread: u64,
}

impl Arrivals {
    /// Notes a packet. `hash`: by which its owner is found; `received`: the receiver's, if it said one.
    pub(crate) fn note(&mut self, is_stray: bool, hash: u32, received: Option<u32>) {
        self.misses += 1;
        self.strays += u64::from(is_stray);
        self.hashed += u64::from(received.is_some());
        self.misread += u64::from(received.is_some_and(|received| received != hash));
    }

    /// Adds another shard's.
    pub fn add(&mut self, other: &Self) {
        let Self { misses, strays, hashed, misread } = other;
        self.misses += misses;
        self.strays += strays;
        self.hashed += hashed;
        self.misread += misread;
    }

    /// What came since an earlier count.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let Self { misses, strays, hashed, misread } = earlier;
        Self {
            misses: self.misses.saturating_sub(*misses),
            strays: self.strays.saturating_sub(*strays),
            hashed: self.hashed.saturating_sub(*hashed),
            misread: self.misread.saturating_sub(*misread),
        }
    }
}
