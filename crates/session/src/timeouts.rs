//! How long a session lives without a packet, by its state.

use core::time::Duration;

wire::named! {
    /// The states of all protocols that have a timeout of their own. Names are the keys of `[timeouts]`.
    pub enum TimeoutClass {
        /// A SYN was seen, nothing yet from the responder.
        TcpSynSent = "tcp_syn_sent",
        /// The responder answered the SYN; the handshake is not complete.
        TcpSynReceived = "tcp_syn_received",
        /// The handshake is complete.
        TcpEstablished = "tcp_established",
        /// One side has sent its FIN.
        TcpHalfClosed = "tcp_half_closed",
        /// Both sides have sent their FIN, not all acknowledged.
        TcpClosing = "tcp_closing",
        /// Both FINs are acknowledged.
        TcpTimeWait = "tcp_time_wait",
        /// A valid RST ended the connection.
        TcpClosed = "tcp_closed",
        /// A RST was in the window but not exact (RFC 5961 §3.2), and its receiver has not answered yet.
        TcpRstUnverified = "tcp_rst_unverified",
        /// One UDP datagram was seen.
        UdpFirst = "udp_first",
        /// Several datagrams, all in the original direction.
        UdpOneWay = "udp_one_way",
        /// Datagrams both ways.
        UdpStream = "udp_stream",
        /// Every query of a query-and-answer service (DNS, NTP) has its answer.
        UdpAnswered = "udp_answered",
        /// A UDP conversation one side of which an ICMP error reports as unreachable, until that side is heard again.
        /// It never lengthens a life; by default it does not shorten one either.
        UdpUnreachable = "udp_unreachable",
        /// An ICMP or ICMPv6 query.
        Icmp = "icmp",
        /// An SCTP association is being set up.
        SctpInit = "sctp_init",
        /// An SCTP association is established.
        SctpEstablished = "sctp_established",
        /// An SCTP association is shutting down.
        SctpShutdown = "sctp_shutdown",
        /// GRE.
        Gre = "gre",
        /// ESP and AH.
        Esp = "esp",
        /// Any other IP protocol.
        Other = "other",
        /// A datagram whose fragments are being gathered.
        Fragment = "fragment",
        /// A connection that a gateway expects.
        Expectation = "expectation",
    }
}

/// A timeout for every class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts([Duration; TimeoutClass::COUNT]);

impl TimeoutClass {
    /// The timeout where the configuration says nothing.
    #[must_use]
    pub const fn default_timeout(self) -> Duration {
        match self {
            Self::TcpSynSent | Self::TcpSynReceived | Self::TcpClosed => Duration::from_secs(10),
            Self::TcpEstablished | Self::SctpEstablished => Duration::from_secs(3600),
            Self::TcpHalfClosed | Self::UdpStream => Duration::from_secs(120),
            Self::TcpClosing | Self::TcpRstUnverified => Duration::from_secs(30),
            Self::TcpTimeWait => Duration::from_secs(15),
            Self::UdpFirst | Self::UdpOneWay => Duration::from_secs(30),
            Self::UdpAnswered => Duration::from_secs(5),
            Self::UdpUnreachable => Timeouts::GREATEST,
            Self::Icmp | Self::SctpInit | Self::Fragment => Duration::from_secs(10),
            Self::Gre | Self::Esp => Duration::from_secs(600),
            Self::SctpShutdown | Self::Other | Self::Expectation => Duration::from_secs(30),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let mut timeouts = Self([Duration::ZERO; TimeoutClass::COUNT]);
        for class in TimeoutClass::ALL {
            timeouts.set(*class, class.default_timeout());
        }
        timeouts
    }
}

impl Timeouts {
    /// The shortest timeout that may be configured: 1 ms. Zero would end a session with its packet.
    pub const LEAST: Duration = Duration::from_millis(1);
    /// The longest timeout that may be configured: 7 days. No session lives for ever.
    pub const GREATEST: Duration = Duration::from_secs(7 * 86_400);

    /// The timeout of a class.
    #[inline]
    pub fn get(&self, class: TimeoutClass) -> Duration {
        self.0[class.index()]
    }

    /// Sets the timeout of a class.
    pub fn set(&mut self, class: TimeoutClass, timeout: Duration) {
        self.0[class.index()] = timeout;
    }
}
