//! Datagrams in order of age: lists that run through the datagrams themselves.

use super::Datagram;
use super::placement::Key;
use super::slots::{Handle, Table};

/// The two lists that every datagram is on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    /// Of all datagrams.
    All,
    /// Of those of one source.
    Source,
}

/// A datagram's neighbours on one list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    older: Option<Handle>,
    newer: Option<Handle>,
}

/// One list: its two ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    line: Line,
    oldest: Option<Handle>,
    newest: Option<Handle>,
}

impl Order {
    pub(super) const fn new(line: Line) -> Self {
        Self { line, oldest: None, newest: None }
    }

    pub(super) const fn oldest(&self) -> Option<Handle> {
        self.oldest
    }

    /// The oldest datagram that is not `kept`.
    pub(super) fn oldest_but(
        &self,
        kept: Option<Handle>,
        datagrams: &Table<Key, Datagram>,
    ) -> Option<Handle> {
        let oldest = self.oldest?;
        if kept == Some(oldest) {
            datagrams[oldest].links[self.line as usize].newer
        } else {
            self.oldest
        }
    }

    /// Appends a datagram that is younger than all.
    pub(super) fn push(&mut self, datagram: Handle, datagrams: &mut Table<Key, Datagram>) {
        let line = self.line as usize;
        datagrams[datagram].links[line] = Links { older: self.newest, newer: None };
        match self.newest {
            Some(newest) => datagrams[newest].links[line].newer = Some(datagram),
            None => self.oldest = Some(datagram),
        }
        self.newest = Some(datagram);
    }

    /// Takes a datagram off.
    pub(super) fn unlink(&mut self, datagram: Handle, datagrams: &mut Table<Key, Datagram>) {
        let line = self.line as usize;
        let Links { older, newer } = core::mem::take(&mut datagrams[datagram].links[line]);
        match older {
            Some(older) => datagrams[older].links[line].newer = newer,
            None => self.oldest = newer,
        }
        match newer {
            Some(newer) => datagrams[newer].links[line].older = older,
            None => self.newest = older,
        }
    }
}
