//! Whether the times of a run are from one distribution.
//!
//! A run may change its nature on the way: both ends share a processor for some seconds, and then they do not. Its
//! percentiles are then those of a mixture, which nobody ever sees. So the run is cut into slices of equal length, and
//! these are asked whether they change at some instant ([`change`]), or all the way ([`drift`]). Both ask in turn: is
//! the difference large enough to matter, and is it more than chance makes of slices that differ by themselves?

mod change;
mod drift;
mod slices;

use std::time::Duration;

use self::change::Cut;
use self::drift::Drift;
use self::slices::Slices;
use crate::measurement::Measurement;
use crate::measurement::timeline::{Column, Timeline};
use crate::stack::Placement;

/// What became of the times of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stationarity {
    /// Nothing that could be told from chance.
    One,
    /// They are of one sort until an instant, and of another after it.
    Changed {
        at: Duration,
        parts: [Part; 2],
        /// What both ends had become by then, if that may be why.
        reason: Option<Placement>,
    },
    /// They rise or fall all the way; the parts are the first and the last eighth.
    Drifts { parts: [Part; 2] },
}

/// Percentiles of a part of a run, known to 6 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
}

/// By what factor a percentile must differ to matter.
const MATTERS: f64 = 1.1;

/// By how much the shares of messages below some time must differ to matter.
const SHARE: f64 = 0.1;

/// What is known of a run as a whole; None if it is too short to be cut, or several runs one after another, which are
/// told apart by themselves.
#[must_use]
pub(crate) fn stationarity(measurement: &Measurement) -> Option<Stationarity> {
    if !measurement.runs.is_empty() || measurement.together.is_some() {
        return None;
    }
    let slices = Slices::of(measurement)?;
    let Some(cut) = Cut::of(&slices).filter(|cut| cut.difference >= SHARE) else {
        return Some(Stationarity::One);
    };
    let place = cut.place(&slices, &measurement.timeline);
    let width = measurement.timeline.column_width();
    let parts = measurement.timeline.cut([0..place, place..usize::MAX]);
    let change = Stationarity::Changed {
        at: width * place as u32,
        parts: told(&parts)?,
        reason: moved(&parts),
    };
    let change = Some(change).filter(|change| change.matters() && !cut.is_chance(&slices));
    let drift = Drift::of(&slices).filter(|drift| change.is_some() || !drift.is_chance());
    let drift = drift.and_then(|drift| {
        let eighth = slices.len() / 8;
        let ends = [0..eighth, slices.len() - eighth..slices.len()];
        let parts = slices.timeline.cut(ends.map(|end| slices.span(end)));
        let drifts = Stationarity::Drifts { parts: told(&parts)? };
        // What fits one step better than a line is one.
        let is_step = change.is_some() && slices.scatter_around(&cut) <= drift.scatter;
        Some(drifts).filter(|drifts| drifts.matters() && !is_step)
    });
    Some(drift.or(change).unwrap_or(Stationarity::One))
}

impl Stationarity {
    /// The parts that differ, if it is not one distribution.
    pub(crate) fn parts(&self) -> Option<&[Part; 2]> {
        match self {
            Self::One => None,
            Self::Changed { parts, .. } | Self::Drifts { parts } => Some(parts),
        }
    }

    fn matters(&self) -> bool {
        self.parts().is_some_and(|[before, after]| {
            differ(before.p50, after.p50) || differ(before.p90, after.p90)
        })
    }
}

/// Whether two times differ by more than anybody would call the same.
pub(crate) fn differ(before: Duration, after: Duration) -> bool {
    before.max(after).as_secs_f64() >= MATTERS * before.min(after).as_secs_f64()
}

fn told(parts: &Timeline) -> Option<[Part; 2]> {
    let part = |column: &Column<'_>| {
        let quantile = |q| column.quantile(q).map(|ns| Duration::from_nanos(ns as u64));
        Some(Part { p50: quantile(0.5)?, p90: quantile(0.9)? })
    };
    let mut parts = parts.columns().map(|column| part(&column));
    Some([parts.next()??, parts.next()??])
}

/// What both ends became, if they were hardly ever so in the first part, and mostly in the second.
fn moved(parts: &Timeline) -> Option<Placement> {
    /// Fewer looks say nothing.
    const LOOKS: u32 = 3;
    /// The least change of the share of looks that found them on one processor.
    const MOST: f64 = 0.6;
    let share = |[together, apart]: [u32; 2]| {
        let looks = together + apart;
        (looks >= LOOKS).then(|| f64::from(together) / f64::from(looks))
    };
    let mut shares = parts.columns().map(|column| share(column.placed()));
    let [before, after] = [shares.next()??, shares.next()??];
    if after - before >= MOST {
        return Some(Placement::Together);
    }
    (before - after >= MOST).then_some(Placement::Apart)
}

#[cfg(test)]
mod simulation;
