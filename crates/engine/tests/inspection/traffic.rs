//! Random traffic that knows what conversations are: mostly what hosts would send, partly what they never would.
//!
//! What somebody does is chosen by a test ([`crate::deeds`]) or read from a fuzzer's octets ([`read_deeds`]).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use testkit::packet::flags::{ACK, FIN_ACK, PSH_ACK, RST, RST_ACK, SYN, SYN_ACK};
use testkit::packet::{
    ARP, Chunk, Frame, ICMPV6, IcmpError, Icmpv6, SCTP, Sctp, TCP, Tcp, Transport, chunk_type,
    fragment_v4, fragment_v6,
};

use crate::harness::{Arrival, INSIDE, OUTSIDE};

/// Conversations that go on at a time.
pub(crate) const CONVERSATIONS: usize = 12;

/// The port that every control conversation announces.
const ANNOUNCED: u16 = 5001;

/// One thing that somebody does.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// What.
    pub(crate) what: What,
    /// In which conversation.
    pub(crate) conversation: usize,
    /// Whether the responder does it.
    pub(crate) responder: bool,
    /// Picks among variants of the deed.
    pub(crate) variant: u8,
    /// One octet of each of its frames is changed: where, and how.
    pub(crate) change: Option<(usize, u8)>,
    /// The frames come by the port where they do not belong.
    pub(crate) astray: bool,
    /// How long after the one before.
    pub(crate) wait: Duration,
}

/// Kinds of deeds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// SYN, SYN-ACK, ACK.
    Handshake,
    /// A segment of TCP, right or wrong.
    Segment,
    /// A datagram of UDP.
    Datagram,
    /// An ICMP query or its reply.
    Query,
    /// An ICMP error about what was sent last.
    Error,
    /// A datagram in fragments.
    Fragments,
    /// A chunk of SCTP.
    Association,
    /// A packet of the connection that a control conversation announces.
    Announced,
    /// Anything else.
    Other,
}

impl Deed {
    /// How many octets [`read_deeds`] takes for one.
    const OCTETS: usize = 6;

    /// Reads one. Every six octets are a deed, so that a fuzzer that changes some changes what somebody does:
    ///
    /// ```text
    /// 0  what, in the low half; bit 4 who; bits 5 to 7 all set: astray
    /// 1  which conversation
    /// 2  variant
    /// 3  where an octet is changed
    /// 4  how it is; 0 to 127: not at all
    /// 5  the wait: milliseconds up to 199, above that powers of two of seconds
    /// ```
    fn read([what, conversation, variant, at, change, wait]: [u8; Self::OCTETS]) -> Self {
        Self {
            what: WHATS[usize::from(what & 0xf)],
            conversation: usize::from(conversation) % CONVERSATIONS,
            responder: what & 0x10 != 0,
            variant,
            change: (change > 127).then(|| (usize::from(at), change << 1 | 1)),
            astray: what >> 5 == 7,
            wait: match wait {
                0..=199 => Duration::from_millis(wait.into()),
                200..=255 => Duration::from_secs(1 << (wait % 13)),
            },
        }
    }
}

/// What the low half of a deed's first octet stands for: the frequent more often.
const WHATS: [What; 16] = [
    What::Handshake,
    What::Handshake,
    What::Segment,
    What::Segment,
    What::Segment,
    What::Segment,
    What::Datagram,
    What::Datagram,
    What::Query,
    What::Error,
    What::Error,
    What::Fragments,
    What::Fragments,
    What::Association,
    What::Announced,
    What::Other,
];

/// Reads fuzz input as deeds; what is missing at the end is left out.
pub(crate) fn read_deeds(input: &[u8]) -> Vec<Deed> {
    let (records, _) = input.as_chunks();
    records.iter().copied().map(Deed::read).collect()
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
        let digit = u16::try_from(number).expect("one of a few");
        let v6 = (4..8).contains(&number) || number == 9;
        let (here, far): (IpAddr, IpAddr) = if v6 {
            let inside = [0x2001, 0xdb8, 1, 0, 0, 0, 0, 1 + digit % 3];
            (inside.into(), [0x2001, 0xdb8, 2, 0, 0, 0, 0, 1 + digit % 2].into())
        } else {
            let octet = |base: u8| base + u8::try_from(number % 3).expect("small");
            ([10, 0, 0, octet(1)].into(), [192, 0, 2, octet(80)].into())
        };
        let service = [80, 443, 53, 8080, 80, 443, 53, 8080, 21, 21, 69, 5060][number];
        let ends = [SocketAddr::new(here, 40_000 + digit), SocketAddr::new(far, service)];
        Self { ends, next: [1000, 0xffff_ff00], last: None, datagrams: 0 }
    }

    /// What one end says of so many octets: of a control conversation, words that announce a connection.
    fn words(&self, by: usize, octets: usize) -> Vec<u8> {
        let host = self.ends[by].ip();
        let family = if host.is_ipv6() { 6 } else { 4 };
        let [high, low] = ANNOUNCED.to_be_bytes();
        let commas = host.to_string().replace('.', ",");
        let text = match (self.ends[1].port(), by) {
            _ if octets == 0 => String::new(),
            (21, 0) if family == 6 => format!("EPRT |2|{host}|{ANNOUNCED}|\r\n"),
            (21, 0) if octets == 1 => "PASV\r\n".to_owned(),
            (21, 0) => format!("PORT {commas},{high},{low}\r\n"),
            (21, _) if family == 6 => format!("229 Extended passive (|||{ANNOUNCED}|)\r\n"),
            (21, _) if octets == 1 => "200 PORT command successful\r\n".to_owned(),
            (21, _) => format!("227 Entering Passive Mode ({commas},{high},{low})\r\n"),
            (69, 0) => "\0\u{1}file\0octet\0".to_owned(),
            (5060, _) => {
                let line =
                    if by == 0 { "INVITE sip:b@example.org SIP/2.0" } else { "SIP/2.0 200 OK" };
                let body = format!(
                    "v=0\r\no=a 1 1 IN IP{family} {host}\r\ns=-\r\nc=IN IP{family} {host}\r\nt=0 0\r\n\
                     m=audio {ANNOUNCED} RTP/AVP 0\r\n"
                );
                format!(
                    "{line}\r\nVia: SIP/2.0/UDP {client};branch=z9hG4bK1\r\nFrom: <sip:a@example.org>;tag=1\r\n\
                     To: <sip:b@example.org>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{host}>\r\n\
                     Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len(),
                    client = self.ends[0],
                )
            }
            _ => return vec![b'd'; octets],
        };
        text.into_bytes()
    }

    /// A packet of the connection that was announced, or of one that pretends to be.
    fn announced(&self, by: usize, pick: usize) -> Frame {
        let port = |most: [u16; 4]| most[pick % 4];
        let source =
            SocketAddr::new(self.ends[by].ip(), port([20, ANNOUNCED, 3000, ANNOUNCED + 1]));
        let theirs = if self.ends[1].port() == 69 { self.ends[1 - by].port() } else { ANNOUNCED };
        let destination = SocketAddr::new(self.ends[1 - by].ip(), theirs + u16::from(pick > 200));
        if self.ends[1].port() == 21 {
            let flags = [SYN, SYN, SYN_ACK, ACK][pick / 4 % 4];
            Frame::tcp(source, destination, Tcp { flags, sequence: 1, acknowledgement: 2, ..TCP })
        } else {
            Frame::udp(source, destination, vec![0x80; pick])
        }
    }

    fn from(&self, by: usize) -> (SocketAddr, SocketAddr) {
        (self.ends[by], self.ends[1 - by])
    }

    /// A segment as its sender would send it now, but for an offset of its numbers.
    fn segment(&mut self, by: usize, flags: u8, payload: Vec<u8>, offset: u32) -> Frame {
        let tcp = Tcp {
            flags,
            sequence: self.next[by].wrapping_add(offset),
            acknowledgement: if flags & ACK == 0 { 0 } else { self.next[1 - by] },
            payload,
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
                    (by, self.segment(by, SYN, Vec::new(), 0)),
                    (1 - by, self.segment(1 - by, SYN_ACK, Vec::new(), 0)),
                    (by, self.segment(by, ACK, Vec::new(), 0)),
                ]
            }
            What::Segment => {
                const FLAGS: [u8; 9] =
                    [ACK, PSH_ACK, PSH_ACK, FIN_ACK, RST, RST_ACK, SYN, SYN_ACK, 0x29];
                let data = self.words(by, [0, 1, 1000][pick % 3]);
                let offset = [0, 0, 0, 1, 70_000, 0x8000_0000, u32::MAX][pick % 7];
                vec![(by, self.segment(by, FLAGS[pick % FLAGS.len()], data, offset))]
            }
            What::Datagram => vec![(by, Frame::udp(source, destination, self.words(by, pick)))],
            What::Announced => vec![(by, self.announced(by, pick))],
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
                    chunk_type::COOKIE_ACK,
                    chunk_type::SHUTDOWN,
                    chunk_type::SHUTDOWN_ACK,
                    chunk_type::SHUTDOWN_COMPLETE,
                    chunk_type::ABORT,
                ];
                let kind = kinds[pick % kinds.len()];
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
            self.segment(by, [SYN, PSH_ACK][pick % 2], vec![b'd'; 200], 0)
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
    let mut pairs: Vec<_> = (0..CONVERSATIONS).map(Pair::new).collect();
    let mut arrivals = Vec::new();
    for deed in deeds {
        let pair = &mut pairs[deed.conversation];
        let mut wait = deed.wait;
        for (by, frame) in pair.act(deed) {
            let macs = [frame.source, frame.destination];
            let frame = frame.macs(macs[by], macs[1 - by]);
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
