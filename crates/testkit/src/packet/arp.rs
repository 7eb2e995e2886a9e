//! ARP over Ethernet for IPv4 (RFC 826).

use std::net::Ipv4Addr;

use super::{INITIATOR_MAC, Mac};

/// What an ARP message asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArpOperation {
    /// Who has the target address?
    Request,
    /// The sender has its address.
    Reply,
    /// Any other number.
    Other(u16),
}

/// An ARP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arp {
    /// Request or reply.
    pub operation: ArpOperation,
    /// Sender's MAC.
    pub sender_mac: Mac,
    /// Sender's address.
    pub sender: Ipv4Addr,
    /// Target's MAC, zero in a request.
    pub target_mac: Mac,
    /// Target's address.
    pub target: Ipv4Addr,
}

/// 10.0.0.1 asks who has 10.0.0.2.
pub const ARP: Arp = Arp {
    operation: ArpOperation::Request,
    sender_mac: INITIATOR_MAC,
    sender: Ipv4Addr::new(10, 0, 0, 1),
    target_mac: [0; 6],
    target: Ipv4Addr::new(10, 0, 0, 2),
};

impl Arp {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { operation, sender_mac, sender, target_mac, target } = self;
        let operation = match operation {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
            ArpOperation::Other(number) => *number,
        };
        // Hardware type Ethernet, protocol type IPv4, their address lengths.
        let mut out = vec![0, 1, 0x08, 0x00, 6, 4];
        out.extend_from_slice(&operation.to_be_bytes());
        out.extend_from_slice(sender_mac);
        out.extend_from_slice(&sender.octets());
        out.extend_from_slice(target_mac);
        out.extend_from_slice(&target.octets());
        out
    }
}
