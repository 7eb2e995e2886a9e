//! Which command a reply answers: each gets one that is not preliminary, in their order (RFC 959 §4.2).
//!
//! Only what ABOR gets is uncertain. During a transfer there should be two replies, the transfer's and its own
//! (RFC 959 §4.1.3); some servers give one for both. So once the transfer is answered, the reply that comes
//! next may be ABOR's or that of the command behind it:
//!
//! | reply | belongs to |
//! | --- | --- |
//! | 225, 226 | ABOR, whose replies they are (RFC 959 §5.4) |
//! | 4xx, 5xx | either: nothing is concluded from it |
//! | any other | the command behind; ABOR was answered with its transfer |

/// The number of a command, from the first that was seen. It wraps.
pub(super) type Number = u32;

/// Commands and replies, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// The next command's.
    said: Number,
    /// Of the command that the next reply belongs to.
    answered: Number,
    /// Of an ABOR that may have no reply of its own.
    abort: Option<Number>,
    /// Something was not seen that may have been a command or a reply.
    lost: bool,
    /// Something was said that may be a command to some servers, or more than one, and to others is not.
    unclear: bool,
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    Command(Number),
    /// This one, and not for the last time: it is preliminary.
    Preliminary(Number),
    /// An ABOR or the command behind it.
    Either,
    /// None: nobody has asked.
    Nobody,
}

impl Turns {
    /// The number that the next command will have.
    pub(super) const fn next(&self) -> Number {
        self.said
    }

    /// The client says a command.
    pub(super) const fn command(&mut self) {
        self.said = self.said.wrapping_add(1);
    }

    /// The client says ABOR. If a reply is outstanding that may be of a transfer that it ends.
    pub(super) fn abort(&mut self) {
        if self.answered != self.said {
            self.abort = Some(self.said);
        }
        self.command();
    }

    /// What comes next in one of the directions follows on something that was not seen.
    pub(super) const fn lose(&mut self) {
        self.lost = true;
    }

    /// The client says what servers count in different ways.
    pub(super) const fn blur(&mut self) {
        self.unclear = true;
    }

    /// Whether the server has counted the client's commands as they are counted here.
    pub(super) const fn are_clear(&self) -> bool {
        !self.unclear
    }

    /// Whether it is certain which command a reply answers, if it says so.
    pub(super) const fn are_certain(&self) -> bool {
        !self.lost
    }

    /// Whether what a reply answers may be the command of this number.
    pub(super) fn may_be(&self, answers: Answers, number: Number) -> bool {
        self.lost || answers == Answers::Command(number)
    }

    /// The server replies.
    pub(super) fn reply(&mut self, code: u16) -> Answers {
        let behind = self.answered.wrapping_add(1);
        if self.abort == Some(self.answered) && behind != self.said {
            match code {
                225 | 226 => {}
                400.. => {
                    // One of the two is answered. Which is left the next reply may tell.
                    self.answered = behind;
                    self.abort = Some(behind);
                    return Answers::Either;
                }
                _ => {
                    self.answered = behind;
                    self.abort = None;
                }
            }
        }
        if self.answered == self.said {
            return Answers::Nobody;
        }
        let number = self.answered;
        if code < 200 {
            return Answers::Preliminary(number);
        }
        self.answered = number.wrapping_add(1);
        if self.abort == Some(number) {
            self.abort = None;
        }
        Answers::Command(number)
    }
}
