//! Where a telephone is called, and where later requests of its calls go: one place for all, which outlasts each of them.

use std::time::Duration;

use engine::{Counter, Ended, Gateway, Limits, PortIndex, Time};
use testkit::packet::Frame;

use crate::children::{PHONE, REGISTRAR, register, registered, sip, telephony};
use crate::harness::{INSIDE, OUTSIDE, Rig};
use crate::transcript::{Step, inside, outcome, outside, play, swapped};

const CONTACT: &str = "Contact: <sip:p@10.0.0.1:5070>\r\n";
const STREAM: [&str; 2] = ["forward original stream s0", "forward reply stream s0"];

/// The telephone says something in the call of this identity.
fn says(time: f64, call: &str, start: &str, method: &str) -> Step {
    let text = sip(start, method, CONTACT, None).replace("Call-ID: c", &format!("Call-ID: {call}"));
    inside(time, &Frame::udp(PHONE, REGISTRAR, text), STREAM[0])
}

/// It is answered.
fn hears(time: f64, call: &str, start: &str) -> Step {
    let text = sip(start, "INVITE", "", None).replace("Call-ID: c", &format!("Call-ID: {call}"));
    outside(time, &swapped(Frame::udp(REGISTRAR, PHONE, text)), STREAM[1])
}

/// Someone calls it, from a port of the registrar's host that has not been heard of yet.
fn called(time: f64, port: u16, expected: &'static str) -> Step {
    let from = format!("192.0.2.69:{port}");
    let text = sip("INVITE sip:p@10.0.0.1 SIP/2.0", "INVITE", "", None);
    outside(time, &swapped(Frame::udp(from.as_str(), "10.0.0.1:5070", text)), expected)
}

fn registration() -> [Step; 2] {
    let contact = register("sip:p@10.0.0.1:5070");
    [
        inside(0.0, &Frame::udp(PHONE, REGISTRAR, contact), "forward original first s0 new"),
        outside(0.1, &registered(), STREAM[1]),
    ]
}

const INVITE: &str = "INVITE sip:b@b SIP/2.0";

/// A call that is refused neither takes a telephone's registration away nor shortens it to the time that it would ring.
#[test]
fn a_telephone_can_be_called_after_a_call_that_is_refused() {
    let mut steps = Vec::from(registration());
    steps.extend([
        says(1.0, "1", INVITE, "INVITE"),
        hears(1.1, "1", "SIP/2.0 407 Proxy Authentication Required"),
        called(1.2, 6001, "forward original first s1 new"),
        says(11.0, "2", INVITE, "INVITE"),
        called(599.9, 6002, "forward original first s2 new"),
        called(600.2, 6003, "drop no_rule"),
    ]);
    play(&telephony(), &steps);
}

/// It cannot be called after it has taken its registration back, from the registrar's agreement on.
#[test]
fn a_telephone_cannot_be_called_after_its_registration() {
    let back = register("sip:p@10.0.0.1:5070")
        .replace("expires=600", "expires=0")
        .replace("CSeq: 1", "CSeq: 2");
    let agreed = sip("SIP/2.0 200 OK", "REGISTER", "", None).replace("CSeq: 1", "CSeq: 2");
    let agreed = swapped(Frame::udp(REGISTRAR, PHONE, agreed));
    let mut steps = Vec::from(registration());
    steps.extend([
        called(1.0, 6001, "forward original first s1 new"),
        inside(2.0, &Frame::udp(PHONE, REGISTRAR, back), STREAM[0]),
        called(2.1, 6002, "forward original first s2 new"),
        outside(2.2, &agreed, STREAM[1]),
        called(2.3, 6003, "drop no_rule"),
        // Who is talking to it goes on.
        called(2.4, 6001, "forward original one_way s1"),
    ]);
    let played = play(&telephony(), &steps);
    let withdrawn = Counter::Unclaimed(Gateway::Sip, Ended::Withdrawn);
    assert_eq!(played.rig.cluster.counters().get(withdrawn), 1);
}

/// Nor does one that is made and ended.
#[test]
fn a_telephone_can_be_called_after_a_call_of_its_own() {
    let mut steps = Vec::from(registration());
    steps.extend([
        says(1.0, "1", INVITE, "INVITE"),
        hears(1.1, "1", "SIP/2.0 200 OK"),
        called(1.2, 6001, "forward original first s1 new"),
        says(10.0, "1", "BYE sip:b@b SIP/2.0", "BYE"),
        called(10.1, 6002, "forward original first s2 new"),
        called(599.9, 6003, "forward original first s3 new"),
    ]);
    play(&telephony(), &steps);
}

/// Requests of a call come while another of the same telephone has ended.
#[test]
fn a_call_s_end_leaves_the_place_to_the_other_call() {
    let invite = |time, call| says(time, call, INVITE, "INVITE");
    let first = sip("OPTIONS sip:x SIP/2.0", "OPTIONS", "", None);
    let steps = [
        inside(0.0, &Frame::udp(PHONE, REGISTRAR, first), "forward original first s0 new"),
        hears(0.1, "c", "SIP/2.0 200 OK"),
        called(0.5, 6000, "drop no_rule"),
        invite(1.0, "1"),
        hears(1.1, "1", "SIP/2.0 200 OK"),
        invite(2.0, "2"),
        hears(2.1, "2", "SIP/2.0 200 OK"),
        says(10.0, "2", "BYE sip:b@b SIP/2.0", "BYE"),
        called(1000.0, 6001, "forward original first s1 new"),
    ];
    play(&telephony(), &steps);
}

/// A host announces what it can, in sessions enough for more than a gateway may have. It puts out its own; a telephone that
/// has one place keeps it, and finds another.
#[test]
fn who_announces_most_gives_way() {
    let mut plan = telephony();
    plan.limits = Limits::new(60_000, 60_000);
    let mut rig = Rig::new(1, &plan.snapshot());
    let receive = |rig: &mut Rig, time: f64, step: (PortIndex, Frame)| {
        let now = Time::ZERO + Duration::from_secs_f64(time);
        let fate = rig.receive(now, step.0, step.1.bytes()).pop().expect("a fate");
        outcome(&fate)
    };
    let contact = register("sip:p@10.0.0.1:5070");
    receive(&mut rig, 0.0, (INSIDE, Frame::udp(PHONE, REGISTRAR, contact)));
    receive(&mut rig, 0.1, (OUTSIDE, registered()));
    for number in 0..1200_u16 {
        let call = sip(INVITE, "INVITE", "", Some(("10.0.0.66", 2000 + 8 * number)));
        let media = "m=audio PORT RTP/AVP 0\r\n";
        let more: String = (1..4)
            .map(|medium| media.replace("PORT", &(2000 + 8 * number + 2 * medium).to_string()))
            .collect();
        let (head, body) = call.split_once("\r\n\r\n").expect("a body");
        let head = head.rsplit_once(' ').expect("its length").0;
        let body = body.replace("a=rtcp-mux-only\r\n", "") + &more;
        let text = format!("{head} {}\r\n\r\n{body}", body.len())
            .replace("Call-ID: c", &format!("Call-ID: {number}"));
        let from = format!("10.0.0.66:{}", 20_000 + number / 120);
        receive(&mut rig, 1.0, (INSIDE, Frame::udp(from.as_str(), REGISTRAR, text)));
    }
    let evicted = Counter::Unclaimed(Gateway::Sip, Ended::Evicted);
    let evicted = rig.cluster.counters().get(evicted);
    assert!(evicted >= 1200 * 8 - 8192, "there were more than there may be: {evicted}");
    let text = sip("INVITE sip:p@10.0.0.1 SIP/2.0", "INVITE", "", None);
    let incoming = swapped(Frame::udp("192.0.2.69:6000", "10.0.0.1:5070", text));
    let outcome = receive(&mut rig, 2.0, (OUTSIDE, incoming));
    assert!(outcome.starts_with("forward original first"), "{outcome}");
    rig.check();
}
