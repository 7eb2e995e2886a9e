//! The whole plane, as the control core sees it.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use dpdk::{Eal, Mempool, ShutdownError};
use engine::{Event, PortIndex, Snapshot, Time, WorkerId};

use crate::clock::{Clock, Deadline};
use crate::command::{Answer, Command};
use crate::crew::Crew;
use crate::footprint::Footprint;
use crate::handle::{Handle, WorkerStatus};
use crate::links::{Deed, Links, Look, PortChange, Seen};
use crate::port::{LivePort, PortStatus};
use crate::sockets::Misplacement;
use crate::worker::Phase;

/// How long frames that are on their way have at a stop.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a thread that panics tries to get at the ports.
const IN_PANIC: Duration = Duration::from_millis(100);
/// How long a round of a worker takes at most, unless it stalls.
const ROUND: Duration = Duration::from_millis(2);
/// Looks at the rings, each after every worker has made a round, that must find them empty.
const QUIET_LOOKS: u32 = 3;

/// Ports, workers and policy at work. When it is dropped, it stops.
#[derive(Debug)]
pub struct Dataplane {
    pub(crate) clock: Clock,
    pub(crate) workers: Vec<Handle>,
    pub(crate) footprint: Footprint,
    pub(crate) misplacement: Option<Misplacement>,
    pub(crate) machinery: Mutex<Option<Machinery>>,
}

/// The plane is shared by the threads of the control core.
const fn shared<T: Send + Sync>() {}
const _: () = shared::<Dataplane>();

/// What exists until the stop. The fields go in this order: workers end, ports close, and DPDK ends.
#[derive(Debug)]
pub(crate) struct Machinery {
    pub(crate) crew: Crew,
    pub(crate) ports: Vec<LivePort>,
    pub(crate) links: Links,
    pub(crate) pools: Vec<(Option<u32>, Mempool)>,
    pub(crate) eal: Eal,
}

/// What has become of a port since the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortNews {
    /// Which.
    pub port: PortIndex,
    /// Its name.
    pub name: String,
    /// What.
    pub change: PortChange,
}

/// A port's device works no more until it is reset, which a running port cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device of port {0} asks to be reset")]
pub struct ResetWanted(pub String);

/// Mbufs of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MbufUse {
    /// The socket; 0 where there is only one.
    pub socket: u32,
    /// Mbufs in use, those that wait in the devices' queues among them.
    pub in_use: u32,
    /// Mbufs there are.
    pub total: u32,
}

/// How the plane ended.
#[derive(Debug)]
pub struct Summary {
    /// The last figures of every worker.
    pub workers: Vec<WorkerStatus>,
    /// Workers that did not end, or ended by a panic. If there are any, nothing was closed: the end of the
    /// process does that.
    pub stuck: Vec<WorkerId>,
    /// What DPDK says of its own end. The driver net_af_xdp (22.11) keeps the mbufs that it gave the kernel to
    /// fill, so that some are always out; nothing is lost by it, as the process ends.
    pub dpdk: Result<(), ShutdownError>,
}

impl Dataplane {
    /// The workers' present, which begins with [`Time::ZERO`] at the start.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// What was reckoned to be needed of memory.
    #[must_use]
    pub const fn footprint(&self) -> &Footprint {
        &self.footprint
    }

    /// Ports on other sockets than their workers, if there are any.
    #[must_use]
    pub const fn misplacement(&self) -> Option<&Misplacement> {
        self.misplacement.as_ref()
    }

    /// Every worker's figures. Stops nobody.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerStatus> {
        let now = self.now();
        self.workers.iter().map(|worker| worker.status(now)).collect()
    }

    /// Every port, in the order of the configuration; none after the stop.
    #[must_use]
    pub fn ports(&self) -> Vec<PortStatus> {
        let machinery = self.machinery();
        let Some(Machinery { ports, links, .. }) = machinery.as_ref() else { return Vec::new() };
        let ports = ports.iter().zip(0..=u8::MAX);
        ports.map(|(port, index)| port.status(PortIndex(index), links)).collect()
    }

    /// Looks after the ports: whether they are still there and their links up, and what follows from it for their
    /// wires. To be called several times a second. Returns what has changed.
    ///
    /// # Errors
    /// If a device asks to be reset. What then is left is to end the process.
    pub fn tend(&self) -> Result<Vec<PortNews>, ResetWanted> {
        let now = self.now();
        let mut machinery = self.machinery();
        let Some(Machinery { crew, ports, links, .. }) = machinery.as_mut() else {
            return Ok(Vec::new());
        };
        let mut seen = Vec::with_capacity(ports.len());
        for port in ports.iter() {
            let (of_port, wants_reset) = port.look();
            if wants_reset && of_port != Seen::Gone {
                return Err(ResetWanted(port.name().to_owned()));
            }
            seen.push(of_port);
        }
        let Look { deeds, mut changes } = links.look(now, &seen);
        let mut gone = 0_u64;
        let mut shut = 0_u64;
        for (index, (port, seen)) in ports.iter().zip(&seen).enumerate().take(64) {
            gone |= u64::from(links.is_gone(index)) << index;
            let down = *seen == Seen::Down || links.is_held(index);
            shut |= u64::from(down && port.is_shut_when_down()) << index;
        }
        crew.tell_ports(gone, shut);
        if !deeds.is_empty() {
            // So that no worker is in the middle of sending by a port whose interface goes down.
            std::thread::sleep(ROUND);
        }
        for (index, deed) in deeds {
            let Some(port) = ports.get_mut(index.index()) else { continue };
            let done = match deed {
                Deed::Hold => port.cut(),
                Deed::Release => port.mend(),
            };
            if deed == Deed::Hold && !done {
                links.cannot_hold(index);
                changes.retain(|change| *change != (index, PortChange::Held));
                changes.push((index, PortChange::CannotHold));
            }
        }
        let named = changes.into_iter().filter_map(|(port, change)| {
            let name = ports.get(port.index())?.name().to_owned();
            Some(PortNews { port, name, change })
        });
        Ok(named.collect())
    }

    /// Use of mbufs, by socket; none after the stop.
    #[must_use]
    pub fn mbufs(&self) -> Vec<MbufUse> {
        let machinery = self.machinery();
        let pools = machinery.iter().flat_map(|machinery| &machinery.pools);
        pools
            .map(|(socket, pool)| MbufUse {
                socket: socket.unwrap_or(0),
                in_use: pool.in_use(),
                total: pool.count(),
            })
            .collect()
    }

    /// Puts a version of the policy into every worker's mailbox, in place of one that it has not taken yet.
    /// Its topology must be the one of the start.
    pub fn publish(&self, snapshot: &Arc<Snapshot>) {
        let now = self.now();
        for worker in &self.workers {
            worker.publish(Arc::clone(snapshot), now);
        }
    }

    /// Frees, on the calling thread, what workers have sent back. Returns how long each swap since the last
    /// call took, from publication to use. To be called every now and then: a worker with 16 versions that
    /// nobody has freed takes no more.
    pub fn reap(&self) -> Vec<Duration> {
        let mut swaps = Vec::new();
        for worker in &self.workers {
            worker.reap(&mut swaps);
        }
        swaps
    }

    /// Gives a worker something to do between its bursts. [`Answer::Done`] is the last part of the answer; if the
    /// receiver is disconnected before it, there is no such worker, it has too much to do already, or it has ended.
    pub fn ask(&self, worker: WorkerId, command: Command) -> Receiver<Answer> {
        match self.workers.get(worker.index()) {
            // With the machinery held, a stop cannot come between and leave the command waiting for ever.
            Some(handle) if self.machinery().is_some() => handle.ask(command),
            Some(_) | None => channel().1,
        }
    }

    /// Takes log events, at most `most`, in order for each worker. Returns how many there were.
    pub fn events(&self, most: usize, take: &mut dyn FnMut(&Event)) -> usize {
        let mut taken = 0;
        for worker in &self.workers {
            while taken < most
                && let Some(event) = worker.event()
            {
                take(&event);
                taken += 1;
            }
        }
        taken
    }

    /// Takes all links down where the drivers can, waiting for no worker. Returns how many went down.
    pub fn cut(&self) -> usize {
        let mut machinery = self.machinery();
        let ports = machinery.iter_mut().flat_map(|machinery| &mut machinery.ports);
        ports.map(LivePort::cut).filter(|down| *down).count()
    }

    /// [`Self::cut`] for a thread that panics: whoever has the ports has them for a moment, or is that very thread,
    /// so that waiting ends. None: they could not be had.
    pub fn cut_in_panic(&self) -> Option<usize> {
        const STEP: Duration = Duration::from_millis(1);
        let patience = Deadline::after(IN_PANIC);
        loop {
            let mut machinery = match self.machinery.try_lock() {
                Ok(machinery) => machinery,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if patience.is_over() => return None,
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(STEP);
                    continue;
                }
            };
            let ports = machinery.iter_mut().flat_map(|machinery| &mut machinery.ports);
            return Some(ports.map(LivePort::cut).filter(|down| *down).count());
        }
    }

    /// Ends the plane in order: nothing is received any more, what is on its way is finished, links go down,
    /// threads end, ports close, and DPDK is cleaned up. Only the first call does anything.
    pub fn stop(&self) -> Option<Summary> {
        let machinery = self.machinery().take()?;
        let Machinery { crew, mut ports, links: _, pools, eal } = machinery;
        crew.order(Phase::Drain);
        self.drain();
        for port in &mut ports {
            port.cut();
        }
        let stuck = crew.dismiss();
        for worker in &self.workers {
            worker.refuse_jobs();
        }
        let workers = self.workers();
        if !stuck.is_empty() {
            // Somebody still uses them.
            core::mem::forget((ports, pools, eal));
            return Some(Summary { workers, stuck, dpdk: Ok(()) });
        }
        drop(ports);
        drop(pools);
        Some(Summary { workers, stuck, dpdk: eal.shutdown() })
    }

    /// Waits until nothing is in the rings.
    fn drain(&self) {
        const STEP: Duration = Duration::from_micros(500);
        let patience = Deadline::after(DRAIN);
        let mut quiet = 0;
        let mut rounds = self.rounds();
        while quiet < QUIET_LOOKS && !patience.is_over() {
            std::thread::sleep(STEP);
            let now = self.rounds();
            // Figures are shown at times, so that a worker is seen to have made a round after it has made it.
            if now.iter().zip(&rounds).any(|(now, before)| now <= before) {
                continue;
            }
            rounds = now;
            let in_rings: u64 = self.workers.iter().map(|worker| worker.tally().in_rings).sum();
            quiet = if in_rings == 0 { quiet + 1 } else { 0 };
        }
    }

    fn rounds(&self) -> Vec<u64> {
        self.workers.iter().map(|worker| worker.tally().rounds).collect()
    }

    fn machinery(&self) -> MutexGuard<'_, Option<Machinery>> {
        self.machinery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        // Whoever wants to know the outcome calls `stop`.
        drop(self.stop());
    }
}
