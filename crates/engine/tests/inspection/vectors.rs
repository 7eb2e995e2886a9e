//! The TCP vectors of peers' test suites, as frames through the box.
//!
//! The folder that `SALLYPORT_CASES` names has them as tables in `peer`: a line a segment, with its case, side, flags,
//! numbers, length, window, options, and what its origin makes of it. Each case is played on sockets of its own, over
//! both families and with several numbers of workers; what its letters stand for is chosen here. Without the variable
//! the tests say so and pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use engine::Verdict;
use testkit::packet::{Frame, TCP, Tcp, TcpOption, flags};

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::transcript::{outcome, swapped};

/// Steps that are meant to be judged otherwise than their origin does.
#[derive(Debug)]
struct Difference {
    case: &'static str,
    steps: &'static [u32],
    /// Only as the table stands, not with the ACK bit added to bare FINs.
    bare_fin: bool,
    #[expect(dead_code, reason = "printed when a vector fails")]
    reason: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "npf-fin-retransmit",
        steps: &[4, 5, 6, 7, 8],
        bare_fin: true,
        reason: "FIN without ACK is an illegal combination, refused by name, and what acknowledges those FINs \
                 acknowledges nothing that was sent. With FIN-ACK the same case passes.",
    },
    Difference {
        case: "npf-fin-retransmit",
        steps: &[9],
        bare_fin: false,
        reason: "The initiator sends the responder's numbers (sequence 11, acknowledgement 1001): it acknowledges 990 \
                 octets that the responder never sent, which III refuses. From the responder it passes.",
    },
    Difference {
        case: "npf-ooo-ack",
        steps: &[8],
        bare_fin: false,
        reason: "The responder acknowledges 13000 before the initiator has sent beyond 12000. NPF lets an \
                 acknowledgement run 66000 ahead; III does not, and nor does Linux: data passes an inline box before \
                 its acknowledgement can exist. The conversation goes on unharmed.",
    },
];

/// How a table is played.
#[derive(Clone, Copy, Debug)]
struct Playing {
    workers: u16,
    v6: bool,
    /// Bare FINs get the ACK bit that RFC 9293 asks of them.
    with_ack: bool,
}

/// A line of a table, with what the box is to make of it.
struct Step<'a> {
    case: &'a str,
    number: u32,
    outward: bool,
    segment: Tcp,
    /// None: either is right.
    passes: Option<bool>,
}

/// A number of the table: terms that are added, each a literal, a power, or a letter that stands for any number.
fn number(text: &str) -> u32 {
    let term = |term: &str| match term {
        "w" => 65_535,
        "y" => 0x7fff_fff0,
        letters if letters.starts_with(char::is_alphabetic) => 0x1234_5678,
        _ => match term.split_once('^') {
            Some((base, exponent)) => base.parse::<u32>().unwrap().pow(exponent.parse().unwrap()),
            None => term.parse().unwrap_or_else(|error| panic!("{text}: {error}")),
        },
    };
    text.split('+').map(term).fold(0, u32::wrapping_add)
}

fn option(text: &str) -> TcpOption {
    match text.strip_prefix("ws") {
        Some(shift) => TcpOption::WindowScale(shift.parse().unwrap()),
        None if text == "mss" => TcpOption::MaximumSegmentSize(1_460),
        None if text == "sack" => TcpOption::SackPermitted,
        None if text == "ts" => TcpOption::Timestamps(1, 0),
        None => panic!("option {text}?"),
    }
}

fn step(line: &str, with_ack: bool) -> Step<'_> {
    let columns: Vec<&str> = line.split('\t').collect();
    let &[case, step, side, letters, seq, ack, len, window, options, expect, ..] = &columns[..]
    else {
        panic!("too few columns: {line}");
    };
    let mut bits = letters.chars().fold(0, |bits, letter| {
        bits | match letter {
            'S' => flags::SYN,
            'A' => flags::ACK,
            'F' => flags::FIN,
            'R' => flags::RST,
            'P' => flags::PSH,
            'U' => flags::URG,
            'E' => flags::ECE,
            'C' | 'W' => flags::CWR,
            '-' | '.' => 0,
            other => panic!("flag {other}?"),
        }
    });
    if with_ack && bits == flags::FIN {
        bits |= flags::ACK;
    }
    let segment = Tcp {
        flags: bits,
        sequence: number(seq),
        acknowledgement: number(ack),
        window: number(window).try_into().expect("16 bits"),
        options: options.split(',').filter(|name| *name != "-").map(option).collect(),
        payload: vec![b'x'; usize::try_from(number(len)).expect("short")],
        ..TCP
    };
    let passes = match expect {
        "PASS" => Some(true),
        "DROP" => Some(false),
        "EITHER" => None,
        other => panic!("expect {other}?"),
    };
    Step { case, number: step.parse().unwrap(), outward: side == "O", segment, passes }
}

/// What is not as the table says, or as the list of differences says; and how many steps there were.
fn play(table: &str, playing: Playing) -> (usize, Vec<String>) {
    let Playing { workers, v6, with_ack } = playing;
    let mut plan = Plan::new();
    // The tables know no MTU.
    plan.ports.iter_mut().for_each(|port| port.mtu = 9_000);
    let mut rig = Rig::new(workers, &plan.snapshot());
    let mut sockets = BTreeMap::new();
    let (mut steps, mut wrong) = (0, Vec::new());
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.starts_with("case\t"));
    for Step { case, number, outward, segment, passes } in
        lines.filter(|line| !line.is_empty()).map(|line| step(line, with_ack))
    {
        let cases = u16::try_from(sockets.len()).expect("few cases");
        let port = *sockets.entry(case).or_insert(20_000 + cases);
        let (client, server) = if v6 {
            (format!("[2001:db8:1::1]:{port}"), "[2001:db8:2::80]:80".to_owned())
        } else {
            (format!("10.0.0.1:{port}"), "192.0.2.80:80".to_owned())
        };
        let (frame, entrance) = if outward {
            (Frame::tcp(&client[..], &server[..], segment), INSIDE)
        } else {
            (swapped(Frame::tcp(&server[..], &client[..], segment)), OUTSIDE)
        };
        let now = rig.now() + Duration::from_millis(100);
        let fates = rig.receive(now, entrance, frame.bytes());
        let [fate] = &fates[..] else { panic!("one fate: {fates:?}") };
        let passed = fate.judgement.verdict == Verdict::Forward;
        let differs = DIFFERENCES.iter().any(|difference| {
            let Difference { case: name, steps, bare_fin, .. } = difference;
            *name == case && steps.contains(&number) && !(*bare_fin && with_ack)
        });
        if passes.is_some_and(|passes| (passes == passed) == differs) {
            wrong.push(format!("{case} {number}: pass {passes:?}, but {}", outcome(fate)));
        }
        steps += 1;
    }
    rig.check();
    rig.check_all_ends();
    (steps, wrong)
}

#[test]
fn every_vector_is_judged_as_its_origin_says() {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("skipped: SALLYPORT_CASES is not set");
        return;
    };
    let folder = Path::new(&cases).join("peer");
    let files = fs::read_dir(&folder).expect("a folder peer").map(|entry| entry.unwrap().path());
    let mut played = 0;
    for file in files.filter(|path| path.extension().is_some_and(|name| name == "tsv")) {
        let table = fs::read_to_string(&file).unwrap();
        for with_ack in [false, true] {
            for (workers, v6) in [(1, false), (1, true), (3, false), (8, true)] {
                let playing = Playing { workers, v6, with_ack };
                let (steps, wrong) = play(&table, playing);
                let name = file.display();
                assert!(wrong.is_empty(), "{name}, {playing:?}: {wrong:#?}\n{DIFFERENCES:#?}");
                println!("{name}, {playing:?}: {steps} steps");
                played += steps;
            }
        }
    }
    assert!(played > 500, "only {played} steps below {}", folder.display());
}
