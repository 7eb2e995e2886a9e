//! Real hosts in network namespaces, and the daemon between them.
//!
//! A [`Host`] is a namespace of its own, deleted when dropped, also when a test panics. What is
//! left of a process that was killed is swept away by the next one. Needs root and the programs
//! `ip`, `ethtool`, `curl`, `ping`, `traceroute`, `dig`, `dnsmasq`, `chronyd`, `vsftpd`, `in.tftpd`, `pptpd`, `pptp` and `python3`, by what is called.
//!
//! Not here: what the firewall should do. That is the tests' business.

pub mod answers;
mod bad_link;
mod client;
mod daemon;
mod ftp;
mod host;
mod joint;
mod pptp;
mod prometheus;
mod raw;
mod server;
mod site;
#[cfg(test)]
mod tests;
mod wait;

pub use bad_link::{BadLink, Damage, Faults};
pub use client::{Fetched, Pinged, Probes};
pub use daemon::{Binaries, Daemon, StartError};
pub use ftp::FileServer;
pub use host::{Done, Host, Process, run, veth, veth_with_queues};
pub use joint::Joint;
pub use pptp::{Tunnel, TunnelServer};
pub use prometheus::Prometheus;
pub use raw::RawSocket;
pub use server::UdpEcho;
pub use site::{
    INSIDE_PREFIX_V4, INSIDE_V4, INSIDE_V6, OUTSIDE_PREFIX_V4, OUTSIDE_V4, OUTSIDE_V6, Settings,
    Site, Where, config_text, scratch,
};
pub use wait::{until, within};
