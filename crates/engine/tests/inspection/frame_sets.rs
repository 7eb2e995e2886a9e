//! The frame sets of OVS's connection tracking tests, as frames through the box.
//!
//! The folder that `SALLYPORT_CASES` names has them in `peer/ovs`; `manifest.tsv` beside it says by which port each
//! frame comes in. Port 2 is outside, every other one inside; the policy lets inside open anything. Without the
//! variable the test says so and passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::PortIndex;

use crate::harness::{INSIDE, OUTSIDE, Plan, Rig};
use crate::recorded;
use crate::transcript::outcome;

/// A set: the name of its file, and what is to become of each frame.
///
/// What might surprise:
///
/// - `ct-flush`: OVS flushes between the packets, which is a command of its own here; without it all are one session
///   of UDP, and one of SCTP, in which both sides begin at the same time (RFC 9260 §5.2.1).
/// - `fragment-reassembly-…`: the frames are shorter than their IP headers say, and a box on the wire adds nothing.
/// - `ipv4-fragmentation-incomplete-…` is octet by octet the legal pair of `…-with-fragments-specified`; a UDP length
///   below that of the IP datagram is allowed, and what lies behind belongs to nobody (RFC 768).
/// - `new-connections`: its three packets have one tuple, so they are one session; OVS counts packets that it was not
///   told to track.
const SETS: &[(&str, &[&str])] = &[
    (
        "ct-flush.pcap",
        &[
            "forward original first s0 new",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original init s1 new",
            "forward reply init s1",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward original stream s0",
            "forward reply stream s0",
            "forward reply stream s0",
        ],
    ),
    (
        "fragment-reassembly-with-l3-l4-protocol-information.pcap",
        &["drop truncated", "drop truncated", "drop truncated"],
    ),
    (
        "icmp-related-2.pcap",
        &["drop icmp_error_unrelated", "forward original first s0 new", "forward reply first s0"],
    ),
    ("ipv4-fragmentation-incomplete-reassembled-packet.pcap", PAIR),
    (
        "ipv4-fragmentation-overlapping-fragments-by-1-octet.pcap",
        &["drop fragment_overlap", "drop fragment_overlap"],
    ),
    ("ipv4-fragmentation-with-fragments-specified.pcap", PAIR),
    ("ipv6-fragmentation-multiple-extension-headers-2-out-of-order.pcap", PAIR),
    ("ipv6-fragmentation-multiple-extension-headers.pcap", PAIR),
    ("ipv6-fragmentation-out-of-order.pcap", PAIR),
    (
        "new-connections.pcap",
        &[
            "forward original first s0 new",
            "forward original one_way s0",
            "forward original one_way s0",
        ],
    ),
];

/// Two fragments of one datagram that opens a session.
const PAIR: &[&str] = &["forward original first s0 new", "forward original first s0"];

fn entrances() -> BTreeMap<String, Vec<PortIndex>> {
    let cases = std::env::var_os("SALLYPORT_CASES").expect("set, as the caller has seen");
    let manifest = fs::read_to_string(Path::new(&cases).join("manifest.tsv")).expect("a manifest");
    let rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row.get(1) == Some(&"peer-ovs"))
        .map(|row| {
            let ports = row[9].split(',').map(|port| if port == "2" { OUTSIDE } else { INSIDE });
            let name = row[0].strip_prefix("peer/ovs/").expect("where they lie").to_owned();
            (name, ports.collect())
        })
        .collect()
}

fn play(workers: u16, path: &Path, entrances: &[PortIndex]) -> Vec<String> {
    let mut rig = Rig::new(workers, &Plan::new().snapshot());
    // Checksums were left out where OVS does not look at them.
    rig.cluster.on_the_wire(false);
    let frames = recorded::read(path);
    let mut outcomes = vec!["held".to_owned(); frames.len()];
    let begin = frames.first().map(|(time, _)| *time).unwrap_or_default();
    for (number, (time, octets)) in frames.into_iter().enumerate() {
        let entrance = *entrances.get(number).unwrap_or(&INSIDE);
        let now = engine::Time::ZERO + time.saturating_sub(begin);
        for fate in rig.receive(now, entrance, octets) {
            let number = fate.number.expect("nothing is made under this policy");
            outcomes[usize::try_from(number).expect("small")] = outcome(&fate);
        }
    }
    rig.check();
    rig.check_all_ends();
    outcomes
}

#[test]
fn every_frame_set_has_its_outcome() {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("skipped: SALLYPORT_CASES is not set");
        return;
    };
    let entrances = entrances();
    let expected: BTreeMap<_, _> = SETS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut files: Vec<_> = fs::read_dir(Path::new(&cases).join("peer/ovs"))
        .expect("a folder of frame sets")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let ports = entrances.get(&name).unwrap_or_else(|| panic!("{name} is in the manifest"));
        let found = play(1, &file, ports);
        for workers in [2, 3, 8] {
            assert_eq!(found, play(workers, &file, ports), "{name} with {workers} workers");
        }
        if expected.get(name.as_str()).is_none_or(|outcomes| **outcomes != found[..]) {
            wrong.push(format!("(\"{name}\", &{found:#?}),"));
        }
    }
    assert!(wrong.is_empty(), "{} sets come out otherwise:\n{}", wrong.len(), wrong.join("\n"));
}
