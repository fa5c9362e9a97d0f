//! Opening the connections of a load, before its clock starts.
//!
//! All at once they would overflow the server's backlog, and those that were dropped would be
//! tried again a second later. [`Admission`] decides which is begun when.

mod admission;

use std::io;
use std::time::Duration;

use echo_core::Instant;

use self::admission::Admission;
use super::connection::Connection;
use super::{Observer, TICK};
use crate::signals::Stop;
use crate::stack::{Busy, Stack};

/// No message is in flight yet.
const NOTHING: Busy = Busy { messages: 0, since: Instant::START, deadline: None };

/// Opens the connection of each lane that has none. After the first that cannot
/// be opened no other is tried: the loop opens them with their first messages,
/// and counts what happens.
pub(super) fn open(
    lanes: &mut [Connection<'_>],
    stack: &mut impl Stack,
    limit: Option<Duration>,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> io::Result<()> {
    let mut admission = Admission::new((0..lanes.len()).filter(|key| !lanes[*key].is_open()));
    // The instant at which one last became open, or the first was begun.
    let mut moved = stack.now();
    let mut tick = moved + TICK;
    let mut ready = Vec::new();
    while !admission.is_over() {
        while let Some(key) = admission.next(stack.now()) {
            if lanes[key].open(stack).is_err() {
                lanes[key].give_up(None, stack);
                admission.failed(key);
            }
        }
        // What is late is late by the time before the look that did not find it open.
        let now = stack.now();
        if limit.is_some_and(|limit| now.saturating_duration_since(moved) > limit)
            || stop.requested()
        {
            break;
        }
        if now >= tick {
            observer.opening(lanes.len() - admission.left(), lanes.len());
            tick = now + TICK;
        }
        let until = admission.due().map_or(tick, |due| due.min(tick));
        stack.wait(now, until, NOTHING, &mut ready)?;
        for key in ready.drain(..) {
            match lanes[key].opened(stack) {
                Ok(false) => {}
                Ok(true) => {
                    moved = stack.now();
                    admission.opened(key, moved);
                }
                Err(_) => {
                    lanes[key].give_up(None, stack);
                    admission.failed(key);
                }
            }
        }
        while let Some(key) = admission.lost(now) {
            lanes[key].give_up(None, stack);
        }
    }
    Ok(())
}
