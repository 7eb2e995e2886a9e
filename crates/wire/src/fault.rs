//! Why a frame is unfit to be judged.

crate::named! {
    /// What is wrong with a frame, found without any state.
    pub enum Fault {
        /// The frame ends before a header, or before the length that it announces.
        Truncated = "truncated",
        /// The frame is longer than 65,535 octets.
        Oversized = "oversized",
        /// The frame has more than two VLAN tags.
        VlanDepth = "vlan_depth",
        /// The ARP header is not that of IPv4 over Ethernet: hardware type, protocol type or address lengths.
        ArpHeader = "arp_header",
        /// The ARP operation is neither request nor reply.
        ArpOperation = "arp_operation",
        /// An IPv4 frame's version is not 4.
        Ipv4Version = "ipv4_version",
        /// The IPv4 header length is below 20 octets, or beyond the datagram.
        Ipv4HeaderLength = "ipv4_header_length",
        /// The IPv4 total length is below the header's.
        Ipv4TotalLength = "ipv4_total_length",
        /// The IPv4 header checksum is wrong.
        Ipv4Checksum = "ipv4_checksum",
        /// An IPv4 option's length or pointer is impossible.
        Ipv4Options = "ipv4_options",
        /// An IPv6 frame's version is not 6.
        Ipv6Version = "ipv6_version",
        /// The IPv6 payload length is 0 though a header is announced to follow.
        Ipv6PayloadLength = "ipv6_payload_length",
        /// An IPv6 jumbogram (RFC 2675).
        Ipv6Jumbogram = "ipv6_jumbogram",
        /// An option's length in an IPv6 hop-by-hop or destination header is impossible.
        Ipv6Options = "ipv6_options",
        /// The datagram ends inside an IPv6 extension header.
        ExtensionTruncated = "extension_truncated",
        /// An IPv6 hop-by-hop header does not stand first.
        ExtensionOrder = "extension_order",
        /// An IPv6 extension header stands more often than RFC 8200 §4.1 allows.
        ExtensionRepeated = "extension_repeated",
        /// IPv6 extension headers of more than 1,024 octets in all.
        ExtensionLength = "extension_length",
        /// An IPv6 routing header of type 0 (RFC 5095).
        RoutingHeader0 = "routing_header_0",
        /// The length of a fragment that others follow is not a multiple of 8.
        FragmentLength = "fragment_length",
        /// A fragment ends beyond the longest possible datagram.
        FragmentOverflow = "fragment_overflow",
        /// A fragment carries nothing.
        FragmentEmpty = "fragment_empty",
        /// A first fragment cuts the headers short, or a later one would overlay TCP's flags (RFC 1858, RFC 7112).
        FragmentTiny = "fragment_tiny",
        /// The protocol belongs to the other version of IP: ICMPv6 or an IPv6 extension header in IPv4, ICMP or IGMP in IPv6.
        ProtocolFamily = "protocol_family",
        /// The datagram ends inside the TCP header.
        TcpTruncated = "tcp_truncated",
        /// The TCP data offset is below 5, or beyond the datagram.
        TcpHeaderLength = "tcp_header_length",
        /// A TCP option's length is below 2, or beyond the header.
        TcpOptions = "tcp_options",
        /// The datagram ends inside the UDP header.
        UdpTruncated = "udp_truncated",
        /// The UDP length is below 8, or beyond the datagram.
        UdpLength = "udp_length",
        /// The datagram ends inside the ICMP header.
        IcmpTruncated = "icmp_truncated",
        /// The datagram ends inside the ICMPv6 header.
        Icmpv6Truncated = "icmpv6_truncated",
        /// The datagram ends inside the SCTP common header or the first chunk's header.
        SctpTruncated = "sctp_truncated",
        /// The length of the first SCTP chunk is too small for its type, or beyond the datagram.
        SctpChunkLength = "sctp_chunk_length",
        /// The datagram ends inside the GRE header.
        GreTruncated = "gre_truncated",
        /// The datagram ends inside the ESP header.
        EspTruncated = "esp_truncated",
        /// The length of an authentication header is too small, beyond the datagram, or not aligned.
        AhLength = "ah_length",
        /// A TCP, UDP or SCTP port is 0.
        PortZero = "port_zero",
        /// The packet that an ICMP error quotes has no sound IP header.
        QuotedHeader = "quoted_header",
        /// The packet that an ICMP error quotes ends before 8 octets of its transport header.
        QuotedTruncated = "quoted_truncated",
        /// The packet that an ICMP error quotes is a fragment.
        QuotedFragment = "quoted_fragment",
        /// The packet that an ICMP error quotes is itself an ICMP error.
        NestedError = "nested_error",
    }
}
