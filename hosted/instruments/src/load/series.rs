//! Several runs of one plan over one stack, and what they are together.

use std::io;

use super::{Observer, run, run_datagrams};
use crate::datagrams::Datagrams;
use crate::measurement::{Ended, Measurement};
use crate::plan::Plan;
use crate::signals::Stop;
use crate::stack::Stack;

/// Carries out `plan` over `stack` as often as it says, each time over connections of its own, and
/// returns the sum of the runs. One that does not end as planned is the last.
///
/// # Errors
///
/// If the stack has no way to wait.
pub fn repeat(
    plan: &Plan,
    stack: &mut impl Stack,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> io::Result<Measurement> {
    series(plan, stop, observer, |plan, observer| run(plan, stack, stop, observer))
}

/// The same over `datagrams`, each time from ports of its own.
///
/// # Errors
///
/// If there is no way to wait.
pub fn repeat_datagrams(
    plan: &Plan,
    datagrams: &mut impl Datagrams,
    stop: &Stop,
    observer: &mut dyn Observer,
) -> io::Result<Measurement> {
    series(plan, stop, observer, |plan, observer| run_datagrams(plan, datagrams, stop, observer))
}

fn series(
    plan: &Plan,
    stop: &Stop,
    observer: &mut dyn Observer,
    mut run: impl FnMut(&Plan, &mut dyn Observer) -> io::Result<Measurement>,
) -> io::Result<Measurement> {
    let first = run(plan, observer)?;
    if plan.repeat < 2 {
        return Ok(first);
    }
    let mut sum = first.first();
    for number in 1..plan.repeat {
        if stop.requested() && sum.ended == Ended::AsPlanned {
            sum.ended = Ended::Stopped;
        }
        if sum.ended != Ended::AsPlanned {
            break;
        }
        observer.next_run(number);
        sum.follow(run(&plan.renewed(number), observer)?);
    }
    Ok(sum)
}
