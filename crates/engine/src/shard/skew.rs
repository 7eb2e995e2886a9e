//! Looking, now and then, at a packet, so that it can be told where the load comes from.

use session::memory::Memory;
use session::{Found, Time};

use crate::frame::Frame;
use crate::owner::{steering_hash, worker_of};
use crate::skew::{HEAVIEST, HeavySession, Skew};
use crate::{Arrivals, Snapshot};

use super::stages::{Stages, Way};
use super::{Core, Lookup, Screened, Shard};

impl<F, M: Memory> Shard<F, M> {
    /// How the load of the last whole window was spread.
    pub fn skew(&self) -> &Skew {
        &self.core.skew
    }

    /// By port, how well its packets found their owners.
    pub fn arrivals(&self) -> &[Arrivals] {
        &self.core.arrivals
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// Looks at one packet of a burst after the first stage.
    #[cold]
    pub(super) fn look_among(&mut self, place: usize, stages: &Stages) {
        let frames = stages.frames();
        match frames.get(place).map(|frame| frame.way) {
            Some(Way::Short) => {
                let short = &frames[place];
                self.count(short.steering_hash(), &short.lookup);
            }
            Some(Way::Whole) => {
                let before = frames.iter().take(place);
                let other = before.filter(|frame| frame.way == Way::Whole).count();
                if let Some(Screened::Tracked(descriptor, lookup)) = stages.others.get(other) {
                    self.count(steering_hash(descriptor), lookup);
                }
            }
            Some(Way::Gathered) | None => {}
        }
    }

    /// Counts a packet, if this is the worker to judge it.
    fn count(&mut self, steering: u32, lookup: &Lookup) {
        if worker_of(steering, self.workers) == self.worker {
            self.sketch.note(steering, &lookup.key, lookup.hash);
        }
    }

    /// Ends the window if its time is over.
    #[inline]
    pub(super) fn end_window(&mut self, now: Time, snapshot: &Snapshot) {
        if self.sketch.is_over(now) {
            self.show_window(now, snapshot);
        }
    }

    #[cold]
    fn show_window(&mut self, now: Time, snapshot: &Snapshot) {
        let (mut skew, places) = self.sketch.turn_over(now, self.skew.windows + 1);
        let lifetimes = snapshot.lifetimes_under(self.pressure);
        for place in places {
            if skew.sessions.len() == HEAVIEST {
                break;
            }
            let found = self.sessions.find(&place.key, place.hash, None, now, lifetimes);
            if let Found::Live(slot) = found {
                let view = self.view(snapshot, now, lifetimes, slot);
                skew.sessions.push(HeavySession { view, samples: place.certain() });
            }
        }
        self.skew = skew;
    }
}
