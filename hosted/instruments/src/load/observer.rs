//! The observer of a run: the loop draws and writes nothing itself.

use super::{Measurement, Sample};

/// Sees a run while it goes on.
pub trait Observer {
    /// Sees the measurement so far, about 8 times a second, between two messages where possible.
    fn look(&mut self, measurement: &Measurement);

    /// Sees that the run of this number, from 0, follows in a series: from now on the measurement is its.
    fn next_run(&mut self, _number: u16) {}

    /// Sees how many connections are open, 8 times a second while they are opened before the run.
    fn opening(&mut self, _open: usize, _of: usize) {}

    /// All is ready, and the clock starts right after it: the loop waits for this call.
    fn ready(&mut self) {}

    /// Sees each message that is measured, when it ends. The loop waits for this
    /// call.
    fn message(&mut self, _sample: &Sample) {}
}

impl<F: FnMut(&Measurement)> Observer for F {
    fn look(&mut self, measurement: &Measurement) {
        self(measurement);
    }
}
