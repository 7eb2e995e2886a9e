//! The Transport header field (RFC 2326 §12.39, RFC 7826 §18.54).

use arrayvec::ArrayVec;

use crate::text::{address, divided, host_and_port, number, parameter};
use crate::{Notes, Remark};

/// Transports that one request may offer. More are ignored, as [`Remark::Overlong`].
const OFFERS: usize = 4;

/// The client's ports in each transport that it offers.
pub(super) type Transports = ArrayVec<Ports, OFFERS>;

/// Where one side receives a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub media: u16,
    /// Of RTCP; none if only one port is named.
    pub control: Option<u16>,
}

/// One transport over UDP between the peers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transport {
    pub client: Option<Ports>,
    pub server: Option<Ports>,
}

/// The client's ports of all transports that are offered.
pub(super) fn read(field: &[u8], notes: &mut Notes<'_>) -> Transports {
    let mut offered = Transports::new();
    for specification in field.split(|octet| *octet == b',') {
        if let Some(ports) = transport(specification, notes).and_then(|it| it.client)
            && offered.try_push(ports).is_err()
        {
            notes.remark(Remark::Overlong);
            break;
        }
    }
    offered
}

/// The transport of an answer, which chooses one.
pub(super) fn first(field: &[u8], notes: &mut Notes<'_>) -> Option<Transport> {
    transport(field.split(|octet| *octet == b',').next()?, notes)
}

/// `RTP/AVP[/UDP];unicast;client_port=a-b;server_port=c-d;…`. `None` for one that sends no datagrams between
/// the peers.
fn transport(specification: &[u8], notes: &mut Notes<'_>) -> Option<Transport> {
    let (name, parameters) = divided(specification, b';')?;
    let mut parts = name.trim_ascii().split(|octet| *octet == b'/');
    let is_rtp = parts.next().is_some_and(|part| part.eq_ignore_ascii_case(b"RTP"));
    let lower = parts.nth(1);
    let is_udp = lower.is_none_or(|lower| lower.eq_ignore_ascii_case(b"UDP"));
    let value = |name| parameter(parameters, name);
    // Multicast is what is done if nothing is said (RFC 2326 §12.39), but clients and servers that say
    // ports of their own mean themselves.
    if !is_rtp || !is_udp || value("multicast").is_some() || value("interleaved").is_some() {
        return None;
    }
    let peers = notes.peers;
    let [client, server] = peers.ends.map(|end| end.0);
    for (name, host) in [("destination", client), ("source", server)] {
        // A name is none that could be compared; whatever it is, only the peers are expected.
        if value(name).and_then(address).is_some_and(|named| named != host) {
            notes.remark(Remark::ThirdParty);
            return None;
        }
    }
    let mut sides = [None; 2];
    let names = [("client_port", "dest_addr", client), ("server_port", "src_addr", server)];
    for (side, (old, new, host)) in sides.iter_mut().zip(names) {
        let read = match (value(old), value(new)) {
            (Some(text), _) => pair(text),
            (None, Some(text)) => places(text, host),
            (None, None) => continue,
        };
        match read {
            Ok(ports) => *side = Some(ports),
            Err(remark) => {
                notes.remark(remark);
                return None;
            }
        }
    }
    let [client, server] = sides;
    Some(Transport { client, server })
}

/// `a` or `a-b`; of a longer range the first two.
fn pair(text: &[u8]) -> Result<Ports, Remark> {
    let (first, last) =
        divided(text, b'-').map_or((text, None), |(first, last)| (first, Some(last)));
    let media = number(first).ok_or(Remark::Malformed)?;
    let control = match last.map(number::<u16>) {
        None => None,
        Some(Some(last)) if last >= media => (last > media).then(|| media + 1),
        Some(_) => return Err(Remark::Malformed),
    };
    Ok(Ports { media, control })
}

/// `"host:port"/"host:port"`, without a host where it is the peer itself (RFC 7826 §18.54).
fn places(text: &[u8], peer: core::net::IpAddr) -> Result<Ports, Remark> {
    let mut ports = text.split(|octet| *octet == b'/').map(|place| {
        let place = place.trim_ascii();
        let place = place.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let place = place.ok_or(Remark::Malformed)?;
        if let Some(digits) = place.strip_prefix(b":") {
            return number(digits).ok_or(Remark::Malformed);
        }
        let (host, port) = host_and_port(place, 0).ok_or(Remark::ThirdParty)?;
        if host == peer { Ok(port) } else { Err(Remark::ThirdParty) }
    });
    let media = ports.next().ok_or(Remark::Malformed)??;
    let control = ports.next().transpose()?;
    Ok(Ports { media, control })
}
