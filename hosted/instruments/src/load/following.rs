//! A few messages are followed through the kernel, if the plan asks for it; the others pay nothing for that.

use std::time::Duration;

use echo_core::{Failure, Instant};

use super::Load;
use super::lane::Lane;
use crate::stack::Driver;

impl<D: Driver, L: Lane<D>> Load<'_, D, L> {
    /// Has the stack follow the next message, if it is chosen. Returns the time afterwards.
    pub(super) fn follow(&mut self, key: usize, planned: Instant, now: Instant) -> (Instant, bool) {
        let measured = self.measures(planned);
        let Some(passages) = &mut self.out.passages else { return (now, false) };
        if !measured || !self.lanes[key].is_open() || !passages.chooses(now) {
            return (now, false);
        }
        let followed = self.driver.follow(key, self.plan.length);
        let followed = followed.map_err(|why| passages.give_up(why)).is_ok();
        (self.driver.now(), followed)
    }

    /// Notes the way of a message that was followed and has ended.
    pub(super) fn note_way(
        &mut self,
        key: usize,
        end: Result<Duration, Failure>,
        interrupted: bool,
    ) {
        let lane = &mut self.lanes[key];
        if !lane.message().followed {
            return;
        }
        lane.follow(false);
        let way = self.driver.followed(key);
        if let (Some(passages), Ok(took), false) = (&mut self.out.passages, end, interrupted) {
            passages.record(lane.message().begun, took, way);
        }
    }
}
