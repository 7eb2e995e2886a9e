//! The protocols other than TCP, and what holds for all.

use test_case::test_case;
use wire::{
    Class, Descriptor, IcmpKind, IcmpMessage, IpOptions, Quoted, SctpPacket, SeqNum, TcpFlags,
    TcpSegment, Transport, UdpDatagram, VlanTags,
};

use super::*;
use Direction::{Original as O, Reply as R};

const NOW: Time = Time::ZERO;

fn packet(protocol: u8, transport: Transport) -> Descriptor {
    Descriptor {
        vlans: VlanTags::default(),
        class: Class::Ipv4,
        l3: 14,
        l4: 34,
        end: 60,
        source: [192, 0, 2, 1].into(),
        destination: [198, 51, 100, 1].into(),
        protocol,
        ttl: 64,
        fragment: None,
        options: IpOptions::default(),
        transport,
    }
}

fn udp() -> Descriptor {
    let datagram =
        UdpDatagram { source_port: 40_000, destination_port: 53, payload: 30, has_checksum: true };
    packet(17, Transport::Udp(datagram))
}

fn icmp(kind: u8, class: IcmpKind) -> Descriptor {
    packet(1, Transport::Icmp(IcmpMessage { kind, code: 0, id: 7, class }))
}

fn sctp(chunk: u8, chunk_flags: u8, verification_tag: u32, initiate_tag: u32) -> Descriptor {
    let packet_ = SctpPacket {
        source_port: 40_000,
        destination_port: 3868,
        verification_tag,
        chunk,
        chunk_flags,
        initiate_tag: Some(initiate_tag).filter(|_| matches!(chunk, 1 | 2)),
    };
    packet(132, Transport::Sctp(packet_))
}

fn syn() -> Descriptor {
    let segment = TcpSegment {
        source_port: 40_000,
        destination_port: 80,
        seq: SeqNum(1000),
        ack: SeqNum(0),
        flags: TcpFlags::SYN,
        window: 1000,
        payload: 0,
        window_scale: None,
        sack_permitted: false,
        sack_right: None,
    };
    packet(6, Transport::Tcp(segment))
}

fn quoted(icmp_type: Option<u8>, verification_tag: Option<u32>) -> Quoted {
    Quoted {
        source: [192, 0, 2, 1].into(),
        destination: [198, 51, 100, 1].into(),
        protocol: 0,
        source_port: 0,
        destination_port: 0,
        seq: None,
        icmp_type,
        verification_tag,
        length: 100,
    }
}

#[test]
fn a_track_fits_half_a_cache_line() {
    assert_eq!((size_of::<Track>(), align_of::<Track>()), (32, 4));
    assert_eq!(size_of::<TcpTrack>(), 32);
    assert_eq!(Track::default(), Track::Unused);
    let unused = Track::default().judge(O, &udp(), NOW);
    assert_eq!(unused, Judgement::Refuse(Refusal::ProtocolMismatch));
}

#[test]
fn udp_goes_from_first_to_stream() {
    let mut track = Track::open(&udp()).unwrap();
    assert_eq!((track.state_name(), track.timeout_class()), ("first", TimeoutClass::UdpFirst));
    for (direction, state, class, eviction) in [
        (O, "one_way", TimeoutClass::UdpOneWay, EvictionClass::OneWay),
        (O, "one_way", TimeoutClass::UdpOneWay, EvictionClass::OneWay),
        (R, "stream", TimeoutClass::UdpStream, EvictionClass::Never),
        (R, "stream", TimeoutClass::UdpStream, EvictionClass::Never),
        (O, "stream", TimeoutClass::UdpStream, EvictionClass::Never),
        (R, "stream", TimeoutClass::UdpStream, EvictionClass::Never),
    ] {
        assert_eq!(track.judge(direction, &udp(), NOW), Judgement::Pass);
        assert_eq!((track.state_name(), track.timeout_class()), (state, class));
        assert_eq!(track.eviction_class(), eviction);
    }
}

/// A settled conversation stays as it is, whoever speaks; it is settled when both have spoken and nobody is unreachable,
/// and never if it ends with an answer.
#[test]
fn what_is_settled_no_datagram_changes() {
    let seen = |track: &Track| {
        (track.state_name(), track.phase(), track.timeout_class(), track.eviction_class())
    };
    let settled = |track: &Track| matches!(track, Track::Udp(udp) if udp.is_settled());
    for ends_with_answer in [false, true] {
        // Each number is a history of five: a datagram or an error that reports one, in either direction.
        for history in 0..1024_u32 {
            let mut track = Track::open(&udp()).unwrap();
            if ends_with_answer {
                track.end_with_answer();
            }
            for event in 0..5 {
                let direction = if history >> (2 * event) & 1 == 0 { O } else { R };
                if history >> (2 * event) & 2 == 0 {
                    track.judge(direction, &udp(), NOW);
                } else {
                    track.report_unreachable(direction);
                }
            }
            let changes = [O, R].map(|direction| {
                let mut next = track;
                assert_eq!(next.judge(direction, &udp(), NOW), Judgement::Pass);
                seen(&next) != seen(&track)
            });
            let is_stream = track.timeout_class() == TimeoutClass::UdpStream;
            assert_eq!(settled(&track), is_stream && !ends_with_answer, "{track:?}");
            if settled(&track) {
                assert_eq!(changes, [false; 2], "{track:?}");
            }
        }
    }
}

#[test]
fn a_query_service_ends_when_every_query_has_its_answer() {
    let mut track = Track::open(&udp()).unwrap();
    track.end_with_answer();
    for (direction, state) in [
        (R, "answered"),
        (O, "stream"),
        (O, "stream"),
        (R, "stream"),
        (R, "answered"),
        (R, "answered"),
        (O, "stream"),
        (R, "answered"),
    ] {
        assert_eq!(track.judge(direction, &udp(), NOW), Judgement::Pass);
        assert_eq!(track.state_name(), state);
    }
    assert_eq!(track.timeout_class(), TimeoutClass::UdpAnswered);
    // More queries than can be counted: never taken for answered.
    for _ in 0..300 {
        track.judge(O, &udp(), NOW);
    }
    for _ in 0..400 {
        track.judge(R, &udp(), NOW);
    }
    assert_eq!(track.timeout_class(), TimeoutClass::UdpStream);
}

#[test_case(0, IcmpKind::Reply => Refusal::IcmpReplyWithoutQuery; "reply")]
#[test_case(3, IcmpKind::Error => Refusal::IcmpType; "error")]
#[test_case(5, IcmpKind::Other => Refusal::IcmpType; "redirect")]
fn only_a_query_opens(kind: u8, class: IcmpKind) -> Refusal {
    Track::open(&icmp(kind, class)).unwrap_err()
}

#[test]
fn an_echo_is_answered_in_its_direction_only() {
    let mut track = Track::open(&icmp(8, IcmpKind::Query)).unwrap();
    assert_eq!((track.state_name(), track.protocol_label()), ("query", "icmp"));
    for (direction, kind, class, expected) in [
        (O, 8, IcmpKind::Query, Judgement::Pass),
        (O, 0, IcmpKind::Reply, Judgement::Refuse(Refusal::IcmpDirection)),
        (R, 8, IcmpKind::Query, Judgement::Refuse(Refusal::IcmpDirection)),
        (R, 14, IcmpKind::Reply, Judgement::Refuse(Refusal::IcmpReplyMismatch)),
        (R, 0, IcmpKind::Reply, Judgement::Pass),
        (O, 13, IcmpKind::Query, Judgement::Reopen),
        (R, 3, IcmpKind::Error, Judgement::Refuse(Refusal::IcmpType)),
    ] {
        assert_eq!(
            track.judge(direction, &icmp(kind, class), NOW),
            expected,
            "{direction:?} {kind}"
        );
    }
    assert_eq!(track.state_name(), "answered");
    assert_eq!(track.relate(O, &quoted(Some(8), None)), Ok(()));
    assert_eq!(track.relate(R, &quoted(Some(0), None)), Ok(()));
    assert_eq!(track.relate(R, &quoted(Some(8), None)), Err(Refusal::IcmpQuoteType));
    assert_eq!(track.relate(O, &quoted(None, None)), Err(Refusal::IcmpQuoteTruncated));
}

/// Chunks by their numbers: 1 INIT, 2 INIT ACK, 10 COOKIE ECHO, 11 COOKIE ACK, 0 DATA, 7, 8, 14 the shutdown.
fn association() -> Track {
    let mut track = Track::open(&sctp(1, 0, 0, 0xa)).unwrap();
    for (direction, chunk, tag, initiate, state) in [
        (R, 2, 0xa, 0xb, "init_ack"),
        (O, 10, 0xb, 0, "cookie_echoed"),
        (R, 11, 0xa, 0, "established"),
        (O, 0, 0xb, 0, "established"),
    ] {
        let judgement = track.judge(direction, &sctp(chunk, 0, tag, initiate), NOW);
        assert_eq!((judgement, track.state_name()), (Judgement::Pass, state));
    }
    track
}

#[test]
fn an_association_is_set_up_and_shut_down() {
    let mut track = association();
    assert_eq!(track.timeout_class(), TimeoutClass::SctpEstablished);
    assert_eq!(track.judge(O, &sctp(7, 0, 0xb, 0), NOW), Judgement::Pass);
    assert_eq!(track.state_name(), "shutdown_sent");
    let early = track.judge(O, &sctp(14, 0, 0xb, 0), NOW);
    assert_eq!(early, Judgement::Refuse(Refusal::SctpState));
    assert_eq!(track.judge(R, &sctp(8, 0, 0xa, 0), NOW), Judgement::Pass);
    assert_eq!(track.eviction_class(), EvictionClass::Closing);
    assert_eq!(track.judge(O, &sctp(14, 0, 0xb, 0), NOW), Judgement::Ended);
}

#[test]
fn an_association_is_known_by_its_tags() {
    assert_eq!(Track::open(&sctp(0, 0, 0xb, 0)), Err(Refusal::SctpNotInit));
    assert_eq!(Track::open(&sctp(1, 0, 5, 0xa)), Err(Refusal::SctpTag));
    assert_eq!(Track::open(&sctp(1, 0, 0, 0)), Err(Refusal::SctpTag));
    let track = association();
    for (direction, chunk, flags, tag, expected) in [
        (O, 0, 0, 0xa, Judgement::Refuse(Refusal::SctpTag)),
        (R, 0, 0, 0xb, Judgement::Refuse(Refusal::SctpTag)),
        (R, 0, 0, 0xa, Judgement::Pass),
        (R, 6, 0, 0xb, Judgement::Refuse(Refusal::SctpTag)),
        (R, 6, 0, 0, Judgement::Refuse(Refusal::SctpTag)),
        (R, 6, 0, 0xa, Judgement::Ended),
        (R, 6, 1, 0xb, Judgement::Ended),
        (R, 1, 0, 0, Judgement::Refuse(Refusal::SctpState)),
    ] {
        let judgement = track.clone().judge(direction, &sctp(chunk, flags, tag, 0xc), NOW);
        assert_eq!(judgement, expected, "{direction:?} chunk {chunk} tag {tag:x}");
    }
    assert_eq!(track.relate(O, &quoted(None, Some(0xb))), Ok(()));
    assert_eq!(track.relate(O, &quoted(None, Some(0xa))), Err(Refusal::IcmpQuoteTag));
    assert_eq!(track.relate(O, &quoted(None, Some(0))), Err(Refusal::IcmpQuoteTag));
}

#[test]
fn the_handshake_comes_in_order() {
    let opened = Track::open(&sctp(1, 0, 0, 0xa)).unwrap();
    assert_eq!((opened.state_name(), opened.timeout_class()), ("init", TimeoutClass::SctpInit));
    for (direction, chunk, tag, expected) in [
        (O, 0, 0xb, Judgement::Refuse(Refusal::SctpState)),
        (R, 0, 0xa, Judgement::Refuse(Refusal::SctpState)),
        (O, 10, 0xb, Judgement::Refuse(Refusal::SctpState)),
        (R, 2, 0x1, Judgement::Refuse(Refusal::SctpTag)),
        (O, 2, 0, Judgement::Refuse(Refusal::SctpTag)),
        (R, 6, 0xa, Judgement::Ended),
    ] {
        let judgement = opened.clone().judge(direction, &sctp(chunk, 0, tag, 0xb), NOW);
        assert_eq!(judgement, expected, "{direction:?} chunk {chunk}");
    }
    // Both sides call at once: a COOKIE ECHO needs both tags all the same.
    let mut crossed = opened;
    assert_eq!(crossed.judge(R, &sctp(1, 0, 0, 0xb), NOW), Judgement::Pass);
    assert_eq!(crossed.judge(R, &sctp(2, 0, 0xa, 0xb), NOW), Judgement::Pass);
    assert_eq!(crossed.judge(O, &sctp(2, 0, 0xb, 0xa), NOW), Judgement::Pass);
    assert_eq!(crossed.judge(R, &sctp(10, 0, 0xa, 0), NOW), Judgement::Pass);
    let own = crossed.judge(R, &sctp(11, 0, 0xa, 0), NOW);
    assert_eq!(own, Judgement::Refuse(Refusal::SctpState));
    assert_eq!(crossed.judge(O, &sctp(11, 0, 0xb, 0), NOW), Judgement::Pass);
    assert_eq!(crossed.state_name(), "established");
    let mut echoed = opened;
    echoed.judge(R, &sctp(2, 0, 0xa, 0xb), NOW);
    echoed.judge(O, &sctp(10, 0, 0xb, 0), NOW);
    let own = echoed.judge(O, &sctp(11, 0, 0xb, 0), NOW);
    assert_eq!(own, Judgement::Refuse(Refusal::SctpState));
}

#[test]
fn a_repeated_init_keeps_the_state_and_another_does_not() {
    let mut track = Track::open(&sctp(1, 0, 0, 0xa)).unwrap();
    track.judge(R, &sctp(2, 0, 0xa, 0xb), NOW);
    assert_eq!(track.judge(O, &sctp(1, 0, 0, 0xa), NOW), Judgement::Pass);
    assert_eq!(track.state_name(), "init_ack");
    assert_eq!(track.judge(O, &sctp(1, 0, 0, 0xc), NOW), Judgement::Pass);
    assert_eq!(track.state_name(), "init");
    let early = track.judge(O, &sctp(10, 0, 0xb, 0), NOW);
    assert_eq!(early, Judgement::Refuse(Refusal::SctpState));
}

#[test]
fn a_restarted_initiator_proves_itself_before_the_tags_change() {
    let mut track = association();
    assert_eq!(track.judge(O, &sctp(1, 0, 0, 0xc), NOW), Judgement::Pass);
    // The old association lives on.
    assert_eq!(track.judge(R, &sctp(0, 0, 0xa, 0), NOW), Judgement::Pass);
    assert_eq!(track.judge(R, &sctp(2, 0, 0xc, 0xd), NOW), Judgement::Pass);
    assert_eq!(track.judge(O, &sctp(0, 0, 0xb, 0), NOW), Judgement::Pass);
    assert_eq!(track.judge(O, &sctp(10, 0, 0xd, 0), NOW), Judgement::Pass);
    assert_eq!(track.state_name(), "cookie_echoed");
    assert_eq!(track.judge(R, &sctp(11, 0, 0xc, 0), NOW), Judgement::Pass);
    assert_eq!(track.state_name(), "established");
    let old = track.judge(R, &sctp(0, 0, 0xa, 0), NOW);
    assert_eq!(old, Judgement::Refuse(Refusal::SctpTag));
}

#[test_case(47, "gre", TimeoutClass::Gre; "gre")]
#[test_case(50, "esp", TimeoutClass::Esp; "esp")]
#[test_case(51, "ah", TimeoutClass::Esp; "ah")]
#[test_case(89, "other", TimeoutClass::Other; "ospf")]
fn other_protocols_know_who_was_heard(number: u8, label: &str, class: TimeoutClass) {
    let descriptor = packet(number, Transport::Other);
    let mut track = Track::open(&descriptor).unwrap();
    assert_eq!((track.protocol_label(), track.timeout_class()), (label, class));
    assert_eq!((track.state_name(), track.eviction_class()), ("one_way", EvictionClass::OneWay));
    track.judge(O, &descriptor, NOW);
    assert_eq!(track.state_name(), "one_way");
    track.judge(R, &descriptor, NOW);
    assert_eq!((track.state_name(), track.eviction_class()), ("stream", EvictionClass::Never));
}

#[test]
fn a_packet_of_another_protocol_is_refused() {
    let mut tracks: Vec<Track> =
        [udp(), icmp(8, IcmpKind::Query), sctp(1, 0, 0, 1), syn(), packet(47, Transport::Other)]
            .iter()
            .map(|first| Track::open(first).unwrap())
            .collect();
    let fragment = packet(17, Transport::None);
    assert_eq!(Track::open(&fragment), Err(Refusal::ProtocolMismatch));
    for track in &mut tracks {
        let judgement = track.judge(O, &fragment, NOW);
        assert_eq!(judgement, Judgement::Refuse(Refusal::ProtocolMismatch));
    }
}

#[test]
fn state_names_are_those_of_the_protocol() {
    for first in
        [udp(), icmp(8, IcmpKind::Query), sctp(1, 0, 0, 1), syn(), packet(47, Transport::Other)]
    {
        let track = Track::open(&first).unwrap();
        let names = track.protocol().states();
        assert_eq!(names.get(track.state_index()), Some(&track.state_name()));
    }
}
