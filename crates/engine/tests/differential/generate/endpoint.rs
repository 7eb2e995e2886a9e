//! One end of a TCP connection, as much of it as it takes to write plausible segments.

use testkit::packet::{Tcp, flags};

/// What an end knows. Numbers are TCP sequence numbers, windows are in octets.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The number of its SYN.
    pub(super) iss: u32,
    /// The next number it sends.
    pub(super) next: u32,
    /// What the other end has acknowledged.
    pub(super) una: u32,
    /// The next number it expects, once it has seen a SYN.
    pub(super) expects: Option<u32>,
    /// Stretches that came too early.
    early: Vec<(u32, u32)>,
    /// The window it announces, not scaled.
    pub(super) window: u16,
    /// The shift count that its SYN offers.
    pub(super) offers: Option<u8>,
    /// The shift count in force.
    pub(super) shift: u8,
    /// The right edge that the other end allows.
    pub(super) edge: u32,
    /// It has sent its FIN.
    pub(super) finished: bool,
    /// Data and FINs sent, for retransmission: number, length, whether with FIN.
    pub(super) sent: Vec<(u32, u32, bool)>,
}

/// Whether `one` is after `other` on the circle.
pub(super) fn after(one: u32, other: u32) -> bool {
    other.wrapping_sub(one).cast_signed() < 0
}

impl Endpoint {
    pub(super) fn new(iss: u32, window: u16, offers: Option<u8>) -> Self {
        Self {
            iss,
            next: iss.wrapping_add(1),
            una: iss,
            expects: None,
            early: Vec::new(),
            window,
            offers,
            shift: 0,
            edge: iss.wrapping_add(1),
            finished: false,
            sent: Vec::new(),
        }
    }

    /// How many octets it may send.
    pub(super) fn room(&self) -> u32 {
        if after(self.edge, self.next) { self.edge.wrapping_sub(self.next) } else { 0 }
    }

    /// The stretches that came too early, the latest first, as SACK blocks.
    pub(super) fn blocks(&self) -> Vec<(u32, u32)> {
        self.early.iter().rev().take(3).copied().collect()
    }

    /// Takes a segment of the other end, whose windows are scaled by `shift`.
    pub(super) fn hear(&mut self, tcp: &Tcp, shift: u8) {
        let syn = tcp.flags & flags::SYN != 0;
        if tcp.flags & flags::ACK != 0 && !after(tcp.acknowledgement, self.next) {
            if after(tcp.acknowledgement, self.una) {
                self.una = tcp.acknowledgement;
            }
            let window = u32::from(tcp.window) << if syn { 0 } else { shift };
            let edge = tcp.acknowledgement.wrapping_add(window);
            if after(edge, self.edge) {
                self.edge = edge;
            }
        } else if syn {
            self.edge = self.next.wrapping_add(u32::from(tcp.window));
        }
        if syn {
            self.expects.get_or_insert(tcp.sequence.wrapping_add(1));
            return;
        }
        let Some(mut expects) = self.expects else { return };
        if tcp.sequence_length() > 0 {
            self.early.push((tcp.sequence, tcp.sequence.wrapping_add(tcp.sequence_length())));
        }
        while let Some(at) = self.early.iter().position(|(start, _)| !after(*start, expects)) {
            let (_, end) = self.early.swap_remove(at);
            if after(end, expects) {
                expects = end;
            }
        }
        self.expects = Some(expects);
    }
}
