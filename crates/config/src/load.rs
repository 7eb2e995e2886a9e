//! From a file to a checked configuration, or to all that is wrong with it.

use std::io::ErrorKind;
use std::path::Path;

use policy::{Policy, Topology};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::addresses::Addresses;
use crate::checker::{At, Checker, Keys, Node, Section};
use crate::diagnostic::{Diagnostic, Errors, Position, Severity, Subject};
use crate::ports::Zones;
use crate::rules::Objects;
use crate::services::Services;
use crate::source::{self, Unreadable};
use crate::valid::ValidConfig;

const ROOT: Keys = Keys {
    known: &[
        "version",
        "system",
        "metrics",
        "sessions",
        "timeouts",
        "screens",
        "log",
        "port",
        "wire",
        "addresses",
        "services",
        "zone_pair",
        "rule",
    ],
    later: &["nat", "route", "ha"],
};

/// The version of the format that this program reads.
const VERSION: i64 = 1;

/// The greatest configuration that is read, in bytes.
const GREATEST_FILE: u64 = 16 << 20;

/// A configuration, and what its author should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: ValidConfig,
    /// What does not refuse it.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and checks a file.
pub fn load(path: &Path) -> Result<Loaded, Errors> {
    let file = path.display().to_string();
    let bytes = source::read(path, GREATEST_FILE).map_err(|fault| match &fault {
        Unreadable::Io(error) if error.kind() == ErrorKind::NotFound => {
            let hint = "check the path; configs/minimal.toml is a file to begin with";
            unreadable(&file, "there is no such file", hint)
        }
        Unreadable::Io(error) if error.kind() == ErrorKind::PermissionDenied => {
            let hint = format!("run as a user who may read it, or: chmod a+r {file}");
            unreadable(&file, "permission denied", &hint)
        }
        Unreadable::Io(error) => {
            unreadable(&file, &error.to_string(), "check the path and the disk")
        }
        Unreadable::Directory => {
            unreadable(&file, &fault.to_string(), "give the path of a file in it")
        }
        Unreadable::NotRegular => {
            unreadable(&file, &fault.to_string(), "write it to a file, and give that one's path")
        }
        Unreadable::TooLarge(_) => {
            let hint = "move long lists of addresses to files of their own: { file = \"…\" }";
            unreadable(&file, &fault.to_string(), hint)
        }
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, &file),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes());
            let position = Position::new(&text, valid, valid + 1);
            let hint = "save the file as UTF-8";
            let mut errors = unreadable(&file, "it is not UTF-8 text", hint);
            for error in &mut errors.errors {
                error.position = Some(position.clone());
            }
            Err(errors)
        }
    }
}

/// Checks the text of a configuration. `file_name` is what messages call it, and where the relative
/// paths in it start.
pub fn parse(text: &str, file_name: &str) -> Result<Loaded, Errors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let mut checker = Checker::new(file_name, text);
    for error in &syntax {
        let span = error.span().unwrap_or(0..0);
        let at = At { span, path: String::new() };
        if is_doubled_key(error) {
            let message = format!("the key {:?} is there already", checker.written(&at));
            checker.error(Subject::Syntax, &at, message, "write each key once");
        } else {
            let message = format!("not TOML: {}", error.message());
            let hint = "see https://toml.io for how values and tables are written";
            checker.error(Subject::Syntax, &at, message, hint);
        }
    }
    // Behind a fault of syntax the parser guesses, and what it guessed would be blamed on the author. A
    // doubled key leaves nothing to guess.
    let certain = syntax.iter().all(is_doubled_key);
    let config = certain.then(|| checker.document(&document, text)).flatten();
    let Checker { mut errors, mut warnings, .. } = checker;
    let place = |diagnostic: &Diagnostic| {
        let position = diagnostic.position.as_ref();
        position.map(|position| (position.line, position.column))
    };
    errors.sort_by_key(place);
    warnings.sort_by_key(place);
    match config {
        Some(config) if errors.is_empty() => Ok(Loaded { config, warnings }),
        Some(_) | None => Err(Errors { errors, warnings }),
    }
}

fn is_doubled_key(error: &toml::de::Error) -> bool {
    error.message().starts_with("duplicate key")
}

fn unreadable(file: &str, message: &str, hint: &str) -> Errors {
    let diagnostic = Diagnostic {
        severity: Severity::Error,
        subject: Subject::File,
        file: file.to_owned(),
        position: None,
        path: String::new(),
        message: format!("the configuration cannot be read: {message}"),
        hint: Some(hint.to_owned()),
    };
    Errors { errors: vec![diagnostic], warnings: Vec::new() }
}

impl<'a> Checker<'a> {
    fn document(&mut self, document: &'a Spanned<DeTable<'a>>, text: &str) -> Option<ValidConfig> {
        let table = document.get_ref();
        if table.is_empty() {
            let hint = "configs/minimal.toml is a file to begin with";
            let message = "the file is empty: it says no ports, no wires and no rules";
            self.error(Subject::Topology, &Self::start(), message, hint);
            return None;
        }
        let root = Section::root(table);
        self.root_keys(&root);
        self.version(&root);
        let system = self.system(&root);
        let metrics = self.metrics(&root);
        let timeouts = self.timeouts(&root);
        let screens = self.screens(&root);
        let log = self.log(&root);
        let mut addresses = Addresses::new(self, &root);
        let mut services = Services::new(self, &root);
        let mut zones = Zones::default();
        let ports = self.ports(&root, &mut zones, &mut addresses);
        let sessions = self.sessions(&root, &zones);
        let wires = self.wires(&root, &ports);
        let zone_pairs = self.zone_pairs(&root, &zones);
        let mut objects = Objects {
            zones: &zones,
            addresses: &mut addresses,
            services: &mut services,
            max: sessions.max,
        };
        let (rules, places) = self.rules(&root, &mut objects);
        addresses.resolve_all(self);
        services.resolve_all(self);
        if !self.errors.is_empty() {
            return None;
        }
        let policy = Policy { zones: zones.names().to_vec(), zone_pairs, rules };
        self.unmatchable(&policy, &places);
        let (ports, ends) = ports
            .0
            .into_iter()
            .map(|port| (port.settings, port.ends))
            .collect::<(Vec<_>, Vec<_>)>();
        let topology = match Topology::new(policy.zones.clone(), ends, wires) {
            Ok(topology) => topology,
            Err(error) => {
                self.error(
                    Subject::Topology,
                    &Self::start(),
                    error.to_string(),
                    "look at [[wire]]",
                );
                return None;
            }
        };
        let text = text.to_owned();
        Some(ValidConfig {
            system,
            metrics,
            sessions,
            timeouts,
            screens,
            log,
            ports,
            topology,
            policy,
            text,
        })
    }

    fn root_keys(&mut self, root: &Section<'a>) {
        for (key, at, node) in root.nodes() {
            let title = if matches!(node.value, DeValue::Array(_)) {
                format!("[[{key}]]")
            } else {
                format!("[{key}]")
            };
            if ROOT.later.contains(&key) {
                let hint = "remove it; the name is kept for it";
                self.error(Subject::Key, &at, format!("{title} is not built yet"), hint);
            } else if !ROOT.known.contains(&key) {
                let is_value = !matches!(node.value, DeValue::Array(_) | DeValue::Table(_));
                let what = if is_value { format!("key {key:?}") } else { format!("table {title}") };
                let hint = crate::suggest::hint(key, "the file may have", ROOT.known);
                self.error(Subject::Key, &at, format!("unknown {what}"), hint);
            }
        }
    }

    fn version(&mut self, root: &Section<'a>) {
        let Some(node) = root.get("version") else { return };
        let Some(version) = self.any_integer(&node) else { return };
        if version > VERSION {
            let message = format!("version {version} is newer than this program reads");
            let hint = format!(
                "write version = {VERSION}, or install the program that the file was written for"
            );
            self.error(Subject::Value, &node.at, message, hint);
        } else if version < VERSION {
            let message = format!("there is no version {version}");
            self.error(Subject::Value, &node.at, message, format!("write version = {VERSION}"));
        }
    }

    fn any_integer(&mut self, node: &Node<'a>) -> Option<i64> {
        self.integer(node, i64::MIN..=i64::MAX)
    }
}
