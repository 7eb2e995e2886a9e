//! One conversation for each case that trackers are known to get wrong.

use core::time::Duration;

use proptest::prelude::*;
use wire::Quoted;

use super::*;
use crate::TimeoutClass;
use crate::tcp::peer::Peer;
use crate::tcp::{Inequality, TcpTrack};
use crate::track::EvictionClass;
use TcpState::*;

fn windowed(window: u16, segment: TcpSegment) -> TcpSegment {
    TcpSegment { window, ..segment }
}

fn scaled(scale: u8, segment: TcpSegment) -> TcpSegment {
    TcpSegment { window_scale: Some(scale), ..segment }
}

#[test]
fn syn_and_syn_ack_are_retransmitted() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("SA", 5000, 1001), SynReceived);
    it.passes(O, segment("S", 1000, 0), SynReceived);
    it.passes(R, segment("SA", 5000, 1001), SynReceived);
    it.passes(O, segment("A", 1001, 5001), Established);
    // The last ACK was lost: the SYN-ACK comes again, and is acknowledged again.
    it.passes(R, segment("SA", 5000, 1001), Established);
    it.passes(O, segment("A", 1001, 5001), Established);
}

#[test]
fn a_new_initial_number_replaces_the_first_before_the_syn_ack() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(O, segment("S", 900_000, 0), SynSent);
    it.refuses(R, segment("SA", 5000, 1001), Refusal::TcpSynAckInvalid);
    it.passes(R, segment("SA", 5000, 900_001), SynReceived);
    it.passes(O, segment("A", 900_001, 5001), Established);
}

#[test]
fn a_syn_cookie_server_changes_its_mind() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("SA", 5000, 1001), SynReceived);
    it.passes(R, segment("SA", 77_000, 1001), SynReceived);
    it.passes(O, segment("A", 1001, 77_001), Established);
    it.passes(R, data(77_001, 1001, 100), Established);
}

#[test]
fn simultaneous_open() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("S", 5000, 0), SimultaneousOpen);
    it.passes(O, segment("SA", 1000, 5001), SimultaneousOpen);
    it.passes(R, segment("SA", 5000, 1001), Established);
    it.passes(O, data(1001, 5001, 100), Established);
    // Delayed copies.
    it.passes(O, segment("SA", 1000, 5001), Established);
}

#[test]
fn split_handshake() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("A", 5000, 1001), SynSent);
    it.passes(R, segment("S", 5000, 0), SimultaneousOpen);
    it.passes(O, segment("SA", 1000, 5001), SimultaneousOpen);
    it.passes(R, segment("A", 5001, 1001), Established);
}

#[test]
fn fast_open() {
    let mut it = Conversation::strict();
    it.passes(O, TcpSegment { payload: 200, ..segment("S", 1000, 0) }, SynSent);
    it.refuses(R, segment("SA", 5000, 1202), Refusal::TcpSynAckInvalid);
    let mut declined = it;
    it.passes(R, segment("SA", 5000, 1201), SynReceived);
    // The whole answer comes before the third segment.
    it.passes(R, TcpSegment { payload: 400, ..segment("FA", 5001, 1201) }, SynReceived);
    it.passes(O, segment("A", 1201, 5402), HalfClosed);
    it.passes(O, segment("FA", 1201, 5402), LastAck);
    it.passes(R, segment("A", 5402, 1202), TimeWait);
    // The responder takes the SYN alone; the data is sent again.
    declined.passes(R, segment("SA", 5000, 1001), SynReceived);
    declined.passes(O, segment("A", 1001, 5001), Established);
    declined.passes(O, data(1001, 5001, 200), Established);
}

#[test]
fn a_path_that_shows_only_one_half_is_refused_or_picked_up() {
    let mut strict = Conversation::strict();
    strict.refuses(O, segment("SA", 5000, 1001), Refusal::TcpSynAckUnexpected);
    strict.refuses(O, segment("A", 1001, 5001), Refusal::TcpNotSyn);
    strict.passes(O, segment("S", 1000, 0), SynSent);
    strict.refuses(O, segment("A", 1001, 5001), Refusal::TcpSynAckMissing);
    strict.refuses(O, data(1001, 5001, 10), Refusal::TcpSynAckMissing);

    let mut loose = Conversation::loose();
    loose.passes(O, segment("S", 1000, 0), SynSent);
    loose.passes(O, segment("A", 1001, 5001), Established);
    assert!(loose.track.unwrap().is_picked_up());
    assert_eq!(loose.track.unwrap().eviction_class(), EvictionClass::OneWay);
    // One half goes on by itself, however far.
    for step in 0..100 {
        loose.passes(O, data(1001 + step * 60_000, 5001 + step * 50_000, 60_000), Established);
    }
    loose.refuses(O, segment("R", 1, 0), Refusal::TcpRstInvalid);

    // The other half alone: its SYN-ACK, then its data.
    let mut other = Conversation::loose();
    other.passes(O, segment("SA", 5000, 1001), SynReceived);
    other.passes(O, data(5001, 1001, 100), Established);
    // The middle of a connection, both ways, with windows that nobody here can scale.
    let mut middle = Conversation::loose();
    middle.passes(O, data(9000, 700_000, 1400), Established);
    middle.passes(R, segment("A", 700_000, 10_400), Established);
    middle.passes(R, data(950_000, 10_400, 1400), Established);
    assert_eq!(middle.track.unwrap().eviction_class(), EvictionClass::Never);
    middle.refuses(R, segment("A", 700_000, 10_401), Refusal::TcpAckAboveSent);
    middle.refuses(O, segment("R", 800_000_000, 0), Refusal::TcpRstInvalid);
}

#[test]
fn windows_are_scaled_only_if_both_offer_it() {
    for (offered, answered, edge) in [
        (Some(3), Some(5), 1001 + (1000 << 5)),
        (Some(3), None, 1001 + 1000),
        (None, Some(5), 1001 + 1000),
    ] {
        let mut it = Conversation::strict();
        it.passes(O, TcpSegment { window_scale: offered, ..segment("S", 1000, 0) }, SynSent);
        let answer = TcpSegment { window_scale: answered, ..segment("SA", 5000, 1001) };
        it.passes(R, answer, SynReceived);
        it.passes(O, segment("A", 1001, 5001), Established);
        it.passes(R, segment("A", 5001, 1001), Established);
        it.refuses(O, data(edge, 5001, 1), Refusal::TcpSeqAboveWindow);
        it.passes(O, data(edge - 1, 5001, 1), Established);
    }
}

#[test]
fn a_retransmitted_syn_may_leave_out_its_options() {
    let mut it = Conversation::strict();
    it.passes(O, scaled(3, segment("S", 1000, 0)), SynSent);
    it.passes(O, segment("S", 1000, 0), SynSent);
    // The responder answers the first.
    it.passes(R, scaled(5, segment("SA", 5000, 1001)), SynReceived);
    it.passes(O, segment("A", 1001, 5001), Established);
    it.passes(R, data(5001 + 7999, 1001, 1), Established);
    it.refuses(R, data(5001 + 8000, 1001, 1), Refusal::TcpSeqAboveWindow);
}

#[test]
fn the_window_of_a_syn_is_never_scaled() {
    let mut it = Conversation::strict();
    it.passes(O, scaled(7, segment("S", 1000, 0)), SynSent);
    it.passes(R, scaled(7, windowed(1024, segment("SA", 5000, 1001))), SynReceived);
    it.passes(O, segment("A", 1001, 5001), Established);
    it.refuses(O, data(1001 + 1024, 5001, 1), Refusal::TcpSeqAboveWindow);
    it.passes(O, data(1001 + 1023, 5001, 1), Established);
}

#[test]
fn inequalities_hold_at_their_edges() {
    // Both windows are 1000; O has sent up to 1501, R up to 5301, all of it acknowledged.
    let mut it = Conversation::established();
    it.passes(O, data(1001, 5001, 500), Established);
    it.passes(R, data(5001, 1501, 300), Established);
    it.passes(O, segment("A", 1501, 5301), Established);
    let cases = [
        ("I, empty", segment("A", 2501, 5301), None),
        ("I, empty, above", segment("A", 2502, 5301), Some(Inequality::I)),
        ("I, last octet", data(2500, 5301, 1), None),
        ("I, overshoots", data(2500, 5301, 100), None),
        ("I, above", data(2501, 5301, 1), Some(Inequality::I)),
        ("II", segment("A", 501_u32.wrapping_sub(1460), 5301), None),
        ("II, by its end", data(401_u32.wrapping_sub(1460), 5301, 100), None),
        ("II, below", segment("A", 500_u32.wrapping_sub(1460), 5301), Some(Inequality::II)),
        ("III", segment("A", 1501, 5301), None),
        ("III, above", segment("A", 1501, 5302), Some(Inequality::III)),
        ("IV", segment("A", 1501, 5301_u32.wrapping_sub(66_000)), None),
        ("IV, below", segment("A", 1501, 5301_u32.wrapping_sub(66_001)), Some(Inequality::IV)),
    ];
    for (name, segment, failed) in cases {
        let numbers = it.track.unwrap().window_numbers(O, &segment);
        assert_eq!(numbers.failed, failed, "{name}: {numbers}");
        let judgement = it.clone().send(O, segment);
        let refusal = match judgement {
            Judgement::Refuse(refusal) => Inequality::of(refusal),
            Judgement::Pass | Judgement::Ended | Judgement::Reopen => None,
        };
        assert_eq!(refusal, failed, "{name}: {judgement:?}");
    }
    let sack = |right| TcpSegment { sack_right: Some(SeqNum(right)), ..segment("A", 1501, 5301) };
    // What its receiver ignores is not held against it.
    it.clone().passes(O, sack(5302), Established);
    it.clone().passes(O, sack(5250), Established);
    let old = 5301_u32.wrapping_sub(70_000);
    it.passes(
        O,
        TcpSegment { sack_right: Some(SeqNum(5301)), ..segment("A", 1501, old) },
        Established,
    );
}

#[test]
fn what_overshoots_the_window_is_not_counted_as_sent() {
    let mut it = Conversation::established();
    it.passes(O, data(1901, 5001, 500), Established);
    it.refuses(R, segment("A", 5001, 2401), Refusal::TcpAckAboveSent);
    it.passes(R, segment("A", 5001, 2001), Established);
}

#[test]
fn the_numbers_are_explained() {
    let it = Conversation::established();
    let numbers = it.track.unwrap().window_numbers(O, &data(9000, 5001, 10));
    assert_eq!(
        numbers.to_string(),
        "seq 9000 to 9010, ack 5001; sent up to 1001, acknowledged up to 1001; seq 4294965837 to 2001 allowed; \
         ack 4294906297 to 5001 allowed; fails i_seq_upper"
    );
}

#[test]
fn probes_and_urgent_data_pass() {
    let mut it = Conversation::established();
    it.passes(O, segment("A", 1000, 5001), Established);
    it.passes(O, data(1000, 5001, 1), Established);
    it.passes(R, segment("A", 5000, 1001), Established);
    it.passes(O, TcpSegment { payload: 1, ..segment("PAU", 1001, 5001) }, Established);
    // The responder's window fills and closes; the probe is the octet behind it.
    it.passes(O, data(1002, 5001, 999), Established);
    it.passes(R, windowed(0, segment("A", 5001, 2001)), Established);
    it.passes(O, data(2001, 5001, 1), Established);
    it.refuses(O, data(2002, 5001, 1), Refusal::TcpSeqAboveWindow);
    it.passes(R, windowed(0, segment("A", 5001, 2001)), Established);
}

#[test]
fn either_side_closes_first_and_the_other_sends_on() {
    for first in [O, R] {
        let second = first.reversed();
        let (a, b) = if first == O { (1001, 5001) } else { (5001, 1001) };
        let mut it = Conversation::established();
        it.passes(first, segment("FA", a, b), FinWait);
        it.passes(first, segment("FA", a, b), FinWait);
        assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpHalfClosed);
        it.passes(second, data(b, a + 1, 500), HalfClosed);
        it.passes(first, segment("A", a + 1, b + 500), HalfClosed);
        it.refuses(first, data(a + 1, b + 500, 1), Refusal::TcpDataAfterFin);
        it.passes(second, data(b + 500, a + 1, 500), HalfClosed);
        it.passes(second, segment("FA", b + 1000, a + 1), LastAck);
        // The last ACK is lost behind this point: the FIN comes again, and its ACK.
        it.passes(first, segment("A", a + 1, b + 1001), TimeWait);
        it.passes(second, segment("FA", b + 1000, a + 1), TimeWait);
        it.passes(first, segment("A", a + 1, b + 1001), TimeWait);
        assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpTimeWait);
        assert_eq!(it.track.unwrap().eviction_class(), EvictionClass::Closed);
    }
}

#[test]
fn a_fin_that_overtakes_data_waits_for_it() {
    let mut it = Conversation::established();
    it.passes(O, segment("FA", 1501, 5001), FinWait);
    it.passes(O, data(1001, 5001, 500), FinWait);
    it.passes(R, segment("A", 5001, 1501), FinWait);
    it.passes(R, segment("A", 5001, 1502), HalfClosed);
}

#[test]
fn a_forged_fin_is_taken_back_by_data_behind_it() {
    let mut it = Conversation::established();
    it.passes(O, segment("FA", 1101, 5001), FinWait);
    it.passes(O, data(1001, 5001, 500), Established);
    assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpEstablished);
}

fn time_wait() -> Conversation {
    let mut it = Conversation::established();
    it.passes(O, segment("FA", 1001, 5001), FinWait);
    it.passes(R, segment("FA", 5001, 1002), LastAck);
    it.passes(O, segment("A", 1002, 5002), TimeWait);
    it
}

#[test]
fn time_wait_makes_place_for_a_newer_syn_only() {
    let mut it = time_wait();
    it.passes(O, segment("S", 900, 0), TimeWait);
    it.reopens(segment("S", 1003, 0));
    let mut track = time_wait().track.unwrap();
    let now = Time::from_secs(1);
    assert_eq!(track.judge(R, &segment("S", 5003, 0), now), Judgement::Reopen);
    let older = Judgement::Refuse(Refusal::TcpSynFromResponder);
    assert_eq!(track.judge(R, &segment("S", 4000, 0), now), older);
}

#[test]
fn a_rst_closes_if_exact_and_a_syn_opens_anew() {
    for (direction, seq) in [(O, 1001), (R, 5001)] {
        let mut it = Conversation::established();
        it.passes(direction, segment("R", seq, 0), Closed);
        assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpClosed);
        let (challenge_seq, challenge_ack) =
            if direction == O { (5001, 1001) } else { (1001, 5001) };
        let challenge = segment("A", challenge_seq, challenge_ack);
        it.passes(direction.reversed(), challenge, Closed);
        it.passes(direction, segment("R", seq, 0), Closed);
        it.refuses(
            direction.reversed(),
            TcpSegment { payload: 1, ..challenge },
            Refusal::TcpClosed,
        );
        it.refuses(direction, segment("R", seq + 80_000, 0), Refusal::TcpRstInvalid);
        it.reopens(segment("S", 7, 0));
    }
}

#[test]
fn an_inexact_rst_shortens_the_timeout_until_its_receiver_sends() {
    let mut it = Conversation::established();
    it.passes(R, segment("R", 5101, 0), Established);
    assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpRstUnverified);
    it.passes(R, data(5001, 1001, 10), Established);
    assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpRstUnverified);
    it.passes(O, segment("A", 1001, 5011), Established);
    assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpEstablished);
    it.refuses(R, segment("R", 5010, 0), Refusal::TcpRstInvalid);
    it.refuses(R, segment("R", 5011 + 1000, 0), Refusal::TcpRstInvalid);
}

#[test]
fn a_challenged_syn_leads_to_a_rst_and_a_new_connection() {
    let mut it = Conversation::established();
    it.passes(O, segment("S", 70_000, 0), Established);
    it.refuses(O, segment("S", 70_000, 0), Refusal::TcpSynRepeated);
    it.passes(R, segment("A", 5001, 1001), Established);
    it.passes(O, segment("R", 1001, 0), Closed);
    it.now = it.now + Duration::from_secs(1);
    it.reopens(segment("S", 70_000, 0));
}

#[test]
fn a_syn_on_a_living_session_may_be_answered_or_refused() {
    let mut it = Conversation::established();
    it.passes(O, scaled(4, segment("S", 70_000, 0)), Established);
    it.refuses(R, segment("SA", 99_000, 70_002), Refusal::TcpSeqAboveWindow);
    it.refuses(R, segment("SA", 5001, 1001), Refusal::TcpSynAckUnexpected);
    let mut refused = it;
    refused.passes(R, segment("RA", 0, 70_001), Closed);
    it.passes(R, scaled(5, segment("SA", 99_000, 70_001)), SynReceived);
    it.passes(O, segment("A", 70_001, 99_001), Established);
    it.passes(R, data(99_001, 70_001, 1000), Established);
    // O's window is 1000 by scale 4.
    it.passes(O, segment("A", 70_001, 100_001), Established);
    it.passes(R, data(100_001 + 15_000, 70_001, 1000), Established);
    it.refuses(R, data(100_001 + 66_000, 70_001, 1000), Refusal::TcpSeqAboveWindow);
    it.refuses(R, segment("S", 1, 0), Refusal::TcpSynFromResponder);
    // Its scale is the one that the SYN offered: 15 units of 16 octets.
    it.passes(O, windowed(5000, segment("A", 70_001, 100_001)), Established);
    it.passes(R, data(100_001 + 79_000, 70_001, 1000), Established);
}

#[test]
fn a_syn_passes_aside_once_a_second() {
    let mut it = Conversation::established();
    for second in 0..40 {
        it.now = Time::from_secs(200 + second);
        it.passes(O, segment("S", 70_000, 0), Established);
        it.now = it.now + Duration::from_millis(900);
        it.refuses(O, segment("S", 70_000, 0), Refusal::TcpSynRepeated);
    }
}

#[test]
fn a_late_copy_of_the_first_syn_and_its_syn_ack_change_nothing() {
    let mut it = Conversation::established();
    it.passes(O, data(1001, 5001, 100), Established);
    it.passes(O, segment("S", 1000, 0), Established);
    it.passes(R, segment("SA", 5000, 1001), Established);
    it.passes(R, segment("A", 5001, 1101), Established);
}

#[test]
fn an_old_incarnation_challenges_the_syn() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.refuses(O, segment("R", 444_000, 0), Refusal::TcpRstInvalid);
    it.passes(R, segment("A", 333_000, 444_000), SynSent);
    it.passes(O, segment("R", 444_000, 0), SynSent);
    it.refuses(O, segment("R", 444_001, 0), Refusal::TcpRstInvalid);
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("SA", 5000, 1001), SynReceived);
}

#[test]
fn the_responder_is_refused_before_its_syn_ack() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.refuses(R, data(5001, 1001, 10), Refusal::TcpBeforeSynAck);
    it.refuses(R, segment("FA", 5001, 1001), Refusal::TcpBeforeSynAck);
    it.refuses(R, segment("R", 0, 0), Refusal::TcpRstInvalid);
    it.refuses(R, segment("RA", 0, 1002), Refusal::TcpRstInvalid);
    it.passes(R, segment("RA", 0, 1001), Closed);
    it.refuses(O, segment("A", 1001, 1), Refusal::TcpClosed);
    it.reopens(segment("S", 1000, 0));
}

#[test]
fn the_handshake_ends_by_acknowledging_the_syn_ack() {
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("SA", 5000, 1001), SynReceived);
    it.refuses(O, segment("A", 1001, 5000), Refusal::TcpHandshakeAck);
    it.refuses(O, segment("A", 1001, 5002), Refusal::TcpAckAboveSent);
    it.refuses(O, segment("A", 3001, 5001), Refusal::TcpSeqAboveWindow);
    it.passes(O, data(1001, 5001, 10), Established);
}

#[test]
fn an_error_must_quote_what_is_in_flight() {
    let quoted = |seq| Quoted {
        source: [192, 0, 2, 1].into(),
        destination: [198, 51, 100, 1].into(),
        protocol: 6,
        source_port: 40_000,
        destination_port: 80,
        seq,
        icmp_type: None,
        verification_tag: None,
        length: 1500,
    };
    let related = |it: &Conversation, direction, seq| {
        it.track.unwrap().relate(direction, &quoted(Some(SeqNum(seq))))
    };
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 1000, 0), SynSent);
    assert_eq!(related(&it, O, 1000), Ok(()));
    assert_eq!(related(&it, O, 999), Err(Refusal::IcmpQuoteSeq));
    assert_eq!(related(&it, R, 0), Err(Refusal::IcmpQuoteSeq));
    let mut it = Conversation::established();
    it.passes(O, data(1001, 5001, 900), Established);
    for (seq, expected) in [
        (901, Ok(())),
        (900, Err(Refusal::IcmpQuoteSeq)),
        (1001, Ok(())),
        (1901, Ok(())),
        (1902, Err(Refusal::IcmpQuoteSeq)),
    ] {
        assert_eq!(related(&it, O, seq), expected, "{seq}");
    }
    let cut = it.track.unwrap().relate(O, &quoted(None));
    assert_eq!(cut, Err(Refusal::IcmpQuoteTruncated));
}

/// Every number shifted by the same amount: the circle of sequence numbers has no beginning.
#[test]
fn conversations_cross_the_wrap() {
    for shift in [u32::MAX - 999, u32::MAX - 1200, u32::MAX - 5000, 1 << 31] {
        let mut it = Conversation::strict();
        let moved = |segment: TcpSegment| TcpSegment {
            seq: segment.seq + shift,
            ack: segment.ack + shift,
            ..segment
        };
        it.passes(O, moved(segment("S", 1000, 0)), SynSent);
        it.passes(R, moved(segment("SA", 5000, 1001)), SynReceived);
        it.passes(O, moved(segment("A", 1001, 5001)), Established);
        it.passes(O, moved(data(1001, 5001, 500)), Established);
        it.refuses(O, moved(data(2001, 5001, 500)), Refusal::TcpSeqAboveWindow);
        it.passes(R, moved(segment("A", 5001, 1501)), Established);
        it.passes(R, moved(segment("FA", 5001, 1501)), FinWait);
        it.passes(O, moved(segment("FA", 1501, 5002)), LastAck);
        it.passes(R, moved(segment("A", 5002, 1502)), TimeWait);
        it.reopens(moved(segment("S", 1503, 0)));
    }
}

proptest! {
    /// Packing may widen a window by less than one unit of its scale, and never narrows it.
    #[test]
    fn packing_widens_by_less_than_a_unit(
        end in any::<u32>(), acked in any::<u32>(), scale in 0_u8..=14, raw in 0_u16.., extra in 0_u16..,
    ) {
        let unit = 1_u32 << scale;
        let max_window = u32::from(raw) << scale;
        let open = max_window.saturating_sub(u32::from(extra));
        let peer = Peer { end: SeqNum(end), acked: SeqNum(acked), edge: SeqNum(acked) + open, max_window, scale };
        let again = peer.pack().unpack(scale);
        prop_assert_eq!(again.max_window, max_window);
        prop_assert!(again.edge.since(peer.edge) < unit);
        prop_assert_eq!(again.pack(), peer.pack());
        prop_assert_eq!((again.end, again.acked), (peer.end, peer.acked));
    }

    /// Nothing that a wire can carry breaks the tracker, and what it refuses changes nothing.
    #[test]
    fn any_segments_are_judged(
        steps in proptest::collection::vec((any::<bool>(), any::<u8>(), any::<[u32; 2]>(), any::<[u16; 2]>(), 0_u8..16), 1..40),
        loose in any::<bool>(),
    ) {
        let mut track: Option<TcpTrack> = None;
        for (reply, flags, [seq, ack], [window, payload], scale) in steps {
            let near = |number: u32| if scale % 2 == 0 { number % 100_000 } else { number };
            let packet = TcpSegment {
                flags: TcpFlags(flags), window, payload,
                window_scale: Some(scale).filter(|scale| *scale < 15),
                ..segment("-", near(seq), near(ack))
            };
            let direction = if reply { R } else { O };
            match &mut track {
                Some(track) => {
                    let before = *track;
                    let judgement = track.judge(direction, &packet, Time::from_secs(u64::from(scale)));
                    if judgement != Judgement::Pass {
                        prop_assert_eq!(before, *track);
                    }
                }
                None => {
                    track = if loose { TcpTrack::pick_up(&packet) } else { TcpTrack::open(&packet) }.ok();
                }
            }
        }
    }
}

#[test]
fn a_fin_before_data_already_seen_ends_nothing() {
    let mut it = Conversation::established();
    it.passes(O, data(1001, 5001, 500), Established);
    it.passes(O, segment("FA", 1101, 5001), Established);
}

#[test]
fn a_rst_may_name_the_receivers_last_acknowledgement() {
    // Data behind a gap was seen, so the end of what was sent lies further (RFC 5961 §3.2: RCV.NXT).
    let mut it = Conversation::established();
    it.passes(O, data(1501, 5001, 100), Established);
    it.passes(R, segment("A", 5001, 1001), Established);
    it.passes(O, segment("R", 1001, 0), Closed);
}

/// Hosts that have closed answer data on its way with RSTs by its acknowledgement, the number of their FIN.
#[test]
fn a_rst_at_the_number_of_a_fin_in_flight_is_not_trusted() {
    let mut it = Conversation::established();
    it.passes(O, segment("FA", 1001, 5001), FinWait);
    it.passes(R, data(5001, 1001, 500), FinWait);
    it.passes(O, segment("R", 1001, 0), FinWait);
    assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpRstUnverified);
    // The responder had the FIN, so it ignores that, and sends on.
    it.passes(R, data(5501, 1002, 500), HalfClosed);
    assert_eq!(it.track.unwrap().timeout_class(), TimeoutClass::TcpHalfClosed);
    // With data of its own on the way the number may be the one that is expected.
    let mut it = Conversation::established();
    it.passes(O, data(1001, 5001, 100), Established);
    it.passes(O, segment("FA", 1101, 5001), FinWait);
    it.passes(O, segment("R", 1001, 0), Closed);
}

#[test]
fn what_was_on_its_way_is_reset_by_older_acknowledgements() {
    let mut it = Conversation::established();
    it.passes(R, data(5001, 1001, 900), Established);
    it.passes(O, segment("A", 1001, 5901), Established);
    it.passes(R, segment("FA", 5901, 1001), FinWait);
    // A living session asks for more.
    it.refuses(R, segment("R", 5001, 0), Refusal::TcpRstInvalid);
    it.passes(O, segment("RA", 1001, 5902), Closed);
    it.passes(R, segment("R", 5001, 0), Closed);
    it.refuses(R, segment("R", 4900, 0), Refusal::TcpRstInvalid);
    it.refuses(R, data(5901, 1001, 1), Refusal::TcpClosed);
    // So is a copy that comes after both have closed.
    let mut it = time_wait();
    it.passes(R, segment("R", 5001, 0), TimeWait);
    it.refuses(R, segment("R", 5002_u32 - 1001, 0), Refusal::TcpRstInvalid);
}

#[test]
fn the_oldest_segment_of_a_full_window_may_come_again() {
    let mut it = Conversation::established();
    for begin in (1001..6001).step_by(500) {
        it.passes(O, data(begin, 5001, 500), Established);
        it.passes(R, segment("A", 5001, begin + 500), Established);
    }
    // The sender overshot by up to a segment, and nothing of those acknowledgements reached it.
    it.passes(O, data(4001, 5001, 500), Established);
    it.refuses(O, data(3001, 5001, 500), Refusal::TcpSeqBelowWindow);
}

#[test]
fn fins_are_retransmitted_until_acknowledged() {
    // The case npf-fin-retransmit of the vectors, with FIN-ACKs and its last segment sent by the responder.
    let mut it = Conversation::strict();
    it.passes(O, segment("S", 999, 0), SynSent);
    it.passes(R, segment("SA", 9, 1000), SynReceived);
    it.passes(O, segment("A", 1000, 10), Established);
    it.passes(R, segment("FA", 10, 1000), FinWait);
    it.passes(O, segment("FA", 1000, 10), Closing);
    it.passes(O, segment("A", 1000, 11), LastAck);
    it.passes(O, segment("FA", 1000, 11), LastAck);
    it.passes(O, segment("FA", 1000, 11), LastAck);
    it.passes(R, segment("A", 11, 1001), TimeWait);
}

#[test]
fn a_syn_whose_data_was_taken_may_be_retransmitted_without_it() {
    let mut it = Conversation::strict();
    it.passes(O, TcpSegment { payload: 200, ..segment("S", 1000, 0) }, SynSent);
    it.passes(O, segment("S", 1000, 0), SynSent);
    it.passes(R, segment("SA", 5000, 1201), SynReceived);
    it.passes(O, segment("A", 1201, 5001), Established);
}

#[test]
fn what_the_silent_side_sent_is_known_by_its_acknowledgements() {
    let mut it = Conversation::loose();
    it.passes(O, data(1001, 5001, 100), Established);
    it.passes(O, data(1101, 55_001, 100), Established);
    // The first that is heard of the other side is a retransmission.
    it.passes(R, data(54_001, 1201, 10), Established);
    it.passes(O, segment("A", 1201, 55_001), Established);
}

#[test]
fn an_acknowledgement_may_lag_by_its_senders_window() {
    let mut it = Conversation::strict();
    it.passes(O, scaled(7, segment("S", 1000, 0)), SynSent);
    it.passes(R, scaled(7, segment("SA", 5000, 1001)), SynReceived);
    it.passes(O, segment("A", 1001, 5001), Established);
    let lag = 1000 << 7;
    it.passes(R, data(5001 + lag - 1000, 1001, 1000), Established);
    it.passes(O, segment("A", 1001, 5001), Established);
    it.refuses(O, segment("A", 1001, 5000), Refusal::TcpAckTooOld);
}
