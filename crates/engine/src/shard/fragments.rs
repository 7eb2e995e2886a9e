//! Fragments, in two steps: gathered at the owner of their address pair, and, whole, judged as one
//! datagram at the owner of its ports. If those are two workers, all frames of the datagram go to the second,
//! which gathers them again: it alone has the sessions, and a frame carries nothing but itself.

use core::time::Duration;

use policy::Checksums;
use session::TimeoutClass;
use session::fragment::{Outcome, Placement};
use session::memory::Memory;
use wire::{Class, Descriptor, IcmpKind, Transport};

use crate::counters::Counter;
use crate::frame::{Frame, Judgement, Outbox};
use crate::screen::{checksum_fault, options, parse, transport};
use crate::{Cause, DropReason, owner};

use super::{Arrival, Core, Fate, Packet, Place, Turn, context};

impl<F: Frame, M: Memory> Core<F, M> {
    /// A fragment from a port, or from a worker that is not the owner of its address pair.
    pub(super) fn gather_first<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        descriptor: &Descriptor,
        hops: u8,
    ) {
        let owner = owner::owner(descriptor, self.workers);
        if owner == self.worker {
            self.gather(turn, frame, hops, Place::OwnerOfAddresses);
        } else {
            self.carry_out(turn, frame, Fate::HandOver(owner, Cause::Fragment), hops);
        }
    }

    /// Holds a fragment until its datagram is whole, and then judges that.
    pub(super) fn gather<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frame: F,
        hops: u8,
        place: Place,
    ) {
        let port = frame.port();
        let parsed = parse(&frame).map_err(DropReason::from);
        let placed = parsed.map(|descriptor| {
            let context = context(turn.snapshot, &descriptor, port);
            // Fragments that come in by different ports are of different datagrams. The port stands in the
            // place of the domain, which it implies.
            Placement::of(context.vlan_bits() | u32::from(port.0) << 24, &descriptor)
        });
        let placement = match placed {
            Ok(Some(placement)) => placement,
            Ok(None) => {
                let stage = self.prepare(turn, &frame);
                self.judge(turn, frame, &stage, hops);
                return;
            }
            Err(reason) => {
                self.carry_out(turn, frame, Fate::drop(reason), hops);
                return;
            }
        };
        if let Some((frames, joined)) = self.complete(turn, &placement, frame, hops) {
            self.judge_datagram(turn, frames, joined, place);
        }
    }

    /// Puts a fragment into the store. If that makes its datagram whole, takes all its frames out.
    fn complete<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        placement: &Placement,
        frame: F,
        hops: u8,
    ) -> Option<(Vec<F>, Joined)> {
        let timeout = turn.snapshot.lifetimes.millis(0, TimeoutClass::Fragment);
        let timeout = Duration::from_millis(u64::from(timeout));
        let Self { fragments, counters, .. } = self;
        let outcome = fragments.offer(turn.now, timeout, placement, frame, &mut |frame, fault| {
            counters.increment(Counter::Dropped(fault.into()));
            turn.out.discard(frame, &Judgement::drop(fault));
        });
        let Outcome::Whole(whole) = outcome else {
            return None;
        };
        let first = &whole.first()?.frame;
        let verify = turn.snapshot.screens.checksums == Checksums::Verify
            && !first.receive_flags().l4_checksum_good;
        let mut content = vec![0; usize::from(whole.len())];
        let read = whole.read(0, &mut content);
        content.truncate(read);
        let joined = Joined {
            descriptor: parse(first).ok()?,
            bytes: first.as_ref().to_vec(),
            port: first.port(),
            octets: whole.pieces().iter().map(|piece| network_octets(&piece.frame)).sum(),
            content,
            verify,
            length: whole.len(),
            next_header: whole.next_header(),
            hops,
        };
        Some((whole.into_frames().collect(), joined))
    }

    /// Judges a whole datagram, and sends all its frames the same way.
    fn judge_datagram<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frames: Vec<F>,
        mut joined: Joined,
        place: Place,
    ) {
        let count = u32::try_from(frames.len()).unwrap_or(u32::MAX);
        let mut fate = self.fate_of_datagram(turn, count, &mut joined, place);
        for frame in frames {
            match &fate {
                Fate::Forward(port, judgement) => {
                    self.carry_out(turn, frame, Fate::Forward(*port, *judgement), joined.hops);
                }
                Fate::Discard(judgement) => {
                    self.carry_out(turn, frame, Fate::Discard(*judgement), joined.hops);
                }
                Fate::HandOver(to, cause) => {
                    self.carry_out(turn, frame, Fate::HandOver(*to, *cause), joined.hops);
                }
            }
            if let Fate::Forward(_, judgement) = &mut fate {
                // The session is opened by the first.
                judgement.created = false;
            }
        }
    }

    fn fate_of_datagram<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        frames: u32,
        joined: &mut Joined,
        place: Place,
    ) -> Fate {
        let v6 = joined.descriptor.class == Class::Ipv6;
        let length = usize::from(joined.length);
        let reassembled =
            match wire::parse_transport(joined.next_header, v6, &joined.content, length) {
                Ok(reassembled) => reassembled,
                Err(fault) => return Fate::drop(fault),
            };
        joined.descriptor.protocol = reassembled.protocol;
        joined.descriptor.transport = reassembled.transport;
        joined.descriptor.options = reassembled.options;
        let descriptor = &joined.descriptor;
        // The options in front of the fragment header were screened with each frame.
        let screened = options(descriptor, &turn.snapshot.screens)
            .and_then(|()| transport(descriptor, &turn.snapshot.screens));
        if let Err(cut) = screened {
            return Fate::drop(cut);
        }
        let (bytes, start) = (&joined.bytes, reassembled.start);
        if joined.verify
            && !wire::checksum::verify_reassembled(bytes, descriptor, &joined.content, start)
        {
            return Fate::drop(checksum_fault(&descriptor.transport));
        }
        let packet = Packet {
            descriptor,
            bytes: &joined.bytes,
            port: joined.port,
            frames,
            octets: joined.octets,
            arrival: Arrival::Otherwise,
            gathered: joined.content.get(usize::from(reassembled.start)..),
        };
        if is_error(&descriptor.transport) {
            let quote = usize::from(reassembled.start) + ICMP_HEADER;
            let quoted = joined.content.get(quote..).ok_or(wire::Fault::QuotedTruncated);
            let quoted = quoted.and_then(|quote| wire::parse_quote(v6, quote));
            return match self.judge_error(turn, &packet, quoted) {
                // Its frames are gathered again where they go, as any datagram's.
                Fate::HandOver(to, _) => Fate::HandOver(to, Cause::Reassembled),
                fate @ (Fate::Forward(..) | Fate::Discard(_)) => fate,
            };
        }
        let owner = owner::owner(descriptor, self.workers);
        if owner != self.worker && place == Place::OwnerOfAddresses {
            return Fate::HandOver(owner, Cause::Reassembled);
        }
        let lookup = self.lookup(turn.snapshot, descriptor, joined.port);
        self.judge_packet(turn, &packet, &lookup)
    }
}

/// Octets before the quoted packet in an ICMP error (RFC 792, RFC 4443 §3).
const ICMP_HEADER: usize = 8;

/// A datagram that was gathered.
struct Joined {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    port: policy::PortIndex,
    octets: u32,
    /// The fragmentable part of the whole: gateways read what is in it.
    content: Vec<u8>,
    /// Whether its checksum is to be verified.
    verify: bool,
    length: u16,
    next_header: u8,
    hops: u8,
}

fn is_error(transport: &Transport) -> bool {
    matches!(
        transport,
        Transport::Icmp(message) | Transport::Icmpv6(message) if message.class == IcmpKind::Error
    )
}

fn network_octets<F: Frame>(frame: &F) -> u32 {
    parse(frame).map_or(0, |descriptor| u32::from(descriptor.end - descriptor.l3))
}
