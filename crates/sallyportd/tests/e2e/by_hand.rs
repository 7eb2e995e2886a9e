//! Both ends of a control conversation in a test's hands, and whether what it announces comes through.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use testkit::netns::answers::{LiveSession, events};
use testkit::netns::{Host, INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, Site, within};

use super::{SILENCE, SOON, reasons};

/// Other addresses of either host: a third host of its side.
pub(crate) const OTHER_INSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);
pub(crate) const OTHER_OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 81);
const OTHER_INSIDE_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x11);
const OTHER_OUTSIDE_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x81);

/// Everybody's addresses of one family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Everybody {
    pub(crate) inside: IpAddr,
    pub(crate) outside: IpAddr,
    /// A third host beside the inside one.
    pub(crate) other_inside: IpAddr,
    /// A third host beside the outside one.
    pub(crate) other_outside: IpAddr,
}

impl Everybody {
    pub(crate) fn of(v6: bool) -> Self {
        let [inside, outside, other_inside, other_outside] = if v6 {
            [INSIDE_V6, OUTSIDE_V6, OTHER_INSIDE_V6, OTHER_OUTSIDE_V6].map(IpAddr::V6)
        } else {
            [INSIDE_V4, OUTSIDE_V4, OTHER_INSIDE, OTHER_OUTSIDE].map(IpAddr::V4)
        };
        Self { inside, outside, other_inside, other_outside }
    }
}

/// A rule by which inside may start conversations of these services, a list's items.
pub(crate) fn started_inside(rule: &str, services: &str) -> String {
    format!(
        r#"
[[rule]]
name = "{rule}"
from = ["inside"]
to = ["outside"]
service = [{services}]
action = "allow"
log = "both"
"#
    )
}

/// Gives both hosts their other addresses.
pub(crate) fn give_other_addresses(site: &Site) {
    site.inside.address("eth0", &format!("{OTHER_INSIDE}/24"));
    site.outside.address("eth0", &format!("{OTHER_OUTSIDE}/24"));
    site.inside.address("eth0", &format!("{OTHER_INSIDE_V6}/64"));
    site.outside.address("eth0", &format!("{OTHER_OUTSIDE_V6}/64"));
}

/// The sessions that were announced in conversations with a port. All there is but those conversations must have been,
/// and the listing as well as the log must name the conversation that announced it, of the same two hosts.
pub(crate) fn announced_at(site: &Site, port: u16) -> Vec<LiveSession> {
    let all = site.ctl().sessions(&[]);
    let (controls, children): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|session| session.destination_port == Some(port.into()));
    let ends = |session: &LiveSession| {
        let LiveSession { source, destination, .. } = session.clone();
        if source < destination { [source, destination] } else { [destination, source] }
    };
    for control in &controls {
        assert_eq!(control.parent, None, "{control:?}");
    }
    for child in &children {
        let parent = controls.iter().find(|control| Some(&control.id) == child.parent.as_ref());
        assert_eq!(parent.map(ends), Some(ends(child)), "{child:?} of {controls:?}");
        let logged = within(SOON, || {
            let is_its = |session: &Option<String>| session.as_ref() == Some(&child.id);
            events(&site.daemon.log())
                .into_iter()
                .find(|it| it.event == "session_start" && is_its(&it.session))
        });
        assert_eq!(logged.map(|it| it.parent), Some(child.parent.clone()), "{child:?}");
    }
    children
}

/// Both ends of a TCP connection from inside to outside.
pub(crate) struct Talk {
    client: TcpStream,
    server: TcpStream,
}

impl Talk {
    /// Opens it to a port over IPv4, between hosts that have other addresses too.
    pub(crate) fn open(site: &Site, port: u16) -> Self {
        Self::open_over(site, false, port)
    }

    /// Opens it to a port over either family.
    pub(crate) fn open_over(site: &Site, v6: bool, port: u16) -> Self {
        give_other_addresses(site);
        Self::another(site, v6, port)
    }

    /// Opens another one, to another port.
    pub(crate) fn another(site: &Site, v6: bool, port: u16) -> Self {
        let address = site.outside_address(v6, port);
        let listener =
            site.outside.inside(|| TcpListener::bind(address)).expect("a port of its own");
        // Of its addresses a host would choose the newest of IPv6.
        let Everybody { inside, .. } = Everybody::of(v6);
        let client = site.inside.connect_from(inside, address, SOON).expect("the connection opens");
        let (server, _) = listener.accept().expect("the connection arrives");
        Self::of(client, server)
    }

    /// Over a connection that is open already.
    pub(crate) fn of(client: TcpStream, server: TcpStream) -> Self {
        for end in [&client, &server] {
            end.set_read_timeout(Some(SILENCE)).expect("a timeout above zero");
        }
        Self { client, server }
    }

    /// Whether what the client says is heard.
    pub(crate) fn client_says(&mut self, octets: &[u8]) -> bool {
        says(&mut self.client, &mut self.server, octets)
    }

    /// Whether what the server says is heard.
    pub(crate) fn server_says(&mut self, octets: &[u8]) -> bool {
        says(&mut self.server, &mut self.client, octets)
    }
}

fn says(from: &mut TcpStream, to: &mut TcpStream, octets: &[u8]) -> bool {
    from.write_all(octets).expect("its own end is open");
    let mut heard = vec![0; octets.len()];
    let silence = to.read_exact(&mut heard).err().map(|error| error.kind());
    assert!(matches!(silence, None | Some(ErrorKind::WouldBlock)), "{silence:?}");
    heard == octets
}

/// Whether a connection opens; one that does not is dropped by name.
pub(crate) fn comes(
    site: &Site,
    from: &Host,
    source: impl Into<IpAddr>,
    (to, port): (impl Into<IpAddr>, u16),
) -> bool {
    let before = site.ctl().drops(reasons::NO_RULE);
    let opened = from.connect_from(source.into(), SocketAddr::new(to.into(), port), SILENCE);
    match &opened {
        Ok(_) => assert_eq!(site.ctl().drops(reasons::NO_RULE), before),
        Err(_) => {
            assert!(site.ctl().drops(reasons::NO_RULE) > before, "{:?}", site.ctl().all_drops())
        }
    }
    opened.is_ok()
}

/// A UDP socket of a host, with which all may speak.
pub(crate) fn socket(host: &Host, address: impl Into<IpAddr>, port: u16) -> UdpSocket {
    let address = SocketAddr::new(address.into(), port);
    let socket = host.inside(|| UdpSocket::bind(address)).expect("nothing else is bound there");
    socket.set_read_timeout(Some(SILENCE)).expect("a timeout above zero");
    socket
}

/// Whether a datagram from one arrives at the other; one that does not is dropped by name.
pub(crate) fn arrives(site: &Site, from: &UdpSocket, to: &UdpSocket) -> bool {
    let before = site.ctl().drops(reasons::NO_RULE);
    let arrived = hears(from, to, b"media");
    let dropped = site.ctl().drops(reasons::NO_RULE) - before;
    assert_eq!(dropped, u64::from(!arrived), "{:?}", site.ctl().all_drops());
    arrived
}

/// Whether what one says in a datagram arrives at the other.
pub(crate) fn hears(from: &UdpSocket, to: &UdpSocket, octets: &[u8]) -> bool {
    from.send_to(octets, to.local_addr().expect("bound")).expect("sent");
    let mut heard = [0; 2000];
    to.recv(&mut heard).is_ok_and(|length| heard[..length] == *octets)
}
