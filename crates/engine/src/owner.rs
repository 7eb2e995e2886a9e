//! Which worker owns a packet: a pure function of the packet.
//!
//! The hash is the Toeplitz hash of receive-side scaling with the key 0x6d5a repeated, which gives both
//! directions of a flow the same value (Woo, Park: Scalable TCP Session Monitoring with Symmetric
//! Receive-side Scaling, 2012), so that a NIC can compute it too. As that key has a period of 16 bits, the hash
//! of any input is that of the XOR of its 16-bit words: folding first makes it nearly free.

use core::net::IpAddr;

use wire::{Descriptor, Quoted, Transport};

use crate::WorkerId;

/// The key's period.
pub const KEY_WORD: u16 = 0x6d5a;

/// Entries of the canonical redirection table.
pub const TABLE_SIZE: u32 = 128;

/// Hash of a word whose upper (index 0) or lower (index 1) octet is set.
static BY_OCTET: [[u32; 256]; 2] = by_octet();

const fn by_octet() -> [[u32; 256]; 2] {
    let mut tables = [[0; 256]; 2];
    let key = (KEY_WORD as u32) << 16 | KEY_WORD as u32;
    let mut table = 0;
    while table < 2 {
        let mut octet = 0;
        while octet < 256 {
            let mut bit = 0;
            while bit < 8 {
                if octet & (0x80 >> bit) != 0 {
                    // The window of the key at this bit of the input; it is the same every 16 bits.
                    tables[table][octet] ^= key.rotate_left(if table == 0 { bit } else { 8 + bit });
                }
                bit += 1;
            }
            octet += 1;
        }
        table += 1;
    }
    tables
}

/// The Toeplitz hash of an input whose 16-bit words, XORed, are `word`.
#[inline]
fn hash_of_word(word: u16) -> u32 {
    let [high, low] = word.to_be_bytes();
    BY_OCTET[0][usize::from(high)] ^ BY_OCTET[1][usize::from(low)]
}

#[inline]
fn fold32(word: u32) -> u16 {
    let [a, b, c, d] = word.to_be_bytes();
    u16::from_be_bytes([a, b]) ^ u16::from_be_bytes([c, d])
}

#[inline]
fn fold(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(v4) => fold32(v4.to_bits()),
        IpAddr::V6(v6) => v6.segments().into_iter().fold(0, |folded, segment| folded ^ segment),
    }
}

/// The receive-side scaling hash over addresses and, where given, ports.
#[inline]
pub fn rss_hash(source: IpAddr, destination: IpAddr, ports: Option<(u16, u16)>) -> u32 {
    let ports = ports.map_or(0, |(source, destination)| source ^ destination);
    hash_of_word(fold(source) ^ fold(destination) ^ ports)
}

/// The ports that count for the owner: those of unfragmented TCP, UDP and SCTP.
#[inline]
fn ports(transport: &Transport) -> Option<(u16, u16)> {
    match transport {
        Transport::Tcp(tcp) => Some((tcp.source_port, tcp.destination_port)),
        Transport::Udp(udp) => Some((udp.source_port, udp.destination_port)),
        Transport::Sctp(sctp) => Some((sctp.source_port, sctp.destination_port)),
        Transport::None | Transport::Icmp(_) | Transport::Icmpv6(_) | Transport::Other => None,
    }
}

/// The hash that steers a packet: over addresses and ports for whole TCP, UDP and SCTP, over addresses for
/// all else, fragments included.
#[inline]
pub fn steering_hash(descriptor: &Descriptor) -> u32 {
    rss_hash(descriptor.source, descriptor.destination, ports(&descriptor.transport))
}

/// The worker that the canonical table gives a hash.
#[inline]
pub fn worker_of(hash: u32, workers: u16) -> WorkerId {
    let entry = hash % TABLE_SIZE;
    WorkerId(u16::try_from(entry % u32::from(workers.max(1))).unwrap_or(0))
}

/// The owner of a packet that is no ICMP error.
#[inline]
pub fn owner(descriptor: &Descriptor, workers: u16) -> WorkerId {
    if workers == 1 {
        return WorkerId(0);
    }
    worker_of(steering_hash(descriptor), workers)
}

/// The owner of the packet that an ICMP error quotes.
pub fn owner_of_quoted(quoted: &Quoted, workers: u16) -> WorkerId {
    const WITH_PORTS: [u8; 3] = [6, 17, 132];
    let ports = WITH_PORTS
        .contains(&quoted.protocol)
        .then_some((quoted.source_port, quoted.destination_port));
    worker_of(rss_hash(quoted.source, quoted.destination, ports), workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: for each set bit of the input, the 32 bits of the key from there on.
    fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
        let key_bit = |bit: usize| u32::from(key[bit / 8] >> (7 - bit % 8) & 1);
        let mut hash = 0;
        for bit in 0..input.len() * 8 {
            if input[bit / 8] >> (7 - bit % 8) & 1 == 1 {
                hash ^= (0..32).fold(0, |window, next| window << 1 | key_bit(bit + next));
            }
        }
        hash
    }

    #[test]
    fn the_definition_gives_the_published_value() {
        // Microsoft, "Verifying the RSS Hash Calculation": 66.9.149.187:2794 → 161.142.100.80:1766.
        let key = [
            0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
            0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
            0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
        ];
        let input = [66, 9, 149, 187, 161, 142, 100, 80, 0x0a, 0xea, 0x06, 0xe6];
        assert_eq!(toeplitz(&key, &input), 0x51cc_c178);
    }

    proptest! {
        #[test]
        fn folding_gives_the_toeplitz_hash(
            v6: bool, source: u128, destination: u128, ports in proptest::option::of(any::<(u16, u16)>()),
        ) {
            let key: Vec<u8> = KEY_WORD.to_be_bytes().repeat(26);
            let mut input = Vec::new();
            let address = |bits: u128| if v6 {
                IpAddr::V6(bits.into())
            } else {
                IpAddr::V4(u32::try_from(bits >> 96).unwrap().into())
            };
            for bits in [source, destination] {
                match address(bits) {
                    IpAddr::V4(v4) => input.extend(v4.octets()),
                    IpAddr::V6(v6) => input.extend(v6.octets()),
                }
            }
            if let Some((source, destination)) = ports {
                input.extend(source.to_be_bytes());
                input.extend(destination.to_be_bytes());
            }
            let hash = rss_hash(address(source), address(destination), ports);
            prop_assert_eq!(hash, toeplitz(&key, &input));
            let back = rss_hash(address(destination), address(source), ports.map(|(a, b)| (b, a)));
            prop_assert_eq!(hash, back);
        }
    }
}
