//! The kernel's firewall: two interfaces bridged in a namespace, every frame through netfilter.
//!
//! The bridge hands IP packets to the hooks of the network layer (br_netfilter), so connection tracking sees them
//! and MAC addresses, TTL and hop limit stay. What comes out at the other end has passed.

use std::collections::HashSet;
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use testkit::conversation::Side;
use testkit::netns::{Host, RawSocket, run, veth};
use testkit::packet::Frame;

use crate::conversation::Key;

/// New sessions only from inside, TCP by nothing but a SYN: the policy of the other firewall.
const RULES: &str = r#"
table bridge sides {
    chain prerouting {
        type filter hook prerouting priority -300;
        iifname "d0" meta mark set 1
    }
}
table inet firewall {
    chain zone {
        type filter hook prerouting priority -300;
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state invalid drop
        ct state established,related accept
        meta mark 1 tcp flags & (fin|syn|rst|ack) == syn accept
        meta mark 1 meta l4proto != tcp accept
    }
}
"#;

/// Strict tracking. Checksums are no part of the comparison. All sessions outlive their batch.
/// Incomplete datagrams of a whole run find room.
const SETTINGS: [&str; 11] = [
    "net.ipv4.ipfrag_high_thresh=200000000",
    "net.netfilter.nf_conntrack_frag6_high_thresh=200000000",
    "net.bridge.bridge-nf-call-iptables=1",
    "net.bridge.bridge-nf-call-ip6tables=1",
    "net.netfilter.nf_conntrack_tcp_loose=0",
    "net.netfilter.nf_conntrack_tcp_be_liberal=0",
    "net.netfilter.nf_conntrack_checksum=0",
    "net.netfilter.nf_conntrack_tcp_timeout_close=120",
    "net.netfilter.nf_conntrack_tcp_timeout_established=120",
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
];

/// Longer than any packet that is sent.
const MTU: &str = "65000";
/// The longest frame that is sent.
pub(crate) const LONGEST: usize = 65_000;

/// What fits into a socket's buffer, in octets as the kernel charges for them, with plenty to spare.
const ROOM: usize = 100_000;
/// What the kernel charges for a frame beside its octets.
const CHARGE: usize = 1_000;

/// An ethertype for experiments (IEEE 802): such frames pass the bridge past all rules.
const SENTINEL: u16 = 0x88b5;

/// The kernel, ready to judge.
#[derive(Debug)]
pub(crate) struct Kernel {
    firewall: Host,
    /// Holds the outer ends of both links.
    _ends: Host,
    sockets: [RawSocket; 2],
    zone: u16,
    sentinels: u64,
}

/// Why there is no kernel to compare with; none if there is one.
pub(crate) fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("network namespaces need root".to_owned());
    }
    if !["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"]
        .iter()
        .any(|path| std::path::Path::new(path).exists())
    {
        return Some("there is no nft".to_owned());
    }
    None
}

impl Kernel {
    /// Builds the bridge. The calling thread stays on one core from here on: a core's queue of received frames is
    /// first in, first out, over both links.
    pub(crate) fn new() -> Self {
        stay_on_one_core();
        let (firewall, ends) = (Host::new("kernel"), Host::new("ends"));
        for setting in SETTINGS {
            // A key that is missing means that the kernel lacks what it sets, and nothing could be compared.
            drop(firewall.run(&["sysctl", "-qw", setting]).expect_ok());
        }
        for setting in &SETTINGS[9..] {
            drop(ends.run(&["sysctl", "-qw", setting]).expect_ok());
        }
        let ip = |words: &str| {
            let words: Vec<_> = words.split(' ').collect();
            drop(firewall.run(&words).expect_ok());
        };
        ip("ip link add bridge type bridge mcast_snooping 0 forward_delay 0");
        for (inner, outer) in [("d0", "a0"), ("d1", "b0")] {
            veth((&firewall, inner), (&ends, outer));
            ip(&format!("ip link set {inner} mtu {MTU} master bridge"));
            // Recorded MAC addresses may be on either side: every frame is flooded.
            ip(&format!("ip link set {inner} type bridge_slave learning off"));
            drop(ends.run(&["ip", "link", "set", outer, "mtu", MTU]).expect_ok());
        }
        ip("ip link set bridge mtu 65000 up");
        let kernel = Self {
            sockets: ["a0", "b0"].map(|outer| RawSocket::open(&ends, outer)),
            firewall,
            _ends: ends,
            zone: 0,
            sentinels: 0,
        };
        kernel.nft(RULES);
        // A bridge's port that comes up may take a moment to forward.
        testkit::netns::until("the bridge forwards", Duration::from_secs(5), || {
            let probe = Frame::raw(SENTINEL, *b"probe").bytes();
            kernel.sockets[0].send(&probe);
            let heard = kernel.sockets[1].receive(Duration::from_millis(50));
            heard.is_some_and(|frame| frame.ends_with(b"probe"))
        });
        kernel
    }

    /// Forgets all sessions: the next frames are tracked in a zone of their own.
    pub(crate) fn forget(&mut self) {
        self.zone += 1;
        let zone = self.zone;
        self.nft(&format!(
            "flush chain inet firewall zone\nadd rule inet firewall zone ct zone set {zone}"
        ));
    }

    /// Sends frames in order, and says which datagrams came out.
    pub(crate) fn judge<'a>(
        &mut self,
        frames: impl Iterator<Item = (Side, &'a [u8])>,
    ) -> HashSet<Key> {
        let mut passed = HashSet::new();
        let mut room = ROOM;
        for (side, frame) in frames {
            let need = CHARGE + 2 * frame.len();
            if need > room {
                self.settle(&mut passed);
                room = ROOM;
            }
            room = room.saturating_sub(need);
            self.socket(side).send(frame);
        }
        self.settle(&mut passed);
        passed
    }

    /// Waits until all that was sent is through or gone, and notes what came out.
    fn settle(&mut self, passed: &mut HashSet<Key>) {
        self.sentinels += 1;
        let mark = self.sentinels.to_be_bytes();
        let sentinel = Frame::raw(SENTINEL, mark).bytes();
        for side in Side::BOTH {
            self.socket(side).send(&sentinel);
        }
        for side in Side::BOTH {
            loop {
                let frame = self.socket(side.other()).receive(Duration::from_secs(10));
                let frame = frame.expect("the sentinel comes out: nothing else may be lost either");
                if frame.get(12..14) == Some(&SENTINEL.to_be_bytes()) {
                    if frame.get(14..22) == Some(&mark) {
                        break;
                    }
                } else {
                    passed.extend(Key::of(side, &frame));
                }
            }
        }
    }

    fn socket(&self, side: Side) -> &RawSocket {
        match side {
            Side::Initiator => &self.sockets[0],
            Side::Responder => &self.sockets[1],
        }
    }

    fn nft(&self, rules: &str) {
        let folder = testkit::netns::scratch();
        let file = folder.path().join("rules.nft");
        std::fs::write(&file, rules).expect("a writable folder for temporary files");
        let file = file.display().to_string();
        drop(self.firewall.run(&["nft", "-f", &file]).expect_ok());
    }
}

fn stay_on_one_core() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).expect("a set of cores");
    let core = (0..CpuSet::count()).rfind(|core| allowed.is_set(*core).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(core.expect("a core that we run on")).expect("a core that we run on");
    sched_setaffinity(Pid::from_raw(0), &one).expect("a core that we run on");
}

/// The version, for the report.
pub(crate) fn version() -> String {
    run(&["uname", "-r"]).stdout.trim().to_owned()
}
