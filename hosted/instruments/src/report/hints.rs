//! Hints at causes, from the shape of the slow end, or the place of the first failure.

use std::ops::Range;
use std::time::Duration;

use echo_core::FailureKind;

use super::{Subject, datagrams};
use crate::measurement::Measurement;
use crate::measurement::times::Times;

/// A timer of TCP, and the range of times in milliseconds in which it shows.
struct Cause {
    within: Range<u64>,
    text: &'static str,
}

const ROUND_TRIPS: [Cause; 2] = [
    Cause {
        // The kernel's timer ticks every 1 to 10 ms, and it waits for one tick more.
        within: 39..53,
        text: "around 40 ms, as when Nagle's algorithm waits for a delayed ACK of Linux: the server \
               may lack TCP_NODELAY, or write a message in pieces",
    },
    Cause {
        within: 198..226,
        text: "around 200 ms, the shortest retransmission time-out of Linux, and the delayed ACK of \
               other systems: segments may be lost, or the server may lack TCP_NODELAY",
    },
];

const LOST_REQUEST: &str = "a second or more, the time after which TCP retransmits an unanswered SYN: \
                            the server's backlog was full, or packets are lost";

/// The first retransmission follows after one second, each further one after twice as long, or, on
/// newer Linux, several after a second each. The longer a timer of Linux is, the coarser.
const CONNECTS: [Cause; 4] = [
    Cause { within: 1_000..1_100, text: LOST_REQUEST },
    Cause { within: 2_000..2_200, text: LOST_REQUEST },
    Cause { within: 3_000..3_300, text: LOST_REQUEST },
    Cause { within: 7_000..7_700, text: LOST_REQUEST },
];

/// A cluster holds at least one in this many round trips.
const SHARE: u64 = 1_000;

/// The least number of round trips in a cluster.
const FEWEST: u64 = 3;

/// The least ratio of a cluster to the times on either side of it.
const CLEAR: u64 = 4;

/// How many connections in which time an inetd serves before it switches the service off:
/// xinetd by its `cps`, openbsd-inetd by its `-R`.
const INETDS: [(u64, Duration); 2] = [(50, Duration::from_secs(1)), (256, Duration::from_secs(60))];

/// A line each on round trips, and on connects, that cluster where TCP's timers are, and on a
/// server that is gone after as many connections as an inetd bears. Datagrams have none of these.
pub(super) fn hints(subject: &Subject<'_>, measurement: &Measurement) -> Vec<String> {
    if measurement.datagrams.is_some() {
        return datagrams::hint(subject, measurement).into_iter().collect();
    }
    let round_trips = cause(&measurement.times, &ROUND_TRIPS)
        .map(|text| format!("hint: round trips cluster {text}"));
    let connects = measurement.connecting.as_ref().and_then(|times| cause(times, &CONNECTS));
    let connects = connects.map(|text| format!("hint: connects take {text}"));
    round_trips.into_iter().chain(connects).chain(switched_off(measurement)).collect()
}

/// With a connection for each message: the server left after some, no more than an inetd
/// serves until then.
fn switched_off(measurement: &Measurement) -> Option<String> {
    let served = measurement.connecting.as_ref()?.len();
    let incident = measurement.incidents.first()?;
    use FailureKind::{ClosedEarly, Refused, Reset};
    let left = matches!(incident.failure.kind(), Refused | Reset | ClosedEarly);
    let bears = |(most, time): &(u64, Duration)| {
        // Its clock ticks at other instants, and some wait in its backlog.
        let times = incident.at.as_nanos() / time.as_nanos() + 1;
        u128::from(served) <= u128::from(most + most / 5) * times
    };
    let fewest = INETDS.map(|(most, _)| most)[0];
    let told = left && served >= fewest && INETDS.iter().any(bears);
    told.then(|| {
        format!(
            "hint: the server left after {served} connections: an inetd switches a service off \
             for a while after 50 in a second (xinetd) or 256 in a minute (openbsd-inetd); -R \
             spreads them"
        )
    })
}

fn cause(times: &Times, causes: &[Cause]) -> Option<&'static str> {
    causes.iter().find(|cause| is_cluster(times, &cause.within)).map(|cause| cause.text)
}

fn is_cluster(times: &Times, within: &Range<u64>) -> bool {
    let count =
        |from: u64, to: u64| times.histogram().count_between(from * 1_000_000, to * 1_000_000 - 1);
    // If even the fastest is slow, the path or the server is: then there is no hint.
    let can_be_fast = times.fastest() < Some(Duration::from_millis(within.start / 2));
    let width = within.end - within.start;
    let inside = count(within.start, within.end);
    let beside = count(within.start - width, within.start) + count(within.end, within.end + width);
    can_be_fast && inside >= FEWEST.max(times.len() / SHARE) && inside >= CLEAR * beside / 2
}

#[cfg(test)]
mod tests {
    use echo_core::Failure;

    use super::*;
    use crate::made_up::MadeUp;
    use crate::measurement::Datagrams;
    use crate::plan::Plan;

    fn times(of: impl IntoIterator<Item = (u64, u64)>) -> Times {
        let mut times = Times::new();
        for (n, micros) in of {
            (0..n).for_each(|_| times.record(Duration::from_micros(micros)));
        }
        times
    }

    fn hinted(measurement: Measurement) -> Vec<String> {
        let made = MadeUp { run: measurement, ..MadeUp::new(Plan::new(), 0) };
        hints(&made.subject(), &made.run)
    }

    #[test]
    fn clusters_at_the_timers_are_explained() {
        let told =
            |of: &[(u64, u64)]| cause(&times(of.iter().copied()), &ROUND_TRIPS).unwrap_or_default();
        assert!(told(&[(1_000, 80), (5, 40_300)]).contains("delayed ACK"));
        assert!(told(&[(1_000, 80), (3, 204_000)]).contains("retransmission"));
        // As measured against a server that writes an echo in two pieces, at 250 Hz.
        assert!(
            told(&[(1, 190), (37, 44_000), (10, 46_990), (19, 48_000)]).contains("delayed ACK")
        );
    }

    #[test]
    fn a_full_queue_is_seen_by_the_connects() {
        for late in [1_008_000, 2_030_000, 3_060_000, 7_400_000] {
            let connecting = Some(times([(1_000, 80), (5, late)]));
            let of = |connecting| Measurement { connecting, ..Measurement::new() };
            let told = hinted(of(connecting)).concat();
            assert!(told.starts_with("hint: connects take ") && told.contains("backlog"), "{told}");
        }
        let slow = Some(times([(1_000, 80), (5, 1_400_000)]));
        let measurement = Measurement { connecting: slow, ..Measurement::new() };
        assert!(hinted(measurement).is_empty(), "no timer of TCP");
        let open =
            Measurement { times: times([(1_000, 80), (5, 1_008_000)]), ..Measurement::new() };
        assert!(hinted(open).is_empty(), "no connects");
        let nagle =
            || Measurement { times: times([(1_000, 80), (5, 40_300)]), ..Measurement::new() };
        assert_eq!(hinted(nagle()).len(), 1);
        let datagrams = Some(Datagrams::default());
        assert!(hinted(Measurement { datagrams, ..nagle() }).is_empty(), "no timers of TCP in UDP");
    }

    #[test]
    fn a_server_that_an_inetd_switched_off_is_told_from_one_that_ended() {
        let told = |served, millis, failure| {
            let mut made = MadeUp::new(Plan { per_message: true, ..Plan::new() }, millis);
            made.fails(millis, 0, failure);
            let connecting = Some(times([(served, 80)]));
            hinted(Measurement { connecting, ..made.run }).concat()
        };
        for (served, millis) in [(50, 20), (51, 900), (110, 1_500), (256, 2_000), (300, 61_000)] {
            for failure in [Failure::Refused, Failure::Reset] {
                let told = told(served, millis, failure);
                assert!(told.contains(&format!("left after {served} connections")), "{told}");
            }
        }
        assert_eq!(told(49, 20, Failure::Refused), "", "no inetd minds so few");
        assert_eq!(told(10_000, 2_000, Failure::Refused), "", "nor bears so many");
        assert_eq!(told(60, 20, Failure::Local), "", "our own fault");
        let made = MadeUp::new(Plan { per_message: true, ..Plan::new() }, 2_000);
        let connecting = Some(times([(60, 80)]));
        assert!(hinted(Measurement { connecting, ..made.run }).is_empty(), "nothing failed");
    }

    #[test]
    fn nothing_is_made_up() {
        let hint = |times| cause(&times, &ROUND_TRIPS);
        assert_eq!(hint(times([])), None);
        assert_eq!(hint(times([(100_000, 80), (3, 41_000)])), None, "too few");
        assert_eq!(hint(times([(10, 41_000)])), None, "a long way");
        assert_eq!(hint(times((30..60).map(|ms| (5, ms * 1_000)))), None, "a broad tail");
        assert_eq!(hint(times((150..300).map(|ms| (5, ms * 1_000)))), None, "a broad tail");
    }
}
