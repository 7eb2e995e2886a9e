//! ICMP errors: they pass only if the packet that they quote belongs to a living session, in the right
//! direction, and are sent to whoever sent that packet.

use policy::RuleId;
use session::memory::Memory;
use session::{Direction, Found, Key, Slot, TimeoutClass};
use wire::{Descriptor, Fault, Quoted, Transport};

use crate::counters::Counter;
use crate::frame::{Frame, Judgement, Outbox, Verdict};
use crate::{Cause, Cut, owner};

use super::known::comes_from_its_side;
use super::{Core, Fate, Packet, PortIndex, Turn, context};

impl<F: Frame, M: Memory> Core<F, M> {
    /// Judges an ICMP error by what it quotes.
    pub(super) fn judge_error<O: Outbox<F>>(
        &mut self,
        turn: &mut Turn<'_, O>,
        packet: &Packet<'_>,
        quoted: Result<Quoted, Fault>,
    ) -> Fate {
        let quoted = match quoted {
            Ok(quoted) => quoted,
            Err(fault) => return Fate::drop(fault),
        };
        // Whoever did not send the quoted packet has no use for the error: it is forged or astray.
        if packet.descriptor.destination != quoted.source {
            return Fate::drop(Cut::IcmpErrorAddress);
        }
        let context = context(turn.snapshot, packet.descriptor, packet.port);
        let source = (quoted.source, quoted.source_port);
        let destination = (quoted.destination, quoted.destination_port);
        let (key, side) = Key::new(context, quoted.protocol, source, destination);
        let hash = self.sessions.hash(&key);
        let slot = match self.sessions.find(&key, hash, None, turn.now, turn.lifetimes) {
            Found::Live(slot) => slot,
            Found::Stale(slot) if self.is_held(turn.now, turn.lifetimes, slot) => slot,
            Found::Stale(slot) => {
                self.end_expired(turn, slot);
                return Fate::drop(Cut::IcmpErrorUnrelated);
            }
            Found::Nothing => {
                let owner = owner::owner_of_quoted(&quoted, self.workers);
                return if owner == self.worker {
                    Fate::drop(Cut::IcmpErrorUnrelated)
                } else {
                    Fate::HandOver(owner, Cause::IcmpError)
                };
            }
        };
        if self.sessions.entry(slot).generation != turn.snapshot.mark()
            && !self.still_allowed(turn, slot)
        {
            return Fate::drop(Cut::PolicyChanged);
        }
        let entry = self.sessions.entry_mut(slot);
        let direction_of_quoted = side.direction(entry.initiator());
        let direction = direction_of_quoted.reversed();
        let rule = Some(RuleId(entry.rule));
        let state = Some(entry.track.state_name());
        let judgement = |verdict: Verdict| Judgement {
            verdict,
            session: Some(slot),
            created: false,
            direction: Some(direction),
            state,
            rule: rule.filter(|_| verdict == Verdict::Forward),
        };
        let in_port = PortIndex(entry.in_port);
        if !comes_from_its_side(turn.snapshot, in_port, packet.port, direction, context.vlan()) {
            return Fate::Discard(judgement(Verdict::Drop(Cut::WrongSide.into())));
        }
        match entry.track.relate(direction_of_quoted, &quoted) {
            Ok(()) if !entry.admit_error(turn.now) => {
                Fate::Discard(judgement(Verdict::Drop(Cut::IcmpErrorRate.into())))
            }
            Ok(()) => {
                if is_unreachable(packet.descriptor) {
                    self.shorten(turn, slot, direction_of_quoted);
                }
                self.counters.increment(Counter::Related);
                let partner = turn.snapshot.topology.partner(packet.port);
                Fate::Forward(partner, judgement(Verdict::Forward))
            }
            Err(refusal) => Fate::Discard(judgement(Verdict::Drop(refusal.into()))),
        }
    }

    /// A side of the session is reported as unreachable: its life is `udp_unreachable` from its last packet on, if that
    /// is less than what is left to it.
    fn shorten<O: Outbox<F>>(
        &mut self,
        turn: &Turn<'_, O>,
        slot: Slot,
        direction_of_quoted: Direction,
    ) {
        let entry = self.sessions.entry_mut(slot);
        let millis = |class| turn.lifetimes.millis(entry.timeouts, class);
        if millis(TimeoutClass::UdpUnreachable) < millis(entry.track.timeout_class()) {
            entry.track.report_unreachable(direction_of_quoted);
            self.sessions.rearm(slot, turn.now, turn.lifetimes);
        }
    }
}

/// Whether an ICMP error says that its packet's receiver cannot be had: not a router's word on the way (time exceeded), nor
/// on the packet's size or form (RFC 792; RFC 4443 §3.1).
fn is_unreachable(descriptor: &Descriptor) -> bool {
    const FRAGMENTATION_NEEDED: u8 = 4;
    match descriptor.transport {
        Transport::Icmp(message) => message.kind == 3 && message.code != FRAGMENTATION_NEEDED,
        Transport::Icmpv6(message) => message.kind == 1,
        Transport::None
        | Transport::Tcp(_)
        | Transport::Udp(_)
        | Transport::Sctp(_)
        | Transport::Other => false,
    }
}
