//! What the instrument itself did and used in a run, and whether that was the limit of what was measured.

use std::time::Duration;

use super::Measurement;
use crate::usage::Usage;

/// A thread that runs for this share of the time has none left for more messages.
const BUSY: f64 = 0.95;

/// Who busy-waits is busy without need, unless almost each look finds something: then it is one of this many.
const FOUND: u64 = 20;

/// A thread that waits for a processor for this share of the time is held up by others …
const WAITING: f64 = 0.1;

/// … if it waits that long each time, or never sleeps. Two ends of a connection that share a processor wait for each
/// other often and briefly, which is faster than to wake up on another.
const LONG: Duration = Duration::from_micros(100);

/// A message that is sent this long after it was due, although its connection was free, is late. Healthy machines
/// need less than a tenth of it to wake up.
pub(crate) const LATE: Duration = Duration::from_millis(1);

/// One message in this many may be.
const LATE_ONE_IN: u64 = 100;

/// This share of a machine's time stolen from it is felt.
const STOLEN: f64 = 0.05;

/// A shorter run says nothing: some counts have steps of 10 ms.
const SHORTEST: Duration = Duration::from_millis(100);

/// What the instrument did and used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// What its thread used of the machine.
    pub used: Usage,
    /// How many times it looked for something to do.
    pub looks: u64,
    /// How many of these looks found that no message could begin and none had ended.
    pub idle: u64,
    /// Whether it busy-waited.
    pub spins: bool,
    /// Messages with a schedule that were sent late although their connection was free.
    pub late: u64,
}

impl Effort {
    /// What it did and used in two runs.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            used: self.used.and(other.used),
            looks: self.looks + other.looks,
            idle: self.idle + other.idle,
            spins: self.spins || other.spins,
            late: self.late + other.late,
        }
    }
}

/// A reason why the numbers are those of the instrument, or of its machine, rather than of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Its thread had no time left.
    Busy,
    /// Its thread waited for a processor.
    Waiting,
    /// It sent messages late for no other reason.
    Late,
    /// Its machine was not run.
    Stolen,
    /// Its machine had no room for datagrams that came.
    Dropped,
}

impl Measurement {
    /// The share of a processor's time that the instrument's thread used, if the run was long enough to tell.
    #[must_use]
    pub fn busy(&self) -> Option<f64> {
        self.share(self.effort?.used.ran)
    }

    /// The share of the time for which it waited for a processor.
    #[must_use]
    pub fn waiting(&self) -> Option<f64> {
        self.share(self.effort?.used.waited?.0)
    }

    /// The share of the time of the average processor that a hypervisor gave to others.
    #[must_use]
    pub fn stolen(&self) -> Option<f64> {
        self.share(self.effort?.used.stolen?)
    }

    /// The number of datagrams that had come and were dropped by this machine, over UDP and where the system tells.
    #[must_use]
    pub fn dropped_here(&self) -> Option<u64> {
        self.datagrams?.dropped_here
    }

    /// The reasons why the instrument was the limit; None if that cannot be told.
    #[must_use]
    pub fn limits(&self) -> Option<Vec<Limit>> {
        if let Some(together) = &self.together {
            return together.limits();
        }
        let (effort, busy) = (self.effort?, self.busy()?);
        let found = !effort.spins || effort.idle * FOUND < effort.looks;
        let busy = busy >= BUSY && found;
        let long = |(time, times): (Duration, u64)| time >= LONG.saturating_mul(times as u32);
        let held_up = effort.spins || effort.used.waited.is_some_and(long);
        let waiting = self.waiting() >= Some(WAITING) && held_up;
        // Who has no time is late because of that.
        let late = effort.late * LATE_ONE_IN >= self.sent().max(1) && !busy;
        let all = [
            (busy, Limit::Busy),
            (waiting, Limit::Waiting),
            (late, Limit::Late),
            (self.stolen() >= Some(STOLEN), Limit::Stolen),
            (self.dropped_here() > Some(0), Limit::Dropped),
        ];
        Some(all.into_iter().filter_map(|(holds, limit)| holds.then_some(limit)).collect())
    }

    fn share(&self, time: Duration) -> Option<f64> {
        let share = || (time.as_secs_f64() / self.elapsed.as_secs_f64()).min(1.0);
        (self.elapsed >= SHORTEST).then(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::MadeUp;
    use crate::measurement::Datagrams;
    use crate::plan::{Plan, Protocol};

    /// The limits of a run of a second with a thousand messages.
    fn limits(effort: Effort) -> Vec<Limit> {
        let mut made = MadeUp::new(Plan::new(), 1_000);
        made.echoes((0..1_000).map(|_| 70));
        made.run.effort = Some(effort);
        made.run.limits().expect("long enough")
    }

    const fn used(used: Usage) -> Effort {
        Effort { used, looks: 2_000, idle: 0, spins: false, late: 0 }
    }

    const NOTHING: Usage =
        Usage { ran: Duration::ZERO, waited: None, slept: None, displaced: None, stolen: None };

    #[test]
    fn a_limit_is_told_where_it_is_one_and_nowhere_else() {
        let millis = Duration::from_millis;
        let ran = |time| used(Usage { ran: millis(time), ..NOTHING });
        let spinning = |idle| Effort { spins: true, idle, ..ran(999) };
        let waited = |time, times| used(Usage { waited: Some((millis(time), times)), ..NOTHING });
        let stolen = |time| used(Usage { stolen: Some(millis(time)), ..NOTHING });
        let late = |late| Effort { late, ..ran(300) };
        for (effort, expected) in [
            (ran(0), None),
            (ran(949), None),
            (ran(951), Some(Limit::Busy)),
            (ran(1_010), Some(Limit::Busy)),
            // Who spins is busy anyway; here it found nothing in one look of ten, there in each fiftieth.
            (spinning(200), None),
            (spinning(40), Some(Limit::Busy)),
            // For 99 ms in 400 waits; for 300 ms, but 3 µs each.
            (waited(99, 400), None),
            (waited(101, 400), Some(Limit::Waiting)),
            (waited(300, 100_000), None),
            (Effort { spins: true, idle: 1_000, ..waited(300, 100_000) }, Some(Limit::Waiting)),
            (stolen(49), None),
            (stolen(51), Some(Limit::Stolen)),
            (late(9), None),
            (late(10), Some(Limit::Late)),
            (Effort { late: 500, ..ran(990) }, Some(Limit::Busy)),
        ] {
            assert_eq!(limits(effort), Vec::from_iter(expected), "{effort:?}");
        }
    }

    #[test]
    fn what_this_machine_has_dropped_is_not_the_servers() {
        let plan = Plan { protocol: Protocol::Udp, ..Plan::new() };
        let mut made = MadeUp::new(plan, 1_000);
        made.run.effort = Some(used(NOTHING));
        for (dropped_here, limits) in
            [(None, vec![]), (Some(0), vec![]), (Some(1), vec![Limit::Dropped])]
        {
            made.run.datagrams = Some(Datagrams { dropped_here, ..Datagrams::default() });
            assert_eq!(made.run.limits(), Some(limits), "{dropped_here:?}");
        }
    }

    #[test]
    fn what_was_not_counted_or_too_short_is_not_judged() {
        let mut made = MadeUp::new(Plan::new(), 1_000);
        assert_eq!(made.run.limits(), None);
        made.run.effort = Some(used(Usage { ran: Duration::from_millis(90), ..NOTHING }));
        assert_eq!(made.run.limits(), Some(Vec::new()));
        made.run.elapsed = Duration::from_millis(90);
        assert_eq!(made.run.limits(), None);
    }
}
