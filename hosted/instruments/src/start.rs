//! `--start-at`: several machines begin at one time.
//!
//! The wall clock says how long that is, and a monotonic one waits for it: a step of the wall clock at the last moment starts nobody
//! early or late. The wait has two parts. The first, without a connection, ends a while before the start: no server keeps an
//! idle connection for ever. The second ends at it, when all connections are open. How well the clock is synchronised is
//! what the kernel says of it.

mod given;
mod synchronised;

use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

pub use self::given::StartAt;
use self::synchronised::synchronised;
use crate::plan::Plan;
use crate::quantity::duration;
use crate::terminal::notes::remark;
use crate::verdict::Misuse;

/// How long it takes at most to open some connections, and how much longer for each.
const OPENING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(1));

/// The wall clock is looked at again this long before an instant: it may have been set meanwhile.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// The clocks of a wait.
trait Clocks {
    /// The time of day.
    fn wall(&self) -> SystemTime;

    /// Waits so long on a monotonic clock.
    fn wait(&mut self, time: Duration);
}

/// Those of the system. A signal ends the program meanwhile: there is nothing to finish yet.
struct System;

impl Clocks for System {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
}

/// A start that is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start(SystemTime);

impl Start {
    /// The start that the user wants.
    pub(crate) const fn at(given: StartAt) -> Self {
        Self(given.0)
    }

    /// Refuses one that has passed.
    fn is_to_come(self, now: SystemTime) -> Result<()> {
        if self.0 <= now {
            // In whole seconds.
            let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            bail!(Misuse(format!("--start-at {} has passed: it is {}", told(self.0), told(now))));
        }
        Ok(())
    }

    /// Says what is waited for, and waits until connections have to be opened for it.
    ///
    /// # Errors
    ///
    /// A [`Misuse`] if it has passed.
    pub(crate) fn approach(self, plan: &Plan) -> Result<()> {
        self.is_to_come(SystemTime::now())?;
        let (some, each) = OPENING;
        let before = some + each * plan.connections.into();
        let left = self.0.duration_since(SystemTime::now()).unwrap_or_default();
        let clock = match synchronised() {
            Some(error) => format!("the clock is known to ±{}", duration(error)),
            None => "the clock is not synchronised".to_owned(),
        };
        remark(&format!("waiting {} for {}; {clock}", duration(left), told(self.0)));
        until(self.0.checked_sub(before).unwrap_or(self.0), &mut System);
        Ok(())
    }

    /// Waits for it; returns how much later it was at the end.
    pub(crate) fn wait(self) -> Duration {
        until(self.0, &mut System)
    }

    /// A line about how late it was.
    pub(crate) fn said(self, late: Duration) -> String {
        format!("started {} after {}", duration(late), told(self.0))
    }
}

/// Waits until `at`; returns how much later it is then.
fn until(at: SystemTime, clocks: &mut impl Clocks) -> Duration {
    loop {
        let now = clocks.wall();
        let Ok(left) = at.duration_since(now) else {
            return now.duration_since(at).unwrap_or_default();
        };
        let last = left <= LAST_LOOK;
        clocks.wait(if last { left } else { left - LAST_LOOK });
        if last {
            return clocks.wall().duration_since(at).unwrap_or_default();
        }
    }
}

/// An instant in UTC.
fn told(at: SystemTime) -> String {
    humantime::format_rfc3339(at).to_string().replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clocks of which the wall clock is set forward once, after the first wait.
    struct Set {
        wall: SystemTime,
        by: Duration,
        waits: Vec<Duration>,
    }

    impl Clocks for Set {
        fn wall(&self) -> SystemTime {
            self.wall
        }

        fn wait(&mut self, time: Duration) {
            self.wall += time + std::mem::take(&mut self.by);
            self.waits.push(time);
        }
    }

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn waited(left: Duration, by: Duration) -> (Vec<u64>, u64) {
        let mut clocks = Set { wall: START, by, waits: Vec::new() };
        let late = until(START + left, &mut clocks);
        (clocks.waits.iter().map(|time| time.as_millis() as u64).collect(), late.as_millis() as u64)
    }

    #[test]
    fn a_clock_that_is_set_meanwhile_is_believed_and_one_at_the_last_moment_is_not() {
        let millis = Duration::from_millis;
        assert_eq!(waited(millis(10_000), Duration::ZERO), (vec![9_500, 500], 0));
        assert_eq!(waited(millis(10_000), millis(300)), (vec![9_500, 200], 0));
        assert_eq!(waited(millis(10_000), millis(3_000)), (vec![9_500], 2_500), "too late");
        assert_eq!(waited(millis(400), millis(300)), (vec![400], 300));
        assert_eq!(waited(Duration::ZERO, Duration::ZERO), (vec![0], 0));
    }

    #[test]
    fn a_time_that_has_passed_is_refused() {
        let given: StartAt = "1970-01-01T00:00:10Z".parse().expect("a time");
        let at = |seconds| Start::at(given).is_to_come(START + Duration::new(seconds, 1));
        assert!(at(9).is_ok());
        for seconds in [10, 11] {
            let error = at(seconds).expect_err("passed");
            assert!(error.is::<Misuse>());
            let said = format!(
                "--start-at 1970-01-01 00:00:10 UTC has passed: it is 1970-01-01 00:00:{seconds} UTC"
            );
            assert_eq!(error.to_string(), said);
        }
    }
}
