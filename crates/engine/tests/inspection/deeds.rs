//! Deeds as properties want them: how often which, and mostly as it should be.

use std::time::Duration;

use proptest::prelude::*;

use crate::traffic::{CONVERSATIONS, Deed, What};

/// Deeds with all their variety.
pub(crate) fn deeds(most: usize) -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec(deed(), 0..most)
}

/// What control conversations say and what comes of it, mostly within the time in which it may.
pub(crate) fn talks(most: usize) -> impl Strategy<Value = Vec<Deed>> {
    let what = prop_oneof![
        3 => Just(What::Handshake),
        6 => Just(What::Segment),
        4 => Just(What::Datagram),
        5 => Just(What::Announced),
        1 => Just(What::Error),
        1 => Just(What::Fragments),
    ];
    let wait = prop_oneof![
        8 => (0..500_u64).prop_map(Duration::from_millis),
        1 => (0..200_u64).prop_map(Duration::from_secs),
    ];
    let change = prop::option::weighted(0.03, (0..120_usize, 1..=255_u8));
    let astray = prop::bool::weighted(0.02);
    // The first two are segments with words that announce, as they should be, and first packets of what is announced.
    let variant = prop_oneof![2 => Just(1), 2 => Just(2), 3 => any::<u8>()];
    let conversation = prop_oneof![3 => Just(8), 3 => 9..CONVERSATIONS];
    let talk = (what, conversation, any::<bool>(), variant, change, astray, wait);
    let talk = talk.prop_map(|(what, conversation, responder, variant, change, astray, wait)| {
        Deed { what, conversation, responder, variant, change, astray, wait }
    });
    prop::collection::vec(talk, most / 2..most)
}

fn deed() -> impl Strategy<Value = Deed> {
    let what = prop_oneof![
        2 => Just(What::Handshake),
        6 => Just(What::Segment),
        3 => Just(What::Datagram),
        2 => Just(What::Query),
        2 => Just(What::Error),
        2 => Just(What::Fragments),
        1 => Just(What::Association),
        1 => Just(What::Announced),
        1 => Just(What::Other),
    ];
    let wait = prop_oneof![
        6 => (0..100_u64).prop_map(Duration::from_millis),
        2 => (0..40_u64).prop_map(Duration::from_secs),
        1 => (0..5000_u64).prop_map(Duration::from_secs),
    ];
    let change = prop::option::weighted(0.1, (0..120_usize, 1..=255_u8));
    let astray = prop::bool::weighted(0.03);
    // The last are control conversations.
    let conversation = prop_oneof![6 => 0..8_usize, 1 => 8..CONVERSATIONS];
    (what, conversation, any::<bool>(), any::<u8>(), change, astray, wait).prop_map(
        |(what, conversation, responder, variant, change, astray, wait)| Deed {
            what,
            conversation,
            responder,
            variant,
            change,
            astray,
            wait,
        },
    )
}
