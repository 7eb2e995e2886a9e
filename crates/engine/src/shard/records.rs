//! What is kept of a session beside its entry: how a gateway reads it, and which session announced it.
//!
//! A record is made when its session is opened, and goes with it. A bit of the entry says that a session is read, so
//! that the packets of all others, announced ones included, look nothing up here.
//!
//! Invariant: the number of records is bounded, and memory for all is taken at the start, but for what the readers
//! themselves hold.

use ahash::RandomState;
use alg::{Options, Peers, Reader};
use arrayvec::ArrayVec;
use hashbrown::HashMap;
use session::Slot;
use session::expectation::{Parent, Ticket};

use crate::{Gateway, ParentId, Remark, WorkerId};

/// Sessions that may be read, in all shards.
const CONVERSATIONS: usize = 16_384;
/// Sessions that may have been announced, in all shards.
const CHILDREN: usize = 131_072;
/// Connections that one session may have announced and that are still expected: the most that any gateway may.
pub(super) const TICKETS: usize = 32;

/// The records of a shard.
#[derive(Debug)]
pub(super) struct Records {
    by_slot: HashMap<Slot, Record, RandomState>,
    conversations: usize,
    most_conversations: usize,
    most: usize,
}

/// What is kept of one session.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// How it is read.
    pub(super) conversation: Option<Box<Conversation>>,
    /// What announced it.
    pub(super) descent: Option<Box<Descent>>,
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
    pub(super) tickets: ArrayVec<Ticket, TICKETS>,
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
        let most = (CONVERSATIONS + CHILDREN).div_ceil(share).min(sessions as usize);
        Self {
            by_slot: HashMap::with_capacity_and_hasher(most, hasher),
            conversations: 0,
            most_conversations: CONVERSATIONS.div_ceil(share),
            most,
        }
    }

    /// Octets that the map of a shard takes.
    pub(super) const fn memory(share: u16) -> usize {
        let share = if share == 0 { 1 } else { share as usize };
        (CONVERSATIONS + CHILDREN) / share * (size_of::<(Slot, Record)>() + 1) * 8 / 7
    }

    /// Whether there is room for one more, that is read.
    pub(super) fn has_room(&self, is_read: bool) -> bool {
        self.by_slot.len() < self.most && (!is_read || self.conversations < self.most_conversations)
    }

    pub(super) fn insert(&mut self, slot: Slot, record: Record) {
        self.conversations += usize::from(record.conversation.is_some());
        self.by_slot.insert(slot, record);
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Record> {
        if self.by_slot.is_empty() {
            return None;
        }
        let record = self.by_slot.remove(&slot)?;
        self.conversations -= usize::from(record.conversation.is_some());
        Some(record)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Record> {
        if self.by_slot.is_empty() { None } else { self.by_slot.get(&slot) }
    }

    pub(super) fn conversation(&mut self, slot: Slot) -> Option<&mut Conversation> {
        self.by_slot.get_mut(&slot)?.conversation.as_deref_mut()
    }

    /// Has a session read no more.
    pub(super) fn close_conversation(&mut self, slot: Slot) -> Option<Box<Conversation>> {
        let conversation = self.by_slot.get_mut(&slot)?.conversation.take()?;
        self.conversations -= 1;
        Some(conversation)
    }
}

impl Conversation {
    /// Whether the log has this remark on the session already; from now on it has.
    pub(super) fn was_logged(&mut self, remark: Remark) -> bool {
        let bit = 1 << (remark.index() % 32);
        let known = self.remarked & bit != 0;
        self.remarked |= bit;
        known
    }
}
