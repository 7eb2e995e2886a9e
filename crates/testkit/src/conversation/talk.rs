//! Transcripts: frames with the right numbers, one call each.

use std::net::SocketAddr;

use super::Side;
use crate::packet::{Frame, INITIATOR_MAC, IntoSocket, RESPONDER_MAC, TCP, Tcp, flags};

fn frame_of(sockets: [SocketAddr; 2], from: Side, tcp: Tcp) -> Frame {
    let frame = Frame::tcp(sockets[from.index()], sockets[from.other().index()], tcp);
    directed(frame, from)
}

fn directed(frame: Frame, from: Side) -> Frame {
    match from {
        Side::Initiator => frame.macs(INITIATOR_MAC, RESPONDER_MAC),
        Side::Responder => frame.macs(RESPONDER_MAC, INITIATOR_MAC),
    }
}

/// A TCP connection's transcript. Every frame said is taken as heard by the other side.
#[derive(Debug, Clone)]
pub struct TcpTalk {
    sockets: [SocketAddr; 2],
    /// Next sequence number of each side.
    next: [u32; 2],
    /// Fields that all segments share: window, and what a test likes.
    base: Tcp,
}

impl TcpTalk {
    /// A connection that has not begun; the initial sequence numbers are 1,000 and 5,000,000.
    #[must_use]
    pub fn new(initiator: impl IntoSocket, responder: impl IntoSocket) -> Self {
        Self {
            sockets: [initiator.into_socket(), responder.into_socket()],
            next: [1_000, 5_000_000],
            base: TCP,
        }
    }

    /// The same with other initial sequence numbers, near the wrap for instance.
    #[must_use]
    pub fn starting_at(self, initiator: u32, responder: u32) -> Self {
        Self { next: [initiator, responder], ..self }
    }

    /// The same with another window in every segment, unscaled.
    #[must_use]
    pub fn window(self, window: u16) -> Self {
        Self { base: Tcp { window, ..self.base }, ..self }
    }

    /// The sequence number that a side sends next.
    #[must_use]
    pub fn next(&self, side: Side) -> u32 {
        self.next[side.index()]
    }

    /// What a side would send, without it being said: a retransmission, a forgery. Sequence and
    /// acknowledgement numbers are right (the latter only with ACK); change what should not be.
    #[must_use]
    pub fn draft(&self, from: Side, flags: u8) -> Tcp {
        let acknowledgement = if flags & flags::ACK == 0 { 0 } else { self.next(from.other()) };
        Tcp { sequence: self.next(from), acknowledgement, flags, ..self.base.clone() }
    }

    /// A segment's frame in this connection, whatever its numbers, without it being said.
    #[must_use]
    pub fn frame(&self, from: Side, tcp: Tcp) -> Frame {
        frame_of(self.sockets, from, tcp)
    }

    /// A side says a segment: its numbers count from then on.
    pub fn say(&mut self, from: Side, tcp: Tcp) -> Frame {
        self.next[from.index()] = tcp.sequence.wrapping_add(tcp.sequence_length());
        self.frame(from, tcp)
    }

    /// The initiator's SYN.
    pub fn syn(&mut self) -> Frame {
        self.say(Side::Initiator, self.draft(Side::Initiator, flags::SYN))
    }

    /// The responder's SYN-ACK.
    pub fn syn_ack(&mut self) -> Frame {
        self.say(Side::Responder, self.draft(Side::Responder, flags::SYN_ACK))
    }

    /// A bare ACK.
    pub fn ack(&mut self, from: Side) -> Frame {
        self.say(from, self.draft(from, flags::ACK))
    }

    /// Data.
    pub fn data(&mut self, from: Side, payload: impl Into<Vec<u8>>) -> Frame {
        let tcp = Tcp { payload: payload.into(), ..self.draft(from, flags::PSH_ACK) };
        self.say(from, tcp)
    }

    /// A FIN.
    pub fn fin(&mut self, from: Side) -> Frame {
        self.say(from, self.draft(from, flags::FIN_ACK))
    }

    /// A RST at the exact number.
    pub fn rst(&mut self, from: Side) -> Frame {
        self.say(from, self.draft(from, flags::RST_ACK))
    }

    /// SYN, SYN-ACK, ACK.
    pub fn handshake(&mut self) -> Vec<(Side, Frame)> {
        vec![
            (Side::Initiator, self.syn()),
            (Side::Responder, self.syn_ack()),
            (Side::Initiator, self.ack(Side::Initiator)),
        ]
    }

    /// A regular close: FIN, ACK, FIN, ACK.
    pub fn close(&mut self, first: Side) -> Vec<(Side, Frame)> {
        let second = first.other();
        vec![
            (first, self.fin(first)),
            (second, self.ack(second)),
            (second, self.fin(second)),
            (first, self.ack(first)),
        ]
    }
}

/// A UDP conversation's transcript.
#[derive(Debug, Clone, Copy)]
pub struct UdpTalk {
    sockets: [SocketAddr; 2],
}

impl UdpTalk {
    /// Between two sockets.
    #[must_use]
    pub fn new(initiator: impl IntoSocket, responder: impl IntoSocket) -> Self {
        Self { sockets: [initiator.into_socket(), responder.into_socket()] }
    }

    /// A datagram.
    #[must_use]
    pub fn say(&self, from: Side, payload: impl Into<Vec<u8>>) -> Frame {
        let (source, destination) =
            (self.sockets[from.index()], self.sockets[from.other().index()]);
        directed(Frame::udp(source, destination, payload), from)
    }
}
