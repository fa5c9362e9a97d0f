//! Counts of a server that others may read while it serves.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::datagrams::Datagrams;
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
    /// Those of the datagrams, if any are to be echoed.
    datagrams: OnceLock<[AtomicU64; Datagrams::COUNTS]>,
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

    /// Tells how many datagrams there were so far. Who echoes them says so once before, with no counts.
    pub fn tell(&self, mut datagrams: Datagrams) {
        let counters = self.datagrams.get_or_init(Default::default);
        for (counter, n) in counters.iter().zip(datagrams.counts_mut()) {
            counter.store(*n, Ordering::Relaxed);
        }
    }

    /// The counts so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What ended is read first: what began meanwhile has not ended, but is open.
        let ended = std::array::from_fn(|kind| read(&self.ended[kind]));
        let (opened, bytes) = (read(&self.opened), read(&self.bytes));
        let datagrams = self.datagrams.get().map(|counters| {
            let mut datagrams = Datagrams::default();
            datagrams.counts_mut().zip(counters).for_each(|(n, counter)| *n = read(counter));
            datagrams
        });
        Totals { ended, opened, bytes, datagrams, ..Totals::default() }
    }
}

/// Only one thread writes it.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}
