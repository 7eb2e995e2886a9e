//! What the wire crate reads and writes, seen from outside.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod agreement;
mod answers;
mod captures;
mod faults;
mod frames;
mod headers;
