//! Connections that say nothing for a long time, as people's shells do.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use testkit::netns::{Settings, Site};

use super::{SILENCE, SOON, assert_conserved, reasons, site};

/// Longer than the established timeout of these tests, twice.
const LONG: Duration = Duration::from_secs(5);

/// A connection from inside to port 22 outside: the client's end, and the server's.
fn shell(site: &Site) -> (TcpStream, TcpStream) {
    let address = site.outside_address(false, 22);
    let listener = site.outside.inside(|| TcpListener::bind(address)).expect("a port of its own");
    let client = site.inside.connect(address, SOON).expect("the connection opens");
    let (server, _) = listener.accept().expect("the connection arrives");
    for end in [&client, &server] {
        end.set_read_timeout(Some(SILENCE)).expect("a timeout above zero");
    }
    (client, server)
}

/// Whether what one end says reaches the other.
fn says(from: &mut TcpStream, to: &mut TcpStream) -> bool {
    from.write_all(b"ls\n").expect("its own end is open");
    let mut heard = [0; 3];
    let silence = to.read_exact(&mut heard).err().map(|error| error.kind());
    assert!(matches!(silence, None | Some(ErrorKind::WouldBlock)), "{silence:?}");
    heard == *b"ls\n"
}

#[test]
fn keepalives_hold_an_idle_connection_and_silence_ends_it() {
    let site = site(&Settings {
        timeouts: "tcp_established = \"2s\"",
        rules: r#"
[[rule]]
name = "ssh"
from = ["inside"]
to = ["outside"]
service = ["ssh"]
action = "allow"
"#,
        ..Settings::USUAL
    });
    let (mut held_client, mut held_server) = shell(&site);
    let (mut lost_client, mut lost_server) = shell(&site);
    setsockopt(&held_client, sockopt::KeepAlive, &true).expect("a TCP socket");
    setsockopt(&held_client, sockopt::TcpKeepIdle, &1).expect("a TCP socket");
    setsockopt(&held_client, sockopt::TcpKeepInterval, &1).expect("a TCP socket");
    for (client, server) in
        [(&mut held_client, &mut held_server), (&mut lost_client, &mut lost_server)]
    {
        assert!(says(client, server) && says(server, client), "both talk at first");
    }
    let dropped = site.ctl().drops(reasons::SESSION_EXPIRED);

    thread::sleep(LONG);

    assert_eq!(site.ctl().count(&["proto=tcp"]), 1, "one session is left");
    assert!(says(&mut held_server, &mut held_client), "keepalives have held it");
    assert_eq!(site.ctl().drops(reasons::SESSION_EXPIRED), dropped, "and nothing was dropped");
    assert!(!says(&mut lost_client, &mut lost_server), "nothing has held it");
    assert!(site.ctl().drops(reasons::SESSION_EXPIRED) > dropped, "{:?}", site.ctl().all_drops());
    assert_conserved(&site);
}
