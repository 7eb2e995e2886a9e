//! A box of two ports over capture files, and what tests of it share.
#![allow(dead_code, reason = "no test binary uses all of it")]
#![expect(clippy::unwrap_used, reason = "what is unwrapped here are the means of a test")]

pub(crate) mod between;

use std::fs::File;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dataplane::{Dataplane, Device, PlaneConfig, Polling, PortConfig, WorkerStatus};
use engine::{Counter, Limits, Settings, Snapshot};
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use policy::{
    Action, EthPort, LinkMode, LogWhen, Policy, PortIndex, Rule, RuleNames, Screens, Topology,
    Wire, ZoneId, ZoneSet,
};
use session::Timeouts;

const ALONE: &str = "DATAPLANE_TEST_ALONE";

/// Runs the test here if nextest gave it a process of its own, and in a child otherwise: DPDK starts once in a
/// process's life.
pub(crate) fn alone(test: impl FnOnce()) {
    if std::env::var_os("NEXTEST").is_some() || std::env::var_os(ALONE).is_some() {
        return test();
    }
    let name = thread::current().name().expect("the test harness names its threads").to_owned();
    let output = Process::new(std::env::current_exe().expect("a test is a file"))
        .args([&name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("a test can be run");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{text}", String::from_utf8_lossy(&output.stdout));
}

pub(crate) const INSIDE: ZoneId = ZoneId(0);
pub(crate) const OUTSIDE: ZoneId = ZoneId(1);
pub(crate) const LAN: PortIndex = PortIndex(0);
pub(crate) const WAN: PortIndex = PortIndex(1);

/// What is inside may go outside, by a rule with this action.
pub(crate) fn snapshot(generation: u32, action: Action, names: &mut RuleNames) -> Arc<Snapshot> {
    snapshot_of(generation, names, |rule| rule.action = action)
}

pub(crate) fn snapshot_of(
    generation: u32,
    names: &mut RuleNames,
    change: impl FnOnce(&mut Rule),
) -> Arc<Snapshot> {
    snapshot_linked(LinkMode::Independent, generation, names, change)
}

/// The same over a wire with this `link`.
pub(crate) fn snapshot_linked(
    link: LinkMode,
    generation: u32,
    names: &mut RuleNames,
    change: impl FnOnce(&mut Rule),
) -> Arc<Snapshot> {
    let zones: Vec<String> = vec!["inside".into(), "outside".into()];
    let eth_port = |name: &str, zone| EthPort {
        name: name.into(),
        zone,
        vlans: Vec::new(),
        networks: None,
        mtu: 1500,
    };
    let wire = Wire {
        ports: [LAN, WAN],
        domain: 0,
        link,
        ethertypes: policy::DEFAULT_ETHERTYPES.to_vec(),
    };
    let ports = vec![eth_port("lan0", INSIDE), eth_port("wan0", OUTSIDE)];
    let topology = Topology::new(zones.clone(), ports, vec![wire]).unwrap();
    let mut rule = Rule {
        from: ZoneSet::only([INSIDE]),
        to: ZoneSet::only([OUTSIDE]),
        log: LogWhen::Both,
        ..Rule::any("inside-out", Action::Allow)
    };
    change(&mut rule);
    let policy = Policy { zones, zone_pairs: Vec::new(), rules: vec![rule] };
    let settings = Settings {
        timeouts: Timeouts::default(),
        limits: Limits::new(10_000, 10_000),
        screens: Screens::default(),
    };
    Snapshot::compile(generation, &policy, &topology, &settings, names)
}

/// A plane over these devices, on ordinary memory.
pub(crate) fn plane_of(workers: &[u32], lan: &str, wan: &str) -> PlaneConfig {
    let port = |name: &str, device: &str| PortConfig {
        name: name.into(),
        device: Device::parse(device),
        mtu: 1500,
        queues: 0,
        allow_kernel_path: false,
    };
    PlaneConfig {
        control_core: 0,
        worker_cores: workers.to_vec(),
        hugepages: false,
        memory: 192 << 20,
        polling: Polling::Adaptive,
        pickup_after_start: Duration::ZERO,
        events: 65_536,
        eal_args: Vec::new(),
        ports: vec![port("lan0", lan), port("wan0", wan)],
    }
}

/// A device that plays one file and writes another.
pub(crate) fn player(folder: &Path, name: &str, frames: &[Vec<u8>]) -> String {
    let (input, output) = (folder.join(format!("{name}.in")), folder.join(format!("{name}.out")));
    let header = PcapHeader { datalink: DataLink::ETHERNET, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(File::create(&input).unwrap(), header).unwrap();
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap();
        writer.write_packet(&PcapPacket::new(Duration::ZERO, length, frame)).unwrap();
    }
    format!("net_pcap,rx_pcap={},tx_pcap={}", input.display(), output.display())
}

/// The frames that left by the player of that name, in order. The plane must have been stopped.
pub(crate) fn written(folder: &Path, name: &str) -> Vec<Vec<u8>> {
    let file = File::open(folder.join(format!("{name}.out"))).unwrap();
    let mut reader = PcapReader::new(file).unwrap();
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_packet() {
        frames.push(packet.unwrap().data.into_owned());
    }
    frames
}

/// Waits until it is so, and says what was waited for if it never is.
#[expect(clippy::disallowed_methods, reason = "a test waits for threads")]
pub(crate) fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn sum(workers: &[WorkerStatus], counter: Counter) -> u64 {
    workers.iter().map(|worker| worker.counters.get(counter)).sum()
}

/// Received, and where these frames are.
pub(crate) fn balance(workers: &[WorkerStatus]) -> (u64, u64) {
    let received = sum(workers, Counter::Received);
    let found = workers.iter().map(|worker| {
        worker.forwarded
            + worker.counters.dropped()
            + worker.tx_full
            + worker.handover_full
            + worker.counters.rejected()
            + worker.counters.get(Counter::Consumed)
            + worker.counters.get(Counter::Held)
            + worker.in_rings
    });
    (received, found.sum())
}

/// Waits until that many frames were received and every one of them is found.
pub(crate) fn wait_until_settled(plane: &Dataplane, frames: usize) -> Vec<WorkerStatus> {
    let frames = u64::try_from(frames).unwrap();
    wait_for("every frame to be judged", || {
        let workers = plane.workers();
        let on_their_way: u64 = workers.iter().map(|worker| worker.in_rings).sum();
        on_their_way == 0 && balance(&workers) == (frames, frames)
    });
    plane.workers()
}
