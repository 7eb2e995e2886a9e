//! The names that need no definition: services, IP protocols, ICMP messages.

use crate::{
    Gateway, IcmpVersion, ItemTraits, L4PortRange, ReadingTraits, ServiceItem, ServiceMatch,
    TimeoutOverrides,
};

/// A service that every configuration knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltinService {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub matches: &'static [ServiceMatch],
    /// The gateway that naming it enables.
    pub gateway: Option<Gateway>,
    /// Whether its UDP sessions end soon after their answer.
    pub answered: bool,
}

impl BuiltinService {
    /// The items that naming the service puts into a rule.
    pub fn items(&self) -> impl Iterator<Item = ServiceItem> + '_ {
        self.matches.iter().map(|matches| ServiceItem {
            service: self.name.to_owned(),
            matches: *matches,
            traits: ItemTraits {
                gateway: self.gateway,
                reading: ReadingTraits::DEFAULT,
                answered: self.answered && matches.protocol() == Some(UDP),
                timeouts: TimeoutOverrides::EMPTY,
            },
        })
    }
}

/// The built-in services, by name.
#[must_use]
pub const fn builtin_services() -> &'static [BuiltinService] {
    SERVICES
}

/// IP protocols that may be written by name.
pub const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", TCP),
    ("udp", UDP),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ospf", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("sctp", SCTP),
];

/// ICMP message types by name, hyphens between words.
pub const ICMP_TYPES: &[(&str, u8)] = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
];

/// ICMPv6 message types by name.
pub const ICMPV6_TYPES: &[(&str, u8)] = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-query", 130),
    ("mld-report", 131),
    ("mld-done", 132),
    ("router-solicitation", 133),
    ("router-advertisement", 134),
    ("neighbor-solicitation", 135),
    ("neighbor-advertisement", 136),
    ("redirect", 137),
    ("mldv2-report", 143),
];

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

const fn ports(protocol: u8, first: u16, last: u16) -> ServiceMatch {
    ServiceMatch::Ports {
        protocol,
        destination: L4PortRange { first, last },
        source: L4PortRange::ANY,
    }
}

const fn tcp(port: u16) -> ServiceMatch {
    ports(TCP, port, port)
}

const fn udp(port: u16) -> ServiceMatch {
    ports(UDP, port, port)
}

const fn icmp(version: IcmpVersion, kind: u8) -> ServiceMatch {
    ServiceMatch::Icmp { version, kind: Some(kind), code: None }
}

const fn plain(name: &'static str, matches: &'static [ServiceMatch]) -> BuiltinService {
    BuiltinService { name, matches, gateway: None, answered: false }
}

const fn answered(name: &'static str, matches: &'static [ServiceMatch]) -> BuiltinService {
    BuiltinService { name, matches, gateway: None, answered: true }
}

const fn read_by(
    gateway: Gateway,
    name: &'static str,
    matches: &'static [ServiceMatch],
) -> BuiltinService {
    BuiltinService { name, matches, gateway: Some(gateway), answered: false }
}

const SERVICES: &[BuiltinService] = &[
    plain("ah", &[ServiceMatch::Protocol(51)]),
    plain("amqp", &[tcp(5672)]),
    plain("amqps", &[tcp(5671)]),
    plain("bgp", &[tcp(179)]),
    plain("dhcp", &[ports(UDP, 67, 68)]),
    plain("dhcpv6", &[ports(UDP, 546, 547)]),
    answered("dns", &[udp(53), tcp(53)]),
    plain("dns-over-tls", &[tcp(853)]),
    plain("esp", &[ServiceMatch::Protocol(50)]),
    read_by(Gateway::Ftp, "ftp", &[tcp(21)]),
    plain("git", &[tcp(9418)]),
    plain("gre", &[ServiceMatch::Protocol(47)]),
    read_by(Gateway::H323, "h323", &[tcp(1720), udp(1719)]),
    plain("http", &[tcp(80)]),
    plain("http-alt", &[tcp(8080)]),
    plain("https", &[tcp(443)]),
    plain("ike", &[udp(500), udp(4500)]),
    plain("imap", &[tcp(143)]),
    plain("imaps", &[tcp(993)]),
    plain("iperf3", &[tcp(5201), udp(5201)]),
    plain("ipp", &[tcp(631)]),
    read_by(Gateway::Irc, "irc", &[tcp(6667)]),
    plain("kerberos", &[tcp(88), udp(88)]),
    plain("l2tp", &[udp(1701)]),
    plain("ldap", &[tcp(389), udp(389)]),
    plain("ldaps", &[tcp(636)]),
    plain("mdns", &[udp(5353)]),
    plain("memcached", &[tcp(11211)]),
    read_by(Gateway::Mgcp, "mgcp", &[udp(2427), udp(2727)]),
    plain("mongodb", &[tcp(27017)]),
    plain("mqtt", &[tcp(1883)]),
    plain("mqtts", &[tcp(8883)]),
    plain("mssql", &[tcp(1433)]),
    plain("mysql", &[tcp(3306)]),
    plain("nfs", &[tcp(2049), udp(2049)]),
    answered("ntp", &[udp(123)]),
    plain("openvpn", &[udp(1194), tcp(1194)]),
    plain("ospf", &[ServiceMatch::Protocol(89)]),
    plain("ping", &[icmp(IcmpVersion::V4, 8), icmp(IcmpVersion::V6, 128)]),
    plain("pop3", &[tcp(110)]),
    plain("pop3s", &[tcp(995)]),
    plain("postgresql", &[tcp(5432)]),
    read_by(Gateway::Pptp, "pptp", &[tcp(1723)]),
    plain("quic", &[udp(443)]),
    plain("radius", &[udp(1812), udp(1813)]),
    plain("rdp", &[tcp(3389), udp(3389)]),
    plain("redis", &[tcp(6379)]),
    plain("rsync", &[tcp(873)]),
    read_by(Gateway::Rtsp, "rtsp", &[tcp(554)]),
    read_by(Gateway::Sip, "sip", &[udp(5060), tcp(5060)]),
    plain("smb", &[tcp(445), tcp(139)]),
    plain("smtp", &[tcp(25)]),
    plain("smtps", &[tcp(465)]),
    plain("snmp", &[udp(161)]),
    plain("snmp-trap", &[udp(162)]),
    plain("ssh", &[tcp(22)]),
    plain("stun", &[udp(3478), tcp(3478)]),
    plain("submission", &[tcp(587)]),
    plain("syslog", &[udp(514), tcp(514)]),
    plain("syslog-tls", &[tcp(6514)]),
    plain("tacacs", &[tcp(49)]),
    plain("telnet", &[tcp(23)]),
    read_by(Gateway::Tftp, "tftp", &[udp(69)]),
    plain("traceroute", &[ports(UDP, 33434, 33534)]),
    plain("vnc", &[ports(TCP, 5900, 5999)]),
    plain("vxlan", &[udp(4789)]),
    plain("whois", &[tcp(43)]),
    plain("winrm", &[tcp(5985), tcp(5986)]),
    plain("wireguard", &[udp(51820)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_are_sorted_and_unique() {
        assert!(SERVICES.is_sorted_by(|one, two| one.name < two.name));
    }

    #[test]
    fn only_control_channels_and_answered_services_carry_traits() {
        let gateways: Vec<_> =
            SERVICES.iter().filter_map(|service| Some((service.name, service.gateway?))).collect();
        let expected = [
            ("ftp", Gateway::Ftp),
            ("h323", Gateway::H323),
            ("irc", Gateway::Irc),
            ("mgcp", Gateway::Mgcp),
            ("pptp", Gateway::Pptp),
            ("rtsp", Gateway::Rtsp),
            ("sip", Gateway::Sip),
            ("tftp", Gateway::Tftp),
        ];
        assert_eq!(gateways, expected);
        let answered = SERVICES.iter().flat_map(BuiltinService::items);
        let answered: Vec<_> =
            answered.filter(|item| item.traits.answered).map(|item| item.matches).collect();
        assert_eq!(answered, [udp(53), udp(123)], "DNS over TCP ends as TCP does");
    }
}
