//! One place of the table: one worker writes it, any worker may claim what it holds, once, or share it, as often as it
//! likes.
//!
//! ```text
//!                                  share (compare and swap)
//!                                ┌──┐
//!              publish (store)   │  ▼       claim (compare and swap)
//!   free n ───────────────────► alive n+1 ───────────────────────────► claimed n+1
//!     ▲                             │ retire (compare and swap)            │
//!     └─────────────────────────────┴──────────────────────────────────────┘ next publish
//! ```
//!
//! The state's number is new with each publication. Readers copy the words between a load of the state and
//! the compare-and-swap that claims: if that succeeds, the words are those of the publication.
//!
//! Why: the writer stores words only after it has itself ended the publication before, by `retire`, or seen that
//! someone claimed it. Claim and retire of one publication are read-modify-writes of the same state, so one of
//! them fails. If the claim succeeds, the writer learns of it by an acquiring load, which the claim's
//! release makes see everything that the claimer did before: the claimer's reads were over before the
//! writer's next store. If the retirement succeeds, the claim fails and what was read is thrown away. A share is a claim
//! that leaves the state as it is: the retirement that comes after it acquires what it released.

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(all(test, loom)))]
use core::sync::atomic::{AtomicU64, Ordering};

const FREE: u64 = 0;
const ALIVE: u64 = 1;
const CLAIMED: u64 = 2;
const STATUS: u64 = 3;
const NEXT: u64 = 4;

/// Names one publication in one place: the state that it had when it was alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

/// A state and a payload of so many words. Two cache lines with fifteen.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Place<const WORDS: usize> {
    /// The number of the publication, and the status in the two lowest bits.
    state: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Default for Place<WORDS> {
    fn default() -> Self {
        Self { state: AtomicU64::new(FREE), words: core::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl<const WORDS: usize> Place<WORDS> {
    /// Publishes a payload. Only for the writer, and only where its last publication is over: it has
    /// retired it, or [`Self::is_alive`] or [`Self::retire`] said that it was claimed.
    pub(super) fn publish(&self, words: &[u64; WORDS]) -> Mark {
        let number = (self.state.load(Ordering::Acquire) & !STATUS).wrapping_add(NEXT);
        for (place, word) in self.words.iter().zip(words) {
            place.store(*word, Ordering::Relaxed);
        }
        self.state.store(number | ALIVE, Ordering::Release);
        Mark(number | ALIVE)
    }

    /// The payload, if one is alive whose first word is this. It counts only once [`Self::claim`] has
    /// succeeded, and is worth trying till then.
    #[inline]
    pub(super) fn read(&self, first: u64) -> Option<(Mark, [u64; WORDS])> {
        let state = self.state.load(Ordering::Acquire);
        if state & STATUS != ALIVE || self.words[0].load(Ordering::Relaxed) != first {
            return None;
        }
        let words = core::array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
        Some((Mark(state), words))
    }

    /// The payload of a publication that is alive, for the writer.
    pub(super) fn content(&self, mark: Mark) -> Option<[u64; WORDS]> {
        let words = core::array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
        self.is_alive(mark).then_some(words)
    }

    /// Takes a publication; true for one caller at most.
    pub(super) fn claim(&self, mark: Mark) -> bool {
        self.leave(mark, CLAIMED)
    }

    /// Takes a share in a publication, which stays alive. It writes what is there: that it succeeds orders it before any
    /// retirement, as a claim's success does.
    pub(super) fn share(&self, mark: Mark) -> bool {
        self.state.compare_exchange(mark.0, mark.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends a publication, for the writer. False: someone claimed it.
    pub(super) fn retire(&self, mark: Mark) -> bool {
        self.leave(mark, FREE)
    }

    /// Whether a publication is alive, for the writer.
    pub(super) fn is_alive(&self, mark: Mark) -> bool {
        self.state.load(Ordering::Acquire) == mark.0
    }

    fn leave(&self, mark: Mark, status: u64) -> bool {
        let next = mark.0 & !STATUS | status;
        self.state.compare_exchange(mark.0, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(all(test, loom))]
mod model {
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    use super::*;

    /// Claims whatever is there. The payload of each publication is its number, twice.
    fn claim(place: &Place<2>) -> Option<u64> {
        for first in [1, 2] {
            if let Some((mark, words)) = place.read(first)
                && place.claim(mark)
            {
                assert_eq!(words[0], words[1], "the payload of one publication");
                return Some(words[0]);
            }
        }
        None
    }

    /// At most so many forced switches of thread an execution: without a bound it takes minutes.
    fn model(of: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(of);
    }

    /// The writer publishes twice, retiring the first if it can, while another claims.
    #[test]
    fn of_claim_and_retirement_one_succeeds() {
        model(|| {
            let place = Arc::new(Place::<2>::default());
            let claimer = {
                let place = Arc::clone(&place);
                thread::spawn(move || claim(&place))
            };
            let first = place.publish(&[1, 1]);
            let retired = place.retire(first);
            let second = place.publish(&[2, 2]);
            let claimed = claimer.join().unwrap();
            assert_eq!(claimed == Some(1), !retired);
            assert_eq!(claimed == Some(2), !place.is_alive(second));
        });
    }

    /// Two claim, and the writer retires.
    #[test]
    fn of_two_claims_one_succeeds() {
        model(|| {
            let place = Arc::new(Place::<2>::default());
            let first = place.publish(&[1, 1]);
            let claimers = [0, 1].map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || claim(&place).is_some())
            });
            let retired = place.retire(first);
            let claims = claimers.map(|claimer| claimer.join().unwrap());
            assert_eq!(claims.map(usize::from).iter().sum::<usize>() + usize::from(retired), 1);
        });
    }

    /// Two share what stands, while the writer retires it and publishes another in its place.
    #[test]
    fn what_is_shared_is_whole() {
        model(|| {
            let place = Arc::new(Place::<2>::default());
            let sharers = [0, 1].map(|_| {
                let place = Arc::clone(&place);
                thread::spawn(move || {
                    for first in [1, 2] {
                        if let Some((mark, words)) = place.read(first)
                            && place.share(mark)
                        {
                            assert_eq!(words[0], words[1], "the payload of one publication");
                        }
                    }
                })
            });
            let first = place.publish(&[1, 1]);
            assert!(place.retire(first), "nobody takes it away");
            let second = place.publish(&[2, 2]);
            for sharer in sharers {
                sharer.join().unwrap();
            }
            assert!(place.is_alive(second));
        });
    }

    /// What was published before a packet left is found by whoever received it.
    #[test]
    fn it_is_there_before_the_packet_is() {
        model(|| {
            let place = Arc::new(Place::<2>::default());
            let packet = Arc::new(AtomicBool::new(false));
            let other = {
                let (place, packet) = (Arc::clone(&place), Arc::clone(&packet));
                thread::spawn(move || {
                    packet.load(Ordering::Acquire).then(|| claim(&place)).flatten()
                })
            };
            place.publish(&[1, 1]);
            packet.store(true, Ordering::Release);
            let sent = packet.load(Ordering::Relaxed);
            assert!(sent);
            if let Some(number) = other.join().unwrap() {
                assert_eq!(number, 1);
            } else {
                // Then the packet had not come yet.
                assert!(claim(&place).is_some(), "nobody else took it");
            }
        });
    }
}
