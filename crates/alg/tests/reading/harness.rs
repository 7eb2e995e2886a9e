//! What the fuzzer and the replay of its corpus do with one input: a conversation of turns, and how a network
//! treats each.
//!
//! ```text
//!   input = how to read ░ turn ░ turn …        turn = network ░ length (16 bits, low octet first) ░ octets
//! ```
//!
//! Whatever is said, no announcement may be for a host that has no part in it, or a port that nothing may
//! be announced for. If no one lies, a network that splits, reorders and repeats must not change what is
//! announced.

use core::net::IpAddr;

use alg::{Announcement, Notes, Options, Peers, Protocol, Reader, Reading, Remark};
use session::Direction;
use wire::SeqNum;

/// How a conversation is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) options: Options,
    /// In datagrams, else over TCP.
    pub(crate) datagrams: bool,
    /// Nobody has seen the SYNs.
    pub(crate) picked_up: bool,
    pub(crate) ipv6: bool,
}

/// What one side says, and how it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) from: Direction,
    /// Index into [`SIZES`].
    pub(crate) size: u8,
    pub(crate) order: Order,
    /// The other side does not acknowledge it.
    pub(crate) unacknowledged: bool,
    /// A copy differs; or, if all comes in one segment, something before it never came.
    pub(crate) lie: bool,
    pub(crate) octets: Vec<u8>,
}

/// The order in which a turn's segments arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
    Swapped,
    Twice,
}

/// How often a segment is sent in a conversation in which something never comes.
const PATIENCE: usize = 64;
/// Octets of a segment.
const SIZES: [usize; 8] = [usize::MAX, 1, 2, 5, 17, 64, 536, 1400];

impl Turn {
    /// Its segments, in the order of their arrival.
    fn segments(&self) -> Vec<core::ops::Range<usize>> {
        let size = SIZES[usize::from(self.size)].min(self.octets.len().max(1));
        let starts = (0..self.octets.len()).step_by(size);
        let mut segments: Vec<_> =
            starts.map(|start| start..self.octets.len().min(start + size)).collect();
        match self.order {
            Order::Forward => {}
            Order::Backward => segments.reverse(),
            Order::Swapped => segments.chunks_mut(2).for_each(<[_]>::reverse),
            Order::Twice => {
                segments = segments.iter().flat_map(|it| [it.clone(), it.clone()]).collect()
            }
        }
        segments
    }
}

/// Reads an input.
pub(crate) fn parse(input: &[u8]) -> (Manner, Vec<Turn>) {
    let (how, mut rest) = input.split_first().unwrap_or((&0, &[]));
    let manner = Manner {
        options: Options { strict: how & 1 != 0, third_party: how & 2 != 0 },
        datagrams: how & 4 != 0,
        picked_up: how & 8 != 0,
        ipv6: how & 16 != 0,
    };
    let mut turns = Vec::new();
    while let Some(([network, low, high], behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(behind.len());
        let (octets, behind) = behind.split_at(length);
        turns.push(Turn {
            from: if network & 1 == 0 { Direction::Original } else { Direction::Reply },
            size: network >> 1 & 7,
            order: [Order::Forward, Order::Backward, Order::Swapped, Order::Twice]
                [usize::from(network >> 4 & 3)],
            unacknowledged: network & 64 != 0,
            lie: network & 128 != 0,
            octets: octets.to_vec(),
        });
        rest = behind;
    }
    (manner, turns)
}

/// A reader and where its streams are.
struct Conversation {
    reader: Reader,
    manner: Manner,
    peers: Peers,
    next: [SeqNum; 2],
    announced: Vec<Announcement>,
    /// Something that depends on how a text is split: a refusal, an end of reading, too much in a packet.
    unequal: bool,
}

impl Conversation {
    fn new(protocol: Protocol, manner: Manner) -> Self {
        let hosts =
            if manner.ipv6 { ["2001:db8::1", "2001:db8:1::1"] } else { ["10.0.0.1", "192.0.2.1"] };
        let [client, server] = hosts.map(|host| host.parse::<IpAddr>().expect("an address"));
        let mut reader = Reader::new(protocol);
        let next = [SeqNum(1), SeqNum(u32::MAX - 100)];
        if !manner.picked_up && !manner.datagrams {
            reader.begins(Direction::Original, next[0]);
            reader.begins(Direction::Reply, next[1]);
        }
        let peers = Peers { ends: [(client, 40_000), (server, 2_000)] };
        Self { reader, manner, peers, next, announced: Vec::new(), unequal: false }
    }

    /// Shows some octets of a turn that stand at `at` in it.
    fn show(&mut self, from: Direction, at: usize, octets: &[u8]) -> Reading {
        let mut notes = Notes::new(&self.peers, self.manner.options);
        let reading = if self.manner.datagrams {
            self.reader.datagram(from, octets, &mut notes)
        } else {
            let at = u32::try_from(at).expect("a turn is short");
            self.reader.segment(from, self.next[from.index()] + at, octets, &mut notes)
        };
        for announcement in notes.announcements() {
            check(announcement, &self.peers, self.manner.options);
        }
        let overlong = notes.remarks().contains(&Remark::Overlong);
        self.unequal |= overlong || self.reader.has_stopped() || notes.announcements().len() > 15;
        self.unequal |= notes.withdrawn().len() == Notes::WITHDRAWALS;
        if reading == Reading::Pass {
            self.announced.retain(|it| !notes.withdrawn().iter().any(|of| of.contains(&it.group)));
            self.announced.extend_from_slice(notes.announcements());
        }
        reading
    }

    /// A turn is over.
    fn end(&mut self, turn: &Turn) {
        let next = &mut self.next[turn.from.index()];
        *next = *next + u32::try_from(turn.octets.len()).expect("a turn is short");
        if !turn.unacknowledged && !self.manner.datagrams {
            self.reader.acknowledged(turn.from.reversed(), *next);
        }
    }
}

/// What holds for every announcement.
fn check(announcement: &Announcement, peers: &Peers, options: Options) {
    let Announcement { protocol, opener, source, destination, destination_port, .. } =
        *announcement;
    let hosts = peers.ends.map(|(host, _)| host);
    if !options.third_party {
        assert!(hosts.contains(&source) && hosts.contains(&destination), "{announcement:?}");
    }
    assert_ne!(source, destination, "{announcement:?}");
    assert_ne!(destination, peers.speaker(opener).0, "{announcement:?}");
    assert!(!matches!(protocol, 6 | 17) || destination_port >= 1024, "{announcement:?}");
}

/// Has one protocol's reader read one input.
pub(crate) fn run(protocol: Protocol, input: &[u8]) {
    let (mut manner, turns) = parse(input);
    // TFTP has no streams: its messages end where datagrams do.
    manner.datagrams |= protocol == Protocol::Tftp;
    let mut plain = Conversation::new(protocol, manner);
    for turn in &turns {
        if let Reading::Refuse(_) = plain.show(turn.from, 0, &turn.octets) {
            plain.unequal = true;
        }
        plain.end(&Turn { unacknowledged: false, ..turn.clone() });
    }

    let honest = !manner.datagrams && !manner.picked_up && turns.iter().all(|turn| !turn.lie);
    let comparable = honest && !plain.unequal;
    let mut other = Conversation::new(protocol, manner);
    for turn in &turns {
        let mut segments = turn.segments();
        if turn.lie && turn.size == 0 {
            other.next[turn.from.index()] = other.next[turn.from.index()] + 3;
        }
        // What the reader refused for lack of room is sent again, at last when all before is acknowledged.
        let mut stalled = false;
        // Behind a hole that is never filled each time may bring one segment more.
        let mut times = if comparable { usize::MAX } else { PATIENCE };
        while !segments.is_empty() && times > 0 {
            times -= 1;
            let before = segments.len();
            segments.retain(|range| {
                match other.show(turn.from, range.start, &turn.octets[range.clone()]) {
                    Reading::Pass => false,
                    Reading::Refuse(Remark::OutOfOrder | Remark::WindowFull) => true,
                    Reading::Refuse(remark) => {
                        assert!(!comparable, "{remark} for a turn that passes in one piece");
                        false
                    }
                }
            });
            if segments.len() == before {
                assert!(!stalled || !comparable, "{segments:?} are never taken");
                if stalled {
                    break;
                }
                stalled = true;
                other.reader.acknowledged(turn.from.reversed(), other.next[turn.from.index()]);
            }
        }
        if turn.lie {
            let differing: Vec<_> = turn.octets.iter().map(|octet| octet ^ 0x20).collect();
            other.show(turn.from, 0, &differing);
        }
        other.end(turn);
    }
    if comparable {
        assert_eq!(other.announced, plain.announced, "{turns:?}");
    }
}
