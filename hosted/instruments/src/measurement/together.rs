//! Runs of several machines at the same time, from their reports.
//!
//! `merge` adds them to one [`Measurement`]. Counts and distributions of the sum are those of all runs; a rate is one of
//! the time that all of them share only, and what depends on the course of a run is not known of the sum.

use std::time::Duration;

use super::Measurement;
use super::effort::Limit;

/// All runs of a sum, the one that began first before the others.
#[derive(Debug, Clone)]
pub struct Together {
    /// One for each report.
    pub(crate) hosts: Vec<Host>,
}

/// The run of one machine, or of one process on it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// What the user calls it, otherwise the name of the machine.
    pub(crate) name: String,
    /// How long after the first it began.
    pub(crate) after: Duration,
    /// What its report tells; it has no course.
    pub(crate) run: Measurement,
    /// Messages echoed per second, over the whole run.
    pub(crate) rate: Option<f64>,
    /// Why the instrument was the limit; None if that could not be told.
    pub(crate) limits: Option<Vec<Limit>>,
    /// How many messages came back with wrong bytes, by what happened to them.
    pub(crate) wrong: Vec<(String, u64)>,
    /// Its course, in parts.
    pub(crate) course: Vec<Part>,
}

/// A part of the course of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Its begin and end in seconds since the start of the run.
    pub(crate) time: [f64; 2],
    /// Messages echoed per second.
    pub(crate) rate: f64,
    /// Whether messages failed in it.
    pub(crate) failed: bool,
    /// The median and p99 in nanoseconds, where there were enough messages.
    pub(crate) percentiles: [Option<f64>; 2],
}

impl Together {
    /// When the time begins and ends that all runs share, in seconds since the first began; None if there is none.
    pub(crate) fn shared(&self) -> Option<[f64; 2]> {
        let spans = || self.hosts.iter().map(Host::span);
        let begin = spans().map(|[begin, _]| begin).fold(0.0, f64::max);
        let end = spans().map(|[_, end]| end).fold(f64::INFINITY, f64::min);
        (begin < end).then_some([begin, end])
    }

    /// The length of that time, and its share of the longest run.
    pub(crate) fn overlap(&self) -> (Duration, f64) {
        let [begin, end] = self.shared().unwrap_or_default();
        let longest = self.hosts.iter().map(|host| host.run.elapsed.as_secs_f64());
        let longest = longest.fold(0.0, f64::max);
        let share = if longest > 0.0 { (end - begin) / longest } else { 0.0 };
        (Duration::from_secs_f64(end - begin), share.min(1.0))
    }

    /// Messages echoed per second by all in the time that they share.
    pub(crate) fn messages_per_second(&self) -> Option<f64> {
        let shared = self.shared()?;
        self.hosts.iter().map(|host| host.rate_in(shared)).sum()
    }

    /// The reasons why an instrument was the limit; None if that cannot be told of one, and none of the others was.
    pub(crate) fn limits(&self) -> Option<Vec<Limit>> {
        let mut all = Vec::new();
        for limit in self.hosts.iter().filter_map(|host| host.limits.as_ref()).flatten() {
            if !all.contains(limit) {
                all.push(*limit);
            }
        }
        let known = self.hosts.iter().all(|host| host.limits.is_some());
        (known || !all.is_empty()).then_some(all)
    }

    /// How many messages came back with wrong bytes, by what happened to them.
    pub(crate) fn wrong(&self) -> Vec<(String, u64)> {
        let mut all: Vec<(String, u64)> = Vec::new();
        for (what, messages) in self.hosts.iter().flat_map(|host| &host.wrong) {
            match all.iter_mut().find(|(known, _)| known == what) {
                Some((_, sum)) => *sum += messages,
                None => all.push((what.clone(), *messages)),
            }
        }
        all
    }
}

impl Host {
    /// Its begin and end in seconds since the first of all began.
    pub(crate) fn span(&self) -> [f64; 2] {
        [self.after, self.after + self.run.elapsed].map(|at| at.as_secs_f64())
    }

    /// Messages echoed per second in a part of the time of all.
    fn rate_in(&self, [begin, end]: [f64; 2]) -> Option<f64> {
        if [begin, end] == self.span() {
            // A schedule counts its last message until the next one would be due, which the course does not know.
            return self.rate;
        }
        let start = self.after.as_secs_f64();
        let inside = |part: &Part| {
            let [from, to] = part.time.map(|time| start + time);
            (to.min(end) - from.max(begin)).max(0.0)
        };
        let echoed: f64 = self.course.iter().map(|part| part.rate * inside(part)).sum();
        Some(echoed / (end - begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of a second in two halves.
    fn host(after: u64, halves: [f64; 2]) -> Host {
        let part = |half: usize| Part {
            time: [half as f64 / 2.0, (half + 1) as f64 / 2.0],
            rate: halves[half],
            failed: false,
            percentiles: [None; 2],
        };
        Host {
            name: String::new(),
            after: Duration::from_millis(after),
            run: Measurement { elapsed: Duration::from_secs(1), ..Measurement::new() },
            rate: Some(halves.iter().sum::<f64>() / 2.0),
            limits: Some(Vec::new()),
            wrong: Vec::new(),
            course: vec![part(0), part(1)],
        }
    }

    fn told(hosts: Vec<Host>) -> (u64, u64, Option<f64>) {
        let all = Together { hosts };
        let (time, share) = all.overlap();
        let rate = all.messages_per_second().map(|rate| (rate * 1e6).round() / 1e6);
        (time.as_millis() as u64, (share * 1e3).round() as u64, rate)
    }

    #[test]
    fn a_rate_is_of_the_time_that_all_share() {
        assert_eq!(told(vec![host(0, [10.0, 30.0])]), (1_000, 1_000, Some(20.0)));
        let both = |after| told(vec![host(0, [10.0, 30.0]), host(after, [100.0, 200.0])]);
        assert_eq!(both(0), (1_000, 1_000, Some(170.0)));
        assert_eq!(both(500), (500, 500, Some(130.0)));
        assert_eq!(both(750), (250, 250, Some(130.0)));
        // A half of the first half, and all of the second.
        assert_eq!(
            both(250).2,
            Some(((2.5 + 15.0) + (50.0 + 50.0)) / 0.75).map(|rate: f64| (rate * 1e6).round() / 1e6)
        );
        for apart in [1_000, 5_000] {
            assert_eq!(both(apart), (0, 0, None));
        }
    }

    #[test]
    fn one_that_was_the_limit_is_known_even_if_others_cannot_tell() {
        let limits = |all: &[Option<Vec<Limit>>]| {
            let hosts =
                all.iter().map(|limits| Host { limits: limits.clone(), ..host(0, [1.0; 2]) });
            Together { hosts: hosts.collect() }.limits()
        };
        assert_eq!(limits(&[Some(vec![]), Some(vec![])]), Some(vec![]));
        assert_eq!(limits(&[Some(vec![]), None]), None);
        let busy = Some(vec![Limit::Busy]);
        assert_eq!(limits(&[busy.clone(), None, busy.clone()]), busy);
    }
}
