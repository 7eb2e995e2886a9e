//! Asks the kernel about an interface, by rtnetlink(7): what is above it, and whether it has a carrier; and sets it
//! up or down.
//!
//! /sys would say it, too, but shows the network namespace of whoever mounted it, which need not be ours.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send,
    socket,
};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;
const IFLA_MASTER: u16 = 10;
/// The interface is up and has a carrier (netdevice(7)).
const IFF_LOWER_UP: u32 = 1 << 16;
/// Octets of nlmsghdr, and of ifinfomsg behind it.
const HEADER: usize = 16;
const LINK: usize = 16;
/// Where ifinfomsg has the flags.
const FLAGS: usize = HEADER + 8;
/// Octets of an attribute's header, and what attributes are aligned to.
const ATTRIBUTE: usize = 4;

/// An interface, of the network namespace of the thread that made this, whichever thread asks.
#[derive(Debug)]
pub(crate) struct Interface {
    socket: OwnedFd,
    index: u32,
}

/// What the kernel says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// The index of the interface above it.
    master: Option<u32>,
    /// Whether it is up, down to the wire.
    carrier: bool,
}

impl Interface {
    /// The interface with that index, whether it exists or not.
    pub(crate) fn new(index: u32) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { socket, index })
    }

    /// The index of the interface above this one, if there is any.
    pub(crate) fn master(&self) -> io::Result<Option<u32>> {
        let state = self.state()?.ok_or_else(|| io::Error::from(Errno::ENODEV))?;
        Ok(state.master)
    }

    /// Whether it is up and has a carrier; none: it is gone from that namespace. One caller at a time.
    pub(crate) fn carrier(&self) -> io::Result<Option<bool>> {
        Ok(self.state()?.map(|state| state.carrier))
    }

    /// Sets it up or down, as `ip link set` does. That takes CAP_NET_ADMIN. One caller at a time.
    pub(crate) fn set_up(&self, up: bool) -> io::Result<()> {
        let flags = if up { IFF_UP } else { 0 };
        let request = request(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, self.index, flags, IFF_UP);
        acknowledged(&self.ask(&request)?)
    }

    /// None: it does not exist.
    fn state(&self) -> io::Result<Option<State>> {
        read(&self.ask(&request(RTM_GETLINK, NLM_F_REQUEST, self.index, 0, 0))?)
    }

    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let descriptor = self.socket.as_raw_fd();
        // The answer about one interface is one datagram, of a few thousand octets. It is there when send returns.
        let mut answer = vec![0; 65_536];
        // What an earlier question left behind is not for this one.
        while recv(descriptor, &mut answer, MsgFlags::MSG_DONTWAIT).is_ok() {}
        send(descriptor, request, MsgFlags::empty())?;
        let length = recv(descriptor, &mut answer, MsgFlags::MSG_DONTWAIT)?;
        answer.truncate(length);
        Ok(answer)
    }
}

/// An nlmsghdr and an ifinfomsg: of the interface's flags, those in `mask` become as `flags` has them.
fn request(kind: u16, options: u16, index: u32, flags: u32, mask: u32) -> Vec<u8> {
    let length = u32::try_from(HEADER + LINK).unwrap_or(0);
    let mut octets = Vec::with_capacity(HEADER + LINK);
    octets.extend(length.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend(options.to_ne_bytes());
    // Sequence number and sender; family, padding and type of device.
    octets.extend([0; 8 + 4]);
    octets.extend(index.to_ne_bytes());
    octets.extend(flags.to_ne_bytes());
    octets.extend(mask.to_ne_bytes());
    octets
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a strange answer by rtnetlink")
}

/// The answer to a change: an error whose number is 0 if it is none.
fn acknowledged(answer: &[u8]) -> io::Result<()> {
    match (half(answer, 4), word(answer, HEADER)) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => {
            Err(Errno::from_raw(code.cast_signed().wrapping_neg()).into())
        }
        (Some(_) | None, _) => Err(strange()),
    }
}

fn read(answer: &[u8]) -> io::Result<Option<State>> {
    match half(answer, 4) {
        Some(RTM_NEWLINK) => {}
        Some(NLMSG_ERROR) => {
            let code = word(answer, HEADER).ok_or_else(strange)?.cast_signed();
            let errno = Errno::from_raw(code.wrapping_neg());
            return if errno == Errno::ENODEV { Ok(None) } else { Err(errno.into()) };
        }
        Some(_) | None => return Err(strange()),
    }
    let carrier = word(answer, FLAGS).ok_or_else(strange)? & IFF_LOWER_UP != 0;
    let mut state = State { master: None, carrier };
    let mut attributes = answer.get(HEADER + LINK..).ok_or_else(strange)?;
    while !attributes.is_empty() {
        let length = half(attributes, 0).map(usize::from).ok_or_else(strange)?;
        let kind = half(attributes, 2).ok_or_else(strange)?;
        let value = attributes.get(ATTRIBUTE..length).ok_or_else(strange)?;
        if kind == IFLA_MASTER {
            state.master = Some(word(value, 0).ok_or_else(strange)?).filter(|&index| index != 0);
        }
        attributes = attributes.get(length.next_multiple_of(ATTRIBUTE)..).unwrap_or_default();
    }
    Ok(Some(state))
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
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
        let state = |master| Some(State { master, carrier: false });
        assert_eq!(read(&with).unwrap(), state(Some(77)));
        let without = answer(RTM_NEWLINK, &[(3, b"eth1\0"), (4, &[1; 4])]);
        assert_eq!(read(&without).unwrap(), state(None));
    }

    #[test]
    fn the_carrier_is_a_flag() {
        let mut up = answer(RTM_NEWLINK, &[]);
        up[FLAGS..FLAGS + 4].copy_from_slice(&(IFF_LOWER_UP | 1).to_ne_bytes());
        assert_eq!(read(&up).unwrap(), Some(State { master: None, carrier: true }));
    }

    #[test]
    fn an_interface_that_is_gone_is_told_from_a_refusal() {
        let error = |errno: Errno| {
            let mut octets = answer(NLMSG_ERROR, &[]);
            octets[HEADER..HEADER + 4].copy_from_slice(&(-(errno as i32)).to_ne_bytes());
            octets
        };
        assert_eq!(read(&error(Errno::ENODEV)).unwrap(), None);
        let refusal = read(&error(Errno::EPERM)).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_change_is_acknowledged_or_refused() {
        let error = |code: i32| {
            let mut octets = answer(NLMSG_ERROR, &[]);
            octets[HEADER..HEADER + 4].copy_from_slice(&code.to_ne_bytes());
            octets
        };
        acknowledged(&error(0)).unwrap();
        let refusal = acknowledged(&error(-(Errno::EPERM as i32))).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::PermissionDenied);
        assert!(acknowledged(&answer(RTM_NEWLINK, &[])).is_err());
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(read(&[]).is_err());
        assert!(read(&answer(3, &[])).is_err());
        let mut cut = answer(RTM_NEWLINK, &[(IFLA_MASTER, &[0; 4])]);
        cut.truncate(cut.len() - 2);
        assert!(read(&cut).is_err());
        let mut endless = answer(RTM_NEWLINK, &[(3, &[])]);
        endless[HEADER + LINK] = 0;
        assert!(read(&endless).is_err(), "an attribute shorter than its header");
    }

    #[test]
    fn the_kernel_answers() {
        let index = nix::net::if_::if_nametoindex("lo").unwrap();
        let loopback = Interface::new(index).unwrap();
        assert_eq!(loopback.master().unwrap(), None);
        let nothing = Interface::new(0x7fff_fff0).unwrap();
        assert_eq!(nothing.carrier().unwrap(), None);
        assert_eq!(nothing.set_up(true).unwrap_err().raw_os_error(), Some(Errno::ENODEV as i32));
        assert_eq!(nothing.master().unwrap_err().raw_os_error(), Some(Errno::ENODEV as i32));
    }
}
