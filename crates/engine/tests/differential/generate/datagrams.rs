//! UDP, echo, and datagrams in fragments.

use std::net::SocketAddr;

use testkit::conversation::Side;
use testkit::packet::{Frame, ICMP, Icmp, Transport, icmp_type};

use super::errors;
use crate::conversation::{Conversation, Writer};
use crate::random::Random;

fn sockets(writer: &Writer, random: &mut Random) -> [SocketAddr; 2] {
    let port = |random: &mut Random| u16::try_from(1_024 + random.below(60_000)).expect("a port");
    [
        SocketAddr::new(writer.host(Side::Initiator), port(random)),
        SocketAddr::new(writer.host(Side::Responder), random.pick(&[53, 123, 443, 5_000])),
    ]
}

fn datagram(sockets: [SocketAddr; 2], side: Side, length: usize) -> Frame {
    let [inside, outside] = sockets;
    match side {
        Side::Initiator => Frame::udp(inside, outside, vec![0; length]),
        Side::Responder => Frame::udp(outside, inside, vec![0; length]),
    }
}

/// Datagrams both ways, errors about them; sometimes the outside begins.
pub(super) fn udp(random: &mut Random, number: u64, v6: bool) -> Conversation {
    let mut writer = Writer::new("udp", number, v6);
    let sockets = sockets(&writer, random);
    let mut last = [None, None];
    if random.chance(30) {
        writer.send(Side::Responder, datagram(sockets, Side::Responder, 10), "from outside first");
    }
    for _ in 0..2 + random.below(10) {
        if random.chance(20) {
            errors::about(&mut writer, random, &last);
            continue;
        }
        let side = random.pick(&Side::BOTH);
        let mut between = sockets;
        let note = if random.chance(10) {
            between[1].set_port(between[1].port() ^ 1);
            "another port"
        } else {
            "datagram"
        };
        let length = random.pick(&[0, 1, 50, 1_400]);
        let sent = writer.send(side, datagram(between, side, length), note);
        if note == "datagram" {
            last[usize::from(side == Side::Responder)] = Some(sent);
        }
    }
    writer.finish()
}

/// Echo requests and replies, right and wrong ones, and other queries.
pub(super) fn echo(random: &mut Random, number: u64, v6: bool) -> Conversation {
    let mut writer = Writer::new("echo", number, v6);
    let (inside, outside) = (writer.host(Side::Initiator), writer.host(Side::Responder));
    let identifier = u16::try_from(random.below(0x1_0000)).expect("16 bits");
    let mut last = [None, None];
    for sequence in 0..3 + u16::try_from(random.below(8)).expect("small") {
        match random.below(11) {
            0..=3 => {
                let frame = Frame::echo_request(inside, outside, identifier, sequence);
                last[0] = Some(writer.send(Side::Initiator, frame, "request"));
            }
            4..=6 => {
                let frame = Frame::echo_reply(outside, inside, identifier, sequence);
                last[1] = Some(writer.send(Side::Responder, frame, "reply"));
            }
            7 => {
                let frame = Frame::echo_reply(outside, inside, identifier ^ 1, sequence);
                writer.send(Side::Responder, frame, "reply to nothing");
            }
            8 => {
                let frame = Frame::echo_request(outside, inside, identifier, sequence);
                writer.send(Side::Responder, frame, "request from outside");
            }
            9 if !v6 => {
                let kind = random.pick(&[icmp_type::TIMESTAMP_REQUEST, icmp_type::TIMESTAMP_REPLY]);
                let message = Icmp { kind, ..ICMP.with_identifier(identifier ^ 2, sequence) };
                let message = Icmp { payload: vec![0; 12], ..message };
                let (side, from, to) = if kind == icmp_type::TIMESTAMP_REQUEST {
                    (Side::Initiator, inside, outside)
                } else {
                    (Side::Responder, outside, inside)
                };
                let frame = Frame::ip(from, to, Transport::Icmp(message));
                writer.send(side, frame, "timestamp");
            }
            9 => {}
            _ => errors::about(&mut writer, random, &last),
        }
    }
    writer.finish()
}

/// UDP in fragments: any order, doubled, missing, overlapping.
pub(super) fn fragments(random: &mut Random, number: u64, v6: bool) -> Conversation {
    let mut writer = Writer::new("fragments", number, v6);
    let sockets = sockets(&writer, random);
    for _ in 0..2 + random.below(5) {
        let side = random.pick(&[Side::Initiator, Side::Initiator, Side::Responder]);
        let frame = datagram(sockets, side, 1_400);
        let cuts: &[usize] = random.pick(&[&[704][..], &[8, 704], &[400, 800], &[400, 800, 1_200]]);
        let fault = random.below(10);
        let note = match fault {
            0 => "a fragment is missing",
            1 => "a fragment comes twice",
            2 => "fragments overlap",
            _ => "fragments",
        };
        writer.send_fragments(side, frame, cuts, note, |pieces| {
            for at in (1..pieces.len()).rev() {
                let other = random.below(u32::try_from(at + 1).expect("few"));
                pieces.swap(at, usize::try_from(other).expect("few"));
            }
            let any = usize::try_from(random.below(u32::try_from(pieces.len()).expect("few")));
            let any = any.expect("few");
            match fault {
                0 => drop(pieces.remove(any)),
                1 => {
                    let double = pieces[any].clone();
                    pieces.insert(any, double);
                }
                2 => {
                    let longer = pieces[any].clone().map_transport(|transport| match transport {
                        Transport::Raw(protocol, mut octets) => {
                            octets.extend([0; 16]);
                            Transport::Raw(protocol, octets)
                        }
                        other @ (Transport::Tcp(_)
                        | Transport::Udp(_)
                        | Transport::Icmp(_)
                        | Transport::Icmpv6(_)
                        | Transport::Sctp(_)) => other,
                    });
                    pieces[any] = longer;
                }
                _ => {}
            }
        });
    }
    writer.finish()
}
