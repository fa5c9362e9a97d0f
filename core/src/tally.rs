//! Counts of how messages ended.

use crate::{Failure, FailureKind};

/// Counts of messages by their end, with a short memory of the last ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    echoed: u64,
    failed: [u64; FailureKind::ALL.len()],
    /// The last ends, one bit each, the newest lowest; 1 for echoed.
    last: u64,
    /// The number of bits of `last` that stand for a message.
    remembered: u32,
}

impl Tally {
    /// The most messages that [`recent`](Self::recent) looks back.
    pub const MEMORY: u32 = u64::BITS;

    /// The counts of messages that were counted elsewhere, without a memory of the last ones.
    #[must_use]
    pub fn of(echoed: u64, failed: impl Fn(FailureKind) -> u64) -> Self {
        Self { echoed, failed: FailureKind::ALL.map(failed), ..Self::default() }
    }

    /// Counts one message.
    pub fn record<T>(&mut self, end: &Result<T, Failure>) {
        self.last <<= 1;
        self.remembered = (self.remembered + 1).min(Self::MEMORY);
        match end {
            Ok(_) => {
                self.last |= 1;
                self.echoed += 1;
            }
            Err(failure) => self.failed[failure.kind() as usize] += 1,
        }
    }

    /// Counts a message as failed that was recorded as echoed: more than its echo
    /// came. The memory takes it for the last one that was echoed.
    pub fn revoke(&mut self, failure: &Failure) {
        self.last &= self.last.wrapping_sub(1);
        self.echoed = self.echoed.saturating_sub(1);
        self.failed[failure.kind() as usize] += 1;
    }

    /// Counts a message as failed in this way that was recorded as timed out.
    pub fn explain(&mut self, failure: &Failure) {
        let timed_out = &mut self.failed[FailureKind::TimedOut as usize];
        *timed_out = timed_out.saturating_sub(1);
        self.failed[failure.kind() as usize] += 1;
    }

    /// Adds the counts of another tally; the memory stays this one's.
    pub fn add(&mut self, other: &Self) {
        self.echoed += other.echoed;
        for (mine, theirs) in self.failed.iter_mut().zip(other.failed) {
            *mine += theirs;
        }
    }

    /// The number of messages that ended, well or not.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.echoed + self.failures()
    }

    /// The number of messages that came back whole and unchanged.
    #[must_use]
    pub const fn echoed(&self) -> u64 {
        self.echoed
    }

    /// The number of messages that failed in this way.
    #[must_use]
    pub const fn failed(&self, kind: FailureKind) -> u64 {
        self.failed[kind as usize]
    }

    /// The number of messages that failed in any way.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// The share of messages that failed, from 0 to 1; `None` before the first.
    #[must_use]
    pub fn fail_rate(&self) -> Option<f64> {
        let messages = self.messages();
        (messages > 0).then(|| self.failures() as f64 / messages as f64)
    }

    /// The share of the last `window` recorded messages (or of all, if there
    /// were fewer; at most [`MEMORY`](Self::MEMORY)) that were echoed, from 0 to
    /// 1; `None` before the first.
    #[must_use]
    pub fn recent(&self, window: u32) -> Option<f64> {
        let window = window.min(self.remembered);
        let ones = self.last.checked_shl(Self::MEMORY - window).unwrap_or(0).count_ones();
        (window > 0).then(|| f64::from(ones) / f64::from(window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Result<(), Failure> = Err(Failure::Reset);

    #[test]
    fn nothing_has_no_rates() {
        assert_eq!(Tally::default().fail_rate(), None);
        assert_eq!(Tally::default().recent(10), None);
    }

    #[test]
    fn counts_and_rates() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.record(&Ok(()));
        }
        tally.record(&FAILED);
        assert_eq!((tally.messages(), tally.echoed(), tally.failures()), (4, 3, 1));
        assert_eq!(tally.failed(FailureKind::Reset), 1);
        assert_eq!(tally.failed(FailureKind::TimedOut), 0);
        assert_eq!(tally.fail_rate(), Some(0.25));
    }

    #[test]
    fn the_window_slides() {
        let mut tally = Tally::default();
        tally.record(&FAILED);
        for echoed in 1..=9 {
            tally.record(&Ok(()));
            assert_eq!(tally.recent(10), Some(f64::from(echoed) / f64::from(echoed + 1)));
        }
        tally.record(&Ok(()));
        assert_eq!(tally.recent(10), Some(1.0));
        for _ in 0..100 {
            tally.record(&FAILED);
        }
        assert_eq!(tally.recent(u32::MAX), Some(0.0));
    }

    #[test]
    fn an_echo_that_is_revoked_has_failed() {
        let mut tally = Tally::default();
        for end in [&Ok(()), &Ok(()), &FAILED] {
            tally.record(end);
        }
        tally.revoke(&Failure::Extra { message: 1, bytes: 1 });
        assert_eq!((tally.messages(), tally.echoed(), tally.failures()), (3, 1, 2));
        assert_eq!(tally.failed(FailureKind::Extra), 1);
        assert_eq!((tally.recent(2), tally.recent(3)), (Some(0.0), Some(1.0 / 3.0)));
    }

    #[test]
    fn added_counts_are_not_remembered() {
        let mut one = Tally::default();
        one.record(&Ok(()));
        let mut total = Tally::default();
        total.add(&one);
        assert_eq!((total.messages(), total.recent(10)), (1, None));
        total.record(&Ok(()));
        assert_eq!((total.messages(), total.recent(10)), (2, Some(1.0)));
    }

    #[test]
    fn more_than_32_bits_are_counted() {
        const MANY: u64 = 3 << 32;
        let mut tally = Tally { echoed: MANY, ..Tally::default() };
        tally.failed[FailureKind::Reset as usize] = MANY;
        for end in [&Ok(()), &FAILED] {
            tally.record(end);
        }
        let mut total = tally.clone();
        total.add(&tally);
        let counts = (total.echoed(), total.failed(FailureKind::Reset), total.messages());
        assert_eq!(counts, (2 * (MANY + 1), 2 * (MANY + 1), 4 * (MANY + 1)));
        assert_eq!(total.fail_rate(), Some(0.5));
    }

    #[test]
    fn what_was_counted_elsewhere_is_added_like_any_other() {
        let kinds = |kind: FailureKind| 10 + kind as u64;
        let mut tally = Tally::of(7, kinds);
        tally.record(&FAILED);
        assert_eq!(
            (tally.echoed(), tally.failed(FailureKind::Reset)),
            (7, kinds(FailureKind::Reset) + 1)
        );
        assert_eq!(tally.failed(FailureKind::TimedOut), kinds(FailureKind::TimedOut));
        assert_eq!(tally.recent(10), Some(0.0));
    }

    #[test]
    fn every_kind_has_its_own_index() {
        for (index, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
