//! How many sessions gateways read at a time, of one source and in all, and who gives way.

use std::time::Duration;

use engine::{Cluster, Counter, DropReason, EndReason, Gateway, Limits, Protocol, Time};
use session::TimeoutClass;
use session::fragment::Limits as Fragments;
use testkit::packet::{Frame, TCP, Tcp, flags};

use crate::gateways::{plan, services};
use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::transcript::{outcome, swapped};

/// Sessions that a box reads at most.
const MOST: u32 = 16_384;

/// A box that has room for far more sessions than it reads.
fn roomy() -> (Plan, Rig) {
    let mut plan = plan();
    plan.limits = Limits::new(60_000, 60_000);
    plan.policy.rules[0].services = services(&["sip", "ftp"]);
    let fragments = Fragments::default();
    let snapshot = plan.snapshot();
    let rig = Rig::around(Cluster::with_room(1, &snapshot, fragments, 1024, 1024));
    (plan, rig)
}

fn options() -> &'static str {
    "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;rport\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
}

/// A source, and a port of it for each number.
fn host(network: u32, number: u32) -> String {
    format!("10.{}.{}.{}:{}", network, number >> 14, (number >> 6) & 0xff, 1024 + (number & 0x3f))
}

/// Asks, and is answered if so wanted. Returns what became of the question.
fn ask(rig: &mut Rig, now: Time, from: &str, answered: bool) -> String {
    let there = Frame::udp(from, "192.0.2.69:5060", options());
    let fate = rig.receive(now, INSIDE, there.bytes()).pop().expect("a fate");
    if answered && fate.judgement.created {
        let answer = "SIP/2.0 200 OK\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
        let back = swapped(Frame::udp("192.0.2.69:5060", from, answer));
        rig.receive(now, OUTSIDE, back.bytes());
    }
    let outcome = outcome(&fate);
    // Without the session's number.
    let numbered =
        |word: &&str| word.strip_prefix('s').is_some_and(|rest| rest.parse::<u32>().is_ok());
    outcome.split(' ').take_while(|word| !numbered(word)).collect::<Vec<_>>().join(" ")
}

fn dropped(rig: &Rig, name: &str) -> u64 {
    let reason = DropReason::all().find(|reason| reason.name() == name).expect("a reason");
    rig.cluster.counters().get(Counter::Dropped(reason))
}

/// One source can have half of the sessions that are read, and no more; another has half of what is left, and so on: so
/// there is always some for the next. What it is refused for is named.
#[test]
fn one_source_leaves_as_much_as_it_takes() {
    let (_, mut rig) = roomy();
    let now = Time::from_secs(1);
    let mut taken = Vec::new();
    for source in 1..=3 {
        let mut count = 0;
        for port in 1024..=u16::MAX {
            let outcome = ask(&mut rig, now, &format!("10.0.0.{source}:{port}"), true);
            if outcome == "drop gateway_source_limit" {
                break;
            }
            assert_eq!(outcome, "forward original first", "{source}, {port}");
            count += 1;
        }
        taken.push(count);
    }
    assert_eq!(taken, [MOST / 2, MOST / 4, MOST / 8]);
    assert_eq!(dropped(&rig, "gateway_source_limit"), 3);
    let next = ask(&mut rig, now, "10.0.0.9:5060", true);
    assert_eq!(next, "forward original first", "another goes on");
    rig.check();
}

/// A flood of questions that nobody answers, from as many sources as it likes, takes no place from those that are
/// answered, and none from who comes next.
#[test]
fn what_nobody_answers_gives_way() {
    let (_, mut rig) = roomy();
    let start = Time::from_secs(1);
    for number in 0..1000 {
        assert_eq!(ask(&mut rig, start, &host(1, number), true), "forward original first");
    }
    let later = start + Duration::from_secs(1);
    for number in 0..MOST + 1000 {
        assert_eq!(ask(&mut rig, later, &host(2, number), false), "forward original first");
    }
    let evicted = Counter::Ended(Protocol::Udp, EndReason::Evicted);
    assert_eq!(rig.cluster.counters().get(evicted), 2000);
    // An honest one among them: the oldest of the flood go.
    assert_eq!(ask(&mut rig, later, "10.0.0.9:5060", true), "forward original first");
    for number in 0..1000 {
        let again = ask(&mut rig, later, &host(1, number), false);
        assert_eq!(again, "forward original stream", "still the same conversation");
    }
    assert_eq!(dropped(&rig, "gateway_limit"), 0);
    rig.check();
}

/// Only conversations: then the next is refused by name, and what is there goes on.
#[test]
fn when_all_are_answered_the_next_is_refused() {
    let (_, mut rig) = roomy();
    let now = Time::from_secs(1);
    for number in 0..MOST {
        assert_eq!(ask(&mut rig, now, &host(1, number), true), "forward original first");
    }
    // The search for one that is not answered goes through a bounded number each time.
    for number in 0..500 {
        assert_eq!(ask(&mut rig, now, &host(2, number), true), "drop gateway_limit");
    }
    assert_eq!(ask(&mut rig, now, &host(1, 0), false), "forward original stream");
    assert_eq!(rig.sessions(), u64::from(MOST));
    // Their time is over: there is room again.
    let later = now + Duration::from_secs(130);
    assert_eq!(ask(&mut rig, later, &host(2, 0), true), "forward original first");
    rig.check();
}

/// Connections that are closed are not read: one source may have as many in TIME_WAIT as it likes.
#[test]
fn closed_connections_need_no_reader() {
    let (mut plan, mut rig) = roomy();
    plan.timeouts.set(TimeoutClass::TcpTimeWait, Duration::from_secs(600));
    rig.cluster.install(&plan.snapshot());
    let now = Time::from_secs(1);
    for number in 0..MOST + 1000 {
        let client = host(1, number);
        let segment =
            |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
        let up = |tcp| Frame::tcp(client.as_str(), "192.0.2.69:21", tcp);
        let down = |tcp| swapped(Frame::tcp("192.0.2.69:21", client.as_str(), tcp));
        let steps = [
            (INSIDE, up(segment(flags::SYN, 99, 0)), "syn_sent"),
            (OUTSIDE, down(segment(flags::SYN_ACK, 499, 100)), "syn_received"),
            (INSIDE, up(segment(flags::ACK, 100, 500)), "established"),
            (INSIDE, up(segment(flags::FIN_ACK, 100, 500)), "fin_wait"),
            (OUTSIDE, down(segment(flags::FIN_ACK, 500, 101)), "last_ack"),
            (INSIDE, up(segment(flags::ACK, 101, 501)), "time_wait"),
        ];
        for (port, frame, state) in steps {
            let fate = rig.receive(now, port, frame.bytes()).pop().expect("a fate");
            assert_eq!(fate.judgement.state, Some(state), "{number}: {}", outcome(&fate));
        }
    }
    assert_eq!(rig.sessions(), u64::from(MOST) + 1000);
    assert_eq!(rig.cluster.counters().get(Counter::Published(Gateway::Ftp)), 0);
    rig.check();
}

/// What operators are shown: sessions by gateway, and what their readers hold, that of one packet at once. An INVITE with
/// four streams of media announces them, their control, and where it is to be answered: a list of so many has grown beyond
/// what each session may have.
#[test]
fn what_is_read_is_shown() {
    let (_, mut rig) = roomy();
    let now = Time::from_secs(1);
    let shown = |rig: &mut Rig| {
        rig.advance(now);
        let counters = rig.cluster.counters();
        let get = |counter| counters.get(counter);
        [
            get(Counter::Read(Gateway::Ftp)),
            get(Counter::Read(Gateway::Sip)),
            get(Counter::ReaderOctets),
        ]
    };
    connect(&mut rig, now, "10.0.0.1:2000");
    assert_eq!(shown(&mut rig), [1, 0, 0]);
    assert_eq!(send(&mut rig, now, "10.0.0.1:2000", 1100, &[b'x'; 1000]), "forward");
    let [_, _, octets] = shown(&mut rig);
    // From the missing beginning on, without the KiB that each may have.
    assert_eq!(octets, 976);
    let media = (0..4).map(|medium| format!("m=audio {} RTP/AVP 0\r\n", 20_000 + 2 * medium));
    let body = format!("v=0\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n{}", media.collect::<String>());
    let invite = format!(
        "INVITE sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a;rport\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:a@10.0.0.2:5070>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let frame = Frame::udp("10.0.0.2:5060", "192.0.2.69:5060", invite);
    rig.receive(now, INSIDE, frame.bytes());
    let published = Counter::Published(Gateway::Sip);
    assert!(rig.cluster.counters().get(published) > 8);
    let [ftp, sip, more] = shown(&mut rig);
    assert_eq!((ftp, sip), (1, 1));
    assert!(more > octets, "a list of announced connections has grown: {more}");
    rig.check_all_ends();
}

/// A control connection of FTP: its handshake, as the box judges it.
fn connect(rig: &mut Rig, now: Time, client: &str) {
    let segment =
        |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
    let steps = [
        (INSIDE, Frame::tcp(client, "192.0.2.69:21", segment(flags::SYN, 99, 0))),
        (OUTSIDE, swapped(Frame::tcp("192.0.2.69:21", client, segment(flags::SYN_ACK, 499, 100)))),
        (INSIDE, Frame::tcp(client, "192.0.2.69:21", segment(flags::ACK, 100, 500))),
    ];
    for (port, frame) in steps {
        rig.receive(now, port, frame.bytes());
    }
}

/// The client sends octets from a number on. Returns what became of them.
fn send(rig: &mut Rig, now: Time, client: &str, sequence: u32, payload: &[u8]) -> String {
    let payload = payload.to_vec();
    let tcp = Tcp { flags: flags::PSH_ACK, sequence, acknowledgement: 500, payload, ..TCP };
    let frame = Frame::tcp(client, "192.0.2.69:21", tcp);
    let fate = rig.receive(now, INSIDE, frame.bytes()).pop().expect("a fate");
    let judgement = fate.judgement;
    judgement.verdict.reason().map_or("forward", |reason| reason.name()).to_owned()
}

/// Connections whose client leaves out the beginning make the box keep what follows. One source gets half of the memory for
/// that, the next a quarter; both may go on, since what is not taken comes again, and short lines always find room.
#[test]
fn what_readers_hold_is_bounded() {
    const POOL: usize = 32 << 20;
    const FAR: u32 = 14_000;
    // What is kept runs from the missing beginning to the end of the segment; the first KiB is not counted.
    let each = FAR as usize + 1000 - 1024;
    let (_, mut rig) = roomy();
    let now = Time::from_secs(1);
    for (source, share) in [(1, POOL / 2), (2, POOL / 4)] {
        let client = |port| format!("10.0.0.{source}:{port}");
        let mut held = 0;
        for port in 1024.. {
            connect(&mut rig, now, &client(port));
            let outcome = send(&mut rig, now, &client(port), 100 + FAR, &[b'x'; 1000]);
            if outcome != "forward" {
                assert_eq!(outcome, "gateway_memory");
                break;
            }
            held += each;
        }
        assert!((share - 2 * each..=share).contains(&held), "{source}: {held} of {share}");
        connect(&mut rig, now, &client(1000));
        assert_eq!(send(&mut rig, now, &client(1000), 100, b"NOOP\r\n"), "forward");
    }
    // The first gives back what one of its connections held, and may use that again.
    let reset = Tcp { flags: flags::RST, sequence: 100, ..TCP };
    let again = "10.0.0.1:1001";
    connect(&mut rig, now, again);
    assert_eq!(send(&mut rig, now, again, 100 + FAR, &[b'x'; 1000]), "gateway_memory");
    for port in 1024..1028 {
        let client = format!("10.0.0.1:{port}");
        let frame = Frame::tcp(client.as_str(), "192.0.2.69:21", reset.clone());
        rig.receive(now, INSIDE, frame.bytes());
    }
    assert_eq!(
        send(&mut rig, now, again, 100 + FAR, &[b'x'; 1000]),
        "gateway_memory",
        "a share is what is left"
    );
    // The whole of it comes in order: nothing has to be kept beyond its line.
    assert_eq!(send(&mut rig, now, again, 100, b"NOOP\r\n"), "forward");
    assert_eq!(dropped(&rig, "gateway_memory"), 4);
    rig.check();
}
