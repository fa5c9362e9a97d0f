//! A probability as it is given on the command line, in per cent.

use std::fmt;
use std::str::FromStr;

use echo_instruments::quantity::given::percent;

/// A share of all cases, from never to always.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct Chance {
    percent: f64,
}

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self { percent: 0.0 };

    /// Whether it happens, if `random` is any number with the same likelihood.
    #[must_use]
    pub fn happens(self, random: u64) -> bool {
        // The upper 53 bits are a number below 1, exactly.
        let share = (random >> 11) as f64 / (1_u64 << 53) as f64;
        share * 100.0 < self.percent
    }
}

/// `1`, `0.1`, `1%`.
impl FromStr for Chance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match percent(text) {
            Some(percent) if percent <= 100.0 => Ok(Self { percent }),
            _ => Err("expected a number from 0 to 100 per cent, like 1, 0.1 or 0.1%".into()),
        }
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.percent.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_the_sign_are_understood() {
        for (text, percent) in
            [("0", 0.0), ("1", 1.0), ("0.1", 0.1), ("1%", 1.0), ("2.5 %", 2.5), ("100", 100.0)]
        {
            assert_eq!(text.parse(), Ok(Chance { percent }), "{text}");
        }
        for text in ["", "%", "-1", "100.1", "nan", "inf", "1%%", "a"] {
            assert!(text.parse::<Chance>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_of_all_numbers_is_hit() {
        let hits = |text: &str| {
            let chance: Chance = text.parse().expect("a chance");
            let step = u64::MAX / 10_000;
            (0..10_000).filter(|number| chance.happens(number * step)).count()
        };
        assert_eq!([hits("0"), hits("100")], [0, 10_000]);
        assert!(hits("0.1").abs_diff(10) <= 1 && hits("50%").abs_diff(5_000) <= 1);
        assert!("100".parse::<Chance>().expect("a chance").happens(u64::MAX));
    }
}
