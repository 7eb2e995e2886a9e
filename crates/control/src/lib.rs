//! Commit, metrics, event log and API server.
#![forbid(unsafe_code)]

mod acceptor;
mod caller;
mod clock;
mod http;
mod server;
mod socket;

pub use clock::Timestamp;
pub use http::{MetricsAddressError, MetricsServer, MetricsSocket};
pub use socket::{ApiSocket, ApiSocketError, SocketGroups};
