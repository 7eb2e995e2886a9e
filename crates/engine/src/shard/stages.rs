//! A burst between its stages: which way each frame goes, and what was read of it.

use arrayvec::ArrayVec;
use session::memory::Memory;

use crate::frame::{Frame, Outbox};

use super::short::Short;
use super::{BURST, Core, Place, Screened, Turn};

/// Which way a frame of a burst goes.
pub(super) enum Way {
    /// The short way of plain packets.
    Short(Short),
    /// The whole way: the next of the frames that were screened.
    Whole,
    /// To the fragments of its datagram, which the owner of the addresses has found whole.
    Gathered,
}

/// A burst after the stateless stage.
#[derive(Default)]
pub(super) struct Stages {
    /// Of each frame, in order.
    pub(super) ways: ArrayVec<Way, BURST>,
    /// The frames that go the whole way, in order.
    pub(super) others: ArrayVec<Screened, BURST>,
}

impl Stages {
    /// A frame that is gathered with others.
    pub(super) fn push_gathered(&mut self) {
        self.ways.push(Way::Gathered);
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// The stateless stage of one frame: parse, screen, and ask for the bucket.
    #[inline(always)]
    pub(super) fn stage<O>(&self, turn: &Turn<'_, O>, frame: &F, stages: &mut Stages) {
        if let Some(short) = self.prepare_short(turn, frame) {
            stages.ways.push(Way::Short(short));
        } else {
            stages.others.push(self.prepare(turn, frame));
            stages.ways.push(Way::Whole);
        }
    }

    /// The second stage of a burst: asks for the entries. Now and then it looks at one of the packets.
    #[inline(always)]
    pub(super) fn fetch_entries(&mut self, stages: &mut Stages) {
        for way in &mut stages.ways {
            if let Way::Short(Short { lookup, .. }) = way {
                lookup.guess = self.sessions.prefetch_entry(lookup.hash);
            }
        }
        for screened in &mut stages.others {
            if let Screened::Tracked(_, lookup) = screened {
                lookup.guess = self.sessions.prefetch_entry(lookup.hash);
            }
        }
        if let Some(place) = self.sketch.pick(stages.ways.len()) {
            self.look_among(place, stages);
        }
    }

    /// The last stage: judges one frame. `others`: what was read of those that go the whole way.
    #[inline(always)]
    pub(super) fn judge_staged<'s, O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        way: &Way,
        others: &mut impl Iterator<Item = &'s Screened>,
        hops: u8,
    ) {
        match way {
            Way::Short(short) => self.judge_plain(turn, frame, short, hops),
            Way::Whole => {
                if let Some(screened) = others.next() {
                    self.judge(turn, frame, screened, hops);
                }
            }
            Way::Gathered => self.gather(turn, frame, hops, Place::OwnerOfPorts),
        }
    }
}
