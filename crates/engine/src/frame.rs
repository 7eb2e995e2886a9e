//! What goes into the engine and what comes out: owned frames and verdicts.

use core::net::IpAddr;

use policy::{PortIndex, RuleId, ZoneId};
use session::{Direction, Slot, Time};

use crate::{Cause, DropReason, EndReason, Gateway, Remark};

/// A worker, by its place among the workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub u16);

impl WorkerId {
    /// The place as an array index.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An owned frame: an mbuf live, a vector of octets in replay and tests. Its octets are contiguous, from the
/// destination MAC address to the end without frame check sequence. Dropping it frees it.
pub trait Frame: AsRef<[u8]> {
    /// The port it came in by.
    fn port(&self) -> PortIndex;

    /// What its receiver says about it.
    fn receive_flags(&self) -> ReceiveFlags;

    /// The hash by which its receiver chose the worker; none if it does not say.
    fn rss_hash(&self) -> Option<u32> {
        None
    }
}

/// What the receiver of a frame, a NIC or a reader of captures, says about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveFlags {
    /// The IPv4 header checksum need not be verified again.
    pub ip_checksum_good: bool,
    /// The checksum of TCP, UDP or SCTP is wrong.
    pub l4_checksum_bad: bool,
    /// The checksum of the transport need not be verified again.
    pub l4_checksum_good: bool,
    /// The frame is in several buffers: its octets are not contiguous.
    pub scattered: bool,
    /// TCP segments may be longer than they were on the wire: a capture on a host shows them before its NIC
    /// divided them, or after it joined them.
    pub joined: bool,
}

/// What a frame that is handed over to another worker carries along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// Why.
    pub cause: Cause,
    /// How often it has been handed over, this time included.
    pub hops: u8,
}

/// A frame is handed over at most so often.
pub const HOPS_MAX: u8 = 2;

/// What is decided about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Forward,
    /// It is dropped.
    Drop(DropReason),
    /// It is dropped and its sender told, as far as rate and rules allow.
    Reject(DropReason),
    /// It was meant for the box itself.
    Consume,
}

impl Verdict {
    /// The word that replay and captures show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Drop(_) => "drop",
            Self::Reject(_) => "reject",
            Self::Consume => "consume",
        }
    }

    /// Why, unless it goes on.
    pub const fn reason(self) -> Option<DropReason> {
        match self {
            Self::Drop(reason) | Self::Reject(reason) => Some(reason),
            Self::Forward | Self::Consume => None,
        }
    }
}

/// A verdict with all that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is decided.
    pub verdict: Verdict,
    /// The session that the frame belongs to.
    pub session: Option<Slot>,
    /// The frame opened that session.
    pub created: bool,
    /// Its direction in that session.
    pub direction: Option<Direction>,
    /// The state of the session after the frame.
    pub state: Option<&'static str>,
    /// The rule that decided, or that allowed the session; none for the implicit drop, and where no rule was asked.
    pub rule: Option<RuleId>,
}

impl Judgement {
    /// A verdict that no session and no rule had part in.
    pub const fn of(verdict: Verdict) -> Self {
        Self { verdict, session: None, created: false, direction: None, state: None, rule: None }
    }

    /// A drop that no session and no rule had part in.
    pub fn drop(reason: impl Into<DropReason>) -> Self {
        Self::of(Verdict::Drop(reason.into()))
    }
}

/// Where the engine puts what it has decided on. Implementors batch; none of the calls may block.
pub trait Outbox<F> {
    /// Sends a frame out of a port. Whether transmit takes it is the implementor's to count.
    fn transmit(&mut self, port: PortIndex, frame: F, judgement: &Judgement);

    /// Sends a frame that the engine made, from [`Self::make`], out of a port.
    fn transmit_made(&mut self, port: PortIndex, frame: F);

    /// Gives a frame to another worker.
    fn hand_over(&mut self, to: WorkerId, tag: Handover, frame: F);

    /// Frees a frame that was dropped, rejected or consumed.
    fn discard(&mut self, frame: F, judgement: &Judgement);

    /// A new frame with these octets; none if the source of frames has no more.
    fn make(&mut self, octets: &[u8]) -> Option<F>;

    /// Writes to the event log. If that is full, the event is lost and the implementor counts it.
    fn event(&mut self, event: &Event);
}

/// A line of the event log.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// When.
    pub time: Time,
    /// The worker on which.
    pub worker: WorkerId,
    /// What.
    pub kind: EventKind,
    /// The session's number on its worker, unique together with the time of its creation.
    pub slot: Option<Slot>,
    /// IP protocol number.
    pub protocol: u8,
    /// The initiator, or the sender of a denied packet.
    pub source: IpAddr,
    /// Its port, or the identifier of an ICMP query.
    pub source_port: u16,
    /// The responder.
    pub destination: IpAddr,
    /// Its port.
    pub destination_port: u16,
    /// The port by which the initiator's packets come.
    pub in_port: PortIndex,
    /// The zone of the initiator.
    pub from: ZoneId,
    /// The zone of the responder.
    pub to: ZoneId,
    /// The outermost VLAN.
    pub vlan: Option<u16>,
    /// The rule that decided.
    pub rule: Option<RuleId>,
    /// The session that announced this one.
    pub parent: Option<ParentId>,
    /// The gateway that announced this session, or else that reads it.
    pub gateway: Option<Gateway>,
}

/// Names a session of any worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentId {
    /// Its worker.
    pub worker: WorkerId,
    /// Its slot there.
    pub slot: u32,
    /// When it was opened, to the millisecond.
    pub created: Time,
}

/// What an [`Event`] tells.
#[derive(Clone, Copy, Debug)]
pub enum EventKind {
    /// A session was opened.
    SessionStart,
    /// A session ended.
    SessionEnd {
        /// Why.
        reason: EndReason,
        /// When it was opened.
        created: Time,
        /// Packets in original and reply direction.
        packets: [u64; 2],
        /// Octets of network-layer datagrams in original and reply direction.
        bytes: [u64; 2],
    },
    /// A rule refused the first packet of a session.
    Deny {
        /// Why.
        reason: DropReason,
    },
    /// A gateway found something wrong in what it read. Told once for each remark and session.
    Remark {
        /// What.
        remark: Remark,
        /// When the session that it reads was opened; none: this packet would have opened it.
        created: Option<Time>,
        /// Whether the packet was dropped for it.
        refused: bool,
    },
}
