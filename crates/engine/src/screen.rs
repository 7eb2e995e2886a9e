//! Checks that need no state: what a frame must be before anything is asked about its session.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use policy::{Checksums, End, Permission, PortIndex, Screens, Topology};
use wire::{
    Class, Descriptor, Fault, HeaderChecksum, IcmpKind, IpOptions, Plain, PlainAddresses,
    PlainLink, Transport,
};

use crate::{Cut, DropReason, Frame, ReceiveFlags, Snapshot};

/// What a frame that passed the screens is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It passes without a session: ARP, link-local frames, neighbour and listener discovery, listed ethertypes.
    Untracked,
    /// Part of a datagram.
    Fragment,
    /// An ICMP error: it belongs to the session of the packet that it quotes.
    IcmpError,
    /// A packet of a session.
    Tracked,
}

/// The MAC addresses of ports whose kernel interface stays, by port: frames from them are the host's own.
pub(crate) type OwnMacs = Vec<Option<[u8; 6]>>;

/// Screens one frame.
#[inline]
pub(crate) fn screen<F: Frame>(
    frame: &F,
    snapshot: &Snapshot,
    own_macs: &OwnMacs,
) -> Result<(Descriptor, Kind), DropReason> {
    let Snapshot { topology, screens, .. } = snapshot;
    let flags = frame.receive_flags();
    if flags.scattered {
        return Err(Cut::Scattered.into());
    }
    let bytes = frame.as_ref();
    let descriptor = parse(frame)?;
    let port = frame.port();
    if let Some(Some(own)) = own_macs.get(port.index())
        && bytes.get(6..12) == Some(own)
    {
        return Err(Cut::OwnMac.into());
    }
    match descriptor.class {
        Class::Ipv4 | Class::Ipv6 => {
            if flags.l4_checksum_bad {
                return Err(Cut::L4Checksum.into());
            }
            network(&descriptor, port, topology)?;
            if descriptor.options != IpOptions::default() {
                options(&descriptor, screens)?;
            }
            let joined = flags.joined && matches!(descriptor.transport, Transport::Tcp(_));
            if !joined && length(&descriptor) > topology.port(topology.partner(port)).mtu {
                return Err(Cut::ExceedsMtu.into());
            }
            let kind = transport(&descriptor, screens)?;
            if screens.checksums == Checksums::Verify
                && !flags.l4_checksum_good
                && !wire::checksum::verify_transport(bytes, &descriptor)
            {
                return Err(checksum_fault(&descriptor.transport).into());
            }
            Ok((descriptor, kind))
        }
        // Whoever claims an address that is not of this side would draw its traffic to itself.
        Class::Arp if topology.spoofed(port, descriptor.source) => Err(Cut::Spoofed.into()),
        Class::Arp | Class::LinkLocal => Ok((descriptor, Kind::Untracked)),
        Class::SlowProtocols => {
            listed(topology, port, 0x8809).map(|()| (descriptor, Kind::Untracked))
        }
        Class::Ethertype(ethertype) => {
            listed(topology, port, ethertype).map(|()| (descriptor, Kind::Untracked))
        }
        // An 802.3 length is no ethertype that could be listed.
        Class::Llc => Err(Cut::Ethertype.into()),
    }
}

/// Begins to screen a frame by the short reading, which goes on with [`passes_plain`]: both let pass only what [`screen`]
/// lets pass as [`Kind::Tracked`]. `end`: that of the port that it came in by.
///
/// What passes is not screened again, not even where it opens a session. So a check that [`screen`] learns stands here
/// too, or here every frame that it may concern is left to it.
#[inline(always)]
pub(crate) fn link_plain<'f, F: Frame>(
    frame: &'f F,
    end: &End,
    screens: &Screens,
    own_macs: &OwnMacs,
) -> Option<(PlainLink<'f>, HeaderChecksum)> {
    let ReceiveFlags { ip_checksum_good, l4_checksum_bad, l4_checksum_good, scattered, joined: _ } =
        frame.receive_flags();
    let to_verify = screens.checksums == Checksums::Verify && !l4_checksum_good;
    if scattered || l4_checksum_bad || to_verify || !end.any_source {
        return None;
    }
    let bytes = frame.as_ref();
    if let Some(Some(own)) = own_macs.get(frame.port().index())
        && bytes.get(6..12) == Some(own)
    {
        return None;
    }
    Some((PlainLink::read(bytes)?, header_checksum(ip_checksum_good)))
}

/// Whether a plain packet may pass, of a frame that [`link_plain`] has let pass.
#[inline(always)]
pub(crate) fn passes_plain(packet: &Plain, end: &End) -> bool {
    packet.length <= end.mtu && !is_suspect(&packet.addresses)
}

/// Whether the addresses of a plain packet are such that [`screen`] is to look at them.
#[inline(always)]
fn is_suspect(addresses: &PlainAddresses) -> bool {
    // A source that is_martian() would look at twice, or one's own address (LAND).
    match *addresses {
        PlainAddresses::V4([source, destination]) => {
            let class = source.to_be_bytes()[0];
            class == 0 || class == 127 || class >= 224 || source == destination
        }
        PlainAddresses::V6([source, destination]) => {
            source <= 1 || source >> 120 == 0xff || source == destination
        }
    }
}

#[inline]
fn header_checksum(is_good: bool) -> HeaderChecksum {
    if is_good { HeaderChecksum::Trust } else { HeaderChecksum::Verify }
}

/// Reads the headers of a frame, as strictly as its origin demands.
#[inline]
pub(crate) fn parse<F: Frame>(frame: &F) -> Result<Descriptor, Fault> {
    let checksum = header_checksum(frame.receive_flags().ip_checksum_good);
    wire::parse_with(frame.as_ref(), checksum)
}

fn listed(topology: &Topology, port: PortIndex, ethertype: u16) -> Result<(), DropReason> {
    if topology.permits_ethertype(port, ethertype) { Ok(()) } else { Err(Cut::Ethertype.into()) }
}

/// Addresses.
#[inline]
fn network(descriptor: &Descriptor, port: PortIndex, topology: &Topology) -> Result<(), Cut> {
    if is_martian(descriptor) {
        return Err(Cut::MartianSource);
    }
    if topology.spoofed(port, descriptor.source) {
        return Err(Cut::Spoofed);
    }
    Ok(())
}

/// What the network header asks for beside delivery. Group management must alert routers.
#[inline(never)]
pub(crate) fn options(descriptor: &Descriptor, screens: &Screens) -> Result<(), Cut> {
    let IpOptions { source_route, record, router_alert, other } = descriptor.options;
    let Screens { ipv4_options: v4, ipv6_options: v6, .. } = screens;
    let manages_groups = match descriptor.transport {
        Transport::Icmpv6(message) => message.class == IcmpKind::ListenerDiscovery,
        Transport::None
        | Transport::Tcp(_)
        | Transport::Udp(_)
        | Transport::Icmp(_)
        | Transport::Sctp(_)
        | Transport::Other => descriptor.protocol == IGMP,
    };
    let (alert, rest) = match descriptor.class {
        Class::Ipv6 => (v6.router_alert, v6.other),
        Class::Ipv4
        | Class::Arp
        | Class::LinkLocal
        | Class::SlowProtocols
        | Class::Ethertype(_)
        | Class::Llc => (v4.router_alert, v4.other),
    };
    let asked = [
        (source_route, v4.source_route, Cut::SourceRoute),
        (record, v4.record, Cut::IpOptionRecord),
        (router_alert && !manages_groups, alert, Cut::IpOptionRouterAlert),
        (other, rest, Cut::IpOptionOther),
    ];
    let refused = asked.iter().find(|(there, word, _)| *there && *word == Permission::Drop);
    refused.map_or(Ok(()), |(_, _, cut)| Err(*cut))
}

/// The name of a wrong checksum.
pub(crate) fn checksum_fault(transport: &Transport) -> Cut {
    match transport {
        Transport::Tcp(_) => Cut::TcpChecksum,
        Transport::Udp(_) => Cut::UdpChecksum,
        Transport::Icmp(_) | Transport::Icmpv6(_) => Cut::IcmpChecksum,
        Transport::None | Transport::Sctp(_) | Transport::Other => Cut::L4Checksum,
    }
}

/// Octets of the IP packet.
#[inline]
fn length(descriptor: &Descriptor) -> u16 {
    descriptor.end - descriptor.l3
}

/// Whether the source names no single host that could send on a wire: a group, the loopback (RFC 1122
/// §3.2.1.3 (g), RFC 4291 §2.5.3). An unspecified one is right for a host that asks for its
/// address: by DHCP, or by neighbour discovery (RFC 4861 §4.1, §4.3).
#[inline]
fn is_martian(descriptor: &Descriptor) -> bool {
    match descriptor.source {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
            !matches!(descriptor.transport, Transport::Udp(udp) if udp.destination_port == 67)
                && descriptor.protocol != IGMP
        }
        IpAddr::V4(source) => source.octets()[0] >= 224 || source.is_loopback(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => !matches!(
            descriptor.transport,
            Transport::Icmpv6(message)
                if matches!(message.class, IcmpKind::NeighborDiscovery | IcmpKind::ListenerDiscovery)
        ),
        IpAddr::V6(source) => source.is_multicast() || source.is_loopback(),
    }
}

/// A host may speak IGMP before it has an address (RFC 3376 §4.2.13).
const IGMP: u8 = 2;

/// What the transport makes of the packet.
#[inline]
pub(crate) fn transport(descriptor: &Descriptor, screens: &Screens) -> Result<Kind, Cut> {
    let ports = match &descriptor.transport {
        Transport::None => return Ok(Kind::Fragment),
        Transport::Tcp(tcp) => Some((tcp.source_port, tcp.destination_port)),
        Transport::Udp(udp) => {
            if !udp.has_checksum
                && descriptor.class == Class::Ipv6
                && screens.udp6_zero_checksum == Permission::Drop
            {
                return Err(Cut::UdpZeroChecksum);
            }
            Some((udp.source_port, udp.destination_port))
        }
        Transport::Sctp(sctp) => Some((sctp.source_port, sctp.destination_port)),
        Transport::Icmp(message) | Transport::Icmpv6(message) => {
            return icmp(descriptor, message.class);
        }
        Transport::Other => None,
    };
    let same_port = ports.is_none_or(|(source, destination)| source == destination);
    if descriptor.source == descriptor.destination && same_port {
        return Err(Cut::Land);
    }
    Ok(Kind::Tracked)
}

fn icmp(descriptor: &Descriptor, class: IcmpKind) -> Result<Kind, Cut> {
    match class {
        IcmpKind::Query | IcmpKind::Reply if descriptor.source == descriptor.destination => {
            Err(Cut::Land)
        }
        IcmpKind::Query | IcmpKind::Reply => Ok(Kind::Tracked),
        IcmpKind::Error => Ok(Kind::IcmpError),
        IcmpKind::NeighborDiscovery if descriptor.ttl == 255 => Ok(Kind::Untracked),
        IcmpKind::NeighborDiscovery => Err(Cut::NdpHopLimit),
        IcmpKind::ListenerDiscovery if descriptor.ttl == 1 && is_link_scoped(descriptor.source) => {
            Ok(Kind::Untracked)
        }
        IcmpKind::ListenerDiscovery => Err(Cut::MldScope),
        IcmpKind::Other => Err(Cut::IcmpUnsolicited),
    }
}

/// Link-local, or unspecified while the host has no address (RFC 3590).
fn is_link_scoped(source: IpAddr) -> bool {
    match source {
        IpAddr::V6(source) => source.is_unspecified() || source.is_unicast_link_local(),
        IpAddr::V4(_) => false,
    }
}
