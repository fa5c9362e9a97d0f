//! Adding runs: what they are together.
//!
//! Counts and histograms are added, and percentiles are read from the sum, which is that of one run over
//! all their messages. Percentiles themselves are never averaged: the mean of two p99 is the p99 of nothing.

use std::time::Duration;

use super::{Ended, INCIDENTS, Incident, Measurement};
use crate::measurement::timeline::Timeline;
use crate::measurement::times::Times;
use crate::stack::Stops;

impl Measurement {
    /// Makes it the first of several runs, which [follow](Self::follow).
    #[must_use]
    pub(crate) fn first(self) -> Self {
        let run = Self { timeline: Timeline::new(), ..self.clone() };
        Self { runs: vec![run], ..self }
    }

    /// Adds the next run. The course of all is one run after another, without the pauses between them.
    pub(crate) fn follow(&mut self, run: Self) {
        self.add(&run, self.length());
        self.runs.push(Self { timeline: Timeline::new(), ..run });
    }

    /// Adds a run whose measurement began so long `after` this one's: not at all if both went on at once.
    pub(crate) fn add(&mut self, other: &Self, after: Duration) {
        // Whatever is measured must be added: a new field is not forgotten here.
        let Self {
            started,
            elapsed,
            scheduled,
            ended,
            tally,
            datagrams,
            under_way,
            closed_while_idle,
            interrupted,
            stops,
            times,
            response,
            within,
            late,
            spacing,
            passages,
            connecting,
            unsent,
            omitted,
            timeline,
            succession,
            incidents,
            wrong,
            kernel,
            lack,
            ports,
            instrument,
            effort,
            runs: _,
            together: _,
        } = other;
        self.started = self.started.min(*started);
        self.elapsed = self.elapsed.max(after + *elapsed);
        self.scheduled = self.scheduled.max(after + *scheduled);
        self.ended = worse(self.ended, *ended);
        self.tally.add(tally);
        if let (Some(all), Some(datagrams)) = (&mut self.datagrams, datagrams) {
            all.add(datagrams);
        }
        self.under_way.extend(under_way);
        self.closed_while_idle += closed_while_idle;
        self.interrupted += interrupted;
        self.stops =
            Stops { times: self.stops.times + stops.times, total: self.stops.total + stops.total };
        self.times.add(times);
        sum(&mut self.response, response);
        // Runs of one plan have the same bounds.
        self.within.iter_mut().zip(within).for_each(|(all, within)| all.add(within));
        sum(&mut self.late, late);
        sum(&mut self.connecting, connecting);
        self.unsent += unsent;
        self.omitted += omitted;
        self.timeline.add(timeline, after);
        self.succession.append(succession);
        if let (Some(all), Some(spacing)) = (&mut self.spacing, spacing) {
            all.add(spacing, after);
        }
        if let (Some(all), Some(passages)) = (&mut self.passages, passages) {
            all.add(passages);
        }
        let later = |incident: &Incident| Incident { at: after + incident.at, ..*incident };
        self.incidents.extend(incidents.iter().map(later));
        self.incidents.sort_by_key(|incident| incident.at);
        self.incidents.truncate(INCIDENTS);
        self.wrong.add(wrong);
        self.kernel = kernel.map_or(self.kernel, |kernel| Some(kernel.after(self.kernel)));
        self.lack = lack.or(self.lack);
        self.ports = ports.or(self.ports);
        self.instrument = self.instrument.or(*instrument);
        self.effort = match (self.effort, *effort) {
            (Some(all), Some(effort)) => Some(all.and(effort)),
            (all, effort) => all.or(effort),
        };
    }

    /// How long it went on: a message of a schedule counts until the next one would be due.
    pub(crate) fn length(&self) -> Duration {
        self.elapsed.max(self.scheduled)
    }
}

fn sum(all: &mut Option<Times>, times: &Option<Times>) {
    match (all, times) {
        (_, None) => {}
        (Some(all), Some(times)) => all.add(times),
        (none, Some(times)) => *none = Some(times.clone()),
    }
}

/// A failure is told before a stop.
fn worse(a: Ended, b: Ended) -> Ended {
    if a == Ended::AsPlanned || b == Ended::Failed { b } else { a }
}

#[cfg(test)]
mod tests {
    use echo_core::{Failure, FailureKind};
    use proptest::prelude::*;

    use super::*;
    use crate::measurement::Sample;
    use crate::plan::{Pace, Plan};

    /// When a message ended, how long it took, and how late it was sent; or that it failed.
    type Message = (u64, Option<u64>, u64);

    fn messages() -> impl Strategy<Value = Vec<Message>> {
        let time = prop_oneof![0..1_000_000_u64, 0..20_000_000_000_u64];
        let took = prop_oneof![9 => (1..5_000_000_u64).prop_map(Some), 1 => Just(None)];
        prop::collection::vec((time, took, 0..1_000_000_u64), 0..60)
    }

    fn run(messages: &[Message]) -> Measurement {
        let within = vec![Duration::from_millis(1)];
        let plan = Plan { pace: Pace::Rate(1.0), per_message: true, within, ..Plan::new() };
        let mut out = Measurement::of(&plan);
        out.started = std::time::SystemTime::UNIX_EPOCH;
        for (at, took, late) in messages {
            let [at, late] = [*at, *late].map(Duration::from_nanos);
            let end = took.map_or(Err(Failure::Reset), |took| Ok(Duration::from_nanos(took)));
            let connecting = Some(late / 2);
            out.record(&Sample { late, connecting, ..Sample::new(at, 0, end) });
            out.elapsed = out.elapsed.max(at);
        }
        out
    }

    fn sum_of(runs: &[&Measurement]) -> Measurement {
        let mut sum = run(&[]);
        runs.iter().for_each(|run| sum.add(run, Duration::ZERO));
        sum
    }

    /// All numbers that do not say which of the runs came first.
    fn told(out: &Measurement) -> String {
        let times = |times: &Times| {
            let quantiles = times.histogram().value_at_quantiles([0.1, 0.5, 0.99].to_vec());
            let quantiles: Vec<_> = quantiles.collect();
            let ends = (times.fastest(), times.slowest());
            format!(
                "{} {ends:?} {:?} {:?} {quantiles:?}",
                times.len(),
                times.mean(),
                times.deviation()
            )
        };
        let optional =
            [&out.response, &out.late, &out.connecting].map(|all| all.as_ref().map(times));
        let failed = FailureKind::ALL.map(|kind| out.tally.failed(kind));
        let columns = out.timeline.columns().map(|column| {
            let echoed = (column.echoed() * 1e6).round();
            (column.round_trips(), column.failures(), echoed, column.total(), column.quantile(0.5))
        });
        let columns: Vec<_> = columns.collect();
        let course = (out.timeline.column_width(), columns);
        let incidents: Vec<_> = out.incidents.iter().map(|incident| incident.at).collect();
        let (elapsed, echoed) = (out.elapsed, out.tally.echoed());
        let within = &out.within;
        let all = times(&out.times);
        format!(
            "{elapsed:?} {echoed} {failed:?} {all} {optional:?} {within:?} {course:?} {incidents:?}"
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_sum_is_one_run_over_all_messages(
            [a, b, c] in [messages(), messages(), messages()]
        ) {
            let mut all = [a.clone(), b.clone(), c.clone()].concat();
            // The first failures of one run are those that came first.
            all.sort_by_key(|(at, ..)| *at);
            let all = run(&all);
            let [mut a, mut b, mut c] = [a, b, c];
            for run in [&mut a, &mut b, &mut c] {
                run.sort_by_key(|(at, ..)| *at);
            }
            let [a, b, c] = [run(&a), run(&b), run(&c)];
            let sum = told(&sum_of(&[&a, &b, &c]));
            prop_assert_eq!(&sum, &told(&all));
            prop_assert_eq!(&sum, &told(&sum_of(&[&c, &b, &a])), "the order matters");
            let pair = sum_of(&[&b, &c]);
            prop_assert_eq!(&sum, &told(&sum_of(&[&a, &pair])), "the grouping matters");
        }

        #[test]
        fn runs_that_follow_each_other_keep_their_numbers(
            [a, b] in [messages(), messages()]
        ) {
            let [a, b] = [run(&a), run(&b)];
            let mut total = a.clone().first();
            total.follow(b.clone());
            let both = sum_of(&[&a, &b]);
            prop_assert_eq!(total.elapsed, a.elapsed + b.elapsed);
            prop_assert_eq!(total.tally.messages(), both.tally.messages());
            prop_assert_eq!(total.times.deviation(), both.times.deviation());
            let counted: u64 = total.timeline.columns().map(|column| column.round_trips()).sum();
            prop_assert_eq!(counted, total.tally.echoed());
            prop_assert_eq!(total.runs.len(), 2);
        }
    }

    #[test]
    fn a_sum_is_complete_only_if_all_are() {
        use Ended::{AsPlanned, Failed, Stopped};
        for (a, b, both) in [
            (AsPlanned, AsPlanned, AsPlanned),
            (AsPlanned, Stopped, Stopped),
            (Stopped, AsPlanned, Stopped),
            (Failed, Stopped, Failed),
            (Stopped, Failed, Failed),
        ] {
            assert_eq!(worse(a, b), both);
        }
    }
}
