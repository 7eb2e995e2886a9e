//! Conversations as they are put before both firewalls: datagrams of either side, in order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use testkit::conversation::Side;
use testkit::packet::{Frame, Network, fragment_v4, fragment_v6};

/// One datagram, in one frame or in several fragments. Verdicts are compared by datagram.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Who sends it: the initiator is inside.
    pub(crate) side: Side,
    /// Its frames, in the order of sending.
    pub(crate) frames: Vec<Vec<u8>>,
    /// What it is there for.
    pub(crate) note: &'static str,
}

/// Datagrams between two hosts that no other conversation of the same batch has.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// What it is about: a generator's name, or a capture's.
    pub(crate) kind: String,
    /// Its number: with the seed, it names the conversation for good.
    pub(crate) number: u64,
    /// The datagrams.
    pub(crate) steps: Vec<Step>,
}

/// What a datagram is known by when it comes out: who sent it, from where, to where, and its number in the
/// conversation, which stands in the IPv4 identification or in the IPv6 flow label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    side: Side,
    addresses: Vec<u8>,
    marker: u32,
}

impl Key {
    /// That of a frame; `None` if it is no IP packet.
    pub(crate) fn of(side: Side, frame: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
        let (marker, addresses) = match word(12)? {
            0x0800 => (u32::from(word(18)?), frame.get(26..34)?),
            0x86dd => (u32::from(word(14)? & 0xf) << 16 | u32::from(word(16)?), frame.get(22..54)?),
            _ => return None,
        };
        Some(Self { side, addresses: addresses.to_vec(), marker })
    }
}

/// Writes a conversation down.
#[derive(Debug)]
pub(crate) struct Writer {
    conversation: Conversation,
    hosts: [IpAddr; 2],
    router: IpAddr,
}

impl Writer {
    /// A conversation between two hosts that follow from its number.
    pub(crate) fn new(kind: &str, number: u64, v6: bool) -> Self {
        let low = u32::try_from(number & 0x1_ffff).expect("17 bits");
        let host = |v4: u32, v6: u16| {
            let [.., high, low_word] = Ipv6Addr::from(u128::from(low)).segments();
            if v6 == 0 {
                IpAddr::V4(Ipv4Addr::from(v4 | low))
            } else {
                IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, v6, 0, 0, 1, high, low_word))
            }
        };
        // 10.0.0.0/8 and the networks for benchmarks (RFC 2544), or the prefix for documentation (RFC 3849).
        let hosts = if v6 {
            [host(0, 1), host(0, 2)]
        } else {
            [host(0x0a00_0000, 0), host(0xc612_0000, 0)]
        };
        let router = if v6 { host(0, 0xffff) } else { IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)) };
        let conversation = Conversation { kind: kind.to_owned(), number, steps: Vec::new() };
        Self { conversation, hosts, router }
    }

    /// The address of a side.
    pub(crate) fn host(&self, side: Side) -> IpAddr {
        match side {
            Side::Initiator => self.hosts[0],
            Side::Responder => self.hosts[1],
        }
    }

    /// The address of a router on the path, that is neither of the two.
    pub(crate) fn router(&self) -> IpAddr {
        self.router
    }

    /// Sends a datagram whole. Returns what was sent.
    pub(crate) fn send(&mut self, side: Side, frame: Frame, note: &'static str) -> Frame {
        let frame = self.marked(side, frame);
        self.put(side, vec![frame.bytes()], note);
        frame
    }

    /// Sends a datagram in fragments, cut at these offsets, in the order that `arrange` makes of them.
    pub(crate) fn send_fragments(
        &mut self,
        side: Side,
        frame: Frame,
        boundaries: &[usize],
        note: &'static str,
        arrange: impl FnOnce(&mut Vec<Frame>),
    ) {
        let frame = self.marked(side, frame);
        let mut pieces = match &frame.network {
            Network::Ipv6(_) => fragment_v6(&frame, self.marker(), boundaries),
            Network::Ipv4(_) | Network::Arp(_) | Network::Raw(..) => {
                fragment_v4(&frame, boundaries)
            }
        };
        arrange(&mut pieces);
        self.put(side, pieces.iter().map(Frame::bytes).collect(), note);
    }

    /// The conversation.
    pub(crate) fn finish(self) -> Conversation {
        self.conversation
    }

    fn put(&mut self, side: Side, frames: Vec<Vec<u8>>, note: &'static str) {
        self.conversation.steps.push(Step { side, frames, note });
    }

    fn marker(&self) -> u32 {
        u32::try_from(self.conversation.steps.len() + 1).expect("a short conversation")
    }

    fn marked(&self, side: Side, frame: Frame) -> Frame {
        let marker = self.marker();
        let frame = match side {
            Side::Initiator => frame,
            Side::Responder => {
                let (source, destination) = (frame.source, frame.destination);
                frame.macs(destination, source)
            }
        };
        match &frame.network {
            Network::Ipv6(_) => frame.map_ipv6(|mut ip| {
                ip.flow_label = marker;
                ip
            }),
            Network::Ipv4(_) | Network::Arp(_) | Network::Raw(..) => frame.map_ipv4(|mut ip| {
                ip.identification = u16::try_from(marker).expect("a short conversation");
                ip
            }),
        }
    }
}
