//! Sallyport and the connection tracking of the Linux kernel see the same frames in the same order, and every
//! verdict of one is held against that of the other.
//!
//! - [`generate`]: conversations from a seed; [`captures`]: recorded ones;
//! - [`kernel`]: a bridge in a network namespace with strict tracking and the same policy;
//! - [`compare`]: both runs, datagram by datagram;
//! - [`differences`]: the differences that are accepted, each with its reason. Any other fails the test.
//!
//! Not here: time. Timeouts of the two differ by design, and are tested against the virtual clock elsewhere.
//!
//! The ordinary run has a fixed seed and a fixed number of conversations. `DIFFERENTIAL_SEED` and
//! `DIFFERENTIAL_SECONDS` make another run or a longer one; `cargo xtask differential` sets both.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking, as tests do, and say what they leave out"
)]

mod captures;
mod compare;
mod conversation;
mod differences;
mod generate;
#[path = "../inspection/harness.rs"]
mod harness;
mod kernel;
mod random;
#[path = "../inspection/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::time::Instant;

use captures::Capture;
use compare::{Tally, compare};
use kernel::Kernel;

/// Conversations of an ordinary run: some ten seconds.
const CONVERSATIONS: u64 = 20_000;
/// Conversations that are in progress at a time.
const BATCH: u64 = 250;
/// Conversations whose sessions the kernel holds before it is told to forget: it has room for more.
const ROUND: u64 = 20_000;

fn setting(name: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "the budget of a run is real time")]
fn clock() -> Instant {
    Instant::now()
}

/// Prints the result, and fails on anything that is not in the list.
fn conclude(tally: &Tally) {
    println!("{}", tally.report());
    assert!(
        tally.unlisted().is_empty(),
        "differences that are not in the list:\n\n{}",
        tally.unlisted().join("\n")
    );
}

#[test]
fn generated_conversations_get_the_kernels_verdicts() {
    if let Some(why) = kernel::lacking() {
        println!("skipped: {why}");
        return;
    }
    let seed = setting("DIFFERENTIAL_SEED", 1);
    let seconds = setting("DIFFERENTIAL_SECONDS", 0);
    println!("seed {seed}, against Linux {}", kernel::version());
    let (snapshot, mut tally, mut bridge) = (compare::snapshot(), Tally::default(), Kernel::new());
    let start = clock();
    let mut number = 0;
    // A time when one is given, else a number, so that the ordinary run is the same on every machine.
    while if seconds > 0 { start.elapsed().as_secs() < seconds } else { number < CONVERSATIONS } {
        if number % ROUND == 0 {
            bridge = Kernel::new();
        }
        let batch: Vec<_> =
            (number..number + BATCH).map(|number| generate::conversation(seed, number)).collect();
        compare(&mut bridge, &snapshot, &batch, &mut tally);
        number += BATCH;
    }
    println!("accepted differences:\n{}", compare::reasons());
    conclude(&tally);
    assert!(tally.is_telling(), "too few datagrams were compared");
}

#[test]
fn captures_get_the_kernels_verdicts() {
    if let Some(why) = kernel::lacking() {
        println!("skipped: {why}");
        return;
    }
    let Some(captures) = captures::all() else { return };
    let (snapshot, mut tally, mut kernel) = (compare::snapshot(), Tally::default(), Kernel::new());
    let mut left_out_of_all: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out_of_comparison = Vec::new();
    for Capture { name, conversations, left_out } in captures {
        kernel.forget();
        compare(&mut kernel, &snapshot, &conversations, &mut tally);
        if conversations.is_empty() {
            out_of_comparison.push((name, left_out.keys().copied().collect::<Vec<_>>().join("; ")));
        }
        for (why, frames) in left_out {
            *left_out_of_all.entry(why).or_default() += frames;
        }
    }
    println!("frames left out: {left_out_of_all:#?}");
    conclude(&tally);
    let known = captures::OUT_OF_COMPARISON;
    let known: Vec<_> =
        known.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect();
    assert_eq!(out_of_comparison, known, "captures of which nothing is compared");
}
