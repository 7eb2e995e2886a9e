//! Where the two firewalls differ and ours is right: the whole list, each with its reason.
//!
//! After a difference the two know different things, so the rest of its conversation is not compared. Some
//! differences show only later, by what the two have learned: those look back for the segment that they learned from.

use testkit::conversation::Side;
use wire::TcpSegment;

use crate::compare::Case;
use crate::generate::ORDERLY;

/// A difference that was looked at and accepted.
pub(crate) struct Difference {
    /// What the report calls it.
    pub(crate) name: &'static str,
    /// Whether this is it, given that the verdicts differ.
    holds: fn(&Case<'_>) -> bool,
    /// Why we differ.
    pub(crate) reason: &'static str,
}

/// What alone may be different in traffic of hosts that keep to the rules, however bad the network.
pub(crate) const IN_ORDERLY_TRAFFIC: &[Difference] = &[
    Difference {
        name: "acknowledgement_after_lost_fin",
        holds: |case| {
            refused(case, &["tcp_seq_above_window"])
                && segment(case, |tcp| tcp.payload == 0 && !tcp.flags.rst())
        },
        reason: "its sender has filled the window and sent a FIN beyond, and that was lost: the receiver discards \
                 what follows, too, until the FIN comes again (RFC 9293 §3.10.7.4)",
    },
    Difference {
        name: "overtaken_copy",
        holds: |case| {
            refused(case, &["tcp_seq_below_window"]) && segment(case, |tcp| !tcp.flags.syn())
        },
        reason: "a copy of data that was acknowledged, overtaken by more than a window: the receiver has it",
    },
    Difference {
        name: "rst_at_edge_after_loss",
        holds: |case| refused(case, &["tcp_rst_invalid"]),
        reason: "its sender has filled the window and all was lost: the edge is no more in the window, and the \
                 receiver discards the RST (RFC 5961 §3.2)",
    },
];

/// Accepted in all other traffic.
pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "late_or_early_segment",
        holds: |case| {
            refused(case, &["tcp_seq_above_window", "tcp_seq_below_window", "tcp_ack_too_old"])
        },
        reason: "beyond I, II and IV the kernel lets pass, untracked, what lies a window away or may be overdue; \
                 its receiver can only discard it, and we refuse it by name",
    },
    Difference {
        name: "segment_after_reset",
        holds: |case| refused(case, &["tcp_closed"]),
        reason: "after a RST the kernel passes whatever comes for ten seconds; we pass only what a challenge needs \
                 (RFC 5961 §3.2)",
    },
    Difference {
        name: "acknowledges_overshoot",
        holds: |case| {
            let overshot = |one: &Case<'_>| one.note.contains("over the edge of the window");
            refused(case, &["tcp_ack_above_sent"]) && case.earlier.iter().any(overshot)
        },
        reason: "what lies beyond the window does not count as sent, since its receiver trims it (RFC 9293 §3.10.7.4); \
                 the kernel counts it, and lets it be acknowledged",
    },
    Difference {
        name: "untaken_data_of_syn",
        holds: |case| {
            let with_data = |one: &Case<'_>| one.note.contains("syn with data");
            case.we_passed() && case.earlier.iter().any(with_data)
        },
        reason: "the responder took less of a SYN than its data (RFC 7413 §4.1.3), and its window is smaller than that: to \
                 the kernel the initiator, which goes on behind its SYN, is a window late, so that neither its \
                 segments nor its windows count",
    },
    Difference {
        name: "goes_on_after_overshoot",
        holds: |case| {
            let overshot = |one: &Case<'_>| {
                one.note.contains("over the edge of the window")
                    || one.note.contains("data beyond the window")
            };
            case.we_passed() && case.earlier.iter().any(overshot)
        },
        reason: "as before: to the kernel a sender whose data ran beyond the window is a window late when it goes on \
                 with what its receiver took",
    },
    Difference {
        name: "data_after_acknowledged_fin",
        holds: |case| refused(case, &["tcp_data_after_fin"]),
        reason: "nothing follows a FIN that was acknowledged (RFC 9293 §3.6); the kernel holds data only to the \
                 window",
    },
    Difference {
        name: "rst_outside_window",
        holds: |case| refused(case, &["tcp_rst_invalid"]),
        reason: "the kernel asks only that a RST is not below the last acknowledgement, and of some states not \
                 that; its receiver ignores one that is not in the window (RFC 5961 §3.2)",
    },
    Difference {
        name: "rst_with_any_acknowledgement",
        holds: |case| case.we_passed() && segment(case, |tcp| tcp.flags.rst() && tcp.flags.ack()),
        reason: "a RST is judged by its sequence number before its acknowledgement is looked at (RFC 9293 \
                 §3.10.7.4): its receiver obeys, so the session has to end",
    },
    Difference {
        name: "syn_repeated",
        holds: |case| refused(case, &["tcp_syn_repeated"]),
        reason: "a SYN on a living connection passes once a second: one challenge is answer enough (RFC 5961 §4.2)",
    },
    Difference {
        name: "syn_from_responder",
        holds: |case| {
            refused(case, &["tcp_syn_from_responder", "no_rule", "session_closed"])
                && case.side == Side::Responder
                && segment(case, is_syn)
        },
        reason: "the kernel lets a responder's SYN in on a session that is over or living; no rule allows the \
                 outside to open anything",
    },
    Difference {
        name: "answer_before_syn_ack",
        holds: |case| {
            refused(case, &["tcp_before_syn_ack", "tcp_syn_ack_invalid", "tcp_handshake_ack"])
        },
        reason: "until the responder has acknowledged the SYN, only a bare challenge passes; the kernel ignores \
                 data and SYN-ACKs that answer nothing, and lets them in",
    },
    Difference {
        name: "syn_ack_of_initiator",
        holds: |case| {
            case.we_passed()
                && case.side == Side::Initiator
                && segment(case, |tcp| tcp.flags.syn() && tcp.flags.ack())
        },
        reason: "after a simultaneous open both sides may repeat their SYN-ACK (RFC 9293 §3.5); it brings nothing \
                 new, and the kernel refuses it",
    },
    Difference {
        name: "syn_ack_with_another_number",
        holds: |case| refused(case, &["tcp_syn_ack_unexpected"]),
        reason: "a SYN-ACK that says other than the handshake did, and answers no later SYN, is forged; the kernel \
                 ignores it, and lets it in",
    },
    Difference {
        name: "sack_of_what_was_not_sent",
        holds: |case| case.we_passed() && segment(case, |tcp| tcp.sack_right.is_some()),
        reason: "boxes that rewrite sequence numbers forget SACK blocks: we hold only the acknowledgement to III, \
                 and learn nothing from the blocks",
    },
    Difference {
        name: "urgent_without_ack",
        holds: |case| {
            refused(case, &["tcp_flags_urg_without_ack"])
                || case.we_passed() && segment(case, |tcp| tcp.flags.syn() && tcp.flags.urg())
        },
        reason: "URG means nothing without ACK (RFC 9293 §3.1) and may stand with it; the kernel's table of flags \
                 has it the other way round with SYN",
    },
    Difference {
        name: "error_from_wrong_side",
        holds: |case| refused(case, &["wrong_side"]),
        reason: "an error about a packet comes from where that packet went; the kernel does not know sides",
    },
    Difference {
        name: "error_quotes_wrong_number",
        holds: |case| refused(case, &["icmp_quote_seq"]),
        reason: "a quoted segment that is not in flight is forged (RFC 5927 §4.1); the kernel asks for the tuple only",
    },
    Difference {
        name: "error_quotes_fragment",
        holds: |case| refused(case, &["quoted_fragment", "quoted_header"]),
        reason: "an error about a fragment, or about a packet whose transport is not in what is quoted, shows no session; \
                 the kernel reads on behind the fragment's header",
    },
    Difference {
        name: "screened",
        holds: |case| refused(case, &["martian_source", "protocol_family", "source_route"]),
        reason: "no host may send from such an address (RFC 1122 §3.2.1.3), ICMP of the other family means nothing, and \
                 source routes are dropped (RFC 7126 §4.3) before any state is asked; in the kernel that is the \
                 business of routes, which a bridge has none of",
    },
    Difference {
        name: "fragment_repeated_with_other_octets",
        holds: |case| refused(case, &["fragment_overlap"]) && case.kind.starts_with("frag6/"),
        reason: "only an exact duplicate may be dropped alone (RFC 8200 §4.5); the kernel looks at its place and length, not \
                 at its octets, and keeps the first",
    },
    Difference {
        name: "gre_of_pptp",
        holds: |case| {
            let gre = case.headers.as_ref().is_some_and(|headers| headers.protocol == 47);
            case.we_passed() && gre && case.side == Side::Initiator
        },
        reason: "a rule that allows GRE allows any version; the kernel opens for version 1 only what its helper for PPTP \
                 has announced",
    },
    Difference {
        name: "sctp_without_handshake",
        holds: |case| {
            refused(case, &["sctp_not_init", "sctp_state"]) && case.side == Side::Initiator
        },
        reason: "a cookie that no INIT ACK has given, and data that come before it, open no association (RFC 9260 §5.1); the \
                 kernel takes either for one",
    },
    Difference {
        name: "syn_replaced",
        holds: |case| {
            let first = case.earlier.iter().find(|one| opens(one));
            first.is_some()
                && case
                    .earlier
                    .iter()
                    .any(|one| opens(one) && number(one) != first.and_then(number))
        },
        reason: "a SYN with another initial number replaces one that was not answered, and is noted on a living \
                 session, so that the answer tells which holds; the kernel counts on by the numbers of the first",
    },
    Difference {
        name: "acknowledges_number_of_rst",
        holds: |case| {
            let passed_rst =
                |one: &Case<'_>| one.we_passed() && segment(one, |tcp| tcp.flags.rst());
            refused(case, &["tcp_ack_above_sent"]) && case.earlier.iter().any(passed_rst)
        },
        reason: "the number of a RST in the window is no proof that its sender has sent up to there; the kernel \
                 counts it as sent",
    },
    Difference {
        name: "rst_of_unanswered_syn",
        holds: |case| {
            case.we_passed()
                && case.before == Some("syn_sent")
                && case.side == Side::Initiator
                && segment(case, |tcp| tcp.flags.rst())
        },
        reason: "a RST right after the SYN is its sender's abort, also after other segments that were refused",
    },
    Difference {
        name: "within_unit_of_window",
        holds: |case| {
            let scaled = |one: &Case<'_>| segment(one, |tcp| tcp.window_scale > Some(0));
            let inexact = !segment(case, |tcp| tcp.flags.rst()) || case.after != Some("closed");
            case.note.contains("window")
                && inexact
                && case.we_passed()
                && case.earlier.iter().any(scaled)
        },
        reason: "a session keeps the right edge in units of the window's scale, rounded up, and so may let through \
                 what oversteps it by one unit; its receiver discards that",
    },
    Difference {
        name: "after_refused_connection",
        holds: |case| case.we_passed() && case.before == Some("closed"),
        reason: "a session that was reset stays for what crosses the RST on its way; the kernel removes one that \
                 was never established",
    },
    Difference {
        name: "simultaneous_open",
        holds: |case| {
            let open = |one: &Case<'_>| one.after == Some("simultaneous_open");
            (case.we_passed() || refused(case, &["tcp_ack_above_sent"]))
                && case.earlier.iter().any(open)
        },
        reason: "after a simultaneous open (RFC 9293 §3.5) the kernel refuses acknowledgements of data that it let \
                 pass, and lets pass acknowledgements of what was never sent",
    },
    Difference {
        name: "challenge_to_syn",
        holds: |case| {
            let bare = |tcp: &TcpSegment| tcp.payload == 0 && tcp.flags.ack() && !tcp.flags.syn();
            case.we_passed()
                && case.before == Some("syn_sent")
                && case.side == Side::Responder
                && segment(case, bare)
        },
        reason: "who still knows an older connection challenges every SYN (RFC 9293 §3.10.7.4), also after other \
                 segments that were refused; the kernel stops at what those have taught it",
    },
    Difference {
        name: "after_syn_on_living_session",
        holds: |case| {
            let living = |one: &Case<'_>| {
                one.before.is_some_and(|state| state != "syn_sent") && segment(one, is_syn)
            };
            case.earlier.iter().any(living)
        },
        reason: "a SYN on a living session changes nothing here until it is answered; the kernel counts on by its \
                 numbers, or forgets a session that is being closed, and it takes no more than the tuple to forge one",
    },
];

/// Whether we refused it for one of these reasons and the kernel did not.
fn refused(case: &Case<'_>, reasons: &[&str]) -> bool {
    case.reason.is_some_and(|reason| reasons.contains(&reason))
}

fn segment(case: &Case<'_>, is: impl Fn(&TcpSegment) -> bool) -> bool {
    case.tcp().is_some_and(is)
}

fn is_syn(tcp: &TcpSegment) -> bool {
    tcp.flags.syn() && !tcp.flags.ack() && !tcp.flags.rst() && !tcp.flags.fin()
}

fn opens(case: &Case<'_>) -> bool {
    case.side == Side::Initiator && segment(case, is_syn)
}

fn number(case: &Case<'_>) -> Option<u32> {
    case.tcp().map(|tcp| tcp.seq.0)
}

/// The name of the difference in a case in which the verdicts differ; none if it is not in the list.
pub(crate) fn of(case: &Case<'_>) -> Option<&'static str> {
    let list = if case.kind == ORDERLY { IN_ORDERLY_TRAFFIC } else { DIFFERENCES };
    list.iter().find(|difference| (difference.holds)(case)).map(|found| found.name)
}
