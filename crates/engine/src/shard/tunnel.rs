//! Tunnels that PPTP has announced: GRE between two hosts, of whose packets those of announced calls pass.
//!
//! GRE has no ports, so all calls between two hosts are one session. Each call is announced by the number that its receiver
//! gave it, one for each direction (RFC 2637 §4.1); the first packet of each claims it, and the session remembers it. GRE
//! that the rules themselves let the tunnel's initiator open, or the packet's sender, passes whatever its call: that a call of PPTP came
//! first takes nothing away from it.

use arrayvec::ArrayVec;
use policy::{Action, PortIndex};
use session::memory::Memory;
use session::{Direction, Slot};

use crate::counters::Counter;
use crate::frame::Frame;
use crate::{Cut, DropReason, Snapshot};

use super::{Core, Lookup, Packet, Turn, query};

/// Calls between two hosts, both directions counted: sixteen at once. Of more, the one that has been silent for longest is
/// forgotten, and must be set up anew.
const CALLS: usize = 32;

/// The calls of a tunnel.
#[derive(Debug, Default)]
pub(super) struct Tunnel {
    /// The one heard of last is last.
    calls: ArrayVec<(Direction, u16), CALLS>,
    /// Whether the rules let the initiator open a session of GRE, and whether the responder; with the mark of the policy
    /// that says so.
    allowed: Option<(u16, [bool; 2])>,
}

impl Tunnel {
    /// One whose initiator has begun a call.
    pub(super) fn begun_by(call: u16) -> Self {
        let mut tunnel = Self::default();
        tunnel.add(Direction::Original, call);
        tunnel
    }

    fn add(&mut self, from: Direction, call: u16) {
        if self.calls.is_full() {
            self.calls.remove(0);
        }
        self.calls.push((from, call));
    }

    /// Whether a packet is of one of the calls.
    pub(super) fn knows(&self, from: Direction, call: u16) -> bool {
        self.calls.contains(&(from, call))
    }

    /// Whether a packet is of one of the calls, which then was heard of last.
    fn hears(&mut self, from: Direction, call: u16) -> bool {
        let at = self.calls.iter().rposition(|it| *it == (from, call));
        if let Some(at) = at {
            self.calls[at..].rotate_left(1);
        }
        at.is_some()
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// Checks a packet of a session that is read by no reader: if it is a tunnel, whether its call was announced, perhaps
    /// since the tunnel began. Returns why it must not pass.
    pub(super) fn check_call<O>(
        &mut self,
        turn: &Turn<'_, O>,
        packet: &Packet<'_>,
        lookup: &Lookup,
        slot: Slot,
        from: Direction,
    ) -> Option<DropReason> {
        let tunnel = self.records.tunnel(slot)?;
        let unknown = |core: &mut Self| {
            let allowed = core.is_gre_allowed(turn.snapshot, lookup, slot, from);
            (!allowed).then(|| Cut::GreCallId.into())
        };
        let Some(call) = packet.call() else { return unknown(self) };
        if tunnel.hears(from, call) {
            return None;
        }
        let grant = self.expected(turn.now, turn.snapshot, packet.port, lookup, Some(call));
        let claimed = grant.and_then(|grant| grant.claims);
        let claimed = claimed.filter(|(found, _)| self.publisher.table().claim(*found));
        let Some((_, descent)) = claimed else { return unknown(self) };
        self.counters.increment(Counter::Claimed(descent.gateway));
        if let Some(tunnel) = self.records.tunnel(slot) {
            tunnel.add(from, call);
        }
        None
    }

    /// Whether the rules allow what comes in a tunnel from this side: they are asked once for each policy.
    fn is_gre_allowed(
        &mut self,
        snapshot: &Snapshot,
        lookup: &Lookup,
        slot: Slot,
        from: Direction,
    ) -> bool {
        let Some(tunnel) = self.records.tunnel_of(slot) else { return false };
        let known = tunnel.allowed.filter(|(mark, _)| *mark == snapshot.mark());
        let allowed = known.map_or_else(|| self.gre_allowed(snapshot, lookup, slot), |(_, it)| it);
        if let Some(tunnel) = self.records.tunnel(slot) {
            tunnel.allowed = Some((snapshot.mark(), allowed));
        }
        is_allowed(allowed, from)
    }

    /// Whether the rules let the initiator of a session of GRE open one, and whether the responder.
    pub(super) fn gre_allowed(
        &self,
        snapshot: &Snapshot,
        lookup: &Lookup,
        slot: Slot,
    ) -> [bool; 2] {
        let entry = self.sessions.entry(slot);
        let (initiator, initiators_port) = (entry.initiator(), PortIndex(entry.in_port));
        let other_port = snapshot.topology.partner(initiators_port);
        [(initiators_port, initiator), (other_port, initiator.other())].map(|(port, side)| {
            let query = query(snapshot, port, &lookup.key, side, None);
            snapshot.policy.decide(&query).action == Action::Allow
        })
    }
}

/// Whether what comes from a side passes by what the rules allow to either.
pub(super) fn is_allowed(allowed: [bool; 2], from: Direction) -> bool {
    allowed[Direction::Original.index()] || allowed[from.index()]
}
