//! Who sees a run as it goes: the loop draws and writes nothing itself.

use super::{Measurement, Sample};

/// Whoever wants to see a run as it goes.
pub trait Observer {
    /// The measurement so far, some 8 times a second, between two messages where possible.
    fn look(&mut self, measurement: &Measurement);

    /// How many connections are open, 8 times a second while they are opened before the run.
    fn opening(&mut self, _open: usize, _of: usize) {}

    /// Each message that is measured, as it ends: the time this takes is the
    /// loop's.
    fn message(&mut self, _sample: &Sample) {}
}

impl<F: FnMut(&Measurement)> Observer for F {
    fn look(&mut self, measurement: &Measurement) {
        self(measurement);
    }
}
