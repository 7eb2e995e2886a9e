//! Every packet is judged by its owner, whatever the devices do: the same conversations with one worker and with two,
//! over devices that steer each in its own way. Root only, for the devices that sit on interfaces.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod site;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dataplane::{
    Answer, Command, Dataplane, Device, PlaneConfig, PortConfig, PortFault, StartError,
    WorkerStatus,
};
use engine::{
    Cause, Counter, Cut, DropReason, PortIndex, SessionFilter, Settings, Snapshot, WorkerId, owner,
};
use policy::{
    Action, EthPort, LinkMode, LogWhen, Policy, Rule, RuleNames, Screens, Topology, Wire, ZoneId,
    ZoneSet,
};
use session::Timeouts;
use session::track::Refusal;
use site::{
    INSIDE, OUTSIDE, WAN, alone, balance, plane_of, player, snapshot, sum, wait_for,
    wait_until_settled,
};
use test_case::test_case;
use testkit::netns::{Host, RawSocket, veth_with_queues};
use testkit::packet::flags::{ACK, FIN, PSH, SYN};
use testkit::packet::{
    Chunk, Frame, IcmpError, SCTP, Sctp, TCP, Tcp, Transport, chunk_type, fragment_v4, fragment_v6,
};

const PATIENCE: Duration = Duration::from_secs(5);
const SERVER: &str = "192.0.2.80";

/// A frame of a conversation, and the reason for which it does not pass, if it does not.
struct Step {
    from_inside: bool,
    frame: Frame,
    refused: Option<DropReason>,
}

fn up(frame: Frame) -> Step {
    Step { from_inside: true, frame, refused: None }
}

fn down(frame: Frame) -> Step {
    Step { from_inside: false, frame, refused: None }
}

fn refused(frame: Frame, reason: impl Into<DropReason>) -> Step {
    Step { from_inside: false, frame, refused: Some(reason.into()) }
}

/// What a client and the server say to each other, and what strangers say. `whole`: without fragments, which
/// af_packet lets the kernel put together.
fn conversations(clients: u8, whole: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for host in 1..=clients {
        let (client, v6) = (format!("10.0.0.{host}"), format!("2001:db8::{host:x}"));
        let (here, there) = (format!("{client}:40000"), format!("{SERVER}:5000"));
        let (here6, there6) = (format!("[{v6}]:40000"), "[2001:db8:1::80]:5000".to_owned());
        let tcp = |flags, sequence, acknowledgement, payload: &[u8]| {
            let payload = payload.to_vec();
            Tcp { flags, sequence, acknowledgement, payload, ..TCP }
        };
        let query = Frame::udp(&*here, &*there, "question");
        let astray = tcp(PSH | ACK, 900_000, 107, b"out of window");
        let router = format!("198.51.100.{host}");
        steps.extend([
            refused(Frame::udp("192.0.2.80:6000", &*here, "nobody asked"), Cut::NoRule),
            up(query.clone()),
            down(Frame::udp(&*there, &*here, "answer")),
            down(Frame::icmp_error(&*router, IcmpError::PortUnreachable, &query, 8)),
            up(Frame::udp(&*here6, &*there6, "question")),
            down(Frame::udp(&*there6, &*here6, "answer")),
            up(Frame::tcp(&*here, &*there, tcp(SYN, 99, 0, b""))),
            down(Frame::tcp(&*there, &*here, tcp(SYN | ACK, 499, 100, b""))),
            up(Frame::tcp(&*here, &*there, tcp(ACK, 100, 500, b""))),
            up(Frame::tcp(&*here, &*there, tcp(PSH | ACK, 100, 500, b"request"))),
            down(Frame::tcp(&*there, &*here, tcp(PSH | ACK, 500, 107, b"response"))),
            refused(Frame::tcp(&*there, &*here, astray), Refusal::TcpSeqAboveWindow),
            up(Frame::tcp(&*here, &*there, tcp(FIN | ACK, 107, 508, b""))),
            down(Frame::tcp(&*there, &*here, tcp(FIN | ACK, 508, 108, b""))),
            up(Frame::echo_request(&*client, SERVER, 7, 1)),
            down(Frame::echo_reply(SERVER, &*client, 7, 1)),
            up(Frame::ip(&*client, SERVER, Transport::Raw(47, vec![0; 8]))),
            down(Frame::ip(SERVER, &*client, Transport::Raw(47, vec![0; 8]))),
        ]);
        if !whole {
            let large = Frame::udp(&*here, &*there, vec![host; 1000])
                .map_ipv4(|ip| testkit::packet::Ipv4 { identification: host.into(), ..ip });
            steps.extend(fragment_v4(&large, &[400, 800]).into_iter().map(up));
        }
    }
    steps
}

fn drops(workers: &[WorkerStatus]) -> BTreeMap<&'static str, u64> {
    let counts =
        DropReason::all().map(|reason| (reason.name(), sum(workers, Counter::Dropped(reason))));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// Says how many frames were handed over, and why.
#[expect(clippy::print_stderr, reason = "a figure that the test is read for")]
fn tell(what: &str, workers: &[WorkerStatus]) {
    let received = sum(workers, Counter::Received);
    let causes: Vec<String> = Cause::ALL
        .iter()
        .map(|&cause| (cause, sum(workers, Counter::HandedOver(cause))))
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{cause} {count}"))
        .collect();
    let by_worker: Vec<u64> =
        workers.iter().map(|worker| worker.counters.get(Counter::Received)).collect();
    let handed: u64 = workers.iter().map(|worker| worker.counters.handed_over()).sum();
    eprintln!(
        "{what}: {} workers received {by_worker:?}; {handed} hand-overs of {received} frames ({} %): {}",
        workers.len(),
        handed * 100 / received.max(1),
        causes.join(", "),
    );
}

/// Every session is at its owner. Workers publish their counters now and then, so that these may lag behind.
fn assert_owned(plane: &Dataplane) {
    wait_for("as many sessions to be counted as are listed", || {
        let listed = owned(plane);
        listed == plane.workers().iter().map(|worker| worker.counters.sessions()).sum::<u64>()
    });
}

/// How many sessions are listed, each at its owner.
fn owned(plane: &Dataplane) -> u64 {
    let workers = u16::try_from(plane.workers().len()).unwrap();
    let mut seen = 0;
    for worker in (0..workers).map(WorkerId) {
        let command = Command::Sessions { filter: SessionFilter::default(), limit: u64::MAX };
        let answers = plane.ask(worker, command);
        while let Ok(answer) = answers.recv_timeout(PATIENCE) {
            let Answer::Sessions(views) = answer else { break };
            for view in views {
                let ports = [6, 17, 132].contains(&view.protocol_number);
                let ports = ports.then_some((view.source.1, view.destination.1));
                let hash = owner::rss_hash(view.source.0, view.destination.0, ports);
                assert_eq!(owner::worker_of(hash, workers), worker, "{view:?}");
                seen += 1;
            }
        }
    }
    seen
}

fn start(config: &PlaneConfig, snapshot: &Arc<Snapshot>) -> Dataplane {
    Dataplane::start(config, snapshot).unwrap()
}

/// The next of these frames to come in; the kernel's hosts speak of their own accord.
fn hear(socket: &RawSocket, wanted: &[u8]) {
    loop {
        let frame = socket.receive(PATIENCE).unwrap_or_else(|| panic!("no {wanted:02x?} came"));
        if frame == wanted {
            return;
        }
    }
}

/// Plays conversations between two hosts, one frame after the other, and checks what becomes of each.
fn converse(plane: &Dataplane, what: &str, hosts: [&RawSocket; 2], clients: u8, whole: bool) {
    let before = drops(&plane.workers());
    let settle = || {
        wait_for("every frame to be found", || {
            let workers = plane.workers();
            let (received, found) = balance(&workers);
            received == found && workers.iter().all(|worker| worker.in_rings == 0)
        });
    };
    let steps = conversations(clients, whole);
    let mut held = Vec::new();
    let mut ours: BTreeMap<&str, u64> = BTreeMap::new();
    for Step { from_inside, frame, refused } in &steps {
        let [from, to] = if *from_inside { hosts } else { [hosts[1], hosts[0]] };
        let bytes = frame.bytes();
        from.send(&bytes);
        if let Some(reason) = refused {
            let count = ours.entry(reason.name()).or_default();
            *count += 1;
            let wanted = *count + before.get(reason.name()).copied().unwrap_or(0);
            wait_for(reason.name(), || sum(&plane.workers(), Counter::Dropped(*reason)) == wanted);
            continue;
        }
        // Fragments leave together when their datagram is whole.
        held.push(bytes);
        if held.last().is_some_and(|bytes| bytes[20] & 0x20 != 0 && bytes[12..14] == [8, 0]) {
            continue;
        }
        for bytes in held.drain(..) {
            hear(to, &bytes);
        }
    }
    settle();
    let workers = plane.workers();
    tell(what, &workers);
    let mut after = drops(&workers);
    for (reason, count) in before {
        *after.entry(reason).or_default() -= count;
    }
    let others = ["own_mac", "martian_source", "mld_scope"];
    after.retain(|reason, count| *count > 0 && !others.contains(reason));
    assert_eq!(after, ours);
    let lost: u64 = workers.iter().map(|worker| worker.tx_full + worker.handover_full).sum();
    assert_eq!(lost, 0, "{workers:?}");
    assert_owned(plane);
    if workers.len() > 1 {
        for worker in &workers {
            assert!(worker.counters.get(Counter::Accepted) > 0, "worker {:?}", worker.worker);
        }
    }
}

fn end(plane: &Dataplane) {
    let summary = plane.stop().unwrap();
    assert!(summary.stuck.is_empty(), "{summary:?}");
    let (received, found) = balance(&summary.workers);
    assert_eq!(received, found);
}

/// A host inside, one outside, and the box between them, over pairs of interfaces with two queues.
struct Between {
    cli: Host,
    fw: Host,
    srv: Host,
}

impl Between {
    fn new() -> Self {
        let between = Self { cli: Host::new("cli"), fw: Host::new("fw"), srv: Host::new("srv") };
        veth_with_queues((&between.cli, "eth0"), (&between.fw, "lan"), 2);
        veth_with_queues((&between.srv, "eth0"), (&between.fw, "wan"), 2);
        between
    }

    fn sockets(&self) -> [RawSocket; 2] {
        [RawSocket::open(&self.cli, "eth0"), RawSocket::open(&self.srv, "eth0")]
    }
}

/// The kernel's fanout spreads flows over two sockets by its own hash.
#[test_case(&[1], 1; "one worker")]
#[test_case(&[0, 1], 2; "two workers and queues")]
#[test_case(&[0, 1], 1; "two workers and one queue")]
fn af_packet(workers: &[u32], queues: u16) {
    alone(|| {
        let between = Between::new();
        let device = |name| format!("net_af_packet,iface={name},qpairs={queues}");
        let config = plane_of(workers, &device("lan"), &device("wan"));
        let plane = between
            .fw
            .inside(|| start(&config, &snapshot(1, Action::Allow, &mut RuleNames::new())));
        let [inside, outside] = between.sockets();
        let what = format!("af_packet of {queues} queues");
        converse(&plane, &what, [&inside, &outside], 12, true);
        end(&plane);
    });
}

/// A device for each queue; flows come to either by the hash of the sender's kernel, and the two directions of
/// each to different workers, as the queues of the second interface are dealt out the other way round.
#[test_case(&[1]; "one worker")]
#[test_case(&[0, 1]; "two workers")]
fn af_xdp(workers: &[u32]) {
    alone(|| {
        let between = Between::new();
        let port = |name: &str, interface: &str, queue: u8| PortConfig {
            name: name.to_owned(),
            device: Device::parse(&format!("net_af_xdp,iface={interface},start_queue={queue}")),
            mtu: 1500,
            queues: 0,
            allow_kernel_path: false,
        };
        let ports = vec![
            port("lan0", "lan", 0),
            port("lan1", "lan", 1),
            port("wan1", "wan", 1),
            port("wan0", "wan", 0),
        ];
        let config = PlaneConfig { ports, ..plane_of(workers, "net_null", "net_null") };
        let snapshot = snapshot_of_wires([INSIDE, INSIDE, OUTSIDE, OUTSIDE], [[0, 3], [1, 2]]);
        let plane = between.fw.inside(|| start(&config, &snapshot));
        let [inside, outside] = between.sockets();
        converse(&plane, "af_xdp with a device per queue", [&inside, &outside], 12, false);
        let received = plane.workers().iter().map(|it| it.counters.get(Counter::Received)).min();
        assert!(received.unwrap() > 0, "every worker receives");
        end(&plane);
    });
}

/// Ports by zone, and wires that share sessions.
fn snapshot_of_wires(zones: [ZoneId; 4], wires: [[u8; 2]; 2]) -> Arc<Snapshot> {
    let names = vec!["inside".to_owned(), "outside".to_owned()];
    let ports = (0..).zip(zones).map(|(index, zone): (u8, ZoneId)| EthPort {
        name: format!("port{index}"),
        zone,
        vlans: Vec::new(),
        networks: None,
        mtu: 1500,
    });
    let wires = wires.map(|ports| Wire {
        ports: ports.map(PortIndex),
        domain: 0,
        link: LinkMode::Independent,
        ethertypes: policy::DEFAULT_ETHERTYPES.to_vec(),
    });
    let topology = Topology::new(names.clone(), ports.collect(), wires.to_vec()).unwrap();
    let rule = Rule {
        from: ZoneSet::only([INSIDE]),
        log: LogWhen::None,
        ..Rule::any("inside-out", Action::Allow)
    };
    let policy = Policy { zones: names, zone_pairs: Vec::new(), rules: vec![rule] };
    let settings = Settings {
        timeouts: Timeouts::default(),
        limits: engine::Limits::new(10_000, 10_000),
        screens: Screens::default(),
    };
    Snapshot::compile(1, &policy, &topology, &settings, &mut RuleNames::new())
}

/// A frame or more of each kind of traffic that opens a session, from so many clients; and how many sessions.
fn openings(clients: u8) -> (Vec<Vec<u8>>, u64) {
    let mut frames = Vec::new();
    let mut sessions = 0;
    for host in 1..=clients {
        let (client, client6) = (format!("10.0.0.{host}"), format!("2001:db8::{host:x}"));
        let server6 = "2001:db8:1::80";
        let with_port = |port: u16| {
            [
                (format!("{client}:{port}"), format!("{SERVER}:{port}")),
                (format!("[{client6}]:{port}"), format!("[{server6}]:{port}")),
            ]
        };
        for (here, there) in with_port(5000) {
            let (here, there) = (here.as_str(), there.as_str());
            let syn = Tcp { flags: SYN, sequence: 99, acknowledgement: 0, ..TCP };
            let init = Sctp { chunks: vec![Chunk::init(chunk_type::INIT, 7, 1)], ..SCTP };
            frames.extend([
                Frame::udp(here, there, "question"),
                Frame::udp(here, there, "question").tag(5),
                Frame::udp(here, there, "question").tag(5).tag(6),
                Frame::tcp(here, there, syn),
                Frame::sctp(here, there, init),
            ]);
        }
        for (from, to) in [(client.as_str(), SERVER), (client6.as_str(), server6)] {
            frames.push(Frame::echo_request(from, to, 7, 1));
            frames.push(Frame::ip(from, to, Transport::Raw(47, vec![0; 8])));
            frames.push(Frame::ip(from, to, Transport::Raw(50, vec![0; 16])));
        }
        sessions += 16;
        let [(here, there), (here6, there6)] = with_port(6000);
        let large = Frame::udp(here.as_str(), there.as_str(), vec![host; 1000]);
        let large =
            large.map_ipv4(|ip| testkit::packet::Ipv4 { identification: host.into(), ..ip });
        let large6 = Frame::udp(here6.as_str(), there6.as_str(), vec![host; 1000]);
        frames.extend(fragment_v4(&large, &[400, 800]));
        frames.extend(fragment_v6(&large6, host.into(), &[400, 800]));
        sessions += 2;
    }
    (frames.iter().map(Frame::bytes).collect(), sessions)
}

/// A ring gives back by each queue what was sent by it: every frame meets its own session from the wrong side, and
/// its owner says so.
#[test_case(&[1], 0; "one worker")]
#[test_case(&[0, 1], 0; "two workers")]
#[test_case(&[0, 1], 1; "two workers and one queue")]
fn ring(workers: &[u32], queues: u16) {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let (frames, sessions) = openings(20);
        let lan = player(folder.path(), "lan", &frames);
        let mut config = plane_of(workers, &lan, "net_ring");
        config.ports[1].queues = queues;
        let plane = start(&config, &snapshot(1, Action::Allow, &mut RuleNames::new()));
        let all = wait_until_settled(&plane, 2 * frames.len());
        tell(&format!("ring, queues = {queues}"), &all);
        assert_eq!(drops(&all), BTreeMap::from([("wrong_side", frames.len() as u64)]));
        let created = |protocol: &engine::Protocol| sum(&all, Counter::Created(*protocol));
        assert_eq!(engine::Protocol::ALL.iter().map(created).sum::<u64>(), sessions);
        let strays: u64 = all.iter().map(|worker| worker.arrivals[WAN.index()].strays).sum();
        match (workers.len(), queues) {
            (2, 1) => assert!(strays > 50, "half of what comes back is another's: {strays}"),
            _ => assert_eq!(strays, 0, "what owners send comes back to them"),
        }
        let from_ports: u64 = all.iter().flat_map(|it| &it.arrivals).map(|it| it.strays).sum();
        assert_eq!(
            from_ports,
            sum(&all, Counter::HandedOver(Cause::NicHash)),
            "none is judged there"
        );
        assert_owned(&plane);
        end(&plane);
    });
}

#[test]
fn queues_that_nobody_would_read_are_refused() {
    alone(|| {
        let between = Between::new();
        let device = |name| format!("net_af_packet,iface={name},qpairs=2");
        let config = plane_of(&[1], &device("lan"), &device("wan"));
        let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
        let error = between.fw.inside(|| Dataplane::start(&config, &snapshot)).unwrap_err();
        let StartError::Port { port, source: fault @ PortFault::UnreadQueues { .. }, .. } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(port, "lan0");
        assert!(fault.to_string().contains("set qpairs=1 in `device`"), "{fault}");
    });
}
