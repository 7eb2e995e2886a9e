//! What the ends of channels and calls take back, and what they leave.

use super::*;

/// Of a connection of H.245: the caller's channel is acknowledged, the called party's opened.
const CHANNELS: &Steps<'_> = &[
    (Original, "h245_olc", TO_CALLER),
    (Reply, "h245_olc_ack", TO_CALLED),
    (Original, "h245_olc_t38", &["udp 192.0.2.1 > 10.0.0.1:5017 200s"]),
];

fn after(steps: &Steps<'_>) {
    run(OPEN, &[CHANNELS, steps].concat());
}

#[test]
fn a_channel_that_closes_takes_back_its_own() {
    after(&[
        // By whom it is not, or what is not open.
        (Reply, "h245_clc", &[]),
        (Original, "h245_clc_back", &[]),
        (Original, "h245_clc", &["- group 0"]),
        (Original, "h245_clc", &[]),
        // It may be opened again.
        (Original, "h245_olc", TO_CALLER),
        (Reply, "h245_olc_ack", TO_CALLED),
    ]);
    after(&[
        (Original, "h245_olc_reject", &[]),
        (Reply, "h245_olc_reject", &["- group 0"]),
        (Reply, "h245_olc_ack", &["! unasked"]),
    ]);
}

/// Two channels of one session have their reports at one place: it stays until both are closed, as the call's.
#[test]
fn what_another_channel_needs_stays() {
    after(&[
        (Reply, "h245_olc_back", &["udp 10.0.0.1 > 192.0.2.1:6001 200s"]),
        // 6001 was of the first channel, and is of the call now: see the groups below.
        (Original, "h245_clc", &["- group 0"]),
        (Original, "h245_end", &["- group 0", "- group 1", "- group 2"]),
    ]);
    let mut talk = Talk::new(H245::default(), [40_000, 3230], OPEN);
    talk.stream(Original, &in_tpkt(&message("h245_olc")));
    talk.stream(Reply, &in_tpkt(&message("h245_olc_ack")));
    assert_eq!(talk.groups_of(Reply, &in_tpkt(&message("h245_olc_back"))), [1 << 15]);
}

#[test]
fn the_end_of_a_session_takes_back_all() {
    after(&[(Reply, "h245_end", &["- group 0", "- group 1"])]);
}

#[test]
fn strictly_a_channel_that_was_closed_is_not_accepted() {
    run(
        STRICT,
        &[
            (Original, "h245_olc", &[]),
            (Original, "h245_clc", &[]),
            (Reply, "h245_olc_ack", &["! unasked"]),
        ],
    );
}

#[test]
fn in_a_tunnel_the_end_of_a_session_is_that_of_its_call_alone() {
    let other = |name: &str| {
        let mut message = message(name);
        message[7] ^= 1;
        message
    };
    let mut talk = Talk::new(H323::default(), [40_000, 1720], OPEN);
    for message in [message, other] as [fn(&str) -> Vec<u8>; 2] {
        talk.stream(Original, &message("call_setup"));
        talk.stream(Reply, &message("call_connect_h245"));
        assert_eq!(talk.stream(Original, &message("call_facility_olc")).1, TO_CALLER);
    }
    let ended = ["- group 0", "- group 1"];
    assert_eq!(talk.stream(Original, &message("call_facility_end")).1, ended);
    assert_eq!(talk.stream(Reply, &message("call_facility_olc_ack")).1, ["! unasked"]);
    assert_eq!(talk.stream(Reply, &other("call_facility_olc_ack")).1, TO_CALLED);
    assert_eq!(talk.stream(Original, &message("call_release")).1, ended);
    let other_ended = ["- group 2", "- group 3"];
    assert_eq!(talk.stream(Original, &other("call_release")).1, other_ended);
}

#[test]
fn a_fast_start_that_is_not_accepted_is_refused() {
    run(
        OPEN,
        &[
            (Original, "call_setup_fast", PROPOSED),
            (Reply, "call_proceeding", &[]),
            (Reply, "call_connect", &["- group 0"]),
            (Reply, "call_alerting_fast", &["! unasked", "! unasked"]),
        ],
    );
}

/// A caller that offers to speak H.245 at once is taken at its word when the called party says anything.
#[test]
fn strictly_a_caller_waits_for_the_called_party() {
    for answer in ["call_proceeding", "call_alerting", "call_connect"] {
        run(
            STRICT,
            &[
                (Original, "call_setup_all", &[]),
                (Original, "call_information", &[]),
                (Reply, answer, &["tcp 192.0.2.1 > 10.0.0.1:3230 200s h245"]),
                (Reply, answer, &[]),
            ],
        );
    }
    run(
        STRICT,
        &[
            (Original, "call_setup_all", &[]),
            (Original, "call_release", &[]),
            (Reply, "call_alerting", &[]),
        ],
    );
}
