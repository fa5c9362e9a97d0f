//! Values of flags that are more than a number.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// A duration: seconds (`0.5`), or with units (`200ms`, `2m`, `1h30m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = match text.parse() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
            Err(_) => humantime::parse_duration(text).ok(),
        };
        time.map(Self).ok_or_else(|| {
            let is_negative =
                text.strip_prefix('-').is_some_and(|size| size.parse::<Self>().is_ok());
            if is_negative { "a time is not negative" } else { TIME }.into()
        })
    }
}

const TIME: &str = "expected seconds (0.5), or a time with a unit (200ms, 2m)";

/// How long to busy-wait before sleeping: a [`Time`]; `always`, and a flag without
/// a value, is [`Duration::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spin(pub Duration);

impl Spin {
    /// The value that stands for never sleeping.
    pub const ALWAYS: &str = "always";
}

impl FromStr for Spin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == Self::ALWAYS {
            return Ok(Self(Duration::MAX));
        }
        let time: Result<Time, _> = text.parse();
        time.map(|Time(time)| Self(time))
            .map_err(|error| format!("{error}; TARGET goes before --spin"))
    }
}

/// A time-out: a [`Time`]; none if it is 0 or negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (negative, size) =
            text.strip_prefix('-').map_or((false, text), |positive| (true, positive));
        let Time(limit) = size.parse()?;
        Ok(Self((!negative && !limit.is_zero()).then_some(limit)))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(limit) => humantime::format_duration(limit).fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// A number of messages per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sensible = number(text).filter(|rate| (1e-6..=1e9).contains(rate));
        sensible
            .map(Self)
            .ok_or_else(|| "expected messages a second, up to 1G (1000, 0.5, 20k)".into())
    }
}

/// A share in per cent, from 0: `1`, `0.1`, `1%`.
pub fn percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%').unwrap_or(text);
    number.trim_end().parse().ok().filter(|percent| *percent >= 0.0)
}

/// A number of messages: `1000`, `10M`.
pub fn count(text: &str) -> Result<u64, String> {
    whole(text)
        .filter(|count| *count > 0)
        .ok_or_else(|| "expected a whole number above 0 (1000, 20k, 1M)".into())
}

/// The length of a message in bytes: `1000`, `64KiB`, `1MB`.
pub fn length(text: &str) -> Result<u64, String> {
    bytes(0..=1 << 30)(text).map_err(|_| "expected up to 1 GiB (1000, 64KiB, 1MB)".into())
}

/// Parses numbers of bytes from one to another: `1000`, `64KiB`, `1MB`.
pub fn bytes<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    let within = within(range);
    move |text| within(text.strip_suffix('B').unwrap_or(text))
}

/// Parses whole numbers from one to another, such as a port or a number of threads.
pub fn within<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = whole(text).filter(|number| range.contains(number));
        number.and_then(|number| number.try_into().ok()).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let to = if *most == u64::MAX { "on".to_owned() } else { format!("to {most}") };
            format!("expected a whole number from {least} {to}")
        })
    }
}

fn whole(text: &str) -> Option<u64> {
    let scaled =
        || number(text).filter(|number| number.fract() == 0.0 && (0.0..1e15).contains(number));
    text.parse().ok().or_else(|| scaled().map(|number| number as u64))
}

/// A number that may be counted in thousands (`20k` or `20K`, `1.5M`, `2G`) or in powers of 1024 (`64Ki`, `1Mi`,
/// `1Gi`).
pub fn number(text: &str) -> Option<f64> {
    const SCALES: [(&str, f64); 7] = [
        ("k", 1e3),
        ("K", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("Ki", 1024.0),
        ("Mi", 1024.0 * 1024.0),
        ("Gi", 1024.0 * 1024.0 * 1024.0),
    ];
    let scaled = SCALES.iter().find_map(|(name, scale)| Some((text.strip_suffix(name)?, scale)));
    let (digits, scale) = scaled.unwrap_or((text, &1.0));
    digits.parse::<f64>().ok().map(|number| number * scale).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_have_a_unit() {
        for (text, millis) in
            [("0.5", 500), ("10", 10_000), ("200ms", 200), ("0.2s", 200), ("2m", 120_000), ("0", 0)]
        {
            assert_eq!(text.parse(), Ok(Time(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "nan", "inf", "1e300", "5 parsecs", "ms", "--1", "-nan"] {
            assert_eq!(text.parse::<Time>(), Err(TIME.to_owned()), "{text}");
        }
        for text in ["-1", "-0.5", "-200ms"] {
            assert_eq!(text.parse::<Time>(), Err("a time is not negative".to_owned()), "{text}");
        }
    }

    #[test]
    fn no_limit_is_zero_or_negative() {
        for text in ["-1", "0", "-0.5", "-10s", "0ms"] {
            assert_eq!(text.parse(), Ok(Limit(None)), "{text}");
        }
        assert_eq!("30".parse(), Ok(Limit(Some(Duration::from_secs(30)))));
        for text in ["nan", "-nan", "-", "--1", "-inf"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_numbers_above_zero() {
        for (text, rate) in [("1000", 1e3), ("0.5", 0.5), ("20k", 2e4), ("1.5M", 1.5e6)] {
            assert_eq!(text.parse(), Ok(Rate(rate)), "{text}");
        }
        for text in ["0", "-1", "nan", "inf", "k", "", "1e30", "20 k"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_in_per_cent_with_or_without_the_sign() {
        for (text, share) in
            [("0", 0.0), ("1", 1.0), ("0.1", 0.1), ("1%", 1.0), ("2.5 %", 2.5), ("150", 150.0)]
        {
            assert_eq!(percent(text), Some(share), "{text}");
        }
        for text in ["", "%", "-1", "nan", "1%%", "a"] {
            assert_eq!(percent(text), None, "{text}");
        }
    }

    #[test]
    fn counts_are_whole() {
        for (text, n) in [("1", 1), ("20k", 20_000), ("1.5M", 1_500_000), ("2Ki", 2048)] {
            assert_eq!(count(text), Ok(n), "{text}");
        }
        assert_eq!(count(&u64::MAX.to_string()), Ok(u64::MAX), "no digit is lost");
        for text in ["0", "-1", "1.5", "0.0001k", "1kk", "k", "", "nan", "inf", "1e300", "20 k"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_have_bounds() {
        let port = within::<u16>(1..=65535);
        assert_eq!((port("1"), port("65535"), port("1k")), (Ok(1), Ok(65535), Ok(1000)));
        for text in ["0", "65536", "-1", "1.5", "x", "", "1e300"] {
            let said = "expected a whole number from 1 to 65535";
            assert_eq!(port(text), Err(said.to_owned()), "{text}");
        }
        let seed = within(0..=u64::MAX);
        assert_eq!(seed(&u64::MAX.to_string()), Ok(u64::MAX), "no digit is lost");
        assert!(seed("-1").is_err() && seed("-1k").is_err());
        assert_eq!(seed("x"), Err::<u64, _>("expected a whole number from 0 on".to_owned()));
    }

    #[test]
    fn lengths_have_units_of_either_kind() {
        for (text, n) in [
            ("1", 1),
            ("300kB", 300_000),
            ("300KB", 300_000),
            ("64KiB", 64 << 10),
            ("1MB", 1_000_000),
            ("1Gi", 1 << 30),
        ] {
            assert_eq!(length(text), Ok(n), "{text}");
            assert_eq!(bytes(0..=1 << 30)(text), Ok(n), "{text}");
        }
        for text in ["-1", "B", "2G", "1.1GiB", "64kb", "1073741825"] {
            assert!(length(text).is_err(), "{text}");
            assert!(bytes::<u64>(0..=1 << 30)(text).is_err(), "{text}");
        }
    }
}
