//! The short way: a plain TCP or UDP packet of a session that lives, and that the tracker lets pass.
//!
//! Nearly every packet is such a one, and its way reads no more of the frame than names the session and moves
//! the tracker. It decides nothing of its own: whatever is not plainly so, from a fault in the header to a
//! policy that has changed, leaves it before anything is changed, and is judged the whole way. So the
//! verdicts are those of the whole way (a property test holds one against the other), and rules,
//! refusals and the end of sessions stand in one place.

use policy::PortIndex;
use session::memory::Memory;
use session::track::{Judgement as TrackJudgement, Track};
use session::{Context, Direction, Key};

use wire::{TcpFlags, protocol};

use crate::frame::{Frame, Judgement, Outbox};
use crate::owner::{rss_hash, worker_of};
use crate::screen::screen_plain;

use super::{Arrival, Core, Lookup, Turn};

/// Bits that a bare acknowledgement may have or not.
const AS_MAY_BE: u8 = TcpFlags::PSH.0 | TcpFlags::ECE.0 | TcpFlags::CWR.0;

/// A plain packet after the first stage.
pub(super) struct Short {
    /// Its key with its hash.
    pub(super) lookup: Lookup,
    /// Where its transport header starts and the IP packet ends.
    l4: u16,
    end: u16,
    /// Octets of the IP packet.
    octets: u16,
}

impl Short {
    /// The hash by which its owner is found: its key holds all that this takes.
    pub(super) fn steering_hash(&self) -> u32 {
        let Lookup { key, side, .. } = &self.lookup;
        let (source, destination) = (key.endpoint(*side), key.endpoint(side.other()));
        rss_hash(source.0, destination.0, Some((source.1, destination.1)))
    }

    /// Whether its transport header, too, is without fault: what is not is dropped by whoever receives it.
    fn is_sound<F: Frame>(&self, frame: &F) -> bool {
        let is_tcp = self.lookup.key.protocol == protocol::TCP;
        !is_tcp || wire::plain_segment(frame.as_ref(), self.l4, self.end).is_some()
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// The stateless stage for a plain packet: read, screen, and ask for the bucket.
    #[inline(always)]
    pub(super) fn prepare_short<O>(&self, turn: &Turn<'_, O>, frame: &F) -> Option<Short> {
        if !self.goes_short {
            return None;
        }
        let topology = &turn.snapshot.topology;
        let packet = screen_plain(frame, turn.snapshot, &self.own_macs)?;
        let domain = u8::try_from(topology.domain(frame.port()) & 0xff).unwrap_or(0);
        let (key, side) = Key::plain(Context::new(domain, packet.vlans), &packet);
        let hash = self.sessions.hash(&key);
        self.sessions.prefetch(hash);
        let lookup = Lookup { key, side, hash, guess: None };
        Some(Short { lookup, l4: packet.l4, end: packet.end, octets: packet.length })
    }

    /// Judges a plain packet: the short way if it can, else the whole way.
    #[inline(always)]
    pub(super) fn judge_plain<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        short: &Short,
        hops: u8,
    ) {
        match self.judge_short(turn, &frame, short) {
            Some((port, judgement)) => turn.out.transmit(port, frame, &judgement),
            None => self.judge_otherwise(turn, frame, short, hops),
        }
    }

    /// Hands over what is another worker's; the rest goes the whole way. What has a session here is never another's,
    /// so that established packets are not asked for their owner.
    #[inline(never)]
    fn judge_otherwise<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        short: &Short,
        hops: u8,
    ) {
        if self.workers > 1 {
            let hash = short.steering_hash();
            if worker_of(hash, self.workers) != self.worker
                && short.is_sound(&frame)
                && let Some(fate) = self.find_owner(frame.port(), Arrival::of(&frame, hops), hash)
            {
                return self.carry_out(turn, frame, fate, hops);
            }
        }
        // Both readings find the same key.
        let screened = self.prepare_with(turn, &frame, |_| short.lookup);
        self.judge(turn, frame, &screened, hops);
    }

    /// `None`: the packet's way is not the short one, and nothing has been changed.
    #[inline(always)]
    fn judge_short<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: &F,
        short: &Short,
    ) -> Option<(PortIndex, Judgement)> {
        let Lookup { key, side, hash: _, guess } = &short.lookup;
        let slot = self.sessions.find_guessed(key, *guess, turn.now, turn.lifetimes)?;
        let entry = self.sessions.entry_mut(slot);
        let direction = side.direction(entry.initiator());
        let partner = turn.snapshot.topology.partner(frame.port());
        let initiators_port = match direction {
            Direction::Original => frame.port(),
            Direction::Reply => partner,
        };
        if entry.generation != turn.snapshot.mark() || entry.in_port != initiators_port.0 {
            return None;
        }
        let is_watched = entry.is_watched();
        let before = entry.track;
        let mut acknowledged = None;
        let judgement = match &mut entry.track {
            Track::Udp(_) if is_watched => return None,
            Track::Udp(track) => track.judge(direction),
            Track::Tcp(track) => {
                let segment = wire::plain_segment(frame.as_ref(), short.l4, short.end)?;
                if is_watched {
                    if segment.payload != 0 || segment.flags.0 & !AS_MAY_BE != TcpFlags::ACK.0 {
                        return None;
                    }
                    acknowledged = Some(segment.ack);
                }
                track.judge(direction, &segment, turn.now)
            }
            Track::Unused | Track::Icmp(_) | Track::Sctp(_) | Track::Other(_) => return None,
        };
        match judgement {
            TrackJudgement::Pass => {}
            // Neither has changed the track; a conversation of TCP or UDP does not end with a packet.
            TrackJudgement::Refuse(_) | TrackJudgement::Reopen | TrackJudgement::Ended => {
                return None;
            }
        }
        if let Some(number) = acknowledged {
            self.hear_acknowledgement(slot, direction, number);
        }
        let size = (1, u32::from(short.octets));
        Some((partner, self.follow(turn, slot, direction, before, size, false)))
    }
}
