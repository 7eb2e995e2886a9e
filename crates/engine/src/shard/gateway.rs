//! Sessions that a gateway reads: what they carry is shown to its reader before it leaves, and what it announces
//! is expected from then on, before the announcing packet is sent.
//!
//! Not here: who may come by what was announced (`unknown`), and how the protocols speak (`alg`).

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::VecDeque;

use alg::{Announcement, Notes, Peers, Reader, Reading};
use arrayvec::ArrayVec;
use policy::{PortIndex, RuleId};
use session::expectation::{Ended, Expectation, Held, Life, Parent, Ticket};
use session::memory::Memory;
use session::track::{EvictionClass, Track};
use session::{Direction, Key, Lifetimes, Side, Slot, Summary, Time, TimeoutClass};
use wire::{SeqNum, TcpSegment, Transport};

use crate::counters::{Counter, Counters};
use crate::frame::{Event, EventKind, Frame, Outbox};
use crate::{DropReason, Gateway, Remark};

use crate::gateway::Reads;

use super::records::{Conversation, Descent};
use super::{Core, Lookup, Packet, Turn};

/// What was read in one packet: enough to act on once its session's slot is known.
#[derive(Debug)]
pub(super) struct Read {
    announcements: ArrayVec<Announcement, { Notes::ANNOUNCEMENTS }>,
    withdrawn: ArrayVec<RangeInclusive<u32>, { Notes::WITHDRAWALS }>,
    remarks: ArrayVec<Remark, { Notes::REMARKS + 1 }>,
    /// Why the packet must not pass.
    pub(super) refused: Option<Remark>,
}

impl Conversation {
    /// A session in which nothing has been read. Boxed, since readers hold what they have not read to its end.
    pub(super) fn new(how: Reads, key: &Key, initiator: Side) -> Box<Self> {
        let Reads { gateway, protocol, options } = how;
        Box::new(Self {
            gateway,
            options,
            reader: Reader::new(protocol),
            peers: Peers { ends: [key.endpoint(initiator), key.endpoint(initiator.other())] },
            tickets: VecDeque::new(),
            next_look: 0,
            life: Life::NONE,
            holds: 0,
            waits: None,
            remarked: 0,
        })
    }

    /// Shows the reader a packet that the session's tracker has let pass. It may take `room` octets for what it does not
    /// read at once.
    pub(super) fn hear(
        &mut self,
        packet: &Packet<'_>,
        from: Direction,
        track: &Track,
        room: usize,
    ) -> Read {
        let Self { options, reader, peers, .. } = self;
        let mut notes = Notes::new(peers, *options);
        notes.room = room;
        let reading = match &packet.descriptor.transport {
            Transport::Udp(_) => reader.datagram(from, packet.payload(), &mut notes),
            // Neither end takes anything from it (RFC 9293 §3.10.7.4, RFC 5961 §4.2).
            Transport::Tcp(segment) if segment.flags.syn() && !opens(track, from, segment) => {
                Reading::Pass
            }
            Transport::Tcp(segment) => {
                match (segment.flags.syn(), segment.flags.ack()) {
                    (true, true) => reader.answered(from, segment.seq + 1, segment.ack),
                    (true, false) => reader.begins(from, segment.seq + 1),
                    (false, _) => {}
                }
                // An endpoint takes no data from a reset (RFC 9293 §3.10.7.4).
                let reading = if segment.payload == 0 || segment.flags.rst() {
                    Reading::Pass
                } else {
                    let number = segment.seq + u32::from(segment.flags.syn());
                    reader.segment(from, number, packet.payload(), &mut notes)
                };
                if segment.flags.ack() && reading == Reading::Pass {
                    reader.acknowledged(from, segment.ack);
                }
                reading
            }
            Transport::None
            | Transport::Icmp(_)
            | Transport::Icmpv6(_)
            | Transport::Sctp(_)
            | Transport::Other => Reading::Pass,
        };
        let refused = match reading {
            Reading::Pass => None,
            Reading::Refuse(remark) => Some(remark),
        };
        let (announcements, withdrawn) = match refused {
            None => (
                notes.announcements().iter().copied().collect(),
                notes.withdrawn().iter().cloned().collect(),
            ),
            // What does not reach its reader announces nothing.
            Some(_) => (ArrayVec::new(), ArrayVec::new()),
        };
        let mut remarks: ArrayVec<_, { Notes::REMARKS + 1 }> =
            notes.remarks().iter().copied().collect();
        if let Some(remark) = refused
            && !remarks.contains(&remark)
        {
            remarks.push(remark);
        }
        Read { announcements, withdrawn, remarks, refused }
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// Reads a packet of a session that is read. Returns why it must not pass.
    pub(super) fn read<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        slot: Slot,
        from: Direction,
    ) -> Option<DropReason> {
        let track = self.sessions.entry(slot).track;
        let read = self.records.change(slot, |conversation, shares| {
            let room = shares.room(conversation.source());
            conversation.hear(packet, from, &track, room)
        });
        let Some(read) = read else {
            return self.check_call(turn, packet, lookup, slot, from);
        };
        self.act_on(turn, slot, &read);
        self.go_on_reading(slot);
        read.refused.map(DropReason::Gateway)
    }

    /// As [`Self::read`], for a segment that bears nothing but an acknowledgement.
    pub(super) fn hear_acknowledgement(&mut self, slot: Slot, from: Direction, number: SeqNum) {
        let stopped = self.records.change(slot, |conversation, _| {
            conversation.reader.acknowledged(from, number);
            conversation.reader.has_stopped()
        });
        if stopped == Some(true) {
            self.sessions.entry_mut(slot).set_watched(false);
        }
    }

    /// Marks a session as read, for as long as its reader wants to.
    pub(super) fn go_on_reading(&mut self, slot: Slot) {
        let conversation = self.records.conversation(slot);
        let reads = conversation.is_some_and(|conversation| !conversation.reader.has_stopped());
        self.sessions.entry_mut(slot).set_watched(reads);
    }

    /// Expects what was announced, and tells of what was wrong.
    pub(super) fn act_on<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>, slot: Slot, read: &Read) {
        let Read { announcements, withdrawn, remarks, .. } = read;
        if announcements.is_empty() && withdrawn.is_empty() && remarks.is_empty() {
            return;
        }
        self.take_back(slot, withdrawn);
        let entry = self.sessions.entry(slot);
        let timeout = turn.lifetimes.millis(entry.timeouts, TimeoutClass::Expectation);
        let lifetime = Duration::from_millis(u64::from(timeout));
        let summary = self.sessions.summary(slot, turn.now, turn.lifetimes);
        for announcement in announcements {
            self.publish(turn, &summary, lifetime, announcement);
        }
        // The list of what has been announced may have grown.
        self.records.change(slot, |_, _| ());
        let rule = (summary.rule != u32::MAX).then_some(RuleId(summary.rule));
        for &remark in remarks {
            let Some(conversation) = self.records.conversation(slot) else { return };
            let gateway = conversation.gateway;
            let was_logged = conversation.was_logged(remark);
            self.counters.increment(Counter::Remarked(gateway, remark));
            if was_logged {
                continue;
            }
            let refused = read.refused == Some(remark);
            let kind = EventKind::Remark { remark, created: Some(summary.created), refused };
            let in_port = PortIndex(summary.in_port);
            let event = self.event(turn, &summary.key, summary.initiator, in_port, kind, rule);
            turn.out.event(&Event { slot: Some(slot), gateway: Some(gateway), ..event });
        }
    }

    /// Tells of a first packet that its gateway refuses, so that no session is opened.
    pub(super) fn refuse_first<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        gateway: Gateway,
        remarks: &Read,
        event: impl Fn(&Self, &Turn<'_, O>, EventKind) -> Event,
    ) {
        for &remark in &remarks.remarks {
            self.counters.increment(Counter::Remarked(gateway, remark));
            let refused = remarks.refused == Some(remark);
            let event = event(self, turn, EventKind::Remark { remark, created: None, refused });
            turn.out.event(&Event { gateway: Some(gateway), ..event });
        }
    }

    fn publish<O>(
        &mut self,
        turn: &Turn<'_, O>,
        announcer: &Summary,
        lifetime: Duration,
        announcement: &Announcement,
    ) {
        let parent = self.as_parent(announcer);
        let room = self.records.room(announcer.key.endpoint(announcer.initiator).0);
        let Self { records, publisher, counters, .. } = self;
        let Some(conversation) = records.conversation(announcer.slot) else { return };
        let Announcement {
            protocol,
            opener,
            source,
            source_port,
            destination,
            destination_port,
            lifetime: own_lifetime,
            read,
            standing,
            group,
        } = *announcement;
        let gateway = conversation.gateway;
        let initiators_port = PortIndex(announcer.in_port);
        let in_port = match opener {
            Direction::Original => initiators_port,
            Direction::Reply => turn.snapshot.topology.partner(initiators_port),
        };
        if conversation.life == Life::NONE {
            conversation.life = publisher.begin_life();
        }
        let expectation = Expectation {
            context: announcer.key.context,
            protocol,
            source,
            source_port,
            destination,
            destination_port,
            deadline: turn.now + own_lifetime.unwrap_or(lifetime),
            in_port: in_port.0,
            gateway: number(gateway),
            reads: read.and_then(|protocol| u8::try_from(protocol.index()).ok()),
            standing,
            parent: Parent { life: conversation.life, ..parent },
        };
        let mut ended = |of: u8, why: Ended| counters.unclaimed(of, why);
        // No gateway takes more than half of the region.
        let most = u32::try_from(publisher.places() / 2).unwrap_or(u32::MAX);
        let ticket = publisher.publish(turn.now, &expectation, group, most, &mut ended);
        // After that: the same again needs no other to give way.
        if let Some(oldest) = conversation.make_room(room, |ticket| publisher.is_alive(ticket)) {
            publisher.retire(oldest, Ended::Evicted, &mut ended);
        }
        conversation.tickets.push_back(ticket);
        counters.increment(Counter::Published(gateway));
    }

    /// Takes back what a session has announced of some groups and nobody has come by.
    fn take_back(&mut self, slot: Slot, groups: &[RangeInclusive<u32>]) {
        if groups.is_empty() {
            return;
        }
        let Self { records, publisher, counters, .. } = self;
        let Some(conversation) = records.conversation(slot) else { return };
        let is_taken = |ticket: &Ticket| groups.iter().any(|those| those.contains(&ticket.group()));
        let taken = conversation.tickets.iter().copied().filter(is_taken);
        let mut ended = |of, why| counters.unclaimed(of, why);
        publisher.retire_all(taken, Ended::Withdrawn, &mut ended);
        conversation.tickets.retain(|ticket| !is_taken(ticket));
    }

    /// Whether a session whose timeout is over lives on: one that has come by what it announced lives, or ended so lately
    /// that the session's time, run anew from then on, is not over; or it is a conversation to which more may come.
    pub(super) fn is_held(&self, now: Time, lifetimes: &Lifetimes, slot: Slot) -> bool {
        let conversation = self.records.get(slot).and_then(|record| record.conversation.as_ref());
        let Some(conversation) = conversation else { return false };
        let Held { now: has_children, ever: had_children, left } =
            self.publisher.held(conversation.life);
        if has_children || (had_children && now < left + self.timeout(lifetimes, slot)) {
            return true;
        }
        let track = &self.sessions.entry(slot).track;
        let answered = had_children || track.eviction_class() == EvictionClass::Never;
        answered && conversation.tickets.iter().any(|ticket| self.publisher.stands(*ticket, now))
    }

    fn timeout(&self, lifetimes: &Lifetimes, slot: Slot) -> Duration {
        Duration::from_millis(self.sessions.timeout_millis(slot, lifetimes).into())
    }

    /// When a session that ends was over: now, or when its time was, which runs from its last packet or its last child. So
    /// a parent's time does not depend on when the timers came to its children.
    pub(super) fn over_at<O>(&self, turn: &Turn<'_, O>, session: &Summary) -> Time {
        let conversation = self.records.get(session.slot).and_then(|it| it.conversation.as_ref());
        let held = conversation.map(|conversation| self.publisher.held(conversation.life));
        let left = held.filter(|held| held.ever).map_or(Time::ZERO, |held| held.left);
        let timeout = Duration::from_millis(session.timeout_millis.into());
        turn.now.min(session.last_seen.max(left) + timeout)
    }

    /// Reads a session no more that is closed: nothing is said in it, and what it announced ends with it.
    pub(super) fn close_conversation(&mut self, slot: Slot, why: Ended) {
        if let Some(conversation) = self.records.close_conversation(slot) {
            self.withdraw(&conversation, why);
            self.sessions.entry_mut(slot).set_watched(false);
        }
    }

    /// What its children are told of a session that announces.
    fn as_parent(&self, session: &Summary) -> Parent {
        let Summary { slot, key, initiator, created, in_port, .. } = *session;
        let own = Parent {
            worker: self.worker.0,
            slot: slot.index(),
            created,
            life: Life::NONE,
            key,
            initiator,
            in_port,
        };
        match self.descent(slot) {
            // The policy knows nothing of a session that was announced itself.
            Some(Descent { parent: Parent { key, initiator, in_port, .. }, .. }) => {
                Parent { key, initiator, in_port, ..own }
            }
            None => own,
        }
    }

    /// Retires all that a session has announced and nobody has come by; those who have come hold it no more.
    pub(super) fn withdraw(&mut self, conversation: &Conversation, why: Ended) {
        let Self { publisher, counters, .. } = self;
        publisher.end_life(conversation.life);
        let tickets = conversation.tickets.iter().copied();
        publisher.retire_all(tickets, why, &mut |of, why| counters.unclaimed(of, why));
    }

    /// A bounded step of the search for expectations whose time is over.
    pub(super) fn expire_expectations<O>(&mut self, turn: &Turn<'_, O>) -> bool {
        let Self { publisher, counters, .. } = self;
        publisher.step(turn.now, &mut |of, why| counters.unclaimed(of, why))
    }
}

impl Counters {
    fn unclaimed(&mut self, gateway: u8, why: Ended) {
        if let Some(gateway) = named(gateway) {
            self.increment(Counter::Unclaimed(gateway, why));
        }
    }
}

/// Whether a SYN or SYN-ACK that has passed tells where its sender begins: the connection is half-open, and the tracker
/// has taken the number. Others pass beside a living connection, to move nothing but what their receiver says of them.
fn opens(track: &Track, from: Direction, segment: &TcpSegment) -> bool {
    match track {
        Track::Tcp(tcp) => {
            tcp.eviction_class() == EvictionClass::HalfOpen
                && tcp.next_numbers(from).0 == segment.end()
        }
        Track::Unused | Track::Udp(_) | Track::Icmp(_) | Track::Sctp(_) | Track::Other(_) => false,
    }
}

/// The number by which the table knows a gateway.
fn number(gateway: Gateway) -> u8 {
    u8::try_from(gateway.index()).unwrap_or(0)
}

/// The gateway that the table knows by a number.
pub(super) fn named(number: u8) -> Option<Gateway> {
    Gateway::ALL.get(usize::from(number)).copied()
}

const _: () = assert!(Gateway::COUNT <= session::expectation::Publisher::GATEWAYS);
