//! The media of one call: what both sides have said where they want to receive, and what follows from it.
//!
//! RTP goes from anywhere at one side to the address and port that the other has announced: so both hosts
//! and the port that it goes to are known, the port that it comes from is not. The host that it comes from
//! is the one where its sender wants to receive, if it has said so, and its control address until then.

use core::hash::{Hash, Hasher};
use core::net::IpAddr;
use core::time::Duration;
use std::hash::DefaultHasher;

use session::Direction;

use crate::sdp::{Description, Medium};
use crate::text::is_one_host;
use crate::{Announcement, Notes, Remark};

/// IP protocol number.
pub(crate) const UDP: u8 = 17;

/// How long media may take to begin while a call is ringing: a proxy waits for more than three minutes
/// (timer C, RFC 3261 §16.6).
pub(crate) const RINGING: Duration = Duration::from_secs(200);

/// Calls of a conversation that are remembered. Of more, the one that has been silent for longest is forgotten: what it has
/// announced stands, and its next description is read as if it were the first.
pub(crate) const MANY: usize = 32;
/// Calls that every conversation may remember, though readers hold as much as they may.
pub(crate) const FEW: usize = 2;
/// Octets of one call that is remembered, at most.
pub(crate) const CALL: usize = 512;

/// Makes room for one more call, by forgetting the first if there are too many, or no more than `room` octets to be had.
/// Whether one has been forgotten.
pub(crate) fn make_room<T>(calls: &mut Vec<T>, room: usize) -> bool {
    const { assert!(size_of::<T>() <= CALL) };
    let forgets = calls.len() >= MANY || (calls.len() >= FEW && room < CALL);
    if forgets {
        calls.remove(0);
    } else {
        calls.reserve_exact(1);
    }
    forgets
}

/// Octets that so many calls hold beyond what every conversation may.
pub(crate) fn held(calls: usize) -> usize {
    calls.saturating_sub(FEW) * CALL
}

/// Ports below are no media's.
const PRIVILEGED: u16 = 1024;

/// What the two sides of a call want to receive. Indexed by the direction in which the side speaks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Media {
    sides: [Description; 2],
}

impl Media {
    /// Whether the side that speaks in this direction has described anything.
    pub(crate) fn is_described(&self, from: Direction) -> bool {
        !self.sides[from.index()].is_empty()
    }

    /// Takes what the side that speaks in direction `from` wants to receive, in place of what it wanted.
    /// Without leave for third parties a medium at another host than the speaker's is none.
    pub(crate) fn describe(
        &mut self,
        from: Direction,
        description: Description,
        notes: &mut Notes<'_>,
    ) {
        let side = &mut self.sides[from.index()];
        *side = description;
        for place in side {
            *place = place.and_then(|medium| permitted(medium, from, notes));
        }
    }

    /// Announces what the side that speaks in direction `from` wants to receive, as of this group.
    pub(crate) fn announce(
        &self,
        from: Direction,
        lifetime: Option<Duration>,
        group: u32,
        notes: &mut Notes<'_>,
    ) {
        let [receiving, sending] = [from, from.reversed()].map(|side| &self.sides[side.index()]);
        let peer = notes.peers.listener(from).0;
        for (place, medium) in receiving.iter().enumerate() {
            let Some(medium) = medium else { continue };
            let sender = sending.get(place).copied().flatten();
            let both_multiplex = medium.multiplexed && sender.is_some_and(|it| it.multiplexed);
            let media = sender.map_or(peer, |sender| sender.media.0);
            let control = sender.and_then(|sender| sender.control).map_or(media, |at| at.0);
            if !medium.silent || both_multiplex || medium.control.is_none() {
                datagrams(from, media, medium.media, (lifetime, group), notes);
            }
            if let Some(at) = medium.control.filter(|_| !both_multiplex) {
                datagrams(from, control, at, (lifetime, group), notes);
            }
        }
    }
}

/// What stands for an identity that is compared octet by octet.
pub(crate) fn hashed(id: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// The same in fewer bits, and never 0: the group of what a call or connection of this identity announces.
pub(crate) fn group(id: u64) -> u32 {
    u32::try_from(id >> 32).unwrap_or(0).max(1)
}

/// A medium as far as it may be expected: at the speaker's own host, or where the rule says so at any that
/// is not its peer.
fn permitted(medium: Medium, from: Direction, notes: &mut Notes<'_>) -> Option<Medium> {
    let [speaker, listener] = [notes.peers.speaker(from).0, notes.peers.listener(from).0];
    let third_party = |host| notes.options.third_party && host != listener && is_one_host(host);
    let hosts = [Some(medium.media.0), medium.control.map(|at| at.0)];
    if hosts.into_iter().flatten().all(|host| host == speaker || third_party(host)) {
        return Some(medium);
    }
    notes.remark(Remark::ThirdParty);
    None
}

/// Expects datagrams from a host to a place at the side that speaks in direction `from`.
fn datagrams(
    from: Direction,
    source: IpAddr,
    (destination, port): (IpAddr, u16),
    (lifetime, group): (Option<Duration>, u32),
    notes: &mut Notes<'_>,
) {
    if port < PRIVILEGED {
        notes.remark(Remark::PrivilegedPort);
        return;
    }
    if source == destination || source.is_ipv4() != destination.is_ipv4() {
        return;
    }
    notes.expect(Announcement {
        lifetime,
        group,
        ..Announcement::once(UDP, from.reversed(), source, (destination, port))
    });
}
