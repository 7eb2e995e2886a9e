//! What is announced and is read itself, what holds a session while its children live, and what is taken back.

use std::time::Duration;

use engine::{Counter, EndReason, Ended, EventKind, Gateway};
use session::TimeoutClass;
use testkit::packet::flags::{ACK, PSH_ACK, RST, SYN, SYN_ACK};
use testkit::packet::{Frame, TCP, Tcp};

use crate::gateways::{CLIENT, Control, DOWN, FTPD, UP, count, data, plan, request, services, syn};
use crate::harness::Plan;
use crate::transcript::{Step, change, inside, outside, play, play_with, swapped};

pub(crate) const PHONE: &str = "10.0.0.1:5062";
pub(crate) const REGISTRAR: &str = "192.0.2.69:5060";

/// A telephone inside may call, and nobody may call in.
pub(crate) fn telephony() -> Plan {
    let mut plan = plan();
    plan.policy.rules[0].services = services(&["sip"]);
    plan
}

/// A message of SIP with header fields of its own and, if there is a port, a description of audio there.
pub(crate) fn sip(start: &str, method: &str, more: &str, audio: Option<(&str, u16)>) -> String {
    let body = audio.map_or_else(String::new, |(host, port)| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 0\r\na=rtcp-mux-only\r\n"
        )
    });
    format!(
        "{start}\r\nVia: SIP/2.0/UDP a.example;rport\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{more}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn register(contact: &str) -> String {
    let contact = format!("Contact: <{contact}>;expires=600\r\n");
    sip("REGISTER sip:x SIP/2.0", "REGISTER", &contact, None)
}

/// The registrar agrees.
pub(crate) fn registered() -> Frame {
    swapped(Frame::udp(REGISTRAR, PHONE, sip("SIP/2.0 200 OK", "REGISTER", "", None)))
}

pub(crate) fn call(audio: u16) -> String {
    sip("INVITE sip:p@10.0.0.1 SIP/2.0", "INVITE", "", Some(("192.0.2.69", audio)))
}

/// Calls to a registered telephone come by what the registration has opened; they are read, and what they announce is
/// expected in its turn. The opening stands for as long as the registration.
#[test]
fn what_comes_to_a_contact_is_read_and_may_come_again() {
    let called = |from: &str, audio| swapped(Frame::udp(from, "10.0.0.1:5070", call(audio)));
    let audio = |to: &str| Frame::udp("10.0.0.1:40000", to, "rtp");
    let contact = register("sip:p@10.0.0.1:5070");
    let played = play(
        &telephony(),
        &[
            inside(0.0, &Frame::udp(PHONE, REGISTRAR, contact), "forward original first s0 new"),
            outside(0.1, &registered(), "forward reply stream s0"),
            inside(0.9, &audio("192.0.2.69:30000"), "drop no_rule"),
            outside(1.0, &called(REGISTRAR, 30_000), "forward original first s1 new"),
            inside(1.1, &audio("192.0.2.69:30000"), "forward original first s2 new"),
            inside(1.2, &audio("192.0.2.69:30002"), "drop no_rule"),
            // Another conversation, by the same opening.
            outside(1.3, &called("192.0.2.69:5080", 30_002), "forward original first s3 new"),
            inside(1.4, &audio("192.0.2.69:30002"), "forward original first s4 new"),
            outside(1.5, &called("192.0.2.70:5060", 30_004), "drop no_rule"),
            outside(599.9, &called("192.0.2.69:5081", 30_006), "forward original first s5 new"),
            outside(600.2, &called("192.0.2.69:5082", 30_006), "drop no_rule"),
        ],
    );
    assert_eq!(count(&played, Counter::Shared(Gateway::Sip)), 3);
    assert_eq!(count(&played, Counter::Claimed(Gateway::Sip)), 2);
    let starts = played.events.iter().filter(|it| matches!(it.kind, EventKind::SessionStart));
    let starts: Vec<_> = starts.collect();
    assert!(starts.iter().all(|start| start.gateway == Some(Gateway::Sip)));
    let parents = starts.iter().map(|start| {
        let parent = start.parent?;
        let is_parent = |it: &&&engine::Event| {
            it.slot.is_some_and(|slot| slot.index() == parent.slot)
                && (it.worker, it.time) == (parent.worker, parent.created)
        };
        starts.iter().position(|start| is_parent(&start))
    });
    let parents: Vec<_> = parents.collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(0), Some(3), Some(0)]);
}

/// A child's children stand and fall with the rule of the session that began it all.
#[test]
fn a_new_policy_judges_a_grandchild_by_the_rule_of_the_first() {
    let contact = register("sip:p@10.0.0.1:5070");
    let called = swapped(Frame::udp(REGISTRAR, "10.0.0.1:5070", call(30_000)));
    let audio = || Frame::udp("10.0.0.1:40000", "192.0.2.69:30000", "rtp");
    let played = play(
        &telephony(),
        &[
            inside(0.0, &Frame::udp(PHONE, REGISTRAR, contact), "forward original first s0 new"),
            outside(0.1, &registered(), "forward reply stream s0"),
            outside(1.0, &called, "forward original first s1 new"),
            inside(1.1, &audio(), "forward original first s2 new"),
            change(2.0, |plan| "renamed".clone_into(&mut plan.policy.rules[0].name)),
            inside(2.1, &audio(), "forward original one_way s2"),
            // The child is still read.
            outside(
                2.2,
                &swapped(Frame::udp(REGISTRAR, "10.0.0.1:5070", call(30_002))),
                "forward original one_way s1",
            ),
            inside(
                2.3,
                &Frame::udp("10.0.0.1:40000", "192.0.2.69:30002", "rtp"),
                "forward original first s3 new",
            ),
            change(3.0, |plan| plan.policy.rules[0].services = services(&["ftp"])),
            inside(3.1, &audio(), "drop no_rule"),
            outside(3.2, &called, "drop no_rule"),
        ],
    );
    assert_eq!(played.rule(4), "renamed");
}

/// A connection that is announced to be read is read from its SYN on.
#[test]
fn a_tcp_child_is_read_from_its_syn_on() {
    const CALLER: &str = "192.0.2.69:50000";
    const CALLED: &str = "10.0.0.1:5070";
    let contact = register("sip:p@10.0.0.1:5070;transport=tcp");
    let tcp = |flags, sequence, acknowledgement, payload: &[u8]| Tcp {
        flags,
        sequence,
        acknowledgement,
        payload: payload.to_vec(),
        ..TCP
    };
    let down = |tcp| swapped(Frame::tcp(CALLER, CALLED, tcp));
    let up = |tcp| Frame::tcp(CALLED, CALLER, tcp);
    let invite = call(30_000);
    let (head, tail) = invite.as_bytes().split_at(100);
    let audio = Frame::udp("10.0.0.1:40000", "192.0.2.69:30000", "rtp");
    play(
        &telephony(),
        &[
            inside(0.0, &Frame::udp(PHONE, REGISTRAR, contact), "forward original first s0 new"),
            outside(0.1, &registered(), "forward reply stream s0"),
            outside(1.0, &down(tcp(SYN, 99, 0, b"")), "forward original syn_sent s1 new"),
            inside(1.1, &up(tcp(SYN_ACK, 499, 100, b"")), "forward reply syn_received s1"),
            outside(1.2, &down(tcp(ACK, 100, 500, b"")), "forward original established s1"),
            // The second half first: it can be put in its place only if the first number is known.
            outside(1.3, &down(tcp(PSH_ACK, 200, 500, tail)), "forward original established s1"),
            inside(1.4, &audio, "drop no_rule"),
            outside(1.5, &down(tcp(PSH_ACK, 100, 500, head)), "forward original established s1"),
            inside(1.6, &audio, "forward original first s2 new"),
        ],
    );
}

/// Segments of a connection from the server's port 20 to the client's 5001, which the server opens at 6 and the client at
/// 99. Times are offsets.
fn transfer(time: f64, payloads: u32, session: [&'static str; 4]) -> Vec<Step> {
    let [syn_sent, syn_received, down, up] = session;
    let tcp = |flags, sequence, acknowledgement, payload: &[u8]| Tcp {
        flags,
        sequence,
        acknowledgement,
        payload: payload.to_vec(),
        ..TCP
    };
    let from_server = |tcp| swapped(Frame::tcp("192.0.2.69:20", "10.0.0.1:5001", tcp));
    let from_client = |tcp| Frame::tcp("10.0.0.1:5001", "192.0.2.69:20", tcp);
    let mut steps = vec![
        outside(time, &from_server(tcp(SYN, 6, 0, b"")), syn_sent),
        inside(time + 0.1, &from_client(tcp(SYN_ACK, 99, 7, b"")), syn_received),
        outside(time + 0.2, &from_server(tcp(ACK, 7, 100, b"")), down),
    ];
    for number in 0..payloads {
        let time = time + 5.0 * f64::from(number + 1);
        let sequence = 7 + 4 * number;
        steps.push(outside(time, &from_server(tcp(PSH_ACK, sequence, 100, b"data")), down));
        steps.push(inside(time + 0.1, &from_client(tcp(ACK, 100, sequence + 4, b"")), up));
    }
    steps
}

const TRANSFER: [&str; 4] = [
    "forward original syn_sent s1 new",
    "forward reply syn_received s1",
    "forward original established s1",
    "forward reply established s1",
];

/// Connections that are idle for 20 s end.
fn impatient() -> Plan {
    let mut plan = plan();
    plan.timeouts.set(TimeoutClass::TcpEstablished, Duration::from_secs(20));
    plan
}

/// A transfer of three times the timeout: the control connection goes on, and has its whole time again afterwards.
#[test]
fn a_control_connection_lives_while_its_transfer_does() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.says(0.4, "PORT 10,0,0,1,19,137\r\n", UP),
        control.answers(0.5, "200 good\r\n", DOWN),
        control.says(0.6, "RETR x\r\n", UP),
    ]);
    steps.extend(transfer(1.0, 12, TRANSFER));
    let reset = Tcp { flags: RST, sequence: 7 + 48, ..TCP };
    let reset = swapped(Frame::tcp("192.0.2.69:20", "10.0.0.1:5001", reset));
    steps.extend([
        Step::Sessions(62.0, 2),
        outside(63.0, &reset, "forward original closed s1"),
        Step::Sessions(70.0, 2),
        // The child has gone.
        Step::Sessions(74.0, 1),
        control.answers(78.0, "226 done\r\n", DOWN),
        control.says(79.0, "PORT 10,0,0,1,19,138\r\n", UP),
        outside(79.5, &syn("192.0.2.69:20", "10.0.0.1:5002"), "forward original syn_sent s2 new"),
        // That one is given up; then the control connection is idle for its time.
        Step::Sessions(95.0, 1),
        Step::Sessions(115.0, 0),
    ]);
    let played = play(&impatient(), &steps);
    assert_eq!(count(&played, Counter::Ended(engine::Protocol::Tcp, EndReason::Timeout)), 2);
    assert!(played.rig.cluster.counters().expectations() == 0);
}

/// A packet of a session whose time is over, before any timer has looked, finds it alive all the same.
#[test]
fn a_packet_finds_a_held_session_alive() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.push(control.says(0.4, "PORT 10,0,0,1,19,137\r\n", UP));
    steps.extend(transfer(1.0, 4, TRANSFER));
    steps.push(control.answers(21.5, "200 good\r\n", DOWN));
    play(&impatient(), &steps);
}

/// Without a child, and by a child that has not come, nothing is held.
#[test]
fn what_nobody_has_come_by_holds_nothing() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.says(0.4, "PORT 10,0,0,1,19,137\r\n", UP),
        Step::Sessions(20.6, 0),
        outside(20.7, &syn("192.0.2.69:20", "10.0.0.1:5001"), "drop no_rule"),
    ]);
    play(&impatient(), &steps);
}

/// A parent that is closed ends in its time, whatever its children do, and they go on.
#[test]
fn a_closed_parent_is_not_held() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.extend([
        control.says(0.4, "PORT 10,0,0,1,19,137\r\n", UP),
        control.says(0.5, "PORT 10,0,0,1,19,138\r\n", UP),
    ]);
    steps.extend(transfer(1.0, 4, TRANSFER));
    let reset = Tcp { flags: RST, sequence: control.client, ..TCP };
    steps.extend([
        inside(23.0, &Frame::tcp(CLIENT, FTPD, reset), "forward original closed s0"),
        // What it had announced ends with it at once.
        outside(23.1, &syn("192.0.2.69:20", "10.0.0.1:5002"), "drop no_rule"),
        Step::Sessions(34.0, 1),
    ]);
    let played = play(&impatient(), &steps);
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Ftp, Ended::ParentEnded)), 1);
}

/// A request for a file lives while the file is sent, which is a conversation of its own.
#[test]
fn a_datagram_s_session_is_held_too() {
    let mut plan = plan();
    plan.timeouts.set(TimeoutClass::UdpFirst, Duration::from_secs(5));
    let mut steps = vec![inside(0.0, &request(), "forward original first s0 new")];
    let child = data("192.0.2.69:3000", "10.0.0.1:5001");
    steps.push(outside(0.1, &child, "forward original first s1 new"));
    for second in 1..10 {
        let time = 3.0 * f64::from(second);
        steps.push(outside(time, &child, "forward original one_way s1"));
    }
    steps.push(Step::Sessions(50.0, 2));
    // Whichever is looked at first when both are over.
    steps.push(Step::Held(60.0, 0));
    steps.push(Step::Sessions(70.0, 0));
    play(&plan, &steps);
}

/// A call of which nothing has come when it ends, or is refused, leaves nothing open.
#[test]
fn what_a_call_has_announced_ends_with_the_call() {
    let up = |start: &str, method: &str, audio| {
        Frame::udp("10.0.0.1:5060", REGISTRAR, sip(start, method, "", audio))
    };
    let down = |start: &str, method: &str, audio| {
        swapped(Frame::udp(REGISTRAR, "10.0.0.1:5060", sip(start, method, "", audio)))
    };
    let audio = |port: &str| {
        let to = format!("10.0.0.1:{port}");
        swapped(Frame::udp("192.0.2.69:9000", to.as_str(), "rtp"))
    };
    let stream = ["forward original stream s0", "forward reply stream s0"];
    let played = play(
        &telephony(),
        &[
            inside(
                0.0,
                &up("INVITE sip:b@b SIP/2.0", "INVITE", Some(("10.0.0.1", 30_000))),
                "forward original first s0 new",
            ),
            outside(0.1, &down("SIP/2.0 486 Busy Here", "INVITE", None), stream[1]),
            outside(0.2, &audio("30000"), "drop no_rule"),
            inside(
                1.0,
                &up("INVITE sip:b@b SIP/2.0", "INVITE", Some(("10.0.0.1", 30_002))),
                stream[0],
            ),
            outside(1.1, &down("SIP/2.0 200 OK", "INVITE", Some(("192.0.2.69", 4000))), stream[1]),
            outside(1.2, &audio("30002"), "forward original first s1 new"),
            inside(2.0, &up("BYE sip:b@b SIP/2.0", "BYE", None), stream[0]),
            inside(2.1, &Frame::udp("10.0.0.1:9000", "192.0.2.69:4000", "rtp"), "drop no_rule"),
            // What has come stays until it is silent.
            outside(2.2, &audio("30002"), "forward original one_way s1"),
        ],
    );
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Sip, Ended::Withdrawn)), 2);
}

/// A trunk has all calls of a house in one session: none that is set up loses its media to the others.
#[test]
fn a_trunk_has_room_for_its_calls() {
    let calls = 60;
    let mut steps = Vec::new();
    for number in 0..calls {
        let time = f64::from(number) / 100.0;
        let port = 30_000 + 2 * number;
        let audio = Some(("10.0.0.1", port));
        let invite = sip("INVITE sip:b@b SIP/2.0", "INVITE", "", audio)
            .replace("Call-ID: c", &format!("Call-ID: {number}"));
        let state = if number == 0 {
            "forward original first s0 new"
        } else {
            "forward original one_way s0"
        };
        steps.push(inside(time, &Frame::udp("10.0.0.1:5060", REGISTRAR, invite), state));
    }
    for number in 0..calls {
        let to = format!("10.0.0.1:{}", 30_000 + 2 * number);
        let audio = swapped(Frame::udp("192.0.2.69:9000", to.as_str(), "rtp"));
        let expected = format!("forward original first s{} new", number + 1);
        steps.push(outside(5.0, &audio, String::leak(expected)));
    }
    for workers in [1, 2, 4] {
        let played = play_with(workers, &telephony(), &steps);
        assert_eq!(count(&played, Counter::Unclaimed(Gateway::Sip, Ended::Evicted)), 0);
    }
}

/// A rule that stops to name the gateway and names it again, while a conversation lasts: it is read again from then on.
#[test]
fn a_conversation_is_read_again_when_its_rule_says_so_again() {
    let options =
        || Frame::udp(PHONE, REGISTRAR, sip("OPTIONS sip:x SIP/2.0", "OPTIONS", "", None));
    let invite = |audio| {
        let text = sip("INVITE sip:b@b SIP/2.0", "INVITE", "", Some(("10.0.0.1", audio)));
        Frame::udp(PHONE, REGISTRAR, text)
    };
    let media = |audio: &str| swapped(Frame::udp("192.0.2.69:7000", audio, "rtp"));
    let named = |name: &'static str| {
        move |plan: &mut Plan| {
            let mut items = services(&["sip"]);
            if name == "other" {
                items.iter_mut().for_each(|item| item.traits.gateway = None);
            }
            plan.policy.rules[0].services = items;
        }
    };
    play(
        &telephony(),
        &[
            inside(0.0, &options(), "forward original first s0 new"),
            outside(0.1, &swapped(Frame::udp(REGISTRAR, PHONE, "x")), "forward reply stream s0"),
            change(1.0, named("other")),
            inside(1.1, &invite(4000), "forward original stream s0"),
            outside(1.2, &media("10.0.0.1:4000"), "drop no_rule"),
            change(2.0, named("sip")),
            inside(2.1, &invite(4002), "forward original stream s0"),
            outside(2.2, &media("10.0.0.1:4002"), "forward original first s1 new"),
        ],
    );
}

/// A parent's time runs anew from the end of its last child, whatever worker's timers come first and however late.
#[test]
fn a_parent_has_its_time_again_after_its_child() {
    let acknowledges = || Frame::udp("10.0.0.1:5001", "192.0.2.69:3000", &b"\0\x04\0\x01"[..]);
    let child = || data("192.0.2.69:3000", "10.0.0.1:5001");
    let steps = |last: f64, expected| {
        [
            inside(0.0, &request(), "forward original first s0 new"),
            outside(1.0, &child(), "forward original first s1 new"),
            inside(1.1, &acknowledges(), "forward reply stream s1"),
            // The child's two minutes are over at 121.1, and the request's half a minute once more after that.
            inside(last, &request(), expected),
        ]
    };
    play(&plan(), &steps(121.0, "forward original one_way s0"));
    play(&plan(), &steps(151.0, "forward original one_way s0"));
    play(&plan(), &steps(151.2, "forward original first s2 new"));
}

/// A session that is held though its time is over is listed with the time that it has after that.
#[test]
fn a_held_session_is_listed_with_the_time_that_it_will_have() {
    let child = data("192.0.2.69:3000", "10.0.0.1:5001");
    let acknowledges = Frame::udp("10.0.0.1:5001", "192.0.2.69:3000", &b"\0\x04\0\x01"[..]);
    let steps = [
        inside(0.0, &request(), "forward original first s0 new"),
        outside(1.0, &child, "forward original first s1 new"),
        inside(1.1, &acknowledges, "forward reply stream s1"),
        Step::Sessions(61.1, 2),
    ];
    let played = play_with(1, &plan(), &steps);
    let mut left = Vec::new();
    let [shard] = played.rig.cluster.shards() else { panic!("one worker") };
    let filter = engine::SessionFilter::default();
    shard.list(played.rig.now(), 0, 64, &filter, &mut |view| left.push(view.left.as_secs()));
    left.sort_unstable();
    assert_eq!(left, [30, 60], "of the request, and of the transfer");
}
