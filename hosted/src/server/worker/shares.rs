//! Who serves how many connections: the next goes to a worker that has the fewest, if the limit on all
//! of them together allows one more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The number of connections of each worker.
pub(super) struct Shares {
    served: Vec<AtomicUsize>,
    /// The most of all workers together.
    most: Option<usize>,
    /// Whether that is reached, and somebody may wait for the next to leave.
    full: AtomicBool,
}

impl Shares {
    pub(super) fn new(workers: usize, most: Option<usize>) -> Self {
        let served = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        Self { served, most, full: AtomicBool::new(false) }
    }

    /// The worker that gets the next connection: the first of those that have the fewest.
    pub(super) fn least(&self) -> usize {
        let served = |worker: &usize| self.served[*worker].load(Ordering::SeqCst);
        (0..self.served.len()).min_by_key(served).unwrap_or_default()
    }

    /// Counts a connection of this worker.
    pub(super) fn enter(&self, worker: usize) {
        self.served[worker].fetch_add(1, Ordering::SeqCst);
    }

    /// Counts one of them less. Returns whether the limit was found to be reached before.
    pub(super) fn leave(&self, worker: usize) -> bool {
        self.served[worker].fetch_sub(1, Ordering::SeqCst);
        self.full.swap(false, Ordering::SeqCst)
    }

    /// The number of connections of all workers.
    pub(super) fn total(&self) -> usize {
        self.served.iter().map(|served| served.load(Ordering::SeqCst)).sum()
    }

    /// Whether the limit is reached; if so, the next to [leave](Self::leave) is told.
    pub(super) fn is_full(&self) -> bool {
        let Some(most) = self.most else { return false };
        if self.total() < most {
            return false;
        }
        self.full.store(true, Ordering::SeqCst);
        // One may have left in between without seeing the flag.
        self.total() >= most
    }
}
