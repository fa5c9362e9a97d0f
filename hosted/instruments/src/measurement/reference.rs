//! The univariate Statistical Reference Datasets of NIST (<https://www.itl.nist.gov/div898/strd>, public domain), with
//! the values that are certified for them. `lew.txt` and `michelso.txt` are the data of Lew.dat and Michelso.dat as
//! published; NumAcc1 to 4 are made as their description says, which is all that they contain.

/// A data set.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    pub(crate) values: fn() -> Box<dyn Iterator<Item = f64>>,
    pub(crate) mean: f64,
    /// Of the sample: its square is divided by one less than there are values.
    pub(crate) deviation: f64,
    pub(crate) autocorrelation: f64,
    /// How many digits the values leave in floating point: of 10000000.1, 9 are gone when 10000000.2 is subtracted.
    pub(crate) digits: i32,
}

pub(crate) const SETS: [Set; 6] = [
    Set {
        name: "Lew",
        values: || read(include_str!("reference/lew.txt")),
        mean: -177.435,
        deviation: 277.332_168_044_316,
        autocorrelation: -0.307_304_800_605_679,
        digits: 14,
    },
    Set {
        name: "Michelso",
        values: || read(include_str!("reference/michelso.txt")),
        mean: 299.852_4,
        deviation: 0.079_010_547_819_051_8,
        autocorrelation: 0.535_199_668_621_283,
        digits: 12,
    },
    Set {
        name: "NumAcc1",
        values: || Box::new([10_000_001.0, 10_000_003.0, 10_000_002.0].into_iter()),
        mean: 10_000_002.0,
        deviation: 1.0,
        autocorrelation: -0.5,
        digits: 15,
    },
    Set {
        name: "NumAcc2",
        values: || alternating(1.2, 1.1, 1.3),
        mean: 1.2,
        deviation: 0.1,
        autocorrelation: -0.999,
        digits: 13,
    },
    Set {
        name: "NumAcc3",
        values: || alternating(1_000_000.2, 1_000_000.1, 1_000_000.3),
        mean: 1_000_000.2,
        deviation: 0.1,
        autocorrelation: -0.999,
        digits: 8,
    },
    Set {
        name: "NumAcc4",
        values: || alternating(10_000_000.2, 10_000_000.1, 10_000_000.3),
        mean: 10_000_000.2,
        deviation: 0.1,
        autocorrelation: -0.999,
        digits: 7,
    },
];

fn read(text: &'static str) -> Box<dyn Iterator<Item = f64>> {
    Box::new(text.split_whitespace().map(|value| value.parse().expect("a number")))
}

/// One value, then two others in turn: 1001 in all.
fn alternating(first: f64, low: f64, high: f64) -> Box<dyn Iterator<Item = f64>> {
    let turns = (0..1_000).map(move |n| if n % 2 == 0 { low } else { high });
    Box::new([first].into_iter().chain(turns))
}
