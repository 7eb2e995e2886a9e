//! What is wrong with a file: where, what, and what would be right; and how that reads on a terminal.

use core::fmt;

use serde::Serialize;

/// Whether a finding refuses the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not: the file does what it says, which is probably not what was meant.
    Warning,
}

/// What a finding is about, for those who treat some findings apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The file could not be read.
    File,
    /// It is not TOML.
    Syntax,
    /// A key that does not exist, is missing, or is kept for later.
    Key,
    /// A value of the wrong type, form or size.
    Value,
    /// A name that is unknown, doubled or not allowed.
    Name,
    /// A named object that matches nothing.
    EmptyObject,
    /// A rule that can never match.
    UnmatchableRule,
    /// A gateway that cannot read what it is named for.
    Gateway,
    /// Cores, ports and wires that do not fit together.
    Topology,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The whole line.
    #[serde(skip)]
    pub text: String,
    /// How many characters of the line are meant, at least 1.
    #[serde(skip)]
    pub width: usize,
}

impl Position {
    /// The place of a range of bytes in a text. A range over several lines ends with its first.
    pub(crate) fn new(text: &str, start: usize, end: usize) -> Self {
        let start = floor_char(text, start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor_char(text, end.clamp(start, line_end));
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            width: text[start..end].trim_end().chars().count().max(1),
        }
    }
}

/// The character boundary at or before `at`.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it refuses the file.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// The file, as it was named by the caller.
    pub file: String,
    /// Where in the file, if it is about a place.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// The dotted path of the key or value; list positions count from 0. Empty for the whole file.
    pub path: String,
    /// What is wrong, with the offending text.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Whether a strict check refuses the file for it: for errors, and for rules that can never match.
    #[must_use]
    pub const fn is_refused_when_strict(&self) -> bool {
        match self.severity {
            Severity::Error => true,
            Severity::Warning => matches!(self.subject, Subject::UnmatchableRule),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, subject: _, file, position, path, message, hint } = self;
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        f.write_str(file)?;
        if let Some(Position { line, column, .. }) = position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {severity}: {message}")?;
        if !path.is_empty() {
            write!(f, " (at {path})")?;
        }
        let gutter = position.as_ref().map_or(0, |position| position.line.to_string().len());
        if let Some(Position { line, column, text, width }) = position {
            // Tabs are kept in front of the caret, so that it stands below its text at any tab width.
            let before = text.chars().take(column.saturating_sub(1));
            let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n {line} | {text}\n {:gutter$} | {indent}{}", "", "^".repeat(*width))?;
        }
        if let Some(hint) = hint {
            write!(f, "\n {:gutter$} = help: {hint}", "")?;
        }
        Ok(())
    }
}

/// Why a file is refused: every fault of it, in the order of their places, and what else was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Errors {
    /// The faults; never empty.
    pub errors: Vec<Diagnostic>,
    /// What alone would not refuse the file.
    pub warnings: Vec<Diagnostic>,
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.errors.iter().chain(&self.warnings).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl core::error::Error for Errors {}
