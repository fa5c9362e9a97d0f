//! Runs made up by hand, for tests of what people see of them: nothing is measured, no clock is read.

pub(crate) mod recurring;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use echo_core::Failure;

use crate::measurement::{Measurement, Sample};
use crate::plan::Plan;
use crate::report::Subject;

/// A plan, and what came of it.
#[derive(Debug)]
pub(crate) struct MadeUp {
    pub(crate) plan: Plan,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) run: Measurement,
}

impl MadeUp {
    /// A run of this plan that lasted so many milliseconds, in which nothing has happened yet.
    pub(crate) fn new(plan: Plan, millis: u64) -> Self {
        let mut run = Measurement::of(&plan);
        run.started = SystemTime::UNIX_EPOCH;
        run.elapsed = Duration::from_millis(millis);
        Self { plan, sources: Vec::new(), run }
    }

    /// A message came back after each of these times, in microseconds; they are spread evenly
    /// over the run so far.
    pub(crate) fn echoes(&mut self, micros: impl ExactSizeIterator<Item = u64>) {
        let pause = self.run.elapsed / micros.len().max(1) as u32;
        for (n, took) in (0..).zip(micros) {
            self.ends(Sample::new(pause * n, 0, Ok(Duration::from_micros(took))));
        }
    }

    /// A message failed so many milliseconds after the start, on this connection.
    pub(crate) fn fails(&mut self, millis: u64, connection: usize, failure: Failure) {
        self.ends(Sample::new(Duration::from_millis(millis), connection, Err(failure)));
    }

    /// A message ended.
    pub(crate) fn ends(&mut self, sample: Sample) {
        self.run.record(&sample);
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject {
            program: "hosted",
            command: if self.plan.keep_going { "fail-rate" } else { "rate" },
            name: "board.local:2333".to_owned(),
            address: ([192, 0, 2, 7], 2333).into(),
            sources: self.sources.clone(),
            payload: "seq".to_owned(),
            labels: &[],
            hosts: None,
            plan: &self.plan,
        }
    }
}

/// So many times in microseconds: most about as long as `usual`, one in a hundred ten times that.
pub(crate) fn spread(n: u32, usual: u64) -> impl ExactSizeIterator<Item = u64> {
    (0..n).map(move |i| if i % 100 == 99 { 10 * usual } else { usual + u64::from(i * 7 % 20) })
}
