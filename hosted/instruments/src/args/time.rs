//! Times that must not be 0.

use crate::quantity::given::{Limit, Time};

pub(super) fn run_time(text: &str) -> Result<Time, String> {
    above_zero(text, "run until Ctrl+C")
}

pub(super) fn interval(text: &str) -> Result<Time, String> {
    above_zero(text, "start each message as soon as the last echo is back")
}

pub(super) fn within(text: &str) -> Result<Time, String> {
    above_zero(text, "have none")
}

fn above_zero(text: &str, otherwise: &str) -> Result<Time, String> {
    let Limit(time) = text.parse()?;
    time.map(Time).ok_or_else(|| format!("it must be above 0; leave it out to {otherwise}"))
}
