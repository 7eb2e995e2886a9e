//! What a worker can be asked, and how it answers: a bounded step at a time, between its bursts, through a
//! bounded channel that it never waits for.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use engine::{Explanation, Frame, Outbox, Probe, SessionFilter, SessionView, Shard, Time};
use session::memory::Memory;

/// Entries of the session table that one step looks at.
const STEP: u32 = 256;
/// Parts of an answer that may wait for their receiver.
const PARTS: usize = 16;

/// What a worker can be asked.
#[derive(Clone, Debug)]
pub enum Command {
    /// The living sessions that the filter means.
    Sessions {
        /// Which.
        filter: SessionFilter,
        /// How many at most.
        limit: u64,
    },
    /// How many living sessions the filter means.
    Count {
        /// Which.
        filter: SessionFilter,
    },
    /// To end the sessions that the filter means.
    Clear {
        /// Which.
        filter: SessionFilter,
    },
    /// How a packet would be judged.
    Explain {
        /// The packet.
        probe: Probe,
    },
}

/// A part of an answer. An answer without [`Self::Done`] was not finished: the worker ended.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Some sessions.
    Sessions(Vec<SessionView>),
    /// How many were counted, or ended.
    Count(u64),
    /// The judgement.
    Explanation(Box<Explanation>),
    /// Nothing follows.
    Done,
}

/// A command that is being worked off.
pub(crate) struct Job {
    command: Command,
    cursor: u32,
    /// Sessions shown, counted or ended.
    found: u64,
    /// What remains is to be taken by the receiver.
    finished: bool,
    reply: Channel,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, cursor, found, finished, reply: _ } = self;
        f.debug_struct("Job")
            .field("command", command)
            .field("cursor", cursor)
            .field("found", found)
            .field("finished", finished)
            .finish_non_exhaustive()
    }
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It made a step.
    Stepped,
    /// Its receiver is slow: the next step has to wait.
    Waits,
    /// It is done, or nobody wants the answer any more.
    Over,
}

impl Job {
    /// A command, and where the parts of its answer come out.
    pub(crate) fn new(command: Command) -> (Self, Receiver<Answer>) {
        let (sender, receiver) = sync_channel(PARTS);
        let reply = Channel { sender, waiting: VecDeque::new() };
        (Self { command, cursor: 0, found: 0, finished: false, reply }, receiver)
    }

    /// Looks at a bounded number of sessions.
    pub(crate) fn step<F: Frame, M: Memory>(
        &mut self,
        shard: &mut Shard<F, M>,
        now: Time,
        out: &mut impl Outbox<F>,
    ) -> Progress {
        match self.reply.ready() {
            Readiness::Full => return Progress::Waits,
            Readiness::Gone => return Progress::Over,
            Readiness::Ready if self.finished => return Progress::Over,
            Readiness::Ready => {}
        }
        let Self { command, cursor, found, finished, reply } = self;
        let next = match command {
            Command::Sessions { filter, limit } => {
                let mut views = Vec::new();
                let next = shard.list(now, *cursor, STEP, filter, &mut |view| {
                    if *found < *limit {
                        *found += 1;
                        views.push(view);
                    }
                });
                if !views.is_empty() {
                    reply.put(Answer::Sessions(views));
                }
                next.filter(|_| *found < *limit)
            }
            Command::Count { filter } => {
                let next = shard.list(now, *cursor, STEP, filter, &mut |_| *found += 1);
                if next.is_none() {
                    reply.put(Answer::Count(*found));
                }
                next
            }
            Command::Clear { filter } => {
                let (ended, next) = shard.clear(now, *cursor, STEP, filter, out);
                *found += u64::from(ended);
                if next.is_none() {
                    reply.put(Answer::Count(*found));
                }
                next
            }
            Command::Explain { probe } => {
                reply.put(Answer::Explanation(Box::new(shard.explain(now, probe))));
                None
            }
        };
        match next {
            Some(next) => *cursor = next,
            None => {
                reply.put(Answer::Done);
                *finished = true;
            }
        }
        Progress::Stepped
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    Full,
    Gone,
}

/// The worker's end of the channel.
struct Channel {
    sender: SyncSender<Answer>,
    waiting: VecDeque<Answer>,
}

impl Channel {
    /// Sends what is waiting, and says whether more may be put.
    fn ready(&mut self) -> Readiness {
        while let Some(part) = self.waiting.pop_front() {
            match self.sender.try_send(part) {
                Ok(()) => {}
                Err(TrySendError::Full(part)) => {
                    self.waiting.push_front(part);
                    return Readiness::Full;
                }
                Err(TrySendError::Disconnected(_)) => return Readiness::Gone,
            }
        }
        Readiness::Ready
    }

    /// Adds a part. It is sent by a later [`Self::ready`].
    fn put(&mut self, answer: Answer) {
        self.waiting.push_back(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> (Channel, Receiver<Answer>) {
        let (sender, receiver) = sync_channel(2);
        (Channel { sender, waiting: VecDeque::new() }, receiver)
    }

    fn next(receiver: &Receiver<Answer>) -> Option<u64> {
        match receiver.recv() {
            Ok(Answer::Count(count)) => Some(count),
            Ok(Answer::Sessions(_) | Answer::Explanation(_) | Answer::Done) | Err(_) => None,
        }
    }

    #[test]
    fn a_slow_receiver_gets_every_part_in_order() {
        let (mut reply, receiver) = channel();
        for count in 0..4 {
            reply.put(Answer::Count(count));
        }
        assert_eq!(reply.ready(), Readiness::Full);
        assert_eq!(next(&receiver), Some(0));
        assert_eq!(reply.ready(), Readiness::Full);
        assert_eq!([next(&receiver), next(&receiver)], [Some(1), Some(2)]);
        assert_eq!(reply.ready(), Readiness::Ready);
        assert_eq!(next(&receiver), Some(3));
    }

    #[test]
    fn a_receiver_that_is_gone_is_noticed_with_the_next_part() {
        let (mut reply, receiver) = channel();
        drop(receiver);
        reply.put(Answer::Count(1));
        assert_eq!(reply.ready(), Readiness::Gone);
    }
}
