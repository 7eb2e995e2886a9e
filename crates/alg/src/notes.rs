//! What a gateway is told of its conversation, and what it has to say.

use core::net::IpAddr;
use core::ops::RangeInclusive;

use arrayvec::ArrayVec;
use session::Direction;

use crate::{Announcement, Remark};

/// The two ends of a control conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Addresses and ports: of the initiator, then of the responder.
    pub ends: [(IpAddr, u16); 2],
}

impl Peers {
    /// Who speaks in this direction.
    #[must_use]
    pub const fn speaker(&self, from: Direction) -> (IpAddr, u16) {
        self.ends[from.index()]
    }

    /// Who is spoken to in this direction.
    #[must_use]
    pub const fn listener(&self, from: Direction) -> (IpAddr, u16) {
        self.ends[from.reversed().index()]
    }
}

/// What the rule's service says on how to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Expect a connection only when the other side has agreed to it.
    pub strict: bool,
    /// Media may be announced for hosts other than the two peers (SIP), and direct connections come from anywhere (IRC).
    pub third_party: bool,
}

const ANNOUNCEMENTS: usize = 20;
const REMARKS: usize = 8;
const WITHDRAWALS: usize = 8;

/// Where a gateway writes what it has read in one packet.
#[derive(Debug)]
pub struct Notes<'a> {
    /// The ends of the conversation.
    pub peers: &'a Peers,
    /// How to read.
    pub options: Options,
    /// Octets that the reader may hold beyond what it holds ([`crate::Reader::held`]).
    pub room: usize,
    announcements: ArrayVec<Announcement, ANNOUNCEMENTS>,
    withdrawn: ArrayVec<RangeInclusive<u32>, WITHDRAWALS>,
    remarks: ArrayVec<Remark, REMARKS>,
}

impl Notes<'_> {
    /// Announcements that one packet can make. A packet that would make more has the rest ignored, as
    /// [`Remark::Overlong`].
    pub const ANNOUNCEMENTS: usize = ANNOUNCEMENTS;
    /// Remarks on one packet that are kept.
    pub const REMARKS: usize = REMARKS;
    /// Groups, or ranges of them, that one packet can take back. What more it would take back lapses by its time.
    pub const WITHDRAWALS: usize = WITHDRAWALS;
}

impl<'a> Notes<'a> {
    /// Nothing noted yet, and room for all that a reader may want to hold.
    #[must_use]
    pub fn new(peers: &'a Peers, options: Options) -> Self {
        Self {
            peers,
            options,
            room: usize::MAX,
            announcements: ArrayVec::new(),
            withdrawn: ArrayVec::new(),
            remarks: ArrayVec::new(),
        }
    }

    /// Announces a connection.
    pub fn expect(&mut self, announcement: Announcement) {
        if self.announcements.try_push(announcement).is_err() {
            self.remark(Remark::Overlong);
        }
    }

    /// Takes back what has been announced of a group, in this packet and before, and has not been used. What is announced
    /// after that stands. What is of group 0 is never taken back.
    pub fn withdraw(&mut self, group: u32) {
        if group != 0 {
            self.withdraw_all(group..=group);
        }
    }

    /// As [`Self::withdraw`], of groups that follow one another: those of a call and its channels. 0 is not among them.
    pub fn withdraw_all(&mut self, groups: RangeInclusive<u32>) {
        self.announcements.retain(|announcement| !groups.contains(&announcement.group));
        if !self.withdrawn.contains(&groups) {
            self.withdrawn.try_push(groups).ok();
        }
    }

    /// Remarks on something. More than eight in one packet are not kept.
    pub fn remark(&mut self, remark: Remark) {
        self.remarks.try_push(remark).ok();
    }

    /// The connections to expect, in the order in which they were announced.
    #[must_use]
    pub fn announcements(&self) -> &[Announcement] {
        &self.announcements
    }

    /// The groups that are taken back, before anything that is announced.
    #[must_use]
    pub fn withdrawn(&self) -> &[RangeInclusive<u32>] {
        &self.withdrawn
    }

    /// What was wrong.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }
}
