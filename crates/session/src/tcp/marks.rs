//! What a TCP session remembers beside its peers and its state, in two octets.

use core::fmt;

use crate::{Direction, Time};

/// Small facts about a connection:
///
/// ```text
/// bit  15        10 9      6   5       4      3   2   1   0
///     |  second    | shift  | aside | loose | RST r,o | FIN r,o |
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks(u16);

const FIN: u16 = 1;
const RST: u16 = 1 << 2;
const BOTH_RST: u16 = RST | RST << 1;
const LOOSE: u16 = 1 << 4;
const ASIDE: u16 = 1 << 5;
const SHIFT_AT: u32 = 6;
const SHIFT: u16 = 0xf << SHIFT_AT;
/// In place of a shift count (0 to 14, RFC 7323 §2.3): the SYN offers no scaling.
const NOT_OFFERED: u16 = 0xf;
const SECOND_AT: u32 = 10;
/// Seconds are kept modulo this.
const SECONDS: u64 = 1 << (16 - SECOND_AT);

impl Marks {
    /// The direction's sender has sent its FIN.
    pub(super) fn fin(self, sender: Direction) -> bool {
        self.0 & (FIN << sender.index()) != 0
    }

    pub(super) fn set_fin(&mut self, sender: Direction, sent: bool) {
        self.put(FIN << sender.index(), sent);
    }

    /// An inexact RST was sent in a direction and its receiver has not sent since.
    pub(super) fn unverified_rst(self) -> bool {
        self.0 & BOTH_RST != 0
    }

    pub(super) fn set_unverified_rst(&mut self, sender: Direction) {
        self.put(RST << sender.index(), true);
    }

    /// `sender` sends: it has survived whatever RST was sent to it.
    pub(super) fn clear_unverified_rst_to(&mut self, sender: Direction) {
        self.put(RST << sender.reversed().index(), false);
    }

    /// No FIN was sent, and no inexact RST waits for its receiver.
    #[inline(always)]
    pub(super) fn are_quiet(self) -> bool {
        self.0 & (FIN | FIN << 1 | BOTH_RST) == 0
    }

    /// In SYN_SENT: the connection may go on without a SYN-ACK. Later: it was picked up in the middle.
    pub(super) fn loose(self) -> bool {
        self.0 & LOOSE != 0
    }

    pub(super) fn set_loose(&mut self, loose: bool) {
        self.put(LOOSE, loose);
    }

    /// The number set aside is meaningful.
    pub(super) fn aside(self) -> bool {
        self.0 & ASIDE != 0
    }

    pub(super) fn set_aside(&mut self, set: bool) {
        self.put(ASIDE, set);
    }

    /// The window scale that the initiator's unanswered SYN offers.
    pub(super) fn offered_scale(self) -> Option<u8> {
        let shift = (self.0 & SHIFT) >> SHIFT_AT;
        u8::try_from(shift).ok().filter(|_| shift != NOT_OFFERED)
    }

    pub(super) fn set_offered_scale(&mut self, scale: Option<u8>) {
        let shift = scale.map_or(NOT_OFFERED, u16::from);
        self.0 = self.0 & !SHIFT | (shift << SHIFT_AT) & SHIFT;
    }

    /// Whether the second of the clock that [`Self::set_second`] was told is the one of `now`. One in
    /// 64 later seconds looks the same: then a SYN is refused whose retransmission, a second on, passes.
    pub(super) fn is_second(self, now: Time) -> bool {
        self.0 >> SECOND_AT == second(now)
    }

    pub(super) fn set_second(&mut self, now: Time) {
        self.0 = self.0 & ((1 << SECOND_AT) - 1) | second(now) << SECOND_AT;
    }

    fn put(&mut self, bits: u16, on: bool) {
        if on { self.0 |= bits } else { self.0 &= !bits }
    }
}

fn second(now: Time) -> u16 {
    u16::try_from(now.as_millis() / 1000 % SECONDS).unwrap_or(0)
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |on: bool, name: &'static str| if on { name } else { "" };
        write!(
            f,
            "[{}{}{}{}{}]",
            set(self.fin(Direction::Original), " fin-original"),
            set(self.fin(Direction::Reply), " fin-reply"),
            set(self.unverified_rst(), " rst-unverified"),
            set(self.loose(), " loose"),
            set(self.aside(), " aside"),
        )
    }
}
