//! The arrows between the crates, held to the table of the design.
//!
//! A crate may use what its row names and what those may use in turn. Tests may also use
//! `testkit`. A crate that is in no row is a fault: write its row first.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::step::checkout;

/// Crate, and the crates it may use directly.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("wire", &[]),
    ("session", &["wire"]),
    ("policy", &["wire"]),
    ("alg", &["session"]),
    ("engine", &["session", "policy", "alg"]),
    ("config", &["policy", "session", "alg"]),
    ("dpdk-sys", &[]),
    ("dpdk", &["dpdk-sys"]),
    ("dataplane", &["dpdk", "engine"]),
    ("control", &["dataplane", "engine", "config", "api"]),
    ("api", &[]),
    ("sallyportd", &["control"]),
    ("sallyctl", &["api", "config", "engine"]),
    ("testkit", &[]),
    ("xtask", &[]),
];

/// Packages beside `crates` that use whatever they measure, and that nothing uses.
const ONLOOKERS: [&str; 1] = ["perf"];

/// The crate that tests of any crate may use.
const FOR_TESTS: &str = "testkit";

/// An arrow between two crates of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    for_tests: bool,
}

/// Everything that breaks the table, one sentence each.
pub(crate) fn faults() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .current_dir(checkout())
        .no_deps()
        .exec()
        .context("read cargo metadata")?;
    let names: BTreeSet<String> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let arrows = metadata.packages.iter().flat_map(|package| {
        package.dependencies.iter().filter(|dependency| names.contains(&dependency.name)).map(
            |dependency| Arrow {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                for_tests: dependency.kind == DependencyKind::Development,
            },
        )
    });
    let arrows: Vec<Arrow> = arrows.collect();
    Ok(judge(&names, &arrows))
}

fn judge(names: &BTreeSet<String>, arrows: &[Arrow]) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut faults: Vec<String> = names
        .iter()
        .filter(|name| !table.contains_key(name.as_str()) && !ONLOOKERS.contains(&name.as_str()))
        .map(|name| format!("crate {name} has no row in the table of crates"))
        .collect();
    for Arrow { from, to, for_tests } in arrows {
        if ONLOOKERS.contains(&from.as_str()) {
            continue;
        }
        let allowed = reachable(&table, from);
        let excused = *for_tests && to == FOR_TESTS;
        if !allowed.contains(to.as_str()) && !excused {
            let of = if *for_tests { "tests of " } else { "" };
            faults.push(format!("{of}{from} may not use {to}; it may use {allowed:?}"));
        }
    }
    faults
}

fn reachable<'a>(table: &BTreeMap<&'a str, &'a [&'a str]>, from: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = table.get(from).map(|direct| direct.to_vec()).unwrap_or_default();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(table.get(name).copied().unwrap_or_default());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(from: &str, to: &str, for_tests: bool) -> Vec<String> {
        let names = [from, to].into_iter().map(String::from).collect();
        judge(&names, &[Arrow { from: from.to_owned(), to: to.to_owned(), for_tests }])
    }

    #[test]
    fn this_workspace_holds_the_table() {
        assert_eq!(faults().expect("cargo metadata"), Vec::<String>::new());
    }

    #[test]
    fn arrows_of_the_table_hold_transitively() {
        assert_eq!(judged("session", "wire", false), Vec::<String>::new());
        assert_eq!(judged("sallyportd", "wire", false), Vec::<String>::new());
        assert_eq!(judged("wire", "testkit", true), Vec::<String>::new());
        assert_eq!(judged("perf", "engine", false), Vec::<String>::new());
    }

    #[test]
    fn arrows_elsewhere_are_faults() {
        assert_eq!(judged("wire", "session", false).len(), 1, "upwards");
        assert_eq!(judged("sallyctl", "dpdk", false).len(), 1, "the command line links no DPDK");
        assert_eq!(judged("engine", "dataplane", true).len(), 1, "not in tests either");
        assert_eq!(judged("engine", "testkit", false).len(), 1, "only in tests");
        assert_eq!(judged("sallyctl", "perf", false).len(), 1, "nothing uses the benchmarks");
        assert_eq!(judged("dust", "wire", false).len(), 2, "no row, so no arrow");
    }

    #[test]
    fn every_name_in_the_table_has_a_row() {
        let rows: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
        for (name, uses) in MAY_USE {
            for used in uses {
                assert!(rows.contains(used), "{name} uses {used}");
            }
            assert!(
                !reachable(&MAY_USE.into_iter().collect(), name).contains(name),
                "{name} cycles"
            );
        }
    }
}
