//! Tunnels that PPTP has announced: GRE between two hosts, of whose packets those of announced calls pass.
//!
//! GRE has no ports, so all calls between two hosts are one session. Each call is announced by the number that its receiver
//! gave it, one for each direction (RFC 2637 §4.1); the first packet of each claims it, and the session remembers it.

use arrayvec::ArrayVec;
use session::memory::Memory;
use session::{Direction, Slot};

use crate::counters::Counter;
use crate::frame::Frame;
use crate::{Cut, DropReason};

use super::{Core, Lookup, Packet, Turn};

/// Calls between two hosts, both directions counted; of more, the oldest is forgotten.
const CALLS: usize = 32;

/// The calls of a tunnel.
#[derive(Debug, Default)]
pub(super) struct Tunnel {
    calls: ArrayVec<(Direction, u16), CALLS>,
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

    fn knows(&self, from: Direction, call: u16) -> bool {
        self.calls.contains(&(from, call))
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
        let Some(call) = packet.call() else { return Some(Cut::GreCallId.into()) };
        if tunnel.knows(from, call) {
            return None;
        }
        let grant = self.expected(turn.now, turn.snapshot, packet.port, lookup, Some(call));
        let claimed = grant.and_then(|grant| grant.claims);
        let claimed = claimed.filter(|(found, _)| self.publisher.table().claim(*found));
        let Some((_, descent)) = claimed else { return Some(Cut::GreCallId.into()) };
        self.counters.increment(Counter::Claimed(descent.gateway));
        if let Some(tunnel) = self.records.tunnel(slot) {
            tunnel.add(from, call);
        }
        None
    }
}
