//! SCTP associations (RFC 9260): the four-way handshake, verification tags, and the end.
//!
//! Only a packet's first chunk is looked at. Every packet but INIT carries the tag that its receiver chose;
//! whoever does not know the tags can neither speak nor end the association (RFC 9260 §8.5).
//!
//! | state | INIT | INIT ACK | COOKIE ECHO | COOKIE ACK | SHUTDOWN | SHUTDOWN ACK | SHUTDOWN COMPLETE | ABORT | other |
//! | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
//! | init | init | init_ack | – | – | – | – | – | ends | – |
//! | init_ack | init if its tag is another | init_ack | cookie_echoed | – | – | – | – | ends | – |
//! | cookie_echoed | passes | passes | passes | established | shutdown_sent | shutdown_ack_sent | – | ends | passes |
//! | established | passes | passes | passes; cookie_echoed after a restart | passes | shutdown_sent | shutdown_ack_sent | – | ends | passes |
//! | shutdown_sent | passes | passes | as established | passes | passes | shutdown_ack_sent | – | ends | passes |
//! | shutdown_ack_sent | passes | passes | as established | passes | passes | passes | ends | ends | passes |
//!
//! A restart (RFC 9260 §5.2.2) by the initiator keeps the association's tags until the COOKIE ECHO that
//! proves it. One by the responder is refused: it would open the way back to a host that nobody asked for.

use wire::{Quoted, SctpPacket};

use crate::track::{EvictionClass, Judgement, Refusal};
use crate::{Direction, TimeoutClass};

wire::named! {
    /// The states of an SCTP association, both ends taken together.
    pub enum SctpState {
        /// INIT was seen.
        Init = "init",
        /// INIT ACK was seen.
        InitAck = "init_ack",
        /// COOKIE ECHO was seen.
        CookieEchoed = "cookie_echoed",
        /// COOKIE ACK was seen.
        Established = "established",
        /// One side has sent SHUTDOWN.
        ShutdownSent = "shutdown_sent",
        /// The other side has sent SHUTDOWN ACK.
        ShutdownAckSent = "shutdown_ack_sent",
    }
}

/// An SCTP association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpTrack {
    state: SctpState,
    /// Who sent the COOKIE ECHO.
    echoed_by: Direction,
    /// The tag that packets in a direction carry; 0 until the COOKIE ECHO.
    tags: [u32; 2],
    /// The tags that the handshake in progress, or the last one, is about.
    offered: [u32; 2],
}

/// The types of chunks that matter here (RFC 9260 §3.2).
mod chunk {
    pub(super) const INIT: u8 = 1;
    pub(super) const INIT_ACK: u8 = 2;
    pub(super) const ABORT: u8 = 6;
    pub(super) const SHUTDOWN: u8 = 7;
    pub(super) const SHUTDOWN_ACK: u8 = 8;
    pub(super) const COOKIE_ECHO: u8 = 10;
    pub(super) const COOKIE_ACK: u8 = 11;
    pub(super) const SHUTDOWN_COMPLETE: u8 = 14;
    /// The T bit of ABORT and SHUTDOWN COMPLETE: the sender has no association and returns the tag it was
    /// sent (RFC 9260 §8.5.1).
    pub(super) const REFLECTED: u8 = 1;
}

impl SctpTrack {
    pub(super) fn open(packet: &SctpPacket) -> Result<Self, Refusal> {
        if packet.chunk != chunk::INIT {
            return Err(Refusal::SctpNotInit);
        }
        let tag = initiate_tag(packet)?;
        Ok(Self {
            state: SctpState::Init,
            echoed_by: Direction::Original,
            tags: [0, 0],
            offered: [0, tag],
        })
    }

    /// The state, both ends taken together.
    pub fn state(&self) -> SctpState {
        self.state
    }

    pub(super) fn judge(&mut self, direction: Direction, packet: &SctpPacket) -> Judgement {
        let outcome = match packet.chunk {
            chunk::INIT => self.init(direction, packet),
            chunk::INIT_ACK => self.init_ack(direction, packet),
            chunk::COOKIE_ECHO => self.cookie_echo(direction, packet),
            chunk::ABORT => self.abort(direction, packet),
            _ => self.associated(direction, packet),
        };
        outcome.unwrap_or_else(Judgement::Refuse)
    }

    fn init(&mut self, direction: Direction, packet: &SctpPacket) -> Result<Judgement, Refusal> {
        let tag = initiate_tag(packet)?;
        let slot = &mut self.offered[direction.reversed().index()];
        match (direction, self.state) {
            (Direction::Original, SctpState::Init | SctpState::InitAck) => {
                if *slot != tag {
                    *slot = tag;
                    self.state = SctpState::Init;
                }
            }
            (Direction::Original, _) => *slot = tag,
            // Both sides call each other at once (RFC 9260 §5.2.1).
            (Direction::Reply, SctpState::Init) if *slot == 0 => *slot = tag,
            (Direction::Reply, SctpState::Init | SctpState::InitAck) if *slot == tag => {}
            (Direction::Reply, _) => return Err(Refusal::SctpState),
        }
        Ok(Judgement::Pass)
    }

    fn init_ack(
        &mut self,
        direction: Direction,
        packet: &SctpPacket,
    ) -> Result<Judgement, Refusal> {
        let expected = self.offered[direction.index()];
        let Some(tag) = packet.initiate_tag.filter(|tag| *tag != 0) else {
            return Err(Refusal::SctpTag);
        };
        if expected == 0 || packet.verification_tag != expected {
            return Err(Refusal::SctpTag);
        }
        self.offered[direction.reversed().index()] = tag;
        if self.state == SctpState::Init {
            self.state = SctpState::InitAck;
        }
        Ok(Judgement::Pass)
    }

    fn cookie_echo(
        &mut self,
        direction: Direction,
        packet: &SctpPacket,
    ) -> Result<Judgement, Refusal> {
        // From here on both tags are known, and neither is 0.
        if self.state == SctpState::Init {
            return Err(Refusal::SctpState);
        }
        let Self { offered, tags, .. } = *self;
        let carried = packet.verification_tag;
        if carried != offered[direction.index()] {
            return Err(Refusal::SctpTag);
        }
        if tags != offered {
            self.tags = offered;
            self.echoed_by = direction;
            self.state = SctpState::CookieEchoed;
        }
        Ok(Judgement::Pass)
    }

    fn abort(&self, direction: Direction, packet: &SctpPacket) -> Result<Judgement, Refusal> {
        let reflected = packet.chunk_flags & chunk::REFLECTED != 0;
        let whose = if reflected { direction.reversed() } else { direction }.index();
        let expected = [self.tags[whose], self.offered[whose]];
        let carried = packet.verification_tag;
        if carried != 0 && expected.contains(&carried) {
            Ok(Judgement::Ended)
        } else {
            Err(Refusal::SctpTag)
        }
    }

    /// Any chunk that only an association with its tags may carry.
    fn associated(
        &mut self,
        direction: Direction,
        packet: &SctpPacket,
    ) -> Result<Judgement, Refusal> {
        if self.tags.contains(&0) {
            return Err(Refusal::SctpState);
        }
        let reflected =
            packet.chunk == chunk::SHUTDOWN_COMPLETE && packet.chunk_flags & chunk::REFLECTED != 0;
        let whose = if reflected { direction.reversed() } else { direction };
        if packet.verification_tag != self.tags[whose.index()] {
            return Err(Refusal::SctpTag);
        }
        match packet.chunk {
            chunk::COOKIE_ACK => match self.state {
                SctpState::CookieEchoed if direction == self.echoed_by => {
                    return Err(Refusal::SctpState);
                }
                SctpState::CookieEchoed => self.state = SctpState::Established,
                SctpState::Init
                | SctpState::InitAck
                | SctpState::Established
                | SctpState::ShutdownSent
                | SctpState::ShutdownAckSent => {}
            },
            chunk::SHUTDOWN if self.state != SctpState::ShutdownAckSent => {
                self.state = SctpState::ShutdownSent;
            }
            chunk::SHUTDOWN_ACK => self.state = SctpState::ShutdownAckSent,
            chunk::SHUTDOWN_COMPLETE => {
                return if self.state == SctpState::ShutdownAckSent {
                    Ok(Judgement::Ended)
                } else {
                    Err(Refusal::SctpState)
                };
            }
            // DATA, SACK, HEARTBEAT and its ACK, ERROR, and the chunks of later documents.
            _ => {}
        }
        Ok(Judgement::Pass)
    }

    pub(super) fn relate(&self, direction: Direction, quoted: &Quoted) -> Result<(), Refusal> {
        let Some(tag) = quoted.verification_tag else { return Err(Refusal::IcmpQuoteTruncated) };
        let Self { state, echoed_by: _, tags, offered } = self;
        let fits = if tag == 0 {
            // Only INIT carries no tag.
            matches!(state, SctpState::Init | SctpState::InitAck)
        } else {
            tags[direction.index()] == tag || offered[direction.index()] == tag
        };
        if fits { Ok(()) } else { Err(Refusal::IcmpQuoteTag) }
    }

    #[inline]
    pub(super) fn timeout_class(&self) -> TimeoutClass {
        match self.state {
            SctpState::Init | SctpState::InitAck | SctpState::CookieEchoed => {
                TimeoutClass::SctpInit
            }
            SctpState::Established => TimeoutClass::SctpEstablished,
            SctpState::ShutdownSent | SctpState::ShutdownAckSent => TimeoutClass::SctpShutdown,
        }
    }

    pub(super) fn eviction_class(&self) -> EvictionClass {
        match self.state {
            SctpState::Init | SctpState::InitAck | SctpState::CookieEchoed => {
                EvictionClass::HalfOpen
            }
            SctpState::Established => EvictionClass::Never,
            SctpState::ShutdownSent | SctpState::ShutdownAckSent => EvictionClass::Closing,
        }
    }
}

/// The initiate tag of an INIT, which itself carries the verification tag 0 (RFC 9260 §8.5.1, §3.3.2).
fn initiate_tag(init: &SctpPacket) -> Result<u32, Refusal> {
    match init.initiate_tag {
        Some(tag) if tag != 0 && init.verification_tag == 0 => Ok(tag),
        Some(_) | None => Err(Refusal::SctpTag),
    }
}
