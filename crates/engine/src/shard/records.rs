//! What is kept of a session beside its entry: how a gateway reads it, and which session announced it.
//!
//! A record is made when its session is opened, and goes with it. A bit of the entry says that a session is read, so
//! that the packets of all others, announced ones included, look nothing up here.
//!
//! Invariant: the number of records is bounded, and memory for all is taken at the start, but for what the readers
//! themselves hold.

use core::net::IpAddr;

use ahash::RandomState;
use alg::{Options, Peers, Reader};
use hashbrown::HashMap;
use session::Slot;
use session::expectation::{Life, Parent, Ticket};

use crate::{EXPECTATIONS, Gateway, ParentId, Remark, WorkerId};

use super::shares::{Shares, Taken};
use super::tunnel::Tunnel;

/// Sessions that may be read, in all shards.
const CONVERSATIONS: usize = 16_384;
/// Sessions that may have been announced, in all shards.
const CHILDREN: usize = 131_072;
/// Octets that all readers may hold beyond what each may ([`Reader::FREE`]), in all shards: as much as 512 of them hold at
/// most, whose peers send out of order, or never acknowledge.
const READERS: usize = 32 << 20;
/// Tickets that every session may keep.
const FEW_TICKETS: usize = 8;
/// Sessions in the order of their opening that one search for an unanswered one looks at.
pub(super) const LOOKS: usize = 64;
/// Those that a step of the timers looks at while the bound is near, so that a search need not go far.
pub(super) const LOOKS_AHEAD: usize = 8;

/// The records of a shard.
#[derive(Debug)]
pub(super) struct Records {
    by_slot: HashMap<Slot, Record, RandomState>,
    most: usize,
    /// What sessions that are read take, by who opened them.
    shares: Shares,
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
#[derive(Debug)]
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
    pub(super) tickets: Vec<Ticket>,
    /// What has been announced since those that are over were last taken out.
    pub(super) since_cleared: usize,
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
        let most = (CONVERSATIONS + CHILDREN).div_ceil(share).min(sessions as usize);
        Self {
            by_slot: HashMap::with_capacity_and_hasher(most, hasher),
            most,
            shares: Shares::new(seed.rotate_left(7), room),
            unanswered: [None; 2],
        }
    }

    /// Octets that the maps of a shard take.
    pub(super) fn memory(share: u16) -> usize {
        let share = usize::from(share.max(1));
        let records = (CONVERSATIONS + CHILDREN) * (size_of::<(Slot, Record)>() + 1);
        records / share * 8 / 7 + Shares::memory(CONVERSATIONS.div_ceil(share))
    }

    /// Octets that sessions which are read take of the process's memory while they are there, at most, in all shards.
    pub(super) const fn memory_of_readers() -> usize {
        let tickets = FEW_TICKETS * size_of::<Ticket>();
        CONVERSATIONS * (size_of::<Conversation>() + Reader::FREE + tickets) + READERS
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.by_slot.len() < self.most
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
            self.shares.enter(conversation.source());
            conversation.holds = conversation.held();
            self.shares.hold(conversation.source(), 0, conversation.holds);
        }
        let is_read = record.conversation.is_some();
        self.by_slot.insert(slot, record);
        if is_read {
            self.wait(slot);
        }
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Record> {
        if self.by_slot.is_empty() {
            return None;
        }
        self.wait_no_more(slot);
        let record = self.by_slot.remove(&slot)?;
        if let Some(conversation) = &record.conversation {
            self.one_less(conversation);
        }
        Some(record)
    }

    fn one_less(&mut self, conversation: &Conversation) {
        self.shares.leave(conversation.source(), conversation.holds);
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Record> {
        if self.by_slot.is_empty() { None } else { self.by_slot.get(&slot) }
    }

    /// Octets that the reader of a session may take beyond what it has.
    pub(super) fn room(&self, source: IpAddr) -> usize {
        self.shares.room(source)
    }

    /// Has the reader of a session hear something, in so many octets of room, and counts what it holds then.
    pub(super) fn hear<T>(
        &mut self,
        slot: Slot,
        hear: impl FnOnce(&mut Conversation, usize) -> T,
    ) -> Option<T> {
        let Self { by_slot, shares, .. } = self;
        let conversation = by_slot.get_mut(&slot)?.conversation.as_deref_mut()?;
        let source = conversation.source();
        let heard = hear(conversation, shares.room(source));
        let held = conversation.held();
        shares.hold(source, conversation.holds, held);
        conversation.holds = held;
        Some(heard)
    }

    pub(super) fn conversation(&mut self, slot: Slot) -> Option<&mut Conversation> {
        self.by_slot.get_mut(&slot)?.conversation.as_deref_mut()
    }

    pub(super) fn tunnel(&mut self, slot: Slot) -> Option<&mut Tunnel> {
        self.by_slot.get_mut(&slot)?.tunnel.as_deref_mut()
    }

    /// Has a session read no more.
    pub(super) fn close_conversation(&mut self, slot: Slot) -> Option<Box<Conversation>> {
        if self.by_slot.is_empty() {
            return None;
        }
        self.wait_no_more(slot);
        let conversation = self.by_slot.get_mut(&slot)?.conversation.take()?;
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

    /// Makes room for one more ticket, perhaps by giving up the oldest. Those that are over are taken out first, once for
    /// every eighth of the bound that was announced since: so a session that announces much costs no more for each.
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
        self.since_cleared += 1;
        if self.tickets.len() < most {
            return None;
        }
        if self.since_cleared >= most / 8 {
            self.since_cleared = 0;
            self.tickets.retain(|&ticket| is_alive(ticket));
        }
        (self.tickets.len() >= most).then(|| self.tickets.remove(0))
    }

    /// Whether the log has this remark on the session already; from now on it has.
    pub(super) fn was_logged(&mut self, remark: Remark) -> bool {
        let bit = 1 << (remark.index() % 32);
        let known = self.remarked & bit != 0;
        self.remarked |= bit;
        known
    }
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
