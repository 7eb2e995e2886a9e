//! Tunnels of PPTP: GRE between two hosts, of which the calls pass that the control connection has announced.

use std::time::Duration;

use engine::{Counter, Ended, Gateway, Probe, ProbeNumbers};
use testkit::packet::flags::{ACK, PSH_ACK, SYN, SYN_ACK};
use testkit::packet::{Frame, TCP, Tcp, Transport, protocol};

use crate::gateways::{count, plan, services};
use crate::harness::{INSIDE, OUTSIDE, Plan};
use crate::transcript::{Step, inside, outside, play, swapped};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "192.0.2.69:1723";

fn tunnelling() -> Plan {
    let mut plan = plan();
    plan.policy.rules[0].services = services(&["pptp"]);
    plan
}

/// A control connection: the numbers that either side sends next.
struct Control {
    client: u32,
    server: u32,
}

impl Control {
    fn open(steps: &mut Vec<Step>) -> Self {
        let tcp =
            |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
        let up = |tcp| Frame::tcp(CLIENT, SERVER, tcp);
        let down = |tcp| swapped(Frame::tcp(SERVER, CLIENT, tcp));
        steps.extend([
            inside(0.0, &up(tcp(SYN, 99, 0)), "forward original syn_sent s0 new"),
            outside(0.1, &down(tcp(SYN_ACK, 499, 100)), "forward reply syn_received s0"),
            inside(0.2, &up(tcp(ACK, 100, 500)), "forward original established s0"),
        ]);
        Self { client: 100, server: 500 }
    }

    /// The client asks for a call, which it numbers `asked`, and the server agrees and numbers it `own`.
    fn call(&mut self, steps: &mut Vec<Step>, time: f64, asked: u16, own: u16) {
        // Outgoing-Call-Request and its reply (RFC 2637 §2.7, §2.8).
        let request = message(7, &asked.to_be_bytes(), 154);
        let reply = [&own.to_be_bytes()[..], &asked.to_be_bytes(), &[1]].concat();
        let reply = message(8, &reply, 15);
        let lengths = [&request, &reply].map(|it| u32::try_from(it.len()).expect("short"));
        let tcp = |sequence, acknowledgement, payload| Tcp {
            flags: PSH_ACK,
            sequence,
            acknowledgement,
            payload,
            ..TCP
        };
        let asks = Frame::tcp(CLIENT, SERVER, tcp(self.client, self.server, request));
        self.client += lengths[0];
        let agrees = Frame::tcp(SERVER, CLIENT, tcp(self.server, self.client, reply));
        self.server += lengths[1];
        steps.push(inside(time, &asks, "forward original established s0"));
        steps.push(outside(time + 0.01, &swapped(agrees), "forward reply established s0"));
    }
}

/// A control message with so many octets of zeros at its end.
fn message(kind: u16, body: &[u8], padding: usize) -> Vec<u8> {
    let length = u16::try_from(12 + body.len() + padding).expect("short");
    let header = [length, 1, 0x1a2b, 0x3c4d, kind, 0].map(u16::to_be_bytes).concat();
    [&header[..], body, &vec![0; padding]].concat()
}

/// A packet of GRE with these flags and key, of no payload.
fn gre(source: &str, destination: &str, flags: u16, call: u16) -> Frame {
    let header = [flags, 0x880b, 0, call, 0, 1].map(u16::to_be_bytes).concat();
    Frame::ip(source, destination, Transport::Raw(protocol::GRE, header))
}

const ENHANCED: u16 = 0x3001;

fn up(call: u16) -> Frame {
    gre("10.0.0.1", "192.0.2.69", ENHANCED, call)
}

fn down(call: u16) -> Frame {
    swapped(gre("192.0.2.69", "10.0.0.1", ENHANCED, call))
}

/// Each side's packets bear the number that the other gave to the call.
#[test]
fn only_the_call_that_was_announced_passes() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    steps.push(inside(0.5, &up(9), "drop no_rule"));
    control.call(&mut steps, 1.0, 7, 9);
    let plain = gre("10.0.0.1", "192.0.2.69", 0x2000, 9);
    steps.extend([
        inside(1.1, &up(7), "drop no_rule"),
        outside(1.1, &down(9), "drop no_rule"),
        inside(1.1, &plain, "drop no_rule"),
        inside(1.2, &up(9), "forward original one_way s1 new"),
        inside(1.3, &up(7), "drop gre_call_id original one_way s1"),
        inside(1.3, &plain, "drop gre_call_id original one_way s1"),
        // What is refused has not answered.
        outside(1.4, &down(9), "drop gre_call_id reply stream s1"),
        inside(1.5, &up(9), "forward original one_way s1"),
        outside(1.6, &down(7), "forward reply stream s1"),
        outside(1.7, &down(8), "drop gre_call_id reply stream s1"),
        inside(1.8, &up(9), "forward original stream s1"),
    ]);
    let played = play(&tunnelling(), &steps);
    assert_eq!(count(&played, Counter::Claimed(Gateway::Pptp)), 2);
    assert_eq!(played.rig.cluster.counters().expectations(), 0);
}

/// Two calls between the same hosts share the tunnel, each from when it was announced; and a call that nobody has begun in
/// time does not begin late.
#[test]
fn two_calls_share_a_tunnel() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    control.call(&mut steps, 1.0, 7, 9);
    steps.extend([
        inside(1.2, &up(9), "forward original one_way s1 new"),
        outside(1.3, &down(7), "forward reply stream s1"),
        outside(1.4, &down(17), "drop gre_call_id reply stream s1"),
    ]);
    control.call(&mut steps, 2.0, 17, 19);
    control.call(&mut steps, 2.1, 27, 29);
    steps.extend([
        outside(2.2, &down(17), "forward reply stream s1"),
        inside(2.3, &up(19), "forward original stream s1"),
        inside(2.4, &up(9), "forward original stream s1"),
        inside(2.5, &up(17), "drop gre_call_id original stream s1"),
        inside(33.0, &up(29), "drop gre_call_id original stream s1"),
        outside(33.1, &down(7), "forward reply stream s1"),
    ]);
    let played = play(&tunnelling(), &steps);
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Pptp, Ended::Expired)), 2);
}

/// A call that ends before its first packet is announced no more; the other one is.
#[test]
fn a_call_that_is_cleared_does_not_begin() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    control.call(&mut steps, 1.0, 7, 9);
    control.call(&mut steps, 1.1, 17, 19);
    // Call-Clear-Request (RFC 2637 §2.12).
    let clear = Tcp {
        flags: PSH_ACK,
        sequence: control.client,
        acknowledgement: control.server,
        payload: message(12, &[0, 7], 2),
        ..TCP
    };
    let clear = Frame::tcp(CLIENT, SERVER, clear);
    steps.extend([
        inside(2.0, &clear, "forward original established s0"),
        inside(2.1, &up(9), "drop no_rule"),
        outside(2.1, &down(7), "drop no_rule"),
        inside(2.2, &up(19), "forward original one_way s1 new"),
        outside(2.3, &down(7), "drop gre_call_id reply stream s1"),
        outside(2.4, &down(17), "forward reply stream s1"),
    ]);
    let played = play(&tunnelling(), &steps);
    assert_eq!(count(&played, Counter::Unclaimed(Gateway::Pptp, Ended::Withdrawn)), 2);
}

/// A control connection that says nothing lives while its tunnel does.
#[test]
fn a_tunnel_holds_its_control_connection() {
    let mut plan = tunnelling();
    plan.timeouts.set(session::TimeoutClass::TcpEstablished, Duration::from_secs(20));
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    control.call(&mut steps, 1.0, 7, 9);
    steps.push(inside(1.2, &up(9), "forward original one_way s1 new"));
    for step in 1..10 {
        steps.push(inside(10.0 * f64::from(step), &up(9), "forward original one_way s1"));
    }
    steps.push(Step::Sessions(95.0, 2));
    play(&plan, &steps);
}

/// GRE that the rules themselves allow is nobody's call.
#[test]
fn what_a_rule_allows_is_not_checked() {
    let mut plan = tunnelling();
    plan.policy.rules[0].services.push(policy::ServiceItem::ANY);
    play(
        &plan,
        &[
            inside(0.0, &up(9), "forward original one_way s0 new"),
            outside(0.1, &down(7), "forward reply stream s0"),
            outside(0.2, &down(8), "forward reply stream s0"),
        ],
    );
}

/// Nor where an announced call came first.
#[test]
fn what_a_rule_allows_passes_beside_a_call() {
    let mut plan = tunnelling();
    let any = policy::Rule {
        name: "any-out".into(),
        services: vec![policy::ServiceItem::ANY],
        ..plan.policy.rules[0].clone()
    };
    plan.policy.rules.push(any);
    let mut steps = Vec::new();
    Control::open(&mut steps).call(&mut steps, 1.0, 7, 9);
    steps.extend([
        inside(1.2, &up(9), "forward original one_way s1 new"),
        inside(1.3, &up(77), "forward original one_way s1"),
        inside(1.4, &gre("10.0.0.1", "192.0.2.69", 0x2000, 9), "forward original one_way s1"),
        outside(1.5, &down(78), "forward reply stream s1"),
    ]);
    play(&plan, &steps);
}

/// Thirty-two directions of calls are remembered; one more takes the place of that which is silent, not of the oldest.
#[test]
fn a_call_too_many_cuts_the_one_that_is_silent() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    for number in 0..33 {
        let time = 1.0 + f64::from(number) / 10.0;
        control.call(&mut steps, time, 100 + number, 200 + number);
        let [new, more] = ["forward original one_way s1 new", "forward original one_way s1"];
        let expected = if number == 0 { new } else { more };
        steps.push(inside(time + 0.05, &up(200 + number), expected));
        if number == 31 {
            // The first goes on, and the second does not.
            steps.push(inside(time + 0.06, &up(200), "forward original one_way s1"));
        }
    }
    steps.extend([
        inside(5.0, &up(200), "forward original one_way s1"),
        inside(5.1, &up(201), "drop gre_call_id original one_way s1"),
        inside(5.2, &up(202), "forward original one_way s1"),
    ]);
    play(&tunnelling(), &steps);
}

/// A call's packet is explained as the next that comes: by its own call, and without taking what is announced.
#[test]
fn a_tunnel_is_explained_by_its_calls() {
    let mut steps = Vec::new();
    let mut control = Control::open(&mut steps);
    control.call(&mut steps, 1.0, 7, 9);
    steps.push(outside(1.1, &down(7), "forward original one_way s1 new"));
    control.call(&mut steps, 2.0, 8, 10);
    let played = play(&tunnelling(), &steps);
    let shard = &played.rig.cluster.shards()[0];
    let explain = |in_port, source: &str, destination: &str, call| {
        let probe = Probe {
            in_port,
            protocol: protocol::GRE,
            source: (source.parse().unwrap(), 0),
            destination: (destination.parse().unwrap(), call),
            flags: wire::TcpFlags::default(),
            icmp: None,
            vlans: wire::VlanTags::default(),
            numbers: ProbeNumbers::default(),
        };
        let verdict = shard.explain(played.rig.now(), &probe).verdict;
        verdict.reason().map_or(verdict.name(), |reason| reason.name())
    };
    for (call, server_says, client_says) in [
        (7, "forward", "gre_call_id"),
        (9, "gre_call_id", "forward"),
        (8, "forward", "gre_call_id"),
        (10, "gre_call_id", "forward"),
        (11, "gre_call_id", "gre_call_id"),
        (0, "gre_call_id", "gre_call_id"),
    ] {
        for _ in 0..2 {
            assert_eq!(explain(OUTSIDE, "192.0.2.69", "10.0.0.1", call), server_says, "{call}");
            assert_eq!(explain(INSIDE, "10.0.0.1", "192.0.2.69", call), client_says, "{call}");
        }
    }
    assert_eq!(count(&played, Counter::Claimed(Gateway::Pptp)), 1);
}
