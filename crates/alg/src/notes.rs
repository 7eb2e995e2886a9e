//! What a gateway is told of its conversation, and what it has to say.

use core::net::IpAddr;

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

/// Where a gateway writes what it has read in one packet.
#[derive(Debug)]
pub struct Notes<'a> {
    /// The ends of the conversation.
    pub peers: &'a Peers,
    /// How to read.
    pub options: Options,
    announcements: ArrayVec<Announcement, ANNOUNCEMENTS>,
    remarks: ArrayVec<Remark, REMARKS>,
}

impl Notes<'_> {
    /// Announcements that one packet can make. A packet that would make more has the rest ignored, as
    /// [`Remark::Overlong`].
    pub const ANNOUNCEMENTS: usize = ANNOUNCEMENTS;
    /// Remarks on one packet that are kept.
    pub const REMARKS: usize = REMARKS;
}

impl<'a> Notes<'a> {
    /// Nothing noted yet.
    #[must_use]
    pub fn new(peers: &'a Peers, options: Options) -> Self {
        Self { peers, options, announcements: ArrayVec::new(), remarks: ArrayVec::new() }
    }

    /// Announces a connection.
    pub fn expect(&mut self, announcement: Announcement) {
        if self.announcements.try_push(announcement).is_err() {
            self.remark(Remark::Overlong);
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

    /// What was wrong.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }
}
