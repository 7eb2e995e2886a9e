//! A host behind a router: what the router says about packets on their way passes the box, from a third address.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::thread;

use test_case::test_case;
use testkit::netns::{Host, OUTSIDE_V4, OUTSIDE_V6, Probes, Settings, Site, veth};

use super::peers::assert_nothing_dropped;
use super::{SOON, site};

const FAR_V4: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 80);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, 0x80);

/// Inside may start what these tests need. No rule is about errors.
const RULES: &str = r#"
[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
service = ["traceroute", "ping", "tcp/8080"]
action = "allow"
"#;

/// Two hosts and the box, and a host beyond the outside one, which is its router.
fn beyond() -> (Site, Host) {
    let site = site(&Settings { rules: RULES, ..Settings::USUAL });
    let far = behind(&site);
    (site, far)
}

/// A host beyond the outside one, which becomes its router.
fn behind(site: &Site) -> Host {
    let far = Host::new("far");
    let router = &site.outside;
    router.routes();
    veth((router, "far0"), (&far, "eth0"));
    for (host, interface, addresses) in [
        (router, "far0", ["10.88.0.1/24", "fd88::1/64"]),
        (&far, "eth0", ["10.88.0.80/24", "fd88::80/64"]),
    ] {
        addresses.into_iter().for_each(|address| host.address(interface, address));
    }
    far.route("10.77.0.0/24", Ipv4Addr::new(10, 88, 0, 1).into());
    far.route("fd77::/64", Ipv6Addr::new(0xfd88, 0, 0, 0, 0, 0, 0, 1).into());
    site.inside.route("10.88.0.0/24", OUTSIDE_V4.into());
    site.inside.route("fd88::/64", OUTSIDE_V6.into());
    far
}

#[test]
fn a_traceroute_shows_the_router_and_the_host() {
    let site = site(&Settings { rules: RULES, ..Settings::USUAL });
    trace_routes(&site);
    assert_nothing_dropped(&site);
}

/// Traces the way to a host behind a router, by datagrams and by echo requests, over both families.
pub(crate) fn trace_routes(site: &Site) {
    let far = behind(site);
    // As quick as the probes, which are sent ahead.
    far.routes();
    for (target, router) in
        [(IpAddr::from(FAR_V4), IpAddr::from(OUTSIDE_V4)), (FAR_V6.into(), OUTSIDE_V6.into())]
    {
        for probes in [Probes::Udp, Probes::Echo] {
            let path = site.inside.traceroute(target, probes);
            assert_eq!(path, [Some(router), Some(target)], "{probes:?} to {target}");
        }
    }
}

/// The router's next link takes less than all others, and the far host does not know: only the router's error
/// (RFC 1191, RFC 8201) makes the sender send less.
#[test_case(FAR_V4.into(), &["ip", "route", "get"]; "over IPv4")]
#[test_case(FAR_V6.into(), &["ip", "-6", "route", "get"]; "over IPv6")]
fn the_path_mtu_is_discovered(far_address: IpAddr, route: &[&str]) {
    let (site, far) = beyond();
    drop(site.outside.run(&["ip", "link", "set", "far0", "mtu", "1280"]).expect_ok());
    let address = SocketAddr::new(far_address, 8080);
    let listener = far.inside(|| TcpListener::bind(address)).expect("a port of its own");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the connection arrives");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("all of it, and its end");
        heard
    });
    let said: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();

    let mut client = site.inside.connect(address, SOON).expect("the connection opens");
    client.set_write_timeout(Some(SOON)).expect("a timeout above zero");
    client.write_all(&said).expect("the segments get through");
    drop(client);

    let heard = server.join().expect("the server is well");
    assert!(heard == said, "{} of {} octets", heard.len(), said.len());
    let text = far_address.to_string();
    let known = site.inside.run(&[route, &[&text]].concat()).expect_ok();
    assert!(known.contains("mtu 1280"), "the sender has learned nothing: {known}");
    assert_nothing_dropped(&site);
}
