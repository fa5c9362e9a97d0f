//! Counts of a server that others may read while it serves.

use std::sync::atomic::{AtomicU64, Ordering};

use super::totals::{End, Totals};

/// The counts of one thread that serves: it alone writes them, so that none needs a lock or an
/// instruction that other processors have to wait for.
///
/// Each has a pair of cache lines for itself: no thread waits for another's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    opened: AtomicU64,
    bytes: AtomicU64,
    ended: [AtomicU64; End::KINDS],
}

impl Counters {
    /// Counts a connection that begins.
    pub fn open(&self) {
        add(&self.opened, 1);
    }

    /// Counts bytes that were echoed.
    pub fn echo(&self, bytes: u64) {
        add(&self.bytes, bytes);
    }

    /// Counts a connection that has ended, after so many bytes.
    pub fn end(&self, echoed: u64, end: &End) {
        add(&self.ended[end.kind(echoed)], 1);
    }

    /// The counts so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What ended is read first: what began meanwhile has not ended, but is open.
        let ended = std::array::from_fn(|kind| read(&self.ended[kind]));
        let (opened, bytes) = (read(&self.opened), read(&self.bytes));
        Totals { ended, opened, bytes, ..Totals::default() }
    }
}

/// Only one thread writes it.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}
