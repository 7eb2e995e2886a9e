//! ICMP errors about what was sent, and about what was not.

use std::net::IpAddr;

use testkit::conversation::Side;
use testkit::packet::{Frame, IcmpError, Network, Transport};

use crate::conversation::Writer;
use crate::random::Random;

/// Writes an error. `last`: what the two sides sent last; an honest error quotes one of them.
pub(super) fn about(writer: &mut Writer, random: &mut Random, last: &[Option<Frame>; 2]) {
    let from = random.pick(&[0_usize, 1]);
    let Some(quoted) = last[from].clone() else { return };
    // Who sent the quoted packet is told; the error comes from the other side.
    let (teller, told) = if from == 0 {
        (Side::Responder, Side::Initiator)
    } else {
        (Side::Initiator, Side::Responder)
    };
    let error = random.pick(&[
        IcmpError::PortUnreachable,
        IcmpError::HostUnreachable,
        IcmpError::Prohibited,
        IcmpError::TimeExceeded,
        IcmpError::TooBig(1_280),
        IcmpError::ParameterProblem(1),
    ]);
    let reporter = if random.chance(50) { writer.router() } else { writer.host(teller) };
    let (side, quoted, note) = match random.below(8) {
        0 => (told, quoted, "error from the side of who is told"),
        1 => (teller, other_port(quoted), "error about another session"),
        2 => (
            teller,
            quoted.map_transport(|transport| with_sequence(transport, random.word())),
            "error that quotes any number",
        ),
        3 => (teller, exchanged(quoted), "error about what goes the other way"),
        _ => (teller, quoted, "error"),
    };
    let quote = random.pick(&[8, 20, 60]);
    let mut frame = Frame::icmp_error(reporter, error, &quoted, quote);
    let mut note = note;
    if random.chance(10) {
        let stranger = writer.router();
        frame = redirected(frame, stranger);
        note = "error to somebody else";
    }
    writer.send(
        side,
        frame.macs(testkit::packet::INITIATOR_MAC, testkit::packet::RESPONDER_MAC),
        note,
    );
}

fn other_port(frame: Frame) -> Frame {
    frame.map_transport(|mut transport| {
        match &mut transport {
            Transport::Tcp(tcp) => tcp.source ^= 1,
            Transport::Udp(udp) => udp.source ^= 1,
            Transport::Icmp(icmp) => icmp.rest[0] ^= 1,
            Transport::Icmpv6(icmp) => icmp.rest[0] ^= 1,
            Transport::Sctp(_) | Transport::Raw(..) => {}
        }
        transport
    })
}

fn with_sequence(mut transport: Transport, sequence: u32) -> Transport {
    if let Transport::Tcp(tcp) = &mut transport {
        tcp.sequence = sequence;
    }
    transport
}

fn exchanged(mut frame: Frame) -> Frame {
    match &mut frame.network {
        Network::Ipv4(ip) => std::mem::swap(&mut ip.source, &mut ip.destination),
        Network::Ipv6(ip) => std::mem::swap(&mut ip.source, &mut ip.destination),
        Network::Arp(_) | Network::Raw(..) => {}
    }
    frame.map_transport(|mut transport| {
        match &mut transport {
            Transport::Tcp(tcp) => std::mem::swap(&mut tcp.source, &mut tcp.destination),
            Transport::Udp(udp) => std::mem::swap(&mut udp.source, &mut udp.destination),
            Transport::Icmp(_) | Transport::Icmpv6(_) | Transport::Sctp(_) | Transport::Raw(..) => {
            }
        }
        transport
    })
}

fn redirected(mut frame: Frame, to: IpAddr) -> Frame {
    match (&mut frame.network, to) {
        (Network::Ipv4(ip), IpAddr::V4(to)) => ip.destination = to,
        (Network::Ipv6(ip), IpAddr::V6(to)) => ip.destination = to,
        (Network::Ipv4(_) | Network::Ipv6(_) | Network::Arp(_) | Network::Raw(..), _) => {}
    }
    frame
}
