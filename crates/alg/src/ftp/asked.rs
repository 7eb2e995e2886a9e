//! Commands that wait for a reply which matters, and what became of what they opened.

use arrayvec::ArrayVec;

use super::target::Target;
use super::turns::{Answers, Number, Turns};

/// Commands that are remembered until they are answered; of more, the oldest is forgotten, and what it would have
/// opened or taken back is not.
const WAITING: usize = 16;

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// PASV.
    Passive,
    /// EPSV.
    ExtendedPassive,
    /// EPSV ALL.
    ExtendedOnly,
    /// PORT or EPRT, which opens when the server agrees.
    Active(Target),
    /// PORT or EPRT, which has opened already.
    Opened,
    /// A transfer, by what a command of that group has opened; whether it has begun.
    Transfer { group: u32, begun: bool },
    /// REIN: all is as at the beginning.
    Renewal,
    /// AUTH.
    Security,
}

impl Asked {
    /// Whether no other command has a reply of that code.
    const fn knows_its_reply(self) -> bool {
        match self {
            Self::Passive | Self::ExtendedPassive | Self::Security => true,
            Self::ExtendedOnly
            | Self::Active(_)
            | Self::Opened
            | Self::Transfer { .. }
            | Self::Renewal => false,
        }
    }
}

/// Such commands, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(ArrayVec<(Number, Asked), WAITING>);

impl Waiting {
    /// The command of this number asks for something.
    pub(super) fn push(&mut self, number: Number, asked: Asked) {
        if self.0.is_full() {
            self.0.remove(0);
        }
        self.0.push((number, asked));
    }

    /// The command that a reply may answer, if it is one that asks for this: it waits no more.
    pub(super) fn take(&mut self, answers: Answers, turns: &Turns, asked: Asked) -> Option<Number> {
        let is_it = |(number, it): &(Number, Asked)| *it == asked && turns.may_be(answers, *number);
        let at = self.0.iter().rposition(is_it)?;
        Some(self.0.remove(at).0)
    }

    /// What the command of this number asked for, which is answered: neither it nor any before it waits any more. If it
    /// is not certain which was answered, those do that know their reply by its code.
    pub(super) fn settle(&mut self, answered: Number, turns: &Turns) -> Option<Asked> {
        let asked = self.0.iter().find(|(number, _)| *number == answered).map(|(_, asked)| *asked);
        self.0.retain(|(number, asked)| {
            // Numbers wrap.
            let is_later = number.wrapping_sub(answered).cast_signed() > 0;
            is_later || (!turns.are_certain() && asked.knows_its_reply())
        });
        asked
    }

    /// The transfer of this number has begun.
    pub(super) fn begin(&mut self, number: Number) {
        let transfer = self.0.iter_mut().find(|(of, _)| *of == number);
        if let Some((_, Asked::Transfer { begun, .. })) = transfer {
            *begun = true;
        }
    }

    /// What waits for the server's agreement does so in vain.
    pub(super) fn doubt(&mut self) {
        self.0.retain(|(_, asked)| !matches!(asked, Asked::Active(_)));
    }
}
