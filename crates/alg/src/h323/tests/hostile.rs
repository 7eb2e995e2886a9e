//! Places that nobody has a right to name, whoever names them and wherever.

use test_case::test_case;
use testkit::h323::between;

use super::*;

/// Every message in which a place stands, and who says it.
const RAS: &[(Direction, &str)] = &[
    (Original, "ras_grq"),
    (Reply, "ras_gcf"),
    (Original, "ras_rrq"),
    (Reply, "ras_rcf"),
    (Original, "ras_arq_all"),
    (Reply, "ras_acf"),
    (Original, "ras_lrq"),
    (Reply, "ras_lcf"),
];
const CALL: &[(Direction, &str)] = &[
    (Original, "call_setup_all"),
    (Reply, "call_proceeding_h245"),
    (Reply, "call_alerting_fast"),
    (Reply, "call_progress_fast"),
    (Reply, "call_connect_h245"),
    (Original, "call_facility_h245"),
    (Original, "call_facility_olc"),
    (Reply, "call_facility_olc_ack"),
];
const CONTROL: &[(Direction, &str)] = &[
    (Original, "h245_olc"),
    (Reply, "h245_olc_ack"),
    (Reply, "h245_olc_back"),
    (Original, "h245_olc_back_ack"),
    (Original, "h245_olc_all"),
    (Original, "h245_olc_both"),
    (Reply, "h245_olc_both_ack"),
    (Original, "h245_olc_t120"),
    (Reply, "h245_olc_t120_ack"),
];

/// All that is announced when these hosts are named.
fn announced(options: Options, caller: &str, called: &str) -> Vec<String> {
    let [caller, called] = [caller, called].map(|host| host.parse().unwrap());
    let said = |(from, name): &(Direction, &str)| (*from, between(name, caller, called));
    let mut told = Vec::new();
    let mut ras = Talk::new(H323::default(), [40_000, 1719], options);
    for (from, message) in RAS.iter().map(said) {
        told.extend(ras.datagram(from, &message));
    }
    let mut call = Talk::new(H323::default(), [40_000, 1720], options);
    for (from, message) in CALL.iter().map(said) {
        told.extend(call.stream(from, &message).1);
    }
    let mut control = Talk::new(H245::default(), [40_000, 3230], options);
    for (from, message) in CONTROL.iter().map(said) {
        told.extend(control.stream(from, &in_tpkt(&message)).1);
    }
    told.retain(|it| !it.starts_with(['!', '-']));
    told
}

#[test_case(OPEN, "198.51.100.7"; "another host")]
#[test_case(OPEN, "10.0.0.2"; "the neighbour of one")]
#[test_case(STRICT, "198.51.100.7"; "strictly")]
#[test_case(THIRD_PARTY, "224.0.0.1"; "a group")]
#[test_case(THIRD_PARTY, "255.255.255.255"; "all")]
#[test_case(THIRD_PARTY, "127.0.0.1"; "itself")]
#[test_case(THIRD_PARTY, "0.0.0.0"; "none")]
fn no_such_host_is_expected(options: Options, host: &str) {
    let [inside, outside] = [crate::transcript::INSIDE, crate::transcript::OUTSIDE];
    let to = format!("> {host}:");
    for told in [announced(options, host, outside), announced(options, inside, host)] {
        assert!(!told.is_empty());
        assert!(told.iter().all(|it| !it.contains(&to)), "{told:#?}");
    }
}

/// Whoever says what is the other's to say has nothing opened but its own: the one whose places these are is a called
/// party then, and no more is taken from it than from any.
#[test]
fn what_comes_from_the_wrong_side_opens_nothing_of_the_other() {
    let wrong = |it: &[(Direction, &'static str)]| {
        it.iter().map(|(from, name)| (from.reversed(), *name)).collect::<Vec<_>>()
    };
    let own = |from, told: Vec<String>| {
        let host = if from == Original { "> 10.0.0.1:" } else { "> 192.0.2.1:" };
        assert!(told.iter().all(|it| it.starts_with('!') || it.contains(host)), "{told:?}");
        told.iter().filter(|it| !it.starts_with('!')).count()
    };
    let mut call = Talk::new(H323::default(), [40_000, 1720], OPEN);
    for (from, name) in wrong(CALL) {
        own(from, call.stream(from, &message(name)).1);
    }
    let mut control = Talk::new(H245::default(), [40_000, 3230], OPEN);
    for (from, name) in wrong(CONTROL) {
        assert_eq!(own(from, control.stream(from, &in_tpkt(&message(name))).1), 0, "{name}");
    }
}

/// The same octets in the mouth of the other side, with its places: a call that it makes, and no answer of the first.
#[test]
fn the_caller_does_not_answer_its_own_call() {
    let mut call = Talk::new(H323::default(), [40_000, 1720], OPEN);
    call.stream(Original, &message("call_setup_fast"));
    for name in ["call_proceeding_h245", "call_alerting_fast", "call_connect_fast"] {
        let told = call.stream(Original, &message(name)).1;
        assert!(told.iter().all(|it| it == "! unasked"), "{name}: {told:?}");
    }
}

/// A message of call control whose parts claim more than is there, or come twice, is none; what follows is read.
#[test_case(b"\x08\x02\x12\x67\x05\x7e\xff\xff\x05", "! malformed"; "a longer element")]
#[test_case(b"\x08\x0f\x12\x67\x05", "! malformed"; "a long reference")]
#[test_case(b"\x08\x00\x05\x7e\0\x01\x05", "! malformed"; "no reference")]
#[test_case(b"\x08\x02\x12\x67\x05\x7e\0\x01\x05", "! malformed"; "nothing in asn1")]
#[test_case(b"\x08\x02\x12\x67\x05\x7e\0\x02\x05\xff\x7e\0\x02\x05\xff", "! malformed"; "twice")]
fn what_is_no_message_of_a_call(octets: &[u8], noted: &str) {
    let mut call = Talk::new(H323::default(), [40_000, 1720], OPEN);
    let run = [in_tpkt(octets), message("call_setup_fast")].concat();
    let (progress, told) = call.stream(Original, &run);
    assert_eq!(progress, Progress::Read(run.len()));
    assert_eq!(told, [PROPOSED, &[noted]].concat());
}
