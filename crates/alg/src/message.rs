//! Messages of a start line, header fields and a body, as SIP (RFC 3261 §7) and RTSP (RFC 2326 §4) have
//! them, and where they end in a stream.

use crate::dialogue::Progress;
use crate::text::{divided, lines, number};
use crate::{Notes, Remark};

/// The longest message that is read whole from a stream. What is longer has its body passed over.
pub(crate) const LONGEST: usize = 8192;

/// A message. Its body is empty where it was not asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// The first line, without its end.
    pub start: &'a [u8],
    fields: &'a [u8],
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// A message from the octets up to its empty line, and its body.
    fn new(head: &'a [u8], body: &'a [u8]) -> Self {
        let start = lines(head).next().unwrap_or_default();
        let (_, fields) = divided(head, b'\n').unwrap_or((head, b""));
        Self { start, fields, body }
    }

    /// A datagram's message (RFC 3261 §18.3): the body is what the length says, or all the rest. `None` if
    /// it has no end of its head, or is shorter than it says.
    pub(crate) fn of_datagram(datagram: &'a [u8]) -> Option<Self> {
        let message = datagram.trim_ascii_start();
        let (head, rest) = message.split_at(head_length(message, 0)?);
        let body = match Self::new(head, b"").length() {
            Length::Unsaid => rest,
            Length::Is(length) => rest.get(..length)?,
            Length::Malformed => return None,
        };
        Some(Self::new(head, body))
    }

    /// Header fields as name and value, in their order. The value of a folded field holds the ends of its
    /// lines.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.fields;
        core::iter::from_fn(move || {
            loop {
                if rest.is_empty() {
                    return None;
                }
                let field;
                (field, rest) = rest.split_at(field_length(rest));
                if let Some((name, value)) = divided(field, b':') {
                    return Some((name.trim_ascii(), value.trim_ascii()));
                }
            }
        })
    }

    /// The first field that has one of these names.
    pub(crate) fn field(&self, names: &[&str]) -> Option<&'a [u8]> {
        self.fields().find(|(name, _)| is_one_of(name, names)).map(|(_, value)| value)
    }

    fn length(&self) -> Length {
        let mut found = Length::Unsaid;
        for (_, value) in
            self.fields().filter(|(name, _)| is_one_of(name, &["content-length", "l"]))
        {
            // Two that differ would let two readers see two different messages.
            found = match (found, number(value)) {
                (Length::Unsaid, Some(length)) => Length::Is(length),
                (Length::Is(before), Some(length)) if before == length => found,
                _ => return Length::Malformed,
            };
        }
        found
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Unsaid,
    Is(usize),
    Malformed,
}

/// Whether a header field's name is one of these, in any case.
pub(crate) fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Length of the first field with its continuation lines, which begin with white space (RFC 3261 §7.3.1).
fn field_length(fields: &[u8]) -> usize {
    let mut length = 0;
    for line in fields.split_inclusive(|octet| *octet == b'\n') {
        if length > 0 && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            break;
        }
        length += line.len();
    }
    length
}

/// Length of a head with its empty line, of which the first `looked` octets have none.
fn head_length(octets: &[u8], looked: usize) -> Option<usize> {
    // The line end before an empty line may be among those that were looked at.
    let from = looked.saturating_sub(3);
    let rest = octets.get(from..)?;
    rest.iter().enumerate().find_map(|(at, octet)| {
        let next = &rest[at + 1..];
        let end = match octet {
            b'\n' if next.starts_with(b"\n") => 1,
            b'\n' if next.starts_with(b"\r\n") => 2,
            _ => return None,
        };
        Some(from + at + 1 + end)
    })
}

/// What stands at the beginning of a run of octets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framed<'a> {
    /// A message, and how many octets it takes. The body is left out if it is too long, or not wanted: it
    /// may not have come yet then.
    Message(Message<'a>, usize),
    /// The beginning of one.
    Part,
    /// A head longer than what is read.
    Overlong,
    /// Not to be told where it ends.
    Malformed,
}

impl<'a> Framed<'a> {
    /// The message and how many octets it takes; or, if there is none, how the dialogue goes on that has read so many
    /// octets before it.
    pub(crate) fn message(
        self,
        read: usize,
        notes: &mut Notes<'_>,
    ) -> Result<(Message<'a>, usize), Progress> {
        let wrong = match self {
            Self::Message(message, length) => return Ok((message, length)),
            Self::Part => return Err(Progress::Read(read)),
            Self::Overlong => Remark::Overlong,
            Self::Malformed => Remark::Malformed,
        };
        notes.remark(wrong);
        Err(Progress::Stop)
    }
}

/// Finds one direction's messages in a stream. It looks for the end of a head once at each octet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Framing {
    /// Octets at the beginning of the next message that hold no end of its head.
    looked: usize,
    /// Octets of the next message, once that is known.
    whole: Option<usize>,
}

impl Framing {
    /// The message at the beginning of these octets. `wants` says of a head whether the body is of use.
    pub(crate) fn next<'a>(
        &mut self,
        octets: &'a [u8],
        wants: impl FnOnce(&Message<'a>) -> bool,
    ) -> Framed<'a> {
        if self.whole.is_some_and(|whole| octets.len() < whole) {
            return Framed::Part;
        }
        let Some(head) = head_length(octets, self.looked) else {
            self.looked = octets.len();
            return if octets.len() > LONGEST { Framed::Overlong } else { Framed::Part };
        };
        if head > LONGEST {
            return Framed::Overlong;
        }
        let (head, rest) = octets.split_at(head);
        let message = Message::new(head, b"");
        // A stream's messages must say their length; one that does not has no body (RFC 3261 §18.3).
        let length = match message.length() {
            Length::Unsaid => 0,
            Length::Is(length) => length,
            Length::Malformed => return Framed::Malformed,
        };
        let whole = head.len().saturating_add(length);
        let body = rest.get(..length);
        if body.is_none() && whole <= LONGEST && wants(&message) {
            self.whole = Some(whole);
            // All of them have been looked at, and there is an end of the head to be found again.
            self.looked = 0;
            return Framed::Part;
        }
        *self = Self::default();
        let body = body.filter(|_| whole <= LONGEST).unwrap_or_default();
        Framed::Message(Message::new(head, body), whole)
    }
}
