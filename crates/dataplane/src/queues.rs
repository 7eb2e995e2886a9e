//! Which worker has which queue, and what the redirection table of a port says. Pure arithmetic.

use engine::WorkerId;
use engine::owner::TABLE_SIZE;

/// Queues of one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuePlan {
    /// Receive queues; queue n is worker n's.
    pub(crate) rx: u16,
    /// Transmit queues; queue n is worker n's.
    pub(crate) tx: u16,
}

impl QueuePlan {
    /// A queue each way for every worker, as far as the device has them and the operator allows them
    /// (`asked`; 0: as many as there are workers).
    pub(crate) fn new(workers: u16, asked: u16, max_rx: u16, max_tx: u16) -> Self {
        let wanted = if asked == 0 { workers } else { workers.min(asked) };
        Self { rx: wanted.min(max_rx).max(1), tx: wanted.min(max_tx).max(1) }
    }

    /// The worker that sends for `worker`: itself, if it has a transmit queue.
    pub(crate) fn sender_for(self, worker: WorkerId) -> WorkerId {
        WorkerId(worker.0 % self.tx)
    }

    /// The redirection table of a device that has `length` entries: the canonical one, repeated, with the queue
    /// of the owner, or, where that has none, the queue of one who will hand the frame over.
    pub(crate) fn redirection(self, workers: u16, length: u16) -> Vec<u16> {
        let size = u16::try_from(TABLE_SIZE).unwrap_or(u16::MAX);
        (0..length).map(|entry| entry % size % workers.max(1) % self.rx).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::owner::worker_of;
    use test_case::test_case;

    #[test_case(2, 0, 16, 16, 2, 2; "one each")]
    #[test_case(4, 0, 1, 1, 1, 1; "a device with one queue")]
    #[test_case(4, 2, 16, 16, 2, 2; "as many as asked")]
    #[test_case(2, 8, 16, 16, 2, 2; "never more than workers")]
    #[test_case(4, 0, 1, 8, 1, 4; "fewer to receive")]
    fn queues(workers: u16, asked: u16, max_rx: u16, max_tx: u16, rx: u16, tx: u16) {
        assert_eq!(QueuePlan::new(workers, asked, max_rx, max_tx), QueuePlan { rx, tx });
    }

    #[test_case(128; "as long")]
    #[test_case(512; "longer")]
    fn the_table_leads_every_hash_to_its_owner(length: u16) {
        for workers in 1..=7 {
            let table = QueuePlan { rx: workers, tx: workers }.redirection(workers, length);
            for hash in 0..5000_u32 {
                let entry = usize::try_from(hash % u32::from(length)).unwrap();
                assert_eq!(table[entry], worker_of(hash, workers).0, "{workers} workers");
            }
        }
    }

    #[test]
    fn no_entry_names_a_queue_that_is_not_there() {
        let plan = QueuePlan { rx: 3, tx: 2 };
        assert!(plan.redirection(8, 128).iter().all(|&queue| queue < 3));
        let senders: Vec<u16> = (0..5).map(|n| plan.sender_for(WorkerId(n)).0).collect();
        assert_eq!(senders, [0, 1, 0, 1, 0]);
    }
}
