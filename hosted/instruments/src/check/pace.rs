//! The limit on how fast connections follow each other.
//!
//! An inetd that sees too many of them switches the service off for everybody:
//! xinetd after 50 in a second, openbsd-inetd after 256 in a minute.

use std::collections::VecDeque;
use std::time::Duration;

use echo_core::Instant;

/// At most this many connections in any time of this length.
const LIMITS: [(usize, Duration); 2] =
    [(40, Duration::from_secs(1)), (240, Duration::from_secs(60))];

/// The number of connections that the largest limit counts.
const REMEMBERED: usize = 240;

/// The instants at which connections were begun; they decide when the next one may be.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: VecDeque<Instant>,
}

impl Pace {
    /// When the next connection may be begun.
    pub(super) fn next(&self) -> Instant {
        let allowed = |(most, time): (usize, Duration)| {
            let first = self.begun.len().checked_sub(most).and_then(|index| self.begun.get(index));
            first.map_or(Instant::START, |first| *first + time)
        };
        LIMITS.into_iter().map(allowed).max().unwrap_or_default()
    }

    /// Records that a connection is begun.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.begun.len() == REMEMBERED {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_inetd_is_annoyed() {
        let mut pace = Pace::default();
        let (mut now, mut begun) = (Instant::START + Duration::from_secs(9), Vec::new());
        for _ in 0..1_000 {
            now = now.max(pace.next());
            pace.begin(now);
            begun.push(now);
        }
        for (most, time) in LIMITS {
            let count = |first: Instant| {
                begun.iter().filter(|at| (first..first + time).contains(at)).count()
            };
            let busiest = begun.iter().map(|first| count(*first)).max();
            assert_eq!(busiest, Some(most), "in {time:?}");
        }
        // It is no slower than that.
        assert_eq!(now.saturating_duration_since(begun[0]), Duration::from_secs(60 * 4));
    }
}
