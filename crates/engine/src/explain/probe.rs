//! The packet that an explanation is asked about, as octets.

use core::net::IpAddr;

use policy::PortIndex;
use wire::{TcpFlags, VlanTags, checksum};

/// A packet by its tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The port that it comes in by.
    pub in_port: PortIndex,
    /// IP protocol number.
    pub protocol: u8,
    /// Source address and port; for ICMP the port is the identifier.
    pub source: (IpAddr, u16),
    /// Destination address, of the same family, and port; for GRE the port is the number of a call of PPTP, or 0.
    pub destination: (IpAddr, u16),
    /// TCP's flags.
    pub flags: TcpFlags,
    /// ICMP type and code; an echo request if none.
    pub icmp: Option<(u8, u8)>,
    /// VLAN tags.
    pub vlans: VlanTags,
    /// TCP's numbers.
    pub numbers: ProbeNumbers,
}

/// What a TCP segment counts. What is left out is, in a living session, what its sender would send next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeNumbers {
    /// Sequence number.
    pub seq: Option<u32>,
    /// Acknowledgement number.
    pub ack: Option<u32>,
    /// Octets of payload.
    pub length: u16,
}

impl ProbeNumbers {
    /// With these in place of those left out.
    pub(crate) fn or(self, seq: u32, ack: u32) -> Self {
        Self { seq: self.seq.or(Some(seq)), ack: self.ack.or(Some(ack)), ..self }
    }
}

const SOURCE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const DESTINATION_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

impl Probe {
    /// The frame: with 0 for the numbers that are left out, zeros for payload, and of an ICMP error no quotation.
    pub fn octets(&self) -> Vec<u8> {
        let mut frame = [DESTINATION_MAC, SOURCE_MAC].concat();
        for id in self.vlans.ids.iter().take(usize::from(self.vlans.count)) {
            frame.extend(0x8100_u16.to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
        let transport = self.transport();
        let length = u16::try_from(transport.len()).unwrap_or(0);
        match (self.source.0, self.destination.0) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend(0x0800_u16.to_be_bytes());
                let mut header = vec![0x45, 0];
                header.extend((length + 20).to_be_bytes());
                header.extend([0, 0, 0x40, 0, 64, self.protocol, 0, 0]);
                header.extend(source.octets());
                header.extend(destination.octets());
                let sum = checksum::finish(checksum::sum(&header));
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(header);
            }
            (source, destination) => {
                frame.extend(0x86dd_u16.to_be_bytes());
                frame.extend([0x60, 0, 0, 0]);
                frame.extend(length.to_be_bytes());
                frame.extend([self.protocol, 64]);
                for address in [source, destination] {
                    frame.extend(match address {
                        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                        IpAddr::V6(v6) => v6.octets(),
                    });
                }
            }
        }
        frame.extend(transport);
        frame
    }

    fn transport(&self) -> Vec<u8> {
        let ports = [self.source.1.to_be_bytes(), self.destination.1.to_be_bytes()].concat();
        let mut octets = match self.protocol {
            6 => {
                let ProbeNumbers { seq, ack, length } = self.numbers;
                let [seq, ack] = [seq, ack].map(|number| number.unwrap_or(0).to_be_bytes());
                let rest = [0x50, self.flags.0, 0xff, 0xff, 0, 0, 0, 0];
                [&ports[..], &seq, &ack, &rest, &vec![0; usize::from(length)]].concat()
            }
            17 => [&ports[..], &[0, 8, 0, 0]].concat(),
            132 => [&ports[..], &[0; 8], &SCTP_INIT[..]].concat(),
            1 | 58 => {
                let echo = if self.protocol == 1 { 8 } else { 128 };
                let (kind, code) = self.icmp.unwrap_or((echo, 0));
                [&[kind, code, 0, 0][..], &self.source.1.to_be_bytes(), &[0, 1]].concat()
            }
            // Enhanced GRE, with a key and a sequence number, for PPP (RFC 2637 §4.1).
            47 if self.destination.1 != 0 => {
                let call = self.destination.1.to_be_bytes();
                [&[0x30, 1, 0x88, 0x0b, 0, 4][..], &call, &[0; 8]].concat()
            }
            _ => vec![0; 16],
        };
        let at = match self.protocol {
            6 => 16,
            17 => 6,
            1 | 58 => 2,
            _ => return octets,
        };
        let length = u32::try_from(octets.len()).unwrap_or(0);
        let pseudo = if self.protocol == 1 {
            0
        } else {
            checksum::pseudo(self.source.0, self.destination.0, self.protocol, length)
        };
        // A sum of 0 would say that there is none (RFC 768).
        let sum = match checksum::finish(pseudo + checksum::sum(&octets)) {
            0 if self.protocol == 17 => 0xffff,
            sum => sum,
        };
        octets[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        octets
    }
}

/// An INIT chunk of 20 octets (RFC 9260 §3.3.2): tag 1, one stream each way.
const SCTP_INIT: [u8; 20] = [1, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1];
