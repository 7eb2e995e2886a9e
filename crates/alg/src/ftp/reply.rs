//! Replies (RFC 959 §4.2): a code and a text, in one line or in many.

/// A whole reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code<'a> {
    pub(super) code: u16,
    /// What stands behind the code in its last line.
    pub(super) text: &'a [u8],
}

impl Code<'_> {
    /// Another reply to the same command will follow.
    const fn is_preliminary(&self) -> bool {
        self.code < 200
    }
}

/// What a line of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// A reply to a command, or the last line of one.
    Whole(Code<'a>),
    /// The reply that nobody asked for: the first.
    Greeting,
    /// A line of a longer reply, which says nothing.
    Part,
    /// No reply at all.
    None,
}

/// Where the server's replies stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Replies {
    greeted: bool,
    /// The code of a reply of many lines that has not ended.
    open: Option<u16>,
}

impl Replies {
    /// Of a conversation whose beginning was not seen.
    pub(super) const fn resumed() -> Self {
        Self { greeted: true, open: None }
    }

    /// Reads the next line.
    pub(super) fn next<'a>(&mut self, line: &'a [u8]) -> Reply<'a> {
        let head = head(line);
        if let Some(open) = self.open {
            return match head {
                Some((code, Mark::Last, text)) if code == open => {
                    self.open = None;
                    self.whole(code, text)
                }
                Some(_) | None => Reply::Part,
            };
        }
        match head {
            Some((code, Mark::Last, text)) => self.whole(code, text),
            Some((code, Mark::More, _)) => {
                self.open = Some(code);
                Reply::Part
            }
            None => Reply::None,
        }
    }

    fn whole<'a>(&mut self, code: u16, text: &'a [u8]) -> Reply<'a> {
        let reply = Code { code, text };
        // 120 announces that the greeting will be late.
        if !self.greeted && !reply.is_preliminary() {
            self.greeted = true;
            return Reply::Greeting;
        }
        Reply::Whole(reply)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Last,
    More,
}

/// Code, mark and text of a line that begins with a code.
fn head(line: &[u8]) -> Option<(u16, Mark, &[u8])> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Some((code, Mark::Last, rest)),
        Some((b' ', text)) => Some((code, Mark::Last, text)),
        Some((b'-', text)) => Some((code, Mark::More, text)),
        Some(_) => None,
    }
}
