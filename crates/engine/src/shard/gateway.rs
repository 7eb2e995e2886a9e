//! Sessions that a gateway reads: what they carry is shown to its reader before it leaves, and what it announces
//! is expected from then on, before the announcing packet is sent.
//!
//! Not here: who may come by what was announced (`unknown`), and how the protocols speak (`alg`).

use core::time::Duration;

use alg::{Announcement, Notes, Peers, Reader, Reading};
use arrayvec::ArrayVec;
use policy::{PortIndex, RuleId};
use session::expectation::{Ended, Expectation, Parent};
use session::memory::Memory;
use session::{Direction, Key, Side, Slot, Summary, TimeoutClass};
use wire::{SeqNum, Transport};

use crate::counters::{Counter, Counters};
use crate::frame::{Event, EventKind, Frame, Outbox};
use crate::{Gateway, Remark};

use crate::gateway::Reads;

use super::records::{Conversation, Descent, TICKETS};
use super::{Core, Packet, Turn};

/// What was read in one packet: enough to act on once its session's slot is known.
#[derive(Debug)]
pub(super) struct Read {
    announcements: ArrayVec<Announcement, { Notes::ANNOUNCEMENTS }>,
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
            tickets: ArrayVec::new(),
            remarked: 0,
        })
    }

    /// Shows the reader a packet.
    pub(super) fn hear(&mut self, packet: &Packet<'_>, from: Direction) -> Read {
        let Self { options, reader, peers, .. } = self;
        let mut notes = Notes::new(peers, *options);
        let reading = match &packet.descriptor.transport {
            Transport::Udp(_) => reader.datagram(from, packet.payload(), &mut notes),
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
        let announcements = match refused {
            None => notes.announcements().iter().copied().collect(),
            // What does not reach its reader announces nothing.
            Some(_) => ArrayVec::new(),
        };
        let mut remarks: ArrayVec<_, { Notes::REMARKS + 1 }> =
            notes.remarks().iter().copied().collect();
        if let Some(remark) = refused
            && !remarks.contains(&remark)
        {
            remarks.push(remark);
        }
        Read { announcements, remarks, refused }
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// Reads a packet of a session that is read. Returns why it must not pass.
    pub(super) fn read<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        slot: Slot,
        from: Direction,
    ) -> Option<Remark> {
        let read = self.records.conversation(slot)?.hear(packet, from);
        let refused = read.refused;
        self.act_on(turn, slot, &read);
        self.go_on_reading(slot);
        refused
    }

    /// As [`Self::read`], for a segment that bears nothing but an acknowledgement.
    pub(super) fn hear_acknowledgement(&mut self, slot: Slot, from: Direction, number: SeqNum) {
        let Some(conversation) = self.records.conversation(slot) else { return };
        conversation.reader.acknowledged(from, number);
        if conversation.reader.has_stopped() {
            self.sessions.entry_mut(slot).set_read(false);
        }
    }

    /// Marks a session as read, for as long as its reader wants to.
    pub(super) fn go_on_reading(&mut self, slot: Slot) {
        let conversation = self.records.conversation(slot);
        let reads = conversation.is_some_and(|conversation| !conversation.reader.has_stopped());
        self.sessions.entry_mut(slot).set_read(reads);
    }

    /// Expects what was announced, and tells of what was wrong.
    pub(super) fn act_on<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>, slot: Slot, read: &Read) {
        if read.announcements.is_empty() && read.remarks.is_empty() {
            return;
        }
        let entry = self.sessions.entry(slot);
        let timeout = turn.lifetimes.millis(entry.timeouts, TimeoutClass::Expectation);
        let lifetime = Duration::from_millis(u64::from(timeout));
        let summary = self.sessions.summary(slot, turn.now, turn.lifetimes);
        for announcement in &read.announcements {
            self.publish(turn, &summary, lifetime, announcement);
        }
        let rule = (summary.rule != u32::MAX).then_some(RuleId(summary.rule));
        for &remark in &read.remarks {
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
        } = *announcement;
        let gateway = conversation.gateway;
        let initiators_port = PortIndex(announcer.in_port);
        let in_port = match opener {
            Direction::Original => initiators_port,
            Direction::Reply => turn.snapshot.topology.partner(initiators_port),
        };
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
            parent,
        };
        let mut ended = |of: u8, why: Ended| counters.unclaimed(of, why);
        // The same again takes the place of what was said before; what was claimed is no burden any more.
        conversation.tickets.retain(|ticket| {
            if publisher.is_same(*ticket, &expectation) {
                publisher.retire(*ticket, Ended::Replaced, &mut ended);
            }
            publisher.is_alive(*ticket)
        });
        if conversation.tickets.len() >= most_of(gateway)
            && let Some(oldest) = conversation.tickets.pop_at(0)
        {
            publisher.retire(oldest, Ended::Evicted, &mut ended);
        }
        // No gateway takes more than half of the region.
        let most = u32::try_from(publisher.places() / 2).unwrap_or(u32::MAX);
        let ticket = publisher.publish(turn.now, &expectation, most, &mut ended);
        conversation.tickets.push(ticket);
        counters.increment(Counter::Published(gateway));
    }

    /// What its children are told of a session that announces.
    fn as_parent(&self, session: &Summary) -> Parent {
        let Summary { slot, key, initiator, created, in_port, .. } = *session;
        let own =
            Parent { worker: self.worker.0, slot: slot.index(), created, key, initiator, in_port };
        match self.descent(slot) {
            // The policy knows nothing of a session that was announced itself.
            Some(Descent { parent: Parent { key, initiator, in_port, .. }, .. }) => {
                Parent { key, initiator, in_port, ..own }
            }
            None => own,
        }
    }

    /// Retires all that a session has announced and nobody has come by.
    pub(super) fn withdraw(&mut self, conversation: &Conversation, why: Ended) {
        let Self { publisher, counters, .. } = self;
        for &ticket in &conversation.tickets {
            publisher.retire(ticket, why, &mut |of, why| counters.unclaimed(of, why));
        }
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

/// The number by which the table knows a gateway.
fn number(gateway: Gateway) -> u8 {
    u8::try_from(gateway.index()).unwrap_or(0)
}

/// The gateway that the table knows by a number.
pub(super) fn named(number: u8) -> Option<Gateway> {
    Gateway::ALL.get(usize::from(number)).copied()
}

/// How many connections one session may have announced that are still expected.
const fn most_of(gateway: Gateway) -> usize {
    match gateway {
        // A call has audio and video, each with its control, both ways, and forks; a server's one session has many.
        Gateway::Sip | Gateway::Mgcp => TICKETS,
        Gateway::Ftp | Gateway::Tftp | Gateway::Rtsp | Gateway::Irc | Gateway::Pptp => 8,
    }
}

const _: () = assert!(Gateway::COUNT <= session::expectation::Publisher::GATEWAYS);
