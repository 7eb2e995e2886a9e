//! How long each state lives: as the configuration says for all, for a service, or for a rule.

use std::time::Duration;

use engine::{PortIndex, SessionFilter};
use policy::{ItemTraits, ServiceItem, ServiceMatch, TimeoutOverrides};
use session::{TimeoutClass, Timeouts};
use testkit::packet::flags::{ACK, FIN_ACK, RST, SYN, SYN_ACK};
use testkit::packet::{Chunk, Frame, IcmpError, SCTP, Sctp, Transport, chunk_type};

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::transcript::{CLIENT, CLIENT_IP, SERVER, SERVER_IP, down, swapped, up};

/// What leads from nothing to a session in the state of a class; none for what is no session.
fn way_to(class: TimeoutClass) -> Option<Vec<(PortIndex, Frame)>> {
    use TimeoutClass::*;
    let (query, answer) =
        (Frame::udp(CLIENT, SERVER, "ask"), swapped(Frame::udp(SERVER, CLIENT, "answer")));
    let tcp = [
        (INSIDE, up(SYN, 1000, 0, 0)),
        (OUTSIDE, down(SYN_ACK, 5000, 1001, 0)),
        (INSIDE, up(ACK, 1001, 5001, 0)),
        (INSIDE, up(FIN_ACK, 1001, 5001, 0)),
        (OUTSIDE, down(FIN_ACK, 5001, 1001, 0)),
        (INSIDE, up(ACK, 1002, 5002, 0)),
        (OUTSIDE, down(ACK, 5002, 1002, 0)),
    ];
    let established_and = |frame| [&tcp[..3], &[(OUTSIDE, frame)]].concat();
    let association = |chunks: usize| {
        let sctp = |verification_tag, chunk| Sctp { verification_tag, chunks: vec![chunk], ..SCTP };
        let all = [
            (INSIDE, sctp(0, Chunk::init(chunk_type::INIT, 10, 1))),
            (OUTSIDE, sctp(10, Chunk::init(chunk_type::INIT_ACK, 20, 1))),
            (INSIDE, sctp(20, Chunk::new(chunk_type::COOKIE_ECHO, *b"cookie"))),
            (OUTSIDE, sctp(10, Chunk::new(chunk_type::COOKIE_ACK, []))),
            (INSIDE, sctp(20, Chunk::new(chunk_type::SHUTDOWN, [0, 0, 0, 1]))),
        ];
        let all = all.into_iter().take(chunks).map(|(port, sctp)| match port {
            INSIDE => (port, Frame::sctp(CLIENT, SERVER, sctp)),
            _ => (port, swapped(Frame::sctp(SERVER, CLIENT, sctp))),
        });
        all.collect()
    };
    let other = |protocol, octets: &[u8]| {
        vec![(INSIDE, Frame::ip(CLIENT_IP, SERVER_IP, Transport::Raw(protocol, octets.to_vec())))]
    };
    Some(match class {
        TcpSynSent => tcp[..1].to_vec(),
        TcpSynReceived => tcp[..2].to_vec(),
        TcpEstablished => tcp[..3].to_vec(),
        TcpHalfClosed => tcp[..4].to_vec(),
        TcpClosing => tcp[..5].to_vec(),
        TcpTimeWait => tcp[..7].to_vec(),
        TcpClosed => established_and(down(RST, 5001, 0, 0)),
        TcpRstUnverified => established_and(down(RST, 5050, 0, 0)),
        UdpFirst => vec![(INSIDE, query)],
        UdpOneWay => vec![(INSIDE, query.clone()), (INSIDE, query)],
        UdpStream | UdpAnswered => vec![(INSIDE, query), (OUTSIDE, answer)],
        UdpUnreachable => {
            let error = Frame::icmp_error("198.51.100.1", IcmpError::PortUnreachable, &query, 8);
            vec![(INSIDE, query), (OUTSIDE, error)]
        }
        Icmp => vec![(INSIDE, Frame::echo_request(CLIENT_IP, SERVER_IP, 1, 1))],
        SctpInit => association(1),
        SctpEstablished => association(4),
        SctpShutdown => association(5),
        Gre => other(47, &[0, 0, 8, 0]),
        Esp => other(50, &[0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9]),
        Other => other(89, &[2, 1, 0, 44]),
        Fragment | Expectation => return None,
    })
}

/// Another number for each class and level. An unreachable side only ever shortens a life, so its is the least.
fn timeout(level: u64, class: TimeoutClass) -> Duration {
    if class == TimeoutClass::UdpUnreachable {
        return Duration::from_secs(10 + level);
    }
    Duration::from_secs(1000 * level + 100 + class.index() as u64)
}

fn overrides(level: u64, but: Option<TimeoutClass>) -> TimeoutOverrides {
    let classes = TimeoutClass::ALL.iter().filter(|class| Some(**class) != but);
    TimeoutOverrides::new(classes.map(|class| (class.index(), timeout(level, *class))))
}

fn is_error(frame: &Frame) -> bool {
    wire::parse(&frame.bytes()).is_ok_and(|headers| match headers.transport {
        wire::Transport::Icmp(message) => message.class == wire::IcmpKind::Error,
        _ => false,
    })
}

/// How long the one session that these frames make has to live from the last packet that is its own on. An error is none,
/// and comes a millisecond later.
fn left(plan: &mut Plan, frames: &[(PortIndex, Frame)]) -> Duration {
    let mut rig = Rig::new(1, &plan.snapshot());
    for (port, frame) in frames {
        for fate in rig.receive(rig.now() + Duration::from_millis(1), *port, frame.bytes()) {
            assert_eq!(fate.judgement.verdict, engine::Verdict::Forward, "{fate:?}");
        }
    }
    let mut found = Vec::new();
    let all = SessionFilter::default();
    let _ =
        rig.cluster.shards()[0].list(rig.now(), 0, 100, &all, &mut |view| found.push(view.left));
    let [left] = found[..] else { panic!("one session, not {found:?}") };
    let since = u64::from(frames.last().is_some_and(|(_, frame)| is_error(frame)));
    left + Duration::from_millis(since)
}

/// Of each state of each protocol: the default, the global number, the service's before that, and the rule's before both; a
/// rule or a service that says nothing of a class leaves it to the next.
#[test]
fn every_state_has_its_timeout_by_configuration_service_and_rule() {
    let mut states = 0;
    for &class in TimeoutClass::ALL {
        let Some(frames) = way_to(class) else { continue };
        states += 1;
        let answered = class == TimeoutClass::UdpAnswered;
        let service = |timeouts| ServiceItem {
            service: "own".to_owned(),
            matches: ServiceMatch::Any,
            traits: ItemTraits { answered, timeouts, ..ItemTraits::NONE },
        };
        let mut plan = Plan::new();
        let of_all = |plan: &mut Plan, level| {
            plan.timeouts = Timeouts::default();
            if level > 0 {
                TimeoutClass::ALL
                    .iter()
                    .for_each(|&one| plan.timeouts.set(one, timeout(level, one)));
            }
        };
        let none = TimeoutOverrides::EMPTY;
        let every = |level| overrides(level, None);
        let but = |level| overrides(level, Some(class));
        for (global, of_service, of_rule, expected) in [
            (1, none.clone(), none.clone(), 1),
            (1, every(2), none.clone(), 2),
            (1, every(2), every(3), 3),
            (1, none.clone(), every(3), 3),
            (1, every(2), but(3), 2),
            (1, but(2), but(3), 1),
        ] {
            of_all(&mut plan, global);
            plan.policy.rules[0].services = vec![service(of_service)];
            plan.policy.rules[0].timeouts = of_rule;
            assert_eq!(
                left(&mut plan, &frames),
                timeout(expected, class),
                "{class} by level {expected}"
            );
        }
        of_all(&mut plan, 0);
        plan.policy.rules[0].services = vec![service(none.clone())];
        plan.policy.rules[0].timeouts = none;
        let default = match class {
            // By default nothing is shortened.
            TimeoutClass::UdpUnreachable => TimeoutClass::UdpFirst,
            _ => class,
        };
        assert_eq!(left(&mut plan, &frames), default.default_timeout(), "{class} by default");
    }
    assert_eq!(states, TimeoutClass::ALL.len() - 2, "all but fragments and expectations");
}
