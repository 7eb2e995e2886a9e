//! What the definitions are written with: parts of a message that are decoded, since what follows could not be found
//! otherwise, and forgotten at once.
//!
//! Passing over takes no memory, however long a list is or claims to be: [`Passed`] and [`Octets`] have no size, so that
//! neither has a `Vec` of them, and of what is wanted [`First`] keeps so many elements and no more.

use core::marker::PhantomData;

use arrayvec::ArrayVec;
use rasn::types::{Constraints, Tag, TagTree};
use rasn::{AsnType, Decode, Decoder};

/// A value that is of no interest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed<T>(PhantomData<T>);

impl<T: AsnType> AsnType for Passed<T> {
    const TAG: Tag = T::TAG;
    const TAG_TREE: TagTree = T::TAG_TREE;
    const CONSTRAINTS: Constraints = T::CONSTRAINTS;
    const IS_CHOICE: bool = T::IS_CHOICE;
}

impl<T: Decode> Decode for Passed<T> {
    fn decode<D: Decoder>(decoder: &mut D) -> Result<Self, D::Error> {
        T::decode(decoder).map(|_| Self(PhantomData))
    }

    fn decode_with_tag<D: Decoder>(decoder: &mut D, tag: Tag) -> Result<Self, D::Error> {
        T::decode_with_tag(decoder, tag).map(|_| Self(PhantomData))
    }

    fn decode_with_constraints<D: Decoder>(
        decoder: &mut D,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        T::decode_with_constraints(decoder, constraints).map(|_| Self(PhantomData))
    }

    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        T::decode_with_tag_and_constraints(decoder, tag, constraints).map(|_| Self(PhantomData))
    }
}

/// An OCTET STRING that is of no interest; and an OBJECT IDENTIFIER, which is encoded alike (X.691 §24).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Octets;

impl From<&[u8]> for Octets {
    fn from(_: &[u8]) -> Self {
        Self
    }
}

impl From<Vec<u8>> for Octets {
    fn from(_: Vec<u8>) -> Self {
        Self
    }
}

impl AsnType for Octets {
    const TAG: Tag = Tag::OCTET_STRING;
}

impl Decode for Octets {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        decoder.decode_octet_string(tag, constraints)
    }
}

/// An OCTET STRING that holds an encoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded(pub(crate) Box<[u8]>);

impl From<&[u8]> for Encoded {
    fn from(octets: &[u8]) -> Self {
        Self(octets.into())
    }
}

impl From<Vec<u8>> for Encoded {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }
}

impl AsnType for Encoded {
    const TAG: Tag = Tag::OCTET_STRING;
}

impl Decode for Encoded {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        decoder.decode_octet_string(tag, constraints)
    }
}

/// The first elements of a list without bounds, of which all are decoded.
///
/// A `Vec` would be given room for as many elements as the list claims to have before one is decoded: 160 octets for each
/// octet of a message.
#[derive(Debug)]
pub(crate) struct First<T, const N: usize> {
    pub(crate) elements: ArrayVec<T, N>,
    /// There are more than are kept.
    pub(crate) more: bool,
}

impl<T, const N: usize> Default for First<T, N> {
    fn default() -> Self {
        Self { elements: ArrayVec::new(), more: false }
    }
}

impl<T, const N: usize> AsnType for First<T, N> {
    const TAG: Tag = Tag::SEQUENCE;
}

impl<T: Decode, const N: usize> Decode for First<T, N> {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        // The count stands before the elements, as an unconstrained length (X.691 §11.9.3.5-7): in one octet, or in two, the
        // first of which has its highest bit set. More elements come in fragments, and none that is wanted has so many.
        let count = match u8::decode(decoder)? {
            count @ 0..0x80 => u16::from(count),
            high @ 0x80..0xc0 => u16::from_be_bytes([high & 0x3f, u8::decode(decoder)?]),
            0xc0.. => return Err(rasn::de::Error::custom("in fragments", decoder.codec())),
        };
        let mut first = Self::default();
        for _ in 0..count {
            let element = T::decode(decoder)?;
            first.more |= first.elements.try_push(element).is_err();
        }
        Ok(first)
    }
}

/// All of an extension addition, whatever it is. It stands for itself (an open type, X.691 §19.9, §23.8), so its end is
/// known without its definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opaque;

impl AsnType for Opaque {
    const TAG: Tag = Tag::NULL;
}

impl Decode for Opaque {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        // A decoder of an open type ends with it, and does not tell its length.
        while decoder.decode_bool(Tag::BOOL).is_ok() {}
        Ok(Self)
    }
}

/// So many BOOLEANs in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags<const N: usize>;

impl<const N: usize> AsnType for Flags<N> {
    const TAG: Tag = Tag::BOOL;
}

impl<const N: usize> Decode for Flags<N> {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        for _ in 0..N {
            decoder.decode_bool(tag)?;
        }
        Ok(Self)
    }
}

/// The number of a request or channel, with which some messages begin of which no more is wanted. `N` bits stand before
/// it: the mark of additions, and one for each optional field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbered<const N: usize>(pub(crate) u16);

#[derive(AsnType, Decode)]
#[rasn(delegate, value("1..=65535"))]
struct Number(u16);

impl<const N: usize> AsnType for Numbered<N> {
    const TAG: Tag = Tag::SEQUENCE;
}

impl<const N: usize> Decode for Numbered<N> {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        Flags::<N>::decode(decoder)?;
        Number::decode(decoder).map(|Number(number)| Self(number))
    }
}

/// The rest of a message that is not wanted: nothing of it is decoded, nor of what follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest;

impl AsnType for Rest {
    const TAG: Tag = Tag::NULL;
}

impl Decode for Rest {
    fn decode_with_tag_and_constraints<D: Decoder>(
        _: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// What no H.323 system says (H.245 serves others, too), or says so rarely that it is not defined here: a message that
/// holds it is not read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undefined {}

impl AsnType for Undefined {
    const TAG: Tag = Tag::NULL;
}

impl Decode for Undefined {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        Err(rasn::de::Error::custom("not defined here", decoder.codec()))
    }
}

#[cfg(test)]
mod tests {
    use rasn::aper;
    use test_case::test_case;

    use super::*;

    /// Two elements at most.
    type Two = First<Encoded, 2>;

    fn kept(octets: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
        let (Two { elements, more }, rest) = aper::decode_with_remainder(octets).ok()?;
        assert_eq!(rest, b"rest");
        Some((elements.into_iter().map(|it| it.0.into_vec()).collect(), more))
    }

    #[test_case(b"\0rest", &[], false; "none")]
    #[test_case(b"\x02\x01a\0rest", &[b"a", b""], false; "as many as are kept")]
    #[test_case(b"\x03\x01a\0\x01crest", &[b"a", b""], true; "more than are kept")]
    #[test_case(b"\x80\x01\x01arest", &[b"a"], false; "a length of two octets")]
    fn the_first_of_a_list(octets: &[u8], elements: &[&[u8]], more: bool) {
        let elements = elements.iter().map(|it| it.to_vec()).collect();
        assert_eq!(kept(octets), Some((elements, more)));
    }

    #[test_case(b""; "no length")]
    #[test_case(b"\x80"; "half a length")]
    #[test_case(b"\xbf\xff\x01a"; "of 16383 one is there")]
    #[test_case(b"\xc1\x01a"; "in fragments")]
    fn what_is_no_list(octets: &[u8]) {
        assert_eq!(kept(octets), None);
    }

    /// What a list takes is told by its type, so that no message can claim more.
    #[test]
    fn a_list_takes_no_other_memory() {
        assert!(size_of::<Two>() <= 2 * size_of::<Encoded>() + 16);
        assert_eq!(size_of::<First<Octets, 2>>(), 8);
    }
}
