//! PPTP (RFC 2637): a call on the control connection announces its tunnel, GRE between the two peers.
//!
//! A call is agreed on when the reply to its request says that it is connected: Outgoing-Call-Reply (§2.8) or
//! Incoming-Call-Reply (§2.10). Either end may send the first packet of the tunnel. GRE carries no ports:
//! its packets carry the number that their receiver gave to the call (§4.1), and that is announced in the place of a
//! port.
//!
//! A tunnel that was announced and not begun is taken back when its call ends. The end that carries the call (PAC) says so
//! in Call-Disconnect-Notify (§2.13), the other (PNS) asks for it in Call-Clear-Request (§2.12), each by the number that it
//! gave the call itself. Stop-Control-Connection-Request (§2.3) ends all calls, and the reading once it is agreed to.

use arrayvec::ArrayVec;
use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::{Announcement, Notes, Remark};

const GRE: u8 = 47;
/// Stands in every message, so that an end that has lost its place sees it (§1.4).
const MAGIC: u32 = 0x1a2b_3c4d;
/// Of length, kind, magic, control message's type and a reserved field.
const HEADER: usize = 12;
/// Control messages are of kind 1; kind 2 was left for management.
const CONTROL: u16 = 1;
/// The longest is Incoming-Call-Request with 220 octets (§2.9); there is room for none to come.
const LONGEST: usize = 512;
/// Calls that wait for their reply, and calls that are agreed on; of more, the oldest is forgotten.
const CALLS: usize = 16;

const STOP_REQUEST: u16 = 3;
const STOP_REPLY: u16 = 4;
const OUTGOING_REQUEST: u16 = 7;
const OUTGOING_REPLY: u16 = 8;
const INCOMING_REQUEST: u16 = 9;
const INCOMING_REPLY: u16 = 10;
const CLEAR_REQUEST: u16 = 12;
const DISCONNECT_NOTIFY: u16 = 13;
/// Result code of a reply to a call's request.
const CONNECTED: u8 = 1;
/// Result code of a reply to Stop-Control-Connection-Request.
const STOPPED: u8 = 1;

/// A PPTP control connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pptp {
    asked: ArrayVec<Asked, CALLS>,
    /// Calls that are agreed on, the one agreed on last last.
    calls: ArrayVec<Call, CALLS>,
    /// The group of the call that was agreed on last.
    group: u32,
    /// Who has asked for the end of the conversation.
    stopping: Option<Direction>,
}

/// A call that both sides have agreed on.
#[derive(Clone, Debug)]
struct Call {
    group: u32,
    /// The side of the PNS: it asks for outgoing calls and is asked for incoming ones (§2.7, §2.9).
    pns: Direction,
    /// The number that each side gave it, by the direction in which the side speaks.
    numbers: [u16; 2],
}

/// A call that one side has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    /// The type of its request.
    request: u16,
    /// Who has asked.
    by: Direction,
    /// The number that the asking side gave it.
    call: u16,
}

impl Dialogue for Pptp {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let mut read = 0;
        loop {
            let rest = octets.get(read..).unwrap_or_default();
            let Some(header) = rest.first_chunk::<HEADER>() else { return Progress::Read(read) };
            let [length, kind] = [0, 2].map(|at| u16::from_be_bytes([header[at], header[at + 1]]));
            let magic = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            let kind_of_control = u16::from_be_bytes([header[8], header[9]]);
            let length = usize::from(length);
            if magic != MAGIC || !(HEADER..=LONGEST).contains(&length) {
                notes.remark(Remark::Malformed);
                return Progress::Stop;
            }
            let Some(message) = rest.get(HEADER..length) else { return Progress::Read(read) };
            read += length;
            if kind != CONTROL {
                continue;
            }
            match kind_of_control {
                OUTGOING_REQUEST | INCOMING_REQUEST | OUTGOING_REPLY | INCOMING_REPLY => {
                    self.call(from, kind_of_control, message, notes);
                }
                CLEAR_REQUEST | DISCONNECT_NOTIFY => {
                    self.end(from, kind_of_control, message, notes);
                }
                STOP_REQUEST => {
                    self.stopping = Some(from);
                    self.asked.clear();
                    self.calls.drain(..).for_each(|call| notes.withdraw(call.group));
                }
                STOP_REPLY if self.stopping != Some(from.reversed()) => {
                    notes.remark(Remark::Unasked);
                }
                STOP_REPLY if message.first() == Some(&STOPPED) => return Progress::Stop,
                STOP_REPLY => self.stopping = None,
                _ => {}
            }
        }
    }
}

impl Pptp {
    /// A call is asked for, or that is answered.
    fn call(&mut self, from: Direction, kind: u16, message: &[u8], notes: &mut Notes<'_>) {
        let request = match kind {
            OUTGOING_REQUEST | INCOMING_REQUEST => {
                let Some(&[high, low]) = message.first_chunk() else {
                    return notes.remark(Remark::Malformed);
                };
                if self.asked.is_full() {
                    self.asked.remove(0);
                }
                let call = u16::from_be_bytes([high, low]);
                self.asked.push(Asked { request: kind, by: from, call });
                return;
            }
            OUTGOING_REPLY => OUTGOING_REQUEST,
            _ => INCOMING_REQUEST,
        };
        // The replier's number of the call, the asker's, result code (§2.8, §2.10).
        let Some(&[own_high, own_low, high, low, result]) = message.first_chunk() else {
            return notes.remark(Remark::Malformed);
        };
        let repliers = u16::from_be_bytes([own_high, own_low]);
        let call = u16::from_be_bytes([high, low]);
        let asked = Asked { request, by: from.reversed(), call };
        let Some(at) = self.asked.iter().position(|waiting| *waiting == asked) else {
            return notes.remark(Remark::Unasked);
        };
        self.asked.remove(at);
        if result != CONNECTED {
            return;
        }
        let mut numbers = [0; 2];
        numbers[from.index()] = repliers;
        numbers[from.reversed().index()] = call;
        let pns = if request == OUTGOING_REQUEST { from.reversed() } else { from };
        self.group = self.group.wrapping_add(1).max(1);
        // A number that is given again is of no older call any more (§2.7).
        self.calls.retain(|older| older.numbers.iter().zip(numbers).all(|(old, new)| *old != new));
        if self.calls.is_full() {
            self.calls.remove(0);
        }
        self.calls.push(Call { group: self.group, pns, numbers });
        for (opener, receivers) in [(from.reversed(), repliers), (from, call)] {
            let source = notes.peers.speaker(opener).0;
            let destination = (notes.peers.listener(opener).0, receivers);
            let group = self.group;
            notes.expect(Announcement {
                group,
                ..Announcement::once(GRE, opener, source, destination)
            });
        }
    }

    /// A side says that the call of its number ends, in the words of its part: those of the PNS or of the PAC. A call that
    /// has not been agreed on yet is asked for no more.
    fn end(&mut self, from: Direction, kind: u16, message: &[u8], notes: &mut Notes<'_>) {
        let Some(&[high, low]) = message.first_chunk() else {
            return notes.remark(Remark::Malformed);
        };
        let number = u16::from_be_bytes([high, low]);
        if kind == CLEAR_REQUEST {
            let aborted = Asked { request: OUTGOING_REQUEST, by: from, call: number };
            self.asked.retain(|waiting| *waiting != aborted);
        }
        let of_number = |call: &Call| call.numbers[from.index()] == number;
        let Some(at) = self.calls.iter().position(of_number) else { return };
        let pns = if kind == CLEAR_REQUEST { from } else { from.reversed() };
        if self.calls[at].pns != pns {
            return notes.remark(Remark::WrongSide);
        }
        notes.withdraw(self.calls.remove(at).group);
    }
}

#[cfg(test)]
mod tests;
