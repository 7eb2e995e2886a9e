//! A packet of a living session, and the end of sessions.

use policy::{PortIndex, RuleId};
use session::expectation::Ended;
use session::key::Addresses;
use session::memory::Memory;
use session::track::EvictionClass;
use session::{Direction, Key, Slot, Summary, Time, TimeoutClass, track};

use crate::counters::Counter;
use crate::frame::{Frame, Judgement, Outbox, Verdict};
use crate::{Cut, EndReason, Snapshot};

use super::census::Member;
use super::records::Record;
use super::{Core, Fate, Lookup, Packet, Turn};

impl<F: Frame, M: Memory> Core<F, M> {
    /// The tracker judges; what passes is counted and leaves by the other end of its wire.
    #[inline]
    pub(super) fn judge_known<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        slot: Slot,
    ) -> Fate {
        if self.sessions.entry(slot).generation != turn.snapshot.mark()
            && !self.still_allowed(turn, slot)
        {
            return Fate::drop(Cut::PolicyChanged);
        }
        let entry = self.sessions.entry_mut(slot);
        let direction = lookup.side.direction(entry.initiator());
        let rule = Some(RuleId(entry.rule));
        let judgement = |verdict: Verdict, track: &track::Track| Judgement {
            verdict,
            session: Some(slot),
            created: false,
            direction: Some(direction),
            state: Some(track.state_name()),
            // What the tracker refuses, no rule has decided.
            rule: rule.filter(|_| verdict == Verdict::Forward),
        };
        let in_port = PortIndex(entry.in_port);
        let vlan = lookup.key.context.vlan();
        if !comes_from_its_side(turn.snapshot, in_port, packet.port, direction, vlan) {
            return Fate::Discard(judgement(Verdict::Drop(Cut::WrongSide.into()), &entry.track));
        }
        let before = entry.track;
        let ended = match entry.track.judge(direction, packet.descriptor, turn.now) {
            track::Judgement::Pass => false,
            track::Judgement::Ended => true,
            track::Judgement::Reopen => {
                return self.judge_unknown(turn, packet, lookup, Some(slot));
            }
            track::Judgement::Refuse(refusal) => {
                return Fate::Discard(judgement(Verdict::Drop(refusal.into()), &entry.track));
            }
        };
        if entry.is_watched() {
            let after = entry.track;
            if let Some(reason) = self.read(turn, packet, lookup, slot, direction) {
                // It does not reach the other side: the conversation has not got so far. Its octets count as sent all the
                // same, since they are sent again.
                if before.phase() != after.phase() {
                    self.sessions.entry_mut(slot).track = before;
                }
                return Fate::Discard(judgement(Verdict::Drop(reason), &after));
            }
        }
        Fate::Forward(
            turn.snapshot.topology.partner(packet.port),
            self.follow(turn, slot, direction, before, (packet.frames, packet.octets), ended),
        )
    }

    /// Notes a packet that its session's tracker has let pass: `before` is the track as it was. `size`: frames and
    /// octets. `ended`: it is the session's last.
    pub(super) fn follow<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        slot: Slot,
        direction: Direction,
        before: track::Track,
        (frames, octets): (u32, u32),
        ended: bool,
    ) -> Judgement {
        let entry = self.sessions.entry(slot);
        let (after, rule) = (entry.track, RuleId(entry.rule));
        self.sessions.count(slot, direction, frames, octets, turn.now);
        if ended || before.phase() != after.phase() {
            self.enter_phase(turn, slot, &before, &after, ended);
        }
        Judgement::pass(slot, direction, &after, rule)
    }

    /// What a change of state or timeout brings with it.
    #[inline(never)]
    fn enter_phase<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        slot: Slot,
        before: &track::Track,
        after: &track::Track,
        ended: bool,
    ) {
        let mut rearm = before.timeout_class() != after.timeout_class();
        if before.state_index() != after.state_index() {
            self.counters.move_session(Some(before), Some(after));
            let classes = [before.eviction_class(), after.eviction_class()];
            rearm |= classes[0] != classes[1];
            match classes.map(|class| class == EvictionClass::HalfOpen) {
                [false, true] => {
                    let member = Member::of_session(turn.snapshot, &self.summary(turn, slot));
                    self.census.begin_handshake(&member, turn.snapshot);
                }
                [true, false] => {
                    let member = Member::of_session(turn.snapshot, &self.summary(turn, slot));
                    self.census.end_handshake(&member, turn.snapshot);
                }
                [true, true] | [false, false] => {}
            }
            if classes[1] == EvictionClass::Closed {
                self.close_conversation(slot, Ended::ParentEnded);
            }
        }
        if ended {
            // Only SCTP ends with a packet; all else lingers for stragglers.
            self.end(turn, slot, EndReason::SctpClosed);
        } else if rearm {
            self.sessions.rearm(slot, turn.now, turn.lifetimes);
        }
    }

    /// Ends a session whose timeout is over, or would not be if there were no pressure.
    pub(super) fn end_expired<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>, slot: Slot) {
        let reason = self.why_expired(turn.snapshot, turn.now, slot);
        self.end(turn, slot, reason);
    }

    /// By which name a session whose time is over ends.
    pub(super) fn why_expired(&self, snapshot: &Snapshot, now: Time, slot: Slot) -> EndReason {
        if self.sessions.is_stale(slot, now, &snapshot.lifetimes) {
            end_reason(&self.sessions.entry(slot).track)
        } else {
            EndReason::AgedEarly
        }
    }

    /// The session to end so that there is room for one of this key. None: there is none that may be evicted.
    pub(super) fn victim<O>(&mut self, turn: &Turn<'_, O>, key: &Key) -> Option<Slot> {
        let is_wide = matches!(key.endpoints.addresses, Addresses::V6(_));
        let ipv6 = is_wide && self.sessions.is_ipv6_full();
        self.sessions.victim(turn.now, turn.lifetimes, ipv6)
    }

    /// Ends a session to make room.
    pub(super) fn evict<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>, slot: Slot) {
        if self.sessions.is_stale(slot, turn.now, turn.lifetimes) {
            self.end_expired(turn, slot);
        } else {
            self.end(turn, slot, EndReason::Evicted);
        }
    }

    /// Ends a session: counters, tombstone, log.
    pub(super) fn end<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        slot: Slot,
        reason: EndReason,
    ) {
        let summary = self.summary(turn, slot);
        let record = self.forget(slot, self.over_at(turn, &summary), Ended::ParentEnded);
        self.counters.move_session(Some(&summary.track), None);
        self.counters.increment(Counter::Ended(summary.track.protocol(), reason));
        self.census.close(&Member::of_session(turn.snapshot, &summary), turn.snapshot);
        self.bury(turn.now, &summary, reason);
        if summary.mark {
            let event = self.end_event(turn, &summary, record.as_ref(), reason);
            turn.out.event(&event);
        }
        self.sessions.close(slot);
    }

    /// All that is known of a session.
    pub(super) fn summary<O>(&self, turn: &Turn<'_, O>, slot: Slot) -> Summary {
        self.sessions.summary(slot, turn.now, turn.lifetimes)
    }

    /// Takes a session's record away, and what it has announced with it. Its parent has one child less. `at`: when the
    /// session was over.
    fn forget(&mut self, slot: Slot, at: Time, why: Ended) -> Option<Record> {
        let record = self.records.remove(slot)?;
        if let Some(descent) = &record.descent
            && descent.holds
        {
            self.publisher.table().leave(&descent.parent, at);
        }
        if let Some(conversation) = &record.conversation {
            self.withdraw(conversation, why);
        }
        Some(record)
    }
}

impl Judgement {
    /// Of a packet that its session's tracker lets pass.
    #[inline]
    pub(super) fn pass(
        slot: Slot,
        direction: Direction,
        track: &track::Track,
        rule: RuleId,
    ) -> Self {
        Self {
            verdict: Verdict::Forward,
            session: Some(slot),
            created: false,
            direction: Some(direction),
            state: Some(track.state_name()),
            rule: Some(rule),
        }
    }
}

/// What a session that ends in this state ends by.
fn end_reason(track: &track::Track) -> EndReason {
    match track.timeout_class() {
        TimeoutClass::TcpTimeWait => EndReason::TcpFin,
        TimeoutClass::TcpClosed => EndReason::TcpReset,
        TimeoutClass::UdpAnswered => EndReason::Answered,
        TimeoutClass::UdpUnreachable => EndReason::Unreachable,
        TimeoutClass::TcpSynSent
        | TimeoutClass::TcpSynReceived
        | TimeoutClass::TcpEstablished
        | TimeoutClass::TcpHalfClosed
        | TimeoutClass::TcpClosing
        | TimeoutClass::TcpRstUnverified
        | TimeoutClass::UdpFirst
        | TimeoutClass::UdpOneWay
        | TimeoutClass::UdpStream
        | TimeoutClass::Icmp
        | TimeoutClass::SctpInit
        | TimeoutClass::SctpEstablished
        | TimeoutClass::SctpShutdown
        | TimeoutClass::Gre
        | TimeoutClass::Esp
        | TimeoutClass::Other
        | TimeoutClass::Fragment
        | TimeoutClass::Expectation => EndReason::Timeout,
    }
}

/// Whether a packet of this direction may come in by this port: the initiator's by the port that its
/// first came by, the responder's by the other end. Where wires share sessions, the zones must be those: the zones that the
/// packet's VLAN is of there.
#[inline]
pub(super) fn comes_from_its_side(
    snapshot: &Snapshot,
    in_port: PortIndex,
    port: PortIndex,
    direction: Direction,
    vlan: Option<u16>,
) -> bool {
    let topology = &snapshot.topology;
    let expected = match direction {
        Direction::Original => in_port,
        Direction::Reply => topology.partner(in_port),
    };
    port == expected
        || (topology.wire(port) != topology.wire(in_port)
            && topology.zone(port, vlan) == topology.zone(expected, vlan))
}
