//! A distribution of times in a report: all that it takes to add it to others, without a loss.
//!
//! `report::json` writes it, `merge` reads it again. The histogram is HdrHistogram's own compressed encoding
//! (version 2) in base64, as in the log of `--export-hdr`: any of its implementations reads it. The sums are texts in
//! decimal: they outgrow the numbers of JSON.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde_json::{Map, Value};

use crate::measurement::times::Times;

/// Adds it to the numbers of these `times`.
pub(super) fn add(out: &mut Map<String, Value>, times: &Times) {
    let (sum, squares) = times.sums();
    out.insert("sum".into(), sum.to_string().into());
    out.insert("sum_of_squares".into(), squares.to_string().into());
    let mut bytes = Vec::new();
    let encoded = V2DeflateSerializer::new().serialize(times.histogram(), &mut bytes);
    out.insert("histogram".into(), encoded.ok().map(|_| STANDARD.encode(bytes)).into());
}

/// The times of a report.
///
/// # Errors
///
/// What is wrong with them, in words.
pub(crate) fn read(numbers: &Value) -> Result<Times, String> {
    let histogram = numbers["histogram"].as_str().ok_or("it has no histogram")?;
    let bytes = STANDARD.decode(histogram).map_err(|_| NO_HISTOGRAM)?;
    let mut all = Deserializer::new();
    let histogram = all.deserialize(&mut bytes.as_slice()).map_err(|_| NO_HISTOGRAM)?;
    let sum = |name: &str| numbers[name].as_str().and_then(|digits| digits.parse().ok());
    let nanos = |name: &str| numbers[name].as_u64().map(Duration::from_nanos);
    let sums = sum("sum").zip(sum("sum_of_squares"));
    let ends = nanos("min").zip(nanos("max"));
    let whole = sums.and_then(|sums| Times::known_as(&histogram, sums, ends));
    whole
        .filter(|times| Some(times.len()) == numbers["n"].as_u64())
        .ok_or_else(|| CONTRADICT.into())
}

const NO_HISTOGRAM: &str = "its histogram cannot be decoded";
const CONTRADICT: &str = "its histogram and its numbers contradict each other";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::report::json::numbers;

    fn times(nanos: &[u64]) -> Times {
        let mut times = Times::new();
        nanos.iter().for_each(|nanos| times.record(Duration::from_nanos(*nanos)));
        times
    }

    fn written(times: &Times) -> Value {
        let mut out = numbers(times);
        add(&mut out, times);
        serde_json::from_str(&Value::from(out).to_string()).expect("JSON")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_read_is_what_was_written(
            nanos in prop::collection::vec(
                prop_oneof![0..20_u64, 1_000..9_000_000_u64, 0..20_000_000_000_000_u64], 0..200)
        ) {
            let before = times(&nanos);
            let after = read(&written(&before)).expect("as written");
            prop_assert_eq!(written(&after), written(&before));
            prop_assert_eq!(after.histogram(), before.histogram());
        }
    }

    #[test]
    fn it_is_small() {
        let many: Vec<_> =
            (0..100_000).map(|n| 60_000 + n * 7919 % 40_000 * (1 + n % 97)).collect();
        let text = written(&times(&many)).to_string();
        assert!(text.len() < 16_000, "{}", text.len());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let good = written(&times(&[70_000, 80_000]));
        assert!(read(&good).is_ok());
        for (key, value, said) in [
            ("histogram", Value::Null, "it has no histogram"),
            ("histogram", json!("no letters!"), NO_HISTOGRAM),
            ("histogram", json!("aGlzdG9ncmFt"), NO_HISTOGRAM),
            ("n", json!(3), CONTRADICT),
            ("sum", json!(150_000), CONTRADICT),
            ("sum", json!("-1"), CONTRADICT),
            ("sum", json!("139999"), CONTRADICT),
            ("sum", json!("160001"), CONTRADICT),
            ("sum_of_squares", json!("11249999999"), CONTRADICT),
            ("min", Value::Null, CONTRADICT),
            ("max", json!(60_000), CONTRADICT),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert_eq!(read(&bad).expect_err(key), said, "{key}");
        }
    }
}
