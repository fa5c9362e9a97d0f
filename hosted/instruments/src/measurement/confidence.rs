//! The confidence in the numbers: intervals that hold the true value with 95 %
//! confidence.

/// The 95 % quantile of the normal distribution, both sides.
pub(crate) const Z: f64 = 1.959_964;

/// The 95 % confidence interval of the fail rate, as shares from 0 to 1, if
/// `failed` of `messages` failed; `None` without messages.
///
/// Without a failure it is the rule of three (below 3/N), otherwise Wilson's
/// score interval.
#[must_use]
pub(crate) fn fail_rate_interval(failed: u64, messages: u64) -> Option<(f64, f64)> {
    let n = messages as f64;
    match (failed, messages) {
        (_, 0) => None,
        (0, _) => Some((0.0, (3.0 / n).min(1.0))),
        _ => {
            let rate = failed as f64 / n;
            let spread = Z * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
            let scale = 1.0 + Z * Z / n;
            let middle = rate + Z * Z / (2.0 * n);
            let (low, high) = ((middle - spread) / scale, (middle + spread) / scale);
            // Where all failed the end is 1, but for the last digit.
            Some((low.max(0.0), high.max(rate).min(1.0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_is_the_rule_of_three() {
        assert_eq!(fail_rate_interval(0, 60_000), Some((0.0, 0.000_05)));
        assert_eq!(fail_rate_interval(0, 1), Some((0.0, 1.0)));
        assert_eq!(fail_rate_interval(0, 0), None);
    }

    #[test]
    fn wilson_agrees_with_the_published_example() {
        // Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 is 0.2553 to 0.3662.
        let (low, high) = fail_rate_interval(81, 263).expect("there are messages");
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn it_stays_between_nothing_and_all() {
        for (failed, messages) in [(1, 1), (1, 2), (5, 5), (1, u64::MAX), (u64::MAX, u64::MAX)] {
            let (low, high) = fail_rate_interval(failed, messages).expect("there are messages");
            assert!(0.0 <= low && low <= high && high <= 1.0, "{failed} of {messages}");
        }
        for failed in 1..1_000 {
            let all = fail_rate_interval(failed, failed).map(|(_, high)| high);
            assert_eq!(all, Some(1.0), "{failed} of {failed}");
        }
    }
}
