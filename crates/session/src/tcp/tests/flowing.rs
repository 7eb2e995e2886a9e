//! [`TcpTrack::flow`] is the general judgement of the segments that it is for, and [`TcpTrack::keep`] writes back all that
//! has changed.

use proptest::prelude::*;

use super::*;
use crate::tcp::peer::Bounds;
use crate::tcp::{SegmentKind, segment_kind};

/// The general judgement of an acknowledgement in the stream, written plainly: both peers are written back, and the state
/// is found anew.
fn plainly(
    track: &mut TcpTrack,
    direction: Direction,
    segment: &TcpSegment,
) -> Result<(), Refusal> {
    assert_eq!(segment_kind(segment.flags), Ok(SegmentKind::Ack));
    let (mut sender, mut receiver) = track.unpack(direction);
    Bounds::between(&sender, &receiver).check(segment)?;
    sender.sends(&mut receiver, segment);
    track.marks.clear_unverified_rst_to(direction);
    track.pack(direction, &sender, &receiver);
    track.enter_stream();
    Ok(())
}

/// Any of the numbers that matter, from where the other side stands.
fn offset() -> impl Strategy<Value = u32> {
    prop_oneof![
        6 => Just(0),
        2 => 1..3000_u32,
        1 => (1..3000_u32).prop_map(u32::wrapping_neg),
        1 => prop::sample::select(vec![65_535, 70_000, 1 << 20, 1 << 30, 1 << 31]),
        1 => prop::sample::select(vec![66_000, 66_001, 70_000, 1 << 30]).prop_map(u32::wrapping_neg),
    ]
}

/// Flags, offsets of both numbers, octets, window, and how far a SACK block reaches.
type Sent = (Direction, u8, [u32; 2], u16, u16, Option<u32>);

fn sent() -> impl Strategy<Value = Sent> {
    let (ack, fin, rst) = (TcpFlags::ACK.0, TcpFlags::FIN.0, TcpFlags::RST.0);
    let kind = prop_oneof![
        20 => Just(ack), 1 => Just(ack | fin), 1 => Just(rst), 1 => Just(TcpFlags::SYN.0),
        1 => any::<u8>()
    ];
    let beside = prop::sample::select(vec![0, 0x08, 0x20, 0x28, 0x40, 0x80, 0xe8]);
    let flags = (kind, beside).prop_map(|(kind, beside)| kind | beside);
    let direction = prop::sample::select(vec![O, R]);
    let window = prop_oneof![2 => Just(0), 1 => Just(1), 1 => Just(u16::MAX), 3 => any::<u16>()];
    let payload = prop_oneof![3 => Just(0), 3 => 1..1461_u16, 1 => any::<u16>()];
    let sack = prop::option::weighted(0.2, offset());
    (direction, flags, [offset(), offset()], payload, window, sack)
}

/// A connection that is open: by a handshake with or without scales, near the wrap of the numbers or not, or picked up.
fn opened(
    scales: [Option<u8>; 2],
    initial: [u32; 2],
    picked_up: Option<TcpSegment>,
    windows: u16,
) -> TcpTrack {
    if let Some(segment) = picked_up {
        return TcpTrack::pick_up(&segment).unwrap();
    }
    let [one, other] = initial;
    let of = |flags, seq, ack, window_scale| TcpSegment {
        window_scale,
        window: windows,
        ..segment(flags, seq, ack)
    };
    let mut track = TcpTrack::open(&of("S", one, 0, scales[0])).unwrap();
    for (direction, segment) in [
        (R, of("SA", other, one.wrapping_add(1), scales[1])),
        (O, of("A", one.wrapping_add(1), other.wrapping_add(1), None)),
    ] {
        assert_eq!(track.judge(direction, &segment, Time::ZERO), Judgement::Pass);
    }
    track
}

proptest! {
    /// Whatever came before: scales or none, windows of nothing, numbers that wrap, what was picked up and answered by nobody,
    /// a SYN aside, a RST that is not verified, a FIN that is taken back.
    #[test]
    fn it_is_the_general_way(
        scales in prop::array::uniform2(prop::option::of(0..=14_u8)),
        initial in prop::array::uniform2(prop_oneof![any::<u32>(), 0xffff_f000..=u32::MAX]),
        picked_up in prop::option::of((any::<u16>(), any::<u16>())),
        windows in any::<u16>(),
        segments in prop::collection::vec(sent(), 1..60),
    ) {
        let picked_up = picked_up.map(|(payload, window)| TcpSegment {
            payload, window, ..segment("A", initial[0], initial[1])
        });
        let mut track = opened(scales, initial, picked_up, windows);
        let mut now = Time::from_secs(1);
        for (direction, flags, [seq, ack], payload, window, sack) in segments {
            let (sender, receiver) = track.unpack(direction);
            let it = TcpSegment {
                flags: TcpFlags(flags),
                seq: sender.end + seq,
                ack: receiver.end + ack,
                payload,
                window,
                sack_right: sack.map(|right| receiver.end + right),
                ..segment("A", 0, 0)
            };
            now = now + std::time::Duration::from_millis(700);
            let mut judged = track;
            let judgement = judged.judge(direction, &it, now);
            if track.flows(it.flags) {
                let (mut plain, mut flowing, mut general) = (track, track, track);
                let expected = plainly(&mut plain, direction, &it);
                prop_assert_eq!(flowing.flow(direction, &it), expected);
                prop_assert_eq!(flowing, plain);
                prop_assert_eq!(judged, plain);
                let general_way = general.in_stream(direction, SegmentKind::Ack, &it, now);
                prop_assert_eq!(general_way, expected.map(|()| Judgement::Pass));
                prop_assert_eq!(general, plain);
                prop_assert_eq!(plain.phase(), track.phase());
            } else if judgement == Judgement::Pass {
                // What was written back of one peer is what writing both would have left.
                let mut both = judged;
                let (sender, receiver) = judged.unpack(direction);
                both.pack(direction, &sender, &receiver);
                prop_assert_eq!(both, judged);
            }
            track = judged;
            if matches!(track.state(), TcpState::Closed | TcpState::TimeWait) {
                track = opened(scales, initial, picked_up, windows);
            }
        }
    }
}
