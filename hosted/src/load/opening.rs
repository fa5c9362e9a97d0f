//! Opening the connections of a load, before its clock starts.
//!
//! All at once they would overflow the queue in front of a server's accept,
//! and those that were dropped would be tried again a second later: nobody
//! would measure what was asked for.

use std::io;
use std::time::Duration;

use super::lane::Lane;
use super::wait::Wait;
use crate::clock::Clock;
use crate::signals::Stop;

/// Connections that are being opened at once: fewer than the usual queues hold.
const AT_ONCE: usize = 64;

/// How soon a request to stop is seen.
const SLICE: Duration = Duration::from_millis(100);

/// Opens the connection of each lane that has none. After the first that cannot
/// be opened no other is tried: the loop opens them with their first messages,
/// and counts what happens.
pub(super) fn open(
    lanes: &mut [Lane<'_>],
    wait: &mut Wait,
    clock: &Clock,
    limit: Option<Duration>,
    stop: &Stop,
) -> io::Result<()> {
    // When one last became open, or the first was begun.
    let mut moved = clock.now();
    let (mut next, mut under_way) = (0, 0);
    let mut ready = Vec::new();
    loop {
        while next < lanes.len() && under_way < AT_ONCE {
            if !lanes[next].is_open() {
                match lanes[next].connect(wait) {
                    Ok(()) => under_way += 1,
                    Err(_) => next = lanes.len(),
                }
            }
            next += 1;
        }
        let now = clock.now();
        let late = limit.is_some_and(|limit| now.saturating_duration_since(moved) > limit);
        if under_way == 0 || late || stop.requested() {
            return Ok(());
        }
        wait.ready(lanes, now, now + SLICE, &mut ready)?;
        for key in ready.drain(..) {
            match lanes[key].opened(wait) {
                Ok(false) => {}
                Ok(true) => {
                    under_way -= 1;
                    moved = now;
                }
                Err(_) => {
                    lanes[key].disconnect(None);
                    under_way -= 1;
                    next = lanes.len();
                }
            }
        }
    }
}
