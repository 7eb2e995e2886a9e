//! What is kept of a session beside its entry: how a gateway reads it, and which session announced it.
//!
//! A record is made when its session is opened, and goes with it. A bit of the entry says that a session is read, so
//! that the packets of all others, announced ones included, look nothing up here.
//!
//! Invariant: the number of records is bounded, and memory for all is taken at the start, but for what the readers
//! themselves hold.

use core::net::IpAddr;
use std::collections::VecDeque;

use ahash::RandomState;
use alg::{Options, Peers, Reader};
use session::Slot;
use session::expectation::{Life, Parent, Ticket};

use crate::{EXPECTATIONS, Gateway, ParentId, Remark, WorkerId};

use super::by_slot::BySlot;
use super::shares::{Shares, Taken};
use super::tunnel::Tunnel;

/// Sessions that may be read, in all shards.
pub(super) const CONVERSATIONS: usize = 16_384;
/// Sessions that may have been announced, in all shards.
const CHILDREN: usize = 131_072;
/// Octets that all readers may hold beyond what each may ([`Reader::FREE`]), in all shards: as much as 512 of them hold at
/// most, whose peers send out of order, or never acknowledge.
pub(super) const READERS: usize = 32 << 20;
/// Tickets that every session may keep.
const FEW_TICKETS: usize = 8;
/// Tickets that are looked at for each that is added, and when there is no room: all of a session that may keep few.
const TICKET_LOOKS: usize = FEW_TICKETS;
const TICKET_LOOKS_FULL: usize = 32;
/// So many are looked at in the time that the timers need for a session.
const TICKETS_OF_LOOK: usize = 32;
/// What an allocator keeps beside each piece of memory that it gives.
const ALLOCATION: usize = 16;
/// Sessions in the order of their opening that one search for an unanswered one looks at.
pub(super) const LOOKS: usize = 64;
/// Those that a step of the timers looks at while the bound is near, so that a search need not go far.
pub(super) const LOOKS_AHEAD: usize = 8;

/// The records of a shard.
#[derive(Debug)]
pub(super) struct Records {
    by_slot: BySlot<Record>,
    /// What sessions that are read take, by who opened them.
    shares: Shares,
    /// How many are read, by gateway.
    read: [u32; Gateway::COUNT],
    /// The first and the last of those that nobody may have answered, in the order in which they opened. What is answered
    /// leaves when a search comes to it.
    unanswered: [Option<Slot>; 2],
}

/// What is kept of one session.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// How it is read.
    pub(super) conversation: Option<Box<Conversation>>,
    /// What announced it.
    pub(super) descent: Option<Box<Descent>>,
    /// The calls that pass, if it is a tunnel.
    pub(super) tunnel: Option<Box<Tunnel>>,
}

/// A session that a gateway reads.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    /// Which gateway.
    pub(super) gateway: Gateway,
    /// How it reads.
    pub(super) options: Options,
    /// What it has read so far.
    pub(super) reader: Reader,
    /// Between whom.
    pub(super) peers: Peers,
    /// What it has announced, oldest first. Some may have been claimed.
    pub(super) tickets: VecDeque<Ticket>,
    /// Which of them is the next to be looked at, whether it is over.
    pub(super) next_look: usize,
    /// Where those are counted that came by it; none before it has announced anything.
    pub(super) life: Life,
    /// Octets that it holds beyond what every reader may, as they are counted.
    pub(super) holds: usize,
    /// Its neighbours among those that nobody may have answered, if it is one: the one before and the one after it.
    pub(super) waits: Option<[Option<Slot>; 2]>,
    /// Remarks that the log has, a bit each.
    pub(super) remarked: u32,
}

/// Where an announced session comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descent {
    /// The gateway that announced it.
    pub(super) gateway: Gateway,
    /// The session that it read.
    pub(super) parent: Parent,
    /// Whether it counts among those that hold that one.
    pub(super) holds: bool,
}

impl Descent {
    /// The parent's name.
    pub(super) const fn parent_id(&self) -> ParentId {
        let Parent { worker, slot, created, .. } = self.parent;
        ParentId { worker: WorkerId(worker), slot, created }
    }
}

impl Record {
    /// The gateway that announced the session, or else that reads it.
    pub(super) fn gateway(&self) -> Option<Gateway> {
        let descent = self.descent.as_ref().map(|descent| descent.gateway);
        descent.or_else(|| self.conversation.as_ref().map(|conversation| conversation.gateway))
    }

    /// The session that announced this one.
    pub(super) fn parent(&self) -> Option<ParentId> {
        self.descent.as_ref().map(|descent| descent.parent_id())
    }
}

impl Records {
    /// No records yet. `seed`: the secret of the map's hash; `share`: by how many shards the bounds are divided;
    /// `sessions`: how many sessions the shard has room for.
    pub(super) fn new(seed: u64, share: u16, sessions: u32) -> Self {
        let hasher =
            RandomState::with_seeds(!seed, seed, seed.rotate_left(13), seed.rotate_left(34));
        let share = usize::from(share.max(1));
        let most_conversations = CONVERSATIONS.div_ceil(share);
        let room = Taken { places: most_conversations, octets: READERS / share };
        let most = most_records(share).min(sessions as usize);
        Self {
            by_slot: BySlot::new(most, hasher),
            shares: Shares::new(seed.rotate_left(7), room),
            read: [0; Gateway::COUNT],
            unanswered: [None; 2],
        }
    }

    /// Octets that the maps of a shard take.
    pub(super) fn memory(share: u16) -> usize {
        let share = usize::from(share.max(1));
        BySlot::<Record>::memory(most_records(share))
            + Shares::memory(CONVERSATIONS.div_ceil(share))
    }

    /// Octets that sessions which are read or were announced take of the process's memory while they are there, at most, in
    /// all shards.
    pub(super) const fn memory_of_readers() -> usize {
        let tickets = FEW_TICKETS * size_of::<Ticket>();
        let child = size_of::<Descent>() + size_of::<Tunnel>() + 2 * ALLOCATION;
        CONVERSATIONS * (size_of::<Conversation>() + Reader::FREE + tickets + 4 * ALLOCATION)
            + CHILDREN * child
            + READERS
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        !self.by_slot.is_full()
    }

    /// Whether there is room for one more that is read.
    pub(super) fn has_room_for_reader(&self) -> bool {
        self.shares.has_place()
    }

    /// Whether a source may have one more that is read.
    pub(super) fn has_share(&self, source: IpAddr) -> bool {
        self.shares.may_enter(source)
    }

    /// Whether so many are read that who is unanswered will soon matter.
    pub(super) fn is_filling(&self) -> bool {
        self.shares.is_filling()
    }

    /// The session that has been read for longest, of those that `is_unanswered` says nobody has answered. It looks at a
    /// bounded number; none: there was none among them.
    pub(super) fn oldest_unanswered(
        &mut self,
        looks: usize,
        is_unanswered: impl Fn(Slot) -> bool,
    ) -> Option<Slot> {
        for _ in 0..looks {
            let slot = self.unanswered[0]?;
            if is_unanswered(slot) {
                return Some(slot);
            }
            self.wait_no_more(slot);
        }
        None
    }

    /// Whether [`Self::oldest_unanswered`] would find one.
    pub(super) fn has_unanswered(
        &self,
        looks: usize,
        is_unanswered: impl Fn(Slot) -> bool,
    ) -> bool {
        let next = |slot: &Slot| self.get(*slot)?.conversation.as_ref()?.waits?[1];
        core::iter::successors(self.unanswered[0], next).take(looks).any(is_unanswered)
    }

    /// Nobody has answered a session yet, the last that has opened.
    fn wait(&mut self, slot: Slot) {
        let before = self.unanswered[1].replace(slot);
        match before.and_then(|before| self.neighbours(before)) {
            Some(of_before) => of_before[1] = Some(slot),
            None => self.unanswered[0] = Some(slot),
        }
        if let Some(conversation) = self.conversation(slot) {
            conversation.waits = Some([before, None]);
        }
    }

    /// It is answered, or is read no more.
    fn wait_no_more(&mut self, slot: Slot) {
        let conversation = self.conversation(slot);
        let Some([before, after]) = conversation.and_then(|it| it.waits.take()) else { return };
        match before.and_then(|before| self.neighbours(before)) {
            Some(of_before) => of_before[1] = after,
            None => self.unanswered[0] = after,
        }
        match after.and_then(|after| self.neighbours(after)) {
            Some(of_after) => of_after[0] = before,
            None => self.unanswered[1] = before,
        }
    }

    fn neighbours(&mut self, slot: Slot) -> Option<&mut [Option<Slot>; 2]> {
        self.conversation(slot)?.waits.as_mut()
    }

    /// Whether a session is read.
    pub(super) fn reads(&self, slot: Slot) -> bool {
        self.get(slot).is_some_and(|record| record.conversation.is_some())
    }

    pub(super) fn insert(&mut self, slot: Slot, mut record: Record) {
        if let Some(conversation) = &mut record.conversation {
            self.read[conversation.gateway.index()] += 1;
            self.shares.enter(conversation.source());
            conversation.holds = conversation.held();
            self.shares.hold(conversation.source(), 0, conversation.holds);
        }
        let is_read = record.conversation.is_some();
        self.by_slot.insert(slot.index(), record);
        if is_read {
            self.wait(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Record> {
        self.wait_no_more(slot);
        let record = self.by_slot.remove(slot.index())?;
        if let Some(conversation) = &record.conversation {
            self.one_less(conversation);
        }
        Some(record)
    }

    fn one_less(&mut self, conversation: &Conversation) {
        self.read[conversation.gateway.index()] -= 1;
        self.shares.leave(conversation.source(), conversation.holds);
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Record> {
        self.by_slot.get(slot.index())
    }

    /// How many sessions a gateway reads.
    pub(super) fn read_by(&self, gateway: Gateway) -> u32 {
        self.read[gateway.index()]
    }

    /// Octets that all readers hold beyond what each may.
    pub(super) fn octets(&self) -> usize {
        self.shares.octets()
    }

    /// How many records there are.
    pub(super) fn count(&self) -> usize {
        self.by_slot.len()
    }

    /// Octets that the reader of a session may take beyond what it has.
    pub(super) fn room(&self, source: IpAddr) -> usize {
        self.shares.room(source)
    }

    /// Changes a conversation, and counts what it holds then.
    pub(super) fn change<T>(
        &mut self,
        slot: Slot,
        change: impl FnOnce(&mut Conversation, &Shares) -> T,
    ) -> Option<T> {
        let Self { by_slot, shares, .. } = self;
        let conversation = by_slot.get_mut(slot.index())?.conversation.as_deref_mut()?;
        let result = change(conversation, shares);
        let held = conversation.held();
        shares.hold(conversation.source(), conversation.holds, held);
        conversation.holds = held;
        Some(result)
    }

    /// How many sessions more the timers could look at in the time that it takes to see whether this one is held.
    pub(super) fn looks_at(&self, slot: Slot) -> u32 {
        let conversation = self.get(slot).and_then(|record| record.conversation.as_ref());
        let tickets = conversation.map_or(0, |conversation| conversation.tickets.len());
        u32::try_from(tickets / TICKETS_OF_LOOK).unwrap_or(u32::MAX)
    }

    pub(super) fn conversation(&mut self, slot: Slot) -> Option<&mut Conversation> {
        self.by_slot.get_mut(slot.index())?.conversation.as_deref_mut()
    }

    /// The calls of a tunnel, to look at.
    pub(super) fn tunnel_of(&self, slot: Slot) -> Option<&Tunnel> {
        self.get(slot)?.tunnel.as_deref()
    }

    pub(super) fn tunnel(&mut self, slot: Slot) -> Option<&mut Tunnel> {
        self.by_slot.get_mut(slot.index())?.tunnel.as_deref_mut()
    }

    /// Has a session read no more. Its record goes with that, unless there is more in it.
    pub(super) fn close_conversation(&mut self, slot: Slot) -> Option<Box<Conversation>> {
        self.wait_no_more(slot);
        let record = self.by_slot.get_mut(slot.index())?;
        let conversation = record.conversation.take()?;
        if record.descent.is_none() && record.tunnel.is_none() {
            self.by_slot.remove(slot.index());
        }
        self.one_less(&conversation);
        Some(conversation)
    }
}

impl Conversation {
    /// Octets that it holds beyond what every reader may.
    fn held(&self) -> usize {
        let tickets = self.tickets.capacity().saturating_sub(FEW_TICKETS);
        self.reader.held() + tickets * size_of::<Ticket>()
    }

    /// Who opened the session.
    pub(super) fn source(&self) -> IpAddr {
        self.peers.ends[0].0
    }

    /// Makes room for one more ticket, perhaps by giving up the oldest. A few are looked at each time, and those that are
    /// over taken out: so a session that announces much costs no more for each.
    pub(super) fn make_room(
        &mut self,
        room: usize,
        is_alive: impl Fn(Ticket) -> bool,
    ) -> Option<Ticket> {
        // A list that is full is made anew with twice the places.
        let grown = self.tickets.capacity() * size_of::<Ticket>();
        let is_short = self.tickets.len() >= FEW_TICKETS && grown > room;
        let most = most_tickets(self.gateway);
        let most = if is_short { most.min(self.tickets.capacity()) } else { most };
        let is_full = self.tickets.len() >= most;
        self.take_out_some(if is_full { TICKET_LOOKS_FULL } else { TICKET_LOOKS }, is_alive);
        if self.tickets.len() < most {
            return None;
        }
        self.next_look = self.next_look.saturating_sub(1);
        self.tickets.pop_front()
    }

    /// Takes out what is over among the next so many tickets.
    fn take_out_some(&mut self, looks: usize, is_alive: impl Fn(Ticket) -> bool) {
        let from = if self.next_look < self.tickets.len() { self.next_look } else { 0 };
        let to = (from + looks).min(self.tickets.len());
        let mut kept = from;
        for at in from..to {
            if is_alive(self.tickets[at]) {
                self.tickets.swap(kept, at);
                kept += 1;
            }
        }
        self.tickets.drain(kept..to);
        self.next_look = kept;
    }

    /// Whether the log has this remark on the session already; from now on it has.
    pub(super) fn was_logged(&mut self, remark: Remark) -> bool {
        let bit = 1 << (remark.index() % 32);
        let known = self.remarked & bit != 0;
        self.remarked |= bit;
        known
    }
}

/// Records in each of so many shards.
const fn most_records(share: usize) -> usize {
    (CONVERSATIONS + CHILDREN).div_ceil(share)
}

/// Connections that one session may have announced and that are still expected.
const fn most_tickets(gateway: Gateway) -> usize {
    match gateway {
        // A trunk is one session with all the calls of a house, each with audio and video, both with their control, both
        // ways: a sixteenth of all that is expected.
        Gateway::Sip | Gateway::Mgcp | Gateway::H323 => EXPECTATIONS / 16,
        Gateway::Ftp | Gateway::Tftp | Gateway::Rtsp | Gateway::Irc | Gateway::Pptp => 8,
    }
}

#[cfg(test)]
mod tests;
