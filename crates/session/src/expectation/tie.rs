//! What ties an announcing session to those that have come by what it announced: a count of them, one word that they
//! change, at whatever worker they are, and that their parent's worker looks at when the parent's time is over.
//!
//! ```text
//!   63             32  31  30            0
//!   ├─ life ─────────┤ ├ ever ┤ children ┤
//! ```
//!
//! A word serves one session after another. Each begins a *life* with a new number, so that what a child of an earlier
//! one does is without effect: it names another life, and every change is a compare-and-swap of the whole word.
//! Packets of known sessions never come here: a child once when it opens and once when it ends, a parent when it would end.

#[cfg(all(test, loom))]
use loom::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(all(test, loom)))]
use core::sync::atomic::{AtomicU64, Ordering};

/// Whether there has been a child in this life.
const EVER: u64 = 1 << 31;
const CHILDREN: u64 = EVER - 1;
const LIFE: u32 = 32;

/// The count of one session at a time.
#[derive(Debug)]
pub(super) struct Tie(AtomicU64);

impl Default for Tie {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

/// What a session is to its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// One of them lives.
    pub now: bool,
    /// There has been one.
    pub ever: bool,
}

impl Tie {
    /// Begins a life, for the one worker that lends the word. Returns its number.
    pub(super) fn begin(&self) -> u32 {
        let number = number(self.0.load(Ordering::Acquire)).wrapping_add(1);
        // A read-modify-write, as all changes are: what children of the life before have done comes before it in one order.
        self.0.swap(u64::from(number) << LIFE, Ordering::AcqRel);
        number
    }

    /// One more child. False: that life is over.
    pub(super) fn join(&self, life: u32) -> bool {
        self.change(life, |word| (word & CHILDREN < CHILDREN).then_some((word | EVER) + 1))
    }

    /// One child less, which has joined.
    pub(super) fn leave(&self, life: u32) {
        self.change(life, |word| (word & CHILDREN > 0).then(|| word - 1));
    }

    /// Whether there are children in that life, or were.
    pub(super) fn held(&self, life: u32) -> Held {
        let word = self.0.load(Ordering::Acquire);
        let same = number(word) == life;
        Held { now: same && word & CHILDREN > 0, ever: same && word & EVER > 0 }
    }

    fn change(&self, life: u32, next: impl Fn(u64) -> Option<u64>) -> bool {
        let next = |word| if number(word) == life { next(word) } else { None };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }
}

const fn number(word: u64) -> u32 {
    (word >> LIFE) as u32
}

#[cfg(all(test, loom))]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;

    /// At most so many forced switches of thread an execution: without a bound it takes a minute.
    fn model(of: impl Fn() + Send + Sync + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(of);
    }

    /// Two children of a first life come and go while the second begins: none of them counts there, whenever it comes.
    #[test]
    fn a_life_counts_its_own_children_only() {
        model(|| {
            let tie = Arc::new(Tie::default());
            let first = tie.begin();
            let children = [0, 1].map(|_| {
                let tie = Arc::clone(&tie);
                thread::spawn(move || {
                    if tie.join(first) {
                        tie.leave(first);
                    }
                })
            });
            let second = tie.begin();
            assert!(tie.join(second));
            for child in children {
                child.join().unwrap();
            }
            assert_eq!(tie.held(first), Held { now: false, ever: false });
            assert_eq!(tie.held(second), Held { now: true, ever: true });
            tie.leave(second);
            assert_eq!(tie.held(second), Held { now: false, ever: true });
        });
    }

    /// One child stays and another comes and goes: the parent is held, whenever it looks after the first has come.
    #[test]
    fn it_is_held_while_a_child_lives() {
        model(|| {
            let tie = Arc::new(Tie::default());
            let life = tie.begin();
            assert!(tie.join(life));
            let other = {
                let tie = Arc::clone(&tie);
                thread::spawn(move || {
                    assert!(tie.join(life));
                    tie.leave(life);
                })
            };
            assert!(tie.held(life).now);
            other.join().unwrap();
            assert!(tie.held(life).now);
            tie.leave(life);
            assert!(!tie.held(life).now);
        });
    }
}
