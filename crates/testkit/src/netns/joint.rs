//! How the two hosts are joined to the daemon: by which devices, and what stands at their other ends.

use std::path::Path;
use std::time::Duration;

use super::host::{Host, Process, veth_with_queues};
use super::wait::until;

/// How long it may take until the other ends are there.
const START: Duration = Duration::from_secs(20);

/// How hosts are joined to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// By tap devices that are moved into the hosts, with a queue for each worker.
    Taps,
    /// By veth pairs under net_af_packet, whose frames the kernel's fanout deals out by its own hash.
    AfPacket {
        /// Queues of each port.
        queues: u16,
    },
    /// By veth pairs under net_af_xdp, which has a device for each of their two queues: so many ports a side, and the
    /// sender's kernel chooses between them.
    AfXdp,
    /// By memif devices. Their other ends are a testpmd's, which passes everything on to tap devices of the hosts'.
    Memif {
        /// Queues of each port.
        queues: u16,
    },
}

impl Joint {
    /// The devices of one side, a port each, whose kernel interface has this name.
    pub(crate) fn devices(self, interface: &str, folder: &Path) -> Vec<String> {
        match self {
            Self::Taps => vec![format!("net_tap,iface={interface}")],
            Self::AfPacket { queues } => {
                vec![format!("net_af_packet,iface={interface},qpairs={queues}")]
            }
            Self::AfXdp => [0, 1]
                .map(|queue| format!("net_af_xdp,iface={interface},start_queue={queue}"))
                .into(),
            Self::Memif { queues: _ } => {
                vec![format!("net_memif,role=server,{}", memif_at(interface, folder))]
            }
        }
    }

    /// Whether the kernel's interface is the host's own network card, and so no way around the daemon.
    pub(crate) const fn is_hosts_card(self) -> bool {
        match self {
            Self::Taps => true,
            Self::AfPacket { .. } | Self::AfXdp | Self::Memif { .. } => false,
        }
    }

    /// What has to be there before the daemon starts.
    pub(crate) fn prepare(self, hosts: [&Host; 2], apart: &Host, interfaces: &[String; 2]) {
        match self {
            Self::Taps | Self::Memif { .. } => {}
            Self::AfPacket { .. } | Self::AfXdp => {
                for (host, interface) in hosts.into_iter().zip(interfaces) {
                    veth_with_queues((host, "eth0"), (apart, interface), 2);
                }
            }
        }
    }

    /// Joins the hosts to a daemon that has just started, by the program that this takes, if any.
    pub(crate) fn complete(
        self,
        hosts: [&Host; 2],
        apart: Option<&Host>,
        interfaces: &[String; 2],
        folder: &Path,
    ) -> Option<Process> {
        let patch = match (self, apart) {
            (Self::AfPacket { .. } | Self::AfXdp, _) => return None,
            (Self::Taps, _) | (Self::Memif { .. }, None) => None,
            (Self::Memif { queues }, Some(apart)) => {
                Some(testpmd(apart, interfaces, queues, folder))
            }
        };
        for (host, interface) in hosts.into_iter().zip(interfaces) {
            host.take_interface(apart, interface, "eth0");
        }
        patch
    }
}

/// Where the two ends of a memif meet.
fn memif_at(interface: &str, folder: &Path) -> String {
    let socket = folder.join(format!("{interface}.sock"));
    format!("id=0,socket={},socket-abstract=no", socket.display())
}

/// A testpmd between memif and tap devices, queue for queue.
fn testpmd(apart: &Host, interfaces: &[String; 2], queues: u16, folder: &Path) -> Process {
    let mut words: Vec<String> =
        "dpdk-testpmd --no-huge --no-shconf --no-pci --no-telemetry -m 256 \
                                  --lcores 0@(0-1),1@(0-1)"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
    for (number, interface) in interfaces.iter().enumerate() {
        let memif = memif_at(interface, folder);
        words.push(format!("--vdev=net_memif{number},role=client,{memif}"));
        words.push(format!("--vdev=net_tap{number},iface={interface}"));
    }
    words.push("--".to_owned());
    // It forwards for as long as it reports.
    let forwarding = "--forward-mode=io --port-topology=paired --nb-cores=1 --total-num-mbufs=16384 --stats-period=3600";
    words.extend(forwarding.split_whitespace().map(str::to_owned));
    words.extend([format!("--rxq={queues}"), format!("--txq={queues}")]);
    let patch = apart.spawn(&words, &folder.join("testpmd.log"));
    // It sets them up when it has opened their queues, which it finds by the names that they are about to lose.
    let is_up = |name: &str| {
        let shown = apart.run(&["ip", "link", "show", "up", "dev", name]);
        shown.ok() && !shown.stdout.is_empty()
    };
    until("testpmd has its tap devices", START, || interfaces.iter().all(|name| is_up(name)));
    patch
}
