//! A burst between its stages: which way each frame goes, and what was read of it.

use arrayvec::ArrayVec;
use session::memory::Memory;

use crate::frame::{Frame, Outbox};

use super::short::Short;
use super::{BURST, Core, Lookup, Place, Screened, Turn};

/// Which way a frame of a burst goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The short way of plain packets.
    Short,
    /// The whole way: the next of the frames that were screened.
    Whole,
    /// To the fragments of its datagram, which the owner of the addresses has found whole.
    Gathered,
}

/// A burst after the stateless stage.
pub(super) struct Stages {
    /// The frames, in order: as many as there are in the burst. Those behind are of bursts before.
    pub(super) frames: [Short; BURST],
    /// How many there are.
    length: usize,
    /// The frames that go the whole way, in order.
    pub(super) others: ArrayVec<Screened, BURST>,
}

impl Default for Stages {
    fn default() -> Self {
        Self { frames: [Short::BLANK; BURST], length: 0, others: ArrayVec::new() }
    }
}

impl Stages {
    /// The frames of the burst.
    pub(super) fn frames(&self) -> &[Short] {
        self.frames.get(..self.length).unwrap_or_default()
    }

    /// The plain packets.
    #[inline(always)]
    fn shorts(&mut self) -> impl Iterator<Item = &mut Short> {
        let frames = self.frames.get_mut(..self.length).unwrap_or_default();
        frames.iter_mut().filter(|frame| frame.way == Way::Short)
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// The stateless stage of a burst: reads, screens, and asks for the buckets. None in the place of a frame: it is
    /// gathered with others.
    #[inline(always)]
    pub(super) fn stage<'f, O>(
        &self,
        turn: &Turn<'_, O>,
        frames: impl ExactSizeIterator<Item = Option<&'f F>>,
        stages: &mut Stages,
    ) where
        F: 'f,
    {
        self.read_frames(turn, frames, stages);
        self.fetch_buckets(stages);
    }

    /// Reads and screens the frames. A function of its own, as the stages after it are: each is a loop over the burst
    /// that has all registers for itself.
    #[inline(never)]
    fn read_frames<'f, O>(
        &self,
        turn: &Turn<'_, O>,
        frames: impl ExactSizeIterator<Item = Option<&'f F>>,
        stages: &mut Stages,
    ) where
        F: 'f,
    {
        stages.length = frames.len();
        stages.others.clear();
        for (frame, staged) in frames.zip(&mut stages.frames) {
            staged.way = match frame {
                None => Way::Gathered,
                Some(frame) if self.read_short(turn, frame, staged).is_some() => Way::Short,
                Some(frame) => {
                    stages.others.push(self.prepare(turn, frame));
                    Way::Whole
                }
            };
        }
    }

    /// Finds the hashes of the plain packets and asks for their buckets.
    #[inline(never)]
    fn fetch_buckets(&self, stages: &mut Stages) {
        for short in stages.shorts() {
            let Lookup { key, side, hash, guess: _ } = &mut short.lookup;
            *side = key.order();
            *hash = self.sessions.hash(key);
            self.sessions.prefetch(*hash);
        }
    }

    /// The second stage of a burst: asks for the entries. Now and then it looks at one of the packets.
    #[inline(never)]
    pub(super) fn fetch_entries(&mut self, stages: &mut Stages) {
        for short in stages.shorts() {
            short.lookup.guess = self.sessions.prefetch_entry(short.lookup.hash);
        }
        for screened in &mut stages.others {
            if let Screened::Tracked(_, lookup) = screened {
                lookup.guess = self.sessions.prefetch_entry(lookup.hash);
            }
        }
        if let Some(place) = self.sketch.pick(stages.length) {
            self.look_among(place, stages);
        }
    }

    /// The last stage: judges one frame. `others`: what was read of those that go the whole way.
    #[inline(always)]
    pub(super) fn judge_staged<'s, O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        staged: &Short,
        others: &mut impl Iterator<Item = &'s Screened>,
        hops: u8,
    ) {
        match staged.way {
            Way::Short => self.judge_plain(turn, frame, staged, hops),
            Way::Whole => {
                if let Some(screened) = others.next() {
                    self.judge(turn, frame, screened, hops);
                }
            }
            Way::Gathered => self.gather(turn, frame, hops, Place::OwnerOfPorts),
        }
    }
}
