//! Student's distribution: how far the mean of a few values may be from that of very many.

use std::f64::consts::FRAC_PI_2;

/// The quantile with 95 % between it and its negative, for this many degrees of freedom, 1 or more, in fractions too.
///
/// With t = √n·tan(a), the density of the angle `a` is the power n - 1 of its cosine. That is added up in steps until
/// the share is reached: to five digits, from 1 degree of freedom to 1000.
pub(crate) fn quantile(freedom: f64) -> f64 {
    let step = FRAC_PI_2 / f64::from(STEPS);
    let density = |n: u32| ((f64::from(n) + 0.5) * step).cos().powf(freedom - 1.0);
    let share = 0.95 * (0..STEPS).map(density).sum::<f64>();
    let mut below = 0.0;
    for n in 0..STEPS {
        let here = density(n);
        if below + here >= share {
            return freedom.sqrt() * ((f64::from(n) + (share - below) / here) * step).tan();
        }
        below += here;
    }
    f64::INFINITY
}

const STEPS: u32 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [
            (1.0, 12.706_2),
            (2.0, 4.302_65),
            (3.0, 3.182_45),
            (4.0, 2.776_45),
            (6.0, 2.446_91),
            (9.0, 2.262_16),
            (14.0, 2.144_79),
            (29.0, 2.045_23),
            (120.0, 1.979_93),
            (1_000.0, 1.962_34),
        ];
        for (freedom, truth) in table {
            let found = quantile(freedom);
            assert!((found / truth - 1.0).abs() < 1e-5, "{freedom}: {found}");
        }
        assert!((2.776_45..3.182_45).contains(&quantile(3.5)), "fractions");
    }
}
