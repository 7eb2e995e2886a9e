//! Which worker has which queue, and what the redirection table of a port says. Pure arithmetic.

use engine::WorkerId;
use engine::owner::TABLE_SIZE;

/// Queues of one port, and whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuePlan {
    /// Receive queues.
    pub(crate) rx: u16,
    /// Transmit queues.
    pub(crate) tx: u16,
    /// The worker that has queue 0 each way; the next has queue 1, and so on. With a queue for every worker it is
    /// worker 0. Ports with fewer begin at different workers, or all of them would be the first workers' work.
    pub(crate) first: u16,
}

impl QueuePlan {
    /// A queue each way for every worker, as far as the device has them and the operator allows them
    /// (`asked`; 0: as many as there are workers). `turn`: the worker whose turn it is to have queue 0 of a port
    /// with fewer.
    pub(crate) fn new(workers: u16, asked: u16, max_rx: u16, max_tx: u16, turn: u16) -> Self {
        let wanted = if asked == 0 { workers } else { workers.min(asked) };
        let (rx, tx) = (wanted.min(max_rx).max(1), wanted.min(max_tx).max(1));
        Self { rx, tx, first: if rx < workers { turn % workers.max(1) } else { 0 } }
    }

    /// Whose turn it is after this port.
    pub(crate) const fn next_turn(self, workers: u16, turn: u16) -> u16 {
        if self.rx < workers { (turn + self.rx) % workers } else { turn }
    }

    /// The worker that has this queue.
    pub(crate) fn worker_of(self, queue: u16, workers: u16) -> WorkerId {
        WorkerId((self.first + queue) % workers.max(1))
    }

    /// The worker that sends for `worker`: itself, if it has a transmit queue.
    pub(crate) fn sender_for(self, worker: WorkerId, workers: u16) -> WorkerId {
        self.worker_of(self.queue_near(worker, self.tx, workers), workers)
    }

    /// The redirection table of a device that has `length` entries: the canonical one, repeated, with the queue
    /// of the owner, or, where that has none, the queue of one who will hand the frame over.
    pub(crate) fn redirection(self, workers: u16, length: u16) -> Vec<u16> {
        let size = u16::try_from(TABLE_SIZE).unwrap_or(u16::MAX);
        let owner = |entry: u16| WorkerId(entry % size % workers.max(1));
        (0..length).map(|entry| self.queue_near(owner(entry), self.rx, workers)).collect()
    }

    /// Of so many queues the worker's own, or that of one who does for it.
    fn queue_near(self, worker: WorkerId, queues: u16, workers: u16) -> u16 {
        (worker.0 + workers - self.first % workers.max(1)) % workers.max(1) % queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::owner::worker_of;
    use test_case::test_case;

    #[test_case(2, 0, 16, 16, 2, 2, 0; "one each")]
    #[test_case(4, 0, 1, 1, 1, 1, 3; "a device with one queue")]
    #[test_case(4, 2, 16, 16, 2, 2, 3; "as many as asked")]
    #[test_case(2, 8, 16, 16, 2, 2, 0; "never more than workers")]
    #[test_case(4, 0, 1, 8, 1, 4, 3; "fewer to receive")]
    fn queues(workers: u16, asked: u16, max_rx: u16, max_tx: u16, rx: u16, tx: u16, first: u16) {
        let plan = QueuePlan::new(workers, asked, max_rx, max_tx, 3);
        assert_eq!(plan, QueuePlan { rx, tx, first });
    }

    #[test]
    fn ports_with_few_queues_begin_at_workers_in_turn() {
        let mut turn = 0;
        let firsts = [1, 1, 2, 3, 1].map(|queues| {
            let plan = QueuePlan::new(3, 0, queues, queues, turn);
            turn = plan.next_turn(3, turn);
            plan.first
        });
        assert_eq!(firsts, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn whoever_has_a_queue_sends_for_itself() {
        for (rx, tx, first) in [(1, 1, 2), (2, 2, 2), (1, 3, 1), (3, 1, 0), (3, 3, 0)] {
            let plan = QueuePlan { rx, tx, first };
            let having: Vec<_> = (0..tx).map(|queue| plan.worker_of(queue, 3)).collect();
            for worker in (0..3).map(WorkerId) {
                let sender = plan.sender_for(worker, 3);
                assert!(having.contains(&sender), "{plan:?}");
                assert!(sender == worker || !having.contains(&worker), "{plan:?}");
            }
        }
    }

    #[test_case(128; "as long")]
    #[test_case(512; "longer")]
    fn the_table_leads_every_hash_to_its_owner(length: u16) {
        for workers in 1..=7 {
            let table =
                QueuePlan { rx: workers, tx: workers, first: 0 }.redirection(workers, length);
            for hash in 0..5000_u32 {
                let entry = usize::try_from(hash % u32::from(length)).unwrap();
                assert_eq!(table[entry], worker_of(hash, workers).0, "{workers} workers");
            }
        }
    }

    #[test]
    fn no_entry_names_a_queue_that_is_not_there() {
        let plan = QueuePlan { rx: 3, tx: 2, first: 1 };
        assert!(plan.redirection(8, 128).iter().all(|&queue| queue < 3));
        let plan = QueuePlan { first: 0, ..plan };
        let senders: Vec<u16> = (0..5).map(|n| plan.sender_for(WorkerId(n), 5).0).collect();
        assert_eq!(senders, [0, 1, 0, 1, 0]);
    }
}
