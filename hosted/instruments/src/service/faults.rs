//! The faults that a server plants, as given on the command line, and their seed.

use std::fmt;
use std::str::FromStr;

use echo_core::{Defect, Odds, Spoiler, datagram};

use crate::quantity::given::{Time, percent};
use crate::quantity::ratio;
use crate::verdict::Misuse;

/// Faults with their probabilities: `KIND=PROBABILITY[:ARGUMENT]`, several with commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    odds: Odds,
    /// The text as it was given.
    text: String,
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut odds = Odds::default();
        let mut seen = Vec::new();
        for one in text.split(',') {
            let (name, value) = one.split_once('=').ok_or_else(|| {
                format!("'{one}' has no probability: KIND=PROBABILITY, like flip=0.1%")
            })?;
            let kind = Defect::ALL.into_iter().find(|kind| kind.as_str() == name);
            let kind = kind.ok_or_else(|| {
                let names = Defect::ALL.map(Defect::as_str).join(", ");
                format!("'{name}' is not a fault: the faults are {names}")
            })?;
            if seen.iter().any(|(other, _)| *other == kind) {
                return Err(format!("{kind} is given twice"));
            }
            let (probability, argument) = match value.split_once(':') {
                None => (value, None),
                Some((probability, argument)) => (probability, Some(argument)),
            };
            let share = share(probability).ok_or_else(|| {
                format!(
                    "'{probability}' is not a probability: give a share (0.001) or per cent (0.1%)"
                )
            })?;
            seen.push((kind, share));
            odds = odds.with(kind, share);
            odds = match (kind, argument) {
                (Defect::Hold, Some(time)) => {
                    let Time(time) = time.parse().map_err(|error| format!("hold: {error}"))?;
                    odds.holding(time)
                }
                (Defect::Hold, None) => {
                    return Err(format!("hold needs a time: hold={probability}:200ms"));
                }
                (_, Some(argument)) => return Err(format!("{kind} takes no ':{argument}'")),
                (_, None) => odds,
            };
        }
        for kinds in [&Defect::OF_STREAMS[..], &Defect::OF_DATAGRAMS] {
            let shares = seen.iter().filter(|(kind, _)| kinds.contains(kind));
            let sum: f64 = shares.map(|(_, share)| share).sum();
            // A message has at most one fault; the last digit of the sum may be rounded.
            if sum > 1.0 + 1e-9 {
                return Err(format!("the probabilities add up to {}, more than 100 %", ratio(sum)));
            }
        }
        Ok(Self { odds, text: text.into() })
    }
}

impl Faults {
    /// Refuses what a server of streams alone would never plant.
    ///
    /// # Errors
    ///
    /// The first fault of datagrams, and the `lack` for which none arrive.
    pub fn fit_streams(&self, lack: &str) -> Result<(), Misuse> {
        let mut others = Defect::ALL.into_iter().filter(|it| !Defect::OF_STREAMS.contains(it));
        match others.find(|kind| self.odds.has(*kind)) {
            Some(kind) => Err(Misuse(format!("--fault {kind} is a fault of datagrams: {lack}"))),
            None => Ok(()),
        }
    }
}

/// `0.001`, or `0.1%`.
fn share(text: &str) -> Option<f64> {
    let share = if text.ends_with('%') { percent(text)? / 100.0 } else { text.parse().ok()? };
    (0.0..=1.0).contains(&share).then_some(share)
}

/// What a server plants.
#[derive(Debug, Clone)]
pub struct Planting {
    /// The faults and their probabilities.
    pub faults: Faults,
    /// The seed: the same one spoils the same messages of the same connections.
    pub seed: u64,
}

impl Planting {
    /// The spoiler of the connection with this number.
    #[must_use]
    pub fn spoiler<const N: usize>(&self, connection: u64) -> Spoiler<N> {
        Spoiler::new(self.faults.odds, self.seed, connection)
    }

    /// The spoiler of all datagrams.
    #[must_use]
    pub fn spoiler_of_datagrams<P: PartialEq>(&self) -> datagram::Spoiler<P> {
        datagram::Spoiler::new(self.faults.odds, self.seed)
    }
}

/// The text in the first lines of a server.
impl fmt::Display for Planting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (seed {})", self.faults.text, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn odds(text: &str) -> Result<Odds, String> {
        text.parse().map(|Faults { odds, .. }| odds)
    }

    #[test]
    fn probabilities_are_shares_or_per_cent() {
        let flip = Odds::default().with(Defect::Flip, 0.001);
        for text in ["flip=0.001", "flip=0.1%", "flip=1e-3", "flip=.001"] {
            assert_eq!(odds(text), Ok(flip), "{text}");
        }
        let all = "flip=0,drop=1%,repeat=0.02,stale=3%,hold=0.04:200ms,stall=5%,cut=6%,reset=0.07,\
                   lose=0.08,duplicate=9%,reorder=10%,truncate=0.11";
        let due = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.11];
        let due = Defect::ALL.into_iter().zip(due);
        let due = due.fold(Odds::default(), |odds, (kind, share)| odds.with(kind, share));
        assert_eq!(odds(all), Ok(due.holding(Duration::from_millis(200))));
        assert!(odds("drop=50%,reset=0.5").is_ok() && odds("flip=100%").is_ok());
        assert!(odds("drop=0.1,flip=0.2,cut=0.7").is_ok(), "this adds up to a bit more than 1");
        assert!(odds("drop=100%,lose=100%").is_ok(), "one is of streams, one of datagrams");
    }

    #[test]
    fn what_only_datagrams_can_have_is_known() {
        for (text, kind) in [
            ("flip=1%,cut=1%", None),
            ("lose=0", None),
            ("cut=1%,truncate=1%,lose=1%", Some(Defect::Lose)),
        ] {
            let faults: Faults = text.parse().expect(text);
            let said = faults.fit_streams("where are they?").map_err(|Misuse(said)| said);
            let due = |kind| format!("--fault {kind} is a fault of datagrams: where are they?");
            assert_eq!(said, kind.map_or(Ok(()), |kind| Err(due(kind))), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("", "'' has no probability: KIND=PROBABILITY, like flip=0.1%"),
            ("flip", "'flip' has no probability"),
            ("flip=1%,", "'' has no probability"),
            ("bend=1%", "'bend' is not a fault: the faults are flip, drop, repeat, stale, hold"),
            ("flip=5", "'5' is not a probability: give a share (0.001) or per cent (0.1%)"),
            ("flip=101%", "'101%' is not a probability"),
            ("flip=-1%", "'-1%' is not a probability"),
            ("flip=nan", "'nan' is not a probability"),
            ("flip=", "'' is not a probability"),
            ("flip=1%:3", "flip takes no ':3'"),
            ("hold=1%", "hold needs a time: hold=1%:200ms"),
            ("hold=1%:soon", "hold: expected seconds (0.5), or a time with a unit (200ms, 2m)"),
            ("flip=1%,flip=2%", "flip is given twice"),
            ("drop=60%,cut=0.5", "the probabilities add up to 110 %, more than 100 %"),
            ("lose=60%,flip=0.5", "the probabilities add up to 110 %, more than 100 %"),
        ] {
            let error = odds(text).expect_err(text);
            assert!(error.starts_with(said), "{text}: {error}");
        }
    }
}
