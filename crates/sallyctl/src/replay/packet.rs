//! A packet in a few words, for the eyes of people only.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use wire::{Class, Descriptor, IcmpMessage, Transport};

/// What a frame carries: `tcp 10.0.0.1:40000 > 192.0.2.80:80 S`.
pub(crate) fn summary(frame: &[u8]) -> String {
    match wire::parse_with(frame, wire::HeaderChecksum::Trust) {
        Ok(descriptor) => described(&descriptor),
        Err(fault) => format!("{} octets, {fault}", frame.len()),
    }
}

fn described(descriptor: &Descriptor) -> String {
    let Descriptor { source, destination, .. } = descriptor;
    let mut text = match descriptor.class {
        Class::Ipv4 | Class::Ipv6 => match descriptor.fragment {
            Some(fragment) => {
                let Descriptor { protocol, .. } = descriptor;
                let (start, end) =
                    (fragment.offset, u32::from(fragment.offset) + u32::from(fragment.length));
                let protocol = api::Protocol(*protocol);
                let more = if fragment.more { "+" } else { "" };
                format!(
                    "{protocol} {source} > {destination} fragment {:#x} {start}-{end}{more}",
                    fragment.id
                )
            }
            None => transport(descriptor),
        },
        Class::Arp => format!("arp {source} > {destination}"),
        Class::LinkLocal => "link-local".to_owned(),
        Class::SlowProtocols => "slow protocols".to_owned(),
        Class::Ethertype(ethertype) => format!("ethertype {ethertype:#06x}"),
        Class::Llc => "llc".to_owned(),
    };
    let tags = usize::from(descriptor.vlans.count).min(descriptor.vlans.ids.len());
    for id in &descriptor.vlans.ids[..tags] {
        // Writing to a String cannot fail.
        let written = write!(text, " vlan {id}");
        debug_assert!(written.is_ok());
    }
    text
}

fn transport(descriptor: &Descriptor) -> String {
    let Descriptor { source, destination, protocol, .. } = *descriptor;
    let ends = |from, to| {
        format!("{} > {}", SocketAddr::new(source, from), SocketAddr::new(destination, to))
    };
    match descriptor.transport {
        Transport::Tcp(tcp) => {
            let ends = ends(tcp.source_port, tcp.destination_port);
            let payload = if tcp.payload > 0 { format!(" {}", tcp.payload) } else { String::new() };
            format!("tcp {ends} {:?}{payload}", tcp.flags)
        }
        Transport::Udp(udp) => {
            format!("udp {} {}", ends(udp.source_port, udp.destination_port), udp.payload)
        }
        Transport::Sctp(sctp) => {
            format!("sctp {} chunk {}", ends(sctp.source_port, sctp.destination_port), sctp.chunk)
        }
        Transport::Icmp(message) => icmp("icmp", source, destination, message),
        Transport::Icmpv6(message) => icmp("icmpv6", source, destination, message),
        Transport::None | Transport::Other => {
            format!("{} {source} > {destination}", api::Protocol(protocol))
        }
    }
}

fn icmp(name: &str, source: IpAddr, destination: IpAddr, message: IcmpMessage) -> String {
    let IcmpMessage { kind, code, id, class } = message;
    let queries = matches!(class, wire::IcmpKind::Query | wire::IcmpKind::Reply);
    let id = if queries { format!(" id {id}") } else { String::new() };
    format!("{name} {source} > {destination} type {kind} code {code}{id}")
}
