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
        let seconds = match self {
            // A SYN is sent again after 1, 3 and 7 s (RFC 6298 §2): three attempts within one session. PAN-OS has 5,
            // FortiGate 10; Linux's 120 is what SYN floods feed on.
            Self::TcpSynSent => 10,
            // The third segment of the handshake is a round trip away, or lost and brought by the next. PAN-OS and
            // FortiGate: 10.
            Self::TcpSynReceived => 10,
            // ASA, PAN-OS and FortiGate alike. Linux's five days only keep the dead; RFC 5382's two hours of NATs are
            // for keepalives, which policy can allow for by rule.
            Self::TcpEstablished => 3600,
            // One side may still send what it has. PAN-OS, FortiGate and VPP: 120.
            Self::TcpHalfClosed => 120,
            // Only acknowledgements are missing. Linux's LAST_ACK: 30.
            Self::TcpClosing => 30,
            // A newer SYN opens anew at once, so it need not be twice the segment lifetime. PAN-OS: 15.
            Self::TcpTimeWait => 15,
            // For a challenge ACK and its RST (RFC 5961). Linux's CLOSE: 10.
            Self::TcpClosed => 10,
            // PAN-OS's idea and number: an inexact RST may be the truth.
            Self::TcpRstUnverified => 30,
            // Linux, OVS's half; an answer takes no longer.
            Self::UdpFirst => 30,
            // Who is not answered is not waited for longer.
            Self::UdpOneWay => 30,
            // RFC 4787 REQ-5 asks for two minutes at least. QUIC sends keepalives before 30 s.
            Self::UdpStream => 120,
            // ScreenOS ends with the answer, grout 2 s later: 5 s let an answer that is sent twice pass.
            Self::UdpAnswered => 5,
            // Never shorter than any other, unless the file says so: errors can be forged by whoever sees a packet.
            Self::UdpUnreachable => 7 * 86_400,
            // A ping a second keeps it; PAN-OS: 6, ASA: 2.
            Self::Icmp => 10,
            // INIT is sent again after 3 s (RFC 9260 §16). PAN-OS: 5.
            Self::SctpInit => 10,
            // As TCP; heartbeats come every 30 s (RFC 9260 §16).
            Self::SctpEstablished => 3600,
            // PAN-OS: 30; a SHUTDOWN is sent again after seconds.
            Self::SctpShutdown => 30,
            // Tunnels are silent for long, and their keepalives come within minutes.
            Self::Gre | Self::Esp => 600,
            // PAN-OS: 30. Nothing is known of the protocol.
            Self::Other => 30,
            // Fragments of one datagram follow each other. RFC 8200 §4.5 lets a host wait 60 s; who only passes on need
            // not hold as long.
            Self::Fragment => 10,
            // The peer that was told connects at once; PAN-OS and Linux's helpers wait minutes.
            Self::Expectation => 30,
        };
        Duration::from_secs(seconds)
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
