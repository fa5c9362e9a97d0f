//! How a server stops while sessions are still open.

use std::collections::BTreeSet;
use std::time::Duration;

use echo_core::{Haste, Instant};

use crate::quantity;
use crate::quantity::given::Limit;
use crate::terminal::notes::remark;

/// When each session of a server that stops is asked to leave: one after another, so that not all
/// clients come back, or go to another server, at once.
///
/// In the first half of the time each is asked to leave when it next pauses, in the third quarter each
/// that is left to do so now. The last quarter is for echoes that are on their way. Who is still there at
/// the end is cut off.
#[derive(Debug)]
pub struct Drain {
    start: Instant,
    limit: Duration,
    /// Who is still to be asked, and when.
    asks: BTreeSet<(Instant, Haste, usize)>,
}

impl Drain {
    /// The drain that begins now, of the sessions with these numbers.
    #[must_use]
    pub fn begin(now: Instant, limit: Duration, sessions: &[usize]) -> Self {
        let (quarter, turns) = (limit / 4, sessions.len() as u32 + 1);
        let asks = (1..).zip(sessions).flat_map(|(place, &session)| {
            let within = |time: Duration| time / turns * place;
            let second = now + 2 * quarter + within(quarter);
            [(now + within(2 * quarter), Haste::AtPause, session), (second, Haste::Now, session)]
        });
        Self { start: now, limit, asks: asks.collect() }
    }

    /// Who is to be asked now, and how, if somebody is. The session may be over by itself.
    pub fn next(&mut self, now: Instant) -> Option<(usize, Haste)> {
        self.asks.first().filter(|(at, ..)| *at <= now)?;
        let (_, haste, session) = self.asks.pop_first()?;
        Some((session, haste))
    }

    /// When there is somebody to ask, or the drain ends.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.asks.first().map_or_else(|| self.end(), |(at, ..)| *at)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.end() <= now
    }

    fn end(&self) -> Instant {
        self.start + self.limit
    }
}

/// Says on stderr how long clients are still accepted, if they are.
pub fn announce_notice(notice: Duration) {
    if !notice.is_zero() {
        let notice = Limit(Some(notice));
        remark(&format!("stopping: not ready any more; accepting clients for another {notice}"));
    }
}

/// Says on stderr how long these sessions may still take. If there are none, or no time for
/// them, the server ends at once, and there is nothing to say.
pub fn announce_drain(sessions: usize, limit: Duration) {
    if sessions > 0 && !limit.is_zero() {
        remark(&format!(
            "stopping: waiting up to {} for {} to finish; Ctrl+C ends all now",
            Limit(Some(limit)),
            quantity::counted(sessions as u64, "session"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that is asked for until the end, and when.
    fn asks(drain: &mut Drain) -> Vec<(Instant, usize, Haste)> {
        let mut asks = Vec::new();
        while !drain.is_over(drain.due()) {
            let now = drain.due();
            let (session, haste) = drain.next(now).expect("somebody is due");
            asks.push((now, session, haste));
        }
        assert_eq!(drain.next(Instant::new(Duration::MAX)), None, "who is asked at the end?");
        asks
    }

    #[test]
    fn closes_are_spread_and_the_last_quarter_is_for_echoes() {
        let second = |n| Instant::START + Duration::from_secs(n);
        let mut drain = Drain::begin(second(100), Duration::from_secs(48), &[7, 5, 9]);
        assert_eq!(drain.due(), second(106));
        assert_eq!(drain.next(second(105)), None, "nobody is asked too early");
        let (first, then) = (Haste::AtPause, Haste::Now);
        let due = [
            (second(106), 7, first),
            (second(112), 5, first),
            (second(118), 9, first),
            (second(127), 7, then),
            (second(130), 5, then),
            (second(133), 9, then),
        ];
        assert_eq!(asks(&mut drain), due);
        assert_eq!(drain.due(), second(148));
        assert!(!drain.is_over(second(147)) && drain.is_over(second(148)));
    }

    proptest! {
        #[test]
        fn each_is_asked_twice_at_even_distances(
            limit in 1_000_000..u64::MAX / 2,
            sessions in 1..200_usize,
        ) {
            let limit = Duration::from_nanos(limit);
            let numbers: Vec<_> = (0..sessions).collect();
            let mut drain = Drain::begin(Instant::START, limit, &numbers);
            let asks = asks(&mut drain);
            for (haste, begin, length) in
                [(Haste::AtPause, 0.0, 0.5), (Haste::Now, 0.5, 0.25)]
            {
                let turns: Vec<_> = asks.iter().filter(|ask| ask.2 == haste).collect();
                prop_assert_eq!(turns.len(), sessions);
                for (place, (at, session, _)) in turns.into_iter().enumerate() {
                    prop_assert_eq!(*session, place);
                    let share = at.since_start().div_duration_f64(limit);
                    let due = begin + length * (place + 1) as f64 / (sessions + 1) as f64;
                    prop_assert!((share - due).abs() < 1e-3, "{} instead of {}", share, due);
                }
            }
        }
    }
}
