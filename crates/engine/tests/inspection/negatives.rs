//! The captures of what must not pass, with gateways on: not only how many frames, as in `captures_gateways.txt`, but which
//! ones and why; and that the box would have let in what was announced by right at that moment.

use engine::{
    Counter, DropReason, Ended, EventKind, Gateway, Probe, ProbeNumbers, Remark, Verdict,
};
use policy::LogWhen;

use crate::captures::{arrivals, captures, read_services};
use crate::harness::{Arrival, INSIDE, OUTSIDE, Plan, Rig};

/// A capture's frames; none without the cases.
fn recorded(name: &str) -> Option<Vec<Arrival>> {
    let captures = captures()?;
    Some(arrivals(captures.iter().find(|capture| capture.name == name).expect("it is collected")))
}

/// A box that lets control conversations out, and nothing else.
fn rig() -> Rig {
    let mut plan = Plan::new();
    plan.policy.rules[0].services = read_services();
    plan.policy.rules[0].log = LogWhen::Both;
    let mut rig = Rig::new(1, &plan.snapshot());
    rig.cluster.on_the_wire(false);
    rig
}

/// What becomes of the next frame.
fn receive(rig: &mut Rig, Arrival { wait, port, octets }: &Arrival) -> Verdict {
    let now = rig.now() + *wait;
    let fates = rig.receive(now, *port, octets.clone());
    fates.last().expect("nothing is held").judgement.verdict
}

/// Whether a first packet from outside would pass now.
fn would_pass(rig: &Rig, protocol: u8, source: (&str, u16), destination: (&str, u16)) -> bool {
    let probe = Probe {
        in_port: OUTSIDE,
        protocol,
        source: (source.0.parse().unwrap(), source.1),
        destination: (destination.0.parse().unwrap(), destination.1),
        flags: wire::TcpFlags::SYN,
        icmp: None,
        vlans: wire::VlanTags::default(),
        numbers: ProbeNumbers::default(),
    };
    rig.cluster.shards()[0].explain(rig.now(), &probe).verdict == Verdict::Forward
}

fn says(frame: &Arrival, text: &str) -> bool {
    frame.octets.windows(text.len()).any(|window| window == text.as_bytes())
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// A client has the server called back at itself, and in a second conversation at the web server of another host: that
/// PORT does not reach the server, is logged, and opens nothing.
#[test]
fn a_bounce_is_told_from_a_port_of_one_s_own() {
    let Some(frames) = recorded("ftp/ftp-bounce.pcap") else { return };
    let bounced = Verdict::Drop(DropReason::Gateway(Remark::Bounce));
    let mut rig = rig();
    let (mut own, mut others) = (0, 0);
    for frame in &frames {
        let verdict = receive(&mut rig, frame);
        let is_others = says(frame, "PORT 2,2,2,3,0,80\r\n");
        // What is said behind it waits for it, as it does at the server.
        let waits = others > 0 && says(frame, "QUIT\r\n");
        assert_eq!(verdict, if is_others || waits { bounced } else { Verdict::Forward });
        own += usize::from(says(frame, "PORT 1,1,1,2,232,157\r\n"));
        others += usize::from(is_others);
        if says(frame, "PORT 1,1,1,2,232,157\r\n") {
            assert!(would_pass(&rig, TCP, ("2.2.2.1", 20), ("1.1.1.2", 59_549)), "the server");
            assert!(!would_pass(&rig, TCP, ("2.2.2.3", 20), ("1.1.1.2", 59_549)), "another host");
        }
        assert!(!would_pass(&rig, TCP, ("2.2.2.1", 20), ("2.2.2.3", 80)));
    }
    assert_eq!((own, others), (1, 1));
    let bounces = rig.cluster.events().filter(|event| {
        matches!(event.kind, EventKind::Remark { remark: Remark::Bounce, refused: true, .. })
    });
    assert_eq!(bounces.count(), 1, "logged once a session");
}

/// Five hundred ports in one conversation, all of a host that does not take part in it: not one is expected.
#[test]
fn many_ports_of_another_host_open_nothing() {
    let Some(frames) = recorded(MANY_PORTS) else { return };
    let mut rig = rig();
    for frame in &frames {
        let bounced = Verdict::Drop(DropReason::Gateway(Remark::Bounce));
        let asks = says(frame, "PORT 10,0,0,200,");
        assert_eq!(receive(&mut rig, frame), if asks { bounced } else { Verdict::Forward });
        assert_eq!(rig.cluster.counters().expectations(), 0);
    }
}

const MANY_PORTS: &str = "ftp/ftp-many-port-expectations.pcap.gz";

/// The same where the ports are the client's own: eight are expected at a time, the last ones.
#[test]
fn many_ports_of_one_s_own_are_bounded() {
    let Some(mut frames) = recorded(MANY_PORTS) else { return };
    let mut rig = rig();
    let mut asked = Vec::new();
    for frame in &mut frames {
        // The client is the host whose ports it names.
        let at = if frame.port == INSIDE { 26 } else { 30 };
        assert_eq!(frame.octets[at..at + 4], [10, 0, 0, 1]);
        frame.octets[at + 3] = 200;
        assert_eq!(receive(&mut rig, frame), Verdict::Forward);
        if says(frame, "PORT 10,0,0,200,") {
            asked.push(20_001 + u16::try_from(asked.len()).expect("a few hundred"));
            let is_open = |port| would_pass(&rig, TCP, ("10.0.0.2", 20), ("10.0.0.200", port));
            assert!(is_open(asked[asked.len() - 1]), "the last");
            let first = asked.len().saturating_sub(8);
            assert!(first == 0 || !is_open(asked[first - 1]), "the ninth before it");
        }
        assert!(rig.cluster.counters().expectations() <= 8);
    }
    assert_eq!(asked.len(), 500);
    let counters = rig.cluster.counters();
    let evicted = counters.get(Counter::Unclaimed(Gateway::Ftp, Ended::Evicted));
    assert_eq!((counters.get(Counter::Published(Gateway::Ftp)), evicted), (500, 492));
}

/// The RTP of this capture goes to another host, and to other ports, than was set up: it is dropped for want of a rule, to
/// the last packet, while the very streams that were set up would pass.
#[test]
fn media_that_were_not_set_up_are_strangers() {
    let Some(frames) = recorded("rtsp/rtsp-rtp-160k.pcap") else { return };
    let mut rig = rig();
    let (mut media, mut set_up) = (0, false);
    for frame in &frames {
        let is_media = frame.octets[23] == UDP;
        let verdict = receive(&mut rig, frame);
        if is_media {
            media += 1;
            assert_eq!(verdict.reason().map(|reason| reason.name()), Some("no_rule"));
        } else {
            assert_eq!(verdict, Verdict::Forward);
        }
        if says(frame, "client_port=1024-1025;server_port=1024-1025") {
            set_up = true;
            assert!(would_pass(&rig, UDP, ("22.0.0.10", 1024), ("21.0.0.12", 1024)), "set up");
        }
        assert!(!would_pass(&rig, UDP, ("22.0.0.10", 10_004), ("21.0.0.16", 10_004)));
        assert!(!would_pass(&rig, UDP, ("22.0.0.10", 10_004), ("21.0.0.12", 1024)), "its port");
    }
    assert_eq!((media, set_up), (1331, true));
    assert_eq!(rig.cluster.counters().get(Counter::Claimed(Gateway::Rtsp)), 0);
}
