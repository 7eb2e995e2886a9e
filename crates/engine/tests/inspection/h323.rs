//! Calls of H.323 through the box: registration, fast start, H.245 on a connection of its own and in a tunnel.
//!
//! The messages are those of `testkit::h323`; the policy lets the caller out to the service by name and nothing in.

use engine::{Counter, EventKind, Gateway, Remark};
use policy::{LogWhen, Rule, ServiceItem, builtin_services};
use testkit::h323::{in_tpkt, message};
use testkit::packet::flags::{ACK, PSH_ACK, SYN, SYN_ACK};
use testkit::packet::{Frame, TCP, Tcp};

use crate::harness::Plan;
use crate::transcript::{Played, Step, inside, outside, play_with, swapped};

const CALLER: &str = "10.0.0.1:40000";
const CALLED: &str = "192.0.2.1:1720";

fn plan() -> Plan {
    let mut plan = Plan::new();
    let h323 = builtin_services().iter().find(|service| service.name == "h323");
    plan.policy.rules[0] = Rule {
        services: h323.expect("a service").items().collect(),
        log: LogWhen::Both,
        ..plan.policy.rules[0].clone()
    };
    plan
}

/// A TCP connection whose sides speak in turn.
struct Connection {
    client: &'static str,
    server: &'static str,
    /// The client is inside.
    outward: bool,
    /// The number of its session.
    session: usize,
    /// The next number of the client, and of the server.
    next: [u32; 2],
}

impl Connection {
    fn new(client: &'static str, server: &'static str, session: usize) -> Self {
        let outward = client.starts_with("10.");
        Self { client, server, outward, session, next: [100, 500] }
    }

    fn step(&self, time: f64, by_client: bool, tcp: Tcp, expected: String) -> Step {
        let frame = if by_client {
            Frame::tcp(self.client, self.server, tcp)
        } else {
            Frame::tcp(self.server, self.client, tcp)
        };
        let expected = expected.leak();
        match by_client == self.outward {
            true => inside(time, &frame, expected),
            false => outside(time, &swapped(frame), expected),
        }
    }

    fn handshake(&self, time: f64) -> [Step; 3] {
        let session = self.session;
        let [client, server] = self.next;
        let tcp =
            |flags, sequence, acknowledgement| Tcp { flags, sequence, acknowledgement, ..TCP };
        [
            (true, tcp(SYN, client - 1, 0), format!("forward original syn_sent s{session} new")),
            (
                false,
                tcp(SYN_ACK, server - 1, client),
                format!("forward reply syn_received s{session}"),
            ),
            (true, tcp(ACK, client, server), format!("forward original established s{session}")),
        ]
        .map(|(by_client, tcp, expected)| self.step(time, by_client, tcp, expected))
    }

    /// One side says something, in segments of so many octets.
    fn says(&mut self, time: f64, by_client: bool, octets: &[u8], size: usize) -> Vec<Step> {
        let (own, other) = if by_client { (0, 1) } else { (1, 0) };
        let direction = if by_client { "original" } else { "reply" };
        octets
            .chunks(size)
            .map(|payload| {
                let tcp = Tcp {
                    flags: PSH_ACK,
                    sequence: self.next[own],
                    acknowledgement: self.next[other],
                    payload: payload.to_vec(),
                    ..TCP
                };
                self.next[own] += u32::try_from(payload.len()).unwrap();
                let expected = format!("forward {direction} established s{}", self.session);
                self.step(time, by_client, tcp, expected)
            })
            .collect()
    }
}

fn count(played: &Played, counter: Counter) -> u64 {
    played.rig.cluster.counters().get(counter)
}

fn media(from: &str, to: &str) -> Frame {
    Frame::udp(from, to, "rtp")
}

/// Plays the same with one worker and with more.
fn play(steps: impl Fn() -> Vec<Step>, check: impl Fn(&Played)) {
    for workers in [1, 2, 4] {
        check(&play_with(workers, &plan(), &steps()));
    }
}

#[test]
fn fast_start_opens_media_both_ways() {
    play(
        || {
            let mut call = Connection::new(CALLER, CALLED, 0);
            let mut steps = Vec::from(call.handshake(0.0));
            let early = || swapped(media("192.0.2.1:6000", "10.0.0.1:5004"));
            steps.push(outside(0.1, &early(), "drop no_rule"));
            steps.extend(call.says(0.2, true, &message("call_setup_fast"), 60));
            let reports = |from| swapped(media(from, "10.0.0.1:5005"));
            steps.push(outside(
                0.25,
                &swapped(media("192.0.2.2:6000", "10.0.0.1:5004")),
                "drop no_rule",
            ));
            // What the called party sends before it answers is heard.
            steps.push(outside(0.3, &early(), "forward original first s1 new"));
            steps.push(outside(0.3, &reports("192.0.2.1:6001"), "forward original first s2 new"));
            steps.push(outside(0.4, &reports("192.0.2.1:6003"), "drop no_rule"));
            steps.extend(call.says(0.5, false, &message("call_connect_fast"), 1000));
            steps.push(inside(
                0.6,
                &media("10.0.0.1:5004", "192.0.2.1:6000"),
                "forward reply stream s1",
            ));
            steps.push(inside(
                0.6,
                &media("10.0.0.1:5006", "192.0.2.1:6001"),
                "forward original first s3 new",
            ));
            steps.push(inside(0.7, &media("10.0.0.1:5006", "192.0.2.1:6002"), "drop no_rule"));
            steps
        },
        |played| {
            assert_eq!(count(played, Counter::Published(Gateway::H323)), 4);
            assert_eq!(count(played, Counter::Claimed(Gateway::H323)), 3);
        },
    );
}

/// Call signalling announces H.245, which is read in its turn and announces media.
#[test]
fn h245_on_a_connection_of_its_own_is_read() {
    play(
        || {
            let mut call = Connection::new(CALLER, CALLED, 0);
            let mut control = Connection::new("10.0.0.1:40001", "192.0.2.1:3230", 1);
            let before = control.step(
                0.1,
                true,
                Tcp { flags: SYN, sequence: 1, ..TCP },
                "drop no_rule".to_owned(),
            );
            let mut steps = Vec::from(call.handshake(0.0));
            steps.push(before);
            steps.extend(call.says(0.2, true, &message("call_setup"), 1000));
            steps.extend(call.says(0.3, false, &message("call_connect_h245"), 1000));
            steps.extend(control.handshake(0.4));
            // By another connection to the same place nobody comes.
            let second = Connection::new("10.0.0.1:40002", "192.0.2.1:3230", 9);
            let again = Tcp { flags: SYN, sequence: 1, ..TCP };
            steps.push(second.step(0.5, true, again, "drop no_rule".to_owned()));
            let to_caller = || swapped(media("192.0.2.1:6001", "10.0.0.1:5005"));
            let to_called = || media("10.0.0.1:5004", "192.0.2.1:6000");
            steps.push(outside(0.6, &to_caller(), "drop no_rule"));
            for (time, by_client, name) in [
                (0.7, true, "h245_tcs"),
                (0.8, false, "h245_tcs_ack"),
                (0.9, true, "h245_olc"),
                (1.0, false, "h245_olc_ack"),
            ] {
                steps.extend(control.says(time, by_client, &in_tpkt(&message(name)), 7));
            }
            steps.push(outside(1.1, &to_caller(), "forward original first s2 new"));
            steps.push(inside(1.1, &to_called(), "forward original first s3 new"));
            // Whoever else; and whoever comes late.
            steps.push(inside(1.2, &media("10.0.0.2:5004", "192.0.2.1:6001"), "drop no_rule"));
            steps.push(inside(202.0, &media("10.0.0.1:5009", "192.0.2.1:6001"), "drop no_rule"));
            steps
        },
        |played| {
            assert_eq!(count(played, Counter::Claimed(Gateway::H323)), 3);
            let starts =
                played.events.iter().filter(|it| matches!(it.kind, EventKind::SessionStart));
            let starts: Vec<_> = starts.collect();
            assert!(starts.iter().all(|it| it.gateway == Some(Gateway::H323)));
            let parents: Vec<_> = starts.iter().map(|it| it.parent.map(|it| it.created)).collect();
            assert_eq!(
                parents,
                [None, Some(starts[0].time), Some(starts[1].time), Some(starts[1].time)]
            );
        },
    );
}

#[test]
fn h245_in_a_tunnel_is_read() {
    play(
        || {
            let mut call = Connection::new(CALLER, CALLED, 0);
            let mut steps = Vec::from(call.handshake(0.0));
            for (time, by_client, name) in [
                (0.1, true, "call_setup"),
                (0.2, false, "call_connect"),
                (0.3, true, "call_facility_olc"),
                (0.4, false, "call_facility_olc_ack"),
            ] {
                steps.extend(call.says(time, by_client, &message(name), 100));
            }
            let to_caller = swapped(media("192.0.2.1:6001", "10.0.0.1:5005"));
            steps.push(outside(0.5, &to_caller, "forward original first s1 new"));
            let to_called = media("10.0.0.1:5004", "192.0.2.1:6000");
            steps.push(inside(0.5, &to_called, "forward original first s2 new"));
            steps
        },
        |played| assert_eq!(count(played, Counter::Claimed(Gateway::H323)), 2),
    );
}

/// A gatekeeper that an endpoint has registered with may call it; the call is read, and its media come.
#[test]
fn a_registered_endpoint_is_called() {
    const ENDPOINT: &str = "10.0.0.1:1719";
    const GATEKEEPER: &str = "192.0.2.1:1719";
    play(
        || {
            let ras = |name| Frame::udp(ENDPOINT, GATEKEEPER, message(name));
            let answer = |name| swapped(Frame::udp(GATEKEEPER, ENDPOINT, message(name)));
            let mut call = Connection::new("192.0.2.1:50000", "10.0.0.1:1720", 1);
            let stranger = Connection::new("192.0.2.2:50000", "10.0.0.1:1720", 9);
            let syn = || Tcp { flags: SYN, sequence: 1, ..TCP };
            let mut steps = vec![
                inside(0.0, &ras("ras_rrq"), "forward original first s0 new"),
                call.step(0.1, true, syn(), "drop no_rule".to_owned()),
                outside(0.2, &answer("ras_rcf"), "forward reply stream s0"),
                stranger.step(0.3, true, syn(), "drop no_rule".to_owned()),
            ];
            steps.extend(call.handshake(0.4));
            // The gatekeeper is the caller here, so what it proposes would be at the endpoint's own host.
            steps.extend(call.says(0.5, true, &message("call_setup_fast"), 1000));
            let ringing = [
                inside(0.6, &media("10.0.0.1:5004", "192.0.2.1:6000"), "drop no_rule"),
                outside(0.6, &swapped(media("192.0.2.1:6000", "10.0.0.1:5004")), "drop no_rule"),
            ];
            steps.extend(ringing);
            steps
        },
        |played| {
            assert_eq!(count(played, Counter::Published(Gateway::H323)), 3);
            assert_eq!(count(played, Counter::Shared(Gateway::H323)), 1);
        },
    );
}

#[test]
fn it_is_not_read_unless_the_rule_names_it() {
    let mut plan = plan();
    plan.policy.rules[0].services = vec![ServiceItem::ANY];
    let mut call = Connection::new(CALLER, CALLED, 0);
    let mut steps = Vec::from(call.handshake(0.0));
    steps.extend(call.says(0.1, true, &message("call_setup_fast"), 1000));
    steps.push(outside(0.2, &swapped(media("192.0.2.1:6000", "10.0.0.1:5004")), "drop no_rule"));
    let played = play_with(1, &plan, &steps);
    assert_eq!(count(&played, Counter::Published(Gateway::H323)), 0);
}

#[test]
fn a_third_host_is_remarked_on() {
    let mut call = Connection::new(CALLER, CALLED, 0);
    let mut steps = Vec::from(call.handshake(0.0));
    steps.extend(call.says(0.1, true, &message("call_setup"), 1000));
    steps.extend(call.says(0.2, false, &message("call_connect_h245_third"), 1000));
    let syn = Tcp { flags: SYN, sequence: 1, ..TCP };
    let elsewhere = Connection::new("10.0.0.1:40001", "198.51.100.7:3230", 9);
    steps.push(elsewhere.step(0.3, true, syn, "drop no_rule".to_owned()));
    let played = play_with(1, &plan(), &steps);
    assert_eq!(count(&played, Counter::Published(Gateway::H323)), 0);
    assert_eq!(count(&played, Counter::Remarked(Gateway::H323, Remark::Bounce)), 1);
}
