//! What arrives at a worker that does not own it: handed over by its cause, judged as if it had come right.

use engine::{Arrivals, Cause, Cluster, Counter, Fate, Time, WorkerId, owner};
use test_case::test_case;
use testkit::packet::flags::{ACK, PSH_ACK, SYN, SYN_ACK};
use testkit::packet::{
    Chunk, Frame, IcmpError, SCTP, Sctp, Transport, chunk_type, fragment_v4, fragment_v6,
};

use crate::harness::{INSIDE, OUTSIDE, Plan};
use crate::transcript::{
    CLIENT, CLIENT_IP, CLIENT6, SERVER, SERVER_IP, SERVER6, down, outcome, segment, up,
};

const WORKERS: u16 = 3;

/// A conversation whose last frames come to the wrong worker.
struct Case {
    /// Frames that come to their owners, from inside.
    before: Vec<Frame>,
    /// Frames that do not.
    astray: Vec<Frame>,
    /// Whether those come from outside.
    from_outside: bool,
    /// How many of them are handed over at their first worker, by cause; then what their second hands on.
    causes: Vec<(Cause, u64)>,
}

/// Where a NIC that hashes as asked puts a frame.
fn by_hash(frame: &Frame) -> (WorkerId, u32) {
    let bytes = frame.bytes();
    let descriptor = wire::parse(&bytes).expect("a good frame");
    let hash = owner::steering_hash(&descriptor);
    (owner::worker_of(hash, WORKERS), hash)
}

struct Played {
    cluster: Cluster,
    fates: Vec<Fate>,
}

/// Plays a case. `first`: where each of the last frames is received.
fn play(case: &Case, first: impl Fn(&Frame) -> WorkerId) -> Played {
    let mut cluster = Cluster::new(WORKERS, &Plan::new().snapshot());
    cluster.on_the_wire(true);
    for (number, frame) in (0..).zip(&case.before) {
        cluster.receive(Time::ZERO, number, INSIDE, frame.bytes());
    }
    let opened: Vec<_> = cluster.fates().map(|fate| outcome(&fate)).collect();
    assert!(opened.iter().all(|outcome| outcome.starts_with("forward")), "{opened:?}");
    let port = if case.from_outside { OUTSIDE } else { INSIDE };
    for (number, frame) in (100..).zip(&case.astray) {
        cluster.receive_at(first(frame), Time::ZERO, number, port, frame.bytes());
    }
    let mut fates: Vec<_> = cluster.fates().collect();
    fates.sort_by_key(|fate| fate.number);
    assert_eq!(fates.len(), case.astray.len(), "{fates:?}");
    Played { cluster, fates }
}

fn handed_over(cluster: &Cluster) -> Vec<(Cause, u64)> {
    let counters = cluster.counters();
    let counts = Cause::ALL.iter().map(|&cause| (cause, counters.get(Counter::HandedOver(cause))));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn udp() -> Frame {
    Frame::udp(CLIENT, SERVER, "question")
}

fn case(before: Vec<Frame>, astray: Vec<Frame>, causes: &[(Cause, u64)]) -> Case {
    Case { before, astray, from_outside: true, causes: causes.to_vec() }
}

fn from_inside(astray: Frame) -> Case {
    Case { from_outside: false, ..case(vec![], vec![astray], &[(Cause::NicHash, 1)]) }
}

fn by_hash_alone(before: Frame, astray: Frame) -> Case {
    case(vec![before], vec![astray], &[(Cause::NicHash, 1)])
}

fn raw(from: &str, to: &str, protocol: u8) -> Frame {
    Frame::ip(from, to, Transport::Raw(protocol, vec![0; 8]))
}

fn sctp_init() -> Frame {
    let sctp = Sctp { chunks: vec![Chunk::init(chunk_type::INIT, 7, 1)], ..SCTP };
    Frame::sctp(CLIENT, SERVER, sctp)
}

fn fragments_of_both() -> [(Frame, Vec<Frame>); 2] {
    let large = vec![b'f'; 2000];
    let v4 = Frame::udp(SERVER, CLIENT, large.clone());
    let v6 = Frame::udp(SERVER6, CLIENT6, large);
    [
        (udp(), fragment_v4(&v4, &[800, 1600])),
        (Frame::udp(CLIENT6, SERVER6, "question"), fragment_v6(&v6, 9, &[800, 1600])),
    ]
}

#[test_case(from_inside(up(SYN, 99, 0, 0)); "a SYN")]
#[test_case(from_inside(udp()); "a first datagram")]
#[test_case(from_inside(sctp_init()); "an INIT, which few devices hash by ports")]
#[test_case(from_inside(Frame::echo_request(CLIENT_IP, SERVER_IP, 7, 1)); "an echo request")]
#[test_case(by_hash_alone(udp(), Frame::udp(SERVER, CLIENT, "answer")); "an answer")]
#[test_case(by_hash_alone(Frame::udp(CLIENT6, SERVER6, "a"), Frame::udp(SERVER6, CLIENT6, "b")); "an answer over IPv6")]
#[test_case(by_hash_alone(up(SYN, 99, 0, 0), segment(SERVER, CLIENT, SYN_ACK, 499, 100, 0)); "a SYN-ACK")]
#[test_case(by_hash_alone(udp().tag(5), Frame::udp(SERVER, CLIENT, "answer").tag(5)); "tagged")]
#[test_case(by_hash_alone(udp().tag(5).tag(6), Frame::udp(SERVER, CLIENT, "answer").tag(5).tag(6)); "tagged twice")]
#[test_case(by_hash_alone(udp().tag(5).tag_of_provider(6), Frame::udp(SERVER, CLIENT, "answer").tag(5).tag_of_provider(6)); "tagged by a provider")]
#[test_case(by_hash_alone(raw(CLIENT_IP, SERVER_IP, 47), raw(SERVER_IP, CLIENT_IP, 47)); "GRE")]
#[test_case(by_hash_alone(raw(CLIENT_IP, SERVER_IP, 50), raw(SERVER_IP, CLIENT_IP, 50)); "ESP")]
#[test_case(case(vec![], vec![Frame::udp(SERVER, CLIENT, "nobody asked")], &[(Cause::NicHash, 1)]); "what no rule allows")]
#[test_case(case(vec![], vec![down(PSH_ACK, 500, 100, 9)], &[(Cause::NicHash, 1)]); "what belongs to nothing")]
fn whatever_a_nic_hashes_wrongly_is_handed_over(case: Case) {
    let right = play(&case, |frame| by_hash(frame).0);
    assert_eq!(handed_over(&right.cluster), [], "nothing is astray");
    for away in 1..WORKERS {
        let wrong = play(&case, |frame| WorkerId((by_hash(frame).0.0 + away) % WORKERS));
        assert_same(&case, &right, &wrong);
    }
}

/// The same fates by the same workers, and the causes that were to be.
fn assert_same(case: &Case, right: &Played, wrong: &Played) {
    let told = |played: &Played| -> Vec<_> {
        played.fates.iter().map(|fate| (fate.number, outcome(fate), fate.worker)).collect()
    };
    assert_eq!(told(wrong), told(right));
    assert_eq!(handed_over(&wrong.cluster), case.causes);
    // Nobody but the owner has judged.
    for (one, other) in right.cluster.shards().iter().zip(wrong.cluster.shards()) {
        assert_eq!(one.session_count(), other.session_count());
        assert_eq!(one.counters().dropped(), other.counters().dropped());
    }
}

/// What no owner could make anything of does not travel.
#[test]
fn a_broken_segment_is_dropped_where_it_is_received() {
    const DATA_OFFSET: usize = 14 + 20 + 12;
    let mut octets = up(SYN, 99, 0, 0).bytes();
    octets[DATA_OFFSET] = 4 << 4;
    for worker in (0..WORKERS).map(WorkerId) {
        let mut cluster = Cluster::new(WORKERS, &Plan::new().snapshot());
        cluster.receive_at(worker, Time::ZERO, 0, INSIDE, octets.clone());
        let fate = cluster.fates().next().expect("its fate");
        assert_eq!((fate.worker, outcome(&fate).as_str()), (worker, "drop tcp_header_length"));
        assert_eq!(handed_over(&cluster), []);
    }
}

#[test]
fn an_error_goes_to_the_owner_of_what_it_quotes() {
    // The hash of the error itself is no help: its router has any address.
    let owner = by_hash(&udp()).0;
    let mut right_by_chance = 0;
    for router in 1..=30 {
        let router = format!("198.51.100.{router}");
        let error = Frame::icmp_error(router.as_str(), IcmpError::PortUnreachable, &udp(), 8);
        let first = by_hash(&error).0;
        let causes: &[_] = if first == owner { &[] } else { &[(Cause::IcmpError, 1)] };
        right_by_chance += usize::from(first == owner);
        let case = case(vec![udp()], vec![error], causes);
        let right = play(&case, |_| owner);
        let wrong = play(&case, |_| first);
        assert!(outcome(&right.fates[0]).starts_with("forward"));
        assert_same(&case, &right, &wrong);
    }
    assert!((1..=20).contains(&right_by_chance), "{right_by_chance} of 30");
}

#[test]
fn fragments_go_in_two_steps_wherever_they_come() {
    for (before, pieces) in fragments_of_both() {
        let (gatherer, owner) = (by_hash(&pieces[0]).0, by_hash(&before).0);
        assert_ne!(gatherer, owner, "addresses whose owner is another than that of the ports");
        for first in (0..WORKERS).map(WorkerId) {
            let mut causes = vec![(Cause::Fragment, 3), (Cause::Reassembled, 3)];
            causes.retain(|(cause, _)| *cause != Cause::Fragment || first != gatherer);
            let case = case(vec![before.clone()], pieces.clone(), &causes);
            let right = play(&case, |_| gatherer);
            let wrong = play(&case, |_| first);
            assert!(wrong.fates.iter().all(|fate| fate.worker == owner), "{:?}", wrong.fates);
            assert_same(&case, &right, &wrong);
        }
    }
}

#[test]
fn an_error_in_fragments_goes_the_same_two_steps() {
    let router = "198.51.100.1";
    let query = Frame::udp(CLIENT, SERVER, vec![b'q'; 900]);
    let error = Frame::icmp_error(router, IcmpError::PortUnreachable, &query, 548);
    let pieces = fragment_v4(&error, &[304]);
    let (gatherer, owner) = (by_hash(&pieces[0]).0, by_hash(&query).0);
    for first in (0..WORKERS).map(WorkerId) {
        let mut causes = vec![(Cause::Fragment, 2), (Cause::Reassembled, 2)];
        causes.retain(|(cause, _)| match cause {
            Cause::Fragment => first != gatherer,
            _ => gatherer != owner,
        });
        let case = case(vec![query.clone()], pieces.clone(), &causes);
        let right = play(&case, |_| gatherer);
        assert!(outcome(&right.fates[0]).starts_with("forward"), "{:?}", right.fates);
        assert_same(&case, &right, &play(&case, |_| first));
    }
}

/// All that is in a tunnel has one owner, whatever it says inside.
#[test]
fn nothing_looks_inside_a_tunnel() {
    let inner = |number: u8| vec![0, 0, 8, 0, 0x45, 0, 0, 20, number, number];
    let gre = |number| Frame::ip(CLIENT_IP, SERVER_IP, Transport::Raw(47, inner(number)));
    let owners: Vec<_> = (0..20).map(|number| by_hash(&gre(number)).0).collect();
    assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
}

#[test]
fn a_port_is_measured_on_what_no_session_claims() {
    let mut cluster = Cluster::new(WORKERS, &Plan::new().snapshot());
    let mut number = 0;
    let mut receive = |frame: &Frame, away: u16, hash: Option<u32>| {
        let worker = WorkerId((by_hash(frame).0.0 + away) % WORKERS);
        cluster.receive_hashed(worker, hash, Time::ZERO, number, INSIDE, frame.bytes());
        number += 1;
    };
    let from = |host: u8| Frame::udp(format!("10.0.0.{host}:40000").as_str(), SERVER, "a");
    // Ten at their owners by the right hash; a packet that a session claims tells nothing.
    for host in 0..10 {
        let frame = from(host);
        receive(&frame, 0, Some(by_hash(&frame).1));
        receive(&frame, 0, Some(!by_hash(&frame).1));
    }
    // A hash that is not the one asked for, and leads to the owner by chance; no hash; a wrong queue.
    let lies = from(20);
    receive(&lies, 0, Some(by_hash(&lies).1 ^ 0x8000_0000));
    receive(&from(21), 0, None);
    receive(&from(22), 1, Some(by_hash(&from(22)).1));
    receive(&up(ACK, 100, 500, 0), 2, Some(1));
    let mut seen = Arrivals::default();
    for shard in cluster.shards() {
        seen.add(&shard.arrivals()[INSIDE.index()]);
        assert_eq!(shard.arrivals()[OUTSIDE.index()], Arrivals::default());
    }
    assert_eq!(seen, Arrivals { misses: 14, strays: 2, hashed: 13, misread: 2 });
}

#[test]
fn the_heaviest_session_is_named() {
    let mut cluster = Cluster::new(1, &Plan::new().snapshot());
    let heavy = Frame::udp("10.0.0.9:40000", SERVER, "much").bytes();
    for number in 0..40_000_u64 {
        let host = u8::try_from(number % 200).unwrap();
        let light = || Frame::udp(format!("10.0.1.{host}:40000").as_str(), SERVER, "a").bytes();
        let octets = if number % 3 == 0 { heavy.clone() } else { light() };
        cluster.receive(Time::from_millis(number / 20), number, INSIDE, octets);
    }
    assert_eq!(cluster.shards()[0].skew().windows, 0, "the first window is not over yet");
    cluster.advance(Time::from_millis(5_000));
    let skew = cluster.shards()[0].skew();
    assert_eq!((skew.windows, skew.sessions.len()), (1, engine::skew::HEAVIEST));
    assert!((540..720).contains(&skew.samples), "one of 64: {}", skew.samples);
    let named = &skew.sessions[0];
    assert_eq!(named.view.source.0.to_string(), "10.0.0.9");
    let third = skew.samples / 3;
    assert!(named.samples.abs_diff(third) < third / 4, "{} of {}", named.samples, skew.samples);
    assert_eq!(named.samples, skew.heaviest_session);
    assert!(skew.heaviest_entry >= skew.heaviest_session);
    cluster.advance(Time::from_secs(11));
    assert_eq!(cluster.shards()[0].skew().samples, 0, "what is over is forgotten");
}
