//! What a shard counts: plain numbers that it alone writes.

use session::expectation::Ended;
use session::track::{Protocol, Track};

use crate::{Cause, DropReason, EndReason, Gateway, Remark};

/// One number of [`Counters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Frames that came from a port.
    Received,
    /// Frames that came from another worker.
    Accepted,
    /// Frames that were meant for the box itself.
    Consumed,
    /// Frames that the engine made (resets, ICMP errors) and gave out to be sent.
    Made,
    /// ICMP errors that passed, by the session of the packet that they quote.
    Related,
    /// Frames dropped, by reason.
    Dropped(DropReason),
    /// Frames rejected, by reason.
    Rejected(DropReason),
    /// Frames given to another worker, by cause.
    HandedOver(Cause),
    /// Sessions opened, by protocol.
    Created(Protocol),
    /// Sessions ended, by protocol and reason.
    Ended(Protocol, EndReason),
    /// Connections that gateways announced and that were expected from then on.
    Published(Gateway),
    /// Expected connections that came, and are not expected again.
    Claimed(Gateway),
    /// Connections that came by an expectation that stands for more.
    Shared(Gateway),
    /// Expectations that nothing came of, by why they ended.
    Unclaimed(Gateway, Ended),
    /// What gateways remarked on.
    Remarked(Gateway, Remark),
    /// Fragments held now.
    Held,
    /// Sessions that a gateway reads now. [`crate::Shard::tick`] sets it.
    Read(Gateway),
    /// Octets that readers hold now beyond what each may. Set as that.
    ReaderOctets,
    /// Sessions now, by protocol and the position of their state among [`Protocol::states`].
    Sessions(Protocol, usize),
}

/// The most states that a protocol has.
const STATES_MAX: usize = 16;

const ACCEPTED: usize = 1;
const CONSUMED: usize = 2;
const MADE: usize = 3;
const HELD: usize = 4;
const RELATED: usize = 5;
const READER_OCTETS: usize = 6;
const DROPPED: usize = 7;
const REJECTED: usize = DROPPED + DropReason::COUNT;
const HANDED_OVER: usize = REJECTED + DropReason::COUNT;
const CREATED: usize = HANDED_OVER + Cause::COUNT;
const ENDED: usize = CREATED + Protocol::COUNT;
const PUBLISHED: usize = ENDED + Protocol::COUNT * EndReason::COUNT;
const CLAIMED: usize = PUBLISHED + Gateway::COUNT;
const UNCLAIMED: usize = CLAIMED + Gateway::COUNT;
const REMARKED: usize = UNCLAIMED + Gateway::COUNT * Ended::COUNT;
const SHARED: usize = REMARKED + Gateway::COUNT * Remark::COUNT;
const READ: usize = SHARED + Gateway::COUNT;
const SESSIONS: usize = READ + Gateway::COUNT;
const LEN: usize = SESSIONS + Protocol::COUNT * STATES_MAX;

impl Counter {
    /// The place in [`Counters::as_slice`].
    #[inline]
    pub const fn index(self) -> usize {
        match self {
            Self::Received => 0,
            Self::Accepted => ACCEPTED,
            Self::Consumed => CONSUMED,
            Self::Made => MADE,
            Self::Held => HELD,
            Self::Related => RELATED,
            Self::Dropped(reason) => DROPPED + reason.index(),
            Self::Rejected(reason) => REJECTED + reason.index(),
            Self::HandedOver(cause) => HANDED_OVER + cause.index(),
            Self::Created(protocol) => CREATED + protocol.index(),
            Self::Ended(protocol, reason) => {
                ENDED + protocol.index() * EndReason::COUNT + reason.index()
            }
            Self::Published(gateway) => PUBLISHED + gateway.index(),
            Self::Claimed(gateway) => CLAIMED + gateway.index(),
            Self::Unclaimed(gateway, why) => {
                UNCLAIMED + gateway.index() * Ended::COUNT + why.index()
            }
            Self::Remarked(gateway, remark) => {
                REMARKED + gateway.index() * Remark::COUNT + remark.index()
            }
            Self::Shared(gateway) => SHARED + gateway.index(),
            Self::Read(gateway) => READ + gateway.index(),
            Self::ReaderOctets => READER_OCTETS,
            Self::Sessions(protocol, state) => {
                SESSIONS + protocol.index() * STATES_MAX + state % STATES_MAX
            }
        }
    }
}

/// All numbers of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters([u64; LEN]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; LEN])
    }
}

impl Counters {
    /// How many numbers there are.
    pub const LEN: usize = LEN;

    /// One number.
    #[inline]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter.index()]
    }

    /// All numbers, by [`Counter::index`].
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }

    /// The numbers that [`Self::as_slice`] gave elsewhere; missing ones are 0.
    pub fn from_values(values: impl IntoIterator<Item = u64>) -> Self {
        let mut counters = Self::default();
        for (number, value) in counters.0.iter_mut().zip(values) {
            *number = value;
        }
        counters
    }

    /// Adds another shard's numbers.
    pub fn add(&mut self, other: &Self) {
        for (number, more) in self.0.iter_mut().zip(&other.0) {
            *number += more;
        }
    }

    #[inline]
    pub(crate) fn received(&mut self, frames: usize) {
        self.0[Counter::Received.index()] += frames as u64;
    }

    #[inline]
    pub(crate) fn accepted(&mut self, frames: usize) {
        self.0[Counter::Accepted.index()] += frames as u64;
    }

    #[inline]
    pub(crate) fn increment(&mut self, counter: Counter) {
        self.0[counter.index()] += 1;
    }

    #[inline]
    pub(crate) fn set(&mut self, counter: Counter, value: u64) {
        self.0[counter.index()] = value;
    }

    /// A session left one state, if it had one, for another, if it has one.
    #[inline]
    pub(crate) fn move_session(&mut self, from: Option<&Track>, to: Option<&Track>) {
        if let Some(track) = from {
            self.0[Counter::Sessions(track.protocol(), track.state_index()).index()] -= 1;
        }
        if let Some(track) = to {
            self.0[Counter::Sessions(track.protocol(), track.state_index()).index()] += 1;
        }
    }

    /// All frames dropped.
    pub fn dropped(&self) -> u64 {
        self.0[DROPPED..REJECTED].iter().sum()
    }

    /// All frames rejected.
    pub fn rejected(&self) -> u64 {
        self.0[REJECTED..HANDED_OVER].iter().sum()
    }

    /// All frames given to other workers.
    pub fn handed_over(&self) -> u64 {
        self.0[HANDED_OVER..CREATED].iter().sum()
    }

    /// Connections that are expected now.
    pub fn expectations(&self) -> u64 {
        let published: u64 = self.0[PUBLISHED..CLAIMED].iter().sum();
        let over: u64 = self.0[CLAIMED..REMARKED].iter().sum();
        // Shards are read one after the other: one may have claimed what another's number does not show yet.
        published.saturating_sub(over)
    }

    /// All sessions now.
    pub fn sessions(&self) -> u64 {
        self.0[SESSIONS..].iter().sum()
    }
}

/// What a rule has decided, and what is there of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleHits {
    /// Sessions that it allowed and packets that it refused.
    pub hits: u64,
    /// When last; none if never.
    pub last: Option<session::Time>,
    /// Sessions that it allows now.
    pub sessions: u32,
    /// Those of them whose handshake is not complete.
    pub embryonic: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_counter_has_a_place_of_its_own() {
        let mut all = vec![
            Counter::Received,
            Counter::Accepted,
            Counter::Consumed,
            Counter::Made,
            Counter::Held,
            Counter::Related,
            Counter::ReaderOctets,
        ];
        all.extend(DropReason::all().map(Counter::Dropped));
        all.extend(DropReason::all().map(Counter::Rejected));
        all.extend(Cause::ALL.iter().copied().map(Counter::HandedOver));
        for &protocol in Protocol::ALL {
            assert!(protocol.states().len() <= STATES_MAX, "{protocol}");
            all.push(Counter::Created(protocol));
            all.extend(EndReason::ALL.iter().map(|&reason| Counter::Ended(protocol, reason)));
            all.extend((0..STATES_MAX).map(|state| Counter::Sessions(protocol, state)));
        }
        for &gateway in Gateway::ALL {
            all.extend([Counter::Published(gateway), Counter::Claimed(gateway)]);
            all.extend([Counter::Shared(gateway), Counter::Read(gateway)]);
            all.extend(Ended::ALL.iter().map(|&why| Counter::Unclaimed(gateway, why)));
            all.extend(Remark::ALL.iter().map(|&remark| Counter::Remarked(gateway, remark)));
        }
        let places: HashSet<_> = all.iter().map(|counter| counter.index()).collect();
        assert_eq!(places.len(), all.len());
        assert_eq!(all.len(), Counters::LEN);
    }
}
