//! Sessions that gateways read, and the connections that they announce.
//!
//! Inside is a client of FTP and TFTP, outside a server of both. The policy lets the client out to the two services
//! by name and nothing in: whatever comes in beside answers has been announced.

use std::time::Duration;

use engine::{Counter, EndReason, Ended, EventKind, Gateway, Limits, Remark, Time};
use policy::{LogWhen, Rule, ServiceItem, builtin_services};
use testkit::packet::flags::{ACK, PSH_ACK, RST, SYN, SYN_ACK};
use testkit::packet::{Frame, IcmpError, TCP, Tcp, fragment_v4};

use crate::children::{PHONE, REGISTRAR};
use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::transcript::{Played, Step, change, inside, outcome, outside, play, play_with, swapped};

pub(crate) const CLIENT: &str = "10.0.0.1:40000";
const ASKER: &str = "10.0.0.1:5001";
const TFTPD: &str = "192.0.2.69:69";
pub(crate) const FTPD: &str = "192.0.2.69:21";

/// The items of built-in services.
pub(crate) fn services(names: &[&str]) -> Vec<ServiceItem> {
    let named = builtin_services().iter().filter(|service| names.contains(&service.name));
    named.flat_map(|service| service.items()).collect()
}

pub(crate) fn plan() -> Plan {
    let mut plan = Plan::new();
    plan.policy.rules[0] = Rule {
        services: services(&["ftp", "tftp"]),
        log: LogWhen::Both,
        ..plan.policy.rules[0].clone()
    };
    plan
}

pub(crate) fn request() -> Frame {
    Frame::udp(ASKER, TFTPD, &b"\0\x01kernel\0octet\0"[..])
}

/// Data from a port of the server to a port of a host.
pub(crate) fn data(from: &str, to: &str) -> Frame {
    swapped(Frame::udp(from, to, &b"\0\x03\0\x01data"[..]))
}

pub(crate) fn count(played: &Played, counter: Counter) -> u64 {
    played.rig.cluster.counters().get(counter)
}

#[test]
fn what_is_announced_may_come_once() {
    let played = play(
        &plan(),
        &[
            outside(0.0, &data("192.0.2.69:3000", ASKER), "drop no_rule"),
            inside(1.0, &request(), "forward original first s0 new"),
            // The server answers from a port of its own.
            outside(1.1, &data("192.0.2.69:3000", ASKER), "forward original first s1 new"),
            outside(1.2, &data("192.0.2.69:3000", ASKER), "forward original one_way s1"),
            inside(
                1.3,
                &Frame::udp(ASKER, "192.0.2.69:3000", &b"\0\x04\0\x01"[..]),
                "forward reply stream s1",
            ),
            // From another port it would be a second conversation.
            outside(1.4, &data("192.0.2.69:3001", ASKER), "drop no_rule"),
        ],
    );
    assert_eq!(count(&played, Counter::Published(Gateway::Tftp)), 1);
    assert_eq!(count(&played, Counter::Claimed(Gateway::Tftp)), 1);
    assert_eq!(played.rig.cluster.counters().expectations(), 0);
    assert_eq!(played.rule(2), "inside-out", "the rule of the session that announced it");
    assert_eq!(played.plan.rule_hits(&played.rig.cluster, "inside-out"), 2);
    let starts = played.events.iter().filter(|it| matches!(it.kind, EventKind::SessionStart));
    let starts: Vec<_> = starts.collect();
    assert_eq!(starts[0].parent, None);
    let parent = starts[1].parent.expect("the child has a parent");
    assert_eq!(Some(parent.slot), starts[0].slot.map(|slot| slot.index()));
    assert_eq!(parent.created, starts[0].time);
    assert_eq!([starts[0].gateway, starts[1].gateway], [Some(Gateway::Tftp); 2]);
}

#[test]
fn only_who_was_announced_may_come() {
    let vlan = data("192.0.2.69:3000", ASKER).tag(7);
    play(
        &plan(),
        &[
            inside(0.0, &request(), "forward original first s0 new"),
            outside(0.1, &data("192.0.2.70:3000", ASKER), "drop no_rule"),
            outside(0.2, &data("192.0.2.69:3000", "10.0.0.1:5002"), "drop no_rule"),
            outside(0.3, &data("192.0.2.69:3000", "10.0.0.2:5001"), "drop no_rule"),
            outside(0.4, &vlan, "drop no_rule"),
            // From inside, in the name of the server.
            inside(0.5, &data("192.0.2.69:3000", ASKER), "drop no_rule"),
            outside(29.9, &data("192.0.2.69:3000", ASKER), "forward original first s1 new"),
            // A request that is repeated is heard again; a late answer is not.
            inside(40.0, &request(), "forward original one_way s0"),
            outside(70.0, &data("192.0.2.69:3001", ASKER), "drop no_rule"),
        ],
    );
}

#[test]
fn it_is_not_read_unless_the_rule_names_it() {
    let mut plan = plan();
    plan.policy.rules[0].services = vec![ServiceItem::ANY];
    let played = play(
        &plan,
        &[
            inside(0.0, &request(), "forward original first s0 new"),
            outside(0.1, &data("192.0.2.69:3000", ASKER), "drop no_rule"),
        ],
    );
    assert_eq!(count(&played, Counter::Published(Gateway::Tftp)), 0);
}

#[test]
fn it_ends_with_the_session_that_announced_it() {
    let mut plan = plan();
    plan.timeouts.set(session::TimeoutClass::UdpFirst, Duration::from_secs(5));
    let played = play(
        &plan,
        &[
            inside(0.0, &request(), "forward original first s0 new"),
            Step::Sessions(6.0, 0),
            outside(7.0, &data("192.0.2.69:3000", ASKER), "drop no_rule"),
        ],
    );
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Tftp, Ended::ParentEnded)), 1);
}

#[test]
fn a_new_policy_judges_a_child_through_its_parent() {
    let child = || data("192.0.2.69:3000", ASKER);
    let opened = [
        inside(0.0, &request(), "forward original first s0 new"),
        outside(0.1, &child(), "forward original first s1 new"),
    ];
    let [first, second] = opened;
    let renamed = play(
        &plan(),
        &[
            first,
            second,
            change(1.0, |plan| "renamed".clone_into(&mut plan.policy.rules[0].name)),
            outside(1.1, &child(), "forward original one_way s1"),
            // The gateway is in the rule no more: the child ends, and its parent lives on.
            change(2.0, |plan| plan.policy.rules[0].services = vec![ServiceItem::ANY]),
            outside(2.1, &child(), "drop no_rule"),
            inside(2.2, &request(), "forward original one_way s0"),
            outside(2.3, &child(), "drop no_rule"),
        ],
    );
    assert_eq!(renamed.rule(2), "renamed");
    let ended = Counter::Ended(engine::Protocol::Udp, EndReason::PolicyChanged);
    assert_eq!(count(&renamed, ended), 1);
    let [first, second] = [
        inside(0.0, &request(), "forward original first s0 new"),
        change(1.0, |plan| plan.policy.rules[0].services = vec![ServiceItem::ANY]),
    ];
    play(&plan(), &[first, second, outside(1.1, &child(), "drop no_rule")]);
}

/// A trunk's session may last for months: it need not end to be read.
#[test]
fn a_rule_that_begins_to_name_a_gateway_has_running_sessions_read() {
    let named = |plan: &mut Plan| plan.policy.rules[0].services = services(&["ftp", "tftp"]);
    let mut unnamed = plan();
    unnamed.policy.rules[0].services = vec![ServiceItem::ANY];
    play(
        &unnamed,
        &[
            inside(0.0, &request(), "forward original first s0 new"),
            outside(0.1, &data("192.0.2.69:3000", ASKER), "drop no_rule"),
            change(1.0, named),
            inside(1.1, &request(), "forward original one_way s0"),
            outside(1.2, &data("192.0.2.69:3000", ASKER), "forward original first s1 new"),
        ],
    );
    // Of a stream the line that is under way is not read.
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.answers(0.3, "220 ready\r\n", DOWN),
        control.says(0.4, "PORT 10,0,0,1,19,", UP),
        change(1.0, named),
        control.says(1.1, "137\r\nPORT 10,0,0,1,19,138\r\n", UP),
        outside(1.2, &syn("192.0.2.69:20", "10.0.0.1:5001"), "drop no_rule"),
        outside(1.3, &syn("192.0.2.69:20", "10.0.0.1:5002"), "forward original syn_sent s1 new"),
    ]);
    play(&unnamed, &steps);
}

/// A control connection of FTP whose handshake is over: the numbers that either side sends next.
pub(crate) struct Control {
    pub(crate) client: u32,
    pub(crate) server: u32,
}

impl Control {
    pub(crate) fn open(steps: &mut Vec<Step>) -> Self {
        let segment =
            |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
        let up = |tcp| Frame::tcp(CLIENT, FTPD, tcp);
        let down = |tcp| swapped(Frame::tcp(FTPD, CLIENT, tcp));
        steps.extend([
            inside(0.0, &up(segment(SYN, 99, 0)), "forward original syn_sent s0 new"),
            outside(0.1, &down(segment(SYN_ACK, 499, 100)), "forward reply syn_received s0"),
            inside(0.2, &up(segment(ACK, 100, 500)), "forward original established s0"),
        ]);
        Self { client: 100, server: 500 }
    }

    pub(crate) fn says(&mut self, time: f64, line: &str, expected: &'static str) -> Step {
        let tcp = Tcp {
            flags: PSH_ACK,
            sequence: self.client,
            acknowledgement: self.server,
            payload: line.as_bytes().to_vec(),
            ..TCP
        };
        if expected.starts_with("forward") {
            self.client += u32::try_from(line.len()).expect("short");
        }
        inside(time, &Frame::tcp(CLIENT, FTPD, tcp), expected)
    }

    pub(crate) fn answers(&mut self, time: f64, line: &str, expected: &'static str) -> Step {
        let tcp = Tcp {
            flags: PSH_ACK,
            sequence: self.server,
            acknowledgement: self.client,
            payload: line.as_bytes().to_vec(),
            ..TCP
        };
        if expected.starts_with("forward") {
            self.server += u32::try_from(line.len()).expect("short");
        }
        outside(time, &swapped(Frame::tcp(FTPD, CLIENT, tcp)), expected)
    }
}

pub(crate) fn syn(from: &str, to: &str) -> Frame {
    swapped(Frame::tcp(from, to, Tcp { flags: SYN, sequence: 7, ..TCP }))
}

pub(crate) const UP: &str = "forward original established s0";
pub(crate) const DOWN: &str = "forward reply established s0";

#[test]
fn ftp_s_server_may_connect_where_it_was_told_to() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.answers(0.3, "220 ready\r\n", DOWN),
        // In two segments.
        control.says(0.4, "PORT 10,0,0,1,19,", UP),
        outside(0.5, &syn("192.0.2.69:20", "10.0.0.1:5001"), "drop no_rule"),
        control.says(0.6, "137\r\n", UP),
        control.answers(0.7, "200 good\r\n", DOWN),
        outside(0.8, &syn("192.0.2.70:20", "10.0.0.1:5001"), "drop no_rule"),
        outside(0.9, &syn("192.0.2.69:20", "10.0.0.1:5001"), "forward original syn_sent s1 new"),
        outside(1.0, &syn("192.0.2.69:21000", "10.0.0.1:5001"), "drop no_rule"),
    ]);
    let played = play(&plan(), &steps);
    assert_eq!(count(&played, Counter::Claimed(Gateway::Ftp)), 1);
}

/// The server says that it will not come, or that it has given up.
#[test]
fn what_ftp_s_server_will_not_use_is_taken_back() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    let passive = || Frame::tcp("10.0.0.1:40001", "192.0.2.69:50000", Tcp { flags: SYN, ..TCP });
    steps.extend([
        control.answers(0.3, "220 ready\r\n", DOWN),
        control.says(0.4, "PORT 10,0,0,1,19,137\r\n", UP),
        control.answers(0.5, "500 no\r\n", DOWN),
        outside(0.6, &syn("192.0.2.69:20", "10.0.0.1:5001"), "drop no_rule"),
        control.says(1.0, "PASV\r\n", UP),
        control.answers(1.1, "227 (192,0,2,69,195,80)\r\n", DOWN),
        // The next transfer uses what this one has not.
        control.says(1.2, "RETR x\r\n", UP),
        control.answers(1.3, "550 none\r\n", DOWN),
        control.says(1.4, "RETR y\r\n", UP),
        inside(1.5, &passive(), "forward original syn_sent s1 new"),
        control.answers(1.6, "150 here\r\n426 cut\r\n", DOWN),
        control.says(2.0, "PASV\r\n", UP),
        control.answers(2.1, "227 (192,0,2,69,195,80)\r\n", DOWN),
        control.says(2.2, "RETR y\r\n", UP),
        control.answers(2.3, "425 nobody came\r\n", DOWN),
        inside(
            2.4,
            &Frame::tcp("10.0.0.1:40002", "192.0.2.69:50000", Tcp { flags: SYN, ..TCP }),
            "drop no_rule",
        ),
    ]);
    let played = play(&plan(), &steps);
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Ftp, Ended::Withdrawn)), 2);
}

#[test]
fn a_bounce_is_refused_and_told() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.says(
            0.4,
            "PORT 10,0,0,9,19,137\r\n",
            "drop gateway_bounce original established s0",
        ),
        control.says(
            0.5,
            "PORT 10,0,0,9,19,137\r\n",
            "drop gateway_bounce original established s0",
        ),
        outside(0.6, &syn("192.0.2.69:20", "10.0.0.9:5001"), "drop no_rule"),
    ]);
    let played = play(&plan(), &steps);
    assert_eq!(count(&played, Counter::Remarked(Gateway::Ftp, Remark::Bounce)), 2);
    let remarks = played.events.iter().filter(|event| {
        matches!(event.kind, EventKind::Remark { remark: Remark::Bounce, refused: true, .. })
    });
    assert_eq!(remarks.count(), 1, "the log has it once a session");
}

/// The FIN that comes with it has not reached the server.
#[test]
fn what_is_refused_closes_nothing() {
    let mut steps = Vec::new();
    let control = Control::open(&mut steps);
    let tcp = Tcp {
        flags: testkit::packet::flags::FIN_ACK,
        sequence: control.client,
        acknowledgement: control.server,
        payload: b"PORT 10,0,0,9,19,137\r\n".to_vec(),
        ..TCP
    };
    let last = Frame::tcp(CLIENT, FTPD, tcp);
    let ready = Tcp { flags: PSH_ACK, sequence: 500, acknowledgement: 100, ..TCP };
    steps.extend([
        inside(0.4, &last, "drop gateway_bounce original fin_wait s0"),
        outside(0.5, &swapped(Frame::tcp(FTPD, CLIENT, ready)), DOWN),
    ]);
    let played = play(&plan(), &steps);
    let closing = Counter::Sessions(engine::Protocol::Tcp, 3);
    assert_eq!(count(&played, closing), 1, "{:?}", engine::Protocol::Tcp.states());
}

#[test]
fn a_reset_of_the_control_connection_withdraws_what_it_announced() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.says(0.4, "EPRT |1|10.0.0.1|5001|\r\n", UP),
        control.answers(0.5, "200 good\r\n", DOWN),
    ]);
    let reset = Tcp { flags: RST, sequence: control.client, ..TCP };
    steps.extend([
        inside(0.6, &Frame::tcp(CLIENT, FTPD, reset), "forward original closed s0"),
        // The connection is remembered for ten seconds more.
        Step::Sessions(12.0, 0),
        outside(12.1, &syn("192.0.2.69:20", "10.0.0.1:5001"), "drop no_rule"),
    ]);
    let played = play(&plan(), &steps);
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Ftp, Ended::ParentEnded)), 1);
    assert_eq!(count(&played, Counter::Ended(engine::Protocol::Tcp, EndReason::TcpReset)), 1);
}

#[test]
fn one_session_may_have_announced_so_many() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    for number in 0..10 {
        let time = 0.4 + f64::from(number) / 100.0;
        steps.push(control.says(time, &format!("PORT 10,0,0,1,20,{number}\r\n"), UP));
        steps.push(control.answers(time, "200 good\r\n", DOWN));
    }
    let port = |number: u32| format!("10.0.0.1:{}", 20 * 256 + number);
    for number in 0..2 {
        steps.push(outside(1.0, &syn("192.0.2.69:20", &port(number)), "drop no_rule"));
    }
    let rest = [
        "forward original syn_sent s1 new",
        "forward original syn_sent s2 new",
        "forward original syn_sent s3 new",
    ];
    for (number, expected) in (2..).zip(rest) {
        steps.push(outside(1.1, &syn("192.0.2.69:20", &port(number)), expected));
    }
    let played = play(&plan(), &steps);
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Ftp, Ended::Evicted)), 2);
    assert_eq!(played.rig.cluster.counters().expectations(), 5);
}

#[test]
fn what_is_announced_again_is_expected_once() {
    let again = Frame::udp(ASKER, TFTPD, &b"\0\x01kernel\0octet\0"[..]);
    let played = play(
        &plan(),
        &[
            inside(0.0, &request(), "forward original first s0 new"),
            inside(1.0, &again, "forward original one_way s0"),
            outside(30.5, &data("192.0.2.69:3000", ASKER), "forward original first s1 new"),
            outside(30.6, &data("192.0.2.69:3001", ASKER), "drop no_rule"),
        ],
    );
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Tftp, Ended::Replaced)), 1);
}

/// A datagram in fragments is read when it is whole, however its fragments come.
#[test]
fn a_request_in_fragments_is_read() {
    let name = [&b"\0\x01"[..], &[b'k'; 700], b"\0octet\0"].concat();
    let fragments = fragment_v4(&Frame::udp(ASKER, TFTPD, name), &[512]);
    let [first, second] = &fragments[..] else { panic!("two fragments") };
    play(
        &plan(),
        &[
            inside(0.0, second, "forward original first s0 new"),
            outside(0.1, &data("192.0.2.69:3000", ASKER), "drop no_rule"),
            inside(0.2, first, "forward original first s0"),
            outside(0.3, &data("192.0.2.69:3000", ASKER), "forward original first s1 new"),
        ],
    );
}

/// A child is a session like any other: errors about it pass.
#[test]
fn an_error_about_a_child_passes() {
    let data = data("192.0.2.69:3000", ASKER);
    let error = Frame::icmp_error("10.0.0.1", IcmpError::PortUnreachable, &data, 8);
    play(
        &plan(),
        &[
            inside(0.0, &request(), "forward original first s0 new"),
            outside(0.1, &data, "forward original first s1 new"),
            inside(0.2, &error, "forward reply first s1"),
        ],
    );
}

/// Whatever worker the child belongs to, it finds at the first try what another has published.
#[test]
fn ten_thousand_children_find_their_way() {
    for workers in [2, 4] {
        let mut plan = plan();
        plan.limits.max = 100_000;
        plan.limits.per_source = 100_000;
        let mut rig = Rig::new(workers, &plan.snapshot());
        let mut elsewhere = 0;
        for number in 0..10_000_u32 {
            let now = Time::from_millis(u64::from(number));
            let client = format!("10.0.{}.{}:{}", number >> 8, number & 0xff, 2000 + number);
            let there = Frame::udp(client.as_str(), TFTPD, &b"\0\x01kernel\0octet\0"[..]);
            let parent = rig.receive(now, INSIDE, there.bytes()).pop().expect("a fate");
            assert_eq!(outcome(&parent), format!("forward original first s{} new", 2 * number));
            let from = format!("192.0.2.69:{}", 1024 + number * 7 % 60_000);
            let back = data(from.as_str(), client.as_str());
            let child = rig.receive(now, OUTSIDE, back.bytes()).pop().expect("a fate");
            let expected = format!("forward original first s{} new", 2 * number + 1);
            assert_eq!(outcome(&child), expected, "{workers} workers, number {number}");
            elsewhere += usize::from(child.worker != parent.worker);
        }
        assert!(elsewhere > 4_000, "{elsewhere} children at another worker");
        rig.check();
    }
}

/// A telephone registers from another port than it is called at, and both sides may call by the rules.
#[test]
fn what_a_rule_has_read_is_read_though_it_is_expected() {
    let mut plan = plan();
    let rule = Rule { services: services(&["sip"]), ..plan.policy.rules[0].clone() };
    let back = Rule {
        name: "outside-in".to_owned(),
        from: rule.to.clone(),
        to: rule.from.clone(),
        ..rule.clone()
    };
    plan.policy.rules = vec![rule, back];
    let register = "REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5062\r\nCall-ID: r\r\n\
        CSeq: 1 REGISTER\r\nContact: <sip:p@10.0.0.1:5060>\r\n\r\n";
    let registered = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5062\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\r\n";
    let registered = swapped(Frame::udp(REGISTRAR, PHONE, registered));
    let invite = "INVITE sip:p@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.69:5060\r\nCall-ID: c\r\n\
        CSeq: 1 INVITE\r\nContact: <sip:q@192.0.2.69:5060>\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\no=- 1 1 IN IP4 192.0.2.69\r\ns=-\r\nc=IN IP4 192.0.2.69\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n";
    let called = swapped(Frame::udp(REGISTRAR, "10.0.0.1:5060", invite));
    let played = play(
        &plan,
        &[
            inside(0.0, &Frame::udp(PHONE, REGISTRAR, register), "forward original first s0 new"),
            outside(0.1, &registered, "forward reply stream s0"),
            outside(1.0, &called, "forward original first s1 new"),
            // The media that the caller wants to receive.
            inside(
                1.1,
                &Frame::udp("10.0.0.1:40000", "192.0.2.69:30000", "rtp"),
                "forward original first s2 new",
            ),
        ],
    );
    assert_eq!(played.rule(2), "outside-in");
}

/// What is announced is not used up by a packet for which there is no room: it comes again.
#[test]
fn what_finds_no_room_stays_expected() {
    let mut plan = plan();
    plan.limits = Limits::new(2, 2);
    let rest = Rule { services: vec![ServiceItem::ANY], ..plan.policy.rules[0].clone() };
    plan.policy.rules.push(Rule { name: "rest".to_owned(), ..rest });
    plan.timeouts.set(session::TimeoutClass::UdpStream, Duration::from_secs(5));
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    let asked = Frame::udp(ASKER, "192.0.2.69:999", "?");
    let answer = swapped(Frame::udp("192.0.2.69:999", ASKER, "!"));
    let data = syn("192.0.2.69:20", "10.0.0.1:5001");
    steps.extend([
        inside(0.25, &asked, "forward original first s1 new"),
        outside(0.26, &answer, "forward reply stream s1"),
        control.says(0.4, "PORT 10,0,0,1,19,137\r\n", UP),
        outside(0.5, &data, "drop table_full"),
        Step::Sessions(1.9, 1),
        outside(2.0, &data, "forward original syn_sent s2 new"),
    ]);
    let played = play_with(1, &plan, &steps);
    assert_eq!(count(&played, Counter::Claimed(Gateway::Ftp)), 1);
}

/// The segments of a handshake by which the client begins at `client` and the server at `server`.
fn handshake(time: f64, client: u32, server: u32, expected: [&'static str; 3]) -> [Step; 3] {
    let tcp = |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
    let up = |tcp| Frame::tcp(CLIENT, FTPD, tcp);
    let down = |tcp| swapped(Frame::tcp(FTPD, CLIENT, tcp));
    [
        inside(time, &up(tcp(SYN, client.wrapping_sub(1), 0)), expected[0]),
        outside(time + 0.1, &down(tcp(SYN_ACK, server.wrapping_sub(1), client)), expected[1]),
        inside(time + 0.2, &up(tcp(ACK, client, server)), expected[2]),
    ]
}

/// The old connection is known to one side only (RFC 9293 §3.5.1): what speaks of it does not lead the reader astray.
#[test]
fn an_older_connection_does_not_disturb_the_reading() {
    const SYN_SENT: &str = "forward original syn_sent s0";
    const SYN_RECEIVED: &str = "forward reply syn_received s0";
    for old in [5_000_000, 100_u32.wrapping_sub(5_000_000)] {
        let (client, server) = (100, 778);
        let challenge = Tcp { flags: ACK, sequence: 999, acknowledgement: old, ..TCP };
        let reset = Tcp { flags: RST, sequence: old, ..TCP };
        let [first, ..] = handshake(0.0, client, server, ["forward original syn_sent s0 new"; 3]);
        let mut steps = vec![
            first,
            outside(
                0.1,
                &swapped(Frame::tcp(FTPD, CLIENT, challenge)),
                "forward reply syn_sent s0",
            ),
            inside(0.2, &Frame::tcp(CLIENT, FTPD, reset), SYN_SENT),
        ];
        steps.extend(handshake(1.0, client, server, [SYN_SENT, SYN_RECEIVED, UP]));
        let mut control = Control { client, server };
        steps.extend([
            control.says(2.0, "PASV\r\n", UP),
            control.answers(2.1, "220 hi\r\n227 (192,0,2,69,195,80)\r\n", DOWN),
            inside(
                2.2,
                &Frame::tcp("10.0.0.1:40001", "192.0.2.69:50000", Tcp { flags: SYN, ..TCP }),
                "forward original syn_sent s1 new",
            ),
        ]);
        play(&plan(), &steps);
    }
}

/// Both sides have lost the connection, and begin another between the same ports.
#[test]
fn a_connection_that_begins_anew_is_read_anew() {
    for client in [9_000_000, 100_u32.wrapping_sub(9_000_000)] {
        let mut steps = Vec::new();
        let mut old = Control::open(&mut steps);
        steps.extend([old.answers(0.3, "220-Welcome\r\n", DOWN), old.says(0.4, "PORT 10,0,", UP)]);
        let mut control = Control { client, server: 888_889 };
        let received = "forward reply syn_received s0";
        steps.extend(handshake(3.0, client, control.server, [UP, received, UP]));
        steps.extend([
            control.answers(4.0, "220 hi\r\n", DOWN),
            control.says(4.1, "PASV\r\n", UP),
            control.answers(4.2, "227 (192,0,2,69,195,80)\r\n", DOWN),
            inside(
                4.3,
                &Frame::tcp("10.0.0.1:40001", "192.0.2.69:50000", Tcp { flags: SYN, ..TCP }),
                "forward original syn_sent s1 new",
            ),
        ]);
        play(&plan(), &steps);
    }
}

/// A SYN or SYN-ACK beside a living connection passes, and moves no reader: from either side, at once after the
/// handshake or in its midst.
#[test]
fn what_passes_beside_a_connection_does_not_move_its_reader() {
    let tcp = |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
    let up = |tcp| Frame::tcp(CLIENT, FTPD, tcp);
    let down = |tcp| swapped(Frame::tcp(FTPD, CLIENT, tcp));
    let bounce = "PORT 203,0,113,9,0,22\r\n";
    let refused = "drop gateway_bounce original established s0";

    // The client moves its own side behind what it says next.
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.answers(0.3, "220 hi\r\n", DOWN),
        control.says(0.4, "NOOP\r\n", UP),
        inside(0.5, &up(tcp(SYN_ACK, 101, 508)), UP),
        control.says(0.6, bounce, refused),
    ]);
    play(&plan(), &steps);
    for half_open in [true, false] {
        let [syn, syn_ack, ack] = handshake(
            0.0,
            100,
            500,
            ["forward original syn_sent s0 new", "forward reply syn_received s0", UP],
        );
        let state = if half_open { "forward original syn_received s0" } else { UP };
        let aside = |time| inside(time, &up(tcp(SYN, 50_000, 0)), state);
        let mut steps = if half_open {
            vec![syn, syn_ack, aside(0.15), ack]
        } else {
            vec![syn, syn_ack, ack, aside(0.25)]
        };
        let mut control = Control { client: 100, server: 500 };
        steps.push(control.says(0.6, bounce, refused));
        play(&plan(), &steps);
    }

    // The server has forgotten what the client has spoken.
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    let http = "POST / HTTP/1.1\r\nHost: b:21\r\n\r\n";
    steps.extend([
        control.says(0.3, http, UP),
        control.answers(0.4, "x", DOWN),
        outside(0.5, &down(tcp(SYN_ACK, 500, control.client)), DOWN),
        control.says(0.6, "PORT 10,0,0,1,13,61\r\n", UP),
    ]);
    let played = play(&plan(), &steps);
    assert_eq!(count(&played, Counter::Published(Gateway::Ftp)), 0);
}
