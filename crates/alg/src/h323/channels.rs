//! The logical channels of one call: what H.245 opens, on a connection of its own, in call signalling (a tunnel), or
//! all at once with the call (fast start).
//!
//! A channel goes from the one who opens it to the other. Its opener names where reports on it come (RTCP), the
//! acknowledgement names where its media go, and the reports of their sender. A fast start proposes channels both ways:
//! those to the caller with the place where it receives their media.

use core::net::IpAddr;
use core::ops::RangeInclusive;
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

/// Channels of one call that are remembered; of more, the oldest is forgotten.
const CHANNELS: usize = 16;
/// Ports that they have named, the latest of them.
const NAMED: usize = 24;
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

/// A channel, and how far it has come.
#[derive(Clone, Copy, Debug)]
struct Opened {
    by: Direction,
    channel: Channel,
    /// Which of the call's groups its announcements are of.
    part: u16,
    agreed: bool,
}

/// A place that is to be expected once the other side agrees to the channel.
#[derive(Clone, Debug)]
struct Waiting {
    part: u16,
    wanted: Wanted,
}

/// What one side receives.
#[derive(Clone, Debug, Default)]
struct Side {
    /// Where, if it is not the host that speaks for it.
    host: Option<IpAddr>,
    places: Vec<Wanted>,
}

/// A port of one side that an open channel has named: two of one session share that of their reports.
#[derive(Clone, Copy, Debug)]
struct Named {
    by: Direction,
    port: u16,
    part: u16,
}

/// The channels of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels {
    /// The first of its groups: that of what belongs to the whole call.
    first: u32,
    /// What the last channel was given for its group.
    part: u16,
    opened: ArrayVec<Opened, CHANNELS>,
    /// The latest.
    named: ArrayVec<Named, NAMED>,
    /// Empty unless the reading is strict.
    waiting: Vec<Waiting>,
    sides: [Side; 2],
}

/// Groups of one call, each channel having one of its own.
const PARTS: u16 = 1 << 15;
/// What belongs to no channel alone.
const WHOLE_CALL: u16 = 0;

impl Channels {
    /// Octets of the channels of one call at most.
    pub(super) const MOST: usize =
        size_of::<Self>() + WAITING * size_of::<Waiting>() + 2 * REMEMBERED * size_of::<Wanted>();

    /// None yet. What they announce is of this group, which is that of the whole call, or of one of the 32,767 behind it.
    pub(super) fn of(first: u32) -> Self {
        Self { first, ..Self::default() }
    }

    /// The groups of a call of which this is the first.
    pub(super) fn groups(first: u32) -> RangeInclusive<u32> {
        first..=first + u32::from(PARTS - 1)
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
        let part = match self.find(from, channel) {
            Some(opened) => {
                opened.agreed = false;
                opened.part
            }
            None => self.enter(from, channel),
        };
        if !notes.options.strict {
            return self.announce(from, part, &places, notes);
        }
        for wanted in places {
            if self.waiting.iter().any(|it| (it.part, it.wanted) == (part, wanted)) {
                continue;
            }
            if self.waiting.len() == WAITING {
                self.waiting.remove(0);
            }
            self.waiting.push(Waiting { part, wanted });
        }
    }

    /// The side that speaks in direction `from` accepts channels of a fast start, by one of its own for each.
    pub(super) fn accept(
        &mut self,
        from: Direction,
        accepted: &OpenLogicalChannel,
        notes: &mut Notes<'_>,
    ) {
        let Some(proposed) = self.find(from.reversed(), Channel::Proposed) else {
            return notes.remark(Remark::Unasked);
        };
        proposed.agreed = true;
        let part = proposed.part;
        self.agree(from.reversed(), part, notes);
        let places = places_of(accepted, from, notes);
        self.announce(from, part, &places, notes);
    }

    /// The side that speaks in direction `from` answers the call: a fast start of which it has accepted nothing by then is
    /// refused (H.323 §8.1.7.1).
    pub(super) fn answered(&mut self, from: Direction, notes: &mut Notes<'_>) {
        let proposed = self.find(from.reversed(), Channel::Proposed);
        if let Some(Opened { part, agreed: false, .. }) = proposed.copied() {
            self.forget(part, notes);
        }
    }

    /// The side that speaks in direction `from` acknowledges a channel of the other.
    pub(super) fn acknowledge(
        &mut self,
        from: Direction,
        acknowledgement: &OpenLogicalChannelAck,
        notes: &mut Notes<'_>,
    ) {
        let meant = self.find(from.reversed(), Channel::Numbered(acknowledgement.number));
        let Some(opened) = meant.filter(|opened| !opened.agreed) else {
            return notes.remark(Remark::Unasked);
        };
        opened.agreed = true;
        let part = opened.part;
        self.agree(from.reversed(), part, notes);
        let places = acknowledged_places(acknowledgement, from, notes);
        self.announce(from, part, &places, notes);
    }

    /// A channel that the side that speaks in direction `by` has opened closes, or is refused.
    pub(super) fn close(&mut self, by: Direction, number: u16, notes: &mut Notes<'_>) {
        if let Some(&mut Opened { part, .. }) = self.find(by, Channel::Numbered(number)) {
            self.forget(part, notes);
        }
    }

    /// All channels close, and the call is over.
    pub(super) fn end(&mut self, notes: &mut Notes<'_>) {
        notes.withdraw_all(Self::groups(self.first));
        *self = Self::of(self.first);
    }

    fn find(&mut self, by: Direction, channel: Channel) -> Option<&mut Opened> {
        self.opened.iter_mut().find(|it| it.by == by && it.channel == channel)
    }

    /// Remembers a channel. Of one that is forgotten what is announced stands.
    fn enter(&mut self, by: Direction, channel: Channel) -> u16 {
        if self.opened.is_full() {
            let forgotten = self.opened.remove(0).part;
            self.waiting.retain(|waiting| waiting.part != forgotten);
        }
        self.part = self.part % (PARTS - 1) + 1;
        self.opened.push(Opened { by, channel, part: self.part, agreed: false });
        self.part
    }

    /// Takes back what a channel alone has announced.
    fn forget(&mut self, part: u16, notes: &mut Notes<'_>) {
        self.opened.retain(|opened| opened.part != part);
        self.named.retain(|named| named.part != part);
        self.waiting.retain(|waiting| waiting.part != part);
        notes.withdraw(self.first + u32::from(part));
    }

    /// Expects what has waited for the other side's consent.
    fn agree(&mut self, by: Direction, part: u16, notes: &mut Notes<'_>) {
        let mut agreed = ArrayVec::<_, WAITING>::new();
        self.waiting.retain(|waiting| {
            let meant = waiting.part == part;
            if meant {
                agreed.push(waiting.wanted);
            }
            !meant
        });
        self.announce(by, part, &agreed, notes);
    }

    /// Expects what comes to a side from the other one's host.
    ///
    /// Where the rule allows third parties that host may be another than the one that speaks for it, and is known when it
    /// has named a place of its own: what was announced with the wrong source is announced again.
    fn announce(&mut self, from: Direction, part: u16, places: &[Wanted], notes: &mut Notes<'_>) {
        for &wanted in places {
            let (host, port) = wanted.1;
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
            let part = self.name(Named { by: from, port, part });
            self.expect(from, part, wanted, notes);
            if moved {
                for &wanted in &self.sides[from.reversed().index()].places {
                    self.expect(from.reversed(), WHOLE_CALL, wanted, notes);
                }
            }
        }
    }

    /// Of which part a place is: of its channel, or of the whole call if another that is open has named it, too.
    fn name(&mut self, place: Named) -> u16 {
        let of_it = |it: &Named| (it.by, it.port) == (place.by, place.port);
        let shared = self.named.iter().any(|it| of_it(it) && it.part != place.part);
        if !self.named.iter().any(|it| of_it(it) && it.part == place.part) {
            if self.named.is_full() {
                self.named.remove(0);
            }
            self.named.push(place);
        }
        if shared { WHOLE_CALL } else { place.part }
    }

    fn expect(&self, to: Direction, part: u16, (protocol, place): Wanted, notes: &mut Notes<'_>) {
        let sender = self.sides[to.reversed().index()].host;
        let source = sender.unwrap_or(notes.peers.listener(to).0);
        if source == place.0 {
            return;
        }
        let announcement = Announcement {
            lifetime: PATIENCE,
            group: self.first + u32::from(part),
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
