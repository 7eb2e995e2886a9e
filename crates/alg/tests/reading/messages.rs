//! Dialogues of H.323, of messages that another encoder has written: what the fuzzer begins from.

use alg::{Options, Protocol};
use session::Direction::{self, Original as C, Reply as S};
use testkit::h323::{in_tpkt, message};

use crate::harness::Manner;

const LAX: Options = Options { strict: false, third_party: false };
const STREAM: Manner = Manner { options: LAX, datagrams: false, picked_up: false, ipv6: false };
const DATAGRAMS: Manner = Manner { datagrams: true, ..STREAM };
const STRICT: Manner = Manner { options: Options { strict: true, third_party: false }, ..STREAM };
const OPEN: Options = Options { strict: false, third_party: true };

type Dialogue = (Protocol, Manner, &'static [(Direction, &'static str)]);

const DIALOGUES: &[Dialogue] = &[
    (
        Protocol::H323,
        DATAGRAMS,
        &[
            (C, "ras_grq"),
            (S, "ras_gcf"),
            (C, "ras_rrq"),
            (S, "ras_rcf"),
            (C, "ras_arq_all"),
            (S, "ras_rip"),
            (S, "ras_acf_all"),
            (C, "ras_lrq"),
            (S, "ras_lcf"),
            (C, "ras_rrq_again"),
            (C, "ras_drq"),
        ],
    ),
    (
        Protocol::H323,
        Manner { options: OPEN, ..DATAGRAMS },
        &[
            (C, "ras_rrq_gateway"),
            (S, "ras_rrj"),
            (C, "ras_rrq"),
            (S, "ras_rcf"),
            (C, "ras_arq"),
            (S, "ras_acf_third"),
        ],
    ),
    (Protocol::H323, Manner { ipv6: true, ..DATAGRAMS }, &[(C, "ras_rrq_6"), (S, "ras_rcf_6")]),
    (
        Protocol::H323,
        STREAM,
        &[
            (C, "call_setup_all"),
            (S, "call_proceeding_h245"),
            (S, "call_alerting_fast"),
            (S, "call_progress_fast"),
            (S, "call_connect_h245"),
            (C, "call_facility_h245"),
            (C, "call_information"),
            (S, "call_notify"),
            (S, "call_status"),
            (C, "call_release"),
        ],
    ),
    (
        Protocol::H323,
        STRICT,
        &[
            (C, "call_setup_fast"),
            (S, "call_proceeding"),
            (S, "call_connect_fast"),
            (C, "call_facility_olc"),
            (S, "call_facility_olc_ack"),
            (C, "call_empty_olc"),
            (S, "call_facility_forward"),
        ],
    ),
    (Protocol::H323, STREAM, &[(C, "call_setup_tunnel"), (S, "call_connect")]),
    (
        Protocol::H323,
        Manner { options: OPEN, ..STREAM },
        &[(C, "call_setup"), (S, "call_connect_h245_third")],
    ),
    (
        Protocol::H323,
        Manner { ipv6: true, ..STREAM },
        &[(C, "call_setup"), (S, "call_connect_h245_6")],
    ),
    (
        Protocol::H245,
        STREAM,
        &[
            (C, "h245_tcs"),
            (S, "h245_tcs_ack"),
            (S, "h245_msd"),
            (C, "h245_olc"),
            (S, "h245_olc_ack"),
            (S, "h245_olc_back"),
            (C, "h245_olc_back_ack"),
            (C, "h245_olc_t120"),
            (S, "h245_olc_t120_ack"),
            (C, "h245_user_input"),
            (C, "h245_clc"),
            (C, "h245_end"),
        ],
    ),
    (
        Protocol::H245,
        STRICT,
        &[
            (C, "h245_olc_g729ab"),
            (C, "h245_olc_gsm"),
            (C, "h245_olc_h261"),
            (C, "h245_olc_h263"),
            (C, "h245_olc_h264"),
            (C, "h245_olc_t38"),
            (C, "h245_olc_all"),
            (C, "h245_olc_both"),
            (S, "h245_olc_both_ack"),
            (C, "h245_olc_h324"),
            (C, "h245_generic"),
        ],
    ),
    (
        Protocol::H245,
        Manner { options: OPEN, ..STREAM },
        &[(C, "h245_olc"), (S, "h245_olc_third_ack"), (C, "h245_olc_third")],
    ),
    (Protocol::H245, Manner { ipv6: true, ..STREAM }, &[(C, "h245_olc_6"), (S, "h245_olc_6_ack")]),
    (
        Protocol::H323,
        DATAGRAMS,
        &[
            (C, "ras_rrq"),
            (S, "ras_rcf"),
            (C, "ras_rrq_moved"),
            (S, "ras_rrj"),
            (C, "ras_arq"),
            (S, "ras_acf"),
            (C, "ras_drq"),
            (S, "ras_urq"),
            (C, "ras_ucf"),
            (C, "ras_rrq_many"),
            (S, "ras_rcf"),
            (C, "ras_urq"),
            (S, "ras_urj"),
        ],
    ),
    (
        Protocol::H323,
        STREAM,
        &[
            (C, "call_setup_fast"),
            (S, "call_connect"),
            (C, "call_facility_olc"),
            (S, "call_facility_olc_ack"),
            (C, "call_facility_end"),
            (S, "call_alerting_fast"),
        ],
    ),
    (
        Protocol::H323,
        Manner { ipv6: true, ..STREAM },
        &[(C, "call_setup_fast_6"), (S, "call_connect_fast_6"), (C, "call_release")],
    ),
    (
        Protocol::H245,
        STREAM,
        &[
            (C, "h245_olc"),
            (S, "h245_olc_reject"),
            (C, "h245_olc"),
            (S, "h245_olc_ack"),
            (S, "h245_olc_back"),
            (C, "h245_clc"),
            (C, "h245_olc_slides"),
            (C, "h245_flow"),
            (S, "h245_clc_back"),
            (S, "h245_end"),
        ],
    ),
];

/// What was said, and by whom.
pub(crate) type Said = Vec<(Direction, Vec<u8>)>;

/// Each dialogue of a protocol: how it is read, and who says what.
pub(crate) fn dialogues(protocol: Protocol) -> Vec<(Manner, Said)> {
    let of_it = DIALOGUES.iter().filter(|(of, ..)| *of == protocol);
    let said = |(from, name): &(Direction, &str)| {
        let message = message(name);
        (*from, if protocol == Protocol::H245 { in_tpkt(&message) } else { message })
    };
    of_it.map(|(_, manner, turns)| (*manner, turns.iter().map(said).collect())).collect()
}
