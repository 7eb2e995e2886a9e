//! Random traffic that knows what conversations are: mostly what hosts would send, partly what they never would.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use testkit::packet::flags::{ACK, FIN_ACK, PSH_ACK, RST, RST_ACK, SYN, SYN_ACK};
use testkit::packet::{
    ARP, Chunk, Frame, ICMPV6, IcmpError, Icmpv6, SCTP, Sctp, TCP, Tcp, Transport, chunk_type,
    fragment_v4, fragment_v6,
};

use crate::harness::{Arrival, INSIDE, OUTSIDE};
use crate::transcript::swapped;

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    what: What,
    /// Which of eight conversations.
    conversation: usize,
    /// Whether the responder does it.
    responder: bool,
    /// Picks among variants of the deed.
    variant: u8,
    /// One octet of one of its frames is changed: where, and how.
    change: Option<(usize, u8)>,
    /// The frame comes by the port where it does not belong.
    astray: bool,
    wait: Duration,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Handshake,
    Segment,
    Datagram,
    Query,
    Error,
    Fragments,
    Association,
    Other,
}

/// Deeds with all their variety.
pub(crate) fn deeds(most: usize) -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec(deed(), 0..most)
}

fn deed() -> impl Strategy<Value = Deed> {
    let what = prop_oneof![
        2 => Just(What::Handshake),
        6 => Just(What::Segment),
        3 => Just(What::Datagram),
        2 => Just(What::Query),
        2 => Just(What::Error),
        2 => Just(What::Fragments),
        1 => Just(What::Association),
        1 => Just(What::Other),
    ];
    let wait = prop_oneof![
        6 => (0..100_u64).prop_map(Duration::from_millis),
        2 => (0..40_u64).prop_map(Duration::from_secs),
        1 => (0..5000_u64).prop_map(Duration::from_secs),
    ];
    let change = prop::option::weighted(0.1, (0..120_usize, 1..=255_u8));
    let astray = prop::bool::weighted(0.03);
    (what, 0..8_usize, any::<bool>(), any::<u8>(), change, astray, wait).prop_map(
        |(what, conversation, responder, variant, change, astray, wait)| Deed {
            what,
            conversation,
            responder,
            variant,
            change,
            astray,
            wait,
        },
    )
}

/// Both ends of a conversation.
#[derive(Clone, Debug)]
struct Pair {
    ends: [SocketAddr; 2],
    /// The next sequence number of each end.
    next: [u32; 2],
    last: Option<Frame>,
    datagrams: u16,
}

impl Pair {
    fn new(number: usize) -> Self {
        let digit = u16::try_from(number).expect("one of eight");
        let (here, far): (IpAddr, IpAddr) = if number < 4 {
            let octet = |base: u8| base + u8::try_from(number % 3).expect("small");
            ([10, 0, 0, octet(1)].into(), [192, 0, 2, octet(80)].into())
        } else {
            let inside = [0x2001, 0xdb8, 1, 0, 0, 0, 0, 1 + digit % 3];
            (inside.into(), [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1 + digit % 2].into())
        };
        let service = [80, 443, 53, 8080][number % 4];
        let ends = [SocketAddr::new(here, 40_000 + digit), SocketAddr::new(far, service)];
        Self { ends, next: [1000, 0xffff_ff00], last: None, datagrams: 0 }
    }

    fn from(&self, by: usize) -> (SocketAddr, SocketAddr) {
        (self.ends[by], self.ends[1 - by])
    }

    /// A segment as its sender would send it now, but for an offset of its numbers.
    fn segment(&mut self, by: usize, flags: u8, data: usize, offset: u32) -> Frame {
        let tcp = Tcp {
            flags,
            sequence: self.next[by].wrapping_add(offset),
            acknowledgement: if flags & ACK == 0 { 0 } else { self.next[1 - by] },
            payload: vec![b'd'; data],
            ..TCP
        };
        if offset == 0 {
            self.next[by] = self.next[by].wrapping_add(tcp.sequence_length());
        }
        let (source, destination) = self.from(by);
        Frame::tcp(source, destination, tcp)
    }

    /// The frames of a deed, and who sends each.
    fn act(&mut self, deed: &Deed) -> Vec<(usize, Frame)> {
        let by = usize::from(deed.responder);
        let (source, destination) = self.from(by);
        let pick = usize::from(deed.variant);
        match deed.what {
            What::Handshake => {
                self.next[by] = self.next[by].wrapping_add(1 << 20);
                vec![
                    (by, self.segment(by, SYN, 0, 0)),
                    (1 - by, self.segment(1 - by, SYN_ACK, 0, 0)),
                    (by, self.segment(by, ACK, 0, 0)),
                ]
            }
            What::Segment => {
                const FLAGS: [u8; 9] =
                    [ACK, PSH_ACK, PSH_ACK, FIN_ACK, RST, RST_ACK, SYN, SYN_ACK, 0x29];
                let data = [0, 1, 1000][pick % 3];
                let offset = [0, 0, 0, 1, 70_000, 0x8000_0000, u32::MAX][pick % 7];
                vec![(by, self.segment(by, FLAGS[pick % FLAGS.len()], data, offset))]
            }
            What::Datagram => vec![(by, Frame::udp(source, destination, vec![1; pick]))],
            What::Query => {
                let (from, to) = (source.ip(), destination.ip());
                let frame = if pick.is_multiple_of(2) == deed.responder {
                    Frame::echo_reply(from, to, deed.variant.into(), 1)
                } else {
                    Frame::echo_request(from, to, u16::from(deed.variant / 2), 1)
                };
                vec![(by, frame)]
            }
            What::Error => {
                const KINDS: [IcmpError; 4] = [
                    IcmpError::PortUnreachable,
                    IcmpError::TimeExceeded,
                    IcmpError::TooBig(1280),
                    IcmpError::ParameterProblem(9),
                ];
                let Some(quoted) = &self.last else { return Vec::new() };
                let length = [8, 28, 128, 4][pick % 4];
                let kind = KINDS[pick / 4 % 4];
                vec![(by, Frame::icmp_error(source.ip(), kind, quoted, length))]
            }
            What::Fragments => self.fragments(by, pick),
            What::Association => {
                let chunk = |kind| Chunk {
                    kind,
                    flags: 0,
                    value: vec![0, 0, 0, 9, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1],
                };
                let kinds = [
                    chunk_type::INIT,
                    chunk_type::INIT_ACK,
                    chunk_type::COOKIE_ECHO,
                    chunk_type::DATA,
                ];
                let kind = kinds[pick % 4];
                let tag = if kind == chunk_type::INIT { 0 } else { 9 };
                let sctp = Sctp { verification_tag: tag, chunks: vec![chunk(kind)], ..SCTP };
                vec![(by, Frame::sctp(source, destination, sctp))]
            }
            What::Other => {
                let (from, to) = (source.ip(), destination.ip());
                let frame = match pick % 6 {
                    0 => Frame::arp(ARP),
                    1 => Frame::ip(from, to, Transport::Raw(47, vec![0; 8])),
                    2 => Frame::ip(from, to, Transport::Raw(50, vec![1; 16])),
                    3 => Frame::raw(0x8863, vec![1; 46]),
                    4 => Frame::ip(
                        "fe80::1",
                        "ff02::1",
                        Transport::Icmpv6(Icmpv6 { kind: 135, payload: vec![0; 16], ..ICMPV6 }),
                    ),
                    _ => Frame::udp(source, destination, "tagged").tag(u16::from(deed.variant % 3)),
                };
                vec![(by, frame)]
            }
        }
    }

    /// A datagram in three pieces, in one of several orders, whole or not, and sometimes with an overlap.
    fn fragments(&mut self, by: usize, pick: usize) -> Vec<(usize, Frame)> {
        const ORDERS: [&[usize]; 6] =
            [&[0, 1, 2], &[2, 1, 0], &[1, 2, 0], &[0, 2], &[1, 1, 0, 2], &[2, 0, 2, 1]];
        let (source, destination) = self.from(by);
        self.datagrams += 1;
        let id = self.datagrams;
        let whole = if pick.is_multiple_of(5) {
            self.segment(by, [SYN, PSH_ACK][pick % 2], 200, 0)
        } else {
            Frame::udp(source, destination, vec![7; 200])
        };
        let cut = |boundaries: &[usize]| match &whole.network {
            testkit::packet::Network::Ipv4(_) => {
                let whole =
                    whole.clone().map_ipv4(|ip| testkit::packet::Ipv4 { identification: id, ..ip });
                fragment_v4(&whole, boundaries)
            }
            _ => fragment_v6(&whole, id.into(), boundaries),
        };
        let mut pieces = cut(&[64, 128]);
        if pick.is_multiple_of(7) {
            pieces[1] = cut(&[56, 128])[1].clone();
        }
        let order = ORDERS[pick % ORDERS.len()];
        order.iter().map(|index| (by, pieces[*index].clone())).collect()
    }
}

/// The frames of all deeds, as they come in.
pub(crate) fn arrivals(deeds: &[Deed]) -> Vec<Arrival> {
    let mut pairs: Vec<_> = (0..8).map(Pair::new).collect();
    let mut arrivals = Vec::new();
    for deed in deeds {
        let pair = &mut pairs[deed.conversation];
        let mut wait = deed.wait;
        for (by, frame) in pair.act(deed) {
            let frame = if by == 0 { frame } else { swapped(frame) };
            let mut octets = frame.bytes();
            if !matches!(deed.what, What::Other) {
                pair.last = Some(frame);
            }
            if let Some((at, change)) = deed.change {
                let at = at % octets.len();
                octets[at] ^= change;
            }
            let port = if (by == 0) == deed.astray { OUTSIDE } else { INSIDE };
            arrivals.push(Arrival { wait, port, octets });
            wait = Duration::from_millis(1);
        }
    }
    arrivals
}
