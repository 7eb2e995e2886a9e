//! A packet without a session: whose is it, may it open one, and does the policy let it?

use core::net::IpAddr;

use policy::{Action, Decision, LogWhen, PortIndex, RuleId, TcpMode, TimeoutSet};
use session::expectation::{Found, Newcomer};
use session::memory::Memory;
use session::track::{EvictionClass, Refusal, Track};
use session::{Direction, Opening, Slot, Time};
use wire::Transport;

use crate::counters::Counter;
use crate::frame::{Event, EventKind, Frame, Judgement, Outbox, Verdict};
use crate::gateway::Reads;
use crate::{Cause, Cut, DropReason, EndReason, Epitaph, Snapshot, owner};

use super::census::Member;
use super::gateway::named;
use super::known::comes_from_its_side;
use super::records::{Conversation, Descent, LOOKS, Record};
use super::tunnel::Tunnel;
use super::{Arrival, Core, Fate, Lookup, Packet, Turn, first_query, query};

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
            if let Some(fate) = self.find_owner(packet.port, packet.arrival, hash) {
                return fate;
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
        if let Ok(track) = strict
            && let Some(grant) =
                self.expected(turn.now, turn.snapshot, packet.port, lookup, packet.call())
            && let Some(fate) = self.admit(turn, packet, lookup, grant, track, successor_of)
        {
            return fate;
        }
        self.judge_by_policy(turn, packet, lookup, strict, successor_of)
    }

    /// Whose is a packet that no session claims? `Some`: another worker's. `hash`: by which its owner is found.
    #[inline]
    pub(super) fn find_owner(
        &mut self,
        port: PortIndex,
        arrival: Arrival,
        hash: u32,
    ) -> Option<Fate> {
        let owner = owner::worker_of(hash, self.workers);
        let is_stray = owner != self.worker;
        if let Arrival::FromPort(received) = arrival
            && let Some(arrivals) = self.arrivals.get_mut(port.index())
        {
            arrivals.note(is_stray, hash, received);
        }
        is_stray.then_some(Fate::HandOver(owner, Cause::NicHash))
    }

    /// Judges a packet that may open a session by what the rules say.
    fn judge_by_policy<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        strict: Result<Track, Refusal>,
        successor_of: Option<Slot>,
    ) -> Fate {
        let just_started = turn.now < self.pickup_until;
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
            Action::Allow => {
                let grant = Grant::of(&decision);
                let fate = self.admit(turn, packet, lookup, grant, track, successor_of);
                // Only a claim can fail, and here is none.
                fate.unwrap_or_else(|| Fate::drop(Cut::NoRule))
            }
            Action::Drop => {
                let reason = match decision.rule {
                    Some(_) => Cut::RuleDrop,
                    None => Cut::of_stranger(self.epitaph(lookup), lookup),
                };
                self.deny(
                    turn,
                    packet,
                    lookup,
                    (decision.rule, decision.log),
                    Verdict::Drop(reason.into()),
                )
            }
            Action::Reject => {
                self.answer(turn, packet);
                let verdict = Verdict::Reject(Cut::RuleReject.into());
                self.deny(turn, packet, lookup, (decision.rule, decision.log), verdict)
            }
        }
    }

    /// What lets a packet in because a gateway has announced it: the rule of the session that it read. None, too, where
    /// the rules themselves have the packet's session read: a control conversation is no less one for having been
    /// announced, as a registrar's calls to the Contact of a SIP telephone are. `call`: that of a packet of PPTP's GRE.
    pub(super) fn expected(
        &self,
        now: Time,
        snapshot: &Snapshot,
        port: PortIndex,
        lookup: &Lookup,
        call: Option<u16>,
    ) -> Option<Grant> {
        let (destination, destination_port) = lookup.key.endpoint(lookup.side.other());
        // What a port is to others, its call is to GRE.
        let is_gre = lookup.key.protocol == wire::protocol::GRE;
        let newcomer = Newcomer {
            context: lookup.key.context,
            protocol: lookup.key.protocol,
            source: lookup.key.endpoint(lookup.side),
            destination: (destination, if is_gre { call? } else { destination_port }),
        };
        let vlan = newcomer.context.vlan();
        let mut granted = None;
        let (found, expectation) = self.publisher.table().find(&newcomer, now, |it| {
            let in_port = PortIndex(it.in_port);
            granted = named(it.gateway)
                .filter(|_| comes_from_its_side(snapshot, in_port, port, Direction::Original, vlan))
                .map(|gateway| Descent { gateway, parent: it.parent, holds: false })
                // Two sessions may have announced the same, and the policy have only one of them read.
                .and_then(|descent| Some((descent, descent.decide(snapshot)?)));
            granted.is_some()
        })?;
        let (descent, decision) = granted?;
        // Nothing that is announced is ICMP.
        let own = query(snapshot, port, &lookup.key, lookup.side, None);
        let own = snapshot.policy.decide(&own);
        if own.action == Action::Allow && Reads::of(&own.service).is_some() {
            return None;
        }
        let parents = Reads::of(&decision.service);
        let reads =
            parents.zip(expectation.reads).and_then(|(it, protocol)| it.announced(protocol));
        // The announced connection does not end with an answer.
        Some(Grant { reads, claims: Some((found, descent)), ..Grant::of(&decision) })
    }

    /// Opens the session that is granted, if there is room. None: it was to be claimed, and another packet
    /// was faster.
    fn admit<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        grant: Grant,
        track: Track,
        successor_of: Option<Slot>,
    ) -> Option<Fate> {
        let Grant { rule, log, timeouts, reads, claims } = grant;
        let refused =
            |reason: DropReason| Some(Fate::Discard(Judgement { rule, ..Judgement::drop(reason) }));
        let snapshot = turn.snapshot;
        let member = Member::of_packet(snapshot, lookup, packet.port, rule, &track);
        let predecessor =
            successor_of.map(|slot| Member::of_session(snapshot, &self.summary(turn, slot)));
        if let Err(cut) = self.census.admits(&member, predecessor.as_ref(), snapshot) {
            if matches!(cut, Cut::SourceLimit | Cut::ZoneEmbryonicLimit) {
                return refused(cut.into());
            }
            // Its own limits are the rule's word.
            return Some(self.deny(turn, packet, lookup, (rule, log), Verdict::Drop(cut.into())));
        }
        let has_record = reads.is_some() || claims.is_some();
        let mut last_reader = None;
        if has_record {
            let source = reads.map(|_| lookup.key.endpoint(lookup.side).0);
            last_reader = match self.room_for_record(source, successor_of) {
                Ok(last_reader) => last_reader,
                Err(cut) => return refused(cut.into()),
            };
        }
        let conversation = reads.map(|reads| {
            let mut conversation = Conversation::new(reads, &lookup.key, lookup.side);
            let room = self.records.room(conversation.source());
            let read = conversation.hear(packet, Direction::Original, &track, room);
            (conversation, read)
        });
        if let Some((conversation, read)) = &conversation
            && let Some(remark) = read.refused
        {
            self.refuse_first(turn, conversation.gateway, read, |core, turn, kind| {
                core.packet_event(turn, packet, lookup, rule, kind)
            });
            return refused(remark.into());
        }
        // A successor takes the room of what it succeeds.
        let is_crowded = successor_of.is_none() && !self.sessions.has_entry(&lookup.key);
        let victim = if is_crowded && self.sessions.has_place(lookup.hash) {
            self.victim(turn, &lookup.key)
        } else {
            None
        };
        if is_crowded && victim.is_none() {
            let is_full = self.sessions.len() >= self.sessions.capacity();
            return refused(if is_full { Cut::TableFull } else { Cut::Ipv6TableFull }.into());
        }
        // Not before it is sure of room, since a packet that comes again could not claim again; and before anything ends
        // for it, which may be what announced it.
        let mut descent = None;
        if let Some((found, claimed)) = claims {
            if !self.publisher.table().claim(found) {
                return None;
            }
            let holds = self.publisher.table().join(&claimed.parent);
            let claimed = &*descent.insert(Descent { holds, ..claimed });
            self.counters.increment(if found.is_standing() {
                Counter::Shared(claimed.gateway)
            } else {
                Counter::Claimed(claimed.gateway)
            });
        }
        if let Some(slot) = successor_of {
            self.end(turn, slot, EndReason::Reopened);
        }
        if let Some(slot) = victim {
            self.evict(turn, slot);
        }
        if let Some(slot) = last_reader.filter(|_| last_reader != victim) {
            self.evict(turn, slot);
        }
        let opening = Opening {
            initiator: lookup.side,
            track,
            rule: rule.map_or(u32::MAX, |rule| rule.0),
            generation: turn.snapshot.mark(),
            timeouts: Snapshot::row(timeouts),
            in_port: packet.port.0,
            // The end of a marked session is written to the log.
            mark: log.at_end(),
        };
        let opened =
            self.sessions.open(&lookup.key, lookup.hash, opening, turn.now, turn.lifetimes);
        let Ok(slot) = opened else {
            if let Some(descent) = descent.filter(|descent| descent.holds) {
                self.publisher.table().leave(&descent.parent, turn.now);
            }
            return refused(Cut::TableFull.into());
        };
        self.census.open(&member, turn.snapshot);
        self.counters.increment(Counter::Created(track.protocol()));
        self.counters.move_session(None, Some(&track));
        self.census.hit(rule, turn.now);
        self.sessions.count(slot, Direction::Original, packet.frames, packet.octets, turn.now);
        if log.at_start() {
            let kind = EventKind::SessionStart;
            let event = self.packet_event(turn, packet, lookup, rule, kind);
            let parent = descent.as_ref().map(Descent::parent_id);
            let reads = reads.map(|reads| reads.gateway);
            let gateway = descent.as_ref().map(|descent| descent.gateway).or(reads);
            turn.out.event(&Event { slot: Some(slot), parent, gateway, ..event });
        }
        if has_record {
            let (conversation, read) = conversation.unzip();
            let tunnel = packet.call().filter(|_| descent.is_some());
            let tunnel = tunnel.map(|call| Box::new(Tunnel::begun_by(call)));
            if tunnel.is_some() {
                self.sessions.entry_mut(slot).set_watched(true);
            }
            let descent = descent.map(Box::new);
            self.records.insert(slot, Record { conversation, descent, tunnel });
            if let Some(read) = read {
                self.act_on(turn, slot, &read);
                self.go_on_reading(slot);
            }
        }
        let judgement = Judgement {
            verdict: Verdict::Forward,
            session: Some(slot),
            created: true,
            direction: Some(Direction::Original),
            state: Some(track.state_name()),
            rule,
        };
        Some(Fate::Forward(turn.snapshot.topology.partner(packet.port), judgement))
    }

    /// Whether there is room for one more record, that of a session that is read if there is a `source`; and which session
    /// is to end for it: of those that nobody has answered the oldest.
    fn room_for_record(
        &mut self,
        source: Option<IpAddr>,
        successor_of: Option<Slot>,
    ) -> Result<Option<Slot>, Cut> {
        let records = &self.records;
        if !records.has_room() {
            return Err(Cut::GatewayLimit);
        }
        let Some(source) = source else { return Ok(None) };
        if !records.has_share(source) {
            return Err(Cut::GatewaySourceLimit);
        }
        if records.has_room_for_reader() || successor_of.is_some_and(|slot| records.reads(slot)) {
            return Ok(None);
        }
        let last = self.oldest_unanswered(LOOKS).filter(|slot| Some(*slot) != successor_of);
        last.map(Some).ok_or(Cut::GatewayLimit)
    }

    /// The session that has been read for longest without an answer, if it is among so many.
    pub(super) fn oldest_unanswered(&mut self, looks: usize) -> Option<Slot> {
        let Self { records, sessions, .. } = self;
        let unanswered = |slot| sessions.entry(slot).track.eviction_class() != EvictionClass::Never;
        records.oldest_unanswered(looks, unanswered)
    }

    /// A packet that the policy refuses.
    fn deny<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        (rule, log): (Option<RuleId>, LogWhen),
        verdict: Verdict,
    ) -> Fate {
        self.census.hit(rule, turn.now);
        if let Some(reason) = verdict.reason()
            && (log.at_start() || log.at_end())
        {
            let kind = EventKind::Deny { reason };
            let event = self.packet_event(turn, packet, lookup, rule, kind);
            turn.out.event(&event);
        }
        Fate::Discard(Judgement { rule, ..Judgement::of(verdict) })
    }

    /// A packet that may not open a session, whatever the policy says. The memory of ended sessions may
    /// know better what it is.
    fn refuse_stray(&self, lookup: &Lookup, refusal: Refusal) -> Fate {
        Fate::drop(DropReason::of_stray(self.epitaph(lookup), refusal))
    }

    /// What became of the session that had this key, if that is remembered.
    pub(super) fn epitaph(&self, lookup: &Lookup) -> Option<Epitaph> {
        self.tombstones.lookup(lookup.hash).map(|tombstone| tombstone.why)
    }

    fn packet_event<O>(
        &self,
        turn: &Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        rule: Option<RuleId>,
        kind: EventKind,
    ) -> Event {
        let Lookup { key, side, hash: _, guess: _ } = lookup;
        self.event(turn, key, *side, packet.port, kind, rule)
    }
}

/// What lets a packet open a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    pub(crate) rule: Option<RuleId>,
    log: LogWhen,
    timeouts: Option<TimeoutSet>,
    /// How the session is read.
    pub(super) reads: Option<Reads>,
    /// The expectation that it takes, and where that comes from.
    pub(super) claims: Option<(Found, Descent)>,
}

impl Grant {
    pub(super) fn of(decision: &Decision) -> Self {
        Self {
            rule: decision.rule,
            log: decision.log,
            timeouts: decision.service.timeouts,
            reads: Reads::of(&decision.service),
            claims: None,
        }
    }
}

impl DropReason {
    /// Of a packet that may not open a session, whatever the policy says, and whose key another session has had before.
    pub(super) fn of_stray(before: Option<Epitaph>, refusal: Refusal) -> Self {
        before.map(Cut::of_late).map_or(Self::State(refusal), Self::Cut)
    }
}

impl Cut {
    /// Of a packet that no rule allows: the late answer of a conversation that is over is no stranger.
    pub(super) fn of_stranger(before: Option<Epitaph>, lookup: &Lookup) -> Self {
        let answered = before.filter(|epitaph| epitaph.initiator != lookup.side);
        answered.map_or(Self::NoRule, Self::of_late)
    }

    /// The reason to drop a packet of a session that has ended so.
    fn of_late(epitaph: Epitaph) -> Self {
        match epitaph.reason {
            EndReason::Timeout | EndReason::Answered | EndReason::Unreachable => {
                Self::SessionExpired
            }
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
