//! The vectors of peers' test suites, read from the directory that `SALLYPORT_CASES` names.

use std::collections::BTreeMap;

use super::*;

/// Steps that are meant to be judged otherwise than their origin does.
const DIFFERENCES: &[(&str, &[u32], &str)] = &[(
    "npf-fin-retransmit",
    &[4, 5, 6, 7, 8, 9],
    "FIN without ACK is an illegal combination, refused by name; what acknowledges those FINs then acknowledges \
     nothing that was sent. The same case with FIN-ACK passes, see below.",
)];

/// A number of the table: a literal, a power, or one of the letters that stand for any number.
fn number(text: &str) -> u32 {
    text.split('+')
        .map(|term| match term {
            "x" | "any" => 0x1234_5678,
            "y" => 0x7fff_fff0,
            "w" => 65_535,
            _ => match term.split_once('^') {
                Some((base, exponent)) => {
                    base.parse::<u32>().unwrap().pow(exponent.parse().unwrap())
                }
                None => term.parse().unwrap(),
            },
        })
        .fold(0, u32::wrapping_add)
}

fn run(table: &str, with_ack: bool) -> (usize, Vec<String>) {
    let mut conversations = BTreeMap::new();
    let (mut steps, mut wrong) = (0, Vec::new());
    for line in table.lines().filter(|line| !line.starts_with(['#']) && !line.starts_with("case\t"))
    {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[case, step, side, flags, seq, ack, len, window, options, expect, ..] = &columns[..]
        else {
            panic!("too few columns: {line}");
        };
        let flags = if flags == "F" && with_ack { "FA" } else { flags };
        let scale = options.split(',').find_map(|option| option.strip_prefix("ws"));
        let packet = TcpSegment {
            window: number(window).try_into().unwrap(),
            payload: number(len).try_into().unwrap(),
            window_scale: scale.map(|shift| shift.parse().unwrap()),
            ..segment(flags, number(seq), number(ack))
        };
        let direction = if side == "O" { O } else { R };
        let conversation = conversations.entry(case).or_insert_with(Conversation::strict);
        conversation.now = conversation.now + core::time::Duration::from_millis(100);
        let judgement = conversation.send(direction, packet);
        let passed = !matches!(judgement, Judgement::Refuse(_));
        let step: u32 = step.parse().unwrap();
        let known = !with_ack
            && DIFFERENCES.iter().any(|(name, steps, _)| *name == case && steps.contains(&step));
        let expected = match expect {
            "PASS" => passed,
            "DROP" => !passed,
            "EITHER" => true,
            other => panic!("expect {other}?"),
        };
        if expected == known && expect != "EITHER" {
            wrong.push(format!("{case} {step}: {expect}, but {judgement:?}"));
        }
        steps += 1;
    }
    (steps, wrong)
}

#[test]
fn every_vector_is_judged_as_its_origin_says() {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("skipped: SALLYPORT_CASES is not set");
        return;
    };
    let path = std::path::Path::new(&cases).join("peer/tcp-state-vectors.tsv");
    let table = std::fs::read_to_string(&path).unwrap();
    // As it stands, and with the ACK bit that the case with bare FINs leaves out.
    for with_ack in [false, true] {
        let (steps, wrong) = run(&table, with_ack);
        assert!(steps > 50, "only {steps} steps in {}", path.display());
        assert!(wrong.is_empty(), "{wrong:#?}\ndeliberate: {DIFFERENCES:#?}");
        println!("{steps} steps");
    }
}
