//! Walks a parsed document by hand, so that one pass finds every unknown key and every wrong type, and
//! each keeps its place in the text.

use core::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Position, Severity, Subject};
use crate::suggest;

/// A place in the document: bytes, and the dotted path.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) span: Range<usize>,
    pub(crate) path: String,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a DeValue<'a>,
    pub(crate) at: At,
}

/// A table whose keys were checked.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    table: &'a DeTable<'a>,
    /// The place of the table; for a table with a header, of the header.
    pub(crate) at: At,
    /// As people call it: `[[port]]`.
    title: String,
}

/// Keys of one table: those that exist, and those that are kept for what is not built yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) known: &'static [&'static str],
    pub(crate) later: &'static [&'static str],
}

/// Collects findings.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    pub(crate) const fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, errors: Vec::new(), warnings: Vec::new() }
    }

    /// The file's name, as the caller gave it.
    pub(crate) const fn file(&self) -> &'a str {
        self.file
    }

    pub(crate) fn error(
        &mut self,
        subject: Subject,
        at: &At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let diagnostic = self.diagnostic(Severity::Error, subject, at, message.into(), hint.into());
        self.errors.push(diagnostic);
    }

    pub(crate) fn warning(
        &mut self,
        subject: Subject,
        at: &At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let diagnostic =
            self.diagnostic(Severity::Warning, subject, at, message.into(), hint.into());
        self.warnings.push(diagnostic);
    }

    fn diagnostic(
        &self,
        severity: Severity,
        subject: Subject,
        at: &At,
        message: String,
        hint: String,
    ) -> Diagnostic {
        Diagnostic {
            severity,
            subject,
            file: self.file.to_owned(),
            position: Some(Position::new(self.text, at.span.start, at.span.end)),
            path: at.path.clone(),
            message,
            hint: (!hint.is_empty()).then_some(hint),
        }
    }

    /// The text of a value, cut to what a message can bear.
    pub(crate) fn written(&self, at: &At) -> String {
        const SHOWN: usize = 60;
        let text = self.text.get(at.span.clone()).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let mut shown: String = line.chars().take(SHOWN).collect();
        if shown.len() < text.trim_end().len() {
            shown.push('…');
        }
        shown
    }

    /// Opens a table, and reports each of its keys that does not exist.
    pub(crate) fn section(
        &mut self,
        node: &Node<'a>,
        title: impl Into<String>,
        keys: Keys,
    ) -> Option<Section<'a>> {
        let title = title.into();
        let section = self.open_section(node, title.clone(), keys.known)?;
        for entry in section.entries() {
            let key = entry.0.get_ref().as_ref();
            let at = At { span: entry.0.span(), path: join(&section.at.path, key) };
            if keys.later.contains(&key) {
                let message = format!("{key:?} in {title} is not built yet");
                self.error(Subject::Key, &at, message, "remove it; the name is kept for it");
            } else if !keys.known.contains(&key) {
                let message = format!("unknown key {key:?} in {title}");
                self.error(
                    Subject::Key,
                    &at,
                    message,
                    suggest::hint(key, "known keys", keys.known),
                );
            }
        }
        Some(section)
    }

    /// Opens a table without a look at its keys. `known`: those that it may have, for the hint; none if they are
    /// free.
    pub(crate) fn open_section(
        &mut self,
        node: &Node<'a>,
        title: impl Into<String>,
        known: &[&str],
    ) -> Option<Section<'a>> {
        let title = title.into();
        let DeValue::Table(table) = node.value else {
            let example = known.first().unwrap_or(&"NAME");
            let header = if title.starts_with('[') {
                format!("write {title}, and below it {example} = …")
            } else {
                format!("write {} = {{ {example} = … }}", node.key())
            };
            let keys = if known.is_empty() {
                String::new()
            } else {
                format!("; its keys: {}", suggest::list(known))
            };
            self.wrong_type(node, "a table", &(header + &keys));
            return None;
        };
        Some(Section { table, at: node.at.clone(), title })
    }

    pub(crate) fn wrong_type(&mut self, node: &Node<'a>, wanted: &str, hint: &str) {
        let found = match node.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let written = self.written(&node.at);
        let message = format!("{wanted} is needed here, not {found}: {written}");
        self.error(Subject::Value, &node.at, message, hint);
    }

    pub(crate) fn string(&mut self, node: &Node<'a>, hint: &str) -> Option<&'a str> {
        let DeValue::String(string) = node.value else {
            self.wrong_type(node, "a string", hint);
            return None;
        };
        Some(string.as_ref())
    }

    pub(crate) fn boolean(&mut self, node: &Node<'a>) -> Option<bool> {
        let DeValue::Boolean(value) = node.value else {
            self.wrong_type(node, "true or false", "write it without quotation marks");
            return None;
        };
        Some(*value)
    }

    /// An integer between two bounds, which are shown.
    pub(crate) fn integer<T>(&mut self, node: &Node<'a>, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + TryFrom<i128> + PartialOrd + core::fmt::Display,
    {
        let hint = format!("an integer from {} to {}", range.start(), range.end());
        let DeValue::Integer(integer) = node.value else {
            self.wrong_type(node, "an integer", &hint);
            return None;
        };
        let value = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let value = value.and_then(|value| T::try_from(value).ok());
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let message = format!("{} is out of range", self.written(&node.at));
            self.error(Subject::Value, &node.at, message, hint);
        }
        value
    }

    /// The items of a list.
    pub(crate) fn list(&mut self, node: &Node<'a>, hint: &str) -> Option<Vec<Node<'a>>> {
        let DeValue::Array(array) = node.value else {
            self.wrong_type(node, "a list", hint);
            return None;
        };
        let items = array.iter().enumerate().map(|(index, item)| Node {
            value: item.get_ref(),
            at: At { span: item.span(), path: format!("{}[{index}]", node.at.path) },
        });
        Some(items.collect())
    }

    /// One of the words of `choices`.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        node: &Node<'a>,
        choices: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let words: Vec<_> = choices.iter().map(|choice| name(*choice)).collect();
        let word = self.string(node, &format!("one of: {}", words.join(", ")))?;
        let found = choices.iter().copied().find(|choice| name(*choice) == word);
        if found.is_none() {
            let message = format!("{word:?} is not a value of {:?}", node.key());
            self.error(Subject::Value, &node.at, message, suggest::hint(word, "one of", &words));
        }
        found
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&mut self, section: &Section<'a>, key: &str) -> Option<Node<'a>> {
        let node = section.get(key);
        if node.is_none() {
            let message = format!("{key:?} is missing in {}", section.title);
            let at = At { path: join(&section.at.path, key), ..section.at.clone() };
            self.error(Subject::Key, &at, message, format!("add a line `{key} = …`"));
        }
        node
    }
}

impl Node<'_> {
    /// The key that the value belongs to.
    pub(crate) fn key(&self) -> &str {
        self.at.path.rsplit('.').next().unwrap_or_default()
    }
}

impl<'a> Section<'a> {
    pub(crate) const fn root(table: &'a DeTable<'a>) -> Self {
        Self { table, at: At { span: 0..0, path: String::new() }, title: String::new() }
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Node<'a>> {
        let (_, value) = self.entries().into_iter().find(|(name, _)| name.get_ref() == key)?;
        Some(self.node(key, value))
    }

    /// Keys and values in the order of the text.
    pub(crate) fn nodes(&self) -> Vec<(&'a str, At, Node<'a>)> {
        let entries = self.entries().into_iter().map(|(name, value)| {
            let key = name.get_ref().as_ref();
            (key, At { span: name.span(), path: join(&self.at.path, key) }, self.node(key, value))
        });
        entries.collect()
    }

    fn node(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Node<'a> {
        let at = At { span: value.span(), path: join(&self.at.path, key) };
        Node { value: value.get_ref(), at }
    }

    fn entries(&self) -> Vec<(&'a Spanned<toml::de::DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
    }
}

fn join(path: &str, key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let quoted =
        if key.chars().all(bare) && !key.is_empty() { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { quoted } else { format!("{path}.{quoted}") }
}
