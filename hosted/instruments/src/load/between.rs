//! What came on a connection between two messages must not be blamed on the next one.
//!
//! Looking may cost a system call, so it is done where the connection has been
//! idle: nothing was due when the message before it ended, or there was none.
//! In a closed loop nothing is idle, and nobody looks: there the
//! [probe](echo_core::Probe) distinguishes bytes ahead of an echo from the echo itself.

use echo_core::{Failure, Instant};

use super::connection::Connection;
use super::lane::{Lane, Message};
use super::{Ended, Load, Observer, Sample};
use crate::stack::{Stack, Unasked};

impl<S: Stack> Load<'_, S, Connection<'_>> {
    /// Called before the message that was `planned` is sent: gives up a connection
    /// on which the server did something unasked, and records which message is to
    /// blame. Returns the time afterwards.
    pub(super) fn look_between(
        &mut self,
        key: usize,
        planned: Instant,
        now: Instant,
        observer: &mut dyn Observer,
    ) -> Instant {
        let lane = &mut self.lanes[key];
        if !lane.was_idle(planned, self.schedule.is_some(), self.driver.stops()) {
            return now;
        }
        let unasked = lane.unasked(self.driver);
        match unasked {
            None => {}
            Some(Unasked::Closed) => {
                self.out.closed_while_idle += u64::from(self.measures(planned));
            }
            Some(Unasked::Bytes(bytes)) => self.blame(key, bytes, observer),
        }
        if unasked.is_some() {
            self.disconnect(key);
        }
        self.driver.now()
    }

    /// Bytes came before the echo of the message that is in flight, but after it was
    /// sent: the one before is to blame all the same, and this one has its own
    /// chance on another connection.
    pub(super) fn send_again(&mut self, key: usize, bytes: u64, observer: &mut dyn Observer) {
        self.lanes[key].take_back();
        self.blame(key, bytes, observer);
        self.disconnect(key);
        let (now, lane) = (self.driver.now(), &mut self.lanes[key]);
        let Message { planned, .. } = *Lane::<S>::message(lane);
        lane.begin(planned, now, self.driver);
        let due = Lane::<S>::due(lane);
        self.look_at(due);
    }

    /// Bytes came after the echo of the message before, which seemed to be right.
    fn blame(&mut self, key: usize, bytes: u64, observer: &mut dyn Observer) {
        let lane = &self.lanes[key];
        // One that was left out stays so.
        if !lane.counts() {
            return;
        }
        let message = lane.last();
        let at = self.driver.now().saturating_duration_since(self.from);
        let end = Err(Failure::Extra { message, bytes });
        let sample = Sample { message, ..Sample::new(at, key, end) };
        self.out.revoke(&sample);
        observer.message(&sample);
        if !self.plan.keep_going {
            self.out.ended = Ended::Failed;
        }
    }
}
