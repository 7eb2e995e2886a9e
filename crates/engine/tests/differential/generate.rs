//! Conversations made up from a seed. Nothing here knows a verdict: hosts go on as if all that is not lost arrives.

mod datagrams;
mod endpoint;
mod errors;
mod tcp;

pub(crate) use tcp::ORDERLY;

use crate::conversation::Conversation;
use crate::random::Random;

/// The conversation of a seed with this number.
pub(crate) fn conversation(seed: u64, number: u64) -> Conversation {
    let mut random = Random::new(seed, number);
    let v6 = random.chance(30);
    match random.below(100) {
        0..=34 => tcp::orderly(&mut random, number, v6),
        35..=74 => tcp::hostile(&mut random, number, v6),
        75..=81 => tcp::odd_start(&mut random, number, v6),
        82..=87 => datagrams::udp(&mut random, number, v6),
        88..=92 => datagrams::echo(&mut random, number, v6),
        _ => datagrams::fragments(&mut random, number, v6),
    }
}
