//! Frames through the whole plane, over capture files: none is lost, none is invented, every mbuf comes back.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod site;

use std::collections::HashMap;
use std::time::Duration;

use dataplane::{
    Dataplane, PlaneConfig, Polling, PortConfig, Readback, SoftwareReason, Steering, Summary,
};
use engine::{Cause, Counter, Cut, EventKind};
use policy::{Action, RuleNames};
use site::{alone, balance, plane_of, player, snapshot, sum, wait_until_settled, written};
use test_case::test_case;
use testkit::netns::until;
use testkit::packet::{Frame, TCP, Tcp, UDP, Udp, flags, fragment_v4};

/// `each` datagrams of every one of so many conversations, mixed; the payload counts them.
fn datagrams(conversations: u16, each: u8) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for number in 0..each {
        for conversation in 0..conversations {
            let source = format!("10.0.{}.{}:40000", conversation / 200, conversation % 200 + 1);
            let payload = vec![number; 20];
            let udp = Udp { destination: 5000, payload, ..UDP };
            frames.push(Frame::udp(source.as_str(), "192.0.2.80:5000", udp.payload).bytes());
        }
    }
    frames
}

fn finish(plane: &Dataplane) -> Summary {
    let summary = plane.stop().expect("this is the first stop");
    assert!(summary.stuck.is_empty(), "{summary:?}");
    assert!(summary.dpdk.is_ok(), "every mbuf is back: {:?}", summary.dpdk);
    let (received, found) = balance(&summary.workers);
    assert_eq!(received, found);
    assert!(plane.stop().is_none() && plane.ports().is_empty() && plane.mbufs().is_empty());
    summary
}

#[test_case(Polling::Busy; "busy")]
#[test_case(Polling::Adaptive; "adaptive")]
fn what_the_policy_allows_goes_through_unchanged(polling: Polling) {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut inside = datagrams(50, 3);
        let unanswered = Tcp { flags: flags::SYN, ..TCP };
        inside.push(Frame::tcp("10.0.0.1:40000", "192.0.2.80:80", unanswered).bytes());
        inside.push(inside[0][..30].to_vec());
        let nowhere =
            Frame::tcp("192.0.2.80:80", "10.0.0.1:40000", Tcp { flags: flags::ACK, ..TCP });
        let outside = vec![nowhere.bytes()];
        let (lan, wan) =
            (player(folder.path(), "lan", &inside), player(folder.path(), "wan", &outside));
        let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
        let config = PlaneConfig { polling, ..plane_of(&[1], &lan, &wan) };
        let plane = Dataplane::start(&config, &snapshot).unwrap();
        let workers = wait_until_settled(&plane, inside.len() + 1);

        assert_eq!(workers.len(), 1);
        assert_eq!((workers[0].core, workers[0].generation), (1, 1));
        assert_eq!(workers[0].forwarded, 151);
        assert_eq!(workers[0].counters.dropped(), 2);
        assert_eq!(workers[0].counters.sessions(), 51);
        assert_eq!(workers[0].rule_hits[0].hits, 51);
        assert_eq!(workers[0].rule_hits[0].embryonic, 1);
        assert!(workers[0].rule_hits[0].last.is_some());
        // Shown when nobody reads, so perhaps by a later copy.
        until("the zones' half-open sessions are shown", Duration::from_secs(5), || {
            plane.workers()[0].half_open == [1, 0]
        });

        let ports = plane.ports();
        let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        assert_eq!(names, ["lan0", "wan0"]);
        assert_eq!(
            (ports[0].driver.as_str(), ports[0].device.as_str()),
            ("net_pcap", lan.as_str())
        );
        assert_eq!(ports[0].steering, Steering::OneWorker);
        assert_eq!((ports[0].stats.rx_packets, ports[1].stats.tx_packets), (152, 151));
        let mut starts = 0;
        let taken = plane.events(1000, &mut |event| {
            starts += usize::from(matches!(event.kind, EventKind::SessionStart));
        });
        assert_eq!((taken, starts), (51, 51));
        assert!(plane.mbufs()[0].total > 8192);
        finish(&plane);
        assert_eq!(written(folder.path(), "wan"), inside[..151]);
        assert!(written(folder.path(), "lan").is_empty());
    });
}

#[test]
fn two_workers_share_ports_that_have_one_queue() {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let inside = datagrams(100, 6);
        let (lan, wan) = (player(folder.path(), "lan", &inside), player(folder.path(), "wan", &[]));
        let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
        let plane = Dataplane::start(&plane_of(&[0, 1], &lan, &wan), &snapshot).unwrap();
        let workers = wait_until_settled(&plane, inside.len());

        assert_eq!(
            plane.ports()[0].steering,
            Steering::Software { reason: SoftwareReason::OneQueue, rss: None }
        );
        assert_eq!(workers[0].counters.get(Counter::Received), 600);
        assert_eq!(workers[1].counters.get(Counter::Received), 0);
        let strayed = workers[0].counters.get(Counter::HandedOver(Cause::NicHash));
        assert!(strayed > 100 && strayed < 500, "about half of them: {strayed}");
        assert_eq!(workers[1].counters.get(Counter::Accepted), strayed);
        let passed = workers[0].counters.get(Counter::HandedOver(Cause::TxQueue));
        assert_eq!(passed, 600 - strayed, "worker 0 has no transmit queue on wan0");
        assert_eq!(workers[1].counters.get(Counter::HandedOver(Cause::TxQueue)), 0);
        assert_eq!((workers[0].forwarded, workers[1].forwarded), (0, 600));
        let sessions = workers.iter().map(|worker| worker.counters.sessions());
        assert_eq!(sessions.sum::<u64>(), 100);
        finish(&plane);

        let out = written(folder.path(), "wan");
        assert_eq!(out.len(), 600);
        // Of each conversation, the datagrams come in the order in which they were sent.
        let mut next: HashMap<Vec<u8>, u8> = HashMap::new();
        for frame in out {
            let expected = next.entry(frame[26..30].to_vec()).or_default();
            assert_eq!(frame[42], *expected, "{frame:02x?}");
            *expected += 1;
        }
        assert!(next.values().all(|&count| count == 6));
    });
}

#[test]
fn fragments_meet_at_one_worker_and_what_is_held_is_freed_at_the_stop() {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut inside = Vec::new();
        for host in 1..=40 {
            let source = format!("10.0.0.{host}:40000");
            let whole = Frame::udp(source.as_str(), "192.0.2.80:5000", vec![host; 1000])
                .map_ipv4(|ip| testkit::packet::Ipv4 { identification: host.into(), ..ip });
            let pieces = fragment_v4(&whole, &[400, 800]);
            assert_eq!(pieces.len(), 3);
            // Of the last ten hosts, one piece never comes.
            let missing = usize::from(host > 30);
            inside.extend(pieces.iter().skip(missing).map(Frame::bytes));
        }
        let (lan, wan) = (player(folder.path(), "lan", &inside), player(folder.path(), "wan", &[]));
        let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
        let plane = Dataplane::start(&plane_of(&[0, 1], &lan, &wan), &snapshot).unwrap();
        let workers = wait_until_settled(&plane, inside.len());
        assert_eq!(sum(&workers, Counter::Held), 20);
        assert_eq!(workers.iter().map(|worker| worker.forwarded).sum::<u64>(), 90);
        assert!(sum(&workers, Counter::HandedOver(Cause::Fragment)) > 0);
        finish(&plane);
        assert_eq!(written(folder.path(), "wan").len(), 90);
    });
}

#[test]
fn a_rejected_packet_is_answered_by_the_port_it_came_by() {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let inside: Vec<Vec<u8>> = (1..=40)
            .map(|host| {
                let syn = Tcp { flags: flags::SYN, ..TCP };
                Frame::tcp(format!("10.0.0.{host}:40000").as_str(), "192.0.2.80:80", syn).bytes()
            })
            .collect();
        let (lan, wan) = (player(folder.path(), "lan", &inside), player(folder.path(), "wan", &[]));
        let snapshot = snapshot(1, Action::Reject, &mut RuleNames::new());
        let plane = Dataplane::start(&plane_of(&[0, 1], &lan, &wan), &snapshot).unwrap();
        let workers = wait_until_settled(&plane, inside.len());
        assert_eq!(sum(&workers, Counter::Rejected(Cut::RuleReject.into())), 40);
        assert_eq!(sum(&workers, Counter::Made), 40);
        let made_elsewhere = workers[1].counters.get(Counter::Made);
        assert!(made_elsewhere > 0);
        assert_eq!(workers[1].counters.get(Counter::HandedOver(Cause::TxQueue)), made_elsewhere);
        // What was made is no frame that was forwarded.
        assert!(workers.iter().all(|worker| worker.forwarded == 0 && worker.made_lost == 0));
        finish(&plane);
        let answers = written(folder.path(), "lan");
        assert_eq!(answers.len(), 40);
        assert!(answers.iter().all(|frame| frame[47] & flags::RST != 0));
    });
}

#[test]
fn hardware_that_hashes_gets_the_canonical_table() {
    alone(|| {
        let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
        let mut config = plane_of(&[0, 1], "net_null", "net_null,no-rx=1");
        let lan = &mut config.ports[0];
        *lan = PortConfig { queues: 1, ..lan.clone() };
        let plane = Dataplane::start(&config, &snapshot).unwrap();
        let ports = plane.ports();
        assert_eq!((ports[0].rx_queues, ports[0].tx_queues), (1, 1));
        assert_eq!((ports[1].rx_queues, ports[1].tx_queues), (2, 2));
        let Steering::Hardware(rss) = &ports[1].steering else { panic!("{}", ports[1].steering) };
        assert_eq!((rss.key_len, rss.table_len, rss.table), (40, 128, Readback::Same));
        assert!(!rss.granted.is_empty() && rss.left.is_empty(), "{}", ports[1].steering);
        finish(&plane);
    });
}
