//! PPTP on a host: Debian's pptpd, and the pptp that calls it.
//!
//! In place of pppd, which needs a driver that not every kernel has, stands what moves octets: behind the server a
//! program that greets and then sends back whatever comes, behind the client the test itself. The control connection
//! and the tunnel are those of the real programs.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tempfile::TempDir;

use super::host::{Host, Process};
use super::site::scratch;
use super::wait::{now, until};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(15);
/// What the server's side says first. Until it has spoken pptpd does not listen to the tunnel.
const GREETING: &[u8] = b"\xff\x03\xc0\x21greeting";

/// A server that is ended when dropped.
#[derive(Debug)]
pub struct TunnelServer {
    _process: Process,
    _folder: TempDir,
}

/// A client and its call, which ends when it is dropped.
#[derive(Debug)]
pub struct Tunnel {
    _process: Process,
    line: UnixStream,
    /// What has come of the next frame.
    pending: Vec<u8>,
}

impl Host {
    /// Serves PPTP on one address.
    #[must_use]
    pub fn serve_pptp(&self, address: Ipv4Addr) -> TunnelServer {
        let folder = scratch();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let write = |name: &str, content: &[u8]| {
            fs::write(folder.path().join(name), content).expect("a scratch folder can be written");
        };
        write("greeting", &framed(GREETING));
        write(
            "ppp",
            format!("#!/bin/sh\nstty raw -echo\nexec cat {} -\n", path("greeting")).as_bytes(),
        );
        fs::set_permissions(folder.path().join("ppp"), fs::Permissions::from_mode(0o755))
            .expect("a file of ours");
        let lines = [
            format!("ppp {}\n", path("ppp")),
            format!("listen {address}\n"),
            format!("pidfile {}\n", path("pid")),
            "option /dev/null\nlocalip 192.0.2.1\nremoteip 192.0.2.2-9\n".to_owned(),
        ];
        write("conf", lines.concat().as_bytes());
        let words = ["pptpd", "--fg", "--conf", &path("conf")];
        let process = self.spawn(&words, &folder.path().join("log"));
        // A connection would be a call's, so the listener is asked for otherwise.
        until("pptpd listens", START, || {
            self.run(&["ss", "-Hlnt", "sport = :1723"]).stdout.contains("1723")
        });
        TunnelServer { _process: process, _folder: folder }
    }

    /// Calls a server. What it says of itself goes to the system's log only.
    #[must_use]
    pub fn call_pptp(&self, server: Ipv4Addr) -> Tunnel {
        let (line, theirs) = UnixStream::pair().expect("a pair of sockets");
        // Its processes find each other by a socket in a folder that all of the machine would share.
        let script = "mkdir -p /run/pptp && mount -t tmpfs none /run/pptp && exec pptp \"$0\" --nolaunchpppd --nohostroute";
        let mut command = self.command(&["sh", "-c", script, &server.to_string()]);
        let process = Process::with_input(&mut command, OwnedFd::from(theirs).into());
        Tunnel { _process: process, line, pending: Vec::new() }
    }
}

impl Tunnel {
    /// What every server's side says first.
    pub const GREETING: &'static [u8] = GREETING;

    /// Sends a frame of PPP through the tunnel.
    pub fn send(&mut self, frame: &[u8]) {
        self.line.write_all(&framed(frame)).expect("the client lives");
    }

    /// The next frame to come out of the tunnel, if one does within `limit`.
    pub fn receive(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let start = now();
        loop {
            if let Some(end) = self.pending.iter().skip(1).position(|octet| *octet == FLAG) {
                let frame: Vec<_> = self.pending.drain(..end + 2).collect();
                return Some(unframed(&frame[1..=end]));
            }
            let left = limit.checked_sub(start.elapsed()).filter(|left| !left.is_zero())?;
            self.line.set_read_timeout(Some(left)).expect("a timeout above zero");
            let mut octets = [0; 4096];
            match self.line.read(&mut octets) {
                Ok(0) => return None,
                Ok(length) => self.pending.extend(&octets[..length]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => panic!("the client's end of the line: {error}"),
            }
        }
    }
}

/// Begins and ends a frame (RFC 1662 §3.1).
const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;

/// A frame as it is on a line of octets (RFC 1662 §4), with its checksum.
fn framed(frame: &[u8]) -> Vec<u8> {
    let checked = [frame, &(!checksum(frame)).to_le_bytes()].concat();
    let mut octets = vec![FLAG];
    for octet in checked {
        if octet < 0x20 || matches!(octet, FLAG | ESCAPE) {
            octets.extend([ESCAPE, octet ^ 0x20]);
        } else {
            octets.push(octet);
        }
    }
    octets.push(FLAG);
    octets
}

/// What was framed, from the octets between its flags; panics if its checksum is wrong.
fn unframed(line: &[u8]) -> Vec<u8> {
    let mut octets = line.iter().copied();
    let mut frame = Vec::new();
    while let Some(octet) = octets.next() {
        frame.push(match octet {
            ESCAPE => octets.next().expect("an octet behind an escape") ^ 0x20,
            octet => octet,
        });
    }
    // The checksum of all with its own checksum is always this (RFC 1662 §C.2).
    assert_eq!(checksum(&frame), 0xf0b8, "{frame:02x?}");
    frame.truncate(frame.len() - 2);
    frame
}

/// The frame check sequence of RFC 1662 §C.2, before it is complemented.
fn checksum(octets: &[u8]) -> u16 {
    octets.iter().fold(0xffff, |sum, octet| {
        (0..8).fold(sum ^ u16::from(*octet), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0x8408 } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_bears_what_was_framed() {
        let frame = b"\xff\x03\xc0\x21\x7e\x7d\0 text";
        let line = framed(frame);
        assert!(!line[1..line.len() - 1].contains(&FLAG));
        assert_eq!(unframed(&line[1..line.len() - 1]), frame);
        // The check value of CRC-16/X-25.
        assert_eq!(!checksum(b"123456789"), 0x906e);
    }
}
