//! Percentiles of all messages, not only of those that came back: one that failed is infinitely late, as
//! RFC 2681 counts a lost one. A server that drops what would take long is not fast.

use std::time::Duration;

use super::Measurement;
use super::times::Times;

/// When the echo of a message arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// This long after the message was sent or due.
    After(Duration),
    /// It failed.
    Never,
}

/// The arrival that one in `one_in` of all messages exceeded, whose `times` are those that came back; None if
/// there were fewer than that. Without failures it is the [percentile](super::percentiles::percentile).
#[must_use]
pub fn arrival(measurement: &Measurement, times: &Times, one_in: u64) -> Option<Arrival> {
    let (all, echoed) = (measurement.tally.messages(), measurement.tally.echoed());
    if all < one_in.max(1) {
        return None;
    }
    let rank = (all - all / one_in.max(1)).max(1);
    if rank > echoed {
        return Some(Arrival::Never);
    }
    // An echo that proved wrong later has left its time there: those of the others are like them all. Half a rank
    // less is the same rank, whatever a division leaves.
    let share = (rank as f64 - 0.5) / echoed as f64;
    Some(Arrival::After(times.known(times.histogram().value_at_quantile(share))))
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::measurement::Sample;
    use crate::measurement::percentiles::{PERCENTILES, percentile};

    /// So many messages that take 1 ns, 2 ns and so on, and so many that fail.
    fn run(echoed: u64, failed: u64) -> Measurement {
        let mut run = Measurement::new();
        let mut end = |end| run.record(&Sample::new(Duration::ZERO, 0, end));
        (1..=echoed).for_each(|nanos| end(Ok(Duration::from_nanos(nanos))));
        (0..failed).for_each(|_| end(Err(Failure::Reset)));
        run
    }

    fn told(run: &Measurement, one_in: u64) -> Option<Arrival> {
        arrival(run, &run.times, one_in)
    }

    #[test]
    fn without_failures_they_are_those_of_the_times() {
        for n in [0, 1, 2, 3, 7, 99, 100, 101, 300, 999, 1_000, 12_345, 100_000] {
            let run = run(n, 0);
            for (name, one_in) in PERCENTILES {
                let exact = percentile(&run.times, one_in).map(Arrival::After);
                assert_eq!(told(&run, one_in), exact, "{name} of {n}");
            }
        }
    }

    #[test]
    fn what_failed_is_slower_than_all_that_came_back() {
        let after = |nanos| Some(Arrival::After(Duration::from_nanos(nanos)));
        // By counting: the rank of p99 among 200 is 198, that of the median 100.
        for (echoed, failed, median, p99) in [
            (200, 0, after(100), after(198)),
            (199, 1, after(100), after(198)),
            (198, 2, after(100), after(198)),
            (197, 3, after(100), Some(Arrival::Never)),
            (100, 100, after(100), Some(Arrival::Never)),
            (99, 101, Some(Arrival::Never), Some(Arrival::Never)),
            (0, 200, Some(Arrival::Never), Some(Arrival::Never)),
            // Too few is no verdict on those that there are.
            (10, 89, Some(Arrival::Never), None),
            (1, 0, None, None),
        ] {
            let run = run(echoed, failed);
            assert_eq!((told(&run, 2), told(&run, 100)), (median, p99), "{echoed} and {failed}");
        }
    }

    #[test]
    fn an_echo_that_proved_wrong_is_not_counted_twice() {
        let mut run = run(200, 0);
        let wrong = Failure::Extra { message: 1, bytes: 1 };
        let sample = Sample::new(Duration::ZERO, 0, Err(wrong));
        (0..2).for_each(|_| run.revoke(&sample));
        assert!(matches!(told(&run, 100), Some(Arrival::After(_))));
        run.revoke(&sample);
        assert_eq!(told(&run, 100), Some(Arrival::Never), "3 of 200");
    }
}
