//! What the shape of the slow end says about its cause.

use std::ops::Range;
use std::time::Duration;

use crate::times::Times;

/// A timer of TCP, and the times in milliseconds at which it shows.
struct Cause {
    within: Range<u64>,
    text: &'static str,
}

const CAUSES: [Cause; 2] = [
    Cause {
        // The kernel's timer ticks every 1 to 10 ms, and it waits for one tick more.
        within: 39..53,
        text: "around 40 ms, as by the delayed ACK of Linux, waited for by Nagle's algorithm: \
               the server may lack TCP_NODELAY, or write a message in pieces",
    },
    Cause {
        within: 198..226,
        text: "around 200 ms, as by the shortest retransmission time-out of Linux, or a delayed ACK \
               elsewhere: segments may be lost, or the server may lack TCP_NODELAY",
    },
];

/// A cluster holds at least one in so many round trips.
const SHARE: u64 = 1_000;

/// And at least so many.
const FEWEST: u64 = 3;

/// And so many times what the times beside it hold.
const CLEAR: u64 = 4;

/// One line on round trips that cluster where TCP's timers are.
pub(super) fn hint(times: &Times) -> Option<String> {
    let cause = CAUSES.iter().find(|cause| is_cluster(times, &cause.within))?;
    Some(format!("hint: round trips cluster {}", cause.text))
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
        let told = |of: &[(u64, u64)]| hint(&times(of.iter().copied())).unwrap_or_default();
        assert!(told(&[(1_000, 80), (5, 40_300)]).contains("delayed ACK"));
        assert!(told(&[(1_000, 80), (3, 204_000)]).contains("retransmission"));
        // As measured against a server that writes an echo in two pieces, at 250 Hz.
        assert!(
            told(&[(1, 190), (37, 44_000), (10, 46_990), (19, 48_000)]).contains("delayed ACK")
        );
    }

    #[test]
    fn nothing_is_made_up() {
        assert_eq!(hint(&times([])), None);
        assert_eq!(hint(&times([(100_000, 80), (3, 41_000)])), None, "too few");
        assert_eq!(hint(&times([(10, 41_000)])), None, "a long way");
        assert_eq!(hint(&times((30..60).map(|ms| (5, ms * 1_000)))), None, "a broad tail");
        assert_eq!(hint(&times((150..300).map(|ms| (5, ms * 1_000)))), None, "a broad tail");
    }
}
