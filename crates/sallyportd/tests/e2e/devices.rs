//! One table of traffic over every device, with one worker and with two: whatever a device does with its queues, the
//! verdicts are the same, every session is its owner's, and what came to the wrong worker was handed over and not judged.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use test_case::test_case;
use testkit::netns::answers::LiveSession;
use testkit::netns::{
    INSIDE_V4, INSIDE_V6, Joint, OUTSIDE_V4, OUTSIDE_V6, RawSocket, Settings, Site, until,
};
use testkit::packet::{Frame, Transport};

use super::thread::Caught;
use super::{SOON, assert_conserved, binaries, files, reasons, routers, sctp, traffic};

/// All traffic from inside passes; FTP is read; some is rejected.
const RULES: &str = r#"
[[rule]]
name = "rejected"
from = ["inside"]
to = ["outside"]
service = ["tcp/22", "udp/999"]
action = "reject"

[[rule]]
name = "files"
from = ["inside"]
to = ["outside"]
service = ["ftp"]
action = "allow"

[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
action = "allow"
"#;

const FAMILIES: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(INSIDE_V4), IpAddr::V4(OUTSIDE_V4)),
    (IpAddr::V6(INSIDE_V6), IpAddr::V6(OUTSIDE_V6)),
];

/// Neighbours of the two hosts that nobody has: no kernel answers what a test sends them by hand.
const NOBODIES: [[IpAddr; 2]; 2] = [
    [IpAddr::V4(Ipv4Addr::new(10, 77, 0, 11)), IpAddr::V4(Ipv4Addr::new(10, 77, 0, 81))],
    [
        IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x11)),
        IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x81)),
    ],
];

/// What the hosts do, and how it is called. Each checks for itself that all arrives, or that nothing does.
type Traffic = (&'static str, fn(&Site));

const TABLE: [Traffic; 12] = [
    ("TCP, half closed by the client", half_closed),
    ("UDP", datagrams),
    ("DNS", names),
    ("echo", pings),
    ("fragments over IPv4", |site| in_fragments(site, 0)),
    ("fragments over IPv6", |site| in_fragments(site, 1)),
    ("SCTP", associations),
    ("GRE and ESP", tunnels),
    ("VLAN", |site| (41_000..41_003).for_each(|port| traffic::converse_tagged(site, port))),
    ("FTP", |site| files::fetch_many(site, 8)),
    ("what is refused", refusals),
    // The outside host is a router from here on.
    ("ICMP errors", routers::trace_routes),
];

/// net_af_packet has the kernel put IPv4 fragments together.
const NOT_OVER_AF_PACKET: &str = "fragments over IPv4";

fn half_closed(site: &Site) {
    for (_, outside) in FAMILIES {
        let web = SocketAddr::new(outside, 8080);
        let listener = site.outside.inside(|| TcpListener::bind(web)).expect("a port of its own");
        let server = thread::spawn(move || {
            for stream in listener.incoming().take(6) {
                let mut stream = stream.expect("the connection arrives");
                let mut request = Vec::new();
                stream.read_to_end(&mut request).expect("the request, to its end");
                stream.write_all(&request.repeat(1000)).expect("the other half is open");
            }
        });
        for _ in 0..6 {
            let mut client = site.inside.connect(web, SOON).expect("the connection opens");
            client.write_all(b"tell me a thousand times\n").expect("it is open");
            client.shutdown(Shutdown::Write).expect("it is open");
            client.set_read_timeout(Some(SOON)).expect("a timeout above zero");
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).expect("all of the answer, and its end");
            assert_eq!(answer.len(), 25_000);
        }
        server.join().expect("the server is well");
    }
}

/// Asks an echo server from so many ports, twice from each.
fn ask(site: &Site, family: usize, ports: core::ops::Range<u16>, question: &[u8]) {
    let (inside, outside) = FAMILIES[family];
    let server = SocketAddr::new(outside, 5001);
    let _echo = site.outside.serve_udp_echo(server);
    for port in ports {
        let client = site.inside.udp(SocketAddr::new(inside, port), server, SOON);
        let mut answer = vec![0; 10_000];
        for _ in 0..2 {
            client.send(question).expect("the first hop's MTU is no bound");
            let length = client.recv(&mut answer).expect("the answer returns");
            assert!(answer[..length] == *question, "{length} octets came back");
        }
    }
}

fn datagrams(site: &Site) {
    ask(site, 0, 6000..6016, b"hello");
    ask(site, 1, 6000..6016, b"hello");
}

/// Six fragments each way.
fn in_fragments(site: &Site, family: usize) {
    let question: Vec<u8> = (0..8_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    ask(site, family, 7000..7008, &question);
}

fn names(site: &Site) {
    let answer = Ipv4Addr::new(192, 0, 2, 7);
    for (_, server) in FAMILIES {
        let log = site.folder().join("dns.log");
        let _dns = site.outside.serve_dns(server, "www.test", answer.into(), &log);
        for how in ["+notcp", "+notcp", "+notcp", "+tcp", "+tcp"] {
            let at = format!("@{server}");
            let words = ["dig", &at, "www.test", "A", "+short", "+tries=1", "+time=2", how];
            assert_eq!(site.inside.run(&words).expect_ok().trim(), answer.to_string());
        }
    }
}

fn pings(site: &Site) {
    for (_, outside) in FAMILIES {
        let pinged = site.inside.ping(outside, 5);
        assert_eq!((pinged.sent, pinged.received), (5, 5), "{}", pinged.text);
    }
}

fn associations(site: &Site) {
    for [inside, outside] in NOBODIES {
        for port in 40_000..40_002 {
            sctp::associate(site, SocketAddr::new(inside, port), SocketAddr::new(outside, 5_000));
        }
    }
}

/// A packet of each there and back.
fn tunnels(site: &Site) {
    let hosts = [&site.inside, &site.outside];
    let ends = hosts.map(|host| RawSocket::open(host, "eth0"));
    let macs = hosts.map(|host| host.mac("eth0"));
    for addresses in NOBODIES {
        for (protocol, content) in [(47, vec![0; 8]), (50, vec![1; 16])] {
            for from in [0, 1] {
                let transport = Transport::Raw(protocol, content.clone());
                let frame = Frame::ip(addresses[from], addresses[1 - from], transport);
                ends[from].send(&frame.macs(macs[from], macs[1 - from]).bytes());
                let heard = ends[1 - from]
                    .hear(SOON, |seen| (seen.source, seen.protocol) == (addresses[from], protocol));
                assert!(heard.is_some(), "protocol {protocol} from {}", addresses[from]);
            }
        }
    }
}

/// What a rule rejects is answered; what outside begins, or forges, is dropped.
fn refusals(site: &Site) {
    let hosts = [&site.inside, &site.outside];
    let macs = hosts.map(|host| host.mac("eth0"));
    let forger = RawSocket::open(&site.outside, "eth0");
    for (inside, outside) in FAMILIES {
        let refused = site.inside.connect(SocketAddr::new(outside, 22), Duration::from_millis(800));
        assert_eq!(
            refused.expect_err("a rule rejects it").kind(),
            std::io::ErrorKind::ConnectionRefused
        );
        for port in 0..6 {
            let closed = SocketAddr::new(outside, 999);
            let udp = site.inside.udp(SocketAddr::new(inside, 8000 + port), closed, SOON);
            udp.send(b"anyone?").expect("the inside host sends it");
            let told = udp.recv(&mut [0; 8]).expect_err("an ICMP error");
            assert!(told.kind() != std::io::ErrorKind::WouldBlock, "{told}");
            let stranger = SocketAddr::new(outside, 9000 + port);
            let frame = Frame::udp(stranger, SocketAddr::new(inside, 6000 + port), "let me in");
            forger.send(&frame.macs(macs[1], macs[0]).bytes());
        }
    }
}

/// What a kind of traffic did, by the counters that must not depend on workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Outcome {
    created: BTreeMap<String, u64>,
    dropped: BTreeMap<String, u64>,
    rejected: BTreeMap<String, u64>,
}

/// What hosts and interfaces say of their own accord, whenever they like.
const NOISE: [&str; 4] = ["own_mac", "martian_source", "mld_scope", reasons::TX_FULL];

fn so_far(site: &Site) -> Outcome {
    let [created, mut dropped, rejected] = site.ctl().outcomes();
    dropped.retain(|reason, _| !NOISE.contains(&reason.as_str()));
    Outcome { created, dropped, rejected }
}

impl Outcome {
    fn since(mut self, before: &Self) -> Self {
        let less = |counts: &mut BTreeMap<String, u64>, before: &BTreeMap<String, u64>| {
            for (name, count) in &mut *counts {
                *count -= before.get(name).copied().unwrap_or(0);
            }
            counts.retain(|_, count| *count > 0);
        };
        less(&mut self.created, &before.created);
        less(&mut self.dropped, &before.dropped);
        less(&mut self.rejected, &before.rejected);
        self
    }
}

/// The Toeplitz hash with the key 0x6d5a repeated, by its definition: for each set bit of the input the 32 bits of the
/// key from there on.
fn toeplitz(input: &[u8]) -> u32 {
    let key_bit = |bit: usize| 0x6d5a_u32 >> (15 - bit % 16) & 1;
    let is_set = |bit: &usize| input[bit / 8] >> (7 - bit % 8) & 1 == 1;
    (0..input.len() * 8).filter(is_set).fold(0, |hash, bit| {
        hash ^ (0..32).fold(0, |window, next| window << 1 | key_bit(bit + next))
    })
}

/// The worker that a session belongs to, of so many.
fn owner(session: &LiveSession, workers: u64) -> u64 {
    let octets = |address: &str| match address.parse().expect("an address") {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut input = [octets(&session.source), octets(&session.destination)].concat();
    if ["tcp", "udp", "sctp"].contains(&session.proto.as_str()) {
        for port in [session.source_port, session.destination_port] {
            input.extend(u16::try_from(port.expect("it has ports")).expect("a port").to_be_bytes());
        }
    }
    u64::from(toeplitz(&input)) % 128 % workers
}

/// Runs the table over a device. What each kind of traffic did.
fn run(joint: Joint, workers: u64) -> Vec<(&'static str, Outcome)> {
    let cores = if workers == 1 { "[1]" } else { "[0, 1]" };
    let settings = Settings { workers: cores, rules: RULES, ..Settings::USUAL };
    let site = Site::joined(&binaries(), &settings, joint);
    let reassembles = matches!(joint, Joint::AfPacket { .. });
    let table = TABLE.iter().filter(|(name, _)| !(reassembles && *name == NOT_OVER_AF_PACKET));
    let mut outcomes = Vec::new();
    for (name, speak) in table {
        let before = so_far(&site);
        speak(&site);
        assert_conserved(&site);
        let sessions = site.ctl().sessions(&[]);
        let misplaced: Vec<_> =
            sessions.iter().filter(|it| owner(it, workers) != it.worker).collect();
        assert!(misplaced.is_empty(), "{name}: {misplaced:?}");
        outcomes.push((*name, so_far(&site).since(&before)));
    }
    assert_handed_over(&site, joint, workers);
    outcomes
}

/// Every packet that came to the wrong worker was handed over, and none of them lost.
#[expect(clippy::print_stderr, reason = "a figure that the test is read for")]
fn assert_handed_over(site: &Site, joint: Joint, workers: u64) {
    let ctl = site.ctl();
    let by_hash = || ctl.handovers().get("nic_hash").copied().unwrap_or(0);
    until("all strays are handed over", SOON, || ctl.strays() == by_hash());
    let causes = ctl.handovers();
    eprintln!(
        "{joint:?}, {workers} workers: handed over {causes:?} of {} frames received",
        ctl.balance().received
    );
    assert_eq!(ctl.drops("handover_full"), 0);
    if workers == 1 {
        assert_eq!(causes, BTreeMap::new());
        return;
    }
    // Whether fragments first come to the owner of their addresses is a matter of two hosts' addresses and of the device.
    for cause in ["nic_hash", "icmp_error", "reassembled"] {
        assert!(causes.contains_key(cause), "never for {cause}: {causes:?}");
    }
}

#[test_case(Joint::Taps; "tap")]
#[test_case(Joint::AfPacket { queues: 2 }; "af_packet with fanout")]
#[test_case(Joint::AfPacket { queues: 1 }; "af_packet with one queue for all")]
#[test_case(Joint::AfXdp; "af_xdp with a device for each queue")]
#[test_case(Joint::Memif { queues: 2 }; "memif")]
fn two_workers_judge_as_one(joint: Joint) {
    let alone = match joint {
        Joint::AfPacket { .. } => Joint::AfPacket { queues: 1 },
        Joint::Memif { .. } => Joint::Memif { queues: 1 },
        Joint::Taps | Joint::AfXdp => joint,
    };
    assert_eq!(run(joint, 2), run(alone, 1));
}

/// One queue for all is worker 0's on the one port and worker 1's on the other; worker 1 stands still for a while.
#[test]
fn what_a_full_ring_does_not_take_is_counted_and_the_box_recovers() {
    let settings = Settings {
        workers: "[0, 1]",
        system: "stall_timeout = \"30s\"",
        rules: RULES,
        ..Settings::USUAL
    };
    let site = Site::joined(&binaries(), &settings, Joint::AfPacket { queues: 1 });
    ask(&site, 0, 6000..6001, b"hello");
    let (ctl, macs) = (site.ctl(), [&site.inside, &site.outside].map(|host| host.mac("eth0")));
    let sender = RawSocket::open(&site.inside, "eth0");
    let caught = Caught::thread(&site.daemon, "worker-1");
    // More than the ring takes, in sessions of either worker; those of worker 0 would leave by worker 1's queue.
    for number in 0..4_000_u16 {
        let [high, low] = number.to_be_bytes();
        let client = SocketAddr::from(([10, 99, high, low], 20_000));
        let frame = Frame::udp(client, SocketAddr::from((OUTSIDE_V4, 9)), "flood");
        sender.send(&frame.macs(macs[0], macs[1]).bytes());
        if number % 64 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    until("the ring is full", SOON, || ctl.drops("handover_full") > 0);
    drop(caught);
    until("the ring is empty", SOON, || {
        let balance = ctl.balance();
        ctl.in_rings() == 0 && balance.received == balance.accounted
    });
    let dropped = ctl.drops("handover_full");
    let counted = site.metrics().sum("sallyport_handover_drops_total", &[]);
    assert_eq!(counted, u32::try_from(dropped).ok().map(f64::from));
    // What the ring held has gone on, and so does everything that comes now.
    assert!(ctl.created("udp") > 500, "{} sessions", ctl.created("udp"));
    datagrams(&site);
    assert_eq!(ctl.drops("handover_full"), dropped);
    assert_conserved(&site);
}
