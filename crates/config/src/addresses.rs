//! `[addresses]`, and the lists of addresses that rules and ports hold.

use core::fmt::Display;
use core::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use policy::{AddressRange, AddressSet};
use toml::de::DeValue;

use crate::checker::{At, Checker, Keys, Node, Section};
use crate::diagnostic::{Diagnostic, Position, Severity, Subject};
use crate::scalar::reads_as_address;
use crate::source::{self, Unreadable};
use crate::suggest;

/// The greatest list in a file of its own that is read, in bytes.
const GREATEST_LIST: u64 = 64 << 20;

const TABLE: Keys = Keys { known: &["items", "file", "not"], later: &[] };

pub(crate) const FORMS: &str = "an address (\"192.0.2.1\"), a prefix (\"10.0.0.0/8\", \"2001:db8::/32\"), a range \
                     (\"192.0.2.1-192.0.2.9\"), a name of [addresses], or \"any\"";

/// The named objects, resolved when first asked for, so that their order does not matter.
#[derive(Debug, Default)]
pub(crate) struct Addresses<'a> {
    objects: Vec<Object<'a>>,
}

#[derive(Debug)]
struct Object<'a> {
    name: &'a str,
    at: At,
    node: Node<'a>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Untouched,
    Resolving,
    Resolved(AddressSet),
}

impl<'a> Addresses<'a> {
    /// The objects of the file, their names checked.
    pub(crate) fn new(checker: &mut Checker<'a>, root: &Section<'a>) -> Self {
        let section = root.get("addresses");
        let section = section.and_then(|node| checker.open_section(&node, "[addresses]", &[]));
        let nodes = section.map(|section| section.nodes()).unwrap_or_default();
        let named = nodes.into_iter().filter(|(name, at, _)| checker.check_name(name, at));
        let objects =
            named.map(|(name, at, node)| Object { name, at, node, state: State::Untouched });
        Self { objects: objects.collect() }
    }

    /// Resolves what nothing has asked for, so that its faults are found too.
    pub(crate) fn resolve_all(&mut self, checker: &mut Checker<'a>) {
        for index in 0..self.objects.len() {
            let at = self.objects[index].at.clone();
            self.resolve(checker, index, &at);
        }
    }

    /// The addresses of a list of items.
    pub(crate) fn set(&mut self, checker: &mut Checker<'a>, items: &[Node<'a>]) -> AddressSet {
        AddressSet::union_of(items.iter().filter_map(|item| {
            let text = checker.string(item, FORMS)?;
            self.item(checker, text, &item.at)
        }))
    }

    fn item(&mut self, checker: &mut Checker<'a>, text: &str, at: &At) -> Option<AddressSet> {
        if text == "any" {
            return Some(AddressSet::any());
        }
        if let Some(index) = self.objects.iter().position(|object| object.name == text) {
            return self.resolve(checker, index, at);
        }
        if !reads_as_address(text) && !text.contains('/') {
            let names: Vec<_> = self.objects.iter().map(|object| object.name).collect();
            let hint = suggest::hint(text, "names of [addresses]", &names);
            checker.error(Subject::Name, at, format!("unknown address {text:?}"), hint);
            return None;
        }
        match parse_range(text) {
            Ok(range) => Some([range].into_iter().collect()),
            Err((message, hint)) => {
                checker.error(Subject::Value, at, message, hint);
                None
            }
        }
    }

    /// The addresses of an object that is named at `at`.
    fn resolve(&mut self, checker: &mut Checker<'a>, index: usize, at: &At) -> Option<AddressSet> {
        let object = &mut self.objects[index];
        match &object.state {
            State::Resolved(set) => return Some(set.clone()),
            State::Resolving => {
                let message = format!("the address object {:?} contains itself", object.name);
                checker.error(Subject::Name, at, message, "take it out of what it consists of");
                return None;
            }
            State::Untouched => object.state = State::Resolving,
        }
        let (name, at, node) = (object.name, object.at.clone(), object.node.clone());
        let errors = checker.errors.len();
        let set = self.object(checker, name, &node).unwrap_or_default();
        if set.is_empty() && checker.errors.len() == errors {
            let message = format!("the address object {name:?} is empty and matches nothing");
            checker.warning(
                Subject::EmptyObject,
                &at,
                message,
                "put addresses into it, or remove it",
            );
        }
        self.objects[index].state = State::Resolved(set.clone());
        Some(set)
    }

    fn object(
        &mut self,
        checker: &mut Checker<'a>,
        name: &str,
        node: &Node<'a>,
    ) -> Option<AddressSet> {
        if let DeValue::Array(_) = node.value {
            let items = checker.list(node, FORMS)?;
            return Some(self.set(checker, &items));
        }
        if !matches!(node.value, DeValue::Table(_)) {
            checker.wrong_type(
                node,
                "a list or a table",
                "write [\"192.0.2.1\"] or { items = [\"192.0.2.1\"] }",
            );
            return None;
        }
        let section = checker.section(node, format!("address object {name:?}"), TABLE)?;
        let items = section.get("items");
        let file = section.get("file");
        if items.is_none() && file.is_none() {
            let hint = "add `items` or `file`; for all but some: items = [\"any\"], not = […]";
            let message = format!("the address object {name:?} has neither items nor a file");
            checker.error(Subject::Key, &section.at, message, hint);
        }
        let mut set = AddressSet::empty();
        if let Some(node) = items {
            let items = checker.list(&node, FORMS).unwrap_or_default();
            set = AddressSet::union_of([set, self.set(checker, &items)]);
        }
        if let Some(node) = file {
            set = AddressSet::union_of([set, list_file(checker, &node).unwrap_or_default()]);
        }
        if let Some(node) = section.get("not") {
            let items = checker.list(&node, FORMS).unwrap_or_default();
            set = set.minus(&self.set(checker, &items));
        }
        Some(set)
    }
}

/// The addresses of a file: one address, prefix or range a line, `#` begins a comment. A relative path
/// starts where the configuration is.
fn list_file(checker: &mut Checker<'_>, node: &Node<'_>) -> Option<AddressSet> {
    let DeValue::String(path) = node.value else {
        let hint = "the path of a file with one address, prefix or range a line";
        checker.error(Subject::Value, &node.at, "`file` needs a string", hint);
        return None;
    };
    let base = Path::new(checker.file()).parent().map_or_else(PathBuf::new, Path::to_owned);
    let path = base.join(path.as_ref());
    let mut refuse = |fault: &dyn Display, hint: &str| {
        let message = format!("the list {} cannot be read: {fault}", path.display());
        checker.error(Subject::File, &node.at, message, hint);
    };
    let bytes = match source::read(&path, GREATEST_LIST) {
        Ok(bytes) => bytes,
        Err(fault) => {
            let hint = match fault {
                Unreadable::Io(_) => "check the path, and who may read it",
                Unreadable::Directory | Unreadable::NotRegular => {
                    "give the path of a file with one address, prefix or range a line"
                }
                Unreadable::TooLarge(_) => "write prefixes and ranges for neighbouring addresses",
            };
            refuse(&fault, hint);
            return None;
        }
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            refuse(&error.utf8_error(), "save the list as UTF-8");
            return None;
        }
    };
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let item = line.split('#').next().unwrap_or_default();
        let trimmed = item.trim();
        if !trimmed.is_empty() {
            match parse_range(trimmed) {
                Ok(range) => ranges.push(range),
                Err((message, hint)) => {
                    let at = start + item.len() - item.trim_start().len();
                    checker.errors.push(Diagnostic {
                        severity: Severity::Error,
                        subject: Subject::Value,
                        file: path.display().to_string(),
                        position: Some(Position::new(&text, at, at + trimmed.len())),
                        path: node.at.path.clone(),
                        message,
                        hint: Some(hint),
                    });
                }
            }
        }
        start += line.len();
    }
    Some(ranges.into_iter().collect())
}

/// An address, a prefix or a range. The error is the message and what would be right.
fn parse_range(text: &str) -> Result<AddressRange, (String, String)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    if let Some((address, length)) = text.split_once('/') {
        return parse_prefix(text, address, length);
    }
    if let Some((first, last)) = text.split_once('-') {
        let range = (first.trim().parse::<IpAddr>(), last.trim().parse::<IpAddr>());
        let (Ok(first), Ok(last)) = range else {
            let hint = "two addresses: \"192.0.2.1-192.0.2.9\"".to_owned();
            return Err((format!("{text:?} is not a range of addresses"), hint));
        };
        return AddressRange::new(first, last).map_err(|_| {
            if first.is_ipv4() == last.is_ipv4() {
                (format!("the range {text:?} is reversed"), format!("write \"{last}-{first}\""))
            } else {
                let hint = "both ends IPv4, or both IPv6".to_owned();
                (format!("the range {text:?} mixes IPv4 and IPv6"), hint)
            }
        });
    }
    Err((format!("{text:?} is not an address"), FORMS.to_owned()))
}

fn parse_prefix(text: &str, address: &str, length: &str) -> Result<AddressRange, (String, String)> {
    let Ok(address) = address.parse::<IpAddr>() else {
        let hint = "an address and a length: \"10.0.0.0/8\", \"2001:db8::/32\"".to_owned();
        return Err((format!("{text:?} is not a prefix"), hint));
    };
    let digits = !length.is_empty() && length.chars().all(|c| c.is_ascii_digit());
    let prefix = length.parse().ok().filter(|_| digits);
    let prefix = prefix.and_then(|length: u8| IpNet::new(address, length).ok());
    if let Some(prefix) = prefix
        && length.len() > 1
        && length.starts_with('0')
    {
        let hint = format!("write \"{address}/{}\"", prefix.prefix_len());
        return Err((format!("the prefix length of {text:?} begins with 0"), hint));
    }
    let Some(prefix) = prefix else {
        let greatest = if address.is_ipv4() { 32 } else { 128 };
        let hint = format!("a length from 0 to {greatest}: \"{address}/{greatest}\"");
        return Err((format!("{text:?} has no prefix length that fits"), hint));
    };
    if prefix.network() != address {
        let hint =
            format!("write \"{}\" for the network, or \"{address}\" for the host", prefix.trunc());
        return Err((format!("the prefix {text:?} has bits behind its length"), hint));
    }
    Ok(prefix.into())
}
