//! What hosts do to each other, right and wrong, into a box of one and of three workers: handshakes, segments,
//! datagrams, fragments, errors, associations, announced connections, time, and a new policy now and then. No panic, and
//! the ledger balances.
//!
//! `cargo fuzz run conversation`; what a run finds goes, under a name that begins with `conversation-`, to
//! `artifacts-frozen`, and the tests of the engine replay it from then on.
#![no_main]

#[path = "../../tests/inspection/harness.rs"]
mod harness;
#[path = "../../tests/inspection/traffic.rs"]
mod traffic;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    harness::run(&traffic::arrivals(&traffic::read_deeds(input)));
});
