//! Where a worker's shard puts its frames: buffers of a burst in front of ports, of rings, and of the pool.
//!
//! Nothing here waits. What a port or a ring does not take is freed and counted.

use std::sync::Arc;

use dpdk::{BURST, Mbuf, MbufBurst, Mempool, Producer, TxQueue};
use engine::{Event, Handover, Judgement, Outbox, PortIndex, WorkerId};

use crate::board::Tally;
use crate::frame::{MbufFrame, Passage};
use crate::mailbox::Mailbox;
use crate::worker::has_port;

/// How a worker reaches a port.
#[derive(Debug)]
pub(crate) enum Way {
    /// By a transmit queue of its own.
    Own(TxQueue),
    /// Through the worker that has one.
    Through(WorkerId),
    /// Not at all: it was pulled.
    Gone,
}

/// One worker's.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// By port.
    ports: Vec<(Way, Batch)>,
    /// By worker; none to itself.
    rings: Vec<Option<(Producer, Batch)>>,
    /// Frames to be freed.
    waste: MbufBurst,
    pool: Mempool,
    mailbox: Arc<Mailbox>,
    pub(crate) tally: Tally,
    /// Ports by which nothing is to be sent, a bit for each: what is sent to a kernel interface that is down stays
    /// in its ring, and net_af_packet waits for a full ring without end.
    pub(crate) shut: u64,
}

impl Outlet {
    pub(crate) fn new(
        ways: Vec<Way>,
        rings: Vec<Option<Producer>>,
        pool: Mempool,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        let with_batch = |ring: Option<Producer>| ring.map(|ring| (ring, Batch::default()));
        Self {
            ports: ways.into_iter().map(|way| (way, Batch::default())).collect(),
            rings: rings.into_iter().map(with_batch).collect(),
            waste: MbufBurst::new(),
            pool,
            mailbox,
            tally: Tally::default(),
            shut: 0,
        }
    }

    /// Gives back the queues of ports that were pulled. What was to be sent by them is dropped.
    pub(crate) fn retire(&mut self, gone: u64) {
        for ((way, batch), port) in self.ports.iter_mut().zip(0..=u8::MAX) {
            if has_port(gone, PortIndex(port)) {
                count_sent(&mut self.tally, batch.flush(|_| 0));
                *way = Way::Gone;
            }
        }
    }

    /// Sends a frame that is judged, of this worker or of one that has no queue.
    #[inline]
    pub(crate) fn send(&mut self, egress: PortIndex, mut mbuf: Mbuf, made: bool) {
        let through = match self.ports.get_mut(egress.index()) {
            Some((Way::Own(queue), batch)) => {
                if let Err(back) = batch.push(mbuf, made) {
                    let shut = has_port(self.shut, egress);
                    let sent = batch.flush(|burst| if shut { 0 } else { queue.burst(burst) });
                    count_sent(&mut self.tally, sent);
                    // An empty batch has room.
                    drop(batch.push(back, made));
                }
                return;
            }
            Some((Way::Through(worker), _)) => *worker,
            Some((Way::Gone, _)) | None => {
                // Pulled; the start made sure that every port of the policy is here.
                count_sent(&mut self.tally, Flushed::lost(made));
                return;
            }
        };
        mbuf.set_tag(Passage::Send { egress, made }.to_tag());
        self.tally.tx_queue += 1;
        self.pass(through, mbuf, made);
    }

    /// Gives the ports, the rings and the pool what is theirs.
    pub(crate) fn flush(&mut self) {
        let shut = self.shut;
        for ((way, batch), port) in self.ports.iter_mut().zip(0..=u8::MAX) {
            if let Way::Own(queue) = way {
                let shut = has_port(shut, PortIndex(port));
                let sent = batch.flush(|burst| if shut { 0 } else { queue.burst(burst) });
                count_sent(&mut self.tally, sent);
            }
        }
        for (ring, batch) in self.rings.iter_mut().flatten() {
            count_passed(&mut self.tally, batch.flush(|burst| ring.enqueue(burst)));
        }
        self.waste.free_all();
    }

    #[inline]
    fn pass(&mut self, to: WorkerId, mbuf: Mbuf, made: bool) {
        let Some(Some((ring, batch))) = self.rings.get_mut(to.index()) else {
            count_passed(&mut self.tally, Flushed::lost(made));
            return;
        };
        if let Err(back) = batch.push(mbuf, made) {
            count_passed(&mut self.tally, batch.flush(|burst| ring.enqueue(burst)));
            drop(batch.push(back, made));
        }
    }
}

impl Outbox<MbufFrame> for Outlet {
    #[inline]
    fn transmit(&mut self, port: PortIndex, frame: MbufFrame, _: &Judgement) {
        self.send(port, frame.mbuf, false);
    }

    fn transmit_made(&mut self, port: PortIndex, frame: MbufFrame) {
        self.send(port, frame.mbuf, true);
    }

    #[inline]
    fn hand_over(&mut self, to: WorkerId, tag: Handover, frame: MbufFrame) {
        let MbufFrame { mut mbuf, port } = frame;
        mbuf.set_tag(Passage::Judge { tag, ingress: port }.to_tag());
        self.pass(to, mbuf, false);
    }

    #[inline]
    fn discard(&mut self, frame: MbufFrame, _: &Judgement) {
        if let Err(back) = self.waste.push(frame.mbuf) {
            self.waste.free_all();
            drop(self.waste.push(back));
        }
    }

    fn make(&mut self, octets: &[u8]) -> Option<MbufFrame> {
        let mut mbuf = self.pool.alloc()?;
        mbuf.extend_from_slice(octets).ok()?;
        Some(MbufFrame { mbuf, port: PortIndex(0) })
    }

    fn event(&mut self, event: &Event) {
        if self.mailbox.events.push(*event).is_err() {
            self.tally.events_lost += 1;
        }
    }
}

/// Frames on their way to one place.
#[derive(Debug, Default)]
struct Batch {
    frames: MbufBurst,
    /// Bit n: the engine made frame n.
    made: u32,
}

const _: () = assert!(BURST <= 32, "a bit for every frame of a batch");

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flushed {
    /// Received frames that went.
    went: u64,
    /// Received frames that did not.
    lost: u64,
    /// Made frames that did not.
    made_lost: u64,
}

impl Flushed {
    fn lost(made: bool) -> Self {
        Self { went: 0, lost: u64::from(!made), made_lost: u64::from(made) }
    }
}

impl Batch {
    /// Adds a frame; gives it back if there is no room.
    #[inline]
    fn push(&mut self, frame: Mbuf, made: bool) -> Result<(), Mbuf> {
        let place = self.frames.len();
        self.frames.push(frame)?;
        self.made |= u32::from(made) << place;
        Ok(())
    }

    /// Lets `give` take the first frames, and frees the rest.
    #[inline]
    fn flush(&mut self, give: impl FnOnce(&mut MbufBurst) -> usize) -> Flushed {
        let all = self.frames.len();
        if all == 0 {
            return Flushed::default();
        }
        let went = give(&mut self.frames);
        self.frames.free_all();
        split(all, went, core::mem::take(&mut self.made))
    }
}

/// Of `all` frames the first `went` went; bit n of `made`: the engine made frame n.
fn split(all: usize, went: usize, made: u32) -> Flushed {
    let behind = u32::try_from(went).ok().and_then(|went| made.checked_shr(went)).unwrap_or(0);
    let made_lost = u64::from(behind.count_ones());
    let made_went = u64::from(made.count_ones()) - made_lost;
    Flushed {
        went: went as u64 - made_went,
        lost: all.saturating_sub(went) as u64 - made_lost,
        made_lost,
    }
}

#[inline]
fn count_sent(tally: &mut Tally, flushed: Flushed) {
    tally.forwarded += flushed.went;
    tally.tx_full += flushed.lost;
    tally.made_lost += flushed.made_lost;
}

#[inline]
fn count_passed(tally: &mut Tally, flushed: Flushed) {
    tally.handover_full += flushed.lost;
    tally.made_lost += flushed.made_lost;
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    #[test_case(32, 32, 0, 32, 0, 0; "all went")]
    #[test_case(32, 0, 0, 0, 32, 0; "none went")]
    #[test_case(5, 3, 0b1_0010, 2, 1, 1; "one made went, one did not")]
    #[test_case(32, 32, u32::MAX, 0, 0, 0; "all made")]
    #[test_case(32, 31, 1 << 31, 31, 0, 1; "the last was made")]
    fn a_batch_is_split(all: usize, gone: usize, made: u32, went: u64, lost: u64, made_lost: u64) {
        assert_eq!(split(all, gone, made), Flushed { went, lost, made_lost });
    }
}
