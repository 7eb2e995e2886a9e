//! Ports, worker loops and the delivery of snapshots.
#![forbid(unsafe_code)]
