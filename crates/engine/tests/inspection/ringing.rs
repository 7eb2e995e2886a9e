//! What a call announces while it rings is expected for as long as people let it ring, and no longer.

use policy::{ServiceItem, builtin_services};
use test_case::test_case;
use testkit::packet::Frame;

use crate::harness::Plan;
use crate::transcript::{Step, inside, outside, play};

/// A telephone, and who it is called by or calls.
const PHONE: &str = "10.0.0.1:2427";
const FAR: &str = "192.0.2.69:2727";

const RINGING: &str = "INVITE sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;rport\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
    Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0\r\n";
const MADE: &str = "200 2 OK\r\nI: F\r\n\r\nv=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0\r\n";

/// What the telephone says first, what is answered, and what the telephone says that announces where it listens.
#[test_case("sip", ["REGISTER sip:b SIP/2.0\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\r\n", "SIP/2.0 200 OK\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\n\r\n", RINGING]; "of SIP")]
#[test_case("mgcp", ["RSIP 1 *@gw MGCP 1.0\r\n", "CRCX 2 aaln/1@gw MGCP 1.0\r\nC: A3\r\n", MADE]; "of MGCP")]
fn media_are_expected_while_it_rings_and_not_later(service: &str, said: [&'static str; 3]) {
    let mut plan = Plan::new();
    let ports = builtin_services().iter().filter(|known| known.name == service);
    plan.policy.rules[0].services =
        ports.flat_map(|known| known.items()).collect::<Vec<ServiceItem>>();
    let far = if service == "sip" { "192.0.2.69:5060" } else { FAR };
    let says = |text: &'static str| Frame::udp(PHONE, far, text);
    let answers = |text: &'static str| Frame::udp(far, PHONE, text);
    let [first, answer, announcement] = said;
    let mut steps: Vec<Step> = vec![
        inside(0.0, &says(first), "forward original first s0 new"),
        outside(0.1, &answers(answer), "forward reply stream s0"),
        inside(1.0, &says(announcement), "forward original stream s0"),
    ];
    // Both sides show each other that they are there.
    for minute in [60.0, 120.0, 180.0] {
        steps.push(inside(minute, &says("\r\n"), "forward original stream s0"));
        steps.push(outside(minute + 0.1, &answers("\r\n"), "forward reply stream s0"));
    }
    let media = |to: &'static str| Frame::udp("192.0.2.69:40000", to, "rtp");
    steps.push(outside(200.9, &media("10.0.0.1:30000"), "forward original first s1 new"));
    steps.push(outside(201.1, &media("10.0.0.1:30001"), "drop no_rule"));
    play(&plan, &steps);
}
