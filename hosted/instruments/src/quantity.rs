//! Numbers for people: three significant digits and the unit that suits them.
//!
//! The text report and the figure format their numbers here, so that both show the same ones.
//! A number is rounded before its unit is chosen: 999.96 µs is `1.00 ms`, never `1000 µs`.
//! Whole numbers of more than four digits are grouped by ordinary blanks, which every terminal shows.

pub mod given;

use std::time::Duration;

/// A time of any length in ns, µs, ms or s: `14.3 µs`, `850 ns`, `120 s`. One that has more than three digits in
/// seconds is told as people tell it: `2h 46m 40s`.
pub fn duration(time: Duration) -> String {
    let ns = time.as_nanos();
    if ns < 1_000 {
        return format!("{ns} ns");
    }
    if to_three_digits(time.as_secs_f64()) >= 1e3 {
        let seconds = Duration::from_secs(time.as_secs_f64().round() as u64);
        return humantime::format_duration(seconds).to_string();
    }
    scaled(ns as f64, &[(1e3, "µs"), (1e6, "ms"), (1e9, "s")])
}

/// A rate in bits per second: `96.7 Mbit/s`.
pub(crate) fn bit_rate(bits_per_second: f64) -> String {
    scaled(bits_per_second, &BIT_RATES)
}

/// The unit in which `bits_per_second` has one to three digits before the point: its size and its name.
pub(crate) fn bit_rate_unit(bits_per_second: f64) -> (f64, &'static str) {
    fitting(bits_per_second, &BIT_RATES)
}

/// An amount of data in powers of a thousand: `64 B`, `1.45 GB`.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    scaled(bytes as f64, &[(1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"), (1e15, "PB")])
}

/// A share from 0 to 1 in per cent, or in ppm below 0.01 %: `1.30 %`, `0.706 ppm`.
pub fn ratio(share: f64) -> String {
    if share == 0.0 {
        "0 %".to_owned()
    } else if share < 1e-4 {
        format!("{} ppm", amount(share * 1e6))
    } else {
        format!("{} %", amount(share * 1e2))
    }
}

/// A share that is to be large, in per cent: as exact as what is missing from it, and 100 % only if that is nothing.
pub fn share(share: f64) -> String {
    let missing = (1.0 - share) * 1e2;
    if share < 0.5 {
        ratio(share)
    } else if missing < 1e-9 {
        "100 %".to_owned()
    } else {
        let decimals = (1.0 - missing.log10().floor()).max(1.0) as usize;
        format!("{:.decimals$} %", 1e2 - missing)
    }
}

/// A count with its noun: `1 connection`, `64 connections`.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {}", count(n), noun(n, thing))
}

/// The noun of a count: `connection` of one, else `connections`.
pub fn noun(n: u64, thing: &str) -> String {
    format!("{thing}{}", if n == 1 { "" } else { "s" })
}

/// A bare amount: three significant digits, or all digits of the whole number from 1000 on.
pub fn amount(value: f64) -> String {
    let rounded = to_three_digits(value);
    if rounded == 0.0 {
        "0".to_owned()
    } else if rounded >= 1e3 {
        count(value.round() as u64)
    } else {
        let decimals = (2 - rounded.log10().floor() as i32).max(0) as usize;
        format!("{rounded:.decimals$}")
    }
}

/// A whole number, its digits in groups of three if there are more than four: `1000`, `60 000`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() * 2);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

type Unit = (f64, &'static str);

const BIT_RATES: [Unit; 5] =
    [(1.0, "bit/s"), (1e3, "kbit/s"), (1e6, "Mbit/s"), (1e9, "Gbit/s"), (1e12, "Tbit/s")];

fn scaled(value: f64, units: &[Unit]) -> String {
    let (size, name) = fitting(value, units);
    format!("{} {name}", amount(value / size))
}

/// The first of the ascending units in which the rounded value stays below 1000, else the last one.
fn fitting(value: f64, units: &[Unit]) -> Unit {
    let fits = |unit: &&Unit| to_three_digits(value / unit.0) < 1e3;
    *units.iter().find(fits).unwrap_or(&units[units.len() - 1])
}

/// The decimal that three significant digits can write, by the formatter's own exact rounding.
fn to_three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().expect("a formatted number is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(ns: u64) -> String {
        duration(Duration::from_nanos(ns))
    }

    #[test]
    fn durations_round_before_they_choose_a_unit() {
        assert_eq!(ns(0), "0 ns");
        assert_eq!(ns(999), "999 ns");
        assert_eq!(ns(1_000), "1.00 µs");
        assert_eq!(ns(9_996), "10.0 µs");
        assert_eq!(ns(38_849), "38.8 µs");
        assert_eq!(ns(999_499), "999 µs");
        assert_eq!(ns(999_500), "1.00 ms");
        assert_eq!(ns(999_960), "1.00 ms");
        assert_eq!(ns(120_000_000_000), "120 s");
        assert_eq!(ns(999_000_000_000), "999 s");
        assert_eq!(ns(999_960_000_000), "16m 40s");
        assert_eq!(ns(10_000_000_000_000), "2h 46m 40s");
        assert_eq!(ns(86_399_400_000_000), "23h 59m 59s");
        assert_eq!(duration(Duration::from_secs(90_000)), "1day 1h");
    }

    #[test]
    fn amounts_have_three_digits_until_they_are_long() {
        assert_eq!(amount(0.0), "0");
        assert_eq!(amount(0.012345), "0.0123");
        assert_eq!(amount(9.994), "9.99");
        assert_eq!(amount(9.996), "10.0");
        assert_eq!(amount(99.95), "100");
        assert_eq!(amount(999.4), "999");
        assert_eq!(amount(999.5), "1000");
        assert_eq!(amount(188_902.4), "188 902");
        assert_eq!(amount(1e12), "1 000 000 000 000");
    }

    #[test]
    fn rates_and_bytes_grow_by_thousands() {
        assert_eq!(bit_rate(0.0), "0 bit/s");
        assert_eq!(bit_rate(999.5), "1.00 kbit/s");
        assert_eq!(bit_rate(96.74e6), "96.7 Mbit/s");
        assert_eq!(bit_rate(1e12), "1.00 Tbit/s");
        assert_eq!(bit_rate_unit(999.6e6), (1e9, "Gbit/s"));
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.00 kB");
        assert_eq!(bytes(999_500), "1.00 MB");
        assert_eq!(bytes(1_450_773_888), "1.45 GB");
        assert_eq!(bytes(u64::MAX), "18 447 PB");
    }

    #[test]
    fn small_shares_are_counted_in_millionths() {
        assert_eq!(ratio(0.0), "0 %");
        assert_eq!(ratio(1.0), "100 %");
        assert_eq!(ratio(1.0 / 3.0), "33.3 %");
        assert_eq!(ratio(1e-4), "0.0100 %");
        assert_eq!(ratio(16.0 / 22_668_358.0), "0.706 ppm");
    }

    #[test]
    fn large_shares_are_as_exact_as_what_is_missing() {
        assert_eq!(share(1.0), "100 %");
        assert_eq!(share(1.0 - 3.0 / 24_683.0), "99.988 %");
        assert_eq!(share(0.9931), "99.31 %");
        assert_eq!(share(0.7), "70.0 %");
        assert_eq!(share(1.0 - 1e-6), "99.99990 %");
        assert_eq!(share(1.0 - 1e-15), "100 %", "an error of arithmetic");
        assert_eq!(share(0.0012), "0.120 %");
        assert_eq!(share(0.0), "0 %");
    }

    #[test]
    fn one_is_no_plural() {
        let told = [0, 1, 2, 10_000].map(|n| counted(n, "byte"));
        assert_eq!(told, ["0 bytes", "1 byte", "2 bytes", "10 000 bytes"]);
    }

    #[test]
    fn counts_are_grouped_from_the_right() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1000");
        assert_eq!(count(10_000), "10 000");
        assert_eq!(count(22_668_342), "22 668 342");
        assert_eq!(count(u64::MAX), "18 446 744 073 709 551 615");
    }
}
