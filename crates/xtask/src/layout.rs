//! What lies where: the entries of the top folder, and the places that may hold unsafe code.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::step::checkout;

/// Entries of the top folder beside dot files.
const TOP: [&str; 14] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "configs",
    "crates",
    "docker",
    "dpdk-build",
    "perf",
    // Where cargo builds; not part of the repository.
    "target",
    // The licence of what is generated or borrowed, if there ever is any.
    "NOTICE",
];

/// Where unsafe code may be: below these paths.
const UNSAFE: [&str; 3] = ["crates/dpdk-sys/", "crates/dpdk/", "crates/session/src/prefetch.rs"];

/// Crates whose root cannot forbid unsafe code, since a part of them holds some.
const CANNOT_FORBID: [&str; 3] = ["dpdk-sys", "dpdk", "session"];

/// Everything that lies where it should not, one sentence each.
pub(crate) fn faults() -> Result<Vec<String>> {
    let top = checkout();
    let mut faults = Vec::new();
    for entry in fs::read_dir(&top).context("read the top folder")? {
        let name = entry.context("read the top folder")?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !TOP.contains(&name.as_ref()) {
            faults.push(format!("{name} does not belong into the top folder"));
        }
    }
    for path in sources(&top.join("crates"))? {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let shown = path.strip_prefix(&top).unwrap_or(&path).to_string_lossy().into_owned();
        if !UNSAFE.iter().any(|place| shown.starts_with(place)) {
            faults.extend(
                unsafe_lines(&text)
                    .map(|line| format!("{shown}:{line}: unsafe code outside its places")),
            );
        }
        if is_root(&shown) && !text.contains("#![forbid(unsafe_code)]") {
            faults.push(format!("{shown}: no #![forbid(unsafe_code)]"));
        }
    }
    Ok(faults)
}

/// Whether this is the root of a crate that must forbid unsafe code.
fn is_root(path: &str) -> bool {
    let mut parts = path.split('/');
    let (Some("crates"), Some(name), Some("src"), Some(file), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    ["lib.rs", "main.rs"].contains(&file) && !CANNOT_FORBID.contains(&name)
}

/// Numbers of the lines that hold the keyword as code.
fn unsafe_lines(text: &str) -> impl Iterator<Item = usize> {
    text.lines().enumerate().filter(|(_, line)| holds_unsafe(line)).map(|(index, _)| index + 1)
}

fn holds_unsafe(line: &str) -> bool {
    // An escaped quote ends no text.
    let code = line.split("//").next().unwrap_or_default().replace("\\\"", "  ");
    code.match_indices("unsafe").any(|(at, word)| {
        let before = code[..at].chars().next_back();
        let rest = &code[at + word.len()..];
        // An odd number of quotes before it: inside a text.
        let in_text = code[..at].matches('"').count() % 2 == 1;
        let is_word = !in_text
            && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && rest.starts_with([' ', '{', '(']);
        let rest = rest.trim_start();
        is_word
            && ["{", "fn ", "impl", "extern", "trait ", "("]
                .iter()
                .any(|next| rest.starts_with(next))
    })
}

/// All Rust sources below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
            let path = entry.context("read a folder")?.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_lies_where_it_should() {
        assert_eq!(faults().expect("the sources"), Vec::<String>::new());
    }

    #[test]
    fn unsafe_is_found_as_code_only() {
        for line in [
            "    unsafe { call() }",
            "unsafe impl Send for X {}",
            "pub unsafe fn f()",
            "unsafe extern \"C\" {",
            "#[unsafe(no_mangle)]",
        ] {
            assert!(holds_unsafe(line), "{line}");
        }
        for line in [
            "#![forbid(unsafe_code)]",
            "// unsafe { no }",
            "/// An unsafe fn would do.",
            "let not_unsafe = 1;",
            "\"unsafe { in a text }\"",
        ] {
            assert!(!holds_unsafe(line), "{line}");
        }
    }

    #[test]
    fn roots_are_told_from_modules() {
        assert!(is_root("crates/wire/src/lib.rs"));
        assert!(!is_root("crates/session/src/lib.rs"));
        assert!(!is_root("crates/wire/src/tcp/lib.rs"));
        assert!(!is_root("crates/wire/src/tcp.rs"));
    }
}
