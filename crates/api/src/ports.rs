//! `ports`: the devices and what they do.

use serde::{Deserialize, Serialize};

use crate::Version;

/// All ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ports {
    /// Always 1.
    pub version: Version,
    /// In the order of the configuration.
    pub ports: Vec<PortInfo>,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortInfo {
    /// Its name in the configuration.
    pub name: String,
    /// The device as the configuration names it.
    pub device: String,
    /// The DPDK driver that serves it.
    pub driver: String,
    /// Its hardware address.
    pub mac: String,
    /// Its zone; VLANs may have others.
    pub zone: String,
    /// The port at the other end of its wire.
    pub partner: Option<String>,
    /// Whether its link is up.
    pub link_up: bool,
    /// The link's speed in bits per second; none: down or unknown.
    pub speed_bits_per_second: Option<u64>,
    /// The longest IP packet, in bytes.
    pub mtu: u16,
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// The NUMA socket of the device; none: it has none.
    pub socket: Option<u32>,
    /// What the driver was asked for in receive-side scaling, and what it granted, in words.
    pub rss: String,
    /// The same and what came of it, in parts.
    pub steering: PortSteering,
    /// Whether a kernel interface stays beside it and was allowed by `allow_kernel_path`.
    pub kernel_path_allowed: bool,
    /// Whether its device was pulled; it stays out of use until a restart.
    #[serde(default)]
    pub gone: bool,
    /// Whether its link is held down on account of the other end of its wire.
    #[serde(default)]
    pub held_down: bool,
    /// What it counted since the start.
    pub stats: PortStats,
}

/// How a port's frames come to the workers that own them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSteering {
    /// `hardware`: the device leads them there; `software`: workers hand them over; `none`: there is one worker.
    pub by: String,
    /// Why the device does not do it.
    pub reason: Option<String>,
    /// Bytes of the device's RSS key; 0: it hashes nothing.
    pub key_bytes: u64,
    /// Whether that key is read back: `same`, `differs`, or `untold` by a driver that does not tell.
    pub key: String,
    /// Packet types that it was asked to hash.
    pub asked: Vec<String>,
    /// Packet types that it hashes.
    pub granted: Vec<String>,
    /// Entries of its redirection table; 0: it has none.
    pub table_entries: u16,
    /// Whether that table is read back: `same`, `differs`, `untold`.
    pub table: String,
    /// Kinds of packet that the device leads to any worker even so.
    pub left_to_software: Vec<String>,
    /// Packets that no session claimed on the worker that received them, where there are several workers.
    pub misses: u64,
    /// Those that were led to another worker than their owner.
    pub strays: u64,
    /// Those that bore a hash of the device's.
    pub hashed: u64,
    /// Those whose hash is another than the one asked for.
    pub misread: u64,
    /// Whether the device is to lead packets to their owners and does not: more than one in a hundred went astray, of
    /// 10,000 or more.
    pub wrong: bool,
}

/// What a device counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStats {
    /// Frames received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames lost because no worker fetched them in time.
    pub rx_missed: u64,
    /// Frames lost because there was no buffer.
    pub rx_no_mbuf: u64,
    /// Faulty frames received.
    pub rx_errors: u64,
    /// Frames that the device failed to send.
    pub tx_errors: u64,
}
