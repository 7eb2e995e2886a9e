//! RAS: finding a gatekeeper, registration, admission, and the ends of all these.

use super::*;

#[test]
fn ras_an_endpoint_finds_its_gatekeeper_registers_and_calls() {
    run(
        OPEN,
        &[
            (Original, "ras_grq", &["udp 192.0.2.1 > 10.0.0.1:1719 h323"]),
            (Reply, "ras_gcf", &["udp 10.0.0.1 > 192.0.2.1:2719 h323"]),
            (Original, "ras_rrq", &[]),
            (
                Reply,
                "ras_rcf",
                &[
                    "tcp 192.0.2.1 > 10.0.0.1:1720 200s h323 standing",
                    "udp 192.0.2.1 > 10.0.0.1:1719 200s h323 standing",
                    "tcp 10.0.0.1 > 192.0.2.1:1720 200s h323 standing",
                ],
            ),
            (Original, "ras_arq", &[]),
            (Reply, "ras_rip", &[]),
            (Reply, "ras_acf", &["tcp 10.0.0.1 > 192.0.2.1:1720 h323"]),
            (Original, "ras_arq_all", &[]),
            (Reply, "ras_acf_all", &["tcp 10.0.0.1 > 192.0.2.1:2720 h323"]),
            (Original, "ras_lrq", &["udp 192.0.2.1 > 10.0.0.1:1719 h323"]),
            (
                Reply,
                "ras_lcf",
                &["tcp 10.0.0.1 > 192.0.2.1:1720 h323", "udp 10.0.0.1 > 192.0.2.1:2719 h323"],
            ),
            // The call that was admitted is over.
            (Original, "ras_drq", &["- group 1"]),
        ],
    );
}

#[test]
fn ras_answers_must_have_been_asked_for() {
    run(
        OPEN,
        &[
            (Reply, "ras_acf", &["! unasked"]),
            (Original, "ras_arq", &[]),
            // By the side that has asked itself, and of another kind.
            (Original, "ras_acf", &["! unasked"]),
            (Reply, "ras_rcf", &["! unasked"]),
            (Reply, "ras_arj", &[]),
            (Original, "ras_rrq", &[]),
            (Reply, "ras_rrj", &[]),
            (Reply, "ras_gcf", &["! unasked"]),
            (Reply, "ras_lcf", &["! unasked"]),
        ],
    );
}

#[test]
fn ras_places_are_those_of_the_two_peers() {
    run(
        OPEN,
        &[
            (Original, "ras_grq", &["udp 192.0.2.1 > 10.0.0.1:1719 h323"]),
            (Reply, "ras_gcf_third", &["! bounce"]),
            (Original, "ras_rrq_third", &["! bounce", "! bounce"]),
            (Reply, "ras_rcf", &["tcp 10.0.0.1 > 192.0.2.1:1720 200s h323 standing"]),
            (Original, "ras_arq", &[]),
            (Reply, "ras_acf_third", &["! bounce"]),
            (Original, "ras_arq", &[]),
            (Reply, "ras_acf_low", &["! privileged_port"]),
        ],
    );
}

#[test]
fn ras_third_parties_may_call_where_the_rule_says_so() {
    run(
        THIRD_PARTY,
        &[
            (Original, "ras_rrq_gateway", &[]),
            (Original, "ras_rrq", &[]),
            (
                Reply,
                "ras_rcf",
                &[
                    "tcp 0.0.0.0 > 10.0.0.1:1720 200s h323 standing",
                    "udp 192.0.2.1 > 10.0.0.1:1719 200s h323 standing",
                    "tcp 10.0.0.1 > 192.0.2.1:1720 200s h323 standing",
                ],
            ),
            (Original, "ras_arq", &[]),
            (Reply, "ras_acf_third", &["tcp 10.0.0.1 > 198.51.100.7:1720 h323"]),
        ],
    );
}

#[test]
fn a_registration_that_is_kept_alive_need_not_repeat_itself() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], OPEN);
    talk.datagram(Original, &message("ras_rrq"));
    talk.datagram(Reply, &message("ras_rcf"));
    talk.datagram(Original, &message("ras_rrq_again"));
    assert_eq!(talk.datagram(Reply, &numbered("ras_rcf", 4)).len(), 3);
}

/// What has the number of another request.
fn numbered(name: &str, number: u16) -> Vec<u8> {
    let mut message = message(name);
    // Behind the choice and its bits stands one less than the number.
    let at = if matches!(message[0] & 0x7c, 0x10 | 0x18) { 2 } else { 1 };
    message[at..at + 2].copy_from_slice(&(number - 1).to_be_bytes());
    message
}

#[test]
fn a_request_has_one_answer() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], OPEN);
    talk.datagram(Original, &message("ras_arq"));
    let admitted = ["tcp 10.0.0.1 > 192.0.2.1:1720 h323"];
    assert_eq!(talk.datagram(Reply, &message("ras_acf")), admitted);
    assert_eq!(talk.datagram(Reply, &message("ras_acf_all")), ["! unasked"], "another answer");
    assert_eq!(talk.datagram(Reply, &message("ras_acf")), admitted, "the same again");
    talk.datagram(Original, &message("ras_arq"));
    let elsewhere = ["tcp 10.0.0.1 > 192.0.2.1:2720 h323"];
    assert_eq!(talk.datagram(Reply, &message("ras_acf_all")), elsewhere, "asked again");
    talk.datagram(Original, &message("ras_arq"));
    assert_eq!(talk.datagram(Reply, &message("ras_arj")), [""; 0]);
    assert_eq!(talk.datagram(Reply, &message("ras_acf")), ["! unasked"], "refused");
}

#[test]
fn what_is_confirmed_is_what_was_asked_for_by_that_number() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], OPEN);
    talk.datagram(Original, &message("ras_rrq"));
    talk.datagram(Reply, &message("ras_rcf"));
    talk.datagram(Original, &message("ras_rrq_moved"));
    // The first is confirmed again: nothing of the second.
    let told = talk.datagram(Reply, &message("ras_rcf"));
    assert_eq!(told[0], "tcp 192.0.2.1 > 10.0.0.1:1720 200s h323 standing");
    assert!(!told.concat().contains("2720"), "{told:?}");
    // Nor is what was refused there for one that only keeps the first alive.
    talk.datagram(Reply, &numbered("ras_rrj", 3));
    talk.datagram(Original, &message("ras_rrq_again"));
    let told = talk.datagram(Reply, &numbered("ras_rcf", 4));
    assert_eq!(told[0], "tcp 192.0.2.1 > 10.0.0.1:1720 200s h323 standing");
}

#[test]
fn another_registration_takes_the_place_of_the_first() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], OPEN);
    talk.datagram(Original, &message("ras_rrq"));
    talk.datagram(Reply, &message("ras_rcf"));
    talk.datagram(Original, &message("ras_rrq_moved"));
    let told = talk.datagram(Reply, &numbered("ras_rcf", 3));
    assert_eq!(told[..2], ["- group 0", "tcp 192.0.2.1 > 10.0.0.1:2720 200s h323 standing"]);
    // The same again takes nothing back.
    talk.datagram(Original, &message("ras_rrq_moved"));
    let told = talk.datagram(Reply, &numbered("ras_rcf", 3));
    assert_eq!(told[0], "tcp 192.0.2.1 > 10.0.0.1:2720 200s h323 standing");
}

#[test]
fn ras_ends_take_back_what_is_their_own() {
    run(
        OPEN,
        &[
            (Original, "ras_rrq", &[]),
            (
                Reply,
                "ras_rcf",
                &[
                    "tcp 192.0.2.1 > 10.0.0.1:1720 200s h323 standing",
                    "udp 192.0.2.1 > 10.0.0.1:1719 200s h323 standing",
                    "tcp 10.0.0.1 > 192.0.2.1:1720 200s h323 standing",
                ],
            ),
            (Original, "ras_arq", &[]),
            (Reply, "ras_acf", &["tcp 10.0.0.1 > 192.0.2.1:1720 h323"]),
            (Reply, "ras_ucf", &["! unasked"]),
            (Original, "ras_urq", &[]),
            (Original, "ras_ucf", &["! unasked"]),
            (Reply, "ras_ucf", &["- group 0"]),
            // The gatekeeper may end both.
            (Reply, "ras_drq", &["- group 1"]),
            (Reply, "ras_urq", &[]),
            (Original, "ras_ucf", &["- group 0"]),
            (Original, "ras_urq", &[]),
            (Reply, "ras_urj", &[]),
            (Reply, "ras_ucf", &["! unasked"]),
        ],
    );
}

/// Its confirmation was lost, and the endpoint has registered anew.
#[test]
fn an_end_that_is_asked_for_again_takes_back_nothing_new() {
    let mut talk = Talk::new(H323::default(), [1719, 1719], OPEN);
    for taken in [&["- group 0"][..], &[]] {
        talk.datagram(Original, &message("ras_rrq"));
        assert_eq!(talk.datagram(Reply, &message("ras_rcf")).len(), 3);
        talk.datagram(Reply, &message("ras_urq"));
        assert_eq!(talk.datagram(Original, &message("ras_ucf")), taken);
    }
    talk.datagram(Reply, &numbered("ras_urq", 9));
    assert_eq!(talk.datagram(Original, &numbered("ras_ucf", 9)), ["- group 0"]);
}

#[test]
fn one_side_does_not_have_the_others_requests_forgotten() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], OPEN);
    talk.datagram(Original, &message("ras_arq"));
    for number in 1..100 {
        talk.datagram(Reply, &numbered("ras_urq", number));
    }
    assert_eq!(talk.datagram(Reply, &message("ras_acf")), ["tcp 10.0.0.1 > 192.0.2.1:1720 h323"]);
}

/// Were both to ask for a registration, each would have its own places confirmed.
#[test]
fn places_are_of_the_side_that_registers() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], THIRD_PARTY);
    let places = |port| format!("10.0.0.1:{port}").parse().unwrap();
    let theirs = |port| format!("192.0.2.1:{port}").parse().unwrap();
    let of_the_other = with_places(
        message("ras_rrq"),
        &[(places(1720), theirs(1720)), (places(1719), theirs(1719))],
    );
    talk.datagram(Original, &message("ras_rrq"));
    talk.datagram(Reply, &of_the_other);
    for told in talk.datagram(Reply, &message("ras_rcf")) {
        assert!(!told.contains("0.0.0.0 > 192.0.2.1"), "{told}");
    }
}

#[test]
fn an_endpoint_with_many_addresses_is_called_at_its_own() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], OPEN);
    assert_eq!(talk.datagram(Original, &message("ras_rrq_many")), ["! bounce"; 6]);
    let told = talk.datagram(Reply, &message("ras_rcf"));
    assert_eq!(told[0], "tcp 192.0.2.1 > 10.0.0.1:1720 200s h323 standing");
}

/// Any host may call an endpoint where the rule allows third parties, but none that it has no right to speak for.
#[test]
fn nobody_registers_another_host() {
    let mut talk = Talk::new(H323::default(), [40_000, 1719], THIRD_PARTY);
    assert_eq!(talk.datagram(Original, &message("ras_rrq_third")), ["! bounce", "! bounce"]);
    let told = talk.datagram(Reply, &message("ras_rcf"));
    assert_eq!(told, ["tcp 10.0.0.1 > 192.0.2.1:1720 200s h323 standing"]);
}
