//! TCP: connections of well-behaved hosts over a bad network, and what attackers and broken hosts add.

use std::net::SocketAddr;

use testkit::conversation::Side;
use testkit::packet::{Frame, TCP, Tcp, TcpOption, flags};

use super::endpoint::{Endpoint, after};
use super::errors;
use crate::conversation::{Conversation, Writer};
use crate::random::Random;

/// The kind of conversations in which neither host sends what it should not.
pub(crate) const ORDERLY: &str = "tcp, orderly";

/// More than the largest window without scaling, and than the slack of inequality IV.
const BIG: u32 = 70_000;

/// A connection by the book; the network loses, delays and doubles.
pub(super) fn orderly(random: &mut Random, number: u64, v6: bool) -> Conversation {
    let bad = random.chance(60);
    let mut script = Script::new(ORDERLY, random, number, v6, bad);
    script.handshake();
    script.traffic(0);
    script.close();
    script.writer.finish()
}

/// The same with segments that nobody of the two would send.
pub(super) fn hostile(random: &mut Random, number: u64, v6: bool) -> Conversation {
    let bad = random.chance(40);
    let mut script = Script::new("tcp, hostile", random, number, v6, bad);
    if script.random.chance(20) {
        script.forge();
    }
    script.handshake();
    let percent = script.random.pick(&[5, 15, 30]);
    script.traffic(percent);
    if script.random.chance(70) {
        script.close();
        for _ in 0..script.random.below(4) {
            script.forge();
        }
    }
    if script.random.chance(40) {
        script.again();
    }
    script.writer.finish()
}

/// Connections that do not start with SYN, SYN-ACK, ACK.
pub(super) fn odd_start(random: &mut Random, number: u64, v6: bool) -> Conversation {
    let mut script = Script::new("tcp, odd start", random, number, v6, false);
    script.odd_start();
    let percent = script.random.pick(&[0, 0, 10]);
    script.traffic(percent);
    script.close();
    script.writer.finish()
}

/// A connection that is being written.
struct Script<'a> {
    writer: Writer,
    random: &'a mut Random,
    ends: [Endpoint; 2],
    sockets: [SocketAddr; 2],
    sack: bool,
    bad_network: bool,
    /// A segment that is overtaken by the next.
    late: Option<(Side, Tcp, &'static str)>,
    /// The last datagram with data of each side: what an ICMP error may quote.
    last: [Option<Frame>; 2],
}

fn index(side: Side) -> usize {
    match side {
        Side::Initiator => 0,
        Side::Responder => 1,
    }
}

impl<'a> Script<'a> {
    fn new(kind: &str, random: &'a mut Random, number: u64, v6: bool, bad_network: bool) -> Self {
        let writer = Writer::new(kind, number, v6);
        let scaled = random.chance(60);
        let end = |random: &mut Random| {
            let near_the_end = random.chance(20);
            let iss =
                if near_the_end { 0_u32.wrapping_sub(random.below(3_000)) } else { random.word() };
            let window = random.pick(&[65_535, 64_240, 29_200, 8_192, 1_000, 512]);
            let offers = (scaled || random.chance(20))
                .then(|| u8::try_from(random.pick(&[0_u32, 2, 7, 8, 14])).expect("a small number"));
            Endpoint::new(iss, window, offers)
        };
        let ends = [end(random), end(random)];
        let port = u16::try_from(1_024 + random.below(60_000)).expect("a port");
        let sockets = [
            SocketAddr::new(writer.host(Side::Initiator), port),
            SocketAddr::new(writer.host(Side::Responder), random.pick(&[80, 443, 22, 8_080])),
        ];
        let sack = random.chance(70);
        Self { writer, random, ends, sockets, sack, bad_network, late: None, last: [None, None] }
    }

    fn end(&mut self, side: Side) -> &mut Endpoint {
        &mut self.ends[index(side)]
    }

    fn any_side(&mut self) -> Side {
        self.random.pick(&Side::BOTH)
    }

    /// A bare acknowledgement.
    fn ack(&self, from: Side) -> Tcp {
        let end = &self.ends[index(from)];
        let mut options = Vec::new();
        if self.sack && !end.blocks().is_empty() {
            options = vec![TcpOption::Nop, TcpOption::Nop, TcpOption::Sack(end.blocks())];
        }
        Tcp {
            sequence: end.next,
            acknowledgement: end.expects.unwrap_or(0),
            flags: flags::ACK,
            window: end.window,
            options,
            ..TCP
        }
    }

    fn syn(&self, from: Side) -> Tcp {
        let end = &self.ends[index(from)];
        let mut options = vec![TcpOption::MaximumSegmentSize(1_460)];
        options.extend(end.offers.map(TcpOption::WindowScale));
        if self.sack {
            options.push(TcpOption::SackPermitted);
        }
        Tcp { sequence: end.iss, flags: flags::SYN, window: end.window, options, ..TCP }
    }

    fn syn_ack(&self, from: Side) -> Tcp {
        let other = &self.ends[index(from.other())];
        let mut syn = self.syn(from);
        // An answer offers scaling only to who did (RFC 7323 §1.3).
        if other.offers.is_none() {
            syn.options.retain(|option| !matches!(option, TcpOption::WindowScale(_)));
        }
        let acknowledgement = other.iss.wrapping_add(1);
        Tcp { flags: flags::SYN_ACK, acknowledgement, ..syn }
    }

    /// Writes a segment, and nothing more.
    fn write(&mut self, from: Side, tcp: &Tcp, note: &'static str) {
        let (source, destination) = (self.sockets[index(from)], self.sockets[index(from.other())]);
        let frame = self.writer.send(from, Frame::tcp(source, destination, tcp.clone()), note);
        self.last[index(from)] = Some(frame);
    }

    /// Writes a segment, which arrives.
    fn deliver(&mut self, from: Side, tcp: &Tcp, note: &'static str) {
        self.write(from, tcp, note);
        let shift = self.end(from).shift;
        self.end(from.other()).hear(tcp, shift);
    }

    /// Sends a segment over the network, good or bad.
    fn send(&mut self, from: Side, tcp: Tcp, note: &'static str) {
        let luck = if self.bad_network { self.random.below(100) } else { 100 };
        let late = self.late.take();
        match luck {
            // Lost on the way to the firewall.
            0..=4 => {}
            // Lost behind it.
            5..=9 => self.write(from, &tcp, note),
            10..=14 => {
                self.deliver(from, &tcp, note);
                self.write(from, &tcp, "doubled");
            }
            15..=20 => self.late = Some((from, tcp, note)),
            _ => self.deliver(from, &tcp, note),
        }
        if let Some((from, tcp, note)) = late {
            self.deliver(from, &tcp, note);
        }
    }

    fn handshake(&mut self) {
        let (one, two) = (Side::Initiator, Side::Responder);
        let (syn, syn_ack) = (self.syn(one), self.syn_ack(two));
        let again = |script: &mut Self| if script.bad_network { script.random.below(3) } else { 0 };
        for _ in 0..again(self) {
            self.write(one, &syn, "syn, lost behind");
        }
        self.deliver(one, &syn, "syn");
        for _ in 0..again(self) {
            self.write(two, &syn_ack, "syn-ack, lost behind");
            if self.random.chance(50) {
                self.write(one, &syn, "syn again");
            }
        }
        self.deliver(two, &syn_ack, "syn-ack");
        self.settle_scales();
        let ack = self.ack(one);
        if again(self) == 1 {
            self.write(one, &ack, "third ack, lost behind");
            self.write(two, &syn_ack, "syn-ack again");
        }
        self.deliver(one, &ack, "third ack");
    }

    fn settle_scales(&mut self) {
        if let [Some(one), Some(two)] = [self.ends[0].offers, self.ends[1].offers] {
            self.ends[0].shift = one;
            self.ends[1].shift = two;
        }
    }

    fn odd_start(&mut self) {
        let (one, two) = (Side::Initiator, Side::Responder);
        match self.random.below(11) {
            0 => {
                // The answer takes another path.
                let syn = self.syn(one);
                self.deliver(one, &syn, "syn");
                let answer = self.syn_ack(two);
                self.end(one).hear(&answer, 0);
                let ack = self.ack(one);
                self.deliver(one, &ack, "ack without syn-ack");
            }
            1 => {
                let syn_ack = self.syn_ack(two);
                self.deliver(two, &syn_ack, "syn-ack from nowhere");
                let ack = self.ack(one);
                self.deliver(one, &ack, "its ack");
            }
            2 => {
                // In the middle.
                self.ends[0].expects = Some(self.ends[1].next);
                self.ends[1].expects = Some(self.ends[0].next);
                let from = self.any_side();
                let ack = self.ack(from);
                self.deliver(from, &ack, "mid-stream");
            }
            3 => {
                let syn = self.syn(two);
                self.deliver(two, &syn, "syn from outside");
                let answer = self.syn_ack(one);
                self.deliver(one, &answer, "its syn-ack");
            }
            4 => {
                let (syn, other) = (self.syn(one), self.syn(two));
                self.deliver(one, &syn, "syn");
                self.deliver(two, &other, "simultaneous syn");
                self.settle_scales();
                let from = self.any_side();
                for side in [from, from.other()] {
                    let answer = self.syn_ack(side);
                    self.deliver(side, &answer, "syn-ack of a simultaneous open");
                }
                let ack = self.ack(from);
                self.deliver(from, &ack, "ack of a simultaneous open");
            }
            5 => {
                // A split handshake.
                let (syn, other) = (self.syn(one), self.syn(two));
                self.deliver(one, &syn, "syn");
                self.deliver(two, &other, "syn as an answer");
                self.settle_scales();
                let answer = self.syn_ack(one);
                self.deliver(one, &answer, "syn-ack of a split handshake");
                let ack = self.ack(two);
                self.deliver(two, &ack, "ack of a split handshake");
            }
            6 => {
                // Fast open (RFC 7413): the answer may acknowledge the data or not.
                let data = 1 + self.random.below(1_000);
                let mut syn = self.syn(one);
                syn.payload = zeros(data);
                self.deliver(one, &syn, "syn with data");
                let mut answer = self.syn_ack(two);
                if self.random.chance(50) {
                    answer.acknowledgement = answer.acknowledgement.wrapping_add(data);
                    let next = self.ends[0].next.wrapping_add(data);
                    self.end(one).next = next;
                    self.end(two).expects = Some(next);
                }
                self.deliver(two, &answer, "syn-ack");
                self.settle_scales();
                if self.random.chance(50) {
                    self.data(two, 500, "data before the third ack");
                }
                let ack = self.ack(one);
                self.deliver(one, &ack, "third ack");
            }
            7 => {
                // The initiator gives up and tries again by another number.
                let syn = self.syn(one);
                self.write(one, &syn, "syn, lost behind");
                let old = self.end(one).clone();
                let iss = self.random.word();
                self.ends[0] = Endpoint::new(iss, old.window, old.offers);
                self.handshake();
            }
            8 => {
                let syn = self.syn(one);
                self.deliver(one, &syn, "syn");
                let acknowledgement = self.ends[0].next;
                let mut rst = Tcp { flags: flags::RST_ACK, acknowledgement, window: 0, ..TCP };
                rst.sequence = 0;
                self.write(two, &rst, "refused");
                if self.random.chance(50) {
                    self.handshake();
                }
            }
            9 => {
                // The responder still knows an older connection (RFC 9293 figure 9).
                let syn = self.syn(one);
                self.write(one, &syn, "syn");
                let stale = self.random.word();
                let (sequence, window) = (self.random.word(), 500);
                let challenge =
                    Tcp { sequence, acknowledgement: stale, flags: flags::ACK, window, ..TCP };
                self.write(two, &challenge, "challenge ack to a syn");
                let rst = Tcp { sequence: stale, flags: flags::RST, window: 0, ..TCP };
                self.write(one, &rst, "rst of who does not know it");
                self.handshake();
            }
            _ => {
                // The answer acknowledges what it should not.
                let syn = self.syn(one);
                self.deliver(one, &syn, "syn");
                let mut answer = self.syn_ack(two);
                let wrong = self.random.pick(&[1, 1_000, 0x8000_0000, u32::MAX]);
                answer.acknowledgement = answer.acknowledgement.wrapping_add(wrong);
                self.write(two, &answer, "syn-ack with a wrong acknowledgement");
                self.handshake();
            }
        }
    }

    fn traffic(&mut self, forged_percent: u32) {
        for _ in 0..4 + self.random.below(16) {
            if self.random.chance(forged_percent) {
                self.forge();
                continue;
            }
            let side = self.any_side();
            match self.random.below(100) {
                0..=44 => {
                    let size = self.random.pick(&[1, 100, 536, 1_460, 1_460]);
                    self.data(side, size, "data");
                }
                45..=69 => {
                    let ack = self.ack(side);
                    self.send(side, ack, "ack");
                }
                70..=81 => self.retransmit(side),
                82..=86 => {
                    let mut probe = self.ack(side);
                    probe.sequence = probe.sequence.wrapping_sub(1);
                    probe.payload = zeros(self.random.below(2));
                    // It comes after a long silence: nothing overtakes it.
                    self.flush();
                    self.deliver(side, &probe, "keepalive");
                }
                87..=91 => {
                    self.end(side).window = 0;
                    let ack = self.ack(side);
                    self.send(side, ack, "window closed");
                    self.probe(side.other());
                    self.end(side).window = 8_192;
                    let ack = self.ack(side);
                    self.send(side, ack, "window open");
                }
                92..=94 => {
                    let mut urgent = self.ack(side);
                    urgent.flags |= flags::URG | flags::PSH;
                    urgent.urgent = 1;
                    self.push(side, urgent, 1, "urgent");
                }
                _ => {
                    let window = self.random.pick(&[65_535, 10_000, 2_000, 300]);
                    self.end(side).window = window;
                    let ack = self.ack(side);
                    self.send(side, ack, "window update");
                }
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        if let Some((from, tcp, note)) = self.late.take() {
            self.deliver(from, &tcp, note);
        }
    }

    fn data(&mut self, side: Side, size: u32, note: &'static str) {
        let mut tcp = self.ack(side);
        tcp.flags = flags::PSH_ACK;
        self.push(side, tcp, size, note);
    }

    /// Sends as much data as the other end allows.
    fn push(&mut self, side: Side, mut tcp: Tcp, size: u32, note: &'static str) {
        let end = self.end(side);
        let size = size.min(end.room());
        if size == 0 || end.finished {
            return;
        }
        tcp.payload = zeros(size);
        end.sent.push((end.next, size, false));
        end.next = end.next.wrapping_add(size);
        self.send(side, tcp, note);
    }

    /// An octet into a closed window (RFC 9293 §3.8.6.1). It is not taken, and sent again later.
    fn probe(&mut self, side: Side) {
        if self.end(side).finished {
            return;
        }
        let mut probe = self.ack(side);
        let end = &self.ends[index(side)];
        // It asks so only when all that it sent is acknowledged: else it repeats that.
        if end.una == end.next && end.edge == end.next {
            probe.sequence = end.edge;
            probe.payload = zeros(1);
            self.write(side, &probe, "zero-window probe");
        }
    }

    fn retransmit(&mut self, side: Side) {
        let end = &self.ends[index(side)];
        // What is acknowledged is not sent again, but what was may still be on the way.
        let open: Vec<_> = end
            .sent
            .iter()
            .copied()
            .filter(|(at, size, _)| after(at.wrapping_add(*size), end.una))
            .collect();
        if open.is_empty() {
            return;
        }
        let (sequence, size, fin) = self.random.pick(&open);
        let mut tcp = Tcp { sequence, ..self.ack(side) };
        tcp.payload = zeros(size - u32::from(fin));
        if fin {
            tcp.flags |= flags::FIN;
        }
        self.send(side, tcp, "retransmission");
    }

    fn fin(&mut self, side: Side, data: u32) {
        let end = self.end(side);
        if end.finished {
            return;
        }
        let size = data.min(end.room());
        let mut tcp = self.ack(side);
        tcp.flags = flags::FIN_ACK;
        tcp.payload = zeros(size);
        let end = self.end(side);
        end.finished = true;
        end.sent.push((end.next, size + 1, true));
        end.next = end.next.wrapping_add(size + 1);
        self.send(side, tcp, "fin");
    }

    fn close(&mut self) {
        let first = self.any_side();
        let data = self.random.pick(&[0, 0, 100]);
        match self.random.below(6) {
            // One after the other, perhaps half closed for a while.
            0..=3 => {
                self.fin(first, data);
                for _ in 0..self.random.below(4) {
                    let ack = self.ack(first.other());
                    self.send(first.other(), ack, "ack of a fin");
                    self.data(first.other(), 700, "data of a half-closed connection");
                    let ack = self.ack(first);
                    self.send(first, ack, "ack of a half-closed connection");
                    self.retransmit(first);
                }
                self.fin(first.other(), 0);
            }
            // At the same time.
            4 => {
                let other = first.other();
                let unaware = self.end(other).expects;
                self.fin(first, data);
                let aware = std::mem::replace(&mut self.end(other).expects, unaware);
                self.fin(other, 0);
                self.end(other).expects = aware;
            }
            _ => {
                let end = &self.ends[index(first)];
                let sequence = end.next;
                let rst = match self.random.chance(50) {
                    true => Tcp { sequence, flags: flags::RST, window: 0, ..TCP },
                    false => Tcp { sequence, flags: flags::RST_ACK, ..self.ack(first) },
                };
                self.write(first, &rst, "rst at the end");
                return;
            }
        }
        self.flush();
        for _ in 0..1 + self.random.below(4) {
            let side = self.any_side();
            self.retransmit(side);
            for side in [side, side.other()] {
                let ack = self.ack(side);
                self.send(side, ack, "last acks");
            }
        }
        self.flush();
    }

    /// The same sockets once more.
    fn again(&mut self) {
        for end in &mut self.ends {
            let ahead = self.random.pick(&[1, 2, 1_000, 100_000, 0x4000_0000, 0x9000_0000]);
            *end = Endpoint::new(end.next.wrapping_add(ahead), end.window, end.offers);
        }
        self.handshake();
        self.traffic(0);
    }

    /// A segment, or an error, that neither end would send here. It reaches nobody.
    fn forge(&mut self) {
        let side = self.any_side();
        let mut tcp = self.ack(side);
        let end = self.ends[index(side)].clone();
        let other = self.ends[index(side.other())].clone();
        let expected = other.expects.unwrap_or(end.next);
        let beyond = |random: &mut Random| random.pick(&[0, 1, 100, 1_460, BIG, 1 << 24]);
        let note = match self.random.below(21) {
            0 => {
                tcp.sequence = end.edge.wrapping_add(beyond(self.random));
                tcp.payload = zeros(100);
                "data beyond the window"
            }
            1 => {
                tcp.sequence = end.edge.wrapping_sub(self.random.below(50));
                tcp.payload = zeros(100);
                "data over the edge of the window"
            }
            2 => {
                tcp.sequence = end.next.wrapping_sub(BIG).wrapping_sub(beyond(self.random));
                tcp.payload = zeros(100);
                "data far below"
            }
            3 => {
                tcp.acknowledgement = other.next.wrapping_add(beyond(self.random));
                "acknowledges what was not sent"
            }
            4 => {
                tcp.acknowledgement =
                    other.next.wrapping_sub(BIG).wrapping_sub(beyond(self.random));
                "an old acknowledgement"
            }
            5 => {
                tcp = Tcp { sequence: expected, flags: flags::RST, ..tcp };
                "rst, exact"
            }
            6 => {
                let ahead = 1 + self.random.below(u32::from(other.window.max(2)) - 1);
                tcp = Tcp { sequence: expected.wrapping_add(ahead), flags: flags::RST, ..tcp };
                "rst in the window"
            }
            7 => {
                tcp = Tcp {
                    sequence: end.edge.wrapping_add(beyond(self.random)),
                    flags: flags::RST,
                    ..tcp
                };
                "rst beyond the window"
            }
            8 => {
                let back = 1 + beyond(self.random);
                tcp = Tcp { sequence: expected.wrapping_sub(back), flags: flags::RST_ACK, ..tcp };
                "rst below the window"
            }
            9 => {
                let acknowledgement = self.random.word();
                tcp = Tcp { sequence: expected, flags: flags::RST_ACK, acknowledgement, ..tcp };
                "rst, exact, acknowledging anything"
            }
            10 => {
                tcp = self.syn(side);
                "the same syn"
            }
            11 | 12 => {
                tcp = self.syn(side);
                tcp.sequence = end.next.wrapping_add(self.random.word());
                "another syn"
            }
            13 => {
                tcp = self.syn_ack(side);
                "syn-ack"
            }
            14 => {
                tcp = self.syn_ack(side);
                tcp.sequence = self.random.word();
                "another syn-ack"
            }
            15 | 16 => {
                const F: u8 = flags::FIN;
                const S: u8 = flags::SYN;
                const R: u8 = flags::RST;
                const P: u8 = flags::PSH;
                const A: u8 = flags::ACK;
                const U: u8 = flags::URG;
                tcp.flags = self.random.pick(&[
                    0,
                    F,
                    S | F,
                    S | R,
                    F | R,
                    F | P | U,
                    P,
                    U,
                    F | S | R | P | A | U,
                    S | F | A,
                    S | R | A,
                    F | R | A,
                    R | U,
                    S | U,
                    S | P,
                    A | U,
                    R | P | A,
                    S | A | U,
                ]);
                "any flags"
            }
            17 => {
                tcp.sequence = self.random.word();
                tcp.acknowledgement = self.random.word();
                "any numbers"
            }
            18 => {
                tcp.flags |= flags::FIN;
                tcp.sequence = tcp.sequence.wrapping_add(self.random.pick(&[0, 1, 100]));
                "forged fin"
            }
            _ => {
                errors::about(&mut self.writer, self.random, &self.last);
                return;
            }
        };
        self.write(side, &tcp, note);
    }
}

fn zeros(count: u32) -> Vec<u8> {
    vec![0; usize::try_from(count).expect("a short segment")]
}
