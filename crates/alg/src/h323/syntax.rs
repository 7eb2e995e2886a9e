//! The messages of H.323 as they are encoded: ASN.1 in the aligned packed encoding (X.691).
//!
//! Nothing in such an encoding can be passed over whose definition is not known, but for what was added to a type
//! behind its extension marker. So all that was there at first is defined here, as far as it stands before something
//! that is wanted; additions only if they are wanted themselves.
//!
//! No definition holds itself, so the depth of a message is that of its definition, whatever it holds. A message is
//! copied once at most: lists of what is passed over take no memory (`asn1`).
#![expect(dead_code, reason = "what is decoded only since it is in the way is never read")]
#![expect(
    clippy::enum_variant_names,
    reason = "alternatives bear the names of the Recommendations"
)]

pub(super) mod asn1;
pub(super) mod h225;
pub(super) mod h245;
pub(super) mod ras;
