//! The fuzzers' corpora, and what they once found, replayed.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use test_case::test_case;

use crate::deeds::deeds;
use crate::harness::{read_arrivals, run, write_arrivals};
use crate::traffic::{arrivals, read_deeds};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && path.file_name().is_some_and(|name| name != "README.md"));
    files.sort();
    files
}

/// Does what the fuzz target of this name does.
fn replay(target: &str, file: &Path) {
    println!("{}", file.display());
    let input = fs::read(file).unwrap();
    match target {
        "conversation" => run(&arrivals(&read_deeds(&input))),
        _ => run(&read_arrivals(&input)),
    }
}

#[test_case("shard", 40)]
#[test_case("conversation", 40)]
fn the_corpus_runs_clean(target: &str, least: usize) {
    let files = files(&format!("corpus/{target}"));
    assert!(files.len() >= least, "{} files", files.len());
    files.iter().for_each(|file| replay(target, file));
}

#[test]
fn what_was_found_stays_mended() {
    for file in files("artifacts-frozen") {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let target = if name.starts_with("conversation-") { "conversation" } else { "shard" };
        replay(target, &file);
    }
}

#[test]
fn fuzz_input_is_read_as_it_is_written() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..20 {
        let deeds = deeds(20).new_tree(&mut runner).unwrap().current();
        let mut expected = arrivals(&deeds);
        for arrival in &mut expected {
            // Waits are coarse: milliseconds up to 127, above that powers of two of seconds.
            if arrival.wait.as_millis() >= 128 {
                let seconds = 1 << arrival.wait.as_secs().max(1).ilog2();
                arrival.wait = std::time::Duration::from_secs(seconds);
            }
        }
        assert_eq!(read_arrivals(&write_arrivals(&expected)), expected);
    }
}

/// Writes a first corpus: `SEEDS=folder cargo test -p engine seeds -- --ignored`.
#[test]
#[ignore = "a tool for whoever starts a corpus anew"]
fn write_seeds() {
    let folder = PathBuf::from(std::env::var_os("SEEDS").expect("SEEDS names a folder"));
    let mut runner = TestRunner::deterministic();
    for number in 0..60 {
        let deeds = deeds(24).new_tree(&mut runner).unwrap().current();
        fs::write(folder.join(format!("seed-{number:02}")), write_arrivals(&arrivals(&deeds)))
            .unwrap();
    }
}
