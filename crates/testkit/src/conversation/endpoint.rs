//! One TCP endpoint: small, but it does what a firewall has to live with: it acknowledges what
//! comes in order, retransmits what is not acknowledged, backs off, and gives up.
//!
//! Positions are counted from the initial sequence number: 0 is the SYN, data begins at 1, the FIN
//! follows the last byte. Out-of-order data is not kept, congestion is not controlled.

use std::net::SocketAddr;
use std::time::Duration;

use super::Side;
use crate::packet::seen::{Above, Seen};
use crate::packet::{Frame, INITIATOR_MAC, RESPONDER_MAC, TCP, Tcp, flags};

/// First retransmission timeout; it doubles each time (RFC 6298 §2.1, §5.5).
const RETRANSMIT: Duration = Duration::from_secs(1);
/// Transmissions of one segment before the endpoint gives up.
const TRIES: u32 = 6;
/// Largest segment, bytes.
const SEGMENT: usize = 1_000;
/// Most bytes on their way.
const FLIGHT: u32 = 8_000;

/// How a conversation ended for one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    Open,
    /// Both sides closed, and all was acknowledged.
    Closed,
    /// The other side, or somebody in its name, reset it.
    Reset,
    /// Nothing was acknowledged for too long.
    TimedOut,
}

/// Bytes to say once the peer has said so many.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) after: usize,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    side: Side,
    local: SocketAddr,
    remote: SocketAddr,
    first: u32,
    peer_first: Option<u32>,
    /// Everything said or to be said.
    stream: Vec<u8>,
    /// What is not yet to be said.
    lines: Vec<Line>,
    /// Position to send next, and the lowest one not acknowledged.
    sent: u32,
    acknowledged: u32,
    received: Vec<u8>,
    peer_fin: bool,
    owes_ack: bool,
    timer: Option<Duration>,
    tries: u32,
    outcome: Outcome,
}

impl Endpoint {
    pub(super) fn new(side: Side, local: SocketAddr, remote: SocketAddr, lines: Vec<Line>) -> Self {
        let mut endpoint = Self {
            side,
            local,
            remote,
            first: match side {
                Side::Initiator => 0xffff_f000,
                Side::Responder => 0x1000_0000,
            },
            peer_first: None,
            stream: Vec::new(),
            lines,
            sent: 0,
            acknowledged: 0,
            received: Vec::new(),
            peer_fin: false,
            owes_ack: false,
            timer: None,
            tries: 0,
            outcome: Outcome::Open,
        };
        endpoint.say_what_is_due();
        endpoint
    }

    pub(super) fn received(&self) -> &[u8] {
        &self.received
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) fn timer(&self) -> Option<Duration> {
        self.timer
    }

    fn say_what_is_due(&mut self) {
        while self.lines.first().is_some_and(|line| line.after <= self.received.len()) {
            let line = self.lines.remove(0);
            self.stream.extend_from_slice(&line.bytes);
        }
    }

    /// The position of the FIN: known once everything has been said and, by a last empty line,
    /// heard; for the responder, once the initiator has closed.
    fn fin_at(&self) -> Option<u32> {
        let closes = self.lines.is_empty() && (self.side == Side::Initiator || self.peer_fin);
        closes.then(|| position(self.stream.len() + 1))
    }

    /// The peer's position that comes next.
    fn expected(&self) -> u32 {
        position(self.received.len() + 1 + usize::from(self.peer_fin))
    }

    /// What the endpoint sends at this moment, if anything. Ask until it has nothing.
    pub(super) fn poll(&mut self, now: Duration) -> Option<Frame> {
        if self.outcome != Outcome::Open {
            return self.owed_ack();
        }
        if self.timer.is_some_and(|at| at <= now) {
            if self.tries >= TRIES {
                (self.outcome, self.timer) = (Outcome::TimedOut, None);
                return None;
            }
            self.sent = self.acknowledged;
            self.timer = None;
        }
        let segment = self.next_segment()?;
        self.owes_ack = false;
        let length = segment.sequence_length();
        if length > 0 {
            if self.timer.is_none() {
                self.timer = Some(now + RETRANSMIT * 2_u32.pow(self.tries));
                self.tries += 1;
            }
            self.sent += length;
        }
        Some(self.frame(segment))
    }

    fn next_segment(&self) -> Option<Tcp> {
        let base = Tcp { sequence: self.first.wrapping_add(self.sent), ..TCP };
        let Some(peer_first) = self.peer_first else {
            let starts = self.side == Side::Initiator && self.sent == 0;
            return starts.then_some(Tcp { flags: flags::SYN, ..base });
        };
        let acknowledgement = peer_first.wrapping_add(self.expected());
        let base = Tcp { acknowledgement, flags: flags::ACK, ..base };
        if self.sent == 0 {
            return Some(Tcp { flags: flags::SYN_ACK, ..base });
        }
        // Data waits until the handshake is through.
        let from = usize::try_from(self.sent - 1).expect("a short stream");
        let may_send = self.acknowledged > 0 && self.sent - self.acknowledged < FLIGHT;
        if may_send && from < self.stream.len() {
            let payload = self.stream[from..self.stream.len().min(from + SEGMENT)].to_vec();
            return Some(Tcp { flags: flags::PSH_ACK, payload, ..base });
        }
        if may_send && self.fin_at() == Some(self.sent) {
            return Some(Tcp { flags: flags::FIN_ACK, ..base });
        }
        self.owes_ack.then_some(base)
    }

    fn owed_ack(&mut self) -> Option<Frame> {
        let owes = self.owes_ack && self.outcome == Outcome::Closed;
        self.owes_ack = false;
        let peer_first = self.peer_first.filter(|_| owes)?;
        Some(self.frame(Tcp {
            flags: flags::ACK,
            sequence: self.first.wrapping_add(self.sent),
            acknowledgement: peer_first.wrapping_add(self.expected()),
            ..TCP
        }))
    }

    fn frame(&self, tcp: Tcp) -> Frame {
        let frame = Frame::tcp(self.local, self.remote, tcp);
        match self.side {
            Side::Initiator => frame.macs(INITIATOR_MAC, RESPONDER_MAC),
            Side::Responder => frame.macs(RESPONDER_MAC, INITIATOR_MAC),
        }
    }

    /// Takes a frame from the wire; what is not of this conversation is ignored.
    pub(super) fn accept(&mut self, frame: &[u8]) {
        let Some(seen) = Seen::parse(frame) else { return };
        let Above::Tcp { sequence, acknowledgement, flags, .. } = seen.above else { return };
        let ours = (seen.source, seen.source_port) == (self.remote.ip(), self.remote.port())
            && (seen.destination, seen.destination_port) == (self.local.ip(), self.local.port());
        if !ours || self.outcome == Outcome::Reset || self.outcome == Outcome::TimedOut {
            return;
        }
        if flags & flags::RST != 0 {
            self.accept_reset(sequence, acknowledgement);
            return;
        }
        if flags & flags::SYN != 0 && self.peer_first.is_none() {
            self.peer_first = Some(sequence);
        }
        let Some(peer_first) = self.peer_first else { return };
        if flags & flags::ACK != 0 {
            self.accept_acknowledgement(acknowledgement.wrapping_sub(self.first));
        }
        let carries = flags & (flags::SYN | flags::FIN) != 0 || !seen.payload.is_empty();
        // A SYN stands before the data that its segment might carry.
        let at = sequence.wrapping_sub(peer_first) + u32::from(flags & flags::SYN != 0);
        if at == self.expected() && !self.peer_fin {
            self.received.extend_from_slice(&seen.payload);
            self.peer_fin = flags & flags::FIN != 0;
            self.say_what_is_due();
        }
        self.owes_ack |= carries;
        if self.peer_fin && self.fin_at().is_some_and(|fin| self.acknowledged > fin) {
            (self.outcome, self.timer) = (Outcome::Closed, None);
        }
    }

    fn accept_reset(&mut self, sequence: u32, acknowledgement: u32) {
        let exact = match self.peer_first {
            Some(peer_first) => sequence == peer_first.wrapping_add(self.expected()),
            // In answer to a SYN it counts if it acknowledges it (RFC 9293 §3.10.7.3).
            None => self.sent > 0 && acknowledgement == self.first.wrapping_add(self.sent),
        };
        if exact {
            (self.outcome, self.timer) = (Outcome::Reset, None);
        }
    }

    fn accept_acknowledgement(&mut self, up_to: u32) {
        if up_to > self.acknowledged && up_to <= position(self.stream.len() + 2) {
            self.acknowledged = up_to;
            self.sent = self.sent.max(up_to);
            self.tries = 0;
            self.timer = None;
        }
    }

    /// Restarts the timer after an acknowledgement that left something on its way.
    pub(super) fn rearm(&mut self, now: Duration) {
        if self.outcome == Outcome::Open && self.timer.is_none() && self.sent > self.acknowledged {
            self.timer = Some(now + RETRANSMIT);
            self.tries = 1;
        }
    }
}

fn position(offset: usize) -> u32 {
    u32::try_from(offset).expect("a stream of less than 4 GiB")
}
