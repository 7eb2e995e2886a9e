//! The inspection path as a whole: frames and times go into shards, verdicts come out.
//!
//! - [`harness`]: a box of two ports and the ledger that every frame must balance in; the fuzz target uses it too;
//! - [`transcript`]: conversations as tables of time, side, frame and what is to become of it;
//! - the other modules: one each for what the box has to get right.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking, as tests do, and say what they leave out"
)]

mod bursts;
mod captures;
mod children;
mod configured_screens;
mod contacts;
mod corpus;
mod datagrams;
mod deeds;
mod errors;
mod exhaustive;
mod explained;
mod foreseen;
mod frame_sets;
mod gateways;
mod h323;
mod harness;
mod invariants;
mod lifetimes;
mod limits;
mod negatives;
mod pressure;
mod readers;
mod recorded;
mod reload;
mod replies;
mod ringing;
mod screens;
mod steering;
mod tcp;
mod traffic;
mod transcript;
mod tunnels;
mod udp_icmp;
mod vectors;
