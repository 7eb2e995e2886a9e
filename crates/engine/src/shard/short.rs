//! The short way: a plain TCP or UDP packet of a session that lives, and that the tracker lets pass.
//!
//! Nearly every packet is such a one, and its way reads no more of the frame than names the session and moves
//! the tracker. It decides nothing of its own: whatever is not plainly so, from a fault in the header to a
//! policy that has changed, leaves it before anything is changed, and is judged the whole way. So the
//! verdicts are those of the whole way (a property test holds one against the other), and rules,
//! refusals and the end of sessions stand in one place.

use policy::{End, PortIndex, RuleId};
use session::key::{Addresses, Endpoints};
use session::memory::Memory;
use session::tcp::TcpTrack;
use session::track::{Judgement as TrackJudgement, Track};
use session::{Context, Direction, Key, Side, Slot};

use wire::{Plain, PlainLink, TcpFlags, protocol};

use crate::Snapshot;
use crate::frame::{Frame, Judgement, Outbox};
use crate::owner::{rss_hash, worker_of};
use crate::screen::{link_plain, parse, passes_plain};

use super::stages::Way;
use super::{Arrival, Core, Fate, Lookup, Packet, Turn};

/// Bits that a bare acknowledgement may have or not.
const AS_MAY_BE: u8 = TcpFlags::PSH.0 | TcpFlags::ECE.0 | TcpFlags::CWR.0;

/// What is kept of every frame of a burst from stage to stage. If its way is the short one it is a plain packet; else the
/// rest has no meaning, and is that of whoever stood here before.
#[derive(Clone, Copy)]
pub(super) struct Short {
    /// Which way it goes.
    pub(super) way: Way,
    /// Its key with its hash.
    pub(super) lookup: Lookup,
    /// Where its transport header starts and the IP packet ends.
    l4: u16,
    end: u16,
    /// Octets of the IP packet.
    octets: u16,
    /// The port that it came in by, and the one at the other end of the wire.
    ports: [PortIndex; 2],
}

impl Short {
    /// Of no packet.
    pub(super) const BLANK: Self = {
        let endpoints = Endpoints { addresses: Addresses::V4([0; 2]), ports: [0; 2] };
        let key = Key { context: Context::from_bits(0), protocol: 0, endpoints };
        let lookup = Lookup { key, side: Side(0), hash: 0, guess: None };
        Self { way: Way::Whole, lookup, l4: 0, end: 0, octets: 0, ports: [PortIndex(0); 2] }
    };

    /// Notes what names the session of a packet, if that may pass: the key is yet to be put in order.
    #[inline(always)]
    fn note(&mut self, packet: &Plain, end: &End) -> Option<()> {
        if !passes_plain(packet, end) {
            return None;
        }
        (self.l4, self.end, self.octets) = (packet.l4, packet.end, packet.length);
        let domain = u8::try_from(end.domain & 0xff).unwrap_or(0);
        self.lookup.key = Key::of_sender(Context::new(domain, packet.vlans), packet);
        Some(())
    }

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
    /// The stateless stage for a plain packet: read and screen. Its key is yet to be put in order, hashed and looked up, in
    /// the loops of `stages`. `None`: it is none, or may not pass.
    #[inline(always)]
    pub(super) fn read_short<O>(
        &self,
        turn: &Turn<'_, O>,
        frame: &F,
        short: &mut Short,
    ) -> Option<()> {
        if !self.goes_short {
            return None;
        }
        let Snapshot { topology, screens, .. } = turn.snapshot;
        let end = topology.end(frame.port());
        let (link, checksum) = link_plain(frame, end, screens, &self.own_macs)?;
        short.ports = [frame.port(), end.partner];
        // Each family has its own code from here on.
        match link {
            PlainLink::Ipv4(link) => short.note(&link.ipv4(checksum)?, end),
            PlainLink::Ipv6(link) => short.note(&link.ipv6()?, end),
        }
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
        // The short reading has screened it for good, be it to open a session, and both readings find the same key.
        let fate = match parse(&frame) {
            Ok(descriptor) => {
                let packet = Packet::single(&descriptor, &frame, hops);
                self.judge_packet(turn, &packet, &short.lookup)
            }
            Err(fault) => Fate::drop(fault),
        };
        self.carry_out(turn, frame, fate, hops);
    }

    /// `None`: the packet's way is not the short one, and nothing has been changed.
    #[inline(always)]
    fn judge_short<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: &F,
        short: &Short,
    ) -> Option<(PortIndex, Judgement)> {
        let Short { way: _, lookup, l4, end, octets, ports } = short;
        let Lookup { key, side, hash: _, guess } = &lookup;
        let mut living = self.sessions.find_guessed(key, *guess, turn.now, turn.lifetimes)?;
        let (slot, entry) = (living.slot, &mut *living.entry);
        let direction = side.direction(entry.initiator());
        let [port, partner] = *ports;
        let initiators_port = match direction {
            Direction::Original => port,
            Direction::Reply => partner,
        };
        if entry.generation != turn.snapshot.mark() || entry.in_port != initiators_port.0 {
            return None;
        }
        // Nearly all packets move nothing but the tracker's numbers.
        let flows = if entry.is_watched() {
            false
        } else if let Track::Udp(track) = &entry.track {
            track.is_settled()
        } else if let Track::Tcp(track) = &mut entry.track {
            flow(track, frame.as_ref(), (*l4, *end), direction)
        } else {
            false
        };
        if !flows {
            return Some((partner, self.judge_moving(turn, frame, short, slot, direction)?));
        }
        let judgement = Judgement::pass(slot, direction, &entry.track, RuleId(entry.rule));
        living.count(direction, u32::from(*octets), turn.now);
        Some((partner, judgement))
    }

    /// Judges a packet that may change its session's state, that its tracker refuses, or that a reader hears of. `None`: as
    /// for [`Self::judge_short`], which has found the session and the packet's direction in it.
    #[inline(never)]
    fn judge_moving<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: &F,
        short: &Short,
        slot: Slot,
        direction: Direction,
    ) -> Option<Judgement> {
        let entry = self.sessions.entry_mut(slot);
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
            // What is refused, or reopens, has not changed the track; a conversation of TCP or UDP does not end with a packet.
            TrackJudgement::Refuse(_) | TrackJudgement::Reopen | TrackJudgement::Ended => {
                return None;
            }
        }
        if let Some(number) = acknowledged {
            self.hear_acknowledgement(slot, direction, number);
        }
        let size = (1, u32::from(short.octets));
        Some(self.follow(turn, slot, direction, before, size, false))
    }
}

/// Follows a segment that moves nothing but windows. It stands between these two places of a frame, where its header starts
/// and its IP packet ends. False: it is none such, or does not pass, and the track has not changed.
#[inline(never)]
fn flow(track: &mut TcpTrack, frame: &[u8], (l4, end): (u16, u16), direction: Direction) -> bool {
    let segment = wire::plain_segment(frame, l4, end);
    segment.is_some_and(|it| track.flows(it.flags) && track.flow(direction, &it).is_ok())
}
