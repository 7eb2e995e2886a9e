//! What the definitions are written with: parts of a message that are decoded, since what follows could not be found
//! otherwise, and forgotten at once.
//!
//! None of them takes memory, however long a list of them a message holds: [`Passed`] and [`Octets`] have no size, so
//! that neither has a `Vec` of them.

use core::marker::PhantomData;

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
