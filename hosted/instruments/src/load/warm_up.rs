//! The end of the warm-up: what was before is left out of all numbers.

use std::time::Duration;

use echo_core::Instant;

use super::Load;
use super::lane::Lane;
use crate::measurement::effort::Effort;
use crate::plan::Plan;
use crate::stack::Driver;
use crate::usage::Usage;

/// How long before the end of the warm-up it is noted what the instrument has used. That takes some tenths of a millisecond:
/// at the end, the first messages that are measured would wait for it.
const AHEAD: Duration = Duration::from_millis(2);

/// When that is done in a run that begins at `start`. If that is just then, it has been done already.
pub(super) fn note(plan: &Plan, start: Instant) -> Instant {
    let omit = plan.omit;
    start + if omit > AHEAD { omit - AHEAD } else { omit }
}

impl<D: Driver, L: Lane<D>> Load<'_, D, L> {
    /// Ends the warm-up when it is over. Shortly before, it notes what the instrument has used so far.
    pub(super) fn warm_up(&mut self, mut now: Instant) -> Instant {
        if self.note < self.from && now >= self.note {
            self.note = self.from;
            self.effort.used = Usage::read();
            now = self.driver.now();
        }
        if now >= self.from { self.begin_measuring(now) } else { now }
    }

    /// Leaves out what was before, including what the kernel counted.
    fn begin_measuring(&mut self, now: Instant) -> Instant {
        self.warming = false;
        self.out.begin(now.saturating_duration_since(self.from));
        if let Some(schedule) = &mut self.schedule {
            schedule.measure(self.from);
        }
        let Effort { used, spins, .. } = self.effort;
        self.effort = Effort { used, spins, ..Effort::default() };
        self.before = self.kernel().map_or(0, |kernel| kernel.retransmits);
        self.dropped = self.driver.dropped().unwrap_or_default();
        self.driver.now()
    }
}
