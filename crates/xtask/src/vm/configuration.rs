//! The configuration in the virtual machine: that of `configs/appliance.toml`, as an operator would adapt it.

use anyhow::{Context, Result, bail};

use crate::step::checkout;

/// What is different in a small machine whose NICs have these addresses. Each text stands in the file exactly once.
const CHANGES: [(&str, &str); 7] = [
    (r#"device = "0000:3b:00.0""#, r#"device = "0000:01:00.0""#),
    (r#"device = "0000:3b:00.1""#, r#"device = "0000:02:00.0""#),
    (r#"memory = "2GiB""#, r#"memory = "512MiB""#),
    // Four processors that never rest would leave an emulator nothing to emulate the others with.
    (r#"polling = "busy""#, r#"polling = "adaptive""#),
    // A processor that is emulated may have to wait long for one that is not.
    (r#"stall_timeout = "2s""#, r#"stall_timeout = "60s""#),
    ("max = 2_000_000", "max = 100_000"),
    (
        r#"service = ["web", "mail-client", "dns", "ntp", "ping"]"#,
        r#"service = ["web", "mail-client", "dns", "ntp", "ping", "ftp", "sctp/5000"]"#,
    ),
];

/// The text of the file.
pub(super) fn text() -> Result<String> {
    let path = checkout().join("configs/appliance.toml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    CHANGES.into_iter().try_fold(text, |text, (from, to)| {
        if text.matches(from).count() != 1 {
            bail!("{} does not have exactly one `{from}`", path.display());
        }
        Ok(text.replace(from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_finds_its_place() {
        let text = text().expect("the file is as the changes want it");
        for (_, to) in CHANGES {
            assert!(text.contains(to), "{to}");
        }
    }
}
