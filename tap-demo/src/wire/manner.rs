//! The faults of a wire, as they are asked for and shown.

use std::fmt;
use std::time::Duration;

use echo_instruments::quantity::given::Limit;

use crate::chance::Chance;

/// What a wire does to frames, in each direction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Manner {
    /// The share of frames that get lost.
    pub drop: Chance,
    /// The share of frames in which one bit is flipped.
    pub corrupt: Chance,
    /// Every frame arrives this much later.
    pub delay: Duration,
    /// Every frame arrives up to this much later still, but never before those
    /// that were sent before it.
    pub jitter: Duration,
    /// The share of frames that arrive twice.
    pub duplicate: Chance,
    /// The share of frames that arrive after the next one sent.
    pub reorder: Chance,
}

impl Manner {
    /// Whether the wire has no faults at all.
    #[must_use]
    pub fn is_faultless(&self) -> bool {
        *self == Self::default()
    }

    /// Whether frames may [meet](super::Met) one of the faults that are counted.
    #[must_use]
    pub fn counts(&self) -> bool {
        !Self { delay: Duration::ZERO, jitter: Duration::ZERO, ..*self }.is_faultless()
    }

    /// Whether any of the faults is random.
    #[must_use]
    pub fn has_chance(&self) -> bool {
        !Self { delay: Duration::ZERO, ..*self }.is_faultless()
    }
}

/// Names the faults as the flags do: `drop 1 %, delay 5ms`.
impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chance = |chance: Chance| (chance > Chance::NEVER).then(|| format!("{chance} %"));
        let time = |time: Duration| (!time.is_zero()).then(|| Limit(Some(time)).to_string());
        let parts = [
            ("drop", chance(self.drop)),
            ("corrupt", chance(self.corrupt)),
            ("delay", time(self.delay)),
            ("jitter", time(self.jitter)),
            ("duplicate", chance(self.duplicate)),
            ("reorder", chance(self.reorder)),
        ];
        let given = parts.into_iter().filter_map(|(name, much)| Some((name, much?)));
        for (index, (name, much)) in given.enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} {much}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_it_does_is_shown() {
        let chance = |text: &str| text.parse().expect("a chance");
        let delay = Manner { delay: Duration::from_micros(200), ..Manner::default() };
        assert_eq!((delay.to_string().as_str(), delay.has_chance()), ("delay 200us", false));
        let jitter = Manner { jitter: Duration::from_millis(1), ..delay };
        assert_eq!(
            (jitter.to_string().as_str(), jitter.has_chance()),
            ("delay 200us, jitter 1ms", true)
        );
        let all = Manner {
            drop: chance("1"),
            corrupt: chance("0.1%"),
            duplicate: chance("2.5"),
            reorder: chance("100"),
            ..Manner::default()
        };
        assert_eq!(
            (all.to_string().as_str(), all.has_chance()),
            ("drop 1 %, corrupt 0.1 %, duplicate 2.5 %, reorder 100 %", true)
        );
        assert!(Manner::default().is_faultless() && !delay.is_faultless());
    }
}
