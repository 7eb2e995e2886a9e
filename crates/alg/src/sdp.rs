//! SDP (RFC 8866): where one side wants to receive media.
//!
//! Read are the lines `c=`, `m=`, and the attributes that move a port or stop the media: `rtcp` (RFC 3605),
//! `rtcp-mux` (RFC 5761), `rtcp-mux-only` (RFC 8858), `sendonly` and `inactive` (RFC 3264 §5.1). Media over
//! TCP, groups of ports (`m=audio 49170/2`, of which the first pair is taken), candidates of ICE and names
//! in place of addresses are not.

use core::net::IpAddr;

use arrayvec::ArrayVec;

use crate::text::{address, lines, number, words};
use crate::{Notes, Remark};

/// Media lines of one description that are read. More are ignored, as [`Remark::Overlong`].
pub(crate) const MEDIA: usize = 4;

/// One description's media lines in their order, which those of an offer and its answer share (RFC 3264
/// §6). `None`: declined by port 0 (§8.2), or nothing that is expected here.
pub(crate) type Description = ArrayVec<Option<Medium>, MEDIA>;

/// Where a side wants to receive one medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Medium {
    /// Of RTP, or of plain datagrams.
    pub media: (IpAddr, u16),
    /// Of RTCP, unless it goes to the same port whatever the other side says.
    pub control: Option<(IpAddr, u16)>,
    /// RTCP may come to the port of RTP.
    pub multiplexed: bool,
    /// The side receives nothing but RTCP: it only sends, or is on hold.
    pub silent: bool,
}

/// Reads a description. What is wrong in it is remarked on, and makes its medium `None`.
pub(crate) fn read(body: &[u8], notes: &mut Notes<'_>) -> Description {
    let mut description = Description::new();
    let mut session = Level::default();
    let mut medium: Option<(Line, Level)> = None;
    for line in lines(body) {
        let [kind, b'=', value @ ..] = line else { continue };
        match kind {
            b'm' => {
                if let Some(done) = medium.take() {
                    description.push(done.0.under(&session, &done.1, notes));
                }
                if description.is_full() {
                    notes.remark(Remark::Overlong);
                    return description;
                }
                medium = Some((Line::read(value, notes), Level::default()));
            }
            b'c' | b'a' => {
                let level = medium.as_mut().map_or(&mut session, |medium| &mut medium.1);
                level.read(*kind, value, notes);
            }
            _ => {}
        }
    }
    if let Some(done) = medium {
        description.push(done.0.under(&session, &done.1, notes));
    }
    description
}

/// What can be said of all media, and of each.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Of `c=`: the address, or `None` for one that is no address.
    host: Option<Option<IpAddr>>,
    silent: Option<bool>,
    rtcp: Option<(Option<IpAddr>, u16)>,
    multiplexed: bool,
    only_multiplexed: bool,
}

impl Level {
    fn read(&mut self, kind: u8, value: &[u8], notes: &mut Notes<'_>) {
        if kind == b'c' {
            self.host = Some(connection(value, notes));
            return;
        }
        match value.trim_ascii() {
            b"rtcp-mux" => self.multiplexed = true,
            b"rtcp-mux-only" => (self.multiplexed, self.only_multiplexed) = (true, true),
            b"sendonly" | b"inactive" => self.silent = Some(true),
            b"sendrecv" | b"recvonly" => self.silent = Some(false),
            value => {
                let Some(value) = value.strip_prefix(b"rtcp:") else { return };
                let mut parts = words(value);
                match parts.next().and_then(number) {
                    Some(port) => {
                        let mut rest = parts.peekable();
                        let host = rest.next_if(|word| *word == b"IN").and_then(|_| {
                            rest.next();
                            host(rest.next()?, notes)
                        });
                        self.rtcp = Some((host, port));
                    }
                    None => notes.remark(Remark::Malformed),
                }
            }
        }
    }
}

/// `<nettype> <addrtype> <connection-address>` (RFC 8866 §5.7).
fn connection(value: &[u8], notes: &mut Notes<'_>) -> Option<IpAddr> {
    let mut parts = words(value);
    if parts.next() != Some(b"IN") {
        return None;
    }
    parts.next();
    let Some(text) = parts.next() else {
        notes.remark(Remark::Malformed);
        return None;
    };
    host(text, notes)
}

/// An address in a description. A name is none, and legal; what is written like an address and is none is
/// malformed. A suffix `/ttl` is that of a group (§5.7), which is not expected anyway.
fn host(text: &[u8], notes: &mut Notes<'_>) -> Option<IpAddr> {
    let found = address(text);
    let numeric = text.iter().all(|octet| octet.is_ascii_digit() || *octet == b'.');
    if found.is_none() && numeric {
        notes.remark(Remark::Malformed);
    }
    found
}

/// What an `m=` line says (RFC 8866 §5.14).
#[derive(Clone, Copy)]
enum Line {
    /// Nothing to expect: declined, over TCP, or malformed.
    Nothing,
    /// RTP, by any of its profiles: RTCP goes with it.
    Rtp(u16),
    /// Datagrams of something else, such as T.38 (RFC 7345).
    Datagrams(u16),
}

impl Line {
    /// `<media> <port>[/<number of ports>] <proto> <fmt> …`
    fn read(value: &[u8], notes: &mut Notes<'_>) -> Self {
        let mut parts = words(value).skip(1);
        let (Some(ports), Some(protocol)) = (parts.next(), parts.next()) else {
            notes.remark(Remark::Malformed);
            return Self::Nothing;
        };
        let first = ports.split(|octet| *octet == b'/').next().unwrap_or(ports);
        let Some(port) = number(first) else {
            notes.remark(Remark::Malformed);
            return Self::Nothing;
        };
        let named = |name: &[u8]| {
            protocol.split(|octet| *octet == b'/').any(|part| part.eq_ignore_ascii_case(name))
        };
        if port == 0 || named(b"TCP") {
            Self::Nothing
        } else if named(b"RTP") {
            Self::Rtp(port)
        } else if named(b"UDP") || named(b"UDPTL") || named(b"DTLS") {
            Self::Datagrams(port)
        } else {
            Self::Nothing
        }
    }

    fn under(self, session: &Level, own: &Level, notes: &mut Notes<'_>) -> Option<Medium> {
        let (port, rtp) = match self {
            Self::Nothing => return None,
            Self::Rtp(port) => (port, true),
            Self::Datagrams(port) => (port, false),
        };
        let Some(host) = own.host.or(session.host) else {
            // A `c=` line is required here or for the session (§5.7).
            notes.remark(Remark::Malformed);
            return None;
        };
        let host = host?;
        // The old way to put on hold (RFC 3264 §8.4).
        if host.is_unspecified() {
            return None;
        }
        let own_control = own.rtcp.map(|(other, port)| (other.unwrap_or(host), port));
        let control = match own_control {
            _ if !rtp || own.only_multiplexed => None,
            // RTCP goes to the next port unless another is named (RFC 3550 §11, RFC 3605 §2.1).
            None => port.checked_add(1).map(|port| (host, port)),
            named => named,
        };
        Some(Medium {
            media: (host, port),
            control,
            multiplexed: rtp && own.multiplexed,
            silent: own.silent.or(session.silent).unwrap_or(false),
        })
    }
}
