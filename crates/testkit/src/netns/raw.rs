//! Frames sent and heard on a host's interface, past its own stack.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::host::Host;
use super::wait::now;
use crate::packet::seen::Seen;

/// `PACKET_OUTGOING` of packet(7): a frame that this host itself sends.
const OUTGOING: u8 = 4;

/// An AF_PACKET socket bound to one interface of a host.
///
/// A frame's outermost VLAN tag is taken off by the kernel on reception, not on sending. What
/// comes in is queued from the moment of opening.
#[derive(Debug)]
pub struct RawSocket {
    socket: OwnedFd,
}

impl RawSocket {
    /// Opens it on an interface that is up.
    #[must_use]
    pub fn open(host: &Host, interface: &str) -> Self {
        let socket = host.inside(|| {
            let socket = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::EthAll,
            )
            .expect("a raw socket as root");
            let address: LinkAddr = getifaddrs()
                .expect("the interfaces of a namespace")
                .filter(|entry| entry.interface_name == interface)
                .find_map(|entry| entry.address?.as_link_addr().copied())
                .unwrap_or_else(|| panic!("no interface {interface}"));
            bind(socket.as_raw_fd(), &address).expect("bind to an interface that is up");
            socket
        });
        Self { socket }
    }

    /// Sends a frame.
    pub fn send(&self, frame: &[u8]) {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty())
            .unwrap_or_else(|error| panic!("send {} bytes: {error}", frame.len()));
        assert_eq!(sent, frame.len());
    }

    /// Sends a frame if the interface takes it at this moment; one that is full or gone loses it, as links do.
    /// Returns whether it went.
    pub fn offer(&self, frame: &[u8]) -> bool {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty()).is_ok()
    }

    /// The next frame that comes in; `None` if none does in `limit`. Frames sent by this host
    /// are left out.
    #[must_use]
    pub fn receive(&self, limit: Duration) -> Option<Vec<u8>> {
        let start = now();
        let mut buffer = vec![0; 65_536];
        loop {
            // A timeout of zero would wait for ever.
            let left = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(1));
            let timeout = TimeVal::new(
                i64::try_from(left.as_secs()).expect("a short wait"),
                i64::from(left.subsec_micros().max(1)),
            );
            setsockopt(&self.socket, sockopt::ReceiveTimeout, &timeout).expect("a valid timeout");
            match recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer) {
                Ok((length, from)) if from.is_none_or(|from| from.pkttype() != OUTGOING) => {
                    return Some(buffer[..length].to_vec());
                }
                Ok(_) => {}
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => {}
                Err(error) => panic!("receive: {error}"),
            }
            if start.elapsed() >= limit {
                return None;
            }
        }
    }

    /// The first IP packet to come in within `limit` that `wanted` says yes to.
    #[must_use]
    pub fn hear(&self, limit: Duration, mut wanted: impl FnMut(&Seen) -> bool) -> Option<Seen> {
        let start = now();
        loop {
            let left = limit.checked_sub(start.elapsed())?;
            if let Some(seen) = self.receive(left).as_deref().and_then(Seen::parse)
                && wanted(&seen)
            {
                return Some(seen);
            }
        }
    }
}
