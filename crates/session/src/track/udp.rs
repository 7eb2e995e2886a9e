//! UDP conversations.
//!
//! A conversation is *first* after one datagram, *one_way* while only the initiator sends, and a *stream*
//! once the responder has sent too. Where the service ends with its answer (DNS, NTP), queries are counted
//! and the conversation is *answered* when as many answers have come: then it lives only seconds longer. A
//! query sent twice and answered once leaves one outstanding, and the longer timeout in force: that costs
//! memory, not an answer.

use crate::track::{EvictionClass, Judgement};
use crate::{Direction, TimeoutClass};

wire::named! {
    /// How far a UDP conversation has come.
    pub enum UdpState {
        /// One datagram was seen.
        First = "first",
        /// Several datagrams, all from the initiator.
        OneWay = "one_way",
        /// Datagrams both ways.
        Stream = "stream",
        /// Every query of a query-and-answer service has its answer.
        Answered = "answered",
    }
}

/// A UDP conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpTrack {
    state: UdpState,
    /// Whether the service ends with its answer.
    ends_with_answer: bool,
    /// Queries without an answer yet; it stays at the largest count once there. Nobody asks for it where the service does not
    /// end with its answer, and then it may miss some ([`Self::is_settled`]).
    outstanding: u8,
    /// By direction of sending: who is reported as unreachable, and has not been heard since.
    unreachable: [bool; 2],
}

impl UdpTrack {
    pub(super) fn open() -> Self {
        Self {
            state: UdpState::First,
            ends_with_answer: false,
            outstanding: 1,
            unreachable: [false; 2],
        }
    }

    pub(super) fn end_with_answer(&mut self) {
        self.ends_with_answer = true;
    }

    /// How far it has come.
    pub fn state(&self) -> UdpState {
        self.state
    }

    /// State, and whether a side is unreachable: what decides which timeout holds.
    #[inline(always)]
    pub(super) fn phase(&self) -> u16 {
        self.state as u16 | u16::from(self.is_unreachable()) << 8
    }

    #[inline(always)]
    fn is_unreachable(&self) -> bool {
        self.unreachable != [false; 2]
    }

    /// Whether no datagram changes what it is: it need not be judged. Its queries are not counted then, as no answer ends it.
    #[inline(always)]
    pub fn is_settled(&self) -> bool {
        self.state == UdpState::Stream && !self.ends_with_answer && !self.is_unreachable()
    }

    /// Judges a later datagram of the conversation: none is refused.
    #[inline]
    pub fn judge(&mut self, direction: Direction) -> Judgement {
        let Self { state, ends_with_answer, outstanding, unreachable: _ } = *self;
        self.unreachable[direction.index()] = false;
        match direction {
            Direction::Original => {
                self.outstanding = outstanding.saturating_add(1);
                self.state = match state {
                    UdpState::First | UdpState::OneWay => UdpState::OneWay,
                    UdpState::Stream | UdpState::Answered => UdpState::Stream,
                };
            }
            Direction::Reply => {
                // A count that has overflowed is no count: such a conversation is a stream for good.
                if outstanding < u8::MAX {
                    self.outstanding = outstanding.saturating_sub(1);
                }
                let answered = ends_with_answer && self.outstanding == 0;
                self.state = if answered { UdpState::Answered } else { UdpState::Stream };
            }
        }
        Judgement::Pass
    }

    /// An ICMP error reports that packets of a direction do not reach their receiver.
    pub(super) fn report_unreachable(&mut self, direction: Direction) {
        self.unreachable[direction.reversed().index()] = true;
    }

    #[inline]
    pub(super) fn timeout_class(&self) -> TimeoutClass {
        match self.state {
            UdpState::Answered => TimeoutClass::UdpAnswered,
            UdpState::First | UdpState::OneWay | UdpState::Stream if self.is_unreachable() => {
                TimeoutClass::UdpUnreachable
            }
            UdpState::First => TimeoutClass::UdpFirst,
            UdpState::OneWay => TimeoutClass::UdpOneWay,
            UdpState::Stream => TimeoutClass::UdpStream,
        }
    }

    pub(super) fn eviction_class(&self) -> EvictionClass {
        match self.state {
            UdpState::First | UdpState::OneWay => EvictionClass::OneWay,
            UdpState::Stream => EvictionClass::Never,
            UdpState::Answered => EvictionClass::Closed,
        }
    }
}
