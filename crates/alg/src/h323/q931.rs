//! Q.931 as H.225.0 §7 has it: a header, and information elements of which one bears all that matters.

/// Protocol discriminator of call control.
const CALL_CONTROL: u8 = 0x08;
/// User-user, whose length takes two octets here (H.225.0 §7.2.2.31).
const USER_USER: u8 = 0x7e;
/// Its contents are ASN.1.
const ASN1: u8 = 0x05;
/// An element of one octet.
const SINGLE: u8 = 0x80;
/// In the call reference: it comes from the side that was called.
const FROM_CALLED: u16 = 0x8000;

/// A message of call control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The number of the call, given by the side that makes it.
    pub(super) reference: u16,
    /// The side that was called says it.
    pub(super) from_called: bool,
    /// H323-UserInformation, if there is any.
    pub(super) user: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Reads one; `None` if it is none, or an element is longer than what is left.
    pub(super) fn of(octets: &'a [u8]) -> Option<Self> {
        // The reference takes two octets (H.225.0 §7.2.1).
        let (&[CALL_CONTROL, 2, high, low, _], mut rest) = octets.split_first_chunk()? else {
            return None;
        };
        let reference = u16::from_be_bytes([high, low]);
        let mut user = None;
        while let Some((&identifier, after)) = rest.split_first() {
            if identifier & SINGLE != 0 {
                rest = after;
                continue;
            }
            let (length, after) = if identifier == USER_USER {
                let (length, after) = after.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), after)
            } else {
                let (length, after) = after.split_first()?;
                (usize::from(*length), after)
            };
            let (contents, after) = after.split_at_checked(length)?;
            if identifier == USER_USER
                && let Some((&ASN1, contents)) = contents.split_first()
            {
                // Two would let two readers see two different messages.
                if user.replace(contents).is_some() {
                    return None;
                }
            }
            rest = after;
        }
        let from_called = reference & FROM_CALLED != 0;
        Some(Self { reference: reference & !FROM_CALLED, from_called, user })
    }
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(b"\x08\x02\x12\x67\x05", 0x1267, false, None; "nothing but a header")]
    #[test_case(b"\x08\x02\x92\x67\x07\x28\x02ab\x7e\0\x03\x05cd", 0x1267, true, Some(b"cd"); "behind another")]
    #[test_case(b"\x08\x02\0\x01\x05\xa1\x7e\0\x02\x05c", 1, false, Some(b"c"); "behind one of one octet")]
    #[test_case(b"\x08\x02\0\x01\x05\x7e\0\x02\x04c", 1, false, None; "not in asn1")]
    #[test_case(b"\x08\x02\0\x01\x05\x7e\0\0", 1, false, None; "empty")]
    fn messages(octets: &[u8], reference: u16, from_called: bool, user: Option<&[u8]>) {
        assert_eq!(Message::of(octets), Some(Message { reference, from_called, user }));
    }

    #[test_case(b""; "nothing")]
    #[test_case(b"\x08\x02\0\x01"; "a part of a header")]
    #[test_case(b"\x03\x02\0\x01\x05"; "another protocol")]
    #[test_case(b"\x08\x01\x01\x05\x05"; "a short reference")]
    #[test_case(b"\x08\x02\0\x01\x05\x28"; "no length")]
    #[test_case(b"\x08\x02\0\x01\x05\x7e\0"; "half a length")]
    #[test_case(b"\x08\x02\0\x01\x05\x28\x03ab"; "too long")]
    #[test_case(b"\x08\x02\0\x01\x05\x7e\0\x02\x05c\x7e\0\x02\x05c"; "twice")]
    fn what_is_none(octets: &[u8]) {
        assert_eq!(Message::of(octets), None);
    }
}
