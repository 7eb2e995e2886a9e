//! Frames built octet by octet, so that a test can spoil each of them.

use wire::checksum;

/// The sender's MAC address, as frames bear it.
pub(crate) const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// The receiver's.
pub(crate) const RECEIVER: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The addresses of every IPv4 datagram made here.
pub(crate) const V4: [[u8; 4]; 2] = [[10, 0, 0, 1], [192, 0, 2, 7]];
/// The addresses of every IPv6 datagram made here.
pub(crate) const V6: [[u8; 16]; 2] = [
    [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x20, 1, 0xd, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
];

/// A frame of an ethertype, behind any tags.
pub(crate) fn ethernet(tags: &[[u8; 4]], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&RECEIVER[..], &SENDER, tags.as_flattened(), &ethertype.to_be_bytes(), payload].concat()
}

/// An IPv4 datagram with options and a fragment field.
pub(crate) fn ipv4_with(options: &[u8], field: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = 20 + options.len();
    let total = u16::try_from(length + payload.len()).unwrap();
    let mut header = vec![0x40 | u8::try_from(length / 4).unwrap(), 0];
    header.extend(total.to_be_bytes());
    header.extend([0x12, 0x34]);
    header.extend(field.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(V4.as_flattened());
    header.extend(options);
    mend(&mut header);
    header.extend(payload);
    header
}

/// Makes the checksum at the start of an IPv4 header right.
pub(crate) fn mend(header: &mut [u8]) {
    header[10..12].fill(0);
    let length = usize::from(header[0] & 0xf).max(5) * 4;
    let right = checksum::finish(checksum::sum(&header[..length.min(header.len())]));
    header[10..12].copy_from_slice(&right.to_be_bytes());
}

/// An untagged frame of an IPv4 datagram.
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x0800, &ipv4_with(&[], 0x4000, protocol, payload))
}

/// An IPv6 datagram.
pub(crate) fn ipv6_datagram(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x60, 0, 0, 0];
    datagram.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    datagram.extend([next, 64]);
    datagram.extend(V6.as_flattened());
    datagram.extend(payload);
    datagram
}

/// An untagged frame of an IPv6 datagram.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(&[], 0x86dd, &ipv6_datagram(next, payload))
}

/// A TCP segment from port 40000 to 80, sequence 1000, acknowledgement 2000, window 500.
pub(crate) fn tcp(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let offset = u8::try_from(5 + options.len() / 4).unwrap() << 4;
    let mut segment = vec![0x9c, 0x40, 0, 80, 0, 0, 0x03, 0xe8, 0, 0, 0x07, 0xd0];
    segment.extend([offset, flags, 0x01, 0xf4, 0, 0, 0, 0]);
    segment.extend(options);
    segment.extend(payload);
    segment
}

/// A UDP datagram from port 40000 to 53.
pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x9c, 0x40, 0, 53];
    datagram.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// An ICMP or ICMPv6 message with identifier 7.
pub(crate) fn icmp(kind: u8, code: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0, 0, 7, 0, 1][..], body].concat()
}

/// An SCTP packet whose first chunk is of a type and has a body.
pub(crate) fn sctp(chunk: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x9c, 0x40, 0x0b, 0x59, 0, 0, 0, 9, 0, 0, 0, 0, chunk, 0];
    packet.extend(u16::try_from(4 + body.len()).unwrap().to_be_bytes());
    packet.extend(body);
    packet
}

/// An IPv6 extension header that is all padding, `units` of 8 octets beyond the first.
pub(crate) fn padding(next: u8, units: u8) -> Vec<u8> {
    let mut header = vec![0; 8 + usize::from(units) * 8];
    header[0] = next;
    header[1] = units;
    header
}

/// An IPv6 routing header with one address.
pub(crate) fn routing(next: u8, kind: u8, left: u8) -> Vec<u8> {
    [&[next, 2, kind, left, 0, 0, 0, 0][..], &V6[0]].concat()
}

/// An IPv6 fragment header; `field` holds the offset in octets and the bit for more.
pub(crate) fn fragment(next: u8, field: u16) -> Vec<u8> {
    let [high, low] = field.to_be_bytes();
    vec![next, 0, high, low, 0, 0, 0xab, 0xcd]
}

/// An ARP packet.
pub(crate) fn arp(operation: u8) -> Vec<u8> {
    let start = [0, 1, 8, 0, 6, 4, 0, operation];
    [&start[..], &SENDER, &V4[0], &[0; 6], &V4[1]].concat()
}
