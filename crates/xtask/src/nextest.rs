//! cargo-nextest: installed if absent, run, its closing line read.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{Finished, cargo, step};

/// How many tests ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// Makes sure that `cargo nextest` exists.
pub(crate) fn ensure() -> Result<()> {
    let known = cargo().args(["nextest", "--version"]).output().context("run cargo")?;
    if known.status.success() {
        return Ok(());
    }
    // The unoptimised build serves as well and takes a third of the time.
    let install = step(
        "install cargo-nextest (once, some minutes)",
        cargo().args(["install", "cargo-nextest", "--locked", "--debug"]),
    )?;
    if !install.ok {
        bail!("cargo-nextest cannot be installed: cargo install cargo-nextest --locked");
    }
    Ok(())
}

/// `cargo nextest run` over the workspace with these further words.
pub(crate) fn run(title: &str, words: &[&str]) -> Result<(bool, Tally)> {
    let Finished { ok, output } = step(title, &mut command("run", words))?;
    let tally = output.lines().rev().find_map(tally).unwrap_or_default();
    Ok((ok, tally))
}

/// How many tests the workspace has, whether they are run or not.
pub(crate) fn count() -> Result<u64> {
    let words = ["--message-format", "json", "--run-ignored", "all"];
    let listed = command("list", &words).output().context("run cargo nextest list")?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let key = "\"test-count\":";
    text.split_once(key)
        .and_then(|(_, rest)| rest.split([',', '}']).next()?.trim().parse().ok())
        .context("read the number of tests from cargo nextest list")
}

fn command(verb: &str, words: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["nextest", verb, "--workspace", "--color", "never"]).args(words);
    if verb == "run" {
        command.args(["--no-fail-fast", "--status-level", "fail", "--final-status-level", "slow"]);
        command.args(["--no-tests", "pass"]);
    }
    command
}

/// Reads `Summary [ 0.1s] 10 tests run: 8 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn tally(line: &str) -> Option<Tally> {
    let rest = line.trim().strip_prefix("Summary")?;
    let (_, counts) = rest.split_once(" run: ")?;
    let mut plain = String::new();
    let mut depth = 0_u32;
    for letter in counts.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            other if depth == 0 => plain.push(other),
            _ => {}
        }
    }
    let terms: BTreeMap<String, u64> = plain
        .split(',')
        .filter_map(|term| {
            let (number, word) = term.trim().split_once(' ')?;
            Some((word.trim().to_owned(), number.parse().ok()?))
        })
        .collect();
    let passed = terms.get("passed").copied().unwrap_or(0);
    let failed = terms
        .iter()
        .filter(|(word, _)| !["passed", "skipped"].contains(&word.as_str()))
        .map(|(_, number)| number)
        .sum();
    Some(Tally { passed, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let cases = [
            ("     Summary [   0.631s] 14 tests run: 14 passed, 0 skipped", (14, 0)),
            ("Summary [ 1.0s] 1 test run: 0 passed, 1 failed, 3 skipped", (0, 1)),
            (
                "Summary [ 9.0s] 10 tests run: 7 passed (1 slow, 2 leaky), 1 failed, \
                 1 exec failed, 1 timed out, 0 skipped",
                (7, 3),
            ),
            ("Summary [ 9.0s] 5/9 tests run: 4 passed, 1 failed, 0 skipped", (4, 1)),
        ];
        for (line, (passed, failed)) in cases {
            assert_eq!(tally(line), Some(Tally { passed, failed }), "{line}");
        }
        assert_eq!(tally("        PASS [   0.004s] testkit packet::tests"), None);
    }
}
