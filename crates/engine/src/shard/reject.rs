//! Answers to rejected packets: a reset, or "administratively prohibited". Limited in rate, so that the box
//! cannot be used to flood whoever's address is forged.

use session::Time;
use session::memory::Memory;
use wire::Transport;

use crate::counters::Counter;
use crate::frame::{Frame, Outbox};

use super::{Core, Packet, Turn};

/// Answers a second, and how many may come at once.
const ANSWERS: u64 = 1000;
const NANOS_PER_ANSWER: u64 = 1_000_000_000 / ANSWERS;
const LONGEST_ANSWER: usize =
    if wire::UNREACHABLE_MAX > wire::RESET_MAX { wire::UNREACHABLE_MAX } else { wire::RESET_MAX };

/// A token bucket: the time at which it would be full again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    full_at: u64,
}

impl Allowance {
    /// Takes a token, if there is one.
    fn take(&mut self, now: Time) -> bool {
        let now = now.as_nanos();
        let full_at = self.full_at.max(now) + NANOS_PER_ANSWER;
        let granted = full_at - now <= ANSWERS * NANOS_PER_ANSWER;
        if granted {
            self.full_at = full_at;
        }
        granted
    }
}

impl<F: Frame, M: Memory> Core<F, M> {
    /// Tells the sender of a rejected packet, if it may be told.
    pub(super) fn answer<O: Outbox<F>>(&mut self, turn: &mut Turn<'_, O>, packet: &Packet<'_>) {
        let mut buffer = [0; LONGEST_ANSWER];
        let written = match packet.descriptor.transport {
            Transport::Tcp(_) => {
                wire::write_tcp_reset(packet.bytes, packet.descriptor, &mut buffer)
            }
            Transport::None
            | Transport::Udp(_)
            | Transport::Icmp(_)
            | Transport::Icmpv6(_)
            | Transport::Sctp(_)
            | Transport::Other => {
                wire::write_unreachable(packet.bytes, packet.descriptor, &mut buffer)
            }
        };
        let Ok(length) = written else {
            return;
        };
        if !self.allowance.take(turn.now) {
            return;
        }
        if let Some(frame) = buffer.get(..length).and_then(|octets| turn.out.make(octets)) {
            self.counters.increment(Counter::Made);
            turn.out.transmit_made(packet.port, frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_answers_then_one_a_millisecond() {
        let mut allowance = Allowance::default();
        let start = Time::from_secs(5);
        let granted = (0..2 * ANSWERS).filter(|_| allowance.take(start)).count();
        assert_eq!(granted as u64, ANSWERS);
        assert!(allowance.take(start + core::time::Duration::from_millis(1)));
        assert!(!allowance.take(start + core::time::Duration::from_millis(1)));
    }
}
