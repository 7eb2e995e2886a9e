//! Asks the kernel, by rtnetlink(7), which bridge or bond an interface belongs to.
//!
//! /sys would say it, too, but shows the network namespace of whoever mounted it, which need not be ours.

use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    socket,
};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const IFLA_MASTER: u16 = 10;
/// Octets of nlmsghdr, and of ifinfomsg behind it.
const HEADER: usize = 16;
const LINK: usize = 16;
/// Octets of an attribute's header, and what attributes are aligned to.
const ATTRIBUTE: usize = 4;

/// The index of the interface above this one, if there is any.
pub(super) fn master_of(index: u32) -> io::Result<Option<u32>> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let descriptor = socket.as_raw_fd();
    connect(descriptor, &NetlinkAddr::new(0, 0))?;
    send(descriptor, &request(index), MsgFlags::empty())?;
    // The answer about one interface is one datagram, of a few thousand octets.
    let mut answer = vec![0; 65_536];
    let length = recv(descriptor, &mut answer, MsgFlags::empty())?;
    answer.truncate(length);
    read(&answer)
}

fn request(index: u32) -> Vec<u8> {
    let length = u32::try_from(HEADER + LINK).unwrap_or(0);
    let mut octets = Vec::with_capacity(HEADER + LINK);
    octets.extend(length.to_ne_bytes());
    octets.extend(RTM_GETLINK.to_ne_bytes());
    octets.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence number and sender; family, padding and type of device.
    octets.extend([0; 8 + 4]);
    octets.extend(index.to_ne_bytes());
    // Flags and their mask.
    octets.extend([0; 8]);
    octets
}

fn read(answer: &[u8]) -> io::Result<Option<u32>> {
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "a strange answer by rtnetlink");
    if half(answer, 4) != Some(RTM_NEWLINK) {
        return Err(strange());
    }
    let mut attributes = answer.get(HEADER + LINK..).ok_or_else(strange)?;
    while !attributes.is_empty() {
        let length = half(attributes, 0).map(usize::from).ok_or_else(strange)?;
        let kind = half(attributes, 2).ok_or_else(strange)?;
        let value = attributes.get(ATTRIBUTE..length).ok_or_else(strange)?;
        if kind == IFLA_MASTER {
            let octets = value.first_chunk().ok_or_else(strange)?;
            return Ok(Some(u32::from_ne_bytes(*octets)).filter(|&master| master != 0));
        }
        attributes = attributes.get(length.next_multiple_of(ATTRIBUTE)..).unwrap_or_default();
    }
    Ok(None)
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|half| u16::from_ne_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut octets = vec![0; HEADER + LINK];
        octets[4..6].copy_from_slice(&kind.to_ne_bytes());
        for (kind, value) in attributes {
            let length = u16::try_from(ATTRIBUTE + value.len()).unwrap();
            octets.extend(length.to_ne_bytes());
            octets.extend(kind.to_ne_bytes());
            octets.extend(*value);
            octets.resize(octets.len().next_multiple_of(ATTRIBUTE), 0);
        }
        octets
    }

    #[test]
    fn the_master_is_found_among_other_attributes() {
        let master = 77_u32.to_ne_bytes();
        let with = answer(RTM_NEWLINK, &[(3, b"eth1\0"), (IFLA_MASTER, &master), (4, &[1; 4])]);
        assert_eq!(read(&with).unwrap(), Some(77));
        let without = answer(RTM_NEWLINK, &[(3, b"eth1\0"), (4, &[1; 4])]);
        assert_eq!(read(&without).unwrap(), None);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(read(&[]).is_err());
        assert!(read(&answer(2, &[])).is_err());
        let mut cut = answer(RTM_NEWLINK, &[(IFLA_MASTER, &[0; 4])]);
        cut.truncate(cut.len() - 2);
        assert!(read(&cut).is_err());
        let mut endless = answer(RTM_NEWLINK, &[(3, &[])]);
        endless[HEADER + LINK] = 0;
        assert!(read(&endless).is_err(), "an attribute shorter than its header");
    }

    #[test]
    fn the_kernel_answers() {
        let loopback = nix::net::if_::if_nametoindex("lo").unwrap();
        assert_eq!(master_of(loopback).unwrap(), None);
    }
}
