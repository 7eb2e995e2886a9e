//! Any conversation, as any network treats it: no panic, no announcement for a host that has no part in it,
//! and the same announcements whatever honest network is between.
//!
//! `cargo fuzz run ftp`, or another protocol's name: there is one target for each. What a run finds goes,
//! under a name that says what it was, to the protocol's folder in `artifacts-frozen`, and the tests of the
//! crate replay it from then on.
#![no_main]

#[path = "../../tests/reading/harness.rs"]
mod harness;

fn protocol() -> alg::Protocol {
    let named = alg::Protocol::ALL.iter().find(|protocol| protocol.name() == env!("CARGO_BIN_NAME"));
    *named.expect("a target bears a protocol's name")
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| harness::run(protocol(), input));
