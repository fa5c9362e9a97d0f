//! Time that passes only when somebody says so.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The true time of a simulation, which its clones share.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Rc<Cell<Duration>>);

impl Clock {
    /// Stands at this time.
    pub(crate) fn at(time: Duration) -> Self {
        Self(Rc::new(time.into()))
    }

    pub(crate) fn now(&self) -> Duration {
        self.0.get()
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }

    /// Lets time pass until then, if that is still to come.
    pub(crate) fn pass_until(&self, time: Duration) {
        self.0.set(self.0.get().max(time));
    }
}
