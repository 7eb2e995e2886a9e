//! How much one shard's store of fragments may hold.

/// What one [`Gatherer`](super::Gatherer) may hold at most. Each figure is at least 1; a 0 counts as 1.
///
/// One source may hold a sixteenth of each, rounded up ([`Self::share`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Incomplete datagrams, those that are refused until their timeout among them.
    pub datagrams: usize,
    /// Frames of all datagrams: live, each keeps an mbuf from the pool.
    pub frames: usize,
    /// Octets of those frames.
    pub octets: usize,
    /// Fragments of one datagram.
    pub fragments: usize,
}

impl Default for Limits {
    /// For one shard.
    ///
    /// - `fragments`: a datagram of 64 KiB over a path of MTU 576, the least that every IPv4 host can receive (RFC 791
    ///   §3.1), has 119 fragments: 65,515 octets by 552. Smaller pieces of large datagrams serve only attacks.
    /// - `octets`: 16 MiB, so that a source's sixteenth, 1 MiB, is sixteen of the largest datagrams.
    /// - `frames`: what 16 MiB are in mbufs of 2 KiB; a source's sixteenth, 512, is four datagrams of the most fragments.
    /// - `datagrams`: two fragments each, as most fragmented datagrams have.
    fn default() -> Self {
        Self { datagrams: 4096, frames: 8192, octets: 16 << 20, fragments: 128 }
    }
}

impl Limits {
    /// The part of a store that one source may hold is one in so many.
    pub const SOURCES: usize = 16;

    /// What one source may hold.
    #[must_use]
    pub const fn share(self) -> Self {
        let Self { datagrams, frames, octets, fragments } = self;
        Self {
            datagrams: datagrams.div_ceil(Self::SOURCES),
            frames: frames.div_ceil(Self::SOURCES),
            octets: octets.div_ceil(Self::SOURCES),
            fragments,
        }
    }

    /// The part of one of `shards` when these limits are the whole box's: divided, rounded up.
    #[must_use]
    pub fn per_shard(self, shards: usize) -> Self {
        let shards = shards.max(1);
        let Self { datagrams, frames, octets, fragments } = self;
        Self {
            datagrams: datagrams.div_ceil(shards),
            frames: frames.div_ceil(shards),
            octets: octets.div_ceil(shards),
            fragments,
        }
    }

    /// These limits, none of them 0.
    #[must_use]
    pub(super) fn at_least_one(self) -> Self {
        let Self { datagrams, frames, octets, fragments } = self;
        Self {
            datagrams: datagrams.max(1),
            frames: frames.max(1),
            octets: octets.max(1),
            fragments: fragments.max(1),
        }
    }
}
