//! The logical channels of one call: what H.245 opens, on a connection of its own, in call signalling (a tunnel), or
//! all at once with the call (fast start).
//!
//! A channel goes from the one who opens it to the other. Its opener names where reports on it come (RTCP), the
//! acknowledgement names where its media go, and the reports of their sender. A fast start proposes channels both ways:
//! those to the caller with the place where it receives their media.

use core::net::IpAddr;
use core::time::Duration;

use arrayvec::ArrayVec;
use session::Direction;

use super::places::{Place, TCP, controlled, permitted};
use super::syntax::h245::{
    ForwardMultiplex, ForwardMultiplexAck, NetworkAddress, OpenLogicalChannel,
    OpenLogicalChannelAck, ReverseMultiplex, ReverseMultiplexAck, SeparateStack, TransportAddress,
};
use crate::media::{RINGING, UDP};
use crate::{Announcement, Notes, Remark};

/// Channels that wait for their acknowledgement; of more, the oldest is forgotten.
const CHANNELS: usize = 16;
/// Places that one message of a channel names: of media and reports, forward and back, and one of T.120.
const PLACES: usize = 5;
/// Places of one side that are remembered in case that the host turns out from which media come.
const REMEMBERED: usize = 6;
/// Places that wait for the other side's consent; of more, the oldest is forgotten.
const WAITING: usize = 10;
/// Media may have to wait until the called party answers.
const PATIENCE: Option<Duration> = Some(RINGING);

/// An IP protocol number, and where what speaks it goes.
type Wanted = (u8, Place);

/// Which channel: one of a fast start has no number that the other side would repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Numbered(u16),
    Proposed,
}

/// A place that is to be expected once the other side agrees to the channel.
#[derive(Clone, Debug)]
struct Waiting {
    by: Direction,
    channel: Channel,
    wanted: Wanted,
}

/// What one side receives.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Where, if it is not the host that speaks for it.
    host: Option<IpAddr>,
    places: Vec<Wanted>,
}

/// The channels of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels {
    /// The group of what they announce.
    group: u32,
    /// Who has opened which.
    opened: ArrayVec<(Direction, Channel), CHANNELS>,
    /// Empty unless the reading is strict.
    waiting: Vec<Waiting>,
    sides: [Side; 2],
}

impl Channels {
    /// Octets of the channels of one call at most.
    pub(super) const MOST: usize =
        size_of::<Self>() + WAITING * size_of::<Waiting>() + 2 * REMEMBERED * size_of::<Wanted>();

    /// None yet, of a call whose announcements are of this group.
    pub(super) fn of(group: u32) -> Self {
        Self { group, ..Self::default() }
    }

    /// The side that speaks in direction `from` opens or proposes a channel.
    pub(super) fn open(
        &mut self,
        from: Direction,
        channel: Channel,
        opening: &OpenLogicalChannel,
        notes: &mut Notes<'_>,
    ) {
        let places = places_of(opening, from, notes);
        if !self.opened.contains(&(from, channel)) {
            if self.opened.is_full() {
                let forgotten = self.opened.remove(0);
                self.waiting.retain(|waiting| (waiting.by, waiting.channel) != forgotten);
            }
            self.opened.push((from, channel));
        }
        if !notes.options.strict {
            return self.announce(from, &places, notes);
        }
        for wanted in places {
            let known = |it: &Waiting| (it.by, it.channel, it.wanted) == (from, channel, wanted);
            if self.waiting.iter().any(known) {
                continue;
            }
            if self.waiting.len() == WAITING {
                self.waiting.remove(0);
            }
            self.waiting.push(Waiting { by: from, channel, wanted });
        }
    }

    /// The side that speaks in direction `from` accepts channels of a fast start, by one of its own for each.
    pub(super) fn accept(
        &mut self,
        from: Direction,
        accepted: &OpenLogicalChannel,
        notes: &mut Notes<'_>,
    ) {
        let proposed = (from.reversed(), Channel::Proposed);
        if !self.opened.contains(&proposed) {
            return notes.remark(Remark::Unasked);
        }
        self.agree(proposed, notes);
        let places = places_of(accepted, from, notes);
        self.announce(from, &places, notes);
    }

    /// The side that speaks in direction `from` acknowledges a channel of the other.
    pub(super) fn acknowledge(
        &mut self,
        from: Direction,
        acknowledgement: &OpenLogicalChannelAck,
        notes: &mut Notes<'_>,
    ) {
        let meant = (from.reversed(), Channel::Numbered(acknowledgement.number));
        let Some(at) = self.opened.iter().position(|opened| *opened == meant) else {
            return notes.remark(Remark::Unasked);
        };
        self.opened.remove(at);
        self.agree(meant, notes);
        let places = acknowledged_places(acknowledgement, from, notes);
        self.announce(from, &places, notes);
    }

    /// Expects what has waited for the other side's consent.
    fn agree(&mut self, opened: (Direction, Channel), notes: &mut Notes<'_>) {
        let mut agreed = ArrayVec::<_, WAITING>::new();
        self.waiting.retain(|waiting| {
            let meant = (waiting.by, waiting.channel) == opened;
            if meant {
                agreed.push(waiting.wanted);
            }
            !meant
        });
        self.announce(opened.0, &agreed, notes);
    }

    /// Expects what comes to a side from the other one's host.
    ///
    /// Where the rule allows third parties that host may be another than the one that speaks for it, and is known when it
    /// has named a place of its own: what was announced with the wrong source is announced again.
    fn announce(&mut self, from: Direction, places: &[Wanted], notes: &mut Notes<'_>) {
        for &wanted in places {
            let host = wanted.1.0;
            let speaker = notes.peers.speaker(from).0;
            let side = &mut self.sides[from.index()];
            let moved = side.host.unwrap_or(speaker) != host;
            if moved {
                side.host = Some(host);
            }
            if notes.options.third_party && !side.places.contains(&wanted) {
                if side.places.len() == REMEMBERED {
                    side.places.remove(0);
                }
                side.places.push(wanted);
            }
            self.expect(from, wanted, notes);
            if moved {
                for &wanted in &self.sides[from.reversed().index()].places {
                    self.expect(from.reversed(), wanted, notes);
                }
            }
        }
    }

    fn expect(&self, to: Direction, (protocol, place): Wanted, notes: &mut Notes<'_>) {
        let sender = self.sides[to.reversed().index()].host;
        let source = sender.unwrap_or(notes.peers.listener(to).0);
        if source == place.0 {
            return;
        }
        let announcement = Announcement {
            lifetime: PATIENCE,
            group: self.group,
            ..Announcement::once(protocol, to.reversed(), source, place)
        };
        // Alternatives of a fast start share their places.
        if !notes.announcements().contains(&announcement) {
            notes.expect(announcement);
        }
    }
}

/// The places that an opening names.
fn places_of(
    opening: &OpenLogicalChannel,
    from: Direction,
    notes: &mut Notes<'_>,
) -> ArrayVec<Wanted, PLACES> {
    let OpenLogicalChannel { forward, reverse, separate_stack, .. } = opening;
    let forward = match &forward.multiplex {
        ForwardMultiplex::Rtp(rtp) => Some(rtp),
        ForwardMultiplex::H222(never)
        | ForwardMultiplex::H223(never)
        | ForwardMultiplex::V76(never) => match *never {},
        ForwardMultiplex::None(_) => None,
    };
    let reverse = match reverse.as_ref().and_then(|reverse| reverse.multiplex.as_ref()) {
        Some(ReverseMultiplex::Rtp(rtp)) => Some(rtp),
        Some(ReverseMultiplex::H223(never) | ReverseMultiplex::V76(never)) => match *never {},
        None => None,
    };
    let addresses = [forward, reverse].into_iter().flatten();
    let addresses = addresses.flat_map(|rtp| [rtp.media.as_ref(), rtp.media_control.as_ref()]);
    wanted(addresses, separate_stack.as_ref(), from, notes)
}

/// The places that an acknowledgement names.
fn acknowledged_places(
    acknowledgement: &OpenLogicalChannelAck,
    from: Direction,
    notes: &mut Notes<'_>,
) -> ArrayVec<Wanted, PLACES> {
    let OpenLogicalChannelAck { reverse, separate_stack, forward, .. } = acknowledgement;
    let forward = forward.as_ref().map(|ForwardMultiplexAck::Rtp(rtp)| rtp);
    let reverse = match reverse.as_ref().and_then(|reverse| reverse.multiplex.as_ref()) {
        Some(ReverseMultiplexAck::Rtp(rtp)) => Some(rtp),
        Some(ReverseMultiplexAck::H222(never)) => match *never {},
        None => None,
    };
    let addresses = [
        forward.and_then(|rtp| rtp.media.as_ref()),
        forward.and_then(|rtp| rtp.media_control.as_ref()),
        reverse.and_then(|rtp| rtp.media.as_ref()),
        reverse.and_then(|rtp| rtp.media_control.as_ref()),
    ];
    wanted(addresses, separate_stack.as_ref(), from, notes)
}

fn wanted<'a>(
    media: impl IntoIterator<Item = Option<&'a TransportAddress>>,
    separate: Option<&'a SeparateStack>,
    from: Direction,
    notes: &mut Notes<'_>,
) -> ArrayVec<Wanted, PLACES> {
    let separate = separate.and_then(|stack| match &stack.address {
        NetworkAddress::LocalArea(address) => Some(address),
        NetworkAddress::E164(_) => None,
        NetworkAddress::Q2931(never) => match *never {},
    });
    let media = media.into_iter().flatten().map(|address| (UDP, address));
    let mut wanted = ArrayVec::new();
    for (protocol, address) in media.chain(separate.map(|address| (TCP, address))) {
        let place = controlled(address);
        if let Some(place) = place.and_then(|it| permitted(it, from, Remark::ThirdParty, notes))
            && !wanted.contains(&(protocol, place))
        {
            wanted.push((protocol, place));
        }
    }
    wanted
}
