//! `reload`: a new policy, or why not.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::Version;

/// A policy was accepted and published to all workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReport {
    /// Always 1.
    pub version: Version,
    /// The generation of the policy that is in force.
    pub generation: u32,
    /// How many rules it has.
    pub rules: u64,
    /// Rules that are new, by name.
    pub added: Vec<String>,
    /// Rules that are gone.
    pub removed: Vec<String>,
    /// Rules that have another content.
    pub changed: Vec<String>,
    /// Whether rules stand in another order.
    pub reordered: bool,
    /// Pairs of zones, from and to, for which the new policy may decide differently. Whatever they are, every session
    /// is judged again.
    pub zone_pairs: Vec<(String, String)>,
    /// What is allowed but worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// Something that the configuration file has wrong, or that is worth a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line, from 1; none: the file as a whole.
    pub line: Option<u64>,
    /// The column in characters, from 1.
    pub column: Option<u64>,
    /// The dotted path of the key, such as `rule[2].service[0]`; empty: the file as a whole.
    pub path: String,
    /// What is wrong, with the offending text.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, file, line, column, path, message, hint } = self;
        f.write_str(file)?;
        if let (Some(line), Some(column)) = (line, column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {severity}: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)?;
        match hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}
