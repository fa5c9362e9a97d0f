//! One step of a search: what was measured at one rate, and whether it kept the bound.

use std::time::Duration;

use super::{Goal, Outcome};
use crate::measurement::arrival::{Arrival, arrival};
use crate::measurement::effort::Limit;
use crate::measurement::percentiles::{MEDIAN, P99};
use crate::measurement::{Ended, Measurement};

/// What came of one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Messages per second, as planned.
    pub rate: f64,
    /// Messages echoed per second.
    pub echoed_per_s: f64,
    /// How long it took.
    pub elapsed: Duration,
    /// Messages that were sent.
    pub sent: u64,
    /// The median response, and the p99 of all messages; None if there were too few.
    pub p50: Option<Arrival>,
    /// The p99.
    pub p99: Option<Arrival>,
    /// The percentile that the goal bounds.
    pub bounded: Option<Arrival>,
    /// Messages that were due but never sent.
    pub unsent: u64,
    /// Their share of all that were due.
    pub unsent_rate: f64,
    /// Messages that failed.
    pub failed: u64,
    /// How it broke the bound; None if it kept it.
    pub breach: Option<Breach>,
    /// Why the instrument, or its machine, was the limit, and not the server; None if it was not.
    pub limit: Option<Limit>,
    /// Whether every message that came back was too slow.
    pub all_slow: bool,
    /// Whether the user ended it: then it says nothing.
    pub stopped: bool,
}

/// How a step broke the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// A message failed.
    Failed,
    /// The percentile was not below the bound.
    Slow,
    /// Messages were due but not sent, more than can have waited for less than the bound: the connections were
    /// all busy.
    Unsent,
    /// There were too few messages to tell.
    TooFew,
}

impl Step {
    /// What came of a run at this rate on so many connections.
    #[must_use]
    pub fn of(goal: &Goal, rate: f64, connections: u16, run: &Measurement) -> Self {
        let felt = |one_in| arrival(run, run.felt(), one_in);
        let bounded = goal.value(run);
        // Each connection may have one more that is just due.
        let waiting = rate * goal.bound().as_secs_f64() + f64::from(connections);
        let breach = if run.tally.failures() > 0 {
            Some(Breach::Failed)
        } else if bounded.is_some_and(|bounded| bounded >= Arrival::After(goal.bound())) {
            Some(Breach::Slow)
        } else if run.unsent as f64 > waiting {
            Some(Breach::Unsent)
        } else {
            bounded.is_none().then_some(Breach::TooFew)
        };
        Self {
            rate,
            echoed_per_s: run.messages_per_second().unwrap_or_default(),
            elapsed: run.elapsed,
            sent: run.sent(),
            p50: felt(MEDIAN),
            p99: felt(P99),
            bounded,
            unsent: run.unsent,
            unsent_rate: run.unsent_rate().unwrap_or_default(),
            failed: run.tally.failures(),
            breach,
            limit: run.limits().and_then(|limits| limits.first().copied()),
            all_slow: run.times.fastest().is_some_and(|fastest| fastest >= goal.bound()),
            stopped: run.ended == Ended::Stopped,
        }
    }

    /// What it says; None if the user ended it.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        match self.breach {
            _ if self.stopped => None,
            None => Some(Outcome::Kept),
            Some(Breach::Slow) if self.all_slow => Some(Outcome::Missed),
            Some(_) => Some(Outcome::Broken),
        }
    }
}
