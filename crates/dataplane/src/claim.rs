//! One interface, one firewall: what keeps a second daemon from the wire of the first.
//!
//! The kernel lets two programs sit on one interface (af_packet), or on the queues of one tap, and both would then
//! forward. So a daemon binds an abstract unix socket named after each interface that it uses. It exists once in a
//! network namespace, and is gone with the process, however that ends.

use std::collections::BTreeMap;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;

use nix::net::if_::if_nametoindex;

/// Begins the names of all these sockets.
const PREFIX: &str = "sallyport-device-";

/// An interface cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another daemon uses it.
    #[error(
        "another sallyportd has the interface {0}; end that one, or choose another interface (`ss -xlp | grep \
         sallyport-device-{0}` shows its process)"
    )]
    Claimed(String),
    /// The driver is to make it, and it is there.
    #[error(
        "{0} exists already: another program has it; choose another iface or end that program (`ip -details link \
         show {0}` shows what it is)"
    )]
    Exists(String),
    /// The kernel gives no socket.
    #[error("the interface {interface} cannot be marked as used by this process")]
    Socket {
        /// The interface.
        interface: String,
        /// Why.
        source: io::Error,
    },
}

/// The interface is this process's as long as this exists.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    _socket: Arc<UnixDatagram>,
}

/// What this process has claimed so far. Its ports may share an interface, on different queues: whether they may is
/// checked with the configuration.
#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<String, Claim>);

impl Claims {
    /// Claims an interface of this network namespace, whether it exists yet or not.
    pub(crate) fn claim(&mut self, interface: &str) -> Result<Claim, ClaimError> {
        if let Some(claim) = self.0.get(interface) {
            return Ok(claim.clone());
        }
        let bound = SocketAddr::from_abstract_name(format!("{PREFIX}{interface}"))
            .and_then(|address| UnixDatagram::bind_addr(&address));
        match bound {
            Ok(socket) => {
                let claim = Claim { _socket: Arc::new(socket) };
                self.0.insert(interface.into(), claim.clone());
                Ok(claim)
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(ClaimError::Claimed(interface.into()))
            }
            Err(source) => Err(ClaimError::Socket { interface: interface.into(), source }),
        }
    }
}

/// Refuses an interface that is there before its driver made it: the driver would take a queue of it beside whoever
/// has the others.
pub(crate) fn is_free(interface: &str) -> Result<(), ClaimError> {
    match if_nametoindex(interface) {
        Ok(_) => Err(ClaimError::Exists(interface.into())),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_is_claimed_once_until_it_is_let_go() {
        let interface = format!("claim{}", std::process::id());
        let mut first = Claims::default();
        let held = (first.claim(&interface).unwrap(), first.claim(&interface).unwrap());
        let mut second = Claims::default();
        let refusal = second.claim(&interface).unwrap_err();
        assert!(matches!(refusal, ClaimError::Claimed(_)), "{refusal}");
        assert!(refusal.to_string().contains(&format!("the interface {interface};")), "{refusal}");
        second.claim(&format!("{interface}x")).unwrap();
        drop(first);
        assert!(second.claim(&interface).is_err(), "the ports hold it still");
        drop(held);
        second.claim(&interface).unwrap();
    }

    #[test]
    fn an_interface_that_exists_is_not_free() {
        let text = is_free("lo").unwrap_err().to_string();
        assert!(text.contains("lo exists already: another program has it"), "{text}");
        is_free("no-such-if0").unwrap();
    }
}
