//! What happens without a packet: timers, the arrival of a new policy, and the sweep that follows it.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use policy::{Action, Decision, PortIndex, Query, RuleId};
use session::expectation::{Ended, Parent};
use session::memory::Memory;
use session::tombstone::Tombstone;
use session::track::{EvictionClass, Track};
use session::{Context, Key, Pressure, Side, Slot, Summary, Time};

use crate::counters::Counter;
use crate::frame::{Event, EventKind, Frame, Judgement, Outbox};
use crate::gateway::Reads;
use crate::{EndReason, Epitaph, Gateway, Snapshot};

use super::census::{Member, rule_of};
use super::records::{Conversation, Descent, LOOKS_AHEAD, Record};
use super::{Core, Shard, Turn, query};

/// Entries that one step of the timers examines.
const TIMER_BUDGET: u32 = 32;
/// After so long a session is looked at again that is held though its time is over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Held fragments that one step may time out.
const FRAGMENT_BUDGET: usize = 16;
/// Sessions that one step of the sweep looks at.
const SWEEP_BUDGET: u32 = 32;

/// A walk over all slots, begun when sessions have to be judged again, or timers set earlier. What opens while it is
/// under way needs neither; so it ends where it began, and goes on for another round if it is begun anew.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// The next slot.
    at: u32,
    /// Slots to go, those that no session has ever been in included.
    left: u32,
}

impl<F: Frame, M: Memory> Shard<F, M> {
    /// One bounded step of timers and sweep. Returns whether more is due at once.
    pub fn tick(&mut self, now: Time, out: &mut impl Outbox<F>) -> bool {
        let Self { snapshot, core, stages: _ } = self;
        core.feel_pressure();
        core.end_window(now, snapshot);
        let mut turn = Turn::new(now, snapshot, core.pressure, out);
        let timers = core.expire_sessions(&mut turn);
        let fragments = core.expire_fragments(&mut turn);
        let expectations = core.expire_expectations(&turn);
        let sweep = core.sweep(&mut turn);
        if core.records.is_filling() {
            // What has been answered, or has ended, is out of the way then.
            core.oldest_unanswered(LOOKS_AHEAD);
        }
        core.show_readers();
        timers || fragments || expectations || sweep
    }

    /// Takes over a new version of the policy between two bursts, and returns the old one, to be freed
    /// where that does no harm. Sessions are judged by it on their next packet, or by the sweep that begins
    /// with the next [`Self::tick`].
    pub fn install(&mut self, snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
        self.core.census.begin(&snapshot);
        self.core.sweep.left = self.core.sessions.capacity();
        core::mem::replace(&mut self.snapshot, snapshot)
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    fn expire_sessions<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>) -> bool {
        let mut budget = TIMER_BUDGET;
        while let Some(slot) = self.sessions.next_expired(turn.now, turn.lifetimes, &mut budget) {
            // A look at a session that has announced much is as long as one at several that have not.
            budget = budget.saturating_sub(self.records.looks_at(slot));
            if self.is_held(turn.now, turn.lifetimes, slot) {
                // For how long is not known: what holds it may be over already, and the timers have not come there.
                self.sessions.look_again(slot, turn.now + LOOK_AGAIN);
            } else {
                self.end_expired(turn, slot);
            }
        }
        budget == 0
    }

    fn expire_fragments<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>) -> bool {
        let Self { fragments, counters, .. } = self;
        let spent = fragments.expire(turn.now, FRAGMENT_BUDGET, &mut |frame, fault| {
            counters.increment(Counter::Dropped(fault.into()));
            turn.out.discard(frame, &Judgement::drop(fault));
        });
        counters.set(Counter::Held, fragments.frames() as u64);
        spent >= FRAGMENT_BUDGET
    }

    /// Puts what is read now where it is seen.
    fn show_readers(&mut self) {
        let Self { records, counters, .. } = self;
        for &gateway in Gateway::ALL {
            counters.set(Counter::Read(gateway), records.read_by(gateway).into());
        }
        counters.set(Counter::ReaderOctets, records.octets() as u64);
    }

    /// Shrinks timeouts by how full the table is. A session whose timer was set by longer ones is found by a sweep;
    /// a packet of it meets the shorter one at once.
    fn feel_pressure(&mut self) {
        let (used, capacity) = (self.sessions.len(), self.sessions.capacity());
        let next = self.pressure.next(used, capacity);
        if next > self.pressure {
            self.sweep.left = capacity;
        }
        self.pressure = next;
    }

    /// A bounded step of the sweep: judges by the policy whom it has not judged, and sets timers that pressure has
    /// made late.
    fn sweep<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>) -> bool {
        let mut budget = SWEEP_BUDGET;
        while budget > 0 && self.sweep.left > 0 {
            let index = self.sweep.at;
            if index >= self.sessions.end() {
                self.sweep.left = self.sweep.left.saturating_sub(self.sessions.capacity() - index);
                self.sweep.at = 0;
                continue;
            }
            (self.sweep.at, self.sweep.left) = (index + 1, self.sweep.left - 1);
            budget -= 1;
            let Some(slot) = self.sessions.slot(index) else {
                continue;
            };
            if self.sessions.entry(slot).generation != turn.snapshot.mark() {
                self.still_allowed(turn, slot);
            } else if self.pressure > Pressure::NONE {
                self.sessions.rearm(slot, turn.now, turn.lifetimes);
            }
        }
        self.sweep.left > 0
    }

    /// Judges a session by a policy that it has not been judged by. One that is not allowed any more ends;
    /// one that another rule allows is that rule's from now on.
    pub(super) fn still_allowed<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        slot: Slot,
    ) -> bool {
        let summary = self.sessions.summary(slot, turn.now, turn.lifetimes);
        let Some(decision) = self.decide_anew(turn.snapshot, &summary) else {
            self.end(turn, slot, EndReason::PolicyChanged);
            return false;
        };
        self.read_as(&summary, Reads::of(&decision.service));
        self.census.leave(&Member::of_session(turn.snapshot, &summary), turn.snapshot);
        let entry = self.sessions.entry_mut(slot);
        entry.generation = turn.snapshot.mark();
        entry.rule = decision.rule.map_or(u32::MAX, |rule| rule.0);
        entry.timeouts = Snapshot::row(decision.service.timeouts);
        entry.set_mark(decision.log.at_end());
        let (generation, rule) = (entry.generation, entry.rule);
        let summary = Summary { generation, rule, ..summary };
        self.census.enter(&Member::of_session(turn.snapshot, &summary), turn.snapshot);
        self.sessions.rearm(slot, turn.now, turn.lifetimes);
        true
    }

    /// By what a policy allows a session that is there, if it does.
    pub(super) fn decide_anew(&self, snapshot: &Snapshot, session: &Summary) -> Option<Decision> {
        let decision = match &self.descent(session.slot) {
            // A child stands and falls with the session that announced it.
            Some(descent) => descent.decide(snapshot),
            None => Some(snapshot.policy.decide(&opening_query(snapshot, session))),
        };
        decision.filter(|decision| decision.action == Action::Allow)
    }

    /// What announced a session, if any did.
    pub(super) fn descent(&self, slot: Slot) -> Option<Descent> {
        self.records.get(slot)?.descent.as_deref().copied()
    }

    /// Has a session read as its rule says now. One that no gateway has read so far is read from its next packet on, if there
    /// is room, and if its protocol can be taken up in the middle: else its reader stops when it sees that.
    fn read_as(&mut self, summary: &Summary, reads: Option<Reads>) {
        let slot = summary.slot;
        if let Some(conversation) = self.records.conversation(slot) {
            match reads {
                Some(reads) if reads.gateway == conversation.gateway => {
                    conversation.options = reads.options;
                    return;
                }
                Some(_) | None => self.close_conversation(slot, Ended::PolicyChanged),
            }
        }
        let is_over = summary.track.eviction_class() == EvictionClass::Closed;
        if let Some(reads) = reads.filter(|_| !is_over && self.records.get(slot).is_none()) {
            self.begin_to_read(summary, reads);
        }
    }

    fn begin_to_read(&mut self, summary: &Summary, reads: Reads) {
        let Summary { slot, key, initiator, .. } = *summary;
        if self.may_begin_to_read(key.endpoint(initiator).0) {
            let conversation = Some(Conversation::new(reads, &key, initiator));
            self.records.insert(slot, Record { conversation, ..Record::default() });
            self.sessions.entry_mut(slot).set_watched(true);
        }
    }

    /// Whether there is room to read a session that is there, of a source.
    pub(super) fn may_begin_to_read(&self, source: IpAddr) -> bool {
        let records = &self.records;
        records.has_room() && records.has_share(source) && records.has_room_for_reader()
    }

    /// Remembers an ended session.
    pub(super) fn bury(&mut self, now: Time, summary: &Summary, reason: EndReason) {
        let fingerprint = self.sessions.hash(&summary.key);
        let idle_for = now.since(summary.last_seen);
        let why = Epitaph { reason, initiator: summary.initiator };
        self.tombstones.bury(fingerprint, Tombstone { ended_at: now, idle_for, why });
    }

    pub(super) fn end_event<O>(
        &self,
        turn: &Turn<'_, O>,
        summary: &Summary,
        record: Option<&Record>,
        reason: EndReason,
    ) -> Event {
        let Summary { created, packets, bytes, .. } = *summary;
        let kind = EventKind::SessionEnd { reason, created, packets, bytes };
        let rule = rule_of(summary.rule);
        let in_port = PortIndex(summary.in_port);
        let event = self.event(turn, &summary.key, summary.initiator, in_port, kind, rule);
        let (parent, gateway) = record.map_or((None, None), |it| (it.parent(), it.gateway()));
        Event { slot: Some(summary.slot), parent, gateway, ..event }
    }

    /// An event about what `initiator` of a key started.
    pub(super) fn event<O>(
        &self,
        turn: &Turn<'_, O>,
        key: &Key,
        initiator: Side,
        in_port: PortIndex,
        kind: EventKind,
        rule: Option<RuleId>,
    ) -> Event {
        let (source, source_port) = key.endpoint(initiator);
        let (destination, destination_port) = key.endpoint(initiator.other());
        let (from, to) = turn.snapshot.zones(in_port, key.context);
        Event {
            time: turn.now,
            worker: self.worker,
            kind,
            slot: None,
            protocol: key.protocol,
            source,
            source_port,
            destination,
            destination_port,
            in_port,
            from,
            to,
            vlan: key.context.vlan(),
            rule,
            parent: None,
            gateway: None,
        }
    }
}

impl Descent {
    /// What the policy says of the session that announced this one; none: it does not have it read by the gateway
    /// that did. This is a function of the parent's tuple: nobody has to ask the parent's worker.
    pub(super) fn decide(&self, snapshot: &Snapshot) -> Option<Decision> {
        let Parent { key, initiator, in_port, .. } = &self.parent;
        let query = query(snapshot, PortIndex(*in_port), key, *initiator, None);
        let decision = snapshot.policy.decide(&query);
        let gateway = Reads::of(&decision.service).map(|reads| reads.gateway);
        (decision.action == Action::Allow && gateway == Some(self.gateway)).then_some(decision)
    }
}

/// The question that the session's first packet put.
fn opening_query(snapshot: &Snapshot, summary: &Summary) -> Query {
    let icmp = match &summary.track {
        Track::Icmp(track) => Some((track.query_type(), 0)),
        Track::Unused | Track::Tcp(_) | Track::Udp(_) | Track::Sctp(_) | Track::Other(_) => None,
    };
    query(snapshot, PortIndex(summary.in_port), &summary.key, summary.initiator, icmp)
}

impl Snapshot {
    /// The zones that a session goes from and to.
    pub fn zones(&self, in_port: PortIndex, context: Context) -> (policy::ZoneId, policy::ZoneId) {
        let vlan = context.vlan();
        let partner = self.topology.partner(in_port);
        (self.topology.zone(in_port, vlan), self.topology.zone(partner, vlan))
    }
}
