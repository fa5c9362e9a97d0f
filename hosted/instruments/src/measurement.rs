//! The result of a run: plain numbers, bounded in size however long the run is.

pub mod arrival;
pub(crate) mod between;
pub(crate) mod blocks;
pub(crate) mod confidence;
#[cfg(test)]
mod coverage;
mod datagrams;
pub mod effort;
mod instrument;
pub mod passages;
pub mod percentiles;
#[cfg(test)]
mod reference;
mod sample;
pub mod spacing;
pub(crate) mod stationarity;
mod student;
pub mod succession;
mod sum;
pub mod timeline;
pub mod times;
pub mod together;
pub mod within;
pub mod wrong;

use std::time::{Duration, SystemTime};

use echo_core::{Failure, Tally};

pub use self::datagrams::Datagrams;
pub(crate) use self::datagrams::Stray;
use self::effort::Effort;
pub use self::instrument::Instrument;
use self::passages::Passages;
pub use self::sample::{Incident, Sample};
use self::spacing::Spacing;
use self::succession::Succession;
use self::timeline::Timeline;
use self::times::Times;
use self::together::Together;
use self::within::Within;
use self::wrong::Wrong;
use crate::plan::{Pace, Plan};
use crate::ports::Ports;
use crate::stack::{Kernel, Lack, Stops};

/// The number of failures that are kept in full; the tally counts all.
const INCIDENTS: usize = 10;

/// The result of a run, or of its part so far.
#[derive(Debug, Clone)]
pub struct Measurement {
    /// When the measurement began, on the wall clock: after the warm-up, if there was one.
    pub started: SystemTime,
    /// The time from the end of the warm-up, if there was one, to the end of the run.
    pub elapsed: Duration,
    /// The total length of the slots of the schedule that were used, if there was a schedule: its
    /// last message counts until the next one would be due.
    pub scheduled: Duration,
    /// The reason why it ended.
    pub ended: Ended,
    /// The counts of how messages ended. Over UDP the one that timed out was lost, or late.
    pub tally: Tally,
    /// What came besides, or out of order, over UDP.
    pub datagrams: Option<Datagrams>,
    /// How long each message that was in flight at the end of the run had been so, as
    /// [`felt`](Self::felt) counts; they were sent, and are in no other number.
    pub under_way: Vec<Duration>,
    /// The number of connections that the server closed while no message was in flight;
    /// they were reopened before the next message, which is no failure.
    pub closed_while_idle: u64,
    /// The number of messages that were in flight while the instrument did not run: neither
    /// echoed nor failed, they were sent, and are in no other number.
    pub interrupted: u64,
    /// The times in which the instrument did not run, which no other number includes.
    pub stops: Stops,
    /// The times from sending a message to the end of its echo, of those that were
    /// echoed; with a connection per message, from opening it.
    pub times: Times,
    /// The times from the instant at which a message was due to the end of its echo, if a
    /// rate was planned: the wait for its connection is included.
    pub response: Option<Times>,
    /// The messages that came back within each bound that was named, as [`felt`](Self::felt) counts.
    pub within: Vec<Within>,
    /// The delay from the instant at which a message was due until it was sent.
    pub late: Option<Times>,
    /// The distances between messages as they were sent, if a rate was planned.
    pub spacing: Option<Spacing>,
    /// Where the time of some messages went, if that was asked for.
    pub passages: Option<Box<Passages>>,
    /// How long opening the connection took, if each message has its own.
    pub connecting: Option<Times>,
    /// The number of messages that were due before the end and never sent; during the run, not yet sent.
    pub unsent: u64,
    /// The number of messages of the warm-up, which are in none of the other numbers.
    pub omitted: u64,
    /// The course of the run.
    pub timeline: Timeline,
    /// How much each of the times that a user sees resembles the one before it.
    pub succession: Succession,
    /// The first failures.
    pub incidents: Vec<Incident>,
    /// Echoes with wrong bytes, by what happened to them.
    pub wrong: Wrong,
    /// What the kernel reports of the connections, where it does.
    pub kernel: Option<Kernel>,
    /// The resource that this machine had run out of when a message last failed because of that.
    pub lack: Option<Lack>,
    /// The local ports at the end, where they matter and the system reports them.
    pub ports: Option<Ports>,
    /// What is known of the instrument itself, if it was examined.
    pub instrument: Option<Instrument>,
    /// What the instrument did and used, once the run is over.
    pub effort: Option<Effort>,
    /// The runs that this is the sum of, each without its course; none if it is one run.
    pub runs: Vec<Self>,
    /// The runs of several machines that this is the sum of, from their reports.
    pub together: Option<Box<Together>>,
}

impl Default for Measurement {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As planned.
    AsPlanned,
    /// The user asked for it.
    Stopped,
    /// A message failed, and the plan was to stop then.
    Failed,
}

impl Measurement {
    /// Starts now, with nothing measured, for a closed loop.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: SystemTime::now(),
            elapsed: Duration::ZERO,
            scheduled: Duration::ZERO,
            ended: Ended::AsPlanned,
            tally: Tally::default(),
            datagrams: None,
            under_way: Vec::new(),
            closed_while_idle: 0,
            interrupted: 0,
            stops: Stops::default(),
            times: Times::new(),
            response: None,
            within: Vec::new(),
            late: None,
            spacing: None,
            passages: None,
            connecting: None,
            unsent: 0,
            omitted: 0,
            timeline: Timeline::new(),
            succession: Succession::default(),
            incidents: Vec::with_capacity(INCIDENTS),
            wrong: Wrong::default(),
            kernel: None,
            lack: None,
            ports: None,
            instrument: None,
            effort: None,
            runs: Vec::new(),
            together: None,
        }
    }

    /// Starts now, with nothing measured, for what `plan` wants to know.
    pub(crate) fn of(plan: &Plan) -> Self {
        let times = |wanted: bool| wanted.then(Times::new);
        Self {
            datagrams: Datagrams::of(plan),
            response: times(matches!(plan.pace, Pace::Rate(_))),
            late: times(plan.pace != Pace::Closed),
            spacing: Spacing::of(plan),
            passages: Passages::of(plan).map(Box::new),
            connecting: times(plan.per_message),
            within: plan.within.iter().copied().map(Within::new).collect(),
            ..Self::new()
        }
    }

    /// Sets its start back to this long ago.
    pub(crate) fn begin(&mut self, ago: Duration) {
        self.started = SystemTime::now() - ago;
    }

    /// Records one message. Allocates nothing.
    pub fn record(&mut self, sample: &Sample) {
        if sample.interrupted {
            self.interrupted += 1;
            return;
        }
        self.tally.record(&sample.end);
        if let Some(late) = &mut self.late {
            late.record(sample.late);
        }
        if let (Some(times), Some(connecting)) = (&mut self.connecting, sample.connecting) {
            times.record(connecting);
        }
        match sample.end {
            Ok(took) => {
                self.times.record(took);
                let mut shown = took;
                if let Some(response) = &mut self.response {
                    shown += sample.late;
                    response.record(shown);
                }
                self.within.iter_mut().for_each(|within| within.record(shown));
                self.timeline.record(sample.at, took, shown);
                self.succession.record(shown);
            }
            Err(failure) => self.record_failure(sample, failure),
        }
    }

    /// A message that was recorded as echoed has failed after all. Its round trip
    /// was one, and stays among the times.
    pub(crate) fn revoke(&mut self, sample: &Sample) {
        let Err(failure) = sample.end else { return };
        self.tally.revoke(&failure);
        self.record_failure(sample, failure);
    }

    /// Why a message failed that was recorded as timed out.
    pub(crate) fn explain(&mut self, sample: &Sample) {
        let Err(failure) = sample.end else { return };
        self.tally.explain(&failure);
        let is_it = |incident: &&mut Incident| {
            (incident.connection, incident.message) == (sample.connection, sample.message)
        };
        if let Some(incident) = self.incidents.iter_mut().find(is_it) {
            *incident = Incident { at: incident.at, ..Incident::of(sample, failure) };
        }
    }

    fn record_failure(&mut self, sample: &Sample, failure: Failure) {
        let &Sample { due, errno, .. } = sample;
        if failure == Failure::Local {
            self.lack = errno.and_then(Lack::of).or(self.lack);
        }
        self.timeline.record_failure(due);
        self.wrong.record(&failure);
        if self.incidents.len() < INCIDENTS {
            self.incidents.push(Incident::of(sample, failure));
        }
    }

    /// The times that a user of the service sees: the response times of a planned
    /// rate, otherwise the round trips.
    #[must_use]
    pub fn felt(&self) -> &Times {
        self.response.as_ref().unwrap_or(&self.times)
    }

    /// All sorts of times by name, those that a user sees last. A round trip has one name where
    /// there is one sort.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &Times)> {
        let (name, response) = match &self.response {
            None => ("rtt", None),
            Some(response) => ("service", Some(("response", response))),
        };
        [(name, &self.times)].into_iter().chain(response)
    }

    /// Messages that were sent, whatever became of them.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.tally.messages() + self.interrupted + self.under_way.len() as u64
    }

    /// The longest wait for an echo, even for one that did not come before the end.
    #[must_use]
    pub fn longest_wait(&self) -> Option<Duration> {
        self.felt().slowest().max(self.under_way.iter().copied().max())
    }

    /// Messages echoed per second, if any time has passed; of several machines in the time that they share. The rate
    /// never exceeds the schedule: each of its messages counts for its whole slot.
    #[must_use]
    pub fn messages_per_second(&self) -> Option<f64> {
        if let Some(together) = &self.together {
            return together.messages_per_second();
        }
        let seconds = self.length().as_secs_f64();
        (seconds > 0.0).then(|| self.tally.echoed() as f64 / seconds)
    }

    /// The share of messages that were due before the end and never sent, of all that were due.
    #[must_use]
    pub fn unsent_rate(&self) -> Option<f64> {
        let due = self.unsent + self.tally.messages();
        (due > 0).then(|| self.unsent as f64 / due as f64)
    }

    /// Payload echoed, in bits per second, counted once and not both ways.
    #[must_use]
    pub fn bits_per_second(&self, message_bytes: u64) -> Option<f64> {
        self.messages_per_second().map(|messages| bits(messages, message_bytes))
    }
}

/// The payload of this many messages, or of this many per second, in bits: counted once and not both ways.
pub(crate) fn bits(messages: f64, message_bytes: u64) -> f64 {
    messages * message_bytes as f64 * 8.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_numbers() {
        let nothing = Measurement::new();
        assert_eq!(nothing.messages_per_second(), None);
        assert_eq!(nothing.times.mean(), None);
        assert_eq!(nothing.times.deviation(), None);
        assert_eq!(nothing.times.fastest(), None);
    }

    #[test]
    fn only_the_first_failures_are_kept() {
        let mut out = Measurement::new();
        for at in 0..20 {
            out.record(&sample(at, 0, Err(Failure::Reset)));
        }
        assert_eq!(out.incidents.len(), INCIDENTS);
        assert_eq!(out.tally.failures(), 20);
    }

    #[test]
    fn a_wait_for_the_connection_is_part_of_the_response() {
        let plan = Plan { pace: Pace::Rate(10.0), ..Plan::new() };
        let mut out = Measurement::of(&plan);
        out.record(&sample(1, 30, Ok(Duration::from_millis(5))));
        assert_eq!(out.times.slowest(), Some(Duration::from_millis(5)));
        assert_eq!(out.felt().slowest(), Some(Duration::from_millis(35)));
        assert_eq!(out.late.and_then(|late| late.slowest()), Some(Duration::from_millis(30)));
    }

    fn sample(at: u64, late: u64, end: Result<Duration, Failure>) -> Sample {
        let (at, late) = (Duration::from_secs(at), Duration::from_millis(late));
        Sample { late, ..Sample::new(at, 3, end) }
    }
}
