//! Any frames at any time into a box of one and of three workers: no panic, and the ledger balances.
//!
//! `cargo fuzz run shard`; what a run finds goes, under a name that says what it was, to `artifacts-frozen`, and the
//! tests of the engine replay it from then on. [`conversation`](conversation.rs) gets further; this one knows no bounds.
#![no_main]

#[path = "../../tests/inspection/harness.rs"]
mod harness;

libfuzzer_sys::fuzz_target!(|input: &[u8]| harness::run(&harness::read_arrivals(input)));
