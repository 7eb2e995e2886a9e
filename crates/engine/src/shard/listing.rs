//! Listing, counting and clearing sessions in bounded steps.

use policy::{PortIndex, Query};
use session::memory::Memory;
use session::tcp::{Inequality, WindowNumbers};
use session::track::{Refusal, Track};
use session::{Direction, Entry, Found, Key, Lifetimes, Side, Slot, Time};
use wire::{Descriptor, Transport};

use crate::frame::{Frame, Judgement, Outbox};
use crate::listing::{SessionFilter, SessionView};
use crate::{Cut, DropReason, EndReason, Epitaph, Snapshot};

use super::known::comes_from_its_side;
use super::records::Record;
use super::{Core, Lookup, Shard, Turn, context, first_query};

impl<F: Frame, M: Memory> Shard<F, M> {
    /// Shows the living sessions that a filter means, among at most `budget` slots from `cursor` on.
    /// Returns where to go on, or nothing at the end.
    pub fn list(
        &self,
        now: Time,
        cursor: u32,
        budget: u32,
        filter: &SessionFilter,
        show: &mut impl FnMut(SessionView),
    ) -> Option<u32> {
        let Self { snapshot, core, stages: _ } = self;
        let lifetimes = self.lifetimes();
        let end = core.sessions.end().min(cursor.saturating_add(budget));
        for index in cursor..end {
            let Some(slot) = core.sessions.slot(index) else {
                continue;
            };
            let is_stale = core.sessions.is_stale(slot, now, lifetimes);
            if is_stale && !core.is_held(now, lifetimes, slot) {
                continue;
            }
            let view = core.view(snapshot, now, lifetimes, slot);
            if filter.matches(&view, snapshot) {
                show(view);
            }
        }
        (end < core.sessions.end()).then_some(end)
    }

    /// Ends the sessions that a filter means, among at most `budget` slots from `cursor` on. Returns how many
    /// ended, and where to go on.
    pub fn clear(
        &mut self,
        now: Time,
        cursor: u32,
        budget: u32,
        filter: &SessionFilter,
        out: &mut impl Outbox<F>,
    ) -> (u32, Option<u32>) {
        let mut slots = Vec::new();
        let next = self.list(now, cursor, budget, filter, &mut |view| slots.push(view.slot));
        let Self { snapshot, core, stages: _ } = self;
        let mut turn = Turn::new(now, snapshot, core.pressure, out);
        for &slot in &slots {
            core.end(&mut turn, slot, EndReason::Cleared);
        }
        (u32::try_from(slots.len()).unwrap_or(u32::MAX), next)
    }
}

impl<F, M: Memory> Core<F, M> {
    pub(super) fn view(
        &self,
        snapshot: &Snapshot,
        now: Time,
        lifetimes: &Lifetimes,
        slot: Slot,
    ) -> SessionView {
        let summary = self.sessions.summary(slot, now, lifetimes);
        let record = self.records.get(slot);
        let parent = record.and_then(Record::parent);
        SessionView::new(snapshot, &summary, now, parent, record.and_then(Record::gateway))
    }
}

/// What explanations look at. Nothing here changes anything.
impl<F: Frame, M: Memory> Shard<F, M> {
    /// The timeouts that hold.
    pub(super) fn lifetimes(&self) -> &Lifetimes {
        self.snapshot.lifetimes_under(self.core.pressure)
    }

    pub(crate) fn workers(&self) -> u16 {
        self.core.workers
    }

    pub(crate) fn key_of(&self, descriptor: &Descriptor, port: PortIndex) -> (Key, Side) {
        let lookup = self.core.lookup(&self.snapshot, descriptor, port);
        (lookup.key, lookup.side)
    }

    pub(crate) fn find(&self, now: Time, key: &Key) -> Found {
        let hash = self.core.sessions.hash(key);
        match self.core.sessions.find(key, hash, None, now, self.lifetimes()) {
            Found::Stale(slot) if self.core.is_held(now, self.lifetimes(), slot) => {
                Found::Live(slot)
            }
            found @ (Found::Live(_) | Found::Stale(_) | Found::Nothing) => found,
        }
    }

    pub(crate) fn entry(&self, slot: Slot) -> &Entry {
        self.core.sessions.entry(slot)
    }

    pub(crate) fn view(&self, now: Time, slot: Slot) -> SessionView {
        self.core.view(&self.snapshot, now, self.lifetimes(), slot)
    }

    pub(crate) fn is_right_side(
        &self,
        slot: Slot,
        descriptor: &Descriptor,
        port: PortIndex,
        direction: Direction,
    ) -> bool {
        let in_port = PortIndex(self.entry(slot).in_port);
        let vlan = context(&self.snapshot, descriptor, port).vlan();
        comes_from_its_side(&self.snapshot, in_port, port, direction, vlan)
    }

    /// Whether TCP is picked up in the middle since the box has just started.
    pub(crate) fn picks_up(&self, now: Time) -> bool {
        now < self.core.pickup_until
    }

    /// How the numbers of a TCP segment, that a session refused, stand to the session's.
    pub fn window_numbers(&self, judgement: &Judgement, frame: &[u8]) -> Option<WindowNumbers> {
        let Some(DropReason::State(refusal)) = judgement.verdict.reason() else { return None };
        Inequality::of(refusal)?;
        let track = &self.core.sessions.entry(judgement.session?).track;
        let descriptor = wire::parse_with(frame, wire::HeaderChecksum::Trust).ok()?;
        match (track, &descriptor.transport) {
            (Track::Tcp(track), Transport::Tcp(segment)) => {
                Some(track.window_numbers(judgement.direction?, segment))
            }
            _ => None,
        }
    }

    pub(crate) fn query_of(&self, descriptor: &Descriptor, port: PortIndex) -> Query {
        let lookup = self.core.lookup(&self.snapshot, descriptor, port);
        first_query(&self.snapshot, descriptor, port, &lookup)
    }

    /// By which name a packet is dropped that may not open a session, whatever the policy says.
    pub(crate) fn stray(
        &self,
        now: Time,
        descriptor: &Descriptor,
        port: PortIndex,
        refusal: Refusal,
    ) -> DropReason {
        let lookup = self.core.lookup(&self.snapshot, descriptor, port);
        DropReason::of_stray(self.before(now, &lookup), refusal)
    }

    /// By which name a packet is dropped that no rule allows.
    pub(crate) fn stranger(&self, now: Time, descriptor: &Descriptor, port: PortIndex) -> Cut {
        let lookup = self.core.lookup(&self.snapshot, descriptor, port);
        Cut::of_stranger(self.before(now, &lookup), &lookup)
    }

    /// What became of the session that had this key, or would with the next packet.
    fn before(&self, now: Time, lookup: &Lookup) -> Option<Epitaph> {
        let Found::Stale(slot) = self.find(now, &lookup.key) else {
            return self.core.epitaph(lookup);
        };
        let reason = self.core.why_expired(&self.snapshot, now, slot);
        let summary = self.core.sessions.summary(slot, now, self.lifetimes());
        Some(Epitaph { reason, initiator: summary.initiator })
    }

    /// What is remembered of the session that had this key.
    pub(crate) fn epitaph_of(&self, key: &Key, now: Time) -> Option<String> {
        let tombstone = self.core.tombstones.lookup(self.core.sessions.hash(key))?;
        let ago = now.since(tombstone.ended_at).as_secs();
        let idle = tombstone.idle_for.as_secs();
        Some(format!(
            "none; one ended {ago} s ago by {}, idle for {idle} s then",
            tombstone.why.reason
        ))
    }
}
