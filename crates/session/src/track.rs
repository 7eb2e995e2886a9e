//! What a session remembers of its protocol, and how the next packet is judged by it.
//!
//! A [`Track`] is opened by a session's first packet and shown every later one: it says whether the packet
//! fits the conversation ([`Judgement`]), which timeout now holds and what may be evicted. It fits half a
//! cache line and holds no time but a few bits, no key, no counters and no policy: those are the table's
//! and the engine's.

mod icmp;
mod other;
mod refusal;
mod sctp;
#[cfg(test)]
mod tests;
mod udp;

use wire::{Descriptor, IcmpKind, Quoted, Transport};

pub use icmp::{IcmpState, IcmpTrack};
pub use other::{OtherState, OtherTrack};
pub use refusal::Refusal;
pub use sctp::{SctpState, SctpTrack};
pub use udp::{UdpState, UdpTrack};

use crate::tcp::{TcpState, TcpTrack};
use crate::{Direction, Time, TimeoutClass};

/// What a tracker says of a packet of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It belongs to the conversation. The state, and with it the timeout, may have changed.
    Pass,
    /// It belongs to the conversation and ends it: the packet passes, the session is removed.
    Ended,
    /// It belongs to no longer this conversation but starts another with the same addresses and ports. The
    /// caller judges it as a packet without a session, in its own direction; if that lets it pass, the new
    /// session takes this one's place, else this one stays as it is.
    Reopen,
    /// It does not belong to the conversation, which stays as it is.
    Refuse(Refusal),
}

wire::named! {
    /// In which order sessions make room when the table is full: the first go first.
    pub enum EvictionClass {
        /// A handshake that is not complete.
        HalfOpen = "half_open",
        /// The conversation is over; the session only waits for stragglers.
        Closed = "closed",
        /// Both sides have said that they are done.
        Closing = "closing",
        /// Only one side has been heard, or nothing but a query and its answer is expected.
        OneWay = "one_way",
        /// A conversation in both directions: it is never evicted.
        Never = "never",
    }
}

wire::named! {
    /// The protocols that sessions are counted by.
    pub enum Protocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// ICMP.
        Icmp = "icmp",
        /// ICMPv6.
        Icmpv6 = "icmpv6",
        /// SCTP.
        Sctp = "sctp",
        /// GRE.
        Gre = "gre",
        /// ESP.
        Esp = "esp",
        /// AH.
        Ah = "ah",
        /// Any other IP protocol.
        Other = "other",
    }
}

/// A session's memory of its protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Track {
    /// An unused entry: it refuses everything.
    #[default]
    Unused,
    /// A TCP connection.
    Tcp(TcpTrack),
    /// A UDP conversation.
    Udp(UdpTrack),
    /// An ICMP or ICMPv6 query and its answers.
    Icmp(IcmpTrack),
    /// An SCTP association.
    Sctp(SctpTrack),
    /// A conversation in any other IP protocol.
    Other(OtherTrack),
}

impl Track {
    /// Starts to track with a session's first packet, strictly: TCP by a SYN, ICMP by a query, SCTP by an
    /// INIT, all else by any packet.
    ///
    /// # Errors
    ///
    /// Why the packet may not start a session.
    #[inline]
    pub fn open(descriptor: &Descriptor) -> Result<Self, Refusal> {
        match &descriptor.transport {
            Transport::Tcp(segment) => TcpTrack::open(segment).map(Self::Tcp),
            Transport::Udp(_) => Ok(Self::Udp(UdpTrack::open())),
            Transport::Icmp(message) => IcmpTrack::open(message, false).map(Self::Icmp),
            Transport::Icmpv6(message) => IcmpTrack::open(message, true).map(Self::Icmp),
            Transport::Sctp(packet) => SctpTrack::open(packet).map(Self::Sctp),
            Transport::Other => Ok(Self::Other(OtherTrack::open(descriptor.protocol))),
            Transport::None => Err(Refusal::ProtocolMismatch),
        }
    }

    /// As [`Self::open`], for a `loose` rule: a TCP connection may also be picked up in the middle, by any
    /// legal segment but a RST; and if it starts with a SYN, it may go on without its SYN-ACK.
    ///
    /// # Errors
    ///
    /// Why the packet may not start a session even so.
    pub fn pick_up(descriptor: &Descriptor) -> Result<Self, Refusal> {
        match &descriptor.transport {
            Transport::Tcp(segment) => TcpTrack::pick_up(segment).map(Self::Tcp),
            Transport::Udp(_)
            | Transport::Icmp(_)
            | Transport::Icmpv6(_)
            | Transport::Sctp(_)
            | Transport::Other
            | Transport::None => Self::open(descriptor),
        }
    }

    /// The service that it is of ends with its answer (DNS, NTP). To be said before any later packet is judged; of other
    /// protocols than UDP it says nothing.
    pub fn end_with_answer(&mut self) {
        if let Self::Udp(track) = self {
            track.end_with_answer();
        }
    }

    /// Judges a later packet of the session, and follows it if it passes. A refused packet changes nothing.
    #[inline]
    pub fn judge(&mut self, direction: Direction, descriptor: &Descriptor, now: Time) -> Judgement {
        match (self, &descriptor.transport) {
            (Self::Tcp(track), Transport::Tcp(segment)) => track.judge(direction, segment, now),
            (Self::Udp(track), Transport::Udp(_)) => track.judge(direction),
            (Self::Icmp(track), Transport::Icmp(message) | Transport::Icmpv6(message)) => {
                track.judge(direction, message)
            }
            (Self::Sctp(track), Transport::Sctp(packet)) => track.judge(direction, packet),
            (Self::Other(track), Transport::Other) => track.judge(direction),
            (
                Self::Unused
                | Self::Tcp(_)
                | Self::Udp(_)
                | Self::Icmp(_)
                | Self::Sctp(_)
                | Self::Other(_),
                _,
            ) => Judgement::Refuse(Refusal::ProtocolMismatch),
        }
    }

    /// Whether an ICMP error may speak of this session: the packet it quotes, which went in
    /// `direction_of_quoted`, must be one that the session can have in flight.
    ///
    /// # Errors
    ///
    /// What is wrong with the quotation.
    pub fn relate(&self, direction_of_quoted: Direction, quoted: &Quoted) -> Result<(), Refusal> {
        match self {
            Self::Tcp(track) => track.relate(direction_of_quoted, quoted),
            Self::Sctp(track) => track.relate(direction_of_quoted, quoted),
            Self::Icmp(track) => track.relate(direction_of_quoted, quoted),
            Self::Udp(_) | Self::Other(_) => Ok(()),
            Self::Unused => Err(Refusal::ProtocolMismatch),
        }
    }

    /// An ICMP error, that [`Self::relate`] let pass, reports the receiver of this direction as unreachable. That shortens
    /// a UDP conversation's life; a TCP connection's, never (RFC 5927).
    pub fn report_unreachable(&mut self, direction_of_quoted: Direction) {
        if let Self::Udp(track) = self {
            track.report_unreachable(direction_of_quoted);
        }
    }

    /// Which timeout holds, from the last packet on.
    #[inline]
    pub fn timeout_class(&self) -> TimeoutClass {
        match self {
            Self::Unused => TimeoutClass::Other,
            Self::Tcp(track) => track.timeout_class(),
            Self::Udp(track) => track.timeout_class(),
            Self::Icmp(_) => TimeoutClass::Icmp,
            Self::Sctp(track) => track.timeout_class(),
            Self::Other(track) => track.timeout_class(),
        }
    }

    /// A number that stays as long as state and timeout class do: what most packets leave as it is.
    #[inline(always)]
    pub fn phase(&self) -> u16 {
        match self {
            Self::Tcp(track) => track.phase(),
            Self::Udp(track) => track.phase(),
            Self::Sctp(track) => track.state() as u16,
            Self::Icmp(track) => track.state() as u16,
            Self::Other(track) => track.state() as u16,
            Self::Unused => 0,
        }
    }

    /// How readily the session makes room for another when the table is full.
    pub fn eviction_class(&self) -> EvictionClass {
        match self {
            Self::Unused => EvictionClass::Closed,
            Self::Tcp(track) => track.eviction_class(),
            Self::Udp(track) => track.eviction_class(),
            Self::Icmp(_) => EvictionClass::OneWay,
            Self::Sctp(track) => track.eviction_class(),
            Self::Other(track) => track.eviction_class(),
        }
    }

    /// The state's stable snake_case name: one of [`Protocol::states`].
    pub fn state_name(&self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Tcp(track) => track.state().name(),
            Self::Udp(track) => track.state().name(),
            Self::Icmp(track) => track.state().name(),
            Self::Sctp(track) => track.state().name(),
            Self::Other(track) => track.state().name(),
        }
    }

    /// The position of the state in its protocol's [`Protocol::states`].
    pub fn state_index(&self) -> usize {
        match self {
            Self::Unused => 0,
            Self::Tcp(track) => track.state().index(),
            Self::Udp(track) => track.state().index(),
            Self::Icmp(track) => track.state().index(),
            Self::Sctp(track) => track.state().index(),
            Self::Other(track) => track.state().index(),
        }
    }

    /// The protocol that the session is counted by; an unused entry counts as other.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Unused => Protocol::Other,
            Self::Tcp(_) => Protocol::Tcp,
            Self::Udp(_) => Protocol::Udp,
            Self::Icmp(track) => track.protocol(),
            Self::Sctp(_) => Protocol::Sctp,
            Self::Other(track) => track.protocol(),
        }
    }

    /// The protocol's name.
    pub fn protocol_label(&self) -> &'static str {
        self.protocol().name()
    }

    /// Whether it is a TCP connection that was picked up in the middle.
    pub fn is_picked_up(&self) -> bool {
        match self {
            Self::Tcp(track) => track.is_picked_up(),
            Self::Unused | Self::Udp(_) | Self::Icmp(_) | Self::Sctp(_) | Self::Other(_) => false,
        }
    }
}

impl Protocol {
    /// The names of all states that a session of the protocol can be in, by [`Track::state_index`].
    pub fn states(self) -> Vec<&'static str> {
        match self {
            Self::Tcp => TcpState::ALL.iter().map(|state| state.name()).collect(),
            Self::Udp => UdpState::ALL.iter().map(|state| state.name()).collect(),
            Self::Icmp | Self::Icmpv6 => IcmpState::ALL.iter().map(|state| state.name()).collect(),
            Self::Sctp => SctpState::ALL.iter().map(|state| state.name()).collect(),
            Self::Gre | Self::Esp | Self::Ah | Self::Other => {
                OtherState::ALL.iter().map(|state| state.name()).collect()
            }
        }
    }
}

/// Whether an ICMP message of this kind can belong to a query's session.
fn is_query_or_reply(kind: IcmpKind) -> bool {
    match kind {
        IcmpKind::Query | IcmpKind::Reply => true,
        IcmpKind::Error
        | IcmpKind::NeighborDiscovery
        | IcmpKind::ListenerDiscovery
        | IcmpKind::Other => false,
    }
}
