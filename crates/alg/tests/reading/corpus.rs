//! The fuzzer's corpora, and what it once found, replayed for each gateway.

use std::fs;
use std::path::{Path, PathBuf};

use alg::Protocol;
use session::Direction;

use crate::dialogues::DIALOGUES;
use crate::harness::{Manner, Order, Turn, parse, run};
use crate::messages;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The files of a protocol in a folder of the fuzzer's; none if it has none there yet.
fn files(kind: &str, protocol: Protocol) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder(kind).join(protocol.name())) else { return Vec::new() };
    let mut files: Vec<_> =
        entries.map(|entry| entry.expect("a folder that can be read").path()).collect();
    files.sort();
    files
}

/// The dialogues of one protocol that were written for this, each as several networks show it.
fn seeds(protocol: Protocol) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let by_hand = DIALOGUES.iter().filter(|(of, ..)| *of == protocol).map(|(_, how, turns)| {
        (*how, turns.iter().map(|(from, octets)| (*from, octets.to_vec())).collect())
    });
    for (how, turns) in by_hand.chain(messages::dialogues(protocol)) {
        for network in 0..if how.datagrams { 1 } else { 8_u8 } {
            let orders = [Order::Forward, Order::Backward, Order::Swapped, Order::Twice];
            let turns: Vec<_> = turns
                .iter()
                .map(|(from, octets)| Turn {
                    size: network,
                    order: orders[usize::from(network % 4)],
                    unacknowledged: network == 6,
                    lie: network == 7,
                    ..whole(*from, octets)
                })
                .collect();
            seeds.push(write(how, &turns));
        }
    }
    seeds
}

/// A turn of which all comes in one segment, or in one datagram.
fn whole(from: Direction, octets: &[u8]) -> Turn {
    Turn {
        from,
        size: 0,
        order: Order::Forward,
        unacknowledged: false,
        lie: false,
        octets: octets.to_vec(),
    }
}

/// The inverse of [`parse`].
fn write(manner: Manner, turns: &[Turn]) -> Vec<u8> {
    let Manner { options, datagrams, picked_up, ipv6 } = manner;
    let bits = [options.strict, options.third_party, datagrams, picked_up, ipv6];
    let mut out = vec![bits.iter().rev().fold(0, |how, bit| how << 1 | u8::from(*bit))];
    for Turn { from, size, order, unacknowledged, lie, octets } in turns {
        let side = u8::from(*from == Direction::Reply);
        let network = side | size << 1 | (*order as u8) << 4;
        out.push(network | u8::from(*unacknowledged) << 6 | u8::from(*lie) << 7);
        let length = u16::try_from(octets.len()).expect("a turn is short");
        out.extend(length.to_le_bytes());
        out.extend(octets);
    }
    out
}

#[test]
fn every_corpus_runs_clean() {
    for protocol in Protocol::ALL {
        for file in files("corpus", *protocol) {
            println!("{}", file.display());
            run(*protocol, &fs::read(file).unwrap());
        }
    }
}

#[test]
fn what_was_found_stays_mended() {
    for protocol in Protocol::ALL {
        for file in files("artifacts-frozen", *protocol) {
            println!("{}", file.display());
            run(*protocol, &fs::read(file).unwrap());
        }
    }
}

#[test]
fn the_dialogues_written_for_this_run_clean() {
    for protocol in Protocol::ALL {
        for seed in seeds(*protocol) {
            run(*protocol, &seed);
        }
    }
}

#[test]
fn every_gateway_is_fuzzed() {
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for protocol in Protocol::ALL {
        assert!(manifest.contains(&format!("name = \"{protocol}\"")), "{protocol} has no target");
    }
}

#[test]
fn input_is_read_as_it_is_written() {
    let manner = Manner { picked_up: true, ipv6: true, ..Manner::default() };
    let turns = [
        whole(Direction::Original, b"PASV\r\n"),
        Turn { size: 5, order: Order::Swapped, lie: true, ..whole(Direction::Reply, b"") },
        Turn { order: Order::Twice, unacknowledged: true, ..whole(Direction::Reply, &[0; 300]) },
    ];
    assert_eq!(parse(&write(manner, &turns)), (manner, turns.to_vec()));
}

/// Writes the dialogues as a first corpus: `SEEDS=ftp cargo test -p alg write_seeds -- --ignored`.
#[test]
#[ignore = "a tool for whoever adds a gateway or a dialogue"]
fn write_seeds() {
    let name = std::env::var("SEEDS").expect("SEEDS names a protocol");
    let protocol =
        Protocol::ALL.iter().find(|protocol| protocol.name() == name).expect("a protocol");
    let folder = folder("corpus").join(&name);
    fs::create_dir_all(&folder).unwrap();
    for (number, seed) in seeds(*protocol).iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:02}")), seed).unwrap();
    }
}
