//! Datagrams cut into fragments where a test wants them cut.

use super::checksum::Pseudo;
use super::{Extension, Frame, Ipv4, Ipv6, Network, Transport};

/// Pairs of start and end in bytes from the boundaries, which lie inside `length`.
fn pieces(boundaries: &[usize], length: usize) -> Vec<(usize, usize)> {
    let mut cuts = vec![0];
    cuts.extend_from_slice(boundaries);
    cuts.push(length);
    for pair in cuts.windows(2) {
        assert!(pair[0] < pair[1], "boundaries {boundaries:?} do not grow inside {length} bytes");
        assert_eq!(pair[0] % 8, 0, "boundary {} is no multiple of 8", pair[0]);
    }
    cuts.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn units(bytes: usize) -> u16 {
    u16::try_from(bytes / 8).expect("an offset of 13 bits")
}

/// Cuts an IPv4 frame's payload (what follows the IP header, so the transport header counts) at
/// these byte offsets, each a multiple of 8. One frame more than there are boundaries.
#[must_use]
pub fn fragment_v4(frame: &Frame, boundaries: &[usize]) -> Vec<Frame> {
    let Network::Ipv4(ip) = &frame.network else { unreachable!("not an IPv4 frame: {frame:?}") };
    let payload = ip.transport.bytes(Pseudo::V4(ip.source, ip.destination));
    pieces(boundaries, payload.len())
        .into_iter()
        .map(|(start, end)| {
            let piece = Ipv4 {
                fragment_offset: units(start),
                more_fragments: end < payload.len(),
                transport: Transport::Raw(ip.transport.protocol(), payload[start..end].to_vec()),
                ..ip.clone()
            };
            Frame { network: Network::Ipv4(piece), ..frame.clone() }
        })
        .collect()
}

/// Cuts an IPv6 frame's transport at these byte offsets, each a multiple of 8, behind a fragment
/// header that follows the extension headers the frame has.
#[must_use]
pub fn fragment_v6(frame: &Frame, identification: u32, boundaries: &[usize]) -> Vec<Frame> {
    let Network::Ipv6(ip) = &frame.network else { unreachable!("not an IPv6 frame: {frame:?}") };
    let payload = ip.transport.bytes(Pseudo::V6(ip.source, ip.destination));
    pieces(boundaries, payload.len())
        .into_iter()
        .map(|(start, end)| {
            let mut extensions = ip.extensions.clone();
            extensions.push(Extension::Fragment {
                offset: units(start),
                more: end < payload.len(),
                identification,
            });
            let piece = Ipv6 {
                extensions,
                transport: Transport::Raw(ip.transport.protocol(), payload[start..end].to_vec()),
                ..ip.clone()
            };
            Frame { network: Network::Ipv6(piece), ..frame.clone() }
        })
        .collect()
}
