//! What would become of a packet: the questions that an explanation asks, in the order of the shard's own steps and by the
//! same parts of it. Nothing here changes anything.

use policy::{Decision, PortIndex};
use session::key::Addresses;
use session::memory::Memory;
use session::track::{EvictionClass, Track};
use session::{Direction, Slot, Time};
use wire::Descriptor;

use crate::frame::Frame;
use crate::gateway::Reads;
use crate::{Cut, DropReason, Gateway, ParentId};

use super::census::Member;
use super::records::{Conversation, LOOKS};
use super::tunnel::is_allowed;
use super::unknown::Grant;
use super::{Arrival, Core, Lookup, Packet, Shard};

/// The session of a packet's key that a new one would take the place of.
#[derive(Clone, Copy)]
pub(crate) struct Predecessor {
    /// Its timeout is over: it ends before anything else is asked.
    pub(crate) stale: Option<Slot>,
    /// The packet begins its successor: it ends when that is sure of its place.
    pub(crate) succeeded: Option<Slot>,
}

/// A packet that is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) descriptor: &'a Descriptor,
    pub(crate) octets: &'a [u8],
    pub(crate) port: PortIndex,
}

impl Question<'_> {
    fn packet(&self) -> Packet<'_> {
        let Self { descriptor, octets, port } = *self;
        Packet {
            descriptor,
            bytes: octets,
            port,
            frames: 1,
            octets: u32::from(descriptor.end - descriptor.l3),
            arrival: Arrival::Otherwise,
            gathered: None,
        }
    }
}

impl<F: Frame, M: Memory> Shard<F, M> {
    /// Whether the policy has changed since a session was judged by it last; if so by what it allows the session now, if it does.
    pub(crate) fn decision_anew(&self, now: Time, slot: Slot) -> Option<Option<Decision>> {
        let Self { snapshot, core, .. } = self;
        if core.sessions.entry(slot).generation == snapshot.mark() {
            return None;
        }
        let summary = core.sessions.summary(slot, now, self.lifetimes());
        Some(core.decide_anew(snapshot, &summary))
    }

    /// By which gateway, and for what, a packet of a living session would be refused that its tracker has let pass, which is
    /// `track` then. `anew`: the policy's new word on the session.
    pub(crate) fn refused_by_gateway(
        &self,
        now: Time,
        question: &Question<'_>,
        (slot, from): (Slot, Direction),
        track: &Track,
        anew: Option<&Decision>,
    ) -> Option<DropReason> {
        let Self { snapshot, core, .. } = self;
        let packet = question.packet();
        let lookup = core.lookup(snapshot, question.descriptor, question.port);
        let entry = core.sessions.entry(slot);
        let record = core.records.get(slot);
        let conversation = record.and_then(|record| record.conversation.as_deref());
        let source = lookup.key.endpoint(entry.initiator()).0;
        let reads = anew.map(|decision| Reads::of(&decision.service));
        let mut reader = match (conversation, reads) {
            (None, None) => None,
            (Some(conversation), None) => Some(conversation.clone()),
            (Some(conversation), Some(Some(reads))) if reads.gateway == conversation.gateway => {
                Some(Conversation { options: reads.options, ..conversation.clone() })
            }
            // It is closed, if there is one, and another begins, if there is nothing else to the session.
            (_, Some(reads)) => {
                let is_over = entry.track.eviction_class() == EvictionClass::Closed;
                let is_plain = record.is_none_or(|it| it.descent.is_none() && it.tunnel.is_none());
                let has_room = conversation.is_some() || core.may_begin_to_read(source);
                let begins = reads.filter(|_| !is_over && is_plain && has_room);
                begins.map(|reads| *Conversation::new(reads, &lookup.key, entry.initiator()))
            }
        };
        let is_kept = conversation.map(|it| it.gateway) == reader.as_ref().map(|it| it.gateway);
        match &mut reader {
            Some(_) if is_kept && !entry.is_watched() => None,
            Some(reader) => {
                let read = reader.hear(&packet, from, track, core.records.room(source));
                read.refused.map(DropReason::Gateway)
            }
            None if entry.is_watched() && conversation.is_none() => {
                core.foresee_call(self, now, &packet, &lookup, (slot, from))
            }
            None => None,
        }
    }

    /// Whether a gateway has announced the packet: what lets it in, which gateway, and which session. `stale`: the session
    /// of its key that is over, and what that has announced with it.
    pub(crate) fn announced(
        &self,
        now: Time,
        question: &Question<'_>,
        stale: Option<Slot>,
    ) -> Option<(Grant, Gateway, ParentId)> {
        let Self { snapshot, core, .. } = self;
        let lookup = core.lookup(snapshot, question.descriptor, question.port);
        let call = question.packet().call();
        let grant = core.expected(now, snapshot, question.port, &lookup, call)?;
        let (_, descent) = grant.claims?;
        let parent = descent.parent_id();
        let of_stale = |slot: Slot| (parent.worker, parent.slot) == (core.worker, slot.index());
        (!stale.is_some_and(of_stale)).then_some((grant, descent.gateway, parent))
    }

    /// Why a session is not opened, for want of room or since its gateway refuses the packet. `grant`: what lets it in;
    /// `before`: the session of its key that makes way.
    pub(crate) fn admits(
        &self,
        now: Time,
        question: &Question<'_>,
        grant: &Grant,
        track: &Track,
        before: Predecessor,
    ) -> Result<(), DropReason> {
        let Self { snapshot, core, .. } = self;
        let Predecessor { stale, succeeded } = before;
        let instead_of = stale.or(succeeded);
        let Grant { rule, reads, claims, .. } = *grant;
        let lookup = core.lookup(snapshot, question.descriptor, question.port);
        let member = Member::of_packet(snapshot, &lookup, question.port, rule, track);
        let predecessor = instead_of.map(|slot| {
            let summary = core.sessions.summary(slot, now, self.lifetimes());
            Member::of_session(snapshot, &summary)
        });
        core.census.admits(&member, predecessor.as_ref(), snapshot)?;
        if reads.is_some() || claims.is_some() {
            let records = &core.records;
            let makes_way = instead_of.is_some_and(|slot| records.reads(slot));
            // What is over has left before, with its record and its source's share.
            let left = stale.and_then(|slot| records.get(slot));
            if !records.has_room() && left.is_none() {
                return Err(Cut::GatewayLimit.into());
            }
            let source = lookup.key.endpoint(lookup.side).0;
            let left = left.and_then(|record| record.conversation.as_ref());
            let gives_share = left.is_some_and(|conversation| conversation.source() == source);
            if reads.is_some() && !records.has_share(source) && !gives_share {
                return Err(Cut::GatewaySourceLimit.into());
            }
            let is_unanswered =
                |slot| core.sessions.entry(slot).track.eviction_class() != EvictionClass::Never;
            if reads.is_some()
                && !makes_way
                && !records.has_room_for_reader()
                && !records.has_unanswered(LOOKS, is_unanswered)
            {
                return Err(Cut::GatewayLimit.into());
            }
        }
        if let Some(reads) = reads {
            let mut conversation = Conversation::new(reads, &lookup.key, lookup.side);
            let room = core.records.room(conversation.source());
            let packet = question.packet();
            let read = conversation.hear(&packet, Direction::Original, track, room);
            if let Some(remark) = read.refused {
                return Err(DropReason::Gateway(remark));
            }
        }
        if instead_of.is_none() { core.foresee_place(&lookup).map_err(Into::into) } else { Ok(()) }
    }

    /// What lets a packet in that the rules allow.
    pub(crate) fn granted(decision: &Decision) -> Grant {
        Grant::of(decision)
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// Whether the table has a place for a key, or has somebody who would give way.
    fn foresee_place(&self, lookup: &Lookup) -> Result<(), Cut> {
        let is_full = self.sessions.len() >= self.sessions.capacity();
        let wide = matches!(lookup.key.endpoints.addresses, Addresses::V6(_));
        let has_place = self.sessions.has_place(lookup.hash);
        if self.sessions.has_entry(&lookup.key) {
            return if has_place { Ok(()) } else { Err(Cut::TableFull) };
        }
        let evicts = self.sessions.has_victim(wide && self.sessions.is_ipv6_full());
        match (has_place && evicts, is_full) {
            (true, _) => Ok(()),
            (false, true) => Err(Cut::TableFull),
            (false, false) => Err(Cut::Ipv6TableFull),
        }
    }

    /// As [`Self::check_call`], without taking what was announced.
    fn foresee_call(
        &self,
        shard: &Shard<F, M>,
        now: Time,
        packet: &Packet<'_>,
        lookup: &Lookup,
        (slot, from): (Slot, Direction),
    ) -> Option<DropReason> {
        let tunnel = self.records.tunnel_of(slot)?;
        let snapshot = &shard.snapshot;
        let call = packet.call();
        let is_announced = call.is_some_and(|call| {
            tunnel.knows(from, call)
                || self
                    .expected(now, snapshot, packet.port, lookup, Some(call))
                    .is_some_and(|grant| grant.claims.is_some())
        });
        let passes = is_announced || is_allowed(self.gre_allowed(snapshot, lookup, slot), from);
        (!passes).then(|| Cut::GreCallId.into())
    }
}
