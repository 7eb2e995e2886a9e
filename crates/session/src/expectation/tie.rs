//! What ties an announcing session to those that have come by what it announced: a count of them, one word that they
//! change, at whatever worker they are, and that their parent's worker looks at when the parent's time is over.
//!
//! ```text
//!   63             32  31  30            0
//!   ├─ life ─────────┤ ├ ever ┤ children ┤
//! ```
//!
//! A word serves one session after another. The end of each *life* gives the word the number of the next, so that nobody
//! joins what has ended, and what a child of an earlier one does is without effect: it names another life, and every
//! change is a compare-and-swap of the whole word.
//! Packets of known sessions never come here: a child once when it opens and once when it ends, a parent when it would end.
//! Beside it stands when the last child ended, for the parent's time to run from then on, whichever worker's timers come
//! first. It needs no life: what a child of an earlier life writes is no later than the beginning of this one.

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(all(test, loom)))]
use core::sync::atomic::{AtomicU64, Ordering};

use crate::time::Time;

/// Whether there has been a child in this life.
const EVER: u64 = 1 << 31;
const CHILDREN: u64 = EVER - 1;
const LIFE: u32 = 32;

/// The count of one session at a time.
#[derive(Debug)]
pub(super) struct Tie {
    word: AtomicU64,
    /// When the last child ended, in nanoseconds.
    left: AtomicU64,
}

impl Default for Tie {
    fn default() -> Self {
        Self { word: AtomicU64::new(0), left: AtomicU64::new(0) }
    }
}

/// What a session is to its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// One of them lives.
    pub now: bool,
    /// There has been one.
    pub ever: bool,
    /// When the last of those that have ended did.
    pub left: Time,
}

impl Tie {
    /// The number of the life that it serves, or of the next one.
    pub(super) fn number(&self) -> u32 {
        number(self.word.load(Ordering::Acquire))
    }

    /// Ends the life, for the one worker that lends the word.
    pub(super) fn end(&self) {
        let next = self.number().wrapping_add(1);
        // A read-modify-write, as all changes are: what children of the life have done comes before it in one order.
        self.word.swap(u64::from(next) << LIFE, Ordering::AcqRel);
    }

    /// Whether that life is not over.
    pub(super) fn lives(&self, life: u32) -> bool {
        self.number() == life
    }

    /// One more child. False: that life is over.
    pub(super) fn join(&self, life: u32) -> bool {
        self.change(life, |word| (word & CHILDREN < CHILDREN).then_some((word | EVER) + 1))
    }

    /// One child less, which has joined. `at`: when it ended, which may be some time ago.
    pub(super) fn leave(&self, life: u32, at: Time) {
        if self.lives(life) {
            // Whoever sees one child less sees this, too.
            self.left.fetch_max(at.as_nanos(), Ordering::Relaxed);
        }
        self.change(life, |word| (word & CHILDREN > 0).then(|| word - 1));
    }

    /// Whether there are children in that life, or were.
    pub(super) fn held(&self, life: u32) -> Held {
        let word = self.word.load(Ordering::Acquire);
        let same = number(word) == life;
        let left = Time::from_nanos(self.left.load(Ordering::Relaxed));
        Held { now: same && word & CHILDREN > 0, ever: same && word & EVER > 0, left }
    }

    fn change(&self, life: u32, next: impl Fn(u64) -> Option<u64>) -> bool {
        let next = |word| if number(word) == life { next(word) } else { None };
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }
}

const fn number(word: u64) -> u32 {
    (word >> LIFE) as u32
}

#[cfg(all(test, loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::super::place::Place;
    use super::*;

    const AT: Time = Time::from_millis(7);

    /// At most so many forced switches of thread an execution: without a bound it takes a minute.
    fn model(of: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(of);
    }

    fn held(tie: &Tie, life: u32) -> (bool, bool) {
        let Held { now, ever, left: _ } = tie.held(life);
        (now, ever)
    }

    /// Who sees that the last child has ended sees when it did.
    #[test]
    fn when_it_ended_is_seen_with_that() {
        model(|| {
            let tie = Arc::new(Tie::default());
            let life = tie.number();
            assert!(tie.join(life));
            let child = {
                let tie = Arc::clone(&tie);
                thread::spawn(move || tie.leave(life, AT))
            };
            let Held { now, ever, left } = tie.held(life);
            assert!(ever && (now || left == AT));
            child.join().unwrap();
            assert_eq!(tie.held(life), Held { now: false, ever: true, left: AT });
        });
    }

    /// Two children of a first life come and go while the second begins: none of them counts there, whenever it comes.
    #[test]
    fn a_life_counts_its_own_children_only() {
        model(|| {
            let tie = Arc::new(Tie::default());
            let first = tie.number();
            let children = [0, 1].map(|_| {
                let tie = Arc::clone(&tie);
                thread::spawn(move || {
                    if tie.join(first) {
                        tie.leave(first, AT);
                    }
                })
            });
            tie.end();
            let second = tie.number();
            assert!(tie.join(second));
            assert!(!tie.join(first), "it is over");
            for child in children {
                child.join().unwrap();
            }
            assert_eq!(held(&tie, first), (false, false));
            assert_eq!(held(&tie, second), (true, true));
            tie.leave(second, AT);
            assert_eq!(held(&tie, second), (false, true));
        });
    }

    /// One child stays and another comes and goes: the parent is held, whenever it looks after the first has come.
    #[test]
    fn it_is_held_while_a_child_lives() {
        model(|| {
            let tie = Arc::new(Tie::default());
            let life = tie.number();
            assert!(tie.join(life));
            let other = {
                let tie = Arc::clone(&tie);
                thread::spawn(move || {
                    assert!(tie.join(life));
                    tie.leave(life, AT);
                })
            };
            assert!(tie.held(life).now);
            other.join().unwrap();
            assert!(tie.held(life).now);
            tie.leave(life, AT);
            assert!(!tie.held(life).now);
        });
    }

    /// A place of the table and the word of the session that announces in it: the second word of the payload is its life.
    type Announcing = (Place<2>, Tie);

    /// Comes by what is announced, as a packet at another worker does: the life that it came by, and whether it joined.
    fn come((place, tie): &Announcing) -> Option<(u32, bool)> {
        let (mark, [_, life]) = place.read(1)?;
        let life = u32::try_from(life).unwrap();
        (tie.lives(life) && place.claim(mark)).then(|| (life, tie.join(life)))
    }

    /// A child comes while its parent ends, and another session announces in the same place and is counted by the same
    /// word: the child is of the one that it came by, and no other is held.
    #[test]
    fn a_child_is_of_whom_it_came_by() {
        model(|| {
            let both = Arc::new((Place::<2>::default(), Tie::default()));
            let (place, tie) = &*both;
            let first = tie.number();
            let mark = place.publish(&[1, first.into()]);
            let child = {
                let both = Arc::clone(&both);
                thread::spawn(move || come(&both))
            };
            tie.end();
            let retired = place.retire(mark);
            let second = tie.number();
            place.publish(&[1, second.into()]);
            match child.join().unwrap() {
                Some((life, _)) if life == first => {
                    assert!(!retired);
                    assert!(!tie.held(second).ever);
                }
                Some((life, joined)) => {
                    assert_eq!((life, joined), (second, true));
                    assert!(tie.held(second).now);
                }
                None => assert!(retired && !tie.held(second).ever),
            }
        });
    }

    /// The word serves the next session while something that the first has announced is still to be retired: whoever comes
    /// by that holds nobody, and once the packet that ended the first has been seen nobody comes by it.
    #[test]
    fn what_is_to_be_retired_has_no_parent() {
        model(|| {
            let both = Arc::new((Place::<2>::default(), Tie::default()));
            let (place, tie) = &*both;
            let (ended, first) = (Arc::new(AtomicU64::new(0)), tie.number());
            let mark = place.publish(&[1, first.into()]);
            let child = {
                let (both, ended) = (Arc::clone(&both), Arc::clone(&ended));
                thread::spawn(move || {
                    let knows = ended.load(Ordering::Acquire) == 1;
                    let came = come(&both);
                    assert!(!knows || came.is_none());
                    came
                })
            };
            tie.end();
            ended.store(1, Ordering::Release);
            let second = tie.number();
            assert!(tie.join(second));
            tie.leave(second, AT);
            let retired = place.retire(mark);
            assert_eq!(child.join().unwrap().is_none(), retired);
            assert_eq!(held(tie, second), (false, true));
        });
    }
}
