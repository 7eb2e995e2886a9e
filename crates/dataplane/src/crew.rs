//! The workers' threads: how they start, wait for each other, and end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dpdk::{Consumer, Eal, Mempool, Producer, Ring, RxQueue, pin_current_thread};
use engine::{PortIndex, Shard, ShardConfig, Snapshot, WorkerId};

use crate::board::HitBoard;
use crate::clock::{Clock, Deadline};
use crate::error::{StartError, WorkerFault};
use crate::mailbox::Mailbox;
use crate::memory::SocketMemory;
use crate::outlet::{Outlet, Way};
use crate::polling::Pace;
use crate::worker::{Phase, Shown, Signal, Worker};

/// How long a worker may take to end before it is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a worker is made of before there are queues.
#[derive(Debug)]
pub(crate) struct Recruit {
    pub(crate) core: u32,
    pub(crate) shard: ShardConfig,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) memory: SocketMemory,
    pub(crate) pool: Mempool,
    pub(crate) to_others: Vec<Option<Producer>>,
    pub(crate) from_others: Vec<Consumer>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) hits: Arc<HitBoard>,
    pub(crate) clock: Clock,
    pub(crate) pace: Pace,
}

/// What a worker is given last.
#[derive(Debug)]
pub(crate) struct Equipment {
    pub(crate) queues: Vec<(PortIndex, RxQueue)>,
    /// By port.
    pub(crate) ways: Vec<Way>,
}

/// A worker whose shard exists, and that waits for its queues.
#[derive(Debug)]
struct Member {
    worker: WorkerId,
    core: u32,
    thread: JoinHandle<()>,
    start: SyncSender<Equipment>,
}

/// All workers. When this is dropped they end.
#[derive(Debug)]
pub(crate) struct Crew {
    members: Vec<Member>,
    signal: Arc<Signal>,
}

type Report = (WorkerId, Result<(), WorkerFault>);

impl Crew {
    /// Starts all threads and waits until every one has its shard.
    pub(crate) fn muster(recruits: Vec<Recruit>) -> Result<Self, StartError> {
        let mut crew = Self { members: Vec::new(), signal: Arc::default() };
        let (report, reports) = channel();
        for recruit in recruits {
            crew.enlist(recruit, report.clone())?;
        }
        drop(report);
        let mut ready = BTreeSet::new();
        while let Some(missing) = crew.members.iter().find(|member| !ready.contains(&member.worker))
        {
            // When nobody is left to report, whoever is missing has died.
            let (worker, outcome) =
                reports.recv().unwrap_or((missing.worker, Err(WorkerFault::Died)));
            if let Err(source) = outcome {
                let core = crew.members.get(worker.index()).map_or(missing.core, |it| it.core);
                return Err(StartError::Worker { worker: worker.0, core, source });
            }
            ready.insert(worker);
        }
        Ok(crew)
    }

    fn enlist(&mut self, recruit: Recruit, report: Sender<Report>) -> Result<(), StartError> {
        let (worker, core) = (recruit.shard.worker, recruit.core);
        let (start, equipment) = sync_channel(1);
        let signal = Arc::clone(&self.signal);
        let thread = thread::Builder::new()
            .name(format!("worker-{}", worker.0))
            .spawn(move || serve(recruit, signal, report, &equipment))
            .map_err(|error| StartError::Worker {
                worker: worker.0,
                core,
                source: WorkerFault::Thread(error),
            })?;
        self.members.push(Member { worker, core, thread, start });
        Ok(())
    }

    /// Gives every worker its queues, in order; with these it begins.
    pub(crate) fn begin(&self, equipment: Vec<Equipment>) {
        for (member, equipment) in self.members.iter().zip(equipment) {
            // A worker that died meanwhile is found by its heartbeat.
            drop(member.start.send(equipment));
        }
    }

    /// Tells all workers which ports were pulled, and by which nothing is to be sent: a bit for each.
    pub(crate) fn tell_ports(&self, gone: u64, shut: u64) {
        self.signal.set_ports(gone, shut);
    }

    /// Tells all workers what to do.
    pub(crate) fn order(&self, phase: Phase) {
        self.signal.set(phase);
    }

    /// Ends all threads. Returns the workers that do not end.
    pub(crate) fn dismiss(mut self) -> Vec<WorkerId> {
        self.end()
    }

    fn end(&mut self) -> Vec<WorkerId> {
        self.signal.set(Phase::Leave);
        let mut stuck = Vec::new();
        let members: Vec<Member> = self.members.drain(..).collect();
        // Those that wait for their queues see that none will come.
        let threads: Vec<(WorkerId, JoinHandle<()>)> =
            members.into_iter().map(|member| (member.worker, member.thread)).collect();
        let patience = Deadline::after(PATIENCE);
        for (worker, thread) in threads {
            const STEP: Duration = Duration::from_millis(1);
            while !thread.is_finished() && !patience.is_over() {
                thread::sleep(STEP);
            }
            if !thread.is_finished() || thread.join().is_err() {
                stuck.push(worker);
            }
        }
        stuck
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.end();
    }
}

/// A worker's thread from its first moment to its last.
fn serve(
    recruit: Recruit,
    signal: Arc<Signal>,
    report: Sender<Report>,
    equipment: &Receiver<Equipment>,
) {
    let worker = recruit.shard.worker;
    let eal = recruit.memory.eal.clone();
    // Pinned first, since DPDK copies the affinity; registered before it touches a pool.
    let registered = pin_current_thread(recruit.core)
        .map_err(WorkerFault::from)
        .and_then(|()| eal.register_thread().map_err(WorkerFault::from));
    let guard = match registered {
        Ok(guard) => guard,
        Err(fault) => {
            report.send((worker, Err(fault))).ok();
            return;
        }
    };
    let Recruit { shard, snapshot, mut memory, pool, to_others, from_others, .. } = recruit;
    match Shard::new(shard, snapshot, &mut memory) {
        Err(fault) => {
            report.send((worker, Err(fault.into()))).ok();
        }
        Ok(shard) => {
            report.send((worker, Ok(()))).ok();
            // Or nobody would see that another worker has died without a word.
            drop(report);
            if let Ok(Equipment { queues, ways }) = equipment.recv() {
                let mailbox = recruit.mailbox;
                let outlet = Outlet::new(ways, to_others, pool, Arc::clone(&mailbox));
                let worker = Worker {
                    shard,
                    outlet,
                    queues,
                    rings: from_others,
                    mailbox,
                    hits: recruit.hits,
                    signal,
                    clock: recruit.clock,
                    pace: recruit.pace,
                    job: None,
                    shown: Shown::default(),
                    gone: 0,
                };
                worker.run();
            }
        }
    }
    drop(guard);
}

/// One worker's ends of the rings: to each worker, and from each other.
pub(crate) type RingEnds = (Vec<Option<Producer>>, Vec<Consumer>);

/// A ring from each worker to each other. `sockets`: of each worker, where what it reads is to be.
pub(crate) fn mesh(
    eal: &Eal,
    sockets: &[Option<u32>],
    capacity: u32,
) -> Result<Vec<RingEnds>, StartError> {
    let mut ends: Vec<RingEnds> = sockets.iter().map(|_| RingEnds::default()).collect();
    for from in 0..sockets.len() {
        for (to, socket) in sockets.iter().enumerate() {
            if from == to {
                ends[from].0.push(None);
                continue;
            }
            let name = format!("handover-{from}-{to}");
            let (producer, consumer) = Ring::new(eal, &name, capacity, *socket)?.split();
            ends[from].0.push(Some(producer));
            ends[to].1.push(consumer);
        }
    }
    Ok(ends)
}
