//! A packet without a session: whose is it, may it open one, and does the policy let it?

use policy::{Action, Decision, TcpMode};
use session::memory::Memory;
use session::track::{EvictionClass, Refusal, Track};
use session::{Direction, Opening, Slot};
use wire::Transport;

use crate::counters::Counter;
use crate::frame::{Event, EventKind, Frame, Judgement, Outbox, Verdict};
use crate::{Cause, Cut, DropReason, EndReason, Epitaph, Snapshot, owner};

use super::census::Member;
use super::{Arrival, Core, Fate, Lookup, Packet, Turn, first_query, upkeep};

impl<F: Frame, M: Memory> Core<F, M> {
    /// Judges a packet that no living session claims. `successor_of`: the session with the same key whose
    /// place a new one would take.
    pub(super) fn judge_unknown<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        successor_of: Option<Slot>,
    ) -> Fate {
        if self.workers > 1 {
            let hash = owner::steering_hash(packet.descriptor);
            let owner = owner::worker_of(hash, self.workers);
            let is_stray = owner != self.worker;
            if let Arrival::FromPort(received) = packet.arrival
                && let Some(arrivals) = self.arrivals.get_mut(packet.port.index())
            {
                arrivals.note(is_stray, hash, received);
            }
            if is_stray {
                return Fate::HandOver(owner, Cause::NicHash);
            }
        }
        let strict = Track::open(packet.descriptor);
        let just_started = turn.now < self.pickup_until;
        if let Err(refusal) = strict {
            // Only a loose rule can still let it pass, and only TCP.
            let is_tcp = matches!(packet.descriptor.transport, Transport::Tcp(_));
            if !is_tcp || !(just_started || turn.snapshot.policy.any_loose()) {
                return self.refuse_stray(lookup, refusal);
            }
        }
        let query = first_query(turn.snapshot, packet.descriptor, packet.port, lookup);
        let decision = turn.snapshot.policy.decide(&query);
        let loose = just_started || decision.tcp == TcpMode::Loose;
        let track = if decision.action == Action::Allow && loose {
            Track::pick_up(packet.descriptor)
        } else {
            strict
        };
        let mut track = match track {
            Ok(track) => track,
            Err(refusal) => return self.refuse_stray(lookup, refusal),
        };
        if decision.service.answered {
            track.end_with_answer();
        }
        match decision.action {
            Action::Allow => self.admit(turn, packet, lookup, &decision, track, successor_of),
            Action::Drop => {
                let reason = match decision.rule {
                    Some(_) => Cut::RuleDrop,
                    // The late answer of a conversation that is over is no stranger.
                    None => {
                        let answers = |epitaph: &Epitaph| epitaph.initiator != lookup.side;
                        self.epitaph(lookup).filter(answers).map_or(Cut::NoRule, Cut::of_late)
                    }
                };
                self.deny(turn, packet, lookup, &decision, Verdict::Drop(reason.into()))
            }
            Action::Reject => {
                self.answer(turn, packet);
                let verdict = Verdict::Reject(Cut::RuleReject.into());
                self.deny(turn, packet, lookup, &decision, verdict)
            }
        }
    }

    /// Opens the session that the policy allows, if there is room.
    fn admit<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        decision: &Decision,
        track: Track,
        successor_of: Option<Slot>,
    ) -> Fate {
        let refused =
            |cut: Cut| Fate::Discard(Judgement { rule: decision.rule, ..Judgement::drop(cut) });
        let member = Member {
            generation: turn.snapshot.mark(),
            rule: decision.rule,
            source: lookup.key.endpoint(lookup.side).0,
            destination: lookup.key.endpoint(lookup.side.other()).0,
            from: turn.snapshot.zones(packet.port, lookup.key.context).0,
            half_open: track.eviction_class() == EvictionClass::HalfOpen,
        };
        if let Err(cut) = self.within_limits(turn, &member, successor_of) {
            if matches!(cut, Cut::SourceLimit | Cut::ZoneEmbryonicLimit) {
                return refused(cut);
            }
            // Its own limits are the rule's word.
            return self.deny(turn, packet, lookup, decision, Verdict::Drop(cut.into()));
        }
        if let Some(slot) = successor_of {
            self.end(turn, slot, EndReason::Reopened);
        }
        let opening = Opening {
            initiator: lookup.side,
            track,
            rule: decision.rule.map_or(u32::MAX, |rule| rule.0),
            generation: turn.snapshot.mark(),
            timeouts: Snapshot::row(decision.service.timeouts),
            in_port: packet.port.0,
            // The end of a marked session is written to the log.
            mark: decision.log.at_end(),
        };
        let is_crowded = self.sessions.is_full();
        if is_crowded && !(self.sessions.has_place(lookup.hash) && self.make_room(turn)) {
            return refused(Cut::TableFull);
        }
        let opened =
            self.sessions.open(&lookup.key, lookup.hash, opening, turn.now, turn.lifetimes);
        let Ok(slot) = opened else {
            return refused(Cut::TableFull);
        };
        self.census.open(&member, turn.snapshot);
        self.counters.increment(Counter::Created(track.protocol()));
        self.counters.move_session(None, Some(&track));
        self.census.hit(decision.rule, turn.now);
        self.sessions.count(slot, Direction::Original, packet.frames, packet.octets, turn.now);
        if decision.log.at_start() {
            let kind = EventKind::SessionStart;
            let event = self.packet_event(turn, packet, lookup, decision, kind);
            turn.out.event(&Event { slot: Some(slot), ..event });
        }
        let judgement = Judgement {
            verdict: Verdict::Forward,
            session: Some(slot),
            created: true,
            direction: Some(Direction::Original),
            state: Some(track.state_name()),
            rule: decision.rule,
        };
        Fate::Forward(turn.snapshot.topology.partner(packet.port), judgement)
    }

    /// Whether there may be one more session like this, if it takes the place of its predecessor.
    fn within_limits<O>(
        &mut self,
        turn: &Turn<'_, O>,
        member: &Member,
        successor_of: Option<Slot>,
    ) -> Result<(), Cut> {
        let Some(slot) = successor_of else {
            return self.census.admits(member, turn.snapshot);
        };
        let predecessor = upkeep::member(turn.snapshot, &self.summary(turn, slot));
        self.census.close(&predecessor, turn.snapshot);
        let admitted = self.census.admits(member, turn.snapshot);
        self.census.open(&predecessor, turn.snapshot);
        admitted
    }

    /// A packet that the policy refuses.
    fn deny<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        decision: &Decision,
        verdict: Verdict,
    ) -> Fate {
        self.census.hit(decision.rule, turn.now);
        if let Some(reason) = verdict.reason()
            && (decision.log.at_start() || decision.log.at_end())
        {
            let kind = EventKind::Deny { reason };
            let event = self.packet_event(turn, packet, lookup, decision, kind);
            turn.out.event(&event);
        }
        Fate::Discard(Judgement { rule: decision.rule, ..Judgement::of(verdict) })
    }

    /// A packet that may not open a session, whatever the policy says. The memory of ended sessions may
    /// know better what it is.
    fn refuse_stray(&self, lookup: &Lookup, refusal: Refusal) -> Fate {
        let late = self.epitaph(lookup).map(Cut::of_late);
        let reason = late.map_or(DropReason::State(refusal), DropReason::Cut);
        Fate::drop(reason)
    }

    /// What became of the session that had this key, if that is remembered.
    fn epitaph(&self, lookup: &Lookup) -> Option<Epitaph> {
        self.tombstones.lookup(lookup.hash).map(|tombstone| tombstone.why)
    }

    fn packet_event<O>(
        &self,
        turn: &Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        decision: &Decision,
        kind: EventKind,
    ) -> Event {
        let Lookup { key, side, hash: _, guess: _ } = lookup;
        let rule = decision.rule;
        self.event(turn, key, *side, packet.port, kind, rule)
    }
}

impl Cut {
    /// The reason to drop a packet of a session that has ended so.
    fn of_late(epitaph: Epitaph) -> Self {
        match epitaph.reason {
            EndReason::Timeout | EndReason::Answered => Self::SessionExpired,
            EndReason::AgedEarly => Self::SessionAgedEarly,
            EndReason::Evicted => Self::SessionEvicted,
            EndReason::TcpFin
            | EndReason::TcpReset
            | EndReason::SctpClosed
            | EndReason::Reopened => Self::SessionClosed,
            EndReason::PolicyChanged => Self::PolicyChanged,
            EndReason::Cleared => Self::SessionCleared,
        }
    }
}
