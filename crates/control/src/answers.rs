//! The answer to each command: which worker is asked what, and what is made of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::{
    Explanation, Refusal, RefusalKind, Request, SessionFilter, SessionsCleared, SessionsCount,
    Step, Tuple, Version,
};
use engine::{WorkerId, owner_of};

use crate::clock::now;
use crate::commit::Commit;
use crate::documents::{View, rule_name, session};
use crate::plane::{Part, Plane, Question, Reading};
use crate::rates::Sampler;
use crate::selection::{Selection, probe};
use crate::server::{Answer, Answers, Unanswered};

/// How long a worker may take for the next part of an answer. It works questions off between bursts, in
/// steps, and never lets traffic wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers commands out of a plane.
pub(crate) struct Respondent<P> {
    pub(crate) plane: Arc<P>,
    pub(crate) commit: Arc<Commit<P>>,
    pub(crate) sampler: Arc<Mutex<Sampler>>,
    /// Log events that could not be written.
    pub(crate) unwritten: Arc<AtomicU64>,
    pub(crate) started: Instant,
}

impl<P: Plane> Answers for Respondent<P> {
    fn answer(&self, request: Request, out: &mut Answer<'_>) -> Result<(), Unanswered> {
        match request {
            Request::Status => self.show(out, |view| view.status()),
            Request::Ports => self.show(out, |view| view.ports()),
            Request::Counters => self.show(out, |view| view.counters()),
            Request::Rules => self.show(out, |view| view.rules()),
            Request::Sessions { filter, limit } => self.sessions(&filter, limit, out),
            Request::SessionsCount { filter } => {
                let count = self.sum(&filter, |filter| Question::Count { filter })?;
                out.document(&SessionsCount { version: Version, count })
            }
            Request::SessionsClear { filter } => {
                if filter.is_empty() {
                    return Err(Unanswered::refused(
                        RefusalKind::InvalidRequest,
                        "clear needs a filter, such as net=0.0.0.0/0 or proto=udp",
                    ));
                }
                let cleared = self.sum(&filter, |filter| Question::Clear { filter })?;
                out.document(&SessionsCleared { version: Version, cleared })
            }
            Request::Reload => out.document(&self.commit.reload()?),
            Request::Explain { tuple } => {
                let explanation = self.explain(tuple)?;
                out.document(&explanation)
            }
        }
    }
}

impl<P: Plane> Respondent<P> {
    /// A document that needs no worker's help.
    fn show<T: serde::Serialize>(
        &self,
        out: &mut Answer<'_>,
        make: impl FnOnce(&View<'_>) -> T,
    ) -> Result<(), Unanswered> {
        let reading: Reading = self.plane.read();
        let rates = self.sampler.lock().unwrap_or_else(PoisonError::into_inner).rates();
        let policy = self.commit.current();
        let view = View {
            reading: &reading,
            rates: &rates,
            policy: &policy,
            file: self.commit.file(),
            unwritten: self.unwritten.load(Ordering::Relaxed),
            uptime: now().duration_since(self.started),
            now: self.plane.now(),
        };
        out.document(&make(&view))
    }

    /// One worker after the other, each in parts: what waits in memory is one worker's queue of parts.
    fn sessions(
        &self,
        filter: &SessionFilter,
        limit: Option<u64>,
        out: &mut Answer<'_>,
    ) -> Result<(), Unanswered> {
        let selection = Selection::new(filter, &self.commit.current())?;
        let limit = limit.unwrap_or(u64::MAX);
        for worker in self.workers(&selection) {
            let left = limit.saturating_sub(out.items());
            // One more than is shown, to know whether there are more.
            let question = Question::Sessions {
                filter: selection.filter.clone(),
                limit: left.saturating_add(1),
            };
            let parts = Parts::of(&*self.plane, worker, question);
            while let Some(part) = parts.next()? {
                let Part::Sessions(views) = part else { return Err(confused(worker)) };
                // Sessions may be those of rules that came while the list was running.
                let (policy, present) = (self.commit.current(), self.plane.now());
                for view in views {
                    if out.items() >= limit {
                        return out.end(true);
                    }
                    out.item(&session(worker, &view, &policy, present))?;
                }
            }
        }
        out.end(false)
    }

    /// Asks all workers at once and adds up their numbers.
    fn sum(
        &self,
        filter: &SessionFilter,
        question: impl Fn(engine::SessionFilter) -> Question,
    ) -> Result<u64, Unanswered> {
        let selection = Selection::new(filter, &self.commit.current())?;
        let asked: Vec<_> = self
            .workers(&selection)
            .map(|worker| Parts::of(&*self.plane, worker, question(selection.filter.clone())))
            .collect();
        let mut sum = 0;
        for parts in asked {
            while let Some(part) = parts.next()? {
                let Part::Count(count) = part else { return Err(confused(parts.worker)) };
                sum += count;
            }
        }
        Ok(sum)
    }

    fn explain(&self, tuple: Tuple) -> Result<Explanation, Unanswered> {
        let policy = self.commit.current();
        let probe = probe(&tuple, &policy)?;
        let workers = u16::try_from(self.plane.heartbeats().len()).unwrap_or(u16::MAX);
        let worker = owner_of(&probe, workers);
        let parts = Parts::of(&*self.plane, worker, Question::Explain { probe });
        let mut explanation = None;
        while let Some(part) = parts.next()? {
            let Part::Explanation(found) = part else { return Err(confused(worker)) };
            explanation = Some(*found);
        }
        let found = explanation.ok_or_else(|| confused(worker))?;
        let step = |step: engine::Step| {
            let engine::Step { name, passed: _, detail } = step;
            Step { check: name.to_owned(), outcome: detail }
        };
        Ok(Explanation {
            version: Version,
            tuple,
            verdict: found.verdict.name().to_owned(),
            reason: found.verdict.reason().map(|reason| reason.name().to_owned()),
            rule: found.rule.map(|rule| rule_name(&policy, rule)),
            worker: Some(worker.0),
            steps: found.steps.into_iter().map(step).collect(),
        })
    }

    /// The workers that can have what is selected.
    fn workers(&self, selection: &Selection) -> impl Iterator<Item = WorkerId> + use<P> {
        let only = selection.worker;
        let workers = self.plane.heartbeats().into_iter().map(|heartbeat| heartbeat.worker);
        workers.filter(move |worker| only.is_none_or(|only| *worker == only))
    }
}

/// A worker's answer, part by part.
struct Parts {
    worker: WorkerId,
    receiver: Receiver<Part>,
}

impl Parts {
    fn of(plane: &impl Plane, worker: WorkerId, question: Question) -> Self {
        Self { worker, receiver: plane.ask(worker, question) }
    }

    /// The next part, or nothing after the last.
    fn next(&self) -> Result<Option<Part>, Unanswered> {
        match self.receiver.recv_timeout(PATIENCE) {
            Ok(Part::Done) => Ok(None),
            Ok(part) => Ok(Some(part)),
            Err(RecvTimeoutError::Timeout) => {
                let message = format!("worker {} does not answer; see `status`", self.worker.0);
                Err(Unanswered::refused(RefusalKind::Busy, message))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Refusal::new(RefusalKind::Stopping, "the daemon is about to end").into())
            }
        }
    }
}

/// A worker answered another question than it was asked.
fn confused(worker: WorkerId) -> Unanswered {
    let message = format!("worker {} gave an answer that does not fit the question", worker.0);
    log::error!("api: {message}");
    Unanswered::refused(RefusalKind::Busy, message)
}
