//! All of the control side, started in order and kept going by the daemon's main thread.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::{Refusal, ReloadReport};
use thiserror::Error;

use crate::answers::Respondent;
use crate::clock::now;
use crate::commit::{Commit, FirstPolicy};
use crate::event_log::{EventLog, EventOutput, LogFileError};
use crate::http::{MetricsAddressError, MetricsServer, MetricsSocket};
use crate::metrics::{Metrics, Scrape};
use crate::plane::{Heartbeat, Plane, PortChange, PortNews, ResetWanted};
use crate::rates::Sampler;
use crate::server::ApiServer;
use crate::socket::{ApiSocket, ApiSocketError, SocketGroups};

/// A round of the main thread that took so long was not late yet.
const LATE: Duration = Duration::from_millis(100);

/// Why the control side did not start.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The API socket cannot be had.
    #[error(transparent)]
    Socket(#[from] ApiSocketError),
    /// The metrics address cannot be had.
    #[error(transparent)]
    Metrics(#[from] MetricsAddressError),
    /// The event log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// A metric's definition is refused by the registry.
    #[error("metrics: {0}")]
    Registry(#[from] prometheus::Error),
    /// The system gives no thread.
    #[error("no thread for {0}: {1}; raise the limit of tasks (ulimit -u, TasksMax=)")]
    Thread(&'static str, #[source] io::Error),
}

/// What the outside world sees, taken before a port is opened: whoever finds it taken has started
/// nothing yet.
#[derive(Debug)]
pub struct Openings {
    api: ApiSocket,
    metrics: Option<MetricsSocket>,
    events: EventOutput,
}

impl Openings {
    /// Takes the API socket, the metrics address and the event log's file.
    ///
    /// # Errors
    /// If one of them cannot be had.
    pub fn take(config: &config::ValidConfig) -> Result<Self, ControlError> {
        let config::SystemSettings { socket, socket_group, admin_group, .. } = &config.system;
        let groups = SocketGroups { read: socket_group.clone(), admin: admin_group.clone() };
        // First what names the daemon that is in the way, if there is one.
        let api = ApiSocket::bind(socket, &groups)?;
        let metrics = config.metrics.as_ref().map(|metrics| MetricsSocket::bind(metrics.listen));
        let metrics = metrics.transpose()?;
        Ok(Self { api, metrics, events: EventOutput::open(&config.log.output)? })
    }

    /// Where metrics will be answered; none: nowhere.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|socket| socket.address().ok())
    }
}

/// A worker gives no sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "worker {worker} on core {core} has given no sign of life for {} ms; all links are set down",
    age.as_millis()
)]
pub struct Stall {
    /// The worker.
    pub worker: u16,
    /// Its CPU.
    pub core: u32,
    /// How long ago its last sign was.
    pub age: Duration,
}

/// Why the process is to end. The links are down by then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Breakdown {
    /// A worker gives no sign of life.
    #[error(transparent)]
    Stall(#[from] Stall),
    /// A device asks for what only a new start gives it.
    #[error("{0}; all links are set down, and a new start resets it")]
    Reset(#[from] ResetWanted),
}

/// The running control side.
#[derive(Debug)]
pub struct Control<P> {
    plane: Arc<P>,
    commit: Arc<Commit<P>>,
    sampler: Arc<Mutex<Sampler>>,
    metrics: Arc<Metrics>,
    events: EventLog,
    api: ApiServer,
    metrics_server: Option<MetricsServer>,
    stall_timeout: Duration,
    /// When the workers were last looked after.
    looked: Mutex<Instant>,
}

impl<P: Plane> Control<P> {
    /// Begins to serve. The plane runs with the first policy by now. `started` is when the daemon did.
    ///
    /// # Errors
    /// If a thread cannot be had.
    pub fn start(
        openings: Openings,
        first: FirstPolicy,
        plane: Arc<P>,
        started: Instant,
    ) -> Result<Self, ControlError> {
        let Openings { api, metrics: metrics_socket, events } = openings;
        let stall_timeout = first.config().system.stall_timeout;
        let rules = first.config().metrics.as_ref().map_or(0, |metrics| metrics.rules);
        let commit = Arc::new(Commit::new(first, Arc::clone(&plane)));
        let sampler = Arc::new(Mutex::new(Sampler::new(plane.read(), now())));
        let unwritten = Arc::new(AtomicU64::new(0));
        let (taken, counted) = (Arc::clone(&plane), Arc::clone(&unwritten));
        let events = EventLog::start(events, taken, Arc::clone(&commit), counted)
            .map_err(|error| ControlError::Thread("the event log", error))?;
        let scrape = Scrape {
            plane: Arc::clone(&plane),
            commit: Arc::clone(&commit),
            sampler: Arc::clone(&sampler),
            unwritten: Arc::clone(&unwritten),
            rules,
        };
        let metrics = Arc::new(Metrics::new(scrape)?);
        let rendered = Arc::clone(&metrics);
        let metrics_server = metrics_socket
            .map(|socket| socket.serve(move || rendered.render()))
            .transpose()
            .map_err(|error| ControlError::Thread("the metrics", error))?;
        let respondent = Respondent {
            plane: Arc::clone(&plane),
            commit: Arc::clone(&commit),
            sampler: Arc::clone(&sampler),
            unwritten,
            started,
        };
        let api = ApiServer::start(api, respondent)
            .map_err(|error| ControlError::Thread("the API", error))?;
        Ok(Self {
            plane,
            commit,
            sampler,
            metrics,
            events,
            api,
            metrics_server,
            stall_timeout,
            looked: Mutex::new(now()),
        })
    }

    /// What is done again and again, some ten times a second: freeing old policies, taking readings for
    /// rates, looking after the workers and the ports.
    ///
    /// # Errors
    /// If a worker stalls or a port cannot go on. The links are down by then; the process is to end.
    pub fn tick(&self) -> Result<(), Breakdown> {
        self.tick_at(now())
    }

    fn tick_at(&self, now: Instant) -> Result<(), Breakdown> {
        for span in self.plane.reap() {
            self.metrics.swapped(span);
        }
        let heartbeats = self.plane.heartbeats();
        let was_away = self.was_away(now);
        let stalled =
            heartbeats.iter().find(|heartbeat| heartbeat.age > self.stall_timeout && !was_away);
        if let Some(&Heartbeat { worker, core, age }) = stalled {
            self.plane.cut();
            return Err(Stall { worker: worker.0, core, age }.into());
        }
        match self.plane.tend() {
            Ok(news) => news.iter().for_each(announce),
            Err(reset) => {
                self.plane.cut();
                return Err(reset.into());
            }
        }
        let mut sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner);
        sampler.sample(now, || self.plane.read());
        Ok(())
    }

    /// Whether this thread itself has not run for so long that heartbeats tell nothing: the whole process
    /// was stopped, or the machine slept. The next look counts again.
    fn was_away(&self, now: Instant) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let away = now.saturating_duration_since(*looked);
        *looked = now;
        away > (self.stall_timeout / 2).max(LATE)
    }

    /// Loads the configuration file anew and opens the event log's file again: what SIGHUP asks for.
    ///
    /// # Errors
    /// If the file is refused; the policy in force stays.
    pub fn reload(&self) -> Result<ReloadReport, Refusal> {
        self.events.reopen();
        self.commit.reload()
    }

    /// Stops serving: nobody is answered any more, the socket is removed, the last events are written.
    /// The plane goes on until its owner stops it.
    pub fn stop(self) {
        let Self { events, api, metrics_server, .. } = self;
        drop(api);
        drop(metrics_server);
        events.stop();
    }
}

/// Tells the operator what has become of a port.
fn announce(news: &PortNews) {
    let PortNews { port: _, name, change } = news;
    match change {
        PortChange::Up => log::info!("port {name}: the link is up"),
        PortChange::Down => log::warn!("port {name}: the link is down"),
        PortChange::Gone => log::error!(
            "port {name}: its device is gone; the port and its wire are out of use until a restart"
        ),
        PortChange::Held => {
            log::warn!(
                "port {name}: the link is held down, as the other end of its wire is down or gone"
            );
        }
        PortChange::Released => log::info!("port {name}: the link is held down no more"),
        PortChange::CannotHold => log::warn!(
            "port {name}: the other end of its wire is down or gone, and its driver cannot take this link down; \
             hosts behind it do not see it"
        ),
    }
}

#[cfg(test)]
mod tests;
