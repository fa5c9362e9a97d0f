//! What the shape of the slow end says about its cause.

use std::ops::Range;
use std::time::Duration;

use crate::measurement::Measurement;
use crate::measurement::times::Times;

/// A timer of TCP, and the times in milliseconds at which it shows.
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

/// After one second, then each time twice as long, or on newer Linux a second for some times. The
/// longer a timer of Linux is, the coarser.
const CONNECTS: [Cause; 4] = [
    Cause { within: 1_000..1_100, text: LOST_REQUEST },
    Cause { within: 2_000..2_200, text: LOST_REQUEST },
    Cause { within: 3_000..3_300, text: LOST_REQUEST },
    Cause { within: 7_000..7_700, text: LOST_REQUEST },
];

/// A cluster holds at least one in so many round trips.
const SHARE: u64 = 1_000;

/// And at least so many.
const FEWEST: u64 = 3;

/// And so many times what the times beside it hold.
const CLEAR: u64 = 4;

/// A line each on round trips, and on connects, that cluster where TCP's timers are.
pub(super) fn hints(measurement: &Measurement) -> Vec<String> {
    let round_trips = cause(&measurement.times, &ROUND_TRIPS)
        .map(|text| format!("hint: round trips cluster {text}"));
    let connects = measurement.connecting.as_ref().and_then(|times| cause(times, &CONNECTS));
    let connects = connects.map(|text| format!("hint: connects take {text}"));
    round_trips.into_iter().chain(connects).collect()
}

fn cause(times: &Times, causes: &[Cause]) -> Option<&'static str> {
    causes.iter().find(|cause| is_cluster(times, &cause.within)).map(|cause| cause.text)
}

fn is_cluster(times: &Times, within: &Range<u64>) -> bool {
    let count =
        |from: u64, to: u64| times.histogram().count_between(from * 1_000_000, to * 1_000_000 - 1);
    // What is always slow is the way, or the server: then there is no telling.
    let can_be_fast = times.fastest() < Some(Duration::from_millis(within.start / 2));
    let width = within.end - within.start;
    let inside = count(within.start, within.end);
    let beside = count(within.start - width, within.start) + count(within.end, within.end + width);
    can_be_fast && inside >= FEWEST.max(times.len() / SHARE) && inside >= CLEAR * beside / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(of: impl IntoIterator<Item = (u64, u64)>) -> Times {
        let mut times = Times::new();
        for (n, micros) in of {
            (0..n).for_each(|_| times.record(Duration::from_micros(micros)));
        }
        times
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
            let told = hints(&of(connecting)).concat();
            assert!(told.starts_with("hint: connects take ") && told.contains("backlog"), "{told}");
        }
        let slow = Some(times([(1_000, 80), (5, 1_400_000)]));
        let measurement = Measurement { connecting: slow, ..Measurement::new() };
        assert!(hints(&measurement).is_empty(), "no timer of TCP");
        let open =
            Measurement { times: times([(1_000, 80), (5, 1_008_000)]), ..Measurement::new() };
        assert!(hints(&open).is_empty(), "no connects");
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
