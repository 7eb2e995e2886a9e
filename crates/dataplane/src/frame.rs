//! A frame of the engine in an mbuf, and the word that travels with it from worker to worker.

use dpdk::{Checksum, Mbuf};
use engine::{Cause, Frame, Handover, PortIndex, ReceiveFlags};

/// A received frame.
#[derive(Debug)]
pub(crate) struct MbufFrame {
    pub(crate) mbuf: Mbuf,
    /// The port it came in by. Drivers do not all note it in the mbuf.
    pub(crate) port: PortIndex,
}

impl AsRef<[u8]> for MbufFrame {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.mbuf.bytes()
    }
}

impl Frame for MbufFrame {
    #[inline]
    fn port(&self) -> PortIndex {
        self.port
    }

    #[inline]
    fn receive_flags(&self) -> ReceiveFlags {
        let checksum = self.mbuf.rx_checksum();
        ReceiveFlags {
            ip_checksum_good: checksum.ip == Checksum::Good,
            l4_checksum_bad: checksum.l4 == Checksum::Bad,
            l4_checksum_good: checksum.l4 == Checksum::Good,
            scattered: !self.mbuf.is_contiguous(),
            joined: false,
        }
    }

    #[inline]
    fn rss_hash(&self) -> Option<u32> {
        self.mbuf.rss_hash()
    }
}

/// Why a frame is in the ring to another worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// To be judged there.
    Judge {
        /// As the engine tagged it.
        tag: Handover,
        /// The port that it came in by.
        ingress: PortIndex,
    },
    /// To be sent there, by the worker that has a transmit queue on the port.
    Send {
        /// The port that it is to leave by.
        egress: PortIndex,
        /// Whether the engine made it, so that it counts as no frame that was received.
        made: bool,
    },
}

const CAUSE: u32 = 0;
const PORT: u32 = 8;
const HOPS: u32 = 16;
const MADE: u32 = 24;

impl Passage {
    /// As the mbuf's tag: an octet each for cause, port, hops, and whether it was made.
    pub(crate) fn to_tag(self) -> u64 {
        let (cause, port, hops, made) = match self {
            Self::Judge { tag, ingress } => (tag.cause, ingress, tag.hops, false),
            Self::Send { egress, made } => (Cause::TxQueue, egress, 0, made),
        };
        let cause = u64::try_from(cause.index()).unwrap_or(u64::MAX);
        cause << CAUSE
            | u64::from(port.0) << PORT
            | u64::from(hops) << HOPS
            | u64::from(made) << MADE
    }

    /// What [`Self::to_tag`] wrote. A word from elsewhere reads as a frame that may go no further.
    pub(crate) fn from_tag(word: u64) -> Self {
        let [cause, port, hops, made, ..] = word.to_le_bytes();
        match Cause::ALL.get(usize::from(cause)) {
            Some(Cause::TxQueue) => Self::Send { egress: PortIndex(port), made: made != 0 },
            Some(&cause) => Self::Judge { tag: Handover { cause, hops }, ingress: PortIndex(port) },
            None => Self::Judge {
                tag: Handover { cause: Cause::NicHash, hops: engine::HOPS_MAX },
                ingress: PortIndex(port),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_passage_comes_out_as_it_went_in() {
        for &cause in Cause::ALL {
            for hops in 0..=engine::HOPS_MAX {
                let tag = Handover { cause, hops };
                let there = Passage::Judge { tag, ingress: PortIndex(250) };
                let back = Passage::from_tag(there.to_tag());
                match cause {
                    Cause::TxQueue => assert!(matches!(back, Passage::Send { .. })),
                    Cause::NicHash | Cause::IcmpError | Cause::Fragment | Cause::Reassembled => {
                        assert_eq!(back, there)
                    }
                }
            }
        }
        for made in [false, true] {
            let there = Passage::Send { egress: PortIndex(3), made };
            assert_eq!(Passage::from_tag(there.to_tag()), there);
        }
    }

    #[test]
    fn a_strange_word_goes_no_further() {
        let Passage::Judge { tag, .. } = Passage::from_tag(0xff) else { panic!("it is judged") };
        assert_eq!(tag.hops, engine::HOPS_MAX);
    }
}
